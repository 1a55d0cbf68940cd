//! The brain bends under the scope.
//!
//! # What it models
//! Motion that differs over the field of view: tissue is soft, so that stride and slow swelling displace one corner more than
//! another, and the brain turns a little under the lens.
//!
//! # Model
//! `d(y, x, t) = rotation(t) + Σ_k U_k(y, x) · q_k(t)`, on top of the rigid displacement of `brain_motion` where that is. A pixel
//! `p` shows the tissue at `p - d(p)`, bilinearly interpolated. `U_k` is a field of random vectors, white noise under a Gaussian
//! of `spatial_sigma_um`, with an RMS length of `amplitude_um / √n_modes` over the field of view (or over 4 σ around the optical
//! axis, where that is larger). `q_k` is the animal's stride and red noise of time constant `tau_s`, mixed by
//! `locomotion_fraction`, of unit RMS on the first 60 s and held within ±4. The rotation about the optical axis is such a mixture,
//! too, scaled so that the 99th percentile of its size is `rotation_deg`, and held within twice that. Where all this could displace a
//! pixel farther than `max_displacement_um`, the frame's deformation is made smaller as a whole.
//!
//! The tissue must not fold: the Jacobian of the mapping must be greater than 0.5 everywhere at any time, by bounds on the fields'
//! slopes and on the time courses, whatever the duration. A spec for which it could be less is refused.
//!
//! # Sources
//! Motion that differs over the field of view is why there is piecewise-rigid registration, which takes patches of it as rigid:
//! Pnevmatikakis & Giovannucci, J Neurosci Methods 291:83 (2017), NoRMCorre. How far the tissue bends and turns, how smoothly and how
//! fast, are conventions.
//!
//! # Leaves out
//! Shear by rolling shutter, tissue that moves in depth, vessels that pulsate.
//!
//! # Records
//! `deformation_modes`, `deformation_rows_px`, `deformation_cols_px`, `deformation_course`, `rotation_rad`.

use std::sync::Arc;

use super::{Domain, Margin, Part, Quantity, Step};
use crate::{
    building::Builder,
    fields::{
        num::{Count, Fraction, NonNegative, Positive},
        record::record,
    },
    math,
    physics::{
        locomotion::{percentile, steps_of_frame},
        lowpass::UnitOu,
        noise::{Lattice, smooth_noise},
    },
    plan::{Course, Deformation, Grid, LEAST_JACOBIAN, Mode, Warp},
    spec::{Acquisition, Checker, Extent, Needs},
    truth::{Declared, Dim, GroundTruth, Stored, TruthData},
};

/// Nodes of the grid per σ.
const NODES_PER_SIGMA: f64 = 4.0;
/// Where a time course of unit RMS ends.
const MAX_COURSE: f64 = 4.0;
/// Where the rotation ends, in units of its 99th percentile.
const MAX_ROTATION: f64 = 2.0;
/// Most modes.
const MAX_MODES: u32 = 64;
/// Frames whose displacements tell how strong a recording's deformation is.
const FRAMES_LOOKED_AT: usize = 300;
/// σ over which the fields have their RMS, at least.
const RMS_OVER_SIGMA: f64 = 4.0;

record! {
    /// Deforms and turns the brain under the scope.
    pub struct TissueDeformation: step, panel("anatomy", "Tissue deformation", 12), since("0.2") {
        /// RMS displacement by deformation.
        amplitude_um: Positive = 1.5, "µm", slider(0.1, 5.0, 0.1), label("Amplitude");
        /// How smooth the deformation is: σ of its fields.
        spatial_sigma_um: Positive = 150.0, "µm", slider(50.0, 400.0, 10.0), label("Smoothness");
        /// Number of displacement fields, each with its own time course.
        n_modes: Count = 4, "";
        /// 99th percentile of the angle that the brain is turned by about the optical axis.
        rotation_deg: NonNegative = 0.3, "°", slider(0.0, 1.5, 0.05), label("Rotation");
        /// Share of the time courses that is stride; the rest is red noise.
        locomotion_fraction: Fraction = 0.25, "";
        /// Time constant of the red noise.
        tau_s: Positive = 1.0, "s";
        /// Largest displacement of any pixel by deformation and rotation, which the canvas has room for.
        max_displacement_um: Positive = 15.0, "µm", slider(1.0, 40.0, 1.0), label("Max displacement");
    }
}

