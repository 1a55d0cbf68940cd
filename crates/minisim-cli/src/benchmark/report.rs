//! The page of a benchmark: one file, no scripts, nothing fetched, as good on paper as on a screen.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use minisim::{
    GroundTruth,
    benchmark::{FACTORS, Set, Size},
    footprint::Patch,
    metrics::{Footprints, Score, median_interval, recall_by},
};
use serde_json::Value as Json;

use super::{
    folder::Folder,
    plots::{Across, Plot, Point, Series, figure, marker},
    row::{self, METRIC, Place, Row, Status, THRESHOLD},
    tables,
};
use crate::{
    exit::Failure,
    picture::SheetFilm,
    score::html::{escaped, outlines, patch},
    text,
};

/// A figure of some recordings, and its interval where it has one.
type Measured = (f64, Option<[f64; 2]>);

/// The page in a benchmark's folder.
pub(super) const PAGE: &str = "report.html";
/// The tables beside it.
const RESULTS: &str = "results.csv";
const CELLS: &str = "cells.csv";
const STYLE: &str = include_str!("page.css");
/// Colours of outlines on a grey film.
const FOUND: &str = "#00c08b";
const MISSED: &str = "#ffb000";
const ESTIMATED: &str = "#56b4e9";
/// Cells in a bin, about; bins of a property, at most.
const CELLS_A_BIN: usize = 60;
const MOST_BINS: usize = 8;
/// Last lines of a failed command's words that the page shows.
const LOG_LINES: usize = 15;

/// Properties of cells that recall is shown by, with what the axis is called, and whether it is logarithmic.
const PROPERTIES: [(&str, bool); 5] = [
    ("demixing SNR", true),
    ("detection SNR", true),
    ("depth (µm)", false),
    ("neighbours within 30 µm", false),
    ("share of light lost to vessels", false),
];

/// The rows of a benchmark.
struct Case {
    set: Set,
    size: Size,
    /// Names of the recordings with their factor and level, in the order of the set.
    recordings: Vec<(&'static str, &'static str, f64)>,
    rows: BTreeMap<String, Vec<Row>>,
}

/// What there is to say of a page.
pub(super) struct Summary {
    /// Each row as a JSON object.
    pub(super) rows: Vec<Json>,
    lines: BTreeMap<String, String>,
}

impl Summary {
    /// A pipeline in a few words.
    pub(super) fn words(&self, pipeline: &str) -> String {
        self.lines.get(pipeline).map_or_else(|| format!("{pipeline}: nothing done"), |l| format!("{pipeline}: {l}"))
    }
}

/// Writes the page and the tables of a folder.
pub(super) fn write(root: &Path, page: &Path, replace: bool) -> Result<Summary, Failure> {
    let (set, size) = Folder::existing(root)?;
    let recordings = set.recordings(size).map_err(Failure::run)?;
    let mut rows = row::read_all(root)?;
    for of in rows.values_mut() {
        // Rows of recordings that are none of the set's, or were made from another spec, say nothing of it.
        of.retain(|row| recordings.iter().any(|r| r.name == row.recording && r.spec.cache_key() == row.spec_cache_key));
        of.sort_by_key(|row| recordings.iter().position(|r| r.name == row.recording));
    }
    rows.retain(|_, of| !of.is_empty());
    let recordings = recordings.iter().map(|r| (r.name, r.factor, r.level)).collect();
    let case = Case { set, size, recordings, rows };
    let (results, cells) = (tables::results(&case.rows), tables::cells(&case.rows));
    let html = case.page(root, &results, &cells);
    for (name, table) in [(RESULTS, &results), (CELLS, &cells)] {
        minisim_io::write_file(root.join(name), table.as_bytes(), true).map_err(Failure::run)?;
    }
    minisim_io::write_file(page, html.as_bytes(), replace).map_err(Failure::run)?;
    Ok(Summary {
        rows: case.rows.values().flatten().map(tables::as_json).collect(),
        lines: case.rows.iter().map(|(name, rows)| (name.clone(), case.line(rows))).collect(),
    })
}

