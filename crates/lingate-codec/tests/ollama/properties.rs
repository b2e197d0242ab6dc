//! Properties: streams are legal whatever the events, and no input makes anything panic.

use crate::support::{check_stream, context, events_of, stamp, stream_of, target};
use lingate_codec::dialect::ollama::{Ollama, is_load_request};
use lingate_codec::dialect::{Dialect, RelayWants};
use lingate_codec::frame::Frame;
use lingate_codec::ir::{
    Answer, ApiError, Citation, Event, Finish, FinishReason, Logprob, Loss, Operation, Start, Usage,
};
use lingate_codec::json::{Edits, Object};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use std::borrow::Cow;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,12}",
        Just("{\"a\":1}".to_owned()),
        Just("{\n\"a\":".to_owned()),
        Just("1}".to_owned()),
        Just(String::new()),
        any::<String>(),
    ]
}

fn logprob() -> impl Strategy<Value = Logprob> {
    (text(), any::<f64>(), any::<Option<Vec<u8>>>(), text()).prop_map(|(token, logprob, bytes, other)| Logprob {
        token,
        logprob,
        bytes,
        top: vec![Logprob { token: other, logprob: -logprob, bytes: None, top: vec![] }],
    })
}

fn event() -> impl Strategy<Value = Event> {
    let call = prop_oneof![0_usize..3, Just(usize::MAX)];
    let reason = prop_oneof![
        Just(FinishReason::Stop),
        Just(FinishReason::Length),
        Just(FinishReason::ToolCalls),
        Just(FinishReason::ContentFilter),
        Just(FinishReason::Load),
        Just(FinishReason::Unload),
    ];
    prop_oneof![
        1 => text().prop_map(|model| Event::Start(Start { model, ..Start::default() })),
        6 => text().prop_map(Event::Text),
        1 => Just(Event::TextEnd),
        3 => text().prop_map(Event::Reasoning),
        1 => text().prop_map(Event::ReasoningSignature),
        1 => text().prop_map(Event::RedactedReasoning),
        2 => text().prop_map(Event::Refusal),
        4 => (call.clone(), text(), text()).prop_map(|(call, id, name)| Event::ToolCallStart { call, id, name }),
        6 => (call.clone(), text()).prop_map(|(call, fragment)| Event::ToolCallArguments { call, fragment }),
        2 => call.prop_map(|call| Event::ToolCallEnd { call }),
        1 => text().prop_map(|url| Event::Citation(Citation {
            url, title: String::new(), cited_text: String::new(), span: None
        })),
        1 => vec(logprob(), 0..3).prop_map(Event::Logprobs),
        2 => any::<(Option<u64>, Option<u64>)>().prop_map(|(input_tokens, output_tokens)| Event::Usage(Usage {
            input_tokens, output_tokens, ..Usage::default()
        })),
        1 => reason.prop_map(|reason| Event::Finish(Finish { reason, stop_sequence: None })),
        1 => Just(Event::End),
        1 => text().prop_map(|message| Event::Error(ApiError::upstream(message))),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![Just(Operation::Chat), Just(Operation::TextCompletion)]
}

/// The text of an answer up to its end.
fn said(events: &[Event]) -> (String, String) {
    let ended = events.iter().position(|event| matches!(event, Event::End | Event::Error(_)));
    let heard = &events[..ended.map_or(events.len(), |end| end + 1)];
    heard.iter().fold((String::new(), String::new()), |(mut text, mut thought), event| {
        match event {
            Event::Text(more) | Event::Refusal(more) => text.push_str(more),
            Event::Reasoning(more) => thought.push_str(more),
            _ => {}
        }
        (text, thought)
    })
}

/// Known members with values of any kind, so that decoding gets beyond the first wrong one now and then.
fn body() -> impl Strategy<Value = Value> {
    let keys = prop::sample::select(vec![
        "model",
        "name",
        "stream",
        "messages",
        "prompt",
        "system",
        "images",
        "tools",
        "format",
        "think",
        "options",
        "keep_alive",
        "truncate",
        "raw",
        "context",
        "suffix",
        "role",
        "content",
        "thinking",
        "tool_calls",
        "tool_name",
        "tool_call_id",
        "id",
        "function",
        "arguments",
        "type",
        "parameters",
        "description",
        "strict",
        "temperature",
        "num_predict",
        "stop",
        "seed",
        "num_ctx",
        "use_mmap",
        "message",
        "response",
        "done",
        "done_reason",
        "error",
        "detail",
        "logprobs",
        "token",
        "logprob",
        "top_logprobs",
        "bytes",
        "eval_count",
        "prompt_eval_count",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["", "user", "Assistant", "tool", "system", "json", "high", "function", "AAAA", "0s"])
            .prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            vec((keys.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

/// Everything that reads foreign bytes.
fn read_everything(operation: Operation, bytes: &[u8]) {
    let mut events = Vec::new();
    Ollama.decode_response(operation, bytes, &mut events);
    assert!(matches!(events.last(), Some(Event::End | Event::Error(_))), "{events:?}");
    let endings = events.iter().filter(|event| matches!(event, Event::End | Event::Error(_))).count();
    assert_eq!(endings, 1, "{events:?}");
    let _ = Ollama.decode_error(500, bytes);
    let _ = Ollama.find_model(b"", bytes);
    let mut decoder = Ollama.stream_decoder(operation);
    let frame = Frame { raw: bytes, event: b"", data: Cow::Borrowed(bytes), data_at: 0 };
    decoder.push(&frame, &mut events);
    decoder.tap(&frame, &mut events);
    decoder.finish(&mut events);
    if let Ok(object) = Object::parse(bytes) {
        let _ = Ollama.check(operation, &object);
        let _ = is_load_request(operation, &object);
        let strip = ["stop".to_owned(), "options.seed".to_owned()];
        let wants =
            RelayWants { model: "m", stream: Some(false), system_prompt: "s", strip: &strip, ..RelayWants::default() };
        let mut edits = Edits::new();
        Ollama.relay_edits(&object, &wants, &mut edits);
        let edited = edits.apply_to_vec(&object);
        assert!(Object::parse(&edited).is_ok(), "{}", String::from_utf8_lossy(&edited));
    }
    if let Ok(request) = Ollama.decode_request(operation, bytes) {
        let (mut loss, mut out) = (Loss::new(), Vec::new());
        if Ollama.encode_request(&request, &target(), &mut loss, &mut out).is_ok() {
            let again: Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(again["stream"], request.stream);
            Ollama.decode_request(operation, &out).unwrap_or_else(|error| panic!("{error:?}: {again}"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_events_make_a_legal_stream(operation in operation(), events in vec(event(), 0..24)) {
        let out = stream_of(operation, &events);
        let lines = check_stream(operation, &out);
        let over = events.iter().find(|event| matches!(event, Event::End | Event::Error(_)));
        let last = lines.last();
        match over {
            Some(Event::End) => prop_assert_eq!(&last.unwrap()["done"], true),
            Some(_) => prop_assert!(last.unwrap().get("error").is_some()),
            None => prop_assert!(lines.iter().all(|line| line["done"] == false)),
        }
        let (text, thought) = said(&events);
        let answer = Answer::fold(events_of([out.as_slice()]));
        prop_assert_eq!(answer.text(), text);
        prop_assert_eq!(answer.reasoning(), thought);
    }

    #[test]
    fn any_events_make_a_whole_answer(operation in operation(), events in vec(event(), 0..24)) {
        let mut out = Vec::new();
        Ollama.encode_response(&Answer::fold(events), &context(operation), stamp(1), &mut out);
        out.push(b'\n');
        let lines = check_stream(operation, &out);
        prop_assert_eq!((lines.len(), &lines[0]["done"]), (1, &Value::from(true)));
    }

    #[test]
    fn any_cut_gives_the_same_events(events in vec(event(), 0..12), cuts in vec(any::<prop::sample::Index>(), 0..6)) {
        let bytes = stream_of(Operation::Chat, &events);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
        prop_assert_eq!(events_of(pieces), events_of([bytes.as_slice()]));
    }

    #[test]
    fn any_bytes_are_read_without_panic(operation in operation(), bytes in vec(any::<u8>(), 0..200)) {
        read_everything(operation, &bytes);
    }

    #[test]
    fn any_json_is_read_without_panic(operation in operation(), body in body()) {
        read_everything(operation, body.to_string().as_bytes());
        let wrapped = serde_json::json!({"model": "m", "messages": [body], "message": body, "options": body});
        read_everything(operation, wrapped.to_string().as_bytes());
    }
}
