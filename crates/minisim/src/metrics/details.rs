//! Beyond the scorecard: curves, mistakes, events, where cells are missed, and other projects' scores.

use super::{
    Estimate, MetricError, Rows, ScoreOptions,
    footprints::Footprints,
    gaps::Gaps,
    matching::{Match, Shift, Similarity, common, hungarian_match, share},
    refuse,
    score::median,
    traces::pearson,
};
use crate::{rng::Key, truth::GroundTruth};

/// Share of a footprint's sum that its lit area holds.
const ENERGY_FRAC: f64 = 0.9;
/// Share of one lit area inside another from which it counts as covered.
const COVERED: f64 = 0.5;
/// Most distance between the centres of a pair in Neurofinder's score (px).
pub(super) const NEUROFINDER_DISTANCE_PX: f64 = 5.0;
/// Most Jaccard distance of a pair in CaImAn's comparisons.
pub(super) const CAIMAN_DISTANCE: f64 = 0.7;
/// Bins of a covariate, and draws of a bootstrap.
const N_BINS: usize = 5;
const N_BOOTSTRAP: u64 = 1000;
/// Neighbours are counted within this many soma distances (px).
const NEIGHBOUR_DISTANCE_UM: f64 = 30.0;

/// Everything beyond the scorecard.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Details {
    /// Precision and recall at every likeness that a pair has.
    pub precision_recall: PrecisionRecall,
    /// Estimates that hold several cells, and cells in several estimates.
    pub merges_and_splits: MergeSplit,
    /// True spikes found in the estimated activity within one frame; `None` without activity.
    pub events: Option<EventScore>,
    /// Median correlation of activity counted in bins of this many frames: (frames, correlation).
    pub binned_activity_corr: Vec<(usize, f64)>,
    /// Recall by depth, detection SNR, demixing SNR, neighbours, shading by vessels and time in focus, where those are known.
    pub recall_by: Vec<BinnedRecall>,
    /// Pairs with a Jaccard distance of at most 0.7, as CaImAn compares.
    pub caiman: ThresholdScore,
    /// Pairs of centres at most 5 px apart, as Neurofinder compares.
    pub neurofinder: CenterScore,
    /// Correlation of each pair's traces; empty without traces.
    pub trace_corr: Vec<f64>,
    /// What it costs to ignore lost frames; `None` for recordings whose exposures are all stored as a matter of course.
    pub gaps: Option<Gaps>,
}

/// A precision–recall curve.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PrecisionRecall {
    /// Likeness from which a pair counts, falling.
    pub threshold: Vec<f64>,
    /// Precision at each.
    pub precision: Vec<f64>,
    /// Recall at each.
    pub recall: Vec<f64>,
    /// Area under the curve, by steps.
    pub average_precision: f64,
}

/// Precision and recall at every likeness that a pair of the matching has.
#[must_use]
pub fn precision_recall(matching: &Match) -> PrecisionRecall {
    let mut values: Vec<f64> = matching.pairing.iter().map(|p| matching.of(*p)).collect();
    values.sort_by(|a, b| b.total_cmp(a));
    let mut curve = PrecisionRecall::default();
    let mut before = 0.0;
    for (k, threshold) in values.iter().enumerate() {
        // Pairs that are equally alike come in together.
        if values.get(k + 1) == Some(threshold) {
            continue;
        }
        let (recall, precision) = (share(k + 1, matching.n_true), share(k + 1, matching.n_est));
        curve.average_precision += (recall - before) * precision;
        before = recall;
        curve.threshold.push(*threshold);
        curve.precision.push(precision);
        curve.recall.push(recall);
    }
    curve
}

/// Estimates that hold several cells, and cells that several estimates share.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct MergeSplit {
    /// Estimates that are more alike their cell together with another cell, which no estimate is, than alike their cell alone.
    pub merges: usize,
    /// True cells that are more alike their estimate together with another estimate, which is no cell, than alike it alone.
    pub splits: usize,
}

