//! The committed schema is the one that the types make, and it says what the reader does.

use minisim::{
    spec::{self, Acquisition, Output, Spec},
    steps::{AnyStep, KINDS},
};
use serde_json::{Value as Json, json};

/// Command that writes the file anew.
const RENEW: &str = "cargo xtask codegen";

#[test]
fn the_committed_schema_is_fresh() {
    let committed = include_str!("../../../schema/spec.schema.json");
    let fresh = format!("{:#}\n", spec::schema());
    assert!(committed == fresh, "schema/spec.schema.json is stale: run `{RENEW}`");
}

/// Resolves a `$ref` into the schema.
fn resolve<'s>(schema: &'s Json, root: &'s Json) -> &'s Json {
    match schema["$ref"].as_str().and_then(|r| r.strip_prefix('#')) {
        Some(pointer) => root.pointer(pointer).expect("a reference leads somewhere"),
        None => schema,
    }
}

/// The part of JSON schema that ours uses; any other keyword is a failure.
fn conforms(value: &Json, schema: &Json, root: &Json) -> Result<(), String> {
    let target = resolve(schema, root);
    if !std::ptr::eq(target, schema) {
        return conforms(value, target, root);
    }
    let fail = |why: &str| Err(format!("{value} against {why} of {schema}"));
    for (keyword, bound) in schema.as_object().expect("a schema is an object") {
        let number = value.as_f64();
        let limit = bound.as_f64();
        let ok = match keyword.as_str() {
            "title" | "description" | "default" | "x-unit" | "x-ui" | "x-since" | "$schema" | "$defs" => true,
            "const" => value == bound,
            "enum" => bound.as_array().is_some_and(|all| all.contains(value)),
            "type" => match bound.as_str().unwrap_or_default() {
                "number" => value.is_number(),
                "integer" => value.is_i64() || value.is_u64(),
                "boolean" => value.is_boolean(),
                "string" => value.is_string(),
                "null" => value.is_null(),
                "array" => value.is_array(),
                "object" => value.is_object(),
                other => return fail(&format!("unknown type {other}")),
            },
            "minimum" => number >= limit,
            "maximum" => number <= limit,
            "exclusiveMinimum" => number > limit,
            "exclusiveMaximum" => number < limit,
            "minItems" => value.as_array().is_some_and(|v| v.len() as u64 >= bound.as_u64().unwrap_or(0)),
            "maxItems" => value.as_array().is_some_and(|v| v.len() as u64 <= bound.as_u64().unwrap_or(0)),
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    conforms(item, bound, root)?;
                }
                true
            }
            "anyOf" => bound.as_array().is_some_and(|any| any.iter().any(|s| conforms(value, s, root).is_ok())),
            "oneOf" => {
                let fits = |s: &&Json| conforms(value, s, root).is_ok();
                bound.as_array().is_some_and(|one| one.iter().filter(fits).count() == 1)
            }
            "required" => bound.as_array().into_iter().flatten().all(|k| value.get(k.as_str().unwrap_or("")).is_some()),
            "additionalProperties" => value
                .as_object()
                .is_none_or(|v| *bound == true || v.keys().all(|k| schema["properties"].get(k).is_some())),
            "properties" => {
                for (key, property) in bound.as_object().into_iter().flatten() {
                    if let Some(field) = value.get(key) {
                        conforms(field, property, root)?;
                    }
                }
                true
            }
            other => return fail(&format!("unknown keyword {other}")),
        };
        if !ok {
            return fail(keyword);
        }
    }
    Ok(())
}

#[test]
fn the_defaults_of_all_steps_conform() {
    let schema = spec::schema();
    for step in AnyStep::all_defaults() {
        let whole = json!({ "steps": [step] });
        assert_eq!(conforms(&whole, &schema, &schema), Ok(()), "{}", step.kind());
    }
    let whole = json!({ "acquisition": Acquisition::default(), "steps": [], "output": Output::default() });
    assert_eq!(conforms(&whole, &schema, &schema), Ok(()));
}

/// Every `(path of the schema, property schema)` with a default.
fn properties<'s>(schema: &'s Json, out: &mut Vec<(String, &'s Json)>) {
    let definitions = schema["$defs"].as_object().expect("definitions");
    for (name, definition) in definitions {
        for (field, property) in definition["properties"].as_object().expect("properties") {
            out.push((format!("{name}.{field}"), property));
        }
    }
}

#[test]
fn every_field_has_meaning_and_a_conforming_default() {
    let schema = spec::schema();
    let mut all = Vec::new();
    properties(&schema, &mut all);
    assert!(all.len() > 90, "{}", all.len());
    for (path, property) in all.iter().filter(|(path, _)| !path.ends_with(".kind")) {
        assert!(property["description"].as_str().is_some_and(|d| d.len() > 3), "{path} has no description");
        let default = property.get("default").unwrap_or_else(|| panic!("{path} has no default"));
        assert_eq!(conforms(default, property, &schema), Ok(()), "{path}");
        let has_unit = property.get("x-unit").is_some();
        let physical = ["_um", "_nm", "_s", "_hz", "_deg", "_e", "_mm3", "_px_height", "_px_width"];
        if physical.iter().any(|unit| path.ends_with(unit)) {
            assert!(has_unit, "{path} has no unit");
        }
    }
}

/// The reader and the schema agree at and beyond every numeric bound of every step.
#[test]
fn the_reader_enforces_the_bounds_of_the_schema() {
    let schema = spec::schema();
    let mut tried = 0;
    for kind in KINDS {
        let step = AnyStep::default_of(kind).expect("a kind");
        let title = schema["$defs"]
            .as_object()
            .expect("definitions")
            .values()
            .find(|d| d["properties"]["kind"]["const"] == *kind)
            .expect("every kind has a definition");
        for (field, property) in title["properties"].as_object().expect("properties") {
            for (keyword, beyond) in
                [("minimum", -1.0), ("exclusiveMinimum", 0.0), ("maximum", 1.0), ("exclusiveMaximum", 0.0)]
            {
                let Some(bound) = property[keyword].as_f64() else { continue };
                let mut fields = serde_json::to_value(&step).expect("a step is JSON");
                fields[field] = json!(bound + beyond);
                let text = json!({ "steps": [fields] }).to_string();
                let report = Spec::from_json(&text).expect_err(&text);
                let path = format!("steps[0].{field}");
                assert!(report.findings.iter().any(|f| f.path == path), "{text}: {report}");
                tried += 1;
            }
        }
    }
    assert!(tried > 30, "{tried}");
}

#[test]
fn the_order_is_that_of_the_canonical_json() {
    let schema = spec::schema();
    for step in AnyStep::all_defaults() {
        let fields = serde_json::to_value(&step).expect("a step is JSON");
        let keys: Vec<&String> = fields.as_object().expect("an object").keys().collect();
        let definition = schema["$defs"]
            .as_object()
            .expect("definitions")
            .values()
            .find(|d| d["properties"]["kind"]["const"] == step.kind())
            .expect("every kind has a definition");
        let properties: Vec<&String> = definition["properties"].as_object().expect("properties").keys().collect();
        assert_eq!(keys, properties);
    }
}
