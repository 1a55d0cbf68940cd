//! The folder that the Miniscope's acquisition software (Miniscope-DAQ-QT) leaves on disk, with the truth beside the film.
//!
//! Where frames were lost, their gap shows as it does there: frames are numbered without gaps, while the time stamp and the number
//! that the acquisition box counted jump. As no frame waits in a simulation, the buffer index is 0.

use std::{
    fs,
    path::{Path, PathBuf},
};

use minisim::{
    GroundTruth, Sink,
    sink::{Block, Header, SinkError},
};
use serde_json::json;

use crate::{
    FileOptions, Written, ZarrOptions, ZarrSink,
    atomic::{Pending, write},
    avi::{Rate, Shape, Writer},
    codec::{Codec, FrameCoder},
    disk::LongFile,
    error::IoError,
    film::{Coding, check_levels, grey_of},
};

/// Frames a file, as the software writes them.
const FRAMES_PER_FILE: usize = 1000;
/// What the software's films say of their frame rate, whatever it is.
const HEADER_FPS: Rate = Rate { rate: 60, scale: 1 };
/// Bytes after which a film gets another RIFF chunk.
const RIFF_BYTES: u64 = 1 << 30;
/// A simulation has no date; every folder says this one: noon of 1 January 2020, UTC (ms since the epoch).
const START_MS: u64 = 1_577_880_000_000;

/// Writes such a folder.
#[derive(Debug)]
pub(crate) struct DaqSink {
    target: PathBuf,
    options: FileOptions,
    codec: Codec,
    per_file: usize,
    pending: Pending,
    truth: ZarrSink,
    header: Option<Header>,
    coder: Option<FrameCoder>,
    writer: Option<Writer>,
    taken: usize,
    bytes: u64,
}

impl DaqSink {
    pub(crate) fn create(path: &Path, options: &FileOptions) -> Result<Self, IoError> {
        refuse_folder(path, options.overwrite, "Miniscope/metaData.json", "a Miniscope recording folder")?;
        check_levels(path, options.vmin, options.vmax)?;
        let per_file = options.clip.unwrap_or(FRAMES_PER_FILE);
        if per_file == 0 {
            return Err(IoError::unsuitable(path, "a file must have at least one frame"));
        }
        let pending = Pending::new(path)?;
        let root = pending.path().to_owned();
        for folder in [root.clone(), root.join("Miniscope"), root.join("experiment")] {
            fs::create_dir(&folder).map_err(IoError::system("create", path))?;
        }
        let truth = ZarrSink::create(root.join("ground_truth.zarr"), ZarrOptions { overwrite: false })?;
        Ok(Self {
            target: path.to_owned(),
            options: options.clone(),
            codec: options.codec.unwrap_or(Codec::Ffv1),
            per_file,
            pending,
            truth,
            header: None,
            coder: None,
            writer: None,
            taken: 0,
            bytes: 0,
        })
    }

    fn device(&self) -> PathBuf {
        self.pending.path().join("Miniscope")
    }

    fn open(&mut self, header: &Header) -> Result<(), IoError> {
        let track = &header.tracks[0];
        if header.n_frames == 0 {
            return Err(IoError::unsuitable(&self.target, "there is no frame to show"));
        }
        if track.width > i16::MAX as usize || track.height > i16::MAX as usize {
            return Err(IoError::unsuitable(&self.target, "the film is too large for AVI; write a .zarr"));
        }
        let grey = grey_of(header, &self.target, self.options.vmin, self.options.vmax)?;
        self.coder = Some(FrameCoder::new(grey, self.codec, track.width, track.height));
        // The truth without the film, which is in the device's folder.
        let mut without_film = header.clone();
        without_film.n_frames = 0;
        without_film.tracks.truncate(1);
        Sink::begin(&mut self.truth, &without_film).map_err(|e| self.failed(&e))?;
        self.header = Some(header.clone());
        Ok(())
    }

    fn failed(&self, why: &SinkError) -> IoError {
        IoError::unsuitable(&self.target, why.to_string())
    }

