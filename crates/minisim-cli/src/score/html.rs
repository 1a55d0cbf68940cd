//! The scorecard as a page: one file, no scripts, nothing fetched.

use std::fmt::Write;

use base64::{Engine, prelude::BASE64_STANDARD};
use minisim::{
    GroundTruth,
    footprint::{OUTLINE_SHARE, Patch},
    metrics::{self, Estimate, Footprint, Score, ScoreOptions},
};

use super::{Args, number, rows, trace_of};
use crate::{
    exit::Failure,
    picture::{SheetFilm, contour, scale::ticks},
};

const STYLE: &str = "\
body{font:15px/1.45 system-ui,sans-serif;color:#212529;max-width:1180px;margin:2em auto;padding:0 1em}\
h1{font-size:1.6em;margin-bottom:.1em}h2{font-size:1.15em;margin:2em 0 .4em}.quiet{color:#6c757d}\
table{border-collapse:collapse}td{padding:.15em 1.4em .15em 0;vertical-align:top}td:first-child{color:#6c757d}\
.plots{display:flex;flex-wrap:wrap;gap:24px}figure{margin:0}figcaption{color:#6c757d;font-size:.92em}\
svg text{font:12px system-ui,sans-serif;fill:#212529}.axis{stroke:#6c757d;stroke-width:1}\
.legend b{display:inline-block;width:1.5em;border-top:3px solid;margin:0 .4em .25em 1em}";

/// Colours that colour-blind eyes tell apart.
const FOUND: &str = "#009e73";
const MISSED: &str = "#e69f00";
const ESTIMATED: &str = "#56b4e9";
const INK: &str = "#212529";
const LINE: &str = "#0072b2";
/// Side of the square plots.
const SIDE: f64 = 330.0;

/// What the page shows.
pub(super) struct Case<'a> {
    pub(super) args: &'a Args,
    pub(super) film: &'a SheetFilm,
    pub(super) truth: &'a GroundTruth,
    pub(super) estimate: &'a Estimate<'a>,
    pub(super) score: &'a Score,
}

/// The page.
pub(super) fn page(case: &Case<'_>) -> Result<String, Failure> {
    let options = ScoreOptions { match_threshold: case.args.threshold, ..ScoreOptions::default() };
    let title = escaped(&case.args.estimate.display().to_string());
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}: score</title>\
         <style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n<p class=\"quiet\">scored against {}</p>\n<table>\n",
        escaped(&case.args.truth.display().to_string())
    );
    for (label, value) in rows(case.score, &options) {
        let _ = writeln!(out, "<tr><td>{}</td><td>{}</td></tr>", escaped(&label), escaped(&value));
    }
    out += "</table>\n<h2>Where the cells are</h2>\n";
    cells(&mut out, case)?;
    out += "<h2>How much is found, and where it is missed</h2>\n<div class=\"plots\">\n";
    curve(&mut out, case);
    for by in &case.score.details.recall_by {
        recall(&mut out, by);
    }
    out += "</div>\n";
    traces(&mut out, case);
    motion(&mut out, case);
    out += "</body></html>\n";
    Ok(out)
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The maximum projection with the outlines of true and estimated cells.
fn cells(out: &mut String, case: &Case<'_>) -> Result<(), Failure> {
    let (png, [height, width]) = case.film.projection_png().map_err(Failure::Run)?;
    let scale = 1100.0 / width as f64;
    let (w, h) = (width as f64 * scale, height as f64 * scale);
    let _ = write!(
        out,
        "<p class=\"legend\"><b style=\"color:{FOUND}\"></b>true, found<b style=\"color:{MISSED}\"></b>true, missed\
         <b style=\"color:{ESTIMATED}\"></b>estimated (where they were put, after undoing the offset)</p>\n\
         <svg width=\"{w:.0}\" height=\"{h:.0}\" viewBox=\"0 0 {width} {height}\" style=\"max-width:100%;height:auto\">\n\
         <image width=\"{width}\" height=\"{height}\" href=\"data:image/png;base64,{}\"/>\n",
        BASE64_STANDARD.encode(png)
    );
    let mut found = vec![false; case.score.n_true];
    for (_, j) in case.score.matching.matched_pairs(case.args.threshold) {
        found[j] = true;
    }
    let planted = &case.truth.planted;
    for (color, wanted) in [(MISSED, false), (FOUND, true)] {
        let units = case.score.true_units.iter().zip(&found).filter(|(_, f)| **f == wanted);
        let patches: Vec<Patch> = units.map(|(unit, _)| planted.in_fov(&planted.patches[*unit])).collect();
        outlines(out, &patches, color);
    }
    let [dy, dx] = case.score.footprint_shift;
    let moved = case.estimate.footprints.shifted([dy, dx]);
    let patches: Vec<Patch> = moved.items.iter().filter_map(|f| patch(f, moved.width)).collect();
    outlines(out, &patches, ESTIMATED);
    out.push_str("</svg>\n");
    Ok(())
}

