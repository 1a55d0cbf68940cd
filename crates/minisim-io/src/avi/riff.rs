//! The container: RIFF chunks, their indices, and the muxer that writes them.
//!
//! The first RIFF chunk holds the headers, a `movi` list of frames and an index for old readers (`idx1`); the further ones (`AVIX`)
//! hold frames only. Each `movi` list ends with an index of its frames (`ix00`), and the header's `indx` lists those.
//! Source: OpenDML AVI File Format Extensions 1.02 (1996).

use std::{
    collections::BTreeMap,
    io::{self, Seek, SeekFrom, Write},
};

use minisim::sink::Place;

use crate::{codec::Codec, disk::LongFile};

/// Bytes of a chunk before its content: four for the name, four for the length.
pub(super) const CHUNK_HEADER: usize = 8;

/// Frames a second as the ratio `rate / scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    pub(crate) rate: u32,
    pub(crate) scale: u32,
}

impl Rate {
    pub(crate) fn new(fps: f64) -> Option<Self> {
        // Whole rates, broadcast rates (30000/1001), then millionths.
        [1_u32, 1001, 1000, 1_000_000].into_iter().find_map(|scale| {
            let exact = fps * f64::from(scale);
            let rate = exact.round();
            let close = (exact - rate).abs() <= 1e-9 * exact || scale == 1_000_000;
            (close && (1.0..=f64::from(i32::MAX)).contains(&rate)).then_some(Self { rate: rate as u32, scale })
        })
    }
}

/// Bytes reserved in front of the first frame's list.
const HEADER_LIST_AT: u64 = 12;

/// What a file's header says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Frames to come.
    pub(crate) n_frames: usize,
    pub(crate) rate: Rate,
}

/// The muxer.
#[derive(Debug)]
pub(crate) struct Writer<F = LongFile> {
    pub(super) file: F,
    at: u64,
    width: usize,
    height: usize,
    rate: Rate,
    codec: Codec,
    riff_bytes: u64,
    n_frames: usize,
    written: usize,
    /// Bytes of the largest frame.
    largest: usize,
    /// Of the current RIFF chunk: where it, its `movi` list and its frames are.
    riff_at: u64,
    movi_at: u64,
    /// Where each frame is, and its size.
    frame_offsets: Vec<(u64, u32)>,
    /// Finished lists: position and size of their index, number of frames.
    lists: Vec<(u64, u32, u32)>,
    /// Room for that many lists in the header.
    list_room: u32,
    frames_in_first: u32,
}

