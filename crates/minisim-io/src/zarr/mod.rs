//! The recording directory `NAME.zarr`: a Zarr v2 group that zarr-python, xarray and the published package read.

mod array;
mod blosc;
mod reader;

use std::{
    fs,
    path::{Path, PathBuf},
};

use minisim::{
    GroundTruth, Recording, Sink,
    recording::{Pixels, SampleType},
    sink::{Block, Header, SinkError},
    truth::{Stored, TruthData},
};
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use crate::{Written, atomic::Pending, error::IoError};
use array::{Dtype, Layout, pixel_bytes, write_json};
pub use reader::{Loaded, Reader, load};

/// Version of the layout, which the published package checks.
pub(crate) const FORMAT_VERSION: u64 = 2;
/// Raw bytes of a movie chunk, roughly: large enough to compress well, small enough to read single frames.
const CHUNK_BYTES: usize = 4 << 20;

/// How to write a recording.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ZarrOptions {
    /// Replace an existing recording once the new one is complete.
    pub overwrite: bool,
}

impl ZarrOptions {
    /// The options with `overwrite` set.
    #[must_use]
    pub fn overwrite(self, overwrite: bool) -> Self {
        Self { overwrite }
    }
}

/// Writes a recording while its frames are rendered.
#[derive(Debug)]
pub struct ZarrSink {
    target: PathBuf,
    pending: Pending,
    options: ZarrOptions,
    header: Option<Header>,
    tracks: Vec<TrackWriter>,
    bytes: u64,
    /// Metadata by path inside the group, for `.zmetadata`.
    consolidated: Map<String, Value>,
}

impl ZarrSink {
    /// A sink that will write the directory `path`.
    ///
    /// # Errors
    /// When `path` exists and may not be replaced, or its folder does not exist.
    pub fn create(path: impl AsRef<Path>, options: ZarrOptions) -> Result<Self, IoError> {
        let target = path.as_ref().to_owned();
        refuse_existing(&target, options.overwrite)?;
        let pending = Pending::new(&target)?;
        fs::create_dir(pending.path()).map_err(IoError::system("create", &target))?;
        Ok(Self { target, pending, options, header: None, tracks: Vec::new(), bytes: 0, consolidated: Map::new() })
    }

    fn root(&self) -> &Path {
        self.pending.path()
    }

    fn group(&mut self, name: &str, attributes: Option<Value>) -> Result<(), IoError> {
        let dir = self.root().join(name);
        fs::create_dir_all(&dir).map_err(IoError::system("create", &dir))?;
        let prefix = if name.is_empty() { String::new() } else { format!("{name}/") };
        if let Some(attributes) = attributes {
            write_json(&dir.join(".zattrs"), &attributes)?;
            self.consolidated.insert(format!("{prefix}.zattrs"), attributes);
        }
        let group = json!({ "zarr_format": 2 });
        write_json(&dir.join(".zgroup"), &group)?;
        self.consolidated.insert(format!("{prefix}.zgroup"), group);
        Ok(())
    }

    fn note(&mut self, name: &str, layout: &Layout) {
        self.consolidated.insert(format!("{name}/.zarray"), layout.zarray());
        self.consolidated.insert(format!("{name}/.zattrs"), layout.zattrs());
    }

    fn array(&mut self, name: &str, layout: &Layout, raw: Vec<u8>) -> Result<(), IoError> {
        self.note(name, layout);
        self.bytes += layout.write_all(&self.root().join(name), raw)?;
        Ok(())
    }

    fn begin_tracks(&mut self, header: &Header) -> Result<(), IoError> {
        if header.tracks.len() > 1 {
            self.group("snapshots", None)?;
        }
        for (i, track) in header.tracks.iter().enumerate() {
            let name = track.stage.map_or_else(|| "observed".to_owned(), |stage| format!("snapshots/{stage}"));
            let sample = header.container(i);
            let frame_bytes = track.height * track.width * sample.bytes();
            let frames_per_chunk = (CHUNK_BYTES / frame_bytes.max(1)).clamp(1, header.n_frames.max(1));
            let layout = Layout {
                shape: vec![header.n_frames, track.height, track.width],
                chunks: vec![frames_per_chunk, track.height, track.width],
                dtype: Dtype::of(sample),
                dims: ["frame", "height", "width"].map(str::to_owned).to_vec(),
            };
            let dir = self.root().join(&name);
            layout.create(&dir)?;
            self.note(&name, &layout);
            self.tracks.push(TrackWriter { dir, layout, sample, waiting: Vec::new(), next_chunk: 0 });
        }
        self.header = Some(header.clone());
        Ok(())
    }

