//! Streams that transforms watch: as they came while nothing is found, at once, and legal from the first change on.

use crate::setup::{Plan, ask, json, plain, soon};
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, End, Step, Upstream};
use serde_json::Value;
use std::time::Duration;

/// A Responses stream in OpenAI's form, of one message with these texts.
fn responses_stream(texts: &[&str]) -> String {
    let mut number = 0;
    let mut event = |kind: &str, members: &str| {
        let data = format!(r#"{{"type":"response.{kind}","sequence_number":{number},{members}}}"#);
        number += 1;
        format!("event: response.{kind}\ndata: {data}\n\n")
    };
    let response = |status: &str, output: &str| {
        format!(
            r#""response":{{"id":"resp_1","object":"response","created_at":1,"status":"{status}","model":"real","output":[{output}],"usage":{{"input_tokens":3,"output_tokens":5,"total_tokens":8}}}}"#
        )
    };
    let whole = texts.concat();
    let at = r#""output_index":0"#;
    let part = r#""item_id":"msg_1","output_index":0,"content_index":0"#;
    let done = format!(r#"{{"type":"output_text","text":"{whole}","annotations":[],"logprobs":[]}}"#);
    let message =
        format!(r#"{{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{done}]}}"#);
    let mut out = event("created", &response("in_progress", ""));
    out += &event("in_progress", &response("in_progress", ""));
    let empty = r#"{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}"#;
    out += &event("output_item.added", &format!(r#"{at},"item":{empty}"#));
    let empty = r#"{"type":"output_text","text":"","annotations":[],"logprobs":[]}"#;
    out += &event("content_part.added", &format!(r#"{part},"part":{empty}"#));
    for text in texts {
        out += &event("output_text.delta", &format!(r#"{part},"delta":"{text}","logprobs":[]"#));
    }
    out += &event("output_text.done", &format!(r#"{part},"text":"{whole}","logprobs":[]"#));
    out += &event("content_part.done", &format!(r#"{part},"part":{done}"#));
    out += &event("output_item.done", &format!(r#"{at},"item":{message}"#));
    out + &event("completed", &response("completed", &message))
}

/// A client that is relayed: where it asks and what, the kind of backend, the stream of these texts.
pub(crate) struct Relayed {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) request: ClientRequest,
    pub(crate) stream: fn(&[&str]) -> String,
    pub(crate) stream_type: &'static str,
}

pub(crate) fn all() -> [Relayed; 4] {
    let responses = r#"{"model":"m","input":"hi","stream":true,"store":false}"#;
    let sse = "text/event-stream";
    [
        Relayed {
            name: "openai_chat",
            kind: "vllm",
            request: Tongue::OpenAi.request(true),
            stream: |texts| Tongue::OpenAi.stream(texts),
            stream_type: sse,
        },
        Relayed {
            name: "anthropic_messages",
            kind: "vllm",
            request: Tongue::Anthropic.request(true),
            stream: |texts| Tongue::Anthropic.stream(texts),
            stream_type: sse,
        },
        Relayed {
            name: "ollama",
            kind: "ollama",
            request: Tongue::Ollama.request(true),
            stream: |texts| Tongue::Ollama.stream(texts),
            stream_type: "application/x-ndjson",
        },
        Relayed {
            name: "openai_responses",
            kind: "vllm",
            request: ClientRequest::post("/v1/responses").body(responses),
            stream: responses_stream,
            stream_type: sse,
        },
    ]
}

pub(crate) const DIALECTS: &str = "dialects: [anthropic_messages, openai_responses],";

/// What the client gets of a stream with these texts.
pub(crate) async fn got(relayed: &Relayed, model: &str, texts: &[&str]) -> String {
    let up = Upstream::start().await;
    let endpoint = if relayed.kind == "vllm" { DIALECTS } else { "" };
    let gateway = Plan { endpoint, model, ..Plan::default() }.start(relayed.kind, &up).await;
    up.once(lingate_testkit::Reply::stream(relayed.stream_type, vec![Step::bytes((relayed.stream)(texts))]));
    let answer = ask(&gateway, relayed.request.clone()).await;
    assert_eq!(answer.status, 200, "{}: {}", relayed.name, answer.text());
    answer.text()
}

/// The data of all events or lines.
pub(crate) fn data(stream: &str) -> Vec<Value> {
    let json = stream.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ").unwrap_or(line)).ok());
    json.collect()
}

/// Whether the client sees its own name of the model everywhere.
pub(crate) fn is_renamed(stream: &str) -> bool {
    !stream.contains(r#""real""#)
}

/// The text and the thought of a stream, in whichever dialect.
pub(crate) fn said(stream: &str) -> (String, String) {
    let (mut text, mut thought) = (String::new(), String::new());
    for value in data(stream) {
        let delta = &value["choices"][0]["delta"];
        let own = if value["type"] == "response.output_text.delta" { &value["delta"] } else { &Value::Null };
        let texts = [&delta["content"], &value["delta"]["text"], &value["message"]["content"], own];
        texts.iter().filter_map(|text| text.as_str()).for_each(|piece| text.push_str(piece));
        let summary = value["type"] == "response.reasoning_summary_text.delta";
        let own = if summary { &value["delta"] } else { &Value::Null };
        let thoughts = [&delta["reasoning_content"], &value["delta"]["thinking"], &value["message"]["thinking"], own];
        thoughts.iter().filter_map(|text| text.as_str()).for_each(|piece| thought.push_str(piece));
    }
    (text, thought)
}

#[tokio::test]
async fn what_holds_no_marker_goes_out_as_it_came() {
    let lists: [&[&str]; 6] = [
        &["Hello", " <think>", "no</think>"],
        &["<", "thin", "k", " of it"],
        &["  ", "<thi"],
        &["<think"],
        &["a\\nb", "\\u003cthink>", " \\ud83d\\ude00"],
        &[" \\n", "", "x"],
    ];
    for relayed in all() {
        for texts in lists {
            let stream = (relayed.stream)(texts);
            let expected = stream.replace(r#""model":"real""#, r#""model":"m""#);
            assert_eq!(got(&relayed, "", texts).await, expected, "{}: {texts:?}", relayed.name);
        }
    }
}

#[tokio::test]
async fn a_thought_in_the_text_is_told_as_one() {
    let lists: [&[&str]; 4] = [
        &["<think>\\nwhy", " so</think>", "\\n\\nHello", " you"],
        &["<", "think", ">", "why so<", "/think>", "Hello", " you"],
        &["\\n", "<thi", "nk>why so</think>Hello you"],
        &["\\u003cthink\\u003ewhy so", "</think>Hello you"],
    ];
    for relayed in all() {
        for texts in lists {
            let stream = got(&relayed, "", texts).await;
            let expected = ("Hello you".to_owned(), "why so".to_owned());
            assert_eq!(said(&stream), expected, "{}: {texts:?}: {stream}", relayed.name);
            assert!(!stream.contains("think>") && !stream.contains("real"), "{}: {stream}", relayed.name);
            is_whole(relayed.name, &stream);
        }
    }
}

/// One answer with one head and one end, whose blocks and items are numbered without gaps.
fn is_whole(name: &str, stream: &str) {
    let all = data(stream);
    let of = |kind: &str| all.iter().filter(|value| value["type"] == kind).count();
    match name {
        "openai_chat" => {
            assert!(all.iter().all(|value| value["id"] == "c1" && value["model"] == "m"), "{stream}");
            assert_eq!(
                all.iter().filter(|value| !value["choices"][0]["delta"]["role"].is_null()).count(),
                1,
                "{stream}"
            );
            assert_eq!(all.iter().filter(|value| !value["choices"][0]["finish_reason"].is_null()).count(), 1);
            assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
        }
        "anthropic_messages" => {
            assert_eq!((of("message_start"), of("message_stop")), (1, 1), "{stream}");
            let indexes = |kind: &str| -> Vec<u64> {
                all.iter().filter(|value| value["type"] == kind).map(|value| value["index"].as_u64().unwrap()).collect()
            };
            assert_eq!(indexes("content_block_start"), [0, 1], "no empty block stands before the thought: {stream}");
            assert_eq!(indexes("content_block_stop"), [0, 1], "{stream}");
        }
        "ollama" => {
            assert_eq!(all.iter().filter(|value| value["done"] == true).count(), 1, "{stream}");
            assert!(all.iter().all(|value| value["model"] == "m"), "{stream}");
        }
        _ => {
            assert_eq!((of("response.created"), of("response.completed")), (1, 1), "{stream}");
            let numbers: Vec<u64> = all.iter().map(|value| value["sequence_number"].as_u64().unwrap()).collect();
            assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>(), "{stream}");
            let response = &all.last().unwrap()["response"];
            assert_eq!(response["id"], "resp_1");
            let output = response["output"].as_array().unwrap();
            assert_eq!((&output[0]["type"], &output[1]["type"]), (&"reasoning".into(), &"message".into()), "{stream}");
            assert_eq!(output[1]["content"][0]["text"], "Hello you");
        }
    }
}

#[tokio::test]
async fn reasoning_is_inlined_or_hidden_by_the_models_key() {
    for relayed in all() {
        let texts = ["<think>why", "</think>\\n\\nHello"];
        let inline = said(&got(&relayed, "reasoning: inline,", &texts).await);
        assert_eq!(inline, ("<think>why</think>\n\nHello".to_owned(), String::new()), "{}", relayed.name);
        let hidden = said(&got(&relayed, "reasoning: hide,", &texts).await);
        assert_eq!(hidden, ("Hello".to_owned(), String::new()), "{}", relayed.name);
    }
}

/// Anthropic's own thoughts, with a signature, and a ping where the API sends one.
const THINKING: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"real","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: ping
data: {"type":"ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"why"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}

event: message_stop
data: {"type":"message_stop"}

"#;

#[tokio::test]
async fn native_thoughts_are_left_alone_or_go_where_they_are_wanted() {
    let relayed = Relayed {
        name: "anthropic_messages",
        kind: "anthropic",
        request: Tongue::Anthropic.request(true),
        stream: |_| THINKING.to_owned(),
        stream_type: "text/event-stream",
    };
    let kept = got(&relayed, "", &[]).await;
    assert_eq!(kept, THINKING.replace(r#""model":"real""#, r#""model":"m""#));
    for (model, text) in [("reasoning: hide,", "Hello"), ("reasoning: inline,", "<think>why</think>\n\nHello")] {
        let stream = got(&relayed, model, &[]).await;
        assert_eq!(said(&stream), (text.to_owned(), String::new()), "{stream}");
        assert!(!stream.contains("signature") && !stream.contains(r#""type":"thinking""#), "{stream}");
        assert_eq!(stream.matches("content_block_start\n").count(), 1, "no empty block is left: {stream}");
        assert!(stream.contains(r#""output_tokens":5"#), "usage stays: {stream}");
    }
}

#[tokio::test]
async fn a_hosted_models_text_is_left_alone() {
    let relayed = Relayed { kind: "openai", ..all().into_iter().next().unwrap() };
    let texts = ["<think>", "is a tag</think>"];
    let expected = (relayed.stream)(&texts).replace(r#""model":"real""#, r#""model":"m""#);
    assert_eq!(got(&relayed, "", &texts).await, expected);
}

#[tokio::test]
async fn several_answers_side_by_side_are_left_alone() {
    let body = r#"{"model":"m","n":2,"messages":[{"role":"user","content":"hi"}],"stream":true}"#;
    let request = ClientRequest::post("/v1/chat/completions").body(body);
    let relayed = Relayed { request, ..all().into_iter().next().unwrap() };
    let texts = ["<think>a</think>b"];
    let expected = (relayed.stream)(&texts).replace(r#""model":"real""#, r#""model":"m""#);
    assert_eq!(got(&relayed, "", &texts).await, expected);
}

#[tokio::test]
async fn whole_answers_are_changed_alike_and_others_stay_as_they_are() {
    for tongue in Tongue::ALL {
        let kind = if tongue == Tongue::Anthropic { "vllm" } else { tongue.kind() };
        let endpoint = if kind == "vllm" { DIALECTS } else { "" };
        let up = Upstream::start().await;
        let gateway = Plan { endpoint, ..Plan::default() }.start(kind, &up).await;
        up.once(json(tongue.whole("<think>why</think>\\n\\nHello")));
        let answer = ask(&gateway, tongue.request(false)).await;
        let text = answer.text();
        assert!(text.contains("why") && text.contains("Hello") && !text.contains("think>"), "{text}");
        assert!(!text.contains("real"), "{text}");
        let theirs = tongue.whole("Tell <think> apart.\\u0041 ");
        up.once(json(theirs.clone()));
        let answer = ask(&gateway, tongue.request(false)).await;
        assert_eq!(answer.text(), theirs.replace(r#""model":"real""#, r#""model":"m""#), "{tongue:?}");
    }
}

/// The upstream waits after each text until the client has it.
#[tokio::test]
async fn only_what_may_be_a_marker_waits() {
    for tongue in [Tongue::OpenAi, Tongue::Ollama] {
        let up = Upstream::start().await;
        let gateway = plain(tongue.kind(), &up).await;
        let (held, release) = Step::gate();
        let (first, open) = Step::gate();
        let (second, last) = Step::gate();
        let steps = vec![
            Step::bytes(tongue.opening() + &tongue.delta("  <thin")),
            held,
            Step::bytes(tongue.delta("g> tok-0")),
            first,
            Step::bytes(tongue.delta("<think> tok-1")),
            second,
            Step::bytes(tongue.finish() + &tongue.end()),
        ];
        up.once(tongue.streaming(steps));
        let mut answer = soon("the head", tongue.request(true).open(gateway.address)).await.unwrap();
        release.notify_one();
        let mut all = soon("what was held", answer.read_until("tok-0")).await.to_vec();
        open.notify_one();
        all.extend(soon("what looks like a marker", answer.read_until("tok-1")).await);
        last.notify_one();
        let rest = answer.finish(Duration::from_secs(5)).await;
        assert_eq!(rest.end, End::Whole);
        let got = String::from_utf8(all).unwrap() + &rest.text();
        let expected = tongue.stream(&["  <thin", "g> tok-0", "<think> tok-1"]);
        assert_eq!(got, expected.replace(r#""model":"real""#, r#""model":"m""#), "{tongue:?}");
    }
}

/// An upstream that breaks while text is held: the client gets the text, and then the error.
#[tokio::test]
async fn a_broken_stream_gives_up_what_was_held() {
    for tongue in [Tongue::OpenAi, Tongue::Ollama] {
        let up = Upstream::start().await;
        let gateway = plain(tongue.kind(), &up).await;
        let sent = tongue.opening() + &tongue.delta("<thin");
        up.once(tongue.streaming(vec![Step::bytes(sent.clone())]));
        let got = ask(&gateway, tongue.request(true)).await.text();
        let renamed = sent.replace(r#""model":"real""#, r#""model":"m""#);
        assert!(got.starts_with(&renamed), "{tongue:?}: {got}");
        assert!(tongue.stream_error(&got).is_some() && !tongue.has_ended(&got), "{tongue:?}: {got}");
    }
}

/// A long answer that may be bare harmony waits no longer than frames may wait; then it is written anew, whole.
#[tokio::test]
async fn a_long_wait_ends() {
    for relayed in all() {
        let mut texts = vec!["analysisWe"];
        texts.resize(2000, " xxxx");
        let stream = got(&relayed, "", &texts).await;
        assert_eq!(said(&stream), (texts.concat(), String::new()), "{}", relayed.name);
        texts.push("assistantfinalHello");
        let stream = got(&relayed, "", &texts).await;
        let (text, thought) = said(&stream);
        assert_eq!((text.as_str(), thought.len()), ("Hello", 2 + 1999 * 5), "{}", relayed.name);
    }
}
