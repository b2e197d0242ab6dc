//! Requests that go through the IR and come back.

use crate::config;
use crate::support::{encode, named};
use lingate_codec::dialect::{Dialect, Target};
use lingate_codec::ir::{Loss, Operation};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk";

/// A text that no dialect has a reason to leave out.
fn text() -> impl Strategy<Value = String> {
    ("[a-zé😀\"\\\\\n]{0,10}", "[a-z]").prop_map(|(mut text, last)| {
        text.push_str(&last);
        text
    })
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
        Just(json!({"a": [1, {"b": null}]})),
    ]
}

/// Members that no dialect knows.
fn unknown() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("x_[a-z]{1,4}", scalar(), 0..3).prop_map(|members| members.into_iter().collect())
}

/// A turn of a conversation, free of dialects.
#[derive(Debug, Clone)]
pub(crate) enum Turn {
    User(Vec<String>, bool),
    Assistant(Option<String>),
    /// Calls and their results.
    Tools(Option<String>, Vec<(String, i32, String)>),
}

pub(crate) fn turn() -> impl Strategy<Value = Turn> {
    let call = ("[a-z]{1,6}", any::<i32>(), text());
    prop_oneof![
        3 => (vec(text(), 1..4), any::<bool>()).prop_map(|(texts, image)| Turn::User(texts, image)),
        2 => text().prop_map(|text| Turn::Assistant(Some(text))),
        2 => (prop::option::of(text()), vec(call, 1..4)).prop_map(|(text, calls)| Turn::Tools(text, calls)),
    ]
}

fn with(mut object: Value, members: &Map<String, Value>) -> Value {
    for (key, value) in members {
        object[key] = value.clone();
    }
    object
}

/// Members at the top, each given or not.
fn some_of(all: Vec<(&'static str, Value)>) -> impl Strategy<Value = Map<String, Value>> {
    let count = all.len();
    vec(any::<bool>(), count).prop_map(move |given| {
        let members = all.iter().zip(given).filter(|(_, given)| *given);
        members.map(|((key, value), _)| ((*key).to_owned(), value.clone())).collect()
    })
}

pub(crate) fn openai_messages(turns: &[Turn], unknown: &Map<String, Value>) -> Vec<Value> {
    let mut messages = Vec::new();
    for (number, turn) in turns.iter().enumerate() {
        match turn {
            Turn::User(texts, image) => {
                let mut parts: Vec<_> = texts.iter().map(|text| json!({"type": "text", "text": text})).collect();
                if *image {
                    let url = format!("data:image/png;base64,{PNG}");
                    parts.push(with(json!({"type": "image_url", "image_url": {"url": url, "detail": "low"}}), unknown));
                }
                let content = if parts.len() == 1 { json!(texts[0]) } else { json!(parts) };
                messages.push(with(json!({"role": "user", "content": content}), unknown));
            }
            Turn::Assistant(text) => messages.push(json!({"role": "assistant", "content": text})),
            Turn::Tools(text, calls) => {
                let id = |index: usize| format!("call_{number}_{index}");
                let entries: Vec<_> = calls
                    .iter()
                    .enumerate()
                    .map(|(index, (name, value, _))| {
                        let arguments = json!({"v": value}).to_string();
                        with(json!({"id": id(index), "type": "function", "function": {"name": name, "arguments": arguments}}), unknown)
                    })
                    .collect();
                messages.push(json!({"role": "assistant", "content": text, "tool_calls": entries}));
                messages.extend(calls.iter().enumerate().map(
                    |(index, (_, _, result))| json!({"role": "tool", "tool_call_id": id(index), "content": result}),
                ));
            }
        }
    }
    messages
}

pub(crate) fn openai_request() -> impl Strategy<Value = Value> {
    let top = some_of(vec![
        ("temperature", json!(0.5)),
        ("top_p", json!(0.25)),
        ("top_k", json!(40)),
        ("seed", json!(7)),
        ("frequency_penalty", json!(-1)),
        ("logit_bias", json!({"5": 1})),
        ("max_completion_tokens", json!(100)),
        ("stop", json!(["a", "b"])),
        ("n", json!(2)),
        ("logprobs", json!(true)),
        ("top_logprobs", json!(3)),
        ("reasoning_effort", json!("xhigh")),
        ("user", json!("u")),
        ("metadata", json!({"a": "b"})),
        ("service_tier", json!("flex")),
        ("store", json!(true)),
        ("parallel_tool_calls", json!(false)),
        ("modalities", json!(["text"])),
        (
            "response_format",
            json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": true, "x": 1}}),
        ),
        (
            "tools",
            json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "x": 1}, "y": 2}, {"type": "custom", "custom": {"name": "c"}}]),
        ),
        ("tool_choice", json!({"type": "function", "function": {"name": "f"}})),
    ]);
    (vec(turn(), 1..6), prop::option::of(text()), top, unknown(), any::<bool>()).prop_map(
        |(turns, system, top, unknown, stream)| {
            let mut messages = openai_messages(&turns, &unknown);
            if let Some(system) = system {
                messages.insert(0, json!({"role": "developer", "content": system, "name": "op"}));
            }
            let mut body = with(with(json!({"model": "m", "messages": messages, "stream": stream}), &top), &unknown);
            if stream {
                body["stream_options"] = json!({"include_usage": true, "x": 1});
            }
            body
        },
    )
}

