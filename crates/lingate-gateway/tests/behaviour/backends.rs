//! Kinds of backend: where their calls go and what they carry.

use crate::setup::{Plan, UPSTREAM_KEY, ask, json};
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, Request, Upstream};

/// What reaches an upstream of this kind at this URL.
async fn seen(kind: &str, below: &str, plan: Plan<'_>, request: ClientRequest) -> Request {
    let up = Upstream::start().await;
    let gateway = crate::support::TestGateway::start(&plan.yaml(kind, &up.url(below))).await;
    up.on(|request| {
        let tongue = Tongue::ALL.into_iter().find(|tongue| match tongue {
            Tongue::OpenAi => request.path.contains("/chat/completions"),
            Tongue::Anthropic => request.path.contains("/messages"),
            Tongue::Ollama => request.path.contains("/api/chat"),
        });
        json(tongue.unwrap().whole("ok"))
    })
    .await;
    let answer = ask(&gateway, request).await;
    assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
    assert_eq!(up.request_count(), 1, "no POST precedes a chat");
    let seen = up.next_request().await;
    assert_eq!(seen.header("host"), Some(up.addr().to_string().as_str()));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("content-length"), Some(seen.body.len().to_string().as_str()));
    seen
}

#[tokio::test]
async fn each_kind_has_its_path_and_its_credential() {
    let bearer = format!("Bearer {UPSTREAM_KEY}");
    for (kind, below, path) in [
        ("openai", "", "/v1/chat/completions"),
        ("openai", "/", "/v1/chat/completions"),
        ("openai", "/v1", "/v1/chat/completions"),
        ("openai", "/v1/", "/v1/chat/completions"),
        ("openai", "/v1/api/ep-1", "/v1/api/ep-1/v1/chat/completions"),
        ("vllm", "", "/v1/chat/completions"),
        ("together", "", "/v1/chat/completions"),
        ("deepinfra", "", "/v1/openai/chat/completions"),
        ("deepinfra", "/v1/openai", "/v1/openai/chat/completions"),
        ("openwebui", "", "/api/chat/completions"),
        ("openwebui", "/api", "/api/chat/completions"),
        ("openwebui", "/chat", "/chat/api/chat/completions"),
        ("ollama", "", "/api/chat"),
        ("ollama", "/ollama", "/ollama/api/chat"),
        ("anthropic", "", "/v1/messages"),
        ("anthropic", "/v1", "/v1/messages"),
    ] {
        let seen = seen(kind, below, Plan::default(), Tongue::OpenAi.request(false)).await;
        assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", path), "{kind} {below}");
        assert_eq!(seen.json()["model"], "real");
        if kind == "anthropic" {
            assert_eq!(seen.header("x-api-key"), Some(UPSTREAM_KEY));
            assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
            assert_eq!(seen.header("authorization"), None);
        } else {
            assert_eq!(seen.header("authorization"), Some(bearer.as_str()), "{kind}");
            assert_eq!((seen.header("x-api-key"), seen.header("anthropic-version")), (None, None));
        }
    }
}

#[tokio::test]
async fn an_endpoint_without_key_sends_none() {
    let up = Upstream::start().await;
    let yaml = Plan::default().yaml("vllm", &up.url("")).replace(&format!("api_key: {UPSTREAM_KEY}, "), "");
    let gateway = crate::support::TestGateway::start(&yaml).await;
    up.on(|_| json(Tongue::OpenAi.whole("ok"))).await;
    ask(&gateway, Tongue::OpenAi.request(false).header("authorization", "Bearer theirs")).await;
    assert_eq!(up.next_request().await.header("authorization"), None);
}

#[tokio::test]
async fn an_endpoints_own_headers_query_and_prefix_are_used() {
    let endpoint = "auth_header: api-key, query: { api-version: 2024-10-21, \"a b\": \"c&d\" }, \
                    path_prefix: /openai/deployments/x, headers: { X-Team: blue, user-agent: mine },";
    let plan = Plan { endpoint, model: "headers: { X-Source: lingate-test },", ..Plan::default() };
    let seen = seen("openai", "/base", plan, Tongue::OpenAi.request(false)).await;
    assert_eq!(seen.path, "/base/openai/deployments/x/chat/completions?api-version=2024-10-21&a+b=c%26d");
    assert_eq!((seen.header("api-key"), seen.header("authorization")), (Some(UPSTREAM_KEY), None));
    assert_eq!(seen.header("x-team"), Some("blue"));
    assert_eq!(seen.header("user-agent"), Some("mine"));
    assert_eq!(seen.header("x-source"), Some("lingate-test"));
}

