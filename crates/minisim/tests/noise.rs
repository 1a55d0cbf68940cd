//! The camera's counts against their exact distribution: Poisson electrons plus normal read noise, floored and clipped.
//!
//! All seeds are fixed, so the tests never flake. Each family of tests would raise a false alarm for one choice of seeds in
//! a thousand (Šidák's correction over its members). The slow twin draws a thousand million counts:
//! `cargo test --release --test noise -- --ignored`.
#![allow(clippy::disallowed_methods, reason = "only the library itself must be pure")]

use std::sync::Arc;

use minisim::{
    kernels::digitise::{Count, DigitiseModel, Digitiser},
    math,
    physics::camera::Response,
    plan::{Camera, Conversion, PixelModel},
    rng::Key,
};

/// Probability that a family of tests fails although all is well.
const FALSE_ALARM: f64 = 1e-3;

/// Standard normal distribution function.
fn phi(x: f64) -> f64 {
    0.5 * math::erfc(-x / std::f64::consts::SQRT_2)
}

fn poisson_pmf(k: f64, lambda: f64) -> f64 {
    math::exp(k * math::ln(lambda) - lambda - math::ln_gamma(k + 1.0))
}

/// The exact distribution of counts at a mean of `lambda` electrons: the first count and the probabilities from there on.
fn exact_distribution(lambda: f64, model: &DigitiseModel) -> (usize, Vec<f64>) {
    let (read, gain, max) = (model.read_noise_e, model.gain_adu_per_e, f64::from(model.max_count));
    let count_of = |electrons: f64| (electrons * gain).floor().clamp(0.0, max) as usize;
    let spread = 12.0 * lambda.sqrt() + 40.0;
    let (k_first, k_last) = ((lambda - spread).floor().max(0.0), (lambda + spread).ceil());
    let first = count_of(k_first - 9.0 * read);
    let mut pmf = vec![0.0; count_of(k_last + 9.0 * read) - first + 1];
    let mut k = k_first;
    while k <= k_last {
        let p = if lambda > 0.0 { poisson_pmf(k, lambda) } else { f64::from(u8::from(k == 0.0)) };
        if read == 0.0 {
            pmf[count_of(k) - first] += p;
        } else {
            let (low, high) = (count_of(k - 9.0 * read), count_of(k + 9.0 * read));
            for count in low..=high {
                let c = count as f64;
                // Clipping gathers everything beyond the ends.
                let below = if count == 0 { 0.0 } else { phi((c / gain - k) / read) };
                let upto = if c == max { 1.0 } else { phi(((c + 1.0) / gain - k) / read) };
                pmf[count - first] += p * (upto - below);
            }
        }
        k += 1.0;
    }
    let total: f64 = pmf.iter().sum();
    assert!((total - 1.0).abs() < 1e-6, "the reference for {lambda} sums to {total}");
    pmf.iter_mut().for_each(|p| *p /= total);
    (first, pmf)
}

/// A camera and the mean electrons to try on it.
struct Case {
    model: DigitiseModel,
    lambdas: Vec<f64>,
}

/// Means below, on and between the ways counts are drawn; cameras that clip some of them and not others.
fn cases() -> Vec<Case> {
    let all =
        [0.0, 0.01, 0.1, 0.5, 1.0, 3.0, 9.99, 10.0, 12.5, 30.0, 77.3, 100.0, 255.0, 256.5, 1000.0, 5000.0, 70_000.25];
    let bright = [900_000.5, 1_048_575.9, 1_048_576.0, 1_060_000.0, 3e6];
    let model = |electrons_per_unit, read_noise_e, gain_adu_per_e, max_count| DigitiseModel {
        electrons_per_unit,
        read_noise_e,
        gain_adu_per_e,
        max_count,
    };
    vec![
        Case { model: model(1.0, 2.0, 1.0, 255), lambdas: all.to_vec() },
        Case { model: model(64.0, 0.0, 1.0, 4095), lambdas: all.to_vec() },
        Case { model: model(0.5, 3.7, 0.23, 1023), lambdas: all.to_vec() },
        Case { model: model(1.0, 0.3, 2.5, 65535), lambdas: all.to_vec() },
        Case { model: model(1.0, 25.0, 1.0, (1 << 17) - 1), lambdas: all.to_vec() },
        Case { model: model(2.0, 9.0, 0.25, 4095), lambdas: all.to_vec() },
        Case { model: model(1.0, 1.5, 1.0, (1 << 22) - 1), lambdas: bright.to_vec() },
    ]
}

