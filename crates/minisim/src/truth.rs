//! The ground truth: the planted footprints and a table of arrays that the steps declare.
//!
//! Saving, loading, sub-setting and the Python attributes loop over the table; nothing lists its arrays a second time.

mod values;

use std::{borrow::Cow, sync::Arc};

use rayon::prelude::*;

use crate::{
    footprint::{FootprintStack, Patch},
    physics::{
        blur::{Ellipse, degrade_footprint_along},
        detection::DETECT_SNR_THRESHOLD,
    },
};
pub(crate) use values::Constant;
pub use values::{Rows, Values};

/// What an axis of a truth array counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dim {
    /// Cells.
    Unit,
    /// Frames.
    Frame,
    /// Field-of-view rows.
    Height,
    /// Field-of-view columns.
    Width,
    /// Neuropil components.
    Component,
    /// Components of the blood.
    Blood,
    /// Fields that a deformation is made of.
    Mode,
    /// Rows of a deformation's grid.
    GridRow,
    /// Columns of a deformation's grid.
    GridCol,
    /// The three coordinates (z, y, x).
    Zyx,
    /// The two coordinates (y, x).
    Yx,
    /// Where something begins and where it ends: the first, and the one after the last.
    Span,
    /// Exposures of which nothing is stored.
    Lost,
}

impl Dim {
    /// The length of an axis that is the same in every recording; `None` for what is counted.
    #[must_use]
    pub fn fixed(self) -> Option<usize> {
        match self {
            Self::Zyx => Some(3),
            Self::Yx | Self::Span => Some(2),
            Self::Unit | Self::Frame | Self::Height | Self::Width | Self::Component | Self::Blood => None,
            Self::Mode | Self::GridRow | Self::GridCol | Self::Lost => None,
        }
    }

    /// The axis name used in files (`_ARRAY_DIMENSIONS`) and documentation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Frame => "frame",
            Self::Height => "height",
            Self::Width => "width",
            Self::Component => "component",
            Self::Blood => "blood_component",
            Self::Mode => "mode",
            Self::GridRow => "gridrow",
            Self::GridCol => "gridcol",
            Self::Zyx => "zyx",
            Self::Yx => "yx",
            Self::Span => "span",
            Self::Lost => "lost",
        }
    }
}

/// How an array is declared: its name, axes, unit and meaning.
#[derive(Debug, PartialEq)]
pub struct Declared {
    /// Name in files, in Rust and in Python: the published package's where it has one.
    pub name: &'static str,
    /// Axes, slowest first.
    pub dims: &'static [Dim],
    /// Physical unit, empty when dimensionless.
    pub unit: &'static str,
    /// One line for people.
    pub doc: &'static str,
    /// How the published package treats the array.
    pub stored: Stored,
}

/// How the published package treats an array, which decides where files list it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stored {
    /// Every recording holds it; where no step recorded it, filled with this value.
    Always(Fill),
    /// Listed in `gt_present` when there.
    WhenPresent,
    /// Only ours: beside the others, never listed.
    Extra,
}

/// The value of every element of an array that no step recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// A real number that is not known: NaN.
    Unknown,
    /// A real number.
    Real(f64),
    /// A count.
    Count(u32),
    /// A flag.
    Flag(bool),
}

impl Fill {
    /// An array of this shape; its numbers take no memory until somebody asks for them.
    #[must_use]
    pub fn filled(self, shape: &[usize]) -> TruthData {
        let rows = shape.first().copied().unwrap_or(0);
        let shape = [rows, shape.iter().skip(1).product()];
        let real = |value: f64| TruthData::F64(Values::computed(Arc::new(Constant { value, shape })));
        match self {
            Self::Unknown => real(f64::NAN),
            Self::Real(value) => real(value),
            Self::Count(value) => TruthData::U32(Values::computed(Arc::new(Constant { value, shape }))),
            Self::Flag(value) => TruthData::Bool(vec![value; shape[0] * shape[1]]),
        }
    }
}

impl Declared {
    /// The value of an absent array's elements, for arrays that every recording holds.
    #[must_use]
    pub fn absent(&self) -> Option<Fill> {
        match self.stored {
            Stored::Always(fill) => Some(fill),
            Stored::WhenPresent | Stored::Extra => None,
        }
    }
}