pub(crate) fn anthropic_messages(turns: &[Turn], unknown: &Map<String, Value>) -> Vec<Value> {
    let mut messages: Vec<Value> = Vec::new();
    // The API's turns alternate; results come first in the turn after the calls.
    let mut push = |role: &str, blocks: Vec<Value>| match messages.last_mut() {
        Some(last) if last["role"] == role => {
            last["content"].as_array_mut().expect("blocks").extend(blocks);
        }
        _ => messages.push(json!({"role": role, "content": blocks})),
    };
    for (number, turn) in turns.iter().enumerate() {
        let say = |text: &str| with(json!({"type": "text", "text": text}), unknown);
        match turn {
            Turn::User(texts, image) => {
                let mut blocks: Vec<_> = texts.iter().map(|text| say(text)).collect();
                if *image {
                    let source = json!({"type": "base64", "media_type": "image/png", "data": PNG, "x": 1});
                    blocks.push(json!({"type": "image", "source": source, "cache_control": {"type": "ephemeral"}}));
                    blocks.push(json!({"type": "search_result", "x": [1]}));
                }
                push("user", blocks);
            }
            Turn::Assistant(text) => push("assistant", text.iter().map(|text| say(text)).collect()),
            Turn::Tools(text, calls) => {
                let id = |index: usize| format!("toolu_{number}_{index}");
                let mut blocks = vec![
                    json!({"type": "thinking", "thinking": "", "signature": "S"}),
                    json!({"type": "redacted_thinking", "data": "D"}),
                ];
                blocks.extend(text.iter().map(|text| say(text)));
                blocks.extend(calls.iter().enumerate().map(|(index, (name, value, _))| {
                    with(json!({"type": "tool_use", "id": id(index), "name": name, "input": {"v": value}}), unknown)
                }));
                push("assistant", blocks);
                let results = calls.iter().enumerate().map(|(index, (_, value, result))| {
                    let mut block = json!({"type": "tool_result", "tool_use_id": id(index), "content": result});
                    if value % 2 == 0 {
                        block["is_error"] = json!(true);
                    }
                    with(block, unknown)
                });
                push("user", results.collect());
            }
        }
    }
    messages
}

