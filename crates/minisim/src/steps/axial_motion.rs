//! The brain moves along the optical axis.
//!
//! # What it models
//! The distance between lens and tissue changes with every stride and breath, and slowly over a session: cells come into and
//! out of focus.
//!
//! # Model
//! In frame t the focal surface lies z(t) µm deeper in the tissue than at rest (the tissue has come nearer to the lens):
//! - stride: the sinusoid of the animal's gait, wandering about its frequency, `phase_lag_deg` behind the lateral stride's drive, 99th
//!   percentile of its absolute value over the first 60 s `stride_um`;
//! - breathing: a sinusoid of 2.5 Hz whose frequency wanders by 0.3 Hz (Ornstein-Uhlenbeck, 2 s), scaled likewise to
//!   `breathing_um`;
//! - drift: an Ornstein-Uhlenbeck process of time constant `drift_tau_s` that starts at 0, so the film starts in focus; its
//!   standard deviation grows to `drift_um`; plus `linear_um_per_min`.
//!
//! All are averaged over each exposure. `trajectory_um`, if given, is z(t) instead. Only the distance to the focal surface changes: a
//! cell's blur is `σ² = σ0² + (NA * (depth - focus - z))²`, its light stays what it is. A frame is interpolated between images at fixed
//! levels of σ², within 1 % of a cell's peak ([`crate::physics::defocus`]); so are the vessels' shadows.
//!
//! # Sources
//! Brains of head-fixed mice that run move by 2 to 5 µm, mostly within the focal plane: Dombeck et al., Neuron 56:43 (2007). For them a
//! stride of 2 µm along the axis is much; for freely moving mice it is a convention, as are its phase, the amplitude of breathing,
//! and the slow drift with its time constant. Quiet mice breathe at 2 to 4 Hz, sniffing ones faster.
//!
//! # Leaves out
//! Tilt, deformation, breathing rates that follow the gait, what scatter and attenuation a compressed tissue would have.
//!
//! # Records
//! `axial_shift_um`, `in_focus_fraction`.

use std::{f64::consts::TAU, sync::Arc};

use super::{Domain, Part, Quantity, Step};
use crate::{
    building::Builder,
    math,
    physics::{
        locomotion::{Locomotion, percentile, steps_of_frame},
        lowpass::UnitOu,
    },
    rng::Key,
    spec::{Acquisition, Checker, Extent, Needs, NonNegative, Positive, Real, record::record},
    truth::{Declared, Dim, GroundTruth, Stored, TruthData},
};

/// Rate of breathing, how far it wanders (Hz) and how fast (s).
const BREATHING_HZ: f64 = 2.5;
const BREATHING_WANDER_HZ: f64 = 0.3;
const BREATHING_WANDER_TAU_S: f64 = 2.0;
/// Focal shift beyond which the film is hardly what was meant (µm).
const FAR_UM: f64 = 25.0;
/// Focal shift beyond which nothing is to be seen (µm).
const FARTHEST_UM: f64 = 200.0;

record! {
    /// Moves the brain along the optical axis, into and out of focus.
    pub struct AxialMotion: step, panel("anatomy", "Axial motion", 11), since("0.2") {
        /// Explicit shift of the focal surface into the tissue, frame by frame; overrides the model.
        trajectory_um: Option<Vec<Real>> => None, "µm";
        /// 99th percentile of the motion with the stride.
        stride_um: NonNegative = 2.0, "µm", slider(0.0, 10.0, 0.25), label("Stride");
        /// How far the axial stride lags behind the drive of the lateral one.
        phase_lag_deg: Real = 90.0, "deg";
        /// 99th percentile of the motion with the breath.
        breathing_um: NonNegative = 0.5, "µm", slider(0.0, 5.0, 0.25), label("Breathing");
        /// Standard deviation of the slow drift, once it has had time.
        drift_um: NonNegative = 2.0, "µm", slider(0.0, 10.0, 0.5), label("Drift");
        /// Time constant of the slow drift.
        drift_tau_s: Positive = 300.0, "s";
        /// Steady drift into the tissue, as of a scope that warms up.
        linear_um_per_min: Real = 0.0, "µm/min", slider(-2.0, 2.0, 0.1), label("Steady drift");
    }
}

