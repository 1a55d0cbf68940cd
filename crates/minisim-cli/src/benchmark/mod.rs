//! `minisim benchmark`: how good a pipeline is, on sets of recordings that never change.

mod child;
mod films;
mod folder;
mod plots;
mod report;
mod row;
mod run;
mod tables;

use std::path::PathBuf;

use minisim::benchmark::{SETS, Size};
use serde_json::json;

use crate::{exit::Failure, interrupt, output::finite, talk::Talk, text};

/// What there is to say when a benchmark stops.
const STOPPED: &str = "stopped; the recordings that are done stay, and the same command goes on with the others";

/// Subcommands of `minisim benchmark`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the sets, or the recordings of one with their cache keys.
    #[command(after_help = "Examples:\n  minisim benchmark list\n  minisim benchmark list standard-1 --size full")]
    List(ListArgs),
    /// Make the films of a set, with their truth, and keep them.
    #[command(after_help = "Example:\n  minisim benchmark make standard-1 --size small -o bench")]
    Make(MakeArgs),
    /// Run a pipeline on every recording of a set that it has no row for, score what it leaves, and write the page.
    #[command(after_help = "\
Examples:
  minisim benchmark run standard-1 --pipeline 'python mine.py {film} {out}'
  minisim benchmark run standard-1 --size full --pipeline 'python mine.py {film} {out} --fps {fps}' --jobs 4 -o bench
  minisim benchmark run standard-1 --pipeline '…' -o bench --shard $SLURM_ARRAY_TASK_ID/24     one job of an array

The command is split into words as a shell does, and run as it is, without a shell. {film} becomes the path of the film, {out} that of an
empty folder, {fps} the frames per second, {pixel_um} the size of a pixel in the tissue (µm). In {out} it leaves one of: estimate.npz
with A (unit, height, width), C, S (unit, frame) and shifts (frame, 2); a folder of suite2p or minian; an .hdf5 of CaImAn; a .mat of
EXTRACT or CNMF-E. It may also leave versions.json: names and versions to be printed in the report.

A command that fails, takes longer than --time-limit, or leaves nothing that can be scored gets a row that says so. Rows that are there
are not done again, so a run that was stopped goes on where it was.")]
    Run(Box<RunArgs>),
    /// Write the page of all pipelines in a folder, and the tables as CSV.
    #[command(after_help = "Example:\n  minisim benchmark report bench -o page.html")]
    Report(ReportArgs),
}

/// Arguments of `minisim benchmark list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// The set.
    set: Option<String>,
    /// Size of the recordings: small (256 × 256 px, 60 s) or full (608 × 608 px, 300 s).
    #[arg(long, value_name = "SIZE", default_value = "small")]
    size: String,
    #[command(flatten)]
    talk: Talk,
}

/// Arguments of `minisim benchmark make`.
#[derive(Debug, clap::Args)]
pub(crate) struct MakeArgs {
    /// The set.
    set: String,
    /// Size of the recordings: small (256 × 256 px, 60 s) or full (608 × 608 px, 300 s).
    #[arg(long, value_name = "SIZE", default_value = "small")]
    size: String,
    /// The benchmark's folder [default: benchmark-SET-SIZE].
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Format of the films: tiff, avi, mkv or hdf5.
    #[arg(long, value_name = "FORMAT", default_value = "tiff")]
    film_format: String,
    /// Only this recording; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    #[command(flatten)]
    talk: Talk,
}