/// Counts merges and splits in a matching. Likeness is the Jaccard index of lit areas, the smallest sets of pixels with 90 % of a
/// footprint's sum; the other half must be in no pair, and lie half inside at least.
#[must_use]
pub fn merges_and_splits(estimate: &Footprints, truth: &Footprints, matching: &Match) -> MergeSplit {
    let masks = |set: &Footprints| -> Vec<Vec<u32>> { set.items.iter().map(|f| f.energy_mask(ENERGY_FRAC)).collect() };
    let (ours, theirs) = (masks(estimate), masks(truth));
    let (mut spare_estimates, mut missed) = (vec![true; ours.len()], vec![true; theirs.len()]);
    for (i, j) in &matching.pairing {
        (spare_estimates[*i], missed[*j]) = (false, false);
    }
    // Whether `one` is more alike `pair` together with some spare mask than alike `pair` alone.
    let better_with = |one: &[u32], pair: &[u32], spares: &[bool], masks: &[Vec<u32>], skip: usize| {
        let alone = jaccard(one, pair);
        (0..masks.len()).filter(|k| spares[*k] && *k != skip && !masks[*k].is_empty()).any(|k| {
            let inside = common(one, &masks[k]) as f64;
            inside >= COVERED * masks[k].len() as f64 && jaccard(one, &union(pair, &masks[k])) > alone
        })
    };
    let (mut merges, mut splits) = (0, 0);
    for (i, j) in &matching.pairing {
        merges += usize::from(better_with(&ours[*i], &theirs[*j], &missed, &theirs, *j));
        splits += usize::from(better_with(&theirs[*j], &ours[*i], &spare_estimates, &ours, *i));
    }
    MergeSplit { merges, splits }
}

/// Share of the pixels of two rising lists that are in both.
fn jaccard(a: &[u32], b: &[u32]) -> f64 {
    let both = common(a, b);
    share(both, a.len() + b.len() - both)
}

/// The pixels that are in either of two rising lists.
fn union(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut all = [a, b].concat();
    all.sort_unstable();
    all.dedup();
    all
}

/// Spikes found.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct EventScore {
    /// Share of the true events found.
    pub recall: f64,
    /// Share of the estimated events that are true.
    pub precision: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
}

/// Compares events: frames where the activity is above `threshold` (a share of the row's largest value) with frames that
/// have a true spike, each used once, at most `tolerance_frames` apart. All pairs together.
///
/// # Errors
/// When the numbers of frames differ, or a pair names a row that is not there.
pub fn event_score(
    estimate: &Rows<'_>,
    truth: &Rows<'_>,
    pairing: &[(usize, usize)],
    tolerance_frames: usize,
    threshold: f64,
) -> Result<EventScore, MetricError> {
    if estimate.length != truth.length {
        return refuse(format!("the activity has {} frames, the truth {}", estimate.length, truth.length));
    }
    let (mut found, mut n_true, mut n_est) = (0, 0, 0);
    for (i, j) in pairing {
        if *i >= estimate.n_rows() || *j >= truth.n_rows() {
            return refuse(format!("pair ({i}, {j}) names a row that is not there"));
        }
        let row = estimate.row(*i);
        let level = threshold * row.iter().copied().fold(0.0, f64::max);
        let ours: Vec<usize> = (0..row.len()).filter(|t| row[*t] > level).collect();
        let theirs: Vec<usize> = (0..row.len()).filter(|t| truth.row(*j)[*t] > 0.0).collect();
        (n_est, n_true) = (n_est + ours.len(), n_true + theirs.len());
        // Both lists rise, so taking the first that fits is best.
        let mut next = 0;
        for t in theirs {
            while next < ours.len() && ours[next] + tolerance_frames < t {
                next += 1;
            }
            if next < ours.len() && ours[next] <= t + tolerance_frames {
                found += 1;
                next += 1;
            }
        }
    }
    let (recall, precision) = (share(found, n_true), share(found, n_est));
    Ok(EventScore { recall, precision, f1: harmonic(recall, precision) })
}

