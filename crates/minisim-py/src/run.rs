//! Running the engine while Python looks for Ctrl-C and hears of progress.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    time::Duration,
};

use minisim::{Cancel, Event, MemorySink, Options, RunError, Scene, render, simulate_into};
use minisim_io::{FileSink, available_memory_bytes};
use pyo3::{
    exceptions::{PyKeyboardInterrupt, PyOSError, PyValueError},
    prelude::*,
    types::PyDict,
};

use crate::{
    recording::{arrays_to_py, file_options, output_error, pixels_to_py, recording_to_py, truth_to_py},
    spec,
};

/// How often Python looks for Ctrl-C.
const POLL: Duration = Duration::from_millis(40);

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(simulate, m)?)?;
    m.add_function(wrap_pyfunction!(simulate_to_file, m)?)?;
    m.add_function(wrap_pyfunction!(clean_twin, m)?)?;
    m.add_function(wrap_pyfunction!(run_cli, m)?)?;
    m.add_class::<PyScene>()
}

enum News<T> {
    Progress { done: usize, n_frames: usize },
    Ended(T),
}

/// A run that cannot begin as it was asked for.
pub(crate) fn argument_error(error: &RunError) -> PyErr {
    match error {
        RunError::Sink(why) => PyValueError::new_err(why.to_string()),
        other => python_error(other),
    }
}

fn python_error(error: &RunError) -> PyErr {
    match error {
        RunError::Spec(report) => spec::invalid(report),
        RunError::UnknownStage { .. } => PyValueError::new_err(error.to_string()),
        RunError::Cancelled => PyKeyboardInterrupt::new_err(""),
        _ => PyOSError::new_err(error.to_string()),
    }
}

/// Whether a stopped run must have ended before Python goes on: one that writes files must, to take them away again.
#[derive(Clone, Copy, PartialEq)]
enum Stop {
    Wait,
    Leave,
}

