//! Long requests to Ollama: asked for with enough context, or with a warning, but never cut in silence.

use crate::setup::{Plan, ask, json, post};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{Answer, ClientRequest, Upstream};
use serde_json::{Value, json};

async fn start(plan: Plan<'_>) -> (Upstream, TestGateway) {
    let up = Upstream::start().await;
    let gateway = plan.start("ollama", &up).await;
    up.on(|request| match request.path.as_str() {
        "/api/show" => json(r#"{"model_info":{"llama.context_length":12000},"parameters":"num_ctx 5000"}"#),
        "/v1/completions" => json(r#"{"model":"real","choices":[{"index":0,"text":"ok","finish_reason":"stop"}]}"#),
        "/api/generate" => json(r#"{"model":"real","response":"ok","done":true}"#),
        _ => json(Tongue::Ollama.whole("ok")),
    })
    .await;
    (up, gateway)
}

/// Sends a chat that says `bytes` bytes; gives the `options` that the upstream saw, and the answer.
async fn options(up: &Upstream, gateway: &TestGateway, tongue: Tongue, bytes: usize) -> (Value, Answer) {
    let body = tongue.body_saying("m", false, &"x".repeat(bytes));
    let answer = ask(gateway, ClientRequest::post(tongue.path()).body(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    (up.next_request().await.json()["options"].clone(), answer)
}

#[tokio::test]
async fn long_requests_of_all_clients_get_the_next_power_of_two() {
    let (up, gateway) = start(Plan::default()).await;
    for tongue in Tongue::ALL {
        let short = if tongue == Tongue::Anthropic { json!({"num_predict": 64}) } else { Value::Null };
        for (bytes, num_ctx) in [(2000, None), (11_000, None), (20_000, Some(8192)), (100_000, Some(65_536))] {
            let (seen, answer) = options(&up, &gateway, tongue, bytes).await;
            let mut expected = short.clone();
            if let Some(num_ctx) = num_ctx {
                expected["num_ctx"] = json!(num_ctx);
            }
            assert_eq!(seen, expected, "{tongue:?} {bytes}");
            assert_eq!(answer.header("x-lingate-warning"), None);
        }
    }
    let body = json!({"model": "m", "prompt": "Once", "max_tokens": 5000}).to_string();
    post(&gateway, "/v1/completions", body).await;
    assert_eq!(up.next_request().await.json()["options"], json!({"num_predict": 5000, "num_ctx": 8192}));
}

#[tokio::test]
async fn a_long_relay_keeps_every_other_byte() {
    let (up, gateway) = start(Plan::default()).await;
    let long = "x".repeat(20_000);
    for (path, content) in [
        ("/api/generate", format!(r#""prompt":"{long}""#)),
        ("/api/chat", format!(r#""messages":[{{"role":"user","content":"{long}"}}]"#)),
    ] {
        let body = |model: &str, tail: &str| {
            format!(
                "{{ \"model\":\"{model}\",{content},\"x\" : 1.10, \"stream\":false,\"options\":{{\"seed\":1.0{tail}}} }}"
            )
        };
        post(&gateway, path, body("m", "")).await;
        assert_eq!(up.next_request().await.text(), body("real", r#","num_ctx":8192"#), "{path}");
        let said = body("m", r#","num_ctx":64"#);
        post(&gateway, path, said.clone()).await;
        assert_eq!(up.next_request().await.text(), said.replace(r#""m""#, r#""real""#), "{path}");
    }
}

#[tokio::test]
async fn the_operators_word_counts() {
    for (endpoint, model, long, short) in [
        ("", "defaults: { num_ctx: 100 },", json!({"num_ctx": 100}), json!({"num_ctx": 100})),
        ("", "force: { options.num_ctx: 100 },", json!({"num_ctx": 100}), json!({"num_ctx": 100})),
        ("num_ctx: 32768,", "", json!({"num_ctx": 32768}), json!({"num_ctx": 32768})),
        ("num_ctx: 32768,", "defaults: { num_ctx: 100 },", json!({"num_ctx": 100}), json!({"num_ctx": 100})),
        ("num_ctx: 0,", "", Value::Null, Value::Null),
        (
            "",
            "defaults: { max_tokens: 9000 },",
            json!({"num_predict": 9000, "num_ctx": 16_384}),
            json!({"num_predict": 9000, "num_ctx": 16_384}),
        ),
    ] {
        let (up, gateway) = start(Plan { endpoint, model, ..Plan::default() }).await;
        for tongue in [Tongue::OpenAi, Tongue::Ollama] {
            assert_eq!(options(&up, &gateway, tongue, 20_000).await.0, long, "{endpoint}{model} {tongue:?}");
            assert_eq!(options(&up, &gateway, tongue, 20).await.0, short, "{endpoint}{model} {tongue:?}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_held_is_told() {
    let warned = |answer: &Answer, words: &str| {
        let warning = answer.header("x-lingate-warning").unwrap_or_default();
        assert!(warning.starts_with("num_ctx: ") && warning.contains(words), "{warning}");
    };
    let (up, gateway) = start(Plan::default()).await;
    for tongue in [Tongue::OpenAi, Tongue::Ollama] {
        let (seen, answer) = options(&up, &gateway, tongue, 500_000).await;
        assert_eq!(seen["num_ctx"], 131_072);
        warned(&answer, "131072");
    }
    // Once the model has been shown, its length is known, and what it holds unasked.
    post(&gateway, "/api/show", r#"{"model":"m"}"#).await;
    up.next_request().await;
    for (bytes, num_ctx, warns) in
        [(14_000, Value::Null, false), (29_000, json!(12_000), false), (60_000, json!(12_000), true)]
    {
        let (seen, answer) = options(&up, &gateway, Tongue::Anthropic, bytes).await;
        assert_eq!(seen["num_ctx"], num_ctx, "{bytes}");
        assert_eq!(answer.header("x-lingate-warning").is_some(), warns, "{bytes}");
    }
    let (up, gateway) = start(Plan { endpoint: "strip: [num_ctx, seed],", ..Plan::default() }).await;
    for tongue in [Tongue::OpenAi, Tongue::Ollama] {
        let (seen, answer) = options(&up, &gateway, tongue, 20_000).await;
        assert_eq!(seen, Value::Null);
        warned(&answer, "strips num_ctx");
    }
}

#[tokio::test]
async fn a_dialect_that_cannot_ask_is_told() {
    for (endpoint, warns) in [("", true), ("num_ctx: 32768,", false)] {
        let endpoint = format!("dialects: [openai_completions], {endpoint}");
        let (up, gateway) = start(Plan { endpoint: &endpoint, ..Plan::default() }).await;
        for (bytes, warns) in [(2000, false), (20_000, warns)] {
            let body = json!({"model": "m", "prompt": "x".repeat(bytes)}).to_string();
            let answer = post(&gateway, "/v1/completions", body).await;
            let seen = up.next_request().await;
            assert_eq!((seen.path.as_str(), seen.json().get("options")), ("/v1/completions", None));
            let warning = answer.header("x-lingate-warning").unwrap_or_default();
            assert_eq!(warning.contains("cannot ask"), warns, "{endpoint} {bytes}: {warning}");
        }
    }
}

#[tokio::test]
async fn strips_and_a_computed_context_share_the_options() {
    let (up, gateway) = start(Plan { endpoint: "strip: [seed],", ..Plan::default() }).await;
    let long = "x".repeat(20_000);
    let body = format!(r#"{{"model":"m","prompt":"{long}","stream":false,"options":{{"seed":1,"top_k":2}}}}"#);
    post(&gateway, "/api/generate", body).await;
    assert_eq!(up.next_request().await.json()["options"], json!({"top_k": 2, "num_ctx": 8192}));
}
