//! The report as a page: one file, no scripts, nothing fetched; light, dark and on paper.

use std::fmt::Write;

use minisim_tour::Plot;

use super::Row;
use crate::picture::scale::{Window, fixed, ticks};

const STYLE: &str = "\
:root{--ink:#212529;--quiet:#5c636a;--ground:#fff;--grid:#dee2e6;--s0:#0072b2;--s1:#d55e00;--s2:#009e73;--s3:#e69f00}\
@media(prefers-color-scheme:dark){:root{--ink:#e9ecef;--quiet:#adb5bd;--ground:#15181b;--grid:#343a40;--s0:#56b4e9;--s1:#ff8c42;--s2:#2fd19a;--s3:#f0c040}}\
@media print{:root{--ink:#000;--quiet:#444;--ground:#fff;--grid:#ccc;--s0:#0072b2;--s1:#d55e00;--s2:#009e73;--s3:#e69f00}\
body{margin:0!important;padding:0!important;font-size:11px!important}h1{font-size:16px!important}\
table{margin:.2em 0 .6em!important}th,td{padding-top:0!important;padding-bottom:0!important}figure{break-inside:avoid}\
.plots{grid-template-columns:repeat(3,1fr)!important;gap:6px 10px!important}}\
@page{size:A4;margin:12mm}\
body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:1180px;margin:2em auto;padding:0 1em}\
h1{font-size:1.6em;margin:0}.quiet{color:var(--quiet);margin:.1em 0 1em}\
table{border-collapse:collapse;margin:.5em 0 1.5em}th,td{padding:.15em 1.2em .15em 0;text-align:right;white-space:nowrap}\
th{font-weight:600;border-bottom:1px solid var(--grid)}th:first-child,td:first-child{text-align:left}td:last-child,th:last-child{text-align:left}\
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(340px,1fr));gap:18px 24px}figure{margin:0}\
figcaption{font-weight:600;margin-bottom:.2em}svg{width:100%;height:auto;display:block}svg text{font:12px system-ui,sans-serif;fill:var(--ink)}\
.note{border-left:3px solid var(--s1);padding-left:.7em;margin:.4em 0}\
.axis{stroke:var(--quiet);fill:none}.grid{stroke:var(--grid);fill:none}.legend{fill:none;stroke-width:3}";

/// Size of a plot.
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 290.0;

/// The page: a heading, a line about what was measured, what to mind, the table, and the plots.
pub(super) fn page(heading: &str, about: &str, notes: &[String], rows: &[Row], plots: &[Plot]) -> String {
    let heading = escaped(heading);
    let notes: String = notes.iter().map(|note| format!("<p class=\"note\">{}</p>\n", escaped(note))).collect();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{heading}</title><style>{STYLE}</style></head><body>\n\
         <h1>{heading}</h1>\n<p class=\"quiet\">{}</p>\n{notes}<table>\n<thead><tr><th>quantity</th><th>measured</th>\
         <th>set in the spec</th><th>deviation</th><th>unit</th></tr></thead><tbody>\n",
        escaped(about)
    );
    for row in rows {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(row.label),
            escaped(&row.number(row.measured)),
            escaped(&row.number(row.set)),
            escaped(&row.deviation()),
            escaped(row.unit)
        );
    }
    out += "</tbody></table>\n<div class=\"plots\">\n";
    plots.iter().for_each(|p| plot(&mut out, p));
    out += "</div>\n</body></html>\n";
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn plot(out: &mut String, plot: &Plot) {
    let (left, top, right, bottom) = (54.0, 30.0, 12.0, 42.0);
    let (w, h) = (WIDTH - left - right, HEIGHT - top - bottom);
    let values = |axis: usize| plot.series.iter().flat_map(move |s| s.points.iter().map(move |p| f64::from(p[axis])));
    let (x, y) = (Window::range(values(0)), Window::range(values(1)));
    let pad = 0.05 * (y.high - y.low).max(1e-9 * y.high.abs().max(1e-9));
    let low = if y.low >= 0.0 && y.low < 0.35 * y.high { 0.0 } else { y.low - pad };
    let y = Window { low, high: y.high + pad };
    let share = |window: Window, v: f64| (v - window.low) / (window.high - window.low).max(1e-30);
    let at = |px: f64, py: f64| (left + share(x, px) * w, top + (1.0 - share(y, py)) * h);
    let _ = write!(
        out,
        "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        escaped(&plot.title),
        escaped(&format!("{}: {} over {}", plot.title, plot.y, plot.x))
    );
    let (marks, decimals) = ticks(y.low, y.high, 6);
    for mark in marks {
        let (_, sy) = at(x.low, mark);
        let _ = write!(out, "<path class=\"grid\" d=\"M{left} {sy:.1}h{w}\"/>");
        let (tx, ty, text) = (left - 6.0, sy + 4.0, fixed(mark, decimals));
        let _ = write!(out, "<text x=\"{tx}\" y=\"{ty:.1}\" text-anchor=\"end\">{text}</text>");
    }
    let (marks, decimals) = ticks(x.low, x.high, 6);
    for mark in marks {
        let (sx, _) = at(mark, y.low);
        let (foot, text) = (top + h + 16.0, fixed(mark, decimals));
        let _ = write!(out, "<text x=\"{sx:.1}\" y=\"{foot}\" text-anchor=\"middle\">{text}</text>");
    }
    let _ = write!(
        out,
        "<path class=\"axis\" d=\"M{left} {top}V{}H{}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
         <text x=\"4\" y=\"12\">{}</text>",
        top + h,
        left + w,
        left + w / 2.0,
        HEIGHT - 6.0,
        escaped(&plot.x),
        escaped(&plot.y)
    );
    for (i, series) in plot.series.iter().enumerate() {
        // A point that is no number interrupts the curve.
        for run in series.points.split(|p| !(p[0].is_finite() && p[1].is_finite())).filter(|run| !run.is_empty()) {
            let points: Vec<String> = run
                .iter()
                .map(|p| {
                    let (px, py) = at(f64::from(p[0]), f64::from(p[1]));
                    format!("{px:.1},{py:.1}")
                })
                .collect();
            let _ = write!(
                out,
                "<polyline points=\"{}\" fill=\"none\" style=\"stroke:var(--s{})\" stroke-width=\"1.6\"/>",
                points.join(" "),
                i % 4
            );
        }
    }
    // The legend stands at the right, above the plot; letters are about seven pixels wide.
    let mut x = left + w;
    for (i, series) in plot.series.iter().enumerate().rev() {
        let _ = write!(out, "<text x=\"{x:.1}\" y=\"24\" text-anchor=\"end\">{}</text>", escaped(&series.label));
        x -= 7.4 * series.label.chars().count() as f64 + 5.0;
        let _ =
            write!(out, "<path class=\"legend\" style=\"stroke:var(--s{})\" d=\"M{:.1} 20H{x:.1}\"/>", i % 4, x - 16.0);
        x -= 28.0;
    }
    let _ = writeln!(out, "</svg></figure>");
}
