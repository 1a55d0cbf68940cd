//! What a spec will cost, before anything is allocated.

use std::{
    fmt,
    ops::{Add, Mul},
};

use super::{Finding, Report, Spec, StoreDtype};
use crate::{
    building::CALIBRATION_S,
    physics::{blur::KERNEL_REACH_SIGMA, optics::OpticalModel},
    steps::{
        AnyStep, AxialMotion, CellActivity, CellOptics, Domain, FieldAberration, NeuronPopulation, PlaceNeurons, Sensor,
    },
};

/// What cannot be simulated on any machine.
pub mod limits {
    /// Most frames of a recording.
    pub const MAX_FRAMES: f64 = 2_147_483_648.0; // 2^31
    /// Most cells on the canvas.
    pub const MAX_CELLS: f64 = 2e7;
    /// Most pixels of the canvas.
    pub const MAX_CANVAS_PX: f64 = 268_435_456.0; // 2^28
    /// Most bits of a count: beyond 24, single-precision pixels are not exact.
    pub const MAX_BIT_DEPTH: u32 = 24;
    /// Most bins of the spike grid per frame.
    pub const MAX_BINS_PER_FRAME: f64 = 1e6;
}

/// Bytes of a cell's activity per frame of a recording that is not longer than the calibration window: calcium (f64), spikes (32 bit).
const HELD_TRACE_BYTES: f64 = 12.0;
/// Bytes of a cell's activity in a longer recording: the blocks of frames that are being worked on.
const BLOCK_BYTES: f64 = 16384.0;
/// Bytes of a cell's checkpoints per frame of such a recording: a pool (f64) and a gate for each block of 256 frames.
const CHECKPOINT_BYTES: f64 = 9.0 / 256.0;
/// Bytes of the same in the ground truth on disk: C, S and bleaching as f64.
const STORED_TRACE_BYTES: f64 = 24.0;
/// Levels of blur that a cell has footprints at while it moves into and out of focus, as a rule.
const FOCUS_LEVELS: f64 = 4.0;
/// Bytes of a map a pixel: made in double precision, kept in single for rendering.
const MAP_BYTES: f64 = 12.0;
/// Bytes of a pixel of a sensor whose pixels differ: three maps for rendering, and four of the truth that are kept and recorded.
const PIXEL_BYTES: f64 = 12.0 + 2.0 * 28.0;
/// Bytes of the same in the ground truth on disk.
const STORED_PIXEL_BYTES: f64 = 28.0;
/// Bytes of a time course a frame while it is made and rendered.
const COURSE_BYTES: f64 = 20.0;
/// Bytes of a number of the ground truth.
const TRUTH_BYTES: f64 = 8.0;

/// How large a recording is, for steps to say what they take of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Pixels of the canvas.
    pub canvas_px: f64,
    /// Pixels of the field of view.
    pub fov_px: f64,
    /// Frames.
    pub n_frames: f64,
}

/// What a step takes beyond the cells' footprints and traces.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Needs {
    /// Memory of its maps (bytes).
    pub map_bytes: f64,
    /// Memory of its time courses (bytes).
    pub course_bytes: f64,
    /// Ground truth on disk before compression (bytes).
    pub truth_bytes: f64,
}

impl Needs {
    /// A map of `map_px` pixels in the plan, of which the truth holds `truth_px`.
    #[must_use]
    pub fn map(map_px: f64, truth_px: f64) -> Self {
        Self { map_bytes: MAP_BYTES * map_px, course_bytes: 0.0, truth_bytes: TRUTH_BYTES * truth_px }
    }

    /// A time course, in the plan and in the truth.
    #[must_use]
    pub fn course(n_frames: f64) -> Self {
        Self { map_bytes: 0.0, course_bytes: COURSE_BYTES * n_frames, truth_bytes: TRUTH_BYTES * n_frames }
    }
}

impl Add for Needs {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            map_bytes: self.map_bytes + other.map_bytes,
            course_bytes: self.course_bytes + other.course_bytes,
            truth_bytes: self.truth_bytes + other.truth_bytes,
        }
    }
}

impl Mul<f64> for Needs {
    type Output = Self;

    fn mul(self, times: f64) -> Self {
        Self {
            map_bytes: self.map_bytes * times,
            course_bytes: self.course_bytes * times,
            truth_bytes: self.truth_bytes * times,
        }
    }
}