/// Runs `work` in a thread of its own; the caller's thread hands progress to Python and cancels on Ctrl-C, or when the callback
/// raises.
fn supervised<T: Send + 'static>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    on_stop: Stop,
    until: Option<String>,
    bounds: bool,
    work: impl FnOnce(Options<'_>) -> Result<T, RunError> + Send + 'static,
) -> PyResult<T> {
    let (sender, receiver) = mpsc::channel();
    // A receiver may be used by one thread at a time; with a lock it may be lent while the interpreter is free.
    let receiver = Mutex::new(receiver);
    let cancel = Cancel::new();
    let theirs = cancel.clone();
    let worker = std::thread::spawn(move || {
        let news: Sender<News<Result<T, RunError>>> = sender.clone();
        // Sending fails only when nobody listens any more.
        let mut on_event = move |event: Event| {
            let _ = match event {
                Event::Built { n_frames } => news.send(News::Progress { done: 0, n_frames }),
                Event::Frames { done, n_frames } => news.send(News::Progress { done, n_frames }),
                _ => Ok(()),
            };
        };
        let options = Options {
            until: until.as_deref(),
            bounds,
            memory_limit_bytes: available_memory_bytes(),
            cancel: theirs,
            on_event: Some(&mut on_event),
        };
        let ended = work(options);
        let _ = sender.send(News::Ended(ended));
    });
    let failure = loop {
        let wait = || receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(POLL);
        match py.detach(wait) {
            Ok(News::Ended(result)) => return result.map_err(|e| python_error(&e)),
            Ok(News::Progress { done, n_frames }) => {
                if let Some(call) = progress
                    && let Err(error) = call.call1((done, n_frames))
                {
                    break error;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                break PyOSError::new_err("the simulation ended without a result; please report this");
            }
        }
        if let Err(error) = py.check_signals() {
            break error;
        }
    };
    cancel.cancel();
    if on_stop == Stop::Wait {
        // Its result no longer matters.
        let _ = py.detach(|| worker.join());
    }
    Err(failure)
}

/// Simulates in memory; the recording's parts and the warnings.
#[pyfunction]
#[pyo3(signature = (text, until, bounds, progress))]
fn simulate<'py>(
    py: Python<'py>,
    text: &str,
    until: Option<String>,
    bounds: bool,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<(Bound<'py, PyDict>, Vec<String>)> {
    let spec = spec::read(text)?;
    let outcome = supervised(py, progress, Stop::Leave, until, bounds, move |options| {
        simulate_into(&spec, MemorySink::default(), options)
    })?;
    let warnings = outcome.warnings.iter().map(|w| w.message.clone()).collect();
    Ok((recording_to_py(py, outcome.output)?, warnings))
}

/// Simulates into a file of any format, frame by frame; where it is, and the warnings.
#[pyfunction]
#[pyo3(signature = (text, path, until, bounds, options, progress))]
fn simulate_to_file(
    py: Python<'_>,
    text: &str,
    path: PathBuf,
    until: Option<String>,
    bounds: bool,
    options: &Bound<'_, PyDict>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<(PathBuf, Vec<String>)> {
    let spec = spec::read(text)?;
    let sink = FileSink::create(&path, &file_options(options)?).map_err(|e| output_error(&e))?;
    let outcome =
        supervised(py, progress, Stop::Wait, until, bounds, move |options| simulate_into(&spec, sink, options))?;
    Ok((outcome.output.path, outcome.warnings.iter().map(|w| w.message.clone()).collect()))
}

/// The spec (JSON) of the same cells without background and noise.
#[pyfunction]
fn clean_twin(text: &str, focal_depth_um: Option<f64>) -> PyResult<String> {
    let twin = minisim::pair::clean_twin(&spec::read(text)?, focal_depth_um).map_err(|r| spec::invalid(&r))?;
    Ok(twin.canonical_json())
}

/// A scene: any frames of any stage, without those before them.
#[pyclass(name = "Scene", frozen)]
struct PyScene(Arc<Scene>);

#[pymethods]
impl PyScene {
    #[new]
    fn new(py: Python<'_>, text: &str) -> PyResult<Self> {
        let spec = spec::read(text)?;
        if let Some(limit) = available_memory_bytes() {
            spec.cost().check(limit).map_err(|r| spec::invalid(&r))?;
        }
        let scene = py.detach(|| Scene::new(&spec)).map_err(|r| spec::invalid(&r))?;
        Ok(Self(Arc::new(scene)))
    }

    /// Frames of the film; 0 where no step makes one.
    #[getter]
    fn n_frames(&self) -> usize {
        if self.0.plan.stages.is_empty() { 0 } else { self.0.n_frames }
    }

    /// Stages that make a film, in the order of light.
    #[getter]
    fn stages(&self) -> Vec<&'static str> {
        self.0.plan.stages.iter().map(|s| s.name).collect()
    }

    /// Frames `start` to `stop` after `stage` (the observed film if None) on the field of view: (frame, height, width).
    #[pyo3(signature = (start, stop, stage))]
    fn render<'py>(
        &self,
        py: Python<'py>,
        start: usize,
        stop: usize,
        stage: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let scene = &self.0;
        // As the recording holds them.
        let stored = scene.spec.output.store_dtype.into();
        let pixels = py
            .detach(|| render(scene, start..stop, stage).map(|pixels| pixels.converted(stored)))
            .map_err(|e| python_error(&e))?;
        let n = stop.min(self.n_frames()).saturating_sub(start);
        let [height, width] = scene.canvas.fov;
        pixels_to_py(py, pixels, &[n, height, width])
    }

    /// The bounds of an ideal observer: an array each, by name.
    fn bounds<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let bounds = py.detach(|| self.0.bounds()).map_err(|r| spec::invalid(&r))?;
        arrays_to_py(py, bounds.into_arrays())
    }

    /// The ground truth's parts.
    fn truth<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        truth_to_py(py, self.0.ground_truth(None))
    }
}

/// The command line; its exit code.
#[pyfunction]
fn run_cli(py: Python<'_>, args: Vec<std::ffi::OsString>) -> u8 {
    py.detach(|| minisim_cli::run(args))
}
