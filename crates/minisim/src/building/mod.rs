//! What the steps are built with: the builder, and the physical questions that it answers.
//!
//! Steps are built in the order of dependency (motion and scope first, then the specimen) and rendered in the order of
//! light. A step never looks another up: it asks the builder a physical question. The builder notes who asked what of whom,
//! so that tests know which effects are coupled without a list kept by hand.

mod focus;

use std::{cell::RefCell, collections::BTreeSet, fmt::Debug, sync::Arc};

use rayon::prelude::*;

use crate::{
    cells::Cells,
    fields::finding::Finding,
    footprint::Patch,
    memo::Memo,
    physics::{
        blur::Ellipse,
        detection::{NoiseFloor, sample_field_at},
        locomotion::{Locomotion, STRIDE_HZ},
        optics::{OpticalModel, PointSpread},
    },
    plan::{Act, Canvas, Field, Leg, Map, Op, Scope, Tissue},
    rng::Key,
    spec::{Acquisition, Spec},
    steps::{self, AnyStep, Step},
    timeline::{Parts, Timeline, sum_of_traces},
    truth::{Declared, TruthArray, TruthData},
};

/// Seconds over which motion amplitude and auto focus are calibrated, whatever the duration, so that a longer recording of
/// the same spec begins with the same frames.
pub const CALIBRATION_S: f64 = 60.0;

/// An array of the truth that is computed from the timeline.
#[derive(Debug)]
pub(crate) struct OverTime {
    pub(crate) rank: usize,
    pub(crate) declared: &'static Declared,
    pub(crate) values: fn(&Arc<Timeline>) -> TruthData,
}

/// What steps ask and others have answered, where the answer is not in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Which cells there are, and what they do.
    Cells,
    /// How far each cell's light is spread.
    Spread,
    /// Where the focal plane lies.
    Focus,
    /// How noisy the sensor is.
    Noise,
    /// What the tissue above the cells lets through.
    Transmission,
    /// The rhythm that the animal moves in.
    Locomotion,
    /// How deep the focal surface lies over time.
    AxialShift,
}

