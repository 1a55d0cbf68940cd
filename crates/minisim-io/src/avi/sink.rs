//! Frames as they are rendered into one film or several clips: grey levels, codec, and the spec beside them.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use minisim::{
    GroundTruth, Sink, Spec,
    recording::{Content, Movie, Pixels},
    sink::{Block, Header, Place, SinkError, Track},
};

use super::riff::{CHUNK_HEADER, Rate, Shape, Writer, foresee};
use crate::{
    Written,
    atomic::Pending,
    codec::{Codec, FrameCoder},
    disk::LongFile,
    error::IoError,
    film::{Coding, check_levels, claim_spec, grey_of, refuse_file, spec_beside},
};

/// Bytes after which a new RIFF chunk begins.
const RIFF_BYTES: u64 = 1 << 30;
/// Most pixels a side: the header has 16 bits for the display rectangle.
const MAX_SIDE: usize = i16::MAX as usize;

/// How to write a film.
#[derive(Clone, Copy, Debug)]
pub struct AviOptions {
    /// Replace an existing film once the new one is complete.
    pub overwrite: bool,
    /// Frames a second; the spec's if `None`.
    pub fps: Option<f64>,
    /// Intensity that becomes black.
    pub vmin: f64,
    /// Intensity that becomes white; the largest count of the sensor if `None`.
    pub vmax: Option<f64>,
    /// How frames are coded.
    pub codec: Codec,
    /// Frames after which the next file begins: `film.avi` becomes `film_0.avi`, `film_1.avi`, …; one file if `None`.
    pub clip: Option<usize>,
    /// Bytes after which a new RIFF chunk begins.
    pub riff_bytes: u64,
}

impl Default for AviOptions {
    fn default() -> Self {
        Self {
            overwrite: false,
            fps: None,
            vmin: 0.0,
            vmax: None,
            codec: Codec::Y800,
            clip: None,
            riff_bytes: RIFF_BYTES,
        }
    }
}

/// Writes a film while its frames are rendered, and the spec beside it as `NAME.spec.json`.
#[derive(Debug)]
pub struct AviSink {
    target: PathBuf,
    options: AviOptions,
    /// Files that are complete, and the one that is being written.
    clips: Vec<Pending>,
    writer: Option<Writer>,
    coder: Option<FrameCoder>,
    header: Option<Header>,
    rate: Rate,
    bytes: u64,
    taken: usize,
    /// Where each frame's chunk will be, if frames can be rendered where they go into the file from.
    frame_offsets: Vec<u64>,
}

impl AviSink {
    /// A sink that will write the file `path`.
    ///
    /// # Errors
    /// When `path` exists and may not be replaced, or the file cannot be created. Another spec beside it is refused at `begin`.
    pub fn create(path: impl AsRef<Path>, options: AviOptions) -> Result<Self, IoError> {
        let target = path.as_ref().to_owned();
        let first = if options.clip.is_some() { clip_path(&target, 0) } else { target.clone() };
        refuse_file(&first, options.overwrite)?;
        check_levels(&target, options.vmin, options.vmax)?;
        if options.clip == Some(0) {
            return Err(IoError::unsuitable(&target, "a clip must have at least one frame"));
        }
        let pending = Pending::new(&first)?;
        fs::File::create_new(pending.path()).map_err(IoError::system("create", &target))?;
        let rate = Rate { rate: 1, scale: 1 };
        Ok(Self {
            target,
            options,
            clips: vec![pending],
            writer: None,
            coder: None,
            header: None,
            rate,
            bytes: 0,
            taken: 0,
            frame_offsets: Vec::new(),
        })
    }

    fn open(&mut self, header: &Header) -> Result<(), IoError> {
        claim_spec(&self.target, &header.spec, self.options.overwrite)?;
        let track = &header.tracks[0];
        let unsuitable = |why: String| Err(IoError::unsuitable(&self.target, why));
        if header.n_frames == 0 {
            return unsuitable(
                "there is no frame to show; let the run go on to a movie stage, or write a .zarr".into(),
            );
        }
        if track.width > MAX_SIDE || track.height > MAX_SIDE {
            return unsuitable(format!("{} × {} px are too many for AVI; write a .zarr", track.height, track.width));
        }
        let fps = self.options.fps.unwrap_or_else(|| header.spec.acquisition.fps.get());
        let Some(rate) = Rate::new(fps) else {
            return unsuitable(format!("{fps} frames a second do not fit into an AVI header"));
        };
        self.rate = rate;
        let grey = grey_of(header, &self.target, self.options.vmin, self.options.vmax)?;
        self.coder = Some(FrameCoder::new(grey, self.options.codec, track.width, track.height));
        self.header = Some(header.clone());
        self.begin_clip()
    }

