//! Tools of a chat client that take free text, towards servers of its own dialect.

use crate::setup::{Plan, json, post};
use lingate_testkit::{Reply, Upstream};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

fn request(stream: bool) -> String {
    json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "x"}],
        "tools": [{"type": "custom", "custom": {"name": "sh"}}]})
    .to_string()
}

fn answer(call: &Value) -> Reply {
    let message = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    json(json!({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}).to_string())
}

#[tokio::test]
async fn vllm_gets_a_function_and_the_client_its_text() {
    let up = Upstream::start().await;
    let gateway = Plan::default().start("vllm", &up).await;
    up.once(answer(
        &json!({"id": "c1", "type": "function", "function": {"name": "sh", "arguments": "{\"input\":\"ls\"}"}}),
    ));
    let got = post(&gateway, CHAT, request(false)).await.json();
    let tools = up.next_request().await.json()["tools"].clone();
    assert_eq!(tools[0]["function"]["parameters"]["required"], json!(["input"]));
    let custom = json!({"id": "c1", "type": "custom", "custom": {"name": "sh", "input": "ls"}});
    assert_eq!(got["choices"][0]["message"]["tool_calls"], json!([custom]));
    // A stream, too.
    let chunk = |delta: Value, finish: Value| {
        json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).to_string()
    };
    let function =
        |function: Value| chunk(json!({"tool_calls": [{"index": 0, "id": "c1", "function": function}]}), Value::Null);
    let frames = [
        function(json!({"name": "sh", "arguments": "{\"input\":\"l"})),
        function(json!({"arguments": "s\"}"})),
        chunk(json!({}), json!("tool_calls")),
        "[DONE]".to_owned(),
    ];
    up.once(Reply::sse(frames.iter().map(String::as_str)));
    let stream = post(&gateway, CHAT, request(true)).await.text();
    let texts = stream.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    let texts: String = texts
        .filter_map(|chunk| Some(chunk["choices"][0]["delta"]["tool_calls"][0]["custom"]["input"].as_str()?.to_owned()))
        .collect();
    assert_eq!(texts, "ls", "{stream}");
}

#[tokio::test]
async fn openai_gets_the_tool_as_it_is() {
    let up = Upstream::start().await;
    let gateway = Plan::default().start("openai", &up).await;
    let custom = json!({"id": "c1", "type": "custom", "custom": {"name": "sh", "input": "ls"}});
    up.once(answer(&custom));
    let got = post(&gateway, CHAT, request(false)).await.json();
    let sent = up.next_request().await.json();
    assert_eq!(sent["tools"], json!([{"type": "custom", "custom": {"name": "sh"}}]));
    assert_eq!(got["choices"][0]["message"]["tool_calls"], json!([custom]));
}
