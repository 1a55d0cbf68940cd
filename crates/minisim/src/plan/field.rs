//! Light that varies over the image and over time: `Σ_k map_k(y, x) · course_k(t)`.

use std::{marker::PhantomData, sync::Arc};

use rayon::prelude::*;

use super::{
    refocused::Refocused,
    time_courses::{Compute, TimeCourses},
};

/// Marks what lies on the canvas, which moves with the brain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tissue {}
/// Marks what lies on the field of view, fixed to the scope.
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

/// How light is spread over the image.
#[derive(Clone, Debug)]
pub enum Spread<F> {
    /// 1 in every pixel.
    Even,
    /// A value a pixel.
    Map(Arc<Map<F>>),
}

/// How light changes from frame to frame.
#[derive(Clone, Debug)]
pub enum Course {
    /// Not at all: 1 in every frame.
    Still,
    /// A factor a frame.
    Varying {
        /// The factors of all frames.
        factors: Arc<Vec<f32>>,
        /// The factor to be expected of any frame, for those who ask how bright it is in general.
        expected: f64,
    },
}

impl Course {
    /// The factors of `F` frames from `start` on.
    #[inline]
    #[must_use]
    pub fn block<const F: usize>(&self, start: usize) -> [f32; F] {
        match self {
            Self::Still => [1.0; F],
            Self::Varying { factors, .. } => std::array::from_fn(|f| factors[start + f]),
        }
    }

    /// The factor to be expected of any frame.
    #[must_use]
    pub fn expected(&self) -> f64 {
        match self {
            Self::Still => 1.0,
            Self::Varying { expected, .. } => *expected,
        }
    }

    /// Frames that it is known for; `None` for any.
    pub(super) fn n_frames(&self) -> Option<usize> {
        match self {
            Self::Still => None,
            Self::Varying { factors, .. } => Some(factors.len()),
        }
    }
}

/// One term of a field.
#[derive(Clone, Debug)]
pub struct Component<F> {
    /// Where the light is.
    pub spread: Spread<F>,
    /// When.
    pub course: Course,
}

/// A sum of components, in the frame of reference `F`. Without a component it is dark.
#[derive(Clone, Debug)]
pub struct Field<F> {
    /// The terms, added in this order.
    pub components: Vec<Component<F>>,
}

impl<F> Field<F> {
    /// A map that never changes.
    #[must_use]
    pub fn still(map: Arc<Map<F>>) -> Self {
        Self { components: vec![Component { spread: Spread::Map(map), course: Course::Still }] }
    }

    /// Alike in every pixel, changing in time.
    #[must_use]
    pub fn even(course: Course) -> Self {
        Self { components: vec![Component { spread: Spread::Even, course }] }
    }

    /// Several maps with a time course each.
    #[must_use]
    pub fn sum(components: impl IntoIterator<Item = (Arc<Map<F>>, Course)>) -> Self {
        let component = |(map, course)| Component { spread: Spread::Map(map), course };
        Self { components: components.into_iter().map(component).collect() }
    }

    /// The factor of each frame, where the field changes in time and is the same everywhere.
    #[must_use]
    pub fn even_factors(&self) -> Option<&[f32]> {
        match self.components.as_slice() {
            [Component { spread: Spread::Even, course: Course::Varying { factors, .. } }] => Some(factors),
            _ => None,
        }
    }

    /// What is to be expected at a place: `at` samples a map there.
    #[must_use]
    pub fn expected_at(&self, at: impl Fn(&Map<F>) -> f64) -> f64 {
        let term = |c: &Component<F>| match &c.spread {
            Spread::Even => c.course.expected(),
            Spread::Map(map) => at(map) * c.course.expected(),
        };
        self.components.iter().map(term).sum()
    }

    /// Says what keeps a renderer from using the field on images of this shape, in films of that many frames.
    pub(super) fn fault(&self, shape: [usize; 2], n_frames: usize) -> Option<String> {
        self.components.iter().enumerate().find_map(|(k, component)| {
            let size = match &component.spread {
                Spread::Even => None,
                Spread::Map(map) if map.shape != shape || map.data.len() != shape[0] * shape[1] => {
                    Some(format!("component {k} is a map of {:?} px, the image has {shape:?}", map.shape))
                }
                Spread::Map(_) => None,
            };
            let short = component.course.n_frames().filter(|n| *n < n_frames);
            size.or_else(|| short.map(|n| format!("component {k} knows {n} of {n_frames} frames")))
        })
    }
}

/// Light that comes from small patches, each with a brightness of its own in every frame: cells.
#[derive(Clone, Debug)]
pub struct Emitters {
    /// One patch a cell, canvas coordinates.
    pub patches: Arc<Vec<crate::footprint::Patch>>,
    /// The brightness of each over time.
    pub brightness: Arc<TimeCourses>,
    /// Each cell's first patch, and the end of the last one's; `None` where each cell has one patch.
    pub starts: Option<Arc<Vec<usize>>>,
}

impl Emitters {
    /// Patches, and what computes the brightness of each over time.
    #[must_use]
    pub fn new(patches: Arc<Vec<crate::footprint::Patch>>, brightness: Arc<dyn Compute>) -> Self {
        Self { patches, brightness: Arc::new(TimeCourses::new(brightness)), starts: None }
    }

    /// The patches of cells that have several each.
    #[must_use]
    pub fn refocused(patches: Arc<Vec<crate::footprint::Patch>>, cells: Refocused) -> Self {
        let starts = Some(Arc::new(cells.starts().to_vec()));
        Self { starts, ..Self::new(patches, Arc::new(cells)) }
    }

    /// Says what keeps a renderer from using them in films of that many frames.
    pub(super) fn fault(&self, n_frames: usize) -> Option<String> {
        let (patches, courses, known) = (self.patches.len(), self.brightness.len(), self.brightness.n_frames());
        (known < n_frames || courses != patches).then(|| {
            format!(
                "{patches} patches have {courses} time courses of {known} frames; the recording has {n_frames} frames"
            )
        })
    }
}
