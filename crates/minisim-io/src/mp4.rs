//! MP4 films (H.264) for slides: small, and not exact. Behind the feature `mp4`, for it builds a large encoder.
//!
//! Source of the container: ISO/IEC 14496-12 and -15.

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use minisim::{
    GroundTruth, Sink,
    sink::{Block, Header, SinkError},
};
use openh264::{
    OpenH264API, Timestamp,
    encoder::{Encoder, EncoderConfig, FrameRate, IntraFramePeriod, QpRange, RateControlMode},
    formats::YUVSlices,
};

use crate::{
    FileOptions, Written,
    atomic::Pending,
    codec::{Codec, FrameCoder},
    disk::LongFile,
    error::IoError,
    film::{Coding, check_levels, claim_spec, grey_of, refuse_file, spec_beside},
};

/// Ticks a second of the film's clock.
const CLOCK: u32 = 90_000;
/// Coarseness of the coding, from 0 (fine) to 51.
const QP: u8 = 20;
/// Where the first frame begins: after the file's type and the head of the box of frames.
const FRAMES_AT: u64 = 24 + 16;

/// Writes an MP4 film, and the spec beside it.
pub(crate) struct Mp4Sink {
    target: PathBuf,
    options: FileOptions,
    pending: Pending,
    header: Option<Header>,
    coder: Option<FrameCoder>,
    film: Option<Mp4Film>,
}

/// The film as far as it is written.
struct Mp4Film {
    out: LongFile,
    encoder: Encoder,
    at: u64,
    /// Size of the picture, and of the coded one, whose sides H.264 wants even.
    shape: [usize; 2],
    even: [usize; 2],
    fps: f64,
    /// Size of each frame, and whether it stands for itself.
    samples: Vec<(u32, bool)>,
    sps: Vec<u8>,
    pps: Vec<u8>,
}

impl Mp4Sink {
    pub(crate) fn create(path: &Path, options: &FileOptions) -> Result<Self, IoError> {
        refuse_file(path, options.overwrite)?;
        check_levels(path, options.vmin, options.vmax)?;
        let pending = Pending::new(path)?;
        fs::File::create_new(pending.path()).map_err(IoError::system("create", path))?;
        Ok(Self { target: path.to_owned(), options: options.clone(), pending, header: None, coder: None, film: None })
    }

    fn open(&mut self, header: &Header) -> Result<(), IoError> {
        claim_spec(&self.target, &header.spec, self.options.overwrite)?;
        let track = &header.tracks[0];
        if header.n_frames == 0 {
            return Err(IoError::unsuitable(&self.target, "there is no frame to show"));
        }
        if !(16..=4096).contains(&track.width) || !(16..=2304).contains(&track.height) {
            let why = "an MP4 film is 16 to 4096 px wide and 16 to 2304 px high; write an .avi";
            return Err(IoError::unsuitable(&self.target, why));
        }
        let grey = grey_of(header, &self.target, self.options.vmin, self.options.vmax)?;
        self.coder = Some(FrameCoder::new(grey, Codec::Y800, track.width, track.height));
        let file = fs::File::create(self.pending.path()).map_err(IoError::system("create", &self.target))?;
        let mut out = LongFile::new(file);
        let kind = mp4_box(b"ftyp", b"isom\0\0\x02\0isommp41");
        // The size of the frames is written when it is known.
        let frames = [&1_u32.to_be_bytes()[..], b"mdat", &[0; 8]].concat();
        out.write_all(&[kind, frames].concat()).map_err(IoError::system("write", &self.target))?;
        let fps = self.options.fps.unwrap_or_else(|| header.spec.acquisition.fps.get());
        let config = EncoderConfig::new()
            .max_frame_rate(FrameRate::from_hz(fps as f32))
            .rate_control_mode(RateControlMode::Off)
            .qp(QpRange::new(QP, QP))
            .skip_frames(false)
            .intra_frame_period(IntraFramePeriod::from_num_frames(100));
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), config)
            .map_err(|e| IoError::unsuitable(&self.target, e.to_string()))?;
        let shape = [track.height, track.width];
        self.film = Some(Mp4Film {
            out,
            encoder,
            at: FRAMES_AT,
            shape,
            even: shape.map(|n| n.next_multiple_of(2)),
            fps,
            samples: Vec::new(),
            sps: Vec::new(),
            pps: Vec::new(),
        });
        self.header = Some(header.clone());
        Ok(())
    }

    fn complete(self) -> Result<Written, IoError> {
        let (Some(film), Some(header)) = (self.film, self.header) else {
            return Err(IoError::unsuitable(&self.target, "no frame was delivered"));
        };
        let bytes = film.finish().map_err(IoError::system("write", &self.target))?;
        let spec = spec_beside(&self.target, &header.spec)?;
        self.pending.commit(self.options.overwrite)?;
        spec.commit(self.options.overwrite)?;
        Ok(Written { path: self.target, bytes })
    }
}

