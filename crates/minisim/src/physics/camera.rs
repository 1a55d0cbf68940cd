//! What the standard EMVA 1288 says of a camera in formulas: dark current, and a response that is not quite straight.
//!
//! Source: EMVA Standard 1288, "Standard for Characterization of Image Sensors and Cameras", Release 4.0 Linear, 2021.

use crate::math;

/// Degrees by which a sensor warms until its dark current has doubled.
pub const DARK_CURRENT_DOUBLING_C: f64 = 8.0;

/// Temperature that dark currents are given at.
pub const DARK_CURRENT_AT_C: f64 = 25.0;

/// Part of the saturation up to which the standard reads the gain off the photon transfer curve.
pub const GAIN_UP_TO: f64 = 0.7;

/// Parts of the saturation between which the standard judges linearity.
pub const LINEAR_BETWEEN: [f64; 2] = [0.05, 0.95];

/// Electrons that a dark current of `e_per_s` at 25 °C leaves in a pixel of that temperature during an exposure.
#[must_use]
pub fn dark_electrons(e_per_s: f64, temperature_c: f64, exposure_s: f64) -> f64 {
    let doublings = (temperature_c - DARK_CURRENT_AT_C) / DARK_CURRENT_DOUBLING_C;
    e_per_s * math::exp(std::f64::consts::LN_2 * doublings) * exposure_s
}

/// A response that bends: q electrons in a pixel of full well w, x = q / w, read as `q · (1 + bend · x · (1 - CURVE · x))`, and those
/// beyond w as w do. So single electrons and, nearly, full wells read as they should, and those between by some more.
///
/// The curve is such that the gain is the one that the standard finds. With small bends the photon transfer curve has the variance
/// K² q · (1 + 2 · bend · (2 x - 3 CURVE x²)) at the mean K q · (1 + bend · (x - CURVE x²)), so its slope through the origin up to
/// x = 0.7 is K · (1 + bend · (3 ⟨x⟩ - 5 CURVE ⟨x²⟩)), where the regression weighs by the squared mean: ⟨x⟩ = ¾ · 0.7, ⟨x²⟩ = ⅗ · 0.7².
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Response {
    /// Full well (e⁻); infinite where there is none.
    pub full_well_e: f64,
    /// How much it bends: 0 = straight.
    pub bend: f64,
}

impl Response {
    /// See [`Response`].
    pub const CURVE: f64 = 0.75 / GAIN_UP_TO;

    /// Largest bend. From 0.0993 on, the variance would fall before the well is full, and the standard would find saturation there.
    pub const MAX_BEND: f64 = 0.099;

    /// A straight response up to a full well.
    #[must_use]
    pub fn straight(full_well_e: f64) -> Self {
        Self { full_well_e, bend: 0.0 }
    }

    /// The response with a linearity error (share, not per cent) up to [`max_linearity_error`](Self::max_linearity_error), of a sensor
    /// whose pixels differ in their response by `prnu` (share, RMS).
    #[must_use]
    pub fn with_linearity_error(full_well_e: f64, error: f64, prnu: f64) -> Self {
        if error <= 0.0 {
            return Self::straight(full_well_e);
        }
        // The error grows with the bend.
        let (mut low, mut high) = (0.0, Self::MAX_BEND);
        for _ in 0..30 {
            let bend = 0.5 * (low + high);
            if (Self { full_well_e, bend }).linearity_error(prnu) < error { low = bend } else { high = bend }
        }
        Self { full_well_e, bend: 0.5 * (low + high) }
    }

    /// Largest linearity error (share) that a response can have.
    #[must_use]
    pub fn max_linearity_error(full_well_e: f64, prnu: f64) -> f64 {
        Self { full_well_e, bend: Self::MAX_BEND }.linearity_error(prnu)
    }

    /// The mean number of electrons that `q` of them read as.
    #[must_use]
    pub fn reads(&self, q: f64) -> f64 {
        let q = q.min(self.full_well_e);
        // An infinite well has no share that is full.
        if self.bend == 0.0 {
            q
        } else {
            q * (1.0 + self.bend * q / self.full_well_e * (1.0 - Self::CURVE * q / self.full_well_e))
        }
    }

    /// By how much [`reads`](Self::reads) grows with an electron, where the well is not yet full.
    #[must_use]
    pub fn slope(&self, q: f64) -> f64 {
        if self.bend == 0.0 {
            1.0
        } else {
            1.0 + self.bend * q / self.full_well_e * (2.0 - 3.0 * Self::CURVE * q / self.full_well_e)
        }
    }

