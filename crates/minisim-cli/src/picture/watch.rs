//! A film is looked at as it passes by on its way to the disk, so that its picture costs no reading back.

use std::{
    ops::Range,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use minisim::{
    GroundTruth, Scene, Sink,
    sink::{Block, Header, Place, SinkError},
};

use super::{Looking, frames_to_look_at, sheet};

/// Frames that may wait to be looked at.
const MOST_WAITING: usize = 4;

/// A sink, and the picture of what goes into it.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    sink: S,
    title: String,
    header: Option<Header>,
    /// What is known before the first frame.
    truth: Option<GroundTruth>,
    /// The frames that are looked at.
    seen: Vec<usize>,
    looker: Option<Looker>,
}

/// The thread that looks.
#[derive(Debug)]
struct Looker {
    frames: mpsc::SyncSender<(usize, Vec<f32>)>,
    thread: JoinHandle<Looking>,
}

impl<S> Watched<S> {
    /// Watches what goes into `sink`; the picture is called `title`.
    pub(crate) fn new(sink: S, title: String) -> Self {
        Self { sink, title, header: None, truth: None, seen: Vec::new(), looker: None }
    }

    /// Shows frame `t` to the thread that looks, if it is one to be looked at.
    fn show(&self, t: usize, pixels: impl FnOnce() -> Vec<f32>) {
        if let Some(looker) = &self.looker
            && self.seen.binary_search(&t).is_ok()
        {
            // A thread that has died is found out when it is joined.
            let _ = looker.frames.send((t, pixels()));
        }
    }
}

impl<S: Sink> Sink for Watched<S> {
    /// The sink's output, and the picture as PNG or why there is none.
    type Output = (S::Output, Result<Vec<u8>, String>);

    fn scene(&mut self, scene: &Scene, until: Option<usize>) {
        self.truth = Some(scene.ground_truth(until));
        self.sink.scene(scene, until);
    }

    fn begin(&mut self, header: &Header) -> Result<(), SinkError> {
        self.sink.begin(header)?;
        let truth = self.truth.take().unwrap_or_default();
        let shape = header.tracks.first().map_or([0; 3], |track| [header.n_frames, track.height, track.width]);
        self.seen = frames_to_look_at(shape);
        let (frames, shown) = mpsc::sync_channel(MOST_WAITING);
        let thread = thread::Builder::new().name("picture".to_owned()).spawn(move || {
            // Reading the letters takes as long as drawing them; there is time for it now.
            sheet::prepare();
            let mut looking = Looking::new(&truth, shape);
            shown.iter().for_each(|(t, pixels)| looking.take(t, pixels));
            looking
        })?;
        self.looker = Some(Looker { frames, thread });
        self.header = Some(header.clone());
        Ok(())
    }

    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError> {
        if block.track == 0 {
            let size = block.pixels.len() / block.n_frames.max(1);
            for i in 0..block.n_frames {
                self.show(block.first_frame + i, || block.pixels.to_f32(i * size..(i + 1) * size));
            }
        }
        self.sink.block(block)
    }

    fn place(&mut self, frames: Range<usize>) -> Result<Option<Place>, SinkError> {
        self.sink.place(frames)
    }

    fn placed(&mut self, frames: Range<usize>, place: Place) -> Result<(), SinkError> {
        let size = self.header.as_ref().and_then(|h| h.tracks.first()).map_or(0, |t| t.height * t.width);
        for (i, t) in frames.clone().enumerate() {
            let counts = &place.bytes[place.first + i * place.stride..][..size];
            self.show(t, || counts.iter().map(|n| f32::from(*n)).collect());
        }
        self.sink.placed(frames, place)
    }

    fn finish(self, truth: GroundTruth) -> Result<Self::Output, SinkError> {
        let (Some(Looker { frames, thread }), Some(header)) = (self.looker, self.header) else {
            return Err("finish came before begin".into());
        };
        drop(frames);
        let (title, known) = (self.title, truth.clone());
        // The sheet is drawn while the truth is written.
        let drawing = thread::Builder::new().name("picture".to_owned()).spawn(move || {
            let looking = thread.join().map_err(|_| "the film could not be looked at".to_owned())?;
            sheet::draw(&looking.film(title, header.spec, &header.content, known))
        })?;
        let output = self.sink.finish(truth)?;
        let picture = drawing.join().unwrap_or_else(|_| Err("the picture could not be drawn".to_owned()));
        Ok((output, picture))
    }
}
