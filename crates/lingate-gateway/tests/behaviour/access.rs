//! Who is let in, and what of a request tells who it was.

use crate::setup::{CLIENT_KEY, PASSWORD, Plan, UPSTREAM_KEY, ask, json, plain};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{Answer, ClientRequest, Upstream};
use std::collections::HashSet;

const KEYS: &str = "clients:\n  auth: keys\n  keys:\n    - { name: all, key: ck-canary-client-52ab }\n    - { name: some, key: ck-some-models, models: [m] }\n    - { name: other, key: ck-other-models, models: [n] }\n    - { name: old, key: ck-expired, expires: \"2020-01-01\" }\n    - { name: hashed, key_sha256: e32a0dd0f19353d1c3807dd9f5717fafb2860fc5e6bca366a2bc29eaffde1652 }\n";

async fn keyed(up: &Upstream) -> TestGateway {
    up.on(|_| json(Tongue::OpenAi.whole("ok"))).await;
    Plan { top: KEYS, ..Plan::default() }.start("vllm", up).await
}

async fn with(gateway: &TestGateway, tongue: Tongue, headers: &[(&str, &str)]) -> Answer {
    let request = headers.iter().fold(tongue.request(false), |request, (name, value)| request.header(name, value));
    ask(gateway, request).await
}

#[tokio::test]
async fn a_key_is_taken_from_three_headers_and_goes_no_further() {
    let up = Upstream::start().await;
    let gateway = keyed(&up).await;
    let bearer = format!("Bearer {CLIENT_KEY}");
    for tongue in Tongue::ALL {
        for headers in [
            vec![("authorization", bearer.as_str())],
            vec![("x-api-key", CLIENT_KEY)],
            vec![("api-key", CLIENT_KEY)],
            vec![("authorization", bearer.as_str()), ("x-api-key", CLIENT_KEY), ("api-key", CLIENT_KEY)],
            vec![("authorization", "Bearer ck-some-models")],
            vec![("authorization", "bearer ck-hashed-client")],
        ] {
            let answer = with(&gateway, tongue, &headers).await;
            assert_eq!(answer.status, 200, "{headers:?}: {}", answer.text());
            let seen = up.next_request().await;
            let all = format!("{:?} {}", seen.headers, seen.text());
            assert!(!all.contains(CLIENT_KEY) && !all.contains("ck-some"), "{all}");
            assert_eq!(seen.header("authorization"), Some(format!("Bearer {UPSTREAM_KEY}").as_str()));
            assert_eq!((seen.header("x-api-key"), seen.header("api-key")), (None, None));
        }
    }
}

