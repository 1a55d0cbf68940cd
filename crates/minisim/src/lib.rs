//! Simulate one-photon miniscope recordings with exact ground truth.
//!
//! From neurons, optics, tissue, motion and a camera, this crate makes a film that looks like a real one, together with
//! everything that is true about it: footprints, calcium traces, spikes, motion and optical fields. It is pure: specs in,
//! numbers out; files are the business of the crate `minisim-io`.
//!
//! A [`Spec`] says what to simulate. [`simulate`] returns a [`Recording`] in memory; [`simulate_into`] hands the frames to
//! any [`Sink`] as they are rendered; a [`Scene`] gives random access to the frames of any stage with [`render()`].
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "only the library itself must be pure"))]

pub mod benchmark;
pub mod bounds;
pub mod building;
pub mod cells;
pub mod effects;
pub mod emva;
mod fields;
pub mod footprint;
pub mod kernels;
mod level;
pub mod math;
pub mod memo;
pub mod metrics;
pub mod pair;
pub mod physics;
pub mod plan;
pub mod presets;
pub mod progress;
pub mod recording;
pub mod render;
pub mod rng;
pub mod run;
pub mod scene;
pub mod sink;
pub mod spec;
pub mod steps;
pub mod sweep;
pub mod timeline;
pub mod truth;

pub use bounds::Bounds;
#[doc(hidden)]
pub use level::{Loops, at_best_level, at_every_level};
pub use physics::detection::DETECT_SNR_THRESHOLD;
pub use progress::{Cancel, Event};
pub use recording::Recording;
pub use run::{Facts, Options, Outcome, RunError, render, simulate, simulate_into};
pub use scene::Scene;
pub use sink::{MemorySink, Sink};
pub use spec::{Finding, Spec};
pub use truth::GroundTruth;
