//! A recording as a camera would hand it over: frame after frame, rendered ahead into a queue, at their rate if asked for.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use minisim::{
    Cancel, RunError, Scene,
    recording::{Pixels, SampleType},
    render,
};

use crate::{
    codec::{Codec, FrameCoder},
    error::IoError,
    film::{check_levels, grey},
    pace::{Lateness, Pace},
};

/// Memory for frames that are rendered ahead (bytes).
const AHEAD_BYTES: usize = 64 << 20;
/// Most frames that are rendered ahead.
const MAX_AHEAD: usize = 64;

/// How to play a scene.
#[derive(Clone, Debug, Default)]
pub struct LiveOptions {
    /// The stage to show; the observed movie if `None`.
    pub stage: Option<String>,
    /// Hold each frame back until its time has come.
    pub realtime: bool,
    /// Begin again after the last frame.
    pub repeat: bool,
}

/// A frame that has come.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveFrame {
    /// Its number since the start. Where the recording is repeated, the remainder by its length is the recording's frame.
    pub index: u64,
    /// When it was taken, since the recording's start (s).
    pub time_s: f64,
    /// The pixels, (height, width), as they are rendered: counts as integers, light as floats.
    pub pixels: Pixels,
}

/// What came.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// A frame.
    Frame(LiveFrame),
    /// None yet.
    NotYet,
    /// None, as the recording is over.
    End,
}

/// Frames of a scene, one after the other. They are rendered ahead by a thread that ends when this is dropped.
#[derive(Debug)]
pub struct Live {
    scene: Arc<Scene>,
    frames: Option<Receiver<LiveFrame>>,
    /// The next frame, whose time has not come yet.
    early: Option<LiveFrame>,
    pace: Option<Pace>,
    sample: SampleType,
    cancel: Cancel,
    worker: Option<JoinHandle<()>>,
}

impl Live {
    /// Begins to render.
    ///
    /// # Errors
    /// When the scene has no such stage, or makes no film.
    pub fn start(scene: Arc<Scene>, options: LiveOptions) -> Result<Self, RunError> {
        let LiveOptions { stage, realtime, repeat } = options;
        render(&scene, 0..0, stage.as_deref())?;
        if scene.plan.stages.is_empty() || scene.n_frames == 0 {
            let why = "the spec makes no film; give it a step that does, such as composite, and a duration of a frame or more";
            return Err(RunError::Sink(why.into()));
        }
        let fps = scene.spec.acquisition.fps.get();
        let sample = render(&scene, 0..1, stage.as_deref())?.sample();
        let frame_bytes = scene.canvas.fov.iter().product::<usize>() * sample.bytes();
        let ahead = (AHEAD_BYTES / frame_bytes.max(1)).clamp(2, MAX_AHEAD);
        let at_once = ahead / 2;
        let (sender, frames) = sync_channel(ahead - at_once);
        let cancel = Cancel::new();
        let worker = std::thread::spawn({
            let (scene, cancel) = (Arc::clone(&scene), cancel.clone());
            move || play(&scene, stage.as_deref(), (at_once, repeat), &sender, &cancel)
        });
        let pace = realtime.then(|| Pace::new(fps));
        Ok(Self { scene, frames: Some(frames), early: None, pace, sample, cancel, worker: Some(worker) })
    }

    /// What is played.
    #[must_use]
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// How pixels are held.
    #[must_use]
    pub fn sample(&self) -> SampleType {
        self.sample
    }

