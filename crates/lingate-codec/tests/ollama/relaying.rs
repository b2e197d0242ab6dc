//! Relays: edits of requests, taps of streams, places in frames.

use crate::support::show;
use lingate_codec::dialect::ollama::Ollama;
use lingate_codec::dialect::{Dialect, RelayWants};
use lingate_codec::frame::{DEFAULT_CAP, Framer, Framing};
use lingate_codec::ir::{Event, Finish, FinishReason, Operation, Start, Usage};
use lingate_codec::json::{Edits, Object};

fn edited(body: &str, wants: &RelayWants<'_>) -> String {
    let object = Object::parse(body.as_bytes()).unwrap();
    let mut edits = Edits::new();
    Ollama.relay_edits(&object, wants, &mut edits);
    show(&edits.apply_to_vec(&object))
}

#[test]
fn only_the_model_changes() {
    let wants = RelayWants { model: "actual", ..RelayWants::default() };
    let body = r#"{ "model" : "asked", "messages":[ {"role":"User","content":"\u00e6"} ],"x":1.10 }"#;
    assert_eq!(edited(body, &wants), body.replace("asked", "actual"));
    assert_eq!(edited(r#"{"name":"asked"}"#, &wants), r#"{"name":"asked","model":"actual"}"#);
    assert_eq!(edited(r#"{"model":"actual"}"#, &wants), r#"{"model":"actual"}"#);
}

#[test]
fn streams_are_asked_for_only_where_the_request_says_otherwise() {
    let wants = |stream| RelayWants { model: "m", stream: Some(stream), ask_usage: true, ..RelayWants::default() };
    for (body, stream, expected) in [
        (r#"{"model":"m"}"#, true, r#"{"model":"m"}"#),
        (r#"{"model":"m"}"#, false, r#"{"model":"m","stream":false}"#),
        (r#"{"model":"m","stream":null}"#, true, r#"{"model":"m","stream":true}"#),
        (r#"{"model":"m","stream":true}"#, false, r#"{"model":"m","stream":false}"#),
        (r#"{"model":"m","stream":false}"#, false, r#"{"model":"m","stream":false}"#),
    ] {
        assert_eq!(edited(body, &wants(stream)), expected, "{body}");
    }
}

#[test]
fn the_system_prompt_comes_first() {
    let wants = RelayWants { model: "m", system_prompt: "Be \"good\".", ..RelayWants::default() };
    for (body, expected) in [
        (
            r#"{"model":"m","messages":[ {"role":"user"}]}"#,
            r#"{"model":"m","messages":[{"role":"system","content":"Be \"good\"."}, {"role":"user"}]}"#,
        ),
        (r#"{"model":"m","messages":[]}"#, r#"{"model":"m","messages":[]}"#),
        (r#"{"model":"m"}"#, r#"{"model":"m"}"#),
        (r#"{"model":"m","prompt":""}"#, r#"{"model":"m","prompt":""}"#),
        (r#"{"model":"m","prompt":"x"}"#, r#"{"model":"m","prompt":"x","system":"Be \"good\"."}"#),
        (
            r#"{"model":"m","prompt":"x","system":"Own."}"#,
            r#"{"model":"m","prompt":"x","system":"Be \"good\".\n\nOwn."}"#,
        ),
        (r#"{"model":"m","prompt":"x","raw":true}"#, r#"{"model":"m","prompt":"Be \"good\".\n\nx","raw":true}"#),
    ] {
        assert_eq!(edited(body, &wants), expected, "{body}");
    }
}

#[test]
fn members_that_the_upstream_refuses_are_taken_out() {
    let strip = ["think", "num_ctx", "options.mirostat", "absent"].map(str::to_owned);
    let wants = RelayWants { model: "m", strip: &strip, ..RelayWants::default() };
    let body = r#"{"think":true,"model":"m","options":{"num_ctx":1, "top_k":2,"mirostat":0},"mirostat":1}"#;
    assert_eq!(edited(body, &wants), r#"{"model":"m","options":{"top_k":2},"mirostat":1}"#);
}

#[test]
fn a_tap_sees_all_but_content() {
    let stream = concat!(
        "{\"model\":\"backend\",\"message\":{\"content\":\"Hel\"},\"done\":false}\n",
        "{\"model\":\"backend\",\"message\":{\"content\":\"\\\"done\\\": true\"},\"done\":false}\n",
        "{\"model\":\"backend\",\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"length\",\"eval_count\":8}\n",
        "{\"model\":\"backend\",\"message\":{\"content\":\"late\"},\"done\":true}\n",
    );
    let events = tapped(stream);
    let usage = Usage { input_tokens: Some(0), output_tokens: Some(8), ..Usage::default() };
    let expected = [
        Event::Start(Start { model: "backend".into(), ..Start::default() }),
        Event::Text("Hel".into()),
        Event::Usage(usage),
        Event::Finish(Finish { reason: FinishReason::Length, stop_sequence: None }),
        Event::End,
    ];
    assert_eq!(events, expected);
    let failed = "{\"model\":\"m\",\"done\":false,\"response\":\"x\"}\n{\"done\":false,\"error\":\"boom\"}\n";
    assert!(matches!(tapped(failed).last(), Some(Event::Error(error)) if error.message == "boom"));
    let cut = "{\"model\":\"m\",\"done\":false,\"response\":\"x\"}\n{\"model\":\"m\",\"do";
    assert!(matches!(tapped(cut).last(), Some(Event::Error(_))));
}

fn tapped(stream: &str) -> Vec<Event> {
    let mut framer = Framer::new(Framing::Ndjson, DEFAULT_CAP);
    let mut decoder = Ollama.stream_decoder(Operation::Chat);
    let mut events = Vec::new();
    framer.push(stream.as_bytes());
    framer.finish();
    while let Some(frame) = framer.next_frame().unwrap() {
        decoder.tap(&frame, &mut events);
    }
    decoder.finish(&mut events);
    events
}

#[test]
fn the_model_is_found_where_it_stands() {
    let find = |json: &str| Ollama.find_model(b"", json.as_bytes()).map(|range| json[range].to_owned());
    assert_eq!(find(r#"{"created_at":"x","model": "a\"b" ,"done":true}"#).as_deref(), Some(r#""a\"b""#));
    assert_eq!(find(r#"{"message":{"model":"inner"}}"#), None);
    assert_eq!(find(r#"{"model":null}"#), None);
    assert_eq!(find("no json"), None);
    assert!(!Ollama.is_usage_frame(br#"{"eval_count":3,"done":true}"#));
}
