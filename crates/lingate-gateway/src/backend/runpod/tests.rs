//! Inputs, outputs and pauses, as tables.

use super::embedded;
use super::gather::{Gather, Head};
use super::input::{Asked, input};
use super::line::{Crowd, line};
use super::outcome::failed;
use super::pace::Pace;
use super::reply::{Reply, State, is_job_id};
use super::whole::{Whole, whole};
use lingate_codec::json::Raw;
use lingate_config::Worker;
use serde_json::{Value, json};
use std::time::Duration;

fn head(chat: bool) -> Head {
    Head { id: "c-1".to_owned(), model: "real".to_owned(), created: 7, chat }
}

/// What a stream of these outputs says: text, thoughts, tool calls, finish, usage.
fn streamed(outputs: &[Value]) -> (String, String, Vec<Value>, String, Value) {
    let (mut gather, mut out) = (Gather::new(head(true)), Vec::new());
    for output in outputs {
        gather.push(Raw::parse(output.to_string().as_bytes()).unwrap(), &mut out).unwrap();
    }
    gather.finish(&mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.ends_with("data: [DONE]\n\n") && text.matches("[DONE]").count() == 1, "{text}");
    let (mut said, mut thought, mut calls) = (String::new(), String::new(), Vec::new());
    let (mut finish, mut usage) = (String::new(), Value::Null);
    for frame in text.split_terminator("\n\n").filter_map(|frame| frame.strip_prefix("data: ")) {
        let Ok(chunk) = serde_json::from_str::<Value>(frame) else { continue };
        let choice = &chunk["choices"][0];
        said += choice["delta"]["content"].as_str().unwrap_or_default();
        thought += choice["delta"]["reasoning_content"].as_str().unwrap_or_default();
        calls.extend(choice["delta"]["tool_calls"].as_array().into_iter().flatten().cloned());
        finish += choice["finish_reason"].as_str().unwrap_or_default();
        if chunk["usage"].is_object() {
            usage = chunk["usage"].clone();
        }
    }
    (said, thought, calls, finish, usage)
}

