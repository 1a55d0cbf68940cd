//! The canvas that tissue is rendered on, and where places lie on it.

use rayon::prelude::*;

/// The canvas: the field of view plus the same margin on every side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Canvas {
    /// Field of view (height, width) px.
    pub fov: [usize; 2],
    /// Margin on every side (px).
    pub margin: usize,
    /// Object-space pixel size (µm).
    pub pixel_um: f64,
}

impl Canvas {
    /// Canvas (height, width) px.
    #[must_use]
    pub fn shape(&self) -> [usize; 2] {
        self.fov.map(|n| n + 2 * self.margin)
    }

    /// Field of view (height, width) µm.
    #[must_use]
    pub fn fov_um(&self) -> [f64; 2] {
        self.fov.map(|n| n as f64 * self.pixel_um)
    }

    /// Position (row, col) on the field of view, in px, of a place (y, x) in µm. The optical axis is its centre.
    #[must_use]
    pub fn fov_px_from_um(&self, y_um: f64, x_um: f64) -> [f64; 2] {
        [
            (self.fov[0] as f64 - 1.0) / 2.0 + y_um / self.pixel_um,
            (self.fov[1] as f64 - 1.0) / 2.0 + x_um / self.pixel_um,
        ]
    }

    /// Place in µm of row (axis 0) or column (axis 1) `index` of the field of view; negative indices lie in the margin.
    #[must_use]
    pub fn um_from_fov_px(&self, axis: usize, index: i64) -> f64 {
        (index as f64 - (self.fov[axis] as f64 - 1.0) / 2.0) * self.pixel_um
    }

    /// Field-of-view indices of the canvas rows (axis 0) or columns (axis 1).
    pub fn fov_indices(&self, axis: usize) -> impl Iterator<Item = i64> + use<> {
        let margin = self.margin as i64;
        -margin..self.fov[axis] as i64 + margin
    }

    /// Places of the canvas rows (y) and columns (x) in µm.
    #[must_use]
    pub fn places_um(&self) -> [Vec<f64>; 2] {
        [0, 1].map(|axis| self.fov_indices(axis).map(|i| self.um_from_fov_px(axis, i)).collect())
    }

    /// The field of view's part of a canvas-sized array.
    #[must_use]
    pub fn crop<T: Copy + Sync>(&self, canvas: &[T]) -> Vec<T> {
        let mut fov = Vec::with_capacity(self.fov[0] * self.fov[1]);
        (0..self.fov[0]).for_each(|r| fov.extend_from_slice(self.fov_row(canvas, r)));
        fov
    }

    /// The field of view's rows of a canvas-sized array.
    pub fn fov_rows<'v, T: Sync>(&self, canvas: &'v [T]) -> impl IndexedParallelIterator<Item = &'v [T]> {
        let this = *self;
        (0..self.fov[0]).into_par_iter().map(move |r| this.fov_row(canvas, r))
    }

    /// One of them.
    #[must_use]
    pub fn fov_row<'v, T>(&self, canvas: &'v [T], row: usize) -> &'v [T] {
        let at = (row + self.margin) * self.shape()[1] + self.margin;
        &canvas[at..at + self.fov[1]]
    }
}
