//! AVI films: 8-bit grey, uncompressed (`Y800`), with the OpenDML index that lets them grow beyond 1 GiB.
//!
//! A file is a chain of RIFF chunks: the first has the headers, a `movi` list of frames and a legacy index, the further ones
//! (`AVIX`) only frames. Each list ends with an index of its frames (`ix00`), and the header's `indx` lists those. Source:
//! OpenDML AVI File Format Extensions 1.02 (1996).

use std::{
    fs,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use minisim::{
    GroundTruth, Sink, Spec,
    recording::{Movie, Pixels},
    sink::{Block, Header, SinkError, Track},
};

use crate::{Written, atomic::Pending, disk::LongFile, error::IoError};

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
    /// Bytes after which a new RIFF chunk begins.
    pub riff_bytes: u64,
}

impl Default for AviOptions {
    fn default() -> Self {
        Self { overwrite: false, fps: None, vmin: 0.0, vmax: None, riff_bytes: RIFF_BYTES }
    }
}

/// Writes a film while its frames are rendered, and the spec beside it as `NAME.spec.json`.
#[derive(Debug)]
pub struct AviSink {
    target: PathBuf,
    spec_target: PathBuf,
    pending: Pending,
    options: AviOptions,
    writer: Option<Writer>,
    header: Option<Header>,
}

impl AviSink {
    /// A sink that will write the file `path`.
    ///
    /// # Errors
    /// When `path` or the spec's file beside it exists and may not be replaced, or the file cannot be created.
    pub fn create(path: impl AsRef<Path>, options: AviOptions) -> Result<Self, IoError> {
        let target = path.as_ref().to_owned();
        let spec_target = target.with_extension("spec.json");
        for output in [&target, &spec_target] {
            if output.symlink_metadata().is_ok() {
                if !options.overwrite {
                    return Err(IoError::Exists { path: output.clone() });
                }
                if !output.is_file() {
                    return Err(IoError::WouldDestroy { path: output.clone(), what: "a file" });
                }
            }
        }
        if let Some(vmax) = options.vmax
            && !(vmax.is_finite() && options.vmin.is_finite() && vmax > options.vmin)
        {
            let why = format!("vmin {} and vmax {vmax} must be finite, vmin below vmax", options.vmin);
            return Err(IoError::unsuitable(&target, why));
        }
        let pending = Pending::new(&target)?;
        fs::File::create_new(pending.path()).map_err(IoError::system("create", &target))?;
        Ok(Self { target, spec_target, pending, options, writer: None, header: None })
    }

    fn open(&mut self, header: &Header) -> Result<(), IoError> {
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
        let Some(vmax) = self.options.vmax.or(header.max_count.map(|n| n as f64)) else {
            return unsuitable(
                "without a sensor step the film has no white level; give one with vmax (--vmax), or add a sensor step"
                    .into(),
            );
        };
        let fps = self.options.fps.unwrap_or_else(|| header.spec.acquisition.fps.get());
        let Some(rate) = Rate::new(fps) else {
            return unsuitable(format!("{fps} frames a second do not fit into an AVI header"));
        };
        let file = fs::File::create(self.pending.path()).map_err(IoError::system("create", &self.target))?;
        let grey = Grey::new(self.options.vmin, vmax, header.max_count);
        let writer = Writer::new(file, track.width, track.height, header.n_frames, rate, grey, self.options.riff_bytes);
        self.writer = Some(writer.map_err(IoError::system("write", &self.target))?);
        self.header = Some(header.clone());
        Ok(())
    }

    fn complete(self) -> Result<Written, IoError> {
        let (Some(writer), Some(header)) = (self.writer, self.header) else {
            return Err(IoError::unsuitable(&self.target, "no frame was delivered"));
        };
        let bytes = writer.finish().map_err(IoError::system("write", &self.target))?;
        let spec = Pending::new(&self.spec_target)?;
        crate::atomic::write(spec.path(), header.spec.pretty_json().as_bytes())?;
        self.pending.commit(self.options.overwrite)?;
        spec.commit(self.options.overwrite)?;
        Ok(Written { path: self.target, bytes })
    }
}