/// The numbers of a truth array, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum TruthData {
    /// Real numbers.
    F64(Values<f64>),
    /// Counts.
    U32(Values<u32>),
    /// Flags.
    Bool(Vec<bool>),
}

impl TruthData {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F64(v) => v.len(),
            Self::U32(v) => v.len(),
            Self::Bool(v) => v.len(),
        }
    }

    /// True when there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy as real numbers; flags become 0 and 1.
    #[must_use]
    pub fn to_f64(&self) -> Vec<f64> {
        self.range_f64(0..self.len())
    }

    /// Part of the values as real numbers, as numbered in the whole, without computing the others.
    #[must_use]
    pub fn range_f64(&self, range: std::ops::Range<usize>) -> Vec<f64> {
        match self {
            Self::F64(v) => v.range(range).into_owned(),
            Self::U32(v) => v.range(range).iter().map(|x| f64::from(*x)).collect(),
            Self::Bool(v) => v[range].iter().map(|x| f64::from(u8::from(*x))).collect(),
        }
    }
}

/// One array of the ground truth.
#[derive(Clone, Debug, PartialEq)]
pub struct TruthArray {
    /// Its declaration.
    pub declared: &'static Declared,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The numbers.
    pub data: TruthData,
}

/// Arrays that every recording has, whatever its steps.
pub const COMMON: &[Declared] = &[
    Declared {
        name: "in_focus",
        dims: &[Dim::Unit],
        unit: "",
        doc: "Whether the cell lies within the depth of field of the focal surface at its place; true without an optics step.",
        stored: Stored::Always(Fill::Flag(true)),
    },
    Declared {
        name: "detectable",
        dims: &[Dim::Unit],
        unit: "",
        doc: "Whether the cell's largest transient stands at least DETECT_SNR_THRESHOLD times above the sensor's noise floor.",
        stored: Stored::Always(Fill::Flag(false)),
    },
    Declared {
        name: "peak_snr",
        dims: &[Dim::Unit],
        unit: "",
        doc: "Detection SNR of the cell's largest transient; absent without a sensor step.",
        stored: Stored::Extra,
    },
];

/// Arrays that are there if they were asked for: what an ideal observer could make of the film. See [`crate::bounds`].
pub const BOUNDS: &[Declared] = &[
    Declared {
        name: "trace_sd_bound",
        dims: &[Dim::Unit],
        unit: "fluorescence units",
        doc: "Least standard deviation that any estimate of the cell's trace from single frames can have, neighbours unknown.",
        stored: Stored::Extra,
    },
    Declared {
        name: "demixing_snr",
        dims: &[Dim::Unit],
        unit: "",
        doc: "The cell's largest transient divided by trace_sd_bound.",
        stored: Stored::Extra,
    },
    Declared {
        name: "crosstalk",
        dims: &[Dim::Unit],
        unit: "",
        doc: "How many times larger trace_sd_bound is than if the traces of all other cells were known; 1 for a cell that overlaps none.",
        stored: Stored::Extra,
    },
    Declared {
        name: "spike_amplitude_bound",
        dims: &[Dim::Unit],
        unit: "spikes",
        doc: "Least standard deviation of the size of a lone spike whose time is not known either.",
        stored: Stored::Extra,
    },
    Declared {
        name: "spike_time_sd_bound_s",
        dims: &[Dim::Unit],
        unit: "s",
        doc: "Least standard deviation of the time of a lone spike whose size is not known either.",
        stored: Stored::Extra,
    },
    Declared {
        name: "shift_sd_bound_px",
        dims: &[Dim::Yx],
        unit: "px",
        doc: "Least standard deviation of the brain's displacement in a frame if all else is known.",
        stored: Stored::Extra,
    },
];

/// Everything that is exactly known about a recording. Arrays whose step did not run are absent.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct GroundTruth {
    /// Sharp footprints, peak 1, sparse, in canvas coordinates; one a cell.
    pub planted: FootprintStack,
    /// Resolved depth of the focal plane (µm); `None` without an optics step.
    pub focal_depth_um: Option<f64>,
    /// The declared arrays, in declaration order.
    pub arrays: Vec<TruthArray>,
}

impl GroundTruth {
    /// Number of cells.
    #[must_use]
    pub fn n_units(&self) -> usize {
        self.planted.len()
    }

