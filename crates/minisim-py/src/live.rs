//! A recording frame after frame, as a camera would hand it over.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use minisim::Scene;
use minisim_io::{Live, LiveFrame, LiveOptions, Next, available_memory_bytes};
use pyo3::{prelude::*, types::PyAny};

use crate::{recording::pixels_to_py, run, spec};

/// How often Python looks for Ctrl-C.
const POLL: Duration = Duration::from_millis(40);

/// Frames on their way.
#[pyclass(name = "Live", frozen)]
struct PyLive(Mutex<Option<Live>>);

#[pymethods]
impl PyLive {
    /// Begins to render the spec (JSON) up to a stage; at its frame rate, and again and again, if asked for.
    #[new]
    #[pyo3(signature = (text, stage, realtime, repeat))]
    fn new(py: Python<'_>, text: &str, stage: Option<String>, realtime: bool, repeat: bool) -> PyResult<Self> {
        let spec = spec::read(text)?;
        if let Some(limit) = available_memory_bytes() {
            spec.cost().check(limit).map_err(|r| spec::invalid(&r))?;
        }
        let scene = py.detach(|| Scene::new(&spec)).map_err(|r| spec::invalid(&r))?;
        let options = LiveOptions { stage, realtime, repeat };
        let live = py.detach(|| Live::start(Arc::new(scene), options)).map_err(|e| run::argument_error(&e))?;
        Ok(Self(Mutex::new(Some(live))))
    }

    /// The next frame: its pixels (height, width), its number, its time (s). None at the end, and after `close`.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<(Bound<'py, PyAny>, u64, f64)>> {
        loop {
            let next = py.detach(|| {
                let mut live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                live.as_mut()
                    .map(|live| (live.next(POLL), live.scene().spec.output.store_dtype, live.scene().canvas.fov))
            });
            match next {
                Some((Next::Frame(LiveFrame { index, time_s, pixels }), stored, shape)) => {
                    // As the recording holds them.
                    let image = pixels_to_py(py, pixels.converted(stored.into()), &shape)?;
                    return Ok(Some((image, index, time_s)));
                }
                Some((Next::NotYet, ..)) => py.check_signals()?,
                Some((Next::End, ..)) | None => return Ok(None),
            }
        }
    }

    /// Ends the rendering and frees what it held.
    fn close(&self, py: Python<'_>) {
        py.detach(|| drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take()));
    }
}

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyLive>()
}
