//! Numbers that carry their bound in their type: parsed once, never checked again.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json, json};

use super::{
    node::{Node, Value},
    record::{Definitions, Field, Reader},
    since::Trim,
};

/// A number that its type does not allow.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{value}: must be {rule}")]
pub struct OutOfBounds {
    /// What was given.
    pub value: f64,
    /// What is allowed.
    pub rule: &'static str,
}

macro_rules! bounded {
    ($($(#[doc = $doc:literal])* $name:ident($v:ident): $holds:expr, $rule:literal, $schema:tt;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
        pub struct $name(f64);

        impl $name {
            /// What every value fulfils.
            pub const RULE: &'static str = $rule;

            const fn holds($v: f64) -> bool {
                // Comparisons with infinity rather than `is_finite` also turn NaN away.
                $v > f64::NEG_INFINITY && $v < f64::INFINITY && $holds
            }

            #[doc = concat!("A value that is ", $rule, ".")]
            ///
            /// # Errors
            /// When `value` is not.
            pub const fn new(value: f64) -> Result<Self, OutOfBounds> {
                if Self::holds(value) { Ok(Self(value)) } else { Err(OutOfBounds { value, rule: $rule }) }
            }

            /// A value known when the program is written; in a `const` the bound is checked by the compiler.
            ///
            /// # Panics
            #[doc = concat!("When `value` is not ", $rule, "; use `new` for values from elsewhere.")]
            #[must_use]
            #[track_caller]
            pub const fn lit(value: f64) -> Self {
                assert!(Self::holds(value), concat!(stringify!($name), " must be ", $rule));
                Self(value)
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = OutOfBounds;
            fn try_from(value: f64) -> Result<Self, OutOfBounds> {
                Self::new(value)
            }
        }

        impl From<$name> for f64 {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_f64(self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl Field for $name {
            fn read(node: &Node, cx: &mut Reader) -> Option<Self> {
                let number = read_f64(node, cx, $rule)?;
                let value = Self::new(number).ok();
                if value.is_none() {
                    cx.refuse(node, concat!("must be ", $rule), "change the number");
                }
                value
            }

            fn schema(_: &mut Definitions) -> Map<String, Json> {
                let mut schema = object(json!({ "type": "number" }));
                schema.extend(object(json!($schema)));
                schema
            }
        }
    )*};
}

bounded! {
    /// Any finite number.
    Real(v): v >= f64::MIN, "a finite number", {};
    /// A number greater than 0.
    Positive(v): v > 0.0, "greater than 0", { "exclusiveMinimum": 0 };
    /// A number of at least 0.
    NonNegative(v): v >= 0.0, "at least 0", { "minimum": 0 };
    /// A share from 0 to 1, both included.
    Fraction(v): v >= 0.0 && v <= 1.0, "between 0 and 1", { "minimum": 0, "maximum": 1 };
    /// A share above 0, up to 1.
    PositiveFraction(v): v > 0.0 && v <= 1.0, "greater than 0 and at most 1", { "exclusiveMinimum": 0, "maximum": 1 };
    /// A share from 0, below 1.
    FractionBelowOne(v): v >= 0.0 && v < 1.0, "at least 0 and less than 1", { "minimum": 0, "exclusiveMaximum": 1 };
    /// The larger of two shares: above 0.5, below 1.
    MajorShare(v): v > 0.5 && v < 1.0, "greater than 0.5 and less than 1",
        { "exclusiveMinimum": 0.5, "exclusiveMaximum": 1 };
}

/// A whole number of at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(u32);

impl Count {
    /// What every value fulfils.
    pub const RULE: &'static str = "a whole number from 1 to 4294967295";

    /// A whole number of at least 1.
    ///
    /// # Errors
    /// When `value` is not whole, or outside 1 to `u32::MAX`.
    pub const fn new(value: f64) -> Result<Self, OutOfBounds> {
        if value >= 1.0 && value <= u32::MAX as f64 && (value as u32) as f64 == value {
            Ok(Self(value as u32))
        } else {
            Err(OutOfBounds { value, rule: Self::RULE })
        }
    }

    /// A value known when the program is written; in a `const` the bound is checked by the compiler.
    ///
    /// # Panics
    /// When `value` is 0; use `new` for values from elsewhere.
    #[must_use]
    #[track_caller]
    pub const fn lit(value: u32) -> Self {
        assert!(value > 0, "Count must be at least 1");
        Self(value)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Count {
    type Error = OutOfBounds;
    fn try_from(value: u32) -> Result<Self, OutOfBounds> {
        Self::new(f64::from(value))
    }
}

impl From<Count> for u32 {
    fn from(value: Count) -> Self {
        value.0
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Field for Count {
    fn read(node: &Node, cx: &mut Reader) -> Option<Self> {
        let number = read_f64(node, cx, Self::RULE)?;
        let value = Self::new(number).ok();
        if value.is_none() {
            cx.refuse(node, format!("must be {}", Self::RULE), "change the number");
        }
        value
    }

    fn schema(_: &mut Definitions) -> Map<String, Json> {
        object(json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }))
    }
}

impl Field for u64 {
    fn read(node: &Node, cx: &mut Reader) -> Option<Self> {
        const RULE: &str = "a whole number from 0 to 18446744073709551615";
        let value = match node.value {
            Value::Integer(v) => u64::try_from(v).ok(),
            // 2^53: beyond it a float does not say which whole number is meant.
            Value::Float(v) if (0.0..=9_007_199_254_740_992.0).contains(&v) && v.fract() == 0.0 => Some(v as u64),
            Value::Float(_) => None,
            _ => return read_f64(node, cx, RULE).map(|_| 0),
        };
        if value.is_none() {
            cx.refuse(node, format!("must be {RULE}"), "change the number");
        }
        value
    }

    fn schema(_: &mut Definitions) -> Map<String, Json> {
        object(json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }))
    }
}

impl Field for bool {
    fn read(node: &Node, cx: &mut Reader) -> Option<Self> {
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        cx.refuse(node, "must be true or false", "write true or false, without quotes");
        None
    }

    fn schema(_: &mut Definitions) -> Map<String, Json> {
        object(json!({ "type": "boolean" }))
    }
}

/// Reads a finite number; whole numbers are accepted for floats.
fn read_f64(node: &Node, cx: &mut Reader, rule: &str) -> Option<f64> {
    match &node.value {
        Value::Integer(v) => Some(*v as f64),
        Value::Float(v) if v.is_finite() => Some(*v),
        Value::Float(_) => {
            cx.refuse(node, format!("must be finite and {rule}"), "write an ordinary number");
            None
        }
        Value::Text(text) if text.trim().parse::<f64>().is_ok() => {
            cx.refuse(node, format!("must be a number, {rule}; this is text"), "remove the quotes");
            None
        }
        other => {
            cx.refuse(node, format!("must be a number, {rule}; this is {}", other.describe()), "write a number");
            None
        }
    }
}

impl<const N: usize> Field for [f64; N] {
    fn read(node: &Node, cx: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::List(items) if items.len() == N => {
                let mut values = [0.0; N];
                let mut good = true;
                for (i, (value, item)) in values.iter_mut().zip(items).enumerate() {
                    match cx.at_index(i, |cx| read_f64(item, cx, Real::RULE)) {
                        Some(v) => *value = v,
                        None => good = false,
                    }
                }
                good.then_some(values)
            }
            other => {
                let found = match other {
                    Value::List(items) => format!("a list of {}", items.len()),
                    other => other.describe().to_owned(),
                };
                cx.refuse(
                    node,
                    format!("must be a list of {N} numbers; this is {found}"),
                    format!("write {N} numbers"),
                );
                None
            }
        }
    }

    fn schema(_: &mut Definitions) -> Map<String, Json> {
        object(json!({ "type": "array", "items": { "type": "number" }, "minItems": N, "maxItems": N }))
    }
}

/// A number, or `"auto"`: to be worked out when the scene is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Auto<T> {
    /// Worked out from the rest of the spec.
    #[default]
    Auto,
    /// Given.
    Value(T),
}

impl<T> Auto<T> {
    /// The given value, if there is one.
    #[must_use]
    pub fn given(self) -> Option<T> {
        match self {
            Self::Auto => None,
            Self::Value(v) => Some(v),
        }
    }
}

impl<T: Serialize> Serialize for Auto<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Value(v) => v.serialize(serializer),
        }
    }
}

