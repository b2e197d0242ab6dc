//! The clients and backends that sheets speak of: plain requests and answers of each, and which path leads where.

use serde_json::{Value, json};

/// A client dialect.
pub(super) struct Client {
    /// Its name in the cases.
    pub name: &'static str,
    /// In which dialect an OpenAI-compatible upstream, Anthropic and Ollama are asked for it.
    pub upstream: [&'static str; 3],
}

/// A backend, the client model that leads to it, and its place in [`Client::upstream`].
pub(super) struct Backend {
    /// The name in sheets; the client model is `fx-` and this.
    pub name: &'static str,
    /// What lingate's messages call it.
    pub kind: &'static str,
    /// The path of its base URL on the scripted upstream, as a regular expression.
    base: &'static str,
    family: usize,
}

const CHAT: [&str; 3] = ["openai_chat", "anthropic", "ollama_chat"];
const TEXT: [&str; 3] = ["openai_completions", "anthropic", "ollama_generate"];
const EMBED: [&str; 3] = ["openai_embeddings", "anthropic", "ollama_embed"];

pub(super) static CLIENTS: [Client; 10] = [
    Client { name: "openai_chat", upstream: CHAT },
    Client { name: "openai_responses", upstream: CHAT },
    Client { name: "anthropic", upstream: CHAT },
    Client { name: "ollama_chat", upstream: CHAT },
    Client { name: "openai_completions", upstream: TEXT },
    Client { name: "ollama_generate", upstream: ["openai_chat", "anthropic", "ollama_generate"] },
    Client { name: "openai_embeddings", upstream: EMBED },
    Client { name: "ollama_embed", upstream: EMBED },
    Client { name: "ollama_embeddings", upstream: ["openai_embeddings", "anthropic", "ollama_embeddings"] },
    Client { name: "anthropic_count", upstream: ["openai_chat", "anthropic_count", "ollama_chat"] },
];

const fn compatible(name: &'static str, kind: &'static str, base: &'static str) -> Backend {
    Backend { name, kind, base, family: 0 }
}

pub(super) static BACKENDS: [Backend; 8] = [
    compatible("openai", "openai", "/openai/v1"),
    compatible("vllm", "vllm", "/vllm/v1"),
    Backend { name: "anthropic", kind: "anthropic", base: "/anthropic", family: 1 },
    Backend { name: "ollama", kind: "ollama", base: "/ollama", family: 2 },
    compatible("responses", "openai", "/responses/v1"),
    compatible("together", "together", "/together/v1"),
    compatible("deepinfra", "deepinfra", "/deepinfra/v1/openai"),
    compatible("openwebui", "openwebui", "/openwebui/api(/v1)?"),
];

pub(super) fn client(name: &str) -> Option<&'static Client> {
    CLIENTS.iter().find(|client| client.name == name)
}

pub(super) fn backend(name: &str) -> Option<&'static Backend> {
    BACKENDS.iter().find(|backend| backend.name == name)
}

/// The backends that are meant where an answer in this dialect is given.
pub(super) fn served_in(dialect: &str) -> &'static [&'static str] {
    match dialect {
        "openai_chat" | "openai_completions" | "openai_embeddings" => &["openai"],
        "anthropic" | "anthropic_count" => &["anthropic"],
        "ollama_chat" | "ollama_generate" | "ollama_embed" | "ollama_embeddings" => &["ollama"],
        _ => &[],
    }
}

