//! The one loop: build the scene, render frames in parallel, hand them to a sink in order.

use std::{collections::BTreeMap, ops::Range, sync::mpsc, time::Duration};

use rayon::prelude::*;

use crate::{
    progress::{Cancel, Event},
    recording::{Pixels, Recording, SampleType},
    render::{Rendered, Renderer},
    scene::Scene,
    sink::{Block, Header, MemorySink, Place, Sink, SinkError},
    spec::{Finding, Report, Spec},
    steps::{self, Domain},
};

/// Why a run ended without a recording.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The spec cannot be simulated.
    #[error("{0}")]
    Spec(#[from] Report),
    /// `until` names no stage of this spec.
    #[error("until={name:?} matches no step of this spec; its stages are {}", .stages.join(", "))]
    UnknownStage {
        /// What was asked for.
        name: String,
        /// What there is.
        stages: Vec<&'static str>,
    },
    /// Somebody cancelled the run.
    #[error("cancelled")]
    Cancelled,
    /// The sink failed.
    #[error("{0}")]
    Sink(SinkError),
}

/// How to run.
#[derive(Default)]
pub struct Options<'a> {
    /// Stop after this stage (a stage name or a step's kind); everything if `None`.
    pub until: Option<&'a str>,
    /// Add the bounds of an ideal observer to the ground truth ([`Scene::bounds`]).
    pub bounds: bool,
    /// Refuse a spec whose scene takes more memory than this (bytes); the movie is streamed and not part of it.
    pub memory_limit_bytes: Option<f64>,
    /// Stops the run from elsewhere.
    pub cancel: Cancel,
    /// Called from the thread that called [`simulate_into`].
    pub on_event: Option<&'a mut (dyn FnMut(Event) + Send)>,
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("until", &self.until).field("cancel", &self.cancel).finish_non_exhaustive()
    }
}

impl Options<'_> {
    fn tell(&mut self, event: Event) {
        if let Some(on_event) = &mut self.on_event {
            on_event(event);
        }
    }

    fn check(&self) -> Result<(), RunError> {
        if self.cancel.is_cancelled() { Err(RunError::Cancelled) } else { Ok(()) }
    }
}

/// What came out of a run besides the sink's output.
#[derive(Debug)]
pub struct Outcome<T> {
    /// The sink's output.
    pub output: T,
    /// Warnings met while building the scene.
    pub warnings: Vec<Finding>,
    /// What the recording holds, in numbers.
    pub facts: Facts,
}

/// A recording in numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    /// Frames delivered.
    pub n_frames: usize,
    /// Cells of the ground truth.
    pub n_cells: usize,
    /// Those of them that stand out of the noise.
    pub n_detectable: usize,
    /// Those of them that an ideal observer could tell from their neighbours, if bounds were asked for.
    pub n_demixable: Option<usize>,
    /// Depth of the focal plane, if the optics ran (µm).
    pub focal_depth_um: Option<f64>,
}

/// Simulates a spec in memory.
///
/// # Errors
/// When the spec cannot be simulated on this machine.
pub fn simulate(spec: &Spec) -> Result<Recording, RunError> {
    simulate_into(spec, MemorySink::default(), Options::default()).map(|o| o.output)
}

/// Simulates a spec into a sink: a file, memory, or anything else that takes frames.
///
/// # Errors
/// When the spec cannot be simulated, `until` names no stage, the run is cancelled, or the sink fails. The sink is then
/// dropped without `finish`.
pub fn simulate_into<S: Sink>(
    spec: &Spec,
    mut sink: S,
    mut options: Options<'_>,
) -> Result<Outcome<S::Output>, RunError> {
    let until = options.until.map(|name| rank_of_stage(spec, name)).transpose()?;
    options.tell(Event::Building);
    options.check()?;
    if let Some(limit) = options.memory_limit_bytes {
        spec.cost().check(limit)?;
    }
    let mut scene = Scene::of_run(spec, until)?;
    options.check()?;
    if options.bounds {
        scene.record_bounds(until)?;
        options.check()?;
    }
    let n_stages = scene.plan.stages.iter().filter(|s| until.is_none_or(|u| s.rank <= u)).count();
    let n_frames = if n_stages == 0 { 0 } else { scene.n_frames };
    options.tell(Event::Built { n_frames });
    sink.scene(&scene, until);
    render_into(&scene, n_stages, 0..n_frames, spec.output.save_intermediates, &mut sink, &mut options)?;
    options.tell(Event::Finishing);
    let warnings = std::mem::take(&mut scene.warnings);
    let truth = scene.into_ground_truth(until);
    let facts = Facts {
        n_frames,
        n_cells: truth.n_units(),
        n_detectable: truth.detectable().iter().filter(|d| **d).count(),
        n_demixable: truth.n_demixable(),
        focal_depth_um: truth.focal_depth_um,
    };
    let output = sink.finish(truth).map_err(RunError::Sink)?;
    Ok(Outcome { output, warnings, facts })
}

