//! Texts to documents: syntax only, one file a language.

pub(super) mod json;
pub(super) mod toml;
pub(super) mod yaml;

use super::{
    finding::Finding,
    node::{Node, Place},
};

/// Deepest nesting; a spec needs six levels.
const MAX_DEPTH: usize = 64;

/// Where lines start, to turn byte offsets into lines and columns.
struct Lines<'t> {
    text: &'t str,
    ascii: bool,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Self { text, ascii: text.is_ascii(), starts }
    }

    /// The place of byte `offset`.
    fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts[line - 1];
        let before = self.text.get(start..offset).unwrap_or_default();
        // Where it may differ, counting is not worth it on lines that only machines write: it would be done for each value.
        let column = if self.ascii || before.len() > 4096 { before.len() } else { before.chars().count() };
        place(line, column + 1)
    }
}

fn place(line: usize, column: usize) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { line: number(line), column: number(column) }
}

/// The text is not in the language it should be in.
fn syntax_error(language: &str, message: &str, at: Option<Place>) -> Vec<Finding> {
    let remedy = format!("correct the {language} here");
    let finding = Finding::error("", "", format!("is not valid {language}: {message}"), remedy);
    vec![match at {
        Some(p) => finding.at(p.line, p.column),
        None => finding,
    }]
}

/// The document, or what is wrong with it.
fn finished(root: Node, findings: Vec<Finding>) -> Result<Node, Vec<Finding>> {
    if findings.is_empty() { Ok(root) } else { Err(findings) }
}
