//! The upstream that speaks Anthropic's dialect.

use crate::mind::{Answer, Asked, SIGNATURE, USAGE};
use crate::upstreams::{Dialect, list, object, text, texts};
use lingate_testkit::{Reply, Request};
use serde_json::{Value, json};

pub(crate) static DIALECT: Dialect = Dialect {
    name: "anthropic",
    root: "/v1",
    path: "/v1/messages",
    stream_type: "text/event-stream",
    credential: ("x-api-key", ""),
    read,
    whole,
    events,
    refusal,
    broken: |message| event(&refusal(500, message)),
    other,
};

fn read(request: &Request) -> Result<Asked, String> {
    request.header("anthropic-version").ok_or("no anthropic-version")?;
    let body = request.json();
    let mut asked = Asked { model: text(&body, "model")?.to_owned(), ..Asked::default() };
    body["max_tokens"].as_u64().filter(|max| *max > 0).ok_or("max_tokens is required")?;
    asked.stream = body["stream"].as_bool().unwrap_or(false);
    let thinking = body["thinking"]["type"].as_str();
    asked.thinks = thinking.is_some_and(|kind| kind != "disabled") || body["output_config"].get("effort").is_some();
    if body["thinking"]["budget_tokens"]
        .as_u64()
        .is_some_and(|budget| budget >= body["max_tokens"].as_u64().unwrap_or(0))
    {
        return Err("the budget is not below max_tokens".to_owned());
    }
    asked.schema = match &body["output_config"]["format"] {
        Value::Null => None,
        format => Some(object(format, "schema")?.clone()),
    };
    if let Some(system) = body.get("system") {
        asked.told = texts(system)?;
    }
    for tool in list(&body, "tools")? {
        object(tool, "input_schema")?;
        asked.tools.push(text(tool, "name")?.to_owned());
    }
    let mut reader = Reader { asked, ..Reader::default() };
    let mut before = "";
    for message in list(&body, "messages")? {
        let role = text(message, "role")?;
        if role == before {
            return Err(format!("two turns of {role}"));
        }
        before = role;
        reader.turn(role, &message["content"])?;
    }
    Ok(reader.asked)
}

#[derive(Default)]
struct Reader {
    asked: Asked,
    /// Calls that wait for their results.
    calls: Vec<String>,
}

impl Reader {
    fn turn(&mut self, role: &str, content: &Value) -> Result<(), String> {
        let plain = [json!({ "type": "text", "text": content })];
        let blocks = content.as_array().map_or(&plain[..], Vec::as_slice);
        if blocks.is_empty() {
            return Err("a turn without content".to_owned());
        }
        let results = blocks.iter().take_while(|block| block["type"] == "tool_result").count();
        if role == "user" && results != self.calls.len() {
            return Err(format!("{results} results first, for {} calls", self.calls.len()));
        }
        if role == "user" && results == 0 {
            self.asked.said.clear();
            self.asked.results.clear();
        }
        blocks.iter().enumerate().try_for_each(|(at, block)| self.block(role, at, block))
    }

    fn block(&mut self, role: &str, at: usize, block: &Value) -> Result<(), String> {
        match (role, text(block, "type")?) {
            (_, "text") if text(block, "text")?.trim().is_empty() => return Err("an empty text".to_owned()),
            ("user", "text") => self.asked.said += text(block, "text")?,
            ("assistant", "text") => {}
            ("user", "image") => {
                let source = object(block, "source")?;
                let (kind, data) = (text(source, "media_type")?, text(source, "data")?);
                self.asked.images.push((kind.to_owned(), data.to_owned()));
            }
            ("user", "tool_result") => {
                let id = text(block, "tool_use_id")?;
                let call = self.calls.iter().position(|call| call == id);
                self.calls.remove(call.ok_or_else(|| format!("a result of an unknown call {id}"))?);
                self.asked.results.push(texts(&block["content"])?);
            }
            ("assistant", "tool_use") => {
                let id = text(block, "id")?;
                if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
                    return Err(format!("the id {id:?}"));
                }
                object(block, "input")?;
                self.calls.push(id.to_owned());
            }
            ("assistant", "thinking") if at == 0 && block["signature"] == SIGNATURE => {}
            (role, kind) => return Err(format!("{kind} of {role}: {block}")),
        }
        Ok(())
    }
}

