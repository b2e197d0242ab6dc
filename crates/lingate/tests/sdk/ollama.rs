//! The upstream that speaks Ollama's dialect.

use crate::mind::{Answer, Asked, USAGE};
use crate::upstreams::{Dialect, MODELS, list, object, text};
use lingate_testkit::{Reply, Request};
use serde_json::{Value, json};

pub(crate) static DIALECT: Dialect = Dialect {
    name: "ollama",
    root: "",
    path: "/api/chat",
    stream_type: "application/x-ndjson",
    credential: ("authorization", "Bearer "),
    read,
    whole,
    events,
    refusal,
    broken: |message| format!("{}\n", refusal(500, message)),
    other,
};

const TIME: &str = "2026-10-01T12:00:00.123456789Z";

fn read(request: &Request) -> Result<Asked, String> {
    let body = request.json();
    let mut asked = wishes(&body)?;
    for tool in list(&body, "tools")? {
        let function = object(tool, "function")?;
        object(function, "parameters")?;
        asked.tools.push(text(function, "name")?.to_owned());
    }
    let mut called = Vec::new();
    for message in list(&body, "messages")? {
        // Ollama's own SDK leaves an empty content out.
        let content = if message.get("content").is_some() { text(message, "content")? } else { "" };
        match text(message, "role")? {
            "system" => asked.told += content,
            "user" => {
                asked.results.clear();
                asked.said = content.to_owned();
                asked.images = images(message)?;
            }
            "assistant" => {
                for call in list(message, "tool_calls")? {
                    let function = object(call, "function")?;
                    object(function, "arguments")?;
                    called.push((text(function, "name")?, call["id"].as_str()));
                }
            }
            "tool" => {
                let (name, id) = (message["tool_name"].as_str(), message["tool_call_id"].as_str());
                if !called.iter().any(|call| Some(call.0) == name || (id.is_some() && call.1 == id)) {
                    return Err(format!("a result of no call: {message}"));
                }
                asked.results.push(content.to_owned());
            }
            other => return Err(format!("role {other}")),
        }
    }
    Ok(asked)
}

/// What chat and generate have in common.
fn wishes(body: &Value) -> Result<Asked, String> {
    let mut asked = Asked { model: text(body, "model")?.to_owned(), ..Asked::default() };
    asked.stream = body["stream"].as_bool().unwrap_or(true);
    asked.thinks = match &body["think"] {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::String(level) if ["low", "medium", "high", "max"].contains(&level.as_str()) => true,
        other => return Err(format!("think: {other}")),
    };
    asked.schema = match &body["format"] {
        Value::Null => None,
        Value::Object(_) => Some(body["format"].clone()),
        other => return Err(format!("format: {other}")),
    };
    if body.get("options").is_some() {
        object(body, "options")?;
    }
    Ok(asked)
}

fn images(message: &Value) -> Result<Vec<(String, String)>, String> {
    let image = |image: &Value| {
        let base64 = image.as_str().filter(|text| !text.contains([':', ',']));
        base64.map(|base64| (String::new(), base64.to_owned())).ok_or_else(|| format!("no base64: {image}"))
    };
    list(message, "images")?.iter().map(image).collect()
}

fn message(text: &str, thought: Option<&str>, calls: &[Value]) -> Value {
    let mut message = json!({ "role": "assistant", "content": text });
    if let Some(thought) = thought {
        message["thinking"] = thought.into();
    }
    if !calls.is_empty() {
        let call = |arguments| json!({ "function": { "name": "get_weather", "arguments": arguments } });
        message["tool_calls"] = calls.iter().map(call).collect();
    }
    message
}

