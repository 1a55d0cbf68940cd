//! The recording directory `NAME.zarr`: a Zarr v2 group that zarr-python, xarray and the published package read.
//!
//! Movies are chunked by frames only, so that any range of frames reads whole chunks and a writer owns whole chunks. Counts
//! of spikes are stored as floats and flags as booleans, as the published package does; arrays that only we have lie beside
//! the others and are not listed in `gt_present`.

mod array;
mod blosc;
mod chunks;
mod reader;
mod runs;

use std::{
    borrow::Cow,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use minisim::{
    GroundTruth, Recording, Sink,
    recording::{Movie, Pixels, SampleType},
    sink::{Block, Header, SinkError, Track},
    steps,
    truth::{Stored, TruthData},
};
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use crate::{Written, atomic::Pending, disk::Aligned, error::IoError};
pub(crate) use array::{Dtype, Element, Layout, write_json};
use array::{ZERO_PLANES_OF_COUNTS, fill_from_pixels, fill_planes};
use blosc::held;
pub(crate) use chunks::Chunks;
pub(crate) use reader::read_plain_array;
pub use reader::{Loaded, Reader, load};

/// Version of the layout, which the published package checks.
const FORMAT_VERSION: u64 = 2;
/// Raw bytes of a movie chunk, roughly: large enough to compress well, small enough to read single frames.
const MOVIE_CHUNK_BYTES: usize = 12 << 20;
/// Raw bytes of a chunk of the ground truth, roughly; its arrays are read whole.
const TRUTH_CHUNK_BYTES: usize = 32 << 20;
/// What a recording must hold to be one of the published package's too: spikes as floats, flags as booleans.
const SPIKES: &str = "S";
const FLAGS: [&str; 2] = ["in_focus", "detectable"];

/// The stages that a snapshot may be named after, in the order of light.
fn stages() -> impl Iterator<Item = &'static str> {
    steps::KINDS.iter().map(|kind| steps::stage_name(kind))
}

/// How to write a recording.
#[derive(Clone, Copy, Debug, Default)]
pub struct ZarrOptions {
    /// Replace an existing recording once the new one is complete.
    pub overwrite: bool,
}

/// Writes a recording while its frames are rendered. The memory it needs does not grow with the duration.
#[derive(Debug)]
pub struct ZarrSink {
    target: PathBuf,
    /// Before the pending folder, which is removed when that is dropped: until then this may write there.
    chunks: Chunks,
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
    /// When `path` exists and may not be replaced, or nothing can be written beside it.
    pub fn create(path: impl AsRef<Path>, options: ZarrOptions) -> Result<Self, IoError> {
        let target = path.as_ref().to_owned();
        refuse_existing(&target, options.overwrite)?;
        let pending = Pending::new(&target)?;
        fs::create_dir(pending.path()).map_err(IoError::system("create", &target))?;
        let (chunks, consolidated) = (Chunks::default(), Map::new());
        Ok(Self { target, chunks, pending, options, header: None, tracks: Vec::new(), bytes: 0, consolidated })
    }

    fn unsuitable(&self, why: impl Into<String>) -> IoError {
        IoError::unsuitable(&self.target, why)
    }

    fn root(&self) -> &Path {
        self.pending.path()
    }

    fn group(&mut self, name: &str, attributes: Option<Value>) -> Result<(), IoError> {
        let (dir, prefix) = if name.is_empty() {
            (self.root().to_owned(), String::new())
        } else {
            let dir = self.root().join(name);
            fs::create_dir(&dir).map_err(IoError::system("create", &dir))?;
            (dir, format!("{name}/"))
        };
        for (file, value) in [(".zattrs", attributes), (".zgroup", Some(json!({ "zarr_format": 2 })))] {
            if let Some(value) = value {
                self.bytes += write_json(&dir.join(file), &value)?;
                self.consolidated.insert(format!("{prefix}{file}"), value);
            }
        }
        Ok(())
    }