#[tokio::test]
async fn who_has_no_good_key_is_refused() {
    let up = Upstream::start().await;
    let gateway = keyed(&up).await;
    let bearer = format!("Bearer {CLIENT_KEY}");
    for tongue in Tongue::ALL {
        for (headers, status) in [
            (vec![], 401),
            (vec![("authorization", "Bearer ck-wrong")], 401),
            (vec![("authorization", "Bearer ")], 401),
            (vec![("authorization", "Basic Y2stY2FuYXJ5")], 401),
            (vec![("x-api-key", "ck-expired")], 401),
            (vec![("x-api-key", UPSTREAM_KEY)], 401),
            (vec![("authorization", bearer.as_str()), ("x-api-key", "ck-some-models")], 400),
            (vec![("x-api-key", "ck-wrong"), ("api-key", CLIENT_KEY)], 400),
        ] {
            let answer = with(&gateway, tongue, &headers).await;
            assert_eq!(answer.status, status, "{headers:?}: {}", answer.text());
            tongue.error(&answer);
        }
        let answer = with(&gateway, tongue, &[("x-api-key", "ck-other-models")]).await;
        assert_eq!(answer.status, 403, "{}", answer.text());
        tongue.error(&answer);
    }
    assert_eq!(up.request_count(), 0);
    // What tells only that lingate is there needs none; lists do.
    for (method, path, status) in [
        ("GET", "/health", 200),
        ("GET", "/ready", 200),
        ("GET", "/", 200),
        ("HEAD", "/v1", 200),
        ("GET", "/api/version", 200),
        ("GET", "/v1/models", 401),
        ("GET", "/api/tags", 401),
        ("POST", "/api/show", 401),
        ("POST", "/v1/embeddings", 401),
        ("POST", "/v1/audio/transcriptions", 401),
    ] {
        let answer = ask(&gateway, ClientRequest::new(method, path)).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
}

/// A body is not even read for who has no key.
#[tokio::test]
async fn a_stranger_is_refused_before_the_body() {
    let up = Upstream::start().await;
    let gateway = keyed(&up).await;
    let mut raw = lingate_testkit::RawClient::connect(gateway.address).await;
    raw.send("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n{").await.unwrap();
    assert!(raw.read_until("\r\n\r\n").await.unwrap().starts_with(b"HTTP/1.1 401"));
}

#[tokio::test]
async fn open_clients_may_send_any_key_and_none_is_passed_on() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    up.on(|_| json(Tongue::OpenAi.whole("ok"))).await;
    for headers in [
        vec![],
        vec![("authorization", "Bearer ollama")],
        vec![("authorization", "Bearer a"), ("x-api-key", "b"), ("api-key", "c")],
        vec![("cookie", "session=ck-cookie"), ("x-forwarded-for", "1.2.3.4"), ("x-openwebui-user-email", "a@b.c")],
    ] {
        let answer = with(&gateway, Tongue::Anthropic, &headers).await;
        assert_eq!(answer.status, 200, "{headers:?}");
        let seen = up.next_request().await;
        assert_eq!(seen.header("authorization"), Some(format!("Bearer {UPSTREAM_KEY}").as_str()));
        for name in ["x-api-key", "api-key", "cookie", "x-forwarded-for", "x-openwebui-user-email"] {
            assert_eq!(seen.header(name), None, "{name}");
        }
    }
}

#[tokio::test]
async fn foreign_host_names_are_not_served() {
    let up = Upstream::start().await;
    let plan = Plan { top: "allowed_hosts: [llm.example.com]\n", ..Plan::default() };
    let gateway = plan.start("vllm", &up).await;
    up.on(|_| json(Tongue::OpenAi.whole("ok"))).await;
    for (host, served) in [
        ("evil.test", false),
        ("evil.test:8002", false),
        ("127.0.0.1.evil.test", false),
        ("localhost.evil.test", false),
        ("example.com", false),
        ("LLM.example.com:443", true),
        ("127.0.0.1:8002", true),
        ("[::1]:8002", true),
        ("localhost", true),
        ("lingate", true),
        ("host.docker.internal:8002", true),
    ] {
        for request in [Tongue::OpenAi.request(false), ClientRequest::get("/health"), ClientRequest::get("/v1/models")]
        {
            let answer = ask(&gateway, request.header("host", host)).await;
            assert_eq!(answer.status == 421, !served, "{host}: {}", answer.text());
            assert!(served || answer.text().contains("allowed_hosts"), "{}", answer.text());
        }
    }
}

fn preflight(origin: &str) -> ClientRequest {
    ClientRequest::new("OPTIONS", "/v1/chat/completions")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type, x-stainless-os")
}

