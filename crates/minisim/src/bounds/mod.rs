//! The best that anyone can do: bounds on what a film tells of its cells and of its motion.
//!
//! An observer who knows every footprint, every map of light and the noise of every pixel still does not know the cells' traces,
//! nor the strength of light that varies. Each frame tells them of it what its pixels tell: `F = Aᵀ diag(1/σ²) A`, the Fisher
//! information, over all cells and over all light that varies. No unbiased estimate from the frame has a standard deviation below
//! `sqrt([F⁻¹]_ii)` (Cramér and Rao's bound; Kay, Fundamentals of Statistical Signal Processing: Estimation Theory (1993), chapters
//! 3 and 4), and least squares with the weights 1/σ² has just that one.
//!
//! All is at the mean light of the film, with the tissue at rest. A unit of a trace is a unit of the ground truth's `C`, of which
//! bleaching leaves its mean share; illumination, vessels and all else that takes light from the cells are in `A`.

mod dense;
mod information;
mod inverse;
mod light;

use crate::{
    footprint::{FootprintStack, Patch},
    math::range_of,
    plan::Emitters,
    scene::Scene,
    spec::{Finding, Report},
    steps::{self, CellActivity, Composite, Sensor, Step},
    truth::{BOUNDS, GroundTruth, TruthArray, TruthData},
};
use rayon::prelude::*;

/// What an ideal observer could make of a film: for each cell of the ground truth, and for its motion.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    /// Least standard deviation of a cell's trace in one frame (fluorescence units of `C`); infinite where no pixel shows the cell.
    pub trace_sd_bound: Vec<f64>,
    /// A cell's largest transient (the range of its trace) over that.
    pub demixing_snr: Vec<f64>,
    /// How many times larger the bound is than if the other cells' traces were known; at least 1, not a number where no pixel shows
    /// the cell.
    pub crosstalk: Vec<f64>,
    /// Least standard deviation of a lone spike's size if its time is not known (spikes).
    pub spike_amplitude_bound: Vec<f64>,
    /// Least standard deviation of a lone spike's time if its size is not known (s).
    pub spike_time_sd_bound_s: Vec<f64>,
    /// Least standard deviation of the tissue's displacement (dy, dx) in one frame, if all else is known (px).
    pub shift_sd_bound_px: [f64; 2],
}

impl Bounds {
    /// The bounds as arrays of the ground truth, in the order of [`BOUNDS`].
    #[must_use]
    pub fn into_arrays(self) -> Vec<TruthArray> {
        let shift = self.shift_sd_bound_px.to_vec();
        let values = [
            self.trace_sd_bound,
            self.demixing_snr,
            self.crosstalk,
            self.spike_amplitude_bound,
            self.spike_time_sd_bound_s,
            shift,
        ];
        let array = |(declared, values): (_, Vec<f64>)| TruthArray {
            declared,
            shape: vec![values.len()],
            data: TruthData::F64(values.into()),
        };
        BOUNDS.iter().zip(values).map(array).collect()
    }

    /// The bounds that a ground truth holds; `None` where they were not asked for.
    #[must_use]
    pub fn of_truth(truth: &GroundTruth) -> Option<Self> {
        let values = |name: &str| truth.f64s(name).map(<[f64]>::to_vec);
        Some(Self {
            trace_sd_bound: values("trace_sd_bound")?,
            demixing_snr: values("demixing_snr")?,
            crosstalk: values("crosstalk")?,
            spike_amplitude_bound: values("spike_amplitude_bound")?,
            spike_time_sd_bound_s: values("spike_time_sd_bound_s")?,
            shift_sd_bound_px: *truth.f64s("shift_sd_bound_px")?.first_chunk()?,
        })
    }
}

