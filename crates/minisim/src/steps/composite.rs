//! The cells become light.
//!
//! # What it models
//! The sum of all cells' fluorescence in the image plane.
//!
//! # Model
//! `movie += Σ A_i * C_i(t) * B_i(t)`: observed footprints where the optics step ran, else planted; bleaching where that step
//! ran. Cells without a trace contribute nothing. The movie after this step is the stage `cells_only`.
//!
//! # Sources
//! Fluorescence of separate emitters adds up.
//!
//! # Leaves out
//! Re-absorption of emitted light by other cells.
//!
//! # Records
//! Nothing.

use super::{Domain, Part, Step};
use crate::{building::Builder, spec::record::record};

record! {
    /// Adds the cells' light to the movie.
    pub struct Composite: step, panel("hidden", "Cells in the film", 13) {}
}

impl Step for Composite {
    const KIND: &'static str = "composite";
    const STAGE: &'static str = "cells_only";
    const DOMAIN: Domain = Domain::Tissue;
    const PART: Part = Part::Signal;

    fn example() -> Self {
        Self {}
    }

    fn build(&self, scene: &mut Builder<'_>) {
        if let Some(cells) = scene.emitters() {
            scene.push(cells);
        }
    }
}