    /// Takes note of an array, which is to be created in the directory that this returns.
    fn array(&mut self, name: &str, layout: &Layout) -> PathBuf {
        self.consolidated.insert(format!("{name}/.zarray"), layout.zarray());
        self.consolidated.insert(format!("{name}/.zattrs"), layout.zattrs());
        self.root().join(name)
    }

    /// Takes note of an array of the ground truth of `n` elements; `elements` gives a range of them, `put` writes elements as
    /// bytes of the layout's type.
    fn truth_array<'a, T: Copy + Sync + 'a>(
        &mut self,
        name: &str,
        layout: Layout,
        n: usize,
        elements: impl Fn(Range<usize>) -> Cow<'a, [T]> + Send + Sync + 'a,
        put: impl Fn(&[T], &mut [u8]) + Send + Sync + 'a,
    ) -> Result<TruthArray<'a>, IoError> {
        if layout.shape.iter().product::<usize>() != n {
            return Err(self.unsuitable(format!("{name} has {n} elements, shape {:?}", layout.shape)));
        }
        let dir = self.array(&format!("ground_truth/{name}"), &layout);
        let write = {
            let (dir, layout) = (dir.clone(), layout.clone());
            move |chunks: &Chunks, index: usize| {
                // Elements that are computed are held chunk by chunk only.
                let range = layout.elements(index);
                let held = elements(range.clone());
                let put = |part: Range<usize>, out: &mut [u8]| {
                    put(&held[part.start - range.start..part.end - range.start], out);
                };
                layout.write_chunk(chunks, &dir, index, put)
            }
        };
        Ok(TruthArray { dir, layout, write: Box::new(write) })
    }

    fn ground_truth(&mut self, truth: &GroundTruth) -> Result<(), IoError> {
        self.group("ground_truth", Some(json!({ "focal_depth_um": truth.focal_depth_um })))?;
        let stack = &truth.planted;
        let attributes = json!({
            "canvas_shape": stack.canvas_shape,
            "fov_offset": stack.fov_offset,
            "fov_shape": stack.fov_shape,
        });
        self.group("ground_truth/planted", Some(attributes))?;
        if stack.patches.iter().any(|p| p.data.len() != p.height * p.width) {
            return Err(self.unsuitable("a footprint has more or fewer weights than pixels"));
        }
        let pairs = || Layout::in_rows(&[stack.len(), 2], Dtype::I4, &["unit", "yx"], TRUTH_CHUNK_BYTES);
        let offsets: Vec<i32> = stack.patches.iter().flat_map(|p| [p.row, p.col]).collect();
        let shapes: Vec<i32> = stack.patches.iter().flat_map(|p| [p.height as i32, p.width as i32]).collect();
        let weights: Vec<&[f32]> = stack.patches.iter().map(|p| p.data.as_slice()).collect();
        let weights = weights.concat();
        let pixels = Layout::in_rows(&[weights.len()], Dtype::F4, &["pixel"], TRUTH_CHUNK_BYTES);
        let mut arrays = vec![
            self.truth_array("planted/data", pixels, weights.len(), part_of(&weights), Element::put)?,
            self.truth_array("planted/offsets", pairs(), offsets.len(), part_of(&offsets), Element::put)?,
            self.truth_array("planted/shapes", pairs(), shapes.len(), part_of(&shapes), Element::put)?,
        ];
        for array in &truth.arrays {
            let name = array.declared.name;
            let dims: Vec<&str> = array.declared.dims.iter().map(|d| d.name()).collect();
            let layout = |dtype| Layout::in_rows(&array.shape, dtype, &dims, TRUTH_CHUNK_BYTES);
            arrays.push(match &array.data {
                TruthData::F64(v) => {
                    self.truth_array(name, layout(Dtype::F8), v.len(), |range| v.range(range), Element::put)?
                }
                TruthData::U32(v) => self.truth_array(
                    name,
                    layout(Dtype::F8),
                    v.len(),
                    |range| v.range(range),
                    |counts, out| {
                        out.as_chunks_mut()
                            .0
                            .iter_mut()
                            .zip(counts)
                            .for_each(|(o, n)| *o = f64::from(*n).to_le_bytes());
                    },
                )?,
                TruthData::Bool(v) => {
                    self.truth_array(name, layout(Dtype::Bool), v.len(), part_of(v), |flags: &[bool], out| {
                        out.iter_mut().zip(flags).for_each(|(o, flag)| *o = u8::from(*flag));
                    })?
                }
            });
        }
        let create = |array: &TruthArray<'_>| array.layout.create(&array.dir);
        self.bytes += arrays.par_iter().map(create).try_reduce(|| 0, |a, b| Ok(a + b))?;
        // The chunks of all arrays side by side, the longest first.
        let mut chunks: Vec<(&TruthArray<'_>, usize)> =
            arrays.iter().flat_map(|array| (0..array.layout.n_chunks()).map(move |i| (array, i))).collect();
        chunks.sort_by_key(|(array, _)| std::cmp::Reverse(array.layout.chunk_bytes()));
        let write = |(array, i): (&TruthArray<'_>, usize)| (array.write)(&self.chunks, i);
        self.bytes += chunks.into_iter().par_bridge().map(write).try_reduce(|| 0, |a, b| Ok(a + b))?;
        Ok(())
    }

    /// Creates the arrays of the movies; `containers` says how each is stored.
    fn open(&mut self, header: &Header, containers: &[SampleType]) -> Result<(), IoError> {
        if self.header.is_some() {
            return Err(self.unsuitable("its movies were announced twice"));
        }
        if header.tracks.first().is_none_or(|t| t.stage.is_some()) {
            return Err(self.unsuitable("the observed movie must be announced first"));
        }
        if header.tracks.len() > 1 {
            self.group("snapshots", None)?;
        }
        // Asked here, where the run's own thread pool is still around us: a run on one thread writes on one, too.
        let parallel = rayon::current_num_threads() > 1;
        for (track, sample) in header.tracks.iter().zip(containers) {
            let name = track.stage.map_or_else(|| "observed".to_owned(), |stage| format!("snapshots/{stage}"));
            if !holds(*sample, track.rendered) {
                return Err(self.unsuitable(format!(
                    "{name} is rendered as {:?}, which {sample:?} cannot hold; set output.store_dtype to float32",
                    track.rendered
                )));
            }
            let shape = [header.n_frames, track.height, track.width];
            let layout = Layout::in_rows(&shape, Dtype::of(*sample), &["frame", "height", "width"], MOVIE_CHUNK_BYTES);
            let dir = self.array(&name, &layout);
            self.bytes += layout.create(&dir)?;
            self.tracks.push(TrackWriter::new(dir, layout, track.rendered, parallel));
        }
        self.header = Some(header.clone());
        Ok(())
    }

    fn take(&mut self, track: usize, first_frame: usize, pixels: &Pixels) -> Result<(), IoError> {
        let due = self.tracks.get(track).map(|t| t.n_frames);
        if due != Some(first_frame) {
            return Err(self.unsuitable(format!("frame {first_frame} of movie {track} came where {due:?} is due")));
        }
        self.bytes += self.tracks[track].push(&self.chunks, pixels)?;
        Ok(())
    }

    fn complete(mut self, truth: &GroundTruth) -> Result<Written, IoError> {
        let Some(header) = self.header.take() else {
            return Err(self.unsuitable("no movie was announced"));
        };
        for track in &mut self.tracks {
            self.bytes += track.flush(&self.chunks)?;
        }
        if let Some(short) = self.tracks.iter().find(|t| t.n_frames != header.n_frames) {
            return Err(self.unsuitable(format!("{} of {} frames came", short.n_frames, header.n_frames)));
        }
        self.ground_truth(truth)?;
        self.chunks.finish()?;
        let spec = header.spec.pretty_json();
        crate::atomic::write(&self.root().join("spec.json"), spec.as_bytes())?;
        self.bytes += spec.len() as u64;
        let present: Vec<&str> =
            truth.arrays.iter().filter(|a| a.declared.stored == Stored::WhenPresent).map(|a| a.declared.name).collect();
        let mut snapshots: Vec<&str> = header.tracks.iter().filter_map(|t| t.stage).collect();
        snapshots.sort_unstable();
        // The root's metadata comes last: without it nothing takes the directory for a recording.
        let attributes = json!({
            "format_version": FORMAT_VERSION,
            "gt_present": present,
            "snapshot_names": snapshots,
            "spec_cache_key": header.spec.cache_key(),
            "stage": header.content.stage,
            "max_count": header.content.max_count,
        });
        self.group("", Some(attributes))?;
        let consolidated = json!({ "metadata": self.consolidated, "zarr_consolidated_format": 1 });
        self.bytes += write_json(&self.root().join(".zmetadata"), &consolidated)?;
        self.pending.commit(self.options.overwrite)?;
        Ok(Written { path: self.target, bytes: self.bytes })
    }
}

/// An array of the ground truth that is to be written.
struct TruthArray<'a> {
    dir: PathBuf,
    layout: Layout,
    /// Writes a chunk. Returns bytes written.
    write: Box<WriteChunk<'a>>,
}