impl Step for TissueDeformation {
    const KIND: &'static str = "tissue_deformation";
    const DOMAIN: Domain = Domain::Motion;
    const PART: Part = Part::Motion;
    const RECORDS: &'static [Declared] = &[
        Declared {
            name: "deformation_modes",
            dims: &[Dim::Mode, Dim::Yx, Dim::GridRow, Dim::GridCol],
            unit: "px",
            doc: "Displacement fields (dy, dx) at the nodes of a grid; between nodes interpolated by Catmull and Rom's cubic.",
            stored: Stored::Extra,
        },
        Declared {
            name: "deformation_rows_px",
            dims: &[Dim::GridRow],
            unit: "px",
            doc: "Row of the field of view that each row of the deformation's grid lies on.",
            stored: Stored::Extra,
        },
        Declared {
            name: "deformation_cols_px",
            dims: &[Dim::GridCol],
            unit: "px",
            doc: "Column of the field of view that each column of the deformation's grid lies on.",
            stored: Stored::Extra,
        },
        Declared {
            name: "deformation_course",
            dims: &[Dim::Mode, Dim::Frame],
            unit: "",
            doc: "Factor of each displacement field in each frame.",
            stored: Stored::Extra,
        },
        Declared {
            name: "rotation_rad",
            dims: &[Dim::Frame],
            unit: "rad",
            doc: "Angle that the tissue is turned by about the centre of the field of view; a positive one moves its right side down.",
            stored: Stored::Extra,
        },
    ];

    fn example() -> Self {
        Self {
            amplitude_um: Positive::lit(1.0),
            spatial_sigma_um: Positive::lit(60.0),
            max_displacement_um: Positive::lit(6.0),
            ..Self::default()
        }
    }

    fn margin(&self) -> Option<Margin> {
        Some(Margin { um: self.max_displacement_um.get(), field: "max_displacement_um" })
    }

    fn cost(&self, extent: &Extent) -> Needs {
        // The path, the angle and the modes' time courses.
        Needs::course(extent.n_frames) * (f64::from(self.n_modes.get()) + 2.0)
    }

    fn check(&self, cx: &mut Checker<'_>) {
        let n_modes = self.n_modes.get();
        if n_modes > MAX_MODES {
            cx.error("n_modes", n_modes.to_string(), format!("must not exceed {MAX_MODES}"), "lower it; a few are enough");
        }
        let (room, sigma) = (self.max_displacement_um.get(), self.spatial_sigma_um.get());
        if room > 0.25 * sigma {
            cx.error(
                "max_displacement_um",
                format!("{room:?}"),
                format!("must not exceed a quarter of spatial_sigma_um ({sigma} µm), or the tissue could fold"),
                "lower max_displacement_um and amplitude_um, or raise spatial_sigma_um",
            );
        }
        let corner_um = cx.acquisition().map_or(0.0, |acquisition| {
            let [height, width] = acquisition.fov_um();
            0.5 * math::hypot(height, width) * self.rotation_deg.get().to_radians()
        });
        let usual_um = 2.0 * self.amplitude_um.get() + corner_um;
        if usual_um > room {
            cx.error(
                "amplitude_um",
                format!("{:?}", self.amplitude_um.get()),
                format!(
                    "twice the amplitude, and {corner_um:.1} µm that the rotation moves a corner of the field of view by, make \
                     {usual_um:.1} µm and must not exceed max_displacement_um ({room} µm)"
                ),
                "lower amplitude_um or rotation_deg, or raise max_displacement_um",
            );
        }
    }

    /// Looked at are some frames, at the nodes of the grid.
    fn strength(&self, truth: &GroundTruth, acquisition: &Acquisition) -> Vec<Quantity> {
        let (Some(Warp::NonRigid(deformation)), Some(angles)) = (truth.warp(), truth.f64s("rotation_rad")) else {
            return Vec::new();
        };
        let fov = truth.planted.fov_shape;
        let places: Vec<[f64; 2]> = deformation.grid.places(fov).collect();
        let (mut squares, mut largest, mut n) = (0.0, 0.0_f64, 0);
        for t in (0..angles.len()).step_by(angles.len().div_ceil(FRAMES_LOOKED_AT).max(1)) {
            let frame = deformation.frame(fov, t);
            for [y, x] in &places {
                let [dy, dx] = frame.local_px(*y, *x);
                let square = dy * dy + dx * dx;
                (squares, largest, n) = (squares + square, largest.max(square), n + 1);
            }
        }
        let um = |square: f64| acquisition.pixel_size_um() * square.sqrt();
        let turned = percentile(angles.iter().map(|angle| angle.abs()).collect(), 0.99).to_degrees();
        vec![
            Quantity { what: "RMS", value: um(squares / f64::from(n.max(1))), unit: "µm" },
            Quantity { what: "largest", value: um(largest), unit: "µm" },
            Quantity { what: "turned by 99 % within", value: turned, unit: "°" },
        ]
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let (n_frames, pixel_um, fov) = (scene.n_frames(), scene.acquisition().pixel_size_um(), scene.canvas().fov);
        let spacing_px = (self.spatial_sigma_um.get() / NODES_PER_SIGMA / pixel_um).max(1.0);
        let nodes = |px: usize| ((px as f64 - 1.0) / spacing_px).ceil().max(1.0) as usize + 1;
        let grid = Grid { shape: fov.map(nodes), spacing_px };
        let fields = self.fields_px(scene, grid);
        let (mut courses, mut angles) = self.courses(scene);

        // What one frame can be at most: of each mode, how far it displaces and how steep it is.
        let alone = |vectors_px: &Arc<Vec<[f64; 2]>>| {
            let modes = vec![Mode { vectors_px: Arc::clone(vectors_px), course: Course::Still }];
            let still = Deformation { path_px: vec![[0.0; 2]], rotation_rad: vec![0.0], grid, modes }.frame(fov, 0);
            let [low, high] = still.local_range_px();
            (low.into_iter().chain(high).fold(0.0_f64, |most, px| most.max(px.abs())), still.slope_bound())
        };
        let bounds: Vec<(f64, f64)> = fields.iter().map(alone).collect();
        let corner_px = 0.5 * math::hypot(fov[0] as f64, fov[1] as f64);
        let room_px = self.max_displacement_um.get() / pixel_um;
        let most_rad = MAX_ROTATION * self.rotation_deg.get().to_radians();
        // As far as the time courses go, and as far as the room lets them.
        let by_courses = bounds.iter().map(|(_, slope)| MAX_COURSE * slope).sum::<f64>() + most_rad;
        let by_room =
            bounds.iter().map(|(px, slope)| slope / px).fold(1.0 / corner_px, f64::max) * room_px;
        let slope = by_courses.min(by_room);
        // A diagonal of slopes not above s, beside others not above s: (1 - s)² - s².
        let jacobian = 1.0 - 2.0 * slope;
        // Not a number is refused, too.
        let fine = jacobian > LEAST_JACOBIAN;
        if !fine {
            scene.refuse_field(
                "amplitude_um",
                format!("{:?}", self.amplitude_um.get()),
                format!(
                    "the tissue could be stretched or fold: the Jacobian may be as little as {jacobian:.2} and must be greater \
                     than {LEAST_JACOBIAN}"
                ),
                "lower amplitude_um or max_displacement_um, or raise spatial_sigma_um".to_owned(),
            );
            return;
        }
        for t in 0..n_frames {
            let modes = courses.iter().zip(&bounds).map(|(course, (px, _))| f64::from(course[t]).abs() * px);
            let reach_px = modes.sum::<f64>() + corner_px * angles[t].abs();
            if reach_px > room_px {
                let less = room_px / reach_px;
                courses.iter_mut().for_each(|course| course[t] = (f64::from(course[t]) * less) as f32);
                angles[t] *= less;
            }
        }

        let n = fields.len();
        let [rows, cols] = grid.shape;
        let axis = |field: &[[f64; 2]], k: usize| field.iter().map(|v| v[k]).collect::<Vec<f64>>();
        let modes: Vec<f64> = fields.iter().flat_map(|field| [axis(field, 0), axis(field, 1)]).flatten().collect();
        let places = |n: usize| TruthData::F64((0..n).map(|i| i as f64 * spacing_px).collect::<Vec<f64>>().into());
        // As they are rendered.
        let shown = courses.iter().flat_map(|course| course[..n_frames].iter().map(|q| f64::from(*q)));
        let shown: Vec<f64> = shown.collect();
        angles.truncate(n_frames);
        scene.record("deformation_modes", &[n, 2, rows, cols], TruthData::F64(modes.into()));
        scene.record("deformation_rows_px", &[rows], places(rows));
        scene.record("deformation_cols_px", &[cols], places(cols));
        scene.record("deformation_course", &[n, n_frames], TruthData::F64(shown.into()));
        scene.record("rotation_rad", &[n_frames], TruthData::F64(angles.clone().into()));
        let mode = |(vectors_px, factors): (Arc<Vec<[f64; 2]>>, Vec<f32>)| Mode {
            vectors_px,
            course: Course::Varying { factors: Arc::new(factors), expected: 0.0 },
        };
        scene.push(Warp::from(
            Deformation {
                path_px: vec![[0.0; 2]; n_frames],
                rotation_rad: angles,
                grid,
                modes: fields.into_iter().zip(courses).map(mode).collect(),
            },
        ));
    }
}