/// The estimated cost of a simulation. All numbers are floats, so that absurd specs give absurd numbers and no overflow.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Cost {
    /// Field of view (height, width) px.
    pub fov_px: [f64; 2],
    /// Canvas (height, width) px: the field of view and the motion margin.
    pub canvas_px: [f64; 2],
    /// Cells on the canvas, before those that the margin hides are dropped.
    pub n_cells: f64,
    /// Frames.
    pub n_frames: f64,
    /// Memory of the scene (bytes): traces, footprints and maps. The movie is streamed and not in it.
    pub memory_bytes: f64,
    /// The activity's and the motion's part of it, which grows with the number of frames.
    pub trace_bytes: f64,
    /// The footprints' part of it: cells × pixels of each, sharp and blurred.
    pub footprint_bytes: f64,
    /// The movie, and the snapshots if they are kept, in their container (bytes): what a recording in memory takes on top.
    pub movie_bytes: f64,
    /// Movie and ground truth on disk before compression (bytes).
    pub disk_bytes: f64,
}

impl Spec {
    /// Margin of the canvas around the field of view on every side (px): as far as the steps move the tissue, and one pixel more for
    /// the interpolation's second neighbour; 0 where nothing moves.
    #[must_use]
    pub(crate) fn margin_px(&self) -> usize {
        self.margin_px_f64() as usize
    }

    /// The margin as a float, for margins that no integer holds.
    fn margin_px_f64(&self) -> f64 {
        let um = self.steps.iter().filter_map(AnyStep::margin).map(|margin| margin.um).reduce(Add::add);
        um.map_or(0.0, |um| (um / self.acquisition.pixel_size_um()).ceil() + 1.0)
    }

    /// Estimates the cost of simulating the spec. Allocates nothing.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let acquisition = &self.acquisition;
        let pixel_um = acquisition.pixel_size_um();
        let fov_px = acquisition.fov_px().map(|n| n as f64);
        let margin_px = self.margin_px_f64();
        let canvas_px = fov_px.map(|n| n + 2.0 * margin_px);
        let (fov_area, canvas_area) = (fov_px[0] * fov_px[1], canvas_px[0] * canvas_px[1]);
        let n_frames = acquisition.n_frames_f64();

        let canvas_um2 = canvas_area * pixel_um * pixel_um;
        let (mut n_cells, mut planted_px, mut observed_px) = (0.0, 0.0, 0.0);
        let blurred = self.step::<CellOptics>().is_some() || self.step::<FieldAberration>().is_some();
        for population in self.step::<PlaceNeurons>().map(PlaceNeurons::all_populations).unwrap_or_default() {
            let n = population.expected_cells(canvas_um2);
            let side_px = population.footprint_side_px(pixel_um);
            let mut reach_px = KERNEL_REACH_SIGMA * self.largest_sigma_um(&population) / pixel_um;
            if let Some(aberration) = self.step::<FieldAberration>() {
                reach_px += KERNEL_REACH_SIGMA * aberration.largest_sigma_um(acquisition) / pixel_um;
            }
            n_cells += n;
            planted_px += n * (side_px * side_px).min(canvas_area);
            if blurred {
                observed_px += n * ((side_px + 2.0 * reach_px) * (side_px + 2.0 * reach_px)).min(canvas_area);
            }
        }
        if self.step::<AxialMotion>().is_some() {
            observed_px *= FOCUS_LEVELS;
        }
        let traces = if self.step::<CellActivity>().is_some() { n_cells * n_frames } else { 0.0 };

        let extent = Extent { canvas_px: canvas_area, fov_px: fov_area, n_frames };
        let mut steps = self.steps.iter().map(|step| step.cost(&extent)).fold(Needs::default(), Add::add);
        if self.step::<Sensor>().is_some() && !acquisition.image_sensor.is_plain() {
            steps.map_bytes += PIXEL_BYTES * fov_area;
            steps.truth_bytes += STORED_PIXEL_BYTES * fov_area;
        }
        let active = if traces > 0.0 { n_cells } else { 0.0 };
        let trace_bytes = BLOCK_BYTES * active
            + steps.course_bytes
            + 32.0 * n_frames
            + if n_frames > CALIBRATION_S * acquisition.fps.get() { CHECKPOINT_BYTES } else { HELD_TRACE_BYTES }
                * traces;
        let footprint_bytes = 4.0 * (planted_px + observed_px) + 200.0 * n_cells;
        let memory_bytes = trace_bytes + footprint_bytes + steps.map_bytes;

