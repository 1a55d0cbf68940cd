//! How a page shows the fields: ranges of sliders, and which belong together. Not rules: a spec may go beyond a slider.
//!
//! They are declared with each field and each struct (see [`record!`](super::record::record)) and are part of the schema
//! (`x-ui`), so a page names no field of its own, and a new field shows up by itself: in its group's "more" until it has a slider.

use serde_json::{Map, Value as Json, json};

/// What a field says of itself besides its type, default, unit and meaning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hints {
    slider: Option<[f64; 3]>,
    start: Option<f64>,
    group: Option<&'static str>,
    label: Option<&'static str>,
    prominent: bool,
    /// The version of the engine that first knew the field; `None` for the fields of the published package.
    pub(crate) since: Option<&'static str>,
}

impl Hints {
    pub(crate) const NONE: Self =
        Self { slider: None, start: None, group: None, label: None, prominent: false, since: None };

    /// A slider from `least` to `most` in steps of `step`.
    pub(crate) const fn slider(self, least: f64, most: f64, step: f64) -> Self {
        assert!(least < most && step > 0.0, "a slider goes upwards in steps");
        Self { slider: Some([least, most, step]), ..self }
    }

    /// What the field gets when it leaves "auto" or null.
    pub(crate) const fn start(self, value: f64) -> Self {
        Self { start: Some(value), ..self }
    }

    /// The struct with which the field is shown, where that is not its own.
    pub(crate) const fn group(self, name: &'static str) -> Self {
        Self { group: Some(name), ..self }
    }

    /// A name for people, where the field's own words are not the best.
    pub(crate) const fn label(self, text: &'static str) -> Self {
        Self { label: Some(text), ..self }
    }

    /// Shown among the first, not under "more", although it has no slider.
    pub(crate) const fn prominent(self) -> Self {
        Self { prominent: true, ..self }
    }

    /// The version of the engine that first knew the field, for fields that the published package does not know.
    #[allow(dead_code, reason = "for fields to come; tests declare one")]
    pub(crate) const fn since(self, version: &'static str) -> Self {
        Self { since: Some(version), ..self }
    }

    /// Adds what is said to the field's schema.
    pub(crate) fn add_to(&self, schema: &mut Map<String, Json>) {
        let mut ui = Map::new();
        if let Some([least, most, step]) = self.slider {
            ui.extend(super::num::object(json!({ "min": least, "max": most, "step": step })));
        }
        if let Some(start) = self.start {
            ui.insert("start".to_owned(), json!(start));
        }
        if let Some(group) = self.group {
            ui.insert("group".to_owned(), json!(group));
        }
        if let Some(label) = self.label {
            ui.insert("label".to_owned(), json!(label));
        }
        if self.prominent {
            ui.insert("prominent".to_owned(), json!(true));
        }
        if !ui.is_empty() {
            schema.insert("x-ui".to_owned(), Json::Object(ui));
        }
        if let Some(version) = self.since {
            schema.insert("x-since".to_owned(), json!(version));
        }
    }
}

/// What a struct says of itself besides its fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    panel: Option<(&'static str, &'static str, u32)>,
    switch: Option<(&'static str, &'static str)>,
    /// The version of the engine that first knew the step; `None` for the steps of the published package.
    pub(crate) since: Option<&'static str>,
}

impl Shown {
    /// For structs that are shown inside another, such as the entries of a list.
    pub(crate) const NOWHERE: Self = Self { panel: None, switch: None, since: None };

    /// Shown in `panel` ("anatomy", "activity", "generate", or "hidden"), titled `title`, in the order of `order`.
    pub(crate) const fn panel(self, panel: &'static str, title: &'static str, order: u32) -> Self {
        Self { panel: Some((panel, title, order)), ..self }
    }

    /// The title of the struct.
    pub(crate) const fn title(&self) -> Option<&'static str> {
        match self.panel {
            Some((_, title, _)) => Some(title),
            None => None,
        }
    }

    /// A step that is switched by the field `field` of its own and shows nothing while `list` is empty.
    pub(crate) const fn switch(self, field: &'static str, list: &'static str) -> Self {
        Self { switch: Some((field, list)), ..self }
    }

    /// The version of the engine that first knew the step, for steps that the published package does not know.
    #[allow(dead_code, reason = "for steps to come; tests declare one")]
    pub(crate) const fn since(self, version: &'static str) -> Self {
        Self { since: Some(version), ..self }
    }

    /// Adds what is said to the struct's schema.
    pub(crate) fn add_to(&self, definition: &mut Json) {
        if let Some((panel, title, order)) = self.panel {
            definition["x-ui"] = json!({ "panel": panel, "title": title, "order": order });
        }
        if let Some((field, list)) = self.switch {
            definition["x-ui"]["switch"] = json!(field);
            definition["x-ui"]["list"] = json!(list);
        }
        if let Some(version) = self.since {
            definition["x-since"] = json!(version);
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_group_and_switch_is_there_and_every_struct_has_a_place() {
        let schema = crate::spec::schema();
        let defs = schema["$defs"].as_object().expect("definitions");
        let text = schema.to_string();
        for (name, def) in defs {
            let fields = def["properties"].as_object().expect("properties");
            for key in ["switch", "list"] {
                let named = def["x-ui"][key].as_str();
                assert!(named.is_none_or(|field| fields.contains_key(field)), "{name}.{named:?}");
            }
            for (field, property) in fields {
                let group = property["x-ui"]["group"].as_str();
                assert!(group.is_none_or(|group| defs.contains_key(group)), "{name}.{field}");
            }
            // What is shown in no panel is shown with the list that holds it.
            let nested = text.contains(&format!("\"items\":{{\"$ref\":\"#/$defs/{name}\"}}"));
            assert!(nested || def["x-ui"]["panel"].is_string(), "{name} is in no panel");
        }
    }
}
