//! Plots of the report, as SVG that takes its colours from the page.

use std::fmt::Write;

use crate::{picture::scale::ticks, score::html::escaped};

const WIDTH: f64 = 330.0;
const WIDE: f64 = 1100.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 40.0;
/// Half of a marker's size.
const MARK: f64 = 4.0;
/// Colours that the page has.
const N_COLORS: usize = 7;

/// The values along the bottom.
pub(super) enum Across {
    /// Numbers from the first to the second.
    Linear([f64; 2]),
    /// Positive numbers, by their logarithm.
    Log([f64; 2]),
    /// One place each.
    Names(Vec<String>),
}

/// A value with its interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) interval: Option<[f64; 2]>,
}

/// What belongs together; the ideal observer has no number.
pub(super) struct Series {
    pub(super) number: Option<usize>,
    pub(super) points: Vec<Point>,
}

/// A plot.
pub(super) struct Plot<'a> {
    pub(super) title: &'a str,
    pub(super) across: Across,
    pub(super) x_label: &'a str,
    pub(super) y_label: &'a str,
    /// Least and largest value of the left axis.
    pub(super) y: [f64; 2],
    pub(super) series: Vec<Series>,
    /// As wide as the page, for many names.
    pub(super) wide: bool,
}

impl Across {
    /// Where a value lies, from 0 to 1.
    fn share(&self, v: f64) -> f64 {
        let between = |low: f64, high: f64, v: f64| if high > low { (v - low) / (high - low) } else { 0.5 };
        match self {
            Self::Linear([low, high]) => between(*low, *high, v),
            Self::Log([low, high]) => between(low.ln(), high.ln(), v.ln()),
            Self::Names(names) => (v + 0.5) / names.len().max(1) as f64,
        }
    }

    /// Marks with their words.
    fn marks(&self) -> Vec<(f64, String)> {
        match self {
            Self::Linear([low, high]) => {
                let (marks, decimals) = ticks(*low, *high, 5);
                marks.into_iter().map(|m| (m, format!("{m:.decimals$}"))).collect()
            }
            Self::Log([low, high]) => {
                let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
                let all = decades.flat_map(|d| [1.0, 2.0, 5.0].map(|f| f * 10_f64.powi(d)));
                let inside: Vec<f64> = all.filter(|m| (low * 0.999..=high * 1.001).contains(m)).collect();
                // Of many, every other one is enough.
                let step = inside.len().div_ceil(5).max(1);
                inside.into_iter().step_by(step).map(|m| (m, short(m))).collect()
            }
            Self::Names(names) => names.iter().enumerate().map(|(i, n)| (i as f64, n.clone())).collect(),
        }
    }
}

fn short(v: f64) -> String {
    if v >= 1000.0 { format!("{}k", v / 1000.0) } else { v.to_string() }
}

