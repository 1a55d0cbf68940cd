//! The bounds of an ideal observer: closed forms, and estimators that reach them on simulated films.
#![allow(clippy::disallowed_methods, reason = "only the library itself must be pure")]

mod common;

use common::spec;
use minisim::{
    Bounds, MemorySink, Options, Scene, at_every_level, recording::Pixels, render, simulate, simulate_into, spec::Spec,
    truth::BOUNDS,
};
use serde_json::{Value, json};

fn bounds(spec: &Spec) -> Bounds {
    Scene::new(spec).expect("simulable").bounds().unwrap_or_else(|e| panic!("{e}"))
}

/// Sharp cells at these places, with their noise.
fn cells_at(positions_um: &Value, photons_per_unit: f64, read_noise_e: f64) -> Spec {
    spec(&json!({
        "acquisition": { "fps": 20.0, "duration_s": 5.0, "image_sensor": {
            "n_px_height": 40, "n_px_width": 48, "pixel_pitch_um": 16.0, "bit_depth": 16,
            "read_noise_e": read_noise_e, "gain_adu_per_e": 4.0, "quantum_efficiency": 0.5 } },
        "seed": 4,
        "steps": [
            { "kind": "place_neurons", "positions_um": positions_um, "soma_radius_um": 8.0 },
            { "kind": "cell_activity" },
            { "kind": "composite" },
            { "kind": "sensor", "photons_per_unit": photons_per_unit },
        ],
    }))
}

/// Electrons per unit of each cell's trace in each pixel, and the mean of all light (e⁻), for sharp cells without more.
fn sharp(scene: &Scene, electrons_per_unit: f64) -> (Vec<Vec<f64>>, Vec<f64>) {
    let truth = scene.ground_truth(None);
    let dense = |unit: usize| -> Vec<f64> {
        let image = truth.planted.dense_in_fov(&truth.planted.patches[unit]);
        image.iter().map(|v| electrons_per_unit * f64::from(*v)).collect()
    };
    let a: Vec<Vec<f64>> = (0..truth.n_units()).map(dense).collect();
    let mut mean = vec![0.0; a[0].len()];
    for (unit, a) in a.iter().enumerate() {
        let c = truth.trace(unit);
        let brightness = c.iter().sum::<f64>() / c.len() as f64;
        mean.iter_mut().zip(a).for_each(|(m, a)| *m += brightness * a);
    }
    (a, mean)
}

#[test]
fn a_lone_cell_in_flat_noise_has_the_noise_over_its_norm() {
    let spec = cells_at(&json!([[50.0, 3.0, -5.0]]), 0.2, 30.0);
    let (found, scene) = (bounds(&spec), Scene::new(&spec).expect("simulable"));
    let (a, mean) = sharp(&scene, 0.1);
    let norm = a[0].iter().map(|v| v * v).sum::<f64>().sqrt();
    let sd = found.trace_sd_bound[0];
    assert!((sd * norm / 30.0 - 1.0).abs() < 1e-3, "{sd}, not {}", 30.0 / norm);
    // And to the last digit with the photons' noise and that of rounding.
    let information: f64 = a[0].iter().zip(&mean).map(|(a, m)| a * a / (m + 900.0 + 1.0 / (12.0 * 16.0))).sum();
    assert!((sd * information.sqrt() - 1.0).abs() < 1e-6);
    assert!((found.crosstalk[0] - 1.0).abs() < 1e-9);
    let trace = scene.ground_truth(None).c().to_vec();
    let range = trace.iter().copied().fold(f64::MIN, f64::max) - trace.iter().copied().fold(f64::MAX, f64::min);
    assert!((found.demixing_snr[0] - range / sd).abs() < 1e-9 * range / sd);
}

#[test]
fn two_cells_that_overlap_by_rho_lose_one_over_the_root_of_one_less_its_square() {
    for distance_um in [2.0, 6.0, 12.0, 30.0] {
        let spec = cells_at(&json!([[50.0, 0.0, 0.0], [50.0, 0.0, distance_um]]), 400.0, 3.0);
        let scene = Scene::new(&spec).expect("simulable");
        let (a, mean) = sharp(&scene, 200.0);
        let dot = |x: &[f64], y: &[f64]| -> f64 {
            let pixels = x.iter().zip(y).zip(&mean);
            pixels.map(|((x, y), m)| x * y / (m + 9.0 + 1.0 / (12.0 * 16.0))).sum()
        };
        let rho = dot(&a[0], &a[1]) / (dot(&a[0], &a[0]) * dot(&a[1], &a[1])).sqrt();
        let expected = 1.0 / (1.0 - rho * rho).sqrt();
        let found = bounds(&spec);
        for (unit, own) in a.iter().enumerate() {
            assert!((found.crosstalk[unit] / expected - 1.0).abs() < 1e-4, "{distance_um} µm: {:?}", found.crosstalk);
            let alone = 1.0 / dot(own, own).sqrt();
            assert!((found.trace_sd_bound[unit] / (alone * expected) - 1.0).abs() < 1e-4);
        }
        assert!(distance_um < 30.0 || expected < 1.001, "{rho}");
    }
}

