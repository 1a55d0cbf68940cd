//! The closed vocabulary between physics and pixels: steps produce layers, the renderer interprets them and knows no effect
//! by name.
//!
//! Tissue layers live on the canvas and move with the brain; scope layers live on the field of view and stand still. The two
//! kinds of map are distinct types, so they cannot be mixed.

use std::{marker::PhantomData, sync::Arc};

use rayon::prelude::*;

use crate::{footprint::Patch, render::kernels::digitise::Digitiser};

/// Marks maps on the canvas, which moves with the brain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tissue {}
/// Marks maps on the field of view, fixed to the scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {}

/// A `(height, width)` map of light, row-major, in the frame of reference `F`.
#[derive(Clone, Debug, PartialEq)]
pub struct Map<F> {
    /// (height, width) px.
    pub shape: [usize; 2],
    /// Values, row-major.
    pub data: Vec<f32>,
    frame: PhantomData<F>,
}

impl<F> Map<F> {
    /// A map from double-precision values; pixels are single precision.
    #[must_use]
    pub fn new(shape: [usize; 2], values: &[f64]) -> Self {
        debug_assert_eq!(values.len(), shape[0] * shape[1]);
        Self::from_fn(shape, |i| values[i])
    }

    /// A map of `value(row * width + col)`.
    #[must_use]
    pub fn from_fn(shape: [usize; 2], value: impl Fn(usize) -> f64 + Sync) -> Self {
        let [height, width] = shape;
        let data = (0..height * width).into_par_iter().with_min_len(width.max(1)).map(|i| value(i) as f32).collect();
        Self { shape, data, frame: PhantomData }
    }
}

/// Which leg of the light's way a transmission acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// LED to cell: bleaching feels it.
    Excitation,
    /// Cell to sensor.
    Emission,
}

/// A layer that moves with the tissue.
#[derive(Clone, Debug)]
pub enum TissueLayer {
    /// `+ Σ A_i c_i(t)`: small patches with a course each.
    Sparse {
        /// One patch a cell, canvas coordinates.
        patches: Arc<Vec<Patch>>,
        /// Brightness of each cell in each frame, `(unit, frame)`.
        courses: Vec<f32>,
    },
    /// `+ Σ S_k T_k(t)`: full maps with a course each.
    LowRank {
        /// The maps S_k.
        maps: Arc<Vec<Map<Tissue>>>,
        /// The courses T_k, one value a frame.
        courses: Vec<Vec<f32>>,
    },
    /// `× M(y, x)`.
    Transmission {
        /// Share of light that passes.
        map: Arc<Map<Tissue>>,
    },
}

/// A layer fixed to the scope.
#[derive(Clone, Debug)]
pub enum ScopeLayer {
    /// `× M(y, x)`.
    Transmission {
        /// Share of light that passes.
        map: Arc<Map<Scope>>,
        /// On which leg.
        path: Path,
    },
    /// `+ G(y, x)`.
    Glow {
        /// Added fluorescence units.
        map: Arc<Map<Scope>>,
    },
    /// Photons to counts. Always the last layer.
    Digitise(Box<Digitiser>),
}

/// One step's contribution to a frame.
#[derive(Clone, Debug)]
pub enum Layer {
    /// Acts on the canvas.
    Tissue(TissueLayer),
    /// Moves the canvas under the scope by (dy, dx) px a frame and crops the field of view.
    Shift {
        /// Displacement of the content, one pair a frame.
        px: Vec<[f64; 2]>,
    },
    /// Acts on the field of view.
    Scope(ScopeLayer),
}
