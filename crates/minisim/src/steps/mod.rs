//! The forward chain. The list at the end of this file *is* the chain: its order is the order of light.

use crate::{
    scene::Builder,
    spec::Checker,
    truth::{self, Declared},
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
    Sensor,
}

/// One effect of the forward model.
pub trait Step {
    /// Name in specs.
    const KIND: &'static str;
    /// Name of the movie after this step.
    const STAGE: &'static str = Self::KIND;
    /// Where the effect happens.
    const DOMAIN: Domain;
    /// The ground truth that the step records.
    const RECORDS: &'static [Declared] = &[];

    /// Checks what no single field's bound can say.
    fn check(&self, _cx: &mut Checker<'_>) {}

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

            /// The step `kind` with its defaults.
            #[must_use]
            pub fn default_of(kind: &str) -> Option<Self> {
                $(if kind == $name::KIND { return Some(Self::$name($name::default())); })*
                None
            }

            /// Reads the step `kind` from an object.
            pub(crate) fn read(
                kind: &str,
                node: &crate::spec::node::Node,
                cx: &mut crate::spec::record::Reader,
            ) -> Option<Self> {
                use crate::spec::record::Field;
                $(if kind == $name::KIND { return $name::read(node, cx).map(Self::$name); })*
                None
            }

            /// References to the schemas of all steps.
            pub(crate) fn schemas(defs: &mut crate::spec::record::Definitions) -> Vec<serde_json::Value> {
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
    composite::Composite,
    neuropil::Neuropil,
    vasculature::Vasculature,
    brain_motion::BrainMotion,
    illumination_profile::IlluminationProfile,
    vignette::Vignette,
    leakage::Leakage,
    sensor::Sensor,
}

pub use brain_motion::{Axis, MotionModel};
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

/// All arrays that a ground truth may hold: those of every recording, then those of the steps in chain order.
pub fn all_declared() -> impl Iterator<Item = &'static Declared> {
    truth::COMMON.iter().chain(RECORDS.iter().copied().flatten())
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