impl Step for AxialMotion {
    const KIND: &'static str = "axial_motion";
    const DOMAIN: Domain = Domain::Cell;
    const PART: Part = Part::Motion;
    const RECORDS: &'static [Declared] = &[
        Declared {
            name: "axial_shift_um",
            dims: &[Dim::Frame],
            unit: "µm",
            doc: "How much deeper than at rest the focal surface lies in the tissue in each frame.",
            stored: Stored::Extra,
        },
        Declared {
            name: "in_focus_fraction",
            dims: &[Dim::Unit],
            unit: "",
            doc: "Share of frames in which each cell lies within the depth of field.",
            stored: Stored::Extra,
        },
    ];

    fn example() -> Self {
        Self { stride_um: NonNegative::lit(6.0), ..Self::default() }
    }

    fn cost(&self, extent: &Extent) -> Needs {
        // The shift and the weights of a layer of vessels at its levels, whose maps are held.
        Needs::course(extent.n_frames) * 4.0 + Needs::map(extent.canvas_px, 0.0) * 3.0
    }

    fn check(&self, cx: &mut Checker<'_>) {
        let Some(acquisition) = cx.acquisition() else { return };
        let n_frames = acquisition.n_frames();
        let minutes = acquisition.duration_s.get() / 60.0;
        let (field, extent_um) = match &self.trajectory_um {
            Some(trajectory) => {
                if trajectory.len() != n_frames {
                    cx.error(
                        "trajectory_um",
                        format!("{} shifts", trajectory.len()),
                        format!("must have one shift for each of the {n_frames} frames (duration_s * fps)"),
                        "change the trajectory, or acquisition.duration_s",
                    );
                }
                ("trajectory_um", trajectory.iter().fold(0.0, |most: f64, z| most.max(z.get().abs())))
            }
            None => {
                let parts = [
                    ("stride_um", self.stride_um.get()),
                    ("breathing_um", self.breathing_um.get()),
                    ("drift_um", self.drift_um.get()),
                    ("linear_um_per_min", (self.linear_um_per_min.get() * minutes).abs()),
                ];
                parts.into_iter().fold(("stride_um", 0.0), |most, part| if part.1 > most.1 { part } else { most })
            }
        };
        if extent_um > FARTHEST_UM {
            cx.error(
                field,
                format!("{extent_um:?} µm"),
                format!("must keep the focus within {FARTHEST_UM} µm of where it is at rest"),
                "lower it; real brains move by some micrometres",
            );
        } else if extent_um > FAR_UM {
            cx.warn(
                field,
                format!("{extent_um:?} µm"),
                format!("the focus moves farther than {FAR_UM} µm, so most cells are lost to it"),
                "lower it if such strong motion is not meant",
            );
        }
    }

    fn strength(&self, truth: &GroundTruth, _: &Acquisition) -> Vec<Quantity> {
        let within = |shifts: &[f64]| percentile(shifts.iter().map(|z| z.abs()).collect(), 0.99);
        let of = |shifts: &[f64]| Quantity { what: "99 % within", value: within(shifts), unit: "µm" };
        truth.f64s("axial_shift_um").map(of).into_iter().collect()
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let n_frames = scene.n_frames();
        let shift_um: Vec<f64> = match &self.trajectory_um {
            Some(trajectory) => trajectory.iter().take(n_frames).map(|z| z.get()).collect(),
            None => self.path_um(scene),
        };
        let model = *scene.optical();
        let focal = scene.focal_depth_um();
        // A stretch of the sorted shifts, so that a cell costs two searches and not all frames.
        let mut sorted = shift_um.clone();
        sorted.sort_by(f64::total_cmp);
        let blurred = scene.cells().spread.is_some();
        let share = |center: &[f64; 3]| {
            let distance = center[0] - model.local_focal_depth_um(*center, focal);
            let near = |z: f64| distance - z <= model.depth_of_field_um;
            let passed = |z: f64| z - distance > model.depth_of_field_um;
            let in_focus = sorted.partition_point(|z| !passed(*z)) - sorted.partition_point(|z| !near(*z));
            if blurred { in_focus as f64 / n_frames.max(1) as f64 } else { 1.0 }
        };
        let in_focus: Vec<f64> = scene.cells().centers_um.iter().map(share).collect();
        scene.record("in_focus_fraction", &[in_focus.len()], TruthData::F64(in_focus.into()));
        scene.record("axial_shift_um", &[n_frames], TruthData::F64(shift_um.clone().into()));
        scene.set_axial_shift_um(Arc::new(shift_um));
    }
}

