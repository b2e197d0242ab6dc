//! Requests and frames that pass unread.

use lingate_codec::dialect::openai_chat::OpenAiChat;
use lingate_codec::dialect::{Dialect, RelayWants};
use lingate_codec::frame::{DEFAULT_CAP, Framer, Framing};
use lingate_codec::ir::{Event, Operation};
use lingate_codec::json::{Edits, Object};

fn edited(body: &str, wants: &RelayWants<'_>) -> String {
    let object = Object::parse(body.as_bytes()).unwrap();
    OpenAiChat.check(Operation::Chat, &object).unwrap();
    let mut edits = Edits::new();
    OpenAiChat.relay_edits(&object, wants, &mut edits);
    String::from_utf8(edits.apply_to_vec(&object)).unwrap()
}

#[test]
fn only_what_must_change_does() {
    let strip = ["seed".to_owned()];
    let all =
        RelayWants { model: "b", stream: Some(true), ask_usage: true, system_prompt: "Be \"brief\".", strip: &strip };
    for (body, wanted) in [
        (
            r#"{ "messages": [ {"role":"user","content":"\u0041"} ], "seed": 1.10, "model" : "c", "x":1.10}"#,
            r#"{ "messages": [{"role":"system","content":"Be \"brief\"."}, {"role":"user","content":"\u0041"} ], "model" : "b", "x":1.10,"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"model":"c","messages":[{}],"stream":false,"stream_options":{}}"#,
            r#"{"model":"b","messages":[{"role":"system","content":"Be \"brief\"."},{}],"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"model":"c","prompt":"h\u00e9","stream_options":{"include_usage":false,"x":1}}"#,
            r#"{"model":"b","stream_options":{"include_usage":true,"x":1},"stream":true,"messages":[{"role":"system","content":"Be \"brief\"."},{"role":"user","content":"h\u00e9"}]}"#,
        ),
        (
            r#"{"model":"c","messages":[{}],"stream_options":{ "x":1 }}"#,
            r#"{"model":"b","messages":[{"role":"system","content":"Be \"brief\"."},{}],"stream_options":{"include_usage":true, "x":1 },"stream":true}"#,
        ),
    ] {
        assert_eq!(edited(body, &all), wanted);
    }
    let few = RelayWants { model: "b", stream: Some(false), ..RelayWants::default() };
    assert_eq!(
        edited(r#"{"model":"c","messages":[{}],"stream":true,"stream_options":{"include_usage":true}}"#, &few),
        r#"{"model":"b","messages":[{}],"stream":false}"#
    );
    let none = RelayWants { model: "b", ask_usage: true, ..RelayWants::default() };
    assert_eq!(edited(r#"{"model":"c","messages":[{}]}"#, &none), r#"{"model":"b","messages":[{}]}"#);
}

#[test]
fn a_relayed_request_must_have_messages() {
    for (body, param) in [
        ("{}", "messages"),
        (r#"{"messages":[]}"#, "messages"),
        (r#"{"messages":{}}"#, "messages"),
        (r#"{"prompt":1}"#, "prompt"),
        (r#"{"model":1,"messages":[{}]}"#, "model"),
    ] {
        let error = OpenAiChat.check(Operation::Chat, &Object::parse(body.as_bytes()).unwrap()).unwrap_err();
        assert_eq!((error.status, error.param.as_deref()), (400, Some(param)), "{body}");
    }
}

#[test]
fn the_frame_of_usage_alone_is_known() {
    for (data, wanted) in [
        (r#"{"id":"c","choices":[],"usage":{"prompt_tokens":1}}"#, true),
        (r#"{"usage":{"prompt_tokens":1},"choices": [ ]}"#, true),
        (r#"{"choices":null,"usage":{}}"#, true),
        (r#"{"choices":[],"usage":null}"#, false),
        (r#"{"choices":[],"prompt_filter_results":[]}"#, false),
        (r#"{"choices":[{"delta":{}}],"usage":{"prompt_tokens":1}}"#, false),
        (r#"{"choices":[{"delta":{"content":"\"choices\":[],\"usage\":{}"}}]}"#, false),
        ("[DONE]", false),
        ("", false),
    ] {
        assert_eq!(OpenAiChat.is_usage_frame(data.as_bytes()), wanted, "{data}");
    }
}

#[test]
fn the_model_is_found() {
    let data = br#"{"x":{"model":"no"},"model":"yes","choices":[]}"#;
    assert_eq!(&data[OpenAiChat.find_model(b"", data).unwrap()], b"\"yes\"");
    assert_eq!(OpenAiChat.find_model(b"", br#"{"model":null}"#), None);
    assert_eq!(OpenAiChat.find_model(b"", b"[DONE]"), None);
}

#[test]
fn a_tap_hears_the_same_but_content() {
    for (name, stream) in super::golden::inputs("stream_", ".txt") {
        let mut framer = Framer::new(Framing::Sse, DEFAULT_CAP);
        framer.push(stream.as_bytes());
        framer.finish();
        let mut decoder = OpenAiChat.stream_decoder(Operation::Chat);
        let mut tapped = Vec::new();
        while let Some(frame) = framer.next_frame().unwrap() {
            decoder.tap(&frame, &mut tapped);
        }
        decoder.finish(&mut tapped);
        let matters = |event: &Event| {
            let kept = matches!(event, Event::Start(_) | Event::Usage(_) | Event::Error(_) | Event::End);
            kept.then(|| event.clone())
        };
        let all = super::events_of(&[stream.as_bytes()]);
        let pick = |events: &[Event]| events.iter().filter_map(matters).collect::<Vec<_>>();
        assert_eq!(pick(&tapped), pick(&all), "{name}");
        let finishes = |events: &[Event]| events.iter().filter(|event| matches!(event, Event::Finish(_))).count();
        assert_eq!(finishes(&tapped), finishes(&all), "{name}");
    }
}
