//! TOML with places.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Lines, MAX_DEPTH, finished, syntax_error};
use crate::spec::{
    finding::Finding,
    node::{Entry, Node, Value},
};

/// Reads a TOML text.
pub(crate) fn parse(text: &str) -> Result<Node, Vec<Finding>> {
    let lines = Lines::new(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let finding = |e: &toml::de::Error| {
            let at = e.span().map(|span| lines.place(span.start));
            syntax_error("TOML", e.message().trim(), at)
        };
        return Err(errors.iter().take(20).flat_map(finding).collect());
    }
    let mut findings = Vec::new();
    let start = table.span().start;
    let value = convert_table(table.into_inner(), &lines, 0, &mut findings);
    finished(Node { value, place: Some(lines.place(start)) }, findings)
}

fn convert_table(table: DeTable<'_>, lines: &Lines<'_>, depth: usize, findings: &mut Vec<Finding>) -> Value {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table {
        let key_place = Some(lines.place(key.span().start));
        let node = convert(value, lines, depth + 1, findings);
        entries.push(Entry { key: key.into_inner().into_owned(), key_place, node });
    }
    // The parser sorts by key; people read from the top.
    entries.sort_by_key(|e| e.key_place.map(|p| (p.line, p.column)));
    Value::Table(entries)
}

fn convert(value: Spanned<DeValue<'_>>, lines: &Lines<'_>, depth: usize, findings: &mut Vec<Finding>) -> Node {
    let at = Some(lines.place(value.span().start));
    let value = match value.into_inner() {
        DeValue::Array(_) | DeValue::Table(_) if depth == MAX_DEPTH => {
            findings.extend(syntax_error("TOML", "it is nested too deeply for a spec", at));
            Value::Null
        }
        DeValue::String(s) => Value::Text(s.into_owned()),
        DeValue::Integer(i) => match i128::from_str_radix(&i.as_str().replace('_', ""), i.radix()) {
            Ok(v) => Value::Integer(v),
            Err(_) => Value::Float(f64::INFINITY),
        },
        DeValue::Float(f) => Value::Float(f.as_str().replace('_', "").parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(b) => Value::Bool(b),
        DeValue::Datetime(d) => Value::Foreign(d.to_string()),
        DeValue::Array(items) => {
            Value::List(items.into_iter().map(|v| convert(v, lines, depth + 1, findings)).collect())
        }
        DeValue::Table(table) => convert_table(table, lines, depth, findings),
    };
    Node { value, place: at }
}