impl Backend {
    /// The dialect in which it is asked on behalf of this client.
    pub(super) fn dialect(&self, client: &Client) -> &'static str {
        if self.name == "responses" && client.name == "openai_responses" {
            return "openai_responses";
        }
        client.upstream[self.family]
    }

    /// The path of a request in this dialect, as a regular expression.
    pub(super) fn path(&self, dialect: &str) -> String {
        let rest = match dialect {
            "openai_chat" => "/chat/completions",
            "openai_responses" => "/responses",
            "openai_completions" => "/completions",
            "openai_embeddings" => "/embeddings",
            "anthropic" => "/v1/messages",
            "anthropic_count" => "/v1/messages/count_tokens",
            "ollama_generate" => "/api/generate",
            "ollama_embed" => "/api/embed",
            "ollama_embeddings" => "/api/embeddings",
            _ => "/api/chat",
        };
        format!("{}{rest}", self.base)
    }

    /// The names under which a sheet may tell what it is sent, the nearest first.
    pub(super) fn readings(&self) -> &'static [&'static str] {
        match self.name {
            "openai" => &["openai"],
            "vllm" => &["vllm", "openai"],
            "anthropic" => &["anthropic"],
            "ollama" => &["ollama"],
            "responses" => &["responses"],
            "together" => &["together", "vllm", "openai"],
            "deepinfra" => &["deepinfra", "vllm", "openai"],
            _ => &["openwebui", "vllm", "openai"],
        }
    }
}

/// The plainest request of a client, without its model.
pub(super) fn request(client: &str) -> Value {
    let messages = json!([{ "role": "user", "content": "Q" }]);
    match client {
        "openai_chat" => json!({ "messages": messages }),
        "openai_responses" => json!({ "input": "Q" }),
        "anthropic" => json!({ "max_tokens": 256, "messages": messages }),
        "anthropic_count" => json!({ "messages": messages }),
        "ollama_chat" => json!({ "messages": messages, "stream": false }),
        "ollama_generate" => json!({ "prompt": "Q", "stream": false }),
        "openai_completions" | "ollama_embeddings" => json!({ "prompt": "Q" }),
        _ => json!({ "input": "a" }),
    }
}

