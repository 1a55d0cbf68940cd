//! Which cells can be seen.

use crate::{
    building::Builder,
    physics::detection::{DETECT_SNR_THRESHOLD, sample_field_at},
    steps,
    steps::Step,
    truth::TruthData,
};

/// Which cells are in focus and which stand out of the noise: what depends on all other answers.
pub(super) fn record(b: &mut Builder<'_>) {
    let n = b.cells.len();
    let in_focus: Vec<bool> = match &b.cells.spread {
        None => vec![true; n],
        Some(_) => {
            let focal = b.focal_depth_um.unwrap_or_default();
            let dof = b.optical.depth_of_field_um;
            let centers = b.cells.centers_um.iter();
            centers.map(|c| (c[0] - b.optical.local_focal_depth_um(*c, focal)).abs() <= dof).collect()
        }
    };
    let centers = b.cells.centers_um.clone();
    let timeline = b.timeline();
    let snr: Option<Vec<f64>> = b.noise.map(|noise| {
        let fields: Vec<f64> = centers.iter().map(|c| b.scope_transmission_at(c[1], c[2])).collect();
        (0..n)
            .map(|i| {
                let Some(timeline) = &timeline else { return 0.0 };
                let [low, high] = timeline.ranges()[i];
                let peak = b.cells.spread.as_ref().map_or(1.0, |s| s[i].peak_brightness);
                let [row, col] = b.canvas.fov_px_from_um(centers[i][1], centers[i][2]);
                let margin = b.canvas.margin as f64;
                let vessels = b.transmission_of_tissue.as_ref().map_or(1.0, |map| {
                    let inside = |v: f64, n: usize| v.round_ties_even().clamp(0.0, n as f64 - 1.0) + margin;
                    sample_field_at(&map.data, map.shape, inside(row, b.canvas.fov[0]), inside(col, b.canvas.fov[1]))
                });
                let gain_e = peak * fields[i] * vessels * noise.electrons_per_unit;
                noise.detection_snr(high - low, low, gain_e)
            })
            .collect()
    });
    let detectable = match (&timeline, &snr) {
        (None, _) => vec![false; n],
        (Some(_), Some(snr)) => snr.iter().map(|s| *s >= DETECT_SNR_THRESHOLD).collect(),
        (Some(_), None) => in_focus.clone(),
    };
    // Focus belongs to the optics, so it goes with that step; detectability to the whole chain.
    b.record_with(steps::CellOptics::KIND, "in_focus", &[n], TruthData::Bool(in_focus));
    b.record_with(steps::CellActivity::KIND, "detectable", &[n], TruthData::Bool(detectable));
    if let Some(snr) = snr {
        b.record_with(steps::CellActivity::KIND, "peak_snr", &[n], TruthData::F64(snr.into()));
    }
}
