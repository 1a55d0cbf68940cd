//! Blood that comes and goes in the tissue's light.
//!
//! # What it models
//! Haemoglobin absorbs the excitation and the emission, and its amount changes: capillaries and vessels fill and empty with
//! vasomotion, with the heart, with the cells' activity and with running. One-photon films show it as slow dark waves over the field
//! and as vessels that breathe; analyses take it for negative transients.
//!
//! # Model
//! `movie *= 1 - Σ_k M_k(y, x) h_k(t)` with `M_k = w_k (depth_rms * g_k + dilation_rms * OD)`, the first order of
//! `exp(-Σ_k M_k h_k)`. `g_k` is the density of a capillary bed: `1 + 0.4 n`, at least 0, with n smooth noise of unit variance and
//! width `bed_sigma_um`, scaled to unit RMS over the field of view. `OD = -ln(transmission)` is the optical density of the vessels, if
//! there are any: a vessel's path through blood is as long as the vessel is wide, so `d ln OD / d ln r = 1`. Where Σ M_k h_k could
//! otherwise reach 1, OD is held at the largest value at which it cannot. `w_k` are the weights of the causes divided by the root of the
//! sum of their squares, whether or not the causes are there. The courses, each at most three RMS from 0:
//! - vasomotion: `a cos ωt + b sin ωt` at `vasomotion_hz` with a and b Ornstein-Uhlenbeck processes of 0.8 periods;
//! - heartbeat: `√2 sin φ`, averaged over the exposure of 1/fps, so that it aliases as in a real film. Its rate wanders about
//!   `heartbeat_hz` by 0.5 Hz (standard deviation) within 5 s;
//! - activity: the summed trace of the cells in the field of view, convolved with `s² exp(-2 s / response_peak_s)`, which peaks after
//!   `response_peak_s`; absent without activity;
//! - running: the pace of the brain's stride, convolved likewise; absent where the brain has no stride.
//!
//! All but the heartbeat have mean 0 and RMS 1 over the first 60 s. At the defaults the first order misses less than 0.1 % of the light on
//! average over frames, and less than 0.5 % in the most extreme frame of a minute, nearly all of it in the darkest vessels.
//!
//! # Sources
//! Haemodynamic contamination of widefield fluorescence: Ma et al., Phil. Trans. R. Soc. B 371:20150360 (2016); Valley et al., J.
//! Neurophysiol. 123:356 (2020). It differs from place to place, and is a tenth of GCaMP6f's transients where GFP, which does not follow
//! activity, is imaged with two photons: Yogesh et al., eLife 14:104914 (2025). Vasomotion of arterioles at 0.1 Hz, entrained by activity:
//! Mateo et al., Neuron 96:936 (2017). Arterioles of awake mice pulse at 9.7 to 12.7 Hz: Sci. Rep. 15, doi:10.1038/s41598-025-20221-4
//! (2025). A gamma function for the response of blood volume to activity: Winder et al., Nat. Neurosci. 20:1761 (2017). Conventions: its
//! peak after 1.5 s, the depths of 1 % and 4 % RMS, the weights of the causes, the density of the bed.
//!
//! # Leaves out
//! Waves that travel along vessels, delays between arteries and veins, the colours of oxygenated and other haemoglobin, harmonics of the
//! pulse, absorption that depends on a cell's depth, and what the displacement by wider vessels does to the tissue. Bleaching does not
//! feel the blood.
//!
//! # Records
//! `blood_maps`, `blood_courses`, `vessel_dilation`.

use std::{
    f64::consts::{SQRT_2, TAU},
    sync::Arc,
};

use super::{Domain, Part, Quantity, Step};
use crate::{
    building::Builder,
    math,
    physics::{
        locomotion::{Locomotion, steps_of_frame},
        lowpass::UnitOu,
        noise::{Lattice, smooth_noise},
    },
    plan::{Canvas, Component, Course, Field, Leg, Map, Op, Spread, Tissue},
    rng::Key,
    spec::{Acquisition, Checker, Extent, Needs, NonNegative, Positive, record::record},
    truth::{Declared, Dim, GroundTruth, Stored, TruthData},
};

