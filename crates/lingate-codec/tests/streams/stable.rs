//! A conversation that grows is written as before, byte by byte: else no provider's prompt cache would ever be hit.

use crate::config;
use crate::requests::{Turn, anthropic_messages, items, ollama_messages, openai_messages, turn};
use crate::support::{ALL, target};
use lingate_codec::dialect::DialectId;
use lingate_codec::ir::{Loss, Operation};
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// What of a body a provider's cache is keyed by, as it was written.
#[derive(Deserialize)]
struct Prefix {
    #[serde(alias = "instructions")]
    system: Option<Box<RawValue>>,
    tools: Option<Box<RawValue>>,
    #[serde(alias = "input")]
    messages: Vec<Box<RawValue>>,
}

/// What a client of that dialect sends when the conversation has come so far.
fn body(client: DialectId, turns: &[Turn]) -> Value {
    let none = Map::new();
    let parameters = json!({"type": "object", "properties": {"b": {}, "a": {}}});
    let function = json!([{"type": "function", "function": {"name": "f", "parameters": parameters}}]);
    match client.name() {
        "openai_chat" => {
            let mut messages = openai_messages(turns, &none);
            messages.insert(0, json!({"role": "developer", "content": "S"}));
            json!({"model": "m", "messages": messages, "tools": function})
        }
        "anthropic_messages" => {
            let mut messages = anthropic_messages(turns, &none);
            for block in messages.iter_mut().flat_map(|message| message["content"].as_array_mut().expect("blocks")) {
                // Only their own provider takes these.
                if block["type"] == "search_result" {
                    *block = json!({"type": "text", "text": "found"});
                }
            }
            // Agents move their mark to the end of each request.
            let last = messages.last_mut().and_then(|message| message["content"].as_array_mut()?.last_mut());
            if let Some(block) = last {
                block["cache_control"] = json!({"type": "ephemeral"});
            }
            let tools = json!([{"name": "f", "input_schema": parameters}]);
            let system = json!([{"type": "text", "text": "S", "cache_control": {"type": "ephemeral"}}]);
            json!({"model": "m", "max_tokens": 9, "system": system, "messages": messages, "tools": tools})
        }
        "openai_responses" => {
            let mut body = items(turns, &[0, 1, 2]);
            body["instructions"] = "S".into();
            // Not all providers take these.
            body["tool_choice"] = "auto".into();
            let tools = body["tools"].as_array_mut().expect("a list");
            tools.retain(|tool| tool["type"] != "web_search");
            body
        }
        _ => json!({"model": "m", "messages": ollama_messages(turns, &none), "tools": function}),
    }
}

fn prefix(client: DialectId, upstream: DialectId, turns: &[Turn]) -> Result<Prefix, TestCaseError> {
    let text = body(client, turns).to_string();
    let fail = |what: String| TestCaseError::fail(format!("{what}: {text}"));
    let decoded = client.dialect().decode_request(Operation::Chat, text.as_bytes());
    let mut request = decoded.map_err(|error| fail(error.message))?;
    request.model = "backend-model".into();
    let (upstream, mut out) = (upstream.dialect(), Vec::new());
    let encoded = upstream.encode_request(&request, &target(upstream), &mut Loss::new(), &mut out);
    encoded.map_err(|refused| fail(refused.reason))?;
    serde_json::from_slice(&out).map_err(|error| fail(error.to_string()))
}

/// A conversation, and how many of its turns were there when the request before was made: up to a user's, or a
/// tool's, word. What follows is the model's.
fn growing() -> impl Strategy<Value = (Vec<Turn>, usize)> {
    let asked = turn().prop_filter("a user or a tool speaks last", |turn| !matches!(turn, Turn::Assistant(_)));
    let answered = turn().prop_filter("the model speaks first", |turn| !matches!(turn, Turn::User(..)));
    (vec(turn(), 0..4), asked, answered, vec(turn(), 0..3)).prop_map(|(mut turns, asked, answered, rest)| {
        turns.push(asked);
        let before = turns.len();
        turns.push(answered);
        turns.extend(rest);
        (turns, before)
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_was_sent_is_sent_again_the_same((turns, before) in growing()) {
        for (client, upstream) in ALL.into_iter().flat_map(|client| ALL.map(|upstream| (client, upstream))) {
            // A body of the client's own dialect is relayed: its bytes are the client's.
            if client == upstream {
                continue;
            }
            let (first, second) = (prefix(client, upstream, &turns[..before])?, prefix(client, upstream, &turns)?);
            let text = |raw: &Option<Box<RawValue>>| raw.as_ref().map(|raw| raw.get().to_owned());
            let what = format!("{} to {}", client.name(), upstream.name());
            prop_assert_eq!(text(&first.system), text(&second.system), "{}", &what);
            prop_assert_eq!(text(&first.tools), text(&second.tools), "{}", &what);
            prop_assert!(first.messages.len() <= second.messages.len(), "{}", &what);
            for (old, new) in first.messages.iter().zip(&second.messages) {
                prop_assert_eq!(old.get(), new.get(), "{}", &what);
            }
        }
    }
}