impl TissueDeformation {
    /// The vectors (dy, dx) of each mode at the nodes of the grid (px).
    fn fields_px(&self, scene: &mut Builder<'_>, grid: Grid) -> Vec<Arc<Vec<[f64; 2]>>> {
        let canvas = scene.canvas();
        let (n, sigma_um) = (self.n_modes.get() as usize, self.spatial_sigma_um.get());
        let key = scene.key("field");
        let made = scene.part("deformation", 0, &(n, self.spatial_sigma_um, self.amplitude_um), || {
            let lattice = Lattice::new(sigma_um, canvas.pixel_um);
            let field = |k: usize, axis: usize, at: &[Vec<f64>; 2]| {
                smooth_noise(key, (2 * k + axis) as u64, &lattice, &at[0], &at[1])
            };
            let nodes: [Vec<f64>; 2] = [0, 1].map(|axis| {
                let first = canvas.um_from_fov_px(axis, 0);
                (0..grid.shape[axis]).map(|i| first + i as f64 * grid.spacing_px * canvas.pixel_um).collect()
            });
            // Places for the RMS: a field is smooth, so a few of them know it.
            let around: [Vec<f64>; 2] = [0, 1].map(|axis| {
                let half = 0.5 * canvas.fov_um()[axis].max(RMS_OVER_SIGMA * sigma_um);
                let n = (half / sigma_um * NODES_PER_SIGMA).ceil().max(1.0) as i32;
                (-n..=n).map(|i| half * f64::from(i) / f64::from(n)).collect()
            });
            let share_px = self.amplitude_um.get() / (n as f64).sqrt() / canvas.pixel_um;
            (0..n)
                .map(|k| {
                    let squares = |axis| field(k, axis, &around).iter().map(|v| v * v).sum::<f64>();
                    let square = (squares(0) + squares(1)) / (around[0].len() * around[1].len()) as f64;
                    let scale = if square > 0.0 { share_px / square.sqrt() } else { 0.0 };
                    let [dy, dx] = [field(k, 0, &nodes), field(k, 1, &nodes)];
                    Arc::new(dy.iter().zip(&dx).map(|(dy, dx)| [scale * dy, scale * dx]).collect())
                })
                .collect::<Vec<Arc<Vec<[f64; 2]>>>>()
        });
        made.to_vec()
    }