/// Upper tail of the chi-square distribution by Wilson and Hilferty's normal score.
fn chi_square_score(chi2: f64, degrees: f64) -> f64 {
    let spread = 2.0 / (9.0 * degrees);
    (math::cbrt(chi2 / degrees) - 1.0 + spread) / spread.sqrt()
}

/// A normal score and what it belongs to.
type Score = (f64, String);

/// Fails for every score that the family's error rate does not allow, on either side.
fn check_scores(scores: &[Score]) {
    let level = -math::exp_m1(math::ln_1p(-FALSE_ALARM) / scores.len() as f64);
    let failures: Vec<_> = scores.iter().filter(|(z, _)| z.is_nan() || 2.0 * phi(-z.abs()) < level).collect();
    assert!(failures.is_empty(), "{} of {} at p < {level:.1e}: {failures:#?}", failures.len(), scores.len());
}

/// Draws about `draws` counts in all and compares each histogram's shape, mean and variance with the exact ones.
fn check_distribution(seed: u64, draws: u64) {
    let cases = cases();
    let n_lambdas: usize = cases.iter().map(|case| case.lambdas.len()).sum();
    let mut scores: Vec<Score> = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let n = case.lambdas.len();
        let camera = Digitiser::new(case.model, Key::new(seed, "noise test", "counts").derive(number as u64));
        // The means take turns from pixel to pixel, so that every lane of a group meets every one of them.
        let intensity: Vec<f32> =
            (0..n * 4096).map(|i| (case.lambdas[i % n] / case.model.electrons_per_unit) as f32).collect();
        let references: Vec<_> = intensity[..n]
            .iter()
            .map(|&x| exact_distribution(f64::from(x) * case.model.electrons_per_unit, &case.model))
            .collect();
        let mut histograms: Vec<_> = references.iter().map(|(_, pmf)| vec![0_u64; pmf.len()]).collect();
        let n_frames = draws / n_lambdas as u64 / 4096 + 1;
        let mut counts = vec![0.0_f32; intensity.len()];
        for frame in 0..n_frames {
            camera.digitise(frame, 0, &intensity, &mut counts);
            for (i, &count) in counts.iter().enumerate() {
                let bin = (count as usize).checked_sub(references[i % n].0);
                let bin = bin.and_then(|bin| histograms[i % n].get_mut(bin));
                *bin.unwrap_or_else(|| panic!("mean {}: {count} is impossible", case.lambdas[i % n])) += 1;
            }
        }
        let total = (n_frames * 4096) as f64;
        for ((lambda, (first, pmf)), histogram) in case.lambdas.iter().zip(&references).zip(&histograms) {
            let name = |what: &str| format!("{what} at mean {lambda} of {:?}", case.model);
            if let Some(z) = chi_square(pmf, histogram, total) {
                scores.push((z, name("shape")));
            }
            let moment = |about: f64, power: usize, weights: &dyn Fn(usize) -> f64| -> f64 {
                (0..pmf.len())
                    .map(|bin| weights(bin) * [(first + bin) as f64 - about; 4][..power].iter().product::<f64>())
                    .sum()
            };
            let (exact, observed) = (|bin| pmf[bin], |bin| histogram[bin] as f64 / total);
            let mean = moment(0.0, 1, &exact);
            let variance = moment(mean, 2, &exact);
            // Where nearly all pixels clip, the sample moments are far from normal.
            if variance > 0.05 {
                let fourth = moment(mean, 4, &exact);
                scores.push((moment(mean, 1, &observed) / (variance / total).sqrt(), name("mean")));
                let excess = moment(mean, 2, &observed) - variance;
                scores.push((excess / ((fourth - variance * variance) / total).sqrt(), name("variance")));
            }
        }
    }
    assert!(scores.len() > 150, "{} scores", scores.len());
    check_scores(&scores);
}

