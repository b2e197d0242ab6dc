//! The subset match: an expected value with placeholders and operators against the value that came.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    failure::Mismatch,
    json::{difference, is_int, short},
    operators,
};

/// Values bound by `$bind`, by name. They carry over from step to step of one case.
pub type Binds = BTreeMap<String, String>;

/// The placeholders.
pub(super) const PLACEHOLDERS: [&str; 10] =
    ["$any", "$string", "$nonempty", "$int", "$number", "$bool", "$object", "$array", "$absent", "$null"];

/// Matches `got` (`None`: missing) against `expected`; an empty list means that it matches. `at` names the place.
/// `binds` changes only where everything matches.
pub fn match_json(expected: &Value, got: Option<&Value>, at: &str, binds: &mut Binds) -> Vec<Mismatch> {
    let (mut out, mut trial) = (Vec::new(), binds.clone());
    Matcher { binds: &mut trial, out: &mut out }.value(expected, got, at);
    if out.is_empty() {
        *binds = trial;
    }
    out
}

/// One run of the match.
pub(super) struct Matcher<'a> {
    pub(super) binds: &'a mut Binds,
    pub(super) out: &'a mut Vec<Mismatch>,
}

impl Matcher<'_> {
    pub(super) fn fail(&mut self, at: &str, what: impl Into<String>, got: Option<&Value>) {
        let got = got.map_or_else(|| "nothing (missing)".to_owned(), short);
        self.out.push(Mismatch::new(at, what, got));
    }

    pub(super) fn value(&mut self, expected: &Value, got: Option<&Value>, at: &str) {
        if let Value::String(text) = expected
            && PLACEHOLDERS.contains(&text.as_str())
        {
            if !placeholder(text, got) {
                self.fail(at, format!("want {text}"), got);
            }
            return;
        }
        if let Some((operator, argument)) = operators::of(expected) {
            return self.operator(operator, argument, got, at);
        }
        let Some(found) = got else { return self.fail(at, format!("want {}", short(expected)), got) };
        match (expected, found) {
            (Value::Object(want), Value::Object(have)) => {
                for (key, want) in want {
                    self.value(want, have.get(key), &format!("{at}.{key}"));
                }
            }
            (Value::Array(want), Value::Array(have)) => {
                if want.len() != have.len() {
                    let what = format!("want a list of {} elements", want.len());
                    return self.out.push(Mismatch::new(at, what, format!("{}: {}", have.len(), short(found))));
                }
                for (index, (want, have)) in want.iter().zip(have).enumerate() {
                    self.value(want, Some(have), &format!("{at}[{index}]"));
                }
            }
            (Value::Object(_), _) => self.fail(at, format!("want an object like {}", short(expected)), got),
            (Value::Array(_), _) => self.fail(at, format!("want a list like {}", short(expected)), got),
            (Value::Number(want), Value::Number(have)) if difference(want, have).abs() <= 1e-9 => {}
            (want, have) if want == have => {}
            _ => self.fail(at, format!("want {}", short(expected)), got),
        }
    }
}

fn placeholder(name: &str, got: Option<&Value>) -> bool {
    if name == "$absent" {
        return got.is_none_or(Value::is_null);
    }
    let Some(got) = got else { return false };
    match (name, got) {
        ("$any", _) => true,
        ("$string", got) => got.is_string(),
        ("$nonempty", Value::String(text)) => !text.is_empty(),
        ("$nonempty", Value::Array(items)) => !items.is_empty(),
        ("$nonempty", Value::Object(members)) => !members.is_empty(),
        ("$int", Value::Number(number)) => is_int(number),
        ("$number", got) => got.is_number(),
        ("$bool", got) => got.is_boolean(),
        ("$object", got) => got.is_object(),
        ("$array", got) => got.is_array(),
        ("$null", got) => got.is_null(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn says(expected: &Value, got: &Value) -> Vec<String> {
        let mut binds = Binds::new();
        match_json(expected, Some(got), "body", &mut binds).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn objects_are_subsets_and_lists_are_not() {
        assert!(says(&json!({"a": 1}), &json!({"a": 1, "b": 2})).is_empty());
        assert!(says(&json!({"a": [{"b": "x"}]}), &json!({"a": [{"b": "x", "c": 1}]})).is_empty());
        assert_eq!(
            says(&json!({"a": [1]}), &json!({"a": [1, 2]})),
            ["body.a: want a list of 1 elements, got 2: [1, 2]"]
        );
        assert_eq!(
            says(&json!({"a": {"b": [0, "y"]}}), &json!({"a": {"b": [0, "x"]}})),
            [r#"body.a.b[1]: want "y", got "x""#]
        );
        assert_eq!(says(&json!({"a": 1}), &json!({})), ["body.a: want 1, got nothing (missing)"]);
        assert_eq!(says(&json!({"a": 1, "b": 2}), &json!({"a": 2, "b": 1})).len(), 2);
    }

    #[test]
    fn scalars_compare_by_value_and_kind() {
        assert!(says(&json!(1), &json!(1.0)).is_empty());
        assert!(says(&json!(0.1), &json!(0.1)).is_empty());
        assert!(says(&json!(null), &json!(null)).is_empty());
        for (want, got) in [
            (json!(true), json!(1)),
            (json!(1), json!(true)),
            (json!(1), json!("1")),
            (json!(1), json!(1.000_001)),
            (json!("a"), json!("A")),
            (json!(null), json!(false)),
            (json!({}), json!([])),
            (json!([]), json!({})),
            (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64)),
        ] {
            assert_eq!(says(&want, &got).len(), 1, "{want} {got}");
        }
    }

    #[test]
    fn placeholders() {
        let values = [
            json!(null),
            json!(true),
            json!(1),
            json!(1.5),
            json!(""),
            json!("x"),
            json!([]),
            json!([0]),
            json!({}),
            json!({"a": 0}),
        ];
        let matching = |name: &str| -> String {
            values.iter().map(|got| if says(&json!(name), got).is_empty() { 'x' } else { '.' }).collect()
        };
        assert_eq!(matching("$any"), "xxxxxxxxxx");
        assert_eq!(matching("$string"), "....xx....");
        assert_eq!(matching("$nonempty"), ".....x.x.x");
        assert_eq!(matching("$int"), "..x.......");
        assert_eq!(matching("$number"), "..xx......");
        assert_eq!(matching("$bool"), ".x........");
        assert_eq!(matching("$array"), "......xx..");
        assert_eq!(matching("$object"), "........xx");
        assert_eq!(matching("$null"), "x.........");
        assert_eq!(matching("$absent"), "x.........");
        assert_eq!(matching("$unknown"), "..........");
    }

    #[test]
    fn missing_members() {
        for name in PLACEHOLDERS {
            let missing = says(&json!({"a": name}), &json!({}));
            assert_eq!(missing.is_empty(), name == "$absent", "{name}");
        }
    }

    #[test]
    fn a_failed_match_binds_nothing() {
        let mut binds = Binds::new();
        let expected = json!({"a": {"$bind": "x"}, "b": 1});
        assert_eq!(match_json(&expected, Some(&json!({"a": "v", "b": 2})), "", &mut binds).len(), 1);
        assert!(binds.is_empty());
        assert!(match_json(&expected, Some(&json!({"a": "v", "b": 1})), "", &mut binds).is_empty());
        assert_eq!(binds["x"], "v");
    }
}
