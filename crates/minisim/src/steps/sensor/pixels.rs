//! What is fixed to a sensor: how each of its pixels differs from the others.

use rayon::prelude::*;

use crate::{
    math,
    physics::{
        camera::dark_electrons,
        noise::{Lattice, smooth_noise},
    },
    rng::Key,
    spec::ImageSensor,
};

/// A pixel without a defect, as `defects` tells it.
pub const SOUND: u32 = 0;
/// A pixel with a dark current of its own.
pub const HOT: u32 = 1;
/// A pixel that sees no light.
pub const DEAD: u32 = 2;

/// Width σ of the smooth part of the response, of the shorter side of the sensor.
const SMOOTH_SIGMA: f64 = 1.0 / 6.0;

/// How the pixels of a sensor differ, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PixelMaps {
    /// Response relative to the mean one.
    pub(super) prnu: Vec<f64>,
    /// Offset (e⁻).
    pub(super) dsnu_e: Vec<f64>,
    /// Electrons of dark current during an exposure.
    pub(super) dark_e: Vec<f64>,
    /// [`SOUND`], [`HOT`] or [`DEAD`].
    pub(super) defects: Vec<u32>,
}

impl PixelMaps {
    /// Draws them. A pixel's numbers are those of its row and column; each part is then brought to the RMS that is asked for, so that
    /// a sensor has what its data sheet says and not what its size makes of it.
    pub(super) fn draw(sensor: &ImageSensor, seed: u64, step: &str, exposure_s: f64) -> Self {
        let [height, width] = [sensor.n_px_height, sensor.n_px_width].map(|n| n.get() as usize);
        let seed = sensor.pattern_seed.map_or(seed, |pattern| u64::from(pattern.get()));
        let key = |purpose: &str| Key::new(seed, step, purpose);
        let each = |rms: f64, purpose: &str| {
            let key = key(purpose);
            scaled(rms, height * width, |i| key.normal((i / width) as u64, (i % width) as u64))
        };
        let line = |rms: f64, purpose: &str, n: usize| {
            let key = key(purpose);
            scaled(rms, n, |i| key.normal(i as u64, 0))
        };

        let mut prnu = each(sensor.prnu_pixel_percent.get() / 100.0, "response of pixels");
        let smooth = sensor.prnu_smooth_percent.get() / 100.0;
        if smooth > 0.0 {
            let sigma_px = SMOOTH_SIGMA * height.min(width) as f64;
            let places = |n: usize| (0..n).map(|i| i as f64).collect::<Vec<f64>>();
            let lattice = Lattice::new(sigma_px, 1.0);
            let field = smooth_noise(key("smooth response"), 0, &lattice, &places(height), &places(width));
            prnu.iter_mut().zip(scaled(smooth, field.len(), |i| field[i])).for_each(|(p, part)| *p += part);
        }
        prnu.iter_mut().for_each(|p| *p = (1.0 + *p).max(0.0));

        let mut dsnu_e = each(sensor.dsnu_pixel_e.get(), "offset of pixels");
        let columns = line(sensor.dsnu_column_e.get(), "offset of columns", width);
        let rows = line(sensor.dsnu_row_e.get(), "offset of rows", height);
        for (line, row) in dsnu_e.chunks_exact_mut(width).zip(&rows) {
            line.iter_mut().zip(&columns).for_each(|(offset, column)| *offset += row + column);
        }

        let mut dark_e = vec![sensor.dark_e(exposure_s); height * width];
        let mut defects = vec![SOUND; height * width];
        let (dead, hot) = (sensor.dead_pixel_share.get(), sensor.hot_pixel_share.get());
        if dead + hot > 0.0 {
            let (chance, strength) = (key("defects"), key("strength of hot pixels"));
            let (median, spread) = (sensor.hot_pixel_e_per_s.get(), sensor.hot_pixel_spread.get());
            let all = defects.par_iter_mut().zip(&mut dark_e).zip(&mut prnu).enumerate();
            all.with_min_len(4096).for_each(|(i, ((defect, dark_e), prnu))| {
                let (row, col) = ((i / width) as u64, (i % width) as u64);
                let u = chance.uniform(row, col);
                if u < dead {
                    (*defect, *dark_e, *prnu) = (DEAD, 0.0, 0.0);
                } else if u < dead + hot {
                    let e_per_s = median * math::exp(spread * strength.normal(row, col));
                    *defect = HOT;
                    *dark_e += dark_electrons(e_per_s, sensor.temperature_c.get(), exposure_s);
                }
            });
        }
        Self { prnu, dsnu_e, dark_e, defects }
    }
}

