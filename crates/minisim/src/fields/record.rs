//! Structs of the spec, each declared once: fields with type, default, unit and meaning.
//!
//! [`record!`] makes of one declaration the struct, its defaults (checked by the compiler where they are numbers), its
//! reading with all findings at once, its canonical JSON and its part of the schema.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::{
    finding::Finding,
    hints::{Hints, Shown},
    node::{Entry, Node, Place, Value},
    num::object,
    since::Trim,
};

/// Findings after which no more are collected: a wrong list of a million numbers must not make a report of a million.
const MAX_FINDINGS: usize = 100;

/// A type that a field of the spec may have.
pub(crate) trait Field: Sized {
    /// Reads the value; says in `cx` what is wrong if there is nothing to return.
    fn read(node: &Node, cx: &mut Reader) -> Option<Self>;
    /// The JSON schema of the type.
    fn schema(defs: &mut Definitions) -> Map<String, Json>;
    /// Takes out of the value's JSON what is newer than the published package and as by default, and notes what is newer and
    /// stays; see [`Trim`].
    fn trim(_value: &mut Json, _cx: &mut Trim) {}
}

/// A struct of the spec.
pub(crate) trait Record: Field + Default + serde::Serialize {
    /// Name of the struct, in Rust, Python and the schema.
    const NAME: &'static str;
    /// The fields, in the order of the canonical JSON, without `kind`.
    const FIELDS: &'static [&'static str];
    /// The step's kind, if this is one.
    const STEP_KIND: Option<&'static str>;
    /// The field that `kind` is written before; empty = first.
    const KIND_BEFORE: &'static str;
    /// Where a page shows the struct, and since when it exists.
    const SHOWN: Shown;
    /// Schema of the whole struct.
    fn definition(defs: &mut Definitions) -> Json;
}

/// The `$defs` of the schema, in the order in which they are needed.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    pub(crate) map: Map<String, Json>,
}

impl Definitions {
    /// A reference to the definition of `R`, which is added when it is not there yet.
    pub(crate) fn refer<R: Record>(&mut self) -> Map<String, Json> {
        if !self.map.contains_key(R::NAME) {
            // The place is taken first, so that the order is that of first mention.
            self.map.insert(R::NAME.to_owned(), Json::Null);
            let definition = R::definition(self);
            self.map.insert(R::NAME.to_owned(), definition);
        }
        object(json!({ "$ref": format!("#/$defs/{}", R::NAME) }))
    }
}

/// Collects findings on the way through a document.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) findings: Vec<Finding>,
    path: Vec<Segment>,
}

#[derive(Debug)]
enum Segment {
    Key(&'static str),
    Index(usize),
}

impl Reader {
    /// The field being read, e.g. `steps[3].falloff`.
    pub(crate) fn path(&self) -> String {
        let mut text = String::new();
        for segment in &self.path {
            match segment {
                Segment::Key(key) if text.is_empty() => text.push_str(key),
                Segment::Key(key) => {
                    text.push('.');
                    text.push_str(key);
                }
                Segment::Index(i) => text.push_str(&format!("[{i}]")),
            }
        }
        text
    }

    /// Does something one key further down.
    pub(crate) fn at_key<T>(&mut self, key: &'static str, f: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Segment::Key(key));
        let result = f(self);
        self.path.pop();
        result
    }

    /// Does something one list element further down.
    pub(crate) fn at_index<T>(&mut self, index: usize, f: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Segment::Index(index));
        let result = f(self);
        self.path.pop();
        result
    }

    /// Notes that the value `node` at the current path is wrong.
    pub(crate) fn refuse(&mut self, node: &Node, rule: impl Into<String>, remedy: impl Into<String>) {
        if !self.is_full() {
            self.note(Finding::error(self.path(), node.value.shown(), rule, remedy), node.place);
        }
    }

    /// Adds a finding with its place.
    pub(crate) fn note(&mut self, finding: Finding, place: Option<Place>) {
        if !self.is_full() {
            self.findings.push(match place {
                Some(p) => finding.at(p.line, p.column),
                None => finding,
            });
        }
    }