/// A film of cells in all that takes from their light and adds to it, at rest.
fn film(density_per_mm3: f64, photons_per_unit: f64, duration_s: f64, na: f64) -> Spec {
    spec(&json!({
        "acquisition": { "fps": 20.0, "duration_s": duration_s, "optics": { "na": na }, "focal_depth_in_tissue_um": 75.0, "image_sensor": {
            "n_px_height": 60, "n_px_width": 66, "pixel_pitch_um": 16.0, "bit_depth": 16, "gain_adu_per_e": 1.5 } },
        "seed": 6,
        "steps": [
            { "kind": "place_neurons", "density_per_mm3": density_per_mm3, "min_distance_um": 8.0, "depth_range_um": [30, 130] },
            { "kind": "cell_activity" },
            { "kind": "bleaching", "bleach_susceptibility": 1e-3 },
            { "kind": "optics" },
            { "kind": "composite" },
            { "kind": "neuropil", "spatial_sigma_um": 20.0 },
            { "kind": "vasculature", "enabled": true, "layers": [{ "depth_um": 20, "root_radius_um": 9 }] },
            { "kind": "illumination_profile" }, { "kind": "vignette" }, { "kind": "leakage" },
            { "kind": "sensor", "photons_per_unit": photons_per_unit },
        ],
    }))
}

/// The lower Cholesky factor of a matrix, in place.
fn cholesky(a: &mut [f64], n: usize) {
    for j in 0..n {
        for i in j..n {
            let sum: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let rest = a[i * n + j] - sum;
            a[i * n + j] = if i == j { rest.sqrt() } else { rest / a[j * n + j] };
        }
    }
}

fn solve(l: &[f64], n: usize, b: &mut [f64]) {
    for i in 0..n {
        let sum: f64 = (0..i).map(|k| l[i * n + k] * b[k]).sum();
        b[i] = (b[i] - sum) / l[i * n + i];
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|k| l[k * n + i] * b[k]).sum();
        b[i] = (b[i] - sum) / l[i * n + i];
    }
}

