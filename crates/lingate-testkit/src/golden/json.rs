//! Small questions about JSON values, and the text form that patterns on serialized values are matched against.

use std::io;

use serde::Serialize as _;
use serde_json::{Number, Value, ser::Formatter};

use super::failure::abbreviate;

/// Not null, false, zero or empty.
pub(super) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// The member `key`, if it is truthy.
pub(super) fn some<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).filter(|value| truthy(value))
}

/// The member `key` or null, as a value of its own.
pub(super) fn own(value: &Value, key: &str) -> Value {
    value.get(key).cloned().unwrap_or_default()
}

/// The elements of the member `key`; none where it is no list.
pub(super) fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The text of the member `key`: empty where it is missing or null, and a fault where it is anything else.
pub(super) fn text<'a>(value: &'a Value, key: &str, faults: &mut Vec<String>) -> &'a str {
    match value.get(key) {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text,
        Some(other) => {
            faults.push(format!("{key} is not a string: {}", short(other)));
            ""
        }
    }
}

/// The member `key` for a message: its text, or its JSON, or `nothing`.
pub(super) fn named(value: &Value, key: &str) -> String {
    value
        .get(key)
        .map_or_else(|| "nothing".to_owned(), |value| value.as_str().map_or_else(|| short(value), str::to_owned))
}

/// An integer (not a bool, not a float).
pub(super) fn is_int(number: &Number) -> bool {
    number.is_i64() || number.is_u64()
}

fn int(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// `a - b`, exact in its sign for integers.
pub(super) fn difference(a: &Number, b: &Number) -> f64 {
    match (int(a), int(b)) {
        #[expect(clippy::cast_precision_loss, reason = "only the sign and nearness to zero count")]
        (Some(a), Some(b)) => (a - b) as f64,
        _ => a.as_f64().unwrap_or(f64::NAN) - b.as_f64().unwrap_or(f64::NAN),
    }
}

/// A value in a message, abbreviated.
pub(super) fn short(value: &Value) -> String {
    abbreviate(&spaced(value), 300)
}

/// JSON text with `", "` and `": "` between members, which is what `$deepcontains` and `$notcontains` look at.
pub(super) fn spaced(value: &Value) -> String {
    let mut text = Vec::new();
    // Writing a value into memory cannot fail.
    let _ = value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, Spaced));
    String::from_utf8_lossy(&text).into_owned()
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spaced_text() {
        assert_eq!(spaced(&json!({"a": [1, "é\n"], "b": {}})), r#"{"a": [1, "é\n"], "b": {}}"#);
    }

    #[test]
    fn truth() {
        for no in [json!(null), json!(false), json!(0), json!(0.0), json!(""), json!([]), json!({})] {
            assert!(!truthy(&no), "{no}");
        }
        for yes in [json!(true), json!(-1), json!("0"), json!([0]), json!({"a": null})] {
            assert!(truthy(&yes), "{yes}");
        }
    }

    #[test]
    fn big_integers_differ() {
        let (a, b) = (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64));
        let (Value::Number(a), Value::Number(b)) = (a, b) else { panic!("numbers") };
        assert!(difference(&a, &b) > 0.5);
    }
}
