//! The spec: what a user asks for, as written, validated; may say "auto". Immutable once made.
//!
//! ```
//! use minisim::spec::Spec;
//! use minisim::steps::{CellActivity, CellOptics, Composite, PlaceNeurons, Sensor};
//!
//! let checked = Spec::builder()
//!     .seed(1)
//!     .fps(20.0)
//!     .duration_s(20.0)
//!     .field_px(200, 200)
//!     .step(PlaceNeurons::default())
//!     .step(CellActivity::default())
//!     .step(CellOptics::default())
//!     .step(Composite::default())
//!     .step(Sensor::default())
//!     .build()?;
//! assert_eq!(checked.spec.acquisition.n_frames(), 400);
//! # Ok::<(), minisim::spec::Report>(())
//! ```

mod acquisition;
mod builder;
mod canonical;
mod check;
mod cost;
mod edit;
mod published;
mod read;
mod schema;
mod text;

pub use crate::fields::finding::{Finding, Report, Severity};
pub use crate::fields::num::{
    Auto, Count, Fraction, FractionBelowOne, MajorShare, NonNegative, OutOfBounds, Positive, PositiveFraction, Real,
};
pub use acquisition::{Acquisition, Companding, ImageSensor, Optics, Tissue};
pub use builder::SpecBuilder;
pub use check::{Checker, check_part};
pub use cost::{Cost, Extent, Needs, limits};
pub use edit::{Difference, diff};
pub use read::Format;
pub use schema::schema;

pub(crate) use crate::fields::{finding, node, num, record};
use crate::steps::{AnyStep, Step};
use record::{choices, record};

/// The seed of a spec that gives none.
pub const DEFAULT_SEED: u64 = 42;

choices! {
    /// The container of the stored counts; never a rescaling.
    pub enum StoreDtype {
        /// Four-byte float.
        Float32 = "float32";
        /// Eight-byte float.
        Float64 = "float64";
        /// One byte; needs a sensor step and at most 8 bits.
        Uint8 = "uint8", since("0.1");
        /// Two bytes; needs a sensor step and at most 16 bits.
        Uint16 = "uint16", since("0.1");
    }
}

impl StoreDtype {
    /// Bytes a pixel.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Uint8 => 1,
            Self::Uint16 => 2,
            Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }
}

record! {
    /// What is stored.
    pub struct Output, panel("generate", "Storage", 16) {
        /// Keep the movie after every movie step.
        save_intermediates: bool => false, "";
        /// The container of the stored counts; never a rescaling. Whole-number types need a sensor step and must hold its bits.
        store_dtype: StoreDtype => StoreDtype::Float32, "";
    }
}

/// A recording to simulate, valid.
///
/// Made by reading ([`Spec::from_json`] and its like), by [`Spec::new`] or by [`Spec::builder`], which all check everything.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Spec {
    /// How the recording is taken.
    pub acquisition: Acquisition,
    /// Seed of all randomness.
    pub seed: u64,
    /// The effects, in the order of the chain, each kind at most once.
    pub steps: Vec<AnyStep>,
    /// What is stored.
    pub output: Output,
}

/// A valid spec, and what is doubtful about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The spec.
    pub spec: Spec,
    /// What may not be as meant.
    pub warnings: Vec<Finding>,
}

impl Spec {
    /// A spec from its parts; the steps may come in any order.
    ///
    /// # Errors
    /// Everything that breaks a rule across fields; paths count the steps in the order given.
    #[expect(clippy::new_ret_no_self, reason = "a valid spec may come with warnings")]
    pub fn new(acquisition: Acquisition, seed: u64, steps: Vec<AnyStep>, output: Output) -> Result<Checked, Report> {
        let steps = steps.into_iter().enumerate().map(|(i, step)| (i, step.kind(), Some(step))).collect();
        let draft = check::Draft {
            acquisition: Some(acquisition.clone()),
            seed: Some(seed),
            steps,
            output: Some(output.clone()),
        };
        let (errors, warnings) = check::split(check::check(&draft));
        if !errors.is_empty() {
            return Err(Report { findings: errors });
        }
        let steps = draft.steps.into_iter().filter_map(|(_, _, step)| step).collect();
        Ok(Checked { spec: Self::sorted(acquisition, seed, steps, output), warnings })
    }

    fn sorted(acquisition: Acquisition, seed: u64, mut steps: Vec<AnyStep>, output: Output) -> Self {
        steps.sort_by_key(AnyStep::rank);
        Self { acquisition, seed, steps, output }
    }

    /// The step of type `S`, if the spec has it: `spec.step::<Neuropil>()`.
    #[must_use]
    pub fn step<S: Step + 'static>(&self) -> Option<&S> {
        self.steps.iter().find_map(|step| step.as_any().downcast_ref())
    }

    /// Whether the spec has a step of this kind.
    #[must_use]
    pub fn has(&self, kind: &str) -> bool {
        self.steps.iter().any(|step| step.kind() == kind)
    }
}
