//! Statistics of every random step over seeds against those of the published package.
//!
//! Means over as many seeds must agree within four standard errors of the difference or 3 %, whichever is larger. Seeds are
//! fixed, so a pass is a pass.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "only the library itself must be pure")]

mod common;

use std::collections::BTreeMap;

use common::{json, spec};
use minisim::{GroundTruth, MemorySink, Scene, simulate_into, spec::Spec};
use serde_json::Value;

type Statistics = BTreeMap<&'static str, f64>;

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn sd(values: &[f64]) -> f64 {
    let m = mean(values);
    (values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = share * (sorted.len() - 1) as f64;
    let low = at.floor() as usize;
    sorted[low] + (sorted[(low + 1).min(sorted.len() - 1)] - sorted[low]) * (at - low as f64)
}

/// Autocorrelation at a lag of mean-subtracted rows, pooled over the rows.
fn acf(rows: &[f64], n: usize, lag: usize) -> f64 {
    let (mut top, mut bottom) = (0.0, 0.0);
    for row in rows.chunks_exact(n) {
        let m = mean(row);
        bottom += row.iter().map(|v| (v - m).powi(2)).sum::<f64>();
        top += row.iter().zip(&row[lag..]).map(|(a, b)| (a - m) * (b - m)).sum::<f64>();
    }
    top / bottom
}

fn share(values: &[f64], holds: impl Fn(f64) -> bool) -> f64 {
    values.iter().filter(|v| holds(**v)).count() as f64 / values.len() as f64
}

fn activity(spec: &Spec, truth: &GroundTruth) -> Statistics {
    let n = spec.acquisition.n_frames();
    let gains = truth.f64s("amplitude_per_cell").expect("there is activity");
    let spikes: Vec<f64> = truth.s().iter().map(|s| f64::from(*s)).collect();
    let rel: Vec<f64> =
        truth.c().chunks_exact(n).zip(gains).flat_map(|(row, g)| row.iter().map(move |c| c / g - 1.0)).collect();
    let cells = gains.len() as f64;
    BTreeMap::from([
        ("n_units", cells),
        ("spikes_per_s", spikes.iter().sum::<f64>() / cells / spec.acquisition.duration_s.get()),
        ("frames_with_spikes", share(&spikes, |s| s > 0.0)),
        ("frames_with_5_spikes", share(&spikes, |s| s >= 5.0)),
        ("dff_mean", mean(&rel)),
        ("dff_sd", sd(&rel)),
        ("dff_p99", percentile(&rel, 0.99)),
        ("acf_1", acf(&rel, n, 1)),
        ("acf_10", acf(&rel, n, 10)),
        ("s_acf_1", acf(&spikes, n, 1)),
        ("gain_mean", mean(gains)),
        ("gain_cv", sd(gains) / mean(gains)),
    ])
}

fn footprints(_: &Spec, truth: &GroundTruth) -> Statistics {
    let [h, w] = truth.planted.canvas_shape;
    let inner: Vec<_> = truth
        .planted
        .patches
        .iter()
        .filter(|p| p.row > 0 && p.col > 0 && p.row as usize + p.height < h && p.col as usize + p.width < w)
        .collect();
    let count = |holds: fn(f32) -> bool| -> Vec<f64> {
        inner.iter().map(|p| p.data.iter().filter(|v| holds(**v)).count() as f64).collect()
    };
    let weights: Vec<f64> = inner.iter().map(|p| p.sum()).collect();
    BTreeMap::from([
        ("n_units", truth.n_units() as f64),
        ("weight", mean(&weights)),
        ("weight_sd", sd(&weights)),
        ("pixels", mean(&count(|v| v > 0.0))),
        ("bright_pixels", mean(&count(|v| v > 0.9))),
        ("bbox_side", mean(&inner.iter().map(|p| p.height.max(p.width) as f64).collect::<Vec<_>>())),
    ])
}

fn neuropil(spec: &Spec, truth: &GroundTruth) -> Statistics {
    let n = spec.acquisition.n_frames();
    let courses = truth.f64s("neuropil_temporal").expect("there is neuropil");
    let fields = truth.f64s("neuropil_spatial").expect("there is neuropil");
    let driver = truth.f64s("neuropil_population").expect("there is activity");
    let width = spec.acquisition.image_sensor.n_px_width.get() as usize;
    let n_px = width * spec.acquisition.image_sensor.n_px_height.get() as usize;
    let each =
        |values: &[f64], n: usize, f: fn(&[f64]) -> f64| mean(&values.chunks_exact(n).map(f).collect::<Vec<_>>());
    let field_acf: Vec<f64> = fields
        .chunks_exact(n_px)
        .map(|f| {
            let m = mean(f);
            let centred: Vec<f64> = f.iter().map(|v| v - m).collect();
            let rows = centred.chunks_exact(width);
            let top: f64 = rows.flat_map(|r| r.iter().zip(&r[20..]).map(|(a, b)| a * b)).sum();
            top / centred.iter().map(|v| v * v).sum::<f64>()
        })
        .collect();
    BTreeMap::from([
        ("t_mean", mean(courses)),
        ("t_sd", each(courses, n, sd)),
        ("t_acf_2s", acf(courses, n, (2.0 * spec.acquisition.fps.get()) as usize)),
        ("field_mean", mean(fields)),
        ("field_sd", each(fields, n_px, sd)),
        ("field_max", fields.iter().copied().fold(0.0, f64::max)),
        ("field_acf_20px", mean(&field_acf)),
        ("driver_sd", sd(driver)),
    ])
}

/// Power of a real signal below, between and above the frequencies, by a direct Fourier sum over bins.
fn band_powers(signals: [&[f64]; 2], rate_hz: f64, edges_hz: [f64; 3]) -> [f64; 4] {
    let n = signals[0].len();
    let mut planner = rustfft::FftPlanner::new();
    let fft = planner.plan_fft_forward(n);
    let mut bands = [0.0; 4];
    for signal in signals {
        let m = mean(signal);
        let mut buffer: Vec<_> = signal.iter().map(|v| rustfft::num_complex::Complex::new(v - m, 0.0)).collect();
        fft.process(&mut buffer);
        for (k, v) in buffer.iter().enumerate().take(n / 2 + 1) {
            let hz = k as f64 * rate_hz / n as f64;
            bands[edges_hz.iter().filter(|e| hz >= **e).count()] += v.norm_sqr();
        }
    }
    let all: f64 = bands.iter().sum();
    bands.map(|b| b / all)
}

fn motion(spec: &Spec, truth: &GroundTruth) -> Statistics {
    let p = spec.acquisition.pixel_size_um();
    let shifts: Vec<[f64; 2]> =
        truth.f64s("shifts").expect("there is motion").chunks_exact(2).map(|s| [s[0] * p, s[1] * p]).collect();
    let radii: Vec<f64> = shifts.iter().map(|s| s[0].hypot(s[1])).collect();
    let axis = |k: usize| shifts.iter().map(|s| s[k]).collect::<Vec<f64>>();
    let (y, x) = (axis(0), axis(1));
    let power = |v: &[f64]| sd(v).powi(2);
    let bands = band_powers([&y, &x], spec.acquisition.fps.get(), [3.0, 6.0, 8.0]);
    let steps: Vec<f64> = shifts.windows(2).map(|s| (s[1][0] - s[0][0]).hypot(s[1][1] - s[0][1])).collect();
    BTreeMap::from([
        ("p50_um", percentile(&radii, 0.5)),
        ("p90_um", percentile(&radii, 0.9)),
        ("p99_um", percentile(&radii, 0.99)),
        ("y_share", power(&y) / (power(&y) + power(&x))),
        ("below_3hz", bands[0]),
        ("hz_3_6", bands[1]),
        ("hz_6_8", bands[2]),
        ("above_8hz", bands[3]),
        ("step_um", mean(&steps)),
    ])
}

fn vessels(_: &Spec, truth: &GroundTruth) -> Statistics {
    let mask = truth.f64s("vasculature_mask").expect("there are vessels");
    BTreeMap::from([
        ("mean", mean(mask)),
        ("sd", sd(mask)),
        ("min", mask.iter().copied().fold(1.0, f64::min)),
        ("dark", share(mask, |v| v < 0.7)),
        ("shaded", share(mask, |v| v < 0.95)),
    ])
}

fn film(spec: &Spec) -> Statistics {
    let recording =
        simulate_into(spec, MemorySink::default(), minisim::Options::default()).expect("a valid spec").output;
    let truth = &recording.ground_truth;
    let [n, h, w] = recording.observed.shape;
    let px = h * w;
    let movie: Vec<f64> = (0..n * px).map(|i| recording.observed.pixels.get(i)).collect();
    let (mut sum, mut square) = (vec![0.0; px], vec![0.0; px]);
    for frame in movie.chunks_exact(px) {
        for (i, v) in frame.iter().enumerate() {
            sum[i] += v;
            square[i] += v * v;
        }
    }
    let image: Vec<f64> = sum.iter().map(|s| s / n as f64).collect();
    let over_time: Vec<f64> = image.iter().zip(&square).map(|(m, s)| (s / n as f64 - m * m).max(0.0).sqrt()).collect();
    let differences: Vec<f64> = movie.iter().zip(&movie[px..]).map(|(a, b)| b - a).collect();
    let flags: Vec<f64> = truth.detectable().iter().map(|d| f64::from(u8::from(*d))).collect();
    BTreeMap::from([
        ("n_units", truth.n_units() as f64),
        ("detectable", mean(&flags)),
        ("focal_um", truth.focal_depth_um.expect("there are optics")),
        ("mean", mean(&movie)),
        ("temporal_sd", mean(&over_time)),
        ("spatial_sd", sd(&image)),
        ("frame_diff_sd", sd(&differences)),
        ("saturated", share(&movie, |v| v >= 255.0)),
        ("p1", percentile(&movie, 0.01)),
        ("p99", percentile(&movie, 0.99)),
        ("overlap", mean(truth.f64s("vessel_overlap_fraction").expect("there are vessels"))),
    ])
}

/// The published field continues its white noise by the edge pixels, so its extremes, which set the scale, sit in the corners
/// of the array and the rest is nearly flat. Ours is a function of the place in the tissue and knows no edges: it has the
/// contrast and the correlation length (exp(-d²/4σ²)) that its σ says.
const UNBOUNDED_HAZE: &str = "noise fields are functions of tissue position, not of an array with edges";

/// Where the forward model differs on purpose from the published package.
const INTENDED: &[(&str, &str, &str)] = &[
    ("neuropil", "t_mean", "the driver is divided by its expected mean, not the realised one"),
    ("neuropil_population", "t_mean", "the driver is divided by its expected mean, not the realised one"),
    ("neuropil", "field_sd", UNBOUNDED_HAZE),
    ("neuropil", "field_acf_20px", UNBOUNDED_HAZE),
    ("neuropil_drift", "field_sd", UNBOUNDED_HAZE),
    ("neuropil_drift", "field_acf_20px", UNBOUNDED_HAZE),
    ("neuropil_population", "field_sd", UNBOUNDED_HAZE),
    ("neuropil_population", "field_acf_20px", UNBOUNDED_HAZE),
];

fn check(cases: &[&str], statistics: impl Fn(&Spec) -> Statistics) {
    let all = json("statistics.json");
    let mut wrong = Vec::new();
    for name in cases {
        let case: &Value = &all[*name];
        let n_seeds = case["seeds"].as_u64().expect("a count");
        let base = spec(&case["spec"]);
        let runs: Vec<Statistics> = (0..n_seeds)
            .map(|seed| statistics(&base.set("seed", &(seed + 100).to_string()).expect("a valid seed").spec))
            .collect();
        for (key, published) in case["stats"].as_object().expect("statistics") {
            let ours: Vec<f64> = runs.iter().map(|r| r[key.as_str()]).collect();
            let (want, spread) =
                (published["mean"].as_f64().expect("a number"), published["sd"].as_f64().expect("a number"));
            let error = ((spread.powi(2) + sd(&ours).powi(2)) / n_seeds as f64).sqrt();
            let allowed = (4.0 * error).max(0.03 * want.abs());
            let off = (mean(&ours) - want).abs();
            println!(
                "{name:20} {key:20} ours {:.5} ± {:.5}  published {want:.5} ± {spread:.5}  off {:.2}",
                mean(&ours),
                sd(&ours),
                off / allowed
            );
            let intended = INTENDED.iter().any(|(n, k, _)| n == name && *k == key);
            if off > allowed && !intended {
                wrong.push(format!("{name}.{key}: {} but published {want}, allowed ± {allowed}", mean(&ours)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn truth_of(spec: &Spec) -> GroundTruth {
    Scene::new(spec).expect("a valid spec").into_ground_truth(None)
}

#[test]
fn activity_statistics() {
    check(&["activity_moderate", "activity_dense", "activity_slow"], |s| activity(s, &truth_of(s)));
}

#[test]
fn footprint_statistics() {
    let cases = ["soma_smooth", "soma_lumpy", "soma_very_lumpy", "cytosolic", "cytosolic_long", "min_distance"];
    check(&cases, |s| footprints(s, &truth_of(s)));
}

#[test]
fn neuropil_statistics() {
    check(&["neuropil", "neuropil_drift", "neuropil_population"], |s| neuropil(s, &truth_of(s)));
}

#[test]
fn motion_statistics() {
    check(&["motion", "motion_locomotion", "motion_noise", "motion_walk"], |s| motion(s, &truth_of(s)));
}

#[test]
fn vessel_statistics() {
    check(&["vessels_default", "vessels_cortex", "vessels_ca1"], |s| vessels(s, &truth_of(s)));
}

#[test]
fn preset_statistics() {
    check(&["v4_ca1", "v4_cortex"], film);
}