    fn complete(mut self, truth: &GroundTruth) -> Result<Written, IoError> {
        let header = self.header.take().ok_or_else(|| IoError::unsuitable(&self.target, "no frame was delivered"))?;
        for track in &mut self.tracks {
            self.bytes += track.flush()?;
        }
        self.group("ground_truth", Some(json!({ "focal_depth_um": truth.focal_depth_um })))?;
        let stack = &truth.planted;
        self.group(
            "ground_truth/planted",
            Some(json!({
                "canvas_shape": stack.canvas_shape,
                "fov_offset": stack.fov_offset,
                "fov_shape": stack.fov_shape,
            })),
        )?;
        let n = stack.len();
        let pairs = |of: &dyn Fn(&minisim::footprint::Patch) -> [i32; 2]| -> Vec<u8> {
            stack.patches.iter().flat_map(of).flat_map(i32::to_le_bytes).collect()
        };
        let offsets = pairs(&|p| [p.row, p.col]);
        let shapes = pairs(&|p| [p.height as i32, p.width as i32]);
        let data: Vec<u8> = stack.patches.iter().flat_map(|p| &p.data).flat_map(|v| v.to_le_bytes()).collect();
        let planted = "ground_truth/planted";
        self.array(&format!("{planted}/offsets"), &Layout::whole(&[n, 2], Dtype::I4, &["unit", "axis"]), offsets)?;
        self.array(&format!("{planted}/shapes"), &Layout::whole(&[n, 2], Dtype::I4, &["unit", "axis"]), shapes)?;
        self.array(&format!("{planted}/data"), &Layout::whole(&[data.len() / 4], Dtype::F4, &["pixel"]), data)?;
        for array in &truth.arrays {
            let (dtype, raw) = match &array.data {
                TruthData::F64(v) => (Dtype::F8, v.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()),
                // As the published package stores counts.
                TruthData::U32(v) => (Dtype::F8, v.iter().flat_map(|x| f64::from(*x).to_le_bytes()).collect()),
                TruthData::Bool(v) => (Dtype::Bool, v.iter().map(|x| u8::from(*x)).collect()),
            };
            let dims: Vec<&str> = array.declared.dims.iter().map(|d| d.name()).collect();
            self.array_in_rows(&format!("ground_truth/{}", array.declared.name), &array.shape, dtype, &dims, raw)?;
        }
        let spec = format!("{}\n", header.spec.pretty_json());
        crate::atomic::write(&self.root().join("spec.json"), spec.trim_end().as_bytes())?;
        let present: Vec<&str> =
            truth.arrays.iter().filter(|a| a.declared.stored == Stored::WhenPresent).map(|a| a.declared.name).collect();
        let mut snapshots: Vec<&str> = header.tracks.iter().filter_map(|t| t.stage).collect();
        snapshots.sort_unstable();
        // The root's metadata comes last: without it nothing takes the directory for a recording.
        self.group(
            "",
            Some(json!({
                "format_version": FORMAT_VERSION,
                "gt_present": present,
                "snapshot_names": snapshots,
                "spec_cache_key": header.spec.cache_key(),
            })),
        )?;
        let consolidated = json!({ "metadata": self.consolidated, "zarr_consolidated_format": 1 });
        write_json(&self.root().join(".zmetadata"), &consolidated)?;
        let (path, bytes) = (self.target, self.bytes);
        self.pending.commit(self.options.overwrite)?;
        Ok(Written { path, bytes })
    }

    /// Writes an array in one chunk, or cut along its first axis where that would be more than Blosc can hold.
    fn array_in_rows(
        &mut self,
        name: &str,
        shape: &[usize],
        dtype: Dtype,
        dims: &[&str],
        raw: Vec<u8>,
    ) -> Result<(), IoError> {
        const MOST: usize = 64 << 20;
        if raw.len() <= MOST {
            return self.array(name, &Layout::whole(shape, dtype, dims), raw);
        }
        let row_bytes = raw.len() / shape[0];
        let mut layout = Layout::whole(shape, dtype, dims);
        layout.chunks[0] = (MOST / row_bytes).max(1);
        self.note(name, &layout);
        let dir = self.root().join(name);
        layout.create(&dir)?;
        let written: Result<Vec<u64>, IoError> = raw
            .par_chunks(layout.chunks[0] * row_bytes)
            .enumerate()
            .map(|(i, part)| layout.write_chunk(&dir, i, part.to_vec()))
            .collect();
        self.bytes += written?.iter().sum::<u64>();
        Ok(())
    }
}