/// What the steps are built with.
#[derive(Debug)]
pub struct Builder<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) optical: OpticalModel,
    pub(crate) canvas: Canvas,
    pub(crate) step: &'static str,
    pub(crate) rank: usize,
    pub(crate) acts: Vec<(&'static str, Act)>,
    pub(crate) truth: Vec<(usize, TruthArray)>,
    pub(crate) cells: Cells,
    pub(crate) observed: Option<Arc<Vec<Patch>>>,
    pub(crate) focal_depth_um: Option<f64>,
    pub(crate) noise: Option<NoiseFloor>,
    pub(crate) locomotion: Option<Locomotion>,
    pub(crate) axial_shift_um: Option<Arc<Vec<f64>>>,
    pub(crate) transmission_of_tissue: Option<Arc<Map<Tissue>>>,
    pub(crate) timeline: Option<Arc<Timeline>>,
    pub(crate) over_time: Vec<OverTime>,
    /// Who answered which question.
    answers: Vec<(Question, &'static str)>,
    /// Who asked a question that whom answered; noted while they ask.
    pub(crate) couplings: RefCell<BTreeSet<(&'static str, &'static str)>>,
    pub(crate) warnings: Vec<Finding>,
    /// What steps asked for and cannot have.
    pub(crate) errors: Vec<Finding>,
    pub(crate) memo: Option<&'a Memo>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(spec: &'a Spec, memo: Option<&'a Memo>) -> Self {
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
            locomotion: None,
            axial_shift_um: None,
            transmission_of_tissue: None,
            timeline: None,
            over_time: Vec::new(),
            answers: Vec::new(),
            couplings: RefCell::default(),
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

    /// The canvas geometry. Its margin depends on the steps that move the tissue, which is no coupling: a margin adds pixels and
    /// changes none.
    #[must_use]
    pub fn canvas(&self) -> Canvas {
        self.canvas
    }

    /// The seed of the recording, for what a step draws with addresses of its own.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.spec.seed
    }

    /// The address of this step's draws for one purpose.
    #[must_use]
    pub fn key(&self, purpose: &str) -> Key {
        Key::new(self.spec.seed, self.step, purpose)
    }

    /// A part of the scene that is expensive to make, from the memo if that has it. `inputs` must print all that the part depends
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

    /// A [`part`](Self::part) that can use the memory of its stale result: fresh memory costs more than what is written to it.
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

    /// Records an array that every recording has, as known once the step `kind` has run.
    pub(crate) fn record_with(&mut self, kind: &str, name: &str, shape: &[usize], data: TruthData) {
        self.rank = steps::rank_of(kind);
        self.record(name, shape, data);
        self.rank = 0;
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

    /// Refuses the step's field `field`, for what only the whole scene shows; the scene is then not made.
    pub fn refuse_field(&mut self, field: &str, value: String, rule: String, remedy: String) {
        self.errors.push(Finding::error(format!("steps.{}.{field}", self.step), value, rule, remedy));
    }

    /// Records a declared array, `(unit, frame)`, that is computed from the timeline when somebody asks for it.
    pub fn record_over_time(&mut self, name: &'static str, values: fn(&Arc<Timeline>) -> TruthData) {
        if let Some(declared) = self.declared(name) {
            self.over_time.push(OverTime { rank: self.rank, declared, values });
        }
    }

    /// The cells' traces, spikes and bleaching over time; `None` without activity. Asked for once the cell steps are built.
    pub fn timeline(&mut self) -> Option<Arc<Timeline>> {
        self.ask(Question::Cells);
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

    /// The summed trace of the cells in the field of view, divided by its expected mean, in all frames of the recording and of the
    /// window that amplitudes are calibrated on, whichever is longer; `None` without activity.
    pub fn population_activity(&mut self) -> Option<Vec<f64>> {
        let timeline = self.timeline()?;
        let n_window = self.calibration_frames();
        let units = self.cells.units_in_fov();
        let traces = self.cells.traces.as_ref()?;
        let expected = units.iter().fold(0.0, |sum, i| sum + traces.expected[*i]);
        if expected <= 0.0 {
            return None;
        }
        let mut activity = timeline.summed_traces().to_vec();
        if activity.len() < n_window {
            let inputs = (Arc::as_ptr(&traces.activity).cast::<()>(), &units, n_window);
            let window = self.part("population activity", 0, &inputs, || {
                (Arc::clone(&traces.activity), sum_of_traces(traces.activity.as_ref(), &units, n_window))
            });
            activity.clone_from(&window.1);
        }
        activity.iter_mut().for_each(|v| *v /= expected);
        Some(activity)
    }

    /// Adds a warning about the spec's field `path` (inside this step).
    pub fn warn(&mut self, field: &str, value: String, rule: String, remedy: String) {
        self.warnings.push(Finding::warning(format!("steps.{}.{field}", self.step), value, rule, remedy));
    }

    /// Sets the cells.
    pub fn place(&mut self, cells: Cells) {
        self.answer(Question::Cells);
        self.cells = cells;
    }

    /// The cells, as far as they are known.
    #[must_use]
    pub fn cells(&self) -> &Cells {
        self.ask(Question::Cells);
        &self.cells
    }

    /// The cells, to add what this step knows of them.
    pub fn cells_mut(&mut self) -> &mut Cells {
        self.ask(Question::Cells);
        self.answer(Question::Cells);
        &mut self.cells
    }

    /// Says how far each cell's light is spread.
    pub fn set_spread(&mut self, spread: Vec<PointSpread>) {
        self.answer(Question::Spread);
        self.cells.spread = Some(spread);
    }

    /// Says how each cell's light is spread that comes through the lens at an angle, on top of the round blur; what is spread has a
    /// lower peak.
    pub fn set_aberration(&mut self, aberration: Vec<Ellipse>) {
        self.ask(Question::Spread);
        self.answer(Question::Spread);
        if let Some(spread) = &mut self.cells.spread {
            for (spread, ellipse) in spread.iter_mut().zip(&aberration) {
                spread.peak_brightness *= ellipse.dims(spread.sigma_px);
            }
        }
        self.cells.aberration = Some(aberration);
    }

    /// Share of the excitation light that reaches the place (y, x), µm: the product of all factors on that leg but those of
    /// [`excitation_over_time`](Self::excitation_over_time).
    #[must_use]
    pub fn excitation_at(&self, y_um: f64, x_um: f64) -> f64 {
        self.scope_transmission(y_um, x_um, |field, leg| leg == Leg::Excitation && field.even_factors().is_none())
    }

    /// Factor of each frame on the excitation light of all places alike, such as the power of the lamp; `None` where it is steady.
    #[must_use]
    pub fn excitation_over_time(&self) -> Option<Vec<f64>> {
        let mut product: Option<Vec<f64>> = None;
        for (by, act) in &self.acts {
            if let Act::Scope(Op::Multiply(field, Leg::Excitation)) = act
                && let Some(factors) = field.even_factors()
            {
                let product = product.get_or_insert_with(|| vec![1.0; factors.len()]);
                product.iter_mut().zip(factors).for_each(|(p, factor)| *p *= f64::from(*factor));
                self.couple(by);
            }
        }
        product
    }

    /// Share of light that the scope leaves of a cell at (y, x), µm, on both legs.
    #[must_use]
    pub fn scope_transmission_at(&self, y_um: f64, x_um: f64) -> f64 {
        self.scope_transmission(y_um, x_um, |_, _| true)
    }

    fn scope_transmission(&self, y_um: f64, x_um: f64, counts: impl Fn(&Field<Scope>, Leg) -> bool) -> f64 {
        let [row, col] = self.canvas.fov_px_from_um(y_um, x_um);
        let mut product = 1.0;
        for (by, act) in &self.acts {
            if let Act::Scope(Op::Multiply(field, leg)) = act
                && counts(field, *leg)
            {
                product *= field.expected_at(|map| sample_field_at(&map.data, map.shape, row, col));
                self.couple(by);
            }
        }
        product
    }

    /// Says which rhythm the animal moves in.
    pub fn set_locomotion(&mut self, locomotion: Locomotion) {
        self.answer(Question::Locomotion);
        self.locomotion = Some(locomotion);
    }

    /// The rhythm that the animal moves in: that of the brain's motion where that has one, else the one that it would have by
    /// default. All who ask move together.
    #[must_use]
    pub fn locomotion(&self) -> Locomotion {
        self.locomotion_of_brain().unwrap_or_else(|| {
            let key = Key::new(self.spec.seed, steps::BrainMotion::KIND, "stride");
            Locomotion { key, frequency_hz: STRIDE_HZ }
        })
    }

    /// The rhythm of the brain's motion; `None` where it has none.
    #[must_use]
    pub fn locomotion_of_brain(&self) -> Option<Locomotion> {
        self.ask(Question::Locomotion);
        self.locomotion
    }

    /// Says how noisy the sensor is.
    pub fn set_noise_floor(&mut self, noise: NoiseFloor) {
        self.answer(Question::Noise);
        self.noise = Some(noise);
    }

    /// How noisy the sensor is; `None` without one.
    #[must_use]
    pub fn noise_floor(&self) -> Option<NoiseFloor> {
        self.ask(Question::Noise);
        self.noise
    }

    /// Says what the tissue above the cells lets through.
    pub fn set_tissue_transmission(&mut self, map: Arc<Map<Tissue>>) {
        self.answer(Question::Transmission);
        self.transmission_of_tissue = Some(map);
    }

    /// What the tissue above the cells lets through; `None` where it takes nothing.
    #[must_use]
    pub fn tissue_transmission(&self) -> Option<Arc<Map<Tissue>>> {
        self.ask(Question::Transmission);
        self.transmission_of_tissue.clone()
    }

    /// Footprints as the sensor would see them were the tissue still: blurred and dimmed where the optics step ran, else
    /// planted. Canvas coordinates.
    pub fn observed_footprints(&mut self) -> Arc<Vec<Patch>> {
        self.ask(Question::Cells);
        self.ask(Question::Spread);
        if let Some(done) = &self.observed {
            return Arc::clone(done);
        }
        let canvas = self.canvas.shape();
        let planted = &self.cells.planted;
        let cells = &self.cells;
        let observed = if cells.spread.is_none() && cells.aberration.is_none() {
            Arc::clone(planted)
        } else {
            // The sharp footprints are kept with the blurred ones, so that their address stands for them.
            let inputs = (Arc::as_ptr(planted), &cells.spread, &cells.aberration);
            let made = self.part("observed footprints", 0, &inputs, || {
                let blur = |unit: usize| match &cells.spread {
                    Some(spread) => cells.degraded(unit, spread[unit].sigma_px, spread[unit].footprint_gain, canvas),
                    None => cells.degraded(unit, 0.0, 1.0, canvas),
                };
                (Arc::clone(planted), Arc::new((0..planted.len()).into_par_iter().map(blur).collect::<Vec<Patch>>()))
            });
            Arc::clone(&made.1)
        };
        self.observed = Some(Arc::clone(&observed));
        observed
    }

    /// From now on it is `step` that builds.
    pub(crate) fn enter(&mut self, step: &AnyStep) {
        (self.step, self.rank) = (step.kind(), step.rank());
    }

    /// From now on it is nobody in particular that builds.
    pub(crate) fn leave(&mut self) {
        (self.step, self.rank) = ("", 0);
    }

    /// Notes that the step that is being built answers a question.
    pub(super) fn answer(&mut self, question: Question) {
        self.answers.push((question, self.step));
    }

    /// Notes that the step that is being built depends on those that have answered a question.
    pub(super) fn ask(&self, question: Question) {
        self.answers.iter().filter(|(answered, _)| *answered == question).for_each(|(_, by)| self.couple(by));
    }

    /// Notes that the step that is being built depends on the step `by`, if that is another one.
    fn couple(&self, by: &'static str) {
        if by != self.step {
            self.couplings.borrow_mut().insert((self.step, by));
        }
    }
}