    /// The array called `name`, if its step ran.
    #[must_use]
    pub fn array(&self, name: &str) -> Option<&TruthArray> {
        self.arrays.iter().find(|a| a.declared.name == name)
    }

    /// The array called `name` as real numbers, if it is there and holds real numbers.
    #[must_use]
    pub fn f64s(&self, name: &str) -> Option<&[f64]> {
        match &self.array(name)?.data {
            TruthData::F64(v) => Some(v),
            _ => None,
        }
    }

    /// The array called `name` as flags, if it is there and holds flags.
    #[must_use]
    pub fn flags(&self, name: &str) -> Option<&[bool]> {
        match &self.array(name)?.data {
            TruthData::Bool(v) => Some(v),
            _ => None,
        }
    }

    /// Clean calcium traces, `(unit, frame)`, fluorescence units.
    #[must_use]
    pub fn c(&self) -> &[f64] {
        self.f64s("C").unwrap_or_default()
    }

    /// Spikes in each frame, `(unit, frame)`.
    #[must_use]
    pub fn s(&self) -> &[u32] {
        match self.array("S").map(|a| &a.data) {
            Some(TruthData::U32(v)) => v,
            _ => &[],
        }
    }

    /// The clean calcium trace of one cell, fluorescence units, without computing those of the others; empty without activity.
    #[must_use]
    pub fn trace(&self, unit: usize) -> Cow<'_, [f64]> {
        match self.array("C").map(|a| (&a.data, a.row(unit))) {
            Some((TruthData::F64(values), row)) => values.range(row),
            _ => Cow::Borrowed(&[]),
        }
    }

    /// The spike counts of one cell in each frame, without computing those of the others; empty without activity.
    #[must_use]
    pub fn spikes(&self, unit: usize) -> Cow<'_, [u32]> {
        match self.array("S").map(|a| (&a.data, a.row(unit))) {
            Some((TruthData::U32(values), row)) => values.range(row),
            _ => Cow::Borrowed(&[]),
        }
    }

    /// Cell centres `(unit, 3)` as (z, y, x) in µm, y and x from the optical axis.
    #[must_use]
    pub fn centers_um(&self) -> &[f64] {
        self.f64s("centers_um").unwrap_or_default()
    }

    /// Whether each cell stands out of the sensor's noise, `(unit,)`.
    #[must_use]
    pub fn detectable(&self) -> &[bool] {
        self.flags("detectable").unwrap_or_default()
    }

    /// How many cells an ideal observer could tell from their neighbours: those whose `demixing_snr` is at least
    /// [`DETECT_SNR_THRESHOLD`]. `None` where bounds were not asked for.
    #[must_use]
    pub fn n_demixable(&self) -> Option<usize> {
        Some(self.f64s("demixing_snr")?.iter().filter(|snr| **snr >= DETECT_SNR_THRESHOLD).count())
    }

    /// Whether each cell lies within the depth of field, `(unit,)`.
    #[must_use]
    pub fn in_focus(&self) -> &[bool] {
        self.flags("in_focus").unwrap_or_default()
    }

    /// Depth of each cell below the tissue surface (µm).
    #[must_use]
    pub fn depth_um(&self) -> Vec<f64> {
        self.centers_um().iter().step_by(3).copied().collect()
    }
}

impl TruthArray {
    /// The elements with the first index `i`, as numbered in the whole; none where there is no such index.
    #[must_use]
    pub fn row(&self, i: usize) -> std::ops::Range<usize> {
        let stride: usize = self.shape.iter().skip(1).product();
        if self.shape.first().is_some_and(|n| i < *n) { i * stride..(i + 1) * stride } else { 0..0 }
    }

    /// The array restricted to the units whose flag is set; arrays without a unit axis stay as they are.
    #[must_use]
    pub fn with_units(self, keep: &[bool]) -> Self {
        if self.declared.dims.first() != Some(&Dim::Unit) || keep.iter().all(|k| *k) {
            return self;
        }
        let stride: usize = self.shape[1..].iter().product();
        let mut shape = self.shape;
        shape[0] = keep.iter().filter(|k| **k).count();
        let data = if stride == 0 {
            self.data
        } else {
            match self.data {
                TruthData::F64(v) => TruthData::F64(v.picked(stride, keep)),
                TruthData::U32(v) => TruthData::U32(v.picked(stride, keep)),
                TruthData::Bool(v) => TruthData::Bool(Values::from(v).picked(stride, keep).into_vec()),
            }
        };
        Self { declared: self.declared, shape, data }
    }
}

