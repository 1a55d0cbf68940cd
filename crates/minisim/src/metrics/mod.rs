//! Comparing an estimate with the truth: which cells an analysis found, how well it drew them, and when they fired.
//!
//! [`score`] does all of it at once. The parts stand alone: [`hungarian_match`] pairs footprints, [`trace_pearson`] and
//! [`activity_similarity`] compare what the pairs did, [`shift_rmse`] compares motion, [`footprint_mask`] and
//! [`footprint_roi_trace`] are the plainest analysis there is.
//!
//! Estimates and truths are sets of [`Footprints`], which keep lit pixels only: the cost grows with them, not with the field.

mod assignment;
mod details;
mod footprints;
mod gaps;
mod ideal;
mod matching;
mod motion;
mod score;
mod traces;

pub use details::{
    Bin, BinnedRecall, CenterScore, Details, EventScore, MergeSplit, PrecisionRecall, ThresholdScore,
    binned_correlation, center_score, event_score, median_interval, merges_and_splits, precision_recall, properties,
    recall_by,
};
pub use footprints::{Footprint, Footprints};
pub use gaps::Gaps;
pub use ideal::AgainstBounds;
pub use matching::{Match, Shift, Similarity, hungarian_match};
pub use motion::{EndpointError, Endpoints, PatchShifts, axial_correlation, endpoint_error, recording_endpoints};
pub use score::{Estimate, Score, ScoreOptions, score};
pub use traces::{
    ActivityScore, Rows, activity_similarity, field_pearson, footprint_mask, footprint_roi_trace,
    global_shift_from_trajectories, pearson, shift_rmse, trace_pearson,
};

/// Why numbers cannot be compared: what is wrong with them and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MetricError(pub(crate) String);

/// Fails with a message.
fn refuse<T>(message: impl Into<String>) -> Result<T, MetricError> {
    Err(MetricError(message.into()))
}
