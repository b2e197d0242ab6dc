//! Load limits of endpoints: places, the queue before them, and what a minute holds.

use crate::setup::{Plan, UPSTREAM_KEY, ask, json, soon};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, Reply, Step, Upstream};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// One endpoint with these limits.
async fn limited(limits: &str, up: &Upstream) -> TestGateway {
    let endpoint = format!("limits: {{ {limits} }},");
    Plan { endpoint: &endpoint, ..Plan::default() }.start("vllm", up).await
}

/// Two endpoints, the first with limits.
async fn two(limits: &str, first: &Upstream, second: &Upstream) -> TestGateway {
    let yaml = format!(
        "clients: {{ auth: open }}\nendpoints:\n  - {{ name: e0, type: vllm, url: \"{}\", api_key: {UPSTREAM_KEY}, \
         limits: {{ {limits} }} }}\n  - {{ name: e1, type: vllm, url: \"{}\" }}\nvirtual_models:\n  - {{ name: m, \
         targets: [{{ endpoint: e0, model: r }}, {{ endpoint: e1, model: r }}], retry: {{ attempts: 1 }} }}\n",
        first.url(""),
        second.url("")
    );
    TestGateway::start(&yaml).await
}

/// Waits until the metrics hold this line.
async fn metric(gateway: &TestGateway, line: &str) {
    let told = async {
        while !gateway.gateway.metrics().render().lines().any(|told| told == line) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    soon(&format!("{line} in\n{}", gateway.gateway.metrics().render()), told).await;
}

fn asking(gateway: &TestGateway, request: ClientRequest) -> tokio::task::JoinHandle<lingate_testkit::Answer> {
    let address = gateway.address;
    tokio::spawn(async move { request.send(address).await.unwrap() })
}

#[tokio::test]
async fn a_place_is_taken_until_the_last_byte() {
    for stream in [true, false] {
        let up = Upstream::start().await;
        let gateway = limited("concurrency: 1, queue: 3", &up).await;
        let (gate, open) = Step::gate();
        let first = match stream {
            true => {
                let (start, end) = (Tongue::OpenAi.opening() + &Tongue::OpenAi.delta("one"), Tongue::OpenAi.end());
                Tongue::OpenAi.streaming(vec![Step::bytes(start), gate, Step::bytes(Tongue::OpenAi.finish() + &end)])
            }
            false => {
                let whole = Tongue::OpenAi.whole("one");
                let (start, end) = whole.split_at(20);
                let steps = vec![Step::bytes(start.to_owned()), gate, Step::bytes(end.to_owned())];
                Reply::stream("application/json", steps)
            }
        };
        up.once(first);
        up.on(|_| json(Tongue::OpenAi.whole("two"))).await;
        let one = asking(&gateway, Tongue::OpenAi.request(stream));
        up.next_request().await;
        let two = asking(&gateway, Tongue::OpenAi.request(false));
        metric(&gateway, "lingate_endpoint_queued{endpoint=\"up\"} 1").await;
        metric(&gateway, "lingate_endpoint_inflight{endpoint=\"up\"} 1").await;
        assert_eq!(up.request_count(), 1, "stream {stream}");
        open.notify_one();
        assert!(soon("the first answer", one).await.unwrap().text().contains("one"));
        assert!(soon("the second answer", two).await.unwrap().text().contains("two"));
        metric(&gateway, "lingate_endpoint_inflight{endpoint=\"up\"} 0").await;
        metric(&gateway, "lingate_endpoint_queued{endpoint=\"up\"} 0").await;
    }
}

#[tokio::test]
async fn a_full_queue_is_told_in_every_dialect() {
    let up = Upstream::start().await;
    let gateway = limited("concurrency: 1", &up).await;
    up.once(Reply::hang());
    let held = asking(&gateway, Tongue::OpenAi.request(false));
    up.next_request().await;
    for client in Tongue::ALL {
        for stream in [false, true] {
            let answer = ask(&gateway, client.request(stream)).await;
            let status = if client == Tongue::Anthropic { 529 } else { 503 };
            assert_eq!(
                (answer.status.as_u16(), answer.header("retry-after")),
                (status, Some("5")),
                "{}",
                answer.text()
            );
            assert!(client.error(&answer).contains("'up'"));
        }
    }
    metric(&gateway, "lingate_endpoint_limit_rejections_total{endpoint=\"up\",limit=\"queue\"} 6").await;
    assert_eq!(up.request_count(), 1);
    held.abort();
}

#[tokio::test]
async fn a_wait_that_is_too_long_ends() {
    let up = Upstream::start().await;
    let gateway = limited("concurrency: 1, queue: 1, wait: 50ms", &up).await;
    up.once(Reply::hang());
    let held = asking(&gateway, Tongue::OpenAi.request(false));
    up.next_request().await;
    let answer = ask(&gateway, Tongue::OpenAi.request(false)).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["error"]["code"], "endpoint_busy");
    assert_eq!(up.request_count(), 1);
    held.abort();
}