/// Standard deviation of the bed's density, relative to its mean.
const BED_CONTRAST: f64 = 0.4;
/// The largest density of the bed, in units of its RMS.
const DENSEST: f64 = 3.0;
/// How far a course may be from 0, in units of its RMS.
const FARTHEST: f64 = 3.0;
/// The largest share of light that may be missing, by the linear factor.
const LARGEST_LOSS: f64 = 0.95;
/// The largest amplitudes for which the factor is that of small changes.
const MAX_DEPTH_RMS: f64 = 0.05;
const MAX_DILATION_RMS: f64 = 0.1;
/// Memory of vasomotion, in its periods: a band of 0.4 times its frequency.
const VASOMOTION_PERIODS: f64 = 0.8;
/// How far the heart's rate wanders (Hz), and within what time (s).
const HEART_WANDER_HZ: f64 = 0.5;
const HEART_WANDER_TAU_S: f64 = 5.0;

record! {
    /// Lets blood fill and empty the tissue.
    pub struct Haemodynamics: step, panel("anatomy", "Blood", 7), since("0.2") {
        /// Share of light that the blood of the capillary bed takes and gives back, RMS over the field of view and over time.
        depth_rms: NonNegative = 0.01, "", slider(0.0, 0.05, 0.002), label("Bed depth");
        /// Change of the vessels' radius relative to its mean, RMS over time.
        dilation_rms: NonNegative = 0.04, "", slider(0.0, 0.1, 0.005), label("Vessel dilation");
        /// Low-pass σ of the capillary bed: the size of its denser and sparser patches.
        bed_sigma_um: Positive = 60.0, "µm";
        /// Weight of vasomotion among the causes.
        vasomotion: NonNegative = 1.0, "", slider(0.0, 2.0, 0.1), label("Vasomotion");
        /// Weight of the heartbeat, before exposures average it.
        heartbeat: NonNegative = 0.4, "", slider(0.0, 2.0, 0.1), label("Heartbeat");
        /// Weight of the response to the cells' activity.
        activity: NonNegative = 0.8, "", slider(0.0, 2.0, 0.1), label("Response to activity");
        /// Weight of the response to running.
        running: NonNegative = 0.4, "", slider(0.0, 2.0, 0.1), label("Response to running");
        /// Centre of vasomotion's band.
        vasomotion_hz: Positive = 0.1, "Hz";
        /// Mean heart rate.
        heartbeat_hz: Positive = 11.0, "Hz", slider(5.0, 14.0, 0.1), label("Heart rate");
        /// Time after which the blood's response to activity and running is largest.
        response_peak_s: Positive = 1.5, "s", slider(0.5, 5.0, 0.1), label("Response time");
    }
}

/// Why blood comes and goes, in the order of the truth's components. What may be absent comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Vasomotion,
    Heartbeat,
    Activity,
    Running,
}

const CAUSES: [Cause; 4] = [Cause::Vasomotion, Cause::Heartbeat, Cause::Activity, Cause::Running];

