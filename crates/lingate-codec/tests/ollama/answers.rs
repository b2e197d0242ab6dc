//! Answers: whole ones, single lines, errors, load messages.

use crate::support::{check_stream, check_time, context, events_of, events_of_whole, show, stamp, stream_of, whole_of};
use lingate_codec::dialect::Dialect;
use lingate_codec::dialect::ollama::{Ollama, encode_load_answer};
use lingate_codec::ir::{
    Answer, ApiError, Block, Citation, ErrorKind, Event, Finish, FinishReason, Logprob, Operation, Start, Usage,
};
use serde_json::{Value, json};

const CHAT: Operation = Operation::Chat;
const GENERATE: Operation = Operation::TextCompletion;

fn finish(reason: FinishReason) -> Event {
    Event::Finish(Finish { reason, stop_sequence: None })
}

fn usage(input: u64, output: u64) -> Event {
    Event::Usage(Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() })
}

fn start_call(call: usize, id: &str, name: &str) -> Event {
    Event::ToolCallStart { call, id: id.into(), name: name.into() }
}

fn arguments(call: usize, fragment: &str) -> Event {
    Event::ToolCallArguments { call, fragment: fragment.into() }
}

fn error_of(events: &[Event]) -> &ApiError {
    match events.last() {
        Some(Event::Error(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn whole_answers_give_the_events_of_a_stream() {
    let events = events_of_whole(
        r#"{"model":"backend-model","message":{"role":"assistant","content":"Answer.","thinking":"Hmm.",
            "tool_calls":[{"function":{"name":"f","arguments":{"city":"Oslo"}}}]},
            "done":true,"done_reason":"length","prompt_eval_count":10}"#,
    );
    let expected = [
        Event::Start(Start { model: "backend-model".into(), ..Start::default() }),
        Event::Reasoning("Hmm.".into()),
        Event::Text("Answer.".into()),
        start_call(0, "", "f"),
        arguments(0, r#"{"city":"Oslo"}"#),
        Event::ToolCallEnd { call: 0 },
        usage(10, 0),
        finish(FinishReason::Length),
        Event::End,
    ];
    assert_eq!(events, expected);
}

#[test]
fn a_whole_answer_that_came_as_a_stream_is_read_all_the_same() {
    let events = events_of_whole(
        "{\"model\":\"m\",\"message\":{\"content\":\"a\"},\"done\":false}\n\
         {\"model\":\"m\",\"message\":{\"content\":\"b\"},\"done\":true,\"eval_count\":2}\n",
    );
    let answer = Answer::fold(events);
    assert_eq!((answer.text().as_str(), answer.usage.output_tokens, answer.error), ("ab", Some(2), None));
}

#[test]
fn no_whole_answer_is_an_error() {
    for (body, status, words) in [
        (r#"{"error":"boom"}"#, 502, "boom"),
        (r#"{"error":{"message":"slow down","code":429}}"#, 429, "slow down"),
        (r#"{"error":{"message":"x","code":"overloaded"},"status":503}"#, 503, "x"),
        ("<html>", 502, "not valid JSON"),
        ("", 502, "not valid JSON"),
        ("{}", 502, "neither message nor response"),
        (r#"{"message":{"content":"x"},"done":false}"#, 502, "ended before"),
        ("{\"message\":{\"content\":\"x\"},\"done\":false}\n{\"mess", 502, "not valid JSON"),
    ] {
        let events = events_of_whole(body);
        let error = error_of(&events);
        assert_eq!(error.status, status, "{body}");
        assert!(error.message.contains(words), "{body}: {}", error.message);
        assert!(!events.contains(&Event::End));
    }
}

#[test]
fn whole_answers_are_one_object() {
    let body = whole_of(
        CHAT,
        vec![
            Event::Start(Start::default()),
            Event::Reasoning("Hmm.".into()),
            Event::ReasoningSignature("SIG".into()),
            Event::Text("One".into()),
            Event::TextEnd,
            Event::Text(" two".into()),
            Event::Citation(Citation { url: "u".into(), title: "t".into(), cited_text: "c".into(), span: None }),
            Event::Refusal(" No.".into()),
            start_call(0, "call_1", "f"),
            arguments(0, "{\"z\":1,\n\"a\":"),
            arguments(0, "[2]}"),
            start_call(1, "", "g"),
            Event::Logprobs(vec![Logprob { token: "One".into(), logprob: -0.5, bytes: None, top: vec![] }]),
            usage(500, 20),
            finish(FinishReason::ToolCalls),
            Event::End,
        ],
    );
    check_time(body["created_at"].as_str().unwrap());
    let expected = json!({
        "model": "asked-for", "created_at": body["created_at"],
        "message": {"role": "assistant", "content": "One two No.", "thinking": "Hmm.", "tool_calls": [
            {"id": "call_1", "function": {"index": 0, "name": "f", "arguments": {"z": 1, "a": [2]}}},
            {"id": "call_0abc_1", "function": {"index": 1, "name": "g", "arguments": {}}},
        ]},
        "logprobs": [{"token": "One", "logprob": -0.5}],
        "done": true, "done_reason": "stop", "total_duration": 2_000_000, "load_duration": 0,
        "prompt_eval_count": 500, "prompt_eval_duration": 1, "eval_count": 20, "eval_duration": 2_000_000,
    });
    assert_eq!(body, expected);
}

#[test]
fn generate_answers_have_a_response() {
    let body = whole_of(GENERATE, vec![Event::Text("ok".into()), finish(FinishReason::Stop), Event::End]);
    assert_eq!((&body["response"], &body["done"], &body["done_reason"]), (&json!("ok"), &json!(true), &json!("stop")));
    assert!(body.get("message").is_none() && body.get("context").is_none());
    assert!(body.get("eval_count").is_none(), "unknown counts are not made up");
}

#[test]
fn the_last_line_waits_for_late_usage() {
    let out = stream_of(
        CHAT,
        &[
            Event::Start(Start::default()),
            Event::Text("Hel".into()),
            Event::Text("lo".into()),
            finish(FinishReason::Stop),
            usage(12, 8),
            Event::End,
            Event::Text("late".into()),
        ],
    );
    let lines = check_stream(CHAT, &out);
    assert_eq!(lines.len(), 3);
    let last = &lines[2];
    assert_eq!((&last["prompt_eval_count"], &last["eval_count"]), (&json!(12), &json!(8)));
    assert_eq!(last["total_duration"], 6_000_000);
    assert_eq!((&last["prompt_eval_duration"], &last["eval_duration"]), (&json!(2_000_000), &json!(4_000_000)));
}

#[test]
fn calls_are_sent_whole_and_as_objects() {
    let out = stream_of(
        CHAT,
        &[
            start_call(0, "call_1", "get_weather"),
            start_call(1, "", "get_time"),
            arguments(0, "{\"city\":"),
            arguments(1, "{\"cut"),
            arguments(0, "\n\"Oslo\"}"),
            Event::ToolCallEnd { call: 0 },
            arguments(0, "late"),
            finish(FinishReason::ToolCalls),
            Event::End,
        ],
    );
    let lines = check_stream(CHAT, &out);
    let call = |line: &Value| line["message"]["tool_calls"].clone();
    let function = json!({"index": 0, "name": "get_weather", "arguments": {"city": "Oslo"}});
    assert_eq!(call(&lines[0]), json!([{"id": "call_1", "function": function}]));
    let function = json!({"index": 1, "name": "get_time", "arguments": {"raw": "{\"cut"}});
    assert_eq!(call(&lines[1]), json!([{"id": "call_0abc_1", "function": function}]));
    assert_eq!((&lines[2]["done_reason"], lines.len()), (&json!("stop"), 3));
}

#[test]
fn an_error_ends_a_stream_without_a_normal_end() {
    let failed = Event::Error(ApiError::upstream("upstream overloaded"));
    let text = Event::Text("Hel".into());
    let out = stream_of(CHAT, &[text.clone(), start_call(0, "x", "f"), failed.clone(), text, failed, Event::End]);
    let lines = check_stream(CHAT, &out);
    assert_eq!((lines.len(), &lines[1]), (2, &json!({"error": "upstream overloaded"})));
}

#[test]
fn what_keeps_a_connection_alive_is_an_empty_increment() {
    let mut encoder = Ollama.stream_encoder(context(CHAT));
    let mut out = Vec::new();
    encoder.keep_alive(stamp(0), &mut out);
    encoder.push(&Event::End, stamp(1), &mut out);
    encoder.keep_alive(stamp(2), &mut out);
    let lines = check_stream(CHAT, &out);
    assert_eq!((lines.len(), &lines[0]["message"]["content"], &lines[0]["done"]), (2, &json!(""), &json!(false)));
    let before = &lines[1]["prompt_eval_duration"];
    assert_eq!(before, 2_000_000, "an empty increment is no content");
}

#[test]
fn streams_survive_a_round_trip() {
    let events = [
        Event::Reasoning("Hæ".into()),
        Event::Text("🎉\n\"".into()),
        Event::Logprobs(vec![Logprob {
            token: "t".into(),
            logprob: -2.5e-7,
            bytes: Some(vec![116, 255]),
            top: vec![Logprob { token: "u".into(), logprob: f64::NEG_INFINITY, bytes: None, top: vec![] }],
        }]),
        start_call(0, "call_1", "f"),
        arguments(0, r#"{"a":1.10}"#),
        usage(3, 4),
        finish(FinishReason::Length),
        Event::End,
    ];
    for operation in [CHAT, GENERATE] {
        let out = stream_of(operation, &events);
        check_stream(operation, &out);
        let answer = Answer::fold(events_of([out.as_slice()]));
        let arguments = r#"{"a":1.10}"#.to_owned();
        let expected = [
            Block::Reasoning { text: "Hæ".into(), signature: String::new() },
            Block::Text { text: "🎉\n\"".into(), citations: vec![] },
            Block::ToolCall { call: 0, id: "call_1".into(), name: "f".into(), arguments },
        ];
        assert_eq!(answer.blocks, expected);
        assert_eq!((answer.usage.input_tokens, answer.usage.output_tokens), (Some(3), Some(4)));
        assert_eq!(answer.finish.map(|finish| finish.reason), Some(FinishReason::Length));
        let logprob = &answer.logprobs[0];
        assert_eq!((logprob.logprob, logprob.bytes.as_deref()), (-2.5e-7, Some([116, 255].as_slice())));
        assert_eq!(logprob.top[0].logprob, -9999.0, "JSON has no infinity");
    }
}

#[test]
fn errors_are_read_whoever_wrote_them() {
    for (status, body, words) in [
        (404, r#"{"error":"model 'x' not found"}"#, "model 'x' not found"),
        (500, r#"{"error":{"message":"boom","type":"server_error"}}"#, "boom"),
        (401, r#"{"detail":"Not authenticated"}"#, "Not authenticated"),
        (422, r#"{"detail":[{"loc":["body"],"msg":"bad"}]}"#, "\"msg\":\"bad\""),
        (503, "  busy \n", "busy"),
        (502, "<html><body>Bad Gateway</body></html>", "status 502"),
        (500, "", "status 500"),
        (500, r#"{"other":1}"#, "status 500"),
    ] {
        let error = Ollama.decode_error(status, body.as_bytes());
        assert_eq!((error.status, error.kind), (status, ErrorKind::from_status(status)), "{body}");
        assert!(error.message.contains(words), "{body}: {}", error.message);
    }
    let long = Ollama.decode_error(500, "é".repeat(9000).as_bytes());
    assert_eq!(long.message.chars().count(), 2000);
}

#[test]
fn errors_are_written_as_text() {
    let mut out = Vec::new();
    Ollama.encode_error(&ApiError::invalid("think", "`think` must be \"low\""), "req_1", &mut out);
    assert_eq!(show(&out), r#"{"error":"`think` must be \"low\""}"#);
}

#[test]
fn load_messages_are_answered_without_an_upstream() {
    let answer = |operation, reason| {
        let mut out = Vec::new();
        encode_load_answer(operation, "fx-openai", reason, stamp(0), &mut out);
        let body: Value = serde_json::from_slice(&out).unwrap();
        check_time(body["created_at"].as_str().unwrap());
        body
    };
    let body = answer(CHAT, FinishReason::Load);
    assert_eq!(
        body,
        json!({"model": "fx-openai", "created_at": body["created_at"],
            "message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "load"})
    );
    let body = answer(GENERATE, FinishReason::Unload);
    assert_eq!(
        body,
        json!({"model": "fx-openai", "created_at": body["created_at"], "response": "", "done": true,
            "done_reason": "unload"})
    );
}

#[test]
fn lines_that_only_look_plain_are_read_in_full() {
    let head = r#"{"model":"m","created_at":"2025-11-20T10:00:00Z","message":{"role":"assistant","content":"#;
    let second = |rest: &str| {
        let stream = format!("{head}\"a\"}},\"done\":false}}\n{head}{rest}\n");
        let mut events = events_of([stream.as_bytes()]);
        // The head, the first text, and the error of a stream that was cut.
        let last = events.pop();
        assert!(matches!(last, Some(Event::Error(_))), "{last:?}");
        assert_eq!(events.remove(1), Event::Text("a".into()));
        events.split_off(1)
    };
    let text = |text: &str| Event::Text(text.into());
    assert_eq!(second(r#""b \"},\"done\":false}"},"done":false}"#), [text(r#"b "},"done":false}"#)]);
    assert_eq!(second(r#"""},"done":false}"#), []);
    assert_eq!(second(r#"null},"done":false}"#), []);
    assert_eq!(second(r#""b","thinking":"t"},"done":false}"#), [Event::Reasoning("t".into()), text("b")]);
    assert_eq!(second(r#""b"},"x":{"y":"z"},"done":false}"#), [text("b")]);
    assert_eq!(second(r#""b"},"error":"boom","done":false}"#), []);
    assert_eq!(second("\"b\u{1}\"},\"done\":false}"), []);
    let calls = second(r#""b","tool_calls":[{"function":{"name":"f"}}]},"done":false}"#);
    assert_eq!(calls[..3], [text("b"), start_call(0, "", "f"), arguments(0, "{}")]);
}
