//! The operators of the subset match: objects with exactly one key that begins with `$`.

use regex_lite::Regex;
use serde_json::Value;

use super::{
    failure::{Mismatch, abbreviate},
    json::{difference, short, spaced},
    matcher::{Matcher, match_json},
};

/// The operators.
pub(super) const OPERATORS: [&str; 15] = [
    "$oneof",
    "$regex",
    "$json",
    "$contains",
    "$deepcontains",
    "$notcontains",
    "$len",
    "$gte",
    "$lte",
    "$bind",
    "$ref",
    "$all",
    "$approx_f32_b64",
    "$has",
    "$approx",
];

/// The operator and its argument, where `expected` is one.
pub(super) fn of(expected: &Value) -> Option<(&str, &Value)> {
    let members = expected.as_object().filter(|members| members.len() == 1)?;
    let (name, argument) = members.iter().next()?;
    (OPERATORS.contains(&name.as_str()) && !is_pointer(name, argument)).then_some((name, argument))
}

/// A `$ref` of JSON Schema (`"#/$defs/X"`), which is data and no operator.
pub(super) fn is_pointer(name: &str, argument: &Value) -> bool {
    name == "$ref" && argument.as_str().is_none_or(|target| target.starts_with('#'))
}

impl Matcher<'_> {
    pub(super) fn operator(&mut self, name: &str, argument: &Value, got: Option<&Value>, at: &str) {
        if name == "$oneof" {
            return self.one_of(argument, got, at);
        }
        let Some(found) = got else { return self.fail(at, format!("want {name} {}", short(argument)), got) };
        match name {
            "$all" => {
                for expected in list(argument) {
                    self.value(expected, got, at);
                }
            }
            "$json" => match found.as_str().map(serde_json::from_str::<Value>) {
                Some(Ok(value)) => self.value(argument, Some(&value), &format!("{at}<json>")),
                Some(Err(error)) => self.fail(at, format!("want a string of JSON ({error})"), got),
                None => self.fail(at, "want a string of JSON", got),
            },
            "$has" => self.has(argument, found, at),
            "$approx_f32_b64" => self.floats(argument, found, at),
            "$bind" | "$ref" => self.bound(name, argument, found, at),
            _ => {
                if let Err(what) = simple(name, argument, found) {
                    self.fail(at, what, got);
                }
            }
        }
    }

    fn one_of(&mut self, argument: &Value, got: Option<&Value>, at: &str) {
        let mut nearest: Option<Vec<Mismatch>> = None;
        for expected in list(argument) {
            let mismatches = match_json(expected, got, at, self.binds);
            if mismatches.is_empty() {
                return;
            }
            if nearest.as_ref().is_none_or(|nearest| mismatches.len() < nearest.len()) {
                nearest = Some(mismatches);
            }
        }
        let nearest: Vec<_> = nearest.iter().flatten().map(ToString::to_string).collect();
        let what = format!("want one of {} readings; nearest: {}", list(argument).len(), nearest.join("; "));
        self.fail(at, what, got);
    }

    fn has(&mut self, argument: &Value, found: &Value, at: &str) {
        let Value::Array(elements) = found else { return self.fail(at, "want a list", Some(found)) };
        for expected in list(argument) {
            if !elements.iter().any(|element| match_json(expected, Some(element), at, self.binds).is_empty()) {
                self.fail(at, format!("want an element that matches {}", short(expected)), Some(found));
            }
        }
    }

    fn floats(&mut self, argument: &Value, found: &Value, at: &str) {
        let bytes = found.as_str().and_then(|text| base64_simd::STANDARD.decode_to_vec(text).ok());
        let Some(bytes) = bytes.filter(|bytes| bytes.len().is_multiple_of(4)) else {
            return self.fail(at, "want base64 of float32 values", Some(found));
        };
        let (floats, _) = bytes.as_chunks::<4>();
        let floats: Vec<f64> = floats.iter().map(|four| f64::from(f32::from_le_bytes(*four))).collect();
        let wanted: Vec<f64> = list(argument).iter().filter_map(Value::as_f64).collect();
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-6;
        if floats.len() != wanted.len() || !floats.iter().zip(&wanted).all(near) {
            self.out.push(Mismatch::new(at, format!("want float32 values about {wanted:?}"), format!("{floats:?}")));
        }
    }

    fn bound(&mut self, name: &str, argument: &Value, found: &Value, at: &str) {
        let key = argument.as_str().unwrap_or_default();
        match (name, self.binds.get(key), found.as_str()) {
            ("$bind", None, Some(text)) if !text.is_empty() => {
                self.binds.insert(key.to_owned(), text.to_owned());
            }
            ("$bind", None, _) => self.fail(at, format!("want a non-empty string to bind to {key}"), Some(found)),
            (_, Some(bound), Some(text)) if bound == text => {}
            (_, Some(bound), _) => {
                let what = format!("want the value bound to {key}, {bound:?}");
                self.fail(at, what, Some(found));
            }
            (_, None, _) => self.fail(at, format!("nothing is bound to {key} yet"), Some(found)),
        }
    }
}

