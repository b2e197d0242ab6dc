//! What users of the two OpenAI proxies, seeds 000 and 001, rely on.

use crate::setup::{Plan, UPSTREAM_KEY, ask, json, plain, post};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, End, Reply, Request, Step, Upstream};
use serde_json::json;

const PREFIXED: &str = "/api/openai/v1/chat/completions";

#[tokio::test]
async fn a_prompt_is_one_user_message() {
    for kind in ["vllm", "anthropic", "ollama"] {
        let up = Upstream::start().await;
        let gateway = plain(kind, &up).await;
        for path in [PREFIXED, "/api/openai/chat/completions", "/v1/chat/completions", "/chat/completions"] {
            post(&gateway, path, r#"{"model":"m","max_tokens":5,"prompt":"say \"hi\""}"#).await;
            let seen = up.next_request().await.json();
            let messages = json!([{"role": "user", "content": "say \"hi\""}]);
            let parts = json!([{"role": "user", "content": [{"type": "text", "text": "say \"hi\""}]}]);
            assert!(seen["messages"] == messages || seen["messages"] == parts, "{kind}: {seen}");
            assert_eq!(seen.get("prompt"), None);
        }
    }
}

#[tokio::test]
async fn a_stream_is_not_asked_for_but_given() {
    for place in ["endpoint", "model"] {
        let mut plan = Plan::default();
        *(if place == "model" { &mut plan.model } else { &mut plan.endpoint }) = "stream: never,";
        for backend in Tongue::ALL {
            let up = Upstream::start().await;
            let gateway = plan.start(backend.kind(), &up).await;
            up.on(move |_| json(backend.whole("hello"))).await;
            for client in Tongue::ALL {
                let answer = ask(&gateway, client.request(true)).await;
                let seen = up.next_request().await.json();
                assert_ne!(seen["stream"], true, "{place}");
                assert_eq!(seen.get("stream_options"), None);
                if backend == Tongue::Ollama {
                    assert_eq!(seen["stream"], false, "Ollama streams unless told not to");
                }
                let what = format!("{client:?} from {backend:?}: {}", answer.text());
                assert_eq!(answer.header("content-type"), Some(client.stream_type()), "{what}");
                assert!(answer.text().contains("hello") && client.has_ended(&answer.text()), "{what}");
                let whole = ask(&gateway, client.request(false)).await;
                assert_eq!(client.text(&whole.json()), "hello");
                up.next_request().await;
            }
        }
    }
}

#[tokio::test]
async fn max_tokens_is_set_where_absent_alone() {
    let up = Upstream::start().await;
    let gateway = Plan { model: "defaults: { max_tokens: 4096 },", ..Plan::default() }.start("vllm", &up).await;
    for (own, sent) in [("", 4096), (r#""max_tokens":7,"#, 7)] {
        let body = Tongue::OpenAi.body("m", false).replacen('{', &format!("{{{own}"), 1);
        post(&gateway, PREFIXED, body).await;
        assert_eq!(up.next_request().await.json()["max_tokens"], sent);
    }
}

/// What counts as no answer: no choices, or a message of nothing.
fn empty_answers() -> [String; 3] {
    let head = r#"{"id":"c","object":"chat.completion","created":1,"model":"real","choices":"#;
    let message = r#"[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"stop"}]"#;
    [format!("{head}[]}}"), format!("{head}{message}}}"), format!("{head}null}}")]
}

#[tokio::test]
async fn an_empty_answer_is_tried_again_where_configured() {
    for client in Tongue::ALL {
        for stream in [false, true] {
            for empty in empty_answers() {
                let up = Upstream::start().await;
                let plan = Plan { model: "retry: { attempts: 2, on_empty: true },", ..Plan::default() };
                let gateway = plan.start("vllm", &up).await;
                let nothing = Tongue::OpenAi.stream(&[]);
                up.once(if stream { Tongue::OpenAi.streaming(vec![Step::bytes(nothing)]) } else { json(empty) });
                let good = Tongue::OpenAi.stream(&["good"]);
                let whole = json(Tongue::OpenAi.whole("good"));
                up.once(if stream { Tongue::OpenAi.streaming(vec![Step::bytes(good)]) } else { whole });
                let answer = ask(&gateway, client.request(stream)).await;
                assert!(answer.status == 200 && answer.text().contains("good"), "{client:?}: {}", answer.text());
                assert_eq!(answer.header("x-lingate-attempts"), Some("2"));
            }
        }
    }
    // Unasked, an empty message is an answer like any other.
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    up.once(json(empty_answers()[1].clone()));
    assert_eq!(ask(&gateway, Tongue::OpenAi.request(false)).await.status, 200);
    assert_eq!(up.request_count(), 1);
}

#[tokio::test]
async fn a_fallback_message_is_marked() {
    let up = Upstream::start().await;
    let plan = Plan { model: "fallback_message: \"Sorry, later.\",", ..Plan::default() };
    let gateway = plan.start("vllm", &up).await;
    for client in Tongue::ALL {
        for stream in [false, true] {
            up.once(Reply::json(503, "{}"));
            let answer = ask(&gateway, client.request(stream)).await;
            assert_eq!((answer.status.as_u16(), answer.header("x-lingate-fallback")), (200, Some("1")));
            assert!(answer.text().contains("Sorry, later."), "{}", answer.text());
            assert!(!stream || client.has_ended(&answer.text()));
            // The client's own faults stay what they are.
            up.once(Reply::json(400, "{}"));
            assert_eq!(ask(&gateway, client.request(stream)).await.status, 400);
        }
    }
    up.once(json(Tongue::OpenAi.whole("ok")));
    assert_eq!(ask(&gateway, Tongue::OpenAi.request(false)).await.header("x-lingate-fallback"), None);
}

/// A gateway on seed 001's own file.
async fn seed001(up: &Upstream) -> TestGateway {
    TestGateway::start(&format!(
        r#"{{"endpoints":{{"m1":{{"displayName":"M one","url":"{}","apiKey":"{UPSTREAM_KEY}","actualModelName":"cm-x"}},"m2":{{"url":"{}/v1/api/ep","apiKey":"{UPSTREAM_KEY}"}}}}}}"#,
        up.url(""),
        up.url("")
    ))
    .await
}

/// What the upstream got of a request that was passed through.
async fn passed(request: ClientRequest) -> Request {
    let up = Upstream::start().await;
    let gateway = seed001(&up).await;
    up.on(|_| json("{}")).await;
    let answer = ask(&gateway, request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = up.next_request().await;
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {UPSTREAM_KEY}").as_str()));
    seen
}

#[tokio::test]
async fn the_model_of_a_passed_request_may_stand_in_five_places() {
    let post = |path: &str, body: &str| ClientRequest::post(path).body(body.to_owned());
    let seen = passed(post("/moderations", r#"{ "input":1.10,"model":"m1" }"#)).await;
    assert_eq!((seen.path.as_str(), seen.text().as_str()), ("/v1/moderations", r#"{ "input":1.10,"model":"cm-x" }"#));
    let seen = passed(post("/v1/rerank", r#"{"model":"m2"}"#)).await;
    assert_eq!((seen.path.as_str(), seen.json()), ("/v1/api/ep/v1/rerank", json!({"model": "cm-llm"})));
    let seen = passed(ClientRequest::get("/files?limit=2&model=m1&after=a%20b")).await;
    assert_eq!(seen.path, "/v1/files?limit=2&model=cm-x&after=a+b");
    let seen = passed(ClientRequest::get("/files/file-1/content").header("x-model-id", "m1")).await;
    assert_eq!((seen.path.as_str(), seen.body.len()), ("/v1/files/file-1/content", 0));
    let seen = passed(post("/score", r#"{"text":"x"}"#).header("x-model-id", "m1")).await;
    assert_eq!(seen.text(), r#"{"text":"x"}"#);
}

#[tokio::test]
async fn binary_and_multipart_bodies_pass_byte_by_byte() {
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let field = |name: &str, more: &str| format!("--XbX\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n");
    let form = |model: &str| {
        let file = field("file", "; filename=\"model.wav\"") + "Content-Type: audio/wav\r\n\r\n";
        let model = format!("\r\n{}\r\n{model}\r\n--XbX--\r\n", field("model", ""));
        [file.as_bytes(), &bytes, model.as_bytes()].concat()
    };
    let kind = "multipart/form-data; boundary=XbX";
    let request = ClientRequest::post("/v1/audio/transcriptions").header("content-type", kind).body(form("m1"));
    let seen = passed(request).await;
    assert_eq!(seen.header("content-type"), Some(kind));
    assert!(seen.body == form("cm-x"), "only the model's value differs");
    let request = ClientRequest::post("/v1/files?model=m1").header("content-type", "application/octet-stream");
    assert!(passed(request.body(bytes.clone())).await.body == bytes);
}

#[tokio::test]
async fn a_passed_answer_keeps_status_headers_and_bytes() {
    let up = Upstream::start().await;
    let gateway = seed001(&up).await;
    let request = ClientRequest::post("/v1/audio/speech").body(r#"{"model":"m1"}"#);
    let sound: Vec<u8> = (0..=255).cycle().take(50_000).collect();
    let reply = Reply::bytes(201, sound.clone()).header("content-type", "audio/mpeg").header("x-ratelimit-left", "7");
    up.once(
        reply
            .header("set-cookie", "a=b")
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("x-echo", UPSTREAM_KEY),
    );
    let answer = ask(&gateway, request.clone()).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (201, Some("audio/mpeg")));
    assert_eq!((answer.header("x-ratelimit-left"), answer.header("set-cookie")), (Some("7"), None));
    assert_eq!(answer.header("content-length"), Some("50000"));
    assert_eq!(answer.header("x-hop"), None, "named by Connection");
    assert!(answer.body == sound);
    assert_eq!(answer.header("x-lingate-endpoint"), Some("m1"));
    // Errors, too.
    up.once(Reply::json(422, r#"{"error" : "odd 1.10"}"#));
    let answer = ask(&gateway, request.clone()).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (422, r#"{"error" : "odd 1.10"}"#));
    up.once(Reply::json(401, format!(r#"{{"error":"key {UPSTREAM_KEY}"}}"#)));
    assert_eq!(ask(&gateway, request.clone()).await.status, 502);
    up.once(Reply::json(400, format!(r#"{{"error":"key {UPSTREAM_KEY}"}}"#)));
    assert_eq!(ask(&gateway, request.clone()).await.status, 400);
    for _ in 0..2 {
        up.once(Reply::bytes(307, "").header("location", "http://evil.test/"));
    }
    assert_eq!(ask(&gateway, request).await.status, 502);
}

#[tokio::test]
async fn a_passed_stream_keeps_its_blank_lines_and_shows_a_cut() {
    let up = Upstream::start().await;
    let gateway = seed001(&up).await;
    let request = ClientRequest::post("/v1/audio/speech").body(r#"{"model":"m1","stream_format":"sse"}"#);
    let (gate, open) = Step::gate();
    up.once(Reply::stream("text/event-stream", vec![Step::sse("one"), gate, Step::bytes(": c\n\ndata: two\n\n\n")]));
    let mut answer = request.open(gateway.address).await.unwrap();
    assert_eq!(answer.next_chunk().await.unwrap(), "data: one\n\n");
    open.notify_one();
    let rest = answer.finish(std::time::Duration::from_secs(5)).await;
    assert_eq!((rest.text().as_str(), rest.end), (": c\n\ndata: two\n\n\n", End::Whole));
    up.once(Reply::stream("text/event-stream", vec![Step::sse("one"), Step::Cut]));
    let answer = ask(&gateway, request).await;
    assert!(matches!(answer.end, End::Cut(_)), "what is passed unread cannot be ended with an error");
}

#[tokio::test]
async fn paths_that_are_not_in_the_table_reach_no_upstream() {
    let up = Upstream::start().await;
    let gateway = seed001(&up).await;
    for path in [
        "/admin",
        "/v1/files/../admin",
        "/v1/files/a/../../admin",
        "/files/%2e%2e/admin",
        "/v1/files/a%2fb",
        "/v1//files",
        "/v1/files/..",
        "/files/a\\b",
        "/v1/fine_tuning/jobs",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let answer = ask(&gateway, ClientRequest::new(method, path).header("x-model-id", "m1")).await;
            assert!(answer.status == 404 || answer.status == 405, "{method} {path}: {}", answer.status);
        }
    }
    for (request, status) in [
        (ClientRequest::post("/moderations").body("{}"), 400),
        (ClientRequest::post("/moderations").body(r#"{"model":"nosuch"}"#), 404),
        (ClientRequest::get("/files"), 400),
    ] {
        let answer = ask(&gateway, request).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        Tongue::OpenAi.error(&answer);
    }
    assert_eq!(up.connection_count(), 0);
}

#[tokio::test]
async fn seed_001_tells_its_health_and_its_masked_configuration() {
    let up = Upstream::start().await;
    let gateway = seed001(&up).await;
    let health = ask(&gateway, ClientRequest::get("/health")).await.json();
    let models = json!([{"id": "m1", "displayName": "M one"}, {"id": "m2", "displayName": "m2"}]);
    assert_eq!(health, json!({"status": "ok", "endpoints": 2, "models": models}));
    let debug = ask(&gateway, ClientRequest::get("/debug")).await;
    assert_eq!(debug.status, 200);
    assert!(debug.json()["endpoints"]["m1"].is_object(), "{}", debug.text());
    assert_eq!(debug.json()["endpoints"]["m1"]["apiKey"], "***");
    let chat = post(&gateway, "/chat/completions", Tongue::OpenAi.body("m1", false)).await;
    assert_eq!(chat.status, 404, "the upstream's");
    assert_eq!(up.next_request().await.json()["model"], "cm-x");
}

#[tokio::test]
async fn reload_reads_the_same_file_again_for_this_machine_alone() {
    let up = Upstream::start().await;
    let gateway = seed001(&up).await;
    let served = gateway.gateway.clone();
    let (url, good) = (up.url(""), std::sync::atomic::AtomicBool::new(true));
    let weak = std::sync::Arc::downgrade(&served);
    served.on_reload(std::sync::Arc::new(move || {
        if !good.swap(false, std::sync::atomic::Ordering::SeqCst) {
            return Err("config.json: no endpoints".to_owned());
        }
        let file = format!(r#"{{"endpoints":{{"m3":{{"url":"{url}"}}}}}}"#);
        weak.upgrade().unwrap().reload(crate::support::config(&file))
    }));
    assert_eq!(ask(&gateway, ClientRequest::get("/reload")).await.status, 404, "state never changes by GET");
    let answer = ask(&gateway, ClientRequest::post("/reload?config=/etc/passwd").body("")).await;
    let (status, body) = (answer.status, answer.json());
    assert_eq!((status.as_u16(), &body["status"], &body["endpoints"]), (200, &json!("ok"), &json!(1)), "{body}");
    assert_eq!(body["models"], json!(["m3"]));
    // A broken file changes nothing.
    let answer = ask(&gateway, ClientRequest::post("/reload").body("")).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (500, &json!("error")));
    let health = ask(&gateway, ClientRequest::get("/health")).await.json();
    assert_eq!(health["models"][0]["id"], "m3");
    // Not in lingate's own form.
    let own = plain("vllm", &up).await;
    for request in [ClientRequest::get("/debug"), ClientRequest::post("/reload").body("")] {
        let answer = ask(&own, request).await;
        assert_eq!(answer.status, 404);
        Tongue::OpenAi.error(&answer);
    }
}
