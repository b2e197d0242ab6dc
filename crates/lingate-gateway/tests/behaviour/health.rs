//! Health checks: what is fetched, what follows from it, and that they end.

use crate::setup::{Plan, UPSTREAM_KEY, ask, json, soon};
use crate::support::{TestGateway, config};
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, Reply, Upstream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// An upstream that answers chats with `text`, and every GET with a status that the test sets.
async fn upstream(text: &'static str) -> (Upstream, Arc<AtomicU16>) {
    let up = Upstream::start().await;
    let status = Arc::new(AtomicU16::new(200));
    let told = status.clone();
    let vector = r#"{"data":[{"embedding":[0.5],"index":0}],"model":"TEXT"}"#.replace("TEXT", text);
    up.on(move |request| match (request.method.as_str(), request.path.as_str()) {
        ("GET", _) => Reply::json(told.load(Ordering::Relaxed), "{}"),
        (_, "/v1/embeddings") => json(vector.clone()).header("x-from", text),
        _ => json(Tongue::OpenAi.whole(text)),
    })
    .await;
    (up, status)
}

fn two(first: &Upstream, second: &Upstream, check: &str) -> String {
    let endpoint = |name: &str, up: &Upstream| {
        format!("  - {{ name: {name}, type: vllm, url: \"{}\", api_key: {UPSTREAM_KEY}, {check} }}\n", up.url(""))
    };
    format!(
        "clients: {{ auth: open }}\nendpoints:\n{}{}virtual_models:\n  - {{ name: m, targets: [{{ endpoint: e0, model: \
         r }}, {{ endpoint: e1, model: r }}], retry: {{ attempts: 1 }}, response_model: upstream }}\n",
        endpoint("e0", first),
        endpoint("e1", second)
    )
}

/// Waits until the metrics say so of an endpoint.
async fn healthy(gateway: &TestGateway, name: &str, well: u8) {
    let line = format!("lingate_endpoint_healthy{{endpoint=\"{name}\"}} {well}");
    let told = async {
        while !gateway.gateway.metrics().render().lines().any(|told| told == line) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    soon(&line, told).await;
}

async fn endpoint_of(gateway: &TestGateway, request: ClientRequest) -> String {
    let answer = ask(gateway, request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-lingate-endpoint").unwrap().to_owned()
}

#[tokio::test]
async fn who_is_not_well_is_not_asked_while_another_is() {
    let ((first, status), (second, other)) = (upstream("first").await, upstream("second").await);
    let gateway = TestGateway::start(&two(&first, &second, "health_check: { interval: 20ms }")).await;
    let requests = || {
        let embed = ClientRequest::post("/v1/embeddings").body(r#"{"model":"m","input":"x"}"#);
        let moderate = ClientRequest::post("/v1/moderations").body(r#"{"model":"m","input":"x"}"#);
        [Tongue::OpenAi.request(false), Tongue::Anthropic.request(true), embed, moderate]
    };
    for request in requests() {
        assert_eq!(endpoint_of(&gateway, request).await, "e0");
    }
    status.store(500, Ordering::Relaxed);
    healthy(&gateway, "e0", 0).await;
    for request in requests() {
        assert_eq!(endpoint_of(&gateway, request).await, "e1");
    }
    // If none is well, the best is asked all the same.
    other.store(404, Ordering::Relaxed);
    healthy(&gateway, "e1", 0).await;
    assert_eq!(endpoint_of(&gateway, Tongue::OpenAi.request(false)).await, "e0");
    status.store(204, Ordering::Relaxed);
    healthy(&gateway, "e0", 1).await;
    assert_eq!(endpoint_of(&gateway, Tongue::OpenAi.request(false)).await, "e0");
    // Readiness is about lingate itself.
    other.store(500, Ordering::Relaxed);
    assert_eq!(ask(&gateway, ClientRequest::get("/ready")).await.status, 200);
}

#[tokio::test]
async fn what_is_fetched() {
    for (kind, check, expected) in [
        ("vllm", "", "/v1/models"),
        ("ollama", "", "/api/tags"),
        ("anthropic", "", "/v1/models"),
        ("queue", "", "/health"),
        ("runpod", "", "/health"),
        ("runpod", "path: /ping", "/ping"),
        ("vllm", "path: /healthz", "/healthz"),
    ] {
        let (up, _) = upstream("x").await;
        let endpoint = format!("health_check: {{ interval: 1h, {check} }}, limits: {{ rpm: 1 }},");
        let _gateway = Plan { endpoint: &endpoint, ..Plan::default() }.start(kind, &up).await;
        let asked = soon("the first check", up.next_request()).await;
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", expected), "{kind}");
    }
}

#[tokio::test]
async fn nothing_is_fetched_where_no_interval_is_set() {
    let (up, _) = upstream("x").await;
    let gateway = Plan { endpoint: "health_check: { path: /h },", ..Plan::default() }.start("vllm", &up).await;
    ask(&gateway, Tongue::OpenAi.request(false)).await;
    assert_eq!(up.request_count(), 1);
    assert!(!gateway.gateway.metrics().render().contains("endpoint_healthy{"));
}

#[tokio::test]
async fn checks_go_on_over_a_reload_and_end_with_their_endpoint() {
    let ((first, status), (second, _)) = (upstream("first").await, upstream("second").await);
    let yaml = two(&first, &second, "health_check: { interval: 15ms }");
    let gateway = TestGateway::start(&yaml).await;
    status.store(500, Ordering::Relaxed);
    healthy(&gateway, "e0", 0).await;
    let (before, since) = (first.request_count(), std::time::Instant::now());
    // Nothing changed: no second task, and what is known stays.
    for _ in 0..10 {
        gateway.gateway.reload(config(&yaml)).unwrap();
    }
    assert_eq!(endpoint_of(&gateway, Tongue::OpenAi.request(false)).await, "e1");
    tokio::time::sleep(Duration::from_millis(150)).await;
    let more = first.request_count() - before;
    // One task waits 13.5 ms and more between two; eleven would ask ten times as often.
    let most = since.elapsed().as_millis() / 13 + 2;
    assert!(more >= 1 && u128::from(more) <= most, "{more} checks, {most} at most");
    // The endpoint goes, and its checks with it.
    gateway.gateway.reload(config(&Plan::default().yaml("vllm", &second.url("")))).unwrap();
    soon("the checks' connections", first.all_closed()).await;
    let last = first.request_count();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(first.request_count(), last);
}
