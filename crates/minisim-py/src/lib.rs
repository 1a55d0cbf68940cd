//! `minisim._core`: the engine for Python. Private; the package `minisim` is what users meet.
//!
//! Specs cross as JSON, recordings as dictionaries of numpy arrays that take over the engine's memory, and everything long runs in
//! a thread of its own while Python looks for Ctrl-C. No formula and no default lives here.

mod live;
mod metrics;
mod physics;
mod recording;
mod run;
mod spec;
mod studio;

use pyo3::prelude::*;

/// The engine for Python.
#[pymodule]
fn _core(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add("DETECT_SNR_THRESHOLD", minisim::DETECT_SNR_THRESHOLD)?;
    spec::register(m)?;
    recording::register(m)?;
    run::register(m)?;
    live::register(m)?;
    metrics::register(m)?;
    studio::register(m)?;
    physics::register(m)
}