/// The film's maximum projection with the cells that were asked for, and what was found, as a picture of its own.
pub(super) fn picture(
    film: &SheetFilm,
    truth: &GroundTruth,
    cells: &row::Cells,
    estimated: Option<&Footprints>,
    score: Option<&Score>,
) -> Result<String, String> {
    let (png, [height, width]) = film.projection_png()?;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\"><image width=\"{width}\" height=\"{height}\" \
         href=\"data:image/png;base64,{}\"/>\n",
        BASE64_STANDARD.encode(png)
    );
    for (color, wanted) in [(MISSED, false), (FOUND, true)] {
        let units = cells.unit.iter().zip(&cells.found).filter(|(_, f)| **f == wanted);
        let patches: Vec<Patch> = units.map(|(unit, _)| truth.planted.in_fov(&truth.planted.patches[*unit])).collect();
        outlines(&mut out, &patches, color);
    }
    if let (Some(estimated), Some(score)) = (estimated, score) {
        let moved = estimated.shifted(score.footprint_shift);
        let patches: Vec<Patch> = moved.items.iter().filter_map(|f| patch(f, moved.width)).collect();
        outlines(&mut out, &patches, ESTIMATED);
    }
    out.push_str("</svg>\n");
    Ok(out)
}

fn number(v: Option<f64>) -> String {
    v.filter(|v| v.is_finite()).map_or_else(|| "–".to_owned(), |v| format!("{v:.2}"))
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0_usize), |(sum, n), v| (sum + v, n + 1));
    (n > 0).then(|| sum / n as f64)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// What a row says of a figure; `None` where the pipeline did not estimate it, or failed.
type Figure = fn(&Row) -> Option<f64>;

const TRACES: Figure = |r| r.figures.as_ref()?.trace_corr;
const MOTION: Figure = |r| r.figures.as_ref()?.motion_rmse_um;
/// What failed found nothing.
const RECALL: Figure = |r| Some(r.figures.as_ref().map_or(0.0, |f| f.recall));
const PRECISION: Figure = |r| Some(r.figures.as_ref()?.precision);
const F1: Figure = |r| Some(r.figures.as_ref().map_or(0.0, |f| f.f1));

impl Case {
    /// A pipeline in a few words.
    fn line(&self, rows: &[Row]) -> String {
        let failed = rows.iter().filter(|r| r.status != Status::Ok).count();
        format!(
            "{} of {} recordings done{}; mean recall {}, precision {}, F1 {}",
            rows.len(),
            self.recordings.len(),
            if failed > 0 { format!(", {failed} of them failed") } else { String::new() },
            number(mean(rows.iter().filter_map(RECALL))),
            number(mean(rows.iter().filter_map(PRECISION))),
            number(mean(rows.iter().filter_map(F1))),
        )
    }

    /// The number of a pipeline, which decides its colour.
    fn pipelines(&self) -> impl Iterator<Item = (usize, &String, &Vec<Row>)> {
        self.rows.iter().enumerate().map(|(i, (name, rows))| (i, name, rows))
    }

