//! How the indicators' fluorescence follows calcium.

use crate::{math, spec::record::choices};

choices! {
    /// A calcium indicator.
    pub enum Indicator {
        /// Fluorescence is proportional to calcium; a spike peaks at 1 fluorescence unit.
        Linear = "linear";
        /// GCaMP6f.
        Gcamp6f = "GCaMP6f";
        /// GCaMP6s.
        Gcamp6s = "GCaMP6s";
        /// jGCaMP7f.
        Jgcamp7f = "jGCaMP7f";
        /// jGCaMP8f.
        Jgcamp8f = "jGCaMP8f";
        /// jGCaMP8m.
        Jgcamp8m = "jGCaMP8m";
        /// jGCaMP8s.
        Jgcamp8s = "jGCaMP8s";
    }
}

/// What is known of an indicator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Response {
    /// Rise time constant of calcium after a spike (s).
    pub tau_rise_s: f64,
    /// Decay time constant (s).
    pub tau_decay_s: f64,
    /// ΔF/F at saturation.
    pub saturation: f64,
    /// Hill coefficient.
    pub hill: f64,
    /// Simultaneous spikes that bring half of it.
    pub half_spikes: f64,
}

impl Response {
    /// ΔF/F at a calcium of as much as `spikes` simultaneous spikes bring at their peak.
    #[must_use]
    pub fn dff(&self, spikes: f64) -> f64 {
        // Noise is added later, so calcium is not negative but by rounding.
        let bound = math::pow(spikes.max(0.0) / self.half_spikes, self.hill);
        self.saturation * bound / (1.0 + bound)
    }
}

impl Indicator {
    /// The indicator's response; `None` for the linear one.
    #[must_use]
    pub fn response(self) -> Option<Response> {
        let [tau_rise_ms, tau_decay_ms, saturation, hill, half_spikes] = match self {
            Self::Linear => return None,
            Self::Gcamp6f => [9.84, 682.58, 1.884, 3.442, 2.788],
            Self::Gcamp6s => [49.34, 1702.21, 3.284, 3.123, 2.981],
            Self::Jgcamp7f => [14.67, 153.91, 6.248, 1.495, 9.353],
            Self::Jgcamp8f => [1.82, 108.54, 5.103, 1.753, 3.640],
            Self::Jgcamp8m => [2.39, 86.30, 5.404, 1.559, 3.758],
            Self::Jgcamp8s => [5.44, 146.80, 4.536, 1.473, 3.590],
        };
        let (tau_rise_s, tau_decay_s) = (1e-3 * tau_rise_ms, 1e-3 * tau_decay_ms);
        Some(Response { tau_rise_s, tau_decay_s, saturation, hill, half_spikes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ΔF/F at the peak after so many simultaneous spikes in the published models: calcium adds up and goes through a logistic curve
    /// `Fm / (1 + exp(-β (calcium - Ca0)))`, with (Fm, Ca0, β) and the peak calcium of a spike.
    fn published(indicator: Indicator, spikes: f64) -> f64 {
        let [fm, ca0, beta, peak] = match indicator {
            Indicator::Linear => return spikes,
            Indicator::Gcamp6f => [1.905, 3.197, 1.410, 0.926],
            #[expect(clippy::approx_constant, reason = "a fit, not π")]
            Indicator::Gcamp6s => [3.334, 3.142, 1.332, 0.874],
            Indicator::Jgcamp7f => [6.841, 5.562, 0.4232, 0.807],
            Indicator::Jgcamp8f => [6.104, 4.171, 0.3905, 1.257],
            Indicator::Jgcamp8m => [7.455, 2.691, 0.3600, 1.054],
            Indicator::Jgcamp8s => [7.456, 1.282, 0.3437, 0.955],
        };
        let logistic = |calcium: f64| fm / (1.0 + (-beta * (calcium - ca0)).exp());
        logistic(spikes * peak) - logistic(0.0)
    }

    #[test]
    fn one_five_and_ten_spikes_follow_the_published_curves() {
        let all = [
            (Indicator::Gcamp6f, [0.054, 1.662, 1.861]),
            (Indicator::Gcamp6s, [0.105, 2.739, 3.211]),
            (Indicator::Jgcamp7f, [0.213, 1.759, 3.280]),
            (Indicator::Jgcamp8f, [0.480, 3.244, 4.361]),
            (Indicator::Jgcamp8m, [0.609, 3.293, 4.438]),
            (Indicator::Jgcamp8s, [0.599, 2.811, 3.715]),
        ];
        for (indicator, stated) in all {
            let response = indicator.response().expect("not linear");
            for (spikes, stated) in [1.0, 5.0, 10.0].into_iter().zip(stated) {
                let dff = response.dff(spikes);
                assert!((dff - stated).abs() < 1e-3, "{indicator:?}, {spikes} spikes: {dff}, not {stated}");
                // The curve goes through the published ones at 1 and 5 spikes, and stays near at 10.
                let near = if spikes < 6.0 { 0.01 } else { 0.28 };
                let published = published(indicator, spikes);
                assert!((dff / published - 1.0).abs() < near, "{indicator:?}, {spikes} spikes: {dff}, not {published}");
            }
            // A Hill curve: the logit of the bound share grows by the coefficient with each e-fold of calcium.
            let logit = |spikes: f64| {
                let share = response.dff(spikes) / response.saturation;
                (share / (1.0 - share)).ln()
            };
            assert!((logit(2.0 * std::f64::consts::E) - logit(2.0) - response.hill).abs() < 1e-9);
            assert!((0..400).all(|i| response.dff(f64::from(i) * 0.1) < response.dff(f64::from(i + 1) * 0.1)));
            assert_eq!(response.dff(0.0), 0.0);
            assert!(response.tau_rise_s < response.tau_decay_s);
        }
    }
}
