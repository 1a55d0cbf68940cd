//! Reading recordings back, whole or in parts.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use minisim::{
    GroundTruth, Recording, Spec,
    footprint::{FootprintStack, Patch},
    recording::{Content, Movie, Pixels, SampleType},
    steps,
    truth::{Dim, Stored, TruthArray, TruthData},
};
use serde_json::Value;

use super::{
    FLAGS, FORMAT_VERSION, SPIKES,
    array::{Array, Dtype, read_json, read_small},
    stages,
};
use crate::{error::IoError, estimate::Numbers};

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
        content: reader.content()?,
        ground_truth: reader.ground_truth()?,
        snapshots,
    };
    Ok(Loaded { recording, warnings: reader.warnings })
}

/// An open recording; frames and arrays are read when asked for.
#[derive(Debug)]
pub struct Reader {
    root: PathBuf,
    attributes: Value,
    spec: Spec,
    observed: Array,
    present: Vec<String>,
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
        let attributes = group_attributes(&root)?;
        match &attributes["format_version"] {
            Value::Null => return Err(alien("its attributes have no format_version, so something else wrote it")),
            v if v.as_u64() == Some(FORMAT_VERSION) => {}
            v => return Err(IoError::Version { path: root, found: v.to_string(), expected: FORMAT_VERSION }),
        }
        let spec_path = root.join("spec.json");
        let text = String::from_utf8(read_small(&spec_path, MAX_SPEC_BYTES)?)
            .map_err(|_| IoError::damaged(&spec_path, "it is not UTF-8 text"))?;
        let spec = Spec::from_json(&text)
            .map_err(|report| IoError::damaged(&spec_path, format!("it is not a valid spec\n{report}")))?
            .spec;
        let mut warnings = Vec::new();
        let (stored_key, key) = (attributes["spec_cache_key"].as_str().unwrap_or("none"), spec.cache_key());
        if stored_key != key {
            warnings.push(format!(
                "{}: spec hash mismatch: the recording was made from a spec with cache key {stored_key}, but spec.json now has {key}",
                root.display()
            ));
        }
        let names = |key: &str| -> Result<Vec<String>, IoError> {
            let list = attributes[key].as_array().and_then(|list| {
                list.iter().map(|name| name.as_str().map(ToOwned::to_owned)).collect::<Option<Vec<_>>>()
            });
            list.ok_or_else(|| IoError::damaged(&root.join(".zattrs"), format!("{key} is {}", attributes[key])))
        };
        let present = names("gt_present")?;
        for name in present.iter().filter(|name| steps::declared(name).is_none()) {
            warnings.push(format!("{}: the ground truth {name} is not known here and is left out", root.display()));
        }
        let kept = names("snapshot_names")?;
        if let Some(name) = kept.iter().find(|name| !stages().any(|stage| stage == *name)) {
            let why = format!("snapshot_names lists {name:?}, which is no stage");
            return Err(IoError::damaged(&root.join(".zattrs"), why));
        }
        let snapshot_names = stages().filter(|stage| kept.iter().any(|k| k == stage)).map(ToOwned::to_owned).collect();
        let observed = movie_array(&root.join("observed"))?;
        Ok(Self { root, attributes, spec, observed, present, snapshot_names, warnings })
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

    /// What the observed movie shows: as the directory says, or, where it does not, as its first frame looks.
    ///
    /// # Errors
    /// When the directory says what cannot be, or the first frame cannot be read.
    pub fn content(&self) -> Result<Content, IoError> {
        let (Some(stage), Some(max_count)) = (self.attributes.get("stage"), self.attributes.get("max_count")) else {
            return Ok(Content::inferred(&self.spec, &self.frames(0..1)?));
        };
        let stage_name = stage.as_str().filter(|name| stages().any(|stage| stage == *name));
        let damaged =
            |key: &str, value: &Value| IoError::damaged(&self.root.join(".zattrs"), format!("{key} is {value}"));
        if !stage.is_null() && stage_name.is_none() {
            return Err(damaged("stage", stage));
        }
        if !max_count.is_null() && max_count.as_u64().is_none() {
            return Err(damaged("max_count", max_count));
        }
        Ok(Content { stage: stage_name.map(ToOwned::to_owned), max_count: max_count.as_u64() })
    }

    /// Frames of the observed movie.
    #[must_use]
    pub fn n_frames(&self) -> usize {
        self.shape()[0]
    }

    /// How the observed movie is stored.
    #[must_use]
    pub fn sample(&self) -> SampleType {
        sample_of(self.observed.layout.dtype).unwrap_or(SampleType::F32)
    }

