//! The rows as tables of comma-separated values.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::row::Row;
use crate::sweep::quoted;

/// What a column holds of a row.
type Column = (&'static str, fn(&Row) -> String);

fn maybe<T: ToString>(value: Option<T>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

/// Columns of the table of results, in the order in which they are written.
pub(super) const COLUMNS: &[Column] = &[
    ("set", |r| r.set.clone()),
    ("size", |r| r.size.clone()),
    ("pipeline", |r| r.pipeline.clone()),
    ("recording", |r| r.recording.clone()),
    ("factor", |r| r.factor.clone()),
    ("level", |r| r.level.to_string()),
    ("status", |r| r.status.name().to_owned()),
    ("why", |r| maybe(r.why.clone())),
    ("n_true", |r| r.cells.unit.len().to_string()),
    ("n_est", |r| maybe(r.figures.as_ref().map(|f| f.n_est))),
    ("n_found", |r| maybe(r.figures.as_ref().map(|f| f.n_found))),
    ("recall", |r| maybe(r.figures.as_ref().map(|f| f.recall))),
    ("precision", |r| maybe(r.figures.as_ref().map(|f| f.precision))),
    ("f1", |r| maybe(r.figures.as_ref().map(|f| f.f1))),
    ("average_precision", |r| maybe(r.figures.as_ref().map(|f| f.average_precision))),
    ("mean_overlap", |r| maybe(r.figures.as_ref().map(|f| f.mean_overlap))),
    ("merges", |r| maybe(r.figures.as_ref().map(|f| f.merges))),
    ("splits", |r| maybe(r.figures.as_ref().map(|f| f.splits))),
    ("f1_by_area", |r| maybe(r.figures.as_ref().map(|f| f.area_f1))),
    ("f1_by_center", |r| maybe(r.figures.as_ref().map(|f| f.center_f1))),
    ("trace_corr", |r| maybe(r.figures.as_ref().and_then(|f| f.trace_corr))),
    ("activity_corr", |r| maybe(r.figures.as_ref().and_then(|f| f.activity_corr))),
    ("spike_f1", |r| maybe(r.figures.as_ref().and_then(|f| f.spike_f1))),
    ("motion_rmse_px", |r| maybe(r.figures.as_ref().and_then(|f| f.motion_rmse_px))),
    ("motion_rmse_um", |r| maybe(r.figures.as_ref().and_then(|f| f.motion_rmse_um))),
    ("displacement_error_um", |r| maybe(r.figures.as_ref().and_then(|f| f.displacement_error_um))),
    ("depth_corr", |r| maybe(r.figures.as_ref().and_then(|f| f.depth_corr))),
    ("wall_s", |r| maybe(r.wall_s)),
    ("cpu_s", |r| maybe(r.cpu_s)),
    ("peak_bytes", |r| maybe(r.peak_bytes)),
    ("jobs", |r| r.jobs.to_string()),
    ("time_limit_s", |r| r.time_limit_s.to_string()),
    ("n_frames", |r| r.n_frames.to_string()),
    ("film_format", |r| r.film_format.clone()),
    ("spec_cache_key", |r| r.spec_cache_key.clone()),
    ("command", |r| r.command.clone()),
    ("versions", |r| r.versions.iter().map(|(k, v)| format!("{k} {v}")).collect::<Vec<_>>().join("; ")),
    ("minisim", |r| r.minisim.clone()),
    ("processor", |r| r.machine.processor.clone()),
    ("cores", |r| r.machine.cores.to_string()),
    ("memory_bytes", |r| r.machine.memory_bytes.to_string()),
    ("system", |r| r.machine.system.clone()),
    ("finished_unix_s", |r| r.finished_unix_s.to_string()),
];

/// One line a pipeline and recording.
pub(super) fn results(rows: &BTreeMap<String, Vec<Row>>) -> String {
    let head: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let mut text = head.join(",") + "\n";
    for row in rows.values().flatten() {
        let cells: Vec<String> = COLUMNS.iter().map(|(_, of)| quoted(&of(row))).collect();
        text += &(cells.join(",") + "\n");
    }
    text
}

/// One line a pipeline, recording and cell that was asked for.
pub(super) fn cells(rows: &BTreeMap<String, Vec<Row>>) -> String {
    let mut names: Vec<&String> = rows.values().flatten().flat_map(|r| r.cells.by.keys()).collect();
    names.sort();
    names.dedup();
    let mut text = "pipeline,recording,unit,found,trace_corr".to_owned();
    for name in &names {
        text += &format!(",{}", quoted(name));
    }
    text.push('\n');
    for row in rows.values().flatten() {
        for (i, unit) in row.cells.unit.iter().enumerate() {
            let r = row.cells.trace_corr.get(i).copied().flatten();
            text += &format!("{},{},{unit},{},{}", row.pipeline, row.recording, u8::from(row.cells.found[i]), maybe(r));
            for name in &names {
                let value = row.cells.by.get(*name).and_then(|v| v.get(i).copied().flatten());
                text += &format!(",{}", maybe(value));
            }
            text.push('\n');
        }
    }
    text
}

/// A row as a JSON object with the columns of the table: numbers as numbers, what is missing as null.
pub(super) fn as_json(row: &Row) -> Json {
    let value = |text: String| match text.as_str() {
        "" => Json::Null,
        _ => serde_json::from_str(&text).ok().filter(Json::is_number).unwrap_or(Json::String(text)),
    };
    COLUMNS.iter().map(|(name, of)| ((*name).to_owned(), value(of(row)))).collect()
}
