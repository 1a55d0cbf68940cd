//! Recordings as dictionaries of arrays, and back.

use minisim::{
    GroundTruth, Recording, Spec, effects,
    footprint::{FootprintStack, Patch},
    recording::{Content, Movie, Pixels},
    steps,
    truth::{Fill, TruthArray, TruthData},
};
use minisim_io::{Codec, FileOptions, Format, IoError, ZarrOptions};
use numpy::{
    IntoPyArray, PyArrayDyn, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArrayDyn,
    PyUntypedArrayMethods,
};
use pyo3::{
    exceptions::{PyFileExistsError, PyFileNotFoundError, PyIndexError, PyOSError, PyValueError},
    prelude::*,
    types::{PyBool, PyDict},
};

use crate::spec;

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(declared_truth, m)?)?;
    m.add_function(wrap_pyfunction!(load, m)?)?;
    m.add_function(wrap_pyfunction!(save, m)?)?;
    m.add_function(wrap_pyfunction!(export, m)?)?;
    m.add_function(wrap_pyfunction!(convert, m)?)?;
    m.add_function(wrap_pyfunction!(write_film, m)?)?;
    m.add_function(wrap_pyfunction!(dense_footprints, m)?)?;
    m.add_function(wrap_pyfunction!(displacement, m)?)?;
    m.add_function(wrap_pyfunction!(strengths, m)?)
}

/// A failure of a file in Python's terms.
pub(crate) fn file_error(error: &IoError) -> PyErr {
    let text = error.to_string();
    match error {
        IoError::Exists { .. } | IoError::WouldDestroy { .. } => PyFileExistsError::new_err(text),
        IoError::NotARecording { path, .. } if !path.exists() => PyFileNotFoundError::new_err(text),
        IoError::NotARecording { .. } | IoError::Version { .. } => PyValueError::new_err(text),
        _ => PyOSError::new_err(text),
    }
}

fn shaped<'py, T: numpy::Element>(py: Python<'py>, values: Vec<T>, shape: &[usize]) -> PyResult<Bound<'py, PyAny>> {
    Ok(values.into_pyarray(py).reshape(shape.to_vec())?.into_any())
}

/// Pixels as an array that takes over their memory.
pub(crate) fn pixels_to_py<'py>(py: Python<'py>, pixels: Pixels, shape: &[usize]) -> PyResult<Bound<'py, PyAny>> {
    match pixels {
        Pixels::U8(v) => shaped(py, v, shape),
        Pixels::U16(v) => shaped(py, v, shape),
        Pixels::F32(v) => shaped(py, v, shape),
        Pixels::F64(v) => shaped(py, v, shape),
    }
}

/// A recording's parts: `observed`, `snapshots`, `truth` (see [`truth_to_py`]).
pub(crate) fn recording_to_py<'py>(py: Python<'py>, recording: Recording) -> PyResult<Bound<'py, PyDict>> {
    let parts = PyDict::new(py);
    parts.set_item("spec", recording.spec.canonical_json())?;
    parts.set_item("stage", &recording.content.stage)?;
    parts.set_item("max_count", recording.content.max_count)?;
    parts.set_item("observed", pixels_to_py(py, recording.observed.pixels, &recording.observed.shape)?)?;
    let snapshots = PyDict::new(py);
    for (name, movie) in recording.snapshots {
        snapshots.set_item(name, pixels_to_py(py, movie.pixels, &movie.shape)?)?;
    }
    parts.set_item("snapshots", snapshots)?;
    parts.set_item("truth", truth_to_py(py, recording.ground_truth)?)?;
    Ok(parts)
}

/// The ground truth: one array a name, `focal_depth_um`, and the sharp footprints as `offsets`, `shapes`, `data` with
/// `canvas_shape`, `fov_offset` and `fov_shape`.
pub(crate) fn truth_to_py<'py>(py: Python<'py>, truth: GroundTruth) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("focal_depth_um", truth.focal_depth_um)?;
    let n = truth.planted.len();
    let stack = truth.planted;
    let offsets: Vec<i32> = stack.patches.iter().flat_map(|p| [p.row, p.col]).collect();
    let shapes: Vec<i32> = stack.patches.iter().flat_map(|p| [p.height as i32, p.width as i32]).collect();
    out.set_item("offsets", shaped(py, offsets, &[n, 2])?)?;
    out.set_item("shapes", shaped(py, shapes, &[n, 2])?)?;
    out.set_item("canvas_shape", stack.canvas_shape.to_vec())?;
    out.set_item("fov_offset", stack.fov_offset.to_vec())?;
    out.set_item("fov_shape", stack.fov_shape.to_vec())?;
    let data: Vec<f32> = stack.patches.into_iter().flat_map(|p| p.data).collect();
    out.set_item("data", data.into_pyarray(py))?;
    out.update(arrays_to_py(py, truth.arrays)?.as_mapping())?;
    Ok(out)
}

