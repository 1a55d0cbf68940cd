//! The JSON schema of a spec: what Python models, the page, editors and the reference are made from.

use serde_json::{Map, Value as Json, json};

use super::{Acquisition, Output};
use crate::{
    fields::record::{Definitions, Field},
    steps::AnyStep,
};

/// The JSON schema (draft 2020-12) of a spec: every field with type, bounds, default, meaning, unit (`x-unit`) and
/// how a page shows it (`x-ui`), in the order of the canonical JSON. `x-since` names the version of the engine that first knew a
/// step, field or value that the published package does not know.
#[must_use]
pub fn schema() -> Json {
    let mut defs = Definitions::default();
    let acquisition = Acquisition::schema(&mut defs);
    let steps = AnyStep::schemas(&mut defs);
    let output = Output::schema(&mut defs);
    let with = |mut schema: Map<String, Json>, description: &str, default: Json| {
        schema.insert("description".to_owned(), json!(description));
        schema.insert("default".to_owned(), default);
        Json::Object(schema)
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Spec",
        "description": "A recording to simulate: how it is taken, from which seed, with which effects.",
        "type": "object",
        "properties": {
            "acquisition": with(acquisition, "How the recording is taken.", json!(Acquisition::default())),
            "seed": with(u64::schema(&mut defs), "Seed of all randomness.", json!(super::DEFAULT_SEED)),
            "steps": {
                "type": "array",
                "items": { "oneOf": steps },
                "description": "The effects. They act in the order of the forward chain, whatever the order of the list; \
                                each kind at most once; an effect that is not listed is absent.",
            },
            "output": with(output, "What is stored.", json!(Output::default())),
        },
        "required": ["steps"],
        "additionalProperties": false,
        "$defs": defs.map,
    })
}