    /// The next frame, waited for no longer than `patience`.
    pub fn next(&mut self, patience: Duration) -> Next {
        let frame = match self.early.take() {
            Some(frame) => frame,
            None => match self.frames.as_ref().map(|frames| frames.recv_timeout(patience)) {
                Some(Ok(frame)) => frame,
                Some(Err(RecvTimeoutError::Timeout)) => return Next::NotYet,
                Some(Err(RecvTimeoutError::Disconnected)) | None => {
                    self.frames = None;
                    if let Some(Err(panic)) = self.worker.take().map(JoinHandle::join) {
                        std::panic::resume_unwind(panic);
                    }
                    return Next::End;
                }
            },
        };
        if self.pace.as_mut().is_some_and(|pace| !pace.wait(frame.time_s, patience)) {
            self.early = Some(frame);
            return Next::NotYet;
        }
        Next::Frame(frame)
    }

    /// How late frames were, if they were to come at their rate.
    #[must_use]
    pub fn lateness(&self) -> Option<Lateness> {
        self.pace.as_ref().map(Pace::lateness)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.cancel.cancel();
        // A full queue would hold the worker up.
        self.frames = None;
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

/// Renders frames some at a time and queues them, until the end or until nobody listens any more.
fn play(
    scene: &Scene,
    stage: Option<&str>,
    (at_once, repeat): (usize, bool),
    queue: &SyncSender<LiveFrame>,
    cancel: &Cancel,
) {
    let n = scene.n_frames;
    let size: usize = scene.canvas.fov.iter().product();
    // One round of the recording takes until the frame after its last one.
    let round_s = scene.time_s(n - 1) + 1.0 / scene.spec.acquisition.fps.get() - scene.time_s(0);
    for round in 0_u64.. {
        for first in (0..n).step_by(at_once) {
            let frames = first..(first + at_once).min(n);
            // The stage is there: it was asked for when this began.
            let Ok(pixels) = render(scene, frames.clone(), stage) else { return };
            for (i, t) in frames.enumerate() {
                let mut own = Pixels::with_capacity(pixels.sample(), size);
                own.extend_from(&pixels, i * size..(i + 1) * size);
                let time_s = round as f64 * round_s + scene.time_s(t);
                let frame = LiveFrame { index: round * n as u64 + t as u64, time_s, pixels: own };
                if cancel.is_cancelled() || queue.send(frame).is_err() {
                    return;
                }
            }
        }
        if !repeat {
            return;
        }
    }
}

/// Makes JPEG pictures of a scene's frames.
#[derive(Debug)]
pub struct Pictures(FrameCoder);

impl Pictures {
    /// Of the observed movie, from black at the intensity `vmin` to white at `vmax` (the largest count of the sensor if `None`), in
    /// a quality from 1 to 100.
    ///
    /// # Errors
    /// When it is not known what is white, or a picture has more pixels a side than JPEG knows.
    pub fn new(scene: &Scene, vmin: f64, vmax: Option<f64>, quality: u8) -> Result<Self, IoError> {
        let (name, [height, width]) = (Path::new("the picture"), scene.canvas.fov);
        check_levels(name, vmin, vmax)?;
        let grey = grey(scene.content().max_count, name, vmin, vmax)?;
        if height.max(width) > usize::from(u16::MAX) {
            return Err(IoError::unsuitable(
                name,
                format!("{height} × {width} px are too many for JPEG; make the field smaller"),
            ));
        }
        Ok(Self(FrameCoder::new(grey, Codec::Mjpg { quality }, width, height)))
    }

    /// The picture of a frame.
    ///
    /// # Errors
    /// When it cannot be coded.
    pub fn jpeg(&mut self, pixels: &Pixels) -> io::Result<Vec<u8>> {
        self.0.frame(pixels, 0, |bytes| Ok(bytes.to_vec()))
    }
}

/// The bytes of pixels, row after row: one byte a count, two (low byte first) above 8 bits, 4-byte floats for light.
#[must_use]
pub fn raw_bytes(pixels: &Pixels) -> Vec<u8> {
    crate::film::frame_bytes(pixels, 0, [1, pixels.len()], false)
}

/// The name that numpy has for a pixel's type in [`raw_bytes`].
#[must_use]
pub fn raw_type(sample: SampleType) -> &'static str {
    match sample {
        SampleType::U8 => "|u1",
        SampleType::U16 => "<u2",
        SampleType::F32 | SampleType::F64 => "<f4",
    }
}

#[cfg(test)]
mod tests {
    use minisim::{Spec, presets::preset};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn spec(duration_s: f64) -> Spec {
        let small = [
            ("acquisition.image_sensor.n_px_height", 40.into()),
            ("acquisition.image_sensor.n_px_width", 30.into()),
            ("acquisition.duration_s", duration_s.into()),
        ];
        preset("v4-ca1").expect("a preset").set_all(small).expect("valid").spec
    }

