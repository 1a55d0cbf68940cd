//! Where rendered frames go: the push interface of the one loop in [`crate::run`].
//!
//! A sink knows files and nothing of physics. `begin` comes once, then consecutive frames, in blocks or in places that the
//! sink gave for them, then `finish`. On an error or a cancellation `finish` is never called and the sink is dropped: a sink
//! that writes files removes what it wrote.

use std::ops::Range;

use crate::{
    recording::{Content, Movie, Pixels, Recording, SampleType},
    scene::Scene,
    spec::Spec,
    truth::GroundTruth,
};

/// An error of a sink, in the sink's own words.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// One movie that the run will deliver.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// `None` for the observed movie, else the stage name of a snapshot.
    pub stage: Option<&'static str>,
    /// Rows (px); a snapshot before `brain_motion` is as large as the canvas.
    pub height: usize,
    /// Columns (px).
    pub width: usize,
    /// How the renderer hands the pixels over: counts as integers, everything else as `f32`.
    pub rendered: SampleType,
}

/// What a sink may know before the first frame.
#[derive(Clone, Debug)]
pub struct Header {
    /// The spec being simulated.
    pub spec: Spec,
    /// Frames to come; 0 when the run stops among the cell steps.
    pub n_frames: usize,
    /// The movies to come: the observed one first, then the snapshots.
    pub tracks: Vec<Track>,
    /// The container that `output.store_dtype` asks for.
    pub stored: SampleType,
    /// What the observed movie shows.
    pub content: Content,
}

impl Header {
    /// The container that a track's pixels are stored in: what `output.store_dtype` says for the observed movie; a float for
    /// snapshots, which are not counts.
    #[must_use]
    pub fn container(&self, track: usize) -> SampleType {
        match (self.tracks.get(track).and_then(|t| t.stage), self.stored) {
            (None, stored) => stored,
            (Some(_), SampleType::F64) => SampleType::F64,
            (Some(_), _) => SampleType::F32,
        }
    }
}

/// Consecutive frames of one track.
#[derive(Debug)]
pub struct Block<'a> {
    /// Index into [`Header::tracks`].
    pub track: usize,
    /// First frame.
    pub first_frame: usize,
    /// Frames in the block.
    pub n_frames: usize,
    /// The pixels, `(frame, height, width)`, in the track's rendered sample type.
    pub pixels: &'a Pixels,
}

/// Memory for consecutive frames of 8-bit counts, laid out as its owner needs them.
#[derive(Debug)]
pub struct Place {
    /// The memory.
    pub bytes: Vec<u8>,
    /// Where the first frame begins.
    pub first: usize,
    /// Bytes from frame to frame.
    pub stride: usize,
}

impl Place {
    /// Whether `n` frames of `frame` bytes fit in without touching each other.
    pub(crate) fn holds(&self, n: usize, frame: usize) -> bool {
        let end = n.saturating_sub(1).checked_mul(self.stride).and_then(|at| at.checked_add(self.first + frame));
        self.stride >= frame && end.is_some_and(|end| end <= self.bytes.len())
    }
}

/// A receiver of frames.
pub trait Sink: Send {
    /// What a finished run yields.
    type Output;

    /// The scene that the frames will come from, before [`Sink::begin`]; the run stops after the step of rank `until`, after all
    /// steps if `None`. For those who need to know something of the truth before the end.
    fn scene(&mut self, _scene: &Scene, _until: Option<usize>) {}

    /// Opens the output.
    ///
    /// # Errors
    /// When the output cannot be created.
    fn begin(&mut self, header: &Header) -> Result<(), SinkError>;

    /// Takes the next block; blocks of a track come in order, without gaps.
    ///
    /// # Errors
    /// When the block cannot be stored.
    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError>;

    /// Memory for `frames` of the observed movie, which are about to be rendered, if the sink wants them in a place of its own;
    /// they then come by [`Sink::placed`], in their turn, and not by [`Sink::block`]. Asked for in order, in runs that deliver
    /// 8-bit counts and nothing else. A place that is too small for them is not used; they come as a block, then.
    ///
    /// # Errors
    /// When frames that came before cannot be stored.
    fn place(&mut self, _frames: Range<usize>) -> Result<Option<Place>, SinkError> {
        Ok(None)
    }

    /// Takes the next frames, in the place that was given for them.
    ///
    /// # Errors
    /// When they cannot be stored.
    fn placed(&mut self, _frames: Range<usize>, _place: Place) -> Result<(), SinkError> {
        Err("this sink gave no place for frames".into())
    }

    /// Completes the output. Until here nothing that looks complete may exist.
    ///
    /// # Errors
    /// When the output cannot be completed.
    fn finish(self, truth: GroundTruth) -> Result<Self::Output, SinkError>;
}

/// Collects a recording in memory.
#[derive(Debug, Default)]
pub struct MemorySink {
    header: Option<Header>,
    movies: Vec<Movie>,
}

impl Sink for MemorySink {
    type Output = Recording;

    fn begin(&mut self, header: &Header) -> Result<(), SinkError> {
        self.movies = header
            .tracks
            .iter()
            .enumerate()
            .map(|(i, track)| {
                let shape = [header.n_frames, track.height, track.width];
                Movie { shape, pixels: Pixels::with_capacity(header.container(i), shape.iter().product()) }
            })
            .collect();
        self.header = Some(header.clone());
        Ok(())
    }

    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError> {
        self.movies[block.track].pixels.extend(block.pixels);
        Ok(())
    }

    fn finish(self, truth: GroundTruth) -> Result<Recording, SinkError> {
        let header = self.header.ok_or("finish came before begin")?;
        let mut movies = self.movies.into_iter();
        let observed = movies.next().ok_or("the run delivered no observed movie")?;
        let snapshots = header.tracks[1..]
            .iter()
            .zip(movies)
            .map(|(track, movie)| (track.stage.unwrap_or_default().to_owned(), movie))
            .collect();
        Ok(Recording { spec: header.spec, observed, content: header.content, ground_truth: truth, snapshots })
    }
}