#[tokio::test]
async fn an_empty_prefix_appends_nothing() {
    let plan = Plan { endpoint: "path_prefix: \"\",", ..Plan::default() };
    assert_eq!(seen("openai", "/x", plan, Tongue::OpenAi.request(false)).await.path, "/x/chat/completions");
}

#[tokio::test]
async fn anthropics_own_headers_reach_anthropic_alone() {
    let request = || {
        Tongue::Anthropic
            .request(false)
            .header("anthropic-version", "2026-10-21")
            .header("anthropic-beta", "a-2025,b-2025")
            .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            .header("x-session-id", "s1")
            .header("x-stainless-os", "Linux")
    };
    let native = seen("anthropic", "", Plan::default(), request()).await;
    assert_eq!(native.header("anthropic-version"), Some("2026-10-21"));
    assert_eq!(native.header("anthropic-beta"), Some("a-2025,b-2025"));
    let foreign = seen("vllm", "", Plan::default(), request()).await;
    assert_eq!((foreign.header("anthropic-version"), foreign.header("anthropic-beta")), (None, None));
    for seen in [native, foreign] {
        assert!(seen.header("traceparent").unwrap().starts_with("00-0af"));
        assert_eq!(seen.header("x-session-id"), Some("s1"));
        assert_eq!(seen.header("x-stainless-os"), None);
    }
}

#[tokio::test]
async fn a_further_dialect_of_an_endpoint_is_relayed() {
    let plan = Plan { endpoint: "dialects: [anthropic_messages],", ..Plan::default() };
    let body = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"odd" : 1.10}"#;
    let request = || ClientRequest::post("/v1/messages").body(body);
    let native = seen("openai", "", plan, request()).await;
    assert_eq!((native.path.as_str(), native.text()), ("/v1/messages", body.replace(r#""m""#, r#""real""#)));
    let native = seen("ollama", "", plan, request()).await;
    assert_eq!((native.path.as_str(), native.text()), ("/v1/messages", body.replace(r#""m""#, r#""real""#)));
    let plan = Plan { endpoint: "dialects: [openai_chat],", ..Plan::default() };
    let native = seen("anthropic", "", plan, Tongue::OpenAi.request(false)).await;
    assert_eq!(native.path, "/v1/chat/completions");
    // Without it, it is translated.
    let translated = seen("openai", "", Plan::default(), request()).await;
    assert_eq!(translated.path, "/v1/chat/completions");
    assert_eq!(translated.json().get("odd"), None);
}

#[tokio::test]
async fn what_a_foreign_backend_cannot_know_is_dropped_and_named() {
    let up = Upstream::start().await;
    let gateway = Plan::default().start("anthropic", &up).await;
    up.on(|_| json(Tongue::Anthropic.whole("ok"))).await;
    let members = r#"{"seed":7,"api_base":"http://evil.test","#;
    let body = Tongue::OpenAi.body("m", false).replacen('{', members, 1);
    let answer = crate::setup::post(&gateway, "/v1/chat/completions", body.clone()).await;
    let dropped: Vec<_> =
        answer.header("x-lingate-dropped").unwrap_or_else(|| panic!("{}", answer.text())).split(',').collect();
    assert!(dropped.contains(&"seed") && dropped.contains(&"api_base"), "{dropped:?}");
    assert!(!up.next_request().await.text().contains("evil"));
    // A model that is strict refuses instead.
    let strict = Plan { model: "strict: true,", ..Plan::default() }.start("anthropic", &up).await;
    let answer = crate::setup::post(&strict, "/v1/chat/completions", body).await;
    assert_eq!(answer.status, 400);
    assert!(Tongue::OpenAi.error(&answer).contains('`'), "{}", answer.text());
    assert_eq!(up.request_count(), 1);
}