/// A footprint's pixels on the smallest rectangle that holds them.
pub(crate) fn patch(footprint: &Footprint, width: usize) -> Option<Patch> {
    let at = |i: u32| (i as usize / width, i as usize % width);
    let rows = || footprint.pixels().iter().map(|(i, _)| at(*i).0);
    let cols = || footprint.pixels().iter().map(|(i, _)| at(*i).1);
    let (top, left) = (rows().min()?, cols().min()?);
    let (height, wide) = (rows().max()? - top + 1, cols().max()? - left + 1);
    let mut data = vec![0.0; height * wide];
    for (i, v) in footprint.pixels() {
        let (r, c) = at(*i);
        data[(r - top) * wide + c - left] = *v as f32;
    }
    Some(Patch { row: top as i32, col: left as i32, height, width: wide, data })
}

pub(crate) fn outlines(out: &mut String, patches: &[Patch], color: &str) {
    let mut path = String::new();
    for line in patches.iter().flat_map(|p| contour::outline(p, OUTLINE_SHARE)) {
        for (i, [x, y]) in line.points.iter().enumerate() {
            let _ = write!(path, "{}{:.1} {:.1}", if i == 0 { "M" } else { "L" }, x + 0.5, y + 0.5);
        }
        if line.closed {
            path.push('Z');
        }
    }
    let _ = writeln!(out, "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"0.8\"/>");
}

/// A plot's frame: axes with ticks, x from `x[0]` to `x[1]`, y from 0 to 1. What `draw` adds is given places by its argument.
fn plot(
    out: &mut String,
    caption: &str,
    x: [f64; 2],
    x_label: &str,
    draw: impl FnOnce(&mut String, &dyn Fn(f64, f64) -> (f64, f64)),
) {
    let (left, top, bottom) = (38.0, 8.0, 42.0);
    let (w, h) = (SIDE - left - 8.0, SIDE - top - bottom);
    let span = if x[1] > x[0] { x[1] - x[0] } else { 1.0 };
    let place = |px: f64, py: f64| (left + (px - x[0]) / span * w, top + (1.0 - py) * h);
    let _ = write!(out, "<figure><svg width=\"{SIDE}\" height=\"{SIDE}\">");
    let _ = write!(out, "<path class=\"axis\" fill=\"none\" d=\"M{left} {top}V{}H{}\"/>", top + h, left + w);
    let (marks, decimals) = ticks(x[0], x[1], 5);
    for mark in marks {
        let (sx, sy) = place(mark, 0.0);
        let _ =
            write!(out, "<text x=\"{sx:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{mark:.decimals$}</text>", sy + 16.0);
    }
    for mark in [0.0, 0.5, 1.0] {
        let (sx, sy) = place(x[0], mark);
        let _ = write!(out, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{mark}</text>", sx - 6.0, sy + 4.0);
    }
    let _ = write!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
        left + w / 2.0,
        SIDE - 6.0,
        escaped(x_label)
    );
    draw(out, &place);
    let _ = writeln!(out, "</svg><figcaption>{}</figcaption></figure>", escaped(caption));
}

/// Precision and recall against the likeness that is asked for.
fn curve(out: &mut String, case: &Case<'_>) {
    let c = &case.score.details.precision_recall;
    let caption = format!(
        "precision (blue) and recall (green) against the likeness that is asked for; average precision {}",
        number(c.average_precision)
    );
    plot(out, &caption, [0.0, 1.0], case.score.match_metric.name(), |out, place| {
        for (values, color) in [(&c.precision, LINE), (&c.recall, FOUND)] {
            // Steps: what counts from one pair's likeness down to the next one's.
            let mut points = Vec::new();
            let mut before = 0.0;
            for (threshold, value) in c.threshold.iter().zip(values) {
                points.extend([(*threshold, before), (*threshold, *value)]);
                before = *value;
            }
            points.push((0.0, before));
            let points: Vec<String> = points
                .into_iter()
                .map(|(x, y)| {
                    let (x, y) = place(x, y);
                    format!("{x:.1},{y:.1}")
                })
                .collect();
            let _ = write!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>",
                points.join(" ")
            );
        }
        let ((x, top), (_, bottom)) = (place(case.args.threshold, 1.0), place(case.args.threshold, 0.0));
        let _ = write!(out, "<path d=\"M{x:.1} {top:.1}V{bottom:.1}\" stroke=\"{INK}\" stroke-dasharray=\"3 3\"/>");
    });
}

