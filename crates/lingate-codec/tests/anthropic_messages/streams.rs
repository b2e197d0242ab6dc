//! Streams written from events, in the orders that other dialects give.

use crate::checker::{Seen, check};
use crate::{DIALECT, context, decode_stream, encode_stream};
use lingate_codec::dialect::Stamp;
use lingate_codec::frame::{DEFAULT_CAP, Framer, Framing};
use lingate_codec::ir::{ApiError, Citation, Event, Finish, FinishReason, Operation, Start, Usage};
use serde_json::{Value, json};

fn text(text: &str) -> Event {
    Event::Text(text.into())
}

fn call(call: usize, id: &str, name: &str) -> Event {
    Event::ToolCallStart { call, id: id.into(), name: name.into() }
}

fn arguments(call: usize, fragment: &str) -> Event {
    Event::ToolCallArguments { call, fragment: fragment.into() }
}

fn finish(reason: FinishReason) -> Event {
    Event::Finish(Finish { reason, stop_sequence: None })
}

fn usage(input: u64, output: u64, cached: Option<u64>) -> Event {
    Event::Usage(Usage {
        input_tokens: Some(input),
        output_tokens: Some(output),
        cache_read_input_tokens: cached,
        ..Usage::default()
    })
}

fn seen(events: &[Event]) -> Seen {
    let stream = encode_stream(events);
    check(&stream).unwrap_or_else(|error| panic!("{error}\n{stream}"))
}

/// (id, arguments) of the calls.
fn calls(seen: &Seen) -> Vec<(String, String)> {
    let calls = seen.content.iter().filter(|block| block["type"] == "tool_use");
    calls.map(|call| (call["id"].as_str().unwrap().into(), call["$json"].as_str().unwrap().into())).collect()
}

#[test]
fn usage_that_comes_after_the_finish_is_told() {
    let start = Event::Start(Start { id: "chatcmpl-1".into(), ..Start::default() });
    let seen = seen(&[start, text("Hel"), text("lo"), finish(FinishReason::Stop), usage(12, 8, Some(4)), Event::End]);
    assert_eq!(seen.content, [json!({"type": "text", "text": "Hello"})]);
    assert_eq!(seen.stop_reason.as_deref(), Some("end_turn"));
    assert_eq!(seen.usage["input_tokens"], 8);
    assert_eq!(seen.usage["cache_read_input_tokens"], 4);
    assert_eq!(seen.usage["output_tokens"], 8);
}

#[test]
fn message_start_has_the_usage_that_came_with_it() {
    let start = Event::Start(Start { id: "msg_9".into(), model: "m".into(), ..Start::default() });
    let stream = encode_stream(&[start, usage(12, 1, None), text("x")]);
    let first = stream.split("\n\n").next().unwrap();
    assert_eq!(
        first,
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_9\",\"type\":\"message\",\"role\":\
         \"assistant\",\"model\":\"asked-model\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":\
         {\"input_tokens\":12,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":1}}}"
    );
}