fn harmonic(recall: f64, precision: f64) -> f64 {
    if recall + precision > 0.0 { 2.0 * recall * precision / (recall + precision) } else { 0.0 }
}

/// Correlation of each pair's activity, summed in bins of `frames` frames; a last, shorter bin is left out.
///
/// # Errors
/// When `frames` is 0, the numbers of frames differ, or a pair names a row that is not there.
pub fn binned_correlation(
    estimate: &Rows<'_>,
    truth: &Rows<'_>,
    pairing: &[(usize, usize)],
    frames: usize,
) -> Result<Vec<f64>, MetricError> {
    if frames == 0 || estimate.length != truth.length {
        return refuse(format!(
            "activity of {} and {} frames cannot be compared in bins of {frames}",
            estimate.length, truth.length
        ));
    }
    if pairing.iter().any(|(i, j)| *i >= estimate.n_rows() || *j >= truth.n_rows()) {
        return refuse("a pair names a row that is not there");
    }
    let binned = |row: &[f64]| -> Vec<f64> { row.chunks_exact(frames).map(|bin| bin.iter().sum()).collect() };
    Ok(pairing.iter().map(|(i, j)| pearson(&binned(estimate.row(*i)), &binned(truth.row(*j)))).collect())
}

/// Recall in one bin of a property of the true cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Least and largest value of the cells in the bin.
    pub range: [f64; 2],
    /// Cells in it.
    pub n_cells: usize,
    /// Share of them found.
    pub recall: f64,
    /// 95 % interval of that share, by bootstrap over cells.
    pub interval: [f64; 2],
}

/// Recall as a function of a property of the true cells.
#[derive(Clone, Debug, PartialEq)]
pub struct BinnedRecall {
    /// The property, with its unit.
    pub name: String,
    /// Bins with about as many cells each, by rising value.
    pub bins: Vec<Bin>,
}

/// Recall in bins of `values`, one value a cell; cells whose value is not finite are left out.
#[must_use]
pub fn recall_by(name: &str, values: &[f64], found: &[bool], n_bins: usize) -> BinnedRecall {
    let mut order: Vec<usize> = (0..values.len().min(found.len())).filter(|i| values[*i].is_finite()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let key = Key::new(0, "metrics", name);
    let mut bins: Vec<Bin> = Vec::new();
    let n_bins = n_bins.clamp(1, order.len().max(1));
    let mut start = 0;
    for b in 1..=n_bins {
        // Equal values stay in one bin.
        let mut end = (b * order.len() / n_bins).max(start);
        while end > start && end < order.len() && values[order[end]] == values[order[end - 1]] {
            end += 1;
        }
        let cells = &order[start..end];
        start = end;
        let (Some(first), Some(last)) = (cells.first(), cells.last()) else { continue };
        let n = cells.len();
        let mut shares: Vec<f64> = (0..N_BOOTSTRAP)
            .map(|draw| {
                let entity = draw + b as u64 * N_BOOTSTRAP;
                let hits = (0..n).filter(|k| found[cells[key.below(entity, *k as u64, n as u64) as usize]]).count();
                hits as f64 / n as f64
            })
            .collect();
        shares.sort_by(f64::total_cmp);
        let quantile = |q: f64| shares[(q * (shares.len() - 1) as f64).round() as usize];
        bins.push(Bin {
            range: [values[*first], values[*last]],
            n_cells: n,
            recall: share(cells.iter().filter(|i| found[**i]).count(), n),
            interval: [quantile(0.025), quantile(0.975)],
        });
    }
    BinnedRecall { name: name.to_owned(), bins }
}

/// The median of some numbers and its 95 % interval, by bootstrap; numbers that are none are left out. `None` without any.
#[must_use]
pub fn median_interval(name: &str, values: &[f64]) -> Option<(f64, [f64; 2])> {
    let values: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let n = values.len() as u64;
    let key = Key::new(0, "metrics", name);
    let draw = |k: u64| -> Vec<f64> { (0..n).map(|i| values[key.below(k, i, n) as usize]).collect() };
    let mut medians: Vec<f64> = (0..N_BOOTSTRAP).map(|k| median(&draw(k))).collect();
    medians.sort_by(f64::total_cmp);
    let quantile = |q: f64| medians[(q * (medians.len() - 1) as f64).round() as usize];
    (n > 0).then(|| (median(&values), [quantile(0.025), quantile(0.975)]))
}

/// Precision and recall at one threshold.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct ThresholdScore {
    /// Pairs.
    pub n_matched: usize,
    /// Share of the true cells found.
    pub recall: f64,
    /// Share of the estimates that are true.
    pub precision: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
}

