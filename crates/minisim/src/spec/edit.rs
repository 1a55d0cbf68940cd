//! Changing and comparing specs: every change is read and checked like a text.

use serde_json::Value as Json;

use super::{
    Checked, Finding, Report, Spec,
    node::Node,
    read,
    record::{closest, unknown_name_remedy},
};
use crate::steps::{AnyStep, KINDS, stage_name};

/// A field in which two specs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field, with steps by kind: `steps.neuropil.amplitude`.
    pub path: String,
    /// Its value in the first spec, as JSON; `None` when it is not there.
    pub left: Option<String>,
    /// Its value in the second.
    pub right: Option<String>,
}

/// The fields in which two specs differ, in canonical order. A step that only one of them has is one difference.
#[must_use]
pub fn diff(left: &Spec, right: &Spec) -> Vec<Difference> {
    let mut differences = Vec::new();
    let (l, r) = (by_kind(left), by_kind(right));
    compare("", Some(&l), Some(&r), &mut differences);
    differences
}

/// The spec as JSON, with the steps as an object by kind.
fn by_kind(spec: &Spec) -> Json {
    let mut tree = tree_of(spec);
    let steps = spec.steps.iter().map(|s| {
        let mut fields = serde_json::to_value(s).unwrap_or_default();
        if let Json::Object(fields) = &mut fields {
            fields.shift_remove("kind");
        }
        (s.kind().to_owned(), fields)
    });
    tree["steps"] = Json::Object(steps.collect());
    tree
}

fn tree_of(spec: &Spec) -> Json {
    serde_json::to_value(spec).expect("a spec holds only text keys and finite numbers")
}

fn compare(path: &str, left: Option<&Json>, right: Option<&Json>, out: &mut Vec<Difference>) {
    if left == right {
        return;
    }
    let under = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (left, right) {
        (Some(Json::Object(l)), Some(Json::Object(r))) => {
            let mut keys: Vec<&String> = l.keys().chain(r.keys().filter(|k| !l.contains_key(*k))).collect();
            if path == "steps" {
                keys.sort_by_key(|k| crate::steps::rank_of(k));
            }
            for key in keys {
                compare(&under(key), l.get(key), r.get(key), out);
            }
        }
        (Some(Json::Array(l)), Some(Json::Array(r))) if l.iter().chain(r).any(Json::is_object) => {
            for i in 0..l.len().max(r.len()) {
                compare(&under(&i.to_string()), l.get(i), r.get(i), out);
            }
        }
        _ => {
            let shown = |v: Option<&Json>| v.map(|v| Node::from_json(v).value.shown());
            out.push(Difference { path: path.to_owned(), left: shown(left), right: shown(right) });
        }
    }
}

impl Spec {
    /// The spec with one field changed: `acquisition.optics.na`, `steps.brain_motion.max_shift_um`,
    /// `steps.place_neurons.populations.0.density_per_mm3`, `seed`. The value is JSON; what is no JSON is taken as text.
    ///
    /// # Errors
    /// When the path leads nowhere (naming the part that is wrong and the closest known name), or the changed spec is not
    /// valid.
    pub fn set(&self, path: &str, value: &str) -> Result<Checked, Report> {
        let value: Json = serde_json::from_str(value).unwrap_or_else(|_| Json::String(value.to_owned()));
        let mut tree = tree_of(self);
        *descend(&mut tree, path)? = value;
        read::from_node(&Node::from_json(&tree))
    }

