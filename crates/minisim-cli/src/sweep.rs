//! `minisim sweep`: many recordings from one description of what varies.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command as Process,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use minisim::{
    Cancel, Options, RunError,
    metrics::ScoreOptions,
    presets::preset,
    simulate_into,
    spec::Spec,
    sweep::{Axis, Point, points},
};
use minisim_io::{Reader, ZarrOptions, ZarrSink, available_memory_bytes, read_estimate, write_file};
use serde_json::{Map, Value as Json, json};

use crate::{exit::Failure, input, interrupt, score, talk::Talk};

/// Subcommands of `minisim sweep`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Simulate every point of a sweep that is not there yet.
    #[command(after_help = "\
Example of a SWEEP.toml:
  preset = \"v4-ca1\"                  # or spec = \"mine.json\"
  with = [\"brain_motion\"]

  [set]                              # what all points share
  \"acquisition.duration_s\" = 30

  [axes]                             # what varies: every combination is a point
  \"steps.sensor.photons_per_unit\" = [100, 300, 600]
  seed = [1, 2, 3]

  [score]                            # optional: run an analysis on each recording, and score what it leaves
  command = [\"python\", \"pipeline.py\", \"{recording}\", \"{estimate}\"]
  keep_recordings = false

Examples:
  minisim sweep run SWEEP.toml --out sweep
  minisim sweep run SWEEP.toml --out sweep --shard $SLURM_ARRAY_TASK_ID/8     one of eight jobs of an array
  minisim sweep list SWEEP.toml

Points are named by their cache key: DIR/KEY.zarr, and DIR/KEY.json with the point's row. What is there already is skipped; what a killed
run left half written is done again. DIR/results.csv has a row for every point that is done, by all shards.")]
    Run(RunArgs),
    /// List the points of a sweep: their cache keys and values.
    #[command(after_help = "Example:\n  minisim sweep list SWEEP.toml")]
    List {
        /// The sweep.
        sweep: PathBuf,
        #[command(flatten)]
        talk: Talk,
    },
}

/// Arguments of `minisim sweep run`.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The sweep.
    sweep: PathBuf,
    /// Folder for the recordings and the table.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Do only the i-th of n equal parts, counted from 1.
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// Points at a time; each gets an equal share of the cores.
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    #[command(flatten)]
    talk: Talk,
}

/// What a SWEEP.toml says.
struct Sweep {
    axes: Vec<Axis>,
    points: Vec<Point>,
    analysis: Option<Analysis>,
}

struct Analysis {
    command: Vec<String>,
    keep_recordings: bool,
}

/// Runs the subcommand.
pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::List { sweep, talk } => {
            let sweep = read(sweep)?;
            let lines: Vec<String> = sweep
                .points
                .iter()
                .map(|p| {
                    let values: Vec<String> =
                        sweep.axes.iter().zip(&p.values).map(|(a, v)| format!("{}={v}", a.path)).collect();
                    format!("{}  {}\n", p.spec.cache_key(), values.join("  "))
                })
                .collect();
            let fact = |p: &Point| {
                let values = sweep.axes.iter().zip(&p.values).map(|(a, v)| (a.path.clone(), v.clone()));
                json!({ "spec_cache_key": p.spec.cache_key(), "values": values.collect::<Map<String, Json>>() })
            };
            talk.say(|| lines.concat(), || sweep.points.iter().map(fact).collect())
        }
        Command::Run(args) => run_points(args),
    }
}

fn wrong(path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::Input(format!("{}: {why}", path.display()))
}

