//! Calls that a model wrote as text, made into calls on their way: for every client dialect, streamed and whole.

use crate::intercept::{DIALECTS, Relayed, all, data, got, is_renamed, said};
use crate::setup::{Plan, ask, json, soon};
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, RawClient, Reply, Step, Upstream};
use serde_json::Value;

pub(crate) const CALL: &str =
    r#"<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>"#;

/// A client's body with a tool.
pub(crate) fn body(name: &str, stream: bool) -> String {
    let schema = r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"#;
    let messages = r#""messages":[{"role":"user","content":"hi"}]"#;
    let rest = match name {
        "openai_responses" => format!(
            r#""input":"hi","store":false,"tools":[{{"type":"function","name":"get_weather","parameters":{schema}}}]"#
        ),
        "anthropic_messages" => {
            format!(r#"{messages},"max_tokens":64,"tools":[{{"name":"get_weather","input_schema":{schema}}}]"#)
        }
        _ => format!(
            r#"{messages},"tools":[{{"type":"function","function":{{"name":"get_weather","parameters":{schema}}}}}]"#
        ),
    };
    format!(r#"{{"model":"m",{rest},"stream":{stream}}}"#)
}

/// The clients that are relayed, with a tool.
pub(crate) fn with_tools() -> impl Iterator<Item = Relayed> {
    all().into_iter().map(|relayed| Relayed { request: relayed.request.body(body(relayed.name, true)), ..relayed })
}

/// Name and arguments of the calls of a stream, in whichever dialect.
pub(crate) fn calls(stream: &str) -> Vec<(String, Value)> {
    let (mut names, mut arguments) = (Vec::new(), Vec::new());
    for value in data(stream) {
        for entry in value["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten() {
            if let Some(name) = entry["function"]["name"].as_str() {
                names.push(name.to_owned());
                arguments.push(String::new());
            }
            let piece = entry["function"]["arguments"].as_str().unwrap_or_default();
            arguments[usize::try_from(entry["index"].as_u64().unwrap()).unwrap()].push_str(piece);
        }
        for call in value["message"]["tool_calls"].as_array().into_iter().flatten() {
            names.push(call["function"]["name"].as_str().unwrap().to_owned());
            arguments.push(call["function"]["arguments"].to_string());
        }
        let block = &value["content_block"];
        let item = &value["item"];
        if block["type"] == "tool_use" {
            names.push(block["name"].as_str().unwrap().to_owned());
            arguments.push(String::new());
        }
        if value["type"] == "response.output_item.added" && item["type"] == "function_call" {
            names.push(item["name"].as_str().unwrap().to_owned());
            arguments.push(String::new());
        }
        let own = value["type"] == "response.function_call_arguments.delta";
        let piece = if own { &value["delta"] } else { &value["delta"]["partial_json"] };
        if let (Some(piece), Some(last)) = (piece.as_str(), arguments.last_mut()) {
            last.push_str(piece);
        }
    }
    names.into_iter().zip(arguments.iter().map(|text| serde_json::from_str(text).unwrap())).collect()
}

pub(crate) fn paris() -> (String, Value) {
    ("get_weather".to_owned(), serde_json::json!({"city": "Paris"}))
}

#[tokio::test]
async fn a_call_in_the_text_becomes_one() {
    let pieces: Vec<String> = CALL.split_inclusive(' ').map(str::to_owned).collect();
    let cut: Vec<&str> = ["Let me look.", "\\n"].into_iter().chain(pieces.iter().map(String::as_str)).collect();
    for relayed in with_tools() {
        for texts in [&["Let me look.\\n", CALL][..], &cut] {
            let stream = got(&relayed, "", texts).await;
            assert_eq!(calls(&stream), [paris()], "{}: {stream}", relayed.name);
            assert_eq!(said(&stream).0.trim_end(), "Let me look.", "{}: {stream}", relayed.name);
            assert!(is_renamed(&stream), "{}: {stream}", relayed.name);
            let reason = match relayed.name {
                "openai_chat" => r#""finish_reason":"tool_calls""#,
                "anthropic_messages" => r#""stop_reason":"tool_use""#,
                "ollama" => r#""done":true"#,
                _ => r#""type":"response.completed""#,
            };
            assert_eq!(stream.matches(reason).count(), 1, "{}: {stream}", relayed.name);
        }
    }
}

#[tokio::test]
async fn thoughts_and_calls_are_both_found() {
    for relayed in with_tools() {
        let texts = ["<think>Paris it", " is.</think>\\n\\nLet me look.\\n", CALL];
        let stream = got(&relayed, "", &texts).await;
        assert_eq!(calls(&stream), [paris()], "{}: {stream}", relayed.name);
        assert_eq!(said(&stream).1, "Paris it is.", "{}: {stream}", relayed.name);
        // A call within a thought is none.
        let quoted = format!("<think>{CALL}");
        let stream = got(&relayed, "", &[&quoted, "</think>Hi"]).await;
        assert_eq!((calls(&stream), said(&stream).0.as_str()), (vec![], "Hi"), "{}: {stream}", relayed.name);
    }
}

#[tokio::test]
async fn what_only_looks_like_a_call_goes_out_as_it_came() {
    let unknown = CALL.replace("get_weather", "get_time");
    let lists: [&[&str]; 4] = [
        &["Use <tool", "_call> for calls, ", "{} and [1]."],
        &["a\\n", &unknown],
        &["<tool_call>"],
        &["x\\n\\n", "y\\n"],
    ];
    for relayed in with_tools() {
        for texts in lists {
            let expected = (relayed.stream)(texts).replace(r#""model":"real""#, r#""model":"m""#);
            assert_eq!(got(&relayed, "", texts).await, expected, "{}: {texts:?}", relayed.name);
        }
    }
}

#[tokio::test]
async fn calls_are_looked_for_only_where_they_are_wanted() {
    let chat = || with_tools().next().unwrap();
    let texts = [CALL];
    let is_found = |stream: String| !calls(&stream).is_empty();
    assert!(!is_found(got(&all()[0], "", &texts).await), "the client sent no tools");
    assert!(!is_found(got(&chat(), "tool_repair: off,", &texts).await));
    for choice in [r#""none""#, r#"{"type":"none"}"#] {
        let body = body("openai_chat", true).replacen('{', &format!(r#"{{"tool_choice":{choice},"#), 1);
        let forbidden = Relayed { request: ClientRequest::post("/v1/chat/completions").body(body), ..chat() };
        assert!(!is_found(got(&forbidden, "", &texts).await), "{choice}");
    }
    assert!(
        !is_found(got(&Relayed { kind: "openai", ..chat() }, "", &texts).await),
        "a hosted model knows how to call"
    );
    assert!(is_found(got(&Relayed { kind: "openai", ..chat() }, "tool_repair: on,", &texts).await));
}

#[tokio::test]
async fn whole_answers_say_how_many_calls_were_made() {
    for tongue in Tongue::ALL {
        let (kind, name) = match tongue {
            Tongue::OpenAi => ("vllm", "openai_chat"),
            Tongue::Anthropic => ("vllm", "anthropic_messages"),
            Tongue::Ollama => ("ollama", "ollama"),
        };
        let endpoint = if kind == "vllm" { DIALECTS } else { "" };
        let up = Upstream::start().await;
        let gateway = Plan { endpoint, ..Plan::default() }.start(kind, &up).await;
        up.once(json(tongue.whole(CALL)));
        let answer = ask(&gateway, ClientRequest::post(tongue.path()).body(body(name, false))).await;
        assert_eq!(answer.header("x-lingate-repaired"), Some("1"), "{tongue:?}: {}", answer.text());
        assert!(answer.text().contains("get_weather") && !answer.text().contains("tool_call>"), "{}", answer.text());
        up.once(json(tongue.whole("No call.")));
        let answer = ask(&gateway, ClientRequest::post(tongue.path()).body(body(name, false))).await;
        assert_eq!(answer.header("x-lingate-repaired"), None, "{tongue:?}");
        let metrics = ask(&gateway, ClientRequest::get("/metrics")).await.text();
        let counted = metrics.lines().any(|line| {
            line.starts_with("lingate_tool_repairs_total{") && line.contains(r#"model="m""#) && line.ends_with(" 1")
        });
        assert!(counted, "{metrics}");
    }
}

/// A stream's head is long gone when the calls are counted.
#[tokio::test]
async fn a_stream_says_so_after_its_end_to_who_reads_that() {
    for (te, says) in [("te: trailers\r\n", true), ("", false)] {
        let up = Upstream::start().await;
        let gateway = Plan::default().start("vllm", &up).await;
        up.once(Reply::stream("text/event-stream", vec![Step::bytes(Tongue::OpenAi.stream(&[CALL]))]));
        let mut client = RawClient::connect(gateway.address).await;
        let body = body("openai_chat", true);
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n{te}connection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        client.send(head + &body).await.unwrap();
        let answer = soon("the end", client.read_until("\r\n0\r\n")).await.unwrap();
        let head = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        assert_eq!(head.contains("trailer: x-lingate-repaired"), says, "{head}");
        if says {
            soon("the trailer", client.read_until("x-lingate-repaired: 1\r\n\r\n")).await.unwrap();
        }
    }
}

/// Calls of the server's own keep their places beside those that were found.
#[tokio::test]
async fn native_calls_stay_as_they_are() {
    let chunk = |delta: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"real\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let native = [
        chunk(r#"{"role":"assistant","content":"Well. "}"#, "null"),
        chunk(r#"{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"get_weather","arguments":""}}]}"#, "null"),
        chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}"#, "null"),
        chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":"\"Rome\"}"}}]}"#, "null"),
    ]
    .concat();
    let end = chunk("{}", r#""tool_calls""#) + "data: [DONE]\n\n";
    let ask = async |stream: String| {
        let up = Upstream::start().await;
        let gateway = Plan::default().start("vllm", &up).await;
        up.once(Reply::stream("text/event-stream", vec![Step::bytes(stream)]));
        ask(&gateway, ClientRequest::post("/v1/chat/completions").body(body("openai_chat", true))).await.text()
    };
    let stream = format!("{native}{end}");
    assert_eq!(ask(stream.clone()).await, stream.replace(r#""model":"real""#, r#""model":"m""#));
    let text = chunk(&format!(r#"{{"content":"{CALL}"}}"#), "null");
    let both = ask(format!("{native}{text}{end}")).await;
    let rome = ("get_weather".to_owned(), serde_json::json!({"city": "Rome"}));
    assert_eq!(calls(&both), [rome, paris()], "{both}");
}
