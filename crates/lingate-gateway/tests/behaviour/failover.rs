//! Another target answers where one cannot, and only where nothing can have been answered twice.

use crate::setup::{UPSTREAM_KEY, ask, json, soon};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{Reply, Step, Upstream, refused_addr};

/// A model with these targets, in this order; `model` are its further members.
async fn gateway(urls: &[String], kind: &str, model: &str) -> TestGateway {
    let mut yaml = "clients: { auth: open }\nendpoints:\n".to_owned();
    for (index, url) in urls.iter().enumerate() {
        yaml += &format!(
            "  - {{ name: e{index}, type: {kind}, url: \"{url}\", api_key: {UPSTREAM_KEY}, breaker: {{ failures: 0 }} }}\n"
        );
    }
    let targets: Vec<_> = (0..urls.len()).map(|i| format!("{{ endpoint: e{i}, model: real{i} }}")).collect();
    yaml += &format!("virtual_models:\n  - {{ name: m, targets: [{}], {model} }}\n", targets.join(", "));
    TestGateway::start(&yaml).await
}

/// Two upstreams of a kind, the second always good.
async fn two(backend: Tongue) -> (Upstream, Upstream, TestGateway) {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    second
        .on(move |request| match request.json()["stream"] == true {
            true => backend.streaming(vec![Step::bytes(backend.stream(&["second"]))]),
            false => json(backend.whole("second")),
        })
        .await;
    let gateway = gateway(&[first.url(""), second.url("")], backend.kind(), "").await;
    (first, second, gateway)
}

#[tokio::test]
async fn a_refused_connection_goes_to_the_next() {
    let second = Upstream::start().await;
    second.on(|_| json(Tongue::OpenAi.whole("second"))).await;
    let nowhere = format!("http://{}", refused_addr().await);
    let gateway = gateway(&[nowhere, second.url("")], "vllm", "").await;
    for client in Tongue::ALL {
        let answer = ask(&gateway, client.request(false)).await;
        assert_eq!(client.text(&answer.json()), "second");
        assert_eq!(answer.header("x-lingate-attempts"), Some("2"));
        assert_eq!(answer.header("x-lingate-endpoint"), Some("e1"));
        assert_eq!(second.next_request().await.json()["model"], "real1");
    }
}

#[tokio::test]
async fn a_refusing_upstream_goes_to_the_next() {
    for backend in Tongue::ALL {
        for stream in [false, true] {
            let (first, second, gateway) = two(backend).await;
            for status in [408, 429, 500, 502, 503, 529, 401, 403] {
                // 0: else the first would not be asked the next time.
                first.once(Reply::json(status, backend.refusal("busy")).header("retry-after", "0"));
                let answer = ask(&gateway, Tongue::OpenAi.request(stream)).await;
                assert_eq!(answer.status, 200, "{status}: {}", answer.text());
                assert!(answer.text().contains("second"), "{status}");
                assert_eq!(answer.header("x-lingate-attempts"), Some("2"));
                assert_eq!(answer.header("retry-after"), None, "that was the first one's");
            }
            assert_eq!((first.request_count(), second.request_count()), (8, 8));
            // What is the client's own fault is not tried on others.
            for status in [400, 413, 422] {
                first.once(Reply::json(status, backend.refusal("no")));
                assert_eq!(ask(&gateway, Tongue::OpenAi.request(stream)).await.status, status);
            }
            assert_eq!(second.request_count(), 8);
        }
    }
}

#[tokio::test]
async fn an_error_before_any_content_goes_to_the_next() {
    for backend in Tongue::ALL {
        let (first, second, gateway) = two(backend).await;
        let event = backend.opening() + &backend.error_event("overloaded");
        for client in Tongue::ALL {
            first.once(backend.streaming(vec![Step::bytes(event.clone())]));
            let answer = ask(&gateway, client.request(true)).await;
            let text = answer.text();
            assert!(text.contains("second") && client.has_ended(&text), "{client:?} from {backend:?}: {text}");
            assert!(!text.contains("overloaded"));
            first.once(json(backend.refusal("overloaded")));
            let answer = ask(&gateway, client.request(false)).await;
            assert_eq!(client.text(&answer.json()), "second", "{client:?} from {backend:?}");
            first.once(Reply::bytes(200, "<html>").header("content-type", "text/html"));
            let answer = ask(&gateway, client.request(false)).await;
            assert_eq!(client.text(&answer.json()), "second", "{client:?} from {backend:?}");
        }
        assert_eq!((first.request_count(), second.request_count()), (9, 9));
    }
}