#[test]
fn interleaved_calls_are_untangled() {
    let seen = seen(&[
        call(0, "call_1", "f"),
        call(1, "call_2", "g"),
        arguments(0, ""),
        arguments(0, "{\"city\":"),
        arguments(1, "{\"city\":\"R"),
        arguments(0, "\"Oslo\"}"),
        arguments(1, "ome\"}"),
        finish(FinishReason::ToolCalls),
        Event::End,
    ]);
    let expected = [("call_1", r#"{"city":"Oslo"}"#), ("call_2", r#"{"city":"Rome"}"#)];
    assert_eq!(calls(&seen), expected.map(|(id, json)| (id.into(), json.into())));
    assert_eq!(seen.stop_reason.as_deref(), Some("tool_use"));
}

#[test]
fn the_open_call_streams_live() {
    let mut encoder = DIALECT.stream_encoder(context());
    let mut out = Vec::new();
    let written = |out: &mut Vec<u8>| String::from_utf8(std::mem::take(out)).unwrap();
    let mut push = |event: Event, out: &mut Vec<u8>| encoder.push(&event, Stamp::default(), out);
    push(call(0, "a", "f"), &mut out);
    push(call(1, "b", "g"), &mut out);
    push(arguments(1, "{\"x\":1}"), &mut out);
    assert!(!written(&mut out).contains("\"b\""), "the second call waits");
    push(arguments(0, "{"), &mut out);
    assert!(written(&mut out).contains("partial_json\":\"{\""), "the first call does not");
    push(arguments(0, "}"), &mut out);
    let rest = written(&mut out);
    assert!(rest.contains("\"id\":\"b\"") && rest.contains("{\\\"x\\\":1}"), "{rest}");
}

#[test]
fn text_amid_a_call_waits_and_empty_text_changes_nothing() {
    let seen = seen(&[
        text(""),
        text("Sure."),
        call(0, "", "f"),
        text(""),
        arguments(0, "{\"a\":"),
        text("Aside."),
        text(" More."),
        arguments(0, "1}"),
        arguments(0, " "),
        text(" End."),
        Event::End,
    ]);
    let expected = [
        json!({"type": "text", "text": "Sure."}),
        json!({"type": "tool_use", "id": "call_0a1b_0", "name": "f", "input": {}, "$json": "{\"a\":1}"}),
        json!({"type": "text", "text": "Aside. More. End."}),
    ];
    assert_eq!(seen.content, expected);
    assert_eq!(seen.stop_reason.as_deref(), Some("tool_use"));
}

#[test]
fn calls_that_never_end_are_closed_at_the_end() {
    let seen =
        seen(&[call(0, "a", "f"), call(1, "b", "g"), arguments(1, "{\"x"), finish(FinishReason::Length), Event::End]);
    assert_eq!(calls(&seen), [("a".into(), String::new()), ("b".into(), "{\"x".into())]);
    assert_eq!(seen.stop_reason.as_deref(), Some("max_tokens"));
}

#[test]
fn ids_are_legal_and_unique() {
    let seen = seen(&[call(0, "f.g:0", "f"), call(1, "f.g:0", "f"), call(2, "", "f"), Event::End]);
    let ids: Vec<_> = calls(&seen).into_iter().map(|(id, _)| id).collect();
    assert!(ids[0].starts_with("f_g_0_"), "{ids:?}");
    assert_eq!(ids[1..], ["call_0a1b_1", "call_0a1b_2"]);
}

#[test]
fn thoughts_come_as_blocks_of_their_own() {
    let seen = seen(&[
        Event::Reasoning("Hm".into()),
        Event::Reasoning("m.".into()),
        text("A."),
        Event::Reasoning("Then".into()),
        Event::ReasoningSignature("SIG".into()),
        Event::ReasoningSignature("EMPTY".into()),
        Event::RedactedReasoning("ENC".into()),
        Event::Refusal("No.".into()),
        Event::End,
    ]);
    let expected = [
        json!({"type": "thinking", "thinking": "Hmm.", "signature": ""}),
        json!({"type": "text", "text": "A."}),
        json!({"type": "thinking", "thinking": "Then", "signature": "SIG"}),
        json!({"type": "thinking", "thinking": "", "signature": "EMPTY"}),
        json!({"type": "redacted_thinking", "data": "ENC"}),
        json!({"type": "text", "text": "No."}),
    ];
    assert_eq!(seen.content, expected);
    assert_eq!(seen.stop_reason.as_deref(), Some("refusal"));
}

#[test]
fn citations_belong_to_the_text() {
    let page = Citation { url: "https://w.invalid/".into(), title: "W".into(), cited_text: "c".into(), span: None };
    let paper = Citation { url: String::new(), ..page.clone() };
    let cited = encode_stream(&[text("x"), Event::Citation(page.clone()), Event::Citation(paper), Event::End]);
    check(&cited).expect("a legal stream");
    assert_eq!(cited.matches("citations_delta").count(), 1, "{cited}");
    let uncited = encode_stream(&[Event::Citation(page), Event::End]);
    check(&uncited).expect("a legal stream");
    assert_eq!(uncited.matches("citations_delta").count(), 0, "no text, no citation");
}

#[test]
fn stop_reasons() {
    for (reason, word) in [
        (FinishReason::Stop, "end_turn"),
        (FinishReason::Length, "max_tokens"),
        (FinishReason::ContentFilter, "refusal"),
        (FinishReason::Pause, "pause_turn"),
        (FinishReason::StopSequence, "stop_sequence"),
        (FinishReason::ToolCalls, "end_turn"),
        (FinishReason::Load, "end_turn"),
    ] {
        assert_eq!(seen(&[text("x"), finish(reason), Event::End]).stop_reason.as_deref(), Some(word), "{reason:?}");
    }
    let met = Event::Finish(Finish { reason: FinishReason::StopSequence, stop_sequence: Some("END".into()) });
    assert_eq!(seen(&[met, Event::End]).stop_sequence.as_deref(), Some("END"));
    let with_call = [call(0, "a", "f"), finish(FinishReason::Stop), Event::End];
    assert_eq!(seen(&with_call).stop_reason.as_deref(), Some("tool_use"), "calls count more than what is said of them");
}

#[test]
fn errors_end_the_stream() {
    let error = Event::Error(ApiError::new(529, "Overloaded"));
    let seen = seen(&[text("Hel"), error, text("lo"), finish(FinishReason::Stop), Event::End]);
    assert_eq!(seen.error, Some(json!({"type": "overloaded_error", "message": "Overloaded"})));
    assert!(!seen.stopped);
    assert_eq!(encode_stream(&[Event::Error(ApiError::new(500, "x"))]).lines().next(), Some("event: error"));
}

#[test]
fn keep_alives_are_pings() {
    let mut encoder = DIALECT.stream_encoder(context());
    let mut out = Vec::new();
    encoder.keep_alive(Stamp::default(), &mut out);
    assert_eq!(out, b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
    let start = Event::Start(Start { id: "msg_1".into(), ..Start::default() });
    for event in [start, text("x"), Event::End] {
        encoder.push(&event, Stamp::default(), &mut out);
        encoder.keep_alive(Stamp::default(), &mut out);
    }
    let stream = String::from_utf8(out).unwrap();
    assert!(check(&stream).expect("a legal stream").stopped);
    assert_eq!(stream.matches("event: ping").count(), 3, "none after the end");
}

#[test]
fn cut_streams_are_errors() {
    let start = br#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}"#;
    let events = decode_stream([start.as_slice()]);
    assert_eq!(events[..2], [Event::Start(Start::default()), text("Hel")]);
    assert!(matches!(&events[2..], [Event::Error(error)] if error.status == 502), "{events:?}");
    let done = b"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n";
    assert_eq!(decode_stream([done.as_slice()]).last(), Some(&Event::End), "its finish was seen");
    let bad = decode_stream([b"event: message_delta\ndata: {oops\n\ndata: {}\n\n".as_slice()]);
    assert!(matches!(bad.as_slice(), [Event::Error(error)] if error.code.as_deref() == Some("upstream_error")));
}

#[test]
fn a_tap_tells_all_but_the_content() {
    let stream =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/anthropic_messages/stream_tools.txt"));
    let stream = stream.unwrap();
    let mut framer = Framer::new(Framing::Sse, DEFAULT_CAP);
    framer.push(&stream);
    let mut decoder = DIALECT.stream_decoder(Operation::Chat);
    let mut tapped = Vec::new();
    while let Some(frame) = framer.next_frame().unwrap() {
        decoder.tap(&frame, &mut tapped);
    }
    decoder.finish(&mut tapped);
    let mut expected = decode_stream([stream.as_slice()]);
    expected.retain(|event| {
        matches!(event, Event::Start(_) | Event::Usage(_) | Event::Finish(_) | Event::End | Event::Error(_))
    });
    assert_eq!(tapped, expected);
    assert!(tapped.len() >= 4);
}

#[test]
fn written_data_is_compact_json() {
    let stream = encode_stream(&[text("a\"b\n\u{1f389}"), Event::End]);
    for line in stream.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let value: Value = serde_json::from_str(line).unwrap();
        assert!(value["type"].is_string());
    }
    assert!(stream.contains(r#""text":"a\"b\n🎉""#));
}