impl<T: Field> Field for Auto<T> {
    fn read(node: &Node, cx: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text == "auto" => Some(Self::Auto),
            Value::Text(_) => {
                cx.refuse(node, "must be a number or \"auto\"", "write \"auto\" or a number without quotes");
                None
            }
            _ => T::read(node, cx).map(Self::Value),
        }
    }

    fn schema(defs: &mut Definitions) -> Map<String, Json> {
        object(json!({ "anyOf": [{ "const": "auto" }, T::schema(defs)] }))
    }

    fn trim(value: &mut Json, cx: &mut Trim) {
        T::trim(value, cx);
    }
}

impl<T: Field> Field for Option<T> {
    fn read(node: &Node, cx: &mut Reader) -> Option<Self> {
        if matches!(node.value, Value::Null) { Some(None) } else { T::read(node, cx).map(Some) }
    }

    fn schema(defs: &mut Definitions) -> Map<String, Json> {
        object(json!({ "anyOf": [T::schema(defs), { "type": "null" }] }))
    }

    fn trim(value: &mut Json, cx: &mut Trim) {
        if !value.is_null() {
            T::trim(value, cx);
        }
    }
}

impl<T: Field> Field for Vec<T> {
    fn read(node: &Node, cx: &mut Reader) -> Option<Self> {
        let Value::List(items) = &node.value else {
            cx.refuse(node, format!("must be a list; this is {}", node.value.describe()), "write a list: [...]");
            return None;
        };
        let mut values = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            values.extend(cx.at_index(i, |cx| T::read(item, cx)));
        }
        (values.len() == items.len()).then_some(values)
    }

    fn schema(defs: &mut Definitions) -> Map<String, Json> {
        object(json!({ "type": "array", "items": T::schema(defs) }))
    }

    fn trim(value: &mut Json, cx: &mut Trim) {
        for (i, item) in value.as_array_mut().into_iter().flatten().enumerate() {
            cx.below(&format!("[{i}]"), |cx| T::trim(item, cx));
        }
    }
}