/// Score of a histogram; bins are merged until each expects ten draws. None if a single bin remains.
fn chi_square(pmf: &[f64], histogram: &[u64], total: f64) -> Option<f64> {
    let mut bins: Vec<[f64; 2]> = Vec::new();
    let mut open = [0.0, 0.0];
    for (&p, &n) in pmf.iter().zip(histogram) {
        open = [open[0] + p * total, open[1] + n as f64];
        if open[0] >= 10.0 {
            bins.push(std::mem::take(&mut open));
        }
    }
    let last = bins.last_mut()?;
    *last = [last[0] + open[0], last[1] + open[1]];
    let chi2: f64 = bins.iter().map(|[expected, n]| (n - expected) * (n - expected) / expected).sum();
    (bins.len() > 1).then(|| chi_square_score(chi2, (bins.len() - 1) as f64))
}

#[test]
fn counts_follow_their_exact_distribution() {
    check_distribution(20, 20_000_000);
}

#[test]
#[ignore = "slow: a thousand million draws, ten seconds in a release build"]
fn counts_follow_their_exact_distribution_in_a_thousand_million_draws() {
    check_distribution(21, 1_000_000_000);
}

/// Correlation of two samples, in standard deviations of its chance value.
fn correlation_score(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let n = pairs.clone().count() as f64;
    let (a, b) = pairs.clone().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        xx += (x - a) * (x - a);
        yy += (y - b) * (y - b);
        xy += (x - a) * (y - b);
    }
    xy / (xx * yy).sqrt() * n.sqrt()
}

#[test]
fn counts_are_independent_of_one_another() {
    const PIXELS: usize = 1 << 20;
    let mut scores: Vec<Score> = Vec::new();
    // Mostly shot noise from each of the tables, then mostly read noise; the mean is far from clipping.
    for (lambda, read_noise_e) in [(0.7, 0.0), (77.3, 2.0), (600.0, 0.0), (5000.0, 1.0), (400.0, 60.0)] {
        let model = DigitiseModel { electrons_per_unit: 1.0, read_noise_e, gain_adu_per_e: 1.0, max_count: 65535 };
        let frames: Vec<Vec<f64>> = [(1, 0), (1, 1), (1, 2), (1, 1 << 32), (2, 0)]
            .into_iter()
            .map(|(seed, frame)| {
                let mut counts = vec![0_u16; PIXELS];
                let camera = Digitiser::new(model, Key::new(seed, "noise test", "independence"));
                camera.digitise(frame, 0, &vec![lambda; PIXELS], &mut counts);
                counts.into_iter().map(|c| f64::from(c) - f64::from(lambda)).collect()
            })
            .collect();
        // Squared deviations too: values can be uncorrelated and still share their size.
        let mut score = |name: String, a: &[f64], b: &[f64]| {
            let pairs = a.iter().copied().zip(b.iter().copied());
            let both = [correlation_score(pairs.clone()), correlation_score(pairs.map(|(x, y)| (x * x, y * y)))];
            scores.extend(both.map(|z| (z, format!("{name}, mean {lambda}, read noise {read_noise_e}"))));
        };
        for distance in [1, 2, 3, 4, 8, 15, 16, 17, 32, 48, 64, 128, 608, PIXELS / 2] {
            score(format!("pixels {distance} apart"), &frames[0][distance..], &frames[0][..PIXELS - distance]);
        }
        for (name, other) in ["next frame", "frame after that", "frame 2^32", "next seed"].into_iter().zip(&frames[1..])
        {
            score(name.to_owned(), &frames[0], other);
        }
    }
    check_scores(&scores);
}

