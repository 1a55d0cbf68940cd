//! Reading recordings back, whole or in parts.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use minisim::{
    GroundTruth, Recording, Spec,
    footprint::{FootprintStack, Patch},
    recording::{Movie, SampleType},
    spec::Format,
    steps,
    truth::{Declared, TruthArray, TruthData},
};
use serde_json::Value;

use super::{
    FORMAT_VERSION,
    array::{Array, Dtype, ints, pixels, read_json},
};
use crate::error::IoError;

/// Most bytes a stored spec may have.
const MAX_SPEC_BYTES: u64 = 256 << 20;

/// A recording that was read, and what is odd about it.
#[derive(Debug)]
pub struct Loaded {
    /// The recording.
    pub recording: Recording,
    /// What may not be as it seems.
    pub warnings: Vec<String>,
}

/// Reads a whole recording.
///
/// # Errors
/// When `path` is no recording, is in an unknown version, or is damaged.
pub fn load(path: impl AsRef<Path>) -> Result<Loaded, IoError> {
    let reader = Reader::open(path)?;
    let snapshots = reader
        .snapshot_names()
        .iter()
        .map(|name| Ok((name.clone(), reader.snapshot_frames(name, 0..usize::MAX)?)))
        .collect::<Result<_, IoError>>()?;
    let recording = Recording {
        spec: reader.spec().clone(),
        observed: reader.frames(0..usize::MAX)?,
        ground_truth: reader.ground_truth()?,
        snapshots,
    };
    Ok(Loaded { recording, warnings: reader.warnings })
}

/// An open recording; frames and arrays are read when asked for.
#[derive(Debug)]
pub struct Reader {
    root: PathBuf,
    spec: Spec,
    observed: Array,
    snapshot_names: Vec<String>,
    warnings: Vec<String>,
}

