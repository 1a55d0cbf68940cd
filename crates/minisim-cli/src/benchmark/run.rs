//! `minisim benchmark run`: a pipeline on each recording that it has no row for.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use minisim::{
    Cancel, GroundTruth,
    benchmark::{Recording, Set, Size},
    metrics::{self, Score, ScoreOptions},
};
use minisim_io::{Format, IoError, Machine, Reader, available_memory_bytes, read_left, write_file};
use serde_json::json;

use super::{
    RunArgs, STOPPED,
    child::{self, End},
    films::{self, Work},
    folder::{self, Folder},
    report,
    row::{Cells, Figures, Ideal, METRIC, Place, Row, Status, THRESHOLD},
};
use crate::{exit::Failure, interrupt, picture::SheetFilm, score, text};

/// Last bytes of what a command printed that are kept.
const LOG_BYTES: usize = 64 << 10;
/// Room that is left above the largest memory that a pipeline took so far.
const ROOM: f64 = 1.25;

/// A pipeline: its name and its command, with places to fill in.
struct Pipeline {
    name: String,
    command: String,
    words: Vec<String>,
}

/// What all recordings share.
struct Job<'a> {
    args: &'a RunArgs,
    set: Set,
    size: Size,
    format: Format,
    pipeline: Pipeline,
    place: Place,
    machine: Machine,
    cancel: Cancel,
}

pub(super) fn run(args: &RunArgs) -> Result<(), Failure> {
    let set = minisim::benchmark::set(&args.set).map_err(Failure::input)?;
    let size = Size::named(&args.size).map_err(Failure::input)?;
    let recordings = folder::chosen(&set, size, &args.only)?;
    let format = folder::film_format(&args.film_format)?;
    let pipeline = pipeline(args)?;
    let shard = crate::sweep::shard(args.shard.as_deref())?;
    if args.jobs == 0 {
        return Err(Failure::Input("--jobs 0: give at least 1".to_owned()));
    }
    let root = Folder::open(args.output.as_deref(), &set, size)?.root;
    let place = Place::new(&root, &pipeline.name);
    fs::create_dir_all(place.row("").parent().unwrap_or(&root)).map_err(|e| {
        Failure::Run(format!("could not create folders in {}: {e}; write elsewhere (-o)", root.display()))
    })?;
    let cancel = interrupt::cancel_on_signal_then(STOPPED, child::end_all)?;
    films::remove_leftovers(&root);
    let job = Job { args, set, size, format, pipeline, place, machine: Machine::this(), cancel };
    let mine: Vec<&Recording> = recordings.iter().skip(shard[0]).step_by(shard[1]).collect();
    let todo = to_do(&job, &mine)?;
    if args.talk.is_for_people() && todo.len() < mine.len() {
        eprintln!("{} of {} recordings have been done before", mine.len() - todo.len(), mine.len());
    }
    let outcome = all(&job, &root, &todo);
    // What is done is on the page, also when something failed.
    let page = root.join(report::PAGE);
    let summary = report::write(&root, &page, true)?;
    outcome?;
    args.talk.say(
        || format!("{}\n{}\n", summary.words(&job.pipeline.name), page.display()),
        || json!({ "report": page, "rows": summary.rows }),
    )
}

/// The command, checked before anything is made.
fn pipeline(args: &RunArgs) -> Result<Pipeline, Failure> {
    let words = shlex::split(&args.pipeline).filter(|w| !w.is_empty()).ok_or_else(|| {
        Failure::Input(format!("--pipeline {:?}: its quotes do not close; quote it as for a shell", args.pipeline))
    })?;
    for place in ["{film}", "{out}"] {
        if !args.pipeline.contains(place) {
            let rule = "the command must name the film and the folder to write into";
            let example = "--pipeline 'python mine.py {film} {out}'";
            return Err(Failure::Input(format!(
                "--pipeline {:?} has no {place}: {rule}, e.g. {example}",
                args.pipeline
            )));
        }
    }
    let name = match &args.name {
        Some(name) => name.clone(),
        None => default_name(&words),
    };
    let fine = |c: char| c.is_ascii_alphanumeric() || "-._+".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(fine) {
        return Err(Failure::Input(format!(
            "--name {name:?}: letters, digits, '-', '_', '+' and '.' only; it becomes a folder's name"
        )));
    }
    Ok(Pipeline { name, command: args.pipeline.clone(), words })
}