fn read(path: &Path) -> Result<Sweep, Failure> {
    let text = fs::read_to_string(path).map_err(|e| wrong(path, format!("could not be read ({e})")))?;
    let tree: Json = toml::from_str(&text).map_err(|e| wrong(path, e))?;
    let known = ["preset", "spec", "with", "without", "set", "axes", "score"];
    if let Some(key) = tree.as_object().and_then(|t| t.keys().find(|k| !known.contains(&k.as_str()))) {
        return Err(wrong(path, format!("{key} is not known; a sweep has {}", known.join(", "))));
    }
    let mut spec: Spec = match (tree["preset"].as_str(), tree["spec"].as_str()) {
        (Some(name), None) => preset(name).map_err(|e| wrong(path, e))?,
        // Relative to the sweep's own place, so that a folder can be moved.
        (None, Some(file)) => input::check_spec(&path.parent().unwrap_or(Path::new("")).join(file))?.spec,
        _ => return Err(wrong(path, "give either preset = \"NAME\" or spec = \"FILE\"")),
    };
    let names = |key: &str| -> Result<Vec<String>, Failure> {
        match &tree[key] {
            Json::Null => Ok(Vec::new()),
            Json::Array(list) => list
                .iter()
                .map(|v| {
                    v.as_str().map(ToOwned::to_owned).ok_or_else(|| wrong(path, format!("{key} holds {v}, not a name")))
                })
                .collect(),
            other => Err(wrong(path, format!("{key} = {other} must be a list of names"))),
        }
    };
    for kind in names("with")? {
        spec = spec.with_step(&kind).map_err(|e| wrong(path, e))?.spec;
    }
    for kind in names("without")? {
        spec = spec.without_step(&kind).map_err(|e| wrong(path, e))?.spec;
    }
    let table = |key: &str| -> Result<Map<String, Json>, Failure> {
        let mut flat = Map::new();
        match &tree[key] {
            Json::Null => {}
            Json::Object(map) => flatten("", map, &mut flat),
            other => return Err(wrong(path, format!("{key} = {other} must be a table of paths and values"))),
        }
        Ok(flat)
    };
    let shared = table("set")?;
    if !shared.is_empty() {
        let changes = shared.iter().map(|(path, value)| (path.as_str(), value.clone()));
        spec = spec.set_all(changes).map_err(|e| wrong(path, e))?.spec;
    }
    let axes = table("axes")?
        .into_iter()
        .map(|(axis, values)| match values {
            Json::Array(values) => Ok(Axis { path: axis, values }),
            other => Err(wrong(path, format!("axes: {axis} = {other} must be a list of values"))),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let analysis = match &tree["score"] {
        Json::Null => None,
        score => {
            let command: Option<Vec<String>> =
                score["command"].as_array().and_then(|l| l.iter().map(|v| v.as_str().map(ToOwned::to_owned)).collect());
            let Some(command) = command.filter(|c| !c.is_empty()) else {
                return Err(wrong(path, "score.command must be a list: the program and its arguments"));
            };
            Some(Analysis { command, keep_recordings: score["keep_recordings"].as_bool().unwrap_or(true) })
        }
    };
    let points = points(&spec, &axes).map_err(|e| wrong(path, e))?;
    Ok(Sweep { axes, points, analysis })
}

/// `a.b.c = v` whether the path was written in quotes or as nested tables.
fn flatten(prefix: &str, map: &Map<String, Json>, out: &mut Map<String, Json>) {
    for (key, value) in map {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Json::Object(inner) => flatten(&path, inner, out),
            value => {
                out.insert(path, value.clone());
            }
        }
    }
}

/// Which part of the points, as `[i - 1, n]`.
pub(crate) fn shard(text: Option<&str>) -> Result<[usize; 2], Failure> {
    let Some(text) = text else { return Ok([0, 1]) };
    let parts = text.split_once('/').and_then(|(i, n)| Some([i.parse::<usize>().ok()?, n.parse::<usize>().ok()?]));
    match parts {
        Some([i, n]) if (1..=n).contains(&i) => Ok([i - 1, n]),
        _ => Err(Failure::Input(format!("--shard {text}: write I/N with I from 1 to N, e.g. --shard 2/8"))),
    }
}

/// The table of all points that are done.
const RESULTS: &str = "results.csv";

/// What there is to say when a sweep stops.
const POINTS_STAY: &str = "stopped; the points that are done stay, and the same command goes on with the others";

fn run_points(args: &RunArgs) -> Result<(), Failure> {
    let sweep = read(&args.sweep)?;
    let [part, parts] = shard(args.shard.as_deref())?;
    if args.jobs == 0 {
        return Err(Failure::Input("--jobs 0: give at least 1".to_owned()));
    }
    fs::create_dir_all(&args.out)
        .map_err(|e| Failure::Run(format!("could not create {}: {e}; write elsewhere", args.out.display())))?;
    let cancel = interrupt::cancel_on_signal(POINTS_STAY)?;
    let mine: Vec<&Point> = sweep.points.iter().skip(part).step_by(parts).collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failure: Mutex<Option<Failure>> = Mutex::new(None);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (cores / args.jobs).max(1);
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.min(mine.len()) {
            scope.spawn(|| {
                let work = || -> Result<(), Failure> {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(Failure::run)?;
                    while let Some(point) = mine.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if cancel.is_cancelled() {
                            return Err(Failure::Interrupted(POINTS_STAY));
                        }
                        let did = pool.install(|| one_point(args, &sweep, point, &cancel))?;
                        let n = 1 + done.fetch_add(1, Ordering::Relaxed);
                        if args.talk.is_for_people() {
                            let what = if did { "done" } else { "was there" };
                            eprintln!("{n}/{}  {}  {what}", mine.len(), point.spec.cache_key());
                        }
                    }
                    Ok(())
                };
                if let Err(error) = work() {
                    // The others finish their point and stop.
                    next.store(mine.len(), Ordering::Relaxed);
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
            });
        }
    });
    let rows = write_table(args, &sweep)?;
    if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let table = args.out.join(RESULTS);
    args.talk.say(
        || format!("{rows} of {} points are done; the table is {}\n", sweep.points.len(), table.display()),
        || json!({ "n_points": sweep.points.len(), "n_done": rows, "table": table }),
    )
}

