//! Upstreams that leave things out, or say them otherwise.

use super::{DIALECT, context, finish, read, response, types, written};
use lingate_codec::dialect::{Dialect, Stamp};
use lingate_codec::frame::Frame;
use lingate_codec::ir::{Answer, ApiError, Citation, ErrorKind, Event, FinishReason, Logprob, Operation};
use serde_json::{Value, json};

fn message(id: &str, text: &str) -> Value {
    json!({"id": id, "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]})
}

fn completed(output: &Value) -> Value {
    json!({"type": "response.completed", "response": response("completed", output)})
}

fn delta(index: u64, id: &str, text: &str) -> Value {
    json!({"type": "response.output_text.delta", "output_index": index, "item_id": id, "content_index": 0, "delta": text})
}

/// One call that is named by its item's id here and by its call's id there.
#[test]
fn one_call_under_two_ids_is_one() {
    let item = |arguments: &str| json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": arguments});
    let added = |item: &Value| json!({"type": "response.output_item.added", "output_index": 0, "item": item});
    let delta = |id: &str, text: &str| json!({"type": "response.function_call_arguments.delta", "item_id": id, "output_index": 0, "delta": text});
    let done = |id: &str| json!({"type": "response.function_call_arguments.done", "item_id": id, "output_index": 0, "arguments": "{\"a\":1}"});
    let item_done = |item: &Value| json!({"type": "response.output_item.done", "output_index": 0, "item": item});
    let whole = item("{\"a\":1}");
    let mut other_id = whole.clone();
    other_id["id"] = json!("call_1");
    let without = |mut event: Value| {
        event.as_object_mut().unwrap().remove("output_index");
        event
    };
    let usual = |id: &str, last: &Value| {
        vec![
            added(&item("")),
            delta(id, "{\"a\""),
            delta(id, ":1}"),
            done(id),
            item_done(last),
            completed(&json!([last])),
        ]
    };
    let mut streams: Vec<Vec<Value>> = Vec::new();
    for id in ["fc_1", "call_1", ""] {
        for last in [&whole, &other_id] {
            streams.push(usual(id, last));
            if !id.is_empty() {
                streams.push(usual(id, last).into_iter().map(without).collect());
            }
        }
    }
    // The call's id alone, and no item that announces it; the same announced twice.
    streams.push(vec![delta("call_1", "{\"a\":1}"), item_done(&whole), completed(&json!([whole]))]);
    streams.push(vec![added(&item("")), added(&other_id), item_done(&whole), completed(&json!([whole]))]);
    streams.push(vec![added(&item("")), completed(&json!([other_id]))]);
    for events in streams {
        let out = read(&events);
        let starts: Vec<&Event> = out.iter().filter(|event| matches!(event, Event::ToolCallStart { .. })).collect();
        let [Event::ToolCallStart { id, name, .. }] = &starts[..] else { panic!("{starts:?} of {events:#?}") };
        assert_eq!((id.as_str(), name.as_str()), ("call_1", "f"), "{events:#?}");
        let arguments: String = out
            .iter()
            .filter_map(|event| match event {
                Event::ToolCallArguments { fragment, .. } => Some(fragment.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(arguments, "{\"a\":1}", "{events:#?}");
    }
}

#[test]
fn every_text_is_told_once() {
    let added = |index: u64, id: &str| json!({"type": "response.output_item.added", "output_index": index, "item": {"id": id, "type": "message", "content": []}});
    let item_done = |index: u64, id: &str, text: &str| json!({"type": "response.output_item.done", "output_index": index, "item": message(id, text)});
    let done = json!({"type": "response.output_text.done", "output_index": 0, "item_id": "m", "content_index": 0, "text": "Hello"});
    for (events, expected) in [
        // Nothing but deltas, and an output that is left out.
        (vec![delta(0, "m", "Hel"), delta(0, "m", "lo"), completed(&json!([]))], "Hello"),
        // Some deltas are missing.
        (vec![delta(0, "m", "Hel"), done, completed(&json!([message("m", "Hello")]))], "Hello"),
        (vec![delta(0, "m", "Hel"), item_done(0, "m", "Hello"), completed(&json!([]))], "Hello"),
        (vec![added(0, "m"), completed(&json!([message("m", "Hello")]))], "Hello"),
        // Ids that change.
        (
            vec![added(0, "a"), delta(0, "b", "Hel"), delta(0, "b", "lo"), completed(&json!([message("c", "Hello")]))],
            "Hello",
        ),
        // No place but the id; no id but the place.
        (
            vec![
                json!({"type": "response.output_item.added", "item": {"id": "m", "type": "message"}}),
                json!({"type": "response.output_text.delta", "item_id": "m", "delta": "Hello"}),
                completed(&json!([message("m", "Hello")])),
            ],
            "Hello",
        ),
        (
            vec![
                json!({"type": "response.output_text.delta", "delta": "Hello"}),
                completed(&json!([message("", "Hello")])),
            ],
            "Hello",
        ),
        // Every item at place 0.
        (
            vec![
                added(0, "a"),
                delta(0, "a", "A"),
                item_done(0, "a", "A"),
                added(0, "b"),
                delta(0, "b", "B"),
                completed(&json!([message("a", "A"), message("b", "B")])),
            ],
            "AB",
        ),
        // An output without the items that are not messages.
        (
            vec![
                json!({"type": "response.output_item.added", "output_index": 0, "item": {"id": "r", "type": "reasoning"}}),
                delta(1, "x", "Hello"),
                completed(&json!([message("y", "Hello")])),
            ],
            "Hello",
        ),
        // Events of kinds yet to come, and an end before them.
        (
            vec![
                json!({"type": "response.new.thing", "delta": "x"}),
                delta(0, "m", "Hello"),
                completed(&json!([])),
                delta(0, "m", "!"),
            ],
            "Hello",
        ),
    ] {
        let read = read(&events);
        assert_eq!(read.last(), Some(&Event::End), "{events:?}");
        assert_eq!(Answer::fold(read).text(), expected, "{events:?}");
    }
}

#[test]
fn interleaved_messages_stay_apart() {
    let events = [delta(0, "a", "A"), delta(1, "b", "B"), delta(0, "a", "A"), completed(&json!([]))];
    let answer = Answer::fold(read(&events));
    assert_eq!(answer.blocks.len(), 3, "{:?}", answer.blocks);
}

#[test]
fn arguments_come_whole_or_as_an_object() {
    let item = |arguments: Value| json!({"id": "fc", "type": "function_call", "call_id": "c", "name": "f", "arguments": arguments});
    let added = json!({"type": "response.output_item.added", "output_index": 0, "item": item(json!(""))});
    let done = json!({"type": "response.function_call_arguments.done", "output_index": 0, "item_id": "fc", "arguments": "{\"a\":1}"});
    let early = json!({"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "fc", "delta": "{\"a\":"});
    for events in [
        vec![added.clone(), done.clone(), completed(&json!([item(json!("{\"a\":1}"))]))],
        vec![added, early.clone(), completed(&json!([item(json!("{\"a\":1}"))]))],
        // Before its name is known, a call cannot be told.
        vec![early, done, completed(&json!([item(json!({"a": 1}))]))],
    ] {
        let told: Vec<_> = read(&events).into_iter().filter(|event| !matches!(event, Event::Start(_))).collect();
        let arguments = told.iter().filter_map(|event| match event {
            Event::ToolCallArguments { fragment, .. } => Some(fragment.as_str()),
            _ => None,
        });
        assert_eq!(arguments.collect::<String>(), "{\"a\":1}", "{events:?}");
        assert!(matches!(&told[0], Event::ToolCallStart { id, name, .. } if id == "c" && name == "f"));
        let reason =
            told.iter().find_map(|event| if let Event::Finish(finish) = event { Some(finish.reason) } else { None });
        assert_eq!(reason, Some(FinishReason::ToolCalls));
    }
}

#[test]
fn failures_are_errors() {
    let failed = |error: Value| {
        let mut response = response("failed", &json!([]));
        response["error"] = error;
        json!({"type": "response.failed", "response": response})
    };
    for (event, status, kind) in [
        (failed(json!({"code": "rate_limit_exceeded", "message": "m"})), 429, ErrorKind::RateLimit),
        (failed(json!({"code": "server_error", "message": "m"})), 500, ErrorKind::Api),
        (failed(json!({"code": "invalid_image", "message": "m"})), 400, ErrorKind::InvalidRequest),
        (
            json!({"type": "error", "code": "server_is_overloaded", "message": "m", "param": null}),
            503,
            ErrorKind::Overloaded,
        ),
        (
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": "m"}}),
            400,
            ErrorKind::InvalidRequest,
        ),
        (json!({"error": {"message": "m", "code": 502}}), 502, ErrorKind::Api),
        (json!({"error": "m"}), 502, ErrorKind::Api),
    ] {
        let read = read(&[delta(0, "m", "Half"), event.clone(), completed(&json!([]))]);
        let Some(Event::Error(error)) = read.last() else { panic!("{event}: {read:?}") };
        assert_eq!((error.status, error.kind, error.message.as_str()), (status, kind, "m"), "{event}");
    }
    let unsaid = read(&[failed(Value::Null)]);
    assert!(matches!(unsaid.last(), Some(Event::Error(_))), "{unsaid:?}");
    let cut = read(&[delta(0, "m", "Half")]);
    assert!(matches!(cut.last(), Some(Event::Error(_))), "{cut:?}");
}

#[test]
fn an_error_in_mid_stream_ends_it() {
    let mut error = ApiError::new(429, "Slow down.");
    error.code = Some("insufficient_quota".into());
    let events = [Event::Text("Half".into()), Event::Error(error), Event::Text("x".into()), Event::End];
    let stream = written(&events, context(vec![]));
    let last = stream.last().unwrap();
    assert_eq!(last["type"], "response.failed");
    assert_eq!(last["response"]["error"], json!({"code": "insufficient_quota", "message": "Slow down."}));
    assert_eq!(types(&stream).iter().filter(|kind| **kind == "failed").count(), 1);
    let at_once = written(&[Event::Error(ApiError::upstream("x"))], context(vec![]));
    assert_eq!(types(&at_once), ["created", "in_progress", "failed"]);
    assert_eq!(at_once[2]["response"]["error"]["code"], "server_error");
}

#[test]
fn tokens_and_sources_stay_with_their_text() {
    let token = |text: &str| Logprob { token: text.into(), logprob: -0.5, bytes: None, top: vec![] };
    let source = |span| {
        Event::Citation(Citation { url: "https://x".into(), title: "X".into(), cited_text: String::new(), span })
    };
    let events = [
        Event::Logprobs(vec![token("A")]),
        Event::Text("A".into()),
        Event::TextEnd,
        source(None),
        Event::Text("é".into()),
        Event::Logprobs(vec![token("é")]),
        source(Some((1, 2))),
        finish(),
        Event::End,
    ];
    let output = super::output(&events, &context(vec![]));
    for (at, token) in ["A", "é"].into_iter().enumerate() {
        let part = &output[0]["content"][at];
        assert_eq!(part["text"], token);
        assert_eq!(part["logprobs"][0]["token"], token);
        let annotation =
            json!({"type": "url_citation", "start_index": 0, "end_index": 1, "url": "https://x", "title": "X"});
        assert_eq!(part["annotations"], json!([annotation]));
    }
    // Read again, the places count in the whole text.
    let body = super::whole(events.to_vec(), &context(vec![])).to_string();
    let mut again = Vec::new();
    DIALECT.decode_response(Operation::Chat, body.as_bytes(), &mut again);
    let spans: Vec<_> =
        again.iter().filter_map(|event| if let Event::Citation(it) = event { it.span } else { None }).collect();
    assert_eq!(spans, [(0, 1), (1, 2)]);
}

#[test]
fn more_than_can_be_held_is_refused() {
    let piece = Event::Text("x".repeat(1 << 20));
    let mut encoder = DIALECT.stream_encoder(context(vec![]));
    let (mut out, mut written) = (Vec::new(), 0);
    for _ in 0..70 {
        out.clear();
        encoder.push(&piece, Stamp::default(), &mut out);
        written += usize::from(!out.is_empty());
        if out.windows(15).any(|window| window == b"response.failed") {
            break;
        }
    }
    assert_eq!(written, 65, "64 MiB and the refusal");

    let mut decoder = DIALECT.stream_decoder(Operation::Chat);
    let mut events = Vec::new();
    for number in 0..10_000 {
        let data = json!({"type": "response.output_item.added", "output_index": number, "item": {"type": "message"}})
            .to_string();
        decoder.push(&Frame { raw: b"", event: b"", data: data.as_bytes().into(), data_at: 0 }, &mut events);
    }
    assert!(matches!(events.last(), Some(Event::Error(_))) && events.len() == 2, "{events:?}");
}