type WriteChunk<'a> = dyn Fn(&Chunks, usize) -> Result<u64, IoError> + Send + Sync + 'a;

/// Gives parts of values that are held.
fn part_of<'a, T: Copy + Sync>(values: &'a [T]) -> impl Fn(Range<usize>) -> Cow<'a, [T]> + Send + Sync + 'a {
    |range| Cow::Borrowed(&values[range])
}

impl Sink for ZarrSink {
    type Output = Written;

    fn begin(&mut self, header: &Header) -> Result<(), SinkError> {
        let containers: Vec<SampleType> = (0..header.tracks.len()).map(|i| header.container(i)).collect();
        Ok(self.open(header, &containers)?)
    }

    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError> {
        Ok(self.take(block.track, block.first_frame, block.pixels)?)
    }

    fn finish(self, truth: GroundTruth) -> Result<Written, SinkError> {
        Ok(self.complete(&truth)?)
    }
}

/// Whether every pixel of type `rendered` keeps its value in the container; floats may lose digits, but not their range.
fn holds(container: SampleType, rendered: SampleType) -> bool {
    use SampleType::{F32, F64, U8, U16};
    match container {
        F32 | F64 => true,
        U16 => matches!(rendered, U8 | U16),
        U8 => rendered == U8,
    }
}

