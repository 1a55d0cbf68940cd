//! What the best method could make of the film: how well the cells can be told apart.

use std::sync::Arc;

use minisim::{Bounds, DETECT_SNR_THRESHOLD, Scene};

use crate::messages::{Answer, BoundsFacts, Complaint};

/// How well the cells of a scene can be told apart; `kept` holds the bounds of the scene that was asked about last.
pub(super) fn facts(scene: &Arc<Scene>, kept: &mut Option<(Arc<Scene>, Bounds)>, seq: u64) -> Answer {
    if !kept.as_ref().is_some_and(|(of, _)| Arc::ptr_eq(of, scene)) {
        match scene.bounds() {
            Ok(bounds) => *kept = Some((Arc::clone(scene), bounds)),
            Err(report) => return Answer::Error(Complaint { message: report.to_string() }),
        }
    }
    let demixing_snr: Vec<f64> = kept
        .iter()
        .flat_map(|(_, bounds)| &bounds.demixing_snr)
        // Two digits are enough for a colour.
        .map(|snr| (snr * 100.0).round() / 100.0)
        .collect();
    let demixable = demixing_snr.iter().filter(|snr| **snr >= DETECT_SNR_THRESHOLD).count();
    Answer::Bounds(BoundsFacts { seq, demixing_snr, snr_needed: DETECT_SNR_THRESHOLD, demixable })
}