    fn page(&self, root: &Path, results: &str, cells: &str) -> String {
        let title = format!("{}, {}", self.set.name, self.size.name());
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width,initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head><body>\n\
             <h1>{title}</h1>\n<p class=\"quiet\">{}. Each is {} × {} px and {} s. {}</p>\n",
            escaped(&capital(self.set.description)),
            self.size.side_px(),
            self.size.side_px(),
            self.size.duration_s(),
            escaped(&self.machines())
        );
        if self.rows.is_empty() {
            return out
                + "<p>No pipeline has a row yet: <code>minisim benchmark run</code> makes them.</p></body></html>\n";
        }
        self.overview(&mut out);
        self.every_recording(&mut out);
        self.factors(&mut out);
        self.properties(&mut out);
        self.worst(&mut out, root);
        self.cost(&mut out);
        self.failures(&mut out, root);
        self.words(&mut out);
        let link = |name: &str, table: &str| {
            format!(
                "<a download=\"{name}\" href=\"data:text/csv;charset=utf-8;base64,{}\">{name}</a>",
                BASE64_STANDARD.encode(table)
            )
        };
        let _ = write!(
            out,
            "<h2 class=\"download\">The numbers</h2>\n<p class=\"download\">{} has a line for each pipeline and recording; {} one for \
             each pipeline, recording and cell.</p>\n</body></html>\n",
            link(RESULTS, results),
            link(CELLS, cells)
        );
        out
    }

    /// Where the times were measured.
    fn machines(&self) -> String {
        let mut machines: Vec<String> = self
            .rows
            .values()
            .flatten()
            .map(|r| {
                let m = &r.machine;
                format!("{}, {} cores, {}", m.processor, m.cores, text::bytes(m.memory_bytes))
            })
            .collect();
        machines.sort();
        machines.dedup();
        if machines.is_empty() { String::new() } else { format!("Measured on: {}.", machines.join("; ")) }
    }

    /// A table of the pipelines.
    fn overview(&self, out: &mut String) {
        out.push_str(
            "<h2>The pipelines</h2>\n<div class=\"wide\"><table><tr><th>pipeline</th><th>recordings</th><th>failed</th>\
             <th>recall</th><th>precision</th><th>F1</th><th>traces,<br>median r</th><th>motion,<br>error (µm)</th>\
             <th>time a<br>recording</th><th>largest<br>process</th><th>versions</th></tr>\n",
        );
        for (i, name, rows) in self.pipelines() {
            let failed = rows.iter().filter(|r| r.status != Status::Ok).count();
            let versions: BTreeMap<&String, &String> = rows.iter().flat_map(|r| &r.versions).collect();
            let versions: Vec<String> = versions.iter().map(|(k, v)| format!("{k} {v}")).collect();
            let _ = writeln!(
                out,
                "<tr><td>{} {}</td><td>{} of {}</td><td>{failed}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
                 <td>{}</td><td>{}</td><td>{}</td></tr>",
                swatch(i),
                escaped(name),
                rows.len(),
                self.recordings.len(),
                number(mean(rows.iter().filter_map(RECALL))),
                number(mean(rows.iter().filter_map(PRECISION))),
                number(mean(rows.iter().filter_map(F1))),
                number(median(rows.iter().filter_map(TRACES).collect())),
                number(median(rows.iter().filter_map(MOTION).collect())),
                median(rows.iter().filter_map(|r| r.wall_s).collect()).map_or_else(|| "–".to_owned(), text::seconds),
                rows.iter().filter_map(|r| r.peak_bytes).max().map_or_else(|| "–".to_owned(), text::bytes),
                escaped(&versions.join(", "))
            );
        }
        if let Some(best) = mean(self.recordings.iter().filter_map(|(name, ..)| self.ideal_recall(&[name]))) {
            let _ = writeln!(
                out,
                "<tr><td>{} ideal observer</td><td></td><td></td><td>{best:.2}</td><td></td><td></td><td>{}</td><td>{}</td><td></td>\
                 <td></td><td></td></tr>",
                ideal_swatch(),
                number(median(
                    self.recordings.iter().filter_map(|(name, ..)| self.ideal(name, |r| r.ideal.trace_corr)).collect()
                )),
                number(median(
                    self.recordings
                        .iter()
                        .filter_map(|(name, ..)| self.ideal(name, |r| r.ideal.motion_rmse_um))
                        .collect()
                )),
            );
        }
        let _ = write!(
            out,
            "</table></div>\n<p class=\"quiet\">Means over recordings; a recording that failed counts as one in which nothing was found. \
             Traces and motion: medians over recordings. Times: medians of the wall clock. The largest process: most memory over \
             recordings, of a single process.</p>\n"
        );
    }

    /// A table of the recordings.
    fn every_recording(&self, out: &mut String) {
        let _ = write!(
            out,
            "<h2>Every recording</h2>\n<p class=\"quiet\">F1, and recall / precision.</p>\n<div class=\"wide\"><table><tr><th>recording</th><th>cells</th>"
        );
        for (i, name, _) in self.pipelines() {
            let _ = write!(out, "<th class=\"group\" colspan=\"2\">{} {}</th>", swatch(i), escaped(name));
        }
        let ideal = self.recordings.iter().any(|(name, ..)| self.ideal_recall(&[name]).is_some());
        out.push_str(if ideal { "<th class=\"group\">recall,<br>ideal observer</th></tr>\n" } else { "</tr>\n" });
        let mut before = "";
        for (recording, factor, _) in &self.recordings {
            let row_of = |rows: &'_ Vec<Row>| rows.iter().position(|r| r.recording == *recording);
            let n_cells = self.rows.values().find_map(|rows| row_of(rows).map(|i| rows[i].cells.unit.len()));
            let class = if *factor == before { "" } else { " class=\"new\"" };
            before = factor;
            let _ = write!(
                out,
                "<tr{class}><td>{recording}</td><td>{}</td>",
                n_cells.map_or_else(|| "–".to_owned(), |n| n.to_string())
            );
            for (i, _, rows) in self.pipelines() {
                match row_of(rows).map(|k| &rows[k]) {
                    None => out.push_str("<td class=\"group\" colspan=\"2\">not run</td>"),
                    Some(row) => match &row.figures {
                        None => {
                            let _ = write!(out, "<td class=\"group fail\" colspan=\"2\">{}</td>", row.status.words());
                        }
                        Some(f) => {
                            let _ = write!(
                                out,
                                "<td class=\"group\"><span class=\"meter s{}\"><i style=\"width:{:.0}%\"></i></span>{:.2}</td>\
                                 <td class=\"quiet\">{:.2} / {:.2}</td>",
                                i % 7,
                                100.0 * f.f1,
                                f.f1,
                                f.recall,
                                f.precision
                            );
                        }
                    },
                }
            }
            if ideal {
                let _ = write!(out, "<td class=\"group\">{}</td>", number(self.ideal_recall(&[recording])));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</table></div>\n");
    }

    fn legend(&self) -> String {
        let mut out = "<p class=\"legend\">".to_owned();
        for (i, name, _) in self.pipelines() {
            let _ = write!(out, "<span>{} {}</span>", swatch(i), escaped(name));
        }
        if self.recordings.iter().any(|(name, ..)| self.ideal_recall(&[name]).is_some()) {
            let _ = write!(out, "<span>{} ideal observer</span>", ideal_swatch());
        }
        out + "</p>\n"
    }

    /// Plots of figures against what differs between the recordings.
    fn factors(&self, out: &mut String) {
        let _ = write!(
            out,
            "<h2>What makes it harder</h2>\n{}<p class=\"quiet\">Each recording differs from the base in one thing. Bars: 95 % intervals by \
             bootstrap over the cells of a recording.</p>\n",
            self.legend()
        );
        for (factor, unit, base) in FACTORS {
            let mut levels: Vec<(f64, Vec<&str>)> = Vec::new();
            for (name, of, level) in &self.recordings {
                let at = if of == factor {
                    *level
                } else if *of == "base" {
                    *base
                } else {
                    continue;
                };
                match levels.iter_mut().find(|(l, _)| *l == at) {
                    Some((_, names)) => names.push(name),
                    None => levels.push((at, vec![name])),
                }
            }
            // The base alone is no axis.
            if levels.len() < 2 {
                continue;
            }
            levels.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (first, last) = (levels[0].0, levels[levels.len() - 1].0);
            let across = || {
                if first > 0.0 && last / first >= 20.0 {
                    Across::Log([first, last])
                } else {
                    Across::Linear([first, last])
                }
            };
            let label = format!("{factor} ({unit})");
            self.figures_of(out, &capital(factor), &levels, &across, &label);
        }
        let rest: Vec<&(&str, &str, f64)> = self
            .recordings
            .iter()
            .filter(|(_, factor, _)| *factor == "base" || !FACTORS.iter().any(|(name, ..)| name == factor))
            .collect();
        let names: Vec<String> = rest.iter().map(|(name, ..)| (*name).to_owned()).collect();
        let levels: Vec<(f64, Vec<&str>)> =
            rest.iter().enumerate().map(|(i, (name, ..))| (i as f64, vec![*name])).collect();
        if levels.len() > 1 {
            let title = if FACTORS.iter().any(|(f, ..)| self.recordings.iter().any(|r| r.1 == *f)) {
                "Scope and region"
            } else {
                "Effect"
            };
            self.figures_of(out, title, &levels, &|| Across::Names(names.clone()), "");
        }
    }

    /// Recall, traces and motion against the levels of a factor; each level is one or more recordings.
    fn figures_of(
        &self,
        out: &mut String,
        factor: &str,
        levels: &[(f64, Vec<&str>)],
        across: &dyn Fn() -> Across,
        x_label: &str,
    ) {
        let of = |rows: &'_ [Row], names: &[&str]| -> Vec<Row> {
            rows.iter().filter(|r| names.contains(&r.recording.as_str())).cloned().collect()
        };
        let with_points = |point: &dyn Fn(&[Row]) -> Option<Measured>, ideal: &dyn Fn(&[&str]) -> Option<f64>| {
            let mut series: Vec<Series> = self
                .pipelines()
                .map(|(i, _, rows)| {
                    let points = levels.iter().filter_map(|(x, names)| {
                        let (y, interval) = point(&of(rows, names))?;
                        Some(Point { x: *x, y, interval })
                    });
                    Series { number: Some(i), points: points.collect() }
                })
                .collect();
            let points = levels.iter().filter_map(|(x, names)| Some(Point { x: *x, y: ideal(names)?, interval: None }));
            series.push(Series { number: None, points: points.collect() });
            series
        };
        let recall = |rows: &[Row]| {
            let found: Vec<bool> = rows.iter().flat_map(|r| r.cells.found.clone()).collect();
            // All cells in one bin.
            let by = recall_by("recordings", &vec![0.0; found.len()], &found, 1);
            by.bins.first().map(|bin| (bin.recall, Some(bin.interval)))
        };
        let precision = |rows: &[Row]| mean(rows.iter().filter_map(PRECISION)).map(|v| (v, None));
        let traces = |rows: &[Row]| {
            let all: Vec<f64> = rows.iter().flat_map(|r| r.cells.trace_corr.iter().flatten().copied()).collect();
            median_interval("traces", &all).map(|(middle, interval)| (middle, Some(interval)))
        };
        let motion = |rows: &[Row]| mean(rows.iter().filter_map(MOTION)).map(|v| (v, None));
        let ideal = |names: &[&str], of: Figure| mean(names.iter().filter_map(|name| self.ideal(name, of)));
        let all = [
            ("Recall", "recall", with_points(&recall, &|names| self.ideal_recall(names))),
            ("Precision", "precision", with_points(&precision, &|_| None)),
            (
                "Traces: median correlation",
                "median r",
                with_points(&traces, &|names| ideal(names, |r| r.ideal.trace_corr)),
            ),
            (
                "Motion left over: RMS error",
                "error (µm)",
                with_points(&motion, &|names| ideal(names, |r| r.ideal.motion_rmse_um)),
            ),
        ];
        let _ = write!(out, "<h3>{}</h3>\n<div class=\"plots\">\n", escaped(factor));
        for (title, y_label, series) in all {
            if series.iter().all(|s| s.number.is_none() || s.points.is_empty()) {
                continue;
            }
            // Shares go to 1; errors have no end.
            let most = series.iter().flat_map(|s| &s.points).map(|p| p.y).fold(0.1, f64::max);
            let y = if y_label.contains("µm") { [0.0, 1.1 * most] } else { [0.0, 1.0] };
            out.push_str(&figure(&Plot { title, across: across(), x_label, y_label, y, series, wide: false }));
        }
        out.push_str("</div>\n");
    }

    /// Recall by properties of the cells, all recordings together.
    fn properties(&self, out: &mut String) {
        let _ = write!(
            out,
            "<h2>Which cells are missed</h2>\n{}<p class=\"quiet\">The cells of all recordings together, in bins of about as many. \
             Bars: 95 % intervals by bootstrap over cells.</p>\n<div class=\"plots\">\n",
            self.legend()
        );
        for (property, log) in PROPERTIES {
            let mut series = Vec::new();
            let mut range = [f64::INFINITY, f64::NEG_INFINITY];
            let mut of_bins = |rows: &[Row], found: &dyn Fn(&Row) -> Option<Vec<bool>>, number: Option<usize>| {
                let (mut values, mut hits) = (Vec::new(), Vec::new());
                for row in rows {
                    if let (Some(of_row), Some(found)) = (row.cells.by.get(property), found(row)) {
                        values.extend(of_row.iter().map(|v| v.unwrap_or(f64::NAN)));
                        hits.extend(found);
                    }
                }
                let n_bins = (values.len() / CELLS_A_BIN).clamp(1, MOST_BINS);
                let by = recall_by(property, &values, &hits, n_bins);
                let points: Vec<Point> = by
                    .bins
                    .iter()
                    .map(|bin| {
                        let [low, high] = bin.range;
                        let x = if log { (low * high).sqrt() } else { f64::midpoint(low, high) };
                        Point { x, y: bin.recall, interval: number.map(|_| bin.interval) }
                    })
                    .collect();
                for p in points.iter().filter(|p| p.x.is_finite()) {
                    range = [range[0].min(p.x), range[1].max(p.x)];
                }
                series.push(Series { number, points });
            };
            for (i, _, rows) in self.pipelines() {
                of_bins(rows, &|row| Some(row.cells.found.clone()), Some(i));
            }
            // The cells are the same for all pipelines that did all recordings: the one with the most rows has the most of them.
            if let Some(rows) = self.rows.values().max_by_key(|rows| rows.len())
                && property != row::DEMIXING
            {
                of_bins(rows, &|row| row.cells.separable(), None);
            }
            if range[0] < range[1] && (!log || range[0] > 0.0) {
                let across = if log { Across::Log(range) } else { Across::Linear(range) };
                let title = format!("Recall by {property}");
                out.push_str(&figure(&Plot {
                    title: &title,
                    across,
                    x_label: property,
                    y_label: "recall",
                    y: [0.0, 1.0],
                    series,
                    wide: false,
                }));
            }
        }
        out.push_str("</div>\n");
    }

    /// The recording that each pipeline did worst, with its film.
    fn worst(&self, out: &mut String, root: &Path) {
        let _ = write!(
            out,
            "<h2>The worst recording of each pipeline</h2>\n<p class=\"key\">Maximum projection with the motion undone; outlines\
             <b style=\"color:{FOUND}\"></b>true, found<b style=\"color:{MISSED}\"></b>true, missed<b style=\"color:{ESTIMATED}\"></b>\
             estimated</p>\n<div class=\"worst\">\n"
        );
        for (i, name, rows) in self.pipelines() {
            let Some(worst) = rows.iter().min_by(|a, b| F1(a).unwrap_or(0.0).total_cmp(&F1(b).unwrap_or(0.0))) else {
                continue;
            };
            let Ok(svg) = fs::read_to_string(Place::new(root, name).picture(&worst.recording)) else { continue };
            let what = match &worst.figures {
                Some(f) => format!(
                    "{} of {} cells found, {} estimated; F1 {:.2}",
                    f.n_found,
                    worst.cells.unit.len(),
                    f.n_est,
                    f.f1
                ),
                None => worst.status.words().to_owned(),
            };
            let _ = writeln!(
                out,
                "<figure><figcaption>{} {} on {}: {what}</figcaption>{svg}</figure>",
                swatch(i),
                escaped(name),
                worst.recording
            );
        }
        out.push_str("</div>\n");
    }

    /// Time and memory.
    fn cost(&self, out: &mut String) {
        out.push_str("<h2>Time and memory</h2>\n");
        let names: Vec<String> = self.recordings.iter().map(|(name, ..)| (*name).to_owned()).collect();
        let plots: [(&str, &str, Figure); 3] = [
            ("Wall clock", "s", |r| r.wall_s),
            ("Processor time, all cores together", "s", |r| r.cpu_s),
            ("Memory of the largest process", "GB", |r| r.peak_bytes.map(|b| b as f64 / 1e9)),
        ];
        for (title, y_label, of) in plots {
            let series: Vec<Series> = self
                .pipelines()
                .map(|(i, _, rows)| {
                    let points = rows.iter().filter_map(|row| {
                        let x = self.recordings.iter().position(|(name, ..)| *name == row.recording)?;
                        Some(Point { x: x as f64, y: of(row)?, interval: None })
                    });
                    Series { number: Some(i), points: points.collect() }
                })
                .collect();
            let most = series.iter().flat_map(|s| &s.points).map(|p| p.y).fold(0.0, f64::max);
            if most > 0.0 {
                let across = Across::Names(names.clone());
                let plot = Plot { title, across, x_label: "", y_label, y: [0.0, 1.05 * most], series, wide: true };
                let _ = writeln!(out, "<div class=\"wide\">{}</div>", figure(&plot));
            }
        }
    }

    /// What failed, and the last words of it.
    fn failures(&self, out: &mut String, root: &Path) {
        let failed: Vec<&Row> = self.rows.values().flatten().filter(|r| r.status != Status::Ok).collect();
        if failed.is_empty() {
            return;
        }
        out.push_str("<h2>What failed</h2>\n");
        for row in failed {
            let log = fs::read(Place::new(root, &row.pipeline).log(&row.recording)).unwrap_or_default();
            let log = String::from_utf8_lossy(&log).into_owned();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
            let _ = write!(
                out,
                "<h3>{} on {}</h3>\n<p>{}: {}</p>\n",
                escaped(&row.pipeline),
                row.recording,
                row.status.words(),
                escaped(row.why.as_deref().unwrap_or_default())
            );
            if !last.is_empty() {
                let _ = writeln!(out, "<pre>{}</pre>", escaped(&last));
            }
        }
    }

    /// How to read it.
    fn words(&self, out: &mut String) {
        let _ = write!(
            out,
            "<h2>How to read this</h2>\n<p>A cell counts as found if it is paired with an estimate whose footprint is at least {THRESHOLD} alike \
             by {}; recall is the share of cells found, precision the share of estimates that are cells, F1 their harmonic mean. Only \
             detectable cells are asked for. A constant offset between estimate and truth is undone. Traces are compared by \
             correlation, over all pairs.</p>\n",
            METRIC.name()
        );
        if self.recordings.iter().any(|(name, ..)| self.ideal_recall(&[name]).is_some()) {
            out.push_str(
                "<p>The ideal observer knows every footprint, the background and the noise, and estimates how bright each cell is in \
                 each frame as well as the light allows. Its recall is the share of cells whose largest transient is then at least three \
                 standard deviations high; what it cannot tell from noise and neighbours nobody can. It need not find footprints, so a \
                 pipeline may be as good only where cells are clear.</p>\n",
            );
        }
        out.push_str(
            "<p>It does not say how good a pipeline could be with settings chosen for each recording, nor how it fares with what these \
             films have not: every pipeline ran with one command on all of them.</p>\n",
        );
        out.push_str("<h3>Commands</h3>\n");
        let mut commands: Vec<(String, &str)> =
            self.rows.values().flatten().map(|r| (r.pipeline.clone(), r.command.as_str())).collect();
        commands.dedup();
        for (name, command) in commands {
            let _ = writeln!(out, "<pre>{}: {}</pre>", escaped(&name), escaped(command));
        }
    }

    /// Share of the cells of some recordings that the ideal observer can tell from noise and neighbours.
    fn ideal_recall(&self, names: &[&str]) -> Option<f64> {
        let mut all = Vec::new();
        for name in names {
            let row = self.rows.values().flatten().find(|r| r.recording == *name)?;
            all.extend(row.cells.separable()?);
        }
        mean(all.into_iter().map(|s| f64::from(u8::from(s))))
    }

    /// What the ideal observer reaches on a recording.
    fn ideal(&self, recording: &str, of: fn(&Row) -> Option<f64>) -> Option<f64> {
        self.rows.values().flatten().find(|r| r.recording == recording).and_then(of)
    }
}

/// With a capital letter.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn swatch(i: usize) -> String {
    format!(
        "<svg viewBox=\"0 0 26 12\" width=\"26\" height=\"12\" style=\"display:inline\">{}</svg>",
        marker(i, 13.0, 6.0)
    )
}

fn ideal_swatch() -> &'static str {
    "<svg viewBox=\"0 0 26 12\" width=\"26\" height=\"12\" style=\"display:inline\"><path class=\"line ideal\" d=\"M0 6h26\"/></svg>"
}