/// Arrays of the ground truth, by name.
pub(crate) fn arrays_to_py(py: Python<'_>, arrays: Vec<TruthArray>) -> PyResult<Bound<'_, PyDict>> {
    let out = PyDict::new(py);
    for array in arrays {
        let values = match array.data {
            TruthData::F64(v) => shaped(py, v.into_vec(), &array.shape)?,
            // As the published package has them.
            TruthData::U32(v) => shaped(py, v.iter().map(|n| f64::from(*n)).collect::<Vec<_>>(), &array.shape)?,
            TruthData::Bool(v) => shaped(py, v, &array.shape)?,
        };
        out.set_item(array.declared.name, values)?;
    }
    Ok(out)
}

/// A numeric array in C order as numbers.
fn numbers(value: &Bound<'_, PyAny>) -> PyResult<(Vec<usize>, Vec<f64>)> {
    let array: PyReadonlyArrayDyn<'_, f64> = value.extract()?;
    Ok((array.shape().to_vec(), array.as_array().iter().copied().collect()))
}

fn pair(truth: &Bound<'_, PyDict>, name: &str) -> PyResult<[usize; 2]> {
    item(truth, name)?.extract()
}

fn item<'py>(dict: &Bound<'py, PyDict>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    dict.get_item(name)?.ok_or_else(|| PyValueError::new_err(format!("the recording has no {name}")))
}

/// Footprints from their ragged parts.
fn stack(
    offsets: &PyReadonlyArray2<'_, i32>,
    shapes: &PyReadonlyArray2<'_, i32>,
    data: &PyReadonlyArray1<'_, f32>,
    [canvas_shape, fov_offset, fov_shape]: [[usize; 2]; 3],
) -> PyResult<FootprintStack> {
    let (offsets, shapes, data) = (offsets.as_array(), shapes.as_array(), data.as_array());
    let bad = || PyValueError::new_err("offsets, shapes and data of the footprints do not fit together");
    if offsets.dim() != shapes.dim() || offsets.dim().1 != 2 {
        return Err(bad());
    }
    let mut at = 0;
    let mut patches = Vec::with_capacity(offsets.dim().0);
    for (offset, shape) in offsets.rows().into_iter().zip(shapes.rows()) {
        let (height, width) = (shape[0].max(0) as usize, shape[1].max(0) as usize);
        let end = at + height * width;
        if end > data.len() {
            return Err(bad());
        }
        let weights = data.slice(numpy::ndarray::s![at..end]).iter().copied().collect();
        patches.push(Patch { row: offset[0], col: offset[1], height, width, data: weights });
        at = end;
    }
    Ok(FootprintStack { canvas_shape, fov_offset, fov_shape, patches })
}

fn stack_of(truth: &Bound<'_, PyDict>) -> PyResult<FootprintStack> {
    let offsets = item(truth, "offsets")?.extract()?;
    let shapes = item(truth, "shapes")?.extract()?;
    let data = item(truth, "data")?.extract()?;
    let places = [pair(truth, "canvas_shape")?, pair(truth, "fov_offset")?, pair(truth, "fov_shape")?];
    stack(&offsets, &shapes, &data, places)
}

/// The ground truth that a dictionary such as [`truth_to_py`] makes holds.
pub(crate) fn truth_from_py(truth: &Bound<'_, PyDict>) -> PyResult<GroundTruth> {
    let mut arrays = Vec::new();
    for declared in steps::all_declared() {
        let Some(value) = truth.get_item(declared.name)?.filter(|v| !v.is_none()) else { continue };
        let flags: Option<PyReadonlyArrayDyn<'_, bool>> = value.extract().ok();
        let (shape, data) = match flags {
            Some(flags) => (flags.shape().to_vec(), TruthData::Bool(flags.as_array().iter().copied().collect())),
            None => {
                let (shape, values) = numbers(&value)?;
                let counts = matches!(declared.absent(), Some(Fill::Count(_)));
                let data = if counts {
                    TruthData::U32(values.into_iter().map(|v| v as u32).collect::<Vec<_>>().into())
                } else {
                    TruthData::F64(values.into())
                };
                (shape, data)
            }
        };
        arrays.push(TruthArray { declared, shape, data });
    }
    let focal_depth_um = truth.get_item("focal_depth_um")?.map(|v| v.extract()).transpose()?.flatten();
    Ok(GroundTruth { planted: stack_of(truth)?, focal_depth_um, arrays })
}

