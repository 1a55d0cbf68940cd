//! Rules across fields and steps, all findings at once.

mod sensor;

use serde_json::json;

use super::{Acquisition, Output, Severity, StoreDtype, finding::Finding, node::Node, record::Reader};
use crate::steps::{AnyStep, KINDS, Sensor, Step, lister_of, rank_of};

/// Findings after which no further step is looked at.
const MAX_FINDINGS: usize = 100;

/// What a step checks itself with: what it may know, and where it says what it found.
#[derive(Debug)]
pub struct Checker<'a> {
    acquisition: Option<&'a Acquisition>,
    at: String,
    findings: Vec<Finding>,
}

impl<'a> Checker<'a> {
    /// The acquisition; `None` when it could not be read.
    #[must_use]
    pub fn acquisition(&self) -> Option<&'a Acquisition> {
        self.acquisition
    }

    /// Refuses the step's field `field`.
    pub fn error(&mut self, field: &str, value: impl Into<String>, rule: impl Into<String>, remedy: impl Into<String>) {
        self.findings.push(Finding::error(self.path(field), value, rule, remedy));
    }

    /// Doubts the step's field `field`.
    pub fn warn(&mut self, field: &str, value: impl Into<String>, rule: impl Into<String>, remedy: impl Into<String>) {
        self.findings.push(Finding::warning(self.path(field), value, rule, remedy));
    }

    fn path(&self, field: &str) -> String {
        if self.at.is_empty() { field.to_owned() } else { format!("{}.{field}", self.at) }
    }

    /// Doubts a field elsewhere in the spec.
    pub fn warn_at(
        &mut self,
        path: &str,
        value: impl Into<String>,
        rule: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.findings.push(Finding::warning(path, value, rule, remedy));
    }

    /// Refuses numbers that are not finite.
    pub fn finite(&mut self, field: &str, values: &[f64]) {
        if !values.iter().all(|v| v.is_finite()) {
            self.error(field, format!("{values:?}"), "must be finite", "write ordinary numbers");
        }
    }
}

/// The errors of a step by itself, or of one of its parts, named by its type in the schema: what it cannot be in any spec. Parts
/// without rules across their fields, and names of no part, have none.
#[must_use]
pub fn check_part(name: &str, part: &serde_json::Value) -> Vec<Finding> {
    // A part is checked by the step that has it.
    let (step, inside) = match lister_of(name) {
        Some((kind, list)) => (json!({ "kind": kind, list: [part] }), format!("{list}[0].")),
        None => (part.clone(), String::new()),
    };
    let mut reader = Reader::default();
    let node = Node::from_json(&step);
    let kind = KINDS.iter().find(|kind| step["kind"] == **kind);
    let read = kind.and_then(|kind| AnyStep::read(kind, &node, &mut reader));
    let mut cx = Checker { acquisition: None, at: String::new(), findings: Vec::new() };
    if let Some(step) = &read {
        step.check(&mut cx);
    }
    let found = reader.findings.into_iter().chain(cx.findings).filter(|f| f.severity == Severity::Error);
    found.map(|f| Finding::error(f.path.strip_prefix(&inside).unwrap_or(&f.path), f.value, f.rule, f.remedy)).collect()
}

/// The parts of a spec as far as they could be read; steps with their index and kind as written.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) acquisition: Option<Acquisition>,
    pub(super) seed: Option<u64>,
    pub(super) steps: Vec<(usize, &'static str, Option<AnyStep>)>,
    pub(super) output: Option<Output>,
}

/// Checks the rules that no single field can say.
pub(super) fn check(draft: &Draft) -> Vec<Finding> {
    let mut cx = Checker { acquisition: draft.acquisition.as_ref(), at: String::new(), findings: Vec::new() };
    let mut first_of_rank = vec![None; KINDS.len()];
    for (i, kind, step) in &draft.steps {
        if cx.findings.len() > MAX_FINDINGS {
            break;
        }
        cx.at = format!("steps[{i}]");
        let Some(first) = first_of_rank.get_mut(rank_of(kind)) else { continue };
        if let Some(first) = first {
            cx.error(
                "kind",
                format!("{kind:?}"),
                format!("kinds must be unique; steps[{first}] is {kind} too"),
                "remove one of them",
            );
        } else {
            *first = Some(*i);
        }
        if let Some(step) = step {
            step.check(&mut cx);
        }
    }
    if let Some(acquisition) = &draft.acquisition {
        sensor::check(acquisition, &mut cx.findings);
    }
    check_container(draft, &mut cx.findings);
    cx.findings
}

/// Integer containers hold counts, so there must be counts, and they must fit.
fn check_container(draft: &Draft, findings: &mut Vec<Finding>) {
    let Some(dtype) = draft.output.as_ref().map(|o| o.store_dtype) else { return };
    let bits = match dtype {
        StoreDtype::Uint8 => 8,
        StoreDtype::Uint16 => 16,
        StoreDtype::Float32 | StoreDtype::Float64 => return,
    };
    let mut refuse = |rule: String, remedy: &str| {
        findings.push(Finding::error("output.store_dtype", format!("{:?}", dtype.name()), rule, remedy));
    };
    if !draft.steps.iter().any(|(_, kind, _)| *kind == Sensor::KIND) {
        refuse(
            "whole numbers hold counts, and without a sensor step there are none".to_owned(),
            "add a sensor step or store \"float32\"",
        );
    } else if let Some(depth) = draft.acquisition.as_ref().map(|a| a.image_sensor.bit_depth.get())
        && depth > bits
    {
        refuse(
            format!("counts of {depth} bits (acquisition.image_sensor.bit_depth) do not fit into {bits} bits"),
            "store a wider type or lower bit_depth",
        );
    }
}

/// Splits findings into errors and warnings.
pub(super) fn split(findings: Vec<Finding>) -> (Vec<Finding>, Vec<Finding>) {
    findings.into_iter().partition(|f| f.severity == Severity::Error)
}