#[test]
fn halves_and_neighbours_of_random_words_are_uncorrelated() {
    let key = Key::new(8, "noise test", "words");
    let mut words = vec![0_u32; 1 << 20];
    key.fill_words(0, 0, &mut words);
    let low = |w: u32| f64::from(w & 0xffff);
    let high = |w: u32| f64::from(w >> 16);
    let mut scores = vec![
        (correlation_score(words.iter().map(|&w| (low(w), high(w)))), "halves of a word".to_owned()),
        (correlation_score(words.windows(2).map(|w| (low(w[0]), high(w[1])))), "low, then high half".to_owned()),
    ];
    for distance in [1, 2, 3, 4, 64] {
        let pairs = words.iter().zip(&words[distance..]).map(|(&a, &b)| (high(a), high(b)));
        scores.push((correlation_score(pairs), format!("words {distance} apart")));
    }
    // The same addresses under a neighbouring seed, entity and purpose.
    for (name, key, entity) in
        [("seed", Key::new(9, "noise test", "words"), 0), ("entity", key, 1), ("purpose", key.derive("other"), 0)]
    {
        let mut others = vec![0_u32; words.len()];
        key.fill_words(entity, 0, &mut others);
        let pairs = words.iter().zip(&others).map(|(&a, &b)| (high(a), high(b)));
        scores.push((correlation_score(pairs), format!("another {name}")));
    }
    check_scores(&scores);
}

/// Digitises a ramp from darkness past saturation in one go.
fn ramp<T: Count>(camera: &Digitiser, frame: u64, n: usize) -> (Vec<f32>, Vec<T>) {
    let intensity: Vec<f32> = (0..n).map(|i| i as f32 * 0.37 - 20.0).collect();
    let mut counts = vec![T::default(); n];
    camera.digitise(frame, 0, &intensity, &mut counts);
    (intensity, counts)
}

fn camera(max_count: u32) -> Digitiser {
    let model = DigitiseModel { electrons_per_unit: 1.0, read_noise_e: 2.0, gain_adu_per_e: 1.0, max_count };
    Digitiser::new(model, Key::new(42, "sensor", "photons"))
}

#[test]
fn a_count_does_not_depend_on_how_the_image_is_cut() {
    let camera = camera(65535);
    for frame in [0, 7, u64::MAX] {
        let (intensity, whole) = ramp::<u16>(&camera, frame, 5000);
        let mut cut = Key::new(1, "noise test", "cuts").derive(frame);
        for trial in 0..20 {
            let mut parts = Vec::new();
            cut = cut.derive(trial);
            while parts.len() < whole.len() {
                let start = parts.len();
                let end = whole.len().min(start + 1 + cut.below(0, start as u64, 1 + 10 * trial) as usize);
                parts.resize(end, 0_u16);
                camera.digitise(frame, start as u64, &intensity[start..end], &mut parts[start..end]);
            }
            assert_eq!(parts, whole, "trial {trial}");
        }
    }
}

#[test]
fn a_count_does_not_depend_on_its_neighbours() {
    let camera = camera(65535);
    let (mut intensity, whole) = ramp::<u16>(&camera, 0, 640);
    // All others dark, so that the pixel's group takes other ways than before.
    for i in 0..intensity.len() {
        let mut alone = [0.0; 640];
        alone[i] = std::mem::take(&mut intensity[i]);
        let mut counts = [0_u16; 640];
        camera.digitise(0, 0, &alone, &mut counts);
        assert_eq!(counts[i], whole[i], "pixel {i}");
    }
}

#[test]
fn sample_types_hold_the_same_counts() {
    let camera = camera(255);
    let (_, bytes) = ramp::<u8>(&camera, 3, 3000);
    let (_, words) = ramp::<u16>(&camera, 3, 3000);
    let (_, floats) = ramp::<f32>(&camera, 3, 3000);
    assert!(bytes.contains(&0) && bytes.contains(&255) && bytes.contains(&100));
    for ((byte, word), float) in bytes.iter().zip(&words).zip(&floats) {
        assert_eq!((u16::from(*byte), f32::from(*byte)), (*word, *float));
    }
}