/// Renders single frames of a scene: `frames` of the movie after `stage` (the observed movie if `None`) on the field of view,
/// without anything that comes before them. Costs no more than the same frames within a whole run.
///
/// # Errors
/// When `stage` names no movie stage of the scene.
pub fn render(scene: &Scene, frames: Range<usize>, stage: Option<&str>) -> Result<Pixels, RunError> {
    let n_stages = match stage {
        None => scene.plan.stages.len(),
        Some(name) => {
            let name = steps::stage_name(name);
            1 + scene.plan.stages.iter().position(|s| s.name == name).ok_or_else(|| RunError::UnknownStage {
                name: name.to_owned(),
                stages: scene.plan.stages.iter().map(|s| s.name).collect(),
            })?
        }
    };
    let frames = frames.start.min(scene.n_frames)..frames.end.min(scene.n_frames);
    let renderer = Renderer::new(scene, n_stages, false);
    let threads = rayon::current_num_threads();
    let passes = renderer.passes(frames.clone());
    let parts: Vec<Vec<Pixels>> = if passes.len() < threads {
        // Few frames: all threads work on each of them, on some rows each.
        let rows = |part: usize| part * scene.canvas.fov[0] / threads..(part + 1) * scene.canvas.fov[0] / threads;
        let parts: Vec<_> = frames.flat_map(|t| (0..threads).map(move |part| (t, part))).collect();
        parts.into_par_iter().map(|(t, part)| renderer.rows(t..t + 1, rows(part))).collect()
    } else {
        passes.into_par_iter().map(|pass| renderer.pass(pass)).collect()
    };
    let mut parts = parts.into_iter().flatten();
    let mut all = parts.next().unwrap_or(Pixels::F32(Vec::new()));
    parts.for_each(|part| all.extend(&part));
    Ok(all)
}

/// The rank of the step that `name` (a stage or a kind) means.
fn rank_of_stage(spec: &Spec, name: &str) -> Result<usize, RunError> {
    let wanted = steps::stage_name(name);
    spec.steps.iter().find(|s| s.stage() == wanted).map(steps::AnyStep::rank).ok_or_else(|| RunError::UnknownStage {
        name: name.to_owned(),
        stages: spec.steps.iter().map(steps::AnyStep::stage).collect(),
    })
}

