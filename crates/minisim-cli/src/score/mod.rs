//! `minisim score`: what an analysis found, against the truth.

pub(crate) mod html;

use std::path::PathBuf;

use minisim::{
    DETECT_SNR_THRESHOLD, GroundTruth,
    metrics::{self, Footprints, PatchShifts, Rows, Score, ScoreOptions, Shift, Similarity},
};
use minisim_io::{EstimateFile, Numbers, Reader, read_estimate};
use serde_json::{Value, json};

use crate::{exit::Failure, picture::SheetFilm, talk::Talk, text};

/// Arguments of `minisim score`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minisim score estimate.npz v4-ca1.zarr
  minisim score estimate.npz v4-ca1.zarr --html report.html
  minisim score estimate.npz v4-ca1.zarr --json > scores.json

The estimate is a numpy archive (numpy.savez(\"estimate.npz\", A=A, C=C, S=S, shifts=shifts)) or a zarr group with arrays A
(unit, height, width), C and S (unit, frame), and shifts (frame, 2): the motion correction. Only A is needed.
Motion that is not rigid: displacement (frame, 2, patch row, patch column), (dy, dx) px of the content, with the middles of
the patches in displacement_rows and displacement_cols (px); without these, one patch a pixel. Motion in depth: z (frame), in
any unit.
In Python, minisim.pipelines reads what suite2p, minian and CaImAn leave on disk, and Estimate.save writes such an archive.")]
pub(crate) struct Args {
    /// What the analysis found: .npz or .zarr.
    estimate: PathBuf,
    /// The recording that it was given.
    truth: PathBuf,
    /// How likeness of footprints is measured: iou, cosine or weighted_jaccard.
    #[arg(long, value_name = "NAME", default_value = "iou")]
    metric: String,
    /// Likeness from which a pair counts as found.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    threshold: f64,
    /// Ask for all cells, also those that nobody could detect.
    #[arg(long)]
    all_cells: bool,
    /// Take the footprints where they are, without looking for a constant offset.
    #[arg(long)]
    no_shift: bool,
    /// Write a page with plots.
    #[arg(long, value_name = "REPORT.html")]
    html: Option<PathBuf>,
    /// Replace an existing page.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    talk: Talk,
}

/// Runs the subcommand.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let options = ScoreOptions {
        match_metric: Similarity::from_name(&args.metric).map_err(Failure::input)?,
        match_threshold: args.threshold,
        restrict_to_detectable: !args.all_cells,
        footprint_shift: if args.no_shift { Shift::None } else { Shift::Auto },
    };
    let reader = Reader::open(&args.truth).map_err(Failure::run)?;
    reader.warnings().iter().for_each(|w| eprintln!("warning: {w}"));
    let truth = reader.ground_truth().map_err(Failure::run)?;
    let file = read_estimate(&args.estimate).map_err(Failure::run)?;
    let estimate = estimate(&file).map_err(|e| Failure::Input(format!("{}: {e}", args.estimate.display())))?;
    let score = metrics::score(&estimate, &truth, &options)
        .map_err(|e| Failure::Input(format!("{}: {e}", args.estimate.display())))?;
    if let Some(path) = &args.html {
        let film = SheetFilm::of_recording(&reader, &args.truth, truth.clone())?;
        let page = html::page(&html::Case { args, film: &film, truth: &truth, estimate: &estimate, score: &score })?;
        minisim_io::write_file(path, page.as_bytes(), args.force).map_err(Failure::run)?;
    }
    let words = || {
        let mut out = format!("{}\n{}", args.estimate.display(), table(&score, &options));
        if let Some(path) = &args.html {
            out += &format!("{}\n", path.display());
        }
        out
    };
    args.talk.say(words, || as_json(&score))
}

/// The stored numbers as an estimate.
pub(crate) fn estimate(file: &EstimateFile) -> Result<metrics::Estimate<'_>, metrics::MetricError> {
    fn rows(numbers: &Numbers) -> Result<Rows<'_>, metrics::MetricError> {
        Rows::new(&numbers.values, [numbers.shape[0], numbers.shape[1]])
    }
    let shape = &file.footprints.shape;
    Ok(metrics::Estimate {
        footprints: Footprints::from_dense(&file.footprints.values, [shape[0], shape[1], shape[2]])?,
        traces: file.traces.as_ref().map(rows).transpose()?,
        activity: file.activity.as_ref().map(rows).transpose()?,
        shifts: file.shifts.as_ref().map(|n| n.values.as_slice()),
        displacement: file.displacement.as_ref().map(|d| PatchShifts {
            rows_px: &d.rows,
            cols_px: &d.cols,
            shifts_px: &d.shifts.values,
        }),
        axial: file.z.as_ref().map(|n| n.values.as_slice()),
    })
}