pub(crate) fn anthropic_request() -> impl Strategy<Value = Value> {
    let top = some_of(vec![
        ("temperature", json!(0.5)),
        ("top_k", json!(40)),
        ("stop_sequences", json!(["a"])),
        ("service_tier", json!("auto")),
        ("metadata", json!({"user_id": "u", "x": 1})),
        ("output_config", json!({"effort": "low", "format": {"type": "json_schema", "schema": {}}, "x": 1})),
        ("thinking", json!({"type": "adaptive", "display": "omitted"})),
        (
            "tools",
            json!([{"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}, "x": 1}, {"type": "web_search_20250305", "name": "w"}]),
        ),
        ("tool_choice", json!({"type": "any", "disable_parallel_tool_use": true})),
        ("container", json!("c")),
        ("speed", json!("fast")),
        (
            "system",
            json!([{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "t"}]),
        ),
        ("stream", json!(true)),
    ]);
    (vec(turn(), 1..6), top, unknown()).prop_map(|(turns, top, unknown)| {
        let messages = anthropic_messages(&turns, &unknown);
        with(with(json!({"model": "claude-opus-5", "max_tokens": 100, "messages": messages}), &top), &unknown)
    })
}

pub(crate) fn ollama_messages(turns: &[Turn], unknown: &Map<String, Value>) -> Vec<Value> {
    let mut messages = vec![json!({"role": "system", "content": "s"})];
    for (number, turn) in turns.iter().enumerate() {
        match turn {
            Turn::User(texts, image) => {
                let mut message = with(json!({"role": "user", "content": texts.concat()}), unknown);
                if *image {
                    message["images"] = json!([PNG]);
                }
                messages.push(message);
            }
            Turn::Assistant(text) => messages.push(json!({"role": "assistant", "content": text, "thinking": "t"})),
            Turn::Tools(text, calls) => {
                let id = |index: usize| format!("call_{number}_{index}");
                let entries: Vec<_> = calls
                        .iter()
                        .enumerate()
                        .map(|(index, (name, value, _))| json!({"id": id(index), "function": {"name": name, "arguments": {"v": value}}}))
                        .collect();
                messages.push(
                    json!({"role": "assistant", "content": text.clone().unwrap_or_default(), "tool_calls": entries}),
                );
                messages.extend(calls.iter().enumerate().map(|(index, (name, _, result))| {
                        json!({"role": "tool", "content": result, "tool_name": name, "tool_call_id": id(index)})
                    }));
            }
        }
    }
    messages
}

pub(crate) fn ollama_request() -> impl Strategy<Value = Value> {
    let top = some_of(vec![
        ("think", json!("high")),
        ("format", json!({"type": "object"})),
        ("keep_alive", json!("5m")),
        ("truncate", json!(false)),
        ("logprobs", json!(true)),
        ("top_logprobs", json!(2)),
        (
            "options",
            json!({"temperature": 0.5, "num_predict": -2, "stop": ["a"], "num_ctx": 8192, "use_mmap": true, "x": 1, "seed": -1}),
        ),
        (
            "tools",
            json!([{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true, "x": 1}, "y": 1}]),
        ),
    ]);
    (vec(turn(), 1..6), top, unknown(), any::<bool>()).prop_map(|(turns, top, unknown, stream)| {
        let messages = ollama_messages(&turns, &unknown);
        with(with(json!({"model": "m", "messages": messages, "stream": stream}), &top), &unknown)
    })
}

/// A Responses request as the encoder spells it: calls of plain functions, of tools for free text, and in a namespace.
pub(crate) fn items(turns: &[Turn], forms: &[u8]) -> Value {
    let form = |index: usize| forms[index % forms.len()];
    let mut items = Vec::new();
    for (number, turn) in turns.iter().enumerate() {
        match turn {
            Turn::User(texts, image) => {
                let mut parts: Vec<_> = texts.iter().map(|text| json!({"type": "input_text", "text": text})).collect();
                if *image {
                    let url = format!("data:image/png;base64,{PNG}");
                    parts.push(json!({"type": "input_image", "image_url": url, "detail": "low"}));
                }
                let content = if parts.len() == 1 { json!(texts[0]) } else { json!(parts) };
                items.push(json!({"type": "message", "role": "user", "content": content}));
            }
            Turn::Assistant(text) => items.push(json!({"type": "message", "role": "assistant", "content": text})),
            Turn::Tools(text, calls) => {
                let id = |index: usize| format!("call_{number}_{index}");
                let thought = format!("rs_{number}");
                items.push(json!({"type": "reasoning", "id": thought, "summary": [{"type": "summary_text", "text": "t"}], "encrypted_content": "E"}));
                items.extend(text.iter().map(|text| json!({"type": "message", "role": "assistant", "content": text})));
                items.extend(calls.iter().enumerate().map(|(index, (_, value, result))| match form(index) {
                    0 => json!({"type": "function_call", "call_id": id(index), "name": "f", "arguments": json!({"v": value}).to_string()}),
                    1 => json!({"type": "custom_tool_call", "call_id": id(index), "name": "c", "input": result}),
                    _ => json!({"type": "function_call", "call_id": id(index), "name": "g", "namespace": "n", "arguments": "{}"}),
                }));
                items.extend(calls.iter().enumerate().map(|(index, (_, _, result))| {
                    let kind = if form(index) == 1 { "custom_tool_call_output" } else { "function_call_output" };
                    json!({"type": kind, "call_id": id(index), "output": result})
                }));
            }
        }
    }
    let schema = json!({"type": "object", "properties": {}});
    let tools = json!([
        {"type": "function", "name": "f", "parameters": schema, "strict": true},
        {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "lark", "definition": "d"}},
        {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", "name": "g", "x": 1}, {"type": "custom", "name": "h"}]},
        {"type": "web_search", "x": [1]},
    ]);
    json!({"model": "m", "input": items, "tools": tools, "tool_choice": {"type": "custom", "name": "c"}, "stream": false, "store": false, "x": 1.5})
}

pub(crate) fn responses_request() -> impl Strategy<Value = Value> {
    let schema = json!({"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true});
    let top = some_of(vec![
        ("instructions", json!("s")),
        ("temperature", json!(0.5)),
        ("top_p", json!(0.25)),
        ("max_output_tokens", json!(100)),
        ("top_logprobs", json!(3)),
        ("include", json!(["message.output_text.logprobs", "reasoning.encrypted_content"])),
        ("reasoning", json!({"effort": "low", "summary": "detailed"})),
        ("text", json!({"format": schema, "verbosity": "low"})),
        ("user", json!("u")),
        ("metadata", json!({"a": "b"})),
        ("service_tier", json!("flex")),
        ("parallel_tool_calls", json!(false)),
        ("truncation", json!("auto")),
        ("max_tool_calls", json!(3)),
        ("prompt_cache_key", json!("k")),
        ("safety_identifier", json!("i")),
    ]);
    (vec(turn(), 1..6), vec(0..3_u8, 1..4), top, unknown(), any::<bool>()).prop_map(
        |(turns, forms, top, unknown, stream)| {
            let mut body = with(with(items(&turns, &forms), &top), &unknown);
            body["stream"] = stream.into();
            body
        },
    )
}

/// The same request, through the IR and back into its dialect.
fn again(dialect: &dyn Dialect, body: &Value) -> Result<Value, TestCaseError> {
    let bytes = body.to_string();
    let request = dialect
        .decode_request(Operation::Chat, bytes.as_bytes())
        .map_err(|error| TestCaseError::fail(format!("{error:?}: {bytes}")))?;
    let (mut loss, mut out) = (Loss::new(), Vec::new());
    let target = Target {
        backend: "b",
        sampling_extensions: true,
        max_completion_tokens: true,
        custom_tools: true,
        default_max_tokens: 4096,
    };
    dialect
        .encode_request(&request, &target, &mut loss, &mut out)
        .map_err(|refused| TestCaseError::fail(format!("{refused:?}: {bytes}")))?;
    prop_assert!(loss.is_empty(), "{:?}: {}", loss, bytes);
    serde_json::from_slice(&out).map_err(|error| TestCaseError::fail(error.to_string()))
}

/// A conversation as a list of what is said, called and answered, however turns are cut. Neighbours of one role
/// are one turn.
fn atoms(body: &Value) -> Vec<String> {
    let mut atoms = Vec::new();
    for message in body["messages"].as_array().into_iter().flatten() {
        let role = message["role"].as_str().unwrap_or_default().replace("developer", "system");
        let mut say = |text: &str| atoms.push(format!("{role} says {text:?}"));
        if role == "tool" {
            atoms.push(format!("{} gives {:?}", message["tool_call_id"], message["content"].as_str()));
            continue;
        }
        match &message["content"] {
            Value::String(text) => say(text),
            Value::Array(parts) => parts.iter().for_each(|part| match part["text"].as_str() {
                Some(text) => say(text),
                None => say(part["image_url"]["url"].as_str().unwrap_or("?")),
            }),
            _ => {}
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap_or("?")).unwrap();
            atoms.push(format!("{role} calls {} {} {arguments}", call["id"], call["function"]["name"]));
        }
    }
    atoms
}

/// Texts of one speaker in a row, put together: the dialects with strings alone cannot keep them apart.
fn joined(atoms: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for atom in atoms {
        let speaker = |atom: &str| atom.split_once(" says \"").map(|(speaker, _)| speaker.to_owned());
        match out.last_mut() {
            Some(last) if speaker(last).is_some() && speaker(last) == speaker(atom) => {
                let more = atom.split_once(" says \"").map_or("", |(_, text)| text);
                last.pop();
                last.push_str(more);
            }
            _ => out.push(atom.clone()),
        }
    }
    out
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn openai_requests_come_back(body in openai_request()) {
        prop_assert_eq!(again(named("openai_chat"), &body)?, body);
    }

    #[test]
    fn anthropic_requests_come_back(body in anthropic_request()) {
        prop_assert_eq!(plain(again(named("anthropic_messages"), &body)?), plain(body));
    }

    #[test]
    fn ollama_requests_come_back(body in ollama_request()) {
        prop_assert_eq!(again(named("ollama"), &body)?, body);
    }

    /// There and back: OpenAI, Anthropic, OpenAI.
    #[test]
    fn conversations_survive_anthropic(turns in vec(turn(), 1..7), system in prop::option::of(text())) {
        let mut messages = openai_messages(&turns, &Map::new());
        if let Some(system) = system {
            messages.insert(0, json!({"role": "system", "content": system}));
        }
        let body = json!({"model": "m", "messages": messages});
        let (there, back) = there_and_back(&body, "anthropic_messages")?;
        prop_assert_eq!(joined(&atoms(&back)), joined(&atoms(&body)), "{}", there);
    }

    /// There and back: OpenAI's two dialects.
    #[test]
    fn conversations_survive_responses(turns in vec(turn(), 1..7), system in prop::option::of(text())) {
        let mut messages = openai_messages(&turns, &Map::new());
        if let Some(system) = system {
            messages.insert(0, json!({"role": "system", "content": system}));
        }
        let body = json!({"model": "m", "messages": messages});
        let (there, back) = there_and_back(&body, "openai_responses")?;
        prop_assert_eq!(atoms(&back), atoms(&body), "{}", there);
    }

    /// A conversation in items has the same meaning after it went through the IR.
    #[test]
    fn items_come_back(turns in vec(turn(), 1..7), forms in vec(0..3_u8, 1..5)) {
        let body = items(&turns, &forms);
        prop_assert_eq!(&again(named("openai_responses"), &body)?, &body);
    }

    /// There and back: OpenAI, Ollama, OpenAI.
    #[test]
    fn conversations_survive_ollama(turns in vec(turn(), 1..7)) {
        // Ollama's pictures stand beside the text.
        let turns: Vec<_> = turns.into_iter().map(|turn| match turn {
            Turn::User(texts, _) => Turn::User(texts[..1].to_vec(), false),
            other => other,
        }).collect();
        let body = json!({"model": "m", "messages": openai_messages(&turns, &Map::new())});
        let (there, back) = there_and_back(&body, "ollama")?;
        prop_assert_eq!(atoms(&back), atoms(&body), "{}", there);
    }
}

/// A content of one plain text may be a string or a block.
fn plain(mut body: Value) -> Value {
    for message in body["messages"].as_array_mut().into_iter().flatten() {
        if let Value::String(text) = &message["content"] {
            message["content"] = json!([{"type": "text", "text": text}]);
        }
    }
    body
}

fn there_and_back(body: &Value, upstream: &str) -> Result<(Value, Value), TestCaseError> {
    let step = |body: &Value, from: &str, to: &str| -> Result<Value, TestCaseError> {
        let (bytes, from, to) = (body.to_string(), named(from), named(to));
        let mut request = from
            .decode_request(Operation::Chat, bytes.as_bytes())
            .map_err(|error| TestCaseError::fail(format!("{error:?}: {bytes}")))?;
        request.model = "backend-model".into();
        let sent =
            encode(&request, from, to).map_err(|refused| TestCaseError::fail(format!("{refused:?}: {bytes}")))?;
        serde_json::from_slice(&sent.body).map_err(|error| TestCaseError::fail(error.to_string()))
    };
    let there = step(body, "openai_chat", upstream)?;
    let back = step(&there, upstream, "openai_chat")?;
    Ok((there, back))
}
