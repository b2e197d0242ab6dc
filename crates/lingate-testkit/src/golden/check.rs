//! The static check of a case's form: known keys, known dialects, known placeholders and operators, sound patterns.

use regex_lite::Regex;
use serde_json::Value;

use super::{
    case::{CLIENT_PATHS, Case, CaseStep},
    matcher::PLACEHOLDERS,
    operators::OPERATORS,
};

/// Every key that a case may have.
const KEYS: [&str; 31] = [
    "name",
    "concept",
    "client_dialect",
    "backend_dialect",
    "source",
    "client_request",
    "client_request_raw",
    "client_path",
    "client_method",
    "client_headers",
    "expected_backend_path",
    "expected_backend_method",
    "expected_backend_request",
    "expected_backend_headers",
    "backend_status",
    "backend_headers",
    "backend_response",
    "backend_response_raw",
    "backend_stream",
    "backend_exchanges",
    "expected_backend_calls",
    "expected_status",
    "expected_client_headers",
    "expected_client_response",
    "expected_client_text",
    "expected_client_stream",
    "expected_client_assembled",
    "alternatives",
    "no_invariants",
    "steps",
    "requires",
];
/// Remarks and switches that no step is judged by.
const REMARKS: [&str; 2] = ["note", "selfcheck"];
/// Keys with `$` that are data: of parsed events and of JSON Schema.
const DATA_KEYS: [&str; 4] = ["$event", "$done", "$defs", "$schema"];

/// What is wrong with the form of a case; empty for a sound one.
pub fn check(case: &Case) -> Vec<String> {
    let known = |key: &&String| !KEYS.contains(&key.as_str()) && !REMARKS.contains(&key.as_str());
    let mut out: Vec<String> = case.members.keys().filter(known).map(|key| format!("unknown key {key}")).collect();
    if case.steps.is_empty() {
        out.push("steps is empty or no list".to_owned());
    }
    for step in &case.steps {
        check_step(step, &mut out);
    }
    out
}

fn check_step(step: &CaseStep, out: &mut Vec<String>) {
    let has = |key: &str| step.members.contains_key(key);
    match CLIENT_PATHS.iter().find(|(name, ..)| *name == step.client_dialect()) {
        None => out.push(format!("client_dialect {}", step.client_dialect())),
        Some((_, _, get)) if !get && !has("client_request") && !has("client_request_raw") => {
            out.push("no client_request".to_owned());
        }
        Some(_) => {}
    }
    let wants =
        ["expected_client_response", "expected_client_stream", "expected_client_assembled", "expected_client_text"];
    if !wants.iter().any(|key| has(key)) {
        out.push("no client expectation".to_owned());
    }
    match step.exchanges() {
        Err(why) => out.push(why),
        Ok(exchanges) => {
            for expect in exchanges.iter().flat_map(|exchange| exchange.expect.iter().chain(&exchange.expect_headers)) {
                walk(expect, out);
            }
        }
    }
    if !step.backend_dialect().starts_with("ollama") {
        let elements = step.members.get("backend_stream").and_then(Value::as_array).into_iter().flatten();
        let odd = |text: &&str| !["data", "event", ":", "id", "retry"].iter().any(|start| text.starts_with(start));
        out.extend(elements.filter_map(Value::as_str).filter(odd).map(|text| format!("odd SSE element {text:?}")));
    }
    for (key, value) in &step.members {
        if key.starts_with("expected") || key == "alternatives" {
            walk(value, out);
        }
    }
}

fn walk(pattern: &Value, out: &mut Vec<String>) {
    match pattern {
        Value::Object(members) => {
            for (key, value) in members {
                if key.starts_with('$') && !OPERATORS.contains(&key.as_str()) && !DATA_KEYS.contains(&key.as_str()) {
                    out.push(format!("unknown operator {key}"));
                }
                if let ("$regex", Some(Err(error))) = (key.as_str(), value.as_str().map(Regex::new)) {
                    out.push(format!("bad pattern {value}: {error}"));
                }
                walk(value, out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, out)),
        Value::String(text) => {
            let word = text.strip_prefix('$').filter(|word| !word.is_empty());
            let word = word.is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            if word && text != "$remove" && !PLACEHOLDERS.contains(&text.as_str()) {
                out.push(format!("unknown placeholder {text}"));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "`json!` literals read best by value")]
mod tests {
    use serde_json::json;

    use super::*;

    fn says(more: Value) -> String {
        let mut value = json!({"name": "n", "concept": "c", "client_dialect": "openai_chat", "backend_dialect": "openai_chat",
            "source": "s", "client_request": {}, "expected_client_response": {}});
        for (key, value_) in more.as_object().unwrap() {
            value[key] = value_.clone();
        }
        check(&Case::from_json(&value).unwrap()).join("; ")
    }

    #[test]
    fn every_kind_of_fault_is_found() {
        assert_eq!(says(json!({})), "");
        assert_eq!(says(json!({"expected": 1})), "unknown key expected");
        assert_eq!(says(json!({"client_dialect": "x"})), "client_dialect x");
        assert_eq!(says(json!({"steps": []})), "steps is empty or no list");
        assert_eq!(says(json!({"steps": [{"client_request": "$remove"}]})), "no client_request");
        assert_eq!(says(json!({"steps": [{"expected_client_response": "$remove"}]})), "no client expectation");
        assert_eq!(
            says(json!({"expected_client_response": {"a": ["$strin", "$5", "$"]}})),
            "unknown placeholder $strin"
        );
        assert_eq!(says(json!({"expected_client_response": {"a": {"$regexp": "x"}}})), "unknown operator $regexp");
        assert!(says(json!({"expected_client_response": {"$regex": "("}})).starts_with("bad pattern"));
        assert!(says(json!({"backend_response": {}})).contains("no path"));
        assert!(says(json!({"backend_stream": ["x"], "expected_backend_path": "/"})).contains("odd SSE element"));
        assert!(says(json!({"backend_exchanges": [{"path": "/", "expect": "$x"}]})).contains("unknown placeholder $x"));
    }
}