impl<F: Write + Seek> Writer<F> {
    pub(crate) fn new(file: F, shape: Shape, codec: Codec, riff_bytes: u64) -> io::Result<Self> {
        let Shape { width, height, n_frames, rate } = shape;
        // No coder makes a frame much larger than it is.
        let frame = 2 * (width * height) as u64 + 1024;
        let per_list = (riff_bytes / frame).max(1);
        let list_room = (n_frames as u64 / per_list + 2).min(1 << 24) as u32;
        let mut writer = Self {
            file,
            at: 0,
            width,
            height,
            rate,
            codec,
            riff_bytes,
            n_frames,
            written: 0,
            largest: width * height,
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

    /// The name of frame chunks: uncompressed or compressed.
    fn chunk_name(&self) -> &'static [u8; 4] {
        if self.codec.is_raw() { b"00db" } else { b"00dc" }
    }

    /// Begins another list if a frame of `len` bytes would make this one too long.
    fn make_room(&mut self, len: usize) -> io::Result<()> {
        let index_bytes = 8 * (self.frame_offsets.len() as u64 + 4) + 24;
        let legacy_bytes = if self.lists.is_empty() { 2 * index_bytes } else { 0 };
        let end = self.at + len as u64 + index_bytes + legacy_bytes;
        if !self.frame_offsets.is_empty() && end - self.riff_at > self.riff_bytes {
            self.end_riff()?;
            self.riff_at = self.at;
            self.put(b"RIFF\0\0\0\0AVIX")?;
            self.begin_movi()?;
        }
        Ok(())
    }

    /// Bytes of a frame's chunk, if it is not coded.
    pub(super) fn frame_bytes(&self) -> usize {
        CHUNK_HEADER + (self.width * self.height).next_multiple_of(2)
    }

    /// Appends a frame, coded.
    pub(crate) fn frame(&mut self, levels: &[u8]) -> io::Result<()> {
        self.make_room(levels.len())?;
        self.largest = self.largest.max(levels.len());
        self.frame_offsets.push((self.at, levels.len() as u32));
        self.put(self.chunk_name())?;
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
        let name = self.chunk_name();
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
        index.extend_from_slice(name);
        index.extend_from_slice(&self.movi_at.to_le_bytes());
        index.extend_from_slice(&[0; 4]);
        for (at, size) in &offsets {
            index.extend_from_slice(&((at + 8 - self.movi_at) as u32).to_le_bytes());
            index.extend_from_slice(&size.to_le_bytes());
        }
        self.put(&index)?;
        let movi_size = (self.at - self.movi_at - 8) as u32;
        if self.lists.is_empty() {
            self.frames_in_first = n;
            // Old readers know only this one; its offsets count from the list's name.
            let mut legacy = Vec::with_capacity(8 + 16 * offsets.len());
            legacy.extend_from_slice(b"idx1");
            legacy.extend_from_slice(&(16 * n).to_le_bytes());
            for (at, size) in &offsets {
                legacy.extend_from_slice(name);
                legacy.extend_from_slice(&0x10_u32.to_le_bytes());
                legacy.extend_from_slice(&((at - self.movi_at - 8) as u32).to_le_bytes());
                legacy.extend_from_slice(&size.to_le_bytes());
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

    /// The `hdrl` list; its length does not depend on what has been written.
    fn headers(&self) -> Vec<u8> {
        let frame_bytes = self.largest as u32;
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
        let mut strh = b"vids".to_vec();
        strh.extend(self.codec.name().as_bytes());
        strh.extend(words(&[0, 0, 0, self.rate.scale, self.rate.rate, 0, all_frames, frame_bytes + 8, u32::MAX, 0]));
        strh.extend([0_u16, 0, self.width as u16, self.height as u16].iter().flat_map(|v| v.to_le_bytes()));
        let strf = bitmap_header(self.codec, w, h);
        let mut indx = Vec::new();
        indx.extend(4_u16.to_le_bytes());
        indx.extend([0, 0]);
        indx.extend((self.lists.len() as u32).to_le_bytes());
        indx.extend(self.chunk_name());
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

    /// Writes what is known at the end only; the size of the file.
    pub(super) fn complete(&mut self) -> io::Result<u64> {
        self.end_riff()?;
        let header = self.headers();
        self.file.seek(SeekFrom::Start(HEADER_LIST_AT))?;
        self.file.write_all(&header)?;
        Ok(self.at)
    }
}

impl Writer {
    /// Appends `n` frames that are not coded and lie in a place as they will in the file, all in one list.
    pub(super) fn frames_in_place(&mut self, n: usize, mut place: Place) -> io::Result<()> {
        let (frame, chunk) = (self.width * self.height, self.frame_bytes());
        self.make_room(frame)?;
        let name = self.chunk_name();
        for at in (0..n).map(|i| place.first + i * place.stride) {
            place.bytes[at - CHUNK_HEADER..at - 4].copy_from_slice(name);
            place.bytes[at - 4..at].copy_from_slice(&(frame as u32).to_le_bytes());
            place.bytes[at + frame..at + chunk - CHUNK_HEADER].fill(0);
            self.frame_offsets.push((self.at, frame as u32));
            self.at += chunk as u64;
        }
        self.written += n;
        self.file.append(place.bytes, place.first - CHUNK_HEADER, n * chunk)
    }

    /// Completes the file; its size.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        let size = self.complete()?;
        self.file.finish()?;
        Ok(size)
    }
}

/// What is known beforehand of a file of frames that are not coded.
#[derive(Debug)]
pub(super) struct Foreseen {
    /// Where each frame's chunk will be.
    pub(super) frame_offsets: Vec<u64>,
    /// What will be written over something that is there already, by its place.
    pub(super) corrections: BTreeMap<u64, Vec<u8>>,
}

/// Foresees a file of frames that are not coded.
pub(super) fn foresee(shape: Shape, codec: Codec, riff_bytes: u64) -> io::Result<Foreseen> {
    /// A file of which nothing is there but its length and what was corrected.
    #[derive(Default)]
    struct Outline {
        at: u64,
        length: u64,
        corrections: BTreeMap<u64, Vec<u8>>,
    }

    impl Write for Outline {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.at < self.length {
                self.corrections.insert(self.at, bytes.to_vec());
            }
            self.at += bytes.len() as u64;
            self.length = self.length.max(self.at);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Outline {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.at = place(to, self.at, self.length)?;
            Ok(self.at)
        }
    }

    let mut writer = Writer::new(Outline::default(), shape, codec, riff_bytes)?;
    let levels = vec![0; shape.width * shape.height];
    let mut frame_offsets = Vec::with_capacity(shape.n_frames);
    for _ in 0..shape.n_frames {
        writer.frame(&levels)?;
        frame_offsets.extend(writer.frame_offsets.last().map(|(at, _)| *at));
    }
    writer.complete()?;
    Ok(Foreseen { frame_offsets, corrections: writer.file.corrections })
}

/// Where a file is after it was moved from `at`.
fn place(to: SeekFrom, at: u64, length: u64) -> io::Result<u64> {
    let moved = match to {
        SeekFrom::Start(to) => Some(to),
        SeekFrom::End(by) => length.checked_add_signed(by),
        SeekFrom::Current(by) => at.checked_add_signed(by),
    };
    moved.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// A pipe as a file that is corrected later: as all corrections are foreseen, they are made before anything is sent.
#[derive(Debug)]
pub(super) struct Forward<W> {
    pipe: W,
    at: u64,
    sent: u64,
    corrections: BTreeMap<u64, Vec<u8>>,
}

impl<W: Write> Forward<W> {
    pub(super) fn new(pipe: W, foreseen: Foreseen) -> Self {
        Self { pipe, at: 0, sent: 0, corrections: foreseen.corrections }
    }
}

impl<W: Write> Write for Forward<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let end = self.at + bytes.len() as u64;
        if self.at == self.sent {
            let overlapping = |(at, right): &(&u64, &Vec<u8>)| **at + right.len() as u64 > self.at;
            let mut corrections = self.corrections.range(..end).filter(overlapping).peekable();
            if corrections.peek().is_none() {
                self.pipe.write_all(bytes)?;
            } else {
                let mut bytes = bytes.to_vec();
                for (at, right) in corrections {
                    for (place, byte) in (*at..).zip(right).filter(|(place, _)| (self.at..end).contains(place)) {
                        bytes[(place - self.at) as usize] = *byte;
                    }
                }
                self.pipe.write_all(&bytes)?;
            }
            self.sent = end;
        } else if end > self.sent {
            return Err(io::Error::other("a correction reaches beyond what was sent"));
        }
        self.at = end;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pipe.flush()
    }
}

impl<W> Seek for Forward<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = place(to, self.at, self.sent)?;
        Ok(self.at)
    }
}

/// A film for a pipe, byte for byte what a file would hold. Its frames are not coded: how long a coded one is nobody knows
/// beforehand.
#[derive(Debug)]
pub(crate) struct PipedAvi<W>(Writer<Forward<W>>);

impl<W: Write> PipedAvi<W> {
    pub(crate) fn new(pipe: W, shape: Shape, codec: Codec, riff_bytes: u64) -> io::Result<Self> {
        let foreseen = foresee(shape, codec, riff_bytes)?;
        Writer::new(Forward::new(pipe, foreseen), shape, codec, riff_bytes).map(Self)
    }

