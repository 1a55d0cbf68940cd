//! Frames for a program that reads them as they come: through a pipe, unthrottled or at their rate.

use std::{
    io::{self, Write},
    path::Path,
    time::Duration,
};

use minisim::{
    Cancel, GroundTruth, Scene, Sink,
    recording::{Pixels, SampleType},
    sink::{Block, Header, SinkError},
};

use crate::{
    avi::{PipedAvi, Rate, Shape},
    codec::{Codec, FrameCoder, Grey},
    error::IoError,
    film::{Coding, check_levels, frame_bytes, grey_of},
    pace::{Clock, Lateness, Pace, SystemClock},
};

/// What messages call the place that frames go to.
const NAME: &str = "standard output";
/// Longest wait for a frame's time before it is asked whether the run was cancelled.
const PATIENCE: Duration = Duration::from_millis(20);
/// Room that a pipe is given; users other than root may have as much, but no more (bytes).
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1 << 20;
/// Bytes after which a new RIFF chunk begins in an AVI.
const RIFF_BYTES: u64 = 1 << 30;

/// Makes room in a pipe for as much of a frame as the system allows, so that writer and reader wait less often for each other.
/// What is no pipe stays as it is, and so does a pipe whose room may not grow.
pub fn widen_pipe(pipe: &std::fs::File) {
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE_BYTES);
    #[cfg(not(target_os = "linux"))]
    let _ = pipe;
}

/// How frames follow each other in a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PipeFormat {
    /// Pixel after pixel, row after row, frame after frame, nothing between: one byte a count, two (low byte first) above 8 bits,
    /// 4-byte floats for light that nobody counted.
    Raw,
    /// YUV4MPEG2 without colours (Cmono), as ffmpeg and many others read it: counts as they are.
    Y4m,
    /// AVI, byte for byte what a file would hold; grey of 8 bits that is not coded.
    Avi,
}

impl PipeFormat {
    /// Names of the formats.
    pub const NAMES: [&str; 3] = ["raw", "y4m", "avi"];

    /// The format of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "raw" => Some(Self::Raw),
            "y4m" => Some(Self::Y4m),
            "avi" => Some(Self::Avi),
            _ => None,
        }
    }
}

/// How to write into a pipe.
#[derive(Clone, Debug)]
pub struct PipeOptions {
    /// How frames follow each other.
    pub format: PipeFormat,
    /// How an AVI names its frames: [`Codec::Y800`] or [`Codec::Grey`].
    pub codec: Codec,
    /// Intensity that becomes black, where intensities become grey levels.
    pub vmin: f64,
    /// Intensity that becomes white. Given, a film has grey levels of 8 bits in place of its counts; raw frames never have.
    pub vmax: Option<f64>,
    /// Hold each frame back until its time has come.
    pub realtime: bool,
    /// Stops the waiting for a frame's time.
    pub cancel: Cancel,
}

/// What went through a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piped {
    /// Bytes in all.
    pub bytes: u64,
    /// Size of a frame: rows and columns (px).
    pub shape: [usize; 2],
    /// How a pixel is held.
    pub sample: SampleType,
    /// How late frames were, if they were to come at their rate.
    pub lateness: Option<Lateness>,
}

/// Writes frames into a pipe while they are rendered. The truth is not written: the same spec simulated into a file has it.
pub struct PipeSink<W: Write, C = SystemClock> {
    pipe: Option<W>,
    options: PipeOptions,
    pace: Option<Pace<C>>,
    /// The recording's time for each frame.
    times_s: Vec<f64>,
    clock: Option<C>,
    begun: Option<Begun<W>>,
}

impl<W: Write, C> std::fmt::Debug for PipeSink<W, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PipeSink").field("options", &self.options).finish_non_exhaustive()
    }
}

struct Begun<W: Write> {
    frames: Frames<W>,
    fps: f64,
    shape: [usize; 2],
    sample: SampleType,
    taken: usize,
    expected: usize,
}

enum Frames<W: Write> {
    /// What stands before each frame, bytes so far, and how counts become grey levels if they do.
    Plain {
        pipe: W,
        before: &'static [u8],
        bytes: u64,
        grey: Option<FrameCoder>,
    },
    Avi {
        film: PipedAvi<W>,
        coder: FrameCoder,
    },
}

impl<W: Write> PipeSink<W> {
    /// A sink that will write into `pipe`.
    ///
    /// # Errors
    /// When the options contradict each other.
    pub fn new(pipe: W, options: PipeOptions) -> Result<Self, IoError> {
        Self::with_clock(pipe, options, SystemClock::default())
    }
}