/// A film from an array of shape (frame, height, width).
fn movie(value: &Bound<'_, PyAny>) -> PyResult<Movie> {
    let shape = |shape: &[usize]| -> PyResult<[usize; 3]> {
        shape.try_into().map_err(|_| PyValueError::new_err(format!("a film has three axes, not the shape {shape:?}")))
    };
    macro_rules! try_as {
        ($($element:ty => $pixels:ident),*) => {$(
            if let Ok(array) = value.cast::<PyArrayDyn<$element>>() {
                let array = array.readonly();
                return Ok(Movie {
                    shape: shape(array.shape())?,
                    pixels: Pixels::$pixels(array.as_array().iter().copied().collect()),
                });
            }
        )*};
    }
    try_as!(f32 => F32, u8 => U8, u16 => U16, f64 => F64);
    Err(PyValueError::new_err("a film must be an array of uint8, uint16, float32 or float64"))
}

/// What the film shows: as the parts say, or as the film looks where they do not.
fn content_of(parts: &Bound<'_, PyDict>, spec: &Spec, observed: &Movie) -> PyResult<Content> {
    let (Some(stage), Some(max_count)) = (parts.get_item("stage")?, parts.get_item("max_count")?) else {
        return Ok(Content::inferred(spec, observed));
    };
    Ok(Content { stage: stage.extract()?, max_count: max_count.extract()? })
}

fn recording_from_py(parts: &Bound<'_, PyDict>) -> PyResult<Recording> {
    let text: String = item(parts, "spec")?.extract()?;
    let truth = item(parts, "truth")?;
    let mut snapshots = Vec::new();
    for (name, value) in item(parts, "snapshots")?.cast::<PyDict>()?.iter() {
        snapshots.push((name.extract()?, movie(&value)?));
    }
    let (spec, observed) = (spec::read(&text)?, movie(&item(parts, "observed")?)?);
    let content = content_of(parts, &spec, &observed)?;
    Ok(Recording { spec, observed, content, ground_truth: truth_from_py(truth.cast()?)?, snapshots })
}

/// Reads a recording; its parts and its warnings.
#[pyfunction]
fn load<'py>(py: Python<'py>, path: std::path::PathBuf) -> PyResult<(Bound<'py, PyDict>, Vec<String>)> {
    let loaded = py.detach(|| minisim_io::load(path)).map_err(|e| file_error(&e))?;
    Ok((recording_to_py(py, loaded.recording)?, loaded.warnings))
}

/// Writes a recording's parts.
#[pyfunction]
fn save(py: Python<'_>, parts: &Bound<'_, PyDict>, path: std::path::PathBuf, overwrite: bool) -> PyResult<()> {
    let recording = recording_from_py(parts)?;
    py.detach(|| minisim_io::save(&recording, path, ZarrOptions { overwrite })).map_err(|e| file_error(&e))?;
    Ok(())
}

/// How to write a file: the dictionary has `format`, `codec`, `quality`, `clip`, `fps`, `vmin`, `vmax`, `overwrite`.
pub(crate) fn file_options(parts: &Bound<'_, PyDict>) -> PyResult<FileOptions> {
    let format: Option<String> = item(parts, "format")?.extract()?;
    let codec: Option<String> = item(parts, "codec")?.extract()?;
    let quality: u8 = item(parts, "quality")?.extract()?;
    let codec = codec.map(|name| {
        Codec::named(&name, quality).ok_or_else(|| {
            PyValueError::new_err(format!("codec {name:?} is not known; choose one of {}", Codec::NAMES.join(", ")))
        })
    });
    Ok(FileOptions {
        format: format.map(|f| Format::named(&f)).transpose().map_err(|e| PyValueError::new_err(e.to_string()))?,
        overwrite: item(parts, "overwrite")?.extract()?,
        codec: codec.transpose()?,
        clip: item(parts, "clip")?.extract()?,
        fps: item(parts, "fps")?.extract()?,
        vmin: item(parts, "vmin")?.extract()?,
        vmax: item(parts, "vmax")?.extract()?,
    })
}

/// What the format cannot hold is a wrong argument, everything else a matter of files.
pub(crate) fn output_error(e: &IoError) -> PyErr {
    match e {
        IoError::Unsuitable { .. } | IoError::UnknownFormat { .. } => PyValueError::new_err(e.to_string()),
        e => file_error(e),
    }
}

