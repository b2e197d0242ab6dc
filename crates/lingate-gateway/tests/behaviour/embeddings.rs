//! Embeddings, from every client's dialect to every kind of backend.

use crate::setup::{Plan, UPSTREAM_KEY, ask, json, plain, post};
use crate::support::TestGateway;
use lingate_testkit::{Answer, ClientRequest, Reply, Request, Upstream, refused_addr};
use serde_json::{Value, json};

const OPENAI: &str = "/v1/embeddings";
const EMBED: &str = "/api/embed";
const EMBEDDINGS: &str = "/api/embeddings";

/// An OpenAI answer with these vectors, given as JSON.
fn openai(vectors: &[&str]) -> String {
    let element = |(index, vector)| format!(r#"{{"object":"embedding","index":{index},"embedding":{vector}}}"#);
    let data: Vec<_> = vectors.iter().enumerate().map(element).collect();
    let usage = r#"{"prompt_tokens":4,"total_tokens":4}"#;
    format!(r#"{{"object":"list","data":[{}],"model":"real","usage":{usage}}}"#, data.join(", "))
}

/// Ollama's.
fn ollama(vectors: &[&str]) -> String {
    format!(r#"{{"model":"real","embeddings":[{}], "total_duration":9,"prompt_eval_count":4}}"#, vectors.join(","))
}

/// What an upstream of this kind that gives `reply` is sent, and what the client gets.
async fn through(kind: &str, reply: impl Into<String>, path: &str, body: &str) -> (Request, Answer) {
    let up = Upstream::start().await;
    let reply = reply.into();
    up.on(move |_| json(reply.clone())).await;
    let gateway = plain(kind, &up).await;
    let answer = post(&gateway, path, body.to_owned()).await;
    (up.next_request().await, answer)
}

/// The message of an error in the dialect of the path.
fn message(path: &str, answer: &Answer) -> String {
    let body = answer.json();
    let place = if path == OPENAI { "/error/message" } else { "/error" };
    body.pointer(place).and_then(Value::as_str).unwrap_or_else(|| panic!("no error: {body}")).to_owned()
}

#[tokio::test]
async fn a_dialect_of_its_own_is_relayed_byte_by_byte() {
    for (kind, client, upstream, body, reply) in [
        (
            "openai",
            OPENAI,
            OPENAI,
            r#"{ "model" : "m","input":["a" ,"b"], "odd":1.10 }"#,
            openai(&["[0.10, 1e0]", "[2]"]),
        ),
        ("vllm", "/api/v1/embeddings", OPENAI, r#"{"model":"m","input":[[1,2],[3]]}"#, openai(&["[0.10]", "[-0]"])),
        ("together", "/embeddings", OPENAI, r#"{"model":"m","input":["b","é"],"user":"u"}"#, openai(&["[1]", "[2]"])),
        (
            "deepinfra",
            "/api/openai/v1/embeddings",
            "/v1/openai/embeddings",
            r#"{"model":"m","input":["b","c"],"encoding_format":"base64"}"#,
            openai(&[r#""AAAAPw==""#, r#""AAAAPw==""#]),
        ),
        ("openwebui", OPENAI, "/api/embeddings", r#"{"model":"m","input":["b","c"]}"#, openai(&["[1]", "[2]"])),
        (
            "ollama",
            EMBED,
            EMBED,
            r#"{"model":"m","input":["a", "b"],"options":{"x":1e0}}"#,
            ollama(&["[0.10]", "[1e-3]"]),
        ),
        ("ollama", EMBEDDINGS, EMBEDDINGS, r#"{"model":"m","prompt":"a"}"#, r#"{"embedding":[ 0.10,1e-3]}"#.to_owned()),
    ] {
        let (request, answer) = through(kind, reply.as_str(), client, body).await;
        assert_eq!((request.path.as_str(), request.text()), (upstream, body.replace(r#""m""#, r#""real""#)));
        assert_eq!((answer.status.as_u16(), answer.text()), (200, reply.replace(r#""real""#, r#""m""#)), "{kind}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!((answer.header("x-lingate-endpoint"), answer.header("x-lingate-attempts")), (Some("up"), Some("1")));
        assert_eq!(answer.header("x-lingate-dropped"), None);
    }
}

#[tokio::test]
async fn the_client_gets_the_form_that_it_asked_for() {
    let (numbers, base64) = ("[0.5,-1.25,2.0]", r#""AAAAPwAAoL8AAABA""#);
    for (kind, reply) in [("openai", openai(&[numbers])), ("openai", openai(&[base64])), ("ollama", ollama(&[numbers]))]
    {
        for (format, expected) in [("", numbers), ("float", numbers), ("base64", base64)] {
            let member = if format.is_empty() { String::new() } else { format!(r#","encoding_format":"{format}""#) };
            let body = format!(r#"{{"model":"m","input":"a"{member}}}"#);
            let (request, answer) = through(kind, reply.as_str(), OPENAI, &body).await;
            let found = answer.json();
            assert_eq!(found["data"][0]["embedding"].to_string(), expected, "{kind} {format}");
            assert_eq!(found["usage"], json!({ "prompt_tokens": 4, "total_tokens": 4 }));
            assert_eq!((&found["model"], &found["object"]), (&json!("m"), &json!("list")));
            let asked = request.json()["encoding_format"].as_str().unwrap_or_default().to_owned();
            assert_eq!(asked, if kind == "ollama" { "" } else { format });
        }
    }
}

#[tokio::test]
async fn an_ollama_client_meets_an_openai_backend() {
    let body = r#"{"model":"m","input":["a","b"],"dimensions":2,"truncate":true,"keep_alive":"5m","options":{"num_ctx":9},"odd":1}"#;
    let reply = r#"{"object":"list","data":[{"index":1,"embedding":"AACAPwAAAAA="},{"index":0,"embedding":[0.10,1]}],"model":"real","usage":{"prompt_tokens":4}}"#;
    let (request, answer) = through("openai", reply, EMBED, body).await;
    assert_eq!(request.path, OPENAI);
    assert_eq!(request.json(), json!({ "model": "real", "input": ["a", "b"], "dimensions": 2 }));
    let mut found = answer.json();
    assert!(found["total_duration"].as_u64().unwrap() > 0, "measured here: {found}");
    found.as_object_mut().unwrap().retain(|key, _| !key.ends_with("_duration"));
    assert_eq!(found, json!({ "model": "m", "embeddings": [[0.10, 1], [1.0, 0.0]], "prompt_eval_count": 4 }));
    assert_eq!(answer.header("x-lingate-dropped"), Some("truncate,odd"));
    let body = r#"{"model":"m","prompt":"a"}"#;
    let (request, answer) = through("openai", openai(&[r#""AAAAPw==""#]), EMBEDDINGS, body).await;
    assert_eq!(request.json(), json!({ "model": "real", "input": "a" }));
    assert_eq!(answer.json(), json!({ "embedding": [0.5] }));
}

#[tokio::test]
async fn an_openai_client_meets_an_ollama_backend() {
    let body = r#"{"model":"m","input":"a","dimensions":2,"user":"u","odd":1}"#;
    let (request, answer) = through("ollama", ollama(&["[0.10,1e-3]"]), OPENAI, body).await;
    assert_eq!(request.path, EMBED);
    assert_eq!(request.json(), json!({ "model": "real", "input": "a", "dimensions": 2 }));
    assert!(answer.text().contains("[0.10,1e-3]"), "as it was written: {}", answer.text());
    assert_eq!(answer.header("x-lingate-dropped"), Some("user,odd"));
    // Its own route of OpenAI's form, if the endpoint says that it is there.
    let up = Upstream::start().await;
    up.on(|_| json(openai(&["[1]"]))).await;
    let gateway = Plan { endpoint: "dialects: [openai_embeddings],", ..Plan::default() }.start("ollama", &up).await;
    assert_eq!(post(&gateway, OPENAI, body).await.header("x-lingate-dropped"), None);
    assert_eq!(up.next_request().await.path, OPENAI);
}

#[tokio::test]
async fn a_strict_model_and_configured_members() {
    let up = Upstream::start().await;
    up.on(|_| json(ollama(&["[1]"]))).await;
    let strict = Plan { model: "strict: true,", ..Plan::default() }.start("ollama", &up).await;
    let answer = post(&strict, OPENAI, r#"{"model":"m","input":"a","user":"u"}"#).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["param"].as_str()), (400, Some("user")));
    assert_eq!(up.request_count(), 0);
    let plan = Plan {
        model: "system_prompt: hi, defaults: { dimensions: 3, num_ctx: 512, max_tokens: 5 }, force: { keep_alive: 1h },",
        endpoint: "strip: [truncate],",
        ..Plan::default()
    };
    let gateway = plan.start("ollama", &up).await;
    for (path, body) in [
        (OPENAI, r#"{"model":"m","input":"a"}"#),
        (EMBED, r#"{"model":"m","input":"a","truncate":true,"keep_alive":0}"#),
    ] {
        assert_eq!(post(&gateway, path, body).await.status, 200);
        let expected = json!({ "model": "real", "input": "a", "dimensions": 3, "options": { "num_ctx": 512 }, "keep_alive": "1h" });
        assert_eq!(up.next_request().await.json(), expected);
    }
}

#[tokio::test]
async fn what_cannot_be_embedded_is_refused_before_any_call() {
    let many = format!(r#"{{"model":"m","input":[{}]}}"#, vec!["\"a\""; 2049].join(","));
    for (kind, path, body, why) in [
        ("anthropic", OPENAI, r#"{"model":"m","input":"a"}"#, "embeddings"),
        ("anthropic", EMBED, r#"{"model":"m","input":"a"}"#, "embeddings"),
        ("anthropic", EMBEDDINGS, r#"{"model":"m","prompt":"a"}"#, "embeddings"),
        ("ollama", OPENAI, r#"{"model":"m","input":[[1,2]]}"#, "token"),
        ("ollama", OPENAI, r#"{"model":"m","input":[1,2]}"#, "token"),
        ("openai", OPENAI, r#"{"model":"m","input":[]}"#, "`input`"),
        ("openai", OPENAI, r#"{"model":"m","input":""}"#, "`input`"),
        ("openai", OPENAI, r#"{"model":"m"}"#, "`input`"),
        ("openai", OPENAI, &many, "2048"),
        ("openai", EMBED, &many, "2048"),
        ("openai", EMBED, r#"{"model":"m","input":7}"#, "invalid input type"),
        ("ollama", EMBED, r#"{"model":"m","input":[7]}"#, "invalid input type"),
        ("openai", OPENAI, r#"{"input":"a"}"#, "`model`"),
        ("openai", OPENAI, r#"{"model":"m","input":"a","model":"m"}"#, "more than once"),
        ("openai", OPENAI, r#"{"model":"m","input""#, "JSON"),
        ("openai", EMBED, "[]", "JSON"),
    ] {
        let up = Upstream::start().await;
        let answer = post(&plain(kind, &up).await, path, body.to_owned()).await;
        assert_eq!(answer.status, 400, "{kind} {body:.60}: {}", answer.text());
        assert!(message(path, &answer).contains(why), "{}", answer.text());
        assert_eq!(up.request_count(), 0);
    }
}

#[tokio::test]
async fn an_unknown_model_is_not_found() {
    let up = Upstream::start().await;
    let gateway = plain("openai", &up).await;
    for path in [OPENAI, EMBED, EMBEDDINGS] {
        let answer = post(&gateway, path, r#"{"model":"none","input":"a"}"#).await;
        assert_eq!(answer.status, 404);
        assert!(message(path, &answer).contains("none"), "{}", answer.text());
    }
    assert_eq!(up.request_count(), 0);
}

#[tokio::test]
async fn an_ollama_client_may_load_a_model() {
    for (path, loaded) in [(EMBED, json!([])), (EMBEDDINGS, json!([]))] {
        let member = if path == EMBED { "embeddings" } else { "embedding" };
        let up = Upstream::start().await;
        let answer = post(&plain("openai", &up).await, path, r#"{"model":"m"}"#).await;
        assert_eq!((answer.status.as_u16(), &answer.json()[member]), (200, &loaded));
        assert_eq!(up.request_count(), 0, "there is nothing to load");
        let reply = format!(r#"{{"{member}":[]}}"#);
        let (request, answer) = through("ollama", reply.as_str(), path, r#"{"model":"m","keep_alive":0}"#).await;
        assert_eq!((request.path.as_str(), request.text().as_str()), (path, r#"{"model":"real","keep_alive":0}"#));
        assert_eq!(answer.text(), reply);
    }
}

/// Kinds of backends, and what they say in place of one vector.
fn bad_replies() -> Vec<(&'static str, Reply)> {
    vec![
        ("openai", Reply::json(200, openai(&["[1]", "[2]"]))),
        ("openai", Reply::json(200, openai(&[]))),
        ("openai", Reply::json(200, r#"{"error":{"message":"melted"}}"#)),
        ("openai", Reply::json(200, "nonsense")),
        ("openai", Reply::json(200, r#"{"data":[{"index":0,"embedding":[NaN]}]}"#)),
        ("openai", Reply::bytes(200, "<html>").header("content-type", "text/html")),
        ("openai", Reply::json(401, format!(r#"{{"error":{{"message":"bad key {UPSTREAM_KEY}"}}}}"#))),
        ("openai", Reply::json(302, "").header("location", "http://elsewhere.test")),
        ("openai", Reply::cut()),
        ("ollama", Reply::json(200, ollama(&["[1]", "[2]"]))),
        ("ollama", Reply::json(200, r#"{"error":"melted"}"#)),
    ]
}

#[tokio::test]
async fn bad_answers_are_errors_of_the_clients_dialect() {
    for path in [OPENAI, EMBED, EMBEDDINGS] {
        for (kind, reply) in bad_replies() {
            let up = Upstream::start().await;
            up.once(reply);
            let body = r#"{"model":"m","input":"a"}"#;
            let answer = post(&plain(kind, &up).await, path, body).await;
            assert_eq!(answer.status, 502, "{kind} {path}: {}", answer.text());
            assert!(!message(path, &answer).is_empty());
        }
    }
    let up = Upstream::start().await;
    let gateway = plain("openai", &up).await;
    for status in [400, 404, 413, 429, 500, 503] {
        up.once(Reply::json(status, r#"{"error":{"message":"no way"}}"#).header("retry-after", "7"));
        let answer = post(&gateway, EMBED, r#"{"model":"m","input":"a"}"#).await;
        assert_eq!((answer.status.as_u16(), message(EMBED, &answer).as_str()), (status, "no way"));
        assert_eq!(answer.header("retry-after"), Some("7"));
    }
}

/// A model with these targets, in this order.
async fn targets(endpoints: &[(&str, String)]) -> TestGateway {
    let mut yaml = "clients: { auth: open }\nendpoints:\n".to_owned();
    for (index, (kind, url)) in endpoints.iter().enumerate() {
        yaml += &format!("  - {{ name: e{index}, type: {kind}, url: \"{url}\", api_key: {UPSTREAM_KEY} }}\n");
    }
    let targets: Vec<_> = (0..endpoints.len()).map(|i| format!("{{ endpoint: e{i}, model: real{i} }}")).collect();
    yaml +=
        &format!("virtual_models:\n  - {{ name: m, targets: [{}], retry: {{ attempts: 3 }} }}\n", targets.join(", "));
    TestGateway::start(&yaml).await
}

#[tokio::test]
async fn another_target_answers_where_one_cannot() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    second.on(|_| json(ollama(&["[1]"]))).await;
    let nowhere = format!("http://{}", refused_addr().await);
    let gateway =
        targets(&[("anthropic", nowhere.clone()), ("openai", first.url("")), ("ollama", second.url(""))]).await;
    for (reply, path) in [
        (Reply::json(500, "{}"), OPENAI),
        (Reply::json(429, "{}"), EMBED),
        (Reply::json(200, openai(&[])), OPENAI),
        (Reply::json(200, openai(&["[1]", "[2]"])), EMBEDDINGS),
    ] {
        first.once(reply);
        // The older route of Ollama gives one vector.
        second.once(if path == EMBEDDINGS { json(r#"{"embedding":[1]}"#) } else { json(ollama(&["[1]"])) });
        let answer = post(&gateway, path, r#"{"model":"m","input":"a"}"#).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!((answer.header("x-lingate-endpoint"), answer.header("x-lingate-attempts")), (Some("e2"), Some("2")));
        assert_eq!(second.next_request().await.json()["model"], "real2");
    }
    // What is the client's own fault is not tried on others.
    first.once(Reply::json(400, r#"{"error":{"message":"too long"}}"#));
    assert_eq!(post(&gateway, OPENAI, r#"{"model":"m","input":"a"}"#).await.status, 400);
    assert_eq!((first.request_count(), second.request_count()), (5, 4));
    let gateway = targets(&[("openai", nowhere), ("ollama", second.url(""))]).await;
    assert_eq!(post(&gateway, EMBED, r#"{"model":"m","input":"a"}"#).await.header("x-lingate-attempts"), Some("2"));
}

#[tokio::test]
async fn a_long_answer_is_translated_whole() {
    let vector = format!("[{}]", vec!["-0.012345678"; 512].join(","));
    let (count, up) = (600, Upstream::start().await);
    let reply = ollama(&vec![vector.as_str(); count]);
    assert!(reply.len() > 3_000_000);
    up.on(move |_| json(reply.clone())).await;
    let gateway = plain("ollama", &up).await;
    for format in ["float", "base64"] {
        let body = json!({ "model": "m", "input": vec!["a"; count], "encoding_format": format });
        let answer = post(&gateway, OPENAI, body.to_string()).await.json();
        let data = answer["data"].as_array().unwrap();
        assert_eq!((data.len(), &data[count - 1]["index"]), (count, &json!(count - 1)));
        match data[count - 1]["embedding"].as_str() {
            Some(text) => assert_eq!(base64_simd::STANDARD.decode_to_vec(text).unwrap().len(), 512 * 4),
            None => assert_eq!(data[count - 1]["embedding"].to_string(), vector),
        }
    }
}

#[tokio::test]
async fn requests_are_counted() {
    let up = Upstream::start().await;
    let gateway = plain("openai", &up).await;
    up.once(json(openai(&["[1]"])));
    up.once(Reply::json(500, "{}"));
    for status in [200, 500] {
        assert_eq!(post(&gateway, OPENAI, r#"{"model":"m","input":"a"}"#).await.status, status);
    }
    let metrics = ask(&gateway, ClientRequest::get("/metrics")).await.text();
    for line in [
        r#"lingate_requests_total{model="m",endpoint="up",outcome="ok"} 1"#,
        r#"lingate_requests_total{model="m",endpoint="up",outcome="error"} 1"#,
        r#"lingate_tokens_total{model="m",endpoint="up",kind="input"} 4"#,
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

fn numbers(vector: &Value) -> Vec<f64> {
    vector.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn nearness(a: &Value, b: &Value) -> f64 {
    numbers(a).iter().zip(numbers(b)).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn the_demo_has_vectors_that_mean_something() {
    let yaml = "clients: { auth: open }\nendpoints: [{ name: demo, type: demo }]\nvirtual_models:\n  - { name: m, targets: [{ endpoint: demo, model: demo-echo }] }\n  - { name: error, targets: [{ endpoint: demo, model: demo-error }], retry: { attempts: 1 } }\n";
    let gateway = TestGateway::start(yaml).await;
    let body = r#"{"model":"m","input":["the cat sat down","the cat stood up","annual tax report"]}"#;
    let (answer, again) = (post(&gateway, EMBED, body).await.json(), post(&gateway, EMBED, body).await.json());
    let vectors = &answer["embeddings"];
    assert_eq!(vectors, &again["embeddings"]);
    assert_eq!((numbers(&vectors[0]).len(), answer["prompt_eval_count"].as_u64()), (256, Some(11)));
    assert!((nearness(&vectors[0], &vectors[0]) - 1.0).abs() < 1e-6);
    let (near, far) = (nearness(&vectors[0], &vectors[1]), nearness(&vectors[0], &vectors[2]));
    assert!(near > far + 0.2, "{near} {far}");
    // The same by other routes and in the other form.
    let one = post(&gateway, EMBEDDINGS, r#"{"model":"m","prompt":"the cat sat down"}"#).await.json();
    assert_eq!(one["embedding"], vectors[0]);
    let body = r#"{"model":"m","input":"the cat sat down","encoding_format":"base64","dimensions":256}"#;
    let text = post(&gateway, OPENAI, body).await.json()["data"][0]["embedding"].as_str().unwrap().to_owned();
    let bytes = base64_simd::STANDARD.decode_to_vec(text).unwrap();
    let floats = bytes.chunks_exact(4).map(|four| f64::from(f32::from_le_bytes(four.try_into().unwrap())));
    assert!(floats.zip(numbers(&vectors[0])).all(|(a, b)| (a - b).abs() < 1e-7));
    for (body, status) in [
        (r#"{"model":"m","input":[1,2],"dimensions":3}"#, 200),
        (r#"{"model":"m","input":"a","dimensions":1025}"#, 400),
        (r#"{"model":"error","input":"a"}"#, 500),
    ] {
        assert_eq!(post(&gateway, OPENAI, body).await.status, status, "{body}");
    }
}