impl Sink for AviSink {
    type Output = Written;

    fn begin(&mut self, header: &Header) -> Result<(), SinkError> {
        Ok(self.open(header)?)
    }

    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError> {
        // A film shows the observed movie; snapshots have no place in it.
        if let (0, Some(writer)) = (block.track, &mut self.writer) {
            writer.frames(block.pixels, block.n_frames).map_err(IoError::system("write", &self.target))?;
        }
        Ok(())
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
    // A run may have stopped before its sensor; counts are whole, intensities are not.
    let counts = spec.has("sensor") && (0..movie.pixels.len()).all(|i| movie.pixels.get(i).fract() == 0.0);
    let rendered = movie.pixels.sample();
    let header = Header {
        spec: spec.clone(),
        n_frames,
        tracks: vec![Track { stage: None, height, width, rendered }],
        stored: rendered,
        max_count: counts.then(|| spec.acquisition.image_sensor.max_count()),
    };
    sink.open(&header)?;
    if let Some(writer) = &mut sink.writer {
        writer.frames(&movie.pixels, n_frames).map_err(IoError::system("write", &sink.target))?;
    }
    sink.complete()
}

/// Frames a second as the ratio `rate / scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rate {
    rate: u32,
    scale: u32,
}

impl Rate {
    fn new(fps: f64) -> Option<Self> {
        // Whole rates, broadcast rates (30000/1001), then millionths.
        [1_u32, 1001, 1000, 1_000_000].into_iter().find_map(|scale| {
            let exact = fps * f64::from(scale);
            let rate = exact.round();
            let close = (exact - rate).abs() <= 1e-9 * exact || scale == 1_000_000;
            (close && (1.0..=f64::from(i32::MAX)).contains(&rate)).then_some(Self { rate: rate as u32, scale })
        })
    }
}

/// Intensities to grey levels.
#[derive(Clone, Copy, Debug)]
struct Grey {
    vmin: f64,
    scale: f64,
    /// 8-bit counts over their own range are the grey levels.
    identity: bool,
}

impl Grey {
    fn new(vmin: f64, vmax: f64, max_count: Option<u64>) -> Self {
        let identity = max_count == Some(255) && vmin == 0.0 && vmax == 255.0;
        Self { vmin, scale: 255.0 / (vmax - vmin), identity }
    }

    fn levels(&self, pixels: &Pixels, range: std::ops::Range<usize>, out: &mut Vec<u8>) {
        out.clear();
        // Saturating conversion: below vmin black, above vmax white.
        out.extend(range.map(|i| ((pixels.get(i) - self.vmin) * self.scale).round_ties_even() as u8));
    }
}

/// Bytes reserved in front of the first frame's list.
const HEADER_LIST_AT: u64 = 12;

/// The muxer.
#[derive(Debug)]
struct Writer {
    file: BufWriter<LongFile>,
    at: u64,
    width: usize,
    height: usize,
    rate: Rate,
    grey: Grey,
    riff_bytes: u64,
    n_frames: usize,
    written: usize,
    grey_levels: Vec<u8>,
    /// Of the current RIFF chunk: where it, its `movi` list and its frames are.
    riff_at: u64,
    movi_at: u64,
    frame_offsets: Vec<u64>,
    /// Finished lists: position and size of their index, number of frames.
    lists: Vec<(u64, u32, u32)>,
    /// Room for that many lists in the header.
    list_room: u32,
    frames_in_first: u32,
}

