//! Whatever comes: no panic, no illegal stream, nothing lost.

use crate::checker::check;
use crate::golden::inputs;
use crate::{DIALECT, decode_stream, encode_stream, target};
use lingate_codec::dialect::Stamp;
use lingate_codec::frame::Frame;
use lingate_codec::ir::{Answer, ApiError, Citation, Event, Finish, FinishReason, Loss, Operation, Start, Usage};
use lingate_codec::json::Object;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), Just(" ".to_owned()), "[a-z\"\\\\\n\u{e9}\u{1f389}]{1,6}"]
}

fn fragment() -> impl Strategy<Value = String> {
    let known = ["", "{", "}", "{}", "{\"a\":", "\"x\\\"}\"", "1}", "[", "]", "null", " ", "\"", "\\"];
    prop_oneof![proptest::sample::select(known.to_vec()).prop_map(str::to_owned), piece()]
}

fn reason() -> impl Strategy<Value = FinishReason> {
    use FinishReason::{ContentFilter, Length, Load, Pause, Stop, StopSequence, ToolCalls};
    proptest::sample::select(vec![ContentFilter, Length, Load, Pause, Stop, StopSequence, ToolCalls])
}

fn event() -> impl Strategy<Value = Event> {
    let call = 0..4_usize;
    let counts = (proptest::option::of(any::<u64>()), proptest::option::of(any::<u64>()));
    prop_oneof![
        1 => piece().prop_map(|id| Event::Start(Start { id, ..Start::default() })),
        4 => piece().prop_map(Event::Text),
        1 => Just(Event::TextEnd),
        2 => piece().prop_map(Event::Reasoning),
        1 => piece().prop_map(Event::ReasoningSignature),
        1 => piece().prop_map(Event::RedactedReasoning),
        1 => piece().prop_map(Event::Refusal),
        4 => (call.clone(), piece(), piece()).prop_map(|(call, id, name)| Event::ToolCallStart { call, id, name }),
        8 => (call.clone(), fragment()).prop_map(|(call, fragment)| Event::ToolCallArguments { call, fragment }),
        1 => call.prop_map(|call| Event::ToolCallEnd { call }),
        1 => (piece(), piece()).prop_map(|(url, title)| {
            Event::Citation(Citation { url, title, cited_text: String::new(), span: None })
        }),
        1 => counts.prop_map(|(input_tokens, cache_read_input_tokens)| {
            Event::Usage(Usage { input_tokens, cache_read_input_tokens, ..Usage::default() })
        }),
        1 => (reason(), proptest::option::of(piece()))
            .prop_map(|(reason, stop_sequence)| Event::Finish(Finish { reason, stop_sequence })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_order_of_events_gives_a_legal_stream(
        mut events in proptest::collection::vec(event(), 0..40),
        failing in any::<bool>(),
        after in proptest::collection::vec(event(), 0..3),
    ) {
        events.push(if failing { Event::Error(ApiError::new(500, "x")) } else { Event::End });
        let stream = encode_stream(&events);
        let seen = check(&stream).map_err(TestCaseError::fail)?;
        prop_assert_eq!(seen.stopped, !failing);
        prop_assert_eq!(seen.error.is_some(), failing);
        let all: Vec<_> = events.iter().chain(&after).cloned().collect();
        prop_assert_eq!(&encode_stream(&all), &stream, "nothing follows the ending");
        if failing {
            return Ok(());
        }
        let (mut text, mut thoughts, mut calls) = (String::new(), String::new(), BTreeMap::new());
        for event in &events {
            match event {
                Event::Text(more) | Event::Refusal(more) => text.push_str(more),
                Event::Reasoning(more) => thoughts.push_str(more),
                Event::ToolCallStart { call, name, .. } => {
                    calls.entry(*call).or_insert_with(|| name.clone());
                }
                _ => {}
            }
        }
        prop_assert_eq!(seen.text(), text);
        prop_assert_eq!(seen.thoughts(), thoughts);
        let mut names: Vec<_> = calls.into_values().collect();
        let mut written: Vec<_> = seen.content.iter().filter(|block| block["type"] == "tool_use")
            .map(|block| block["name"].as_str().unwrap_or_default().to_owned()).collect();
        names.sort();
        written.sort();
        prop_assert_eq!(written, names);
    }

    #[test]
    fn what_is_written_reads_back(events in proptest::collection::vec(event(), 0..40)) {
        let mut events = events;
        events.push(Event::End);
        let first = encode_stream(&events);
        let again = decode_stream([first.as_bytes()]);
        prop_assert_eq!(again.last(), Some(&Event::End));
        prop_assert_eq!(encode_stream(&again), first, "a second time changes nothing");
    }

    #[test]
    fn any_bytes_are_borne(bytes in proptest::collection::vec(any::<u8>(), 0..200), status in 400..600_u16) {
        everything(&bytes, status)?;
    }

    #[test]
    fn any_damage_is_borne(
        index in any::<proptest::sample::Index>(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let all: Vec<_> = ["request_", "response_", "stream_"].into_iter().flat_map(inputs).collect();
        let mut bytes = index.get(&all).1.clone();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        everything(&bytes, 500)?;
        let lines = String::from_utf8_lossy(&bytes).into_owned();
        for line in lines.lines().filter_map(|line| line.strip_prefix("data: ")) {
            everything(line.as_bytes(), 500)?;
        }
    }

    #[test]
    fn any_json_is_borne(json in json_text(), event in proptest::sample::select(vec![
        "", "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "error",
    ])) {
        everything(json.as_bytes(), 500)?;
        let mut decoder = DIALECT.stream_decoder(Operation::Chat);
        let mut events = Vec::new();
        let frame = Frame { raw: b"", event: event.as_bytes(), data: json.as_bytes().into(), data_at: 0 };
        decoder.push(&frame, &mut events);
        decoder.tap(&frame, &mut events);
        decoder.finish(&mut events);
        let endings = events.iter().filter(|event| matches!(event, Event::End | Event::Error(_))).count();
        prop_assert_eq!(endings, 1);
        prop_assert!(matches!(events.last(), Some(Event::End | Event::Error(_))));
    }
}

/// JSON made of this dialect's words.
fn json_text() -> impl Strategy<Value = String> {
    let word = proptest::sample::select(vec![
        "type",
        "text",
        "message",
        "messages",
        "content",
        "role",
        "user",
        "assistant",
        "tool_use",
        "tool_result",
        "id",
        "input",
        "name",
        "delta",
        "index",
        "usage",
        "input_tokens",
        "stop_reason",
        "content_block",
        "thinking",
        "error",
        "signature",
        "tools",
        "max_tokens",
        "model",
        "system",
        "source",
        "base64",
        "url",
        "image",
        "document",
        "data",
        "media_type",
        "text_delta",
        "input_json_delta",
        "partial_json",
        "message_delta",
        "content_block_delta",
    ]);
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<i32>().prop_map(|number| number.to_string()),
        word.clone().prop_map(|word| format!("\"{word}\"")),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        let members = proptest::collection::vec((word.clone(), inner.clone()), 0..5);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(|elements| format!("[{}]", elements.join(","))),
            members.prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// Gives the bytes to all that reads bytes.
fn everything(bytes: &[u8], status: u16) -> Result<(), TestCaseError> {
    if let Ok(request) = DIALECT.decode_request(Operation::Chat, bytes) {
        let mut out = Vec::new();
        if DIALECT.encode_request(&request, &target(), &mut Loss::new(), &mut out).is_ok() {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
        }
    }
    if let Ok(object) = Object::parse(bytes) {
        let _checked = DIALECT.check(Operation::Chat, &object);
    }
    let mut events = Vec::new();
    DIALECT.decode_response(Operation::Chat, bytes, &mut events);
    prop_assert!(matches!(events.last(), Some(Event::End | Event::Error(_))));
    let mut out = Vec::new();
    DIALECT.encode_response(&Answer::fold(events), &crate::context(), Stamp::default(), &mut out);
    prop_assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
    let events = decode_stream([bytes]);
    prop_assert!(matches!(events.last(), Some(Event::End | Event::Error(_))));
    check(&encode_stream(&events)).map_err(TestCaseError::fail)?;
    let error = DIALECT.decode_error(status, bytes);
    prop_assert_eq!(error.status, status);
    prop_assert!(error.message.chars().count() <= 2000);
    for event in [b"".as_slice(), b"message_start", b"ping"] {
        if let Some(range) = DIALECT.find_model(event, bytes) {
            prop_assert!(bytes[range].starts_with(b"\""));
        }
    }
    Ok(())
}
