//! What an answer repeats of its request.

use super::{DIALECT, context, finish, whole, written};
use lingate_codec::dialect::Dialect;
use lingate_codec::ir::{Event, FinishReason, Usage};
use lingate_codec::json::Object;
use serde_json::{Value, json};

#[test]
fn the_request_is_repeated() {
    let request = json!({"model": "m", "input": "Q", "instructions": "Be\nkind.", "temperature": 0.25, "store": false,
        "metadata": {"k": "v"}, "max_output_tokens": 99, "previous_response_id": "resp_0", "user": null,
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": false}],
        "reasoning": {"effort": "high"}, "unknown": 1});
    let body = serde_json::to_string_pretty(&request).unwrap();
    let remembered = DIALECT.remember(&Object::parse(body.as_bytes()).unwrap());
    let mut context = context(vec![]);
    context.echo = remembered.echo;
    let events = [Event::Text("A".into()), finish(), Event::End];
    let stream = written(&events, context.clone());
    let answers = [&stream[0]["response"], &stream[1]["response"], &stream.last().unwrap()["response"]];
    for answer in answers.into_iter().chain([&whole(events.to_vec(), &context)]) {
        for member in [
            "instructions",
            "temperature",
            "store",
            "metadata",
            "max_output_tokens",
            "previous_response_id",
            "tools",
            "reasoning",
        ] {
            assert_eq!(answer[member], request[member], "{member}");
        }
        assert_eq!((&answer["user"], answer.get("unknown"), answer.get("input")), (&Value::Null, None, None));
        assert_eq!((&answer["model"], &answer["tool_choice"]), (&json!("client-model"), &json!("auto")));
    }
}

#[test]
fn endings_have_their_words() {
    for (reason, status, details) in [
        (FinishReason::Stop, "completed", Value::Null),
        (FinishReason::ToolCalls, "completed", Value::Null),
        (FinishReason::Length, "incomplete", json!({"reason": "max_output_tokens"})),
        (FinishReason::ContentFilter, "incomplete", json!({"reason": "content_filter"})),
    ] {
        let finish = Event::Finish(lingate_codec::ir::Finish { reason, stop_sequence: None });
        let events = [Event::Text("A".into()), finish, Event::End];
        let stream = written(&events, context(vec![]));
        let last = stream.last().unwrap();
        assert_eq!(last["type"], format!("response.{status}"));
        for answer in [&last["response"], &whole(events.to_vec(), &context(vec![]))] {
            assert_eq!((&answer["status"], &answer["incomplete_details"]), (&json!(status), &details));
            assert_eq!(answer["output"][0]["status"], status);
        }
    }
}

#[test]
fn usage_has_all_its_counts() {
    let usage = Usage {
        input_tokens: Some(530),
        output_tokens: Some(20),
        cache_read_input_tokens: Some(400),
        cache_creation_input_tokens: Some(30),
        ..Usage::default()
    };
    let answer = whole(vec![Event::Usage(usage), finish(), Event::End], &context(vec![]));
    let expected = json!({"input_tokens": 530, "input_tokens_details": {"cached_tokens": 400, "cache_write_tokens": 30},
        "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 550});
    assert_eq!(answer["usage"], expected);
    assert_eq!(whole(vec![finish(), Event::End], &context(vec![]))["usage"], Value::Null);
}
