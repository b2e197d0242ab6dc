//! The upstream that speaks OpenAI's dialect.

use crate::mind::{Answer, Asked, USAGE};
use crate::upstreams::{Dialect, MODELS, list, object, text, texts};
use lingate_testkit::{Reply, Request};
use serde_json::{Value, json};

pub(crate) static DIALECT: Dialect = Dialect {
    name: "openai",
    root: "/v1",
    path: "/v1/chat/completions",
    stream_type: "text/event-stream",
    credential: ("authorization", "Bearer "),
    read,
    whole,
    events,
    refusal,
    broken: |message| event(&refusal(500, message)),
    other,
};

fn read(request: &Request) -> Result<Asked, String> {
    let body = request.json();
    let mut asked = Asked { model: text(&body, "model")?.to_owned(), ..Asked::default() };
    asked.stream = body["stream"].as_bool().unwrap_or(false);
    if body.get("stream_options").is_some() && !asked.stream {
        return Err("stream_options without a stream".to_owned());
    }
    asked.usage = body["stream_options"]["include_usage"] == true;
    asked.thinks = body["reasoning_effort"].as_str().is_some_and(|effort| effort != "none");
    asked.schema = match &body["response_format"] {
        Value::Null => None,
        format => {
            let schema = object(format, "json_schema")?;
            text(schema, "name")?;
            Some(object(schema, "schema")?.clone())
        }
    };
    for tool in list(&body, "tools")? {
        let function = object(tool, "function")?;
        object(function, "parameters")?;
        asked.tools.push(text(function, "name")?.to_owned());
    }
    let mut calls = Vec::new();
    for message in list(&body, "messages")? {
        match text(message, "role")? {
            "system" | "developer" => asked.told += &texts(&message["content"])?,
            "user" => read_user(&message["content"], &mut asked)?,
            "assistant" => {
                for call in list(message, "tool_calls")? {
                    calls.push(text(call, "id")?);
                    let arguments = text(object(call, "function")?, "arguments")?;
                    serde_json::from_str::<serde_json::Map<String, Value>>(arguments)
                        .map_err(|error| format!("arguments {arguments:?}: {error}"))?;
                }
            }
            "tool" if calls.contains(&text(message, "tool_call_id")?) => {
                asked.results.push(texts(&message["content"])?)
            }
            other => return Err(format!("role {other}: {message}")),
        }
    }
    Ok(asked)
}

fn read_user(content: &Value, asked: &mut Asked) -> Result<(), String> {
    asked.results.clear();
    let Some(parts) = content.as_array() else {
        asked.said = texts(content)?;
        return Ok(());
    };
    asked.said.clear();
    for part in parts {
        match text(part, "type")? {
            "text" => asked.said += text(part, "text")?,
            "image_url" => {
                let url = text(object(part, "image_url")?, "url")?;
                let data = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
                let (kind, base64) = data.ok_or_else(|| format!("no data URL: {url}"))?;
                asked.images.push((kind.to_owned(), base64.to_owned()));
            }
            other => return Err(format!("part {other}")),
        }
    }
    Ok(())
}

fn usage() -> Value {
    let (input, cached, output) = USAGE;
    json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
            "prompt_tokens_details": { "cached_tokens": cached } })
}

fn finish(answer: &Answer) -> &'static str {
    if answer.calls.is_empty() { "stop" } else { "tool_calls" }
}

fn whole(asked: &Asked, answer: &Answer) -> Value {
    let mut message = json!({ "role": "assistant", "content": answer.text, "refusal": null });
    if let Some(thought) = answer.thought {
        message["reasoning_content"] = thought.into();
    }
    if !answer.calls.is_empty() {
        let calls = answer.calls.iter().enumerate().map(|(index, arguments)| {
            let function = json!({ "name": "get_weather", "arguments": arguments.to_string() });
            json!({ "id": format!("call_{index}"), "type": "function", "function": function })
        });
        message["content"] = Value::Null;
        message["tool_calls"] = calls.collect();
    }
    json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000, "model": asked.model,
            "choices": [{ "index": 0, "message": message, "finish_reason": finish(answer), "logprobs": null }],
            "usage": usage(), "system_fingerprint": "fp_1" })
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn events(asked: &Asked, answer: &Answer) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_000_000,
                                "model": asked.model, "choices": choices });
        if asked.usage {
            chunk["usage"] = usage;
        }
        event(&chunk)
    };
    let delta = |delta: Value, finish: Value| {
        chunk(json!([{ "index": 0, "delta": delta, "finish_reason": finish }]), Value::Null)
    };
    let mut events = vec![delta(json!({ "role": "assistant", "content": "" }), Value::Null)];
    events.extend(answer.thought.map(|thought| delta(json!({ "reasoning_content": thought }), Value::Null)));
    events.extend(answer.words().iter().map(|word| delta(json!({ "content": word }), Value::Null)));
    for (index, arguments) in answer.calls.iter().enumerate() {
        let function = json!({ "name": "get_weather", "arguments": "" });
        let call = json!({ "index": index, "id": format!("call_{index}"), "type": "function", "function": function });
        events.push(delta(json!({ "tool_calls": [call] }), Value::Null));
        let arguments = arguments.to_string();
        let (left, right) = arguments.split_at(5);
        for part in [left, right] {
            let call = json!({ "index": index, "function": { "arguments": part } });
            events.push(delta(json!({ "tool_calls": [call] }), Value::Null));
        }
    }
    events.push(delta(json!({}), finish(answer).into()));
    if asked.usage {
        events.push(chunk(json!([]), usage()));
    }
    events.push("data: [DONE]\n\n".to_owned());
    events
}

fn refusal(status: u16, message: &str) -> Value {
    let kind = if status == 429 { "rate_limit_exceeded" } else { "server_error" };
    json!({ "error": { "message": message, "type": kind, "param": null, "code": null } })
}

fn other(request: &Request) -> Option<Reply> {
    let body = request.json();
    match request.path.as_str() {
        "/v1/embeddings" => Some(embeddings(&body)),
        "/v1/models" => {
            let model = |id: &&str| json!({ "id": id, "object": "model", "created": 1, "owned_by": "somebody" });
            let list = json!({ "object": "list", "data": MODELS.iter().map(model).collect::<Vec<_>>() });
            Some(Reply::json(200, list.to_string()))
        }
        _ => None,
    }
}

/// Vectors: numbers, or little-endian floats in base64 where the client wants that; the last input's first.
fn embeddings(body: &Value) -> Reply {
    let vectors = match body["encoding_format"] == "base64" {
        true => [json!("AAAAPwAAAMA="), json!("AACAPwAAgD4=")],
        false => [json!([0.5, -2.0]), json!([1.0, 0.25])],
    };
    let count = body["input"].as_array().map_or(1, Vec::len);
    let element = |(index, vector)| json!({ "object": "embedding", "index": index, "embedding": vector });
    let mut data: Vec<_> = vectors.iter().take(count).enumerate().map(element).collect();
    if body["encoding_format"].is_null() {
        data.reverse();
    }
    let usage = json!({ "prompt_tokens": 2 * count, "total_tokens": 2 * count });
    Reply::json(200, json!({ "object": "list", "data": data, "model": body["model"], "usage": usage }).to_string())
}