#[tokio::test]
async fn nothing_is_tried_again_after_the_first_content() {
    for backend in Tongue::ALL {
        let (first, second, gateway) = two(backend).await;
        for end in [Step::bytes(backend.error_event("late")), Step::Cut] {
            let start = backend.opening() + &backend.delta("first");
            first.once(backend.streaming(vec![Step::bytes(start), end]));
            let answer = ask(&gateway, Tongue::OpenAi.request(true)).await;
            let text = answer.text();
            assert!(text.contains("first") && !text.contains("second"), "{text}");
            assert!(Tongue::OpenAi.stream_error(&text).is_some(), "{text}");
            assert_eq!(answer.header("x-lingate-attempts"), Some("1"));
        }
        assert_eq!(second.request_count(), 0);
    }
}

/// The model may have run: a second call may be a second bill.
#[tokio::test]
async fn nothing_is_tried_again_after_the_request_was_sent() {
    let (first, second, gateway) = two(Tongue::OpenAi).await;
    for (reply, stream) in [
        (Reply::cut(), false),
        (Reply::raw(vec![Step::Reset]), true),
        (Reply::stream("application/json", vec![Step::bytes("{"), Step::Cut]), false),
    ] {
        first.once(reply);
        let answer = ask(&gateway, Tongue::OpenAi.request(stream)).await;
        assert_eq!(answer.status, 502, "{}", answer.text());
        Tongue::OpenAi.error(&answer);
    }
    assert_eq!((first.request_count(), second.request_count()), (3, 0));
}

#[tokio::test]
async fn a_busy_single_target_is_not_pressed() {
    let up = Upstream::start().await;
    up.on(|_| Reply::json(429, Tongue::OpenAi.refusal("busy")).header("retry-after", "9")).await;
    let gateway = gateway(&[up.url("")], "vllm", "").await;
    for client in Tongue::ALL {
        let answer = ask(&gateway, client.request(true)).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, Some("9")));
        assert!(client.error(&answer).contains("busy"));
    }
    assert_eq!(up.request_count(), 3);
}

#[tokio::test]
async fn a_failing_single_target_is_tried_as_often_as_configured() {
    for (model, times) in [("", 2), ("retry: { attempts: 1 }", 1), ("retry: { attempts: 3 }", 3)] {
        let up = Upstream::start().await;
        up.on(|_| Reply::json(503, Tongue::OpenAi.refusal("down"))).await;
        let gateway = gateway(&[up.url("")], "vllm", model).await;
        assert_eq!(ask(&gateway, Tongue::OpenAi.request(false)).await.status, 503);
        assert_eq!(up.request_count(), times, "{model}");
    }
}

#[tokio::test]
async fn when_all_fail_the_last_one_speaks() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.on(|_| Reply::json(500, Tongue::OpenAi.refusal("one"))).await;
    second.on(|_| Reply::json(503, Tongue::OpenAi.refusal("two"))).await;
    let gateway = gateway(&[first.url(""), second.url("")], "vllm", "").await;
    let answer = ask(&gateway, Tongue::OpenAi.request(false)).await;
    assert_eq!(answer.status, 503);
    assert!(Tongue::OpenAi.error(&answer).contains("two"));
}

/// A client that leaves while the first target fails causes no second call.
#[tokio::test]
async fn nothing_is_tried_for_a_client_that_left() {
    let (first, second, gateway) = two(Tongue::OpenAi).await;
    let gate = std::sync::Arc::new(tokio::sync::Notify::new());
    first.once(Reply::json(503, "{}").held_by(&gate));
    let request = Tongue::OpenAi.request(false);
    let address = gateway.address;
    let asking = tokio::spawn(async move { request.send(address).await });
    soon("the request", first.next_request()).await;
    asking.abort();
    soon("the disconnect", first.next_disconnect()).await;
    gate.notify_one();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(second.connection_count(), 0);
}
