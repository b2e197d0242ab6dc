//! Model lists and what is told of a model: from real upstreams, over restarts, with some of them dead.
#![cfg(test)]

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use lingate_config::{FixedEnvironment, parse};
use lingate_gateway::{Gateway, Peer};
use lingate_store::{Store, StoreError, StoreOptions};
use lingate_testkit::{Reply, Step, Upstream};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A gateway without a listener.
struct Stage {
    gateway: Arc<Gateway>,
    _store: Store,
}

/// An answer: its status and its JSON.
type Answer = (u16, Value);

impl Stage {
    async fn new(config: &str) -> Self {
        Self::on(config, Store::open_temporary().await.unwrap())
    }

    fn on(config: &str, store: Store) -> Self {
        let config = match parse(config, "test", &FixedEnvironment::new()) {
            Ok(loaded) => loaded.config,
            Err(errors) => panic!("{errors}"),
        };
        Self { gateway: Gateway::new(config, &store, [7; 16]).unwrap(), _store: store }
    }

    /// On a folder that a former one may be about to leave.
    async fn in_folder(config: &str, folder: &Path) -> Self {
        loop {
            match Store::open(folder, StoreOptions::default()).await {
                Ok(store) => return Self::on(config, store),
                Err(StoreError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let response = self.gateway.handle(request, Peer { address: None }).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[], body.to_string()).await
    }

    /// The names that `/v1/models` lists.
    async fn names(&self) -> Vec<String> {
        let (status, list) = self.get("/v1/models").await;
        assert_eq!((status, &list["object"]), (200, &json!("list")));
        strings(&list["data"], "id")
    }
}

fn strings(list: &Value, key: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

/// An upstream that lists these models in OpenAI's form, whatever it is asked.
async fn listing(names: &[&str]) -> Upstream {
    let up = Upstream::start().await;
    let body =
        json!({"data": names.iter().map(|name| json!({"id": name, "created": 1_763_632_800})).collect::<Vec<_>>()});
    up.on(move |_| Reply::json(200, body.to_string())).await;
    up
}

fn exposing(endpoints: &[(&str, &Upstream, i32)]) -> String {
    let mut yaml = "endpoints:\n".to_owned();
    for (name, up, priority) in endpoints {
        let url = up.url("");
        yaml.push_str(&format!(
            "  - {{ name: {name}, type: openai, url: \"{url}\", priority: {priority}, expose_models: true }}\n"
        ));
    }
    yaml
}

fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hi"}]})
}

#[tokio::test]
async fn virtual_models_come_first_then_the_endpoints_own_by_name() {
    let (low, high) = (listing(&["zeta", "beta", "mine:latest"]).await, listing(&["beta", "alpha"]).await);
    let config = exposing(&[("low", &low, 0), ("high", &high, 5)])
        + "virtual_models:\n  - { name: zz, display_name: Z Z, targets: [{ endpoint: low, model: real }] }\n"
        + "  - { name: mine, targets: [{ endpoint: high, model: other }] }\n"
        + "  - { name: \"*\", targets: [{ endpoint: high, model: other }] }\n";
    let stage = Stage::new(&config).await;
    assert_eq!(stage.names().await, ["zz", "mine", "alpha", "beta", "zeta"]);
    let (_, list) = stage.get("/api/openai/v1/models").await;
    let expected = json!({"id": "zz", "object": "model", "created": 1_677_610_602, "owned_by": "low", "name": "Z Z"});
    assert_eq!(list["data"][0], expected);
    let beta = json!({"id": "beta", "object": "model", "created": 1_763_632_800, "owned_by": "high"});
    assert_eq!(list["data"][3], beta, "on equal names the higher priority wins");
    assert_eq!(stage.get("/v1/models/beta").await, (200, beta));
    assert_eq!(stage.get("/v1/models/mine:latest").await.1["id"], "mine");
    let (status, error) = stage.get("/v1/models/nothing").await;
    assert_eq!((status, &error["error"]["code"]), (404, &json!("model_not_found")));
}

#[tokio::test]
async fn anthropic_clients_get_their_own_form() {
    let up = listing(&["beta", "alpha"]).await;
    let stage = Stage::new(&exposing(&[("up", &up, 0)])).await;
    let version = [("anthropic-version", "2023-06-01")];
    let (status, list) = stage.send(Method::GET, "/v1/models?limit=5", &version, "").await;
    let item = |id: &str| {
        json!({"type": "model", "id": id, "display_name": id, "created_at": "2025-11-20T10:00:00Z",
               "lifecycle": "active", "max_input_tokens": null})
    };
    let expected =
        json!({"data": [item("alpha"), item("beta")], "has_more": false, "first_id": "alpha", "last_id": "beta"});
    assert_eq!((status, list), (200, expected));
    let (_, page) = stage.send(Method::GET, "/v1/models?limit=1", &version, "").await;
    let expected = json!({"data": [item("alpha")], "has_more": true, "first_id": "alpha", "last_id": "alpha"});
    assert_eq!(page, expected);
    let (_, page) = stage.send(Method::GET, "/v1/models?limit=1&after_id=alpha", &version, "").await;
    let expected = json!({"data": [item("beta")], "has_more": false, "first_id": "beta", "last_id": "beta"});
    assert_eq!(page, expected);
    let (status, error) = stage.send(Method::GET, "/v1/models?after_id=none", &version, "").await;
    assert_eq!((status, &error["error"]["type"]), (400, &json!("invalid_request_error")));
    assert_eq!(stage.send(Method::GET, "/v1/models/alpha", &version, "").await, (200, item("alpha")));
    let (status, error) = stage.send(Method::GET, "/v1/models/none", &version, "").await;
    assert_eq!((status, &error["type"], &error["error"]["type"]), (404, &json!("error"), &json!("not_found_error")));
}

#[tokio::test]
async fn ollama_clients_get_what_ollama_told_and_plausible_words_else() {
    let up = Upstream::start().await;
    let details = json!({"format": "gguf", "family": "llama", "parameter_size": "8B"});
    let listed = json!({"models": [{"name": "llama3:latest", "model": "llama3:latest", "size": 42, "digest": "abc",
        "modified_at": "2025-11-20T11:00:00.5+01:00", "details": details, "capabilities": ["completion", "vision"]}]});
    up.on(move |_| Reply::json(200, listed.to_string())).await;
    let config = format!(
        "endpoints: [{{ name: o, type: ollama, url: \"{}\", expose_models: {{ prefix: \"home/\" }} }}]\n\
         virtual_models: [{{ name: v, targets: [{{ endpoint: o, model: llama3 }}] }}]",
        up.url("")
    );
    let stage = Stage::new(&config).await;
    let (status, tags) = stage.get("/api/tags").await;
    assert_eq!(status, 200);
    assert_eq!(up.next_request().await.path, "/api/tags");
    let models = &tags["models"];
    assert_eq!(
        models[1],
        json!({"name": "home/llama3:latest", "model": "home/llama3:latest", "modified_at": "2025-11-20T10:00:00Z",
            "size": 42, "digest": "abc", "details": details, "capabilities": ["completion", "vision"]})
    );
    assert_eq!((&models[0]["name"], &models[0]["size"]), (&json!("v"), &json!(0)));
    assert_eq!(models[0]["digest"].as_str().unwrap().len(), 64);
    assert_eq!(models[0]["details"]["families"], json!([]));
    assert_eq!(stage.get("/api/tags").await.1, tags, "digests and times stay");
}

#[tokio::test]
async fn seed_001_lists_as_the_seed_did() {
    let config = r#"{"endpoints":{"m1":{"displayName":"M one","url":"http://127.0.0.1:9","apiKey":"k"}}}"#;
    let stage = Stage::new(config).await;
    let permission = json!({"id": "modelperm", "object": "model_permission", "created": 1_677_610_602,
        "allow_create_engine": false, "allow_sampling": true, "allow_logprobs": true, "allow_search_indices": false,
        "allow_view": true, "allow_fine_tuning": false, "organization": "*", "group": null, "is_blocking": false});
    let item = json!({"id": "m1", "object": "model", "created": 1_677_610_602, "owned_by": "M one",
        "permission": [permission]});
    assert_eq!(stage.get("/models").await, (200, json!({"object": "list", "data": [item]})));
}

#[tokio::test]
async fn an_endpoint_that_never_answers_does_not_blank_the_list() {
    let (alive, dead) = (listing(&["alive"]).await, Upstream::start().await);
    let (_, gate) = Step::gate();
    let held = gate.clone();
    dead.on(move |_| Reply::json(200, r#"{"data":[{"id":"late"}]}"#).held_by(&held)).await;
    let stage = Arc::new(Stage::new(&exposing(&[("alive", &alive, 1), ("dead", &dead, 0)])).await);
    let list = tokio::spawn({
        let stage = stage.clone();
        async move { stage.names().await }
    });
    dead.next_request().await;
    assert_eq!(stage.get("/v1/models/alive").await.0, 200, "the better endpoint's model waits for nobody");
    // From here on only the wait for the dead one is left.
    tokio::time::pause();
    assert_eq!(list.await.unwrap(), ["alive"]);
    // It has been asked for more than two seconds, so nobody waits for it again.
    let before = tokio::time::Instant::now();
    assert_eq!(stage.names().await, ["alive"]);
    assert!(before.elapsed() < Duration::from_millis(500));
    tokio::time::resume();
    assert_eq!(dead.request_count(), 1);
    gate.notify_one();
    let found = stage.get("/v1/models/late").await;
    assert_eq!(found.0, 200, "what was asked for is not lost: {found:?}");
    assert_eq!(stage.names().await, ["alive", "late"]);
    assert_eq!(dead.request_count(), 1);
}

#[tokio::test]
async fn a_list_past_its_time_is_answered_with_while_the_upstream_is_down() {
    let up = listing(&["one"]).await;
    let stage = Stage::new(&(exposing(&[("up", &up, 0)]) + "tags_ttl: 1ms\n")).await;
    assert_eq!(stage.names().await, ["one"]);
    up.next_request().await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    let (_, gate) = Step::gate();
    let held = gate.clone();
    up.on(move |_| Reply::json(503, "{}").held_by(&held)).await;
    // Comes at once although the upstream hangs.
    let soon = tokio::time::timeout(Duration::from_secs(1), stage.names()).await;
    assert_eq!(soon.unwrap(), ["one"]);
    up.next_request().await;
    gate.notify_one();
    up.on(|_| Reply::json(200, r#"{"data":[{"id":"two"}]}"#)).await;
    // The failure, when it is in, keeps the upstream from being asked again for a while.
    for _ in 0..20 {
        assert_eq!(stage.names().await, ["one"]);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(up.request_count(), 2);
}

#[tokio::test]
async fn a_list_past_its_time_is_renewed_behind_the_scenes() {
    let up = listing(&["one"]).await;
    let stage = Stage::new(&(exposing(&[("up", &up, 0)]) + "tags_ttl: 1ms\n")).await;
    assert_eq!(stage.names().await, ["one"]);
    up.on(|_| Reply::json(200, r#"{"data":[{"id":"two"}]}"#)).await;
    let renewed = async {
        while stage.names().await != ["two"] {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), renewed).await.unwrap();
}

#[tokio::test]
async fn a_hundred_lists_at_once_are_one_question() {
    let up = Upstream::start().await;
    let (_, gate) = Step::gate();
    let held = gate.clone();
    up.on(move |_| Reply::json(200, r#"[{"id":"a"}]"#).held_by(&held)).await;
    let stage = Arc::new(Stage::new(&exposing(&[("up", &up, 0)])).await);
    let names = |stage: Arc<Stage>| tokio::spawn(async move { stage.names().await });
    // The first who asks leaves; the question stays.
    let first = names(stage.clone());
    up.next_request().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let all: Vec<_> = (0..100).map(|_| names(stage.clone())).collect();
    tokio::task::yield_now().await;
    gate.notify_one();
    for one in all {
        assert_eq!(one.await.unwrap(), ["a"]);
    }
    assert_eq!(up.request_count(), 1);
}

#[tokio::test]
async fn a_list_outlives_a_restart_without_its_upstream() {
    let folder = tempfile::tempdir().unwrap();
    let up = listing(&["kept"]).await;
    let config = exposing(&[("up", &up, 0)]);
    let stage = Stage::in_folder(&config, folder.path()).await;
    assert_eq!(stage.names().await, ["kept"]);
    drop(stage);
    up.on(|_| Reply::json(500, "{}")).await;
    let stage = Stage::in_folder(&config, folder.path()).await;
    assert_eq!(stage.names().await, ["kept"]);
    assert_eq!(stage.get("/v1/models/kept").await.1["created"], 1_763_632_800);
    assert_eq!(up.request_count(), 1, "a list that is young enough needs no upstream");
}

#[tokio::test]
async fn own_models_are_found_under_prefix_and_filters() {
    let up = Upstream::start().await;
    up.on(|request| match request.path.as_str() {
        "/v1/models" => Reply::json(200, r#"{"data":[{"id":"qwen:7b"},{"id":"qwen:14b"},{"id":"llama"}]}"#),
        _ => Reply::json(
            200,
            r#"{"id":"c","object":"chat.completion","created":1,"model":"qwen:7b","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}"#,
        ),
    })
    .await;
    let filter = "{ include: [\"qwen*\"], exclude: [\"*14b\"], prefix: \"home/\" }";
    let config = format!("endpoints: [{{ name: up, type: openai, url: \"{}\", expose_models: {filter} }}]", up.url(""));
    let stage = Stage::new(&config).await;
    // The first request of all finds it, too.
    let (status, answer) = stage.post("/v1/chat/completions", chat("home/qwen:7b")).await;
    assert_eq!((status, &answer["model"]), (200, &json!("home/qwen:7b")), "{answer}");
    assert_eq!(up.next_request().await.path, "/v1/models");
    assert_eq!(up.next_request().await.json()["model"], "qwen:7b");
    assert_eq!(stage.names().await, ["home/qwen:7b"]);
    for hidden in ["home/qwen:14b", "home/llama", "qwen:7b"] {
        let (status, error) = stage.post("/v1/chat/completions", chat(hidden)).await;
        assert_eq!((status, &error["error"]["code"]), (404, &json!("model_not_found")));
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(hidden) && message.contains("home/qwen:7b"), "{message}");
    }
}

#[tokio::test]
async fn a_web_page_is_no_list() {
    let up = Upstream::start().await;
    up.on(|_| Reply::bytes(200, "<!doctype html>[\"a\"]").header("content-type", "text/html; charset=utf-8")).await;
    let stage = Stage::new(&exposing(&[("up", &up, 0)])).await;
    for path in ["/v1/models", "/api/tags"] {
        let (status, error) = stage.get(path).await;
        assert_eq!(status, 503, "an empty list would say that there are no models: {error}");
        assert!(error.to_string().contains("web page"), "{error}");
    }
    let paths: Vec<_> = up.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/v1/models", "/models", "/api/models", "/api/v1/models"]);
    let (status, error) = stage.post("/v1/chat/completions", chat("a")).await;
    assert_eq!((status, &error["error"]["code"]), (503, &json!("model_list_unavailable")));
    assert!(error["error"]["message"].as_str().unwrap().contains("web page"), "{error}");
    assert_eq!(up.request_count(), 4, "a failed upstream is left alone for a while");
}

#[tokio::test]
async fn an_empty_list_is_a_list() {
    let (empty, dead) = (listing(&[]).await, Upstream::start().await);
    dead.on(|_| Reply::json(500, "{}")).await;
    let stage = Stage::new(&exposing(&[("empty", &empty, 0)])).await;
    assert_eq!(stage.names().await, [""; 0]);
    assert_eq!(stage.get("/api/tags").await, (200, json!({"models": []})));
    let stage = Stage::new(&exposing(&[("empty", &empty, 0), ("dead", &dead, 0)])).await;
    let (status, error) = stage.get("/v1/models").await;
    assert_eq!((status, &error["error"]["code"]), (503, &json!("model_list_unavailable")));
    let virtual_model = "virtual_models:\n  - { name: mine, targets: [{ endpoint: dead, model: m }] }\n";
    let stage = Stage::new(&(exposing(&[("dead", &dead, 0)]) + virtual_model)).await;
    assert_eq!(stage.names().await, ["mine"], "what is known is listed");
}

#[tokio::test]
async fn a_list_elsewhere_is_found() {
    let up = Upstream::start().await;
    up.on(|request| match request.path.as_str() {
        "/api/models" => Reply::json(200, r#"{"data":[{"id":"a"}]}"#),
        _ => Reply::bytes(404, "404 page not found"),
    })
    .await;
    let stage = Stage::new(&exposing(&[("up", &up, 0)])).await;
    assert_eq!(stage.names().await, ["a"]);
}

#[tokio::test]
async fn a_giant_list_is_refused_and_a_long_one_is_cut() {
    let (giant, long) = (Upstream::start().await, Upstream::start().await);
    let padding = "x".repeat(10 * 1024 * 1024);
    giant.on(move |_| Reply::json(200, format!(r#"{{"data":[{{"id":"a","description":"{padding}"}}]}}"#))).await;
    let ids: Vec<_> = (0..20_000).map(|number| json!({"id": format!("m{number:05}")})).collect();
    long.on(move |_| Reply::json(200, Value::from(ids.clone()).to_string())).await;
    let stage = Stage::new(&exposing(&[("giant", &giant, 0), ("long", &long, 0)])).await;
    let names = stage.names().await;
    assert_eq!((names.len(), names[9_999].as_str()), (10_000, "m09999"));
}

#[tokio::test]
async fn keys_see_and_use_only_their_models() {
    let up = listing(&["gpt-4o", "llama3:latest", "secret"]).await;
    let config = exposing(&[("up", &up, 0)])
        + "clients: { keys: [{ name: k, key: sk-0123456789abcdef0123456789abcdef, models: [\"gpt-*\", llama3] }] }\n"
        + "virtual_models: [{ name: hidden, targets: [{ endpoint: up, model: x }] }]\n";
    let stage = Stage::new(&config).await;
    assert_eq!(stage.get("/v1/models").await.0, 401);
    let key = [("authorization", "Bearer sk-0123456789abcdef0123456789abcdef")];
    let (_, list) = stage.send(Method::GET, "/v1/models", &key, "").await;
    assert_eq!(strings(&list["data"], "id"), ["gpt-4o", "llama3:latest"]);
    for hidden in ["hidden", "secret", "nothing"] {
        let (status, error) = stage.send(Method::POST, "/v1/chat/completions", &key, chat(hidden).to_string()).await;
        assert_eq!((status, &error["error"]["code"]), (403, &json!("model_not_allowed")), "{hidden}");
        assert_eq!(stage.send(Method::GET, &format!("/v1/models/{hidden}"), &key, "").await.0, 404);
    }
    let (status, shown) = stage.send(Method::POST, "/api/show", &key, r#"{"model":"llama3"}"#).await;
    assert_eq!((status, &shown["model"]), (200, &json!("llama3:latest")));
}

/// An Ollama with a virtual model `v` (its `llama3`) and another backend with `w` (its `real`).
async fn two_kinds() -> (Upstream, Upstream, Stage) {
    let (ollama, other) = (Upstream::start().await, Upstream::start().await);
    let config = format!(
        "endpoints:\n  - {{ name: o, type: ollama, url: \"{}\" }}\n  - {{ name: p, type: openai, url: \"{}\" }}\n\
         virtual_models:\n  - {{ name: v, targets: [{{ endpoint: o, model: \"llama3:8b\" }}] }}\n  \
         - {{ name: w, display_name: Double U, targets: [{{ endpoint: p, model: real }}] }}\n",
        ollama.url(""),
        other.url("")
    );
    let stage = Stage::new(&config).await;
    (ollama, other, stage)
}

#[tokio::test]
async fn show_is_passed_on_to_an_ollama_and_kept() {
    let (ollama, _other, stage) = two_kinds().await;
    let shown = json!({"modelfile": "FROM x", "model_info": {"llama.context_length": 8192}, "capabilities": ["tools"]});
    let reply = shown.clone();
    ollama.on(move |_| Reply::json(200, reply.to_string())).await;
    for body in [json!({"model": "v"}), json!({"name": "v:latest"}), json!({"model": "v", "verbose": false})] {
        assert_eq!(stage.post("/api/show", body).await, (200, shown.clone()));
    }
    let request = ollama.next_request().await;
    assert_eq!((request.path.as_str(), request.json()), ("/api/show", json!({"model": "llama3:8b"})));
    assert_eq!(ollama.request_count(), 1);
    stage.post("/api/show", json!({"model": "v", "verbose": true})).await;
    assert_eq!(ollama.next_request().await.json(), json!({"model": "llama3:8b", "verbose": true}));
}

#[tokio::test]
async fn show_of_other_backends_says_what_is_known() {
    let (_ollama, other, stage) = two_kinds().await;
    other.on(|_| Reply::json(200, r#"{"data":[{"id":"real","max_model_len":32768}]}"#)).await;
    let (status, shown) = stage.post("/api/show", json!({"model": "w"})).await;
    assert_eq!((status, &shown["capabilities"]), (200, &json!(["completion", "tools"])));
    let info =
        json!({"general.architecture": "unknown", "general.basename": "Double U", "unknown.context_length": 32768});
    assert_eq!(shown["model_info"], info);
    assert_eq!((&shown["modelfile"], &shown["template"]), (&json!("FROM w"), &json!("{{ .Prompt }}")));
    // Without its upstream's help it is shown all the same.
    let (_ollama, _other, stage) = two_kinds().await;
    assert_eq!(stage.post("/api/show", json!({"model": "w"})).await.0, 200);
}

#[tokio::test]
async fn show_of_nothing() {
    let (ollama, _other, stage) = two_kinds().await;
    assert_eq!(stage.post("/api/show", json!({})).await, (400, json!({"error": "model is required"})));
    let unknown = stage.post("/api/show", json!({"model": "x"})).await;
    assert_eq!(unknown, (404, json!({"error": "model 'x' not found"})));
    ollama.on(|_| Reply::json(404, r#"{"error":"model 'llama3:8b' not found"}"#)).await;
    let gone = stage.post("/api/show", json!({"model": "v"})).await;
    assert_eq!(gone, (404, json!({"error": "model 'v' not found"})), "the real name stays inside");
}

#[tokio::test]
async fn ps_names_loaded_models_as_clients_know_them() {
    let (ollama, other) = (Upstream::start().await, Upstream::start().await);
    let config = format!(
        "endpoints:\n  - {{ name: o, type: ollama, url: \"{}\", expose_models: {{ include: [qwen], prefix: h/ }} }}\n  \
         - {{ name: virtual-only, type: ollama, url: \"{}\" }}\n\
         virtual_models:\n  - {{ name: v, targets: [{{ endpoint: o, model: \"llama3:8b\" }}] }}\n  \
         - {{ name: w, targets: [{{ endpoint: virtual-only, model: real }}] }}\n",
        ollama.url(""),
        other.url("")
    );
    let stage = Stage::new(&config).await;
    ollama
        .on(|request| {
            let loaded = |name: &str| json!({"name": name, "model": name, "size_vram": 7});
            let names = ["llama3:8b", "qwen:latest", "nobody-can-ask:1b"];
            assert!(["/api/ps", "/api/tags"].contains(&request.path.as_str()));
            Reply::json(200, json!({"models": names.map(loaded)}).to_string())
        })
        .await;
    let shown = |name: &str| json!({"name": name, "model": name, "size_vram": 7});
    let expected = json!({"models": [shown("v"), shown("h/qwen:latest")]});
    assert_eq!(stage.get("/api/ps").await, (200, expected.clone()));
    assert_eq!(stage.send(Method::POST, "/api/ps", &[], "").await, (200, expected));
    assert_eq!(other.request_count(), 0, "nobody asks for what clients do not know of");
    ollama.on(|_| Reply::json(500, "{}")).await;
    assert_eq!(stage.get("/api/ps").await, (200, json!({"models": []})), "an endpoint that fails lists nothing");
}

#[tokio::test]
async fn ps_does_not_wait_for_an_endpoint_that_hangs() {
    let ollama = Upstream::start().await;
    ollama.on(|_| Reply::hang()).await;
    let url = ollama.url("");
    let config = format!("endpoints: [{{ name: o, type: ollama, url: \"{url}\", expose_models: true }}]");
    let stage = Arc::new(Stage::new(&config).await);
    let ps = tokio::spawn({
        let stage = stage.clone();
        async move { stage.get("/api/ps").await }
    });
    ollama.next_request().await;
    ollama.next_request().await;
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    assert_eq!(ps.await.unwrap(), (200, json!({"models": []})));
    assert!(before.elapsed() <= Duration::from_millis(1100));
}

#[tokio::test]
async fn token_counts_come_from_the_upstream_or_are_estimates() {
    let up = Upstream::start().await;
    up.on(|_| Reply::json(200, r#"{"input_tokens":14}"#)).await;
    let config = format!(
        "endpoints:\n  - {{ name: a, type: anthropic, url: \"{0}\", api_key: sk-ant-secret }}\n  \
         - {{ name: p, type: openai, url: \"{0}\" }}\n\
         virtual_models:\n  - {{ name: c, targets: [{{ endpoint: a, model: claude }}] }}\n  \
         - {{ name: w, targets: [{{ endpoint: p, model: real }}] }}\n",
        up.url("")
    );
    let stage = Stage::new(&config).await;
    let headers = [("anthropic-version", "2026-10-21"), ("anthropic-beta", "x"), ("x-api-key", "client")];
    let body = json!({"model": "c", "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let counted = stage.send(Method::POST, "/v1/messages/count_tokens", &headers, body).await;
    assert_eq!(counted, (200, json!({"input_tokens": 14})));
    let request = up.next_request().await;
    assert_eq!(request.path, "/v1/messages/count_tokens");
    assert_eq!(request.json()["model"], "claude");
    let sent = ["anthropic-version", "anthropic-beta", "x-api-key"].map(|name| request.header(name).unwrap());
    assert_eq!(sent, ["2026-10-21", "x", "sk-ant-secret"]);
    let (status, error) = stage.post("/v1/messages/count_tokens", chat("nothing")).await;
    assert_eq!((status, &error["type"], &error["error"]["type"]), (404, &json!("error"), &json!("not_found_error")));
    let before = up.request_count();
    for path in ["/v1/messages/count_tokens", "/messages/count_tokens", "/v1/v1/messages/count_tokens?beta=true"] {
        let (status, count) = stage.post(path, chat("w")).await;
        assert_eq!((status, count.as_object().unwrap().len()), (200, 1), "{count}");
        assert!((5..20).contains(&count["input_tokens"].as_u64().unwrap()), "{count}");
    }
    assert_eq!(up.request_count(), before, "an upstream that cannot count is not asked");
    let broken = json!({"model": "w", "messages": 7});
    let (status, error) = stage.post("/v1/messages/count_tokens", broken).await;
    assert_eq!((status, &error["error"]["type"]), (400, &json!("invalid_request_error")), "{error}");
    up.on(|_| {
        Reply::json(401, r#"{"type":"error","error":{"type":"authentication_error","message":"bad sk-ant-secret"}}"#)
    })
    .await;
    let (status, error) = stage.post("/v1/messages/count_tokens", chat("c")).await;
    assert!(status == 502 && !error.to_string().contains("sk-ant-secret"), "{error}");
}

#[tokio::test]
async fn models_are_not_managed_through_lingate() {
    let (ollama, _other, stage) = two_kinds().await;
    for path in ["/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete"] {
        let refused = stage.post(path, json!({"model": "v"})).await;
        assert_eq!(refused, (403, json!({"error": "operation forbidden via proxy"})), "{path}");
    }
    assert_eq!(ollama.request_count(), 0);
}

#[tokio::test]
async fn a_reload_sees_new_filters_at_once_and_asks_again() {
    let up = listing(&["a", "b"]).await;
    let stage = Stage::new(&exposing(&[("up", &up, 0)])).await;
    assert_eq!(stage.names().await, ["a", "b"]);
    let filtered = exposing(&[("up", &up, 0)]).replace("expose_models: true", "expose_models: { exclude: [a] }");
    let config = parse(&filtered, "test", &FixedEnvironment::new()).unwrap().config;
    up.on(|_| Reply::hang()).await;
    stage.gateway.reload(config).unwrap();
    assert_eq!(stage.names().await, ["b"], "from the list that is known");
    up.next_request().await;
    assert_eq!(up.next_request().await.path, "/v1/models");
}
