//! Streams in shorthand: what an upstream says, without what every frame of its dialect repeats.

use serde_json::{Value, json};

/// The elements of `backend_stream` for these items. `{"raw"}`, `{"b64"}`, `{"sleep_ms"}` and `{"close"}` and plain texts
/// go through as they are.
pub(super) fn frames(dialect: &str, items: &[Value]) -> Vec<Value> {
    let as_it_is = |item: &Value| {
        item.is_string() || ["raw", "b64", "sleep_ms", "close"].iter().any(|key| item.get(key).is_some())
    };
    let mut out: Vec<Value> = Vec::new();
    let mut block = 0;
    for item in items {
        if as_it_is(item) {
            out.push(item.clone());
            continue;
        }
        match dialect {
            "anthropic" => out.extend(anthropic(item, &mut block)),
            "ollama_chat" | "ollama_generate" => out.push(ollama(dialect, item)),
            "openai_responses" => {
                let kind = item["type"].as_str().unwrap_or_default();
                out.push(format!("event: {kind}\ndata: {item}").into());
            }
            _ => out.push(format!("data: {}", openai(dialect, item)).into()),
        }
    }
    out
}

/// `{"finish"}` is a finish reason, `{"usage"}` alone the last chunk, `{"error"}` an error; anything else is a delta.
fn openai(dialect: &str, item: &Value) -> Value {
    if item.get("error").is_some() {
        return item.clone();
    }
    let object = if dialect == "openai_chat" { "chat.completion.chunk" } else { "text_completion" };
    let mut chunk =
        json!({ "id": "chatcmpl-b1", "object": object, "created": 1_760_000_000, "model": "backend-model" });
    let mut delta = item.as_object().cloned().unwrap_or_default();
    let finish = delta.shift_remove("finish");
    let usage = delta.shift_remove("usage");
    let logprobs = delta.shift_remove("logprobs");
    let mut choice = json!({ "index": 0, "finish_reason": finish });
    if dialect == "openai_chat" {
        choice["delta"] = Value::Object(delta.clone());
    } else {
        choice["text"] = delta.get("text").cloned().unwrap_or_else(|| "".into());
    }
    if let Some(logprobs) = logprobs {
        choice["logprobs"] = logprobs;
    }
    let alone = usage.is_some() && finish.is_none() && delta.is_empty();
    chunk["choices"] = if alone { json!([]) } else { json!([choice]) };
    if let Some(usage) = usage {
        chunk["usage"] = usage;
    }
    chunk
}

/// `{"start": usage}` begins the message, `{"block", "deltas"}` is a whole block (without its end where `open`),
/// `{"stop", "usage", "stop_sequence"}` ends the message, `{"error"}` is an error, `{"type"}` any other event.
fn anthropic(item: &Value, block: &mut u64) -> Vec<Value> {
    let event =
        |data: Value| -> Value { format!("event: {}\ndata: {data}", data["type"].as_str().unwrap_or_default()).into() };
    if let Some(usage) = item.get("start") {
        let message = json!({ "id": "msg_b1", "type": "message", "role": "assistant", "model": "backend-model",
            "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage });
        return vec![event(json!({ "type": "message_start", "message": message }))];
    }
    if let Some(content) = item.get("block") {
        let index = *block;
        *block += 1;
        let mut out = vec![event(json!({ "type": "content_block_start", "index": index, "content_block": content }))];
        for delta in item["deltas"].as_array().into_iter().flatten() {
            out.push(event(json!({ "type": "content_block_delta", "index": index, "delta": delta })));
        }
        if item.get("open").is_none() {
            out.push(event(json!({ "type": "content_block_stop", "index": index })));
        }
        return out;
    }
    if let Some(reason) = item.get("stop") {
        let delta = json!({ "stop_reason": reason, "stop_sequence": item.get("stop_sequence") });
        let ended = json!({ "type": "message_delta", "delta": delta, "usage": item["usage"] });
        return vec![event(ended), event(json!({ "type": "message_stop" }))];
    }
    let error = item.get("error").map(|error| json!({ "type": "error", "error": error }));
    vec![event(error.unwrap_or_else(|| item.clone()))]
}

/// `{"done": reason}` is the last line with its counts, `{"error"}` an error, anything else a line's message.
fn ollama(dialect: &str, item: &Value) -> Value {
    if item.get("error").is_some() {
        return item.to_string().into();
    }
    let mut line = json!({ "model": "backend-model", "created_at": "2025-11-20T10:00:00.123456789Z" });
    let mut told = item.as_object().cloned().unwrap_or_default();
    let done = told.shift_remove("done");
    let mut rest = json!({ "done": done.is_some() });
    if let Some(reason) = done {
        rest = super::overlay(
            json!({ "done": true, "done_reason": reason, "total_duration": 2_000_000_000, "load_duration": 100_000_000,
                "prompt_eval_count": 10, "prompt_eval_duration": 300_000_000, "eval_count": 5, "eval_duration": 1_500_000_000 }),
            told.shift_remove("counts").as_ref(),
        );
    }
    if dialect == "ollama_chat" {
        let message = json!({ "role": "assistant", "content": "" });
        line["message"] = super::overlay(message, Some(&Value::Object(told)));
    } else {
        line = super::overlay(line, Some(&super::overlay(json!({ "response": "" }), Some(&Value::Object(told)))));
    }
    super::overlay(line, Some(&rest)).to_string().into()
}
