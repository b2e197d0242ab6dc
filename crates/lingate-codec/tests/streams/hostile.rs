//! Input that no honest peer sends: nothing may panic, hang, or cost more than its length.

use crate::config;
use crate::scripts::script;
use crate::support::{EVERY, asked_of, context, converses, encode_stream, stamp, target};
use crate::upstreams::{habits, stream_of};
use lingate_codec::dialect::{Additions, Dialect, DialectId, RelayWants};
use lingate_codec::frame::{DEFAULT_CAP, Framer};
use lingate_codec::ir::{Answer, Event, Loss, Operation};
use lingate_codec::json::{Edits, Object, Raw};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;
use std::sync::LazyLock;

/// All members that a decoder looks for, more or less.
const KEYS: &[&str] = &[
    "output",
    "output_index",
    "item",
    "item_id",
    "content_index",
    "summary_index",
    "summary",
    "response",
    "status",
    "encrypted_content",
    "annotation",
    "annotations",
    "refusal",
    "part",
    "logprobs",
    "call_id",
    "incomplete_details",
    "model",
    "name",
    "stream",
    "messages",
    "prompt",
    "system",
    "images",
    "tools",
    "tool_choice",
    "format",
    "think",
    "options",
    "keep_alive",
    "raw",
    "context",
    "suffix",
    "role",
    "content",
    "thinking",
    "signature",
    "data",
    "source",
    "media_type",
    "url",
    "image_url",
    "input_audio",
    "file",
    "file_data",
    "file_id",
    "tool_calls",
    "tool_name",
    "tool_call_id",
    "tool_use_id",
    "is_error",
    "id",
    "index",
    "function",
    "arguments",
    "type",
    "parameters",
    "input_schema",
    "input",
    "description",
    "strict",
    "temperature",
    "num_predict",
    "stop",
    "stop_sequences",
    "seed",
    "max_tokens",
    "max_completion_tokens",
    "response_format",
    "json_schema",
    "schema",
    "reasoning_effort",
    "output_config",
    "effort",
    "metadata",
    "user_id",
    "budget_tokens",
    "cache_control",
    "allowed_tools",
    "mode",
    "n",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "stream_options",
    "include_usage",
    "service_tier",
    "message",
    "choices",
    "delta",
    "finish_reason",
    "reasoning",
    "reasoning_content",
    "refusal",
    "annotations",
    "url_citation",
    "usage",
    "prompt_tokens",
    "completion_tokens",
    "input_tokens",
    "output_tokens",
    "cache_creation",
    "response",
    "done",
    "done_reason",
    "eval_count",
    "error",
    "detail",
    "code",
    "status",
    "text",
    "content_block",
    "partial_json",
    "stop_reason",
    "stop_details",
    "explanation",
    "token",
    "logprob",
    "bytes",
    "function_call",
    "functions",
    "x",
];

const WORDS: &[&str] = &[
    "",
    "user",
    "Assistant",
    "assistant",
    "system",
    "tool",
    "function",
    "text",
    "image",
    "image_url",
    "document",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
    "base64",
    "url",
    "json_schema",
    "json_object",
    "auto",
    "any",
    "none",
    "required",
    "allowed_tools",
    "enabled",
    "adaptive",
    "disabled",
    "high",
    "minimal",
    "json",
    "stop",
    "length",
    "error",
    "end_turn",
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
    "text_delta",
    "thinking_delta",
    "signature_delta",
    "input_json_delta",
    "citations_delta",
    "data:image/png;base64,iVBORw0KGgo=",
    "iVBORw0KGgo=",
    "https://a.invalid",
    "{\"a\":",
    "{}",
    "\u{0}",
    "5m",
];

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0_u64..3).prop_map(Value::from),
        prop::sample::select(WORDS).prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let member = (prop::sample::select(KEYS), inner.clone());
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::Array),
            vec(member, 0..8).prop_map(|members| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

/// All golden requests, answers and stream frames that are JSON.
static SEEDS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/matrix");
    let entries = |path: &Path| -> Vec<_> {
        let mut found: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    };
    let mut seeds = Vec::new();
    for file in entries(&root).iter().flat_map(|case| entries(case)) {
        let text = std::fs::read_to_string(&file).unwrap();
        match serde_json::from_str(&text) {
            Ok(value) => seeds.push(value),
            Err(_) => {
                let frames = text.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
                seeds.extend(
                    frames.filter_map(|frame| serde_json::from_str::<Value>(frame).ok()).filter(Value::is_object),
                );
            }
        }
    }
    seeds
});

/// A change of a document: where, and into what.
#[derive(Debug, Clone)]
enum Change {
    Replace(Value),
    Remove,
    Repeat,
}

