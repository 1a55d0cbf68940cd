//! The Python models of a spec and their reference page, written from its schema.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::codegen::GENERATED;

const HEAD: &str = "\
# Written by `cargo xtask codegen` from the Rust types: do not edit. Methods and cross-field rules are in `_models_ext.py`.
\"\"\"The spec: every field with its unit, bound, default and meaning.\"\"\"

from __future__ import annotations

from typing import Annotated, Literal, Optional, Union

from pydantic import Field

from . import _models_ext as _ext
";

/// The file `_models.py` for a schema.
pub(crate) fn python(schema: &Value) -> Result<String, String> {
    let defs = schema["$defs"].as_object().ok_or("the schema has no $defs")?;
    let mut out = HEAD.to_owned();
    let mut done: Vec<&str> = Vec::new();
    let entries = entries(&schema["$defs"]);
    // A class must stand above those that have it as a default.
    while done.len() < defs.len() {
        let before = done.len();
        for (name, def) in defs {
            let ready = refs(&def["properties"]).iter().all(|r| done.contains(&r.as_str()));
            if !done.contains(&name.as_str()) && ready {
                class(&mut out, name, def, &entries)?;
                done.push(name);
            }
        }
        if done.len() == before {
            return Err("the schema's definitions go in circles".to_owned());
        }
    }
    let steps = refs(&schema["properties"]["steps"]);
    let union = steps.join(",\n        ");
    let _ = write!(
        out,
        "\n\nAnyStep = Annotated[\n    Union[\n        {union},\n    ],\n    Field(discriminator=\"kind\"),\n]\n\n\
         #: Kinds of step, in the order of light.\nKINDS: tuple[str, ...] = ({},)\n",
        steps
            .iter()
            .map(|s| format!("\"{}\"", defs[s]["properties"]["kind"]["const"].as_str().unwrap_or_default()))
            .collect::<Vec<_>>()
            .join(", ")
    );
    class(&mut out, "Spec", schema, &[])?;
    let _ = writeln!(out, "\n\n__all__ = [{}]", exported(schema)?);
    Ok(out)
}

/// The file `_exports.py`: the names of the models, which the package knows without loading them.
pub(crate) fn exports(schema: &Value) -> Result<String, String> {
    Ok(format!(
        "# Written by `cargo xtask codegen` from the Rust types: do not edit.\n\
         \"\"\"Names of the models of a spec.\"\"\"\n\n\
         MODELS: tuple[str, ...] = ({})\n",
        exported(schema)?
    ))
}

/// The names of all models, one a line, as Python writes a list.
fn exported(schema: &Value) -> Result<String, String> {
    let defs = schema["$defs"].as_object().ok_or("the schema has no $defs")?;
    let mut names: Vec<&str> = defs.keys().map(String::as_str).chain(["AnyStep", "Spec"]).collect();
    names.sort_unstable();
    Ok(names.iter().fold("\n".to_owned(), |text, name| text + &format!("    \"{name}\",\n")))
}

/// Definitions that are entries of a list.
fn entries(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(map) => {
            map.iter().flat_map(|(key, value)| if key == "items" { refs(value) } else { entries(value) }).collect()
        }
        Value::Array(list) => list.iter().flat_map(entries).collect(),
        _ => Vec::new(),
    }
}

/// Names of the definitions that a part of the schema refers to, in order.
fn refs(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(k, v)| match v {
                Value::String(s) if k == "$ref" => vec![s.rsplit('/').next().unwrap_or_default().to_owned()],
                v => refs(v),
            })
            .collect(),
        Value::Array(list) => list.iter().flat_map(refs).collect(),
        _ => Vec::new(),
    }
}

fn class(out: &mut String, name: &str, def: &Value, entries: &[String]) -> Result<(), String> {
    let properties = def["properties"].as_object().ok_or_else(|| format!("{name} has no properties"))?;
    let kind = properties.get("kind").and_then(|k| k["const"].as_str());
    let base = if EXTENDED.contains(&name) {
        format!("_ext.{name}Ext")
    } else if kind.is_some() {
        "_ext.StepBase".to_owned()
    } else if entries.iter().any(|entry| entry == name) {
        // The step that lists them checks them.
        "_ext.PartBase".to_owned()
    } else {
        "_ext.Base".to_owned()
    };
    let newer = properties.values().any(|p| p["x-since"].is_string());
    let base = if newer { format!("_ext.NewFields, {base}") } else { base };
    let doc = def["description"].as_str().unwrap_or_default();
    let _ = write!(out, "\n\nclass {name}({base}):\n    {}\n", docstring(doc, properties));
    for (field, property) in properties {
        let property = property.as_object().ok_or_else(|| format!("{name}.{field} is no object"))?;
        out.push('\n');
        write_field(out, name, field, property)?;
    }
    Ok(())
}

