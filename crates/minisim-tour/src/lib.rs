//! The anatomy of a one-photon recording, one effect at a time.
//!
//! A [`Chapter`] explains one effect: a few sentences, a question, sliders ([`Knob`]) and a [`Figure`] that the engine makes for
//! any setting of them, with the numbers that belong to it. The studio shows chapters live; `minisim anatomy` draws them.
//! Everything shown is simulated: chapters choose specs and look at their frames and their truth; no light is made up here.

mod chapters;
mod figure;
mod film;
mod linear;

pub use chapters::{CHAPTERS, chapter};
pub use figure::{Chapter, Figure, Image, Knob, Mark, Panel, Plot, Quantity, Series};