fn render_into<S: Sink>(
    scene: &Scene,
    n_stages: usize,
    frames: Range<usize>,
    snapshots: bool,
    sink: &mut S,
    options: &mut Options<'_>,
) -> Result<(), RunError> {
    let renderer = Renderer::new(scene, n_stages, snapshots);
    let tracks = renderer.tracks();
    let digitised = scene.plan.reached(n_stages).exposed;
    // What is delivered may differ from what is exposed, so it has no place before it is rendered.
    let direct = digitised && scene.plan.delivery.is_none();
    let counts_alone = matches!(tracks.as_slice(), [track] if direct && track.rendered == SampleType::U8);
    let header = Header {
        spec: scene.spec.clone(),
        n_frames: frames.len(),
        tracks,
        stored: scene.spec.output.store_dtype.into(),
        content: scene.content_after(n_stages),
    };
    sink.begin(&header).map_err(RunError::Sink)?;
    // Threads render passes while this one hands finished ones to the sink, in order. The number of passes in flight bounds
    // the memory, whatever the duration.
    let n_frames = frames.len();
    let passes = renderer.passes(frames);
    let threads = rayon::current_num_threads();
    // Frames in their place are handed on at once; blocks take a while.
    let in_flight = |placed: bool| threads * 3 / 2 + usize::from(!placed || threads == 1);
    let (sender, finished) = mpsc::channel::<(usize, Pass)>();
    let cancel = options.cancel.clone();
    rayon::in_place_scope(|scope| {
        // Says whether the sink has a place for the pass.
        let spawn = |number: usize, sink: &mut S| -> Result<bool, RunError> {
            let (sender, renderer, cancel, frames) = (sender.clone(), &renderer, &cancel, passes[number].clone());
            let place = if counts_alone { sink.place(frames.clone()).map_err(RunError::Sink)? } else { None };
            let place = place.filter(|place| place.holds(frames.len(), scene.canvas.fov.iter().product()));
            let placed = place.is_some();
            scope.spawn(move |_| {
                if !cancel.is_cancelled() {
                    let pass = match place {
                        Some(mut place) => {
                            renderer.pass_into(frames, &mut place);
                            Pass::Placed(place)
                        }
                        None => Pass::Movies(renderer.pass(frames)),
                    };
                    // Nobody listens any more once the sink has failed.
                    let _ = sender.send((number, pass));
                }
            });
            Ok(placed)
        };
        let (mut next, mut most) = (0, 1);
        let mut spawn_after = |done: usize, sink: &mut S| -> Result<(), RunError> {
            while next < passes.len().min(done + most) {
                most = in_flight(spawn(next, sink)?);
                next += 1;
            }
            Ok(())
        };
        spawn_after(0, sink)?;
        let mut early: BTreeMap<usize, Pass> = BTreeMap::new();
        for (number, frames) in passes.iter().enumerate() {
            let pass = loop {
                if let Some(pass) = early.remove(&number) {
                    break pass;
                }
                if cancel.is_cancelled() {
                    return Err(RunError::Cancelled);
                }
                if let Some((number, pass)) = receive(&finished) {
                    early.insert(number, pass);
                }
            };
            spawn_after(number + 1, sink)?;
            match pass {
                Pass::Placed(place) => sink.placed(frames.clone(), place).map_err(RunError::Sink)?,
                Pass::Movies(movies) => {
                    for (track, pixels) in movies.iter().enumerate() {
                        let block = Block { track, first_frame: frames.start, n_frames: frames.len(), pixels };
                        sink.block(&block).map_err(RunError::Sink)?;
                    }
                    renderer.recycle(movies);
                }
            }
            if let Some(on_event) = &mut options.on_event {
                on_event(Event::Frames { done: frames.end, n_frames });
            }
        }
        Ok(())
    })?;
    options.check()
}

/// A pass that is rendered.
enum Pass {
    /// A movie a track.
    Movies(Rendered),
    /// The observed movie alone, where the sink wants it.
    Placed(Place),
}

/// Waits a moment for a finished pass. Where the caller is itself one of the rendering threads, it renders meanwhile.
fn receive<T>(finished: &mpsc::Receiver<T>) -> Option<T> {
    if let Ok(pass) = finished.try_recv() {
        return Some(pass);
    }
    match rayon::yield_now() {
        Some(rayon::Yield::Executed) => None,
        _ => finished.recv_timeout(Duration::from_millis(10)).ok(),
    }
}

/// Steps that make a movie, for callers that list stages.
#[must_use]
pub fn movie_stages(spec: &Spec) -> Vec<&'static str> {
    spec.steps.iter().filter(|s| s.domain() != Domain::Cell).map(steps::AnyStep::stage).collect()
}

/// Renders the observed movie of `frames` and forgets it: what rendering alone costs.
///
/// # Errors
/// Never for a scene that was built; the type is shared with [`render`].
pub fn render_range(scene: &Scene, frames: Range<usize>) -> Result<(), RunError> {
    let renderer = Renderer::new(scene, scene.plan.stages.len(), false);
    renderer.passes(frames.clone()).into_par_iter().for_each(|pass| renderer.recycle(renderer.pass(pass)));
    Ok(())
}