/// Classes with methods of their own.
const EXTENDED: [&str; 6] = ["Acquisition", "Optics", "ImageSensor", "Tissue", "PlaceNeurons", "Spec"];

/// The class's docstring: what it is, then its fields, so that `help()` shows them.
fn docstring(text: &str, properties: &Map<String, Value>) -> String {
    let mut lines = vec![text.to_owned()];
    for (field, property) in properties.iter().filter(|(_, p)| p.get("const").is_none()) {
        if lines.len() == 1 {
            lines.extend([String::new(), "Fields:".to_owned()]);
        }
        let unit = property["x-unit"].as_str().map(|u| format!(" [{u}]")).unwrap_or_default();
        let default = match property.get("default") {
            Some(value) if !value.is_object() && value.as_array().is_none_or(|l| !l.is_empty()) => {
                format!(" Default {}.", literal(value))
            }
            _ => String::new(),
        };
        let about = property["description"].as_str().unwrap_or_default();
        lines.push(format!("    {field}{unit}: {about}{default}"));
    }
    if lines.len() > 1 {
        lines.push(String::new());
    }
    let text = lines.join("\n    ").replace('\\', "\\\\");
    let text = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    let end = if lines.len() > 1 { "\n    " } else { "" };
    format!("\"\"\"{text}{end}\"\"\"")
}

fn write_field(out: &mut String, class: &str, field: &str, property: &Map<String, Value>) -> Result<(), String> {
    if let Some(kind) = property.get("const").and_then(Value::as_str) {
        let _ = writeln!(out, "    {field}: Literal[\"{kind}\"] = \"{kind}\"");
        return Ok(());
    }
    let annotation = if class == "Spec" && field == "steps" {
        "list[AnyStep]".to_owned()
    } else {
        annotation(&Value::Object(property.clone())).ok_or_else(|| format!("{class}.{field}: unknown form"))?
    };
    let mut arguments = Vec::new();
    match (property.get("$ref").and_then(Value::as_str), property.get("default")) {
        (Some(_), _) => arguments.push(format!("default_factory={annotation}")),
        (None, Some(Value::Array(list))) if list.is_empty() => arguments.push("default_factory=list".to_owned()),
        (None, Some(default)) => arguments.push(format!("default={}", literal(default))),
        (None, None) => {}
    }
    let plain = property.get("type").is_some_and(|t| t == "number" || t == "integer");
    if plain {
        arguments.extend(bounds(property));
    }
    let mut text = property.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(unit) = property.get("x-unit").and_then(Value::as_str) {
        let _ = write!(text, " [{unit}]");
    }
    arguments.push(format!("description={}", literal(&Value::String(text))));
    let extra: Vec<String> = [("unit", "x-unit"), ("since", "x-since")]
        .iter()
        .filter_map(|(name, key)| {
            Some(format!("\"{name}\": {}", literal(property.get(*key).filter(|v| v.is_string())?)))
        })
        .collect();
    if !extra.is_empty() {
        arguments.push(format!("json_schema_extra={{{}}}", extra.join(", ")));
    }
    let _ = writeln!(out, "    {field}: {annotation} = Field(");
    for argument in arguments {
        let _ = writeln!(out, "        {argument},");
    }
    out.push_str("    )\n");
    Ok(())
}

fn bounds(property: &Map<String, Value>) -> Vec<String> {
    let words = [("exclusiveMinimum", "gt"), ("minimum", "ge"), ("exclusiveMaximum", "lt"), ("maximum", "le")];
    let mut found: Vec<String> =
        words.iter().filter_map(|(key, word)| Some(format!("{word}={}", literal(property.get(*key)?)))).collect();
    if property.get("type").is_some_and(|t| t == "number") {
        found.push("allow_inf_nan=False".to_owned());
    }
    found
}