impl AxialMotion {
    /// The focal surface's shift (µm) in each frame under the model.
    fn path_um(&self, scene: &mut Builder<'_>) -> Vec<f64> {
        let (window, fps) = (scene.calibration_frames(), scene.fps());
        let n_frames = scene.n_frames().max(window);
        let stride = stride(scene.locomotion(), n_frames, fps, self.phase_lag_deg.get().to_radians());
        let stride = scaled(stride, window, self.stride_um.get());
        let breathing = scaled(breathing(scene.key("breathing"), n_frames, fps), window, self.breathing_um.get());
        let key = scene.key("drift");
        let mut drift = UnitOu::new(1.0, self.drift_tau_s.get() * fps, 0.0);
        let parts = stride.iter().zip(&breathing).take(scene.n_frames()).enumerate();
        parts
            .map(|(t, (stride, breathing))| {
                let slow = self.drift_um.get() * drift.value();
                drift.step(key.normal(0, t as u64));
                let steady = self.linear_um_per_min.get() * t as f64 / (60.0 * fps);
                stride + breathing + slow + steady
            })
            .collect()
    }
}

/// The gait's sinusoid, `lag_rad` behind, averaged over each exposure.
fn stride(locomotion: Locomotion, n_frames: usize, fps: f64, lag_rad: f64) -> Vec<f64> {
    let (steps, dt_s) = steps_of_frame(fps);
    let mut stride = locomotion.stride(dt_s);
    let mut step = || {
        let value = math::sin(stride.phase_rad() - lag_rad);
        stride.next();
        value
    };
    (0..n_frames).map(|_| (0..steps).map(|_| step()).sum::<f64>() / steps as f64).collect()
}

/// A sinusoid that wanders about the rate of breathing, averaged over each exposure.
fn breathing(key: Key, n_frames: usize, fps: f64) -> Vec<f64> {
    let (steps, dt_s) = steps_of_frame(fps);
    let mut wander = UnitOu::new(1.0 / fps, BREATHING_WANDER_TAU_S, key.normal(0, 0));
    let mut phase = TAU * key.uniform(1, 0);
    let frame = |t: usize| {
        let turn = TAU * (BREATHING_HZ + BREATHING_WANDER_HZ * wander.value()) * dt_s;
        wander.step(key.normal(0, t as u64 + 1));
        let mut sum = 0.0;
        for _ in 0..steps {
            sum += math::sin(phase);
            phase += turn;
        }
        phase %= TAU;
        sum / steps as f64
    };
    (0..n_frames).map(frame).collect()
}

