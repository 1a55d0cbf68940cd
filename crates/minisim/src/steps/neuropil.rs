//! The glow between the cells.
//!
//! # What it models
//! Out-of-focus light of axons, dendrites and cells too deep to be seen: smooth in space, slow in time, partly following the
//! population's activity.
//!
//! # Model
//! `movie += amplitude * mean_k(S_k(y, x) * T_k(t))`. `S_k` is white noise low-passed at `spatial_sigma_um`, shifted to
//! minimum 0, divided by its peak, and rescaled so that all components have the same mean.
//! `T_k = (1 - c) * exp(0.4 OU - 0.08) + c * P(t)`: OU is a unit-variance Ornstein-Uhlenbeck process of time constant
//! `temporal_tau_s`, `P` the summed trace of the cells in the field of view through a causal one-pole low-pass of
//! `population_tau_s`, divided by its expected mean. Without traces c = 0; with bleaching T is multiplied by those cells'
//! mean share of intact indicator.
//!
//! # Sources
//! Background of one-photon recordings as smooth low-rank structure: Zhou et al., eLife 7:e28728 (2018), CNMF-E.
//!
//! # Leaves out
//! Structured neuropil (bundles, layers), its own bleaching rate, haemodynamic signals.
//!
//! # Records
//! `neuropil_temporal`, `neuropil_spatial`, `neuropil_population`.

use std::sync::Arc;

use rayon::prelude::*;

use super::{Domain, Part, Step};
use crate::{
    math::range_of,
    math,
    physics::{
        lowpass::{UnitOu, one_pole},
        noise::{Lattice, smooth_noise},
    },
    plan::{Course, Field, Map, Op, Tissue},
    building::Builder, plan::Canvas,
    spec::{Count, Extent, Fraction, Needs, Positive, record::record},
    truth::{Declared, Dim, Stored, TruthData},
};

/// Standard deviation of the logarithm of a component's own fluctuation, whose mean is 1.
const DRIFT_LOG_SD: f64 = 0.4;

record! {
    /// Adds a smooth, slow background glow.
    pub struct Neuropil: step, panel("anatomy", "Neuropil", 6) {
        /// Low-pass σ of the maps: the size of the blobs.
        spatial_sigma_um: Positive = 40.0, "µm";
        /// Time constant of the glow's own fluctuation.
        temporal_tau_s: Positive = 10.0, "s";
        /// Time constant with which the glow follows the cells.
        population_tau_s: Positive = 1.5, "s";
        /// Brightness.
        amplitude: Positive = 0.5, "fluorescence units", slider(0.1, 3.0, 0.1);
        /// Number of maps, each with its own time course.
        n_components: Count = 3, "";
        /// Share of the time course that follows the cells' summed activity.
        population_coupling: Fraction = 0.7, "";
    }
}