/// The entries of a JSON object written with `json!`.
pub(crate) fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_at_their_edges() {
        assert!(Positive::new(0.0).is_err() && Positive::new(f64::MIN_POSITIVE).is_ok());
        assert!(NonNegative::new(0.0).is_ok() && NonNegative::new(-1e-300).is_err());
        assert!(Fraction::new(1.0).is_ok() && Fraction::new(1.0 + f64::EPSILON).is_err());
        assert!(PositiveFraction::new(0.0).is_err() && PositiveFraction::new(1.0).is_ok());
        assert!(FractionBelowOne::new(1.0).is_err() && FractionBelowOne::new(0.0).is_ok());
        assert!(MajorShare::new(0.5).is_err() && MajorShare::new(1.0).is_err() && MajorShare::new(0.7).is_ok());
        assert!(Count::new(0.0).is_err() && Count::new(1.5).is_err() && Count::new(4_294_967_296.0).is_err());
        assert_eq!(Count::new(64.0).map(Count::get), Ok(64));
    }

    #[test]
    fn nothing_accepts_what_is_not_finite() {
        for v in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(Real::new(v).is_err() && Positive::new(v).is_err() && NonNegative::new(v).is_err());
            assert!(Fraction::new(v).is_err() && MajorShare::new(v).is_err() && Count::new(v).is_err());
        }
    }

    #[test]
    fn errors_name_value_and_rule() {
        assert_eq!(Positive::new(-3.0).map_err(|e| e.to_string()), Err("-3: must be greater than 0".to_owned()));
    }
}
