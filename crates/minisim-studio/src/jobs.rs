//! Recordings that are written in the background, one after the other, for all pages.

use std::{
    collections::VecDeque,
    path::{Component, Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use minisim::{Cancel, Event, Outcome, RunError, Spec};
use minisim_io::{FileOptions, FileSink, Format};
use tokio::sync::watch;

use crate::{
    messages::{Answer, JobFacts, JobList, JobState, Order, Phase, Progress, WrittenFacts},
    session::encode,
};

/// Finished recordings that are listed.
const MAX_FINISHED: usize = 20;

#[derive(Debug)]
struct Job {
    id: u64,
    spec: Spec,
    order: Order,
    path: PathBuf,
    cancel: Cancel,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting,
    Running { phase: Phase, done: usize, n_frames: usize, since: Instant },
    Done(WrittenFacts),
    Failed(String),
    Cancelled,
}

impl State {
    fn is_finished(&self) -> bool {
        !matches!(self, Self::Waiting | Self::Running { .. })
    }
}

#[derive(Debug, Default)]
struct List {
    jobs: VecDeque<Job>,
    next_id: u64,
    closed: bool,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    list: Mutex<List>,
    news: Condvar,
    text: watch::Sender<String>,
}

/// The queue of recordings to write.
#[derive(Debug)]
pub(crate) struct Jobs(Arc<Inner>);

impl Jobs {
    /// A queue that writes below `root`, which must be canonical.
    pub(crate) fn new(root: PathBuf) -> Self {
        let (text, _) = watch::channel(String::new());
        let inner = Arc::new(Inner { root, list: Mutex::default(), news: Condvar::new(), text });
        inner.publish();
        std::thread::spawn({
            let inner = Arc::clone(&inner);
            move || inner.work()
        });
        Self(inner)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0.root
    }

    /// The list as a message, now and whenever it changes.
    pub(crate) fn watch(&self) -> watch::Receiver<String> {
        self.0.text.subscribe()
    }

    pub(crate) fn list(&self) -> String {
        self.0.text.borrow().clone()
    }

    /// Queues a recording.
    ///
    /// # Errors
    /// When its place is outside the folder, taken, or cannot be written; says so.
    pub(crate) fn add(&self, spec: Spec, order: Order) -> Result<(), String> {
        let path = self.0.place(&order)?;
        let mut list = self.0.open();
        if list.jobs.iter().any(|j| j.path == path && !j.state.is_finished()) {
            return Err(format!("{} is being written already; choose another name", path.display()));
        }
        let id = list.next_id;
        list.next_id += 1;
        list.jobs.push_back(Job { id, spec, order, path, cancel: Cancel::new(), state: State::Waiting });
        drop(list);
        self.0.publish();
        self.0.news.notify_one();
        Ok(())
    }

    /// Gives a recording up; nothing of it stays.
    pub(crate) fn cancel(&self, id: u64) {
        let mut list = self.0.open();
        if let Some(job) = list.jobs.iter_mut().find(|j| j.id == id) {
            job.cancel.cancel();
            if matches!(job.state, State::Waiting) {
                job.state = State::Cancelled;
            }
        }
        drop(list);
        self.0.publish();
    }

    /// Forgets finished recordings; their files stay.
    pub(crate) fn tidy(&self) {
        self.0.open().jobs.retain(|j| !j.state.is_finished());
        self.0.publish();
    }

    pub(crate) fn unfinished(&self) -> usize {
        self.0.open().jobs.iter().filter(|j| !j.state.is_finished()).count()
    }

    /// Gives all up.
    pub(crate) fn close(&self) {
        let mut list = self.0.open();
        list.closed = true;
        list.jobs.iter().for_each(|j| j.cancel.cancel());
        drop(list);
        self.0.news.notify_all();
    }
}

impl Inner {
    fn open(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where an order is written: below the root, whatever it says.
    fn place(&self, order: &Order) -> Result<PathBuf, String> {
        let format = Format::named(&order.format).map_err(|e| e.to_string())?;
        let name = Path::new(&order.name);
        let plain = |path: &Path| path.components().all(|c| matches!(c, Component::Normal(_)));
        let bad = ['/', '\\', ':', '\0'];
        if order.name.trim().is_empty() || order.name.len() > 200 || order.name.contains(bad) || !plain(name) {
            return Err(format!("name {:?}: write a plain file name, without slashes or colons", order.name));
        }
        let folder = Path::new(&order.folder);
        if order.folder.contains('\\') || !plain(folder) {
            return Err(format!("folder {:?} must lie inside {}", order.folder, self.root.display()));
        }
        let folder = self.root.join(folder);
        let real = folder.canonicalize().map_err(|e| format!("folder {}: {e}; create it first", folder.display()))?;
        if !real.starts_with(&self.root) {
            return Err(format!("folder {:?} must lie inside {}", order.folder, self.root.display()));
        }
        let path = real.join(format!("{}.{}", order.name, format.suffix()));
        if !order.overwrite && path.symlink_metadata().is_ok() {
            return Err(format!("{} exists; choose another name, or allow to replace it", path.display()));
        }
        Ok(path)
    }

    fn publish(&self) {
        let mut list = self.open();
        while list.jobs.iter().filter(|j| j.state.is_finished()).count() > MAX_FINISHED {
            if let Some(i) = list.jobs.iter().position(|j| j.state.is_finished()) {
                list.jobs.remove(i);
            }
        }
        let jobs = list.jobs.iter().map(Job::facts).collect();
        drop(list);
        self.text.send_replace(encode(&Answer::Jobs(JobList { jobs })));
    }

    fn update(&self, id: u64, state: State) {
        if let Some(job) = self.open().jobs.iter_mut().find(|j| j.id == id) {
            job.state = state;
        }
        self.publish();
    }

    fn work(&self) {
        loop {
            let (id, spec, order, path, cancel) = {
                let mut list = self.open();
                loop {
                    if list.closed {
                        return;
                    }
                    if let Some(job) = list.jobs.iter_mut().find(|j| matches!(j.state, State::Waiting)) {
                        job.state =
                            State::Running { phase: Phase::Building, done: 0, n_frames: 0, since: Instant::now() };
                        break (job.id, job.spec.clone(), job.order.clone(), job.path.clone(), job.cancel.clone());
                    }
                    list = self.news.wait(list).unwrap_or_else(PoisonError::into_inner);
                }
            };
            self.publish();
            let state = match self.write(id, &spec, &order, &path, &cancel) {
                Ok(done) => State::Done(done),
                Err(_) if cancel.is_cancelled() => State::Cancelled,
                Err(why) => State::Failed(why),
            };
            self.update(id, state);
        }
    }

    fn write(&self, id: u64, spec: &Spec, order: &Order, path: &Path, cancel: &Cancel) -> Result<WrittenFacts, String> {
        let start = Instant::now();
        let mut since = start;
        let mut told = start;
        let mut on_event = |event: Event| {
            let running = |phase, done, n_frames| State::Running { phase, done, n_frames, since };
            match event {
                Event::Building => self.update(id, running(Phase::Building, 0, 0)),
                Event::Built { n_frames } => {
                    since = Instant::now();
                    self.update(id, State::Running { phase: Phase::Frames, done: 0, n_frames, since });
                }
                Event::Frames { done, n_frames } if told.elapsed().as_millis() > 100 || done == n_frames => {
                    told = Instant::now();
                    self.update(id, running(Phase::Frames, done, n_frames));
                }
                Event::Finishing => self.update(id, running(Phase::Finishing, 0, 0)),
                _ => {}
            }
        };
        let options = minisim::Options {
            memory_limit_bytes: minisim_io::available_memory_bytes(),
            cancel: cancel.clone(),
            on_event: Some(&mut on_event),
            ..minisim::Options::default()
        };
        let text = |e: &dyn std::fmt::Display| e.to_string();
        let failed = |e: RunError| e.to_string();
        let format = Format::named(&order.format).map_err(|e| text(&e))?;
        let file = FileOptions { format: Some(format), overwrite: order.overwrite, ..FileOptions::default() };
        let sink = FileSink::create(path, &file).map_err(|e| text(&e))?;
        let Outcome { output: written, facts, .. } = minisim::simulate_into(spec, sink, options).map_err(failed)?;
        let shown = written.path.display().to_string();
        let python = match format {
            Format::Zarr => format!("rec = minisim.Recording.load({shown:?})"),
            Format::Daq => {
                format!("truth = minisim.Recording.load({:?})", path.join("ground_truth.zarr").display().to_string())
            }
            Format::Nwb => format!("nwb = pynwb.NWBHDF5IO({shown:?}).read()"),
            Format::Hdf5 => format!("film = h5py.File({shown:?})[\"data\"]"),
            Format::Tiff => format!("film = tifffile.imread({shown:?})"),
            Format::Minian => format!("data = minian.utilities.open_minian({shown:?})"),
            Format::Numpy => {
                format!("A = scipy.sparse.load_npz({:?})", path.join("footprints_sparse.npz").display().to_string())
            }
            _ => {
                let spec = path.with_extension("spec.json").display().to_string();
                format!("spec = minisim.Spec.model_validate_json(open({spec:?}).read())")
            }
        };
        Ok(WrittenFacts {
            path: shown,
            bytes: written.bytes,
            n_cells: facts.n_cells,
            n_detectable: facts.n_detectable,
            seconds: start.elapsed().as_secs_f64(),
            python,
        })
    }
}

impl Job {
    fn facts(&self) -> JobFacts {
        let state = match &self.state {
            State::Waiting => JobState::Waiting,
            State::Running { phase, done, n_frames, since } => {
                let frames_per_s = *done as f64 / since.elapsed().as_secs_f64().max(1e-3);
                JobState::Running(Progress {
                    phase: *phase,
                    done: *done,
                    n_frames: *n_frames,
                    frames_per_s,
                    left_s: (frames_per_s > 0.0).then(|| (*n_frames - *done) as f64 / frames_per_s),
                })
            }
            State::Done(result) => JobState::Done { result: result.clone() },
            State::Failed(message) => JobState::Failed { message: message.clone() },
            State::Cancelled => JobState::Cancelled,
        };
        JobFacts {
            id: self.id,
            path: self.path.display().to_string(),
            format: self.order.format.clone(),
            duration_s: self.spec.acquisition.duration_s.get(),
            state,
        }
    }
}
