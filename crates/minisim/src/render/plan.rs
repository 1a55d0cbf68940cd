//! The order in which footprints are added to the canvas: by band of rows, so that a band of several frames stays in cache.

use std::ops::Range;

use super::kernels::arithmetic;
use crate::footprint::Patch;

/// Rows of a band: eight frames of it fit into a core's second-level cache at usual widths.
const BAND_ROWS: usize = 32;

/// Which patches touch which band of canvas rows.
#[derive(Debug)]
pub(super) struct Plan {
    width: usize,
    /// For each band: patches that reach it, in unit order.
    bands: Vec<Vec<u32>>,
    height: usize,
}

impl Plan {
    pub(super) fn new(canvas: [usize; 2], patches: &[Patch]) -> Self {
        let mut bands = vec![Vec::new(); canvas[0].div_ceil(BAND_ROWS)];
        for (unit, patch) in patches.iter().enumerate().filter(|(_, p)| p.height > 0) {
            let (first, last) = (patch.row as usize / BAND_ROWS, (patch.row as usize + patch.height - 1) / BAND_ROWS);
            for band in &mut bands[first..=last] {
                band.push(unit as u32);
            }
        }
        Self { width: canvas[1], bands, height: canvas[0] }
    }

    /// Adds `Σ A_i c_i(t)` to the images of `frames`. Every pixel sums its cells in unit order, whatever the band.
    pub(super) fn add_patches(
        &self,
        patches: &[Patch],
        courses: &[f32],
        n_frames: usize,
        frames: &Range<usize>,
        images: &mut [Vec<f32>],
    ) {
        for (band, units) in self.bands.iter().enumerate() {
            let rows = band * BAND_ROWS..((band + 1) * BAND_ROWS).min(self.height);
            for unit in units.iter().map(|u| *u as usize) {
                let patch = &patches[unit];
                let top = patch.row as usize;
                let course = &courses[unit * n_frames..][frames.clone()];
                for row in rows.start.max(top)..rows.end.min(top + patch.height) {
                    let weights = patch.row_weights(row - top);
                    let at = row * self.width + patch.col as usize;
                    for (image, c) in images.iter_mut().zip(course) {
                        arithmetic::add_scaled(&mut image[at..at + patch.width], weights, *c);
                    }
                }
            }
        }
    }
}
