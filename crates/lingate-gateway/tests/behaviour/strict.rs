//! What a target cannot take: told by its exact path, or refused where nothing may be lost.

use crate::setup::{Plan, ask, json, plain};
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, Upstream};
use serde_json::{Value, json};

const STRICT: Plan<'_> = Plan { model: "strict: true, ", endpoint: "", top: "" };

fn anthropic() -> Value {
    let mark = json!({"type": "ephemeral"});
    json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": [{"type": "text", "text": "A", "cache_control": mark},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": "no", "is_error": true, "cache_control": mark},
            {"type": "text", "text": "So?", "cache_control": mark}]},
    ]})
}

#[tokio::test]
async fn losses_have_their_exact_paths() {
    let up = Upstream::start().await;
    for backend in [Tongue::OpenAi, Tongue::Ollama] {
        let gateway = plain(backend.kind(), &up).await;
        up.once(json(backend.whole("ok")));
        let answer = ask(&gateway, ClientRequest::post("/v1/messages").json(&anthropic())).await;
        let mut dropped: Vec<_> = answer.header("x-lingate-dropped").unwrap().split(',').collect();
        dropped.sort_unstable();
        let expected = [
            "messages[1].content[0].cache_control",
            "messages[2].content[0].cache_control",
            "messages[2].content[0].is_error",
            "messages[2].content[1].cache_control",
        ];
        assert_eq!(dropped, expected, "{backend:?}");
    }
}

#[tokio::test]
async fn a_strict_model_refuses_what_is_dropped_by_rule() {
    let up = Upstream::start().await;
    let thought = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": "S"},
            {"type": "text", "text": "A"}]},
        {"role": "user", "content": "Q"}]});
    let ollama = |member: &str, value: Value| {
        let mut body = json!({"model": "m", "stream": false, "messages": [{"role": "user", "content": "Q"}]});
        body[member] = value;
        body
    };
    let cases = [
        ("openai", "/v1/messages", thought.clone(), "messages[].thinking"),
        ("vllm", "/v1/messages", thought, "messages[1].content[0].signature"),
        ("vllm", "/v1/messages", anthropic(), "messages[1].content[0].cache_control"),
        ("vllm", "/api/chat", ollama("keep_alive", json!("5m")), "keep_alive"),
        ("anthropic", "/api/chat", ollama("options", json!({"num_ctx": 9000})), "options.num_ctx"),
        ("vllm", "/api/chat", ollama("truncate", json!(false)), "truncate"),
    ];
    for (kind, path, body, param) in cases {
        let (strict, lenient) = (STRICT.start(kind, &up).await, plain(kind, &up).await);
        let before = up.request_count();
        let answer = ask(&strict, ClientRequest::post(path).json(&body)).await;
        assert_eq!(answer.status, 400, "{kind} {param}");
        assert!(answer.text().contains(&format!("`{param}` would be lost")), "{}", answer.text());
        assert_eq!(up.request_count(), before, "{kind} {param}");
        let tongue = if kind == "anthropic" { Tongue::Anthropic } else { Tongue::OpenAi };
        up.once(json(tongue.whole("ok")));
        assert_eq!(ask(&lenient, ClientRequest::post(path).json(&body)).await.status, 200, "{kind} {param}");
    }
}