impl Step for Haemodynamics {
    const KIND: &'static str = "haemodynamics";
    const DOMAIN: Domain = Domain::Tissue;
    const PART: Part = Part::Background;
    const RECORDS: &'static [Declared] = &[
        Declared {
            name: "blood_maps",
            dims: &[Dim::Blood, Dim::Height, Dim::Width],
            unit: "",
            doc: "Share of light that blood takes per unit of each course, over the field of view at rest: vasomotion, heartbeat, \
                  activity, running, of those that are there. A frame's factor is 1 minus the sum of maps times courses.",
            stored: Stored::Extra,
        },
        Declared {
            name: "blood_courses",
            dims: &[Dim::Blood, Dim::Frame],
            unit: "",
            doc: "Course of each component of the blood; more than 0 is darker.",
            stored: Stored::Extra,
        },
        Declared {
            name: "vessel_dilation",
            dims: &[Dim::Blood],
            unit: "",
            doc: "Change of the vessels' radius relative to its mean, per unit of each course; absent without vessels.",
            stored: Stored::Extra,
        },
    ];

    fn example() -> Self {
        Self { depth_rms: NonNegative::lit(0.04), dilation_rms: NonNegative::lit(0.08), ..Self::default() }
    }

    fn cost(&self, extent: &Extent) -> Needs {
        let one = Needs::map(extent.canvas_px, extent.fov_px) + Needs::course(extent.n_frames);
        let shown = Needs { map_bytes: 8.0 * extent.fov_px, ..Needs::default() };
        // All beds and the vessels' optical density are held in double precision while the maps are made.
        let made = Needs { map_bytes: 8.0 * extent.canvas_px, ..Needs::default() };
        (one + shown) * CAUSES.len() as f64 + made
    }

    fn check(&self, cx: &mut Checker<'_>) {
        let amplitudes =
            [("depth_rms", self.depth_rms, MAX_DEPTH_RMS), ("dilation_rms", self.dilation_rms, MAX_DILATION_RMS)];
        for (field, value, most) in amplitudes.map(|(field, value, most)| (field, value.get(), most)) {
            if value > most {
                let rule = format!("must be at most {most}: the blood's factor holds to first order in small changes only");
                cx.error(field, format!("{value:?}"), rule, "lower it; real tissue shows about a quarter of that");
            }
        }
        if CAUSES.iter().all(|cause| self.given_weight(*cause) == 0.0) {
            cx.warn(
                "vasomotion",
                "0.0",
                "all four weights are 0, so no blood comes and goes",
                "give one a weight, or leave the step out",
            );
        }
    }

    fn strength(&self, truth: &GroundTruth, _: &Acquisition) -> Vec<Quantity> {
        let (Some(maps), Some(courses)) = (truth.array("blood_maps"), truth.array("blood_courses")) else {
            return Vec::new();
        };
        let rms = |weights: &dyn Fn(usize, usize) -> f64| {
            let n = courses.shape.first().copied().unwrap_or(0);
            let course = |k: usize| courses.data.range_f64(courses.row(k));
            let courses: Vec<Vec<f64>> = (0..n).map(course).collect();
            let pairs = (0..n).flat_map(|k| (0..n).map(move |l| (k, l)));
            pairs.map(|(k, l)| weights(k, l) * mean_product(&courses[k], &courses[l])).sum::<f64>().max(0.0).sqrt()
        };
        let map = |k: usize| maps.data.range_f64(maps.row(k));
        let maps: Vec<Vec<f64>> = (0..maps.shape.first().copied().unwrap_or(0)).map(map).collect();
        let product = |k: usize, l: usize| maps.get(k).zip(maps.get(l)).map_or(0.0, |(a, b)| mean_product(a, b));
        let mut found = vec![Quantity { what: "share of light RMS", value: 100.0 * rms(&product), unit: "%" }];
        if let Some(dilation) = truth.f64s("vessel_dilation") {
            let product = |k: usize, l: usize| dilation.get(k).zip(dilation.get(l)).map_or(0.0, |(a, b)| a * b);
            found.push(Quantity { what: "vessels' radius RMS", value: 100.0 * rms(&product), unit: "%" });
        }
        found
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let n_frames = scene.n_frames();
        let canvas = scene.canvas();
        let courses: Vec<(Cause, Vec<f64>)> = CAUSES
            .into_iter()
            .filter(|cause| self.weight(*cause) > 0.0)
            .filter_map(|cause| Some((cause, self.course(cause, scene)?)))
            .collect();
        if courses.is_empty() {
            return;
        }
        let causes: Vec<Cause> = courses.iter().map(|(cause, _)| *cause).collect();
        let key = scene.key("bed");
        let sigma_um = self.bed_sigma_um.get();
        let bed = |cause: Cause| scene.part("capillary bed", cause as usize, &sigma_um, || bed(key, cause, canvas, sigma_um));
        let beds: Vec<Arc<Vec<f64>>> = causes.iter().map(|cause| bed(*cause)).collect();
        let vessels = scene.tissue_transmission();
        let inputs = (self, &causes, vessels.as_ref().map(Arc::as_ptr));
        let made = scene.part("blood", 0, &inputs, || {
            let optical_density = vessels.as_deref().map(|map| self.optical_density(map));
            let map = |(cause, bed): (&Cause, &Arc<Vec<f64>>)| {
                let [depth, dilation] = [self.depth_rms, self.dilation_rms].map(|rms| self.weight(*cause) * rms.get());
                let vessels = |i: usize| optical_density.as_ref().map_or(0.0, |od| od[i]);
                Arc::new(Map::<Tissue>::from_fn(canvas.shape(), |i| depth * bed[i] + dilation * vessels(i)))
            };
            let maps: Vec<Arc<Map<Tissue>>> = causes.iter().zip(&beds).map(map).collect();
            // The truth holds what is rendered: pixels are single precision.
            let shown: Vec<f64> =
                maps.iter().flat_map(|map| canvas.crop(&map.data)).map(f64::from).collect();
            // The vessels are kept with the maps, so that their address stands for them.
            (vessels.clone(), maps, Arc::new(shown))
        });
        let (maps, shown) = (&made.1, &made.2);

        let [h, w] = canvas.fov;
        let n = causes.len();
        let factors: Vec<Vec<f32>> =
            courses.iter().map(|(_, course)| course[..n_frames].iter().map(|v| *v as f32).collect()).collect();
        scene.record("blood_maps", &[n, h, w], TruthData::F64(Arc::clone(shown).into()));
        let rendered: Vec<f64> = factors.iter().flatten().map(|v| f64::from(*v)).collect();
        scene.record("blood_courses", &[n, n_frames], TruthData::F64(rendered.into()));
        if vessels.is_some() {
            let dilation: Vec<f64> = causes.iter().map(|cause| self.weight(*cause) * self.dilation_rms.get()).collect();
            scene.record("vessel_dilation", &[n], TruthData::F64(dilation.into()));
        }
        let light = Component { spread: Spread::Even, course: Course::Still };
        let taken = maps.iter().zip(factors).map(|(map, factors)| Component {
            spread: Spread::Map(Arc::clone(map)),
            course: Course::Varying { factors: Arc::new(factors.iter().map(|v| -v).collect()), expected: 0.0 },
        });
        scene.push(Op::Multiply(Field { components: std::iter::once(light).chain(taken).collect() }, Leg::Emission));
    }
}

