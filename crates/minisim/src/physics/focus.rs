//! Where the focal plane goes when the user says "auto".

use rayon::prelude::*;

use super::{
    detection::{DETECT_SNR_THRESHOLD, NoiseFloor},
    optics::OpticalModel,
};

/// Planes that the search by yield compares.
pub const N_PLANES: usize = 96;

/// A cell that has a say in the focus.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Voter {
    /// (z, y, x) µm.
    pub center_um: [f64; 3],
    /// Largest transient, max(C) − min(C), fluorescence units.
    pub peak_dff: f64,
    /// min(C).
    pub baseline: f64,
    /// Illumination × vignette at the cell's place.
    pub field: f64,
}

/// The middle of the cells' effective depths: the focus without a sensor or without activity. No cells: 0.
#[must_use]
pub fn median_effective_depth_um(model: &OpticalModel, centers_um: impl Iterator<Item = [f64; 3]>) -> f64 {
    let mut depths: Vec<f64> = centers_um.map(|c| model.effective_depth_um(c)).collect();
    depths.sort_by(f64::total_cmp);
    match depths.len() {
        0 => 0.0,
        n if n % 2 == 1 => depths[n / 2],
        n => 0.5 * (depths[n / 2 - 1] + depths[n / 2]),
    }
}

/// The plane from which most cells can be detected, out of [`N_PLANES`] across the cells' effective depths; ties go to the
/// largest summed signal of the detectable cells, then to the shallowest plane. `None` without voters.
#[must_use]
pub fn best_yield_depth_um(model: &OpticalModel, voters: &[Voter], noise: NoiseFloor) -> Option<f64> {
    let depths: Vec<f64> = voters.iter().map(|v| model.effective_depth_um(v.center_um)).collect();
    let first = depths.iter().copied().min_by(f64::total_cmp)?;
    let last = depths.iter().copied().max_by(f64::total_cmp)?;
    let yield_at = |plane: usize| {
        let focal = first + (last - first) * plane as f64 / (N_PLANES - 1) as f64;
        let (mut count, mut signal) = (0_usize, 0.0);
        for voter in voters {
            let local = model.local_focal_depth_um(voter.center_um, focal);
            let spread = model.point_spread(voter.center_um[0], local);
            let gain_e = spread.peak_brightness * voter.field * noise.electrons_per_unit;
            if noise.detection_snr(voter.peak_dff, voter.baseline, gain_e) >= DETECT_SNR_THRESHOLD {
                count += 1;
                signal += voter.peak_dff * gain_e;
            }
        }
        (count, signal, focal)
    };
    let planes: Vec<(usize, f64, f64)> = (0..N_PLANES).into_par_iter().map(yield_at).collect();
    let better = |best: (usize, f64, f64), new: (usize, f64, f64)| {
        if new.0 > best.0 || (new.0 == best.0 && new.1 > best.1) { new } else { best }
    };
    planes.into_iter().reduce(better).map(|(_, _, focal)| focal)
}
