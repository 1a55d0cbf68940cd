//! Progress out, cancellation in: one mechanism for the command line's bar, Ctrl-C and the studio.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Something to tell the person who waits.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The scene (cells, traces, fields) is being built.
    Building,
    /// The scene stands; frames follow.
    Built {
        /// Frames to come.
        n_frames: usize,
    },
    /// That many frames are rendered and stored.
    Frames {
        /// Frames so far.
        done: usize,
        /// Frames in all.
        n_frames: usize,
    },
    /// All frames are stored; the ground truth is being written.
    Finishing,
}

/// A handle that stops a run from anywhere; clones stop the same run.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A handle that has not been used yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the run to stop at the next chance.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the run shall stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
