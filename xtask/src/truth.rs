//! The arrays of the ground truth as Python attributes and as a page, and the table of the steps: written from what the steps declare.

use std::fmt::Write;

use minisim::{
    steps::{self, AnyStep},
    truth::{BOUNDS, COMMON, Declared, Fill, Stored},
};

use crate::codegen::GENERATED;

const HEAD: &str = "\
# Written by `cargo xtask codegen` from the Rust types: do not edit. Methods are in `_recording.py`.
\"\"\"The arrays of a ground truth: what each holds, its axes and its unit.\"\"\"

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union

import numpy as np
from numpy.typing import NDArray

from .footprint import FootprintStack

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, repr=False)
class TruthArrays:
    \"\"\"What is exactly known about a recording, array by array. Arrays whose step did not run are ``None``.\"\"\"

    planted: FootprintStack
    \"\"\"Sharp footprints on the canvas (field of view and motion margin), peak 1.\"\"\"
    fov_offset: tuple[int, int]
    \"\"\"First row and column of the field of view on the canvas.\"\"\"
    fov_shape: tuple[int, int]
    \"\"\"(height, width) of the field of view (px).\"\"\"
";

/// Every array with the kind of the step that records it; those of every recording with none, last.
fn all() -> impl Iterator<Item = (Option<&'static str>, &'static Declared)> {
    let of_steps =
        AnyStep::all_defaults().into_iter().flat_map(|s| s.records().iter().map(move |d| (Some(s.kind()), d)));
    of_steps.chain(COMMON.iter().chain(BOUNDS).map(|d| (None, d)))
}

/// Whether an array is there only if bounds were asked for.
fn on_request(declared: &Declared) -> bool {
    BOUNDS.contains(declared)
}

/// The axes as a shape: `(unit, frame)`.
fn shape(declared: &Declared) -> String {
    match declared.dims {
        [one] => format!("({},)", one.name()),
        dims => format!("({})", dims.iter().map(|dim| dim.name()).collect::<Vec<_>>().join(", ")),
    }
}

fn python_type(declared: &Declared) -> &'static str {
    if matches!(declared.absent(), Some(Fill::Flag(_))) { "Flags" } else { "Floats" }
}

/// The docstring of an attribute: meaning, shape, unit, and when it is absent.
fn about(kind: Option<&str>, declared: &Declared) -> String {
    let unit = if declared.unit.is_empty() { String::new() } else { format!(", in {}", declared.unit) };
    let absent = match (declared.stored, kind) {
        (Stored::Always(_), _) => String::new(),
        (_, Some(kind)) => format!(" ``None`` without a step {kind}."),
        (_, None) if on_request(declared) => " ``None`` unless bounds were asked for.".to_owned(),
        (_, None) => " May be ``None``.".to_owned(),
    };
    format!("{} Shape {}{unit}.{absent}", declared.doc, shape(declared))
}

/// The file `_truth.py`.
pub(crate) fn python() -> String {
    let mut out = HEAD.to_owned();
    let always = |(_, declared): &(Option<&str>, &Declared)| declared.absent().is_some();
    for (kind, declared) in all().filter(always) {
        let _ = writeln!(out, "    {}: {}", declared.name, python_type(declared));
        let _ = writeln!(out, "    \"\"\"{}\"\"\"", about(kind, declared));
    }
    out += "    focal_depth_um: Optional[float] = None\n    \"\"\"Depth of the focal plane (µm).\"\"\"\n";
    for (kind, declared) in all().filter(|array| !always(array)) {
        let _ = writeln!(out, "    {}: Optional[{}] = None", declared.name, python_type(declared));
        let _ = writeln!(out, "    \"\"\"{}\"\"\"", about(kind, declared));
    }
    out += "\n\n#: The arrays and their axes.\nARRAYS: dict[str, tuple[str, ...]] = {\n";
    for (_, declared) in all() {
        let dims: Vec<String> = declared.dims.iter().map(|dim| format!("\"{}\",", dim.name())).collect();
        let dims = dims.join(" ");
        let dims = if declared.dims.len() > 1 { dims.trim_end_matches(',') } else { &dims };
        let _ = writeln!(out, "    \"{}\": ({dims}),", declared.name);
    }
    out += "}\n\n#: The value of the elements of arrays that every recording has, where no step recorded them.\n";
    out += "ABSENT: dict[str, Union[bool, float]] = {\n";
    for (_, declared) in all() {
        let value = match declared.absent() {
            None => continue,
            Some(Fill::Unknown) => "float(\"nan\")".to_owned(),
            Some(Fill::Real(value)) => format!("{value:?}"),
            Some(Fill::Count(value)) => format!("{value}.0"),
            Some(Fill::Flag(value)) => if value { "True" } else { "False" }.to_owned(),
        };
        let _ = writeln!(out, "    \"{}\": {value},", declared.name);
    }
    out + "}\n"
}

/// The reference page of the ground truth.
pub(crate) fn markdown() -> String {
    let mut out = format!("{GENERATED}\n# The ground truth\n\n");
    out += "What a recording knows about itself, besides the sharp footprints (`planted`) and the focal depth (`focal_depth_um`). \
            Files and Python use the names below.\n\n\
            | array | axes | unit | meaning | recorded by | without it |\n|---|---|---|---|---|---|\n";
    for (kind, declared) in all() {
        let together =
            if on_request(declared) { "all steps together, if bounds are asked for" } else { "all steps together" };
        let by = kind.map_or_else(|| together.to_owned(), |kind| format!("`{kind}`"));
        let absent = match declared.absent() {
            None => "absent".to_owned(),
            Some(Fill::Unknown) => "not a number".to_owned(),
            Some(Fill::Real(value)) => format!("{value}"),
            Some(Fill::Count(value)) => format!("{value}"),
            Some(Fill::Flag(value)) => format!("{value}"),
        };
        let cells = [&format!("`{}`", declared.name), &shape(declared), declared.unit, declared.doc, &by, &absent];
        let _ = writeln!(out, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
    out
}

/// The table of the steps, in the order of light.
pub(crate) fn steps_table(schema: &serde_json::Value) -> Result<String, String> {
    let defs = schema["$defs"].as_object().ok_or("the schema has no $defs")?;
    let mut out = "| step | part | what it does | what becomes known |\n|---|---|---|---|\n".to_owned();
    for step in AnyStep::all_defaults() {
        let definition = defs.values().find(|def| def["properties"]["kind"]["const"] == step.kind());
        let about = definition.and_then(|def| def["description"].as_str()).unwrap_or_default();
        let mut known = names(step.records());
        if steps::stage_name(step.kind()) != step.kind() {
            known = format!("{known} (stage `{}`)", steps::stage_name(step.kind())).trim_start().to_owned();
        }
        let _ = writeln!(out, "| `{}` | {} | {about} | {known} |", step.kind(), step.part().name());
    }
    let _ = writeln!(out, "\nOf no step alone: `planted`, `focal_depth_um`, {}.", names(COMMON));
    Ok(out)
}

fn names(declared: &[Declared]) -> String {
    declared.iter().map(|d| format!("`{}`", d.name)).collect::<Vec<_>>().join(", ")
}