impl TruthArray {
    /// The array with these frames, ascending, some of them left out or several times there; arrays without a frame axis stay as
    /// they are.
    #[must_use]
    pub fn with_frames(self, frames: &Arc<Vec<u32>>) -> Self {
        let Some(axis) = self.declared.dims.iter().position(|dim| *dim == Dim::Frame) else { return self };
        let stride = self.shape[axis + 1..].iter().product();
        let mut shape = self.shape;
        let n_frames = std::mem::replace(&mut shape[axis], frames.len());
        let data = match self.data {
            TruthData::F64(v) => TruthData::F64(v.with_columns(n_frames, stride, frames)),
            TruthData::U32(v) => TruthData::U32(v.with_columns(n_frames, stride, frames)),
            TruthData::Bool(v) => TruthData::Bool(Values::from(v).with_columns(n_frames, stride, frames).into_vec()),
        };
        Self { declared: self.declared, shape, data }
    }
}

impl GroundTruth {
    /// The truth restricted to the units whose flag is set: every array with a unit axis, and the footprints.
    #[must_use]
    pub fn subset(&self, keep: &[bool]) -> Self {
        let patches = self.planted.patches.iter().zip(keep).filter(|(_, k)| **k).map(|(p, _)| p.clone()).collect();
        Self {
            planted: FootprintStack { patches, ..self.planted.clone_without_patches() },
            focal_depth_um: self.focal_depth_um,
            arrays: self.arrays.iter().map(|a| a.clone().with_units(keep)).collect(),
        }
    }

    /// The truth of the detectable cells only: what an analysis can be asked to find. With `require_in_focus`, cells outside
    /// the depth of field are left out too.
    #[must_use]
    pub fn detectable_subset(&self, require_in_focus: bool) -> Self {
        let in_focus = self.in_focus();
        let keep: Vec<bool> = (0..self.n_units())
            .map(|i| {
                self.detectable().get(i).copied().unwrap_or(false)
                    && (!require_in_focus || in_focus.get(i).copied().unwrap_or(true))
            })
            .collect();
        self.subset(&keep)
    }

    /// Cell centres `(row, col)` on the field of view, in px.
    #[must_use]
    pub fn centers_px(&self, pixel_size_um: f64) -> Vec<[f64; 2]> {
        let [h, w] = self.planted.fov_shape;
        let at = |n: usize, um: f64| (n as f64 - 1.0) / 2.0 + um / pixel_size_um;
        self.centers_um().chunks_exact(3).map(|c| [at(h, c[1]), at(w, c[2])]).collect()
    }

    /// The footprints as the sensor sees them, sparse: `gain * (planted ⊛ Gaussian(sigma_px))`, and on through the ellipse of the
    /// aberration where the lens has one. They are not stored; the numbers of each cell regenerate them identically. Planted footprints
    /// where neither optics nor aberration ran.
    #[must_use]
    pub fn observed_footprints(&self) -> FootprintStack {
        let canvas = self.planted.canvas_shape;
        let [sigma, gain, along, across, angle] = [
            "observed_sigma_px",
            "observed_gain",
            "aberration_radial_px",
            "aberration_tangential_px",
            "aberration_angle_rad",
        ]
        .map(|name| self.f64s(name));
        let patches = if sigma.is_none() && along.is_none() {
            self.planted.patches.clone()
        } else {
            let of = |values: Option<&[f64]>, unit: usize, absent: f64| values.map_or(absent, |values| values[unit]);
            let observed = |(unit, patch): (usize, &Patch)| {
                let sigma_px = [of(along, unit, 0.0), of(across, unit, 0.0)];
                let ellipse = Ellipse { sigma_px, angle_rad: of(angle, unit, 0.0) };
                degrade_footprint_along(patch, of(sigma, unit, 0.0), &ellipse, of(gain, unit, 1.0), canvas)
            };
            self.planted.patches.par_iter().enumerate().map(observed).collect()
        };
        FootprintStack { patches, ..self.planted.clone_without_patches() }
    }
}
