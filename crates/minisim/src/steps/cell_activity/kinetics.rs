//! The calcium indicator's response to a spike.

use crate::math;

/// Length of the sampled kernel in decay times.
const KERNEL_DECAYS: f64 = 5.0;
/// Range of τ_rise/τ_decay over which timings are inverted.
const RATIO_RANGE: [f64; 2] = [1e-4, 0.999_999];

/// The response to one spike, `exp(-t/τ_decay) - exp(-t/τ_rise)`, sampled at `rate_hz` to five decay times (at least two
/// samples) and scaled to peak 1.
#[must_use]
pub fn calcium_kernel(tau_rise_s: f64, tau_decay_s: f64, rate_hz: f64) -> Vec<f64> {
    let n = ((KERNEL_DECAYS * tau_decay_s * rate_hz).ceil() as usize).max(2);
    let mut kernel: Vec<f64> = (0..n).map(|i| response(i as f64 / rate_hz, tau_rise_s, tau_decay_s)).collect();
    let peak = kernel.iter().copied().fold(0.0, f64::max);
    if peak > 0.0 {
        kernel.iter_mut().for_each(|v| *v /= peak);
    }
    kernel
}

fn response(t_s: f64, tau_rise_s: f64, tau_decay_s: f64) -> f64 {
    math::exp(-t_s / tau_decay_s) - math::exp(-t_s / tau_rise_s)
}

/// Time to peak and full width at half maximum (s) of the continuous response.
#[must_use]
pub fn kernel_timing(tau_rise_s: f64, tau_decay_s: f64) -> (f64, f64) {
    let (rise, decay) = (tau_rise_s, tau_decay_s);
    let spread = decay - rise;
    let t_peak = if spread.abs() < 1e-12 * decay { decay } else { math::ln(decay / rise) * rise * decay / spread };
    let half = 0.5 * response(t_peak, rise, decay);
    let before = bisect(0.0, t_peak, |t| response(t, rise, decay) < half);
    let mut far = t_peak + decay;
    while response(far, rise, decay) > half {
        far += decay;
    }
    let after = bisect(t_peak, far, |t| response(t, rise, decay) > half);
    (t_peak, after - before)
}

/// (τ_rise, τ_decay) in s of the response with this time to peak and width. The ratio of the two timings depends only on
/// τ_rise/τ_decay and tops out near 0.409; a target out of reach clamps to the nearest kernel with that time to peak.
#[must_use]
pub fn tau_from_kernel_timing(t_peak_s: f64, fwhm_s: f64) -> (f64, f64) {
    let wanted = t_peak_s / fwhm_s;
    let ratio_of = |x: f64| {
        let (peak, width) = kernel_timing(x, 1.0);
        peak / width
    };
    let x = if wanted >= ratio_of(RATIO_RANGE[1]) {
        RATIO_RANGE[1]
    } else if wanted <= ratio_of(RATIO_RANGE[0]) {
        RATIO_RANGE[0]
    } else {
        bisect(RATIO_RANGE[0], RATIO_RANGE[1], |x| ratio_of(x) < wanted)
    };
    let decay = t_peak_s / kernel_timing(x, 1.0).0;
    (x * decay, decay)
}

/// Where `holds` stops to hold between `low` (it does) and `high` (it does not).
fn bisect(low: f64, high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (low, high);
    for _ in 0..200 {
        let mid = 0.5 * (low + high);
        if mid <= low || mid >= high {
            break;
        }
        if holds(mid) {
            low = mid;
        } else {
            high = mid;
        }
    }
    0.5 * (low + high)
}

/// The firing parameters of an overall activity level in [0, 1]: (p_quiescent_to_active, p_active_to_quiescent,
/// active_rate_hz, quiescent_rate_hz), piecewise linear through sparse (0), moderate (0.5) and dense (1).
#[must_use]
pub fn spike_activity_params(activity: f64) -> [f64; 4] {
    const LEVELS: [[f64; 4]; 3] = [[0.002, 0.4, 90.0, 0.3], [0.005, 0.3, 150.0, 0.6], [0.01, 0.2, 210.0, 1.5]];
    let at = 2.0 * activity.clamp(0.0, 1.0);
    let (from, share) = if at < 1.0 { (0, at) } else { (1, at - 1.0) };
    std::array::from_fn(|i| LEVELS[from][i] + share * (LEVELS[from + 1][i] - LEVELS[from][i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_time_constants_have_the_limit_form() {
        let (peak, width) = kernel_timing(0.499_999_9, 0.5);
        assert!((peak - 0.5).abs() < 1e-6 && (width / peak - 2.446).abs() < 1e-3, "{peak} {width}");
    }
}