fn recall(out: &mut String, by: &minisim::metrics::BinnedRecall) {
    let (Some(first), Some(last)) = (by.bins.first(), by.bins.last()) else { return };
    let caption = format!("recall by {}, with 95 % intervals", by.name);
    plot(out, &caption, [first.range[0], last.range[1]], &by.name, |out, place| {
        for bin in &by.bins {
            let (x0, y) = place(bin.range[0], bin.recall);
            let (x1, _) = place(bin.range[1], bin.recall);
            let middle = (x0 + x1) / 2.0;
            let (_, low) = place(bin.range[0], bin.interval[0]);
            let (_, high) = place(bin.range[0], bin.interval[1]);
            let _ = write!(
                out,
                "<path d=\"M{middle:.1} {low:.1}V{high:.1}\" stroke=\"{INK}\"/>\
                 <path d=\"M{x0:.1} {y:.1}H{:.1}\" stroke=\"{LINE}\" stroke-width=\"4\"/>",
                x1.max(x0 + 3.0)
            );
        }
    });
}

/// The best, a middling and the worst pair's traces, each on its own scale.
fn traces(out: &mut String, case: &Case<'_>) {
    let Some(estimated) = case.estimate.traces else { return };
    let corr = &case.score.details.trace_corr;
    let mut order: Vec<usize> = (0..corr.len()).filter(|k| corr[*k].is_finite()).collect();
    order.sort_by(|a, b| corr[*b].total_cmp(&corr[*a]));
    let n = order.len();
    if n == 0 {
        return;
    }
    out.push_str("<h2>Traces, true and estimated</h2>\n");
    let _ = writeln!(
        out,
        "<p class=\"legend\"><b style=\"color:{INK}\"></b>true<b style=\"color:{MISSED}\"></b>estimated, each on its own scale; \
         from the best pair to the worst</p>"
    );
    let mut shown: Vec<usize> = [0, n / 4, n / 2, 3 * n / 4, n - 1].iter().map(|k| order[*k]).collect();
    shown.dedup();
    for k in shown {
        let (i, j) = case.score.matching.pairing[k];
        let unit = case.score.true_units[j];
        let caption = format!("cell {unit}, estimate {i}: r = {}", number(corr[k]));
        over_time(out, &[(trace_of(case.truth, unit), INK), (estimated.row(i), MISSED)], &caption);
    }
}

/// How far the estimated motion is from the true one, frame by frame.
fn motion(out: &mut String, case: &Case<'_>) {
    let depths = case.estimate.axial.zip(case.truth.f64s("axial_shift_um"));
    if case.score.endpoints.is_none() && depths.is_none() {
        return;
    }
    out.push_str("<h2>Motion</h2>\n");
    if let Some(error) = &case.score.endpoints {
        let most = error.by_frame_px.iter().copied().fold(0.0, f64::max);
        let caption = format!(
            "endpoint error of the displacement in each frame: mean over the field of view, up to {} px; {} px over all frames",
            number(most),
            number(error.mean_px)
        );
        over_time(out, &[(&error.by_frame_px, LINE)], &caption);
    }
    if let Some((estimated, known)) = depths {
        // A depth that is found upside down is as good.
        let flipped: Vec<f64> = estimated.iter().map(|z| -z).collect();
        let upright = metrics::pearson(estimated, known) >= 0.0;
        let estimated = if upright { estimated } else { &flipped };
        let caption = format!(
            "depth in focus, true (dark) and estimated (orange), each on its own scale: |r| = {}",
            number(case.score.axial_corr.unwrap_or(f64::NAN))
        );
        over_time(out, &[(known, INK), (estimated, MISSED)], &caption);
    }
}

/// Lines over the film's frames, each on its own scale.
fn over_time(out: &mut String, lines: &[(&[f64], &str)], caption: &str) {
    let (w, h) = (1100.0, 90.0);
    let _ = write!(out, "<figure><svg width=\"{w}\" height=\"{h}\">");
    for (values, color) in lines {
        let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
        let span = if high > low { high - low } else { 1.0 };
        let points: Vec<String> = values
            .iter()
            .enumerate()
            .map(|(t, v)| {
                let x = (t as f64 + 0.5) / values.len() as f64 * w;
                format!("{x:.1},{:.1}", h - 6.0 - (v - low) / span * (h - 12.0))
            })
            .collect();
        let _ = write!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-opacity=\"0.85\"/>",
            points.join(" ")
        );
    }
    let _ = writeln!(out, "</svg><figcaption>{}</figcaption></figure>", escaped(caption));
}
