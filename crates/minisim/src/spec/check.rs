//! Rules across fields and steps, all findings at once.

use super::{Acquisition, Output, Severity, StoreDtype, finding::Finding};
use crate::steps::{AnyStep, KINDS, Sensor, Step, rank_of};

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
        self.findings.push(Finding::error(format!("{}.{field}", self.at), value, rule, remedy));
    }

    /// Doubts the step's field `field`.
    pub fn warn(&mut self, field: &str, value: impl Into<String>, rule: impl Into<String>, remedy: impl Into<String>) {
        self.findings.push(Finding::warning(format!("{}.{field}", self.at), value, rule, remedy));
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
                format!("each kind may occur once; steps[{first}] is {kind} too"),
                "remove one of them",
            );
        } else {
            *first = Some(*i);
        }
        if let Some(step) = step {
            step.check(&mut cx);
        }
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