    /// The time courses of the modes, and the angles of rotation (rad), of at least as many frames as the recording has.
    fn courses(&self, scene: &mut Builder<'_>) -> (Vec<Vec<f32>>, Vec<f64>) {
        let window = scene.calibration_frames();
        let n_frames = scene.n_frames().max(window);
        let (steps, dt_s) = steps_of_frame(scene.fps());
        let mut stride = scene.locomotion().stride(dt_s);
        let mut strides: Vec<f64> =
            (0..n_frames).map(|_| (0..steps).map(|_| stride.next()).sum::<f64>() / steps as f64).collect();
        to_unit_rms(&mut strides, window);
        let (key, share) = (scene.key("red noise"), self.locomotion_fraction.get());
        let mixture = |entity: u64| {
            let mut noise = UnitOu::new(1.0 / scene.fps(), self.tau_s.get(), key.normal(entity, 0));
            let mut red: Vec<f64> = (0..n_frames)
                .map(|t| {
                    let value = noise.value();
                    noise.step(key.normal(entity, t as u64 + 1));
                    value
                })
                .collect();
            to_unit_rms(&mut red, window);
            let mut mixed: Vec<f64> =
                strides.iter().zip(&red).map(|(stride, red)| share * stride + (1.0 - share) * red).collect();
            to_unit_rms(&mut mixed, window);
            mixed
        };
        let modes = (0..u64::from(self.n_modes.get()))
            .map(|k| mixture(k + 1).iter().map(|q| q.clamp(-MAX_COURSE, MAX_COURSE) as f32).collect())
            .collect();
        let mut angles = mixture(0);
        let p99 = percentile(angles[..window].iter().map(|v| v.abs()).collect(), 0.99);
        let usual_rad = self.rotation_deg.get().to_radians();
        let scale = if p99 > 0.0 { usual_rad / p99 } else { 0.0 };
        let most = MAX_ROTATION * usual_rad;
        angles.iter_mut().for_each(|angle| *angle = (*angle * scale).clamp(-most, most));
        (modes, angles)
    }
}

