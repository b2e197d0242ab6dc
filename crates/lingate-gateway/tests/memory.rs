//! What a long request needs of memory on its way to an upstream: at most two and a half times its own length, of
//! which the body that came in is one. A program of its own, because its allocator counts all that it does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "shared with the tests over sockets, which need the address")]
mod support;

use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use lingate_gateway::Peer;
use peak_alloc::PeakAlloc;
use std::convert::Infallible;
use std::fmt::Write as _;
use support::TestGateway;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A body's length that is one MB in any reading.
const LENGTH: usize = 1_000_000;

/// What goes over the wire at once.
const PIECE: usize = 16 * 1024;

/// Answers each request by what its path's dialect has for "ok"; keeps nothing of it.
async fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    url
}

async fn serve(stream: TcpStream) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut line) = (String::new(), String::new());
        while line != "\r\n" {
            line.clear();
            (stream.read_line(&mut line).await.ok()? > 0).then_some(())?;
            head.push_str(&line.to_ascii_lowercase());
        }
        let length: u64 =
            head.split_once("content-length: ").map_or(0, |(_, rest)| rest.lines().next().unwrap().parse().unwrap());
        tokio::io::copy(&mut (&mut stream).take(length), &mut tokio::io::sink()).await.ok()?;
        let answer = match head.split(' ').nth(1)? {
            "/v1/messages" => r#"{"id":"msg_1","type":"message","role":"assistant","model":"real","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":5}}"#.to_owned(),
            "/api/chat" => r#"{"model":"real","created_at":"2026-01-02T03:04:05Z","message":{"role":"assistant","content":"ok"},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":5}"#.to_owned(),
            "/api/show" => r#"{"model_info":{"llama.context_length":1000000}}"#.to_owned(),
            "/v1/responses" => r#"{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"real","output":[{"id":"msg_1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"ok","annotations":[]}]}],"usage":{"input_tokens":3,"output_tokens":5,"total_tokens":8}}"#.to_owned(),
            _ => r#"{"id":"c1","object":"chat.completion","created":1,"model":"real","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}"#.to_owned(),
        };
        // What came is told, so that the test knows that it was all.
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nopenai-processing-ms: {length}\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        );
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

/// Three pictures and some text in base64's whole alphabet; `slash` is how a slash is written.
fn pictures(slash: &str) -> String {
    let text =
        "iVBORw0KGgoAAAANSUhEUgABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".replace('/', slash);
    // Whole groups of four, or it is no base64.
    text.repeat(LENGTH / 3 / text.len() / 4 * 4)
}

/// A client's path, and its request of pictures.
fn requests(picture: &str) -> [(&'static str, String); 4] {
    let three = |part: &str| [part; 3].join(",");
    let url = format!("data:image/png;base64,{picture}");
    let ask = r#"{"type":"text","text":"What is this?"}"#;
    [
        (
            "/v1/chat/completions",
            format!(
                r#"{{"messages":[{{"role":"user","content":[{ask},{}]}}],"model":""#,
                three(&format!(r#"{{"type":"image_url","image_url":{{"url":"{url}"}}}}"#))
            ),
        ),
        (
            "/v1/messages",
            format!(
                r#"{{"max_tokens":64,"messages":[{{"role":"user","content":[{ask},{}]}}],"model":""#,
                three(&format!(
                    r#"{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{picture}"}}}}"#
                ))
            ),
        ),
        (
            "/api/chat",
            format!(
                r#"{{"stream":false,"messages":[{{"role":"user","content":"What?","images":[{}]}}],"model":""#,
                three(&format!("\"{picture}\""))
            ),
        ),
        (
            "/v1/responses",
            format!(
                r#"{{"store":false,"input":[{{"role":"user","content":[{{"type":"input_text","text":"What?"}},{}]}}],"model":""#,
                three(&format!(r#"{{"type":"input_image","image_url":"{url}"}}"#))
            ),
        ),
    ]
}

fn yaml(url: &str) -> String {
    let mut models = String::new();
    for (name, endpoint) in
        [("chat", "openai"), ("messages", "anthropic"), ("ollama", "ollama"), ("responses", "responses")]
    {
        let plain = format!("targets: [{{ endpoint: {endpoint}, model: real }}]");
        let members = "system_prompt: Be kind., defaults: { seed: 7 }, force: { temperature: 0.5 }";
        writeln!(models, "  - {{ name: {name}, {plain} }}\n  - {{ name: {name}-changed, {plain}, {members} }}")
            .unwrap();
        let stripped = format!("targets: [{{ endpoint: {endpoint}-s, model: real }}]");
        writeln!(models, "  - {{ name: {name}-both, {stripped}, {members} }}").unwrap();
    }
    let mut endpoints = String::new();
    for (suffix, more) in [("", ""), ("-s", ", strip: [seed]")] {
        for (name, kind, path, more_of_kind) in [
            ("openai", "openai", "/v1", ""),
            ("responses", "openai", "/v1", ", dialects: [openai_responses]"),
            ("anthropic", "anthropic", "", ""),
            ("ollama", "ollama", "", ""),
        ] {
            let key = if kind == "ollama" { "" } else { ", api_key: sk-x" };
            writeln!(
                endpoints,
                "  - {{ name: {name}{suffix}, type: {kind}, url: \"{url}{path}\"{key}{more_of_kind}{more} }}"
            )
            .unwrap();
        }
    }
    format!("listen: [\"127.0.0.1:0\"]\nclients: {{ auth: open }}\nendpoints:\n{endpoints}virtual_models:\n{models}")
}

/// Sends a body in pieces that are made when they are asked for; gives the most memory that was held meanwhile, in
/// lengths of the body.
async fn peak(gateway: &TestGateway, path: &str, body: &str) -> f64 {
    let piece = |piece: &[u8]| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(piece)));
    let pieces = body.as_bytes().chunks(PIECE).map(piece);
    let request = Request::post(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .body(StreamBody::new(futures_util::stream::iter(pieces)))
        .unwrap();
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let answer = gateway.gateway.handle(request, Peer { address: None }).await;
    let status = answer.status();
    let said = answer.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    assert!(status == 200 && said.windows(4).any(|four| four == b"\"ok\""), "{path}: {status} {said:?}");
    #[expect(clippy::cast_precision_loss, reason = "a ratio to two digits")]
    let ratio = (MEMORY.peak_usage() - before) as f64 / body.len() as f64;
    ratio
}

/// The most for any client, upstream and model, and all the figures.
async fn worst(slash: &str, changes: &[&str]) -> (f64, String) {
    let gateway = TestGateway::start(&yaml(&upstream().await)).await;
    let (mut table, mut worst) = (String::new(), 0_f64);
    for (path, request) in requests(&pictures(slash)) {
        for model in ["chat", "messages", "ollama", "responses"] {
            for change in changes {
                let body = format!(r#"{request}{model}{change}","seed":1}}"#);
                let ratio = peak(&gateway, path, &body).await;
                writeln!(table, "{path:24}{:24}{ratio:.2}", format!("{model}{change}")).unwrap();
                worst = worst.max(ratio);
            }
        }
    }
    (worst, table)
}

/// Every client's pictures to every upstream, as they are and with what virtual models and endpoints change.
#[tokio::test]
async fn pictures_are_held_two_and_a_half_times_at_most() {
    let (plain, table) = worst("/", &["", "-changed", "-both"]).await;
    assert!(plain <= 2.5, "{table}");
    // Texts with escapes are unescaped before they are written anew, so there is one copy more.
    let (escaped, table) = worst("\\/", &[""]).await;
    assert!(escaped <= 3.25, "{table}");
}