impl Sink for Mp4Sink {
    type Output = Written;

    fn begin(&mut self, header: &Header) -> Result<(), SinkError> {
        Ok(self.open(header)?)
    }

    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError> {
        if let (0, Some(coder), Some(film)) = (block.track, &mut self.coder, &mut self.film) {
            let coded = coder.code(block.pixels, block.n_frames, |grey| film.frame(grey).map_err(Coding::from));
            coded.map_err(|e| e.named(&self.target))?;
        }
        Ok(())
    }

    fn finish(self, _: GroundTruth) -> Result<Written, SinkError> {
        Ok(self.complete()?)
    }
}

impl Mp4Film {
    fn frame(&mut self, grey: &[u8]) -> std::io::Result<()> {
        let ([h, w], [even_h, even_w]) = (self.shape, self.even);
        // Odd sides get their last row or column twice; studio range, as players expect it.
        let luma: Vec<u8> = (0..even_h)
            .flat_map(|y| (0..even_w).map(move |x| (y.min(h - 1), x.min(w - 1))))
            .map(|(y, x)| (16.0 + f32::from(grey[y * w + x]) * (219.0 / 255.0)).round() as u8)
            .collect();
        let chroma = vec![128; even_h * even_w / 4];
        let picture = YUVSlices::new((&luma, &chroma, &chroma), (even_w, even_h), (even_w, even_w / 2, even_w / 2));
        let ms = (self.samples.len() as f64 / self.fps * 1e3).round() as u64;
        let coded = self.encoder.encode_at(&picture, Timestamp::from_millis(ms)).map_err(std::io::Error::other)?;
        let mut sample = Vec::new();
        let mut key = false;
        for unit in units(&coded.to_vec()) {
            match unit.first().map(|b| b & 0x1f) {
                Some(7) => self.sps = unit.to_vec(),
                Some(8) => self.pps = unit.to_vec(),
                Some(kind) => {
                    key |= kind == 5;
                    sample.extend((unit.len() as u32).to_be_bytes());
                    sample.extend(unit);
                }
                None => {}
            }
        }
        self.out.write_all(&sample)?;
        self.at += sample.len() as u64;
        self.samples.push((sample.len() as u32, key));
        Ok(())
    }

    fn finish(mut self) -> std::io::Result<u64> {
        let movie = self.movie();
        self.out.write_all(&movie)?;
        self.out.seek(SeekFrom::Start(FRAMES_AT - 8))?;
        self.out.write_all(&(self.at - FRAMES_AT + 16).to_be_bytes())?;
        self.out.finish()?;
        Ok(self.at + movie.len() as u64)
    }