impl Reader {
    /// Opens the recording directory `path`.
    ///
    /// # Errors
    /// When `path` is no recording, is in an unknown version, or its metadata is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, IoError> {
        let root = path.as_ref().to_owned();
        let alien = |why: &str| IoError::NotARecording { path: root.clone(), why: why.to_owned() };
        if !root.is_dir() {
            return Err(alien(if root.exists() { "it is a file, not a directory" } else { "it does not exist" }));
        }
        if !root.join(".zgroup").is_file() || !root.join(".zattrs").is_file() {
            return Err(alien("it holds no zarr group; if its name contains .tmp-, it was never completed"));
        }
        let attributes = read_json(&root.join(".zattrs"))?;
        match &attributes["format_version"] {
            Value::Null => return Err(alien("its attributes have no format_version, so something else wrote it")),
            v if v.as_u64() == Some(FORMAT_VERSION) => {}
            v => return Err(IoError::Version { path: root, found: v.to_string(), expected: FORMAT_VERSION }),
        }
        let spec_path = root.join("spec.json");
        let length = std::fs::metadata(&spec_path).map_err(IoError::system("read", &spec_path))?.len();
        if length > MAX_SPEC_BYTES {
            return Err(IoError::damaged(&spec_path, format!("{length} bytes are too many for a spec")));
        }
        let text = std::fs::read(&spec_path).map_err(IoError::system("read", &spec_path))?;
        let text = String::from_utf8(text).map_err(|_| IoError::damaged(&spec_path, "it is not UTF-8 text"))?;
        let spec = Spec::from_text(&text, Format::Json)
            .map_err(|report| IoError::damaged(&spec_path, format!("it is not a valid spec\n{report}")))?
            .spec;
        let mut warnings = Vec::new();
        let stored_key = attributes["spec_cache_key"].as_str().unwrap_or("none");
        if stored_key != spec.cache_key() {
            warnings.push(format!(
                "{}: the recording was made from a spec with cache key {stored_key}, but spec.json now has {}",
                root.display(),
                spec.cache_key()
            ));
        }
        let names = attributes["snapshot_names"].as_array().cloned().unwrap_or_default();
        let snapshot_names = names
            .iter()
            .map(|n| n.as_str().filter(|n| minisim::run::movie_stages(&spec).contains(n)).map(ToOwned::to_owned))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| {
                IoError::damaged(&root.join(".zattrs"), "snapshot_names lists what is no stage of the spec")
            })?;
        let observed = movie_array(&root.join("observed"))?;
        Ok(Self { root, spec, observed, snapshot_names, warnings })
    }

    /// What was simulated.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// (frame, height, width) of the observed movie.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        [0, 1, 2].map(|i| self.observed.layout.shape[i])
    }

    /// Frames of the observed movie.
    #[must_use]
    pub fn n_frames(&self) -> usize {
        self.shape()[0]
    }

    /// How the observed movie is stored.
    #[must_use]
    pub fn sample(&self) -> SampleType {
        sample_of(self.observed.layout.dtype)
    }

    /// What may not be as it seems.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Stages whose movie was kept.
    #[must_use]
    pub fn snapshot_names(&self) -> &[String] {
        &self.snapshot_names
    }

    /// Frames of the observed movie; only the chunks that hold them are read. A range past the end is cut.
    ///
    /// # Errors
    /// When a chunk is missing or damaged.
    pub fn frames(&self, frames: Range<usize>) -> Result<Movie, IoError> {
        movie(&self.observed, frames)
    }

    /// Frames of the movie after stage `name`.
    ///
    /// # Errors
    /// When there is no such snapshot, or a chunk is missing or damaged.
    pub fn snapshot_frames(&self, name: &str, frames: Range<usize>) -> Result<Movie, IoError> {
        let name = steps::stage_name(name);
        if !self.snapshot_names.iter().any(|n| n == name) {
            let kept = self.snapshot_names.join(", ");
            let why =
                format!("no snapshot {name} was kept (kept: {kept}); simulate with output.save_intermediates = true");
            return Err(IoError::unsupported(&self.root, why));
        }
        movie(&movie_array(&self.root.join("snapshots").join(name))?, frames)
    }

    /// One array of the ground truth; `None` if its step did not run.
    ///
    /// # Errors
    /// When the array is damaged.
    pub fn truth_array(&self, declared: &'static Declared) -> Result<Option<TruthArray>, IoError> {
        let dir = self.root.join("ground_truth").join(declared.name);
        if !dir.join(".zarray").exists() {
            return Ok(None);
        }
        let array = Array::open(&dir)?;
        let shape = array.layout.shape.clone();
        if shape.len() != declared.dims.len() {
            return Err(IoError::damaged(
                &dir,
                format!("its shape is {shape:?}, it must have {} axes", declared.dims.len()),
            ));
        }
        let values = array.read_f64()?;
        let data = match (declared.name, array.layout.dtype) {
            (_, Dtype::Bool) => TruthData::Bool(values.iter().map(|v| *v != 0.0).collect()),
            ("S", _) => TruthData::U32(values.iter().map(|v| *v as u32).collect()),
            _ => TruthData::F64(values),
        };
        Ok(Some(TruthArray { declared, shape, data }))
    }

    /// The whole ground truth.
    ///
    /// # Errors
    /// When a part is missing or damaged, or the parts do not fit together.
    pub fn ground_truth(&self) -> Result<GroundTruth, IoError> {
        let dir = self.root.join("ground_truth");
        let attributes = read_json(&dir.join(".zattrs"))?;
        let planted = self.planted(&dir.join("planted"))?;
        let (n, t) = (planted.len(), self.spec.acquisition.n_frames());
        let mut arrays = Vec::new();
        for declared in steps::all_declared() {
            let path = dir.join(declared.name);
            match self.truth_array(declared)? {
                Some(array) => {
                    let wrong = declared.dims.iter().zip(&array.shape).any(|(dim, len)| match dim {
                        minisim::truth::Dim::Unit => *len != n,
                        minisim::truth::Dim::Frame => *len != t,
                        _ => false,
                    });
                    if wrong {
                        let why = format!("its shape is {:?} for {n} cells and {t} frames", array.shape);
                        return Err(IoError::damaged(&path, why));
                    }
                    arrays.push(array);
                }
                None if declared.stored == minisim::truth::Stored::Always => {
                    return Err(IoError::damaged(&path, "the array is missing"));
                }
                None => {}
            }
        }
        Ok(GroundTruth { planted, focal_depth_um: attributes["focal_depth_um"].as_f64(), arrays })
    }

    fn planted(&self, dir: &Path) -> Result<FootprintStack, IoError> {
        let path = dir.join(".zattrs");
        let attributes = read_json(&path)?;
        let pair = |key: &str| -> Result<[usize; 2], IoError> {
            let values: Vec<usize> = attributes[key]
                .as_array()
                .map(|l| l.iter().filter_map(|v| v.as_u64().filter(|n| *n < 1 << 24).map(|n| n as usize)).collect())
                .unwrap_or_default();
            <[usize; 2]>::try_from(values).map_err(|_| IoError::damaged(&path, format!("{key} is {}", attributes[key])))
        };
        let canvas_shape = pair("canvas_shape")?;
        let typed = |name: &str, dtype: Dtype| -> Result<Array, IoError> {
            let array = Array::open(&dir.join(name))?;
            if array.layout.dtype == dtype {
                Ok(array)
            } else {
                Err(IoError::damaged(&dir.join(name), "its element type is wrong"))
            }
        };
        let offsets = ints(&typed("offsets", Dtype::I4)?.read()?);
        let shapes = ints(&typed("shapes", Dtype::I4)?.read()?);
        let data = match pixels(Dtype::F4, &typed("data", Dtype::F4)?.read()?) {
            Some(minisim::recording::Pixels::F32(v)) => v,
            _ => Vec::new(),
        };
        let bad = |why: String| IoError::damaged(dir, why);
        if offsets.len() != shapes.len() || offsets.len() % 2 != 0 {
            return Err(bad("offsets and shapes do not belong together".to_owned()));
        }
        let mut rest = data.as_slice();
        let mut patches = Vec::with_capacity(offsets.len() / 2);
        for (offset, shape) in offsets.chunks_exact(2).zip(shapes.chunks_exact(2)) {
            let inside = |axis: usize| {
                let (from, size, limit) = (i64::from(offset[axis]), i64::from(shape[axis]), canvas_shape[axis] as i64);
                from >= 0 && size >= 0 && from + size <= limit
            };
            if !inside(0) || !inside(1) {
                return Err(bad(format!("a footprint at {offset:?} of {shape:?} pixels does not fit on the canvas")));
            }
            let (height, width) = (shape[0] as usize, shape[1] as usize);
            let Some((weights, more)) = rest.split_at_checked(height * width) else {
                return Err(bad("there are fewer footprint pixels than the shapes say".to_owned()));
            };
            rest = more;
            patches.push(Patch { row: offset[0], col: offset[1], height, width, data: weights.to_vec() });
        }
        if !rest.is_empty() {
            return Err(bad("there are more footprint pixels than the shapes say".to_owned()));
        }
        let (fov_offset, fov_shape) = (pair("fov_offset")?, pair("fov_shape")?);
        if (0..2).any(|i| fov_offset[i] + fov_shape[i] > canvas_shape[i]) {
            return Err(bad("the field of view does not fit on the canvas".to_owned()));
        }
        Ok(FootprintStack { canvas_shape, fov_offset, fov_shape, patches })
    }
}

