//! Matroska films: FFV1 without loss, or Motion JPEG. Source: RFC 9559 (2024).

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use minisim::{
    GroundTruth, Sink,
    sink::{Block, Header, SinkError},
};

use crate::{
    FileOptions, Written,
    atomic::Pending,
    avi::bitmap_header,
    codec::{Codec, FrameCoder},
    disk::LongFile,
    error::IoError,
    film::{Coding, check_levels, claim_spec, grey_of, refuse_file, spec_beside},
};

/// Length of a cluster (ms); block times are 16-bit numbers relative to it.
const CLUSTER_MS: u64 = 10_000;

/// Writes a Matroska film, and the spec beside it.
#[derive(Debug)]
pub(crate) struct MkvSink {
    target: PathBuf,
    options: FileOptions,
    codec: Codec,
    pending: Pending,
    out: Option<LongFile>,
    coder: Option<FrameCoder>,
    header: Option<Header>,
    fps: f64,
    at: u64,
    /// Position of the segment's first byte, and of the entry that says where the cues are.
    segment_at: u64,
    cues_entry_at: u64,
    /// Time (ms) and position of each cluster.
    clusters: Vec<(u64, u64)>,
    /// The cluster that is being filled.
    cluster: Vec<u8>,
    cluster_ms: u64,
    taken: usize,
}

impl MkvSink {
    pub(crate) fn create(path: &Path, options: &FileOptions) -> Result<Self, IoError> {
        refuse_file(path, options.overwrite)?;
        check_levels(path, options.vmin, options.vmax)?;
        let codec = options.codec.unwrap_or(Codec::Ffv1);
        if codec.is_raw() {
            let why = "Matroska films are coded with FFV1 or MJPG; for uncompressed grey write an .avi";
            return Err(IoError::unsuitable(path, why));
        }
        let pending = Pending::new(path)?;
        fs::File::create_new(pending.path()).map_err(IoError::system("create", path))?;
        Ok(Self {
            target: path.to_owned(),
            options: options.clone(),
            codec,
            pending,
            out: None,
            coder: None,
            header: None,
            fps: 1.0,
            at: 0,
            segment_at: 0,
            cues_entry_at: 0,
            clusters: Vec::new(),
            cluster: Vec::new(),
            cluster_ms: 0,
            taken: 0,
        })
    }