/// The operators that only look: `Err` says what was wanted.
fn simple(name: &str, argument: &Value, found: &Value) -> Result<(), String> {
    let holds = match name {
        "$regex" => {
            let pattern = argument.as_str().unwrap_or_default();
            let regex =
                Regex::new(pattern).map_err(|error| format!("/{pattern}/ is no regular expression: {error}"))?;
            found.as_str().is_some_and(|text| regex.is_match(text))
        }
        "$contains" => found.as_str().is_some_and(|text| argument.as_str().is_some_and(|part| text.contains(part))),
        "$deepcontains" => argument.as_str().is_some_and(|part| spaced(found).contains(part)),
        "$notcontains" => argument.as_str().is_some_and(|part| !spaced(found).contains(part)),
        "$len" => length(found).is_some() && length(found) == argument.as_u64(),
        "$gte" => compare(found, argument).is_some_and(|difference| difference >= 0.0),
        "$lte" => compare(found, argument).is_some_and(|difference| difference <= 0.0),
        "$approx" => compare(found, argument).is_some_and(|difference| difference.abs() <= 1e-5),
        _ => return Err(format!("{name} is no operator")),
    };
    if holds { Ok(()) } else { Err(format!("want {name} {}", abbreviate(&argument.to_string(), 300))) }
}

fn length(value: &Value) -> Option<u64> {
    let length = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => return None,
    };
    u64::try_from(length).ok()
}

fn compare(found: &Value, argument: &Value) -> Option<f64> {
    match (found, argument) {
        (Value::Number(found), Value::Number(argument)) => Some(difference(found, argument)),
        _ => None,
    }
}