impl ThresholdScore {
    fn new(n_matched: usize, n_true: usize, n_est: usize) -> Self {
        let (recall, precision) = (share(n_matched, n_true), share(n_matched, n_est));
        Self { n_matched, recall, precision, f1: harmonic(recall, precision) }
    }
}

/// Neurofinder's scores: cells found by their centres, and how their areas overlap.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct CenterScore {
    /// Precision and recall of the centres.
    pub found: ThresholdScore,
    /// Mean share of the true area that the estimate covers, over the pairs.
    pub inclusion: f64,
    /// Mean share of the estimated area that is true, over the pairs.
    pub exclusion: f64,
}

/// Compares centres: pairs at most `distance_px` apart, nearest total first.
#[must_use]
pub fn center_score(estimate: &Footprints, truth: &Footprints, distance_px: f64) -> CenterScore {
    let centers =
        |set: &Footprints| -> Vec<Option<[f64; 2]>> { set.items.iter().map(|f| f.centroid(set.width)).collect() };
    let (ours, theirs) = (centers(estimate), centers(truth));
    // Any allowed pair is worth more than all distances together, so the most pairs are made, of the least distance.
    let worth = |d: f64| (2.0 + 2.0 * ours.len() as f64) - d / distance_px.max(f64::MIN_POSITIVE);
    let weights: Vec<Vec<(usize, f64)>> = ours
        .iter()
        .map(|a| {
            let Some(a) = a else { return Vec::new() };
            let near = theirs.iter().enumerate().filter_map(|(j, b)| {
                let b = (*b)?;
                let d = ((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1])).sqrt();
                (d <= distance_px).then(|| (j, worth(d)))
            });
            near.collect()
        })
        .collect();
    let pairs = super::assignment::largest_total(&weights, truth.len());
    let area = |set: &Footprints, i: usize| set.items[i].energy_mask(ENERGY_FRAC);
    let (mut inclusion, mut exclusion) = (0.0, 0.0);
    for (i, j) in &pairs {
        let (a, b) = (area(estimate, *i), area(truth, *j));
        let both = common(&a, &b);
        inclusion += share(both, b.len());
        exclusion += share(both, a.len());
    }
    let n = pairs.len().max(1) as f64;
    CenterScore {
        found: ThresholdScore::new(pairs.len(), truth.len(), estimate.len()),
        inclusion: inclusion / n,
        exclusion: exclusion / n,
    }
}

/// All details of one comparison; `asked` is the truth restricted to the cells that were asked for.
pub(super) fn details_of(
    estimate: &Estimate<'_>,
    asked: &GroundTruth,
    truth: &Footprints,
    matching: &Match,
    options: &ScoreOptions,
    traces: Option<&[f64]>,
    true_activity: Rows<'_>,
) -> Details {
    let moved = estimate.footprints.shifted(matching.shift);
    let mut found = vec![false; truth.len()];
    for (_, j) in matching.matched_pairs(options.match_threshold) {
        found[j] = true;
    }
    let jaccard = hungarian_match(&moved, truth, Similarity::Iou, ENERGY_FRAC, Shift::None);
    let caiman = jaccard.map_or(0, |m| m.matched_pairs(1.0 - CAIMAN_DISTANCE).len());
    let activity = estimate.activity;
    Details {
        precision_recall: precision_recall(matching),
        merges_and_splits: merges_and_splits(&moved, truth, matching),
        events: activity.and_then(|a| event_score(&a, &true_activity, &matching.pairing, 1, 0.1).ok()),
        binned_activity_corr: activity.map_or_else(Vec::new, |a| {
            let at = |n| binned_correlation(&a, &true_activity, &matching.pairing, n).ok().map(|c| (n, median(&c)));
            [2, 5, 10, 20].into_iter().filter_map(at).collect()
        }),
        recall_by: properties(asked).iter().map(|(name, values)| recall_by(name, values, &found, N_BINS)).collect(),
        caiman: ThresholdScore::new(caiman, truth.len(), moved.len()),
        neurofinder: center_score(&moved, truth, NEUROFINDER_DISTANCE_PX),
        trace_corr: traces.unwrap_or_default().to_vec(),
        gaps: None,
    }
}

