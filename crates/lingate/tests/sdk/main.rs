//! The vendors' own Python SDKs against the program, with an upstream of each dialect behind it.
//!
//! A script for each SDK holds its checks. The upstreams read strictly and say back what they read, so an SDK sees
//! whether anything was lost on the way there or back; the tests here look at the bytes that the upstreams got.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]
#![expect(clippy::print_stdout, reason = "what a failed test shows")]

mod anthropic;
mod gateway;
mod mind;
mod ollama;
mod openai;
#[path = "../support/mod.rs"]
mod support;
mod upstreams;
mod venv;

use gateway::{Gateway, PNG, holds};
use serde_json::{Value, json};

#[tokio::test]
async fn the_openai_sdk_meets_every_backend() {
    meet("openai_checks.py", Vec::new()).await;
}

#[tokio::test]
async fn the_openai_sdk_meets_every_backend_by_responses() {
    // Thoughts come back to the provider that made them.
    let thought = json!({ "type": "thinking", "thinking": mind::THOUGHT, "signature": mind::SIGNATURE });
    meet("responses_checks.py", vec![("anthropic", vec![thought])]).await;
}

#[tokio::test]
async fn the_anthropic_sdk_meets_every_backend() {
    // A thread goes on where it began; by other dialects the whole conversation is sent.
    let thread = json!({ "thread": { "type": "continue", "previous_message_id": anthropic::ID } });
    meet("anthropic_checks.py", vec![("anthropic", vec![thread])]).await;
}

#[tokio::test]
async fn the_ollama_sdk_meets_every_backend() {
    meet("ollama_checks.py", Vec::new()).await;
}

/// Runs the checks, then looks for parts of what the upstreams were asked: those that every SDK asks for, and `more`.
async fn meet(script: &str, mut more: Vec<(&str, Vec<Value>)>) {
    let Some(python) = venv::python().await else { return };
    let gateway = Gateway::start().await;
    gateway.check(&python, script).await;
    gateway.left().await;
    more.extend([("openai", openai_bodies()), ("anthropic", anthropic_bodies()), ("ollama", ollama_bodies())]);
    for (backend, wanted) in more {
        let bodies: Vec<Value> = gateway.asked(backend).iter().map(lingate_testkit::Request::json).collect();
        for wanted in wanted {
            let found = bodies.iter().any(|body| holds(body, &wanted));
            assert!(found, "{script}: no request to {backend} holds {wanted}");
        }
    }
    gateway.stop().await;
}

/// Parts that requests of every SDK have in OpenAI's dialect.
fn openai_bodies() -> Vec<Value> {
    let url = format!("data:image/png;base64,{PNG}");
    vec![
        json!({ "model": "talk", "stream": true, "stream_options": { "include_usage": true } }),
        json!({ "type": "function", "function": mind::tool() }),
        json!({ "type": "function", "function": { "name": "get_weather", "arguments": r#"{"city":"Oslo"}"# } }),
        json!({ "role": "tool", "content": "Oslo has 2 degrees" }),
        json!({ "type": "image_url", "image_url": { "url": url } }),
        json!({ "type": "json_schema", "json_schema": { "schema": mind::schema() } }),
        json!({ "reasoning_effort": "high" }),
    ]
}

/// The same in Anthropic's dialect.
fn anthropic_bodies() -> Vec<Value> {
    let tool = mind::tool();
    let (name, description, schema) = (&tool["name"], &tool["description"], &tool["parameters"]);
    vec![
        json!({ "model": "talk", "stream": true }),
        json!({ "name": name, "description": description, "input_schema": schema }),
        json!({ "type": "tool_use", "name": "get_weather", "input": { "city": "Oslo" } }),
        json!({ "type": "tool_result" }),
        json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": PNG } }),
        json!({ "output_config": { "format": { "type": "json_schema", "schema": mind::schema() } } }),
    ]
}

/// The same in Ollama's dialect.
fn ollama_bodies() -> Vec<Value> {
    vec![
        json!({ "model": "talk", "stream": true }),
        json!({ "type": "function", "function": mind::tool() }),
        json!({ "function": { "name": "get_weather", "arguments": { "city": "Oslo" } } }),
        json!({ "role": "tool", "content": "Oslo has 2 degrees" }),
        json!({ "images": [PNG] }),
        json!({ "format": mind::schema() }),
        json!({ "think": "high" }),
    ]
}