    /// The entries of an object; says so when `node` is none.
    pub(crate) fn table<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        if let Value::Table(entries) = &node.value {
            self.duplicates(entries);
            return Some(entries);
        }
        self.refuse(
            node,
            format!("must be an object ({what}); this is {}", node.value.describe()),
            "write its fields in braces: {...}; {} stands for the defaults",
        );
        None
    }

    /// Notes keys that occur twice.
    fn duplicates(&mut self, entries: &[Entry]) {
        let mut firsts: HashMap<&str, &Entry> = HashMap::with_capacity(entries.len());
        for entry in entries {
            let Some(first) = firsts.insert(&entry.key, entry) else { continue };
            if self.is_full() {
                return;
            }
            let before = first.key_place.map(|p| format!(" (before on line {})", p.line)).unwrap_or_default();
            let rule = format!("the key {:?} occurs twice in the same object{before}", entry.key);
            let finding = Finding::error(self.path_of(&entry.key), entry.node.value.shown(), rule, "keep one of them");
            self.note(finding, entry.key_place);
        }
    }

    fn is_full(&self) -> bool {
        self.findings.len() >= MAX_FINDINGS
    }

    /// The path of a key of the object being read.
    fn path_of(&self, key: &str) -> String {
        match self.path() {
            path if path.is_empty() => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    /// Reads one field of an object; its default when it is not there.
    pub(crate) fn field<T: Field>(
        &mut self,
        entries: &[Entry],
        key: &'static str,
        default: impl FnOnce() -> T,
    ) -> Option<T> {
        match entries.iter().find(|e| e.key == key) {
            Some(entry) => self.at_key(key, |cx| T::read(&entry.node, cx)),
            None => Some(default()),
        }
    }

    /// Notes keys that `R` does not have.
    pub(crate) fn unknown_keys<R: Record>(&mut self, entries: &[Entry]) {
        let known: Vec<&str> = R::STEP_KIND.map(|_| "kind").into_iter().chain(R::FIELDS.iter().copied()).collect();
        self.keys_other_than(entries, &known, R::NAME);
    }

    /// Notes keys that are not `known`.
    pub(crate) fn keys_other_than(&mut self, entries: &[Entry], known: &[&str], what: &str) {
        for entry in entries.iter().filter(|e| !known.contains(&e.key.as_str())) {
            if self.is_full() {
                return;
            }
            let path = self.path_of(&entry.key);
            let rule = format!("{what} has no field {:?}", entry.key);
            let remedy = unknown_name_remedy(&entry.key, known, "fields");
            self.note(
                Finding::error(path, entry.node.value.shown(), rule, remedy),
                entry.key_place.or(entry.node.place),
            );
        }
    }
}

/// What to do about a name that is not known: the closest one, and all of them.
pub(crate) fn unknown_name_remedy(name: &str, known: &[&str], what: &str) -> String {
    if known.is_empty() {
        return format!("remove it; there are no {what} here");
    }
    let all = known.join(", ");
    match closest(name, known.iter().copied()) {
        Some(close) => format!("did you mean {close:?}? the {what} are {all}"),
        None => format!("the {what} are {all}"),
    }
}

/// The known name nearest to `name`, if any is near enough to have been meant.
pub(crate) fn closest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // Nobody means a name several times longer than any field.
    let short: String = name.chars().take(80).collect();
    let known: Vec<&str> = known.into_iter().collect();
    let alike = known
        .iter()
        .map(|k| (strsim::jaro_winkler(&short.to_lowercase(), k), k))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| *k);
    // A part of a long name, such as `amp` of `motion_amplitude_um`.
    let holds = |k: &&&str| short.chars().count() >= 3 && k.contains(&short.to_lowercase());
    alike.or_else(|| known.iter().find(holds).copied())
}