/// Estimates every frame's traces by weighted least squares with the true footprints and maps. What nobody knows is fitted: the
/// cells' brightness and the strength of each map of haze. The root mean square of the ratio of errors to bounds over all cells
/// that can be told from others at all, and how many these are.
fn weighted_least_squares(spec: &Spec) -> (f64, usize) {
    let scene = Scene::new(spec).expect("simulable");
    let recording = simulate(spec).expect("simulable");
    let (truth, bounds) = (&recording.ground_truth, scene.bounds().expect("all is there"));
    let [n_frames, height, width] = recording.observed.shape;
    let (n_px, n_cells) = (height * width, truth.n_units());
    let sensor = &spec.acquisition.image_sensor;
    let steps = json!(spec.steps);
    let photons =
        steps.as_array().expect("steps").last().expect("a sensor")["photons_per_unit"].as_f64().expect("a number");
    let electrons = photons * sensor.quantum_efficiency.get();
    let map = |name: &str| truth.f64s(name).unwrap_or_else(|| panic!("{name} is recorded")).to_vec();
    let (vignette, lamp, vessels) = (map("vignette"), map("illumination"), map("vasculature_mask"));
    let through: Vec<f64> = (0..n_px).map(|i| electrons * vignette[i] * lamp[i] * vessels[i]).collect();

    // The noise of each pixel at the mean of the film before the sensor.
    let Pixels::F32(light) = render(&scene, 0..n_frames, Some("leakage")).expect("a stage") else { panic!("light") };
    let mut mean = vec![0.0; n_px];
    light.chunks_exact(n_px).for_each(|frame| mean.iter_mut().zip(frame).for_each(|(m, v)| *m += f64::from(*v)));
    let (gain, read) = (sensor.gain_adu_per_e.get(), sensor.read_noise_e.get());
    let weights: Vec<f64> = mean
        .iter()
        .map(|m| 1.0 / (m * electrons / n_frames as f64 + read * read + 1.0 / (12.0 * gain * gain)))
        .collect();

    let observed = truth.observed_footprints();
    let mut columns: Vec<Vec<f64>> = observed
        .patches
        .iter()
        .map(|patch| observed.dense_in_fov(patch).iter().zip(&through).map(|(a, t)| f64::from(*a) * t).collect())
        .collect();
    let haze = map("neuropil_spatial");
    columns
        .extend(haze.chunks_exact(n_px).map(|map| map.iter().zip(&through).map(|(h, t)| h * t).collect::<Vec<f64>>()));
    let n = columns.len();
    let mut normal = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            normal[i * n + j] = (0..n_px).map(|p| columns[i][p] * columns[j][p] * weights[p]).sum();
        }
    }
    // Columns of norm 1: footprints and maps differ by far.
    let scale: Vec<f64> = (0..n).map(|i| normal[i * n + i].sqrt()).collect();
    for i in 0..n {
        for j in 0..=i {
            normal[i * n + j] /= scale[i] * scale[j];
        }
    }
    cholesky(&mut normal, n);

    let leakage: Vec<f64> = map("leakage").iter().map(|v| v * electrons).collect();
    let intact: Vec<f64> = map("bleaching");
    let mut squares = vec![0.0; n_cells];
    for t in 0..n_frames {
        // Counts are cut to whole numbers, half a count below what was there on average.
        let frame = recording.observed.frame(t);
        let left: Vec<f64> =
            (0..n_px).map(|p| weights[p] * ((f64::from(frame[p]) + 0.5) / gain - leakage[p])).collect();
        let mut b: Vec<f64> =
            columns.iter().zip(&scale).map(|(a, s)| a.iter().zip(&left).map(|(a, y)| a * y).sum::<f64>() / s).collect();
        solve(&normal, n, &mut b);
        for (unit, square) in squares.iter_mut().enumerate() {
            let at = unit * n_frames + t;
            let error = b[unit] / scale[unit] - truth.c()[at] * intact[at];
            *square += error * error;
        }
    }
    // A unit of the trace is seen with the mean share of intact indicator.
    let ratio2 = |unit: usize| {
        let share = intact[unit * n_frames..][..n_frames].iter().sum::<f64>() / n_frames as f64;
        let sd = (squares[unit] / n_frames as f64).sqrt() / share;
        (sd / bounds.trace_sd_bound[unit]).powi(2)
    };
    let told: Vec<f64> = (0..n_cells).filter(|unit| bounds.crosstalk[*unit] < 1e4).map(ratio2).collect();
    // The standard error of one cell's ratio is 1/√(2 n_frames).
    let farthest = told.iter().fold(0.0_f64, |most, r| most.max((r.sqrt() - 1.0).abs()));
    assert!(farthest < 6.0 / (2.0 * n_frames as f64).sqrt(), "a cell's error is off its bound by {farthest}");
    ((told.iter().sum::<f64>() / told.len() as f64).sqrt(), told.len())
}

#[test]
fn weighted_least_squares_reaches_the_bound() {
    for (density, cells) in [(5_000.0, 4), (20_000.0, 18), (80_000.0, 70)] {
        let (ratio, n) = weighted_least_squares(&film(density, 400.0, 40.0, 0.3));
        assert!((ratio - 1.0).abs() < 0.03, "{density} /mm³: {ratio} over {n} cells");
        assert!(n >= cells, "{density} /mm³: only {n} cells");
    }
}

#[test]
#[ignore = "slow: films of many densities, lights and apertures"]
fn weighted_least_squares_reaches_the_bound_everywhere() {
    for density in [5_000.0, 10_000.0, 20_000.0, 40_000.0, 60_000.0, 80_000.0] {
        // Enough light that hardly a count is cut at zero, which the bound knows nothing of.
        for (photons, na) in [(400.0, 0.2), (800.0, 0.45), (3000.0, 0.3)] {
            let (ratio, n) = weighted_least_squares(&film(density, photons, 60.0, na));
            assert!((ratio - 1.0).abs() < 0.03, "{density} /mm³, {photons} photons, NA {na}: {ratio} over {n} cells");
        }
    }
}

