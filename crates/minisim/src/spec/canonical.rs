//! The canonical JSON and the key made from it.

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};
use sha2::{Digest, Sha256};

use super::Spec;

/// Floats as the published package writes them (`1e16`, `0.00001`, `6.3e-6`), whatever version of `serde_json` is used.
struct ShortFloats<F>(F);

macro_rules! delegate {
    ($($name:ident($($arg:ident: $ty:ty),*);)*) => {$(
        fn $name<W: ?Sized + io::Write>(&mut self, writer: &mut W $(, $arg: $ty)*) -> io::Result<()> {
            self.0.$name(writer $(, $arg)*)
        }
    )*};
}

impl<F: Formatter> Formatter for ShortFloats<F> {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(ryu::Buffer::new().format_finite(value).as_bytes())
    }

    delegate! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }
}

/// JSON text of a spec, or of a part of one.
fn json_text(value: &impl Serialize, formatter: impl Formatter) -> String {
    let mut out = Vec::new();
    value
        .serialize(&mut Serializer::with_formatter(&mut out, ShortFloats(formatter)))
        .expect("a spec holds only text keys and finite numbers");
    String::from_utf8(out).expect("JSON is UTF-8")
}

impl Spec {
    /// The canonical JSON: compact, every field in its fixed order, floats in their shortest form that reads back exactly. A field that
    /// the published package does not know is left out while it is as by default.
    #[must_use]
    pub fn canonical_json(&self) -> String {
        json_text(&self.trimmed().0, CompactFormatter)
    }

    /// The canonical JSON for people, indented by 2.
    #[must_use]
    pub fn pretty_json(&self) -> String {
        json_text(&self.trimmed().0, PrettyFormatter::with_indent(b"  "))
    }

    /// Names the recording: the first 16 hex digits of the SHA-256 of the canonical JSON.
    #[must_use]
    pub fn cache_key(&self) -> String {
        let digest = Sha256::digest(self.canonical_json().as_bytes());
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}