/// The text of doc comments: lines joined, the blank after `///` removed.
pub(crate) fn doc_text(lines: &[&str]) -> String {
    lines.iter().map(|l| l.trim()).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// Schema of a field: its type's, with meaning, default and unit.
pub(crate) fn property<T: Field + serde::Serialize>(
    defs: &mut Definitions,
    doc: &[&str],
    default: &T,
    unit: &str,
    hints: &Hints,
) -> Json {
    let mut schema = T::schema(defs);
    schema.insert("description".to_owned(), json!(doc_text(doc)));
    schema.insert("default".to_owned(), serde_json::to_value(default).unwrap_or(Json::Null));
    if !unit.is_empty() {
        schema.insert("x-unit".to_owned(), json!(unit));
    }
    hints.add_to(&mut schema);
    Json::Object(schema)
}

/// The definition of one struct.
pub(crate) fn definition<R: Record>(doc: &[&str], fields: Vec<(&'static str, Json)>) -> Json {
    let mut properties = Map::new();
    let kind = |before: &str| R::STEP_KIND.filter(|_| R::KIND_BEFORE == before).map(|kind| json!({ "const": kind }));
    if let Some(kind) = kind("") {
        properties.insert("kind".to_owned(), kind);
    }
    for (name, property) in fields {
        if let Some(kind) = kind(name) {
            properties.insert("kind".to_owned(), kind);
        }
        properties.insert(name.to_owned(), property);
    }
    let mut definition = json!({
        "title": R::NAME,
        "description": doc_text(doc),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if R::STEP_KIND.is_some() {
        definition["required"] = json!(["kind"]);
    }
    R::SHOWN.add_to(&mut definition);
    definition
}

/// Declares a struct of the spec.
///
/// `field: Type = literal, "unit";` for bounded numbers, `field: Type => expression, "unit";` for everything else. A step
/// says `: step` after its name, and `before FIELD` when its `kind` is not written first.
///
/// How a page shows a field follows its unit, any of the methods of [`Hints`]:
/// `fps: Positive = 20.0, "Hz", slider(1.0, 120.0, 1.0), label("Frames per second");`. `since("0.2")` there marks a field that
/// the published package does not know. What is said of the whole struct follows its name, any of the methods of
/// [`Shown`](super::hints::Shown): `pub struct Neuropil: step, panel("anatomy", "Neuropil", 6) { … }`.
macro_rules! record {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident $(: $step:ident $(before $before:ident)?)? $(, $shown:ident($($shown_arg:expr),*))* {
            $(
                $(#[doc = $field_doc:literal])*
                $field:ident: $ty:ty $(= $literal:literal)? $(=> $default:expr)?, $unit:literal
                    $(, $hint:ident($($hint_arg:expr),*))*;
            )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $(
                $(#[doc = $field_doc])*
                #[doc = $crate::fields::record::record!(@unit $unit)]
                pub $field: $ty,
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $(const { <$ty>::lit($literal) })? $($default)?,)* }
            }
        }

        impl $crate::fields::record::Record for $name {
            const NAME: &'static str = stringify!($name);
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];
            const STEP_KIND: Option<&'static str> = $crate::fields::record::record!(@kind $name $($step)?);
            const KIND_BEFORE: &'static str = concat!($($(stringify!($before))?)?);
            const SHOWN: $crate::fields::hints::Shown = $crate::fields::hints::Shown::NOWHERE$(.$shown($($shown_arg),*))*;

            fn definition(defs: &mut $crate::fields::record::Definitions) -> serde_json::Value {
                let default = Self::default();
                let _ = (&defs, &default);
                let properties: Vec<(&'static str, serde_json::Value)> = vec![$((
                    stringify!($field),
                    $crate::fields::record::property(defs, &[$($field_doc),*], &default.$field, $unit, const {
                        &$crate::fields::hints::Hints::NONE$(.$hint($($hint_arg),*))*
                    }),
                )),*];
                $crate::fields::record::definition::<Self>(&[$($doc),*], properties)
            }
        }

        impl $crate::fields::record::Field for $name {
            fn read(node: &$crate::fields::node::Node, cx: &mut $crate::fields::record::Reader) -> Option<Self> {
                let entries = cx.table(node, stringify!($name))?;
                $(let $field = cx.field::<$ty>(entries, stringify!($field), || {
                    $(const { <$ty>::lit($literal) })? $($default)?
                });)*
                cx.unknown_keys::<Self>(entries);
                Some(Self { $($field: $field?,)* })
            }

            fn schema(defs: &mut $crate::fields::record::Definitions) -> serde_json::Map<String, serde_json::Value> {
                defs.refer::<Self>()
            }

            fn trim(value: &mut serde_json::Value, cx: &mut $crate::fields::since::Trim) {
                let default = Self::default();
                cx.whole::<Self>(value);
                let _ = &default;
                $({
                    let since = const { $crate::fields::hints::Hints::NONE$(.$hint($($hint_arg),*))*.since };
                    cx.field(value, stringify!($field), since, &default.$field);
                })*
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                use $crate::fields::record::Record;
                let mut map = serializer.serialize_map(None)?;
                let kind_before = |field: &str| Self::STEP_KIND.filter(|_| Self::KIND_BEFORE == field);
                if let Some(kind) = kind_before("") {
                    map.serialize_entry("kind", kind)?;
                }
                $(
                    if let Some(kind) = kind_before(stringify!($field)) {
                        map.serialize_entry("kind", kind)?;
                    }
                    map.serialize_entry(stringify!($field), &self.$field)?;
                )*
                map.end()
            }
        }
    };
    (@kind $name:ident step) => { Some(<$name as $crate::steps::Step>::KIND) };
    (@kind $name:ident) => { None };
    (@unit "") => { "" };
    (@unit $unit:literal) => { concat!("\n\nUnit: ", $unit, ".") };
}