/// A number with two decimals; a dash for what is none.
fn number(v: f64) -> String {
    if v.is_finite() { format!("{v:.2}") } else { "–".to_owned() }
}

fn rows(score: &Score, options: &ScoreOptions) -> Vec<(String, String)> {
    let d = &score.details;
    let mut rows = vec![
        (
            "cells".to_owned(),
            format!(
                "{} of {} found ({} in the recording, {} detectable); {} estimated",
                score.n_matched, score.n_true, score.n_requested, score.n_detectable, score.n_est
            ),
        ),
        (
            "recall, precision, F1".to_owned(),
            format!(
                "{}, {}, {} at {} ≥ {}",
                number(score.recall),
                number(score.precision),
                number(score.f1),
                score.match_metric.name(),
                options.match_threshold
            ),
        ),
    ];
    if let Some(b) = &score.bounds {
        let found = format!(
            "{} of the {} that the best method could demix (demixing SNR ≥ {DETECT_SNR_THRESHOLD})",
            number(b.recall_demixable),
            b.n_demixable
        );
        rows.push(("recall, of what is possible".to_owned(), found));
    }
    rows.extend([
        ("average precision".to_owned(), number(d.precision_recall.average_precision)),
        ("mean overlap of pairs".to_owned(), number(score.mean_overlap)),
        ("merges, splits".to_owned(), format!("{}, {}", d.merges_and_splits.merges, d.merges_and_splits.splits)),
    ]);
    if score.trace_corr.is_finite() {
        let best = score.bounds.map_or_else(String::new, |b| format!("; {} at best", number(b.trace_corr_bound)));
        rows.push(("traces, median r".to_owned(), number(score.trace_corr) + &best));
        if let Some(b) = score.bounds {
            let error = format!("{} × the least possible from single frames (median)", number(b.trace_error_ratio));
            rows.push(("trace error".to_owned(), error));
        }
    }
    if score.activity_corr.is_finite() {
        rows.push((
            "activity, median r".to_owned(),
            format!(
                "{}; variance explained {}",
                number(score.activity_corr),
                number(score.activity_variance_explained)
            ),
        ));
    }
    if let Some(events) = d.events {
        rows.push((
            "spikes within a frame".to_owned(),
            format!(
                "recall {}, precision {}, F1 {}",
                number(events.recall),
                number(events.precision),
                number(events.f1)
            ),
        ));
    }
    if let Some(b) = score.bounds.filter(|_| d.events.is_some()) {
        let best = format!(
            "size to ± {} spikes, time to ± {:.3} s (medians)",
            number(b.spike_amplitude_bound),
            b.spike_time_sd_bound_s
        );
        rows.push(("a lone spike, at best".to_owned(), best));
    }
    if let Some(rmse) = score.shift_rmse {
        let best = score.bounds.map_or_else(String::new, |b| format!("; {:.3} px at best", b.shift_rmse_bound));
        rows.push(("motion, RMS error".to_owned(), format!("{} px{best}", number(rmse))));
    }
    if let Some(error) = &score.endpoints {
        rows.push((
            "displacement, endpoint error".to_owned(),
            format!("mean {} px, 95th percentile {} px", number(error.mean_px), number(error.p95_px)),
        ));
    }
    if let Some(r) = score.axial_corr {
        rows.push(("motion in depth, |r|".to_owned(), number(r)));
    }
    if let Some(gaps) = d.gaps {
        let lost = format!("{} of {} exposures", gaps.n_lost, gaps.n_exposures);
        rows.push(("lost frames".to_owned(), lost));
        if score.trace_corr.is_finite() {
            rows.push((
                "traces, gaps ignored".to_owned(),
                format!("median r {} instead of {}", number(gaps.trace_corr_ignored), number(score.trace_corr)),
            ));
        }
        if gaps.spike_error_s.is_finite() {
            let ms = |s: f64| format!("{:.1} ms", 1e3 * s);
            rows.push((
                "spikes, gaps ignored".to_owned(),
                format!("{} off instead of {} by time stamps", ms(gaps.spike_error_ignored_s), ms(gaps.spike_error_s)),
            ));
        }
    }
    if score.footprint_shift != [0, 0] {
        let [dy, dx] = score.footprint_shift;
        rows.push(("offset undone".to_owned(), format!("({dy}, {dx}) px")));
    }
    rows.push((
        "as CaImAn compares".to_owned(),
        format!(
            "recall {}, precision {}, F1 {}",
            number(d.caiman.recall),
            number(d.caiman.precision),
            number(d.caiman.f1)
        ),
    ));
    let n = &d.neurofinder;
    rows.push((
        "as Neurofinder compares".to_owned(),
        format!(
            "recall {}, precision {}, combined {}, inclusion {}, exclusion {}",
            number(n.found.recall),
            number(n.found.precision),
            number(n.found.f1),
            number(n.inclusion),
            number(n.exclusion)
        ),
    ));
    rows
}