/// Does one point unless it is done; whether there was anything to do.
fn one_point(args: &RunArgs, sweep: &Sweep, point: &Point, cancel: &Cancel) -> Result<bool, Failure> {
    let key = point.spec.cache_key();
    let row_path = args.out.join(format!("{key}.json"));
    let recording = args.out.join(format!("{key}.zarr"));
    // The row comes last, so a point with a row is whole; a recording that was taken away since is made again.
    let keeps = sweep.analysis.as_ref().is_none_or(|a| a.keep_recordings);
    if row_path.exists() && (!keeps || Reader::open(&recording).is_ok()) {
        return Ok(false);
    }
    let mut row = Map::new();
    if Reader::open(&recording).is_err() {
        let sink = ZarrSink::create(&recording, ZarrOptions { overwrite: true }).map_err(Failure::run)?;
        let options =
            Options { cancel: cancel.clone(), memory_limit_bytes: available_memory_bytes(), ..Options::default() };
        simulate_into(&point.spec, sink, options).map_err(|e| match e {
            RunError::Cancelled => Failure::Interrupted(POINTS_STAY),
            _ if cancel.is_cancelled() => Failure::Interrupted(POINTS_STAY),
            RunError::Spec(_) => Failure::Input(format!("point {key}: {e}")),
            e => Failure::Run(format!("point {key}: {e}")),
        })?;
    }
    let truth = Reader::open(&recording).and_then(|r| r.ground_truth()).map_err(Failure::run)?;
    row.insert("n_cells".into(), truth.n_units().into());
    row.insert("n_detectable".into(), truth.detectable().iter().filter(|d| **d).count().into());
    row.insert("focal_depth_um".into(), json!(truth.focal_depth_um));
    if let Some(analysis) = &sweep.analysis {
        let estimate = args.out.join(format!("{key}.npz"));
        analyse(analysis, &recording, &estimate, &key)?;
        let file = read_estimate(&estimate).map_err(Failure::run)?;
        let found = score::estimate(&file).map_err(|e| Failure::Run(format!("{}: {e}", estimate.display())))?;
        let scored = minisim::metrics::score(&found, &truth, &ScoreOptions::default())
            .map_err(|e| Failure::Run(format!("{}: {e}", estimate.display())))?;
        if let Json::Object(numbers) = score::as_json(&scored) {
            row.extend(numbers.into_iter().filter(|(_, v)| !v.is_object() && !v.is_array()));
        }
        if !analysis.keep_recordings {
            fs::remove_dir_all(&recording)
                .map_err(|e| Failure::Run(format!("could not remove {}: {e}", recording.display())))?;
        }
    }
    let text = format!("{:#}\n", Json::Object(row));
    write_file(&row_path, text.as_bytes(), true).map_err(Failure::run)?;
    Ok(true)
}

/// Runs the analysis on a recording.
fn analyse(analysis: &Analysis, recording: &Path, estimate: &Path, key: &str) -> Result<(), Failure> {
    let filled = |part: &String| {
        part.replace("{recording}", &recording.to_string_lossy()).replace("{estimate}", &estimate.to_string_lossy())
    };
    let words: Vec<String> = analysis.command.iter().map(filled).collect();
    let status = Process::new(&words[0])
        .args(&words[1..])
        .status()
        .map_err(|e| Failure::Run(format!("point {key}: could not start {}: {e}", words[0])))?;
    if !status.success() {
        return Err(Failure::Run(format!("point {key}: {} failed ({status})", words.join(" "))));
    }
    if !estimate.exists() {
        return Err(Failure::Run(format!(
            "point {key}: {} left no {}; it must write its estimate there",
            words.join(" "),
            estimate.display()
        )));
    }
    Ok(())
}

/// Writes the table of all points that are done, whoever did them; how many there are.
fn write_table(args: &RunArgs, sweep: &Sweep) -> Result<usize, Failure> {
    let mut rows: Vec<(&Point, Map<String, Json>)> = Vec::new();
    let mut columns: BTreeMap<usize, String> = BTreeMap::new();
    for point in &sweep.points {
        let path = args.out.join(format!("{}.json", point.spec.cache_key()));
        let Some(Json::Object(row)) = fs::read_to_string(path).ok().and_then(|t| serde_json::from_str(&t).ok()) else {
            continue;
        };
        for name in row.keys() {
            if !columns.values().any(|c| c == name) {
                columns.insert(columns.len(), name.clone());
            }
        }
        rows.push((point, row));
    }
    let cell = |v: &Json| match v {
        Json::Null => String::new(),
        Json::String(s) => quoted(s),
        other => quoted(&other.to_string()),
    };
    let head: Vec<String> = sweep
        .axes
        .iter()
        .map(|a| quoted(&a.path))
        .chain(["cache_key".to_owned()])
        .chain(columns.values().cloned())
        .collect();
    let mut text = head.join(",") + "\n";
    for (point, row) in &rows {
        let mut cells: Vec<String> = point.values.iter().map(cell).collect();
        cells.push(point.spec.cache_key());
        cells.extend(columns.values().map(|name| row.get(name).map(cell).unwrap_or_default()));
        text += &(cells.join(",") + "\n");
    }
    write_file(args.out.join(RESULTS), text.as_bytes(), true).map_err(Failure::run)?;
    Ok(rows.len())
}

/// A cell of a CSV table.
pub(crate) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