    fn frame(&mut self, bytes: &[u8]) -> Result<(), IoError> {
        if self.taken.is_multiple_of(self.per_file) {
            self.end_file()?;
            let Some(header) = &self.header else { return Ok(()) };
            let path = self.device().join(format!("{}.avi", self.taken / self.per_file));
            let shape = Shape {
                width: header.tracks[0].width,
                height: header.tracks[0].height,
                n_frames: (header.n_frames - self.taken).min(self.per_file),
                rate: HEADER_FPS,
            };
            let file = fs::File::create(&path).map_err(IoError::system("create", &path))?;
            let writer = Writer::new(LongFile::new(file), shape, self.codec, RIFF_BYTES);
            self.writer = Some(writer.map_err(IoError::system("write", &path))?);
        }
        if let Some(writer) = &mut self.writer {
            writer.frame(bytes).map_err(IoError::system("write", &self.target))?;
        }
        self.taken += 1;
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), IoError> {
        if let Some(writer) = self.writer.take() {
            self.bytes += writer.finish().map_err(IoError::system("write", &self.target))?;
        }
        Ok(())
    }

    fn complete(mut self, truth: GroundTruth) -> Result<Written, IoError> {
        self.end_file()?;
        let Some(header) = self.header.take() else {
            return Err(IoError::unsuitable(&self.target, "no frame was delivered"));
        };
        let (root, device) = (self.pending.path().to_owned(), self.device());
        let fps = header.spec.acquisition.fps.get();
        let track = &header.tracks[0];
        let name = self.target.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let json = |value: serde_json::Value| format!("{value:#}\n").into_bytes();
        let session = json!({
            "animalName": name,
            "baseDirectory": self.target.to_string_lossy(),
            "cameras": [],
            "experimentName": "minisim",
            "miniscopes": ["Miniscope"],
            "recordingStartTime": {
                "year": 2020, "month": 1, "day": 1, "hour": 12, "minute": 0, "second": 0, "msec": 0, "msecSinceEpoch": START_MS,
            },
            "researcherName": "minisim",
        });
        let camera = json!({
            "ROI": { "leftEdge": 0, "topEdge": 0, "width": track.width, "height": track.height },
            "compression": self.codec.name(),
            "deviceDirectory": self.target.join("Miniscope").to_string_lossy(),
            "deviceID": 0,
            "deviceName": "Miniscope",
            "deviceType": "Miniscope_V4_BNO",
            "ewl": 0,
            "frameRate": format!("{fps}FPS"),
            "framesPerFile": self.per_file,
            "gain": "Low",
            "led0": 10,
        });
        let stamps_s = truth.f64s("timestamps_s").filter(|stamps| stamps.len() == self.taken);
        let time = |t: usize| (stamps_s.map_or(t as f64 / fps, |stamps| stamps[t]) * 1e3).round();
        let counted = truth.array("daq_frame").map(|array| array.data.to_f64());
        let counted = |t: usize| counted.as_ref().and_then(|counted| counted.get(t)).copied().unwrap_or(t as f64);
        let mut stamps = String::from("Frame Number,Time Stamp (ms),Buffer Index,DAQ Frame Number\n");
        // The head does not turn: a simulation has none.
        let mut orientation = String::from("Time Stamp (ms),qw,qx,qy,qz\n");
        for t in 0..self.taken {
            stamps += &format!("{t},{},0,{}\n", time(t), counted(t));
            orientation += &format!("{},1,0,0,0\n", time(t));
        }
        for (path, bytes) in [
            (root.join("metaData.json"), json(session)),
            (root.join("notes.csv"), b"Time Stamp (ms), Note\n".to_vec()),
            (root.join("experiment/metaData.json"), json(json!({ "experimentName": "minisim" }))),
            (root.join("spec.json"), header.spec.pretty_json().into_bytes()),
            (device.join("metaData.json"), json(camera)),
            (device.join("timeStamps.csv"), stamps.into_bytes()),
            (device.join("headOrientation.csv"), orientation.into_bytes()),
        ] {
            write(&path, &bytes)?;
            self.bytes += bytes.len() as u64;
        }
        let target = self.target.clone();
        let truth = Sink::finish(self.truth, truth).map_err(|e| IoError::unsuitable(&target, e.to_string()))?;
        self.bytes += truth.bytes;
        self.pending.commit(self.options.overwrite)?;
        Ok(Written { path: self.target, bytes: self.bytes })
    }
}

impl Sink for DaqSink {
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

    fn finish(self, truth: GroundTruth) -> Result<Written, SinkError> {
        Ok(self.complete(truth)?)
    }
}

/// Refuses a folder that exists: always without `overwrite`, and with it if the file `mark` is not in it.
pub(crate) fn refuse_folder(path: &Path, overwrite: bool, mark: &str, what: &'static str) -> Result<(), IoError> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    if !overwrite {
        return Err(IoError::Exists { path: path.to_owned() });
    }
    if path.join(mark).is_file() { Ok(()) } else { Err(IoError::WouldDestroy { path: path.to_owned(), what }) }
}