impl Scene {
    /// The bounds on what anyone can make of the film.
    ///
    /// # Errors
    /// When there is no film of cells, or no sensor whose noise would set bounds.
    pub fn bounds(&self) -> Result<Bounds, Report> {
        let missing = |kind: &str, what: &str| {
            let rule = format!("is missing, and bounds need {what}");
            Report::of(Finding::error(format!("steps.{kind}"), "", rule, "add the step, or ask for no bounds"))
        };
        let camera = self.plan.camera.as_ref().ok_or_else(|| missing(Sensor::KIND, "the noise of a sensor"))?;
        for kind in [CellActivity::KIND, Composite::KIND] {
            if !self.spec.has(kind) {
                return Err(missing(kind, "the light of cells that fire"));
            }
        }
        // Without a cell there is no light of cells.
        let none = Vec::new();
        let emitters = self.plan.cells.as_ref();
        let patches = emitters.map_or(&none, |cells| &cells.patches);
        let brightness = emitters.map_or_else(Vec::new, |cells| cells.brightness.means(self.n_frames));
        let light = light::Light::new(self, camera, patches, &brightness);
        let stack = self.recorded().planted.clone_without_patches();
        let footprints =
            emitters.map_or_else(Vec::new, |cells| mean_footprints(cells, &brightness, &stack, self.shown.len()));
        let told = information::told(&footprints, &light);

        let truth = self.recorded();
        let range = |unit: usize| {
            let trace = truth.trace(unit);
            let [low, high] = range_of(&trace);
            high - low
        };
        let intact = |unit: usize| match truth.array("bleaching").map(|a| (&a.data, a.row(unit))) {
            Some((TruthData::F64(values), row)) => values.range(row).iter().sum::<f64>() / self.n_frames.max(1) as f64,
            _ => 1.0,
        };
        let fps = self.spec.acquisition.fps.get();
        let cells: Vec<usize> = (0..self.shown.len()).filter(|cell| self.shown[*cell]).collect();
        let of_unit = |(unit, cell): (usize, &usize)| {
            let sd = told[*cell].sd / intact(unit);
            let responses = self.activity.as_ref().map_or_else(Vec::new, |a| a.spike_responses(*cell));
            let [size, time_s] = light::spike_sds(&responses, fps, sd);
            [sd, range(unit) / sd, told[*cell].crosstalk, size, time_s]
        };
        let rows: Vec<[f64; 5]> = cells.par_iter().enumerate().map(of_unit).collect();
        let column = |i: usize| rows.iter().map(|row| row[i]).collect();
        Ok(Bounds {
            trace_sd_bound: column(0),
            demixing_snr: column(1),
            crosstalk: column(2),
            spike_amplitude_bound: column(3),
            spike_time_sd_bound_s: column(4),
            shift_sd_bound_px: light::shift_sd_px(&light),
        })
    }

    /// Adds the bounds to the ground truth, from the sensor's step on; the run stops after the step of rank `until`, after all
    /// steps if `None`.
    ///
    /// # Errors
    /// As [`Scene::bounds`], and when the run stops before the sensor.
    pub fn record_bounds(&mut self, until: Option<usize>) -> Result<(), Report> {
        let rank = steps::rank_of(Sensor::KIND);
        if until.is_some_and(|until| until < rank) {
            let rule = "comes after the end of this run, and bounds need its noise";
            let remedy = "run all steps, or ask for no bounds";
            return Err(Report::of(Finding::error(format!("steps.{}", Sensor::KIND), "", rule, remedy)));
        }
        let arrays = self.bounds()?.into_arrays();
        self.add_truth(rank, arrays);
        Ok(())
    }
}

/// Each cell's footprint on the field of view: of a cell with several patches their mean, weighed as they shine.
fn mean_footprints(emitters: &Emitters, brightness: &[f64], stack: &FootprintStack, n_cells: usize) -> Vec<Patch> {
    let patches = &emitters.patches;
    let Some(starts) = &emitters.starts else { return patches.par_iter().map(|patch| stack.in_fov(patch)).collect() };
    let mean = |cell: usize| {
        let own = starts[cell]..starts[cell + 1];
        let total: f64 = brightness[own.clone()].iter().sum();
        // A cell that never shines has all its patches alike.
        let weight = |k: usize| if total > 0.0 { brightness[k] / total } else { 1.0 / own.len() as f64 };
        let parts: Vec<(f64, Patch)> = own.clone().map(|k| (weight(k), stack.in_fov(&patches[k]))).collect();
        weighted_sum(&parts)
    };
    (0..n_cells).into_par_iter().map(mean).collect()
}

/// `Σ weight · patch`, on the rectangle that holds them all.
fn weighted_sum(parts: &[(f64, Patch)]) -> Patch {
    let lit = || parts.iter().map(|(_, p)| p).filter(|p| !p.data.is_empty());
    let least = |of: fn(&Patch) -> i32| lit().map(of).min().unwrap_or(0);
    let most = |of: fn(&Patch) -> i32| lit().map(of).max().unwrap_or(0);
    let (row, col) = (least(|p| p.row), least(|p| p.col));
    let height = (most(|p| p.row + p.height as i32) - row) as usize;
    let width = (most(|p| p.col + p.width as i32) - col) as usize;
    let mut sum = vec![0.0; height * width];
    for (weight, patch) in parts {
        for r in 0..patch.height {
            let at = ((patch.row - row) as usize + r) * width + (patch.col - col) as usize;
            let to = sum[at..at + patch.width].iter_mut().zip(patch.row_weights(r));
            to.for_each(|(sum, v)| *sum += weight * f64::from(*v));
        }
    }
    Patch { row, col, height, width, data: sum.into_iter().map(|v| v as f32).collect() }
}
