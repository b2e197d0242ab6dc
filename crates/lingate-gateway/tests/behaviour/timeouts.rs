//! Time limits of targets, and of a stream's first piece of content.

use crate::job_server::{Queue, Script};
use crate::routing::Setting;
use crate::setup::{Plan, UPSTREAM_KEY, ask, json, soon};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{Reply, Step, Upstream};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// One endpoint with two models, the second with time limits of its own.
async fn gateway(kind: &str, up: &Upstream, endpoint: &str, target: &str, top: &str) -> TestGateway {
    let yaml = format!(
        "clients: {{ auth: open }}\n{top}\nendpoints:\n  - {{ name: up, type: {kind}, url: \"{}\", api_key: \
         {UPSTREAM_KEY}, {endpoint} }}\nvirtual_models:\n  - {{ name: patient, targets: [{{ endpoint: up, model: r }}], \
         retry: {{ attempts: 1 }} }}\n  - {{ name: m, targets: [{{ endpoint: up, model: r, {target} }}], \
         retry: {{ attempts: 1 }} }}\n",
        up.url("")
    );
    TestGateway::start(&yaml).await
}

/// All that comes, as text.
async fn text_of(answer: &mut lingate_testkit::OpenAnswer) -> String {
    let mut text = String::new();
    while let Some(chunk) = soon("the stream's end", answer.next_chunk()).await {
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    text
}

#[tokio::test]
async fn a_target_s_own_limits_hold_for_it_alone() {
    let up = Upstream::start().await;
    let gateway = gateway("vllm", &up, "", "timeouts: { first_byte: 60ms }", "").await;
    let embed = |model: &str| {
        lingate_testkit::ClientRequest::post("/v1/embeddings").body(format!(r#"{{"model":"{model}","input":"x"}}"#))
    };
    let chat = |model: &str, stream| {
        lingate_testkit::ClientRequest::post("/v1/chat/completions").body(Tongue::OpenAi.body(model, stream))
    };
    for request in [chat("m", false), chat("m", true), embed("m")] {
        up.once(Reply::hang());
        let answer = ask(&gateway, request).await;
        assert_eq!(answer.status, 504, "{}", answer.text());
        assert!(answer.text().contains("60ms"), "{}", answer.text());
        soon("the upstream to notice", up.next_disconnect()).await;
    }
    let gate = Arc::new(Notify::new());
    up.once(json(Tongue::OpenAi.whole("late")).held_by(&gate));
    let (address, request) = (gateway.address, chat("patient", false));
    let asking = tokio::spawn(async move { request.send(address).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(120)).await;
    gate.notify_one();
    assert_eq!(soon("the answer", asking).await.unwrap().status, 200);
}

/// The head came, and a beginning without content; nothing went to the client.
#[tokio::test]
async fn a_first_piece_that_does_not_come_is_a_504() {
    for backend in Tongue::ALL {
        for (top, endpoint, target) in [
            ("timeouts: { first_token: 60ms }", "", ""),
            ("timeouts: { first_token: 1h }", "timeouts: { first_token: 60ms }", ""),
            ("", "timeouts: { first_token: 1h }", "timeouts: { first_token: 60ms }"),
        ] {
            let up = Upstream::start().await;
            let gateway = gateway(backend.kind(), &up, endpoint, target, top).await;
            for client in Tongue::ALL {
                for reply in [Reply::hang(), backend.streaming(vec![Step::bytes(backend.opening()), Step::Hang])] {
                    up.once(reply);
                    let answer = ask(&gateway, client.request(true)).await;
                    assert_eq!(answer.status, 504, "{client:?} {backend:?}: {}", answer.text());
                    assert!(client.error(&answer).contains("60ms"), "{}", answer.text());
                    soon("the upstream to notice", up.next_disconnect()).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn after_the_head_it_is_an_error_inside_the_stream() {
    for backend in Tongue::ALL {
        for top in ["keep_alive: 20ms", "keep_alive: 0s\nholdback: 20ms"] {
            let top = format!("{top}\ntimeouts: {{ first_token: 120ms }}");
            let up = Upstream::start().await;
            let gateway = gateway(backend.kind(), &up, "", "", &top).await;
            for client in Tongue::ALL {
                up.once(backend.streaming(vec![Step::bytes(backend.opening()), Step::Hang]));
                let mut answer = soon("the head", client.request(true).open(gateway.address)).await.unwrap();
                assert_eq!(answer.status, 200);
                let text = text_of(&mut answer).await;
                let told = client.stream_error(&text);
                assert!(told.is_some_and(|told| told.contains("120ms")), "{client:?} {backend:?} {top}: {text}");
                assert!(!client.has_ended(&text), "{text}");
                soon("the upstream to notice", up.next_disconnect()).await;
            }
        }
    }
}

/// From then on, silence has its own limit; whichever way the answer travels, and whenever its head went out.
#[tokio::test]
async fn a_first_piece_in_time_is_all_that_is_asked() {
    let mut all = tokio::task::JoinSet::new();
    for backend in Tongue::ALL {
        for top in ["", "keep_alive: 10ms", "keep_alive: 0s\nholdback: 10ms"] {
            for client in Tongue::ALL {
                all.spawn(in_time(client, backend, top));
            }
        }
    }
    all.join_all().await;
}

async fn in_time(client: Tongue, backend: Tongue, top: &str) {
    let up = Upstream::start().await;
    let top = format!("{top}\ntimeouts: {{ first_token: 400ms }}");
    let gateway = gateway(backend.kind(), &up, "", "", &top).await;
    let (wait, long) = (Step::Sleep(Duration::from_millis(40)), Step::Sleep(Duration::from_millis(500)));
    let steps = [Step::bytes(backend.opening()), wait, Step::bytes(backend.delta("one")), long];
    let end = Step::bytes(backend.finish() + &backend.end());
    up.once(backend.streaming(steps.into_iter().chain([end]).collect()));
    let mut answer = soon("the head", client.request(true).open(gateway.address)).await.unwrap();
    let text = text_of(&mut answer).await;
    assert!(text.contains("one") && client.has_ended(&text), "{client:?} {backend:?} {top}: {text}");
}

/// A request that is not streamed has no first piece.
#[tokio::test]
async fn a_whole_answer_has_no_such_limit() {
    let up = Upstream::start().await;
    let plan = Plan { top: "timeouts: { first_token: 30ms }\n", ..Plan::default() };
    let gateway = plan.start("vllm", &up).await;
    let slow = || {
        let whole = Tongue::OpenAi.whole("slow");
        Reply::stream("application/json", vec![Step::Sleep(Duration::from_millis(90)), Step::bytes(whole)])
    };
    up.once(slow());
    assert_eq!(ask(&gateway, Tongue::OpenAi.request(false)).await.status, 200);
    // A stream was asked for, and all of it comes at once: that is its first piece.
    up.once(slow());
    let answer = ask(&gateway, Tongue::Ollama.request(true)).await;
    assert_eq!(answer.status, 504, "{}", answer.text());
}

/// It was sent in vain, like one that comes piece by piece: another target may be asked where that is wanted.
#[tokio::test]
async fn a_whole_answer_to_a_streamed_request_that_is_late_may_be_tried_elsewhere() {
    let setting = Setting {
        top: "timeouts: { first_token: 60ms }",
        model: "retry: { after_send: true }",
        endpoint: "breaker: { failures: 1 }",
        ..Setting::default()
    };
    let (ups, gateway) = setting.start(2).await;
    ups[0].once(Reply::stream("application/json", vec![Step::bytes("{\"id\":"), Step::Hang]));
    let answer = ask(&gateway, Tongue::OpenAi.request(true)).await;
    assert!(answer.status == 200 && answer.text().contains("from-1"), "{}", answer.text());
    assert!(gateway.gateway.metrics().render().contains("lingate_circuit_opened_total{endpoint=\"e0\"} 1"));
}

/// A job that waits for ever is given up, and cancelled.
#[tokio::test]
async fn jobs_have_these_limits_too() {
    for (top, target, stream, told) in [
        ("timeouts: { first_token: 80ms }\n", "", true, "80ms"),
        ("", "timeouts: { first_token: 80ms },", true, "80ms"),
        ("", "timeouts: { first_byte: 80ms },", false, ""),
        ("timeouts: { first_byte: 1h }\n", "timeouts: { total: 80ms },", false, ""),
    ] {
        let queue = Queue::start(Script::default(), Plan { top, ..Plan::default() }).await;
        let mut config = crate::support::config(
            &Plan { top, ..Plan::default() }
                .yaml("runpod", &queue.up.url("/v2/ep"))
                .replace("model: real }", &format!("model: real, {target} }}")),
        );
        config.endpoints[0].poll_interval = Duration::from_millis(10);
        queue.gateway.gateway.reload(config).unwrap();
        for client in Tongue::ALL {
            let answer = ask(&queue.gateway, client.request(stream)).await;
            assert_eq!(answer.status, 504, "{client:?} {top} {target}: {}", answer.text());
            assert!(client.error(&answer).contains(told), "{}", answer.text());
            queue.called("cancel").await;
        }
    }
}