impl Haemodynamics {
    fn given_weight(&self, cause: Cause) -> f64 {
        match cause {
            Cause::Vasomotion => self.vasomotion,
            Cause::Heartbeat => self.heartbeat,
            Cause::Activity => self.activity,
            Cause::Running => self.running,
        }
        .get()
    }

    /// The weight of a cause when the squares of all weights add up to 1.
    fn weight(&self, cause: Cause) -> f64 {
        let squares: f64 = CAUSES.iter().map(|cause| self.given_weight(*cause) * self.given_weight(*cause)).sum();
        if squares > 0.0 { self.given_weight(cause) / squares.sqrt() } else { 0.0 }
    }

    /// Optical density of the vessels, held where the factor could otherwise lose its sign.
    fn optical_density(&self, transmission: &Map<Tissue>) -> Vec<f64> {
        let farthest = |cause: &Cause| if *cause == Cause::Heartbeat { SQRT_2 } else { FARTHEST };
        let reach: f64 = CAUSES.iter().map(|cause| self.weight(*cause) * farthest(cause)).sum();
        let room = LARGEST_LOSS - reach * self.depth_rms.get() * DENSEST;
        let most = if self.dilation_rms.get() > 0.0 { room / (reach * self.dilation_rms.get()) } else { f64::MAX };
        transmission.data.iter().map(|t| (-math::ln(f64::from(*t).max(f64::MIN_POSITIVE))).clamp(0.0, most)).collect()
    }

    /// The course of a cause, at least as long as the calibration window; `None` where the cause is absent.
    fn course(&self, cause: Cause, scene: &mut Builder<'_>) -> Option<Vec<f64>> {
        let (window, fps) = (scene.calibration_frames(), scene.fps());
        let n_frames = scene.n_frames().max(window);
        let peak = self.response_peak_s.get() * fps;
        let course = match cause {
            Cause::Vasomotion => vasomotion(scene.key("vasomotion"), self.vasomotion_hz.get() / fps, n_frames),
            Cause::Heartbeat => return Some(heartbeat(scene.key("heartbeat"), self.heartbeat_hz.get(), fps, n_frames)),
            Cause::Activity => response(&scene.population_activity()?, peak),
            Cause::Running => response(&pace(scene.locomotion_of_brain()?, fps, n_frames), peak),
        };
        Some(calibrated(course, window))
    }
}

