//! A recording in memory: the spec, the observed movie, the ground truth and, on request, a movie after every step.

use crate::{
    spec::{Spec, StoreDtype},
    truth::GroundTruth,
};

/// Pixel values of a movie or a block of it, row-major `(frame, height, width)`.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// Counts of up to 8 bits.
    U8(Vec<u8>),
    /// Counts of up to 16 bits.
    U16(Vec<u16>),
    /// Fluorescence units, or counts in a float container.
    F32(Vec<f32>),
    /// Fluorescence units, or counts in a float container, double precision.
    F64(Vec<f64>),
}

/// How a pixel is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleType {
    /// One unsigned byte.
    U8,
    /// Two bytes, unsigned.
    U16,
    /// Four-byte float.
    F32,
    /// Eight-byte float.
    F64,
}

impl From<StoreDtype> for SampleType {
    fn from(dtype: StoreDtype) -> Self {
        match dtype {
            StoreDtype::Float32 => Self::F32,
            StoreDtype::Float64 => Self::F64,
            StoreDtype::Uint8 => Self::U8,
            StoreDtype::Uint16 => Self::U16,
        }
    }
}

impl SampleType {
    /// Bytes a pixel.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

impl Pixels {
    /// An empty buffer of a type, with room for `n` pixels.
    #[must_use]
    pub fn with_capacity(sample: SampleType, n: usize) -> Self {
        match sample {
            SampleType::U8 => Self::U8(Vec::with_capacity(n)),
            SampleType::U16 => Self::U16(Vec::with_capacity(n)),
            SampleType::F32 => Self::F32(Vec::with_capacity(n)),
            SampleType::F64 => Self::F64(Vec::with_capacity(n)),
        }
    }

    /// How a pixel is held.
    #[must_use]
    pub fn sample(&self) -> SampleType {
        match self {
            Self::U8(_) => SampleType::U8,
            Self::U16(_) => SampleType::U16,
            Self::F32(_) => SampleType::F32,
            Self::F64(_) => SampleType::F64,
        }
    }

    /// Number of pixels.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::U16(v) => v.len(),
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
        }
    }

    /// True when there is no pixel.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pixel `i` as a real number.
    #[must_use]
    pub fn get(&self, i: usize) -> f64 {
        match self {
            Self::U8(v) => f64::from(v[i]),
            Self::U16(v) => f64::from(v[i]),
            Self::F32(v) => f64::from(v[i]),
            Self::F64(v) => v[i],
        }
    }

    /// Pixels `range` as `f32`.
    #[must_use]
    pub fn to_f32(&self, range: std::ops::Range<usize>) -> Vec<f32> {
        match self {
            Self::U8(v) => v[range].iter().map(|x| f32::from(*x)).collect(),
            Self::U16(v) => v[range].iter().map(|x| f32::from(*x)).collect(),
            Self::F32(v) => v[range].to_vec(),
            Self::F64(v) => v[range].iter().map(|x| *x as f32).collect(),
        }
    }

    /// These values in another container. Narrowing to integers clamps; the spec's rules refuse specs that would need it.
    #[must_use]
    pub fn converted(self, sample: SampleType) -> Self {
        if self.sample() == sample {
            return self;
        }
        let n = self.len();
        match sample {
            SampleType::U8 => Self::U8((0..n).map(|i| self.get(i) as u8).collect()),
            SampleType::U16 => Self::U16((0..n).map(|i| self.get(i) as u16).collect()),
            SampleType::F32 => Self::F32(self.to_f32(0..n)),
            SampleType::F64 => Self::F64((0..n).map(|i| self.get(i)).collect()),
        }
    }

    /// Appends pixels `range` of `more`, converting them to this buffer's container.
    pub fn extend_from(&mut self, more: &Self, range: std::ops::Range<usize>) {
        match (self, more) {
            (Self::U8(a), Self::U8(b)) => a.extend_from_slice(&b[range]),
            (Self::U16(a), Self::U16(b)) => a.extend_from_slice(&b[range]),
            (Self::F32(a), Self::F32(b)) => a.extend_from_slice(&b[range]),
            (Self::F64(a), Self::F64(b)) => a.extend_from_slice(&b[range]),
            (Self::F32(a), b) => a.extend(b.to_f32(range)),
            (Self::U8(a), b) => a.extend(range.map(|i| b.get(i) as u8)),
            (Self::U16(a), b) => a.extend(range.map(|i| b.get(i) as u16)),
            (Self::F64(a), b) => a.extend(range.map(|i| b.get(i))),
        }
    }

    /// Whether all values are whole numbers that are not negative, as counts are.
    #[must_use]
    pub fn are_whole(&self) -> bool {
        match self {
            Self::U8(_) | Self::U16(_) => true,
            Self::F32(v) => v.iter().all(|x| x.fract() == 0.0 && *x >= 0.0),
            Self::F64(v) => v.iter().all(|x| x.fract() == 0.0 && *x >= 0.0),
        }
    }

    /// Takes the pixels out, leaving none.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let empty = Self::with_capacity(self.sample(), 0);
        std::mem::replace(self, empty)
    }

    /// The buffer without its pixels.
    pub(crate) fn emptied(mut self) -> Self {
        match &mut self {
            Self::U8(v) => v.clear(),
            Self::U16(v) => v.clear(),
            Self::F32(v) => v.clear(),
            Self::F64(v) => v.clear(),
        }
        self
    }

    /// Appends pixels, converting them to this buffer's container.
    pub fn extend(&mut self, more: &Self) {
        self.extend_from(more, 0..more.len());
    }
}

/// A movie in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Movie {
    /// (frame, height, width).
    pub shape: [usize; 3],
    /// The pixels.
    pub pixels: Pixels,
}

impl Movie {
    /// Frame `t` as `f32`, row-major.
    #[must_use]
    pub fn frame(&self, t: usize) -> Vec<f32> {
        let n = self.shape[1] * self.shape[2];
        self.pixels.to_f32(t * n..(t + 1) * n)
    }
}

/// What a film shows: how far light has come in it, and what its pixels are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The stage that the film was taken after; `None` when the run stopped among the cell steps, or nobody knows.
    pub stage: Option<String>,
    /// Largest possible count; `None` for intensities (fluorescence units).
    pub max_count: Option<u64>,
}

impl Content {
    /// Of a film that does not say so itself, such as the published package's or one that was put together by hand: only what has
    /// been counted is whole, and only a sensor counts.
    #[must_use]
    pub fn inferred(spec: &Spec, movie: &Movie) -> Self {
        let counted = spec.has("sensor") && !movie.pixels.is_empty() && movie.pixels.are_whole();
        let last = spec.steps.iter().rfind(|step| step.domain() != crate::steps::Domain::Cell);
        Self {
            stage: last.filter(|_| counted).map(|step| step.stage().to_owned()),
            max_count: counted.then(|| spec.acquisition.image_sensor.max_count()),
        }
    }
}

/// A complete recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// What was simulated.
    pub spec: Spec,
    /// The movie, held in `output.store_dtype`.
    pub observed: Movie,
    /// What the movie shows.
    pub content: Content,
    /// The exact truth.
    pub ground_truth: GroundTruth,
    /// The movie after each movie step, when `output.save_intermediates`; stages before `brain_motion` are on the canvas.
    pub snapshots: Vec<(String, Movie)>,
}

impl Recording {
    /// The movie after stage `name` (a stage name or a step's kind).
    #[must_use]
    pub fn stage(&self, name: &str) -> Option<&Movie> {
        let name = crate::steps::stage_name(name);
        self.snapshots.iter().find(|(n, _)| n == name).map(|(_, m)| m)
    }
}