/// Properties of true cells by which recall may differ: name with unit, and a value for each cell.
#[must_use]
pub fn properties(truth: &GroundTruth) -> Vec<(&'static str, Vec<f64>)> {
    let mut by = vec![("depth (µm)", truth.depth_um())];
    for (name, array) in [
        ("detection SNR", "peak_snr"),
        ("demixing SNR", "demixing_snr"),
        ("share of light lost to vessels", "vessel_overlap_fraction"),
        ("share of frames in focus", "in_focus_fraction"),
    ] {
        by.extend(truth.f64s(array).map(|values| (name, values.to_vec())));
    }
    by.push(("neighbours within 30 µm", neighbours(truth)));
    by
}

/// Other cells within 30 µm of each cell, measured across the field.
fn neighbours(truth: &GroundTruth) -> Vec<f64> {
    let centers: Vec<[f64; 2]> = truth.centers_um().chunks_exact(3).map(|c| [c[1], c[2]]).collect();
    let near = |a: &[f64; 2], b: &[f64; 2]| {
        let (dy, dx) = (a[0] - b[0], a[1] - b[1]);
        dy * dy + dx * dx <= NEIGHBOUR_DISTANCE_UM * NEIGHBOUR_DISTANCE_UM
    };
    centers.iter().map(|a| centers.iter().filter(|b| near(a, b)).count() as f64 - 1.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(pixels: &[&[usize]]) -> Footprints {
        let mut dense = vec![0.0; pixels.len() * 100];
        for (i, lit) in pixels.iter().enumerate() {
            for at in *lit {
                dense[i * 100 + at] = 1.0;
            }
        }
        Footprints::from_dense(&dense, [pixels.len(), 10, 10]).expect("finite")
    }

    #[test]
    fn merges_and_splits_are_counted() {
        let (a, b): (&[usize], &[usize]) = (&[0, 1, 2, 3], &[4, 5, 6, 7]);
        let both: Vec<usize> = (0..8).collect();
        let count = |estimate: &[&[usize]], truth: &[&[usize]]| {
            let (estimate, truth) = (field(estimate), field(truth));
            let matching = hungarian_match(&estimate, &truth, Similarity::Iou, 0.9, Shift::None).expect("comparable");
            merges_and_splits(&estimate, &truth, &matching)
        };
        assert_eq!(count(&[&both], &[a, b]), MergeSplit { merges: 1, splits: 0 });
        assert_eq!(count(&[a, b], &[&both]), MergeSplit { merges: 0, splits: 1 });
        // Neighbours that overlap are not merged, found or not.
        let (c, d): (&[usize], &[usize]) = (&[0, 1, 2, 3, 4], &[3, 4, 5, 6, 7]);
        assert_eq!(count(&[c, d], &[c, d]), MergeSplit::default());
        assert_eq!(count(&[c], &[c, d]), MergeSplit::default());
    }

    #[test]
    fn average_precision_of_known_curves() {
        let matching = |similarity: Vec<f64>, n_est: usize, n_true: usize| {
            let pairing = (0..n_est.min(n_true)).map(|i| (i, i)).collect();
            Match { similarity, n_est, n_true, pairing, metric: Similarity::Iou, shift: [0, 0] }
        };
        let perfect = precision_recall(&matching(vec![1.0, 0.0, 0.0, 1.0], 2, 2));
        assert_eq!((perfect.average_precision, perfect.threshold.len()), (1.0, 1));
        // One of two cells found, by the only estimate that is right of two.
        let half = precision_recall(&matching(vec![0.9, 0.0, 0.0, 0.4], 2, 2));
        assert_eq!(half.recall, [0.5, 1.0]);
        assert_eq!(half.precision, [0.5, 1.0]);
        assert_eq!(precision_recall(&matching(Vec::new(), 0, 3)).average_precision, 0.0);
    }

    #[test]
    fn events_are_used_once() {
        let truth = [0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0];
        let est = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0];
        let rows = |v: &'static [f64]| Rows { values: v, length: 8 };
        let truth: &'static [f64] = Box::leak(Box::new(truth));
        let est: &'static [f64] = Box::leak(Box::new(est));
        let exact = event_score(&rows(est), &rows(truth), &[(0, 0)], 0, 0.1).expect("fits");
        assert!((exact.recall - 1.0 / 3.0).abs() < 1e-12 && (exact.precision - 1.0 / 3.0).abs() < 1e-12);
        // Within one frame: 0 → 1 and 5 → 4; 5 is used up and 7 is too far.
        let near = event_score(&rows(est), &rows(truth), &[(0, 0)], 1, 0.1).expect("fits");
        assert!((near.recall - 2.0 / 3.0).abs() < 1e-12, "{near:?}");
        let binned = binned_correlation(&rows(est), &rows(truth), &[(0, 0)], 2).expect("fits");
        assert!(binned[0].is_finite());
    }

    #[test]
    fn recall_falls_where_cells_are_missed() {
        let depth: Vec<f64> = (0..200).map(f64::from).collect();
        let found: Vec<bool> = (0..200).map(|i| i < 120).collect();
        let by = recall_by("depth", &depth, &found, 5);
        let recalls: Vec<f64> = by.bins.iter().map(|b| b.recall).collect();
        assert_eq!(recalls, [1.0, 1.0, 1.0, 0.0, 0.0]);
        let mixed: Vec<bool> = (0..200).map(|i| i % 2 == 0).collect();
        for bin in recall_by("depth", &depth, &mixed, 5).bins {
            // The interval of a binomial share of 40 cells: ± 0.155.
            assert!((bin.recall - 0.5).abs() < 1e-9 && bin.interval[0] < 0.42 && bin.interval[1] > 0.58, "{bin:?}");
            assert!(bin.interval[0] > 0.25 && bin.interval[1] < 0.75, "{bin:?}");
        }
        assert_eq!(recall_by("same", &[1.0; 7], &[true; 7], 5).bins.len(), 1);
        assert!(recall_by("none", &[], &[], 5).bins.is_empty());
    }

    #[test]
    fn the_median_lies_in_its_interval() {
        let values: Vec<f64> = (0..101).map(f64::from).chain([f64::NAN]).collect();
        let (middle, [low, high]) = median_interval("test", &values).expect("there are numbers");
        assert_eq!(middle, 50.0);
        // The median of 101 evenly spread numbers is known to ± 1.96 × 101 / (2 √101) ≈ 10.
        assert!((35.0..=45.0).contains(&low) && (55.0..=65.0).contains(&high), "{low} to {high}");
        assert_eq!(median_interval("none", &[f64::NAN]), None);
    }

    #[test]
    fn centres_pair_within_their_distance() {
        let score = center_score(&field(&[&[11], &[77]]), &field(&[&[14], &[71]]), 5.0);
        assert_eq!(score.found.n_matched, 1);
        assert_eq!(score.inclusion, 0.0);
        let same = center_score(&field(&[&[11, 12]]), &field(&[&[11, 12]]), 5.0);
        assert_eq!((same.inclusion, same.exclusion, same.found.f1), (1.0, 1.0, 1.0));
    }
}
