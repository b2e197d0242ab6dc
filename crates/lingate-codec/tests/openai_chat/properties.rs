//! What holds for any input.

use super::checker::check;
use super::{NARROW, WIDE, encode, events_of, golden, stream_of};
use lingate_codec::dialect::openai_chat::OpenAiChat;
use lingate_codec::dialect::{Dialect, Stamp};
use lingate_codec::ir::{
    Answer, ApiError, Block, Citation, Event, Finish, FinishReason, Logprob, Loss, Operation, Start, Usage,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn event() -> impl Strategy<Value = Event> {
    let text = || "[a-zä\"\\\\\n{}]{0,6}";
    let usage = (any::<Option<u64>>(), any::<Option<u64>>()).prop_map(|(input_tokens, cache_read_input_tokens)| {
        Event::Usage(Usage { input_tokens, cache_read_input_tokens, ..Usage::default() })
    });
    let reason = prop_oneof![
        Just(FinishReason::Stop),
        Just(FinishReason::Length),
        Just(FinishReason::ToolCalls),
        Just(FinishReason::ContentFilter),
        Just(FinishReason::Load)
    ];
    let citation = (text(), any::<Option<(u64, u64)>>()).prop_map(|(url, span)| {
        Event::Citation(Citation { url, title: String::new(), cited_text: String::new(), span })
    });
    let logprobs = (text(), any::<f64>()).prop_map(|(token, logprob)| {
        Event::Logprobs(vec![Logprob { token, logprob, bytes: Some(vec![1]), top: Vec::new() }])
    });
    prop_oneof![
        8 => text().prop_map(Event::Text),
        4 => text().prop_map(Event::Reasoning),
        2 => text().prop_map(Event::Refusal),
        1 => text().prop_map(Event::ReasoningSignature),
        1 => text().prop_map(Event::RedactedReasoning),
        2 => Just(Event::TextEnd),
        4 => (0..4_usize, "[ab]{0,1}", "[fg]{0,1}").prop_map(|(call, id, name)| Event::ToolCallStart { call, id, name }),
        4 => (0..4_usize, text()).prop_map(|(call, fragment)| Event::ToolCallArguments { call, fragment }),
        1 => (0..4_usize).prop_map(|call| Event::ToolCallEnd { call }),
        2 => citation,
        2 => logprobs,
        2 => usage,
        2 => reason.prop_map(|reason| Event::Finish(Finish { reason, stop_sequence: None })),
        1 => text().prop_map(|id| Event::Start(Start { id: format!("chatcmpl-{id}"), ..Start::default() })),
        1 => Just(Event::End),
        1 => text().prop_map(|message| Event::Error(ApiError::upstream(message))),
    ]
}

/// Bytes that are often nearly right.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "1",
        "-1",
        "1e999",
        "\"\"",
        "\"x\"",
        "true",
        "\\ud83c",
        "\"error\"",
        "\"choices\"",
        "\"delta\"",
        "\"message\"",
        "\"content\"",
        "\"tool_calls\"",
        "\"function\"",
        "\"name\"",
        "\"arguments\"",
        "\"index\"",
        "\"usage\"",
        "\"finish_reason\"",
        "\"stop\"",
        "\"logprobs\"",
        "\"messages\"",
        "\"role\"",
        "\"user\"",
        "\"type\"",
        "\"text\"",
        "\"image_url\"",
        "\"tools\"",
        "\"detail\"",
        "[{",
        "}]",
        "{\"choices\":[{\"delta\":{",
        "{\"messages\":[{\"role\":",
    ]);
    prop_oneof![vec(pieces, 0..24).prop_map(|pieces| pieces.concat().into_bytes()), vec(any::<u8>(), 0..64),]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_events_make_a_legal_stream(events in vec(event(), 0..24), include_usage in any::<bool>()) {
        let stream = stream_of(&events, include_usage);
        let end = events.iter().position(|event| matches!(event, Event::End | Event::Error(_)));
        let seen = check(&stream, end.is_some()).map_err(TestCaseError::fail)?;
        let before = &events[..end.unwrap_or(events.len())];
        let join = |pick: fn(&Event) -> Option<&String>| before.iter().filter_map(pick).cloned().collect::<String>();
        prop_assert_eq!(seen.content, join(|event| match event { Event::Text(text) => Some(text), _ => None }));
        prop_assert_eq!(seen.reasoning, join(|event| match event { Event::Reasoning(text) => Some(text), _ => None }));
        prop_assert_eq!(seen.refusal, join(|event| match event { Event::Refusal(text) => Some(text), _ => None }));
    }

    #[test]
    fn any_events_make_a_legal_answer(events in vec(event(), 0..24)) {
        let mut out = Vec::new();
        OpenAiChat.encode_response(&Answer::fold(events), &super::context(true), Stamp::default(), &mut out);
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        prop_assert!(value["choices"][0]["message"].is_object());
    }

    #[test]
    fn what_is_written_is_read_again(events in vec(event(), 0..24)) {
        let stream = stream_of(&events, true);
        let read = events_of(&[stream.as_bytes()]);
        let ended = events.iter().any(|event| matches!(event, Event::End));
        let failed = events.iter().find(|event| matches!(event, Event::End | Event::Error(_)));
        if ended && failed == Some(&Event::End) {
            prop_assert_eq!(read.last(), Some(&Event::End));
            prop_assert!(read.iter().any(|event| matches!(event, Event::Finish(_))));
        } else {
            prop_assert!(matches!(read.last(), Some(Event::Error(_))));
        }
        let endings = read.iter().filter(|event| matches!(event, Event::End | Event::Error(_))).count();
        prop_assert_eq!(endings, 1);
    }

    #[test]
    fn no_bytes_panic(bytes in nearly_json(), status in any::<u16>()) {
        if let Ok(request) = OpenAiChat.decode_request(Operation::Chat, &bytes) {
            for target in [&WIDE, &NARROW] {
                encode(&request, target, &mut Loss::new()).unwrap();
            }
        }
        let mut events = Vec::new();
        OpenAiChat.decode_response(Operation::Chat, &bytes, &mut events);
        prop_assert!(matches!(events.last(), Some(Event::End | Event::Error(_))));
        let error = OpenAiChat.decode_error(status, &bytes);
        prop_assert!((400..600).contains(&error.status) && !error.message.is_empty());
        OpenAiChat.is_usage_frame(&bytes);
        OpenAiChat.find_model(b"", &bytes);
        let mut framed = b"data: ".to_vec();
        framed.extend(bytes.iter().filter(|byte| !b"\r\n".contains(byte)));
        framed.extend_from_slice(b"\n\n");
        let events = events_of(&[&framed, b"data: [DONE]\n\n"]);
        prop_assert!(matches!(events.last(), Some(Event::End | Event::Error(_))));
    }

    #[test]
    fn calls_in_any_disorder_keep_their_arguments(
        entries in vec((any::<Option<u8>>(), "[ab]{0,1}", "[fg]{0,1}", prop::sample::select(vec!["", "{", "}", "{}", "1"])), 1..12)
    ) {
        let mut stream = String::new();
        for (index, id, name, arguments) in &entries {
            let index = index.map_or("null".to_owned(), |index| (index % 3).to_string());
            stream.push_str(&format!(
                "data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{{\"index\":{index},\"id\":\"{id}\",\"function\":{{\"name\":\"{name}\",\"arguments\":\"{arguments}\"}}}}]}}}}]}}\n\n"
            ));
        }
        stream.push_str("data: [DONE]\n\n");
        let events = events_of(&[stream.as_bytes()]);
        let mut open = 0;
        for event in &events {
            match event {
                Event::ToolCallStart { call, name, .. } => {
                    prop_assert_eq!(*call, open);
                    prop_assert!(!name.is_empty());
                    open += 1;
                }
                Event::ToolCallArguments { call, fragment } => {
                    prop_assert!(*call < open && !fragment.is_empty());
                }
                _ => {}
            }
        }
        let named = entries.iter().any(|(_, _, name, _)| !name.is_empty());
        let answer = Answer::fold(events);
        prop_assert_eq!(answer.blocks.iter().any(|block| matches!(block, Block::ToolCall { .. })), named);
    }
}

#[test]
fn cuts_do_not_matter() {
    for (name, stream) in golden::inputs("stream_", ".txt") {
        let bytes = stream.as_bytes();
        let whole = events_of(&[bytes]);
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(events_of(&[head, tail]), whole, "{name} cut at {at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(events_of(&single), whole, "{name} byte by byte");
    }
}

#[test]
fn golden_streams_are_legal_when_written_again() {
    for (name, stream) in golden::inputs("stream_", ".txt") {
        let events = events_of(&[stream.as_bytes()]);
        if let Err(reason) = check(&stream_of(&events, true), true) {
            panic!("{name}: {reason}");
        }
    }
}