impl<W: Write, C: Clock> PipeSink<W, C> {
    /// The same by any clock.
    ///
    /// # Errors
    /// When the options contradict each other.
    pub fn with_clock(pipe: W, options: PipeOptions, clock: C) -> Result<Self, IoError> {
        let unsuitable = |why: &str| Err(IoError::unsuitable(Path::new(NAME), why));
        check_levels(Path::new(NAME), options.vmin, options.vmax)?;
        if !options.codec.is_raw() {
            return unsuitable(
                "frames that are coded have sizes that an AVI's header must know beforehand; choose Y800 or GREY, write a file \
                 (-o film.avi), or let another program code: --format y4m | ffmpeg -i - …",
            );
        }
        if options.format == PipeFormat::Raw && (options.vmax.is_some() || options.vmin != 0.0) {
            return unsuitable(
                "raw frames hold the film's own numbers, so vmin and vmax do not apply; leave them out, or choose y4m or avi",
            );
        }
        Ok(Self { pipe: Some(pipe), options, pace: None, times_s: Vec::new(), clock: Some(clock), begun: None })
    }

    fn open(&mut self, header: &Header) -> Result<(), IoError> {
        let name = Path::new(NAME);
        let unsuitable = |why: String| Err(IoError::unsuitable(name, why));
        let Some(mut pipe) = self.pipe.take() else { return unsuitable("it was begun before".into()) };
        let track = &header.tracks[0];
        let [height, width] = [track.height, track.width];
        if header.n_frames == 0 {
            return unsuitable("there is no frame to show; let the run go on to a movie stage".into());
        }
        let fps = header.spec.acquisition.fps.get();
        let rate =
            || Rate::new(fps).ok_or_else(|| IoError::unsuitable(name, format!("no film has {fps} frames a second")));
        let PipeOptions { format, codec, vmin, vmax, .. } = self.options;
        let failed = IoError::system("write", name);
        let coder = |grey: Grey| FrameCoder::new(grey, codec, width, height);
        let mut sample = track.rendered;
        let frames = match format {
            PipeFormat::Raw => Frames::Plain { pipe, before: b"", bytes: 0, grey: None },
            PipeFormat::Y4m => {
                let counts = header.content.max_count.filter(|_| vmax.is_none() && vmin == 0.0);
                // Counts of an odd number of bits are held by the next container that programs know.
                let [mono, grey] = match counts {
                    Some(..=255) => ["mono", ""],
                    Some(..=511) => ["mono9", ""],
                    Some(..=1023) => ["mono10", ""],
                    Some(..=4095) => ["mono12", ""],
                    Some(..=65535) => ["mono16", ""],
                    _ => ["mono", "grey"],
                };
                let grey = if grey.is_empty() { None } else { Some(coder(grey_of(header, name, vmin, vmax)?)) };
                if grey.is_some() {
                    sample = SampleType::U8;
                }
                let Rate { rate, scale } = rate()?;
                let head = format!("YUV4MPEG2 W{width} H{height} F{rate}:{scale} Ip A1:1 C{mono} XCOLORRANGE=FULL\n");
                pipe.write_all(head.as_bytes()).map_err(failed)?;
                Frames::Plain { pipe, before: b"FRAME\n", bytes: head.len() as u64, grey }
            }
            PipeFormat::Avi => {
                let shape = Shape { width, height, n_frames: header.n_frames, rate: rate()? };
                let coder = coder(grey_of(header, name, vmin, vmax)?);
                sample = SampleType::U8;
                Frames::Avi { film: PipedAvi::new(pipe, shape, codec, RIFF_BYTES).map_err(failed)?, coder }
            }
        };
        self.pace = self.clock.take().filter(|_| self.options.realtime).map(|clock| Pace::with_clock(fps, clock));
        self.begun = Some(Begun { frames, fps, shape: [height, width], sample, taken: 0, expected: header.n_frames });
        Ok(())
    }

    fn take(&mut self, pixels: &Pixels, n: usize) -> Result<(), IoError> {
        let Some(begun) = &mut self.begun else { return Ok(()) };
        let size: usize = begun.shape.iter().product();
        for i in 0..n {
            if let Some(pace) = &mut self.pace {
                let evenly_s = begun.taken as f64 / begun.fps;
                let time_s = self.times_s.get(begun.taken).copied().unwrap_or(evenly_s);
                while !pace.wait(time_s, PATIENCE) {
                    if self.options.cancel.is_cancelled() {
                        return Err(IoError::Stopped { path: NAME.into() });
                    }
                }
            }
            begun.frames.put(pixels, i, size, begun.shape).map_err(|e| e.named(Path::new(NAME)))?;
            begun.taken += 1;
        }
        Ok(())
    }

    fn complete(self) -> Result<Piped, IoError> {
        let unsuitable = |why: String| IoError::unsuitable(Path::new(NAME), why);
        let begun = self.begun.ok_or_else(|| unsuitable("no frame was delivered".into()))?;
        if begun.taken != begun.expected {
            return Err(unsuitable(format!("{} of {} frames came", begun.taken, begun.expected)));
        }
        let bytes = begun.frames.end().map_err(IoError::system("write", Path::new(NAME)))?;
        Ok(Piped { bytes, shape: begun.shape, sample: begun.sample, lateness: self.pace.map(|pace| pace.lateness()) })
    }
}

