//! Whole answers.

use crate::{DIALECT, context};
use lingate_codec::dialect::Stamp;
use lingate_codec::ir::{Answer, Event, Finish, FinishReason, Operation, Usage};
use serde_json::{Value, json};

fn decode(body: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    DIALECT.decode_response(Operation::Chat, body, &mut events);
    events
}

fn encode(events: Vec<Event>) -> Value {
    let mut out = Vec::new();
    DIALECT.encode_response(&Answer::fold(events), &context(), Stamp::default(), &mut out);
    serde_json::from_slice(&out).expect("JSON")
}

fn call(call: usize, id: &str, arguments: &str) -> [Event; 2] {
    let start = Event::ToolCallStart { call, id: id.into(), name: "f".into() };
    [start, Event::ToolCallArguments { call, fragment: arguments.into() }]
}

fn finish(reason: FinishReason) -> Event {
    Event::Finish(Finish { reason, stop_sequence: None })
}

#[test]
fn arguments_become_objects() {
    for (arguments, expected) in [
        ("", json!({})),
        (" ", json!({})),
        ("null", json!({})),
        (r#"{"b":1,"a":[2]}"#, json!({"b": 1, "a": [2]})),
        (r#"{"city": "Os"#, json!({"raw": r#"{"city": "Os"#})),
        ("[1]", json!({"raw": "[1]"})),
    ] {
        let mut events = call(0, "call_1", arguments).to_vec();
        events.push(finish(FinishReason::Stop));
        let answer = encode(events);
        let expected = json!([{"type": "tool_use", "id": "call_1", "name": "f", "input": expected}]);
        assert_eq!(answer["content"], expected, "{arguments}");
        assert_eq!(answer["stop_reason"], "tool_use");
    }
}

#[test]
fn calls_without_ids_or_with_one_id_stay_apart() {
    let calls = [call(0, "", "{}"), call(1, "x", "{}"), call(2, "x", "{}")];
    let answer = encode(calls.into_iter().flatten().collect());
    let ids: Vec<_> = answer["content"].as_array().unwrap().iter().map(|block| block["id"].clone()).collect();
    assert_eq!(ids, ["call_0a1b_0", "x", "call_0a1b_2"]);
}

#[test]
fn empty_content_is_left_out() {
    let events = [Event::Text(String::new()), Event::Refusal("I cannot help.".into()), finish(FinishReason::Stop)];
    let answer = encode(events.into());
    assert_eq!(answer["content"], json!([{"type": "text", "text": "I cannot help."}]));
    assert_eq!(answer["stop_reason"], "refusal");
    assert_eq!(answer["id"], "msg_0a1b");
    assert_eq!(answer["model"], "asked-model");
}

#[test]
fn usage_excludes_the_cache_and_never_goes_below_zero() {
    for (usage, expected) in [
        ((Some(1000), Some(300), Some(200)), (500, 300, 200)),
        ((Some(5), Some(300), None), (0, 300, 0)),
        ((None, None, None), (0, 0, 0)),
        ((Some(u64::MAX), Some(u64::MAX), Some(u64::MAX)), (0, u64::MAX, u64::MAX)),
    ] {
        let (input_tokens, cache_read_input_tokens, cache_creation_input_tokens) = usage;
        let usage = Usage { input_tokens, cache_read_input_tokens, cache_creation_input_tokens, ..Usage::default() };
        let told = encode(vec![Event::Usage(usage)])["usage"].clone();
        let count = |key: &str| told[key].as_u64().expect("a count");
        let got = (count("input_tokens"), count("cache_read_input_tokens"), count("cache_creation_input_tokens"));
        assert_eq!(got, expected);
    }
}

#[test]
fn bodies_that_are_no_message_are_errors() {
    for (body, status, message) in [
        (r#"{"error":{"message":"Provider returned error","code":502}}"#, 502, "Provider returned error"),
        (r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#, 529, "busy"),
        (r#"{"type":"error"}"#, 502, "the upstream answered with an error"),
        (r#"{"error":"down"}"#, 502, "down"),
        ("<html>", 502, "the upstream's answer is not a JSON object"),
        (r#"{"id":"x"}"#, 502, "the upstream's answer has no content"),
    ] {
        let events = decode(body.as_bytes());
        let [Event::Error(error)] = events.as_slice() else { panic!("{body}: {events:?}") };
        assert_eq!((error.status, error.message.as_str()), (status, message));
    }
}

#[test]
fn stop_reasons_are_read() {
    for (word, reason) in [
        ("end_turn", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("tool_use", FinishReason::ToolCalls),
        ("pause_turn", FinishReason::Pause),
        ("refusal", FinishReason::ContentFilter),
        ("some_future_reason", FinishReason::Stop),
    ] {
        let events = decode(format!(r#"{{"content":[],"stop_reason":"{word}"}}"#).as_bytes());
        assert!(events.contains(&finish(reason)), "{word}: {events:?}");
        assert_eq!(events.last(), Some(&Event::End));
    }
    assert_eq!(decode(br#"{"content":[],"stop_reason":null}"#).len(), 2, "no finish is made up");
}