    pub(crate) fn frame(&mut self, levels: &[u8]) -> io::Result<()> {
        self.0.frame(levels)?;
        self.0.file.flush()
    }

    /// Completes the film; its size, and the pipe.
    pub(crate) fn finish(mut self) -> io::Result<(u64, W)> {
        let size = self.0.complete()?;
        Ok((size, self.0.file.pipe))
    }
}

/// A film's picture format as Windows names it, with what the decoder needs.
pub(crate) fn bitmap_header(codec: Codec, w: u32, h: u32) -> Vec<u8> {
    let configuration = codec.configuration();
    let mut out = Vec::new();
    let bits: u16 = if codec.is_raw() { 8 } else { 24 };
    for value in [40 + configuration.len() as u32, w, h] {
        out.extend(value.to_le_bytes());
    }
    out.extend([1, bits].iter().flat_map(|v: &u16| v.to_le_bytes()));
    out.extend(codec.name().as_bytes());
    for value in [w * h, 0, 0, 0, 0] {
        out.extend(value.to_le_bytes());
    }
    out.extend(configuration);
    out
}

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = name.to_vec();
    out.extend((body.len() as u32).to_le_bytes());
    out.extend(body);
    if body.len() % 2 == 1 {
        out.push(0);
    }
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
    fn a_pipe_gets_what_a_file_would_hold() {
        for (n_frames, [height, width], riff_bytes) in
            [(1, [3, 5], 1 << 30), (7, [4, 6], 1 << 30), (40, [5, 5], 700), (9, [1, 1], 1)]
        {
            let shape = Shape { width, height, n_frames, rate: Rate { rate: 20, scale: 1 } };
            let mut file = Writer::new(io::Cursor::new(Vec::new()), shape, Codec::Y800, riff_bytes).expect("a header");
            let mut pipe = PipedAvi::new(Vec::new(), shape, Codec::Y800, riff_bytes).expect("a header");
            for t in 0..n_frames {
                let levels: Vec<u8> = (0..width * height).map(|i| (31 * t + 7 * i + 1) as u8).collect();
                file.frame(&levels).expect("written");
                pipe.frame(&levels).expect("written");
            }
            let size = file.complete().expect("completed");
            let (piped, bytes) = pipe.finish().expect("completed");
            assert_eq!((piped, bytes.len() as u64), (size, size));
            assert!(bytes == file.file.into_inner(), "{n_frames} frames");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(Rate::new(20.0), Some(Rate { rate: 20, scale: 1 }));
        assert_eq!(Rate::new(30000.0 / 1001.0), Some(Rate { rate: 30000, scale: 1001 }));
        assert_eq!(Rate::new(7.5), Some(Rate { rate: 7500, scale: 1000 }));
        assert_eq!(Rate::new(1e-9), None);
        assert_eq!(Rate::new(1e12), None);
        assert_eq!(Rate::new(f64::NAN), None);
    }
}