/// Writes a recording that is in memory in any format; where it is.
#[pyfunction]
fn export(
    py: Python<'_>,
    parts: &Bound<'_, PyDict>,
    path: std::path::PathBuf,
    options: &Bound<'_, PyDict>,
) -> PyResult<std::path::PathBuf> {
    let (recording, options) = (recording_from_py(parts)?, file_options(options)?);
    let written = py.detach(|| minisim_io::export(&recording, path, &options));
    written.map(|w| w.path).map_err(|e| output_error(&e))
}

/// Writes a recording on disk in another format; where it is.
#[pyfunction]
fn convert(
    py: Python<'_>,
    recording: std::path::PathBuf,
    path: std::path::PathBuf,
    options: &Bound<'_, PyDict>,
) -> PyResult<std::path::PathBuf> {
    let options = file_options(options)?;
    let mut interrupted = None;
    let written = py.detach(|| {
        let reader = minisim_io::Reader::open(recording)?;
        minisim_io::convert(&reader, path, &options, &mut |_| {
            interrupted = Python::attach(|py| py.check_signals()).err();
            interrupted.is_none()
        })
    });
    if let Some(why) = interrupted {
        return Err(why);
    }
    written.map(|w| w.path).map_err(|e| output_error(&e))
}

/// Writes a film that is in memory.
#[pyfunction]
fn write_film(
    py: Python<'_>,
    observed: &Bound<'_, PyAny>,
    spec: &str,
    path: std::path::PathBuf,
    options: &Bound<'_, PyDict>,
) -> PyResult<()> {
    let (spec, observed) = (spec::read(spec)?, movie(observed)?);
    let recording = Recording {
        content: Content::inferred(&spec, &observed),
        spec,
        observed,
        ground_truth: minisim::GroundTruth::default(),
        snapshots: Vec::new(),
    };
    let options = file_options(options)?;
    py.detach(|| minisim_io::export(&recording, path, &options)).map_err(|e| output_error(&e))?;
    Ok(())
}

/// Footprints on the field of view as a dense float64 array (unit, height, width); blurred and dimmed where `sigma_px` and `gain`
/// are given.
#[pyfunction]
#[pyo3(signature = (truth, observed))]
fn dense_footprints<'py>(
    py: Python<'py>,
    truth: &Bound<'py, PyDict>,
    observed: &Bound<'py, PyBool>,
) -> PyResult<Bound<'py, PyAny>> {
    let truth = truth_from_py(truth)?;
    let observed = observed.is_true();
    let [height, width] = truth.planted.fov_shape;
    let n = truth.n_units();
    let values = py.detach(|| {
        let stack = if observed { truth.observed_footprints() } else { truth.planted };
        let mut out = vec![0.0_f64; n * height * width];
        for (patch, dense) in stack.patches.iter().zip(out.chunks_exact_mut((height * width).max(1))) {
            let inside = stack.in_fov(patch);
            for r in 0..inside.height {
                let start = (inside.row as usize + r) * width + inside.col as usize;
                for (o, v) in dense[start..].iter_mut().zip(inside.row_weights(r)) {
                    *o = f64::from(*v);
                }
            }
        }
        out
    });
    shaped(py, values, &[n, height, width])
}

/// How far what each pixel shows in a frame is displaced: float64 (yx, height, width), px.
#[pyfunction]
fn displacement<'py>(py: Python<'py>, truth: &Bound<'py, PyDict>, frame: usize) -> PyResult<Bound<'py, PyAny>> {
    let truth = truth_from_py(truth)?;
    let [height, width] = truth.planted.fov_shape;
    let Some(field) = py.detach(|| truth.displacement(frame)) else {
        return Err(PyIndexError::new_err(format!(
            "frame {frame} is beyond the recording, or its motion does not fit together"
        )));
    };
    shaped(py, field, &[2, height, width])
}

/// How strong each effect is in a recording: (title, words with numbers and units).
#[pyfunction]
fn strengths(py: Python<'_>, text: &str, truth: &Bound<'_, PyDict>) -> PyResult<Vec<(&'static str, String)>> {
    let (spec, truth) = (spec::read(text)?, truth_from_py(truth)?);
    Ok(py.detach(|| effects::strengths(&spec, &truth).iter().map(|s| (s.title, s.text())).collect()))
}

/// What the arrays of a ground truth are: (name, axes, unit, meaning).
type About = (&'static str, Vec<&'static str>, &'static str, &'static str);

/// Every array that a ground truth may hold.
#[pyfunction]
fn declared_truth() -> Vec<About> {
    steps::all_declared().map(|d| (d.name, d.dims.iter().map(|d| d.name()).collect(), d.unit, d.doc)).collect()
}