impl Sink for ZarrSink {
    type Output = Written;

    fn begin(&mut self, header: &Header) -> Result<(), SinkError> {
        Ok(self.begin_tracks(header)?)
    }

    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError> {
        self.bytes += self.tracks[block.track].push(block.pixels)?;
        Ok(())
    }

    fn finish(self, truth: GroundTruth) -> Result<Written, SinkError> {
        Ok(self.complete(&truth)?)
    }
}

/// Cuts a movie into chunks and writes them.
#[derive(Debug)]
struct TrackWriter {
    dir: PathBuf,
    layout: Layout,
    sample: SampleType,
    /// Bytes of frames that do not fill a chunk yet.
    waiting: Vec<u8>,
    next_chunk: usize,
}

impl TrackWriter {
    fn chunk_bytes(&self) -> usize {
        self.layout.chunks.iter().product::<usize>() * self.sample.bytes()
    }

    /// Takes more frames; writes the chunks that they complete, in parallel.
    fn push(&mut self, pixels: &Pixels) -> Result<u64, IoError> {
        let converted;
        let pixels = if pixels.sample() == self.sample {
            pixels
        } else {
            converted = pixels.clone().converted(self.sample);
            &converted
        };
        self.waiting.extend(pixel_bytes(pixels, 0..pixels.len()));
        let size = self.chunk_bytes();
        let full = self.waiting.len() / size;
        let rest = self.waiting.split_off(full * size);
        let chunks = std::mem::replace(&mut self.waiting, rest);
        let first = self.next_chunk;
        self.next_chunk += full;
        let written: Result<Vec<u64>, IoError> = chunks
            .par_chunks(size)
            .enumerate()
            .map(|(i, raw)| self.layout.write_chunk(&self.dir, first + i, raw.to_vec()))
            .collect();
        Ok(written?.iter().sum())
    }

    fn flush(&mut self) -> Result<u64, IoError> {
        if self.waiting.is_empty() {
            return Ok(0);
        }
        let raw = std::mem::take(&mut self.waiting);
        self.layout.write_chunk(&self.dir, self.next_chunk, raw)
    }
}

/// Refuses an output that exists: always without `overwrite`, and with it if it is no recording.
fn refuse_existing(target: &Path, overwrite: bool) -> Result<(), IoError> {
    if target.symlink_metadata().is_err() {
        return Ok(());
    }
    if !overwrite {
        return Err(IoError::Exists { path: target.to_owned() });
    }
    let marked = array::read_json(&target.join(".zattrs")).is_ok_and(|a| a.get("format_version").is_some());
    if target.is_dir() && marked {
        Ok(())
    } else {
        Err(IoError::WouldDestroy { path: target.to_owned(), what: "a recording" })
    }
}

/// Writes a recording that is in memory.
///
/// # Errors
/// As [`ZarrSink`].
pub fn save(recording: &Recording, path: impl AsRef<Path>, options: ZarrOptions) -> Result<Written, IoError> {
    let mut sink = ZarrSink::create(path, options)?;
    let track = |stage: Option<&'static str>, movie: &minisim::recording::Movie| minisim::sink::Track {
        stage,
        height: movie.shape[1],
        width: movie.shape[2],
        rendered: movie.pixels.sample(),
    };
    let mut tracks = vec![track(None, &recording.observed)];
    let stages = minisim::run::movie_stages(&recording.spec);
    for (name, movie) in &recording.snapshots {
        let stage =
            stages.iter().find(|s| *s == name).copied().ok_or_else(|| {
                IoError::unsuitable(&sink.target, format!("its snapshot {name} is no stage of its spec"))
            })?;
        tracks.push(track(Some(stage), movie));
    }
    let header = Header {
        spec: recording.spec.clone(),
        n_frames: recording.observed.shape[0],
        tracks,
        stored: recording.observed.pixels.sample(),
        max_count: None,
    };
    sink.begin_tracks(&header)?;
    let movies = std::iter::once(&recording.observed).chain(recording.snapshots.iter().map(|(_, m)| m));
    for (writer, movie) in sink.tracks.iter_mut().zip(movies) {
        sink.bytes += writer.push(&movie.pixels)?;
    }
    sink.complete(&recording.ground_truth)
}