    /// The linearity error (share) that the standard finds of a sensor whose pixels differ in their response by `prnu` (share, RMS); 0
    /// without a full well.
    #[must_use]
    pub fn linearity_error(&self, prnu: f64) -> f64 {
        const STEPS: usize = 200;
        if self.full_well_e == f64::INFINITY {
            return 0.0;
        }
        let saturation_e = self.saturation_e(prnu);
        let light: Vec<f64> = (1..=STEPS).map(|i| saturation_e * i as f64 / STEPS as f64).collect();
        let signal: Vec<f64> = light.iter().map(|q| self.reads(*q)).collect();
        linearity(&light, &signal, self.reads(saturation_e)).error
    }

    /// Mean electrons at which the standard finds saturation: where the temporal variance is largest. That is below the full well, for
    /// from there on shot noise is cut, first in pixels that respond more than others.
    fn saturation_e(&self, prnu: f64) -> f64 {
        // Means from 0.7 of the full well to beyond it; pixels in steps of half a standard deviation of their response.
        const MEANS: usize = 120;
        const PIXELS: i32 = 5;
        let well = self.full_well_e;
        let variance = |mean: f64| {
            let slope = self.slope(mean);
            let (mut sum, mut weights) = (0.0, 0.0);
            for step in -PIXELS..=PIXELS {
                let z = 0.5 * f64::from(step);
                let held = mean * (1.0 + prnu * z).max(0.01);
                let weight = math::exp(-0.5 * z * z);
                sum += weight * held * cut_variance((well - held) / held.sqrt());
                weights += weight;
            }
            slope * slope * sum / weights
        };
        let means = (0..MEANS).map(|i| well * (0.7 + 0.4 * i as f64 / MEANS as f64));
        means.map(|mean| (variance(mean), mean)).max_by(|a, b| a.0.total_cmp(&b.0)).map_or(well, |(_, mean)| mean)
    }
}

/// Variance of a standard normal number of which what exceeds `z` is cut to it.
fn cut_variance(z: f64) -> f64 {
    let below = 0.5 * math::erfc(-z / std::f64::consts::SQRT_2);
    let density = math::exp(-0.5 * z * z) / std::f64::consts::TAU.sqrt();
    let mean = z * (1.0 - below) - density;
    below - z * density + z * z * (1.0 - below) - mean * mean
}

/// How straight a response is.
#[derive(Clone, Debug, PartialEq)]
pub struct Linearity {
    /// Slope of the straight line (signal per light).
    pub slope: f64,
    /// Its signal in the dark.
    pub offset: f64,
    /// Deviation of each signal from the line (share of the line), all of them.
    pub deviation: Vec<f64>,
    /// Mean of the deviations' sizes (share) between 5 % and 95 % of saturation.
    pub error: f64,
}