#[test]
fn any_intensity_is_digitised() {
    let dark = DigitiseModel { electrons_per_unit: 70.0, read_noise_e: 0.0, gain_adu_per_e: 1.0, max_count: 4095 };
    let camera = Digitiser::new(dark, Key::new(1, "noise test", "extremes"));
    let intensity = [f32::NAN, -1.0, f32::NEG_INFINITY, 0.0, -0.0, 1e-38, f32::INFINITY, 1e30, f32::MAX, 1e4];
    let mut counts = [1_u16; 10];
    camera.digitise(0, 0, &intensity, &mut counts);
    assert_eq!(counts, [0, 0, 0, 0, 0, 0, 4095, 4095, 4095, 4095]);

    // Slices of different lengths: the shorter one counts.
    let mut counts = [9_u16; 3];
    camera.digitise(0, u64::MAX, &[0.0; 2], &mut counts);
    assert_eq!(counts, [0, 0, 9]);

    // Senseless models yield something, and quickly.
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300, 1e300] {
        for model in [
            DigitiseModel { electrons_per_unit: bad, ..dark },
            DigitiseModel { read_noise_e: bad, ..dark },
            DigitiseModel { gain_adu_per_e: bad, ..dark },
            DigitiseModel { gain_adu_per_e: bad, max_count: u32::MAX, ..dark },
        ] {
            let mut counts = [0.0_f32; 10];
            Digitiser::new(model, Key::new(1, "noise test", "extremes")).digitise(0, 0, &intensity, &mut counts);
            assert!(counts.iter().all(|&c| c >= 0.0 && f64::from(c) <= f64::from(model.max_count)), "{model:?}");
        }
    }
}

#[test]
fn counts_are_the_same_bits_everywhere_and_for_ever() {
    // Fowler, Noll and Vo's hash. Movies are made from these counts: if this moves, so does every recording.
    let hash = |counts: Vec<f32>| {
        counts.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, &c| (h ^ u64::from(c as u32)).wrapping_mul(0x100_0000_01b3))
    };
    // The fourth reaches 2.2 million electrons, where counts are drawn by rejection; the last draws its noise by itself.
    let models = [(1.0, 1.0, 255), (1.0, 1.0, 4095), (10.0, 1.0, 65535), (300.0, 1.0, 1 << 22), (1.0, 0.9, 255)];
    let hashes = models.map(|(electrons_per_unit, gain_adu_per_e, max_count)| {
        let model = DigitiseModel { electrons_per_unit, read_noise_e: 2.0, gain_adu_per_e, max_count };
        hash(ramp(&Digitiser::new(model, Key::new(42, "sensor", "photons")), 5, 20_000).1)
    });
    let expected = [
        0x47c2_642a_b1a1_b4d2,
        0xf180_75d4_1953_7df3,
        0xa1ed_a31b_838e_f8c5,
        0x7c6b_e681_0eb3_9452,
        0xf940_d95c_9731_95d4,
    ];
    assert_eq!(hashes, expected, "{hashes:#x?}");
}

/// Rows and columns of the sensors below: no row begins with a group of pixels.
const SENSOR: [usize; 2] = [5, 71];

/// A sensor of which no two pixels are alike; some are dead, some hot.
fn individual(noise_adu: [f64; 2], response: Response, adc_max: u32, conversion: Conversion) -> PixelModel {
    let key = Key::new(5, "noise test", "pixels");
    let n = SENSOR[0] * SENSOR[1];
    let each = |entity: u64, of: &dyn Fn(f64) -> f64| -> Vec<f32> {
        (0..n as u64).map(|i| of(key.uniform(entity, i)) as f32).collect()
    };
    PixelModel {
        shape: SENSOR,
        electrons_per_unit: each(0, &|u| if u < 0.02 { 0.0 } else { 0.5 + u }),
        dark_e: each(1, &|u| if u < 0.03 { 5000.0 * u } else { 3.0 * u }),
        offset_adu: each(2, &|u| 40.0 * u - 4.0),
        row_noise_adu: noise_adu[0],
        column_noise_adu: noise_adu[1],
        response,
        adc_max,
        conversion,
    }
}

