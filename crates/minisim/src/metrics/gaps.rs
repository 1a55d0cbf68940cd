//! Lost frames: estimates with and without a column for them, and what it costs to take a recording with gaps for one without.
//!
//! Frames are matched by index: column k of an estimate is stored frame k; an estimate with as many columns as exposures were made has
//! one for each exposure, and those of lost frames are left out. Time stamps serve to say when a spike was.

use super::{Estimate, Rows, motion::PatchShifts, score::median, traces::pearson};
use crate::truth::GroundTruth;

/// What it costs to ignore a recording's gaps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaps {
    /// Exposures that were made.
    pub n_exposures: usize,
    /// Of those, lost ones.
    pub n_lost: usize,
    /// Median correlation of the pairs' traces where stored frame k is taken for exposure k; NaN without traces.
    pub trace_corr_ignored: f64,
    /// Mean distance in time of the true spikes from where they come to lie if stored frames are taken to follow each other at the
    /// camera's rate (s); NaN without spikes.
    pub spike_error_ignored_s: f64,
    /// Mean distance in time of the true spikes from the time stamps of their frames (s): jitter alone. NaN without spikes.
    pub spike_error_s: f64,
}

/// Which exposures the stored frames of a recording were made for, and when.
pub(super) struct Clock {
    slots: Vec<usize>,
    stamps_s: Vec<f64>,
    n_exposures: usize,
}

/// The parts of an estimate that had a column for each exposure, without those of lost frames.
#[derive(Default)]
pub(super) struct LinedUp {
    traces: Option<Vec<f64>>,
    activity: Option<Vec<f64>>,
    shifts: Option<Vec<f64>>,
    patch_shifts_px: Option<Vec<f64>>,
    axial: Option<Vec<f64>>,
}

impl LinedUp {
    /// The estimate with a column for each stored frame.
    pub(super) fn of<'a>(&'a self, estimate: &Estimate<'a>, n_frames: usize) -> Estimate<'a> {
        let rows = |own: &'a Option<Vec<f64>>, given: Option<Rows<'a>>| match own {
            Some(values) => Some(Rows { values, length: n_frames }),
            None => given,
        };
        Estimate {
            footprints: estimate.footprints.clone(),
            traces: rows(&self.traces, estimate.traces),
            activity: rows(&self.activity, estimate.activity),
            shifts: self.shifts.as_deref().or(estimate.shifts),
            displacement: estimate.displacement.map(|given| match &self.patch_shifts_px {
                Some(shifts_px) => PatchShifts { shifts_px, ..given },
                None => given,
            }),
            axial: self.axial.as_deref().or(estimate.axial),
        }
    }
}

impl Clock {
    /// That of a recording whose frames were lost, or could have been; `None` where every exposure is a frame.
    pub(super) fn of(truth: &GroundTruth) -> Option<Self> {
        let slots: Vec<usize> = truth.array("daq_frame")?.data.to_f64().into_iter().map(|slot| slot as usize).collect();
        let stamps_s = truth.array("timestamps_s")?.data.to_f64();
        let n_exposures = slots.len() + truth.array("lost_exposures")?.data.len();
        let fits = stamps_s.len() == slots.len() && slots.iter().all(|slot| *slot < n_exposures) && slots.is_sorted();
        fits.then_some(Self { slots, stamps_s, n_exposures })
    }

