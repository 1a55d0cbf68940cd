//! What the integration tests share: the conformance data and specs to try things on.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::disallowed_methods, reason = "only the library itself is pure")]

pub(crate) mod npz;

use std::path::{Path, PathBuf};

use minisim::spec::{Format, Spec};
use serde_json::Value;

pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

pub(crate) fn json(name: &str) -> Value {
    // The published numbers contain Infinity, which JSON does not know.
    let text = std::fs::read_to_string(data(name)).expect("test data is in the repository");
    serde_json::from_str(&text.replace("Infinity", "1e999").replace("1e999", "\"inf\"")).expect("test data is JSON")
}

pub(crate) fn spec(value: &Value) -> Spec {
    Spec::from_text(&value.to_string(), Format::Json).unwrap_or_else(|e| panic!("{e}")).spec
}

pub(crate) fn f64s(value: &Value) -> Vec<f64> {
    let mut out = Vec::new();
    fn walk(v: &Value, out: &mut Vec<f64>) {
        match v {
            Value::Array(items) => items.iter().for_each(|i| walk(i, out)),
            Value::Number(n) => out.push(n.as_f64().expect("a number")),
            Value::String(s) if s == "inf" => out.push(f64::INFINITY),
            Value::Null => out.push(f64::NAN),
            other => panic!("not numbers: {other}"),
        }
    }
    walk(value, &mut out);
    out
}

pub(crate) fn f64_at(value: &Value, key: &str) -> f64 {
    f64s(&value[key])[0]
}

/// Fails unless `got` is within `relative` of `want`, or within `relative` × the largest magnitude × `floor`.
pub(crate) fn assert_close(what: &str, got: &[f64], want: &[f64], relative: f64) {
    assert_eq!(got.len(), want.len(), "{what}: lengths");
    let peak = want.iter().filter(|v| v.is_finite()).fold(0.0_f64, |m, v| m.max(v.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let fine = g == w || (g - w).abs() <= relative * w.abs().max(1e-6 * peak);
        assert!(fine, "{what}[{i}]: {g} but published {w}");
    }
}