/// The plot as a figure.
pub(super) fn figure(plot: &Plot<'_>) -> String {
    let names = matches!(plot.across, Across::Names(_));
    // Names stand slanted and take more room.
    let bottom = if names { BOTTOM + 46.0 } else { BOTTOM };
    let height = HEIGHT + bottom - BOTTOM;
    let width = if plot.wide { WIDE } else { WIDTH };
    let (w, h) = (width - LEFT - RIGHT, height - TOP - bottom);
    let px = |x: f64| LEFT + plot.across.share(x) * w;
    let [low, high] = plot.y;
    let py = |y: f64| TOP + (1.0 - (y.clamp(low, high) - low) / (high - low).max(f64::MIN_POSITIVE)) * h;
    let mut out = format!(
        "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {width} {height}\"{} role=\"img\" aria-label=\"{}\">",
        escaped(plot.title),
        if plot.wide { " class=\"full\"" } else { "" },
        escaped(plot.title)
    );
    let (marks, decimals) = ticks(low, high, 5);
    for mark in marks {
        let y = py(mark);
        let _ = write!(
            out,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{mark:.decimals$}</text>",
            LEFT + w,
            LEFT - 6.0,
            y + 4.0
        );
    }
    for (at, words) in plot.across.marks() {
        let x = px(at);
        let y = TOP + h + 16.0;
        if names {
            let _ = write!(
                out,
                "<text transform=\"translate({x:.1} {:.1}) rotate(-40)\" text-anchor=\"end\">{}</text>",
                y - 4.0,
                escaped(&words)
            );
        } else {
            let _ = write!(
                out,
                "<path class=\"axis\" d=\"M{x:.1} {:.1}v4\"/><text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{words}</text>",
                TOP + h
            );
        }
    }
    let _ = write!(
        out,
        "<path class=\"axis\" d=\"M{LEFT} {TOP}V{:.1}H{:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
         <text transform=\"translate(11 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        TOP + h,
        LEFT + w,
        LEFT + w / 2.0,
        height - 6.0,
        escaped(plot.x_label),
        TOP + h / 2.0,
        escaped(plot.y_label)
    );
    let n = plot.series.iter().filter(|s| s.number.is_some()).count();
    for series in &plot.series {
        // Beside each other, so that intervals can be told apart.
        let aside = series.number.map_or(0.0, |i| (i as f64 - (n as f64 - 1.0) / 2.0) * 5.0);
        let class = series.number.map_or_else(|| "ideal".to_owned(), |i| format!("s{}", i % N_COLORS));
        let line: Vec<String> =
            series.points.iter().map(|p| format!("{:.1},{:.1}", px(p.x) + aside, py(p.y))).collect();
        if !names || series.number.is_none() {
            let _ = write!(out, "<polyline class=\"line {class}\" points=\"{}\"/>", line.join(" "));
        }
        for p in &series.points {
            let x = px(p.x) + aside;
            if let Some([from, to]) = p.interval {
                let _ = write!(out, "<path class=\"bar {class}\" d=\"M{x:.1} {:.1}V{:.1}\"/>", py(from), py(to));
            }
            match series.number {
                Some(i) => out.push_str(&marker(i, x, py(p.y))),
                None => {
                    let _ = write!(out, "<path class=\"line ideal\" d=\"M{:.1} {:.1}h12\"/>", x - 6.0, py(p.y));
                }
            }
        }
    }
    out + "</svg></figure>\n"
}

/// A pipeline's mark: another shape each, for those who print in black.
pub(super) fn marker(i: usize, x: f64, y: f64) -> String {
    let class = format!("mark s{}", i % N_COLORS);
    let m = MARK;
    match i % 4 {
        0 => format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{m}\"/>"),
        1 => format!(
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{}\" height=\"{}\"/>",
            x - m,
            y - m,
            2.0 * m,
            2.0 * m
        ),
        2 => format!("<path class=\"{class}\" d=\"M{x:.1} {:.1}l{} {}h{}Z\"/>", y - m, m, 2.0 * m, -2.0 * m),
        _ => format!("<path class=\"{class}\" d=\"M{x:.1} {:.1}l{m} {m}l-{m} {m}l-{m} -{m}Z\"/>", y - m),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_lies_where_its_numbers_say() {
        let log = Across::Log([10.0, 1000.0]);
        assert!((log.share(100.0) - 0.5).abs() < 1e-12);
        assert!((Across::Linear([0.0, 20.0]).share(5.0) - 0.25).abs() < 1e-12);
        let names = Across::Names(vec!["a".into(), "b".into()]);
        assert_eq!([names.share(0.0), names.share(1.0)], [0.25, 0.75]);
        let marks: Vec<String> = log.marks().into_iter().map(|(_, m)| m).collect();
        assert!(marks.contains(&"10".to_owned()) && marks.len() <= 5, "{marks:?}");
    }

    #[test]
    fn words_of_a_plot_cannot_break_the_page() {
        let series =
            vec![Series { number: Some(0), points: vec![Point { x: 0.0, y: 0.5, interval: Some([0.4, 0.6]) }] }];
        let across = Across::Names(vec!["<b>".into()]);
        let svg =
            figure(&Plot { title: "a < b", across, x_label: "x", y_label: "y", y: [0.0, 1.0], series, wide: false });
        assert!(svg.contains("a &lt; b") && svg.contains("&lt;b&gt;") && svg.contains("circle"), "{svg}");
    }
}
