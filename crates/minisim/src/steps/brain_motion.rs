//! The brain moves under the scope.
//!
//! # What it models
//! Rigid displacement of the tissue against the sensor: the stride of a running animal on top of slower sloshing.
//!
//! # Model
//! Each frame shows the canvas shifted by (dy, dx) px, bilinearly interpolated, cropped to the field of view. The displacement
//! is one of three:
//! - `physical`: a damped oscillator `x'' + 2 ζ ω x' + ω² x = a(t)` per axis, driven by a wandering sinusoid on the locomotion
//!   axis and by red noise on both; each response starts at 0 and has unit RMS radius, they are mixed by
//!   `locomotion_fraction`, scaled so that the 99th percentile of the radius is `motion_amplitude_um`, and clamped to the disc
//!   of `max_shift_um`;
//! - `walk`: a random walk of N(0, `walk_step_um`) per axis and frame, pulled back onto that disc;
//! - `trajectory_um`: given, frame by frame.
//!
//! # Sources
//! A driven damped oscillator is the simplest body with a resonance; stride rate and amplitudes are those usual in miniscope
//! recordings of running mice, and conventions.
//!
//! # Leaves out
//! Rotation, shear and other non-rigid motion, axial motion, rolling shutter.
//!
//! # Records
//! `shifts`.

use super::{Domain, Margin, Part, Quantity, Step};
use crate::{
    plan::Act,
    math,
    physics::locomotion::{Locomotion, Oscillator, Slosh, steps_of_frame, percentile},
    rng::Key,
    building::Builder,
    spec::{
        Acquisition, Checker, Fraction, NonNegative, Positive,
        record::{choices, record},
    },
    truth::{Declared, Dim, GroundTruth, Stored, TruthData},
};

choices! {
    /// How the displacement comes about.
    pub enum MotionModel {
        /// A driven damped oscillator.
        Physical = "physical";
        /// A random walk.
        Walk = "walk";
    }
}

choices! {
    /// A direction in the image.
    pub enum Axis {
        /// Along the columns: down.
        Y = "y";
        /// Along the rows: right.
        X = "x";
    }
}

record! {
    /// Moves the brain under the scope.
    pub struct BrainMotion: step, panel("anatomy", "Brain motion", 11) {
        /// "physical" = a driven damped oscillator, "walk" = a random walk.
        model: MotionModel => MotionModel::Physical, "", prominent();
        /// Explicit displacement (dy, dx) of every frame; overrides the model.
        trajectory_um: Option<Vec<[f64; 2]>> => None, "µm";
        /// Largest displacement of the models.
        max_shift_um: Positive = 15.0, "µm", slider(1.0, 40.0, 1.0), label("Max shift");
        /// Stride frequency (physical).
        locomotion_freq_hz: Positive = 7.0, "Hz", slider(1.0, 12.0, 0.5), label("Stride");
        /// 99th percentile of the displacement (physical).
        motion_amplitude_um: Positive = 10.0, "µm", slider(0.5, 30.0, 0.5), label("Amplitude");
        /// Axis of the stride (physical).
        locomotion_axis: Axis => Axis::Y, "", label("Axis"), prominent();
        /// Resonance frequency of the brain in the skull (physical).
        resonance_freq_hz: Positive = 6.0, "Hz";
        /// Damping ratio of that resonance (physical).
        damping_ratio: Positive = 0.5, "";
        /// Share of the motion that is stride; the rest is sloshing (physical).
        locomotion_fraction: Fraction = 0.25, "";
        /// Standard deviation of a step per axis and frame (walk).
        walk_step_um: NonNegative = 0.3, "µm";
    }
}

impl BrainMotion {
    /// Largest displacement on either axis (µm) that the canvas must have room for.
    #[must_use]
    pub fn reach_um(&self) -> f64 {
        self.trajectory_um.as_deref().map_or(self.max_shift_um.get(), largest_component)
    }
}