/// The exact distribution of the counts of pixel `i`, `(first count, probabilities)`.
fn exact_distribution_of(i: usize, intensity: f32, model: &DigitiseModel, pixels: &PixelModel) -> (usize, Vec<f64>) {
    let lambda = f64::from(intensity) * f64::from(pixels.electrons_per_unit[i]) + f64::from(pixels.dark_e[i]);
    let (gain, offset) = (model.gain_adu_per_e, f64::from(pixels.offset_adu[i]));
    let sd = math::hypot(model.read_noise_e * gain, math::hypot(pixels.row_noise_adu, pixels.column_noise_adu));
    let most = f64::from(pixels.adc_max);
    let convert = |count: usize| match pixels.conversion {
        Conversion::Shift(bits) => count >> bits,
        Conversion::SquareRoot(scale) => ((count as f64).sqrt() * scale + 0.5).floor() as usize,
    };
    let mut pmf = vec![0.0; convert(pixels.adc_max as usize) + 1];
    let spread = 12.0 * lambda.sqrt() + 40.0;
    let mut k = (lambda - spread).floor().max(0.0);
    while k <= lambda + spread {
        let p = if lambda > 0.0 { poisson_pmf(k, lambda) } else { f64::from(u8::from(k == 0.0)) };
        let mean = pixels.response.reads(k) * gain + offset;
        let clip = |v: f64| v.floor().clamp(0.0, most) as usize;
        if sd == 0.0 {
            pmf[convert(clip(mean))] += p;
        } else {
            for count in clip(mean - 9.0 * sd)..=clip(mean + 9.0 * sd) {
                let c = count as f64;
                let below = if count == 0 { 0.0 } else { phi((c - mean) / sd) };
                let upto = if c == most { 1.0 } else { phi((c + 1.0 - mean) / sd) };
                pmf[convert(count)] += p * (upto - below);
            }
        }
        k += 1.0;
    }
    let total: f64 = pmf.iter().sum();
    assert!((total - 1.0).abs() < 1e-6, "the reference of pixel {i} sums to {total}");
    pmf.iter_mut().for_each(|p| *p /= total);
    (0, pmf)
}

/// Light from darkness to beyond saturation, the same in all frames.
fn light(n: usize) -> Vec<f32> {
    (0..n).map(|i| [0.0, 0.4, 3.0, 20.0, 90.0, 400.0, 1500.0][i % 7]).collect()
}

#[test]
fn counts_of_each_pixel_follow_its_own_exact_distribution() {
    let model = |read_noise_e, gain_adu_per_e, max_count| DigitiseModel {
        electrons_per_unit: 1.0,
        read_noise_e,
        gain_adu_per_e,
        max_count,
    };
    let square_root = Conversion::SquareRoot(255.0 / 1023.0_f64.sqrt());
    let bent = Response::with_linearity_error(1000.0, 0.003, 0.0);
    let unlimited = Response::straight(f64::INFINITY);
    let cases = [
        // As a V4 reads, but with wider steps than its noise in the first one.
        (model(9.0, 0.4, 255), individual([0.3, 0.2], bent, 1023, Conversion::Shift(2))),
        (model(2.0, 1.7, 1023), individual([1.5, 0.0], Response::straight(450.0), 1023, Conversion::Shift(0))),
        (model(0.0, 0.37, 511), individual([0.0, 0.0], bent, 511, Conversion::Shift(0))),
        (model(3.0, 0.6, 255), individual([0.0, 0.8], unlimited, 1023, square_root)),
    ];
    let n = SENSOR[0] * SENSOR[1];
    let (intensity, n_frames) = (light(n), 12_000_u64);
    let mut scores: Vec<Score> = Vec::new();
    for (number, (model, pixels)) in cases.into_iter().enumerate() {
        let references: Vec<_> = (0..n).map(|i| exact_distribution_of(i, intensity[i], &model, &pixels)).collect();
        let key = Key::new(31, "noise test", "individual").derive(number as u64);
        let camera = Digitiser::of(&Camera { model, key, pixels: Some(Arc::new(pixels)) });
        let mut histograms: Vec<_> = references.iter().map(|(_, pmf)| vec![0_u64; pmf.len()]).collect();
        let mut counts = vec![0_u16; n];
        for frame in 0..n_frames {
            camera.digitise(frame, 0, &intensity, &mut counts);
            counts.iter().zip(&mut histograms).for_each(|(count, histogram)| histogram[usize::from(*count)] += 1);
        }
        for (i, ((_, pmf), histogram)) in references.iter().zip(&histograms).enumerate() {
            for (bin, (p, seen)) in pmf.iter().zip(histogram).enumerate() {
                assert!(*p > 1e-12 || *seen == 0, "camera {number}, pixel {i}: {bin} is impossible");
            }
            if let Some(z) = chi_square(pmf, histogram, n_frames as f64) {
                scores.push((z, format!("pixel {i} of camera {number}")));
            }
        }
    }
    assert!(scores.len() > 1000, "{} scores", scores.len());
    check_scores(&scores);
}