/// Scales a time course to unit RMS over its first `window` frames.
fn to_unit_rms(course: &mut [f64], window: usize) {
    let rms = (course[..window].iter().map(|v| v * v).sum::<f64>() / window as f64).sqrt();
    if rms > 0.0 {
        course.iter_mut().for_each(|v| *v /= rms);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        Scene, math,
        plan::Warp,
        recording::Pixels,
        render,
        spec::{Format, Spec},
    };

    fn spec(duration_s: f64, deformation: &Value, others: &[Value]) -> Spec {
        let mut steps = vec![
            json!({ "kind": "place_neurons", "density_per_mm3": 3000.0, "soma_radius_um": 5.0, "depth_range_um": [40, 60] }),
            json!({ "kind": "cell_activity" }),
            json!({ "kind": "composite" }),
        ];
        steps.extend(others.iter().cloned());
        let mut step = json!({ "kind": "tissue_deformation" });
        for (field, value) in deformation.as_object().expect("fields") {
            step[field] = value.clone();
        }
        steps.push(step);
        let text = json!({
            "acquisition": {
                "fps": 20.0, "duration_s": duration_s,
                "image_sensor": { "n_px_height": 180, "n_px_width": 220, "pixel_pitch_um": 16.0 },
            },
            "seed": 4, "steps": steps,
        });
        Spec::from_text(&text.to_string(), Format::Json).unwrap_or_else(|e| panic!("{e}")).spec
    }

    fn scene(spec: &Spec) -> Scene {
        Scene::new(spec).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn amplitudes_are_as_asked_for() {
        let asked = json!({ "spatial_sigma_um": 60.0, "rotation_deg": 0.0, "max_displacement_um": 12.0 });
        let spec = spec(60.0, &asked, &[]);
        let (truth, um) = (scene(&spec).into_ground_truth(None), spec.acquisition.pixel_size_um());
        let mut square = 0.0;
        let frames = (0..1200).step_by(40);
        for t in frames.clone() {
            let d = truth.displacement(t).expect("a frame of the film");
            square += d.iter().map(|px| px * px * um * um).sum::<f64>() / (d.len() / 2) as f64;
            assert!(d.iter().all(|px| px.abs() * um <= 12.0));
        }
        // Four time courses of a second's memory in 60 s, and fields that share a little.
        let rms = (square / frames.len() as f64).sqrt();
        assert!((rms / 1.5 - 1.0).abs() < 0.15, "{rms}");
        assert!(truth.displacement(1200).is_none());
        let turning = scene(&self::spec(60.0, &json!({ "rotation_deg": 0.5 }), &[])).into_ground_truth(None);
        let angles = turning.f64s("rotation_rad").expect("it turns").iter().map(|v| v.abs()).collect();
        assert!((percentile(angles, 0.99).to_degrees() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn excursions_end_where_the_room_does() {
        let asked = json!({ "spatial_sigma_um": 60.0, "rotation_deg": 0.0, "max_displacement_um": 3.0 });
        let spec = spec(60.0, &asked, &[]);
        let (truth, um) = (scene(&spec).into_ground_truth(None), spec.acquisition.pixel_size_um());
        let largest = |t| truth.displacement(t).expect("a frame").iter().fold(0.0_f64, |most, px| most.max(px.abs()));
        let most = (0..1200).step_by(10).map(largest).fold(0.0, f64::max) * um;
        assert!(most > 2.0 && most <= 3.0 + 1e-6, "{most}");
    }

    /// Cells that are seen where the truth says.
    #[test]
    fn known_points_land_where_the_truth_says() {
        let motion = json!({ "kind": "brain_motion", "motion_amplitude_um": 4.0, "max_shift_um": 6.0 });
        let asked = json!({ "spatial_sigma_um": 60.0, "amplitude_um": 3.0, "rotation_deg": 1.0, "max_displacement_um": 14.0 });
        let scene = scene(&spec(2.0, &asked, &[motion]));
        let truth = scene.ground_truth(None);
        let [height, width] = scene.canvas.fov;
        // The centre of some weights at places, and what they sum to.
        let centre = |weights: &mut dyn Iterator<Item = (f64, f64, f64)>| {
            let [sum, y, x] = weights.fold([0.0; 3], |s, (y, x, w)| [s[0] + w, s[1] + w * y, s[2] + w * x]);
            [y / sum, x / sum]
        };
        let at_rest: Vec<[f64; 2]> = truth
            .planted
            .patches
            .iter()
            .map(|p| {
                let place = |i: usize| [p.row + (i / p.width) as i32, p.col + (i % p.width) as i32].map(f64::from);
                let margin = scene.canvas.margin as f64;
                let weights = p.data.iter().enumerate().map(|(i, w)| (place(i)[0], place(i)[1], f64::from(*w)));
                centre(&mut { weights }).map(|v| v - margin)
            })
            .collect();
        let (mut seen, mut moved) = (0, 0.0_f64);
        for t in [3, 17, 39] {
            let d = truth.displacement(t).expect("a frame of the film");
            let film = render(&scene, t..t + 1, None).expect("it has stages");
            let Pixels::F32(film) = film else { panic!("light is in single precision") };
            for (i, rest) in at_rest.iter().enumerate() {
                let inside = |p: &[f64; 2]| {
                    p[0] > 20.0 && p[1] > 20.0 && p[0] < height as f64 - 20.0 && p[1] < width as f64 - 20.0
                };
                let near = |other: &[f64; 2]| math::hypot(other[0] - rest[0], other[1] - rest[1]) < 24.0;
                if !inside(rest) || at_rest.iter().enumerate().any(|(j, other)| j != i && near(other)) {
                    continue;
                }
                // Where the tissue is at rest there, by going to and fro.
                let mut at = *rest;
                for _ in 0..30 {
                    let pixel = at[0].round_ties_even() as usize * width + at[1].round_ties_even() as usize;
                    at = [rest[0] + d[pixel], rest[1] + d[height * width + pixel]];
                }
                let [row, col] = at.map(|v| v.round_ties_even() as usize);
                let window = (row - 9..=row + 9).flat_map(|r| (col - 9..=col + 9).map(move |c| (r, c)));
                let mut light = window.map(|(r, c)| (r as f64, c as f64, f64::from(film[r * width + c])));
                let found = centre(&mut light);
                let error = math::hypot(found[0] - at[0], found[1] - at[1]);
                assert!(error < 0.1, "frame {t}, cell {i}: off by {error} px");
                seen += 1;
                moved = moved.max(math::hypot(at[0] - rest[0], at[1] - rest[1]));
            }
        }
        assert!(seen >= 9 && moved > 2.0, "{seen} cells, moved by up to {moved} px");
    }

    #[test]
    fn the_stage_before_it_is_the_rigid_film() {
        let motion = json!({ "kind": "brain_motion", "motion_amplitude_um": 3.0, "max_shift_um": 6.0 });
        let scene = scene(&spec(1.0, &json!({}), &[motion]));
        let plan = &scene.plan;
        let after = |name: &str| plan.stages.iter().find(|s| s.name == name).expect("a stage").reached;
        let (Warp::Rigid(path), Warp::NonRigid(both)) =
            (plan.warp(after("brain_motion")), plan.warp(after("tissue_deformation")))
        else {
            panic!("rigid first, then both");
        };
        assert!(path == &both.path_px && path.iter().any(|v| v[0] != 0.0));
        // Alone, it moves nothing as a whole.
        let alone = self::scene(&spec(1.0, &json!({}), &[]));
        let Warp::NonRigid(alone) = alone.plan.warp(alone.plan.reached(alone.plan.stages.len())) else {
            panic!("it is deformed");
        };
        assert!(alone.path_px.iter().all(|v| *v == [0.0; 2]) && alone.fold([180, 220], 0..20).is_none());
    }

    #[test]
    fn what_could_fold_or_has_no_room_is_refused() {
        let refused = |asked: &str| {
            let text = format!(
                r#"{{ "acquisition": {{ "duration_s": 1.0 }}, "seed": 1, "steps": [{{ "kind": "tissue_deformation", {asked} }}] }}"#
            );
            Spec::from_text(&text, Format::Json).map_or_else(
                |report| report.to_string(),
                |checked| Scene::new(&checked.spec).expect_err("it is refused").to_string(),
            )
        };
        let text = refused(r#""spatial_sigma_um": 40.0"#);
        assert!(text.contains("max_displacement_um") && text.contains("fold") && text.contains("raise"), "{text}");
        let text = refused(r#""amplitude_um": 8.0"#);
        assert!(text.contains("amplitude_um") && text.contains("raise max_displacement_um"), "{text}");
        let text = refused(r#""n_modes": 1000"#);
        assert!(text.contains("n_modes") && text.contains("64"), "{text}");
        // Within the rules of thumb, but steep.
        let text = refused(r#""n_modes": 16, "amplitude_um": 4.0, "rotation_deg": 0.0, "spatial_sigma_um": 33.0, "max_displacement_um": 8.25"#);
        assert!(text.contains("Jacobian") && text.contains("lower amplitude_um"), "{text}");
    }
}
