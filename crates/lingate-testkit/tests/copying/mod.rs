//! A copying gateway: forwards a request to the same dialect's path of the endpoint and copies the answer back. It
//! proves the player: cases of one dialect pass, cases that need translation fail.

use std::net::SocketAddr;

use lingate_testkit::{ClientRequest, Reply, Request, Upstream};
use serde_json::Value;

/// Starts one whose endpoints are on `upstream`.
pub(crate) async fn start(upstream: SocketAddr) -> Upstream {
    let gateway = Upstream::start().await;
    gateway.on_async(move |request| forward(upstream, request)).await;
    gateway
}

async fn forward(upstream: SocketAddr, request: Request) -> Reply {
    let mut body = request.json();
    let model = body["model"].as_str().unwrap_or_default();
    let path = &request.path;
    let target = match model.strip_suffix(":latest").unwrap_or(model) {
        "fx-openai" => format!("/openai{path}"),
        "fx-vllm" => format!("/vllm{path}"),
        "fx-anthropic" => format!("/anthropic{path}"),
        "fx-ollama" => format!("/ollama{path}"),
        _ => return Reply::json(404, r#"{"error":{"message":"no such model"}}"#),
    };
    body["model"] = Value::from("backend-model");
    let copy = ClientRequest::new(request.method.as_str(), &target)
        .header("content-type", "application/json")
        .header("authorization", "Bearer sk-backend")
        .header("x-api-key", "sk-backend")
        .json(&body);
    let mut answer = copy.open(upstream).await.unwrap();
    let kind = answer.headers.get("content-type").unwrap().to_str().unwrap().to_owned();
    let status = answer.status.as_u16();
    let (reply, sender) = Reply::channel(&kind);
    tokio::spawn(async move {
        while let Some(chunk) = answer.next_chunk().await {
            if sender.send(chunk).await.is_err() {
                return;
            }
        }
        if answer.end() != lingate_testkit::End::Whole {
            sender.cut().await;
        }
    });
    reply.status(status)
}