#[test]
fn rows_and_columns_share_their_noise() {
    // Nothing but the noise of rows and columns, far from clipping: all that a row's pixels have in common is its number.
    let shape = [40, 60];
    let map = |value: f32| vec![value; 2400];
    let pixels = PixelModel {
        shape,
        electrons_per_unit: map(1.0),
        dark_e: map(0.0),
        offset_adu: map(30_000.0),
        row_noise_adu: 80.0,
        column_noise_adu: 50.0,
        response: Response::straight(f64::INFINITY),
        adc_max: 65_535,
        conversion: Conversion::Shift(0),
    };
    let model = DigitiseModel { electrons_per_unit: 1.0, read_noise_e: 0.0, gain_adu_per_e: 1.0, max_count: 65_535 };
    let key = Key::new(3, "noise test", "lines");
    let camera = Digitiser::of(&Camera { model, key, pixels: Some(Arc::new(pixels)) });
    let (mut rows, mut columns) = (Vec::new(), Vec::new());
    for frame in 0..400 {
        let mut counts = vec![0_u16; 2400];
        camera.digitise(frame, 0, &map(0.0), &mut counts);
        let at = |r: usize, c: usize| f64::from(counts[r * 60 + c]) - 29_999.5;
        // What two pixels of a row differ by is their columns' alone, whatever the row.
        for c in 1..60 {
            assert!((at(0, c) - at(0, 0) - (at(39, c) - at(39, 0))).abs() <= 2.0, "frame {frame}, column {c}");
        }
        rows.extend((1..40).map(|r| at(r, 7) - at(r - 1, 7)).step_by(2));
        columns.extend((1..60).map(|c| at(3, c) - at(3, c - 1)).step_by(2));
    }
    for (differences, rms) in [(rows, 80.0), (columns, 50.0)] {
        let n = differences.len() as f64;
        let variance = differences.iter().map(|d| d * d).sum::<f64>() / n;
        let z = (variance / (2.0 * rms * rms) - 1.0) / (2.0 / n).sqrt();
        assert!(z.abs() < 3.5, "{rms}: {z}");
    }
}

#[test]
fn a_count_of_an_individual_pixel_does_not_depend_on_how_the_image_is_cut() {
    let pixels = individual([0.4, 0.6], Response::with_linearity_error(900.0, 0.003, 0.0), 1023, Conversion::Shift(0));
    let model = DigitiseModel { electrons_per_unit: 1.0, read_noise_e: 2.0, gain_adu_per_e: 0.8, max_count: 1023 };
    let camera =
        Digitiser::of(&Camera { model, key: Key::new(4, "noise test", "cut"), pixels: Some(Arc::new(pixels)) });
    let n = SENSOR[0] * SENSOR[1];
    let intensity = light(n);
    let mut whole = vec![0_u16; n];
    camera.digitise(9, 0, &intensity, &mut whole);
    assert!(whole.contains(&0) && whole.iter().any(|c| *c > 500));
    for step in [1, 13, 64, 71, 200] {
        let mut parts = vec![0_u16; n];
        for first in (0..n).step_by(step) {
            let end = (first + step).min(n);
            camera.digitise(9, first as u64, &intensity[first..end], &mut parts[first..end]);
        }
        assert_eq!(parts, whole, "parts of {step}");
    }
    // What lies beyond the sensor is left alone.
    let mut beyond = vec![7_u16; 5];
    camera.digitise(9, n as u64 - 2, &[1.0; 5], &mut beyond);
    assert_eq!(beyond[2..], [7; 3]);
    camera.digitise(9, u64::MAX, &[1.0; 5], &mut beyond);
}
