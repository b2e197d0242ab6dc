//! Text completion chunks.

use serde_json::{Value, json};

use super::{Assembled, is_done};
use crate::golden::json::{items, named, own, some, text};

pub(super) fn assemble(events: &[&Value]) -> Assembled {
    let (mut content, mut finish_reason, mut usage) = (String::new(), Value::Null, Value::Null);
    let (mut done, mut error, mut faults) = (false, Value::Null, Vec::new());
    for event in events {
        if done {
            faults.push("event after [DONE]".to_owned());
        }
        if is_done(event) {
            done = true;
            continue;
        }
        if let Some(found) = some(event, "error") {
            error = found.clone();
            continue;
        }
        if own(event, "object") != "text_completion" {
            faults.push(format!("object is {}", named(event, "object")));
        }
        if let Some(found) = some(event, "usage") {
            usage = found.clone();
        }
        for choice in items(event, "choices") {
            content.push_str(text(choice, "text", &mut faults));
            if let Some(reason) = some(choice, "finish_reason") {
                finish_reason = reason.clone();
            }
        }
    }
    if error.is_null() && !done {
        faults.push("no [DONE]".to_owned());
    }
    let value =
        json!({ "text": content, "finish_reason": finish_reason, "usage": usage, "done": done, "error": error });
    Assembled { value, faults }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_end() {
        let chunk = |text: &str, reason: Value| json!({"object": "text_completion", "choices": [{"text": text, "finish_reason": reason}]});
        let events = [chunk("a", json!(null)), chunk("b", json!("stop")), json!({"$done": true})];
        let got = assemble(&events.iter().collect::<Vec<_>>());
        assert_eq!(
            got.value,
            json!({"text": "ab", "finish_reason": "stop", "usage": null, "done": true, "error": null})
        );
        assert!(got.faults.is_empty());
        assert_eq!(assemble(&[&json!({"object": "x"})]).faults, ["object is x", "no [DONE]"]);
    }
}
