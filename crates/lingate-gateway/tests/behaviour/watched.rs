//! Watching delays nothing: the upstream waits after each piece without a marker until the client has it.

use crate::intercept::DIALECTS;
use crate::repaired::with_tools;
use crate::setup::{Plan, soon};
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, Reply, Step, Upstream};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Plain text, and what has to be looked at closely before it goes on: lines, code, lists, brackets that open no call.
const TEXTS: [&str; 11] = [
    "tok-A",
    " a word tok-B",
    "\\nA line, tok-C",
    "\\n\\ntok-D",
    " `code tok-E",
    "` and \\\"quoted\\\" tok-F",
    "\\n- a list tok-G",
    "\\n```rust\\nlet a: Vec<u8> = tok-H",
    "\\n```\\ntok-I",
    " gr\u{fc}n \\u00fc tok-J",
    " the end tok-K",
];

fn tokens() -> impl Iterator<Item = String> {
    ('A'..='K').map(|letter| format!("tok-{letter}"))
}

fn name_of(tongue: Tongue) -> &'static str {
    match tongue {
        Tongue::OpenAi => "openai_chat",
        Tongue::Anthropic => "anthropic_messages",
        Tongue::Ollama => "ollama",
    }
}

/// Sends a stream piece by piece, each when the client has the one before.
async fn each_at_once(
    what: &str,
    kind: &str,
    endpoint: &str,
    request: ClientRequest,
    reply: Reply,
    gates: Vec<Arc<Notify>>,
) {
    let up = Upstream::start().await;
    let model = "tool_repair: on,";
    let gateway = Plan { endpoint, model, ..Plan::default() }.start(kind, &up).await;
    up.once(reply);
    let mut answer = soon("the head", request.open(gateway.address)).await.unwrap();
    for (token, gate) in tokens().zip(gates) {
        soon(&format!("{what}: {token}"), answer.read_until(&token)).await;
        gate.notify_one();
    }
    assert_eq!(answer.finish(Duration::from_secs(5)).await.end, lingate_testkit::End::Whole, "{what}");
}

/// These pieces with a gate behind each but the last.
fn gated(pieces: Vec<String>) -> (Vec<Step>, Vec<Arc<Notify>>) {
    let (mut steps, mut gates) = (Vec::new(), Vec::new());
    let last = pieces.len() - 1;
    for (at, piece) in pieces.into_iter().enumerate() {
        steps.push(Step::bytes(piece));
        if at < last {
            let (step, gate) = Step::gate();
            steps.push(step);
            gates.push(gate);
        }
    }
    (steps, gates)
}

#[tokio::test]
async fn no_piece_of_a_relayed_stream_waits() {
    for relayed in with_tools() {
        let stream = (relayed.stream)(&TEXTS);
        let ends = if relayed.stream_type == "text/event-stream" { "\n\n" } else { "\n" };
        let mut rest = stream.as_str();
        let mut pieces = Vec::new();
        for token in tokens() {
            let at = rest.find(&token).unwrap();
            let end = at + rest[at..].find(ends).unwrap() + ends.len();
            pieces.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
        pieces.push(rest.to_owned());
        let (steps, gates) = gated(pieces);
        let endpoint = if relayed.kind == "vllm" { DIALECTS } else { "" };
        let reply = Reply::stream(relayed.stream_type, steps);
        each_at_once(relayed.name, relayed.kind, endpoint, relayed.request, reply, gates).await;
    }
}

#[tokio::test]
async fn no_piece_of_a_re_encoded_stream_waits() {
    for tongue in Tongue::ALL {
        for relayed in with_tools().filter(|relayed| relayed.name != name_of(tongue)) {
            let mut pieces: Vec<String> = TEXTS.iter().map(|text| tongue.delta(text)).collect();
            pieces[0] = tongue.opening() + &pieces[0];
            pieces.push(tongue.finish() + &tongue.end());
            let (steps, gates) = gated(pieces);
            let what = format!("{} on {tongue:?}", relayed.name);
            each_at_once(&what, tongue.kind(), "", relayed.request, tongue.streaming(steps), gates).await;
        }
    }
}
