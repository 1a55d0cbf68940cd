//! The forward chain. The list at the end of this file *is* the chain: its order is the order of light.

use crate::{
    building::Builder,
    spec::{Acquisition, Checker, Extent, Needs, record::Record},
    truth::{self, Declared, GroundTruth},
};

/// What part of the experiment a step belongs to, which decides when it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// The cells and what they do; makes no movie.
    Cell,
    /// Light in the tissue, moving with the brain.
    Tissue,
    /// Brain against scope.
    Motion,
    /// Fixed to the scope.
    Scope,
    /// From the camera to the file: which exposures are stored, and what becomes of them on the way.
    Delivery,
}

/// What a step is of a recording, for those who choose among the steps: the clean twin, the contact sheet, the tour, the docs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What an experiment is after: cells, their activity, their light.
    Signal,
    /// Light and shadow that are not the cells'.
    Background,
    /// What differs from one exposure to the next by chance.
    Noise,
    /// The tissue moves against the scope.
    Motion,
    /// What the scope does to every scene alike.
    Instrument,
}

impl Part {
    /// The part in one word, as documentation writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Background => "background",
            Self::Noise => "noise",
            Self::Motion => "motion",
            Self::Instrument => "instrument",
        }
    }
}

/// How far the tissue moves, so that real tissue can be simulated around the field of view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
    /// Largest displacement on either axis (µm).
    pub um: f64,
    /// The step's field to lower when that is too far.
    pub field: &'static str,
}

/// A number that tells how strong an effect is in a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// What it is, in words that stand before the number.
    pub what: &'static str,
    /// The number.
    pub value: f64,
    /// Its unit; empty where it has none.
    pub unit: &'static str,
}

impl Quantity {
    /// In words, such as `99 % within 4.1 µm`.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { what, value, unit } = self;
        let size = value.abs();
        let decimals = if size >= 100.0 || size == 0.0 {
            0
        } else if size >= 1.0 {
            1
        } else if size >= 0.1 {
            2
        } else {
            3
        };
        format!("{what} {value:.decimals$} {unit}").trim_end().to_owned()
    }
}

/// One effect of the forward model.
pub trait Step: Sized {
    /// Name in specs.
    const KIND: &'static str;
    /// Name of the movie after this step.
    const STAGE: &'static str = Self::KIND;
    /// Where the effect happens.
    const DOMAIN: Domain;
    /// What the effect is of a recording.
    const PART: Part;
    /// The ground truth that the step records.
    const RECORDS: &'static [Declared] = &[];
    /// Structs whose rules the step checks, by name, and the step's field that lists them.
    const LISTS: &'static [(&'static str, &'static str)] = &[];

    /// The step with an effect that is seen in any film of some cells, and not the default where the step has fields: what the laws
    /// are tried on.
    fn example() -> Self;

    /// How far the step moves the tissue; `None` for steps that do not.
    fn margin(&self) -> Option<Margin> {
        None
    }

    /// What the step takes beyond the cells' footprints and traces.
    fn cost(&self, _extent: &Extent) -> Needs {
        Needs::default()
    }

    /// What stays of the step in a clean twin, although what it adds to a recording is left out there.
    fn undamaged(&self) -> Option<Self> {
        None
    }