    /// What may not be as it seems.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The attributes of the directory, as they are stored.
    #[must_use]
    pub fn attributes(&self) -> &Value {
        &self.attributes
    }

    /// Stages whose movie was kept, in the order of light.
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
        let dir = self.root.join("snapshots").join(name);
        let array = movie_array(&dir)?;
        if array.layout.shape[0] != self.n_frames() {
            let why = format!("it has {} frames, the observed movie {}", array.layout.shape[0], self.n_frames());
            return Err(IoError::damaged(&dir, why));
        }
        movie(&array, frames)
    }

    /// The array `name` of the ground truth; `None` if its step did not run.
    ///
    /// # Errors
    /// When there is no such array in any recording, or it is damaged.
    pub fn truth_array(&self, name: &str) -> Result<Option<TruthArray>, IoError> {
        let Some(declared) = steps::declared(name) else {
            let known = steps::all_declared().map(|d| d.name).collect::<Vec<_>>().join(", ");
            let why = format!("{name} is no array of a ground truth; those are {known}");
            return Err(IoError::unsupported(&self.root, why));
        };
        let dir = self.root.join("ground_truth").join(declared.name);
        let there = match declared.stored {
            Stored::Always(_) => true,
            Stored::WhenPresent => self.present.iter().any(|p| p == declared.name),
            Stored::Extra => dir.is_dir(),
        };
        if !there {
            return Ok(None);
        }
        let array = Array::open(&dir)?;
        let shape = array.layout.shape.clone();
        if shape.len() != declared.dims.len() {
            let why = format!("its shape is {shape:?}, it must have {} axes", declared.dims.len());
            return Err(IoError::damaged(&dir, why));
        }
        let wrong_type = || IoError::damaged(&dir, format!("its elements are of type {}", array.layout.dtype.name()));
        let data = if FLAGS.contains(&declared.name) {
            if array.layout.dtype != Dtype::Bool {
                return Err(wrong_type());
            }
            TruthData::Bool(array.read::<u8>()?.into_iter().map(|b| b != 0).collect())
        } else {
            let values = array.read_f64()?.ok_or_else(wrong_type)?;
            if declared.name == SPIKES {
                let count = |v: &f64| (*v == f64::from(*v as u32)).then_some(*v as u32);
                let counts: Option<Vec<u32>> = values.iter().map(count).collect();
                TruthData::U32(
                    counts.ok_or_else(|| IoError::damaged(&dir, "it holds what is no number of spikes"))?.into(),
                )
            } else {
                TruthData::F64(values.into())
            }
        };
        Ok(Some(TruthArray { declared, shape, data }))
    }

    /// The whole ground truth.
    ///
    /// # Errors
    /// When a part is missing or damaged, or the parts do not fit together.
    pub fn ground_truth(&self) -> Result<GroundTruth, IoError> {
        let dir = self.root.join("ground_truth");
        let attributes = group_attributes(&dir)?;
        let focal_depth_um = match &attributes["focal_depth_um"] {
            Value::Null => None,
            Value::Number(n) => n.as_f64(),
            v => return Err(IoError::damaged(&dir.join(".zattrs"), format!("focal_depth_um is {v}"))),
        };
        let planted = self.planted(&dir.join("planted"))?;
        // Axes of the same name are of the same length, wherever they occur. A recording that stops among the cell steps
        // has traces but no frames, so the frames are compared among the arrays of the truth only.
        let [height, width] = planted.fov_shape;
        let mut lengths =
            vec![(Dim::Unit, planted.len()), (Dim::Height, height), (Dim::Width, width), (Dim::Zyx, 3), (Dim::Yx, 2)];
        if self.n_frames() > 0 {
            lengths.push((Dim::Frame, self.n_frames()));
        }
        let mut arrays = Vec::new();
        for declared in steps::all_declared() {
            let Some(array) = self.truth_array(declared.name)? else { continue };
            for (dim, length) in declared.dims.iter().zip(&array.shape) {
                match lengths.iter().find(|(known, _)| known == dim) {
                    None => lengths.push((*dim, *length)),
                    Some((_, expected)) if expected == length => {}
                    Some((_, expected)) => {
                        let why = format!("its {} axis is {length} long, elsewhere it is {expected}", dim.name());
                        return Err(IoError::damaged(&dir.join(declared.name), why));
                    }
                }
            }
            arrays.push(array);
        }
        Ok(GroundTruth { planted, focal_depth_um, arrays })
    }

    fn planted(&self, dir: &Path) -> Result<FootprintStack, IoError> {
        let path = dir.join(".zattrs");
        let attributes = group_attributes(dir)?;
        let pair = |key: &str| -> Result<[usize; 2], IoError> {
            let values: Vec<usize> = attributes[key]
                .as_array()
                .map(|l| l.iter().filter_map(|v| v.as_u64().filter(|n| *n < 1 << 24).map(|n| n as usize)).collect())
                .unwrap_or_default();
            <[usize; 2]>::try_from(values).map_err(|_| IoError::damaged(&path, format!("{key} is {}", attributes[key])))
        };
        let canvas_shape = pair("canvas_shape")?;
        let open = |name: &str, dtype: Dtype, columns: &[usize]| -> Result<Array, IoError> {
            let array = Array::open(&dir.join(name))?;
            if array.layout.dtype == dtype && array.layout.shape[1..] == *columns {
                return Ok(array);
            }
            let why = format!("its shape is {:?}, its type {}", array.layout.shape, array.layout.dtype.name());
            Err(IoError::damaged(&dir.join(name), why))
        };
        let offsets: Vec<i32> = open("offsets", Dtype::I4, &[2])?.read()?;
        let shapes: Vec<i32> = open("shapes", Dtype::I4, &[2])?.read()?;
        let data: Vec<f32> = open("data", Dtype::F4, &[])?.read()?;
        let bad = |why: String| IoError::damaged(dir, why);
        if offsets.len() != shapes.len() {
            return Err(bad(format!("there are {} offsets but {} shapes", offsets.len() / 2, shapes.len() / 2)));
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
        if fov_shape != self.shape()[1..] {
            return Err(bad(format!("the field of view is {fov_shape:?} px, a frame {:?}", &self.shape()[1..])));
        }
        Ok(FootprintStack { canvas_shape, fov_offset, fov_shape, patches })
    }
}