/// Density of the capillary bed over the canvas; its RMS over the field of view is 1.
fn bed(key: Key, cause: Cause, canvas: Canvas, sigma_um: f64) -> Vec<f64> {
    let lattice = Lattice::new(sigma_um, canvas.pixel_um);
    let [rows, cols] = canvas.places_um();
    let mut bed = smooth_noise(key, cause as u64, &lattice, &rows, &cols);
    let n = (canvas.fov[0] * canvas.fov[1]) as f64;
    // The scale comes from the field of view, whatever the margin.
    let sum = |bed: &[f64], term: &dyn Fn(f64) -> f64| {
        (0..canvas.fov[0]).flat_map(|row| canvas.fov_row(bed, row)).map(|v| term(*v)).sum::<f64>()
    };
    let mean = sum(&bed, &|v| v) / n;
    let sd = (sum(&bed, &|v| (v - mean) * (v - mean)) / n).sqrt();
    let scale = if sd > 0.0 { BED_CONTRAST / sd } else { 0.0 };
    bed.iter_mut().for_each(|v| *v = (1.0 + scale * (*v - mean)).max(0.0));
    let rms = (sum(&bed, &|v| v * v) / n).sqrt();
    bed.iter_mut().for_each(|v| *v = (*v / rms).min(DENSEST));
    bed
}

/// Band noise of unit variance around `frequency` (per frame).
fn vasomotion(key: Key, frequency: f64, n_frames: usize) -> Vec<f64> {
    let process = |entity: u64| UnitOu::new(1.0, VASOMOTION_PERIODS / frequency, key.normal(entity, 0));
    let [mut a, mut b] = [0, 1].map(process);
    let value = |t: usize| {
        let turns = frequency * t as f64;
        let phase = TAU * (turns - turns.floor());
        let value = a.value() * math::cos(phase) + b.value() * math::sin(phase);
        a.step(key.normal(0, t as u64 + 1));
        b.step(key.normal(1, t as u64 + 1));
        value
    };
    (0..n_frames).map(value).collect()
}

/// The pulse, averaged over each exposure of 1/`fps` s; unit variance before that.
fn heartbeat(key: Key, rate_hz: f64, fps: f64, n_frames: usize) -> Vec<f64> {
    let mut wander = UnitOu::new(1.0, HEART_WANDER_TAU_S * fps, key.normal(0, 0));
    let mut phase = TAU * key.uniform(1, 0);
    let value = |t: usize| {
        // The rate is constant within an exposure.
        let turn = TAU * (rate_hz + HEART_WANDER_HZ * wander.value()) / fps;
        let half = 0.5 * turn;
        let left = if half.abs() < 1e-4 { 1.0 } else { math::sin(half) / half };
        let value = SQRT_2 * left * math::sin(phase + half);
        phase = (phase + turn) % TAU;
        wander.step(key.normal(0, t as u64 + 1));
        value
    };
    (0..n_frames).map(value).collect()
}

/// How fast the animal strides in each frame, relative to its mean.
fn pace(locomotion: Locomotion, fps: f64, n_frames: usize) -> Vec<f64> {
    let (steps, dt_s) = steps_of_frame(fps);
    let mut stride = locomotion.stride(dt_s);
    let mut frame = || {
        let mut turned = 0.0;
        for _ in 0..steps {
            let before = stride.phase_rad();
            stride.next();
            let turn = stride.phase_rad() - before;
            // A stride ends where the phase begins anew.
            turned += if turn < -0.5 * TAU { turn + TAU } else { turn };
        }
        turned * fps / (TAU * locomotion.frequency_hz)
    };
    (0..n_frames).map(|_| frame()).collect()
}