/// `n` numbers with a mean of 0 and this RMS, in proportion to those that are drawn.
fn scaled(rms: f64, n: usize, draw: impl Fn(usize) -> f64 + Send + Sync) -> Vec<f64> {
    if rms == 0.0 {
        return vec![0.0; n];
    }
    let mut values: Vec<f64> = (0..n).into_par_iter().with_min_len(4096).map(draw).collect();
    let mean = values.iter().sum::<f64>() / n as f64;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n as f64;
    // One pixel alone differs from nobody.
    let factor = if variance > 0.0 { rms / variance.sqrt() } else { 0.0 };
    values.iter_mut().for_each(|v| *v = (*v - mean) * factor);
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Count, Fraction, NonNegative};

    fn sensor() -> ImageSensor {
        ImageSensor {
            n_px_height: Count::lit(70),
            n_px_width: Count::lit(90),
            dsnu_pixel_e: NonNegative::lit(3.0),
            dsnu_column_e: NonNegative::lit(2.0),
            dsnu_row_e: NonNegative::lit(1.0),
            prnu_pixel_percent: NonNegative::lit(2.0),
            prnu_smooth_percent: NonNegative::lit(1.0),
            dark_current_e_per_s: NonNegative::lit(40.0),
            ..ImageSensor::default()
        }
    }

    fn rms(values: &[f64]) -> f64 {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64).sqrt()
    }

    #[test]
    fn parts_have_the_rms_that_is_asked_for() {
        let maps = PixelMaps::draw(&sensor(), 1, "sensor", 0.05);
        // The parts are drawn apart, so their squares add up but for chance: with 70 rows, 1/√70 of a covariance.
        assert!((rms(&maps.dsnu_e) / 14.0_f64.sqrt() - 1.0).abs() < 0.02, "{}", rms(&maps.dsnu_e));
        assert!((rms(&maps.prnu) / (0.02_f64.hypot(0.01)) - 1.0).abs() < 0.02, "{}", rms(&maps.prnu));
        assert!((maps.prnu.iter().sum::<f64>() / 6300.0 - 1.0).abs() < 1e-12);
        assert!(maps.dark_e.iter().all(|e| *e == 2.0) && maps.defects.iter().all(|d| *d == SOUND));
        let alone = |n: f64| {
            let only = ImageSensor { dsnu_column_e: NonNegative::lit(n), ..ImageSensor::default() };
            rms(&PixelMaps::draw(&only, 1, "sensor", 0.05).dsnu_e)
        };
        assert!((alone(2.0) - 2.0).abs() < 1e-9 && alone(0.0) == 0.0);
    }

    #[test]
    fn defects_are_the_share_that_is_asked_for_and_more_are_a_superset() {
        let with = |dead: f64, hot: f64| {
            let shares = [dead, hot].map(|share| Fraction::new(share).expect("a share"));
            let sensor = ImageSensor { dead_pixel_share: shares[0], hot_pixel_share: shares[1], ..sensor() };
            PixelMaps::draw(&sensor, 1, "sensor", 0.05)
        };
        let (few, many) = (with(0.01, 0.02), with(0.01, 0.1));
        let count = |maps: &PixelMaps, kind| maps.defects.iter().filter(|d| **d == kind).count() as f64 / 6300.0;
        assert!((count(&few, DEAD) - 0.01).abs() < 0.004 && (count(&many, HOT) - 0.1).abs() < 0.012);
        for i in 0..6300 {
            assert!(few.defects[i] == SOUND || few.defects[i] == many.defects[i]);
            match few.defects[i] {
                HOT => assert!(few.dark_e[i] > 2.0 && few.dark_e[i] == many.dark_e[i]),
                DEAD => assert_eq!((few.prnu[i], few.dark_e[i]), (0.0, 0.0)),
                _ => assert!(few.dark_e[i] == 2.0 && few.prnu[i] > 0.8),
            }
        }
        // Log-normal: half of them are above the median of 1000 e/s, which is 50 e⁻ in 50 ms.
        let hot: Vec<f64> = (0..6300).filter(|i| many.defects[*i] == HOT).map(|i| many.dark_e[i] - 2.0).collect();
        let above = hot.iter().filter(|e| **e > 50.0).count() as f64 / hot.len() as f64;
        assert!((above - 0.5).abs() < 0.08, "{above}");
    }

    #[test]
    fn a_pattern_seed_keeps_the_sensor() {
        let same = ImageSensor { pattern_seed: Some(Count::lit(7)), ..sensor() };
        assert_eq!(PixelMaps::draw(&same, 1, "sensor", 0.05), PixelMaps::draw(&same, 2, "sensor", 0.05));
        assert_ne!(PixelMaps::draw(&sensor(), 1, "sensor", 0.05), PixelMaps::draw(&sensor(), 2, "sensor", 0.05));
    }
}