/// `python mine.py …` is `mine`; `python benchmarks/suite2p/run.py …` is `suite2p`.
fn default_name(words: &[String]) -> String {
    let script =
        words.iter().find(|w| w.ends_with(".py") || w.ends_with(".m") || w.ends_with(".sh") || w.ends_with(".R"));
    let path = Path::new(script.unwrap_or(&words[0]));
    let stem = |p: &Path| p.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let own = stem(path);
    match path.parent().and_then(Path::file_name) {
        Some(folder) if matches!(own.as_str(), "run" | "main") => folder.to_string_lossy().into_owned(),
        _ => own,
    }
}

/// The recordings that have no row yet.
fn to_do<'r>(job: &Job<'_>, mine: &[&'r Recording]) -> Result<Vec<&'r Recording>, Failure> {
    let mut todo = Vec::new();
    for recording in mine {
        let row =
            Row::read(&job.place.row(recording.name)).filter(|row| row.spec_cache_key == recording.spec.cache_key());
        match row {
            Some(row) if row.command != job.pipeline.command && !job.args.again => {
                return Err(Failure::Input(format!(
                    "the pipeline {} has rows of another command ({}); give this one another --name, or --again to replace them",
                    job.pipeline.name, row.command
                )));
            }
            Some(row) if !(job.args.again || job.args.retry && row.status != Status::Ok) => {}
            _ => todo.push(*recording),
        }
    }
    Ok(todo)
}

/// Works on all, several at a time as far as memory allows.
fn all(job: &Job<'_>, root: &Path, todo: &[&Recording]) -> Result<(), Failure> {
    let queue = Mutex::new(Queue {
        next: 0,
        done: 0,
        running: 0,
        peak: job.args.job_memory.map(|gb| gb * 1e9),
        budget: available_memory_bytes(),
        seen: false,
    });
    let changed = Condvar::new();
    let failure: Mutex<Option<Failure>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..job.args.jobs.min(todo.len()) {
            scope.spawn(|| {
                while let Some(i) = Queue::take(&queue, &changed, todo.len()) {
                    let result = one(job, root, todo[i]);
                    let mut q = queue.lock().unwrap_or_else(PoisonError::into_inner);
                    q.running -= 1;
                    match result {
                        Ok(row) => {
                            q.done += 1;
                            q.seen = true;
                            if let Some(bytes) = row.peak_bytes {
                                q.peak = Some(q.peak.unwrap_or(0.0).max(bytes as f64));
                            }
                            if job.args.talk.is_for_people() {
                                eprintln!("{}/{}  {}  {}", q.done, todo.len(), row.recording, words(&row));
                            }
                        }
                        Err(error) => {
                            // The others finish their recording and stop.
                            q.next = todo.len();
                            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        }
                    }
                    changed.notify_all();
                }
            });
        }
    });
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

fn words(row: &Row) -> String {
    let time = row.wall_s.map(text::seconds).unwrap_or_default();
    match (&row.figures, &row.why) {
        (Some(f), _) => format!("{} of {} cells found, {} estimated, {time}", f.n_found, row.cells.unit.len(), f.n_est),
        (None, Some(why)) => format!("{}: {why}", row.status.words()),
        (None, None) => row.status.words().to_owned(),
    }
}

/// Who is next. The first recording is worked on alone: how much memory it took says how many fit beside each other.
struct Queue {
    next: usize,
    done: usize,
    running: usize,
    /// Most memory that a recording took so far (bytes).
    peak: Option<f64>,
    /// Memory that was free before the first (bytes).
    budget: Option<f64>,
    /// Whether a recording is done.
    seen: bool,
}