impl<W: Write> Frames<W> {
    /// Sends frame `i` of a block, at once.
    fn put(&mut self, pixels: &Pixels, i: usize, size: usize, shape: [usize; 2]) -> Result<(), Coding> {
        match self {
            Self::Plain { pipe, before, bytes, grey } => {
                let mut send = |frame: &[u8]| {
                    pipe.write_all(before)?;
                    pipe.write_all(frame)?;
                    *bytes += (before.len() + frame.len()) as u64;
                    pipe.flush()
                };
                match (grey, pixels) {
                    (Some(coder), _) => coder.frame(pixels, i, send)?,
                    (None, Pixels::U8(counts)) => send(&counts[i * size..(i + 1) * size])?,
                    (None, _) => send(&frame_bytes(pixels, i, shape, false))?,
                }
            }
            Self::Avi { film, coder } => coder.frame(pixels, i, |levels| film.frame(levels))?,
        }
        Ok(())
    }

    fn end(self) -> io::Result<u64> {
        let (bytes, mut pipe) = match self {
            Self::Plain { pipe, bytes, .. } => (bytes, pipe),
            Self::Avi { film, .. } => film.finish()?,
        };
        pipe.flush()?;
        Ok(bytes)
    }
}

impl<W: Write + Send, C: Clock> Sink for PipeSink<W, C> {
    type Output = Piped;

    fn scene(&mut self, scene: &Scene, _: Option<usize>) {
        self.times_s = (0..scene.n_frames).map(|t| scene.time_s(t)).collect();
    }

    fn begin(&mut self, header: &Header) -> Result<(), SinkError> {
        Ok(self.open(header)?)
    }

    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError> {
        if block.track == 0 {
            self.take(block.pixels, block.n_frames)?;
        }
        Ok(())
    }

    fn finish(self, _: GroundTruth) -> Result<Piped, SinkError> {
        Ok(self.complete()?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use minisim::{Options, RunError, Spec, presets::preset, simulate_into};

    use super::*;

    fn spec() -> Spec {
        let small = [
            ("acquisition.image_sensor.n_px_height", 40.into()),
            ("acquisition.image_sensor.n_px_width", 30.into()),
            ("acquisition.duration_s", 5.0.into()),
        ];
        preset("v4-ca1").expect("a preset").set_all(small).expect("valid").spec
    }

    /// A clock that goes on while somebody sleeps, and a pipe that notes when frames came.
    #[derive(Clone, Default)]
    struct Room {
        now: Arc<Mutex<Duration>>,
        came: Arc<Mutex<Vec<Duration>>>,
    }

    impl Clock for Room {
        fn now(&self) -> Duration {
            *self.now.lock().expect("unpoisoned")
        }

        fn sleep(&mut self, time: Duration) {
            *self.now.lock().expect("unpoisoned") += time;
        }
    }

    impl Write for Room {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.came.lock().expect("unpoisoned").push(Clock::now(self));
            Ok(())
        }
    }

    fn options(realtime: bool) -> PipeOptions {
        let cancel = Cancel::new();
        PipeOptions { format: PipeFormat::Y4m, codec: Codec::Y800, vmin: 0.0, vmax: None, realtime, cancel }
    }

    #[test]
    fn frames_are_sent_one_by_one_when_they_are_due() {
        for (realtime, ms) in [(true, 50), (false, 0)] {
            let room = Room::default();
            let sink = PipeSink::with_clock(room.clone(), options(realtime), room.clone()).expect("a sink");
            let piped = simulate_into(&spec(), sink, Options::default()).expect("simulated").output;
            let due: Vec<Duration> = (0..100).map(|i| Duration::from_millis(ms * i)).collect();
            let came = room.came.lock().expect("unpoisoned");
            // The end is flushed as well.
            assert_eq!(came[..100], due[..]);
            assert_eq!(came.len(), 101);
            assert_eq!(piped.lateness, realtime.then(Lateness::default));
            assert_eq!((piped.shape, piped.sample), ([40, 30], SampleType::U8));
        }
    }

    #[test]
    fn waiting_ends_when_the_run_is_cancelled() {
        let room = Room::default();
        let options = options(true);
        options.cancel.cancel();
        let sink = PipeSink::with_clock(room.clone(), options, room.clone()).expect("a sink");
        let failed = simulate_into(&spec(), sink, Options::default()).expect_err("stopped");
        assert!(matches!(failed, RunError::Sink(why) if why.to_string().contains("stopped")));
        assert_eq!(room.came.lock().expect("unpoisoned").len(), 1);
    }
}