impl Writer {
    fn new(
        file: fs::File,
        width: usize,
        height: usize,
        n_frames: usize,
        rate: Rate,
        grey: Grey,
        riff_bytes: u64,
    ) -> io::Result<Self> {
        let frame = (width * height) as u64 + 9;
        let per_list = (riff_bytes / frame).max(1);
        let list_room = (n_frames as u64 / per_list + 2).min(1 << 24) as u32;
        let mut writer = Self {
            // Frames are larger and go straight through.
            file: BufWriter::with_capacity(1 << 16, LongFile::new(file)),
            at: 0,
            width,
            height,
            rate,
            grey,
            riff_bytes,
            n_frames,
            written: 0,
            grey_levels: Vec::new(),
            riff_at: 0,
            movi_at: 0,
            frame_offsets: Vec::new(),
            lists: Vec::new(),
            list_room,
            frames_in_first: 0,
        };
        // The headers are written again at the end, when all sizes are known.
        let header = writer.headers();
        writer.put(b"RIFF\0\0\0\0AVI ")?;
        writer.put(&header)?;
        writer.begin_movi()?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn begin_movi(&mut self) -> io::Result<()> {
        self.movi_at = self.at;
        self.put(b"LIST\0\0\0\0movi")
    }

    fn frames(&mut self, pixels: &Pixels, n: usize) -> io::Result<()> {
        let size = self.width * self.height;
        let mut levels = std::mem::take(&mut self.grey_levels);
        for i in 0..n {
            let range = i * size..(i + 1) * size;
            match pixels {
                Pixels::U8(counts) if self.grey.identity => self.frame(&counts[range])?,
                _ => {
                    self.grey.levels(pixels, range, &mut levels);
                    self.frame(&levels)?;
                }
            }
        }
        self.grey_levels = levels;
        Ok(())
    }

    fn frame(&mut self, levels: &[u8]) -> io::Result<()> {
        let index_bytes = 8 * (self.frame_offsets.len() as u64 + 4) + 24;
        let legacy_bytes = if self.lists.is_empty() { 2 * index_bytes } else { 0 };
        let end = self.at + levels.len() as u64 + index_bytes + legacy_bytes;
        if !self.frame_offsets.is_empty() && end - self.riff_at > self.riff_bytes {
            self.end_riff()?;
            self.riff_at = self.at;
            self.put(b"RIFF\0\0\0\0AVIX")?;
            self.begin_movi()?;
        }
        self.frame_offsets.push(self.at);
        self.put(b"00db")?;
        self.put(&(levels.len() as u32).to_le_bytes())?;
        self.put(levels)?;
        if levels.len() % 2 == 1 {
            self.put(&[0])?;
        }
        self.written += 1;
        Ok(())
    }

    /// Writes the indices of the current list and fills in the sizes of the list and its RIFF chunk.
    fn end_riff(&mut self) -> io::Result<()> {
        let frame_bytes = (self.width * self.height) as u32;
        let offsets = std::mem::take(&mut self.frame_offsets);
        let n = offsets.len() as u32;
        let index_at = self.at;
        let size = 24 + 8 * n;
        let mut index = Vec::with_capacity(size as usize + 8);
        index.extend_from_slice(b"ix00");
        index.extend_from_slice(&size.to_le_bytes());
        index.extend_from_slice(&2_u16.to_le_bytes());
        index.extend_from_slice(&[0, 1]);
        index.extend_from_slice(&n.to_le_bytes());
        index.extend_from_slice(b"00db");
        index.extend_from_slice(&self.movi_at.to_le_bytes());
        index.extend_from_slice(&[0; 4]);
        for at in &offsets {
            index.extend_from_slice(&((at + 8 - self.movi_at) as u32).to_le_bytes());
            index.extend_from_slice(&frame_bytes.to_le_bytes());
        }
        self.put(&index)?;
        let movi_size = (self.at - self.movi_at - 8) as u32;
        if self.lists.is_empty() {
            self.frames_in_first = n;
            // Old readers know only this one; its offsets count from the list's name.
            let mut legacy = Vec::with_capacity(8 + 16 * offsets.len());
            legacy.extend_from_slice(b"idx1");
            legacy.extend_from_slice(&(16 * n).to_le_bytes());
            for at in &offsets {
                legacy.extend_from_slice(b"00db");
                legacy.extend_from_slice(&0x10_u32.to_le_bytes());
                legacy.extend_from_slice(&((at - self.movi_at - 8) as u32).to_le_bytes());
                legacy.extend_from_slice(&frame_bytes.to_le_bytes());
            }
            self.put(&legacy)?;
        }
        let riff_size = (self.at - self.riff_at - 8) as u32;
        self.lists.push((index_at, size + 8, n));
        let end = self.at;
        for (at, value) in [(self.movi_at + 4, movi_size), (self.riff_at + 4, riff_size)] {
            self.file.seek(SeekFrom::Start(at))?;
            self.file.write_all(&value.to_le_bytes())?;
        }
        self.file.seek(SeekFrom::Start(end))?;
        Ok(())
    }

    /// Completes the file; its size.
    fn finish(mut self) -> io::Result<u64> {
        self.end_riff()?;
        let header = self.headers();
        self.file.seek(SeekFrom::Start(HEADER_LIST_AT))?;
        self.file.write_all(&header)?;
        self.file.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?;
        Ok(self.at)
    }

    /// The `hdrl` list; its length does not depend on what has been written.
    fn headers(&self) -> Vec<u8> {
        let frame_bytes = (self.width * self.height) as u32;
        let (w, h) = (self.width as u32, self.height as u32);
        let fps = f64::from(self.rate.rate) / f64::from(self.rate.scale);
        let all_frames = self.written.max(self.n_frames) as u32;
        let words = |values: &[u32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        // Index present, interleaved, key frames only.
        let flags = 0x10 | 0x100 | 0x800;
        let avih = words(&[
            (1e6 / fps).round().min(f64::from(u32::MAX)) as u32,
            (f64::from(frame_bytes) * fps).min(f64::from(u32::MAX)) as u32,
            0,
            flags,
            self.frames_in_first,
            0,
            1,
            frame_bytes + 8,
            w,
            h,
            0,
            0,
            0,
            0,
        ]);
        let mut strh = b"vidsY800".to_vec();
        strh.extend(words(&[0, 0, 0, self.rate.scale, self.rate.rate, 0, all_frames, frame_bytes + 8, u32::MAX, 0]));
        strh.extend([0_u16, 0, self.width as u16, self.height as u16].iter().flat_map(|v| v.to_le_bytes()));
        let mut strf = words(&[40, w, h]);
        strf.extend([1_u16, 8].iter().flat_map(|v| v.to_le_bytes()));
        strf.extend(b"Y800");
        strf.extend(words(&[frame_bytes, 0, 0, 0, 0]));
        let mut indx = Vec::new();
        indx.extend(4_u16.to_le_bytes());
        indx.extend([0, 0]);
        indx.extend((self.lists.len() as u32).to_le_bytes());
        indx.extend(b"00db");
        indx.extend([0; 12]);
        for (at, size, n) in &self.lists {
            indx.extend(at.to_le_bytes());
            indx.extend(size.to_le_bytes());
            indx.extend(n.to_le_bytes());
        }
        indx.resize(24 + 16 * self.list_room as usize, 0);
        let strl = list(b"strl", &[chunk(b"strh", &strh), chunk(b"strf", &strf), chunk(b"indx", &indx)]);
        let mut dmlh = words(&[all_frames]);
        dmlh.resize(248, 0);
        let odml = list(b"odml", &[chunk(b"dmlh", &dmlh)]);
        list(b"hdrl", &[chunk(b"avih", &avih), strl, odml])
    }
}

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = name.to_vec();
    out.extend((body.len() as u32).to_le_bytes());
    out.extend(body);
    out
}

fn list(name: &[u8; 4], parts: &[Vec<u8>]) -> Vec<u8> {
    let mut body = name.to_vec();
    body.extend(parts.concat());
    chunk(b"LIST", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        assert_eq!(Rate::new(20.0), Some(Rate { rate: 20, scale: 1 }));
        assert_eq!(Rate::new(30000.0 / 1001.0), Some(Rate { rate: 30000, scale: 1001 }));
        assert_eq!(Rate::new(7.5), Some(Rate { rate: 7500, scale: 1000 }));
        assert_eq!(Rate::new(1e-9), None);
        assert_eq!(Rate::new(1e12), None);
        assert_eq!(Rate::new(f64::NAN), None);
    }

    #[test]
    fn grey_levels_clip() {
        let mut out = Vec::new();
        Grey::new(1.0, 3.0, None).levels(&Pixels::F32(vec![0.0, 1.0, 2.0, 3.0, 9.0, f32::NAN]), 0..6, &mut out);
        assert_eq!(out, [0, 0, 128, 255, 255, 0]);
    }
}
