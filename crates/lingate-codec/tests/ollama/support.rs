//! What all tests need: short ways to decode and encode, and a checker of streams.

use lingate_codec::dialect::ollama::Ollama;
use lingate_codec::dialect::{AnswerContext, Dialect, Echo, Stamp, StreamDecoder, Target, Unsupported};
use lingate_codec::frame::{DEFAULT_CAP, Framer, Framing};
use lingate_codec::ir::{Answer, ApiError, Concept, Event, Loss, Operation, Request};
use serde_json::Value;

pub(crate) fn target() -> Target<'static> {
    Target {
        backend: "ollama",
        sampling_extensions: true,
        max_completion_tokens: false,
        custom_tools: false,
        default_max_tokens: 4096,
    }
}

pub(crate) fn context(operation: Operation) -> AnswerContext {
    AnswerContext {
        model: "asked-for".into(),
        id: "0abc".into(),
        created: 1_763_632_800,
        operation,
        include_usage: false,
        tools: Vec::new(),
        echo: Echo::default(),
    }
}

/// The `step`th moment of an answer: one millisecond a step.
pub(crate) fn stamp(step: u64) -> Stamp {
    let elapsed_nanos = (step + 1) * 1_000_000;
    Stamp { unix_nanos: 1_763_632_800_123_456_789 + elapsed_nanos, elapsed_nanos }
}

pub(crate) fn decode(operation: Operation, body: &str) -> Request<'_> {
    Ollama.decode_request(operation, body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error:?}"))
}

pub(crate) fn refusal(operation: Operation, body: &str) -> ApiError {
    match Ollama.decode_request(operation, body.as_bytes()) {
        Ok(request) => panic!("{body} was taken: {request:?}"),
        Err(error) => {
            assert_eq!(error.status, 400, "{error:?}");
            error
        }
    }
}

/// The body that a request becomes, and what was lost.
pub(crate) fn encode(request: &Request<'_>) -> (Value, Vec<String>) {
    try_encode(request).unwrap_or_else(|refused| panic!("{refused:?}"))
}

pub(crate) fn try_encode(request: &Request<'_>) -> Result<(Value, Vec<String>), Unsupported> {
    let (mut loss, mut out) = (Loss::new(), Vec::new());
    Ollama.encode_request(request, &target(), &mut loss, &mut out)?;
    let body = serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {}", show(&out)));
    // A foreign client's path of a concept is its own dialect's matter; the concept's name tells enough here.
    Ok((body, loss.paths(|concept| NAMES.iter().find(|(c, _)| *c == concept).map_or("other", |(_, name)| name))))
}

const NAMES: &[(Concept, &str)] = &[
    (Concept::User, "User"),
    (Concept::Metadata, "Metadata"),
    (Concept::ServiceTier, "ServiceTier"),
    (Concept::ParallelToolCalls, "ParallelToolCalls"),
    (Concept::Thinking, "Thinking"),
];

pub(crate) fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Events of a stream that arrives in the given pieces.
pub(crate) fn events_of<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Event> {
    let mut framer = Framer::new(Framing::Ndjson, DEFAULT_CAP);
    let mut decoder = Ollama.stream_decoder(Operation::Chat);
    let mut events = Vec::new();
    for piece in pieces {
        framer.push(piece);
        drain(&mut framer, decoder.as_mut(), &mut events);
    }
    framer.finish();
    drain(&mut framer, decoder.as_mut(), &mut events);
    decoder.finish(&mut events);
    events
}

fn drain(framer: &mut Framer, decoder: &mut dyn StreamDecoder, events: &mut Vec<Event>) {
    while let Some(frame) = framer.next_frame().unwrap() {
        decoder.push(&frame, events);
    }
}

/// The stream that events become.
pub(crate) fn stream_of(operation: Operation, events: &[Event]) -> Vec<u8> {
    let mut encoder = Ollama.stream_encoder(context(operation));
    let mut out = Vec::new();
    for (step, event) in events.iter().enumerate() {
        encoder.push(event, stamp(step as u64), &mut out);
    }
    out
}

pub(crate) fn whole_of(operation: Operation, events: Vec<Event>) -> Value {
    let mut out = Vec::new();
    Ollama.encode_response(&Answer::fold(events), &context(operation), stamp(1), &mut out);
    serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {}", show(&out)))
}

pub(crate) fn events_of_whole(body: &str) -> Vec<Event> {
    let mut events = Vec::new();
    Ollama.decode_response(Operation::Chat, body.as_bytes(), &mut events);
    events
}

/// Checks that bytes are a legal stream, complete or not; gives its lines. Written from the wire's description,
/// not from the encoder.
pub(crate) fn check_stream(operation: Operation, bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is not closed: {text}");
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    for (number, line) in lines.iter().enumerate() {
        let last = number + 1 == lines.len();
        if let Some(error) = line.get("error") {
            assert!(error.is_string() && last && line.as_object().unwrap().len() == 1, "{line}");
            continue;
        }
        assert_eq!(line["model"], "asked-for", "{line}");
        check_time(line["created_at"].as_str().unwrap());
        let done = line["done"].as_bool().unwrap();
        assert!(!done || last, "a line after done: {text}");
        assert_eq!(line.get("done_reason").is_some(), done, "{line}");
        let loaded = line["done_reason"] == "load" || line["done_reason"] == "unload";
        assert_eq!(line.get("total_duration").is_some(), done && !loaded, "{line}");
        let said = match operation {
            Operation::Chat => &line["message"],
            Operation::TextCompletion => line,
        };
        match operation {
            Operation::Chat => assert!(said["role"] == "assistant" && said["content"].is_string(), "{line}"),
            Operation::TextCompletion => assert!(said["response"].is_string(), "{line}"),
        }
        assert!(said.get("thinking").is_none_or(Value::is_string), "{line}");
        for call in said["tool_calls"].as_array().into_iter().flatten() {
            assert!(!call["id"].as_str().unwrap().is_empty(), "{line}");
            assert!(call["function"]["name"].is_string() && call["function"]["arguments"].is_object(), "{line}");
        }
    }
    lines
}

/// `2025-11-20T10:00:00.123456789Z`
pub(crate) fn check_time(time: &str) {
    let form: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "0000-00-00T00:00:00.000000000Z", "{time}");
}