/// Walks to the place that `steps` lead to and changes it.
fn change(value: &mut Value, steps: &[prop::sample::Index], to: &Change) {
    let Some((step, rest)) = steps.split_first() else {
        if let Change::Replace(new) = to {
            *value = new.clone();
        }
        return;
    };
    match value {
        Value::Array(items) if !items.is_empty() => {
            let at = step.index(items.len());
            match to {
                Change::Remove if rest.is_empty() => _ = items.remove(at),
                Change::Repeat if rest.is_empty() => items.insert(at, items[at].clone()),
                _ => change(&mut items[at], rest, to),
            }
        }
        Value::Object(members) if !members.is_empty() => {
            let key = members.keys().nth(step.index(members.len())).cloned().unwrap();
            match to {
                Change::Remove if rest.is_empty() => _ = members.remove(&key),
                _ => change(members.get_mut(&key).unwrap(), rest, to),
            }
        }
        // A leaf is changed itself.
        leaf => change(leaf, &[], to),
    }
}

fn mutant() -> impl Strategy<Value = Value> {
    let to =
        prop_oneof![3 => document().prop_map(Change::Replace), 1 => Just(Change::Remove), 1 => Just(Change::Repeat)];
    let one = (vec(any::<prop::sample::Index>(), 1..7), to);
    (any::<prop::sample::Index>(), vec(one, 1..4)).prop_map(|(seed, changes)| {
        let mut value = SEEDS[seed.index(SEEDS.len())].clone();
        changes.iter().for_each(|(steps, to)| change(&mut value, steps, to));
        value
    })
}

/// What the tests' parser says of `1e999`, which JSON's grammar takes.
const TOO_LARGE: &str = "number out of range";

/// Whether every `\u` has its four digits, and every half of a character the other. What JSON's grammar takes, or the
/// scanner does not look at, may be passed on as it came; other parsers are stricter.
fn whole_escapes(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let mut high = false;
    for escape in text.split("\\u").skip(1) {
        let Some(code) = escape.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok()) else { return false };
        let low = (0xdc00..0xe000).contains(&code);
        if low != high {
            return false;
        }
        high = (0xd800..0xdc00).contains(&code);
        if high && escape.len() != 4 {
            return false;
        }
    }
    !high
}

/// Whether what was written of `input` is JSON.
fn is_json(written: &[u8], input: &[u8]) -> bool {
    let read = serde_json::from_slice::<Value>(written);
    let strange = |error: serde_json::Error| !whole_escapes(input) || error.to_string().contains(TOO_LARGE);
    read.map_or_else(|error| strange(error) && Raw::parse(written).is_ok(), |_| true)
}

/// A request as `dialect` reads it, written for all; gives what was written.
pub(crate) fn rewrite(
    dialect: &dyn Dialect,
    operation: Operation,
    body: &[u8],
) -> Vec<(DialectId, Operation, Vec<u8>)> {
    let Ok(request) = dialect.decode_request(operation, body) else { return Vec::new() };
    let write = |upstream: DialectId| {
        let mut request = request.clone();
        request.operation = asked_of(upstream, dialect.id(), operation);
        let (mut loss, mut out) = (Loss::new(), Vec::new());
        let target = target(upstream.dialect());
        let written = upstream.dialect().encode_request(&request, &target, &mut loss, &mut out).is_ok();
        let _ = loss.paths(|_| "");
        written.then_some((upstream, request.operation, out))
    };
    EVERY.into_iter().filter_map(write).collect()
}

/// What is written of any request is one of its dialect.
fn try_request(dialect: &dyn Dialect, operation: Operation, body: &[u8]) {
    for (upstream, operation, out) in rewrite(dialect, operation, body) {
        assert!(is_json(&out, body), "{}: {}", upstream.name(), String::from_utf8_lossy(&out));
        // Within a family unknown members go on as they are, and a chat knows others than a prompt.
        if upstream.dialect().family() == dialect.family() && converses(upstream) != converses(dialect.id()) {
            continue;
        }
        let read = upstream.dialect().decode_request(operation, &out);
        // A conversation of nothing, or a picture that is no base64, is the upstream's to refuse.
        let fair = match &read {
            Err(error) => error
                .param
                .as_deref()
                .is_some_and(|path| path == "messages" || path == "input" || path.contains("images[")),
            Ok(_) => true,
        };
        assert!(fair, "{}: {read:?}: {}", upstream.name(), String::from_utf8_lossy(&out));
    }
}

pub(crate) fn try_relay(dialect: &dyn Dialect, operation: Operation, body: &[u8]) {
    let Ok(object) = Object::parse(body) else { return };
    let _ = (
        dialect.check(operation, &object),
        dialect.can_relay(operation, &object, &target(dialect)),
        dialect.wants_several(&object),
    );
    let _ = dialect.context_needed(&object, Additions { bytes: u64::MAX, max_tokens: Some(u64::MAX) });
    let _ = dialect.context_needed(&object, Additions::default());
    let strip = ["stop".to_owned(), "tools".to_owned(), "options.seed".to_owned(), "x".to_owned()];
    for (stream, system_prompt) in [(Some(true), "s\"\n"), (Some(false), ""), (None, "s")] {
        let wants = RelayWants { model: "m\"", stream, ask_usage: true, system_prompt, strip: &strip };
        let mut edits = Edits::new();
        dialect.relay_edits(&object, &wants, &mut edits);
        let edited = edits.apply_to_vec(&object);
        assert!(Object::parse(&edited).is_ok(), "{}", String::from_utf8_lossy(&edited));
    }
    for member in object.members() {
        assert!(!dialect.place(&member.key).1.is_empty());
    }
    let _ = dialect.answer_load(operation, &object, "m", stamp(1), &mut Vec::new());
}