fn usage(output: u64) -> Value {
    let (input, cached, _) = USAGE;
    json!({ "input_tokens": input - cached, "cache_read_input_tokens": cached, "cache_creation_input_tokens": 0,
            "output_tokens": output })
}

fn stop_reason(answer: &Answer) -> &'static str {
    if answer.calls.is_empty() { "end_turn" } else { "tool_use" }
}

fn message(asked: &Asked, content: Value, stop_reason: Value, output: u64) -> Value {
    json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": asked.model, "content": content,
            "stop_reason": stop_reason, "stop_sequence": null, "usage": usage(output) })
}

fn tool_use(index: usize, input: Value) -> Value {
    json!({ "type": "tool_use", "id": format!("toolu_{index}"), "name": "get_weather", "input": input })
}

fn whole(asked: &Asked, answer: &Answer) -> Value {
    let mut content = Vec::new();
    content.extend(
        answer.thought.map(|thought| json!({ "type": "thinking", "thinking": thought, "signature": SIGNATURE })),
    );
    if !answer.text.is_empty() {
        content.push(json!({ "type": "text", "text": answer.text }));
    }
    content.extend(answer.calls.iter().enumerate().map(|(index, input)| tool_use(index, input.clone())));
    message(asked, content.into(), stop_reason(answer).into(), USAGE.2)
}

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default())
}

fn events(asked: &Asked, answer: &Answer) -> Vec<String> {
    let start = message(asked, json!([]), Value::Null, 1);
    let mut events = vec![json!({ "type": "message_start", "message": start }), json!({ "type": "ping" })];
    let mut index = 0;
    let mut block = |start: Value, deltas: Vec<Value>| {
        events.push(json!({ "type": "content_block_start", "index": index, "content_block": start }));
        let delta = |delta| json!({ "type": "content_block_delta", "index": index, "delta": delta });
        events.extend(deltas.into_iter().map(delta));
        events.push(json!({ "type": "content_block_stop", "index": index }));
        index += 1;
    };
    if let Some(thought) = answer.thought {
        let deltas = vec![
            json!({ "type": "thinking_delta", "thinking": thought }),
            json!({ "type": "signature_delta", "signature": SIGNATURE }),
        ];
        block(json!({ "type": "thinking", "thinking": "", "signature": "" }), deltas);
    }
    let words = answer.words();
    if !words.is_empty() {
        let deltas = words.iter().map(|word| json!({ "type": "text_delta", "text": word })).collect();
        block(json!({ "type": "text", "text": "" }), deltas);
    }
    for (index, arguments) in answer.calls.iter().enumerate() {
        let arguments = arguments.to_string();
        let (left, right) = arguments.split_at(5);
        let delta = |part| json!({ "type": "input_json_delta", "partial_json": part });
        block(tool_use(index, json!({})), vec![delta(""), delta(left), delta(right)]);
    }
    let end = json!({ "stop_reason": stop_reason(answer), "stop_sequence": null });
    events.push(json!({ "type": "message_delta", "delta": end, "usage": { "output_tokens": USAGE.2 } }));
    events.push(json!({ "type": "message_stop" }));
    events.iter().map(event).collect()
}

fn refusal(status: u16, message: &str) -> Value {
    let kind = match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        _ => "api_error",
    };
    json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_1" })
}

fn other(request: &Request) -> Option<Reply> {
    let body = request.json();
    let counts = request.path == "/v1/messages/count_tokens" && body["model"] == "talk";
    counts.then(|| {
        let words = body["messages"].to_string().split_whitespace().count();
        Reply::json(200, json!({ "input_tokens": 1000 + words }).to_string())
    })
}
