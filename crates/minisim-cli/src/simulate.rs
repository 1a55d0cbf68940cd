//! `minisim simulate`: a spec becomes a recording on disk.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use minisim::{
    Cancel, Event, Facts, Outcome, RunError, Sink,
    pair::{clean_twin, white_level},
    spec::Spec,
};
use minisim_io::{FileOptions, FileSink, Format, IoError, Lateness, PipeSink, Piped, raw_type};

use crate::{
    assemble::SpecArgs,
    exit::Failure,
    interrupt,
    output::{self, OutputArgs, STANDARD_OUTPUT},
    picture,
    talk::Talk,
    text,
};

/// Arguments of `minisim simulate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minisim simulate                                          v4-ca1 with brain motion, 30 s, to v4-ca1.zarr, and a picture
  minisim simulate --preset v4-cortex-l23 --duration 60 --with brain_motion --with bleaching -o cortex.zarr
  minisim simulate mine.json --set acquisition.optics.na=0.25 --set steps.sensor.photons_per_unit=300 -o dim.zarr
  minisim simulate mine.json --without neuropil --without vasculature -o clean.zarr
  minisim simulate mine.json --until leakage -o noise_free.zarr
  minisim simulate mine.json -o film.avi                    a film only; the spec is written beside it
  minisim simulate mine.json -o session --format daq        what the Miniscope's own software records
  minisim simulate mine.json --bounds -o film.zarr          with the least errors that any method can make
  minisim simulate mine.json --pair background -o pair.zarr and pair_clean.zarr: the same cells without background
  minisim simulate mine.json -o - --format y4m | ffmpeg -i - film.mp4                   into another program
  minisim simulate mine.json -o - --format raw --realtime | python online.py            as fast as a camera would

Paths for --set start at the root of the spec: acquisition.fps, acquisition.image_sensor.n_px_height, seed,
steps.<kind>.<field>, output.store_dtype. `minisim spec schema` lists them all.")]
pub(crate) struct Args {
    #[command(flatten)]
    spec: SpecArgs,
    /// Stop after this stage, e.g. `leakage` for the noise-free film.
    #[arg(long, value_name = "STAGE")]
    until: Option<String>,
    /// What to write; its ending names the format: .zarr (with all truth), .avi, .mkv, .tif, .h5, .nwb, .mmap, …; `-` is
    /// standard output, with --format raw, y4m or avi.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Hand frames on at the spec's frame rate, as a camera would; for standard output (-o -).
    #[arg(long)]
    realtime: bool,
    #[command(flatten)]
    format: OutputArgs,
    /// Write a twin beside the recording, with the same cells: `background` leaves out haze, vessels, stray light and noise.
    #[arg(long, value_name = "TWIN", value_parser = ["background"])]
    pair: Option<String>,
    /// Add what an ideal observer could make of the film to the truth: the least errors of traces, spikes and motion.
    #[arg(long)]
    bounds: bool,
    /// Threads to use (default: all cores). The result does not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Replace an existing recording, once the new one is complete.
    #[arg(long)]
    force: bool,
    /// Do not draw the picture beside the recording.
    #[arg(long)]
    no_picture: bool,
    #[command(flatten)]
    talk: Talk,
}

/// Runs the subcommand.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (spec, name) = args.spec.assemble()?;
    if args.output.as_deref() == Some(Path::new(STANDARD_OUTPUT)) {
        return pipe(args, &spec);
    }
    if args.realtime {
        return Err(Failure::Input(
            "--realtime is for a program that reads frames as they come (-o -): a file appears only once it is complete"
                .to_owned(),
        ));
    }
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.zarr")));
    let format = args.format.format(&output)?;
    let picture = (format == Format::Zarr && !args.no_picture).then(|| output.with_extension("png"));
    if let Some(picture) = &picture
        && picture.exists()
        && !args.force
    {
        return Err(Failure::Input(format!(
            "{} exists; --force replaces it, --no-picture draws none, -o writes elsewhere",
            picture.display()
        )));
    }
    let options = args.format.options(format, args.force)?;
    let cancel = interrupt::cancel_on_signal(interrupt::NOTHING_WRITTEN)?;
    let make = || {
        let start = Instant::now();
        let sink = FileSink::create(&output, &options).map_err(Failure::run)?;
        let (written, drawn, warnings, facts) = if picture.is_some() {
            let title = output.file_name().unwrap_or(output.as_os_str()).to_string_lossy().into_owned();
            let Outcome { output: (written, png), warnings, facts } =
                simulate(&spec, picture::Watched::new(sink, title), args, args.bounds, &cancel)?;
            (written, Some(png), warnings, facts)
        } else {
            let Outcome { output: written, warnings, facts } = simulate(&spec, sink, args, args.bounds, &cancel)?;
            (written, None, warnings, facts)
        };
        warnings.iter().for_each(|w| eprintln!("warning: {w}"));
        let mut done = Summary {
            spec: &spec,
            output: written.path,
            picture: None,
            twin: None,
            written: written.bytes,
            elapsed: start.elapsed(),
            facts,
        };
        if args.pair.is_some() {
            done.twin = Some(write_twin(&spec, done.facts.focal_depth_um, &output, &options, args, &cancel)?);
        }
        if let (Some(path), Some(png)) = (&picture, drawn) {
            minisim_io::write_file(path, &png.map_err(Failure::Run)?, args.force).map_err(Failure::run)?;
            done.picture = Some(path.clone());
        }
        Ok(done)
    };
    let done: Summary<'_> = on_threads(args.threads, make)?;
    args.talk.say(|| done.text(format), || done.json())
}