    /// Leaves out the columns of lost frames in those parts that have a column for each exposure.
    pub(super) fn line_up(&self, estimate: &Estimate<'_>) -> LinedUp {
        if self.slots.len() == self.n_exposures {
            return LinedUp::default();
        }
        let rows = |rows: Option<Rows<'_>>| {
            let rows = rows.filter(|rows| rows.length == self.n_exposures)?;
            Some((0..rows.n_rows()).flat_map(|i| self.slots.iter().map(move |slot| rows.row(i)[*slot])).collect())
        };
        // Of values with so many a frame, those of the stored frames.
        let frames = |values: Option<&[f64]>, each: usize| {
            let values = values.filter(|values| each > 0 && values.len() == each * self.n_exposures)?;
            Some(self.slots.iter().flat_map(|slot| &values[each * slot..each * (slot + 1)]).copied().collect())
        };
        let patches = estimate.displacement.map_or(0, |d| d.rows_px.len() * d.cols_px.len());
        LinedUp {
            traces: rows(estimate.traces),
            activity: rows(estimate.activity),
            shifts: frames(estimate.shifts, 2),
            patch_shifts_px: frames(estimate.displacement.map(|d| d.shifts_px), 2 * patches),
            axial: frames(estimate.axial, 1),
        }
    }

    /// What it costs to ignore the gaps, for pairs of an estimate that is lined up and the truth `asked` for.
    pub(super) fn gaps(&self, traces: Option<Rows<'_>>, asked: &GroundTruth, pairing: &[(usize, usize)]) -> Gaps {
        let n = self.slots.len();
        // The stored frames whose number some stored frame has as its exposure's: (taken for it, its true one).
        let mistaken: Vec<(usize, usize)> =
            self.slots.iter().enumerate().filter(|(_, slot)| **slot < n).map(|(frame, slot)| (*slot, frame)).collect();
        let corr = |traces: &Rows<'_>, (i, j): &(usize, usize)| {
            let (ours, theirs) = (traces.row(*i), asked.trace(*j));
            let pairs = mistaken.iter().map(|(taken, true_frame)| (ours[*taken], theirs[*true_frame]));
            let (ours, theirs): (Vec<f64>, Vec<f64>) = pairs.unzip();
            pearson(&ours, &theirs)
        };
        let traces = traces.filter(|rows| rows.length == n && asked.c().len() == n * asked.n_units());
        let (start_s, interval_s) = self.fitted();
        let (mut n_spikes, mut ignored_s, mut stamped_s) = (0.0, 0.0, 0.0);
        for unit in 0..asked.n_units() {
            for ((frame, slot), spikes) in self.slots.iter().enumerate().zip(asked.spikes(unit).iter()) {
                let spikes = f64::from(*spikes);
                n_spikes += spikes;
                ignored_s += spikes * (slot - frame) as f64 * interval_s;
                stamped_s += spikes * (self.stamps_s[frame] - start_s - interval_s * *slot as f64).abs();
            }
        }
        Gaps {
            n_exposures: self.n_exposures,
            n_lost: self.n_exposures - n,
            trace_corr_ignored: traces
                .map_or(f64::NAN, |rows| median(&pairing.iter().map(|pair| corr(&rows, pair)).collect::<Vec<f64>>())),
            spike_error_ignored_s: ignored_s / n_spikes,
            spike_error_s: stamped_s / n_spikes,
        }
    }

    /// When the first exposure was, and the time from one to the next (s), by the time stamps: the line nearest to them.
    fn fitted(&self) -> (f64, f64) {
        let n = self.slots.len().max(1) as f64;
        let slot = self.slots.iter().sum::<usize>() as f64 / n;
        let stamp = self.stamps_s.iter().sum::<f64>() / n;
        let (mut square, mut product) = (0.0, 0.0);
        for (at, stamp_s) in self.slots.iter().zip(&self.stamps_s) {
            let from_mean = *at as f64 - slot;
            square += from_mean * from_mean;
            product += from_mean * (stamp_s - stamp);
        }
        let interval_s = if square > 0.0 { product / square } else { 0.0 };
        (stamp - interval_s * slot, interval_s)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{
        Scene,
        metrics::{Estimate, Footprints, Rows, ScoreOptions, Shift, score},
        spec::{Format, Spec},
    };

    fn scene(lost: bool) -> Scene {
        let mut steps = vec![
            json!({ "kind": "place_neurons", "density_per_mm3": 60000.0, "soma_radius_um": 5.0 }),
            json!({ "kind": "cell_activity" }),
            json!({ "kind": "composite" }),
            json!({ "kind": "brain_motion" }),
        ];
        if lost {
            steps
                .push(json!({ "kind": "acquisition_faults", "lost_rate": 0.1, "burst_frames": 4.0, "jitter_ms": 3.0 }));
        }
        let spec = json!({
            "acquisition": { "fps": 20.0, "duration_s": 60.0,
                             "image_sensor": { "n_px_height": 40, "n_px_width": 40, "pixel_pitch_um": 16.0 } },
            "seed": 4, "steps": steps,
        });
        let spec = Spec::from_text(&spec.to_string(), Format::Json).unwrap_or_else(|e| panic!("{e}")).spec;
        Scene::new(&spec).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn an_estimate_may_have_a_column_a_frame_or_a_column_an_exposure() {
        let (truth, whole) = (scene(true).ground_truth(None), scene(false).ground_truth(None));
        let (n, all) = (truth.array("C").expect("active").shape[1], 1200);
        assert!(n < 1150 && truth.n_units() == whole.n_units() && truth.n_units() > 5);
        let options =
            ScoreOptions { restrict_to_detectable: false, footprint_shift: Shift::None, ..ScoreOptions::default() };
        let scored = |c: &[f64], s: &[f64], shifts: &[f64], length| {
            let estimate = Estimate {
                footprints: Footprints::of_truth(&truth.observed_footprints()),
                traces: Some(Rows { values: c, length }),
                activity: Some(Rows { values: s, length }),
                shifts: Some(shifts),
                displacement: None,
                axial: None,
            };
            score(&estimate, &truth, &options)
        };
        let spikes = |s: &[u32]| s.iter().map(|n| f64::from(*n)).collect::<Vec<f64>>();
        let undone = |shifts: &[f64]| shifts.iter().map(|v| -v).collect::<Vec<f64>>();
        let shifts = |truth: &crate::GroundTruth| undone(truth.f64s("shifts").expect("it moves"));
        let by_frame = scored(truth.c(), &spikes(truth.s()), &shifts(&truth), n).expect("it fits");
        let by_exposure = scored(whole.c(), &spikes(whole.s()), &shifts(&whole), all).expect("it fits");
        for score in [&by_frame, &by_exposure] {
            assert!(score.trace_corr > 0.999_999 && score.activity_corr > 0.999_999);
            assert!(score.shift_rmse.is_some_and(|px| px < 1e-9));
            assert_eq!(score.details.gaps, by_frame.details.gaps);
        }
        let gaps = by_frame.details.gaps.expect("frames were lost");
        assert_eq!((gaps.n_exposures, gaps.n_lost), (all, all - n));
        // Whoever ignores a hundred lost frames is seconds late in the end, and correlates badly.
        assert!(gaps.trace_corr_ignored < 0.7, "{gaps:?}");
        let late_s = (all - n) as f64 / 20.0;
        assert!(gaps.spike_error_ignored_s > 0.2 * late_s && gaps.spike_error_ignored_s < late_s, "{gaps:?}");
        // The mean of the absolute value of a normal variable is √(2/π) of its standard deviation.
        assert!((gaps.spike_error_s - 3e-3 * 0.798).abs() < 2e-4, "{gaps:?}");
        let refused = scored(&whole.c()[..all], &[], &[], n - 1).expect_err("neither fits").to_string();
        assert!(refused.contains("traces"), "{refused}");
    }

    #[test]
    fn a_recording_without_faults_has_no_gaps() {
        let truth = scene(false).ground_truth(None);
        let estimate = Estimate {
            footprints: Footprints::of_truth(&truth.observed_footprints()),
            traces: None,
            activity: None,
            shifts: None,
            displacement: None,
            axial: None,
        };
        let options = ScoreOptions { restrict_to_detectable: false, ..ScoreOptions::default() };
        assert_eq!(score(&estimate, &truth, &options).expect("it fits").details.gaps, None);
    }
}