    /// The spec with several fields changed at once, so that only the result must be valid.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_all<'v>(&self, changes: impl IntoIterator<Item = (&'v str, Json)>) -> Result<Checked, Report> {
        let mut tree = tree_of(self);
        for (path, value) in changes {
            *descend(&mut tree, path)? = value;
        }
        read::from_node(&Node::from_json(&tree))
    }

    /// The spec with the step `kind` (or stage) added with its defaults; unchanged if it has one.
    ///
    /// # Errors
    /// When there is no such kind, or the result is not valid.
    pub fn with_step(&self, kind: &str) -> Result<Checked, Report> {
        let kind = known_kind(kind)?;
        let mut steps = self.steps.clone();
        if !self.has(kind) {
            steps.extend(AnyStep::default_of(kind));
        }
        Self::new(self.acquisition.clone(), self.seed, steps, self.output.clone())
    }

    /// The spec without the step `kind` (or stage); unchanged if it has none.
    ///
    /// # Errors
    /// When there is no such kind, or the result is not valid.
    pub fn without_step(&self, kind: &str) -> Result<Checked, Report> {
        let kind = known_kind(kind)?;
        let steps = self.steps.iter().filter(|s| s.kind() != kind).cloned().collect();
        Self::new(self.acquisition.clone(), self.seed, steps, self.output.clone())
    }
}

fn known_kind(name: &str) -> Result<&'static str, Report> {
    let known = KINDS.iter().find(|k| **k == name || stage_name(k) == name);
    known.copied().ok_or_else(|| {
        let remedy = unknown_name_remedy(name, KINDS, "kinds");
        Finding::error("steps", format!("{name:?}"), "is no kind of step", remedy).into()
    })
}

/// The value that a dotted path leads to; steps go by kind, stage or index, lists by index.
fn descend<'t>(tree: &'t mut Json, path: &str) -> Result<&'t mut Json, Report> {
    let dotted = path.replace('[', ".").replace(']', "");
    let mut node = tree;
    let mut done: Vec<&str> = Vec::new();
    let fail = |rule: String, remedy: String| Err(Finding::error(path, "", rule, remedy).into());
    for part in dotted.split('.') {
        let index = match node {
            Json::Object(map) if map.contains_key(part) => None,
            Json::Object(map) => {
                let known: Vec<&str> = map.keys().map(String::as_str).collect();
                let remedy = match (done.as_slice(), known_kind(part)) {
                    // `neuropil.amplitude` for `steps.neuropil.amplitude`.
                    ([], Ok(kind)) => format!("write steps.{kind}.…"),
                    _ => unknown_name_remedy(part, &known, "fields"),
                };
                let owner = if done.is_empty() { "a spec".to_owned() } else { done.join(".") };
                return fail(format!("{owner} has no field {part:?}"), remedy);
            }
            Json::Array(items) => {
                let is_steps = done == ["steps"];
                let by_kind = if is_steps {
                    let meant = known_kind(part).ok();
                    items.iter().position(|s| meant.is_some_and(|kind| s["kind"] == kind))
                } else {
                    None
                };
                let by_index = part.parse::<usize>().ok().filter(|i| *i < items.len());
                match by_kind.or(by_index) {
                    Some(i) => Some(i),
                    None if is_steps => {
                        let kinds: Vec<&str> = items.iter().filter_map(|s| s["kind"].as_str()).collect();
                        let there = format!("the spec's steps are {}", kinds.join(", "));
                        return match known_kind(part) {
                            Ok(kind) => fail(
                                format!("this spec has no step {kind:?}"),
                                format!("add the step {kind} first; {there}"),
                            ),
                            Err(_) => fail(
                                format!("{part:?} is no kind of step"),
                                match closest(part, KINDS.iter().copied()) {
                                    Some(kind) => format!("did you mean {kind:?}? {there}"),
                                    None => there,
                                },
                            ),
                        };
                    }
                    None => {
                        let remedy = match items.len() {
                            0 => "the list is empty; set the whole list".to_owned(),
                            n => format!("write an index from 0 to {}", n - 1),
                        };
                        return fail(format!("{} has no element {part:?}", done.join(".")), remedy);
                    }
                }
            }
            other => {
                let is = Node::from_json(other).value.shown();
                let rule = format!("{} is {is} and has no parts", done.join("."));
                return fail(rule, format!("stop the path before {part:?}"));
            }
        };
        node = match index {
            Some(i) => &mut node[i],
            None => &mut node[part],
        };
        done.push(part);
    }
    Ok(node)
}
