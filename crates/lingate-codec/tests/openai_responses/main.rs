//! The Responses dialect from outside. What its requests and answers become for other dialects, are golden files of
//! the matrix; the order of its events is a property of `tests/streams`.
#![cfg(test)]

mod echoed;
mod forms;
mod messy;
mod relayed;
mod requests;
mod thoughts;

use lingate_codec::dialect::openai_responses::OpenAiResponses;
use lingate_codec::dialect::{AnswerContext, Dialect, Echo, Stamp, ToolForm};
use lingate_codec::frame::{DEFAULT_CAP, Framer, Framing};
use lingate_codec::ir::{Answer, Event, Finish, FinishReason, Operation};
use serde_json::{Value, json};

const DIALECT: OpenAiResponses = OpenAiResponses;

fn context(tools: Vec<ToolForm>) -> AnswerContext {
    AnswerContext {
        model: "client-model".into(),
        id: "q1w2".into(),
        created: 1_760_000_100,
        operation: Operation::Chat,
        include_usage: false,
        tools,
        echo: Echo::default(),
    }
}

/// Decodes a stream of these events; frames have names.
fn read(events: &[Value]) -> Vec<Event> {
    let stream: String = events
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default()))
        .collect();
    let mut framer = Framer::new(Framing::Sse, DEFAULT_CAP);
    framer.push(stream.as_bytes());
    framer.finish();
    let mut decoder = DIALECT.stream_decoder(Operation::Chat);
    let mut read = Vec::new();
    while let Some(frame) = framer.next_frame().unwrap() {
        decoder.push(&frame, &mut read);
    }
    decoder.finish(&mut read);
    read
}

/// Writes a stream and gives back its events.
fn written<'e>(events: impl IntoIterator<Item = &'e Event>, context: AnswerContext) -> Vec<Value> {
    let mut encoder = DIALECT.stream_encoder(context);
    let mut out = Vec::new();
    events.into_iter().for_each(|event| encoder.push(event, Stamp::default(), &mut out));
    let stream = String::from_utf8(out).unwrap();
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// Writes a whole answer.
fn whole(events: Vec<Event>, context: &AnswerContext) -> Value {
    let mut out = Vec::new();
    DIALECT.encode_response(&Answer::fold(events), context, Stamp::default(), &mut out);
    serde_json::from_slice(&out).unwrap()
}

/// The output of the whole response, which must be the same in a stream and in a whole answer.
fn output(events: &[Event], context: &AnswerContext) -> Value {
    let streamed = written(events, context.clone());
    let last = streamed.last().unwrap();
    let whole = whole(events.to_vec(), context);
    assert_eq!(last["response"]["output"], whole["output"]);
    whole["output"].clone()
}

fn finish() -> Event {
    Event::Finish(Finish { reason: FinishReason::Stop, stop_sequence: None })
}

fn call(call: usize, id: &str, name: &str, fragments: &[&str]) -> Vec<Event> {
    let mut events = vec![Event::ToolCallStart { call, id: id.into(), name: name.into() }];
    events.extend(fragments.iter().map(|fragment| Event::ToolCallArguments { call, fragment: (*fragment).to_owned() }));
    events.push(Event::ToolCallEnd { call });
    events
}

/// The types of events, without `response.`.
fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap().trim_start_matches("response.")).collect()
}

fn response(status: &str, output: &Value) -> Value {
    json!({"id": "resp_1", "object": "response", "created_at": 1, "model": "up", "status": status, "output": output})
}