/// It costs no attempt, of which there is but one.
#[tokio::test]
async fn another_target_takes_what_a_limit_refuses() {
    for (limits, requests) in [("concurrency: 1", 1), ("rpm: 1", 1)] {
        let (first, second) = (Upstream::start().await, Upstream::start().await);
        first.on(|_| Reply::hang()).await;
        second.on(|_| json(Tongue::OpenAi.whole("second"))).await;
        let gateway = two(limits, &first, &second).await;
        let held = asking(&gateway, Tongue::OpenAi.request(false));
        first.next_request().await;
        for stream in [false, true] {
            let answer = ask(&gateway, Tongue::OpenAi.request(stream)).await;
            assert!(answer.text().contains("second"), "{limits}: {}", answer.text());
            assert_eq!(answer.header("x-lingate-endpoint"), Some("e1"));
        }
        assert_eq!(first.request_count(), requests);
        held.abort();
    }
}

#[tokio::test]
async fn nothing_is_sent_for_a_client_that_left_the_queue() {
    for stream in [false, true] {
        let up = Upstream::start().await;
        let gateway = limited("concurrency: 1, queue: 1", &up).await;
        let gate = Arc::new(Notify::new());
        up.once(json(Tongue::OpenAi.whole("one")).held_by(&gate));
        up.on(|_| json(Tongue::OpenAi.whole("later"))).await;
        let first = asking(&gateway, Tongue::OpenAi.request(false));
        up.next_request().await;
        let leaving = asking(&gateway, Tongue::OpenAi.request(stream));
        metric(&gateway, "lingate_endpoint_queued{endpoint=\"up\"} 1").await;
        leaving.abort();
        metric(&gateway, "lingate_endpoint_queued{endpoint=\"up\"} 0").await;
        gate.notify_one();
        assert_eq!(soon("the first answer", first).await.unwrap().status, 200);
        let later = Tongue::OpenAi.body_saying("m", false, "later");
        let answer = ask(&gateway, ClientRequest::post("/v1/chat/completions").body(later)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(up.request_count(), 2, "stream {stream}");
        assert!(up.next_request().await.text().contains("later"));
    }
}

/// A stream whose head went out by a sign of life waits on, and hears of a refusal inside it.
#[tokio::test]
async fn a_streaming_client_hears_that_it_waits_for_a_place() {
    let up = Upstream::start().await;
    let plan = Plan {
        endpoint: "limits: { concurrency: 1, queue: 1, wait: 300ms },",
        top: "keep_alive: 30ms\n",
        ..Plan::default()
    };
    let gateway = plan.start("vllm", &up).await;
    up.once(Reply::hang());
    let held = asking(&gateway, Tongue::OpenAi.request(false));
    up.next_request().await;
    let mut answer = soon("the head", Tongue::OpenAi.request(true).open(gateway.address)).await.unwrap();
    let mut text = String::new();
    while let Some(chunk) = soon("the stream", answer.next_chunk()).await {
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(text.starts_with(':'), "{text}");
    assert!(Tongue::OpenAi.stream_error(&text).is_some_and(|message| message.contains("'up'")), "{text}");
    assert_eq!(up.request_count(), 1);
    held.abort();
}

#[tokio::test]
async fn a_minute_s_requests_are_counted_at_their_start_and_over_reloads() {
    let up = Upstream::start().await;
    up.on(|_| json(Tongue::OpenAi.whole("one"))).await;
    let gateway = limited("rpm: 2", &up).await;
    assert_eq!(ask(&gateway, Tongue::OpenAi.request(false)).await.status, 200);
    // The endpoint is made anew, for it has other time-outs; its limits are those of before.
    let yaml = Plan { endpoint: "limits: { rpm: 2 }, timeouts: { total: 9s },", ..Plan::default() };
    gateway.gateway.reload(crate::support::config(&yaml.yaml("vllm", &up.url("")))).unwrap();
    assert_eq!(ask(&gateway, Tongue::Ollama.request(true)).await.status, 200);
    for client in Tongue::ALL {
        let answer = ask(&gateway, client.request(true)).await;
        assert_eq!(answer.status, 429, "{}", answer.text());
        let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=30).contains(&after), "{after}");
        assert!(client.error(&answer).contains("requests"));
    }
    assert_eq!(up.request_count(), 2);
    metric(&gateway, "lingate_endpoint_limit_rejections_total{endpoint=\"up\",limit=\"rpm\"} 3").await;
    // Lists of models do not count.
    ask(&gateway, ClientRequest::get("/v1/models")).await;
    // Another limit begins anew.
    let yaml = Plan { endpoint: "limits: { rpm: 3 },", ..Plan::default() };
    gateway.gateway.reload(crate::support::config(&yaml.yaml("vllm", &up.url("")))).unwrap();
    assert_eq!(ask(&gateway, Tongue::OpenAi.request(false)).await.status, 200);
}