/// Declares an enum whose values are written as text: `Variant = "text";`, with `since("0.2")` after a comma for a value that the
/// published package does not know.
macro_rules! choices {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident {
            $($(#[doc = $variant_doc:literal])* $variant:ident = $text:literal $(, since($since:literal))?;)*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $variant_doc])* $variant,)*
        }

        impl $name {
            /// The values as they are written.
            pub const NAMES: &'static [&'static str] = &[$($text),*];

            /// The value as it is written.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl $crate::fields::record::Field for $name {
            fn read(node: &$crate::fields::node::Node, cx: &mut $crate::fields::record::Reader) -> Option<Self> {
                if let $crate::fields::node::Value::Text(text) = &node.value {
                    match text.as_str() {
                        $($text => return Some(Self::$variant),)*
                        _ => {}
                    }
                }
                $crate::fields::record::refuse_choice(node, cx, Self::NAMES);
                None
            }

            fn schema(_: &mut $crate::fields::record::Definitions) -> serde_json::Map<String, serde_json::Value> {
                let mut schema = $crate::fields::num::object(serde_json::json!({ "type": "string", "enum": Self::NAMES }));
                $crate::fields::since::add_choices(&mut schema, &[$($(($text, $since),)?)*]);
                schema
            }

            fn trim(value: &mut serde_json::Value, cx: &mut $crate::fields::since::Trim) {
                cx.choice(value, &[$($(($text, $since),)?)*]);
            }
        }
    };
}

pub(crate) use {choices, record};

/// Notes that a value is none of the choices.
pub(crate) fn refuse_choice(node: &Node, cx: &mut Reader, names: &[&str]) {
    let quoted: Vec<String> = names.iter().map(|n| format!("{n:?}")).collect();
    let near = match &node.value {
        Value::Text(text) => closest(text, names.iter().copied()),
        _ => None,
    };
    let remedy = match near {
        Some(name) => format!("did you mean {name:?}?"),
        None => "write one of them, in quotes".to_owned(),
    };
    cx.refuse(node, format!("must be one of {}", quoted.join(", ")), remedy);
}