/// Cuts a movie into chunks and writes them.
#[derive(Debug)]
struct TrackWriter {
    dir: PathBuf,
    layout: Layout,
    parallel: bool,
    /// Frames that do not fill a chunk yet.
    waiting: Pixels,
    /// Frames taken and chunks written so far.
    n_frames: usize,
    n_chunks: usize,
}

impl TrackWriter {
    fn new(dir: PathBuf, layout: Layout, rendered: SampleType, parallel: bool) -> Self {
        let waiting = Pixels::with_capacity(rendered, 0);
        Self { dir, layout, parallel, waiting, n_frames: 0, n_chunks: 0 }
    }

    /// Takes more frames and writes the chunks that they complete. Returns bytes written.
    fn push(&mut self, chunks: &Chunks, pixels: &Pixels) -> Result<u64, IoError> {
        let frame = self.layout.shape[1] * self.layout.shape[2];
        if frame == 0 || !pixels.len().is_multiple_of(frame) {
            let why = format!("{} pixels came, no whole number of frames of {frame}", pixels.len());
            return Err(IoError::unsuitable(&self.dir, why));
        }
        self.n_frames += pixels.len() / frame;
        let size = self.layout.chunks.iter().product();
        // Whole chunks are taken from where they are; only what is left over is kept.
        let joining = if self.waiting.is_empty() { 0 } else { pixels.len().min(size - self.waiting.len()) };
        let mut written = 0;
        if joining > 0 {
            self.waiting.extend_from(pixels, 0..joining);
            if self.waiting.len() == size {
                let waiting = self.waiting.take();
                written += self.write(chunks, &waiting, 0..size)?;
            }
        }
        let whole = joining + (pixels.len() - joining) / size * size;
        written += self.write(chunks, pixels, joining..whole)?;
        self.waiting.extend_from(pixels, whole..pixels.len());
        Ok(written)
    }

