//! The frozen scene: everything that is known before the first pixel.

mod freeze;
mod visibility;

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    building::Builder,
    cells::ActivityPreview,
    footprint::FootprintStack,
    kernels::{digitise::Digitiser, tiles::Tiles},
    memo::Memo,
    plan::{Plan, Reached},
    recording::Content,
    spec::{Finding, Report, Spec},
    steps::{self, AnyStep, Domain, Step},
    timeline::Activity,
    truth::{Declared, Dim, GroundTruth, TruthArray},
};
pub use crate::{building::CALIBRATION_S, plan::Canvas};

/// Everything that is known before the first pixel, every number resolved. Frames are pure functions of it.
#[derive(Debug)]
pub struct Scene {
    /// The spec it was built from.
    pub spec: Spec,
    /// Canvas geometry.
    pub canvas: Canvas,
    /// Frames of the recording: those that are stored. A stage before the delivery has the same frames, as they were when they
    /// were exposed.
    pub n_frames: usize,
    /// What happens to light, and the movies on its way.
    pub plan: Plan,
    /// Warnings met while building, such as a density that could not be reached.
    pub warnings: Vec<Finding>,
    /// Who asked a question that whom answered: (asking kind, answering kind).
    pub couplings: BTreeSet<(&'static str, &'static str)>,
    truth: GroundTruth,
    ranks: Vec<usize>,
    /// Cell by cell of the canvas, whether it is a unit of the ground truth.
    pub(crate) shown: Vec<bool>,
    /// How the cells fire and glow, if they do.
    pub(crate) activity: Option<Arc<dyn Activity>>,
    /// The cells' footprints, laid out for rendering.
    tiles: Option<Arc<Tiles>>,
    /// The camera's tables.
    digitiser: Option<Arc<Digitiser>>,
}

impl Scene {
    /// Builds the scene of a spec.
    ///
    /// # Errors
    /// When the spec's cost exceeds what can be simulated; nothing large is allocated before that is known. Whether it fits
    /// into this machine's memory is for the caller to ask ([`Cost::check`](crate::spec::Cost::check)).
    pub fn new(spec: &Spec) -> Result<Self, Report> {
        Self::build(spec, None)
    }

    /// Builds the scene of a spec with those parts of an earlier scene that are still right; the memo keeps the parts of this one.
    ///
    /// # Errors
    /// As [`Scene::new`].
    pub fn with_memo(spec: &Spec, memo: &Memo) -> Result<Self, Report> {
        Self::build(spec, Some(memo))
    }

    fn build(spec: &Spec, memo: Option<&Memo>) -> Result<Self, Report> {
        spec.cost().check_simulable(spec)?;
        let mut b = Builder::new(spec, memo);
        // Real tissue moves into view, as far as any step moves it.
        b.canvas.margin = spec.margin_px();
        for domain in [Domain::Motion, Domain::Scope, Domain::Cell, Domain::Tissue, Domain::Delivery] {
            for step in spec.steps.iter().filter(|s| s.domain() == domain) {
                b.enter(step);
                step.build(&mut b);
            }
        }
        b.leave();
        visibility::record(&mut b);
        b.freeze()
    }

    /// The scene of a run that stops after the step of rank `until`. Where that is before the delivery, each exposure is a frame.
    ///
    /// # Errors
    /// As [`Scene::new`].
    pub(crate) fn of_run(spec: &Spec, until: Option<usize>) -> Result<Self, Report> {
        let cut = |step: &&AnyStep| step.domain() == Domain::Delivery && until.is_some_and(|until| step.rank() > until);
        if !spec.steps.iter().any(|step| cut(&step)) {
            return Self::new(spec);
        }
        let mut undelivered = spec.clone();
        undelivered.steps.retain(|step| !cut(&step));
        Ok(Self { spec: spec.clone(), ..Self::new(&undelivered)? })
    }

    /// Time stamp of a frame (s): as the delivery says, else that of its exposure.
    #[must_use]
    pub fn time_s(&self, frame: usize) -> f64 {
        let stamp = self.plan.delivery.as_ref().and_then(|delivery| delivery.timestamps_s.get(frame));
        stamp.copied().unwrap_or_else(|| frame as f64 / self.spec.acquisition.fps.get())
    }

    /// The activity of a spec's cells, without the rest of the scene: all spikes, and the traces of the `n_busiest` busiest
    /// ones. Steps that come after the cells do not matter.
    ///
    /// # Errors
    /// As [`Scene::new`].
    pub fn activity(spec: &Spec, memo: &Memo, n_busiest: usize) -> Result<ActivityPreview, Report> {
        spec.cost().check_simulable(spec)?;
        let mut b = Builder::new(spec, Some(memo));
        for step in &spec.steps {
            b.enter(step);
            match step {
                AnyStep::PlaceNeurons(step) => step.build(&mut b),
                AnyStep::CellActivity(step) => return Ok(step.preview(&mut b, n_busiest)),
                _ => {}
            }
        }
        let (n_units, n_frames) = (b.cells.len(), spec.acquisition.n_frames());
        Ok(ActivityPreview { n_units, n_frames, s: Arc::default(), n_spikes: 0, busiest: vec![] })
    }