/// The blood's response to `signal`: its deviation from the first value, convolved with `s² exp(-2 s / peak)`, which is largest at
/// `peak` (frames) and has integral 1.
fn response(signal: &[f64], peak: f64) -> Vec<f64> {
    // The sampled kernel n² aⁿ is three one-pole filters after the other, so a long one costs no more than a short one.
    let a = math::exp(-2.0 / peak);
    let scale = math::pow(1.0 - a, 3.0) / (1.0 + a);
    let rest = signal.first().copied().unwrap_or(0.0);
    let (mut last, mut before_last, mut poles) = (0.0, 0.0, [0.0; 3]);
    let value = |v: &f64| {
        let mut input = scale * (last + a * before_last);
        for pole in &mut poles {
            *pole = a * *pole + input;
            input = *pole;
        }
        (last, before_last) = (v - rest, last);
        input
    };
    signal.iter().map(value).collect()
}

/// The course with mean 0 and RMS 1 over its first `window` frames, held where it leaves the farthest allowed.
fn calibrated(mut course: Vec<f64>, window: usize) -> Vec<f64> {
    let first = &course[..window];
    let mean = first.iter().sum::<f64>() / window as f64;
    let rms = (first.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / window as f64).sqrt();
    let scale = if rms > 0.0 { 1.0 / rms } else { 0.0 };
    course.iter_mut().for_each(|v| *v = ((*v - mean) * scale).clamp(-FARTHEST, FARTHEST));
    course
}