pub(crate) fn try_answer(dialect: &dyn Dialect, operation: Operation, body: &[u8]) {
    let mut events = Vec::new();
    dialect.decode_response(operation, body, &mut events);
    one_ending(&events);
    let answer = Answer::fold(events);
    for client in EVERY.map(DialectId::dialect) {
        let mut out = Vec::new();
        client.encode_response(&answer, &context(), stamp(1), &mut out);
        assert!(is_json(&out, body), "{}", String::from_utf8_lossy(&out));
        let mut out = Vec::new();
        client.encode_error(&dialect.decode_error(500, body), "r", &mut out);
        assert!(is_json(&out, body), "{}", String::from_utf8_lossy(&out));
    }
    let _ = (dialect.find_model(b"", body), dialect.find_model(b"message_start", body), dialect.is_usage_frame(body));
}

fn one_ending(events: &[Event]) {
    let end = events.iter().position(|event| matches!(event, Event::End | Event::Error(_)));
    assert_eq!(end, Some(events.len() - 1), "{events:?}");
}

/// Reads bytes as a stream, and as a relay does; what is read is written for every client.
fn try_stream(dialect: &dyn Dialect, bytes: &[u8]) {
    for tapped in [false, true] {
        let mut framer = Framer::new(dialect.framing(), DEFAULT_CAP);
        let mut decoder = dialect.stream_decoder(Operation::Chat);
        let mut events = Vec::new();
        framer.push(bytes);
        framer.finish();
        while let Some(frame) = framer.next_frame().unwrap() {
            if tapped {
                decoder.tap(&frame, &mut events);
            } else {
                decoder.push(&frame, &mut events);
            }
        }
        decoder.finish(&mut events);
        one_ending(&events);
        for client in EVERY {
            let stream = encode_stream(client.dialect(), &events);
            let seen = crate::checker::check(client, &stream);
            let strange = !whole_escapes(bytes) || seen.as_ref().is_err_and(|error| error.contains(TOO_LARGE));
            assert!(seen.is_ok() || strange, "{}: {seen:?}\n{stream}\n{events:?}", client.name());
        }
    }
}

fn try_all(value: &Value) {
    let body = value.to_string();
    for dialect in EVERY.map(DialectId::dialect) {
        for operation in [Operation::Chat, Operation::TextCompletion] {
            try_request(dialect, operation, body.as_bytes());
            try_relay(dialect, operation, body.as_bytes());
            try_answer(dialect, operation, body.as_bytes());
        }
    }
}

/// Frames of any documents, one after another.
fn frames(dialect: DialectId, documents: &[Value]) -> String {
    let frame = |document: &Value| match dialect {
        DialectId::OpenAiChat | DialectId::OpenAiCompletions => format!("data: {document}\n\n"),
        DialectId::AnthropicMessages | DialectId::OpenAiResponses => {
            format!(
                "event: {}\ndata: {document}\n\n",
                document["type"].as_str().unwrap_or_default().replace(['\n', '\r'], "")
            )
        }
        DialectId::Ollama => format!("{document}\n"),
    };
    documents.iter().map(frame).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn documents_are_read_without_panic(document in document()) {
        try_all(&document);
        try_all(&serde_json::json!({"model": "m", "max_tokens": 9, "messages": [document]}));
        try_all(&serde_json::json!({"choices": [document], "message": document, "content": [document], "done": true}));
    }

    #[test]
    fn mutants_are_read_without_panic(mutant in mutant()) {
        try_all(&mutant);
    }

    #[test]
    fn streams_of_mutants_are_read_without_panic(mutants in vec(mutant(), 0..6)) {
        for dialect in EVERY {
            try_stream(dialect.dialect(), frames(dialect, &mutants).as_bytes());
        }
    }

    #[test]
    fn bytes_are_read_without_panic(
        script in script(),
        habits in habits(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        for upstream in EVERY {
            let mut bytes = stream_of(upstream, &script, &habits).into_bytes();
            for (place, byte) in &changes {
                let at = place.index(bytes.len());
                bytes[at] = *byte;
            }
            for reader in EVERY {
                try_stream(reader.dialect(), &bytes);
            }
        }
    }

    #[test]
    fn broken_requests_are_read_without_panic(
        seed in any::<prop::sample::Index>(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = SEEDS[seed.index(SEEDS.len())].to_string().into_bytes();
        for (place, byte) in changes {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        for bytes in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
            for dialect in EVERY.map(DialectId::dialect) {
                for operation in [Operation::Chat, Operation::TextCompletion] {
                    try_request(dialect, operation, bytes);
                    try_relay(dialect, operation, bytes);
                    try_answer(dialect, operation, bytes);
                }
            }
        }
    }
}