fn table(score: &Score, options: &ScoreOptions) -> String {
    let mut out = text::table(&rows(score, options));
    for by in score.details.recall_by.iter().filter(|by| by.bins.len() > 1) {
        out += &format!("recall by {}\n", by.name);
        let lines: Vec<(String, String)> = by
            .bins
            .iter()
            .map(|b| {
                let label = format!("{:.3} to {:.3}", b.range[0], b.range[1]);
                let value =
                    format!("{:.2}  ({:.2} to {:.2}; {} cells)", b.recall, b.interval[0], b.interval[1], b.n_cells);
                (label, value)
            })
            .collect();
        out += &text::table(&lines);
    }
    out
}

pub(crate) fn as_json(score: &Score) -> Value {
    // JSON has no NaN: what was not estimated is null.
    let d = &score.details;
    let curve = &d.precision_recall;
    let threshold = |s: &metrics::ThresholdScore| json!({ "n_matched": s.n_matched, "recall": s.recall, "precision": s.precision, "f1": s.f1 });
    let by: serde_json::Map<String, Value> = d
        .recall_by
        .iter()
        .map(|by| {
            let bins: Vec<Value> = by
                .bins
                .iter()
                .map(|b| json!({ "range": b.range, "n_cells": b.n_cells, "recall": b.recall, "interval": b.interval }))
                .collect();
            (by.name.clone(), bins.into())
        })
        .collect();
    json!({
        "n_true": score.n_true,
        "n_est": score.n_est,
        "n_matched": score.n_matched,
        "recall": score.recall,
        "precision": score.precision,
        "f1": score.f1,
        "mean_overlap": score.mean_overlap,
        "trace_corr": score.trace_corr,
        "activity_corr": score.activity_corr,
        "activity_variance_explained": score.activity_variance_explained,
        "activity_scale": score.activity_scale,
        "shift_rmse": score.shift_rmse,
        "endpoint_mean_px": score.endpoints.as_ref().map(|e| e.mean_px),
        "endpoint_p95_px": score.endpoints.as_ref().map(|e| e.p95_px),
        "axial_corr": score.axial_corr,
        "n_requested": score.n_requested,
        "n_detectable": score.n_detectable,
        "match_metric": score.match_metric.name(),
        "footprint_shift": score.footprint_shift,
        "bounds": score.bounds.map(|b| json!({
            "n_demixable": b.n_demixable,
            "recall_demixable": b.recall_demixable,
            "trace_error_ratio": b.trace_error_ratio,
            "trace_corr_bound": b.trace_corr_bound,
            "spike_amplitude_bound": b.spike_amplitude_bound,
            "spike_time_sd_bound_s": b.spike_time_sd_bound_s,
            "shift_rmse_bound": b.shift_rmse_bound,
        })),
        "details": {
            "average_precision": curve.average_precision,
            "precision_recall": {
                "threshold": curve.threshold, "precision": curve.precision, "recall": curve.recall
            },
            "merges": d.merges_and_splits.merges,
            "splits": d.merges_and_splits.splits,
            "events": d.events.map(|e| json!({ "recall": e.recall, "precision": e.precision, "f1": e.f1 })),
            "binned_activity_corr": d.binned_activity_corr,
            "recall_by": by,
            "gaps": d.gaps.map(|g| json!({
                "n_exposures": g.n_exposures,
                "n_lost": g.n_lost,
                "trace_corr_ignored": g.trace_corr_ignored,
                "spike_error_ignored_s": g.spike_error_ignored_s,
                "spike_error_s": g.spike_error_s,
            })),
            "caiman": threshold(&d.caiman),
            "neurofinder": {
                "found": threshold(&d.neurofinder.found),
                "inclusion": d.neurofinder.inclusion,
                "exclusion": d.neurofinder.exclusion,
            },
        },
    })
}

/// The traces of a recording's cell.
fn trace_of(truth: &GroundTruth, unit: usize) -> &[f64] {
    let n = truth.array("C").map_or(0, |c| c.shape[1]);
    truth.c().get(unit * n..(unit + 1) * n).unwrap_or_default()
}