    /// Begins the file of the newest clip.
    fn begin_clip(&mut self) -> Result<(), IoError> {
        let (Some(header), Some(clip)) = (&self.header, self.clips.last()) else { return Ok(()) };
        let n = (header.n_frames - self.taken).min(self.options.clip.unwrap_or(usize::MAX));
        let [height, width] = [header.tracks[0].height, header.tracks[0].width];
        let failed = || IoError::system("write", &self.target);
        let file = fs::File::create(clip.path()).map_err(failed())?;
        let shape = Shape { width, height, n_frames: n, rate: self.rate };
        let (codec, riff_bytes) = (self.options.codec, self.options.riff_bytes);
        self.writer = Some(Writer::new(LongFile::new(file), shape, codec, riff_bytes).map_err(failed())?);
        // Counts that are their own grey levels go into the file as they are rendered.
        let as_they_are = self.coder.as_ref().is_some_and(FrameCoder::is_identity) && self.options.clip.is_none();
        self.frame_offsets =
            if as_they_are { foresee(shape, codec, riff_bytes).map_err(failed())?.frame_offsets } else { Vec::new() };
        Ok(())
    }

    fn end_clip(&mut self) -> Result<(), IoError> {
        if let Some(writer) = self.writer.take() {
            self.bytes += writer.finish().map_err(IoError::system("write", &self.target))?;
        }
        Ok(())
    }

    fn take(&mut self, pixels: &Pixels, n: usize) -> Result<(), IoError> {
        let Some(mut coder) = self.coder.take() else { return Ok(()) };
        let result = coder.code(pixels, n, |frame| {
            if let Some(clip) = self.options.clip
                && self.taken > 0
                && self.taken.is_multiple_of(clip)
            {
                self.end_clip()?;
                let path = clip_path(&self.target, self.taken / clip);
                refuse_file(&path, self.options.overwrite)?;
                self.clips.push(Pending::new(&path)?);
                self.begin_clip()?;
            }
            if let Some(writer) = &mut self.writer {
                writer.frame(frame).map_err(IoError::system("write", &self.target))?;
            }
            self.taken += 1;
            Ok::<(), Coding>(())
        });
        self.coder = Some(coder);
        result.map_err(|e| e.named(&self.target))
    }

    fn place_for(&mut self, frames: Range<usize>) -> Result<Option<Place>, IoError> {
        let (Some(writer), Some(offsets)) = (&mut self.writer, self.frame_offsets.get(frames.clone())) else {
            return Ok(None);
        };
        let (stride, [start, ..]) = (writer.frame_bytes(), offsets) else { return Ok(None) };
        // Where a new list begins in between, frames go one by one.
        if offsets[offsets.len() - 1] - start != (stride * (frames.len() - 1)) as u64 {
            return Ok(None);
        }
        let place = writer.file.place(*start, stride * frames.len());
        let (bytes, first) = place.map_err(IoError::system("write", &self.target))?;
        Ok(Some(Place { bytes, first: first + CHUNK_HEADER, stride }))
    }

    fn take_place(&mut self, n: usize, place: Place) -> Result<(), IoError> {
        if let Some(writer) = &mut self.writer {
            writer.frames_in_place(n, place).map_err(IoError::system("write", &self.target))?;
        }
        self.taken += n;
        Ok(())
    }

    fn complete(mut self) -> Result<Written, IoError> {
        self.end_clip()?;
        let Some(header) = self.header else {
            return Err(IoError::unsuitable(&self.target, "no frame was delivered"));
        };
        let spec = spec_beside(&self.target, &header.spec)?;
        for clip in self.clips {
            clip.commit(self.options.overwrite)?;
        }
        spec.commit(self.options.overwrite)?;
        Ok(Written { path: self.target, bytes: self.bytes })
    }
}

/// Name of clip `i` of a film: `film.avi` → `film_0.avi`.
fn clip_path(target: &Path, i: usize) -> PathBuf {
    let stem = target.file_stem().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!("{stem}_{i}.avi"))
}

impl Sink for AviSink {
    type Output = Written;

    fn begin(&mut self, header: &Header) -> Result<(), SinkError> {
        Ok(self.open(header)?)
    }

    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError> {
        // A film shows the observed movie; snapshots have no place in it.
        if block.track == 0 {
            self.take(block.pixels, block.n_frames)?;
        }
        Ok(())
    }

    fn place(&mut self, frames: Range<usize>) -> Result<Option<Place>, SinkError> {
        Ok(self.place_for(frames)?)
    }

    fn placed(&mut self, frames: Range<usize>, place: Place) -> Result<(), SinkError> {
        Ok(self.take_place(frames.len(), place)?)
    }

    fn finish(self, _: GroundTruth) -> Result<Written, SinkError> {
        Ok(self.complete()?)
    }
}

/// Writes a film that is in memory, and its spec beside it.
///
/// # Errors
/// When `path` exists and may not be replaced, cannot be written, or it is not known what is white.
pub fn save_avi(spec: &Spec, movie: &Movie, path: impl AsRef<Path>, options: AviOptions) -> Result<Written, IoError> {
    let mut sink = AviSink::create(path, options)?;
    let [n_frames, height, width] = movie.shape;
    let rendered = movie.pixels.sample();
    let header = Header {
        spec: spec.clone(),
        n_frames,
        tracks: vec![Track { stage: None, height, width, rendered }],
        stored: rendered,
        content: Content::inferred(spec, movie),
    };
    sink.open(&header)?;
    sink.take(&movie.pixels, n_frames)?;
    sink.complete()
}