/// Mean of the products of values that belong together.
fn mean_product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / a.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        recording::Pixels,
        render,
        scene::Scene,
        spec::{Format, Spec, check_part},
    };

    /// Cells under the usual vessels, with blood of these fields.
    fn film(duration_s: f64, blood: Value, without: &[&str]) -> Scene {
        let mut blood = blood;
        blood["kind"] = json!("haemodynamics");
        let steps = vec![
            json!({ "kind": "place_neurons", "density_per_mm3": 20000.0 }),
            json!({ "kind": "cell_activity" }),
            json!({ "kind": "composite" }),
            json!({ "kind": "neuropil" }),
            json!({ "kind": "vasculature", "enabled": true, "layers": [{}] }),
            blood,
            json!({ "kind": "brain_motion", "motion_amplitude_um": 3.0, "max_shift_um": 8.0 }),
        ];
        let spec = json!({
            "acquisition": { "fps": 20.0, "duration_s": duration_s,
                             "image_sensor": { "n_px_height": 90, "n_px_width": 110, "pixel_pitch_um": 16.0 } },
            "seed": 4,
            "steps": steps.into_iter().filter(|s| without.iter().all(|kind| s["kind"] != *kind)).collect::<Vec<_>>(),
        });
        let spec = Spec::from_text(&spec.to_string(), Format::Json).unwrap_or_else(|e| panic!("{e}")).spec;
        Scene::new(&spec).unwrap_or_else(|e| panic!("{e}"))
    }

    fn values(scene: &Scene, name: &str) -> Vec<f64> {
        scene.recorded().f64s(name).unwrap_or_else(|| panic!("{name} is recorded")).to_vec()
    }

    /// The factor of frame `t` as the truth tells it, in the renderer's precision.
    fn factor(scene: &Scene, t: usize) -> Vec<f32> {
        let (maps, courses) = (values(scene, "blood_maps"), values(scene, "blood_courses"));
        let size = scene.canvas.fov.iter().product::<usize>();
        let pixel = |i: usize| {
            let parts = maps.chunks_exact(size).zip(courses.chunks_exact(scene.n_frames));
            parts.fold(1.0_f32, |factor, (map, course)| (-course[t] as f32).mul_add(map[i] as f32, factor))
        };
        (0..size).map(pixel).collect()
    }

    fn rms(values: &[f64]) -> f64 {
        (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
    }

    #[test]
    fn any_frame_is_the_film_without_blood_times_the_factor_of_the_truth() {
        let scene = film(2.0, json!({ "depth_rms": 0.04, "dilation_rms": 0.08 }), &[]);
        assert!(scene.canvas.margin > 0 && scene.recorded().array("blood_maps").is_some_and(|maps| maps.shape[0] == 4));
        let light = |stage: &str| match render(&scene, 0..scene.n_frames, Some(stage)).expect("a stage") {
            Pixels::F32(light) => light,
            other => panic!("light before the camera is in single precision, not {other:?}"),
        };
        let (before, after) = (light("vasculature"), light("haemodynamics"));
        // A film before the motion shows the field of view at rest.
        let size = scene.canvas.fov.iter().product::<usize>();
        for t in [0, 7, 8, 21, 39] {
            let [before, after] = [&before, &after].map(|film| &film[t * size..(t + 1) * size]);
            let expected: Vec<f32> = before.iter().zip(factor(&scene, t)).map(|(light, factor)| light * factor).collect();
            assert!(after == expected && after != before, "frame {t}");
        }
    }

    #[test]
    fn depth_and_extremes_are_those_asked_for() {
        let scene = film(60.0, json!({}), &["vasculature"]);
        let changes: Vec<f64> =
            (0..scene.n_frames).flat_map(|t| factor(&scene, t)).map(|factor| f64::from(factor) - 1.0).collect();
        let depth = rms(&changes);
        // The exposures take a part of the heartbeat, and the causes are not quite independent in a minute.
        assert!((0.0085..0.0115).contains(&depth), "{depth}");
        let lowest = changes.iter().copied().fold(0.0, f64::min);
        assert!((-0.08..-0.03).contains(&lowest), "{lowest}");
        assert!(scene.recorded().array("vessel_dilation").is_none());
    }

    #[test]
    fn vessels_change_their_optical_density_as_their_radius() {
        let scene = film(60.0, json!({ "depth_rms": 0.0 }), &[]);
        let (maps, courses) = (values(&scene, "blood_maps"), values(&scene, "blood_courses"));
        let (mask, per_unit) = (values(&scene, "vasculature_mask"), values(&scene, "vessel_dilation"));
        let darkest = (0..mask.len()).min_by(|a, b| mask[*a].total_cmp(&mask[*b])).expect("pixels");
        let dilation: Vec<f64> = (0..scene.n_frames)
            .map(|t| per_unit.iter().zip(courses.chunks_exact(scene.n_frames)).map(|(d, course)| d * course[t]).sum())
            .collect();
        assert!((0.032..0.048).contains(&rms(&dilation)), "{}", rms(&dilation));
        for i in [darkest, darkest / 2, 17] {
            let density = -math::ln(mask[i]);
            for (map, dilation) in maps.chunks_exact(mask.len()).zip(&per_unit) {
                assert!((map[i] - density * dilation).abs() < 1e-6 * (1.0 + density), "pixel {i}");
            }
        }
        assert!(-math::ln(mask[darkest]) > 0.5);
    }

    #[test]
    fn the_linear_factor_is_right_to_a_thousandth_of_the_light_on_average() {
        let scene = film(60.0, json!({}), &[]);
        let mask = values(&scene, "vasculature_mask");
        let light: f64 = mask.iter().sum();
        let (mut sum, mut largest) = (0.0, 0.0_f64);
        for t in 0..scene.n_frames {
            let error = |(factor, mask): (f32, &f64)| mask * (math::exp(f64::from(factor) - 1.0) - f64::from(factor)).abs();
            let error = factor(&scene, t).into_iter().zip(&mask).map(error).sum::<f64>() / light;
            sum += error;
            largest = largest.max(error);
        }
        let mean = sum / scene.n_frames as f64;
        // The largest is met for a moment, where most causes are at their farthest.
        assert!(mean > 0.0 && mean < 1e-3 && largest < 5e-3, "{mean} on average, {largest} at most");
    }

    #[test]
    fn the_response_peaks_when_it_should_and_keeps_the_area() {
        let mut impulse = vec![0.0; 600];
        impulse[100] = 1.0;
        for peak in [6.0, 30.0, 52.0] {
            let response = response(&impulse, peak);
            let at = (0..600).max_by(|a, b| response[*a].total_cmp(&response[*b])).expect("frames");
            assert_eq!(at - 100, peak as usize);
            assert!(response[..=100].iter().all(|v| *v == 0.0));
            assert!((response.iter().sum::<f64>() - 1.0).abs() < 1e-6);
            let expected = |n: f64| n * n * math::exp(-2.0 * n / peak);
            for n in [1, 9, 70] {
                let ratio = response[100 + n] / response[at];
                assert!((ratio - expected(n as f64) / expected(peak)).abs() < 1e-9, "{peak}, {n}");
            }
        }
    }

    /// Power of `course` at `hz`.
    fn power(course: &[f64], hz: f64, fps: f64) -> f64 {
        let sum = |f: fn(f64) -> f64| -> f64 {
            course.iter().enumerate().map(|(t, v)| v * f(TAU * hz * t as f64 / fps)).sum()
        };
        let (re, im) = (sum(math::cos), sum(math::sin));
        (re * re + im * im) / course.len() as f64
    }

    #[test]
    fn the_heart_aliases_and_exposures_take_their_part() {
        let key = Key::new(3, Haemodynamics::KIND, "heartbeat");
        for (fps, alias) in [(20.0, 9.0), (30.0, 11.0), (12.0, 1.0)] {
            let course = heartbeat(key, 11.0, fps, 20_000);
            // The mean square over the rate's normal distribution, by three points.
            let square = |rate: f64| math::pow(math::sin(TAU / 2.0 * rate / fps) / (TAU / 2.0 * rate / fps), 2.0);
            let off = 3.0_f64.sqrt() * HEART_WANDER_HZ;
            let left = (square(11.0) * 2.0 / 3.0 + (square(11.0 - off) + square(11.0 + off)) / 6.0).sqrt();
            assert!((rms(&course) / left - 1.0).abs() < 0.08, "{fps}: {} of {left}", rms(&course));
            let bands: Vec<(f64, f64)> = (0..(5.0 * fps) as usize)
                .map(|i| i as f64 * 0.1)
                .map(|hz| (hz, (0..10).map(|k| power(&course, hz + 0.01 * f64::from(k), fps)).sum()))
                .collect();
            let total: f64 = bands.iter().map(|b| b.1).sum();
            let near: f64 = bands.iter().filter(|b| (b.0 - alias).abs() < 1.2).map(|b| b.1).sum();
            assert!(near > 0.9 * total, "{fps}: {near} of {total}");
        }
    }

    #[test]
    fn vasomotion_is_a_band_around_its_frequency() {
        let key = Key::new(3, Haemodynamics::KIND, "vasomotion");
        let course = vasomotion(key, 0.1 / 2.0, 40_000);
        assert!((rms(&course) - 1.0).abs() < 0.05, "{}", rms(&course));
        // The autocorrelation is exp(-s/τ) cos ωs: about -0.53 after half a period, 0.29 after a whole one.
        for (lag, expected) in [(10, -math::exp(-0.5 / 0.8)), (20, math::exp(-1.0 / 0.8)), (5, 0.0)] {
            let product: f64 = course.iter().zip(&course[lag..]).map(|(a, b)| a * b).sum();
            let correlation = product / course.len() as f64;
            assert!((correlation - expected).abs() < 0.05, "{lag}: {correlation}, not {expected}");
        }
    }

    #[test]
    fn blood_follows_what_is_there() {
        let components = |without: &[&str]| values(&film(1.0, json!({}), without), "blood_courses").len() / 20;
        assert_eq!(components(&[]), 4);
        assert_eq!(components(&["brain_motion"]), 3);
        assert_eq!(components(&["cell_activity"]), 3);
        assert_eq!(components(&["cell_activity", "brain_motion", "vasculature"]), 2);
        let none = film(1.0, json!({ "vasomotion": 0.0, "heartbeat": 0.0, "activity": 0.0, "running": 0.0 }), &[]);
        assert!(none.recorded().array("blood_maps").is_none());
    }

    #[test]
    fn light_stays_positive_at_the_largest_amplitudes() {
        let scene = film(60.0, json!({ "depth_rms": MAX_DEPTH_RMS, "dilation_rms": MAX_DILATION_RMS }), &[]);
        assert!((0..scene.n_frames).step_by(7).flat_map(|t| factor(&scene, t)).all(|factor| factor > 0.0));
    }

    #[test]
    fn large_amplitudes_are_refused_with_a_remedy() {
        for (field, value) in [("depth_rms", 0.06), ("dilation_rms", 0.2), ("depth_rms", -0.1), ("vasomotion_hz", 0.0)] {
            let found = check_part("Haemodynamics", &json!({ "kind": "haemodynamics", field: value }));
            assert!(found.len() == 1 && found[0].path == field && !found[0].remedy.is_empty(), "{found:?}");
        }
    }
}