        let sample_bytes = match self.output.store_dtype {
            StoreDtype::Uint8 => 1.0,
            StoreDtype::Uint16 => 2.0,
            StoreDtype::Float32 => 4.0,
            StoreDtype::Float64 => 8.0,
        };
        let mut frame_px = if self.steps.iter().any(|s| s.domain() != Domain::Cell) { fov_area } else { 0.0 };
        if self.output.save_intermediates {
            frame_px += self
                .steps
                .iter()
                .map(|s| match s.domain() {
                    Domain::Cell => 0.0,
                    Domain::Tissue => canvas_area,
                    Domain::Motion | Domain::Scope | Domain::Delivery => fov_area,
                })
                .sum::<f64>();
        }
        let movie_bytes = n_frames * frame_px * sample_bytes;
        let truth_bytes =
            STORED_TRACE_BYTES * traces + 4.0 * planted_px + 100.0 * n_cells + steps.truth_bytes + 16.0 * n_frames;
        Cost {
            fov_px,
            canvas_px,
            n_cells,
            n_frames,
            memory_bytes,
            trace_bytes,
            footprint_bytes,
            movie_bytes,
            disk_bytes: movie_bytes + truth_bytes,
        }
    }

    /// Blur σ (µm) of the population's most blurred cell; with auto focus the focal plane is taken at half their depths.
    fn largest_sigma_um(&self, population: &NeuronPopulation) -> f64 {
        let model = OpticalModel::new(&self.acquisition);
        let extent = population.depth_extent_um();
        let focal = match self.acquisition.focal_depth_in_tissue_um.given() {
            Some(depth) => depth.get(),
            None => 0.5 * (extent[0] + extent[1]),
        };
        extent
            .map(|z| {
                let (sharp, defocus) = (model.focused_sigma_um(z), model.defocus_sigma_um(z, focal));
                (sharp * sharp + defocus * defocus).sqrt()
            })
            .into_iter()
            .fold(0.0, f64::max)
    }
}

impl Cost {
    /// Checks what no machine can simulate.
    ///
    /// # Errors
    /// Every quantity beyond its limit (see [`limits`]), with what to change.
    pub fn check_simulable(&self, spec: &Spec) -> Result<(), Report> {
        let acquisition = &spec.acquisition;
        let (fps, duration_s) = (acquisition.fps.get(), acquisition.duration_s.get());
        let mut findings = Vec::new();
        let mut refuse = |path: &str, value: String, rule: String, remedy: &str| {
            findings.push(Finding::error(path, value, rule, remedy));
        };
        if beyond(self.n_frames, limits::MAX_FRAMES) {
            refuse(
                "acquisition.duration_s",
                format!("{duration_s:?}"),
                format!(
                    "{} frames (duration_s * fps) are more than the {} that can be simulated",
                    count(self.n_frames),
                    count(limits::MAX_FRAMES)
                ),
                "shorten duration_s or lower fps",
            );
        } else if self.n_frames < 1.0 {
            refuse(
                "acquisition.duration_s",
                format!("{duration_s:?}"),
                format!("at {fps} fps the recording rounds to no frame at all"),
                "make it at least one frame long (1 / fps seconds)",
            );
        }
        let canvas_px = self.canvas_px[0] * self.canvas_px[1];
        if beyond(canvas_px, limits::MAX_CANVAS_PX) {
            let [height, width] = self.canvas_px.map(count);
            let [fov_height, fov_width] = self.fov_px;
            // The step that moves the tissue farthest, where the margin is most of the canvas.
            let moving = spec.steps.iter().filter_map(|step| Some((step.kind(), step.margin()?)));
            let farthest = moving.max_by(|a, b| a.1.um.total_cmp(&b.1.um));
            let motion = farthest.filter(|_| canvas_px > 4.0 * fov_height * fov_width);
            let by_motion = motion.is_some();
            let (path, value) = match motion {
                Some((kind, margin)) => (format!("steps.{kind}.{}", margin.field), format!("{:?}", margin.um)),
                None => ("acquisition.image_sensor.n_px_height".to_owned(), count(fov_height)),
            };
            refuse(
                &path,
                value,
                format!(
                    "the canvas (field of view and motion margin) of {height} × {width} px has more than the {} pixels \
                     that can be simulated",
                    count(limits::MAX_CANVAS_PX)
                ),
                if by_motion {
                    "lower the motion, or use larger pixels (pixel_pitch_um, less magnification)"
                } else {
                    "lower n_px_height and n_px_width"
                },
            );
        }
        if beyond(self.n_cells, limits::MAX_CELLS) {
            refuse(
                "steps.place_neurons.density_per_mm3",
                density(spec),
                format!(
                    "{} cells in the tissue under the canvas are more than the {} that can be simulated",
                    count(self.n_cells),
                    count(limits::MAX_CELLS)
                ),
                "lower the density, or make depth_range_um or the field of view smaller",
            );
        }
        let bits = acquisition.image_sensor.bit_depth.get();
        if bits > limits::MAX_BIT_DEPTH {
            refuse(
                "acquisition.image_sensor.bit_depth",
                bits.to_string(),
                format!("counts of more than {} bits are not exact in single precision", limits::MAX_BIT_DEPTH),
                "lower bit_depth; cameras have 8 to 16",
            );
        }
        if let Some(activity) = spec.step::<CellActivity>() {
            let hz = activity.spike_sim_hz.get();
            if beyond(hz / fps, limits::MAX_BINS_PER_FRAME) {
                refuse(
                    "steps.cell_activity.spike_sim_hz",
                    format!("{hz:?}"),
                    format!(
                        "{} bins per frame are more than the {} that can be simulated",
                        count(hz / fps),
                        count(limits::MAX_BINS_PER_FRAME)
                    ),
                    "lower spike_sim_hz; 300 Hz resolves single spikes",
                );
            }
        }
        if findings.is_empty() { Ok(()) } else { Err(Report { findings }) }
    }

