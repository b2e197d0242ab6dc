//! Relayed bodies and frames.

use crate::DIALECT;
use lingate_codec::dialect::{Envelope, RelayWants};
use lingate_codec::frame::{DEFAULT_CAP, Framer, Framing};
use lingate_codec::ir::Operation;
use lingate_codec::json::{Edits, Object};
use lingate_codec::relay::{RelayedAnswer, rename};

fn edited(body: &str, wants: &RelayWants<'_>) -> String {
    let object = Object::parse(body.as_bytes()).expect("JSON");
    let mut edits = Edits::new();
    DIALECT.relay_edits(&object, wants, &mut edits);
    String::from_utf8(edits.apply_to_vec(&object)).expect("UTF-8")
}

#[test]
fn model_stream_and_stripped_members() {
    let strip = ["top_k".to_owned()];
    let wants = RelayWants { model: "m\"2", stream: Some(false), ask_usage: true, system_prompt: "", strip: &strip };
    let body = r#"{ "model" : "m1", "top_k":1, "stream":true, "max_tokens":1.0, "x":[ 1 ] }"#;
    assert_eq!(edited(body, &wants), r#"{ "model" : "m\"2", "stream":false, "max_tokens":1.0, "x":[ 1 ] }"#);
    assert_eq!(edited(r#"{"a":1}"#, &RelayWants::default()), r#"{"a":1}"#);
    assert_eq!(edited(r#"{"a":1}"#, &wants), r#"{"a":1,"model":"m\"2","stream":false}"#);
}

#[test]
fn the_system_prompt_comes_first() {
    let wants = RelayWants { system_prompt: "Be \"brief\".", ..RelayWants::default() };
    for (body, expected) in [
        (r#"{}"#, r#"{"system":"Be \"brief\"."}"#),
        (r#"{"system":null,"a":1}"#, r#"{"system":"Be \"brief\".","a":1}"#),
        (r#"{"system":""}"#, r#"{"system":"Be \"brief\"."}"#),
        (r#"{"system":"Old\u0021"}"#, r#"{"system":"Be \"brief\".\n\nOld\u0021"}"#),
        (r#"{"system":[]}"#, r#"{"system":[{"type":"text","text":"Be \"brief\"."}]}"#),
        (
            r#"{"system":[ {"type":"text","text":"Old"}]}"#,
            r#"{"system":[{"type":"text","text":"Be \"brief\"."}, {"type":"text","text":"Old"}]}"#,
        ),
    ] {
        assert_eq!(edited(body, &wants), expected);
    }
}

#[test]
fn the_model_is_found_and_replaced() {
    let mut answer = RelayedAnswer::new(Some("asked".into()), true);
    let stream = "event: message_start\ndata: {\"type\": \"message_start\", \"message\": {\"id\": \"msg_1\", \"model\": \"up\"}}\n\n\
                  event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"model\":\"up\"}\n\n\
                  data: {\"type\":\"message_start\",\"message\":{\"model\":\"up\"}}\n\n";
    let mut framer = Framer::new(Framing::Sse, DEFAULT_CAP);
    framer.push(stream.as_bytes());
    let mut out = Vec::new();
    while let Some(frame) = framer.next_frame().unwrap() {
        answer.frame(DIALECT, &frame, &mut out);
    }
    let expected = stream.replacen("\"up\"", "\"asked\"", 1);
    let (head, tail) = expected.rsplit_once("\"up\"").unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), format!("{head}\"asked\"{tail}"));

    let body = br#"{"id":"msg_1", "model":"up","content":[{"model":"x"}]}"#;
    let place = DIALECT.find_model(b"", body).expect("a model");
    let (range, new) = rename(place, "asked", body).expect("an edit");
    assert_eq!((&body[range], new.as_slice()), (br#""up""#.as_slice(), br#""asked""#.as_slice()));
    assert_eq!(DIALECT.find_model(b"", br#"{"model":1}"#), None);
    assert_eq!(DIALECT.find_model(b"message_start", b"{oops"), None);
}

#[test]
fn configured_members_have_places() {
    for (member, expected) in [
        ("max_tokens", ("", "max_tokens")),
        ("max_completion_tokens", ("", "max_tokens")),
        ("stop", ("", "stop_sequences")),
        ("reasoning_effort", ("output_config", "effort")),
        ("temperature", ("", "temperature")),
    ] {
        assert_eq!(DIALECT.place(member), (expected.0, vec![expected.1.to_owned()]));
    }
}

#[test]
fn requests_are_checked_before_a_relay() {
    for (body, param) in [
        (r#"{"max_tokens":1}"#, "messages"),
        (r#"{"max_tokens":1,"messages":"x"}"#, "messages"),
        (r#"{"messages":[]}"#, "max_tokens"),
        (r#"{"messages":[],"max_tokens":null}"#, "max_tokens"),
        (r#"{"messages":[],"max_tokens":-1}"#, "max_tokens"),
        (r#"{"messages":[],"max_tokens":"1"}"#, "max_tokens"),
    ] {
        let object = Object::parse(body.as_bytes()).unwrap();
        let error = DIALECT.check(Operation::Chat, &object).unwrap_err();
        assert_eq!((error.status, error.param.as_deref()), (400, Some(param)), "{body}");
    }
    let body = br#"{"model":"m","messages":[],"max_tokens":0,"model":"n"}"#;
    assert_eq!(Envelope::probe(DIALECT, body).unwrap_err().code.as_deref(), Some("duplicate_key"));
    assert!(DIALECT.check(Operation::Chat, &Object::parse(body).unwrap()).is_ok(), "0 only warms the cache");
}