/// Pixels of `canvas` (of this width) that the field of view shows when its tissue lies displaced by `shift`, with this margin.
fn displaced(canvas: &[f32], width: usize, [rows, cols]: [usize; 2], margin: usize, shift: [f64; 2]) -> Vec<f64> {
    let pixel = |row: usize, col: usize| {
        let (y, x) = ((row + margin) as f64 - shift[0], (col + margin) as f64 - shift[1]);
        let (i, j) = (y.floor(), x.floor());
        let (u, v) = (y - i, x - j);
        let at = |i: f64, j: f64| f64::from(canvas[i as usize * width + j as usize]);
        (1.0 - u) * ((1.0 - v) * at(i, j) + v * at(i, j + 1.0))
            + u * ((1.0 - v) * at(i + 1.0, j) + v * at(i + 1.0, j + 1.0))
    };
    (0..rows * cols).map(|p| pixel(p / cols, p % cols)).collect()
}

#[test]
fn maximum_likelihood_reaches_the_bound_on_the_shift() {
    // Cells that shine steadily, so that the displacement is all that changes.
    let spec = spec(&json!({
        "acquisition": { "fps": 20.0, "duration_s": 20.0, "optics": { "na": 0.35 }, "image_sensor": {
            "n_px_height": 64, "n_px_width": 80, "pixel_pitch_um": 8.0, "bit_depth": 16 } },
        "seed": 3, "output": { "save_intermediates": true },
        "steps": [
            { "kind": "place_neurons", "density_per_mm3": 40000.0, "depth_range_um": [40, 120] },
            { "kind": "cell_activity", "p_quiescent_to_active": 1e-12, "quiescent_rate_hz": 0.0 },
            { "kind": "optics" }, { "kind": "composite" },
            { "kind": "brain_motion", "motion_amplitude_um": 3.0, "max_shift_um": 6.0 },
            { "kind": "vignette" },
            { "kind": "sensor", "photons_per_unit": 3000.0 },
        ],
    }));
    let bound = bounds(&spec).shift_sd_bound_px;
    let recording = simulate(&spec).expect("simulable");
    let truth = &recording.ground_truth;
    let canvas = recording.stage("composite").expect("kept");
    let [n_frames, height, width] = canvas.shape;
    assert!(height > 64, "no margin");
    let tissue = canvas.frame(0);
    assert_eq!(tissue, canvas.frame(n_frames - 1));
    let vignette = truth.f64s("vignette").expect("a vignette");
    let sensor = &spec.acquisition.image_sensor;
    let (gain, read) = (sensor.gain_adu_per_e.get(), sensor.read_noise_e.get());
    let electrons = 3000.0 * sensor.quantum_efficiency.get();
    let expected = |shift: [f64; 2]| -> Vec<f64> {
        let seen = displaced(&tissue, width, [64, 80], (height - 64) / 2, shift);
        seen.iter().zip(vignette).map(|(v, vignette)| v * vignette * electrons).collect()
    };
    let shifts = truth.f64s("shifts").expect("moving");
    let mut squares = [0.0; 2];
    for t in 0..n_frames {
        let known = [shifts[2 * t], shifts[2 * t + 1]];
        let counts: Vec<f64> = recording.observed.frame(t).iter().map(|v| (f64::from(*v) + 0.5) / gain).collect();
        // Newton's steps up the likelihood, from the truth on: a search finds the same maximum.
        let mut shift = known;
        for _ in 0..4 {
            let here = expected(shift);
            let h = 0.25;
            let slope = |axis: usize| -> Vec<f64> {
                let mut ends = [shift; 2];
                ends[0][axis] -= h;
                ends[1][axis] += h;
                let [low, high] = ends.map(expected);
                high.iter().zip(low).map(|(high, low)| (high - low) / (2.0 * h)).collect()
            };
            let (dy, dx) = (slope(0), slope(1));
            let mut sums = [0.0; 5];
            for p in 0..here.len() {
                let (w, left) = (1.0 / (here[p] + read * read + 1.0 / (12.0 * gain * gain)), counts[p] - here[p]);
                let terms = [dy[p] * dy[p], dx[p] * dx[p], dy[p] * dx[p], dy[p] * left, dx[p] * left];
                sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += w * term);
            }
            let [yy, xx, yx, y, x] = sums;
            let determinant = yy * xx - yx * yx;
            shift = [shift[0] + (xx * y - yx * x) / determinant, shift[1] + (yy * x - yx * y) / determinant];
        }
        (0..2).for_each(|axis| squares[axis] += (shift[axis] - known[axis]).powi(2));
    }
    for axis in 0..2 {
        let sd = (squares[axis] / n_frames as f64).sqrt();
        let ratio = sd / bound[axis];
        assert!((ratio - 1.0).abs() < 0.1, "axis {axis}: {sd} px, {ratio} of the bound");
    }
}