    /// Checks what no single field's bound can say.
    fn check(&self, _cx: &mut Checker<'_>) {}

    /// How strong the effect is in a recording with this ground truth, for people; empty where there is nothing to say.
    fn strength(&self, _truth: &GroundTruth, _acquisition: &Acquisition) -> Vec<Quantity> {
        Vec::new()
    }

    /// Adds the effect to the scene.
    fn build(&self, scene: &mut Builder<'_>);
}

macro_rules! chain {
    ($($module:ident::$name:ident),* $(,)?) => {
        $(pub mod $module;)*
        $(pub use $module::$name;)*

        /// A step of any kind.
        #[derive(Clone, Debug, PartialEq)]
        pub enum AnyStep {
            $(#[doc = concat!("See [`", stringify!($name), "`].")] $name($name),)*
        }

        /// The kinds, in the order of the chain.
        pub const KINDS: &[&str] = &[$($name::KIND),*];

        const STAGES: &[&str] = &[$($name::STAGE),*];

        const RECORDS: &[&[Declared]] = &[$($name::RECORDS),*];

        const LISTS: &[(&str, &[(&str, &str)])] = &[$(($name::KIND, $name::LISTS)),*];

        impl AnyStep {
            /// Name of the step in specs.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$name(_) => $name::KIND,)* }
            }

            /// Name of the movie after the step.
            #[must_use]
            pub fn stage(&self) -> &'static str {
                match self { $(Self::$name(_) => $name::STAGE,)* }
            }

            /// Where the effect happens.
            #[must_use]
            pub fn domain(&self) -> Domain {
                match self { $(Self::$name(_) => $name::DOMAIN,)* }
            }

            /// What the effect is of a recording.
            #[must_use]
            pub fn part(&self) -> Part {
                match self { $(Self::$name(_) => $name::PART,)* }
            }

            /// The step's name for people.
            #[must_use]
            pub fn title(&self) -> &'static str {
                match self { $(Self::$name(_) => $name::SHOWN.title().unwrap_or($name::KIND),)* }
            }

            /// How far the step moves the tissue; `None` for steps that do not.
            #[must_use]
            pub fn margin(&self) -> Option<Margin> {
                match self { $(Self::$name(step) => step.margin(),)* }
            }

            /// What stays of the step in a clean twin, although what it adds to a recording is left out there.
            #[must_use]
            pub fn undamaged(&self) -> Option<Self> {
                match self { $(Self::$name(step) => step.undamaged().map(Self::$name),)* }
            }

            /// What the step takes beyond the cells' footprints and traces.
            #[must_use]
            pub fn cost(&self, extent: &Extent) -> Needs {
                match self { $(Self::$name(step) => step.cost(extent),)* }
            }

            /// Takes what is new and as by default out of the step's JSON.
            pub(crate) fn trim(&self, tree: &mut serde_json::Value, cx: &mut crate::fields::since::Trim) {
                use crate::fields::record::Field;
                match self { $(Self::$name(_) => $name::trim(tree, cx),)* }
            }

            /// The ground truth that the step records.
            #[must_use]
            pub fn records(&self) -> &'static [Declared] {
                match self { $(Self::$name(_) => $name::RECORDS,)* }
            }

            /// Position in the chain, from 0.
            #[must_use]
            pub fn rank(&self) -> usize {
                rank_of(self.kind())
            }

            /// How strong the effect is in a recording with this ground truth.
            #[must_use]
            pub fn strength(&self, truth: &GroundTruth, acquisition: &Acquisition) -> Vec<Quantity> {
                match self { $(Self::$name(step) => step.strength(truth, acquisition),)* }
            }

            /// Checks what no single field's bound can say.
            pub(crate) fn check(&self, cx: &mut Checker<'_>) {
                match self { $(Self::$name(step) => step.check(cx),)* }
            }

            /// Adds the step's effect to the scene.
            pub(crate) fn build(&self, scene: &mut Builder<'_>) {
                match self { $(Self::$name(step) => step.build(scene),)* }
            }

            /// The step itself, to be asked for its type.
            pub(crate) fn as_any(&self) -> &dyn std::any::Any {
                match self { $(Self::$name(step) => step,)* }
            }

            /// Every step with its defaults, in the order of the chain.
            #[must_use]
            pub fn all_defaults() -> Vec<Self> {
                vec![$(Self::$name($name::default())),*]
            }

            /// An example of every step, in the order of the chain: each with an effect that is seen in a film of some cells.
            #[must_use]
            pub fn all_examples() -> Vec<Self> {
                vec![$(Self::$name($name::example())),*]
            }

            /// The step `kind` with its defaults.
            #[must_use]
            pub fn default_of(kind: &str) -> Option<Self> {
                $(if kind == $name::KIND { return Some(Self::$name($name::default())); })*
                None
            }

            /// Reads the step `kind` from an object.
            pub(crate) fn read(
                kind: &str,
                node: &crate::fields::node::Node,
                cx: &mut crate::fields::record::Reader,
            ) -> Option<Self> {
                use crate::fields::record::Field;
                $(if kind == $name::KIND { return $name::read(node, cx).map(Self::$name); })*
                None
            }

            /// References to the schemas of all steps.
            pub(crate) fn schemas(defs: &mut crate::fields::record::Definitions) -> Vec<serde_json::Value> {
                vec![$(serde_json::Value::Object(defs.refer::<$name>())),*]
            }
        }