/// Writes the film to standard output; what there is to say goes to standard error.
fn pipe(args: &Args, spec: &Spec) -> Result<(), Failure> {
    if args.pair.is_some() {
        return Err(Failure::Input("--pair writes two films, so it needs a file: -o pair.zarr".to_owned()));
    }
    if args.bounds {
        return Err(Failure::Input("--bounds adds to the truth, which needs a file: -o film.zarr".to_owned()));
    }
    let cancel = interrupt::cancel_on_signal("stopped")?;
    let options = args.format.pipe(args.realtime, &cancel)?;
    let standard_output = output::standard_output()?;
    let start = Instant::now();
    let make = || {
        let sink = PipeSink::new(standard_output, options).map_err(Failure::input)?;
        simulate(spec, sink, args, false, &cancel)
    };
    let Outcome { output, warnings, facts } = on_threads(args.threads, make)?;
    warnings.iter().for_each(|w| eprintln!("warning: {w}"));
    let Piped { bytes, shape: [height, width], sample, lateness } = output;
    if let Some(Lateness { n_late, worst }) = lateness.filter(|l| l.n_late > 0) {
        eprintln!(
            "warning: {n_late} of {} frames came more than a frame's time late, the worst by {:.0} ms: this machine or the \
             reader was slower than {} fps; a smaller field or fewer effects are faster",
            facts.n_frames,
            1e3 * worst.as_secs_f64(),
            spec.acquisition.fps.get()
        );
    }
    let (seconds, dtype) = (start.elapsed().as_secs_f64(), raw_type(sample));
    let words = || {
        let frames = format!("{} frames of {height} × {width} px, {dtype}", facts.n_frames);
        let film = format!("{frames}, {} in {}", text::bytes(bytes), text::seconds(seconds));
        text::table(&[("film".to_owned(), film)])
    };
    let json = || {
        serde_json::json!({
            "spec_cache_key": spec.cache_key(),
            "n_frames": facts.n_frames,
            "height": height,
            "width": width,
            "dtype": dtype,
            "bytes": bytes,
            "n_late": lateness.map(|l| l.n_late),
            "worst_s": lateness.map(|l| l.worst.as_secs_f64()),
            "seconds": seconds,
        })
    };
    args.talk.say_aside(words, json);
    Ok(())
}