    fn scene(duration_s: f64) -> Arc<Scene> {
        Arc::new(Scene::new(&spec(duration_s)).expect("a scene"))
    }

    fn take(live: &mut Live) -> LiveFrame {
        match live.next(PATIENCE) {
            Next::Frame(frame) => frame,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn frames_are_the_recordings_one_after_the_other() {
        // More than are rendered ahead, and not a multiple of them.
        let scene = scene(5.05);
        for stage in [None, Some("leakage")] {
            let film = render(&scene, 0..scene.n_frames, stage).expect("frames");
            let options = LiveOptions { stage: stage.map(str::to_owned), ..LiveOptions::default() };
            let mut live = Live::start(Arc::clone(&scene), options).expect("started");
            assert_eq!(live.sample(), film.sample());
            for t in 0..scene.n_frames {
                let frame = take(&mut live);
                assert_eq!((frame.index, frame.time_s), (t as u64, t as f64 / 20.0));
                assert!((0..1200).all(|i| frame.pixels.get(i) == film.get(1200 * t + i)), "frame {t}");
            }
            assert_eq!(live.next(PATIENCE), Next::End);
            assert_eq!(live.next(PATIENCE), Next::End);
        }
    }

    #[test]
    fn a_recording_is_repeated() {
        let scene = scene(0.15);
        let repeat = LiveOptions { repeat: true, ..LiveOptions::default() };
        let mut live = Live::start(scene, repeat).expect("started");
        let frames: Vec<LiveFrame> = (0..200).map(|_| take(&mut live)).collect();
        for (i, frame) in frames.iter().enumerate() {
            assert_eq!(frame.index, i as u64);
            assert!((frame.time_s - i as f64 / 20.0).abs() < 1e-9);
            assert_eq!(frame.pixels, frames[i % 3].pixels);
        }
        assert!(frames[0].pixels != frames[1].pixels);
        // Its thread ends here, though its queue is full.
        drop(live);
    }

    #[test]
    fn what_makes_no_film_is_refused() {
        let live = |scene, stage: Option<&str>| {
            Live::start(scene, LiveOptions { stage: stage.map(str::to_owned), ..LiveOptions::default() })
        };
        assert!(live(scene(1.0), Some("sunshine")).is_err_and(|e| e.to_string().contains("sunshine")));
        let cells = Spec::from_json("{\"steps\": [{\"kind\": \"place_neurons\"}]}").expect("valid").spec;
        let cells = Arc::new(Scene::new(&cells).expect("a scene"));
        assert!(live(cells, None).is_err_and(|e| e.to_string().contains("composite")));
    }

    #[test]
    fn pictures_know_what_is_white() {
        let scene = scene(0.1);
        let pixels = render(&scene, 0..1, None).expect("a frame");
        let jpeg = Pictures::new(&scene, 0.0, None, 90).expect("a coder").jpeg(&pixels).expect("a picture");
        assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]));
        let dark = spec(0.1).without_step("sensor").expect("valid").spec;
        let dark = Scene::new(&dark).expect("a scene");
        assert!(Pictures::new(&dark, 0.0, None, 90).is_err_and(|e| e.to_string().contains("--vmax")));
        assert!(Pictures::new(&dark, 0.0, Some(2.0), 90).is_ok());
    }
}