/// Arguments of `minisim benchmark run`.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The set.
    set: String,
    /// The pipeline's command, with {film} and {out}.
    #[arg(long, value_name = "COMMAND")]
    pipeline: String,
    /// What the pipeline is called in the report [default: after the script].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Size of the recordings: small (256 × 256 px, 60 s) or full (608 × 608 px, 300 s).
    #[arg(long, value_name = "SIZE", default_value = "small")]
    size: String,
    /// The benchmark's folder [default: benchmark-SET-SIZE].
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Format of the films: tiff, avi, mkv or hdf5.
    #[arg(long, value_name = "FORMAT", default_value = "tiff")]
    film_format: String,
    /// Only this recording; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Recordings at a time, at most. The first is worked on alone: its peak memory says how many fit beside each other.
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    /// Memory of one recording (GB), where it is known beforehand.
    #[arg(long, value_name = "GB", value_parser = positive)]
    job_memory: Option<f64>,
    /// Do only the i-th of n equal parts, counted from 1.
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// Stop the pipeline on a recording after this time (s).
    #[arg(long, value_name = "S", default_value_t = 3600.0, value_parser = positive)]
    time_limit: f64,
    /// Keep all that the pipeline leaves, in results/NAME/RECORDING.
    #[arg(long)]
    keep_outputs: bool,
    /// Do again what failed.
    #[arg(long)]
    retry: bool,
    /// Do everything again.
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    talk: Talk,
}

/// Arguments of `minisim benchmark report`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// The benchmark's folder.
    dir: PathBuf,
    /// The page to write [default: report.html in the folder].
    #[arg(short, long, value_name = "PAGE.html")]
    output: Option<PathBuf>,
    /// Replace an existing page elsewhere.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    talk: Talk,
}

fn positive(text: &str) -> Result<f64, String> {
    match finite(text) {
        // What a duration can hold.
        Ok(value) if value > 0.0 && value < 1e15 => Ok(value),
        _ => Err("it must be a number above 0".to_owned()),
    }
}

/// Runs the subcommand.
pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::List(args) => list(args),
        Command::Make(args) => make(args),
        Command::Run(args) => run::run(args),
        Command::Report(args) => report_on(args),
    }
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let Some(name) = &args.set else {
        let lines: Vec<(String, String)> = SETS.iter().map(|s| (s.name.to_owned(), s.description.to_owned())).collect();
        let fact = |s: &minisim::benchmark::Set| json!({ "set": s.name, "description": s.description });
        return args.talk.say(|| text::table(&lines), || SETS.iter().map(fact).collect());
    };
    let size = Size::named(&args.size).map_err(Failure::input)?;
    let set = minisim::benchmark::set(name).map_err(Failure::input)?;
    let recordings = set.recordings(size).map_err(Failure::run)?;
    let lines: Vec<(String, String)> =
        recordings.iter().map(|r| (r.name.to_owned(), format!("{}  {}", r.spec.cache_key(), r.factor))).collect();
    let fact = |r: &minisim::benchmark::Recording| {
        json!({
            "set": set.name, "size": size.name(), "recording": r.name, "factor": r.factor, "level": r.level,
            "spec_cache_key": r.spec.cache_key(),
        })
    };
    args.talk.say(|| text::table(&lines), || recordings.iter().map(fact).collect())
}

fn make(args: &MakeArgs) -> Result<(), Failure> {
    let set = minisim::benchmark::set(&args.set).map_err(Failure::input)?;
    let size = Size::named(&args.size).map_err(Failure::input)?;
    let format = folder::film_format(&args.film_format)?;
    let recordings = folder::chosen(&set, size, &args.only)?;
    let root = folder::Folder::open(args.output.as_deref(), &set, size)?.root;
    let cancel = interrupt::cancel_on_signal(STOPPED)?;
    let mut made = Vec::new();
    for (i, recording) in recordings.iter().enumerate() {
        let did = films::make(&root, recording, format, &cancel)?;
        if args.talk.is_for_people() {
            let what = if did { "made" } else { "was there" };
            eprintln!("{}/{}  {}  {what}", i + 1, recordings.len(), recording.name);
        }
        if did {
            made.push(recording.name);
        }
    }
    args.talk.say(
        || format!("{} of {} films made; they are in {}\n", made.len(), recordings.len(), root.display()),
        || json!({ "folder": root, "made": made, "n_recordings": recordings.len() }),
    )
}

fn report_on(args: &ReportArgs) -> Result<(), Failure> {
    let (page, replace) = match &args.output {
        Some(path) => (path.clone(), args.force),
        // Its own page is always as new as its rows.
        None => (args.dir.join(report::PAGE), true),
    };
    let summary = report::write(&args.dir, &page, replace)?;
    args.talk.say(|| format!("{}\n", page.display()), || json!({ "report": page, "rows": summary.rows }))
}
