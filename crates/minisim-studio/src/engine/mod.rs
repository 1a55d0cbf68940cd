//! What the page shows, computed from the recording's own scene and frames; one file a panel.
//!
//! Readouts and traces are those of the recording's first minute: a recording is a function of time, so its beginning does not
//! depend on how long it goes on. The picture may show any stretch of the recording. Parts that a change does not touch are
//! kept from the scene before.

mod activity;
mod anatomy;
mod bounds;
mod cell;
mod film;

use std::{sync::Arc, time::Instant};

use minisim::{
    Bounds, Scene,
    memo::Memo,
    spec::{Report, Spec},
};

use crate::{
    messages::{Answer, View},
    session::Outgoing,
};
use film::StageFilm;

/// Length of the recording's beginning that readouts and traces are about (s).
const MINUTE_S: f64 = 60.0;

/// The engine of a session.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    memo: Memo,
    activity_memo: Memo,
    /// The first minute.
    scene: Option<Arc<Scene>>,
    /// The recording up to a later minute, while one is shown.
    later: Option<(Memo, Option<Arc<Scene>>)>,
    /// The film that is shown.
    film: Option<StageFilm>,
    /// The scene whose bounds are known, and these.
    bounds: Option<(Arc<Scene>, Bounds)>,
}

/// A request that is being answered.
pub(crate) struct Pending<'a> {
    pub(crate) seq: u64,
    /// Frames of the whole recording.
    pub(crate) n_frames: usize,
    pub(crate) start: Instant,
    /// Whether the answer is no longer wanted.
    pub(crate) stale: &'a dyn Fn() -> bool,
    /// Sends a message; no if the page is gone.
    pub(crate) send: &'a dyn Fn(Outgoing) -> bool,
}

impl Pending<'_> {
    fn engine_ms(&self) -> f64 {
        self.start.elapsed().as_secs_f64() * 1e3
    }

    fn text(&self, answer: &Answer) -> bool {
        (self.send)(Outgoing::text(answer))
    }
}

impl Engine {
    /// Shows a configuration: the projection, cells and readouts, then frame by frame. Gives up when the request is stale.
    pub(crate) fn show(&mut self, spec: &Spec, view: &View, request: &Pending<'_>) -> Result<(), Report> {
        let short = beginning(spec, MINUTE_S);
        if view.panel == "activity" {
            let facts = activity::facts(&short, &self.activity_memo, request)?;
            request.text(&Answer::Activity(facts));
            if (request.stale)() {
                return Ok(());
            }
        }
        let scene = built(&short, self.scene.take(), &self.memo)?;
        self.scene = Some(Arc::clone(&scene));
        let stretch = film::stretch(spec, view);
        let until_s = stretch.end as f64 / spec.acquisition.fps.get();
        let film_scene = if until_s <= MINUTE_S {
            self.later = None;
            Arc::clone(&scene)
        } else {
            let long = beginning(spec, (until_s / MINUTE_S).ceil() * MINUTE_S);
            let (memo, kept) = self.later.get_or_insert_default();
            let later = built(&long, kept.take(), memo)?;
            *kept = Some(Arc::clone(&later));
            later
        };
        let scene_ms = request.engine_ms();
        if (request.stale)() {
            return Ok(());
        }
        let stretch = film::stored(&film_scene, stretch);
        let kept = self.film.take();
        let Some(film) = StageFilm::show(kept, &film_scene, view, stretch, scene_ms, request) else { return Ok(()) };
        let film = self.film.insert(film);
        if (request.stale)() {
            return Ok(());
        }
        let facts = anatomy::facts(&scene, spec, film, request.seq);
        if !request.text(&Answer::Scene(facts)) {
            return Ok(());
        }
        if view.bounds && !(request.stale)() {
            request.text(&bounds::facts(&scene, &mut self.bounds, request.seq));
        }
        if view.frames {
            film.send_frames(request);
        }
        Ok(())
    }

    /// Everything about a cell of the scene that is shown.
    pub(crate) fn cell(&self, unit: usize) -> Answer {
        cell::facts(self.scene.as_deref(), unit)
    }
}

/// The scene of a spec: the kept one if it is that, else a new one, if the machine has the memory for it.
fn built(spec: &Spec, kept: Option<Arc<Scene>>, memo: &Memo) -> Result<Arc<Scene>, Report> {
    if let Some(limit) = minisim_io::available_memory_bytes() {
        spec.cost().check(limit)?;
    }
    match kept {
        Some(scene) if scene.spec == *spec => Ok(scene),
        _ => Ok(Arc::new(Scene::with_memo(spec, memo)?)),
    }
}

/// The spec of the recording's first `seconds`; the whole one if it is not longer.
fn beginning(spec: &Spec, seconds: f64) -> Spec {
    if spec.acquisition.duration_s.get() <= seconds {
        return spec.clone();
    }
    // An explicit path has one entry a frame; then the recording is taken whole.
    spec.set_all([("acquisition.duration_s", seconds.into())]).map_or_else(|_| spec.clone(), |checked| checked.spec)
}
