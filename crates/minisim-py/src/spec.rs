//! Specs, as JSON texts.

use minisim::spec::{Finding, Format, Report, Spec};
use pyo3::{exceptions::PyValueError, prelude::*};

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(check_part, m)?)?;
    m.add_function(wrap_pyfunction!(check_spec, m)?)?;
    m.add_function(wrap_pyfunction!(cache_key, m)?)?;
    m.add_function(wrap_pyfunction!(preset_spec, m)?)?;
    m.add_function(wrap_pyfunction!(set_fields, m)?)?;
    m.add_function(wrap_pyfunction!(stages, m)?)
}

/// The spec that a text holds.
pub(crate) fn read(text: &str) -> PyResult<Spec> {
    Spec::from_text(text, Format::Json).map(|c| c.spec).map_err(|r| invalid(&r))
}

/// A report as a ValueError, one finding a line.
pub(crate) fn invalid(report: &Report) -> PyErr {
    PyValueError::new_err(report.findings.iter().map(|f| f.message.clone()).collect::<Vec<_>>().join("\n"))
}

fn as_json(findings: &[Finding]) -> String {
    serde_json::Value::Array(findings.iter().map(Finding::to_json).collect()).to_string()
}

/// The canonical text of a spec (None if it is invalid), its errors, and its warnings, both as JSON lists.
#[pyfunction]
fn check_spec(text: &str) -> (Option<String>, String, String) {
    match Spec::from_text(text, Format::Json) {
        Ok(checked) => (Some(checked.spec.canonical_json()), "[]".to_owned(), as_json(&checked.warnings)),
        Err(report) => (None, as_json(&report.findings), "[]".to_owned()),
    }
}

/// What the engine's rules refuse of a part of a spec by itself, such as "BrainMotion", as a JSON list.
#[pyfunction]
fn check_part(name: &str, text: &str) -> PyResult<String> {
    let part = serde_json::from_str(text).map_err(|e| PyValueError::new_err(format!("{name}: {e}")))?;
    Ok(as_json(&minisim::spec::check_part(name, &part)))
}

/// The cache key of a spec.
#[pyfunction]
fn cache_key(text: &str) -> PyResult<String> {
    Ok(read(text)?.cache_key())
}

/// The canonical text of a preset.
#[pyfunction]
fn preset_spec(name: &str) -> PyResult<String> {
    Ok(minisim::presets::preset(name).map_err(|r| invalid(&r))?.canonical_json())
}

/// The canonical text of a spec with fields changed: (dotted path, value as JSON).
#[pyfunction]
fn set_fields(text: &str, changes: Vec<(String, String)>) -> PyResult<String> {
    let mut parsed = Vec::with_capacity(changes.len());
    for (path, value) in &changes {
        let value = serde_json::from_str(value).map_err(|e| PyValueError::new_err(format!("{path}: {value}: {e}")))?;
        parsed.push((path.as_str(), value));
    }
    Ok(read(text)?.set_all(parsed).map_err(|r| invalid(&r))?.spec.canonical_json())
}

/// The stages of a spec, in the order of light.
#[pyfunction]
fn stages(text: &str) -> PyResult<Vec<&'static str>> {
    Ok(read(text)?.steps.iter().map(minisim::steps::AnyStep::stage).collect())
}