/// The plainest answer of an upstream: `ok`, after 10 tokens in and 5 out. What `over` gives stands in its place; for
/// OpenAI's chats and completions `message`, `text`, `finish_reason` and `logprobs` are those of the one choice.
pub(super) fn answer(dialect: &str, over: Option<&Value>) -> Value {
    let usage = json!({ "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 });
    let over = |key: &str, base: Value| {
        let given = over.and_then(|over| over.get(key));
        if given.is_some_and(Value::is_object) && base.is_object() {
            super::overlay(base, given)
        } else {
            given.cloned().unwrap_or(base)
        }
    };
    let timed = |mut value: Value| {
        value["model"] = over("model", json!("backend-model"));
        value["created_at"] = json!("2025-11-20T10:00:00.123456789Z");
        value
    };
    let ended = json!({ "done": true, "done_reason": over("done_reason", json!("stop")), "total_duration": 2_000_000_000,
        "load_duration": 100_000_000, "prompt_eval_count": over("prompt_eval_count", json!(10)),
        "prompt_eval_duration": 300_000_000, "eval_count": over("eval_count", json!(5)), "eval_duration": 1_500_000_000 });
    let told = json!({ "role": "assistant", "content": "ok" });
    match dialect {
        "openai_chat" => json!({ "id": "chatcmpl-b1", "object": "chat.completion", "created": 1_760_000_000,
            "model": "backend-model", "service_tier": over("service_tier", Value::Null),
            "choices": [{ "index": 0, "message": over("message", told),
                "finish_reason": over("finish_reason", json!("stop")), "logprobs": over("logprobs", Value::Null) }],
            "usage": over("usage", usage) }),
        "openai_completions" => json!({ "id": "cmpl-b1", "object": "text_completion", "created": 1_760_000_000,
            "model": "backend-model",
            "choices": [{ "index": 0, "text": over("text", json!("ok")),
                "finish_reason": over("finish_reason", json!("stop")), "logprobs": over("logprobs", Value::Null) }],
            "usage": over("usage", usage) }),
        "openai_responses" => {
            let text = json!([{ "type": "output_text", "text": "ok", "annotations": [], "logprobs": [] }]);
            let message = json!({ "type": "message", "id": "msg_b1", "role": "assistant", "status": "completed", "content": text });
            json!({ "id": "resp_b1", "object": "response", "created_at": 1_760_000_000, "status": over("status", json!("completed")),
                "error": null, "incomplete_details": over("incomplete_details", Value::Null), "instructions": null,
                "model": "backend-model", "output": over("output", json!([message])), "parallel_tool_calls": true,
                "tool_choice": "auto", "tools": [], "temperature": 1.0, "top_p": 1.0, "metadata": {},
                "usage": over("usage", json!({ "input_tokens": 10, "input_tokens_details": { "cached_tokens": 0 },
                    "output_tokens": 5, "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 15 })) })
        }
        "anthropic" => json!({ "id": "msg_b1", "type": "message", "role": "assistant", "model": "backend-model",
            "content": over("content", json!([{ "type": "text", "text": "ok" }])),
            "stop_reason": over("stop_reason", json!("end_turn")), "stop_sequence": over("stop_sequence", Value::Null),
            "usage": over("usage", json!({ "input_tokens": 10, "output_tokens": 5 })) }),
        "anthropic_count" => json!({ "input_tokens": over("input_tokens", json!(42)) }),
        "ollama_chat" => {
            let line = json!({ "message": over("message", told), "logprobs": over("logprobs", Value::Null) });
            super::overlay(timed(line), Some(&ended))
        }
        "ollama_generate" => {
            let line = json!({ "response": over("response", json!("ok")), "context": [1, 2] });
            super::overlay(timed(line), Some(&ended))
        }
        "openai_embeddings" => json!({ "object": "list", "model": "backend-model",
            "data": over("data", json!([{ "object": "embedding", "index": 0, "embedding": [0.5, -1.25, 2.0] }])),
            "usage": { "prompt_tokens": 4, "total_tokens": 4 } }),
        "ollama_embeddings" => json!({ "embedding": over("embedding", json!([0.5, -1.25, 2.0])) }),
        _ => json!({ "model": "backend-model", "embeddings": over("embeddings", json!([[0.5, -1.25, 2.0]])),
            "total_duration": 1, "load_duration": 1, "prompt_eval_count": 4 }),
    }
}

/// What a client is to get for the plainest answer.
pub(super) fn plain(client: &str) -> Value {
    match client {
        "openai_chat" => json!({ "object": "chat.completion",
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": "ok" }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 } }),
        "openai_responses" => json!({ "object": "response", "status": "completed",
            "output": [{ "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "ok" }] }],
            "usage": { "input_tokens": 10, "output_tokens": 5, "total_tokens": 15 } }),
        "anthropic" => json!({ "type": "message", "role": "assistant", "content": [{ "type": "text", "text": "ok" }],
            "stop_reason": "end_turn", "usage": { "input_tokens": 10, "output_tokens": 5 } }),
        "ollama_chat" => json!({ "message": { "role": "assistant", "content": "ok" }, "done": true,
            "done_reason": "stop", "created_at": "$string", "prompt_eval_count": 10, "eval_count": 5 }),
        "ollama_generate" => json!({ "response": "ok", "done": true, "done_reason": "stop", "created_at": "$string",
            "prompt_eval_count": 10, "eval_count": 5 }),
        "openai_completions" => json!({ "object": "text_completion",
            "choices": [{ "index": 0, "text": "ok", "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 } }),
        "openai_embeddings" => json!({ "object": "list", "data": [{ "object": "embedding", "index": 0,
            "embedding": [{ "$approx": 0.5 }, { "$approx": -1.25 }, { "$approx": 2.0 }] }], "usage": { "prompt_tokens": 4 } }),
        "ollama_embed" => json!({ "embeddings": [[{ "$approx": 0.5 }, { "$approx": -1.25 }, { "$approx": 2.0 }]] }),
        "ollama_embeddings" => json!({ "embedding": [{ "$approx": 0.5 }, { "$approx": -1.25 }, { "$approx": 2.0 }] }),
        _ => json!({ "input_tokens": "$int" }),
    }
}

/// An error in a client's dialect. `kind` is Anthropic's name for it.
pub(super) fn error(client: &str, message: &Value, kind: &str) -> Value {
    match client {
        name if name.starts_with("anthropic") => {
            json!({ "type": "error", "error": { "type": kind, "message": message } })
        }
        name if name.starts_with("ollama") => json!({ "error": message }),
        _ => json!({ "error": { "message": message, "type": "$string" } }),
    }
}
