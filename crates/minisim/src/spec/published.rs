//! Whether the published Python package can read a spec.

use serde_json::Value as Json;

use super::{Acquisition, Finding, Output, Spec};
use crate::fields::{record::Field, since::Trim};

impl Spec {
    /// The canonical JSON as a tree, and what in it the published package does not know.
    pub(super) fn trimmed(&self) -> (Json, Vec<Finding>) {
        let mut tree = serde_json::to_value(self).expect("a spec holds only text keys and finite numbers");
        let mut cx = Trim::default();
        cx.below("acquisition", |cx| Acquisition::trim(&mut tree["acquisition"], cx));
        if let Some(trees) = tree["steps"].as_array_mut() {
            for (step, tree) in self.steps.iter().zip(trees) {
                cx.below("steps", |cx| cx.below(step.kind(), |cx| step.trim(tree, cx)));
            }
        }
        cx.below("output", |cx| Output::trim(&mut tree["output"], cx));
        (tree, cx.found)
    }

    /// What keeps the published Python package (minisim 1.0.3) from reading this spec: each step, field and value that it does not
    /// know, with steps by kind (`steps.neuropil.amplitude`). Empty when it reads the spec.
    #[must_use]
    pub fn beyond_published(&self) -> Vec<Finding> {
        self.trimmed().1
    }
}