/// The Python type of a part of the schema.
fn annotation(schema: &Value) -> Option<String> {
    if let Some(target) = schema["$ref"].as_str() {
        return Some(target.rsplit('/').next()?.to_owned());
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let null = options.iter().any(|o| o["type"] == "null");
        let mut real: Vec<String> = Vec::new();
        for option in options.iter().filter(|o| o["type"] != "null") {
            let bounds = option.as_object().map(bounds).unwrap_or_default();
            real.push(match (option["const"].as_str(), annotation(option)) {
                (Some(text), _) => format!("Literal[\"{text}\"]"),
                (None, Some(inner)) if bounds.is_empty() => inner,
                (None, Some(inner)) => format!("Annotated[{inner}, Field({})]", bounds.join(", ")),
                _ => return None,
            });
        }
        let inner = if real.len() == 1 { real.remove(0) } else { format!("Union[{}]", real.join(", ")) };
        return Some(if null { format!("Optional[{inner}]") } else { inner });
    }
    match schema["type"].as_str()? {
        "number" => Some("float".to_owned()),
        "integer" => Some("int".to_owned()),
        "boolean" => Some("bool".to_owned()),
        "string" => {
            let words: Vec<String> = schema["enum"].as_array()?.iter().map(literal).collect();
            Some(format!("Literal[{}]", words.join(", ")))
        }
        "array" => {
            let item = annotation(&schema["items"])?;
            match schema["maxItems"].as_u64() {
                Some(n) => Some(format!("tuple[{}]", vec![item; n as usize].join(", "))),
                None => Some(format!("list[{item}]")),
            }
        }
        _ => None,
    }
}

/// A value as Python writes it.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Array(list) => format!("({},)", list.iter().map(literal).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// The reference page of a spec, for the documentation.
pub(crate) fn markdown(schema: &Value) -> Result<String, String> {
    let defs = schema["$defs"].as_object().ok_or("the schema has no $defs")?;
    let mut out = format!("{GENERATED}\n# The spec\n\n");
    out += "Every field, its unit, its default and its meaning. JSON, TOML and Python use the same names.\n";
    let sections = std::iter::once(("Spec", schema)).chain(defs.iter().map(|(name, def)| (name.as_str(), def)));
    for (name, def) in sections {
        let properties = def["properties"].as_object().ok_or_else(|| format!("{name} has no properties"))?;
        let kind = properties.get("kind").and_then(|k| k["const"].as_str());
        let title = kind.map_or_else(|| name.to_owned(), |kind| format!("{name} (`{kind}`)"));
        let about = def["description"].as_str().unwrap_or_default();
        let _ = write!(out, "\n## {title}\n\n{about}{}\n", since(def));
        let fields: Vec<_> = properties.iter().filter(|(_, p)| p.get("const").is_none()).collect();
        if fields.is_empty() {
            continue;
        }
        out += "\n| field | unit | default | meaning |\n|---|---|---|---|\n";
        for (field, p) in fields {
            let default = match p.get("default") {
                None => "required".to_owned(),
                Some(v) if v.is_object() => "its defaults".to_owned(),
                Some(v) => format!("`{v}`"),
            };
            let mut about = p["description"].as_str().unwrap_or_default().to_owned();
            let limits: Vec<String> = bounds_in_words(p);
            if !limits.is_empty() {
                let _ = write!(about, " ({})", limits.join(", "));
            }
            about += &since(p);
            let _ = writeln!(
                out,
                "| `{field}` | {} | {default} | {} |",
                p["x-unit"].as_str().unwrap_or_default(),
                about.replace('|', "\\|")
            );
        }
    }
    Ok(out)
}

/// Since when a step, a field or some of its values exist, for those that the published package does not know.
fn since(part: &Value) -> String {
    match &part["x-since"] {
        Value::String(version) => format!(" Since {version}; the published package does not know it."),
        Value::Object(values) => {
            let each: Vec<String> = values.iter().map(|(name, v)| format!("`{name}` since {}", literal(v))).collect();
            format!(" The published package does not know {}.", each.join(", ").replace('"', ""))
        }
        _ => String::new(),
    }
}

/// `> 0` and the like; the bounds that only say how large an integer can be are left out.
fn bounds_in_words(property: &Value) -> Vec<String> {
    let words = [("exclusiveMinimum", ">"), ("minimum", "≥"), ("exclusiveMaximum", "<"), ("maximum", "≤")];
    words
        .iter()
        .filter_map(|(key, word)| property.get(*key).map(|v| (word, v)))
        .filter(|(_, v)| v.as_f64().is_some_and(|v| v < 1e9))
        .map(|(word, v)| format!("{word} {v}"))
        .collect()
}