/// Whether a sink failed because the reader of its output went away.
fn reader_left(error: &minisim::sink::SinkError) -> bool {
    matches!(error.downcast_ref(), Some(IoError::System { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Writes the same cells without background: no haze, vessels, stray light or noise; where it is.
fn write_twin(
    spec: &Spec,
    focal_depth_um: Option<f64>,
    output: &Path,
    options: &FileOptions,
    args: &Args,
    cancel: &Cancel,
) -> Result<PathBuf, Failure> {
    let twin = clean_twin(spec, focal_depth_um).map_err(Failure::input)?;
    let mut name = output.file_stem().unwrap_or_default().to_owned();
    name.push("_clean");
    if let Some(ending) = output.extension() {
        name.push(".");
        name.push(ending);
    }
    let path = output.with_file_name(name);
    // A film without a sensor has no white of its own; the recording's scale is the right one.
    let mut options = options.clone();
    options.vmax = options.vmax.or_else(|| white_level(spec));
    let sink = FileSink::create(&path, &options).map_err(Failure::run)?;
    // Without noise there are no bounds.
    Ok(simulate(&twin, sink, args, false, cancel)?.output.path)
}

/// Runs `f` where parallel work goes to that many threads, to one a core if not given. This thread is none of them, so that it
/// can hand frames to the disk while they render.
fn on_threads<T: Send>(threads: Option<usize>, f: impl FnOnce() -> Result<T, Failure> + Send) -> Result<T, Failure> {
    let Some(n) = threads else { return f() };
    if n == 0 {
        return Err(Failure::Input("--threads 0: give at least 1, or leave it out to use all cores".to_owned()));
    }
    if rayon::ThreadPoolBuilder::new().num_threads(n).build_global().is_ok() {
        return f();
    }
    // Within another program the threads may be there already, and be of another number.
    rayon::ThreadPoolBuilder::new().num_threads(n).build().map_err(Failure::run)?.install(f)
}

fn simulate<S: Sink>(
    spec: &Spec,
    sink: S,
    args: &Args,
    bounds: bool,
    cancel: &Cancel,
) -> Result<Outcome<S::Output>, Failure> {
    let bar = progress_bar(!args.talk.is_for_people());
    let mut on_event = |event: Event| match event {
        Event::Building => bar.set_message("building cells, traces and fields"),
        Event::Built { n_frames } => {
            bar.set_length(n_frames as u64);
            bar.reset_elapsed();
            bar.set_style(frames_style());
        }
        Event::Frames { done, .. } => bar.set_position(done as u64),
        Event::Finishing => bar.set_message("writing the ground truth"),
        _ => {}
    };
    let options = minisim::Options {
        until: args.until.as_deref(),
        bounds,
        memory_limit_bytes: minisim_io::available_memory_bytes(),
        cancel: cancel.clone(),
        on_event: Some(&mut on_event),
    };
    let result = minisim::simulate_into(spec, sink, options);
    bar.finish_and_clear();
    result.map_err(|e| match &e {
        RunError::Cancelled => Failure::Interrupted(interrupt::NOTHING_WRITTEN),
        // Its output was taken away under its hands.
        _ if cancel.is_cancelled() => Failure::Interrupted(interrupt::NOTHING_WRITTEN),
        RunError::Spec(_) | RunError::UnknownStage { .. } => Failure::input(e),
        RunError::Sink(why) if reader_left(why) => Failure::BrokenPipe,
        _ => Failure::run(e),
    })
}

fn progress_bar(silent: bool) -> ProgressBar {
    // `stderr()` draws nothing when standard error is not a terminal.
    let target = if silent { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(None, target);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn frames_style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:36.cyan} {pos}/{len} frames  {per_sec}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

struct Summary<'a> {
    spec: &'a Spec,
    output: PathBuf,
    picture: Option<PathBuf>,
    /// The same cells without background.
    twin: Option<PathBuf>,
    written: u64,
    elapsed: Duration,
    facts: Facts,
}

impl Summary<'_> {
    fn text(&self, format: Format) -> String {
        let a = &self.spec.acquisition;
        let [fov_h, fov_w] = a.fov_um();
        let seconds = self.elapsed.as_secs_f64();
        let mut rows = vec![
            (
                "film".to_owned(),
                format!(
                    "{} frames of {} × {} px, {:.0} × {:.0} µm, {} s at {} fps",
                    self.facts.n_frames,
                    a.image_sensor.n_px_height.get(),
                    a.image_sensor.n_px_width.get(),
                    fov_h,
                    fov_w,
                    a.duration_s.get(),
                    a.fps.get()
                ),
            ),
            ("cells".to_owned(), self.cells()),
        ];
        if let Some(focal) = self.facts.focal_depth_um {
            rows.push(("focus".to_owned(), format!("{focal:.1} µm below the surface")));
        }
        rows.push(("size".to_owned(), text::bytes(self.written)));
        rows.push((
            "time".to_owned(),
            format!("{} ({:.0} frames/s)", text::seconds(seconds), self.facts.n_frames as f64 / seconds.max(1e-9)),
        ));
        let mut out = format!("{}\n{}", self.output.display(), text::table(&rows));
        if let Some(picture) = &self.picture {
            out += &format!("{}\n  a labelled contact sheet of the recording\n", picture.display());
        }
        if let Some(twin) = &self.twin {
            out += &format!("{}\n  the same cells without haze, vessels, stray light and noise\n", twin.display());
        }
        out + &output::next(format, &self.output, self.picture.as_deref())
    }

    fn cells(&self) -> String {
        let mut out = format!("{}, {} detectable", self.facts.n_cells, self.facts.n_detectable);
        if let Some(n) = self.facts.n_demixable {
            out += &format!(", {n} that the best method could demix");
        }
        out
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "output": self.output,
            "picture": self.picture,
            "twin": self.twin,
            "spec_cache_key": self.spec.cache_key(),
            "n_frames": self.facts.n_frames,
            "n_cells": self.facts.n_cells,
            "n_detectable": self.facts.n_detectable,
            "n_demixable": self.facts.n_demixable,
            "focal_depth_um": self.facts.focal_depth_um,
            "bytes": self.written,
            "seconds": self.elapsed.as_secs_f64(),
        })
    }
}
