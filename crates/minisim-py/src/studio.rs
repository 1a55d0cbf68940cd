//! The studio, for notebooks.

use std::{path::PathBuf, sync::Mutex};

use minisim_studio::{Studio, StudioOptions};
use pyo3::{exceptions::PyRuntimeError, prelude::*};

use crate::spec::read;

/// A running studio.
#[pyclass(frozen)]
pub(crate) struct StudioServer(Mutex<Option<Studio>>);

impl StudioServer {
    fn with<T>(&self, f: impl FnOnce(&Studio) -> T) -> PyResult<T> {
        let guard = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        guard.as_ref().map(f).ok_or_else(|| PyRuntimeError::new_err("the studio is closed; open another one"))
    }
}

#[pymethods]
impl StudioServer {
    /// Starts a studio for the spec (JSON) that writes recordings to `dir`.
    #[new]
    fn new(py: Python<'_>, spec: &str, dir: PathBuf, port: u16) -> PyResult<Self> {
        let spec = read(spec)?;
        let studio = py.detach(|| Studio::start(StudioOptions { spec, dir, port }));
        studio.map(|s| Self(Mutex::new(Some(s)))).map_err(|e| PyRuntimeError::new_err(e.to_string()))
    }

    /// The page's address.
    #[getter]
    fn url(&self) -> PyResult<String> {
        self.with(Studio::url)
    }

    /// The newest valid configuration (JSON).
    fn spec(&self) -> PyResult<String> {
        self.with(|s| s.spec().canonical_json())
    }

    /// Ends the studio; recordings that are being written are given up.
    fn close(&self, py: Python<'_>) {
        let studio = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        py.detach(|| drop(studio));
    }
}

/// The spec (JSON) that a studio starts with.
#[pyfunction]
fn starting_spec() -> PyResult<String> {
    let points = minisim::presets::starting_points().map_err(|e| PyRuntimeError::new_err(e.to_string()))?;
    points.first().map(|p| p.spec.canonical_json()).ok_or_else(|| PyRuntimeError::new_err("there is no preset"))
}

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<StudioServer>()?;
    m.add_function(wrap_pyfunction!(starting_spec, m)?)
}
