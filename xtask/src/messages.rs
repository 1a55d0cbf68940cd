//! TypeScript types of the studio's messages, written from their declaration in Rust.
//!
//! Reads the plain subset of Rust that `messages.rs` of the studio says it uses, and refuses anything else, so that a message
//! is never described wrongly.

use std::{fmt::Write, iter::Peekable, vec::IntoIter};

const HEAD: &str = "\
// Written by `cargo xtask codegen` from `crates/minisim-studio/src/messages.rs`: do not edit.

import type { Dict, Json, Schema } from \"./types\";
";

/// Types that the page declares itself.
const OF_THE_PAGE: [&str; 3] = ["Dict", "Json", "Schema"];

/// The file `messages.ts` for the Rust source of the messages.
pub(crate) fn typescript(source: &str) -> Result<String, String> {
    let mut parser = Parser { tokens: tokens(source)?.into_iter().peekable() };
    let mut out = HEAD.to_owned();
    let (mut declared, mut used) = (Vec::new(), Vec::new());
    while let Some(item) = parser.item()? {
        out.push('\n');
        declared.push(item.name.clone());
        item.write(&mut out, &mut used)?;
    }
    let known = |name: &String| declared.contains(name) || OF_THE_PAGE.contains(&name.as_str());
    match used.iter().find(|name| !known(name)) {
        Some(name) => Err(format!("messages.rs: {name} is declared neither there nor by the page")),
        None => Ok(out),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A line of documentation.
    Doc(String),
    Word(String),
    Text(String),
    Sign(char),
}

fn tokens(source: &str) -> Result<Vec<Token>, String> {
    let mut out = Vec::new();
    for line in source.lines() {
        let mut rest = line.trim();
        if let Some(doc) = rest.strip_prefix("///") {
            out.push(Token::Doc(doc.trim().to_owned()));
            continue;
        }
        while let Some(first) = rest.chars().next() {
            if rest.starts_with("//") {
                break;
            }
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            if word > 0 {
                out.push(Token::Word(rest[..word].to_owned()));
                rest = &rest[word..];
            } else if let Some(text) = rest.strip_prefix('"') {
                let end = text.find('"').ok_or_else(|| format!("messages.rs: a text does not end: {line}"))?;
                out.push(Token::Text(text[..end].to_owned()));
                rest = &text[end + 1..];
            } else {
                if !first.is_whitespace() {
                    out.push(Token::Sign(first));
                }
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    Ok(out)
}

/// What stands above a declaration.
#[derive(Debug, Default)]
struct Above {
    doc: String,
    /// The field of an enum's messages that names the variant.
    tag: Option<String>,
    snake_case: bool,
    flatten: bool,
}

#[derive(Debug)]
struct Field {
    above: Above,
    name: String,
    ty: Type,
}

#[derive(Debug)]
enum Content {
    Nothing,
    Of(Type),
    Fields(Vec<Field>),
}

#[derive(Debug)]
struct Variant {
    doc: String,
    name: String,
    content: Content,
}

#[derive(Debug)]
enum Body {
    Struct(Vec<Field>),
    Enum(Vec<Variant>),
}

#[derive(Debug)]
struct Item {
    above: Above,
    name: String,
    body: Body,
}

#[derive(Debug)]
enum Type {
    Named(String, Vec<Type>),
    Array(Box<Type>, usize),
}

struct Parser {
    tokens: Peekable<IntoIter<Token>>,
}

impl Parser {
    fn sign(&mut self, sign: char) -> bool {
        self.tokens.next_if_eq(&Token::Sign(sign)).is_some()
    }

    fn need(&mut self, sign: char) -> Result<(), String> {
        if self.sign(sign) { Ok(()) } else { Err(format!("messages.rs: {sign:?} expected, found {}", self.next())) }
    }

    /// The next token in words.
    fn next(&mut self) -> String {
        self.tokens.next().map_or_else(|| "the end".to_owned(), |t| format!("{t:?}"))
    }

    fn word(&mut self) -> Result<String, String> {
        match self.tokens.next() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(format!("messages.rs: a name expected, found {other:?}")),
        }
    }

    /// The next struct or enum.
    fn item(&mut self) -> Result<Option<Item>, String> {
        loop {
            let above = self.above()?;
            if self.tokens.peek().is_none() {
                return Ok(None);
            }
            self.visibility()?;
            match self.word()?.as_str() {
                "use" | "type" => while !self.sign(';') && self.tokens.next().is_some() {},
                "impl" => self.skip_block()?,
                "struct" => {
                    let name = self.word()?;
                    return Ok(Some(Item { above, name, body: Body::Struct(self.fields()?) }));
                }
                "enum" => {
                    let name = self.word()?;
                    return Ok(Some(Item { above, name, body: Body::Enum(self.variants()?) }));
                }
                other => return Err(format!("messages.rs: {other:?} is not a form that has a TypeScript type")),
            }
        }
    }

    /// Skips to the end of the next block in braces.
    fn skip_block(&mut self) -> Result<(), String> {
        let mut depth = 0_usize;
        loop {
            match self.tokens.next() {
                Some(Token::Sign('{')) => depth += 1,
                Some(Token::Sign('}')) if depth == 1 => return Ok(()),
                Some(Token::Sign('}')) => depth = depth.saturating_sub(1),
                Some(_) => {}
                None => return Err("messages.rs: a block does not end".to_owned()),
            }
        }
    }

    fn visibility(&mut self) -> Result<(), String> {
        if self.tokens.next_if_eq(&Token::Word("pub".to_owned())).is_some() && self.sign('(') {
            self.word()?;
            self.need(')')?;
        }
        Ok(())
    }

    /// Documentation and attributes.
    fn above(&mut self) -> Result<Above, String> {
        let mut above = Above::default();
        loop {
            if let Some(Token::Doc(line)) = self.tokens.next_if(|t| matches!(t, Token::Doc(_))) {
                if !above.doc.is_empty() {
                    above.doc.push(' ');
                }
                above.doc.push_str(&line);
            } else if self.sign('#') {
                self.need('[')?;
                let name = self.word()?;
                self.need('(')?;
                while !self.sign(')') {
                    let key = self.word()?;
                    let value = if self.sign('=') { self.tokens.next() } else { None };
                    match (name.as_str(), key.as_str(), value) {
                        ("derive", _, None) | ("serde", "default" | "deny_unknown_fields", None) => {}
                        ("serde", "flatten", None) => above.flatten = true,
                        ("serde", "tag", Some(Token::Text(tag))) => above.tag = Some(tag),
                        ("serde", "rename_all", Some(Token::Text(case))) if case == "snake_case" => {
                            above.snake_case = true;
                        }
                        _ => return Err(format!("messages.rs: attribute {name}({key}) is not understood")),
                    }
                    self.sign(',');
                }
                self.need(']')?;
            } else {
                return Ok(above);
            }
        }
    }

    fn fields(&mut self) -> Result<Vec<Field>, String> {
        self.need('{')?;
        let mut fields = Vec::new();
        while !self.sign('}') {
            let above = self.above()?;
            self.visibility()?;
            let name = self.word()?;
            self.need(':')?;
            fields.push(Field { above, name, ty: self.ty()? });
            self.sign(',');
        }
        Ok(fields)
    }

    fn variants(&mut self) -> Result<Vec<Variant>, String> {
        self.need('{')?;
        let mut variants = Vec::new();
        while !self.sign('}') {
            let doc = self.above()?.doc;
            let name = self.word()?;
            let content = if self.tokens.peek() == Some(&Token::Sign('{')) {
                Content::Fields(self.fields()?)
            } else if self.sign('(') {
                let ty = self.ty()?;
                self.need(')')?;
                Content::Of(ty)
            } else {
                Content::Nothing
            };
            variants.push(Variant { doc, name, content });
            self.sign(',');
        }
        Ok(variants)
    }

    fn ty(&mut self) -> Result<Type, String> {
        if self.sign('[') {
            let item = self.ty()?;
            self.need(';')?;
            let n = self.word()?;
            self.need(']')?;
            let n = n.parse().map_err(|_| format!("messages.rs: {n} is no length of an array"))?;
            return Ok(Type::Array(Box::new(item), n));
        }
        let name = self.word()?;
        let mut arguments = Vec::new();
        if self.sign('<') {
            while !self.sign('>') {
                arguments.push(self.ty()?);
                self.sign(',');
            }
        }
        Ok(Type::Named(name, arguments))
    }
}

impl Type {
    /// As TypeScript has it; notes which declarations it uses.
    fn typescript(&self, used: &mut Vec<String>) -> Result<String, String> {
        Ok(match self {
            Self::Array(item, n) => format!("[{}]", vec![item.typescript(used)?; *n].join(", ")),
            Self::Named(name, arguments) => match (name.as_str(), arguments.as_slice()) {
                ("bool", []) => "boolean".to_owned(),
                ("String", []) => "string".to_owned(),
                ("u8" | "u16" | "u32" | "u64" | "usize" | "f32" | "f64", []) => "number".to_owned(),
                ("Box", [inner]) => inner.typescript(used)?,
                ("Option", [inner]) => format!("{} | null", inner.typescript(used)?),
                ("Vec", [inner]) => match inner.typescript(used)? {
                    inner if inner.contains(' ') && !inner.starts_with('[') => format!("({inner})[]"),
                    inner => format!("{inner}[]"),
                },
                ("BTreeMap", [Self::Named(key, _), value]) if key == "String" => {
                    format!("Record<string, {}>", value.typescript(used)?)
                }
                (name, []) => {
                    used.push(name.to_owned());
                    name.to_owned()
                }
                _ => return Err(format!("messages.rs: {name} is not a form that has a TypeScript type")),
            },
        })
    }
}

impl Item {
    fn write(&self, out: &mut String, used: &mut Vec<String>) -> Result<(), String> {
        write_doc(out, "", &self.above.doc);
        match &self.body {
            Body::Struct(fields) => {
                let whole: Vec<String> = fields
                    .iter()
                    .filter(|f| f.above.flatten)
                    .map(|f| f.ty.typescript(used))
                    .collect::<Result<_, _>>()?;
                if whole.is_empty() {
                    let _ = writeln!(out, "export interface {} {{", self.name);
                } else {
                    let _ = writeln!(out, "export type {} = {} & {{", self.name, whole.join(" & "));
                }
                for field in fields.iter().filter(|f| !f.above.flatten) {
                    write_doc(out, "  ", &field.above.doc);
                    let _ = writeln!(out, "  {}: {};", field.name, field.ty.typescript(used)?);
                }
                out.push_str(if whole.is_empty() { "}\n" } else { "};\n" });
            }
            Body::Enum(variants) => {
                if !self.above.snake_case {
                    return Err(format!("messages.rs: {} needs rename_all = \"snake_case\"", self.name));
                }
                let _ = write!(out, "export type {} =", self.name);
                for variant in variants {
                    out.push('\n');
                    write_doc(out, "  ", &variant.doc);
                    let _ = write!(out, "  | {}", variant.typescript(self.above.tag.as_deref(), used)?);
                }
                out.push_str(";\n");
            }
        }
        Ok(())
    }
}

impl Variant {
    fn typescript(&self, tag: Option<&str>, used: &mut Vec<String>) -> Result<String, String> {
        let value = snake_case(&self.name);
        match (&self.content, tag) {
            (Content::Nothing, None) => Ok(format!("\"{value}\"")),
            (Content::Nothing, Some(tag)) => Ok(format!("{{ {tag}: \"{value}\" }}")),
            (Content::Of(ty), Some(tag)) => Ok(format!("({{ {tag}: \"{value}\" }} & {})", ty.typescript(used)?)),
            (Content::Fields(fields), Some(tag)) => {
                let mut out = format!("{{ {tag}: \"{value}\"");
                for field in fields {
                    let _ = write!(out, "; {}: {}", field.name, field.ty.typescript(used)?);
                }
                Ok(out + " }")
            }
            (_, None) => Err(format!("messages.rs: the enum of {} needs a tag", self.name)),
        }
    }
}

fn write_doc(out: &mut String, indent: &str, doc: &str) {
    if !doc.is_empty() {
        let _ = writeln!(out, "{indent}/** {doc} */");
    }
}

/// `AbCd` → `ab_cd`, as serde renames variants.
fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.char_indices() {
        if c.is_uppercase() && i > 0 {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_has_its_type() {
        let source = r#"
            //! About.
            use serde::Serialize;
            type Dict = ();
            /// A message.
            #[derive(Debug, Serialize)]
            #[serde(tag = "type", rename_all = "snake_case")]
            pub(crate) enum Message {
                /// The first.
                FirstOne(Box<Inner>),
                Two { a: u64, b: Option<String> },
                Three,
            }
            /// In it.
            struct Inner {
                #[serde(flatten)]
                pub phase: Whole,
                /// Pairs, // of them.
                pub pairs: Vec<[f32; 2]>,
                pub maybe: Vec<Option<bool>>,
                pub by_name: BTreeMap<String, f64>,
                pub spec: Dict,
            }
            #[serde(rename_all = "snake_case")]
            enum Phase { Up, DownAgain }
            struct Whole { phase: Phase }
            impl From<u8> for Whole { fn from(n: u8) -> Self { if n > 1 { Self } else { Self } } }
        "#;
        let expected = r#"
/** A message. */
export type Message =
  /** The first. */
  | ({ type: "first_one" } & Inner)
  | { type: "two"; a: number; b: string | null }
  | { type: "three" };

/** In it. */
export type Inner = Whole & {
  /** Pairs, // of them. */
  pairs: [number, number][];
  maybe: (boolean | null)[];
  by_name: Record<string, number>;
  spec: Dict;
};

export type Phase =
  | "up"
  | "down_again";

export interface Whole {
  phase: Phase;
}
"#;
        assert_eq!(typescript(source).as_deref(), Ok(format!("{HEAD}{expected}").as_str()));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for source in [
            "struct A { b: B }",
            "struct A { b: HashMap<String, u8> }",
            "struct A(u8);",
            "#[serde(rename = \"x\")] struct A { b: u8 }",
            "enum A { B }",
            "#[serde(rename_all = \"snake_case\")] enum A { B(Json) }",
            "fn a() {}",
        ] {
            assert!(typescript(source).is_err_and(|why| why.starts_with("messages.rs: ")), "{source}");
        }
    }
}
