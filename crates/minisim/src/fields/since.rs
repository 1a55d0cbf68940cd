//! What the published Python package does not know: steps, fields and values marked `since`.
//!
//! A field of that kind is left out of the canonical JSON while it is as by default, so that every key and file of the published
//! package stays what it is; a spec that uses one has its own key.

use serde_json::{Map, Value as Json, json};

use super::{
    finding::Finding,
    node::Node,
    record::{Field, Record},
};

/// The package that can read our files, as messages name it.
const PUBLISHED: &str = "the published package (minisim 1.0.3)";

/// Goes through the JSON of a value: takes out new fields that are as by default, and notes what is new and stays.
#[derive(Debug, Default)]
pub(crate) struct Trim {
    path: String,
    /// What is new and stays.
    pub(crate) found: Vec<Finding>,
}

impl Trim {
    /// Does something one key or index further down.
    pub(crate) fn below<T>(&mut self, key: &str, f: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if !self.path.is_empty() && !key.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(key);
        let result = f(self);
        self.path.truncate(length);
        result
    }

    /// Notes a whole struct that is new.
    pub(crate) fn whole<R: Record>(&mut self, value: &Json) {
        if let Some(version) = R::SHOWN.since {
            let name = R::STEP_KIND.unwrap_or(R::NAME);
            let what = if R::STEP_KIND.is_some() { "step" } else { "part" };
            let shown = Node::from_json(value).value.shown();
            self.note(shown, format!("has no {what} {name}, which came with {version} of this engine"), "leave it out");
        }
    }

    /// Takes the field `key` out of `object` if it is new and as by default; notes it if it is new and not.
    pub(crate) fn field<T: Field + serde::Serialize>(
        &mut self,
        object: &mut Json,
        key: &str,
        since: Option<&'static str>,
        default: &T,
    ) {
        let Some(fields) = object.as_object_mut() else { return };
        let Some(value) = fields.get_mut(key) else { return };
        let Some(version) = since else {
            self.below(key, |cx| T::trim(value, cx));
            return;
        };
        if serde_json::to_value(default).is_ok_and(|default| default == *value) {
            fields.shift_remove(key);
            return;
        }
        let shown = Node::from_json(value).value.shown();
        let rule = format!("has no field {key}, which came with {version} of this engine");
        self.below(key, |cx| cx.note(shown, rule, "leave it at its default"));
    }

    /// Notes a value that is new, of those that are.
    pub(crate) fn choice(&mut self, value: &Json, new: &[(&str, &str)]) {
        if let Some((name, version)) = new.iter().find(|(name, _)| value == name) {
            let rule = format!("has no value {name:?} here, which came with {version} of this engine");
            self.note(Node::from_json(value).value.shown(), rule, "choose another value");
        }
    }

    fn note(&mut self, value: String, rule: String, remedy: &str) {
        self.found.push(Finding::error(self.path.clone(), value, format!("{PUBLISHED} {rule}"), remedy));
    }
}

/// Adds to an enum's schema since when its new values exist.
pub(crate) fn add_choices(schema: &mut Map<String, Json>, new: &[(&str, &str)]) {
    if !new.is_empty() {
        let versions: Map<String, Json> = new.iter().map(|(name, since)| ((*name).to_owned(), json!(since))).collect();
        schema.insert("x-since".to_owned(), Json::Object(versions));
    }
}

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macros declare public types")]
mod tests {
    use super::*;
    use crate::fields::{
        num::Positive,
        record::{Definitions, Reader, choices, record},
    };

    choices! {
        /// A colour.
        pub enum Colour {
            /// Old.
            Green = "green";
            /// New.
            Red = "red", since("0.3");
        }
    }

    record! {
        /// An entry.
        pub struct Lamp {
            /// Old.
            power_mw: Positive = 1.0, "mW";
            /// New.
            drift_s: Positive = 60.0, "s", slider(1.0, 100.0, 1.0), since("0.2");
            /// Old, with a new value.
            colour: Colour => Colour::Green, "";
        }
    }

    record! {
        /// The whole.
        pub struct Rig {
            /// Old.
            lamps: Vec<Lamp> => vec![Lamp::default()], "";
            /// New.
            spare: Option<Lamp> => None, "", since("0.2");
        }
    }

    fn trimmed(rig: &Rig) -> (Json, Vec<String>) {
        let mut tree = serde_json::to_value(rig).expect("a tree");
        let mut cx = Trim::default();
        Rig::trim(&mut tree, &mut cx);
        (tree, cx.found.iter().map(|f| format!("{}: {}", f.path, f.rule)).collect())
    }

    #[test]
    fn new_fields_are_left_out_at_their_default_and_named_otherwise() {
        let (tree, found) = trimmed(&Rig::default());
        assert_eq!((tree, found.len()), (json!({ "lamps": [{ "power_mw": 1.0, "colour": "green" }] }), 0));
        let lamp = Lamp { drift_s: Positive::lit(30.0), colour: Colour::Red, ..Lamp::default() };
        let (tree, found) = trimmed(&Rig { lamps: vec![Lamp::default(), lamp.clone()], spare: Some(lamp) });
        assert_eq!(tree["lamps"][1], json!({ "power_mw": 1.0, "drift_s": 30.0, "colour": "red" }));
        assert!(tree["lamps"][0].get("drift_s").is_none() && tree["spare"]["colour"] == "red", "{tree}");
        let paths: Vec<&str> = found.iter().filter_map(|f| f.split(':').next()).collect();
        assert_eq!(paths, ["lamps[1].drift_s", "lamps[1].colour", "spare"]);
        assert!(found[0].contains("no field drift_s") && found[0].contains("0.2"), "{found:?}");
    }

    #[test]
    fn an_absent_new_field_is_read_as_its_default() {
        let mut cx = Reader::default();
        let node = Node::from_json(&json!({ "lamps": [{ "power_mw": 2.0 }] }));
        let rig = Rig::read(&node, &mut cx).expect("valid");
        assert_eq!(rig, Rig { lamps: vec![Lamp { power_mw: Positive::lit(2.0), ..Lamp::default() }], spare: None });
    }

    #[test]
    fn the_schema_says_since_when() {
        let mut defs = Definitions::default();
        defs.refer::<Rig>();
        let lamp = &defs.map["Lamp"]["properties"];
        assert_eq!((&lamp["drift_s"]["x-since"], &lamp["drift_s"]["x-ui"]["max"]), (&json!("0.2"), &json!(100.0)));
        assert_eq!(lamp["colour"]["x-since"], json!({ "red": "0.3" }));
        assert!(lamp["power_mw"].get("x-since").is_none());
    }
}