fn usage(prompt: u64, completion: u64) -> Value {
    json!({ "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion })
}

#[test]
fn every_known_form_becomes_a_stream() {
    let message = |message: Value| json!({ "choices": [{ "index": 0, "message": message, "finish_reason": "length" }], "usage": usage(3, 2) });
    for (outputs, text, finish, counted) in [
        (
            vec![json!([{ "choices": [{ "tokens": ["ab"] }], "usage": { "input": 3, "output": 2 } }])],
            "ab",
            "stop",
            usage(3, 2),
        ),
        (
            vec![
                json!({ "choices": [{ "tokens": ["a"] }], "usage": { "input": 3, "output": 1 } }),
                json!({ "choices": [{ "tokens": ["b", ""] }], "usage": { "input": 3, "output": 2 } }),
            ],
            "ab",
            "stop",
            usage(3, 2),
        ),
        (vec![message(json!({ "role": "assistant", "content": "ab" }))], "ab", "length", usage(3, 2)),
        (vec![message(json!({ "content": [{ "type": "text", "text": "a" }, "b"] }))], "ab", "length", usage(3, 2)),
        (vec![json!([{ "choices": [{ "text": "ab", "finish_reason": "stop" }] }])], "ab", "stop", json!(null)),
        (vec![json!([{ "response": "ab", "done_reason": "length" }])], "ab", "length", json!(null)),
        (vec![json!([{ "text": "ab" }])], "ab", "stop", json!(null)),
        (vec![json!({ "text": ["a", "b"] })], "ab", "stop", json!(null)),
        (
            vec![
                json!({ "message": { "content": "ab" }, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2 }),
            ],
            "ab",
            "stop",
            usage(3, 2),
        ),
        (vec![json!("ab")], "ab", "stop", json!(null)),
        (vec![json!("a"), json!(null), json!(["b"]), json!([])], "ab", "stop", json!(null)),
        // No event stream, although it begins like one.
        (vec![json!("d"), json!("ata: ab")], "data: ab", "stop", json!(null)),
        (vec![json!("dat")], "dat", "stop", json!(null)),
        (
            vec![
                json!("data: {\"choices\":[{\"delta\":{\"content\":\"ab\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DO"),
                json!("NE]"),
            ],
            "ab",
            "stop",
            json!(null),
        ),
        (
            vec![json!([{ "choices": [{ "delta": { "content": ["a", "b"] }, "finish_reason": "length" }] }])],
            "ab",
            "length",
            json!(null),
        ),
        (
            vec![
                json!({ "choices": [{ "delta": { "content": "ab" }, "finish_reason": "stop" }] }),
                json!({ "choices": [], "usage": usage(1, 1) }),
            ],
            "ab",
            "stop",
            usage(1, 1),
        ),
    ] {
        let (said, _, _, ended, used) = streamed(&outputs);
        assert_eq!((said.as_str(), ended.as_str(), used), (text, finish, counted), "{outputs:?}");
    }
}

#[test]
fn thoughts_and_calls_are_kept() {
    let openai = json!({ "choices": [{ "message": { "content": null, "reasoning_content": "hm", "tool_calls": [
        { "id": "x", "type": "function", "function": { "name": "f", "arguments": "{\"a\":1}" } }] } }] });
    let ollama = json!({ "message": { "thinking": "hm", "tool_calls": [{ "function": { "name": "f", "arguments": { "a": 1 } } }] } });
    for (output, id) in [(openai, "x"), (ollama, "call_c-1_0")] {
        let (text, thought, calls, finish, _) = streamed(&[output]);
        assert_eq!((text.as_str(), thought.as_str(), finish.as_str()), ("", "hm", "tool_calls"));
        let function = json!({ "name": "f", "arguments": "{\"a\":1}" });
        assert_eq!(calls, [json!({ "index": 0, "id": id, "type": "function", "function": function })]);
    }
}

#[test]
fn unknown_forms_are_errors() {
    for output in ["3", "true", r#"{"images":["x"]}"#, r#"[{"a":1}]"#, r#"{}"#, "[[[[[[[[[[1]]]]]]]]]]"] {
        let pushed = Gather::new(head(true)).push(Raw::parse(output.as_bytes()).unwrap(), &mut Vec::new());
        assert_eq!(pushed.unwrap_err().code.as_deref(), Some("job_unknown_output"), "{output}");
    }
    let nothing = |output: Option<&str>| whole(output.map(|output| Raw::parse(output.as_bytes()).unwrap()), head(true));
    for output in [None, Some("[]"), Some("\"\""), Some("[null]")] {
        assert_eq!(nothing(output).unwrap_err().code.as_deref(), Some("job_no_output"), "{output:?}");
    }
}

#[test]
fn a_whole_answer_passes_as_it_is() {
    let answer = r#"{"id":"x", "odd":1.10,"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":1}}"#;
    let error = r#"{"error":{"message":"m"}}"#;
    for (output, chat, json) in [
        (answer.to_owned(), true, Some(answer)),
        (format!("[{answer}]"), true, Some(answer)),
        (format!("[{answer},{answer}]"), true, None),
        (answer.replace("prompt_tokens", "input"), true, None),
        (format!("[{error}]"), true, Some(error)),
        (r#"{"choices":[{"text":"a"}]}"#.to_owned(), false, Some(r#"{"choices":[{"text":"a"}]}"#)),
        (r#"{"choices":[{"text":"a"}]}"#.to_owned(), true, None),
    ] {
        let read = whole(Some(Raw::parse(output.as_bytes()).unwrap()), head(chat)).unwrap();
        match (json, read) {
            (Some(json), Whole::Json(read)) => assert_eq!(read, json.as_bytes()),
            (None, Whole::Sse(read)) => assert!(read.ends_with(b"data: [DONE]\n\n")),
            (json, read) => panic!("{json:?} {read:?}"),
        }
    }
}

#[test]
fn vectors_of_every_form() {
    let list =
        json!({ "object": "list", "data": [{ "object": "embedding", "index": 0, "embedding": [1.5] }], "model": "m" });
    for output in [
        list.clone(),
        json!([list]),
        json!([[1.5]]),
        json!([1.5]),
        json!({ "embedding": [1.5] }),
        json!([{ "embeddings": [[1.5]] }]),
    ] {
        let read = embedded(Some(Raw::parse(output.to_string().as_bytes()).unwrap()), "m").unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&read).unwrap(), list, "{output}");
    }
    let refused = |output: &str| embedded(Some(Raw::parse(output.as_bytes()).unwrap()), "m").unwrap_err();
    assert_eq!(refused(r#"[{"error":{"message":"too long","code":400}}]"#).status, 400);
    assert_eq!(refused(r#"["a"]"#).code.as_deref(), Some("job_unknown_output"));
}

#[test]
fn what_the_queue_says_of_a_job() {
    for (body, state) in [
        (r#"{"id":"a","status":"IN_QUEUE"}"#, State::Queued),
        (r#"{"status":"in_progress","stream":[]}"#, State::Running),
        (r#"{"status":"COMPLETED"}"#, State::Completed),
        (r#"{"status":"FAILED"}"#, State::Failed),
        (r#"{"status":"CANCELED"}"#, State::Cancelled),
        (r#"{"status":"TIMED_OUT"}"#, State::TimedOut),
        (r#"{"status":"?"}"#, State::Unknown),
        (r#"{"output":[]}"#, State::Completed),
        ("[]", State::Unsaid),
        (r#"{"stream":[]}"#, State::Unsaid),
        (r#"{"id":"a"}"#, State::Queued),
    ] {
        assert_eq!(Reply::read(body.as_bytes()).unwrap().state, state, "{body}");
    }
    for body in ["", "<html>", "3", "{}", r#"{"error":"x"}"#, r#"{"status":3}"#] {
        assert!(Reply::read(body.as_bytes()).is_none(), "{body}");
    }
    let pieces = |body: &str| {
        let reply = Reply::read(body.as_bytes()).unwrap();
        reply.pieces().map(|piece| piece.text().into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        pieces(r#"{"status":"IN_PROGRESS","stream":[{"output":"a"},{"output":null},{"output":[1]}]}"#),
        [r#""a""#, "[1]"]
    );
    assert_eq!(
        pieces(r#"[{"output":"a"},"b",{"choices":[],"output":1}]"#),
        [r#""a""#, r#""b""#, r#"{"choices":[],"output":1}"#]
    );
    assert!(is_job_id("sync-Ab_9-u1") && is_job_id(&"x".repeat(128)));
    assert!(["", "a/b", "a.b", "a%2f", "é", &"x".repeat(129)].iter().all(|id| !is_job_id(id)));
}

#[test]
fn a_message_is_short_and_without_a_traceback() {
    let told = |error: Value| failed(State::Failed, Some(Raw::parse(error.to_string().as_bytes()).unwrap())).0.message;
    assert_eq!(told(json!({ "error_message": "m", "error_traceback": "t" })), "the job failed: m");
    assert_eq!(told(json!({ "error": { "message": "m" } })), "the job failed: m");
    assert_eq!(told(json!("{\"odd\":1}")), "the job failed: {\"odd\":1}");
    assert_eq!(told(json!([1])), "the job failed");
    assert_eq!(told(json!("x".repeat(9999))).len(), "the job failed: ".len() + 2000);
}

#[test]
fn inputs() {
    let made = |worker, asked, body: Value| {
        let made = input(worker, asked, body.to_string().as_bytes()).map_err(|error| error.message)?;
        Ok::<_, String>(serde_json::from_slice::<Value>(&made).unwrap()["input"].clone())
    };
    let body = json!({ "model": "m", "messages": [], "stream": true });
    for worker in [Worker::Auto, Worker::Vllm] {
        let wrapped = json!({ "openai_route": "/v1/chat/completions", "openai_input": body });
        assert_eq!(made(worker, Asked::Chat, body.clone()).unwrap(), wrapped);
    }
    let tools = json!([{ "type": "function", "function": { "name": "f", "description": "does f", "parameters": { "properties": { "a": {}, "b": {} } } } }]);
    let call = json!({ "id": "x", "type": "function", "function": { "name": "f", "arguments": "{\"a\":1}" } });
    let chat = json!({ "model": "m", "tools": tools, "messages": [
        { "role": "user", "content": [{ "type": "text", "text": "q" }, { "type": "text", "text": "r" }] },
        { "role": "assistant", "content": null, "tool_calls": [call] }, { "role": "tool", "tool_call_id": "x", "content": "42" }],
        "max_completion_tokens": 5, "max_tokens": 6, "stop": ["a", "b"], "response_format": { "type": "json_object" } });
    let prompt = made(Worker::Ollama, Asked::Chat, chat.clone()).unwrap();
    assert_eq!(
        prompt["prompt"],
        "You can call these tools:\n- f(a, b): does f\nTo call one, answer with nothing but a block of this form:\n```tool_call\n{\"name\": \"NAME\", \"arguments\": {\"PARAMETER\": \"VALUE\"}}\n```\n\nUser: q\nr\n\nAssistant: \n```tool_call\n{\"name\": \"f\", \"arguments\": {\"a\":1}}\n```\n\nTool: 42\n\nAssistant:"
    );
    assert_eq!(
        (&prompt["format"], &prompt["options"]),
        (&json!("json"), &json!({ "num_predict": 5, "stop": ["a", "b"] }))
    );
    let mut without = chat;
    without["tool_choice"] = json!("none");
    assert!(made(Worker::Ollama, Asked::Chat, without).unwrap()["prompt"].as_str().unwrap().starts_with("User: q"));
    assert!(made(Worker::Ollama, Asked::Embeddings, json!({ "input": [[1, 2]] })).is_err());
    assert!(made(Worker::Ollama, Asked::Completion, json!({ "prompt": ["a", "b"] })).is_err());
    assert_eq!(Asked::at("/completions"), Some(Asked::Completion));
    assert_eq!(Asked::at("/models"), None);
}

#[test]
fn pauses_grow_and_are_bounded() {
    let pauses = |pace: &mut Pace, live: bool| (0..12).map(|_| pace.next(live)).collect::<Vec<_>>();
    let at_most = |longest: [u64; 12], pauses: Vec<Duration>| {
        for (longest, pause) in longest.into_iter().zip(pauses) {
            let longest = Duration::from_millis(longest);
            assert!(pause <= longest && pause > longest * 79 / 100, "{pause:?} {longest:?}");
        }
    };
    let mut pace = Pace::new(Duration::from_millis(500), "a");
    at_most([500, 750, 1125, 1688, 2532, 3798, 5000, 5000, 5000, 5000, 5000, 5000], pauses(&mut pace, false));
    pace.changed();
    at_most([500, 750, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000], pauses(&mut pace, true));
    pace.flowed();
    at_most([200, 300, 450, 675, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000], pauses(&mut pace, true));
    // What the operator asked for is kept, and no two jobs look in step.
    at_most([9000; 12], pauses(&mut Pace::new(Duration::from_secs(9), "a"), false));
    let first = |id: &str| Pace::new(Duration::from_secs(1), id).next(false);
    assert_eq!(first("a"), first("a"));
    assert_ne!(first("a"), first("b"));
}

#[test]
fn lines_say_what_is_known() {
    let crowd = |body: &str| Crowd::read(body.as_bytes());
    for (state, crowd, seconds, expected) in [
        (State::Queued, crowd("x"), 0, "The job waits in the queue.\n"),
        (
            State::Queued,
            crowd(r#"{"jobs":{"inQueue":1},"workers":{"idle":0,"initializing":0}}"#),
            0,
            "The job waits in the queue, 1 job waiting, no worker is running yet (cold start).\n",
        ),
        (
            State::Queued,
            crowd(r#"{"jobs":{"inQueue":3},"workers":{"running":2,"initializing":1}}"#),
            30,
            "The job waits in the queue, 3 jobs waiting, 30 s so far.\n",
        ),
        (State::Running, crowd(r#"{"jobs":{"inQueue":3}}"#), 9, "The worker is busy with the job, 9 s so far.\n"),
    ] {
        assert_eq!(line(state, crowd, Duration::from_secs(seconds)), expected);
    }
}