/// How straight the signals, dark signal subtracted, follow the light, as the standard judges it: the line has the least squared
/// *relative* deviations among those signals that lie between 5 % and 95 % of `saturation`. Not a number where fewer than three do.
#[must_use]
pub fn linearity(light: &[f64], signal: &[f64], saturation: f64) -> Linearity {
    let judged = |y: f64| y >= LINEAR_BETWEEN[0] * saturation && y <= LINEAR_BETWEEN[1] * saturation;
    let (mut ww, mut wx, mut wxx, mut wy, mut wxy, mut n) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (x, y) in light.iter().zip(signal).filter(|(_, y)| judged(**y)) {
        let w = 1.0 / (y * y);
        ww += w;
        wx += w * x;
        wxx += w * x * x;
        wy += w * y;
        wxy += w * x * y;
        n += 1.0;
    }
    let determinant = ww * wxx - wx * wx;
    let enough = n > 2.0 && determinant > 0.0;
    let slope = if enough { (ww * wxy - wx * wy) / determinant } else { f64::NAN };
    let offset = (wy - slope * wx) / ww;
    let deviation: Vec<f64> = light
        .iter()
        .zip(signal)
        .map(|(x, y)| {
            let line = slope * x + offset;
            (y - line) / line
        })
        .collect();
    let sizes = deviation.iter().zip(signal).filter(|(_, y)| judged(**y)).map(|(d, _)| d.abs());
    Linearity { slope, offset, error: sizes.sum::<f64>() / n, deviation }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dark_current_doubles_every_eight_degrees() {
        assert_eq!(dark_electrons(3.0, 25.0, 0.5), 1.5);
        for (celsius, factor) in [(33.0, 2.0), (41.0, 4.0), (17.0, 0.5)] {
            assert!((dark_electrons(3.0, celsius, 1.0) - 3.0 * factor).abs() < 1e-12, "{celsius}");
        }
    }

    #[test]
    fn a_response_has_the_linearity_error_that_it_was_made_for() {
        for prnu in [0.0, 0.012] {
            let most = Response::max_linearity_error(9000.0, prnu);
            assert!(most > 0.003 && most < 0.005, "{most}");
            for error in [1e-4, 0.002, 0.9 * most] {
                let response = Response::with_linearity_error(9000.0, error, prnu);
                let found = response.linearity_error(prnu);
                for q in [10.0, 3000.0, 8000.0] {
                    assert!((response.reads(q + 0.5) - response.reads(q - 0.5) - response.slope(q)).abs() < 1e-8);
                }
                // Saturation is sought in steps of 0.3 %.
                assert!((found / error - 1.0).abs() < 0.02, "{error}: {found}");
            }
        }
        assert_eq!(Response::with_linearity_error(9000.0, 0.0, 0.0), Response::straight(9000.0));
        assert_eq!(Response::straight(f64::INFINITY).linearity_error(0.0), 0.0);
        assert!(Response::straight(9000.0).linearity_error(0.0) < 1e-12);
    }

    #[test]
    fn cut_noise_has_less_variance() {
        assert!((cut_variance(8.0) - 1.0).abs() < 1e-12 && cut_variance(-8.0).abs() < 1e-12);
        // Half of a normal distribution: (1 - 1/π) / 2.
        assert!((cut_variance(0.0) - 0.5 * (1.0 - 1.0 / std::f64::consts::PI)).abs() < 1e-12);
    }

    #[test]
    fn a_bend_leaves_the_gain_alone() {
        // Slope through the origin of the variance over the mean, both in electrons, where the variance is that of Poisson counts
        // through the response's slope.
        let well = 10_000.0;
        for error in [0.002, 0.003] {
            let response = Response::with_linearity_error(well, error, 0.0);
            let (mut xy, mut xx) = (0.0, 0.0);
            for i in 1..=700 {
                let q = well * f64::from(i) / 1000.0;
                let slope = (response.reads(q + 0.5) - response.reads(q - 0.5)).abs();
                let (mean, variance) = (response.reads(q), slope * slope * q);
                xy += mean * variance;
                xx += mean * mean;
            }
            assert!((xy / xx - 1.0).abs() < 0.005, "{error}: {}", xy / xx);
        }
    }

    #[test]
    fn the_variance_grows_until_the_well_is_full() {
        let response = Response { full_well_e: 1000.0, bend: Response::MAX_BEND };
        let variance = |q: f64| (response.reads(q + 0.5) - response.reads(q - 0.5)).powi(2) * q;
        assert!((1..1000).all(|q| variance(f64::from(q) + 0.4) > variance(f64::from(q) - 0.5)));
        assert_eq!(response.reads(5000.0), response.reads(1000.0));
        assert!((response.reads(1000.0) / (1000.0 * (1.0 - Response::MAX_BEND / 14.0)) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_line_is_that_of_least_relative_deviations() {
        let light: Vec<f64> = (0..=100).map(f64::from).collect();
        let straight: Vec<f64> = light.iter().map(|x| 3.0 * x + 2.0).collect();
        let found = linearity(&light, &straight, 302.0);
        assert!((found.slope - 3.0).abs() < 1e-9 && (found.offset - 2.0).abs() < 1e-7 && found.error < 1e-12);
        let bent: Vec<f64> = light.iter().map(|x| x + 0.001 * x * x).collect();
        let found = linearity(&light, &bent, 110.0);
        let cost = |slope: f64, offset: f64| -> f64 {
            let judged = light.iter().zip(&bent).filter(|(_, y)| **y >= 5.5 && **y <= 104.5);
            judged.map(|(x, y)| ((y - slope * x - offset) / y).powi(2)).sum()
        };
        let least = cost(found.slope, found.offset);
        for (slope, offset) in [(1e-4, 0.0), (-1e-4, 0.0), (0.0, 1e-3), (0.0, -1e-3)] {
            assert!(cost(found.slope + slope, found.offset + offset) > least);
        }
        assert!(linearity(&[1.0, 2.0], &[1.0, 2.0], 2.0).error.is_nan());
    }
}
