//! The frozen scene and the builder that the steps fill it through.
//!
//! Steps are built in the order of dependency (motion and scope first, then the specimen) and rendered in the order of
//! light. A step never looks another up: it asks the builder a physical question. The builder notes who asked what of whom,
//! so that tests know which effects are coupled without a list kept by hand.

use std::{collections::BTreeSet, fmt::Debug, sync::Arc};

use rayon::prelude::*;

use crate::{
    cells::Cells,
    footprint::{FootprintStack, Patch},
    memo::Memo,
    physics::{
        blur::degrade_footprint,
        detection::{DETECT_SNR_THRESHOLD, NoiseFloor, detection_snr, sample_field_at},
        focus::{Voter, best_yield_depth_um, median_effective_depth_um},
        optics::{OpticalModel, PointSpread},
    },
    plan::{Act, Asked, Field, Leg, Map, Op, Plan, Reached, Scope, Sizes, Tissue},
    render::kernels::{digitise::Digitiser, tiles::Tiles},
    rng::Key,
    spec::{Acquisition, Auto, Finding, Report, Spec},
    steps::{self, Domain, Step},
    timeline::{Parts, Timeline},
    truth::{Declared, Dim, GroundTruth, TruthArray, TruthData},
};

/// Seconds over which motion amplitude and auto focus are calibrated, whatever the duration, so that a longer recording of
/// the same spec begins with the same frames.
pub const CALIBRATION_S: f64 = 60.0;

/// The canvas: the field of view plus the same margin on every side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Canvas {
    /// Field of view (height, width) px.
    pub fov: [usize; 2],
    /// Margin on every side (px).
    pub margin: usize,
    /// Object-space pixel size (µm).
    pub pixel_um: f64,
}

impl Canvas {
    /// Canvas (height, width) px.
    #[must_use]
    pub fn shape(&self) -> [usize; 2] {
        self.fov.map(|n| n + 2 * self.margin)
    }

    /// Field of view (height, width) µm.
    #[must_use]
    pub fn fov_um(&self) -> [f64; 2] {
        self.fov.map(|n| n as f64 * self.pixel_um)
    }

    /// Position (row, col) on the field of view, in px, of a place (y, x) in µm. The optical axis is its centre.
    #[must_use]
    pub fn fov_px_from_um(&self, y_um: f64, x_um: f64) -> [f64; 2] {
        [
            (self.fov[0] as f64 - 1.0) / 2.0 + y_um / self.pixel_um,
            (self.fov[1] as f64 - 1.0) / 2.0 + x_um / self.pixel_um,
        ]
    }

    /// Place in µm of row (axis 0) or column (axis 1) `index` of the field of view; negative indices lie in the margin.
    #[must_use]
    pub fn um_from_fov_px(&self, axis: usize, index: i64) -> f64 {
        (index as f64 - (self.fov[axis] as f64 - 1.0) / 2.0) * self.pixel_um
    }

    /// Field-of-view indices of the canvas rows (axis 0) or columns (axis 1).
    pub fn fov_indices(&self, axis: usize) -> impl Iterator<Item = i64> + use<> {
        let margin = self.margin as i64;
        -margin..self.fov[axis] as i64 + margin
    }

    /// The field of view's part of a canvas-sized array.
    #[must_use]
    pub fn crop<T: Copy + Sync>(&self, canvas: &[T]) -> Vec<T> {
        let mut fov = Vec::with_capacity(self.fov[0] * self.fov[1]);
        (0..self.fov[0]).for_each(|r| fov.extend_from_slice(self.fov_row(canvas, r)));
        fov
    }

    /// The field of view's rows of a canvas-sized array.
    pub fn fov_rows<'v, T: Sync>(&self, canvas: &'v [T]) -> impl IndexedParallelIterator<Item = &'v [T]> {
        let this = *self;
        (0..self.fov[0]).into_par_iter().map(move |r| this.fov_row(canvas, r))
    }

    /// One of them.
    #[must_use]
    pub fn fov_row<'v, T>(&self, canvas: &'v [T], row: usize) -> &'v [T] {
        let at = (row + self.margin) * self.shape()[1] + self.margin;
        &canvas[at..at + self.fov[1]]
    }
}

