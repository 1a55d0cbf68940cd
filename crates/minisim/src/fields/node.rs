//! A document as it was written: values with their places, before anybody knows what they mean.

/// Where a value starts in the text: line and column (in characters), both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// A value with its place; values that were not read from a text have none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) place: Option<Place>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
    /// A value that no field takes, such as a date of TOML, as written.
    Foreign(String),
}

/// A key with its value, in the order of the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Option<Place>,
    pub(crate) node: Node,
}

/// Longest value shown in a message (characters).
const SHOWN_CHARS: usize = 60;

impl Value {
    /// What the value is, for people: "text", "a list", …
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Table(_) => "an object",
            Self::Foreign(_) => "a date or another kind of value",
        }
    }

    /// The value as JSON, shortened for a message.
    pub(crate) fn shown(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        match text.char_indices().nth(SHOWN_CHARS) {
            Some((cut, _)) => format!("{}…", &text[..cut]),
            None => text,
        }
    }

    /// Writes JSON until there is more than anybody will be shown.
    fn write(&self, out: &mut String) {
        if out.len() > 4 * SHOWN_CHARS {
            return;
        }
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(v) => out.push_str(if *v { "true" } else { "false" }),
            Self::Integer(v) => out.push_str(&v.to_string()),
            Self::Float(v) if v.is_finite() => out.push_str(&serde_json::json!(v).to_string()),
            Self::Float(v) => out.push_str(&v.to_string()),
            Self::Text(v) => {
                let short: String = v.chars().take(SHOWN_CHARS + 1).collect();
                out.push_str(&serde_json::Value::String(short).to_string());
            }
            Self::Foreign(v) => out.push_str(v),
            Self::List(items) => {
                out.push('[');
                for (i, item) in items.iter().take(SHOWN_CHARS).enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    item.value.write(out);
                }
                out.push(']');
            }
            Self::Table(entries) => {
                out.push('{');
                for (i, entry) in entries.iter().take(SHOWN_CHARS).enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    out.push_str(&serde_json::Value::String(entry.key.clone()).to_string());
                    out.push_str(": ");
                    entry.node.value.write(out);
                }
                out.push('}');
            }
        }
    }
}

impl Node {
    /// A tree without places.
    pub(crate) fn from_json(value: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        let value = match value {
            Json::Null => Value::Null,
            Json::Bool(v) => Value::Bool(*v),
            Json::Number(n) => match n.as_i128() {
                Some(v) => Value::Integer(v),
                None => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(v) => Value::Text(v.clone()),
            Json::Array(items) => Value::List(items.iter().map(Self::from_json).collect()),
            Json::Object(map) => Value::Table(
                map.iter()
                    .map(|(key, v)| Entry { key: key.clone(), key_place: None, node: Self::from_json(v) })
                    .collect(),
            ),
        };
        Self { value, place: None }
    }

    /// The value under `key`, if this is an object that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Table(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.node),
            _ => None,
        }
    }

    /// The place of the field `path` (`steps[2].layers[0].depth_um`), or of the nearest thing around it that is there.
    pub(crate) fn place_of(&self, path: &str) -> Option<Place> {
        let mut node = self;
        let mut place = self.place;
        for part in path.split(['.', '[']).filter(|p| !p.is_empty()) {
            let next = match (part.strip_suffix(']').and_then(|i| i.parse::<usize>().ok()), &node.value) {
                (Some(i), Value::List(items)) => items.get(i),
                (None, _) => node.get(part),
                _ => None,
            };
            let Some(next) = next else { break };
            node = next;
            place = next.place.or(place);
        }
        place
    }
}