    /// Checks that the scene fits into `limit_bytes` of memory. The movie is streamed and does not count.
    ///
    /// # Errors
    /// When it does not, with the part that is largest and what to change.
    pub fn check(&self, limit_bytes: f64) -> Result<(), Report> {
        if !beyond(self.memory_bytes, limit_bytes) {
            return Ok(());
        }
        let rest = self.memory_bytes - self.trace_bytes - self.footprint_bytes;
        let (path, value, remedy) = if self.trace_bytes >= self.footprint_bytes.max(rest) {
            (
                "acquisition.duration_s",
                format!("{} cells × {} frames", count(self.n_cells), count(self.n_frames)),
                "shorten duration_s or lower density_per_mm3",
            )
        } else if self.footprint_bytes >= rest {
            (
                "steps.place_neurons.density_per_mm3",
                format!("{} cells with their footprints", count(self.n_cells)),
                "lower the density, make the field of view smaller, or use larger pixels",
            )
        } else {
            (
                "acquisition.image_sensor.n_px_height",
                format!("{} × {} px", count(self.canvas_px[0]), count(self.canvas_px[1])),
                "make the field of view or the motion smaller",
            )
        };
        let rule = format!(
            "the scene takes about {} of memory, more than the {} there are",
            bytes(self.memory_bytes),
            bytes(limit_bytes)
        );
        Err(Report::of(Finding::error(path, value, rule, remedy)))
    }
}

/// Whether `n` exceeds `limit` or is no number at all (infinity times 0).
fn beyond(n: f64, limit: f64) -> bool {
    n.is_nan() || n > limit
}

/// The densities as written.
fn density(spec: &Spec) -> String {
    let populations = spec.step::<PlaceNeurons>().map(PlaceNeurons::all_populations).unwrap_or_default();
    populations.iter().map(|p| format!("{:?}", p.density_per_mm3.get())).collect::<Vec<_>>().join(", ")
}

/// A number of things, readable at any size.
fn count(n: f64) -> String {
    if n < 1e7 { format!("{n:.0}") } else { format!("{n:.3e}") }
}

/// A number of bytes, readable at any size.
fn bytes(n: f64) -> String {
    let (mut n, mut unit) = (n, "B");
    for larger in ["kB", "MB", "GB", "TB"] {
        if n < 1000.0 {
            break;
        }
        (n, unit) = (n / 1000.0, larger);
    }
    if n < 10.0 && unit != "B" { format!("{n:.1} {unit}") } else { format!("{n:.0} {unit}") }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [height, width] = self.fov_px.map(count);
        let [canvas_height, canvas_width] = self.canvas_px.map(count);
        writeln!(f, "  frames  {} of {height} × {width} px", count(self.n_frames))?;
        writeln!(f, "  canvas  {canvas_height} × {canvas_width} px")?;
        writeln!(f, "  cells   about {}", count(self.n_cells))?;
        writeln!(f, "  memory  about {} (the movie is streamed)", bytes(self.memory_bytes))?;
        writeln!(f, "  disk    about {} before compression", bytes(self.disk_bytes))
    }
}