/// Everything that is known before the first pixel, every number resolved. Frames are pure functions of it.
#[derive(Debug)]
pub struct Scene {
    /// The spec it was built from.
    pub spec: Spec,
    /// Canvas geometry.
    pub canvas: Canvas,
    /// Frames of the recording.
    pub n_frames: usize,
    /// What happens to light, and the movies on its way.
    pub plan: Plan,
    /// Warnings met while building, such as a density that could not be reached.
    pub warnings: Vec<Finding>,
    /// Who asked a question that whom answered: (asking kind, answering kind).
    pub couplings: BTreeSet<(&'static str, &'static str)>,
    truth: GroundTruth,
    ranks: Vec<usize>,
    /// The cells' footprints, laid out for rendering.
    tiles: Option<Arc<Tiles>>,
    /// The camera's tables.
    digitiser: Option<Arc<Digitiser>>,
}

/// The cells' activity.
#[derive(Clone, Debug)]
pub struct Activity {
    /// Cells.
    pub n_units: usize,
    /// Frames.
    pub n_frames: usize,
    /// Spike counts `(unit, frame)`; empty without activity.
    pub s: Arc<Vec<u32>>,
    /// Spikes of all cells together.
    pub n_spikes: u64,
    /// The cells with the most spikes, and their clean traces (fluorescence units).
    pub busiest: Vec<(usize, Vec<f64>)>,
}

/// An array of the truth that is computed from the timeline.
#[derive(Debug)]
struct OverTime {
    rank: usize,
    declared: &'static Declared,
    values: fn(&Arc<Timeline>) -> TruthData,
}

/// What the steps are built with.
#[derive(Debug)]
pub struct Builder<'a> {
    spec: &'a Spec,
    optical: OpticalModel,
    canvas: Canvas,
    step: &'static str,
    rank: usize,
    acts: Vec<(&'static str, Act)>,
    truth: Vec<(usize, TruthArray)>,
    cells: Cells,
    observed: Option<Arc<Vec<Patch>>>,
    focal_depth_um: Option<f64>,
    noise: Option<NoiseFloor>,
    transmission_of_tissue: Option<Arc<Map<Tissue>>>,
    timeline: Option<Arc<Timeline>>,
    over_time: Vec<OverTime>,
    couplings: BTreeSet<(&'static str, &'static str)>,
    warnings: Vec<Finding>,
    /// What steps asked for and cannot have.
    errors: Vec<Finding>,
    memo: Option<&'a Memo>,
}

impl<'a> Builder<'a> {
    fn new(spec: &'a Spec, memo: Option<&'a Memo>) -> Self {
        let sensor = &spec.acquisition.image_sensor;
        Self {
            spec,
            optical: OpticalModel::new(&spec.acquisition),
            canvas: Canvas {
                fov: [sensor.n_px_height.get() as usize, sensor.n_px_width.get() as usize],
                margin: 0,
                pixel_um: spec.acquisition.pixel_size_um(),
            },
            step: "",
            rank: 0,
            acts: Vec::new(),
            truth: Vec::new(),
            cells: Cells::default(),
            observed: None,
            focal_depth_um: None,
            noise: None,
            transmission_of_tissue: None,
            timeline: None,
            over_time: Vec::new(),
            couplings: BTreeSet::new(),
            warnings: Vec::new(),
            errors: Vec::new(),
            memo,
        }
    }

