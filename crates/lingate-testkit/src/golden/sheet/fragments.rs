//! What sheets share: `${name}` in a text stands for a fragment.

use serde_json::{Map, Value};

/// `value` with its fragments put in. A text that is nothing but `${name}` becomes the fragment, whatever it is; a
/// fragment with a member named as `dialect` is that member.
pub(super) fn fill(value: &Value, fragments: &Value, dialect: &str) -> Value {
    match value {
        Value::String(text) => filled(text, fragments, dialect),
        Value::Array(items) => items.iter().map(|item| fill(item, fragments, dialect)).collect(),
        Value::Object(members) => {
            let one = |(key, value): (&String, &Value)| (key.clone(), fill(value, fragments, dialect));
            Value::Object(members.iter().map(one).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn filled(text: &str, fragments: &Value, dialect: &str) -> Value {
    let Some((before, rest)) = text.split_once("${") else { return text.into() };
    let Some((name, after)) = rest.split_once('}') else { return text.into() };
    let Some(fragment) = fragments.get(name) else { return text.into() };
    let fragment = fragment.get(dialect).unwrap_or(fragment);
    match (fragment.as_str(), before.is_empty() && after.is_empty()) {
        (Some(part), false) => format!("{before}{part}{after}").into(),
        _ => fill(fragment, fragments, dialect),
    }
}