fn largest_component(trajectory_um: &[[f64; 2]]) -> f64 {
    trajectory_um.iter().flatten().fold(0.0, |largest, v| largest.max(v.abs()))
}

impl Step for BrainMotion {
    const KIND: &'static str = "brain_motion";
    const DOMAIN: Domain = Domain::Motion;
    const PART: Part = Part::Motion;
    const RECORDS: &'static [Declared] = &[Declared {
        name: "shifts",
        dims: &[Dim::Frame, Dim::Yx],
        unit: "px",
        doc: "Displacement (dy, dx) of the tissue in each frame; a correction is its negative.",
        stored: Stored::WhenPresent,
    }];

    fn example() -> Self {
        Self { motion_amplitude_um: Positive::lit(3.0), max_shift_um: Positive::lit(4.0), ..Self::default() }
    }

    fn margin(&self) -> Option<Margin> {
        let field = if self.trajectory_um.is_some() { "trajectory_um" } else { "max_shift_um" };
        Some(Margin { um: self.reach_um(), field })
    }

    fn check(&self, cx: &mut Checker<'_>) {
        let (amplitude, limit) = (self.motion_amplitude_um.get(), self.max_shift_um.get());
        if self.model == MotionModel::Physical && amplitude > limit {
            cx.error(
                "motion_amplitude_um",
                format!("{amplitude:?}"),
                format!("must not exceed max_shift_um ({limit} µm)"),
                "lower the amplitude or raise max_shift_um",
            );
        }
        let (extent_field, extent_um) = match (&self.trajectory_um, self.model) {
            (Some(trajectory), _) => {
                let bad = trajectory.iter().enumerate().filter(|(_, p)| !p.iter().all(|v| v.is_finite()));
                for (i, p) in bad.take(10) {
                    cx.error(
                        &format!("trajectory_um[{i}]"),
                        format!("{p:?}"),
                        "must be finite",
                        "write ordinary numbers",
                    );
                }
                ("trajectory_um", largest_component(trajectory))
            }
            (None, MotionModel::Physical) => ("motion_amplitude_um", amplitude),
            (None, MotionModel::Walk) => ("max_shift_um", limit),
        };
        let Some(acquisition) = cx.acquisition() else { return };
        let n_frames = acquisition.n_frames();
        if let Some(trajectory) = &self.trajectory_um
            && trajectory.len() != n_frames
        {
            cx.error(
                "trajectory_um",
                format!("{} displacements", trajectory.len()),
                format!("must have one (dy, dx) for each of the {n_frames} frames (duration_s * fps)"),
                "change the trajectory, or acquisition.duration_s",
            );
        }
        let fov_um = acquisition.fov_um();
        let side_um = fov_um[0].min(fov_um[1]);
        if extent_um > 0.05 * side_um {
            cx.warn(
                extent_field,
                format!("{extent_um:?}"),
                format!("the motion exceeds 5 % of the smaller side of the field of view ({side_um:.1} µm)"),
                "lower it if such strong motion is not meant",
            );
        }
    }

    fn strength(&self, truth: &GroundTruth, acquisition: &Acquisition) -> Vec<Quantity> {
        let pixel_um = acquisition.pixel_size_um();
        let length = |s: &[f64]| pixel_um * math::hypot(s[0], s[1]);
        let within = |shifts: &[f64]| percentile(shifts.chunks_exact(2).map(length).collect(), 0.99);
        let of = |shifts: &[f64]| Quantity { what: "99 % within", value: within(shifts), unit: "µm" };
        truth.f64s("shifts").map(of).into_iter().collect()
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let pixel_um = scene.acquisition().pixel_size_um();
        let n_frames = scene.n_frames();
        let path_um = match (&self.trajectory_um, self.model) {
            (Some(path), _) => path.clone(),
            (None, MotionModel::Physical) => {
                scene.set_locomotion(self.locomotion(scene));
                self.physical_um(scene)
            }
            (None, MotionModel::Walk) => self.walk_um(scene.key("walk"), n_frames),
        };
        let px: Vec<[f64; 2]> = path_um.iter().take(n_frames).map(|v| v.map(|um| um / pixel_um)).collect();
        scene.record("shifts", &[px.len(), 2], TruthData::F64(px.concat().into()));
        scene.push(Act::Move(px.into()));
    }
}

