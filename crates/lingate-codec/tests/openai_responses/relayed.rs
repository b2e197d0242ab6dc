//! Answers that pass as they are.

use super::{DIALECT, response};
use lingate_codec::dialect::Dialect;
use lingate_codec::frame::{DEFAULT_CAP, Framer, Framing};
use lingate_codec::ir::{ApiError, Event, FinishReason, Operation};
use lingate_codec::relay::{RelayedAnswer, in_band_error};
use serde_json::json;

fn stream(named: bool) -> String {
    let mut end = response(
        "completed",
        &json!([{"type": "function_call", "name": "f", "call_id": "c", "id": "i", "arguments": "{}"}]),
    );
    end["usage"] = json!({"input_tokens": 3, "output_tokens": 2, "total_tokens": 5});
    let events = [
        json!({"type": "response.created", "response": response("in_progress", &json!([]))}),
        json!({"type": "response.output_text.delta", "output_index": 0, "item_id": "m", "delta": "\"model\":\"up\""}),
        json!({"type": "response.completed", "response": end}),
    ];
    let frame = |event: &serde_json::Value| {
        let name = if named { format!("event: {}\n", event["type"].as_str().unwrap()) } else { String::new() };
        format!("{name}data: {event}\n\n")
    };
    events.iter().map(frame).collect()
}

#[test]
fn the_model_is_renamed_wherever_it_stands() {
    for named in [true, false] {
        let stream = stream(named);
        let mut framer = Framer::new(Framing::Sse, DEFAULT_CAP);
        framer.push(stream.as_bytes());
        let mut relayed = RelayedAnswer::new(Some("mine".into()), true);
        let mut decoder = DIALECT.stream_decoder(Operation::Chat);
        let (mut out, mut events) = (Vec::new(), Vec::new());
        while let Some(frame) = framer.next_frame().unwrap() {
            decoder.tap(&frame, &mut events);
            relayed.frame(&DIALECT, &frame, &mut out);
        }
        let expected = stream.replace("\"model\":\"up\"", "\"model\":\"mine\"");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        let told: Vec<_> = events.iter().filter(|event| !matches!(event, Event::Start(_))).collect();
        let [Event::Usage(usage), Event::Finish(finish), Event::End] = told.as_slice() else { panic!("{events:?}") };
        assert_eq!((usage.input_tokens, finish.reason), (Some(3), FinishReason::ToolCalls));
    }
    let body = response("completed", &json!([])).to_string();
    let mut events = Vec::new();
    let place = DIALECT.tap_response(Operation::Chat, body.as_bytes(), &mut events).unwrap();
    assert_eq!(&body[place], "\"up\"");
}

#[test]
fn an_error_in_band_is_one_for_every_reader() {
    let mut out = Vec::new();
    in_band_error(&DIALECT, &ApiError::upstream("broken"), "req_1", &mut out);
    let text = String::from_utf8(out).unwrap();
    let data = text.strip_prefix("event: error\ndata: ").and_then(|rest| rest.strip_suffix("\n\n")).unwrap();
    let value: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(
        (&value["type"], &value["message"], &value["error"]["message"]),
        (&json!("error"), &json!("broken"), &json!("broken"))
    );
}

#[test]
fn a_silent_stream_is_kept_open_by_a_comment() {
    let mut encoder = DIALECT.stream_encoder(super::context(vec![]));
    let mut out = Vec::new();
    encoder.keep_alive(lingate_codec::dialect::Stamp::default(), &mut out);
    assert_eq!(out, b": keep-alive\n\n");
}

#[test]
fn errors_are_known_by_their_frames() {
    for (data, known) in [
        (r#"{"type":"error","code":null,"message":"m"}"#, true),
        (r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"m"}}}"#, true),
        (r#"{"error":{"message":"m"}}"#, true),
        (r#"{"type":"response.completed","response":{"error":null}}"#, false),
        (r#"{"type":"response.fai"#, false),
    ] {
        assert_eq!(DIALECT.is_error_frame(data.as_bytes()), known, "{data}");
    }
}