impl Queue {
    /// How many may run at a time now.
    fn slots(&self) -> usize {
        match (self.peak, self.budget) {
            (Some(peak), Some(budget)) => ((budget / (ROOM * peak).max(1.0)) as usize).max(1),
            // Where the system does not say, the user's number of jobs is all that is known.
            _ if self.seen => usize::MAX,
            _ => 1,
        }
    }

    /// The next recording, once there is room for it; `None` when there is none left.
    fn take(queue: &Mutex<Self>, changed: &Condvar, n: usize) -> Option<usize> {
        let mut q = queue.lock().unwrap_or_else(PoisonError::into_inner);
        while q.next < n && q.running >= q.slots() {
            q = changed.wait(q).unwrap_or_else(PoisonError::into_inner);
        }
        (q.next < n).then(|| {
            q.running += 1;
            q.next += 1;
            q.next - 1
        })
    }
}

/// How the command of one recording ended, in words for a row that failed.
fn ending(ran: &child::Ran, limit_s: f64) -> Result<(), (Status, String)> {
    match &ran.end {
        End::Exited(status) if status.success() => Ok(()),
        End::Exited(status) => Err((Status::Failed, format!("the command ended with {status}"))),
        End::TimeLimit => Err((Status::TimeLimit, format!("it was stopped after {}", text::seconds(limit_s)))),
        End::Cancelled => Err((Status::Failed, "it was stopped".to_owned())),
    }
}

/// Runs the pipeline on one recording and writes its row.
fn one(job: &Job<'_>, root: &Path, recording: &Recording) -> Result<Row, Failure> {
    let work = Work::begin(root, recording, job.format, &job.cancel)?;
    let reader = Reader::open(&work.made.recording).map_err(Failure::run)?;
    let truth = reader.ground_truth().map_err(Failure::run)?;
    let acquisition = &recording.spec.acquisition;
    let pixel_um = acquisition.pixel_size_um();
    let filled = |word: &String| {
        word.replace("{film}", &work.made.film.to_string_lossy())
            .replace("{out}", &work.out().to_string_lossy())
            .replace("{fps}", &acquisition.fps.get().to_string())
            .replace("{pixel_um}", &pixel_um.to_string())
    };
    let words: Vec<String> = job.pipeline.words.iter().map(filled).collect();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    if job.args.jobs > 1 {
        // Each job gets its share of the cores, where the libraries that pipelines are made of can be told.
        let threads = (job.machine.cores / job.args.jobs).max(1).to_string();
        for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"] {
            if std::env::var_os(name).is_none() {
                command.env(name, &threads);
            }
        }
    }
    let mut row = Row {
        format: Row::format(),
        set: job.set.name.to_owned(),
        size: job.size.name().to_owned(),
        recording: recording.name.to_owned(),
        factor: recording.factor.to_owned(),
        level: recording.level,
        spec_cache_key: recording.spec.cache_key(),
        pipeline: job.pipeline.name.clone(),
        command: job.pipeline.command.clone(),
        film_format: job.format.name().to_owned(),
        time_limit_s: job.args.time_limit,
        status: Status::Failed,
        why: None,
        wall_s: None,
        cpu_s: None,
        peak_bytes: None,
        n_frames: reader.n_frames(),
        minisim: env!("CARGO_PKG_VERSION").to_owned(),
        versions: BTreeMap::new(),
        machine: job.machine.clone(),
        jobs: job.args.jobs,
        finished_unix_s: 0,
        figures: None,
        ideal: Ideal::of(&truth, pixel_um),
        cells: Cells::asked(&truth),
    };
    let limit = Duration::from_secs_f64(job.args.time_limit);
    let left = match child::run(&mut command, &work.log(), limit, &job.cancel) {
        Err(e) => Err((Status::Failed, format!("could not start {}: {e}", words[0]))),
        Ok(ran) if ran.end == End::Cancelled => return Err(Failure::Interrupted(STOPPED)),
        Ok(ran) => {
            (row.wall_s, row.cpu_s, row.peak_bytes) = (Some(ran.wall_s), ran.cpu_s, ran.peak_bytes);
            ending(&ran, job.args.time_limit)
        }
    };
    row.versions = versions(&work.out());
    let scored = left.and_then(|()| {
        let found = Found::read(&work.out(), &truth).map_err(|why| (Status::Nonsense, why))?;
        Ok(found)
    });
    let film = SheetFilm::of_recording(&reader, &work.made.recording, truth.clone())?;
    let score = match &scored {
        Ok(found) => {
            row.status = Status::Ok;
            row.figures = Some(Figures::of(&found.score, pixel_um));
            row.cells.note(&found.score);
            Some(&found.score)
        }
        Err((status, why)) => {
            // The folder is gone by the time that anybody reads this.
            let why = why.replace(&*work.out().to_string_lossy(), "{out}");
            (row.status, row.why) = (*status, Some(why));
            None
        }
    };
    let estimated = scored.as_ref().ok().map(|found| &found.footprints);
    let picture = report::picture(&film, &truth, &row.cells, estimated, score).map_err(Failure::Run)?;
    write_file(job.place.picture(recording.name), picture.as_bytes(), true).map_err(Failure::run)?;
    write_file(job.place.log(recording.name), &tail(&work.log()), true).map_err(Failure::run)?;
    if job.args.keep_outputs {
        keep(&work.out(), &job.place.outputs(recording.name))?;
    }
    row.finished_unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    // The row comes last: where it is, all is.
    row.write(&job.place.row(recording.name))?;
    Ok(row)
}