/// The array `name` in any zarr group, in whatever numbers it is stored; `None` if it is not there. xarray puts a variable into a
/// group of its own, so `NAME.zarr/NAME` is looked at too.
pub(crate) fn read_plain_array(group: &Path, name: &str) -> Result<Option<Numbers>, IoError> {
    let places = [group.join(name), group.join(name).join(name), group.join(format!("{name}.zarr")).join(name)];
    let Some(dir) = places.into_iter().find(|dir| dir.join(".zarray").is_file()) else { return Ok(None) };
    let array = Array::open(&dir)?;
    let values = match array.layout.dtype {
        Dtype::F8 => array.read()?,
        Dtype::F4 => array.read::<f32>()?.into_iter().map(f64::from).collect(),
        Dtype::U2 => array.read::<u16>()?.into_iter().map(f64::from).collect(),
        Dtype::I4 => array.read::<i32>()?.into_iter().map(f64::from).collect(),
        Dtype::U1 | Dtype::Bool => array.read::<u8>()?.into_iter().map(f64::from).collect(),
    };
    Ok(Some(Numbers { shape: array.layout.shape, values }))
}

/// The attributes of the group `dir`.
fn group_attributes(dir: &Path) -> Result<Value, IoError> {
    let path = dir.join(".zgroup");
    let group = read_json(&path)?;
    if group["zarr_format"].as_u64() != Some(2) {
        return Err(IoError::unsupported(&path, format!("its zarr_format is {}; 2 is read", group["zarr_format"])));
    }
    read_json(&dir.join(".zattrs"))
}

fn sample_of(dtype: Dtype) -> Option<SampleType> {
    match dtype {
        Dtype::U1 => Some(SampleType::U8),
        Dtype::U2 => Some(SampleType::U16),
        Dtype::F4 => Some(SampleType::F32),
        Dtype::F8 => Some(SampleType::F64),
        Dtype::I4 | Dtype::Bool => None,
    }
}

fn movie_array(dir: &Path) -> Result<Array, IoError> {
    let array = Array::open(dir)?;
    if array.layout.shape.len() == 3 && sample_of(array.layout.dtype).is_some() {
        return Ok(array);
    }
    let why = format!("shape {:?} of {} is no movie", array.layout.shape, array.layout.dtype.name());
    Err(IoError::damaged(dir, why))
}

fn movie(array: &Array, frames: Range<usize>) -> Result<Movie, IoError> {
    let shape = &array.layout.shape;
    let start = frames.start.min(shape[0]);
    let frames = start..frames.end.clamp(start, shape[0]);
    let shape = [frames.len(), shape[1], shape[2]];
    let pixels = match sample_of(array.layout.dtype) {
        Some(SampleType::U8) => Pixels::U8(array.read_rows(frames)?),
        Some(SampleType::U16) => Pixels::U16(array.read_rows(frames)?),
        Some(SampleType::F64) => Pixels::F64(array.read_rows(frames)?),
        Some(SampleType::F32) | None => Pixels::F32(array.read_rows(frames)?),
    };
    Ok(Movie { shape, pixels })
}