    /// The box that says where everything is.
    fn movie(&self) -> Vec<u8> {
        let n = self.samples.len() as u32;
        let tick = (f64::from(CLOCK) / self.fps).round() as u32;
        let length = n.saturating_mul(tick);
        let words = |values: &[u32]| values.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>();
        let matrix = words(&[0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000]);
        let [h, w] = self.even.map(|n| n as u32);
        let mvhd =
            [words(&[0, 0, 0, CLOCK, length, 0x1_0000, 0x100_0000, 0, 0]), matrix.clone(), words(&[0; 6]), words(&[2])];
        let tkhd = [words(&[7, 0, 0, 1, 0, length, 0, 0, 0, 0]), matrix, words(&[w << 16, h << 16])];
        let mdhd = [words(&[0, 0, 0, CLOCK, length]), vec![0x55, 0xc4, 0, 0]];
        let hdlr = [words(&[0, 0]), b"vide".to_vec(), words(&[0; 3]), b"minisim\0".to_vec()];
        let config = [
            vec![1, self.sps.get(1).copied().unwrap_or(66), self.sps.get(2).copied().unwrap_or(0)],
            vec![self.sps.get(3).copied().unwrap_or(30), 0xff, 0xe1],
            (self.sps.len() as u16).to_be_bytes().to_vec(),
            self.sps.clone(),
            vec![1],
            (self.pps.len() as u16).to_be_bytes().to_vec(),
            self.pps.clone(),
        ]
        .concat();
        let mut entry = [0, 0, 0, 0, 0, 0, 0, 1].to_vec();
        entry.extend([0; 16]);
        entry.extend((w as u16).to_be_bytes());
        entry.extend((h as u16).to_be_bytes());
        entry.extend(words(&[0x48_0000, 0x48_0000, 0]));
        entry.extend([0, 1]);
        entry.extend([0; 32]);
        entry.extend([0, 24, 0xff, 0xff]);
        entry.extend(mp4_box(b"avcC", &config));
        let stsd = [words(&[0, 1]), mp4_box(b"avc1", &entry)].concat();
        let keys: Vec<u32> = (1..).zip(&self.samples).filter(|(_, s)| s.1).map(|(i, _)| i).collect();
        let sizes: Vec<u32> = self.samples.iter().map(|s| s.0).collect();
        let stbl = [
            mp4_box(b"stsd", &stsd),
            mp4_box(b"stts", &words(&[0, 1, n, tick])),
            mp4_box(b"stss", &[words(&[0, keys.len() as u32]), words(&keys)].concat()),
            mp4_box(b"stsc", &words(&[0, 1, 1, n, 1])),
            mp4_box(b"stsz", &[words(&[0, 0, n]), words(&sizes)].concat()),
            mp4_box(b"co64", &[words(&[0, 1]), FRAMES_AT.to_be_bytes().to_vec()].concat()),
        ]
        .concat();
        let dref = [words(&[0, 1]), mp4_box(b"url ", &words(&[1]))].concat();
        let minf =
            [mp4_box(b"vmhd", &words(&[1, 0, 0])), mp4_box(b"dinf", &mp4_box(b"dref", &dref)), mp4_box(b"stbl", &stbl)]
                .concat();
        let mdia =
            [mp4_box(b"mdhd", &mdhd.concat()), mp4_box(b"hdlr", &hdlr.concat()), mp4_box(b"minf", &minf)].concat();
        let trak = [mp4_box(b"tkhd", &tkhd.concat()), mp4_box(b"mdia", &mdia)].concat();
        mp4_box(b"moov", &[mp4_box(b"mvhd", &mvhd.concat()), mp4_box(b"trak", &trak)].concat())
    }
}

/// The units of a stream, which start codes (0, 0, 1) part.
fn units(stream: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> =
        (0..stream.len().saturating_sub(2)).filter(|i| stream[*i..].starts_with(&[0, 0, 1])).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(from, to)| {
            let unit = &stream[from + 3..to];
            // Zeros at the end belong to the next start code.
            &unit[..unit.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1)]
        })
        .collect()
}

fn mp4_box(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(8 + body.len() as u32).to_be_bytes()[..], name, body].concat()
}