    /// Writes the last, short chunk. Returns bytes written.
    fn flush(&mut self, chunks: &Chunks) -> Result<u64, IoError> {
        let waiting = self.waiting.take();
        self.write(chunks, &waiting, 0..waiting.len())
    }

    /// Writes pixels as chunks, the last of which may be short. Returns bytes written.
    fn write(&mut self, chunks: &Chunks, pixels: &Pixels, range: Range<usize>) -> Result<u64, IoError> {
        let layout = &self.layout;
        let size: usize = layout.chunks.iter().product();
        let (n_bytes, width) = (layout.chunk_bytes(), layout.dtype.bytes());
        let pack = |i: usize| {
            let elements = range.start + i * size..(range.start + (i + 1) * size).min(range.end);
            chunks.pack(|packer, packed| match (pixels, layout.dtype) {
                (Pixels::U8(counts), Dtype::F4) => {
                    packer.compress_planes(n_bytes, width, ZERO_PLANES_OF_COUNTS, packed, |bytes, planes| {
                        fill_planes(&counts[held(&elements, width, &bytes)], planes)
                    });
                }
                _ => packer.compress(elements, n_bytes, width, packed, |elements, out| {
                    fill_from_pixels(pixels, elements, layout.dtype, out);
                }),
            })
        };
        let due = 0..range.len().div_ceil(size);
        let packed: Vec<Aligned> =
            if self.parallel { due.into_par_iter().map(pack).collect() } else { due.map(pack).collect() };
        let mut total = 0;
        for packed in packed {
            total += chunks.write(self.layout.chunk_path(&self.dir, self.n_chunks), packed)?;
            self.n_chunks += 1;
        }
        Ok(total)
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

/// Writes a recording that is in memory, each movie as it is held there.
///
/// # Errors
/// When `path` exists and may not be replaced, cannot be written, or the recording's parts do not fit together.
pub fn save(recording: &Recording, path: impl AsRef<Path>, options: ZarrOptions) -> Result<Written, IoError> {
    let mut sink = ZarrSink::create(path, options)?;
    let n_frames = recording.observed.shape[0];
    let mut movies: Vec<(Option<&'static str>, &Movie)> = vec![(None, &recording.observed)];
    for (name, movie) in &recording.snapshots {
        let Some(stage) = stages().find(|stage| stage == name) else {
            return Err(sink.unsuitable(format!("its snapshot {name:?} is named after no stage")));
        };
        movies.push((Some(stage), movie));
    }
    let tracks = movies.iter().map(|(stage, movie)| Track {
        stage: *stage,
        height: movie.shape[1],
        width: movie.shape[2],
        rendered: movie.pixels.sample(),
    });
    let header = Header {
        spec: recording.spec.clone(),
        n_frames,
        tracks: tracks.collect(),
        stored: recording.observed.pixels.sample(),
        content: recording.content.clone(),
    };
    let containers: Vec<SampleType> = movies.iter().map(|(_, movie)| movie.pixels.sample()).collect();
    sink.open(&header, &containers)?;
    for (track, (_, movie)) in movies.iter().enumerate() {
        if !movie.pixels.is_empty() {
            sink.take(track, 0, &movie.pixels)?;
        }
    }
    sink.complete(&recording.ground_truth)
}
