//! The chapters, in the order in which light goes through a recording; one file each.

mod axial;
mod background;
mod bending;
mod best;
mod bleaching;
mod blood;
mod cable;
mod crosstalk;
mod delta_f;
mod depth;
mod edges;
mod lamp;
mod motion;
mod pixel;
mod roi;
mod sectioning;
mod sensor;
mod together;

use crate::figure::Chapter;

/// All chapters.
pub const CHAPTERS: &[Chapter] = &[
    sectioning::CHAPTER,
    depth::CHAPTER,
    background::CHAPTER,
    blood::CHAPTER,
    crosstalk::CHAPTER,
    motion::CHAPTER,
    bending::CHAPTER,
    axial::CHAPTER,
    edges::CHAPTER,
    lamp::CHAPTER,
    sensor::CHAPTER,
    pixel::CHAPTER,
    cable::CHAPTER,
    best::CHAPTER,
    together::CHAPTER,
    bleaching::CHAPTER,
    delta_f::CHAPTER,
    roi::CHAPTER,
];

/// The chapter called `name`.
#[must_use]
pub fn chapter(name: &str) -> Option<&'static Chapter> {
    CHAPTERS.iter().find(|c| c.name == name)
}