#[tokio::test]
async fn browsers_of_other_origins_are_let_in_by_list_alone() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    up.on(|_| json(Tongue::OpenAi.whole("ok"))).await;
    let is_cors = |answer: &Answer| answer.headers.keys().any(|name| name.as_str().starts_with("access-control-"));
    let answer = ask(&gateway, preflight("https://chat.test")).await;
    assert_eq!(answer.status, 405);
    assert!(!is_cors(&answer));
    let answer = ask(&gateway, Tongue::OpenAi.request(false).header("origin", "https://chat.test")).await;
    assert!(!is_cors(&answer));

    let top = format!("{KEYS}cors_origins: [\"https://chat.test\"]\n");
    let listed = Plan { top: &top, ..Plan::default() }.start("vllm", &up).await;
    // A preflight has no key.
    let answer = ask(&listed, preflight("https://chat.test")).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://chat.test"));
    assert!(answer.header("access-control-allow-methods").unwrap().contains("POST"));
    let allowed = answer.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("Authorization") && allowed.contains("x-stainless-os"), "{allowed}");
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let answer = ask(&listed, preflight("https://evil.test")).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    for (key, status) in [(CLIENT_KEY, 200), ("ck-wrong", 401)] {
        let request = Tongue::OpenAi.request(false).header("origin", "https://chat.test").header("x-api-key", key);
        let answer = ask(&listed, request).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://chat.test"), "also of an error");
        assert!(answer.header("vary").unwrap().to_lowercase().contains("origin"));
    }
    let foreign = Tongue::OpenAi.request(false).header("origin", "https://evil.test").header("x-api-key", CLIENT_KEY);
    assert_eq!(ask(&listed, foreign).await.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() {
    let up = Upstream::start().await;
    let top = "clients: { auth: open, rate_limit: 2 }\n";
    for tongue in Tongue::ALL {
        let gateway = Plan { top, ..Plan::default() }.start("vllm", &up).await;
        up.on(|_| json(Tongue::OpenAi.whole("ok"))).await;
        let mut refused = 0;
        for _ in 0..12 {
            let answer = with(&gateway, tongue, &[]).await;
            if answer.status == 429 {
                refused += 1;
                let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=2).contains(&wait), "{wait}");
                assert!(tongue.error(&answer).contains("rate limit"));
            }
        }
        assert!(refused >= 6, "{refused} of 12 were refused");
        assert_eq!(ask(&gateway, ClientRequest::get("/health")).await.status, 200, "health is not limited");
    }
}

#[tokio::test]
async fn compressed_bodies_are_refused() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    for tongue in Tongue::ALL {
        for coding in ["gzip", "br", "identity, gzip"] {
            let answer = with(&gateway, tongue, &[("content-encoding", coding)]).await;
            assert_eq!(answer.status, 415, "{coding}");
            tongue.error(&answer);
        }
    }
    assert_eq!(up.request_count(), 0);
}

#[tokio::test]
async fn each_answer_has_two_ids() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    up.on(|request| match request.json()["stream"] == true {
        true => Tongue::OpenAi.streaming(vec![lingate_testkit::Step::bytes(Tongue::OpenAi.stream(&["a"]))]),
        false => json(Tongue::OpenAi.whole("ok")),
    })
    .await;
    let mut ours = HashSet::new();
    let requests = [
        Tongue::OpenAi.request(false),
        Tongue::Anthropic.request(true),
        Tongue::Ollama.request(true),
        ClientRequest::get("/health"),
        ClientRequest::get("/nosuch"),
        ClientRequest::get("/v1/messages"),
        ClientRequest::post("/v1/chat/completions").body("{"),
        ClientRequest::get("/health").header("host", "evil.test"),
        ClientRequest::new("OPTIONS", "/v1/models"),
    ];
    for request in requests {
        for (own, echoed) in [(Some("client-1:a.b_c"), true), (Some("bad id"), false), (Some(""), false), (None, false)]
        {
            let request = own.iter().fold(request.clone(), |request, id| request.header("x-request-id", id));
            let answer = ask(&gateway, request).await;
            let id = answer.header("x-lingate-request-id").unwrap().to_owned();
            assert!(id.len() == 36 && &id[14..15] == "7", "{id}");
            let shown = answer.header("x-request-id").unwrap();
            assert_eq!(shown, if echoed { own.unwrap() } else { &id });
            assert_eq!(answer.headers.get_all("x-request-id").iter().count(), 1);
            if let Some(theirs) = answer.json()["request_id"].as_str() {
                assert_eq!(theirs, shown);
            }
            assert!(ours.insert(id), "an id came twice");
        }
    }
}

/// Secrets stand in no list, page or metric either.
#[tokio::test]
async fn no_route_shows_a_secret() {
    let up = Upstream::start().await;
    let gateway = keyed(&up).await;
    assert!(with(&gateway, Tongue::OpenAi, &[("x-api-key", CLIENT_KEY)]).await.status == 200);
    for path in ["/", "/health", "/ready", "/metrics", "/debug", "/v1/models", "/v1/models/m", "/api/tags", "/api/ps"] {
        let answer = ask(&gateway, ClientRequest::get(path).header("x-api-key", CLIENT_KEY)).await;
        assert!(!answer.text().contains(PASSWORD));
        assert!(!answer.text().contains(&up.addr().to_string()), "{path} names the upstream");
    }
}