fn sample_of(dtype: Dtype) -> SampleType {
    match dtype {
        Dtype::U1 | Dtype::Bool => SampleType::U8,
        Dtype::U2 => SampleType::U16,
        Dtype::F4 | Dtype::I4 => SampleType::F32,
        Dtype::F8 => SampleType::F64,
    }
}

fn movie_array(dir: &Path) -> Result<Array, IoError> {
    let array = Array::open(dir)?;
    let typed = matches!(array.layout.dtype, Dtype::U1 | Dtype::U2 | Dtype::F4 | Dtype::F8);
    if array.layout.shape.len() == 3 && typed {
        Ok(array)
    } else {
        Err(IoError::damaged(dir, format!("shape {:?} of {:?} is no movie", array.layout.shape, array.layout.dtype)))
    }
}

fn movie(array: &Array, frames: Range<usize>) -> Result<Movie, IoError> {
    let shape = &array.layout.shape;
    let frames = frames.start.min(shape[0])..frames.end.min(shape[0]).max(frames.start.min(shape[0]));
    let shape = [frames.len(), shape[1], shape[2]];
    let bytes = array.read_rows(frames)?;
    let pixels = pixels(array.layout.dtype, &bytes).unwrap_or(minisim::recording::Pixels::U8(Vec::new()));
    Ok(Movie { shape, pixels })
}
