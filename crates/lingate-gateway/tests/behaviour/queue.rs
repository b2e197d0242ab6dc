//! Requests to an AI Queue: one long call with headers that say who asks, and errors that come wrapped twice.

use crate::setup::{Plan, UPSTREAM_KEY, ask, json, plain, soon};
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, Reply, Upstream};
use std::sync::Arc;
use tokio::sync::Notify;

#[tokio::test]
async fn a_call_says_who_asks_and_never_streams() {
    let up = Upstream::start().await;
    up.on(|_| json(Tongue::OpenAi.whole("done"))).await;
    let plan = Plan { endpoint: "queue: { priority: LOW, source: office },", ..Plan::default() };
    let gateway = plan.start("queue", &up).await;
    for client in Tongue::ALL {
        for stream in [false, true] {
            let answer = ask(&gateway, client.request(stream)).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            if stream {
                let text = answer.text();
                assert!(text.contains("done") && client.has_ended(&text), "{client:?}: {text}");
            } else {
                assert_eq!(client.text(&answer.json()), "done");
            }
            let asked = up.next_request().await;
            assert_eq!(asked.path, "/v1/chat/completions");
            assert_ne!(asked.json()["stream"], true, "{}", asked.text());
            assert_eq!(asked.header("authorization"), Some(format!("Bearer {UPSTREAM_KEY}").as_str()));
            assert_eq!((asked.header("x-priority"), asked.header("x-source")), (Some("LOW"), Some("office")));
            assert_eq!((asked.header("x-model"), asked.header("x-user-id")), (Some("real"), None));
        }
    }
}

#[tokio::test]
async fn a_user_is_told_whatever_the_client_calls_it() {
    let up = Upstream::start().await;
    up.on(|_| json(Tongue::OpenAi.whole("done"))).await;
    let gateway = plain("queue", &up).await;
    let message = r#""messages":[{"role":"user","content":"hi"}]"#;
    for (path, body) in [
        ("/v1/chat/completions", format!(r#"{{"model":"m","user":"u-7",{message}}}"#)),
        ("/v1/messages", format!(r#"{{"model":"m","max_tokens":9,"metadata":{{"user_id":"u-7"}},{message}}}"#)),
        ("/v1/responses", r#"{"model":"m","user":"u-7","input":"hi"}"#.to_owned()),
    ] {
        // A header of the client's own changes nothing.
        let request = ClientRequest::post(path).header("x-user-id", "boss").header("x-priority", "HIGH").body(body);
        let answer = ask(&gateway, request).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let asked = up.next_request().await;
        assert_eq!((asked.header("x-user-id"), asked.header("x-priority")), (Some("u-7"), Some("NORMAL")), "{path}");
    }
}

#[tokio::test]
async fn a_virtual_model_s_own_header_wins() {
    let up = Upstream::start().await;
    up.on(|_| json(Tongue::OpenAi.whole("done"))).await;
    let plan = Plan { model: "headers: { X-Priority: HIGH },", ..Plan::default() };
    let gateway = plan.start("queue", &up).await;
    ask(&gateway, Tongue::OpenAi.request(false)).await;
    assert_eq!(up.next_request().await.header("x-priority"), Some("HIGH"));
}

#[tokio::test]
async fn an_error_that_is_wrapped_twice_is_unwrapped() {
    let up = Upstream::start().await;
    let gateway = plain("queue", &up).await;
    let inner = r#"{"error":{"message":"no worker for real","type":"queue_error","code":"no_worker"}}"#;
    let twice = serde_json::json!({ "error": inner }).to_string();
    for client in Tongue::ALL {
        for stream in [false, true] {
            for (status, shown) in [(422, 422), (500, 500), (504, 504), (200, 502)] {
                up.once(Reply::json(status, twice.clone()));
                let answer = ask(&gateway, client.request(stream)).await;
                assert_eq!(answer.status, shown, "{client:?} {status}: {}", answer.text());
                assert_eq!(client.error(&answer), "no worker for real");
                if client == Tongue::OpenAi {
                    assert_eq!(answer.json()["error"]["code"], "no_worker");
                }
            }
        }
    }
}

/// The job takes long: a client that streams hears a sign of life, and then the answer, or the error in its place.
#[tokio::test]
async fn a_streaming_client_hears_that_its_job_waits() {
    let up = Upstream::start().await;
    let gateway = Plan { top: "keep_alive: 50ms\n", ..Plan::default() }.start("queue", &up).await;
    for client in Tongue::ALL {
        for (reply, told) in [
            (json(Tongue::OpenAi.whole("done")), None),
            (Reply::json(500, r#"{"error":"{\"error\":{\"message\":\"worker died\"}}"}"#), Some("worker died")),
        ] {
            let gate = Arc::new(Notify::new());
            up.once(reply.held_by(&gate));
            let mut answer = soon("the head", client.request(true).open(gateway.address)).await.unwrap();
            let first = soon("a sign of life", answer.next_chunk()).await.unwrap();
            gate.notify_one();
            let mut text = String::from_utf8_lossy(&first).into_owned();
            while let Some(chunk) = soon("the answer", answer.next_chunk()).await {
                text.push_str(&String::from_utf8_lossy(&chunk));
            }
            match told {
                None => assert!(text.contains("done") && client.has_ended(&text), "{client:?}: {text}"),
                Some(told) => assert_eq!(client.stream_error(&text).as_deref(), Some(told), "{client:?}: {text}"),
            }
        }
    }
}

#[tokio::test]
async fn embeddings_go_there_too() {
    let up = Upstream::start().await;
    let vector = r#"{"object":"list","model":"real","data":[{"object":"embedding","index":0,"embedding":[0.5,1]}],"usage":{"prompt_tokens":2,"total_tokens":2}}"#;
    up.on(move |_| json(vector)).await;
    let gateway = plain("queue", &up).await;
    for (path, body) in [
        ("/v1/embeddings", r#"{"model":"m","input":"hi","user":"u-7"}"#),
        ("/api/embed", r#"{"model":"m","input":"hi"}"#),
    ] {
        let answer = ask(&gateway, ClientRequest::post(path).body(body)).await;
        assert!(answer.status == 200 && answer.text().contains("0.5"), "{}", answer.text());
        let asked = up.next_request().await;
        assert_eq!((asked.path.as_str(), asked.header("x-model")), ("/v1/embeddings", Some("real")));
        assert_eq!(asked.header("x-user-id"), (path == "/v1/embeddings").then_some("u-7"));
    }
}

/// The virtual model of seed 003's form: any name goes there as it is.
#[tokio::test]
async fn every_other_model_goes_there_under_its_own_name() {
    let up = Upstream::start().await;
    up.on(|_| json(Tongue::OpenAi.whole("done"))).await;
    let mut config = crate::support::config(&Plan::default().yaml("queue", &up.url("")));
    config.virtual_models.push(lingate_config::VirtualModel::new("*", "up", ""));
    let gateway = plain("queue", &up).await;
    gateway.gateway.reload(config).unwrap();
    let answer =
        ask(&gateway, ClientRequest::post("/v1/chat/completions").body(Tongue::OpenAi.body("other/1", true))).await;
    assert!(answer.text().contains("other/1"), "{}", answer.text());
    let asked = up.next_request().await;
    assert_eq!((asked.header("x-model"), asked.json()["model"].as_str()), (Some("other/1"), Some("other/1")));
}