    /// The acquisition.
    #[must_use]
    pub fn acquisition(&self) -> &'a Acquisition {
        &self.spec.acquisition
    }

    /// The optics, resolved.
    #[must_use]
    pub fn optical(&self) -> &OpticalModel {
        &self.optical
    }

    /// Frames a second.
    #[must_use]
    pub fn fps(&self) -> f64 {
        self.spec.acquisition.fps.get()
    }

    /// Frames of the recording.
    #[must_use]
    pub fn n_frames(&self) -> usize {
        self.spec.acquisition.n_frames()
    }

    /// Frames of the window on which amplitudes and focus are calibrated.
    #[must_use]
    pub fn calibration_frames(&self) -> usize {
        ((CALIBRATION_S * self.fps()).round_ties_even() as usize).max(1)
    }

    /// The canvas geometry.
    pub fn canvas(&mut self) -> Canvas {
        for step in self.spec.steps.iter().filter(|step| step.margin().is_some()) {
            self.couple(step.kind());
        }
        self.canvas
    }

    /// The address of this step's draws for one purpose.
    #[must_use]
    pub fn key(&self, purpose: &str) -> Key {
        Key::new(self.spec.seed, self.step, purpose)
    }

    /// A part of the scene that is dear to make, from the memo if that has it. `inputs` must print all that the part depends
    /// on besides the seed and the canvas.
    pub fn part<T: Send + Sync + 'static>(
        &self,
        name: &'static str,
        index: usize,
        inputs: &dyn Debug,
        make: impl FnOnce() -> T,
    ) -> Arc<T> {
        self.part_again(name, index, inputs, |_| make())
    }

    /// The same for a part that can use the memory of its stale result: fresh memory costs more than what is written to it.
    pub fn part_again<T: Send + Sync + 'static>(
        &self,
        name: &'static str,
        index: usize,
        inputs: &dyn Debug,
        make: impl FnOnce(Option<T>) -> T,
    ) -> Arc<T> {
        match self.memo {
            Some(memo) => memo.part((name, index), &(self.spec.seed, self.canvas, inputs), make),
            None => Arc::new(make(None)),
        }
    }

    /// A field of the scope over the field of view, as a map for the plan and as the truth; kept like a [`part`](Self::part).
    pub fn scope_field(
        &self,
        name: &'static str,
        inputs: &dyn Debug,
        make: impl FnOnce() -> Vec<f64>,
    ) -> (Arc<Map<Scope>>, Arc<Vec<f64>>) {
        let made = self.part(name, 0, inputs, || {
            let field = make();
            (Arc::new(Map::<Scope>::new(self.canvas.fov, &field)), Arc::new(field))
        });
        (Arc::clone(&made.0), Arc::clone(&made.1))
    }

    /// Adds to the plan, after what the step has added so far.
    pub fn push(&mut self, act: impl Into<Act>) {
        self.acts.push((self.step, act.into()));
    }

    /// Records a declared array of the ground truth. Arrays over units hold all cells of the canvas; those that the field of
    /// view never shows are dropped at the end.
    pub fn record(&mut self, name: &str, shape: &[usize], data: TruthData) {
        let Some(declared) = self.declared(name) else { return };
        let elements = shape.iter().product::<usize>();
        let axes = shape.len() == declared.dims.len()
            && declared.dims.iter().zip(shape).all(|(dim, n)| dim.fixed().is_none_or(|fixed| fixed == *n));
        if !axes || elements != data.len() {
            let dims: Vec<&str> = declared.dims.iter().map(|dim| dim.name()).collect();
            let rule = format!(
                "is declared with the axes ({}), which a shape of {} axes with {} elements does not fit",
                dims.join(", "),
                shape.len(),
                data.len()
            );
            self.refuse(name, &format!("{shape:?}"), rule, "record one length for each axis declared".to_owned());
            return;
        }
        self.truth.push((self.rank, TruthArray { declared, shape: shape.to_vec(), data }));
    }

    /// The step's own declaration of an array; without one the scene is not made.
    fn declared(&mut self, name: &str) -> Option<&'static Declared> {
        let own = steps::declared_by(self.step);
        let found = own.iter().find(|declared| declared.name == name);
        if found.is_none() {
            let named: Vec<&str> = own.iter().map(|declared| declared.name).collect();
            let rule = "is a ground-truth array that the step records without declaring it".to_owned();
            self.refuse(name, "", rule, format!("add it to the step's RECORDS, which are [{}]", named.join(", ")));
        }
        found
    }

    /// Notes that the step asks for what cannot be; the scene is then not made.
    fn refuse(&mut self, name: &str, value: &str, rule: String, remedy: String) {
        let path = if self.step.is_empty() { name.to_owned() } else { format!("steps.{}: {name}", self.step) };
        self.errors.push(Finding::error(path, value, rule, remedy));
    }

    /// Records a declared array, `(unit, frame)`, that is computed from the timeline when somebody asks for it.
    pub fn record_over_time(&mut self, name: &'static str, values: fn(&Arc<Timeline>) -> TruthData) {
        if let Some(declared) = self.declared(name) {
            self.over_time.push(OverTime { rank: self.rank, declared, values });
        }
    }

    /// The cells' traces, spikes and bleaching over time; `None` without activity. Asked for once the cell steps are built.
    pub fn timeline(&mut self) -> Option<Arc<Timeline>> {
        let _ = self.cells();
        if self.timeline.is_none()
            && let Some(traces) = &self.cells.traces
        {
            let parts = Parts {
                activity: Arc::clone(&traces.activity),
                held: traces.held.clone(),
                fading: self.cells.fading.clone(),
                n_units: self.cells.len(),
                n_frames: self.spec.acquisition.n_frames(),
                summed_units: self.cells.units_in_fov(),
            };
            // The activity is kept with the timeline, so that its address stands for it.
            let inputs =
                (Arc::as_ptr(&parts.activity).cast::<()>(), &parts.fading, parts.n_frames, &parts.summed_units);
            let made = self
                .part("timeline", 0, &inputs, || (Arc::clone(&parts.activity), Arc::new(Timeline::new(parts.clone()))));
            self.timeline = Some(Arc::clone(&made.1));
        }
        self.timeline.clone()
    }

    /// Adds a warning about the spec's field `path` (inside this step).
    pub fn warn(&mut self, field: &str, value: String, rule: String, remedy: String) {
        self.warnings.push(Finding::warning(format!("steps.{}.{field}", self.step), value, rule, remedy));
    }

    /// Sets the cells.
    pub fn place(&mut self, cells: Cells) {
        self.cells = cells;
    }

    /// The cells, as far as they are known.
    pub fn cells(&mut self) -> &Cells {
        for by in ["place_neurons", "cell_activity", "bleaching"] {
            self.couple(by);
        }
        &self.cells
    }

    /// The cells, to add what this step knows of them.
    pub fn cells_mut(&mut self) -> &mut Cells {
        let _ = self.cells();
        &mut self.cells
    }

    /// Share of the excitation light that reaches the place (y, x), µm: the product of all factors on that leg but those of
    /// [`excitation_over_time`](Self::excitation_over_time).
    pub fn excitation_at(&mut self, y_um: f64, x_um: f64) -> f64 {
        self.scope_transmission(y_um, x_um, |field, leg| leg == Leg::Excitation && field.even_factors().is_none())
    }

    /// Factor of each frame on the excitation light of all places alike, such as the power of the lamp; `None` where it is steady.
    pub fn excitation_over_time(&mut self) -> Option<Vec<f64>> {
        let mut product: Option<Vec<f64>> = None;
        for (by, act) in &self.acts {
            if let Act::Scope(Op::Multiply(field, Leg::Excitation)) = act
                && let Some(factors) = field.even_factors()
            {
                let product = product.get_or_insert_with(|| vec![1.0; factors.len()]);
                product.iter_mut().zip(factors).for_each(|(p, factor)| *p *= f64::from(*factor));
                self.couplings.insert((self.step, by));
            }
        }
        product
    }

    /// Share of light that the scope leaves of a cell at (y, x), µm, on both legs.
    pub fn scope_transmission_at(&mut self, y_um: f64, x_um: f64) -> f64 {
        self.scope_transmission(y_um, x_um, |_, _| true)
    }

    fn scope_transmission(&mut self, y_um: f64, x_um: f64, counts: impl Fn(&Field<Scope>, Leg) -> bool) -> f64 {
        let [row, col] = self.canvas.fov_px_from_um(y_um, x_um);
        let mut product = 1.0;
        for (by, act) in &self.acts {
            if let Act::Scope(Op::Multiply(field, leg)) = act
                && counts(field, *leg)
            {
                product *= field.expected_at(|map| sample_field_at(&map.data, map.shape, row, col));
                self.couplings.insert((self.step, by));
            }
        }
        product
    }

    /// Says how noisy the sensor is.
    pub fn set_noise_floor(&mut self, noise: NoiseFloor) {
        self.noise = Some(noise);
    }

    /// How noisy the sensor is; `None` without one.
    pub fn noise_floor(&mut self) -> Option<NoiseFloor> {
        self.couple("sensor");
        self.noise
    }

    /// Says what the tissue above the cells lets through.
    pub fn set_tissue_transmission(&mut self, map: Arc<Map<Tissue>>) {
        self.transmission_of_tissue = Some(map);
    }

    /// Depth of the focal plane on the axis (µm): the user's number, else the plane with the highest yield of detectable
    /// cells, else (no sensor or no activity) the median of the cells' effective depths. Only cells of the field of view
    /// count, so that motion does not refocus.
    pub fn focal_depth_um(&mut self) -> f64 {
        if let Auto::Value(depth) = self.spec.acquisition.focal_depth_in_tissue_um {
            return depth.get();
        }
        if let Some(depth) = self.focal_depth_um {
            self.couple("optics");
            return depth;
        }
        let noise = self.noise_floor();
        let _ = self.cells();
        let voters = self.cells.units_in_fov();
        let fields: Vec<f64> = voters
            .iter()
            .map(|i| {
                let [_, y, x] = self.cells.centers_um[*i];
                self.scope_transmission_at(y, x)
            })
            .collect();
        let by_yield = match (noise, &self.cells.traces) {
            // The search by yield belongs to the optics step; without it only geometry counts.
            (Some(noise), Some(traces)) if self.step == steps::CellOptics::KIND => {
                let voters: Vec<Voter> = voters
                    .iter()
                    .zip(&fields)
                    .map(|(i, field)| {
                        let [low, high] = traces.calibration_range[*i];
                        Voter {
                            center_um: self.cells.centers_um[*i],
                            peak_dff: high - low,
                            baseline: low,
                            field: *field,
                        }
                    })
                    .collect();
                best_yield_depth_um(&self.optical, &voters, noise)
            }
            _ => None,
        };
        by_yield.unwrap_or_else(|| {
            median_effective_depth_um(&self.optical, voters.iter().map(|i| self.cells.centers_um[*i]))
        })
    }

    /// Fixes the focal plane, for all who ask later and for the ground truth.
    pub fn set_focal_depth_um(&mut self, depth: f64) {
        self.focal_depth_um = Some(depth);
    }

    /// Footprints as the sensor would see them were the tissue still: blurred and dimmed where the optics step ran, else
    /// planted. Canvas coordinates.
    pub fn observed_footprints(&mut self) -> Arc<Vec<Patch>> {
        let _ = self.cells();
        self.couple("optics");
        if let Some(done) = &self.observed {
            return Arc::clone(done);
        }
        let canvas = self.canvas.shape();
        let planted = &self.cells.planted;
        let observed = match &self.cells.spread {
            None => Arc::clone(planted),
            Some(spread) => {
                // The sharp footprints are kept with the blurred ones, so that their address stands for them.
                let made = self.part("observed footprints", 0, &(Arc::as_ptr(planted), spread), || {
                    let blur = |(patch, s): (&Patch, &PointSpread)| {
                        degrade_footprint(patch, s.sigma_px, s.footprint_gain, canvas)
                    };
                    (Arc::clone(planted), Arc::new(planted.par_iter().zip(spread).map(blur).collect::<Vec<Patch>>()))
                });
                Arc::clone(&made.1)
            }
        };
        self.observed = Some(Arc::clone(&observed));
        observed
    }

    /// Notes that the current step's result depends on the step `by`, if that is another step of the spec.
    fn couple(&mut self, by: &'static str) {
        if by != self.step && self.spec.steps.iter().any(|s| s.kind() == by) {
            self.couplings.insert((self.step, by));
        }
    }
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

    /// The same scene, made with the parts of the scene before that are still right. The memo keeps this one's.
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
        for domain in [Domain::Motion, Domain::Sensor, Domain::Cell, Domain::Tissue] {
            for step in spec.steps.iter().filter(|s| s.domain() == domain) {
                (b.step, b.rank) = (step.kind(), step.rank());
                step.build(&mut b);
            }
        }
        (b.step, b.rank) = ("", 0);
        record_visibility(&mut b);
        b.freeze()
    }

    /// The activity of a spec's cells, without the rest of the scene: all spikes, and the traces of the `n_busiest` busiest
    /// ones. Steps that come after the cells do not matter.
    ///
    /// # Errors
    /// As [`Scene::new`].
    pub fn activity(spec: &Spec, memo: &Memo, n_busiest: usize) -> Result<Activity, Report> {
        spec.cost().check_simulable(spec)?;
        let mut b = Builder::new(spec, Some(memo));
        if let Some(step) = spec.step::<steps::PlaceNeurons>() {
            (b.step, b.rank) = (steps::PlaceNeurons::KIND, steps::rank_of(steps::PlaceNeurons::KIND));
            step.build(&mut b);
        }
        let (n_units, n_frames) = (b.cells.len(), spec.acquisition.n_frames());
        match spec.step::<steps::CellActivity>() {
            Some(step) => {
                (b.step, b.rank) = (steps::CellActivity::KIND, steps::rank_of(steps::CellActivity::KIND));
                Ok(step.preview(&mut b, n_busiest))
            }
            None => Ok(Activity { n_units, n_frames, s: Arc::default(), n_spikes: 0, busiest: vec![] }),
        }
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

    /// What the steps recorded of the truth, without a copy; arrays of steps that are absent are missing.
    #[must_use]
    pub fn recorded(&self) -> &GroundTruth {
        &self.truth
    }

    /// The ground truth of a run that stops after the step of rank `until` (all steps if `None`): arrays of later steps are
    /// absent. What the steps have *answered* (focus, detectability) does not depend on where the run stops.
    #[must_use]
    pub fn ground_truth(&self, until: Option<usize>) -> GroundTruth {
        let arrays = self.truth.arrays.iter().zip(&self.ranks);
        let kept = arrays.filter(|(_, rank)| until.is_none_or(|u| **rank <= u)).map(|(a, _)| a.clone()).collect();
        self.completed(kept, self.truth.planted.clone(), until)
    }

    /// The same without a copy, when the scene is no longer needed.
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
        let optics_ran =
            |k: &steps::AnyStep| k.kind() == steps::CellOptics::KIND && until.is_none_or(|u| k.rank() <= u);
        let focal_depth_um = self.truth.focal_depth_um.filter(|_| self.spec.steps.iter().any(optics_ran));
        let mut truth = GroundTruth { planted, focal_depth_um, arrays };
        let (n_units, [height, width]) = (truth.n_units(), self.canvas.fov);
        let length = |dim: &Dim| match dim {
            Dim::Unit => n_units,
            Dim::Frame => self.n_frames,
            Dim::Height => height,
            Dim::Width => width,
            // Nobody made any.
            Dim::Component => 0,
            Dim::Zyx | Dim::Yx => dim.fixed().unwrap_or_default(),
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

/// Which cells are in focus and which stand out of the noise: what depends on all other answers.
fn record_visibility(b: &mut Builder<'_>) {
    let n = b.cells.len();
    let in_focus: Vec<bool> = match &b.cells.spread {
        None => vec![true; n],
        Some(_) => {
            let focal = b.focal_depth_um.unwrap_or_default();
            let dof = b.optical.depth_of_field_um;
            let centers = b.cells.centers_um.iter();
            centers.map(|c| (c[0] - b.optical.local_focal_depth_um(*c, focal)).abs() <= dof).collect()
        }
    };
    let centers = b.cells.centers_um.clone();
    let timeline = b.timeline();
    let snr: Option<Vec<f64>> = b.noise.map(|noise| {
        let fields: Vec<f64> = centers.iter().map(|c| b.scope_transmission_at(c[1], c[2])).collect();
        (0..n)
            .map(|i| {
                let Some(timeline) = &timeline else { return 0.0 };
                let [low, high] = timeline.ranges()[i];
                let peak = b.cells.spread.as_ref().map_or(1.0, |s| s[i].peak_brightness);
                let [row, col] = b.canvas.fov_px_from_um(centers[i][1], centers[i][2]);
                let margin = b.canvas.margin as f64;
                let vessels = b.transmission_of_tissue.as_ref().map_or(1.0, |map| {
                    let inside = |v: f64, n: usize| v.round_ties_even().clamp(0.0, n as f64 - 1.0) + margin;
                    sample_field_at(&map.data, map.shape, inside(row, b.canvas.fov[0]), inside(col, b.canvas.fov[1]))
                });
                let gain_e = peak * fields[i] * vessels * noise.electrons_per_unit;
                detection_snr(high - low, low, gain_e, noise.read_noise_e)
            })
            .collect()
    });
    let detectable = match (&timeline, &snr) {
        (None, _) => vec![false; n],
        (Some(_), Some(snr)) => snr.iter().map(|s| *s >= DETECT_SNR_THRESHOLD).collect(),
        (Some(_), None) => in_focus.clone(),
    };
    // Focus belongs to the optics, so it goes with that step; detectability to the whole chain.
    b.rank = steps::rank_of(steps::CellOptics::KIND);
    b.record("in_focus", &[n], TruthData::Bool(in_focus));
    b.rank = steps::rank_of(steps::CellActivity::KIND);
    b.record("detectable", &[n], TruthData::Bool(detectable));
    if let Some(snr) = snr {
        b.record("peak_snr", &[n], TruthData::F64(snr.into()));
    }
}

impl Builder<'_> {
    fn freeze(mut self) -> Result<Scene, Report> {
        if !self.errors.is_empty() {
            return Err(Report { findings: self.errors });
        }
        let n_frames = self.spec.acquisition.n_frames();
        let mut acts = std::mem::take(&mut self.acts);
        let asked = self.spec.steps.iter().filter_map(|step| {
            let of_step = acts.extract_if(.., |(kind, _)| *kind == step.kind()).map(|(_, act)| act).collect::<Vec<_>>();
            let in_scope = match step.domain() {
                // The cell steps have no movie; what they ask for all the same comes too early, and is seen there.
                Domain::Cell if of_step.is_empty() => return None,
                Domain::Cell | Domain::Tissue => false,
                Domain::Motion | Domain::Sensor => true,
            };
            Some(Asked { kind: step.kind(), stage: step.stage(), rank: step.rank(), in_scope, acts: of_step })
        });
        let sizes = Sizes { canvas: self.canvas.shape(), fov: self.canvas.fov, n_frames };
        let plan = Plan::new(asked.collect(), sizes)?;
        let tiles = plan.cells.as_ref().map(|cells| {
            let patches = &cells.patches;
            let made = self.part("tiles", 0, &Arc::as_ptr(patches), || {
                (Arc::clone(patches), Arc::new(Tiles::new(self.canvas.shape(), patches)))
            });
            Arc::clone(&made.1)
        });
        let digitiser =
            plan.camera.map(|camera| self.part("camera", 0, &camera, || Digitiser::new(camera.model, camera.key)));
        let stack = FootprintStack {
            canvas_shape: self.canvas.shape(),
            fov_offset: [self.canvas.margin; 2],
            fov_shape: self.canvas.fov,
            patches: Vec::new(),
        };
        // Cells whose footprint lies wholly in the margin emit light, but no analysis could find them.
        let shown: Vec<bool> = self.cells.planted.iter().map(|p| !stack.in_fov(p).is_dark()).collect();
        let planted = FootprintStack {
            patches: self.cells.planted.iter().zip(&shown).filter(|(_, s)| **s).map(|(p, _)| p.clone()).collect(),
            ..stack
        };
        let (mut ranks, mut arrays) = (Vec::new(), Vec::new());
        let mut truth = self.truth;
        if let Some(timeline) = &self.timeline {
            let shape = [self.cells.len(), n_frames];
            truth.extend(self.over_time.iter().map(|OverTime { rank, declared, values }| {
                (*rank, TruthArray { declared, shape: shape.to_vec(), data: values(timeline) })
            }));
        }
        for (rank, array) in truth {
            ranks.push(rank);
            arrays.push(if array.declared.dims.first() == Some(&Dim::Unit) { array.with_units(&shown) } else { array });
        }
        Ok(Scene {
            n_frames,
            spec: self.spec.clone(),
            canvas: self.canvas,
            plan,
            warnings: self.warnings,
            couplings: self.couplings,
            truth: GroundTruth { planted, focal_depth_um: self.focal_depth_um, arrays },
            ranks,
            tiles,
            digitiser,
        })
    }
}
