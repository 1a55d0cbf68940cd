//! Text to spec: JSON, TOML or YAML, with every finding at its line and column.

use std::path::Path;

use super::{
    Acquisition, Checked, Output, Spec,
    check::{self, Draft},
    finding::{Finding, Report},
    node::{Node, Value},
    record::{Reader, unknown_name_remedy},
    text,
};
use crate::steps::{AnyStep, KINDS};

/// The language a spec is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON, strict: what is stored.
    Json,
    /// TOML, for writing by hand.
    Toml,
    /// YAML 1.2, for writing by hand.
    Yaml,
}

impl Format {
    /// The format that a file name's ending tells; JSON when it tells nothing.
    #[must_use]
    pub fn from_path(path: &Path) -> Self {
        match path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("toml") => Self::Toml,
            Some("yaml" | "yml") => Self::Yaml,
            _ => Self::Json,
        }
    }
}

impl Spec {
    /// Reads a spec written in `format`.
    ///
    /// # Errors
    /// Everything that is wrong with it, with line and column.
    pub fn from_text(text: &str, format: Format) -> Result<Checked, Report> {
        let root = match format {
            Format::Json => text::json::parse(text),
            Format::Toml => text::toml::parse(text),
            Format::Yaml => text::yaml::parse(text),
        };
        root.map_err(|findings| Report { findings }).and_then(|root| from_node(&root))
    }

    /// Reads a spec written in JSON.
    ///
    /// # Errors
    /// Everything that is wrong with it, with line and column.
    pub fn from_json(text: &str) -> Result<Checked, Report> {
        Self::from_text(text, Format::Json)
    }

    /// Reads a spec written in TOML.
    ///
    /// # Errors
    /// Everything that is wrong with it, with line and column.
    pub fn from_toml(text: &str) -> Result<Checked, Report> {
        Self::from_text(text, Format::Toml)
    }

    /// Reads a spec written in YAML.
    ///
    /// # Errors
    /// Everything that is wrong with it, with line and column.
    pub fn from_yaml(text: &str) -> Result<Checked, Report> {
        Self::from_text(text, Format::Yaml)
    }
}

/// Reads and checks a spec.
pub(super) fn from_node(root: &Node) -> Result<Checked, Report> {
    let mut cx = Reader::default();
    let draft = read_draft(root, &mut cx);
    for mut finding in check::check(&draft) {
        if let Some(place) = root.place_of(&finding.path) {
            finding = finding.at(place.line, place.column);
        }
        cx.findings.push(finding);
    }
    let (mut errors, warnings) = check::split(cx.findings);
    if errors.is_empty()
        && let Draft { acquisition: Some(acquisition), seed: Some(seed), steps, output: Some(output) } = draft
    {
        let steps = steps.into_iter().filter_map(|(_, _, step)| step).collect();
        return Ok(Checked { spec: Spec::sorted(acquisition, seed, steps, output), warnings });
    }
    errors.sort_by_key(|f| (f.line, f.column));
    Err(Report { findings: errors })
}

fn read_draft(root: &Node, cx: &mut Reader) -> Draft {
    let mut draft = Draft::default();
    let Some(entries) = cx.table(root, "a spec") else { return draft };
    draft.acquisition = cx.field(entries, "acquisition", Acquisition::default);
    draft.seed = cx.field(entries, "seed", || super::DEFAULT_SEED);
    match entries.iter().find(|e| e.key == "steps") {
        Some(entry) => draft.steps = cx.at_key("steps", |cx| read_steps(&entry.node, cx)),
        None => cx.note(
            Finding::error(
                "steps",
                "",
                "is missing",
                "list the effects to simulate: [{\"kind\": \"place_neurons\"}, …]",
            ),
            root.place,
        ),
    }
    draft.output = cx.field(entries, "output", Output::default);
    cx.keys_other_than(entries, &["acquisition", "seed", "steps", "output"], "a spec");
    draft
}

fn read_steps(node: &Node, cx: &mut Reader) -> Vec<(usize, &'static str, Option<AnyStep>)> {
    let Value::List(items) = &node.value else {
        cx.refuse(node, format!("must be a list of steps; this is {}", node.value.describe()), "write a list: [...]");
        return Vec::new();
    };
    let read = |(i, item)| cx.at_index(i, |cx| read_step(item, cx)).map(|(kind, step)| (i, kind, step));
    items.iter().enumerate().filter_map(read).collect()
}

fn read_step(node: &Node, cx: &mut Reader) -> Option<(&'static str, Option<AnyStep>)> {
    if !matches!(node.value, Value::Table(_)) {
        cx.table(node, "a step")?;
    }
    let Some(kind) = node.get("kind") else {
        cx.refuse(node, "a step must say its kind", format!("add \"kind\": one of {}", KINDS.join(", ")));
        return None;
    };
    cx.at_key("kind", |cx| match &kind.value {
        Value::Text(name) => {
            let known = KINDS.iter().find(|k| *k == name).copied();
            if known.is_none() {
                cx.refuse(kind, "is no kind of step", unknown_name_remedy(name, KINDS, "kinds"));
            }
            known
        }
        _ => {
            cx.refuse(kind, "must be the name of a kind of step", format!("write one of {}", KINDS.join(", ")));
            None
        }
    })
    .map(|kind| (kind, AnyStep::read(kind, node, cx)))
}
