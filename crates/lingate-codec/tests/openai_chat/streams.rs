//! Streams that need more than a golden file.

use super::checker::check;
use super::{events_of, stream_of};
use lingate_codec::dialect::openai_chat::OpenAiChat;
use lingate_codec::dialect::{Dialect, Stamp};
use lingate_codec::ir::{Answer, ApiError, Block, Event, Finish, FinishReason, Start, Usage};

fn data(frames: &[&str]) -> String {
    frames.iter().map(|frame| format!("data: {frame}\n\n")).collect()
}

fn delta(delta: &str) -> String {
    format!(r#"{{"id":"c","model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
}

/// The calls that these deltas give: id, name, arguments.
fn calls(deltas: &[&str]) -> Vec<(String, String, String)> {
    let mut frames: Vec<String> = deltas.iter().map(|calls| delta(&format!(r#"{{"tool_calls":[{calls}]}}"#))).collect();
    frames.push(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#.into());
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    let answer = Answer::fold(events_of(&[data(&frames).as_bytes()]));
    assert_eq!(answer.finish.as_ref().map(|finish| finish.reason), Some(FinishReason::ToolCalls));
    let blocks = answer.blocks.into_iter().map(|block| match block {
        Block::ToolCall { id, name, arguments, .. } => (id, name, arguments),
        other => panic!("{other:?}"),
    });
    blocks.collect()
}

fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
    (id.into(), name.into(), arguments.into())
}

#[test]
fn calls_are_told_apart_whatever_their_indexes_and_ids() {
    // A name repeated in each fragment, with and without an id.
    let fragments = [
        r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}"#,
        r#"{"index":0,"id":"a","function":{"name":"f","arguments":"1}"}}"#,
    ];
    assert_eq!(calls(&fragments), [call("a", "f", r#"{"x":1}"#)]);
    let fragments = [
        r#"{"index":0,"function":{"name":"f","arguments":"{\"x\":"}}"#,
        r#"{"index":0,"function":{"name":"f","arguments":"1}"}}"#,
    ];
    assert_eq!(calls(&fragments), [call("", "f", r#"{"x":1}"#)]);
    // Another id in each fragment of one call.
    let fragments = [
        r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}"#,
        r#"{"index":0,"id":"b","function":{"arguments":"}"}}"#,
    ];
    assert_eq!(calls(&fragments), [call("a", "f", "{}")]);
    // One index and no ids, whole calls.
    let whole = [
        r#"{"index":0,"function":{"name":"f","arguments":"{}"}}"#,
        r#"{"index":0,"function":{"name":"f","arguments":"{}"}}"#,
    ];
    assert_eq!(calls(&whole), [call("", "f", "{}"), call("", "f", "{}")]);
    // One id for all calls.
    let same = [
        r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}"#,
        r#"{"index":1,"id":"a","function":{"name":"g","arguments":"{}"}}"#,
    ];
    assert_eq!(calls(&same), [call("a", "f", "{}"), call("a", "g", "{}")]);
    // No index: a new id is a new call, a fragment goes on with the last.
    let bare = [
        r#"{"id":"a","function":{"name":"f","arguments":"{"}}"#,
        r#"{"function":{"arguments":"}"}}"#,
        r#"{"id":"b","function":{"name":"f","arguments":"{}"}}"#,
    ];
    assert_eq!(calls(&bare), [call("a", "f", "{}"), call("b", "f", "{}")]);
    // Arguments before the name; calls that never get one.
    let late = [
        r#"{"index":0,"id":"a","function":{"arguments":"{"}}"#,
        r#"{"index":1,"id":"n","function":{"arguments":"{}"}}"#,
        r#"{"index":0,"function":{"name":"f","arguments":"}"}}"#,
    ];
    assert_eq!(calls(&late), [call("a", "f", "{}")]);
}

#[test]
fn the_old_function_call_is_a_call() {
    let frames =
        [delta(r#"{"function_call":{"name":"f","arguments":""}}"#), delta(r#"{"function_call":{"arguments":"{}"}}"#)];
    let frames: Vec<&str> = frames.iter().map(String::as_str).chain(["[DONE]"]).collect();
    let answer = Answer::fold(events_of(&[data(&frames).as_bytes()]));
    assert!(
        matches!(answer.blocks.as_slice(), [Block::ToolCall { name, arguments, .. }] if name == "f" && arguments == "{}")
    );
}

#[test]
fn ends_are_told_from_cuts() {
    let text = delta(r#"{"content":"x"}"#);
    let finish = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    let last = |frames: &[&str]| events_of(&[data(frames).as_bytes()]).pop();
    assert_eq!(last(&[&text, finish]), Some(Event::End), "no [DONE], but a finish");
    assert_eq!(last(&[&text, "[DONE]"]), Some(Event::End));
    assert!(matches!(last(&[&text]), Some(Event::Error(error)) if error.status == 502));
    assert!(matches!(last(&[]), Some(Event::Error(_))));
    assert!(
        matches!(last(&[&text, "{broken", "[DONE]"]), Some(Event::Error(error)) if error.code.as_deref() == Some("upstream_error"))
    );
    assert!(
        matches!(last(&[&text, r#"{"detail":"Chat failed"}"#, "[DONE]"]), Some(Event::Error(error)) if error.message == "Chat failed")
    );
    assert!(matches!(last(&[&text, r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#]), Some(Event::Error(_))));
    for sentinel in ["", " ", "null", "[PING]", "ping"] {
        assert_eq!(last(&[&text, sentinel, finish, "[DONE]"]), Some(Event::End), "{sentinel}");
    }
    let named = format!("{}event: error\ndata: {{\"message\":\"gone\",\"code\":429}}\n\n", data(&[&text]));
    assert!(
        matches!(events_of(&[named.as_bytes()]).pop(), Some(Event::Error(error)) if (error.status, &*error.message) == (429, "gone"))
    );
}

#[test]
fn nothing_follows_the_end() {
    let (text, error) = (Event::Text("x".into()), Event::Error(ApiError::new(503, "over")));
    let usage = Event::Usage(Usage { input_tokens: Some(1), ..Usage::default() });
    for end in [Event::End, error] {
        let stream = stream_of(&[text.clone(), end.clone(), text.clone(), usage.clone(), Event::End, end], true);
        assert_eq!(stream.matches("\"x\"").count(), 1);
        check(&stream, true).unwrap();
    }
    let mut encoder = OpenAiChat.stream_encoder(super::context(false));
    let mut out = Vec::new();
    encoder.push(&Event::End, Stamp::default(), &mut out);
    let length = out.len();
    encoder.keep_alive(Stamp::default(), &mut out);
    assert_eq!(out.len(), length);
}

#[test]
fn a_keep_alive_is_a_comment() {
    let mut encoder = OpenAiChat.stream_encoder(super::context(false));
    let mut out = Vec::new();
    encoder.keep_alive(Stamp::default(), &mut out);
    assert!(out.starts_with(b":") && out.ends_with(b"\n\n"));
}

#[test]
fn a_late_failure_has_no_finish_and_usage_is_shown_when_asked() {
    let finish = Event::Finish(Finish { reason: FinishReason::Length, stop_sequence: None });
    let usage = Event::Usage(Usage { input_tokens: Some(3), output_tokens: Some(1), ..Usage::default() });
    let events = [Event::Text("x".into()), finish.clone(), usage.clone(), Event::Error(ApiError::new(504, "slow"))];
    let seen = check(&stream_of(&events, true), true).unwrap();
    assert_eq!((seen.finish, seen.usage), (None, None));
    assert_eq!(seen.error.unwrap()["type"], "timeout_error");
    let events = [finish, Event::Text("x".into()), usage, Event::End];
    let seen = check(&stream_of(&events, true), true).unwrap();
    assert_eq!((seen.finish.as_deref(), &*seen.content), (Some("length"), "x"));
    assert_eq!(seen.usage.unwrap()["total_tokens"], 4);
    assert!(check(&stream_of(&events, false), true).unwrap().usage.is_none());
}

#[test]
fn ids_are_openai_s_own_or_made() {
    let id = |id: &str| {
        let start = Event::Start(Start { id: id.into(), ..Start::default() });
        let stream = stream_of(&[start, Event::End], false);
        let first = stream.split("\"id\":\"").nth(1).unwrap();
        first[..first.find('"').unwrap()].to_owned()
    };
    assert_eq!(id("chatcmpl-7"), "chatcmpl-7");
    assert_eq!(id("msg_1"), "chatcmpl-q1w2");
    assert_eq!(id(""), "chatcmpl-q1w2");
}

#[test]
fn a_chunk_that_looks_like_the_last_is_read_in_full_where_it_differs() {
    let chunk = |delta: &str, tail: &str| format!(r#"{{"id":"c","choices":[{{"index":0,"delta":{delta}{tail}"#);
    let frames = [
        chunk(r#"{"content":"a"}"#, "}]}"),
        chunk(r#"{"content":"b"}"#, "}]}"),
        chunk(r#"{"content":"c"},"logprobs":{"content":[{"token":"c","logprob":0}]}"#, "}]}"),
        chunk(r#"{"content":"d"}},{"index":1,"delta":{"content":"no"}"#, "}]}"),
        chunk(r#"{"content":"e"}"#, r#"}],"usage":{"prompt_tokens":1}}"#),
        chunk(r#"{"content":"f"}"#, "}]}"),
        chunk(r#"{},"finish_reason":"length""#, "}]}"),
        "[DONE]".to_owned(),
    ];
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    let stream = data(&frames);
    let answer = Answer::fold(events_of(&[stream.as_bytes()]));
    assert_eq!(answer.text(), "abcdef");
    assert_eq!(answer.logprobs.len(), 1);
    assert_eq!(answer.usage.input_tokens, Some(1));
    assert_eq!(answer.finish.map(|finish| finish.reason), Some(FinishReason::Length));
    // A chunk whose delta is broken is an error, though all around it is well.
    let broken = data(&[frames[0], &chunk(r#"{"content":"b"#, "}]}")]);
    assert!(matches!(events_of(&[broken.as_bytes()]).pop(), Some(Event::Error(_))));
}

#[test]
fn calls_of_one_list_are_apart_though_they_share_an_id() {
    let list =
        r#"{"id":"a","function":{"name":"f","arguments":""}},{"id":"a","function":{"name":"f","arguments":"{}"}}"#;
    assert_eq!(calls(&[list]), [call("a", "f", ""), call("a", "f", "{}")]);
}
