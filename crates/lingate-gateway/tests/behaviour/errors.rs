//! What is refused, and what upstreams refuse, in each client's own form.

use crate::setup::{Plan, UPSTREAM_KEY, ask, json, plain, post, soon};
use crate::tongue::Tongue;
use lingate_testkit::{Answer, ClientRequest, RawClient, Reply, Step, Upstream, refused_addr};

async fn refused_without_a_call(path: &str, body: &str, tongue: Tongue, status: u16) -> String {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    let answer = post(&gateway, path, body.to_owned()).await;
    assert_eq!(answer.status, status, "{tongue:?} {body}: {}", answer.text());
    assert_eq!(up.connection_count(), 0, "{tongue:?} {body}");
    assert!(answer.header("x-request-id").is_some());
    tongue.error(&answer)
}

#[tokio::test]
async fn malformed_requests_are_refused_in_the_clients_form() {
    for tongue in Tongue::ALL {
        let good = tongue.body("m", false);
        let with = |members: &str| good.replacen('{', &format!("{{{members},"), 1);
        let cases = [
            (tongue.body("nosuch", false), 404, "nosuch"),
            (tongue.body("nosuch", true), 404, "nosuch"),
            (good.replace(r#""model":"m","#, ""), 400, "model"),
            (tongue.body("", false), 400, "model"),
            (good[..good.len() - 1].to_owned(), 400, "JSON"),
            (String::new(), 400, "JSON"),
            (format!("{good} x"), 400, "JSON"),
            ("[]".to_owned(), 400, ""),
            ("null".to_owned(), 400, ""),
            (format!("{}1{}", "[".repeat(2000), "]".repeat(2000)), 400, ""),
            (with(&format!(r#""x":{}1{}"#, "[".repeat(2000), "]".repeat(2000))), 400, ""),
            (good.replace(r#""model":"m""#, r#""model":7"#), 400, "model"),
            (good.replace(r#""stream":false"#, r#""stream":"yes""#), 400, "stream"),
            (good.replace(r#"[{"role":"user","content":"hi"}]"#, "7"), 400, "messages"),
            (with(r#""model":"other""#), 400, "model"),
            (with(r#""stream":true"#), 400, "stream"),
            (with(r#""mod\u0065l":"other""#), 400, "model"),
            (good.replace("hi", "\\x"), 400, "JSON"),
        ];
        for (body, status, says) in cases {
            let message = refused_without_a_call(tongue.path(), &body, tongue, status).await;
            assert!(message.contains(says), "{tongue:?} {body}: {message}");
        }
    }
}

#[tokio::test]
async fn bodies_that_are_not_utf8_are_refused() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    for tongue in Tongue::ALL {
        let mut body = tongue.body("m", false).into_bytes();
        let place = body.windows(2).position(|two| two == b"hi").unwrap();
        body[place] = 0xff;
        let answer = post(&gateway, tongue.path(), body).await;
        assert_eq!(answer.status, 400);
        tongue.error(&answer);
    }
    assert_eq!(up.request_count(), 0);
}

#[tokio::test]
async fn too_large_bodies_are_refused() {
    let up = Upstream::start().await;
    let plan = Plan { top: "max_body: 1KiB\n", ..Plan::default() };
    let gateway = plan.start("vllm", &up).await;
    for tongue in Tongue::ALL {
        // By its length alone: not a byte of it is sent.
        let mut raw = RawClient::connect(gateway.address).await;
        let path = tongue.path();
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5000000\r\n\r\n");
        raw.send(head).await.unwrap();
        let head = raw.read_until("\r\n\r\n").await.unwrap();
        assert!(head.starts_with(b"HTTP/1.1 413"), "{head:?}");
        // Chunk by chunk.
        let mut raw = RawClient::connect(gateway.address).await;
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
        raw.send(head).await.unwrap();
        for _ in 0..3 {
            raw.send(format!("190\r\n{}\r\n", "x".repeat(400))).await.unwrap();
        }
        let head = raw.read_until("\r\n\r\n").await.unwrap();
        assert!(head.starts_with(b"HTTP/1.1 413"), "{head:?}");
        // In the client's form.
        let big = tongue.body_saying("m", false, &"x".repeat(2000));
        let answer = post(&gateway, path, big).await;
        assert_eq!(answer.status, 413);
        assert!(tongue.error(&answer).contains("1024"));
    }
    assert_eq!(up.connection_count(), 0);
}

#[tokio::test]
async fn wrong_methods_and_unknown_paths_are_refused_in_the_paths_form() {
    let up = Upstream::start().await;
    let gateway = plain("vllm", &up).await;
    for (method, path, tongue, allow) in [
        ("GET", "/v1/chat/completions", Tongue::OpenAi, "POST"),
        ("PUT", "/v1/chat/completions", Tongue::OpenAi, "POST"),
        ("POST", "/v1/models", Tongue::OpenAi, "GET, HEAD"),
        ("GET", "/v1/messages", Tongue::Anthropic, "POST"),
        ("DELETE", "/v1/messages", Tongue::Anthropic, "POST"),
        ("GET", "/api/chat", Tongue::Ollama, "POST"),
        ("POST", "/api/tags", Tongue::Ollama, "GET, HEAD"),
    ] {
        let answer = ask(&gateway, ClientRequest::new(method, path)).await;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
        tongue.error(&answer);
    }
    for (method, path, tongue) in [
        ("GET", "/v1/nosuch", Tongue::OpenAi),
        ("POST", "/nosuch", Tongue::OpenAi),
        ("POST", "/v1/chat/completions/", Tongue::OpenAi),
        ("GET", "/v1/../v1/models", Tongue::OpenAi),
        ("POST", "/v1/messages/nosuch", Tongue::Anthropic),
        ("POST", "/api/nosuch", Tongue::Ollama),
        ("POST", "/api/chat/x", Tongue::Ollama),
    ] {
        let answer = ask(&gateway, ClientRequest::new(method, path)).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
        tongue.error(&answer);
    }
    assert_eq!(up.connection_count(), 0);
}

async fn with_reply(client: Tongue, backend: Tongue, stream: bool, reply: Reply) -> Answer {
    let up = Upstream::start().await;
    let gateway = plain(backend.kind(), &up).await;
    up.once(reply);
    ask(&gateway, client.request(stream)).await
}

#[tokio::test]
async fn an_upstreams_status_and_words_reach_the_client() {
    for client in Tongue::ALL {
        for backend in Tongue::ALL {
            for status in [400, 404, 413, 422, 429, 500, 503, 529] {
                for stream in [false, true] {
                    let reply = Reply::json(status, backend.refusal("the words")).header("retry-after", "7");
                    let answer = with_reply(client, backend, stream, reply).await;
                    let what = format!("{client:?} from {backend:?}, {status}: {}", answer.text());
                    // Overload is 529 for Anthropic's clients and 503 for OpenAI's.
                    let told = match (client, status) {
                        (Tongue::Anthropic, 503) => 529,
                        (Tongue::OpenAi, 529) => 503,
                        _ => status,
                    };
                    assert_eq!(answer.status, told, "{what}");
                    assert!(client.error(&answer).contains("the words"), "{what}");
                    assert_eq!(answer.header("retry-after"), Some("7"), "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_refused_credential_is_the_gateways_fault_and_no_secret_gets_out() {
    for client in Tongue::ALL {
        for status in [401, 400, 403, 500] {
            // Some upstreams quote the key that they refuse; `ask` fails where it comes through.
            let reply = Reply::json(status, Tongue::OpenAi.refusal(&format!("bad key {UPSTREAM_KEY}, sorry")));
            let answer = with_reply(client, Tongue::OpenAi, false, reply).await;
            assert_eq!(answer.status, if status == 401 { 502 } else { status });
            assert!(client.error(&answer).contains("sorry"), "{}", answer.text());
        }
    }
}

/// Key in an error's other members, in a 200, and in a stream.
#[tokio::test]
async fn no_secret_gets_out_by_other_ways() {
    let body = format!(
        r#"{{"error":{{"message":"no {UPSTREAM_KEY}","type":"t {UPSTREAM_KEY}","param":"{UPSTREAM_KEY}","code":"{UPSTREAM_KEY}"}}}}"#
    );
    for client in Tongue::ALL {
        with_reply(client, Tongue::OpenAi, false, Reply::json(400, body.clone())).await;
        with_reply(client, Tongue::OpenAi, false, Reply::json(200, body.clone())).await;
        with_reply(client, Tongue::OpenAi, false, Reply::bytes(400, body.clone())).await;
        let event = format!("data: {body}\n\n");
        with_reply(client, Tongue::OpenAi, true, Tongue::OpenAi.streaming(vec![Step::bytes(event.clone())])).await;
        let late = [Tongue::OpenAi.opening(), Tongue::OpenAi.delta("a"), event].concat();
        let answer = with_reply(client, Tongue::OpenAi, true, Tongue::OpenAi.streaming(vec![Step::bytes(late)])).await;
        assert!(client.stream_error(&answer.text()).is_some(), "{}", answer.text());
    }
}

#[tokio::test]
async fn redirects_are_never_followed() {
    let canary = Upstream::start().await;
    for client in Tongue::ALL {
        for backend in Tongue::ALL {
            for status in [301, 302, 303, 307, 308] {
                let reply = Reply::bytes(status, "").header("location", &canary.url("/v1/chat/completions"));
                let answer = with_reply(client, backend, false, reply).await;
                assert_eq!(answer.status, 502, "{status}");
                client.error(&answer);
                assert_eq!(answer.header("location"), None);
            }
        }
    }
    assert_eq!(canary.connection_count(), 0);
}

#[tokio::test]
async fn what_is_no_api_is_a_bad_gateway() {
    let page = "<!doctype html><title>Sign in</title>";
    for client in Tongue::ALL {
        for stream in [false, true] {
            for (status, kind, body) in [
                (200, "text/html; charset=utf-8", page),
                (200, "text/html", ""),
                (502, "text/html", page),
                (200, "application/json", page),
                (200, "application/json", ""),
                (200, "application/json", "{\"id\":"),
                (200, "application/json", "[]"),
                (201, "application/json", "{}"),
                (204, "application/json", ""),
            ] {
                let reply = Reply::bytes(status, body).header("content-type", kind);
                let answer = with_reply(client, Tongue::OpenAi, stream, reply).await;
                assert_eq!(answer.status, 502, "{client:?} {status} {kind} {body}: {}", answer.text());
                let message = client.error(&answer);
                assert!(!message.contains("doctype"), "{message}");
                let is_page = kind.starts_with("text/html") && status == 200;
                assert_eq!(is_page, message.contains("web page"), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn an_error_in_a_200_is_an_error() {
    for client in Tongue::ALL {
        for backend in Tongue::ALL {
            for stream in [false, true] {
                let answer = with_reply(client, backend, stream, json(backend.refusal("the words"))).await;
                let what = format!("{client:?} from {backend:?}, stream {stream}: {} {}", answer.status, answer.text());
                assert!(answer.status.as_u16() >= 500, "{what}");
                assert!(client.error(&answer).contains("the words"), "{what}");
            }
            // As a stream's first event.
            let event = backend.opening() + &backend.error_event("the words");
            let answer = with_reply(client, backend, true, backend.streaming(vec![Step::bytes(event)])).await;
            let what = format!("{client:?} from {backend:?}: {} {}", answer.status, answer.text());
            assert!(answer.status.as_u16() >= 500, "{what}");
            assert!(client.error(&answer).contains("the words"), "{what}");
        }
    }
}

#[tokio::test]
async fn unreachable_upstreams_are_a_bad_gateway() {
    let nowhere = refused_addr().await;
    for backend in Tongue::ALL {
        let yaml = Plan::default().yaml(backend.kind(), &format!("http://{nowhere}"));
        let gateway = crate::support::TestGateway::start(&yaml).await;
        for client in Tongue::ALL {
            let answer = ask(&gateway, client.request(true)).await;
            assert_eq!(answer.status, 502);
            let message = client.error(&answer);
            assert!(!message.contains(&nowhere.to_string()), "{message}");
        }
    }
    for client in Tongue::ALL {
        let answer = with_reply(client, Tongue::OpenAi, true, Reply::cut()).await;
        assert_eq!(answer.status, 502);
        client.error(&answer);
        let answer = with_reply(client, Tongue::OpenAi, true, Reply::raw(vec![Step::bytes("SSH-2.0-x\r\n\r\n")])).await;
        assert_eq!(answer.status, 502);
        client.error(&answer);
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_begin_is_a_gateway_timeout() {
    let plan = Plan { top: "timeouts: { first_byte: 200ms }\n", ..Plan::default() };
    for client in Tongue::ALL {
        let up = Upstream::start().await;
        let gateway = plan.start("vllm", &up).await;
        up.once(Reply::hang());
        let answer = ask(&gateway, client.request(true)).await;
        assert_eq!(answer.status, 504);
        client.error(&answer);
        soon("the disconnect", up.next_disconnect()).await;
        // A whole answer that stops is told, too.
        up.once(Reply::stream("application/json", vec![Step::bytes("{"), Step::Cut]));
        let answer = ask(&gateway, client.request(false)).await;
        assert_eq!(answer.status, 502);
        client.error(&answer);
    }
}
