//! Anthropic's two API versions, and counting tokens for clients that speak them.

use crate::setup::{Plan, ask, json, plain};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{Answer, ClientRequest, Reply, Upstream};
use serde_json::json;

/// What the SDKs 2.x send.
const NEW: &str = "2026-10-21";

fn request(version: &str) -> ClientRequest {
    let body = json!({"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}], "top_k": 5,
        "temperature": 0.5, "thinking": {"type": "between_tools"}, "speed": "fast", "workspace_id": "w",
        "diagnostics": {"previous_message_id": null}});
    ClientRequest::post("/v1/messages?beta=true").json(&body).header("anthropic-version", version)
}

async fn sent(gateway: &TestGateway, up: &Upstream, backend: Tongue, request: ClientRequest) -> (Answer, String) {
    up.once(json(backend.whole("hello")));
    let answer = ask(gateway, request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    (answer, up.next_request().await.text())
}

#[tokio::test]
async fn a_native_upstream_gets_the_clients_version_and_all_members() {
    let up = Upstream::start().await;
    let gateway = plain("anthropic", &up).await;
    for version in [NEW, "2023-06-01", "2031-01-01"] {
        up.once(json(Tongue::Anthropic.whole("hello")));
        let request = request(version).header("anthropic-beta", "a,b").header("anthropic-workspace-id", "w");
        let answer = ask(&gateway, request.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-lingate-dropped")), (200, None));
        let got = up.next_request().await;
        assert_eq!(got.header("anthropic-version"), Some(version));
        assert_eq!((got.header("anthropic-beta"), got.header("anthropic-workspace-id")), (Some("a,b"), Some("w")));
        for member in ["temperature", "top_k", "thinking", "speed", "workspace_id", "diagnostics"] {
            assert!(got.json().get(member).is_some(), "{member}");
        }
    }
}

#[tokio::test]
async fn a_translated_request_keeps_what_its_version_has_and_tells_the_rest() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    let (answer, body) = sent(&gateway, &up, Tongue::OpenAi, request("2023-06-01")).await;
    assert!(body.contains(r#""temperature":0.5"#) && body.contains(r#""top_k":5"#), "{body}");
    let dropped = answer.header("x-lingate-dropped").unwrap();
    for path in ["thinking.type", "speed", "workspace_id", "diagnostics"] {
        assert!(dropped.split(',').any(|told| told == path), "{path}: {dropped}");
    }
    let (answer, body) = sent(&gateway, &up, Tongue::OpenAi, request(NEW)).await;
    assert!(!body.contains("temperature") && !body.contains("top_k"), "{body}");
    let dropped = answer.header("x-lingate-dropped").unwrap();
    assert!(dropped.contains("temperature") && dropped.contains("top_k"), "{dropped}");
}

#[tokio::test]
async fn a_version_that_there_is_not_is_refused_where_it_would_have_to_be_read() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    for version in ["2031-01-01", "new", ""] {
        let answer = ask(&gateway, request(version)).await;
        assert_eq!(answer.status, 400, "{version}");
        assert!(Tongue::Anthropic.error(&answer).contains("anthropic-version"), "{}", answer.text());
    }
    assert_eq!(up.request_count(), 0);
}

/// Other dialects' requests go to Anthropic under the version whose members they use.
#[tokio::test]
async fn a_translated_request_goes_to_anthropic_under_the_older_version() {
    let up = Upstream::start().await;
    let gateway = plain("anthropic", &up).await;
    up.once(json(Tongue::Anthropic.whole("hello")));
    ask(&gateway, Tongue::OpenAi.request(false).header("anthropic-version", NEW)).await;
    assert_eq!(up.next_request().await.header("anthropic-version"), Some("2023-06-01"));
}

fn count() -> ClientRequest {
    ClientRequest::post("/v1/messages/count_tokens").body(Tongue::Anthropic.body("m", false))
}

#[tokio::test]
async fn an_estimate_says_that_it_is_one() {
    let up = Upstream::start().await;
    let plan = Plan { model: "system_prompt: 'Answer in verse, whatever the question is.', ", ..Plan::default() };
    let (bare, primed) = (plain("ollama", &up).await, plan.start("ollama", &up).await);
    let mut counts = Vec::new();
    for gateway in [&bare, &primed] {
        let answer = ask(gateway, count()).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-lingate-estimated")), (200, Some("true")));
        counts.push(answer.json()["input_tokens"].as_u64().unwrap());
    }
    assert!((5..15).contains(&counts[0]) && counts[1] > counts[0] + 5, "{counts:?}");
    assert_eq!(up.request_count(), 0);
}

#[tokio::test]
async fn an_endpoint_that_speaks_it_too_is_asked_where_it_serves_it() {
    let kinds = [("vllm", "/v1/messages"), ("ollama", "/v1/messages"), ("openwebui", "/api/v1/messages")];
    for (kind, path) in kinds {
        let up = Upstream::start().await;
        let plan = Plan { endpoint: "dialects: [anthropic_messages],", ..Plan::default() };
        let gateway = plan.start(kind, &up).await;
        up.once(json(Tongue::Anthropic.whole("hello")));
        assert_eq!(ask(&gateway, request("2023-06-01")).await.status, 200, "{kind}");
        assert_eq!(up.next_request().await.path, path, "{kind}");
    }
}

#[tokio::test]
async fn an_open_webui_is_asked_and_may_refuse() {
    let up = Upstream::start().await;
    let gateway = plain("openwebui", &up).await;
    up.once(json(r#"{"input_tokens":77}"#));
    let answer = ask(&gateway, count()).await;
    assert_eq!((answer.json(), answer.header("x-lingate-estimated")), (json!({"input_tokens": 77}), None));
    assert_eq!(up.next_request().await.path, "/api/v1/messages/count_tokens");
    for refusal in [Reply::json(405, r#"{"detail":"Method Not Allowed"}"#), Reply::bytes(200, "<!doctype html>")] {
        up.once(refusal);
        let answer = ask(&gateway, count()).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-lingate-estimated")), (200, Some("true")));
    }
}
