//! A page's session: a thread that answers the page's newest request.
//!
//! A request replaces the one before it, which is given up at the next chance: between the steps of an answer, and between
//! batches of frames. So dragging a slider never builds up a queue.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use minisim::{
    presets::{self, ACTIVITY_LEVELS, starting_points},
    spec::{Checked, Report, Spec},
    steps::{CellActivity, Step},
};
use minisim_io::Format;
use minisim_tour::Chapter;
use serde::Serialize;
use serde_json::Value as Json;
use tokio::sync::mpsc::Sender;

use crate::{
    Shared,
    engine::{Engine, Pending},
    messages::{
        ActivityLevel, Answer, Complaint, Dict, FileFormat, Hello, Invalid, Kinetics, PictureHeader, Preset,
        RecordingCost, Request, Valid, View,
    },
    tour,
};

/// A message to the page.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Text(String),
    Binary(Vec<u8>),
}

impl Outgoing {
    /// An answer as text.
    pub(crate) fn text(answer: &Answer) -> Self {
        Self::Text(encode(answer))
    }

    /// A picture: the length of its JSON header (four bytes, little-endian), the header, the pixels.
    pub(crate) fn picture(header: &PictureHeader, pixels: impl Iterator<Item = u8>) -> Self {
        let mut header = encode(header);
        // The page reads pixels in place, which needs them aligned.
        while !header.len().is_multiple_of(4) {
            header.push(' ');
        }
        let mut bytes = (header.len() as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend(pixels);
        Self::Binary(bytes)
    }
}

/// A message as JSON. Messages have string keys only, so this does not fail.
pub(crate) fn encode(message: &impl Serialize) -> String {
    serde_json::to_string(message).unwrap_or_default()
}

#[derive(Debug)]
struct Show {
    seq: u64,
    spec: Json,
    view: View,
}

#[derive(Debug)]
struct Tour {
    seq: u64,
    chapter: &'static Chapter,
    values: Vec<f64>,
}

/// The place where requests for the engine wait: at most one of a kind.
#[derive(Debug, Default)]
struct Inbox {
    show: Option<Show>,
    cell: Option<usize>,
    tour: Option<Tour>,
    closed: bool,
}

#[derive(Debug, Default)]
struct Mail {
    inbox: Mutex<Inbox>,
    news: Condvar,
    /// Counts requests to show, so that the engine sees that its work is stale.
    newest: AtomicU64,
}

impl Mail {
    fn open(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The side of a session that the server holds.
#[derive(Debug)]
pub(crate) struct Session {
    shared: Arc<Shared>,
    mail: Arc<Mail>,
    to_page: Sender<Outgoing>,
}

/// An answer to a message that is not understood.
pub(crate) fn complaint(why: &str) -> String {
    encode(&Answer::Error(Complaint { message: why.to_owned() }))
}

impl Session {
    pub(crate) fn start(shared: Arc<Shared>, to_page: Sender<Outgoing>) -> Self {
        let mail = Arc::new(Mail::default());
        let session = Self { shared: Arc::clone(&shared), mail: Arc::clone(&mail), to_page: to_page.clone() };
        std::thread::spawn(move || work(&shared, &mail, &to_page));
        session
    }

    /// Takes a message of the page.
    ///
    /// # Errors
    /// An answer that says what is wrong with it; nothing has changed then.
    pub(crate) fn receive(&self, text: &str) -> Result<(), String> {
        let request: Request = serde_json::from_str(text).map_err(|e| complaint(&format!("not understood: {e}")))?;
        match request {
            Request::Show { seq, spec, view } => {
                self.mail.newest.fetch_add(1, Ordering::Relaxed);
                self.mail.open().show = Some(Show { seq, spec, view });
                self.mail.news.notify_one();
            }
            Request::Cell { unit } => {
                self.mail.open().cell = Some(unit);
                self.mail.news.notify_one();
            }
            Request::Tour { seq, chapter, values } => {
                let chapter = minisim_tour::chapter(&chapter)
                    .ok_or_else(|| complaint(&format!("the tour has no chapter {chapter:?}")))?;
                // Whatever picture is being made is not looked at now.
                self.mail.newest.fetch_add(1, Ordering::Relaxed);
                self.mail.open().tour = Some(Tour { seq, chapter, values });
                self.mail.news.notify_one();
            }
            Request::Kinetics { t_peak_s, fwhm_s } => {
                if !(t_peak_s > 0.0 && fwhm_s > 0.0 && t_peak_s.is_finite() && fwhm_s.is_finite()) {
                    return Err(complaint("time to peak and width must be above 0 s"));
                }
                let (rise, decay) = minisim::steps::cell_activity::tau_from_kernel_timing(t_peak_s, fwhm_s);
                let values = [("tau_rise_s".to_owned(), rise), ("tau_decay_s".to_owned(), decay)].into();
                self.reply(&Answer::Kinetics(Kinetics { values }));
            }
            Request::Generate { spec, order } => {
                let spec = read(&spec).map_err(|report| complaint(&report.to_string()))?;
                self.shared.jobs.add(spec, order).map_err(|why| complaint(&why))?;
            }
            Request::Cancel { job } => self.shared.jobs.cancel(job),
            Request::Tidy => self.shared.jobs.tidy(),
        }
        Ok(())
    }

    /// Sends a small answer; a page that does not take its mail misses it.
    fn reply(&self, answer: &Answer) {
        let _ = self.to_page.try_send(Outgoing::text(answer));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.mail.newest.fetch_add(1, Ordering::Relaxed);
        self.mail.open().closed = true;
        self.mail.news.notify_one();
    }
}

fn read(spec: &Json) -> Result<Spec, Report> {
    Spec::from_json(&spec.to_string()).map(|checked| checked.spec)
}

fn object(spec: &Spec) -> Dict {
    // Every field, for a page shows those too that the canonical JSON leaves out at their default.
    let tree = serde_json::to_value(spec).unwrap_or_default();
    serde_json::from_value(tree).unwrap_or_default()
}

fn invalid(seq: u64, report: &Report) -> Answer {
    Answer::Invalid(Invalid { seq, findings: report.findings.iter().map(Into::into).collect() })
}

fn valid(seq: u64, checked: &Checked) -> Answer {
    let spec = &checked.spec;
    let cost = spec.cost();
    Answer::Valid(Valid {
        seq,
        spec: object(spec),
        cache_key: spec.cache_key(),
        warnings: checked.warnings.iter().map(Into::into).collect(),
        cost: RecordingCost {
            n_frames: cost.n_frames,
            n_cells: cost.n_cells,
            memory_bytes: cost.memory_bytes,
            movie_bytes: cost.movie_bytes,
            disk_bytes: cost.disk_bytes,
            bytes_by_format: Format::all().map(|f| (f.name().to_owned(), f.most_bytes(spec))).collect(),
        },
    })
}

/// What a page must know before it can show anything.
fn hello(shared: &Shared) -> Answer {
    let points = starting_points().unwrap_or_default();
    let spec = shared.spec.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let level = |(name, values): &presets::ActivityLevel| ActivityLevel {
        name: (*name).to_owned(),
        step: <CellActivity as Step>::KIND.to_owned(),
        values: values.iter().map(|(field, value)| ((*field).to_owned(), *value)).collect(),
    };
    let format = |f: Format| FileFormat {
        name: f.name().to_owned(),
        about: f.about().to_owned(),
        suffix: f.suffix().to_owned(),
        has_truth: f.has_truth(),
    };
    Answer::Hello(Box::new(Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schema: minisim::spec::schema(),
        presets: points.iter().map(|p| Preset { title: p.title.to_owned(), spec: object(&p.spec) }).collect(),
        activity_levels: ACTIVITY_LEVELS.iter().map(level).collect(),
        tour: tour::contents(),
        spec: object(&spec),
        folder: shared.jobs.root().display().to_string(),
        formats: Format::all().map(format).collect(),
        threads: rayon::current_num_threads(),
        memory_bytes: minisim_io::available_memory_bytes(),
        detectable_means: minisim::physics::detection::DETECTABLE_MEANS.to_owned(),
    }))
}

/// The session's thread.
fn work(shared: &Shared, mail: &Mail, to_page: &Sender<Outgoing>) {
    let send = |message: Outgoing| to_page.blocking_send(message).is_ok();
    let text = |answer: &Answer| send(Outgoing::text(answer));
    if !(text(&hello(shared)) && send(Outgoing::Text(shared.jobs.list()))) {
        return;
    }
    let mut engine = Engine::default();
    loop {
        let (show, cell, tour) = {
            let mut inbox = mail.open();
            loop {
                if inbox.closed {
                    return;
                }
                if inbox.show.is_some() || inbox.cell.is_some() || inbox.tour.is_some() {
                    break;
                }
                inbox =
                    mail.news.wait_timeout(inbox, Duration::from_secs(3600)).unwrap_or_else(PoisonError::into_inner).0;
            }
            (inbox.show.take(), inbox.cell.take(), inbox.tour.take())
        };
        if let Some(Show { seq, spec, view }) = show {
            let number = mail.newest.load(Ordering::Relaxed);
            let stale = || mail.newest.load(Ordering::Relaxed) != number;
            match Spec::from_json(&spec.to_string()) {
                Err(report) => {
                    text(&invalid(seq, &report));
                }
                Ok(checked) => {
                    *shared.spec.lock().unwrap_or_else(PoisonError::into_inner) = checked.spec.clone();
                    text(&valid(seq, &checked));
                    let n_frames = checked.spec.acquisition.n_frames();
                    let request = Pending { seq, n_frames, start: Instant::now(), stale: &stale, send: &send };
                    if let Err(report) = engine.show(&checked.spec, &view, &request) {
                        text(&invalid(seq, &report));
                    }
                }
            }
        }
        if let Some(unit) = cell {
            text(&engine.cell(unit));
        }
        if let Some(Tour { seq, chapter, values }) = tour {
            match chapter.figure(&values) {
                Ok(figure) => send(tour::message(seq, chapter, &figure)),
                Err(report) => text(&Answer::Error(Complaint { message: report.to_string() })),
            };
        }
    }
}