/// An estimate that could be scored.
struct Found {
    score: Score,
    footprints: metrics::Footprints,
}

impl Found {
    fn read(out: &Path, truth: &GroundTruth) -> Result<Self, String> {
        let file = read_left(out).map_err(|e: IoError| e.to_string())?;
        let estimate = score::estimate(&file).map_err(|e| e.to_string())?;
        let options = ScoreOptions { match_metric: METRIC, match_threshold: THRESHOLD, ..ScoreOptions::default() };
        let score = metrics::score(&estimate, truth, &options).map_err(|e| e.to_string())?;
        Ok(Self { score, footprints: estimate.footprints })
    }
}

/// What a pipeline says of itself: `versions.json`, names and versions.
fn versions(out: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(out.join("versions.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// The end of what a command printed.
fn tail(log: &Path) -> Vec<u8> {
    let bytes = fs::read(log).unwrap_or_default();
    bytes[bytes.len().saturating_sub(LOG_BYTES)..].to_vec()
}

/// Moves what a pipeline left to where it stays.
fn keep(out: &Path, to: &PathBuf) -> Result<(), Failure> {
    let fail = |e: std::io::Error| Failure::Run(format!("could not keep {}: {e}", to.display()));
    if to.exists() {
        fs::remove_dir_all(to).map_err(fail)?;
    }
    fs::rename(out, to).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipelines_have_names() {
        let name = |text: &str| default_name(&shlex::split(text).expect("quoted"));
        assert_eq!(name("python mine.py {film} {out}"), "mine");
        assert_eq!(name("python benchmarks/suite2p/run.py {film} {out}"), "suite2p");
        assert_eq!(name("/opt/tool --in {film}"), "tool");
    }

    #[test]
    fn as_many_run_as_fit() {
        let queue = |peak, budget, seen| Queue { next: 0, done: 0, running: 0, peak, budget, seen };
        assert_eq!(queue(None, Some(1e9), false).slots(), 1);
        assert_eq!(queue(Some(1e9), Some(5e9), true).slots(), 4);
        assert_eq!(queue(Some(9e9), Some(5e9), true).slots(), 1);
        assert_eq!(queue(None, Some(5e9), true).slots(), usize::MAX);
    }
}