/// Whatever a model works on.
#[tokio::test]
async fn embeddings_and_other_paths_count_too() {
    let up = Upstream::start().await;
    up.on(|_| json(r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1]}],"model":"r"}"#)).await;
    let gateway = limited("rpm: 2", &up).await;
    let asks = |path: &str| ClientRequest::post(path).body(r#"{"model":"m","input":"x"}"#);
    // A list is asked for, and is free.
    ask(&gateway, ClientRequest::get("/v1/models")).await;
    assert_eq!(ask(&gateway, asks("/v1/embeddings")).await.status, 200);
    assert_eq!(ask(&gateway, asks("/v1/moderations")).await.status, 200);
    for path in ["/v1/embeddings", "/v1/moderations", "/api/embed"] {
        let answer = ask(&gateway, asks(path)).await;
        assert_eq!(answer.status, 429, "{path}: {}", answer.text());
        assert!(answer.header("retry-after").is_some());
    }
    let posts = up.requests().iter().filter(|request| request.method == "POST").count();
    assert_eq!(posts, 2);
}

/// Each answer says that it used 8.
#[tokio::test]
async fn a_minute_s_tokens_are_counted_when_they_are_known() {
    for backend in Tongue::ALL {
        for stream in [false, true] {
            let up = Upstream::start().await;
            up.on(move |request| match request.json()["stream"] == true {
                true => backend.streaming(vec![Step::bytes(backend.opening() + &backend.delta("x") + &usage(backend))]),
                false => json(backend.whole("x")),
            })
            .await;
            let plan = Plan { endpoint: "limits: { tpm: 9 },", ..Plan::default() };
            let gateway = plan.start(backend.kind(), &up).await;
            for _ in 0..2 {
                let answer = ask(&gateway, Tongue::Anthropic.request(stream)).await;
                assert_eq!(answer.status, 200, "{backend:?}: {}", answer.text());
                // The recorder may be dropped after the answer's last byte.
                metric(&gateway, "lingate_endpoint_inflight{endpoint=\"up\"} 0").await;
            }
            let answer = ask(&gateway, Tongue::Anthropic.request(stream)).await;
            assert_eq!((answer.status.as_u16(), up.request_count()), (429, 2), "{backend:?} stream {stream}");
            assert!(Tongue::Anthropic.error(&answer).contains("tokens"));
            let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            // 16 of 9: eight sixtieths of a minute each.
            assert!((50..=54).contains(&after), "{after}");
        }
    }
}

/// The rest of a stream that says what it used.
fn usage(backend: Tongue) -> String {
    let told = match backend {
        Tongue::OpenAi => {
            "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"real\",\"choices\":[],\
             \"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5,\"total_tokens\":8}}\n\n"
        }
        _ => "",
    };
    backend.finish() + told + &backend.end()
}
