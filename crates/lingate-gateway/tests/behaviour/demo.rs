//! The built-in demo backend, asked in each dialect.

use crate::setup::{ask, post};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use serde_json::{Value, json};

const YAML: &str = "clients: { auth: open }\nendpoints: [{ name: demo, type: demo }]\nvirtual_models:\n  - { name: m, targets: [{ endpoint: demo, model: demo-echo }] }\n  - { name: think, targets: [{ endpoint: demo, model: demo-think }] }\n  - { name: tool, targets: [{ endpoint: demo, model: demo-tool }] }\n  - { name: error, targets: [{ endpoint: demo, model: demo-error }], retry: { attempts: 1 } }\n";

#[tokio::test]
async fn it_answers_every_dialect() {
    let gateway = TestGateway::start(YAML).await;
    for client in Tongue::ALL {
        let answer = ask(&gateway, client.request(false)).await;
        assert_eq!(client.text(&answer.json()), "hi", "{}", answer.text());
        assert_eq!(answer.json()["model"], "m");
        let answer = ask(&gateway, client.request(true)).await;
        assert!(answer.text().contains("hi") && client.has_ended(&answer.text()), "{}", answer.text());
        let answer = post(&gateway, client.path(), client.body("error", true)).await;
        assert_eq!(answer.status, 500);
        assert!(client.error(&answer).contains("demo-error"));
    }
}

#[tokio::test]
async fn it_thinks_in_every_dialect() {
    let gateway = TestGateway::start(YAML).await;
    let thought = "You wrote 1 word.";
    for (client, place) in [
        (Tongue::OpenAi, "/choices/0/message/reasoning_content"),
        (Tongue::Anthropic, "/content/0/thinking"),
        (Tongue::Ollama, "/message/thinking"),
    ] {
        // The others think unasked; Anthropic's clients ask.
        let body = client.body("think", false);
        let asked = r#"{"thinking":{"type":"enabled","budget_tokens":1024},"max_tokens":4096,"#;
        let body = if client == Tongue::Anthropic {
            body.replace(r#""max_tokens":64,"#, "").replacen('{', asked, 1)
        } else {
            body
        };
        let answer = post(&gateway, client.path(), body).await.json();
        let found = answer.pointer(place).and_then(Value::as_str).unwrap_or_default();
        assert!(found.starts_with(thought), "{client:?}: {answer}");
    }
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
}

#[tokio::test]
async fn a_tool_goes_there_and_back_in_openais_form() {
    let gateway = TestGateway::start(YAML).await;
    let tools = json!([{"type": "function", "function": {"name": "weather", "parameters": schema()}}]);
    let mut messages = json!([{"role": "user", "content": "Berlin"}]);
    let body = json!({"model": "tool", "messages": messages, "tools": tools});
    let answer = post(&gateway, "/v1/chat/completions", body.to_string()).await.json();
    let message = &answer["choices"][0]["message"];
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls", "{answer}");
    assert_eq!(message["tool_calls"][0]["function"]["name"], "weather");
    let result = json!({"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "sunny"});
    messages.as_array_mut().unwrap().extend([message.clone(), result]);
    let body = json!({"model": "tool", "messages": messages, "tools": tools});
    let answer = post(&gateway, "/v1/chat/completions", body.to_string()).await.json();
    assert_eq!(Tongue::OpenAi.text(&answer), "The tool weather answered: \"sunny\".");
}

#[tokio::test]
async fn a_tool_goes_there_and_back_in_anthropics_form() {
    let gateway = TestGateway::start(YAML).await;
    let tools = json!([{"name": "weather", "input_schema": schema()}]);
    let mut messages = json!([{"role": "user", "content": "Berlin"}]);
    let body = json!({"model": "tool", "max_tokens": 99, "messages": messages, "tools": tools});
    let answer = post(&gateway, "/v1/messages", body.to_string()).await.json();
    assert_eq!(answer["stop_reason"], "tool_use", "{answer}");
    let call = answer["content"].as_array().unwrap().last().unwrap();
    assert_eq!((&call["type"], &call["name"]), (&json!("tool_use"), &json!("weather")));
    assert!(call["input"].is_object());
    let result = json!([{"type": "tool_result", "tool_use_id": call["id"], "content": "sunny"}]);
    messages.as_array_mut().unwrap().extend([
        json!({"role": "assistant", "content": answer["content"]}),
        json!({"role": "user", "content": result}),
    ]);
    let body = json!({"model": "tool", "max_tokens": 99, "messages": messages, "tools": tools});
    let answer = post(&gateway, "/v1/messages", body.to_string()).await.json();
    assert_eq!(Tongue::Anthropic.text(&answer), "The tool weather answered: \"sunny\".", "{answer}");
}

#[tokio::test]
async fn a_tool_goes_there_and_back_in_ollamas_form() {
    let gateway = TestGateway::start(YAML).await;
    let tools = json!([{"type": "function", "function": {"name": "weather", "parameters": schema()}}]);
    let mut messages = json!([{"role": "user", "content": "Berlin"}]);
    let body = json!({"model": "tool", "stream": false, "messages": messages, "tools": tools});
    let answer = post(&gateway, "/api/chat", body.to_string()).await.json();
    let call = &answer["message"]["tool_calls"][0]["function"];
    assert_eq!(call["name"], "weather", "{answer}");
    assert!(call["arguments"].is_object(), "{answer}");
    let result = json!({"role": "tool", "tool_name": "weather", "content": "sunny"});
    messages.as_array_mut().unwrap().extend([answer["message"].clone(), result]);
    let body = json!({"model": "tool", "stream": false, "messages": messages, "tools": tools});
    let answer = post(&gateway, "/api/chat", body.to_string()).await.json();
    assert_eq!(Tongue::Ollama.text(&answer), "The tool weather answered: \"sunny\".", "{answer}");
}
