//! What users of seed 002, Ollama's API in front of Open WebUI, rely on, row by row.

use crate::setup::{Plan, ask, json, plain, post};
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{Answer, ClientRequest, Reply, Step, Upstream};
use serde_json::{Value, json};

/// What an Open WebUI gets of a request.
async fn sent(path: &str, body: &Value) -> Value {
    let up = Upstream::start().await;
    let gateway = plain("openwebui", &up).await;
    up.on(|_| json(Tongue::OpenAi.whole("ok"))).await;
    let answer = post(&gateway, path, body.to_string()).await;
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    up.next_request().await.json()
}

async fn chat(members: Value) -> Value {
    let mut body = json!({"model": "m", "stream": false, "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    sent("/api/chat", &body).await
}

#[tokio::test]
async fn options_become_members() {
    let seen = chat(json!({"options": {
        "temperature": 0.5, "top_p": 0.25, "frequency_penalty": 0.125, "presence_penalty": 0.75, "num_predict": 9,
        "seed": 42, "stop": ["a", "b"]
    }}))
    .await;
    for (member, value) in [
        ("temperature", json!(0.5)),
        ("top_p", json!(0.25)),
        ("frequency_penalty", json!(0.125)),
        ("presence_penalty", json!(0.75)),
        ("max_tokens", json!(9)),
        ("seed", json!(42)),
        ("stop", json!(["a", "b"])),
    ] {
        assert_eq!(seen[member], value, "{member}: {seen}");
    }
    assert_eq!(seen.get("options"), None);
    // A text for a list, and a whole number written with a point.
    let seen = chat(json!({"options": {"stop": "end"}})).await;
    assert!(seen["stop"] == "end" || seen["stop"] == json!(["end"]), "{seen}");
    // No limit is no member.
    for unlimited in [-1, -2] {
        let seen = chat(json!({"options": {"num_predict": unlimited}})).await;
        assert_eq!((seen.get("max_tokens"), seen.get("max_completion_tokens")), (None, None), "{seen}");
    }
    // Nothing is invented.
    let seen = chat(json!({})).await;
    let members: Vec<_> = seen.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(members.iter().all(|member| ["model", "messages", "stream"].contains(member)), "{members:?}");
}

#[tokio::test]
async fn formats_become_response_formats() {
    let seen = chat(json!({"format": "json"})).await;
    assert_eq!(seen["response_format"], json!({"type": "json_object"}));
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    let seen = chat(json!({"format": schema})).await;
    assert_eq!(seen["response_format"]["type"], "json_schema");
    assert_eq!(seen["response_format"]["json_schema"]["schema"], schema, "wrapped, as OpenAI's API wants it");
    assert!(seen["response_format"]["json_schema"]["name"].is_string());
    assert_eq!(chat(json!({"format": ""})).await.get("response_format"), None);
}

#[tokio::test]
async fn images_become_parts_with_their_type() {
    const PNG: &str = "iVBORw0KGgo=";
    for (image, mime) in [
        ("/9j/4AAQSkZJRg==", "image/jpeg"),
        (PNG, "image/png"),
        ("R0lGODlhAQABAAAAACw=", "image/gif"),
        ("UklGRiQAAABXRUJQVlA4", "image/webp"),
        ("data:image/png;base64,iVBORw0KGgo=", "image/png"),
    ] {
        let messages = json!([{"role": "user", "content": "look", "images": [image]}]);
        let seen = chat(json!({ "messages": messages })).await;
        let parts = &seen["messages"][0]["content"];
        assert_eq!(parts[0], json!({"type": "text", "text": "look"}), "{seen}");
        let data = image.rsplit(',').next().unwrap();
        assert_eq!(parts[1]["image_url"]["url"], format!("data:{mime};base64,{data}"), "{seen}");
    }
    let seen = sent("/api/generate", &json!({"model": "m", "prompt": "look", "images": [PNG], "stream": false})).await;
    assert_eq!(seen["messages"][0]["content"][1]["image_url"]["url"], format!("data:image/png;base64,{PNG}"));
}

#[tokio::test]
async fn keep_alive_may_be_a_number() {
    for keep_alive in [json!(-1), json!(0), json!(300), json!("5m"), json!(null)] {
        assert_eq!(chat(json!({ "keep_alive": keep_alive })).await.get("keep_alive"), None);
    }
}

#[tokio::test]
async fn tools_are_not_lost() {
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    assert_eq!(chat(json!({ "tools": tools })).await["tools"][0]["function"]["name"], "f");
}

#[tokio::test]
async fn a_prompt_with_a_system_text_becomes_messages() {
    let seen =
        sent("/api/generate", &json!({"model": "m", "prompt": "hi", "system": "be kind", "stream": false})).await;
    let messages = json!([{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}]);
    assert_eq!(seen["messages"], messages);
}

#[tokio::test]
async fn a_request_without_content_loads_a_model() {
    let up = Upstream::start().await;
    let gateway = plain("openwebui", &up).await;
    for (path, body, content) in [
        ("/api/generate", r#"{"model":"m"}"#, "response"),
        ("/api/generate", r#"{"model":"m","prompt":""}"#, "response"),
        ("/api/generate", r#"{"model":"m","keep_alive":0}"#, "response"),
        ("/api/chat", r#"{"model":"m","messages":[]}"#, "message"),
        ("/api/chat", r#"{"model":"m"}"#, "message"),
    ] {
        let answer = post(&gateway, path, body).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        let answer = answer.json();
        let unloads = body.contains("keep_alive");
        assert_eq!((&answer["done"], &answer["model"]), (&json!(true), &json!("m")), "{answer}");
        assert_eq!(answer["done_reason"], if unloads { "unload" } else { "load" });
        assert!(answer.get(content).is_some() && answer["created_at"].is_string(), "{answer}");
    }
    assert_eq!(up.request_count(), 0);
}

async fn from_upstream(path: &str, stream: bool, reply: Reply) -> Answer {
    let up = Upstream::start().await;
    let gateway = plain("openwebui", &up).await;
    up.once(reply);
    let body = json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hi"}], "prompt": "hi"});
    post(&gateway, path, body.to_string()).await
}

#[tokio::test]
async fn a_whole_answer_has_ollamas_shape() {
    for (path, place) in [("/api/chat", "/message/content"), ("/api/generate", "/response")] {
        let answer = from_upstream(path, false, json(Tongue::OpenAi.whole("hello"))).await;
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let answer = answer.json();
        assert_eq!(answer.pointer(place), Some(&json!("hello")), "{answer}");
        assert_eq!((&answer["model"], &answer["done"]), (&json!("m"), &json!(true)));
        assert_eq!(
            (&answer["done_reason"], &answer["prompt_eval_count"], &answer["eval_count"]),
            (&json!("stop"), &json!(3), &json!(5))
        );
        assert!(answer["total_duration"].is_u64(), "{answer}");
        let at = answer["created_at"].as_str().unwrap();
        assert!(at.ends_with('Z') && at.as_bytes()[10] == b'T', "{at}");
    }
    let cut = Tongue::OpenAi.whole("hello").replace(r#""stop""#, r#""length""#);
    assert_eq!(from_upstream("/api/chat", false, json(cut)).await.json()["done_reason"], "length");
}

#[tokio::test]
async fn a_stream_has_ollamas_lines() {
    for (path, place) in [("/api/chat", "/message/content"), ("/api/generate", "/response")] {
        let stream = format!(
            "\n: comment\nevent: x\n\n{}data:{}\n\ndata: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":3,\"completion_tokens\":5}}}}\n\ndata: [DONE]\n\n",
            Tongue::OpenAi.stream(&["a", "b"]).replace("data: [DONE]\n\n", ""),
            r#"{"choices":[]}"#,
        );
        let answer = from_upstream(path, true, Tongue::OpenAi.streaming(vec![Step::bytes(stream)])).await;
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        let text = answer.text();
        assert!(text.ends_with('\n') && !text.contains("\n\n"), "{text}");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (last, content) = lines.split_last().unwrap();
        let said: String = content.iter().filter_map(|line| line.pointer(place)?.as_str()).collect();
        assert_eq!(said, "ab", "{text}");
        assert!(lines.iter().all(|line| line["model"] == "m" && line["created_at"].is_string()), "{text}");
        assert!(content.iter().all(|line| line["done"] == false), "{text}");
        assert_eq!(
            (&last["done"], &last["done_reason"], &last["eval_count"]),
            (&json!(true), &json!("stop"), &json!(5))
        );
        assert!(last["total_duration"].is_u64());
    }
}

#[tokio::test]
async fn a_request_streams_unless_told_not_to() {
    let up = Upstream::start().await;
    let gateway = plain("openwebui", &up).await;
    up.on(|_| Tongue::OpenAi.streaming(vec![Step::bytes(Tongue::OpenAi.stream(&["a"]))])).await;
    for stream in ["", r#","stream":null"#] {
        for path in ["/api/chat", "/api/generate"] {
            let body =
                format!(r#"{{"model":"m","prompt":"hi","messages":[{{"role":"user","content":"hi"}}]{stream}}}"#);
            let answer = post(&gateway, path, body).await;
            assert_eq!(answer.header("content-type"), Some("application/x-ndjson"), "{}", answer.text());
            assert_eq!(up.next_request().await.json()["stream"], true);
        }
    }
}

#[tokio::test]
async fn errors_are_a_text_with_the_upstreams_status() {
    for status in [400, 404, 429, 500, 503] {
        let detail = Reply::json(status, r#"{"detail":"Model not found"}"#);
        let answer = from_upstream("/api/chat", true, detail).await;
        assert_eq!(answer.status, status);
        assert!(Tongue::Ollama.error(&answer).contains("Model not found"), "{}", answer.text());
    }
    let up = Upstream::start().await;
    let gateway = plain("openwebui", &up).await;
    let answer = post(&gateway, "/api/chat", "{}").await;
    assert_eq!((answer.status.as_u16(), Tongue::Ollama.error(&answer).contains("model")), (400, true));
    for (method, path) in [
        ("POST", "/api/pull"),
        ("POST", "/api/push"),
        ("POST", "/api/create"),
        ("POST", "/api/copy"),
        ("DELETE", "/api/delete"),
    ] {
        let answer = ask(&gateway, ClientRequest::new(method, path).body(r#"{"model":"m"}"#)).await;
        assert_eq!(answer.status, 403, "{path}");
        Tongue::Ollama.error(&answer);
    }
    assert_eq!(up.connection_count(), 0);
}

#[tokio::test]
async fn ollamas_signs_of_life_are_there() {
    let up = Upstream::start().await;
    let plan = Plan { top: "ollama_version: \"0.9.9\"\n", ..Plan::default() };
    let gateway: TestGateway = plan.start("openwebui", &up).await;
    let answer = ask(&gateway, ClientRequest::get("/")).await;
    assert_eq!((answer.status.as_u16(), answer.text().starts_with("Ollama is running")), (200, true));
    let answer = ask(&gateway, ClientRequest::new("HEAD", "/")).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    assert_eq!(ask(&gateway, ClientRequest::get("/api/version")).await.json(), json!({"version": "0.9.9"}));
    assert_eq!(up.connection_count(), 0);
}
