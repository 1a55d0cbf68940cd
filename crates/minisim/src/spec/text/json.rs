//! Strict JSON with places: `serde_json` decides what is valid, `jsonc-parser` says where it is.

use jsonc_parser::{
    CollectOptions, ParseOptions,
    ast::{ObjectPropName, Value as Ast},
    common::Ranged,
    parse_to_ast,
};

use super::{Lines, MAX_DEPTH, finished, place, syntax_error};
use crate::spec::{
    finding::Finding,
    node::{Entry, Node, Value},
};

/// The name of a non-finite number at a place, as Python's `json` writes it.
fn non_finite(text: &str, line: usize, column: usize) -> Option<&'static str> {
    let rest = text.lines().nth(line - 1)?.get(column - 1..)?;
    ["NaN", "Infinity"].into_iter().find(|name| rest.starts_with(name))
}

/// Reads a JSON text.
pub(crate) fn parse(text: &str) -> Result<Node, Vec<Finding>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Err(e) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let message = e.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        let (line, column) = (e.line().max(1), e.column().max(1));
        let message = match non_finite(text, line, column) {
            Some(name) => format!("{name} is no number in JSON; write a finite one"),
            None => message.to_owned(),
        };
        return Err(syntax_error("JSON", &message, Some(place(line, column))));
    }
    let lines = Lines::new(text);
    let strict = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let ast = match parse_to_ast(text, &CollectOptions::default(), &strict) {
        Ok(result) => result.value,
        Err(e) => {
            let at = lines.place(e.range().start);
            return Err(syntax_error("JSON", &e.kind().to_string(), Some(at)));
        }
    };
    let Some(ast) = ast else {
        return Err(syntax_error("JSON", "there is nothing in it", Some(place(1, 1))));
    };
    let mut findings = Vec::new();
    let root = convert(ast, &lines, 0, &mut findings);
    finished(root, findings)
}

fn convert(ast: Ast<'_>, lines: &Lines<'_>, depth: usize, findings: &mut Vec<Finding>) -> Node {
    let at = lines.place(ast.start());
    let value = match ast {
        Ast::Array(_) | Ast::Object(_) if depth == MAX_DEPTH => {
            if findings.is_empty() {
                findings.extend(syntax_error("JSON", "it is nested too deeply for a spec", Some(at)));
            }
            Value::Null
        }
        Ast::StringLit(s) => Value::Text(s.value.into_owned()),
        Ast::NumberLit(n) => number(n.value),
        Ast::BooleanLit(b) => Value::Bool(b.value),
        Ast::NullKeyword(_) => Value::Null,
        Ast::Array(list) => {
            Value::List(list.elements.into_iter().map(|v| convert(v, lines, depth + 1, findings)).collect())
        }
        Ast::Object(object) => {
            let mut entries = Vec::with_capacity(object.properties.len());
            for property in object.properties {
                let key_place = Some(lines.place(property.name.start()));
                let key = match property.name {
                    ObjectPropName::String(s) => s.value.into_owned(),
                    ObjectPropName::Word(w) => w.value.to_owned(),
                };
                let node = convert(property.value, lines, depth + 1, findings);
                entries.push(Entry { key, key_place, node });
            }
            Value::Table(entries)
        }
    };
    Node { value, place: Some(at) }
}

/// Whole numbers stay whole as long as they fit; everything else is the nearest float.
pub(super) fn number(text: &str) -> Value {
    match text.parse::<i128>() {
        Ok(v) => Value::Integer(v),
        Err(_) => Value::Float(text.parse().unwrap_or(f64::NAN)),
    }
}