        $(impl From<$name> for AnyStep {
            fn from(step: $name) -> Self {
                Self::$name(step)
            }
        })*

        impl serde::Serialize for AnyStep {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$name(step) => step.serialize(serializer),)* }
            }
        }
    };
}

chain! {
    place_neurons::PlaceNeurons,
    cell_activity::CellActivity,
    bleaching::Bleaching,
    optics::CellOptics,
    field_aberration::FieldAberration,
    axial_motion::AxialMotion,
    composite::Composite,
    neuropil::Neuropil,
    vasculature::Vasculature,
    haemodynamics::Haemodynamics,
    brain_motion::BrainMotion,
    tissue_deformation::TissueDeformation,
    illumination_profile::IlluminationProfile,
    vignette::Vignette,
    relay_edge::RelayEdge,
    leakage::Leakage,
    led::Led,
    sensor::Sensor,
    acquisition_faults::AcquisitionFaults,
}

pub use brain_motion::{Axis, MotionModel};
pub use cell_activity::Indicator;
pub use leakage::LeakageProfile;
pub use place_neurons::{Morphology, NeuronPopulation};
pub use vasculature::VesselLayer;

/// Position of a kind in the chain; past the end for a name that is no kind.
#[must_use]
pub fn rank_of(kind: &str) -> usize {
    KINDS.iter().position(|k| *k == kind).unwrap_or(KINDS.len())
}

/// The stage that `name` means: a kind is turned into its stage, everything else is returned as it is.
#[must_use]
pub fn stage_name(name: &str) -> &str {
    KINDS.iter().position(|k| *k == name).map_or(name, |i| STAGES[i])
}

/// The step, by kind, and its field that lists structs of this name.
pub(crate) fn lister_of(name: &str) -> Option<(&'static str, &'static str)> {
    LISTS.iter().find_map(|(kind, lists)| Some((*kind, lists.iter().find(|list| list.0 == name)?.1)))
}

/// All arrays that a ground truth may hold: those of every recording, the bounds, then those of the steps in chain order.
pub fn all_declared() -> impl Iterator<Item = &'static Declared> {
    truth::COMMON.iter().chain(truth::BOUNDS).chain(RECORDS.iter().copied().flatten())
}

/// The arrays that the step `kind` records; for no kind (`""`), those of every recording.
pub(crate) fn declared_by(kind: &str) -> &'static [Declared] {
    if kind.is_empty() {
        return truth::COMMON;
    }
    RECORDS.get(rank_of(kind)).copied().unwrap_or_default()
}

/// The declaration of the ground-truth array `name`.
#[must_use]
pub fn declared(name: &str) -> Option<&'static Declared> {
    all_declared().find(|d| d.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stages_and_truth_have_distinct_names() {
        for list in [KINDS.to_vec(), STAGES.to_vec(), all_declared().map(|d| d.name).collect()] {
            let mut unique = list.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique.len(), list.len(), "{list:?}");
        }
    }

    #[test]
    fn defaults_come_in_chain_order() {
        let kinds: Vec<_> = AnyStep::all_defaults().iter().map(AnyStep::kind).collect();
        assert_eq!(kinds, KINDS);
        for kind in KINDS {
            assert_eq!(AnyStep::default_of(kind).map(|s| s.kind()), Some(*kind));
        }
    }

    #[test]
    fn both_spellings_of_a_stage() {
        assert_eq!(
            [stage_name("composite"), stage_name("cells_only"), stage_name("sensor")],
            ["cells_only", "cells_only", "sensor"]
        );
        assert_eq!(stage_name("nothing"), "nothing");
    }
}