/// A line with this member; the last one counts.
fn line(asked: &Asked, member: &str, value: &Value, done: bool) -> Value {
    let mut line = json!({ "model": asked.model, "created_at": TIME, member: value, "done": done });
    if done {
        let last = json!({ "done_reason": "stop", "total_duration": 2_000_000_000_u64, "load_duration": 1_000_000,
                           "prompt_eval_count": USAGE.0, "prompt_eval_duration": 300_000_000,
                           "eval_count": USAGE.2, "eval_duration": 1_500_000_000 });
        for (key, value) in last.as_object().into_iter().flatten() {
            line[key] = value.clone();
        }
    }
    line
}

fn whole(asked: &Asked, answer: &Answer) -> Value {
    line(asked, "message", &message(&answer.text, answer.thought, &answer.calls), true)
}

fn events(asked: &Asked, answer: &Answer) -> Vec<String> {
    let mut messages = Vec::new();
    messages.extend(answer.thought.map(|thought| message("", Some(thought), &[])));
    messages.extend(answer.words().iter().map(|word| message(word, None, &[])));
    messages.extend(answer.calls.chunks(1).map(|call| message("", None, call)));
    let mut lines: Vec<Value> = messages.into_iter().map(|said| line(asked, "message", &said, false)).collect();
    lines.push(line(asked, "message", &message("", None, &[]), true));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn refusal(_status: u16, message: &str) -> Value {
    json!({ "error": message })
}

/// `/api/generate`.
fn generate(body: &Value) -> Result<Reply, String> {
    let mut asked = wishes(body)?;
    asked.said = text(body, "prompt")?.to_owned();
    asked.told = body["system"].as_str().unwrap_or_default().to_owned();
    asked.images = images(body)?;
    let answer = crate::mind::answer(&asked);
    if !asked.stream {
        return Ok(Reply::json(200, line(&asked, "response", &answer.text.into(), true).to_string()));
    }
    let mut lines: Vec<Value> =
        answer.words().iter().map(|word| line(&asked, "response", &(*word).into(), false)).collect();
    lines.push(line(&asked, "response", &"".into(), true));
    let steps = lines.iter().map(|line| lingate_testkit::Step::bytes(format!("{line}\n"))).collect();
    Ok(Reply::stream(DIALECT.stream_type, steps))
}

fn other(request: &Request) -> Option<Reply> {
    let body = request.json();
    let details = json!({ "parent_model": "", "format": "gguf", "family": "fable", "families": ["fable"],
                          "parameter_size": "7B", "quantization_level": "Q4_K_M" });
    let model = |name: &&str| {
        json!({ "name": format!("{name}:latest"), "model": format!("{name}:latest"), "modified_at": TIME,
                "size": 4_000_000_000_u64, "digest": "ab".repeat(32), "details": details })
    };
    let answer = match request.path.as_str() {
        "/api/generate" => {
            return Some(generate(&body).unwrap_or_else(|fault| Reply::json(400, refusal(400, &fault).to_string())));
        }
        "/api/tags" => json!({ "models": MODELS.iter().map(model).collect::<Vec<_>>() }),
        "/api/ps" => {
            let mut loaded = model(&"talk");
            loaded["expires_at"] = TIME.into();
            loaded["size_vram"] = 4_000_000_000_u64.into();
            json!({ "models": [loaded] })
        }
        "/api/show" => json!({ "modelfile": "FROM fable", "parameters": "num_ctx 8192", "template": "{{ .Prompt }}",
                               "details": details, "modified_at": TIME, "capabilities": ["completion", "tools"],
                               "model_info": { "general.architecture": "fable", "fable.context_length": 8192 } }),
        "/api/embed" => {
            let count = body["input"].as_array().map_or(1, Vec::len);
            let vectors = [json!([0.5, -2.0]), json!([1.0, 0.25])];
            json!({ "model": body["model"], "embeddings": vectors[..count], "total_duration": 1, "load_duration": 1,
                    "prompt_eval_count": 2 * count })
        }
        "/api/embeddings" => json!({ "embedding": [0.5, -2.0] }),
        "/api/version" => json!({ "version": "0.20.0" }),
        _ => return None,
    };
    Some(Reply::json(200, answer.to_string()))
}
