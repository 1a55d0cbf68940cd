//! A page's session: a thread that answers the page's newest request.
//!
//! A request replaces the one before it, which is given up at the next chance: between the steps of an answer, and between
//! batches of frames. So dragging a slider never builds up a queue.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use minisim::{
    presets::{ACTIVITY_LEVELS, starting_points},
    spec::{Report, Spec},
};
use minisim_tour::Chapter;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc::Sender;

use crate::{
    Shared,
    engine::{Engine, View},
    jobs::Order,
    tour,
};

/// A message to the page.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Text(String),
    Binary(Vec<u8>),
}

/// A JSON header and bytes in one message: the header's length, the header, the bytes.
pub(crate) fn binary(header: &Json, payload: impl Iterator<Item = u8>) -> Outgoing {
    let mut header = header.to_string();
    // Payloads of numbers are read in place, which needs them aligned.
    while !header.len().is_multiple_of(4) {
        header.push(' ');
    }
    let mut bytes = (header.len() as u32).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(payload);
    Outgoing::Binary(bytes)
}

/// What a page asks for.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    /// Show this configuration.
    Show { seq: u64, spec: Json, view: View },
    /// Everything about a cell of the scene that is shown.
    Cell { unit: usize },
    /// The figure of a chapter of the tour for these values of its sliders.
    Tour { seq: u64, chapter: String, values: Vec<f64> },
    /// Decay and rise times with this time to peak and width.
    Kinetics { t_peak_s: f64, fwhm_s: f64 },
    /// Write a recording.
    Generate { spec: Json, order: Order },
    /// Give a recording up.
    Cancel { job: u64 },
    /// Forget finished recordings.
    Tidy,
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
    json!({ "type": "error", "message": why }).to_string()
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
                self.reply(json!({ "type": "kinetics", "values": { "tau_rise_s": rise, "tau_decay_s": decay } }));
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
    fn reply(&self, answer: Json) {
        let _ = self.to_page.try_send(Outgoing::Text(answer.to_string()));
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

fn spec_json(spec: &Spec) -> Json {
    serde_json::from_str(&spec.canonical_json()).unwrap_or(Json::Null)
}

fn invalid(seq: u64, report: &Report) -> Json {
    let findings: Vec<Json> = report.findings.iter().map(minisim::Finding::to_json).collect();
    json!({ "type": "invalid", "seq": seq, "findings": findings })
}

/// What a page must know before it can show anything.
fn hello(shared: &Shared) -> Json {
    let points = starting_points().unwrap_or_default();
    let presets: Vec<Json> = points.iter().map(|p| json!({ "title": p.title, "spec": spec_json(&p.spec) })).collect();
    let levels: Vec<Json> = ACTIVITY_LEVELS
        .iter()
        .map(|(name, values)| {
            let values: serde_json::Map<String, Json> =
                values.iter().map(|(field, value)| ((*field).to_owned(), json!(value))).collect();
            json!({ "name": name, "step": <minisim::steps::CellActivity as minisim::steps::Step>::KIND, "values": values })
        })
        .collect();
    let spec = shared.spec.lock().unwrap_or_else(PoisonError::into_inner).clone();
    json!({
        "type": "hello",
        "version": env!("CARGO_PKG_VERSION"),
        "schema": minisim::spec::schema(),
        "presets": presets,
        "activity_levels": levels,
        "tour": tour::contents(),
        "spec": spec_json(&spec),
        "folder": shared.jobs.root(),
        "formats": crate::jobs::formats(),
        "threads": rayon::current_num_threads(),
        "memory_bytes": minisim_io::available_memory_bytes(),
        "detectable_means": minisim::physics::detection::DETECTABLE_MEANS,
    })
}

/// The session's thread.
fn work(shared: &Shared, mail: &Mail, to_page: &Sender<Outgoing>) {
    let send = |message: Outgoing| to_page.blocking_send(message).is_ok();
    let text = |value: Json| send(Outgoing::Text(value.to_string()));
    if !(text(hello(shared)) && send(Outgoing::Text(shared.jobs.list()))) {
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
                    text(invalid(seq, &report));
                }
                Ok(checked) => {
                    *shared.spec.lock().unwrap_or_else(PoisonError::into_inner) = checked.spec.clone();
                    let cost = checked.spec.cost();
                    let warnings: Vec<Json> = checked.warnings.iter().map(minisim::Finding::to_json).collect();
                    text(json!({
                        "type": "valid",
                        "seq": seq,
                        "spec": spec_json(&checked.spec),
                        "cache_key": checked.spec.cache_key(),
                        "warnings": warnings,
                        "cost": {
                            "n_frames": cost.n_frames,
                            "n_cells": cost.n_cells,
                            "memory_bytes": cost.memory_bytes,
                            "bytes_by_format": crate::jobs::bytes_by_format(&checked.spec),
                            "movie_bytes": cost.movie_bytes,
                            "disk_bytes": cost.disk_bytes,
                        },
                    }));
                    if let Err(report) = engine.show(&checked.spec, &view, seq, &stale, &send) {
                        text(invalid(seq, &report));
                    }
                }
            }
        }
        if let Some(unit) = cell {
            text(engine.cell(unit));
        }
        if let Some(Tour { seq, chapter, values }) = tour {
            match chapter.figure(&values) {
                Ok(figure) => send(tour::message(seq, chapter, &figure)),
                Err(report) => text(json!({ "type": "error", "message": report.to_string() })),
            };
        }
    }
}