fn list(argument: &Value) -> &[Value] {
    argument.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::golden::matcher::Binds;

    #[track_caller]
    fn check(expected: &Value, yes: &[Value], no: &[Value]) {
        for got in yes {
            let says = match_json(expected, Some(got), "", &mut Binds::new());
            assert!(says.is_empty(), "{expected} must match {got}: {}", says[0]);
        }
        for got in no {
            assert!(
                !match_json(expected, Some(got), "", &mut Binds::new()).is_empty(),
                "{expected} must not match {got}"
            );
        }
        if !matches!(of(expected), Some(("$oneof", _))) {
            assert_eq!(match_json(expected, None, "", &mut Binds::new()).len(), 1, "{expected} must not match nothing");
        }
    }

    #[test]
    fn looking_operators() {
        check(&json!({"$regex": "^a+$"}), &[json!("aa")], &[json!("aab"), json!(1), json!(null)]);
        check(&json!({"$regex": "b"}), &[json!("abc")], &[json!("ac")]);
        check(&json!({"$regex": "("}), &[], &[json!("(")]);
        check(&json!({"$contains": "b"}), &[json!("abc")], &[json!("ac"), json!(["b"]), json!({"b": 1})]);
        check(
            &json!({"$deepcontains": "b"}),
            &[json!("abc"), json!([{"x": "b"}]), json!({"b": 1})],
            &[json!({"a": 1})],
        );
        check(&json!({"$deepcontains": "\"a\": 1, \"b\""}), &[json!({"a": 1, "b": 2})], &[json!({"a": 1})]);
        check(&json!({"$notcontains": "b"}), &[json!({"a": 1})], &[json!({"a": ["b"]}), json!("b")]);
        check(
            &json!({"$len": 2}),
            &[json!("é\u{1f600}"), json!([0, 0]), json!({"a": 0, "b": 0})],
            &[json!("a"), json!(2), json!(null)],
        );
        check(&json!({"$gte": 2}), &[json!(2), json!(2.5), json!(3)], &[json!(1), json!(true), json!("3")]);
        check(&json!({"$lte": 2}), &[json!(2), json!(1.5), json!(-3)], &[json!(3), json!(false), json!("1")]);
        check(&json!({"$approx": 0.3}), &[json!(0.3), json!(0.300_001)], &[json!(0.3001), json!("0.3")]);
    }

    #[test]
    fn composing_operators() {
        check(&json!({"$all": [{"$contains": "a"}, {"$contains": "b"}]}), &[json!("ab")], &[json!("a"), json!("b")]);
        check(&json!({"$oneof": [1, {"x": "$string"}]}), &[json!(1), json!({"x": "s"})], &[json!(2), json!({"x": 1})]);
        check(
            &json!({"$json": {"a": 1}}),
            &[json!(r#"{"a":1,"b":2}"#)],
            &[json!("{"), json!({"a": 1}), json!(r#"{"a":2}"#)],
        );
        check(&json!({"$has": [1, {"a": 2}]}), &[json!([{"a": 2, "b": 0}, 1, 5])], &[json!([1]), json!(1), json!([])]);
        // AACAPwAAAMA= is [1.0, -2.0].
        let floats = json!({"$approx_f32_b64": [1.0, -2.0]});
        check(
            &floats,
            &[json!("AACAPwAAAMA=")],
            &[json!("AACAPw=="), json!("AACAPwAAAEA="), json!("AAA="), json!("?"), json!([1.0, -2.0])],
        );
    }

    #[test]
    fn one_of_takes_absence_and_reports_the_nearest() {
        let absent = json!({"$oneof": ["$absent", {"$len": 0}]});
        assert!(match_json(&absent, None, "", &mut Binds::new()).is_empty());
        check(&absent, &[json!(""), json!(null)], &[json!("a")]);
        let says = match_json(
            &json!({"$oneof": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}),
            Some(&json!({"a": 3, "b": 5})),
            "x",
            &mut Binds::new(),
        );
        assert_eq!(says.len(), 1);
        assert_eq!(
            says[0].to_string(),
            r#"x: want one of 2 readings; nearest: x.b: want 4, got 5, got {"a": 3, "b": 5}"#
        );
    }

    #[test]
    fn bind_and_ref() {
        let expected = json!([{"$bind": "id"}, {"$bind": "id"}, {"$ref": "id"}]);
        check(
            &expected,
            &[json!(["a", "a", "a"])],
            &[json!(["a", "b", "a"]), json!(["a", "a", "b"]), json!(["", "", ""]), json!([1, 1, 1])],
        );
        check(&json!({"$ref": "id"}), &[], &[json!("a")]);
        // What a rejected reading bound is forgotten.
        let branches = json!([{"$oneof": [[{"$bind": "id"}, 1], [2, 2]]}, {"$bind": "id"}]);
        check(
            &branches,
            &[json!([["a", 1], "a"]), json!([[2, 2], "b"])],
            &[json!([["a", 1], "b"]), json!([["a", 2], "a"])],
        );
    }

    #[test]
    fn objects_with_more_keys_are_no_operators() {
        check(&json!({"$len": 1, "b": 2}), &[json!({"$len": 1, "b": 2})], &[json!("a")]);
        check(&json!({"$ref": "#/a"}), &[json!({"$ref": "#/a"})], &[json!("#/a"), json!({"$ref": "#/b"})]);
        check(&json!({"$other": 1}), &[json!({"$other": 1})], &[json!(1)]);
    }
}
