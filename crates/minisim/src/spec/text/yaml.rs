//! YAML 1.2 (core schema) with places. Anchors and tags are refused: a spec is what it says.

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::{MAX_DEPTH, place, syntax_error};
use crate::spec::{
    finding::Finding,
    node::{Entry, Node, Place, Value},
};

/// A collection that is still open.
enum Open {
    List(Vec<Node>),
    Table { entries: Vec<Entry>, key: Option<(String, Place)> },
}

/// Reads a YAML text of one document.
pub(crate) fn parse(text: &str) -> Result<Node, Vec<Finding>> {
    let mut open: Vec<(Open, Place)> = Vec::new();
    let mut root = None;
    let error = |message: &str, at: Place| Err(syntax_error("YAML", message, Some(at)));
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(e) => return error(e.info(), place(e.marker().line().max(1), e.marker().col() + 1)),
        };
        let at = place(span.start.line().max(1), span.start.col() + 1);
        let done = match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                continue;
            }
            Event::Alias(_) => return error("aliases (*name) are not read; write the value out", at),
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return error("tags (!name) are not read; remove the tag", at);
            }
            _ if open.len() >= MAX_DEPTH => return error("it is nested too deeply for a spec", at),
            Event::SequenceStart(..) => {
                open.push((Open::List(Vec::new()), at));
                continue;
            }
            Event::MappingStart(..) => {
                open.push((Open::Table { entries: Vec::new(), key: None }, at));
                continue;
            }
            Event::Scalar(text, style, ..) => {
                if let Some((Open::Table { key: key @ None, .. }, _)) = open.last_mut() {
                    *key = Some((text.into_owned(), at));
                    continue;
                }
                let value = match style {
                    ScalarStyle::Plain => plain(&text),
                    _ => Value::Text(text.into_owned()),
                };
                Node { value, place: Some(at) }
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some((Open::List(items), at)) => Node { value: Value::List(items), place: Some(at) },
                Some((Open::Table { entries, .. }, at)) => Node { value: Value::Table(entries), place: Some(at) },
                None => return error("a collection ends that never began", at),
            },
        };
        match open.last_mut() {
            Some((Open::List(items), _)) => items.push(done),
            Some((Open::Table { entries, key }, _)) => match key.take() {
                Some((key, key_place)) => entries.push(Entry { key, key_place: Some(key_place), node: done }),
                None => return error("a key must be plain text", at),
            },
            None if root.is_some() => return error("there is more than one document; a spec is one", at),
            None => root = Some(done),
        }
    }
    match root {
        Some(root) => Ok(root),
        None => error("there is nothing in it", place(1, 1)),
    }
}

/// An unquoted scalar by the rules of the YAML 1.2 core schema.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Value::Float(f64::INFINITY);
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Value::Float(f64::NAN);
    }
    let numeric = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.contains(|c: char| c.is_ascii_digit())
        && unsigned.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    if numeric {
        if let Ok(v) = text.parse::<i128>() {
            return Value::Integer(v);
        }
        if let Ok(v) = text.parse::<f64>() {
            return Value::Float(v);
        }
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(Ok(v)) = text.strip_prefix(prefix).map(|digits| i128::from_str_radix(digits, radix)) {
            return Value::Integer(v);
        }
    }
    Value::Text(text.to_owned())
}