    fn open(&mut self, header: &Header) -> Result<(), IoError> {
        claim_spec(&self.target, &header.spec, self.options.overwrite)?;
        let track = &header.tracks[0];
        if header.n_frames == 0 {
            return Err(IoError::unsuitable(&self.target, "there is no frame to show"));
        }
        if track.width > 16_000 || track.height > 16_000 {
            return Err(IoError::unsuitable(&self.target, "the film is too large; write a .zarr"));
        }
        self.fps = self.options.fps.unwrap_or_else(|| header.spec.acquisition.fps.get());
        if !(1e-3..=1e6).contains(&self.fps) {
            return Err(IoError::unsuitable(&self.target, format!("{} frames a second cannot be written", self.fps)));
        }
        let grey = grey_of(header, &self.target, self.options.vmin, self.options.vmax)?;
        self.coder = Some(FrameCoder::new(grey, self.codec, track.width, track.height));
        let file = fs::File::create(self.pending.path()).map_err(IoError::system("create", &self.target))?;
        self.out = Some(LongFile::new(file));
        self.header = Some(header.clone());
        let (w, h) = (track.width as u32, track.height as u32);
        let ebml = element(
            0x1a45_dfa3,
            &[
                number(0x4286, 1),
                number(0x42f7, 1),
                number(0x42f2, 4),
                number(0x42f3, 8),
                element(0x4282, b"matroska"),
                number(0x4287, 4),
                number(0x4285, 2),
            ]
            .concat(),
        );
        // Sizes and places that are known at the end have eight bytes.
        let segment = [id(0x1853_8067), vec![0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]].concat();
        let place = [id(0x53ac), vec![0x88], vec![0; 8]].concat();
        let seek = element(0x4dbb, &[element(0x53ab, &id(0x1c53_bb6b)), place].concat());
        let seek_head = element(0x114d_9b74, &seek);
        let duration_ms = header.n_frames as f64 / self.fps * 1e3;
        let info = element(
            0x1549_a966,
            &[
                number(0x2a_d7b1, 1_000_000),
                element(0x4489, &duration_ms.to_be_bytes()),
                element(0x4d80, b"minisim"),
                element(0x5741, b"minisim"),
            ]
            .concat(),
        );
        let (name, private): (&[u8], Vec<u8>) = match self.codec {
            Codec::Ffv1 => (b"V_FFV1", self.codec.configuration()),
            _ => (b"V_MS/VFW/FOURCC", bitmap_header(self.codec, w, h)),
        };
        let video = element(0xe0, &[number(0xb0, u64::from(w)), number(0xba, u64::from(h))].concat());
        let entry = element(
            0xae,
            &[
                number(0xd7, 1),
                number(0x73c5, 1),
                number(0x83, 1),
                number(0x9c, 0),
                element(0x86, name),
                element(0x63a2, &private),
                number(0x23_e383, (1e9 / self.fps).round() as u64),
                video,
            ]
            .concat(),
        );
        let tracks = element(0x1654_ae6b, &entry);
        self.segment_at = (ebml.len() + segment.len()) as u64;
        self.cues_entry_at = self.segment_at + seek_head.len() as u64 - 8;
        for part in [&ebml, &segment, &seek_head, &info, &tracks] {
            self.put(part)?;
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), IoError> {
        if let Some(out) = &mut self.out {
            out.write_all(bytes).map_err(IoError::system("write", &self.target))?;
        }
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn frame(&mut self, bytes: &[u8]) -> Result<(), IoError> {
        let ms = (self.taken as f64 / self.fps * 1e3).round() as u64;
        if ms >= self.cluster_ms + CLUSTER_MS || self.cluster.len() > 8 << 20 {
            self.flush()?;
        }
        if self.cluster.is_empty() {
            self.cluster_ms = ms;
            self.cluster = number(0xe7, ms);
        }
        let relative = (ms - self.cluster_ms) as i16;
        // Track 1, its time, a key frame.
        let head = [vec![0x81], relative.to_be_bytes().to_vec(), vec![0x80]].concat();
        self.cluster.extend(id(0xa3));
        self.cluster.extend(size((head.len() + bytes.len()) as u64));
        self.cluster.extend(head);
        self.cluster.extend(bytes);
        self.taken += 1;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), IoError> {
        if self.cluster.is_empty() {
            return Ok(());
        }
        let body = std::mem::take(&mut self.cluster);
        self.clusters.push((self.cluster_ms, self.at - self.segment_at));
        self.put(&id(0x1f43_b675))?;
        self.put(&size(body.len() as u64))?;
        self.put(&body)
    }

    fn complete(mut self) -> Result<Written, IoError> {
        self.flush()?;
        let cues_at = self.at - self.segment_at;
        let points: Vec<u8> = self
            .clusters
            .iter()
            .flat_map(|(ms, at)| {
                let places = element(0xb7, &[number(0xf7, 1), number(0xf1, *at)].concat());
                element(0xbb, &[number(0xb3, *ms), places].concat())
            })
            .collect();
        let cues = element(0x1c53_bb6b, &points);
        self.put(&cues)?;
        let (Some(mut out), Some(header)) = (self.out, self.header) else {
            return Err(IoError::unsuitable(&self.target, "no frame was delivered"));
        };
        let length = self.at - self.segment_at;
        let mut patch = |at: u64, value: u64| {
            out.seek(SeekFrom::Start(at))?;
            out.write_all(&value.to_be_bytes())
        };
        patch(self.cues_entry_at, cues_at)
            .and_then(|()| patch(self.segment_at - 8, length | 1 << 56))
            .and_then(|()| out.finish())
            .map_err(IoError::system("write", &self.target))?;
        let spec = spec_beside(&self.target, &header.spec)?;
        self.pending.commit(self.options.overwrite)?;
        spec.commit(self.options.overwrite)?;
        Ok(Written { path: self.target, bytes: self.at })
    }
}

impl Sink for MkvSink {
    type Output = Written;

    fn begin(&mut self, header: &Header) -> Result<(), SinkError> {
        Ok(self.open(header)?)
    }

    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError> {
        if let (0, Some(mut coder)) = (block.track, self.coder.take()) {
            let coded = coder.code(block.pixels, block.n_frames, |frame| self.frame(frame).map_err(Coding::from));
            self.coder = Some(coder);
            coded.map_err(|e| e.named(&self.target))?;
        }
        Ok(())
    }

    fn finish(self, _: GroundTruth) -> Result<Written, SinkError> {
        Ok(self.complete()?)
    }
}

/// An element's name: the bytes of the number, which carry their own length.
fn id(name: u32) -> Vec<u8> {
    name.to_be_bytes().into_iter().skip_while(|b| *b == 0).collect()
}

/// A length in eight bytes or fewer.
fn size(n: u64) -> Vec<u8> {
    if n < 0x7f { vec![0x80 | n as u8] } else { (n | 1 << 56).to_be_bytes().to_vec() }
}

fn element(name: u32, body: &[u8]) -> Vec<u8> {
    [id(name), size(body.len() as u64), body.to_vec()].concat()
}

fn number(name: u32, value: u64) -> Vec<u8> {
    let bytes: Vec<u8> = value.to_be_bytes().into_iter().skip_while(|b| *b == 0).collect();
    element(name, if bytes.is_empty() { &[0] } else { &bytes })
}