#[test]
fn bounds_are_there_if_asked_for_and_the_same_at_every_level() {
    let spec = film(30_000.0, 300.0, 2.0, 0.3);
    let plain = simulate(&spec).expect("simulable");
    assert!(Bounds::of_truth(&plain.ground_truth).is_none());
    let options = Options { bounds: true, ..Options::default() };
    let asked = simulate_into(&spec, MemorySink::default(), options).expect("simulable").output;
    let found = Bounds::of_truth(&asked.ground_truth).expect("asked for");
    assert_eq!(asked.ground_truth.arrays.len(), plain.ground_truth.arrays.len() + BOUNDS.len());
    assert!(asked.observed == plain.observed);
    assert_eq!(found.demixing_snr.len(), asked.ground_truth.n_units());
    assert!(found.crosstalk.iter().all(|c| *c >= 1.0 - 1e-9));
    at_every_level(|level| assert!(bounds(&spec) == found, "{level}"));
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    assert!(one.install(|| bounds(&spec)) == found);
}

#[test]
fn more_light_lowers_all_bounds() {
    let (dim, bright) = (bounds(&film(20_000.0, 200.0, 5.0, 0.3)), bounds(&film(20_000.0, 800.0, 5.0, 0.3)));
    for (a, b) in dim.trace_sd_bound.iter().zip(&bright.trace_sd_bound) {
        // Photons alone would give a half; read noise is worth more in the dark.
        assert!((0.25..0.5).contains(&(b / a)), "{b} of {a}");
    }
    assert!(bright.shift_sd_bound_px[0] < 0.5 * dim.shift_sd_bound_px[0]);
    let spikes = dim.spike_amplitude_bound.iter().zip(&bright.spike_amplitude_bound);
    assert!(spikes.zip(dim.trace_sd_bound.iter().zip(&bright.trace_sd_bound)).all(|((a, b), (c, d))| {
        // A spike's bounds are proportional to its trace's.
        (a / b / (c / d) - 1.0).abs() < 1e-9
    }));
    assert!(dim.spike_time_sd_bound_s.iter().all(|s| *s > 0.0 && s.is_finite()));
}

#[test]
fn a_cell_that_comes_out_of_focus_is_told_by_its_mean_footprint() {
    let still = film(20_000.0, 400.0, 5.0, 0.3);
    let moving = |shift_um: f64| {
        let mut spec = json!(still);
        let axial = json!({ "kind": "axial_motion", "trajectory_um": vec![shift_um; 100] });
        spec["steps"].as_array_mut().expect("steps").insert(4, axial);
        bounds(&common::spec(&spec))
    };
    let (at_rest, unmoved, away) = (bounds(&still), moving(0.0), moving(40.0));
    for (a, b) in at_rest.trace_sd_bound.iter().zip(&unmoved.trace_sd_bound) {
        assert!((a / b - 1.0).abs() < 0.05, "{a} {b}");
    }
    assert!(at_rest.trace_sd_bound != away.trace_sd_bound);
}

#[test]
fn without_a_sensor_there_are_no_bounds_and_words_say_so() {
    let spec = film(10_000.0, 400.0, 1.0, 0.3);
    let refused = |spec: &Spec, until: Option<&str>| {
        let options = Options { bounds: true, until, ..Options::default() };
        simulate_into(spec, MemorySink::default(), options).expect_err("must be refused").to_string()
    };
    let text = refused(&spec.without_step("sensor").expect("valid").spec, None);
    assert!(text.contains("steps.sensor") && text.contains("bounds need"), "{text}");
    let text = refused(&spec, Some("leakage"));
    assert!(text.contains("steps.sensor") && text.contains("run all steps"), "{text}");
    let text = refused(&spec.without_step("composite").expect("valid").spec, None);
    assert!(text.contains("steps.composite"), "{text}");
    let none = bounds(&spec.set("steps.place_neurons.density_per_mm3", "1e-3").expect("valid").spec);
    assert!(none.trace_sd_bound.is_empty() && none.shift_sd_bound_px[0] > 0.0);
}
