//! Whole answers.

use super::context;
use lingate_codec::dialect::openai_chat::OpenAiChat;
use lingate_codec::dialect::{Dialect, Stamp};
use lingate_codec::ir::{Answer, Citation, Event, Finish, FinishReason, Operation, Usage};
use serde_json::{Value, json};

fn written(events: Vec<Event>) -> Value {
    let mut out = Vec::new();
    OpenAiChat.encode_response(&Answer::fold(events), &context(false), Stamp::default(), &mut out);
    serde_json::from_slice(&out).unwrap()
}

fn finish(reason: FinishReason) -> Event {
    Event::Finish(Finish { reason, stop_sequence: None })
}

#[test]
fn reasons_and_calls() {
    let call = || Event::ToolCallStart { call: 0, id: String::new(), name: "f".into() };
    for (events, reason) in [
        (vec![finish(FinishReason::Stop)], "stop"),
        (vec![finish(FinishReason::StopSequence)], "stop"),
        (vec![finish(FinishReason::Pause)], "stop"),
        (vec![finish(FinishReason::ToolCalls)], "stop"),
        (vec![finish(FinishReason::Length)], "length"),
        (vec![finish(FinishReason::ContentFilter)], "content_filter"),
        (vec![call(), finish(FinishReason::Stop)], "tool_calls"),
        (vec![call(), finish(FinishReason::ToolCalls)], "tool_calls"),
        (vec![call(), finish(FinishReason::Length)], "length"),
    ] {
        assert_eq!(written(events.clone())["choices"][0]["finish_reason"], reason, "{events:?}");
    }
    let value = written(vec![call(), finish(FinishReason::ToolCalls)]);
    let message = &value["choices"][0]["message"];
    assert_eq!(message["content"], Value::Null);
    assert_eq!(message["tool_calls"][0]["id"], "call_q1w2_0");
    assert_eq!(message["tool_calls"][0]["function"]["arguments"], "{}");
}

#[test]
fn other_words_for_the_end_are_read() {
    for (word, reason) in [
        ("max_tokens", FinishReason::Length),
        ("tool_use", FinishReason::ToolCalls),
        ("function_call", FinishReason::ToolCalls),
        ("content_filter", FinishReason::ContentFilter),
        ("eos", FinishReason::Stop),
    ] {
        let body = format!(r#"{{"choices":[{{"message":{{"content":"x"}},"finish_reason":"{word}"}}]}}"#);
        let mut events = Vec::new();
        OpenAiChat.decode_response(Operation::Chat, body.as_bytes(), &mut events);
        assert!(events.contains(&finish(reason)), "{word}");
    }
}

#[test]
fn parts_and_old_forms_of_content_are_read() {
    for (choice, wanted) in [
        (
            r#"{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}]},{"type":"text","text":"x"}]}}"#,
            ("x", "t"),
        ),
        (r#"{"message":{"content":"x","reasoning_content":"t"}}"#, ("x", "t")),
        (r#"{"text":"x"}"#, ("x", "")),
        (r#"{"index":0,"delta":{"content":"x"}}"#, ("x", "")),
    ] {
        let mut events = Vec::new();
        let body = format!(r#"{{"choices":[{{"index":7,"message":{{"content":"no"}}}},{choice}]}}"#);
        OpenAiChat.decode_response(Operation::Chat, body.as_bytes(), &mut events);
        let answer = Answer::fold(events);
        assert_eq!((&*answer.text(), &*answer.reasoning()), wanted, "{choice}");
        assert!(answer.finish.is_some() && answer.error.is_none());
    }
}

#[test]
fn usage_is_whole_and_never_invented() {
    assert!(written(vec![finish(FinishReason::Stop)]).get("usage").is_none());
    let usage = Usage {
        input_tokens: Some(530),
        output_tokens: Some(20),
        cache_read_input_tokens: Some(400),
        cache_creation_input_tokens: Some(30),
        reasoning_output_tokens: Some(5),
        ..Usage::default()
    };
    assert_eq!(
        written(vec![Event::Usage(usage)])["usage"],
        json!({"prompt_tokens": 530, "completion_tokens": 20, "total_tokens": 550,
            "prompt_tokens_details": {"cached_tokens": 400, "cache_write_tokens": 30},
            "completion_tokens_details": {"reasoning_tokens": 5}})
    );
}

#[test]
fn sources_without_a_place_get_their_block_s() {
    let citation = |url: &str| {
        Event::Citation(Citation { url: url.into(), title: "W".into(), cited_text: "cold".into(), span: None })
    };
    let value = written(vec![
        Event::Text("Ünder. ".into()),
        Event::TextEnd,
        Event::Text("Oslo is cold.".into()),
        citation("https://w.example/"),
        citation(""),
    ]);
    assert_eq!(value["choices"][0]["message"]["content"], "Ünder. Oslo is cold.");
    assert_eq!(
        value["choices"][0]["message"]["annotations"],
        json!([{"type": "url_citation",
            "url_citation": {"url": "https://w.example/", "title": "W", "start_index": 7, "end_index": 20}}])
    );
}