impl BrainMotion {
    /// The stride that shakes the brain.
    fn locomotion(&self, scene: &Builder<'_>) -> Locomotion {
        Locomotion { key: scene.key("stride"), frequency_hz: self.locomotion_freq_hz.get() }
    }

    /// Displacement (dy, dx) in µm of each frame under the physical model.
    fn physical_um(&self, scene: &Builder<'_>) -> Vec<[f64; 2]> {
        let window = scene.calibration_frames();
        let n_frames = scene.n_frames().max(window);
        let (steps, dt_s) = steps_of_frame(scene.fps());
        let oscillator = || Oscillator::new(self.resonance_freq_hz.get(), self.damping_ratio.get(), dt_s);
        let (mut stride_y, mut slosh_y, mut slosh_x) = (oscillator(), oscillator(), oscillator());
        let mut stride = self.locomotion(scene).stride(dt_s);
        let mut slosh = Slosh::new(scene.key("slosh"), dt_s);
        let mut strides = Vec::with_capacity(n_frames);
        let mut sloshes = Vec::with_capacity(n_frames);
        for _ in 0..n_frames {
            let (mut along, mut free) = (0.0, [0.0; 2]);
            for _ in 0..steps {
                along += stride_y.step(stride.next());
                let [y, x] = slosh.next();
                free[0] += slosh_y.step(y);
                free[1] += slosh_x.step(x);
            }
            let mean = along / steps as f64;
            strides.push(match self.locomotion_axis {
                Axis::Y => [mean, 0.0],
                Axis::X => [0.0, mean],
            });
            sloshes.push(free.map(|v| v / steps as f64));
        }
        normalise(&mut strides, window);
        normalise(&mut sloshes, window);
        let share = self.locomotion_fraction.get();
        let mut path: Vec<[f64; 2]> = strides
            .iter()
            .zip(&sloshes)
            .map(|(a, b)| std::array::from_fn(|k| share * a[k] + (1.0 - share) * b[k]))
            .collect();
        let p99 = percentile(path[..window].iter().map(|v| math::hypot(v[0], v[1])).collect(), 0.99);
        let scale = if p99 > 0.0 { self.motion_amplitude_um.get() / p99 } else { 0.0 };
        for shift in &mut path {
            *shift = onto_disc(shift.map(|v| v * scale), self.max_shift_um.get());
        }
        path
    }

    /// Displacement (dy, dx) in µm of each frame under the random walk.
    fn walk_um(&self, key: Key, n_frames: usize) -> Vec<[f64; 2]> {
        let mut at = [0.0; 2];
        (0..n_frames)
            .map(|frame| {
                if frame > 0 {
                    let n = key.normal_pair(0, frame as u64);
                    at = std::array::from_fn(|k| at[k] + self.walk_step_um.get() * n[k]);
                    at = onto_disc(at, self.max_shift_um.get());
                }
                at
            })
            .collect()
    }
}

/// Starts the path at zero and scales it to unit RMS radius over its first `window` frames.
fn normalise(path: &mut [[f64; 2]], window: usize) {
    let Some(first) = path.first().copied() else { return };
    path.iter_mut().for_each(|v| *v = [v[0] - first[0], v[1] - first[1]]);
    let square: f64 = path[..window].iter().map(|v| v[0] * v[0] + v[1] * v[1]).sum();
    let rms = (square / window as f64).sqrt();
    if rms > 0.0 {
        path.iter_mut().for_each(|v| *v = [v[0] / rms, v[1] / rms]);
    }
}

/// The point itself, or the nearest one on the disc of this radius.
fn onto_disc(at: [f64; 2], radius: f64) -> [f64; 2] {
    let r = math::hypot(at[0], at[1]);
    if r > radius { at.map(|v| v * radius / r) } else { at }
}
