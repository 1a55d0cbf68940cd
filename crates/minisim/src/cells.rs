//! The cells while a scene is being built: what the cell steps know of each other.

use std::sync::Arc;

use crate::{
    footprint::Patch,
    physics::{
        blur::{Ellipse, degrade_footprint_along},
        optics::PointSpread,
    },
    timeline::{Activity, Fading, HeldActivity},
};

/// All cells on the canvas, structure of arrays; index = unit.
///
/// Cells of the field of view come first, in their drawing order, then those of the motion margin.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    /// A number that stays with the cell whatever the other cells, the density or the margin: the entity of its draws.
    pub ids: Vec<u64>,
    /// (z, y, x) µm.
    pub centers_um: Vec<[f64; 3]>,
    /// Centre inside the field of view: these vote on the focus and drive the neuropil.
    pub in_fov: Vec<bool>,
    /// Sharp footprints, canvas coordinates.
    pub planted: Arc<Vec<Patch>>,
    /// Activity, once `cell_activity` has run.
    pub traces: Option<Traces>,
    /// How they fade, once `bleaching` has run.
    pub fading: Option<Arc<dyn Fading>>,
    /// Blur and brightness, once `optics` has run.
    pub spread: Option<Vec<PointSpread>>,
    /// Blur that is not the same in all directions, once `field_aberration` has run.
    pub aberration: Option<Vec<Ellipse>>,
}

impl Cells {
    /// What the sensor sees of cell `unit` where its blur is `sigma_px` and its light is dimmed by `gain`.
    #[must_use]
    pub fn degraded(&self, unit: usize, sigma_px: f64, gain: f64, canvas: [usize; 2]) -> Patch {
        let ellipse = self.aberration.as_ref().map_or_else(Ellipse::default, |all| all[unit]);
        degrade_footprint_along(&self.planted[unit], sigma_px, &ellipse, gain, canvas)
    }
}

/// The cells' activity.
#[derive(Clone, Debug)]
pub struct Traces {
    /// How they fire and glow.
    pub activity: Arc<dyn Activity>,
    /// Their traces and spikes, if the recording is so short that they are held.
    pub held: Option<HeldActivity>,
    /// Smallest and largest value over the calibration window, which does not depend on the duration.
    pub calibration_range: Arc<Vec<[f64; 2]>>,
    /// Expected value of each cell's trace.
    pub expected: Vec<f64>,
}

impl Cells {
    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// The units whose centre is inside the field of view.
    #[must_use]
    pub fn units_in_fov(&self) -> Vec<usize> {
        (0..self.len()).filter(|i| self.in_fov[*i]).collect()
    }

    /// True when there is no cell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// The cells' activity without the rest of a scene, for those who tune it.
#[derive(Clone, Debug)]
pub struct ActivityPreview {
    /// Cells.
    pub n_units: usize,
    /// Frames.
    pub n_frames: usize,
    /// Spike counts `(unit, frame)`; empty without activity.
    pub s: Arc<Vec<u32>>,
    /// Spikes of all cells together.
    pub n_spikes: u64,
    /// The cells with the most spikes, and their clean traces (fluorescence units).
    pub busiest: Vec<(usize, Vec<f64>)>,
}