/// The path scaled so that the 99th percentile of its absolute value over its first `window` frames is `amplitude`.
fn scaled(mut path: Vec<f64>, window: usize, amplitude: f64) -> Vec<f64> {
    let mut sizes: Vec<f64> = path[..window].iter().map(|v| v.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let p99 = sizes[(0.99 * (window - 1) as f64).round_ties_even() as usize];
    let scale = if p99 > 0.0 { amplitude / p99 } else { 0.0 };
    path.iter_mut().for_each(|v| *v *= scale);
    path
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{GroundTruth, Recording, Spec, simulate, spec::Format};

    fn spec(acquisition: &Value, steps: &Value) -> Spec {
        let text = json!({ "acquisition": acquisition, "seed": 5, "steps": steps }).to_string();
        Spec::from_text(&text, Format::Json).unwrap_or_else(|e| panic!("{e}")).spec
    }

    /// Cells at many depths under vessels at two, in light; with the focus at `focal_um` and some steps more.
    fn film(focal_um: f64, more: &[Value]) -> Recording {
        let mut steps = vec![
            json!({ "kind": "place_neurons", "density_per_mm3": 30000.0, "depth_range_um": [40, 160] }),
            json!({ "kind": "cell_activity" }),
            json!({ "kind": "optics" }),
            json!({ "kind": "composite" }),
            json!({ "kind": "vasculature", "enabled": true, "layers": [{ "depth_um": 30, "root_radius_um": 9 }, { "depth_um": 60 }] }),
        ];
        steps.extend_from_slice(more);
        let acquisition = json!({
            "fps": 20.0, "duration_s": 0.5, "focal_depth_in_tissue_um": focal_um,
            "optics": { "na": 0.4, "field_curvature_radius_um": 2500.0 },
            "image_sensor": { "n_px_height": 96, "n_px_width": 120, "pixel_pitch_um": 16.0 },
        });
        simulate(&spec(&acquisition, &json!(steps))).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn a_constant_shift_is_another_focal_plane() {
        for z in [-40.0, -7.5, -0.3, 0.0, 2.0, 11.0, 60.0] {
            let moved = film(90.0, &[json!({ "kind": "axial_motion", "trajectory_um": vec![z; 10] })]);
            let refocused = film(90.0 + z, &[]);
            for t in [0, 9] {
                let (a, b) = (moved.observed.frame(t), refocused.observed.frame(t));
                let peak = b.iter().copied().fold(0.0, f32::max);
                let worst = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 0.01 * peak, "{z} µm, frame {t}: {worst} of {peak}");
            }
            let at_rest = film(90.0, &[]);
            for name in ["vasculature_mask", "observed_sigma_px", "in_focus"] {
                let truth = |r: &Recording| r.ground_truth.array(name).map(|a| a.data.to_f64());
                assert!(truth(&moved) == truth(&at_rest), "{name} is that of the plane at rest");
            }
        }
    }

    #[test]
    fn moving_light_is_neither_made_nor_lost() {
        let acquisition = json!({
            "duration_s": 2.0, "focal_depth_in_tissue_um": 100.0,
            "optics": { "magnification": 4.0, "na": 0.3 },
            "image_sensor": { "n_px_height": 420, "n_px_width": 420, "pixel_pitch_um": 8.0 },
        });
        let steps = |axial: &[Value]| {
            let cells = json!({ "kind": "place_neurons", "positions_um": [[80.0, 3.0, -7.0], [120.0, -21.0, 12.0], [100.0, 18.0, 25.0]] });
            let mut steps = vec![cells, json!({ "kind": "cell_activity" }), json!({ "kind": "optics" })];
            steps.extend_from_slice(axial);
            steps.push(json!({ "kind": "composite" }));
            simulate(&spec(&acquisition, &json!(steps))).expect("simulable")
        };
        let still = steps(&[]);
        let moving = steps(&[json!({ "kind": "axial_motion", "stride_um": 20.0, "drift_um": 10.0 })]);
        let sum = |r: &Recording, t: usize| r.observed.frame(t).iter().map(|v| f64::from(*v)).sum::<f64>();
        let n = still.observed.shape[0];
        assert!((0..n).any(|t| still.observed.frame(t) != moving.observed.frame(t)));
        for t in 0..n {
            let share = sum(&moving, t) / sum(&still, t);
            assert!((share - 1.0).abs() < 1e-4, "frame {t}: {share}");
        }
    }

    #[test]
    fn in_focus_fraction_is_a_count_of_frames() {
        let recording = film(90.0, &[json!({ "kind": "axial_motion", "stride_um": 9.0, "drift_um": 4.0 })]);
        let truth = &recording.ground_truth;
        let shifts = truth.f64s("axial_shift_um").expect("moving");
        let model = crate::physics::optics::OpticalModel::new(&recording.spec.acquisition);
        let centers = truth.f64s("centers_um").expect("cells");
        let fractions = truth.f64s("in_focus_fraction").expect("moving");
        for (center, fraction) in centers.chunks_exact(3).zip(fractions) {
            let center = [center[0], center[1], center[2]];
            let count = shifts.iter().filter(|z| {
                let distance = center[0] - model.local_focal_depth_um(center, 90.0) - **z;
                distance.abs() <= model.depth_of_field_um
            });
            assert_eq!(*fraction, count.count() as f64 / shifts.len() as f64);
        }
        assert!(fractions.iter().any(|f| *f > 0.0 && *f < 1.0), "no cell comes into focus or leaves it");
    }

    /// A minute and more without cells.
    fn path(step: &Value, more: &[Value]) -> GroundTruth {
        let acquisition = json!({
            "fps": 30.0, "duration_s": 90.0, "image_sensor": { "n_px_height": 32, "n_px_width": 32 },
        });
        let mut steps = vec![step.clone()];
        steps.extend_from_slice(more);
        crate::Scene::new(&spec(&acquisition, &json!(steps))).expect("valid").into_ground_truth(None)
    }

    #[test]
    fn each_part_has_its_amplitude() {
        let alone = |stride: f64, breathing: f64, drift: f64| {
            let step = json!({ "kind": "axial_motion", "stride_um": stride, "breathing_um": breathing, "drift_um": drift });
            path(&step, &[]).f64s("axial_shift_um").expect("moving").to_vec()
        };
        for (z, amplitude) in [(alone(3.0, 0.0, 0.0), 3.0), (alone(0.0, 0.7, 0.0), 0.7)] {
            let mut sizes: Vec<f64> = z[..1800].iter().map(|v| v.abs()).collect();
            sizes.sort_by(f64::total_cmp);
            assert!((sizes[1781] / amplitude - 1.0).abs() < 1e-12, "{}", sizes[1781]);
        }
        let (stride, breathing) = (alone(3.0, 0.0, 0.0), alone(0.0, 0.7, 0.0));
        let rate = |z: &[f64]| z.windows(2).filter(|w| w[0] <= 0.0 && w[1] > 0.0).count() as f64 / 90.0;
        assert!((rate(&stride) - 7.0).abs() < 0.3, "{}", rate(&stride));
        assert!((rate(&breathing) - 2.5).abs() < 0.15, "{}", rate(&breathing));
        assert_eq!(alone(0.0, 0.0, 2.0)[0], 0.0);
        let steady = path(&json!({ "kind": "axial_motion", "stride_um": 0, "breathing_um": 0, "drift_um": 0, "linear_um_per_min": 2 }), &[]);
        assert_eq!(steady.f64s("axial_shift_um").expect("moving")[1800], 2.0);
    }

    #[test]
    fn the_drift_spreads_to_its_standard_deviation() {
        // A short memory, so that a minute and a half holds some hundred independent values.
        let step = json!({ "kind": "axial_motion", "stride_um": 0.0, "breathing_um": 0.0, "drift_um": 2.0, "drift_tau_s": 0.4 });
        let truth = path(&step, &[]);
        let z = truth.f64s("axial_shift_um").expect("moving");
        let sd = (z.iter().map(|v| v * v).sum::<f64>() / z.len() as f64).sqrt();
        // 90 s / (2 * 0.4 s) values: a standard error of 7 %.
        assert!((sd / 2.0 - 1.0).abs() < 0.25, "{sd}");
    }

    /// The lateral stride is a resonant body's response to the drive, so it is a sum of the drive and of what lags a quarter behind.
    #[test]
    fn the_axial_stride_is_in_step_with_the_lateral_one() {
        let lateral = json!({ "kind": "brain_motion", "locomotion_fraction": 1.0, "locomotion_freq_hz": 4.0 });
        let z = |lag: f64| {
            let step = json!({ "kind": "axial_motion", "phase_lag_deg": lag, "breathing_um": 0.0, "drift_um": 0.0 });
            path(&step, std::slice::from_ref(&lateral))
        };
        let (now, behind) = (z(0.0), z(90.0));
        let (a, b) = (now.f64s("axial_shift_um").expect("moving"), behind.f64s("axial_shift_um").expect("moving"));
        let mut y: Vec<f64> = now.f64s("shifts").expect("moving").chunks_exact(2).map(|s| s[0]).collect();
        let mean = y.iter().sum::<f64>() / y.len() as f64;
        y.iter_mut().for_each(|v| *v -= mean);
        let dot = |p: &[f64], q: &[f64]| p.iter().zip(q).map(|(p, q)| p * q).sum::<f64>();
        let (aa, ab, bb, ay, by) = (dot(a, a), dot(a, b), dot(b, b), dot(a, &y), dot(b, &y));
        let (p, q) = ((ay * bb - by * ab) / (aa * bb - ab * ab), (by * aa - ay * ab) / (aa * bb - ab * ab));
        let explained = (p * ay + q * by) / dot(&y, &y);
        assert!(explained > 0.8, "{explained}");
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_remedy() {
        let refused = |step: Value| {
            let text = json!({ "acquisition": { "duration_s": 1.0, "fps": 20.0 }, "steps": [step] }).to_string();
            Spec::from_text(&text, Format::Json).expect_err("must be refused").to_string()
        };
        let text = refused(json!({ "kind": "axial_motion", "trajectory_um": [1.0, 2.0] }));
        assert!(text.contains("trajectory_um") && text.contains("20 frames") && text.contains("duration_s"), "{text}");
        let text = refused(json!({ "kind": "axial_motion", "stride_um": 1e9 }));
        assert!(text.contains("stride_um") && text.contains("200 µm") && text.contains("lower it"), "{text}");
        let text = refused(json!({ "kind": "axial_motion", "drift_tau_s": 0.0 }));
        assert!(text.contains("drift_tau_s") && text.contains("greater than 0"), "{text}");
    }
}