    /// The footprints of the cells that shine, laid out for rendering.
    pub(crate) fn tiles(&self) -> Option<&Tiles> {
        self.tiles.as_deref()
    }

    /// The camera, with its tables.
    pub(crate) fn digitiser(&self) -> Option<&Digitiser> {
        self.digitiser.as_deref()
    }

    /// Size (height, width) of the image when light has come that far: that of the canvas before the brain moves, of the field
    /// of view from then on.
    pub(crate) fn shape_when(&self, reached: Reached) -> [usize; 2] {
        if reached.in_scope { self.canvas.fov } else { self.canvas.shape() }
    }

    /// Size (height, width) of the film after `stage`, the observed film's for `None` and for names of no stage.
    #[must_use]
    pub fn shape_of(&self, stage: Option<&str>) -> [usize; 2] {
        let named = |name| self.plan.stages.iter().find(|s| s.name == crate::steps::stage_name(name));
        stage.and_then(named).map_or(self.canvas.fov, |stage| self.shape_when(stage.reached))
    }

    /// What the film shows after all stages.
    #[must_use]
    pub fn content(&self) -> Content {
        self.content_after(self.plan.stages.len())
    }

    /// What the film shows after the first `n_stages` stages.
    pub(crate) fn content_after(&self, n_stages: usize) -> Content {
        let counted = self.plan.reached(n_stages).exposed;
        Content {
            stage: self.plan.stages[..n_stages].last().map(|stage| stage.name.to_owned()),
            max_count: counted.then(|| self.spec.acquisition.image_sensor.max_count()),
        }
    }

    /// What the steps recorded of the truth, without a copy; arrays of steps that are absent are missing.
    #[must_use]
    pub fn recorded(&self) -> &GroundTruth {
        &self.truth
    }

    /// Adds arrays to the ground truth, as known once the step of rank `rank` has run.
    pub(crate) fn add_truth(&mut self, rank: usize, arrays: Vec<TruthArray>) {
        self.ranks.extend(arrays.iter().map(|_| rank));
        self.truth.arrays.extend(arrays);
    }

    /// The ground truth of a run that stops after the step of rank `until` (all steps if `None`): arrays of later steps are
    /// absent. What the steps have *answered* (focus, detectability) does not depend on where the run stops.
    #[must_use]
    pub fn ground_truth(&self, until: Option<usize>) -> GroundTruth {
        let arrays = self.truth.arrays.iter().zip(&self.ranks);
        let kept = arrays.filter(|(_, rank)| until.is_none_or(|u| **rank <= u)).map(|(a, _)| a.clone()).collect();
        self.completed(kept, self.truth.planted.clone(), until)
    }

    /// [`Scene::ground_truth`] without a copy, when the scene is no longer needed.
    #[must_use]
    pub fn into_ground_truth(mut self, until: Option<usize>) -> GroundTruth {
        let arrays = std::mem::take(&mut self.truth.arrays);
        let planted = std::mem::take(&mut self.truth.planted);
        let ranks = self.ranks.iter();
        let kept = arrays.into_iter().zip(ranks).filter(|(_, r)| until.is_none_or(|u| **r <= u)).map(|(a, _)| a);
        let kept = kept.collect();
        self.completed(kept, planted, until)
    }

    /// Adds the arrays that every recording has, in place of those whose step did not run.
    fn completed(&self, arrays: Vec<TruthArray>, planted: FootprintStack, until: Option<usize>) -> GroundTruth {
        let optics_ran = |k: &AnyStep| k.kind() == steps::CellOptics::KIND && until.is_none_or(|u| k.rank() <= u);
        let focal_depth_um = self.truth.focal_depth_um.filter(|_| self.spec.steps.iter().any(optics_ran));
        let mut truth = GroundTruth { planted, focal_depth_um, arrays };
        let (n_units, [height, width]) = (truth.n_units(), self.canvas.fov);
        let length = |dim: &Dim| match dim {
            Dim::Unit => n_units,
            Dim::Frame => self.n_frames,
            Dim::Height => height,
            Dim::Width => width,
            // Nobody made any.
            Dim::Component | Dim::Blood | Dim::Mode | Dim::GridRow | Dim::GridCol | Dim::Lost => 0,
            Dim::Zyx | Dim::Yx | Dim::Span => dim.fixed().unwrap_or_default(),
        };
        for declared in steps::all_declared() {
            if let Some(fill) = declared.absent()
                && truth.array(declared.name).is_none()
            {
                let shape: Vec<usize> = declared.dims.iter().map(length).collect();
                let data = fill.filled(&shape);
                truth.arrays.push(TruthArray { declared, shape, data });
            }
        }
        let order: Vec<&Declared> = steps::all_declared().collect();
        truth.arrays.sort_by_key(|a| order.iter().position(|d| d.name == a.declared.name));
        truth
    }
}