impl Step for Neuropil {
    const KIND: &'static str = "neuropil";
    const DOMAIN: Domain = Domain::Tissue;
    const PART: Part = Part::Background;
    const RECORDS: &'static [Declared] = &[
        Declared {
            name: "neuropil_temporal",
            dims: &[Dim::Component, Dim::Frame],
            unit: "",
            doc: "Time course of each neuropil component.",
            stored: Stored::WhenPresent,
        },
        Declared {
            name: "neuropil_spatial",
            dims: &[Dim::Component, Dim::Height, Dim::Width],
            unit: "",
            doc: "Map of each neuropil component over the field of view at rest.",
            stored: Stored::WhenPresent,
        },
        Declared {
            name: "neuropil_population",
            dims: &[Dim::Frame],
            unit: "",
            doc: "The low-passed activity of the cells that the neuropil follows.",
            stored: Stored::WhenPresent,
        },
    ];

    fn example() -> Self {
        Self { spatial_sigma_um: Positive::lit(20.0), ..Self::default() }
    }

    fn cost(&self, extent: &Extent) -> Needs {
        let one = Needs::map(extent.canvas_px, extent.fov_px) + Needs::course(extent.n_frames);
        // The maps of the truth are held beside those on the canvas.
        let shown = Needs { map_bytes: 8.0 * extent.fov_px, ..Needs::default() };
        (one + shown) * f64::from(self.n_components.get())
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let (n_frames, fps) = (scene.n_frames(), scene.fps());
        let canvas = scene.canvas();
        let n = self.n_components.get() as usize;

        let lattice = Lattice::new(self.spatial_sigma_um.get(), canvas.pixel_um);
        let key = scene.key("field");
        let [rows, cols] = canvas.places_um();
        let maps = scene.part("neuropil", 0, &(n, self.spatial_sigma_um), || {
            let fields: Vec<Blobs> = (0..n)
                .map(|k| Blobs::new(canvas, smooth_noise(key, k as u64, &lattice, &rows, &cols)))
                .collect();
            let scales = equal_means(canvas, &fields);
            let mut shown = vec![0.0; n * canvas.fov[0] * canvas.fov[1]];
            let layers: Vec<Arc<Map<Tissue>>> = fields
                .iter()
                .zip(scales)
                .zip(shown.chunks_exact_mut(canvas.fov[0] * canvas.fov[1]))
                .map(|((field, scale), shown)| {
                    let value = |v: &f64| field.value(*v) * scale;
                    let lines = shown.par_chunks_exact_mut(canvas.fov[1]).zip(canvas.fov_rows(&field.raw));
                    lines.for_each(|(to, from)| to.iter_mut().zip(from).for_each(|(to, from)| *to = value(from)));
                    Arc::new(Map::from_fn(canvas.shape(), |i| value(&field.raw[i])))
                })
                .collect();
            (layers, Arc::new(shown))
        });

        let driver = population_driver(scene, self.population_tau_s.get() * fps);
        let coupling = if driver.is_some() { self.population_coupling.get() } else { 0.0 };
        let timeline = scene.timeline();
        let fade = timeline.as_ref().and_then(|timeline| timeline.mean_intact());
        let drift = scene.key("drift");
        let courses: Vec<Vec<f64>> = (0..n)
            .map(|k| {
                let mut ou = UnitOu::new(1.0, self.temporal_tau_s.get() * fps, drift.normal(k as u64, 0));
                (0..n_frames)
                    .map(|t| {
                        let own = math::exp(DRIFT_LOG_SD * ou.value() - 0.5 * DRIFT_LOG_SD * DRIFT_LOG_SD);
                        ou.step(drift.normal(k as u64, t as u64 + 1));
                        let shared = driver.as_ref().map_or(0.0, |p| p[t]);
                        let fade = fade.map_or(1.0, |b| b[t]);
                        ((1.0 - coupling) * own + coupling * shared) * fade
                    })
                    .collect()
            })
            .collect();

        let [h, w] = canvas.fov;
        scene.record("neuropil_temporal", &[n, n_frames], TruthData::F64(courses.concat().into()));
        scene.record("neuropil_spatial", &[n, h, w], TruthData::F64(Arc::clone(&maps.1).into()));
        if let Some(driver) = driver {
            scene.record("neuropil_population", &[n_frames], TruthData::F64(driver.into()));
        }
        let share = self.amplitude.get() / n as f64;
        let course = |course: &Vec<f64>| Course::Varying {
            factors: Arc::new(course.iter().map(|v| (share * v) as f32).collect()),
            // Both parts of a time course have mean 1.
            expected: share,
        };
        scene.push(Op::Add(Field::sum(maps.0.iter().cloned().zip(courses.iter().map(course)))));
    }
}

/// A field shifted to minimum 0 and scaled to peak 1 over the field of view. In the margin a value may lie outside; there it is
/// held at 0 from below, as light cannot be negative.
struct Blobs {
    /// As drawn, over the canvas.
    raw: Vec<f64>,
    low: f64,
    scale: f64,
}

impl Blobs {
    fn new(canvas: Canvas, raw: Vec<f64>) -> Self {
        let wider = |a: [f64; 2], b: [f64; 2]| [a[0].min(b[0]), a[1].max(b[1])];
        let [low, high] =
            canvas.fov_rows(&raw).map(range_of).reduce(|| [f64::INFINITY, f64::NEG_INFINITY], wider);
        let scale = if high > low { 1.0 / (high - low) } else { 0.0 };
        Self { raw, low, scale }
    }

    fn value(&self, raw: f64) -> f64 {
        // A field without any contrast is an even haze.
        if self.scale > 0.0 { ((raw - self.low) * self.scale).max(0.0) } else { 1.0 }
    }
}

/// Factors that give all fields the same mean over the field of view: the average of their means.
fn equal_means(canvas: Canvas, fields: &[Blobs]) -> Vec<f64> {
    let n_pixels = (canvas.fov[0] * canvas.fov[1]) as f64;
    let mean = |field: &Blobs| {
        let rows = (0..canvas.fov[0]).flat_map(|row| canvas.fov_row(&field.raw, row));
        rows.map(|v| field.value(*v)).sum::<f64>() / n_pixels
    };
    let means: Vec<f64> = fields.par_iter().map(mean).collect();
    let common = means.iter().sum::<f64>() / means.len() as f64;
    means.into_iter().map(|mean| if mean > 0.0 { common / mean } else { 1.0 }).collect()
}

/// The summed trace of the field of view's cells, low-passed and divided by its expected mean; `None` without activity.
fn population_driver(scene: &mut Builder<'_>, tau_frames: f64) -> Option<Vec<f64>> {
    let timeline = scene.timeline()?;
    let cells = scene.cells();
    let traces = cells.traces.as_ref()?;
    let expected = cells.units_in_fov().iter().fold(0.0, |sum, i| sum + traces.expected[*i]);
    if expected <= 0.0 {
        return None;
    }
    let mut driver = one_pole(timeline.summed_traces(), tau_frames);
    driver.iter_mut().for_each(|v| *v /= expected);
    Some(driver)
}
