//! Ollama's NDJSON lines, of `/api/chat` and `/api/generate`.

use regex_lite::Regex;
use serde_json::{Value, json};

use super::Assembled;
use crate::golden::json::{items, named, own, some, text, truthy};

/// RFC 3339 with up to nine digits after the second.
const CREATED_AT: &str = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$";

pub(super) fn assemble(lines: &[&Value]) -> Assembled {
    let (mut content, mut thinking, mut calls) = (String::new(), String::new(), Vec::new());
    let (mut done, mut last, mut error) = (false, json!({}), Value::Null);
    let mut faults = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if done {
            faults.push("line after done:true".to_owned());
        }
        if let Some(found) = line.get("error") {
            if !found.is_string() {
                faults.push("error must be a string".to_owned());
            }
            error = found.clone();
            continue;
        }
        envelope(number, line, &mut faults);
        let message = line.get("message").filter(|message| !message.is_null());
        content.push_str(
            message.map_or_else(
                || text(line, "response", &mut faults),
                |message| text(message, "content", &mut Vec::new()),
            ),
        );
        thinking.push_str(text(message.unwrap_or(line), "thinking", &mut faults));
        for call in message.map_or(&[][..], |message| items(message, "tool_calls")) {
            let function = own(call, "function");
            if !function.get("arguments").is_some_and(Value::is_object) {
                faults.push("tool call arguments must be an object".to_owned());
            }
            let (name, arguments) = (own(&function, "name"), own(&function, "arguments"));
            calls.push(json!({ "id": own(call, "id"), "name": name, "arguments": arguments }));
        }
        if some(line, "done").is_some() {
            done = true;
            last = (*line).clone();
        }
    }
    if error.is_null() && !done {
        faults.push("no done:true line".to_owned());
    }
    let value = json!({
        "content": content, "thinking": thinking, "tool_calls": calls, "done": done,
        "done_reason": own(&last, "done_reason"), "final": last, "error": error, "lines": lines.len(),
    });
    Assembled { value, faults }
}

fn envelope(number: usize, line: &Value, faults: &mut Vec<String>) {
    for (key, kind, good) in [
        ("model", "string", line.get("model").is_some_and(Value::is_string)),
        ("created_at", "string", line.get("created_at").is_some_and(Value::is_string)),
        ("done", "bool", line.get("done").is_some_and(Value::is_boolean)),
    ] {
        if !good {
            faults.push(format!("line {number}: {key} is not of type {kind}: {}", named(line, key)));
        }
    }
    if let Some(time) = line.get("created_at").and_then(Value::as_str)
        && !Regex::new(CREATED_AT).is_ok_and(|form| form.is_match(time))
    {
        faults.push(format!("line {number}: created_at {time:?}"));
    }
    if let Some(message) = line.get("message").filter(|message| truthy(message)) {
        // Said here once, for the content of a message.
        let _ = text(message, "content", faults);
    }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "`json!` literals read best by value")]
mod tests {
    use super::*;

    fn line(more: Value) -> Value {
        let mut line = json!({"model": "m", "created_at": "2025-01-01T00:00:00.123456789Z", "done": false});
        let members = line.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        line
    }

    fn run(lines: &[Value]) -> Assembled {
        assemble(&lines.iter().collect::<Vec<_>>())
    }

    #[test]
    fn chat_and_generate() {
        let got = run(&[
            line(json!({"message": {"role": "assistant", "content": "a", "thinking": "t"}})),
            line(
                json!({"message": {"content": "b", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]}}),
            ),
            line(json!({"message": {"content": ""}, "done": true, "done_reason": "stop", "eval_count": 3})),
        ]);
        assert_eq!(got.faults, Vec::<String>::new());
        assert_eq!(
            (&got.value["content"], &got.value["thinking"], &got.value["lines"]),
            (&json!("ab"), &json!("t"), &json!(3))
        );
        assert_eq!(got.value["tool_calls"], json!([{"id": null, "name": "f", "arguments": {"x": 1}}]));
        assert_eq!((&got.value["done_reason"], &got.value["final"]["eval_count"]), (&json!("stop"), &json!(3)));
        let got = run(&[line(json!({"response": "x"})), line(json!({"response": "y", "done": true}))]);
        assert_eq!(got.value["content"], "xy");
    }

    #[test]
    fn faults() {
        let end = line(json!({"done": true}));
        let faults = |more: Value| run(&[line(more), end.clone()]).faults.join("; ");
        assert_eq!(faults(json!({})), "");
        assert_eq!(faults(json!({"done": true})), "line after done:true");
        assert_eq!(faults(json!({"done": 1})), "line 0: done is not of type bool: 1; line after done:true");
        assert_eq!(faults(json!({"created_at": "2025-01-01 00:00"})), "line 0: created_at \"2025-01-01 00:00\"");
        assert_eq!(
            faults(json!({"message": {"tool_calls": [{"function": {"arguments": "{}"}}]}})),
            "tool call arguments must be an object"
        );
        assert_eq!(faults(json!({"message": {"content": []}})), "content is not a string: []");
        assert_eq!(faults(json!({"error": {"message": "m"}})), "error must be a string");
        assert_eq!(run(&[]).faults, ["no done:true line"]);
        assert!(run(&[json!({"error": "m"})]).faults.is_empty());
    }
}
