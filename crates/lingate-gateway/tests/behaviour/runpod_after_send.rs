//! Where a job's stream fails before anything went to the client: who asks another target, and whether that may cost twice.

use crate::job_server::{Queue, Say, Script};
use crate::routing::good;
use crate::setup::{Plan, UPSTREAM_KEY, ask};
use crate::tongue::Tongue;
use lingate_testkit::Upstream;
use serde_json::{Value, json};

/// A queue with this script and a second target that answers; how often that was asked, and what the client got.
async fn asked(script: Script, timeouts: &str, retry: &str, stream: bool) -> (u64, lingate_testkit::Answer) {
    let queue = Queue::start(script, Plan::default()).await;
    let second = Upstream::start().await;
    second.on(|request| good(&request.json(), 1)).await;
    let yaml = format!(
        "clients: {{ auth: open }}\nendpoints:\n  - {{ name: jobs, type: runpod, url: \"{}\", api_key: {UPSTREAM_KEY}, \
         poll_interval: 10ms }}\n  - {{ name: other, type: vllm, url: \"{}\" }}\nvirtual_models:\n  - {{ name: m, \
         targets: [{{ endpoint: jobs, model: r, timeouts: {{ {timeouts} }} }}, {{ endpoint: other, model: r }}], \
         retry: {{ {retry} }} }}\n",
        queue.up.url("/v2/ep"),
        second.url("")
    );
    queue.gateway.gateway.reload(crate::support::config(&yaml)).unwrap();
    let answer = ask(&queue.gateway, Tongue::OpenAi.request(stream)).await;
    (second.request_count(), answer)
}

/// A piece without content: the client has got nothing.
fn opening() -> Value {
    json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "real",
            "choices": [{ "index": 0, "delta": { "role": "assistant", "content": "" }, "finish_reason": null }] })
}

/// Nobody knows what becomes of these jobs, so they are sent elsewhere by choice alone.
#[tokio::test]
async fn a_job_whose_end_is_unknown_is_sent_again_by_choice() {
    let silent = || {
        let stream = vec![Say::pieces("IN_PROGRESS", &[opening()]), Say::pieces("IN_PROGRESS", &[])];
        Script { stream, ..Script::default() }
    };
    let refused = || {
        let says = vec![Say::status(401, json!({ "error": "who are you" }))];
        Script { stream: says.clone(), status: says, ..Script::default() }
    };
    let over = || Script {
        stream: vec![Say::pieces("IN_PROGRESS", &[opening()]), Say::state("TIMED_OUT")],
        status: vec![Say::state("TIMED_OUT")],
        ..Script::default()
    };
    let stuck = || {
        let (_, gate) = lingate_testkit::Step::gate();
        Script { run: vec![Say::state("IN_QUEUE").held_by(&gate)], ..Script::default() }
    };
    type Made<'a> = &'a dyn Fn() -> Script;
    let never: Made<'_> = &Script::default;
    let cases: [(Made<'_>, &str, bool, u16); 7] = [
        (never, "first_byte: 80ms", true, 504),
        (never, "first_byte: 80ms", false, 504),
        (&silent, "stream_idle: 80ms", true, 504),
        (&refused, "", true, 502),
        (&refused, "", false, 502),
        (&over, "", true, 504),
        (&stuck, "first_byte: 80ms", true, 504),
    ];
    for (index, (script, timeouts, stream, status)) in cases.into_iter().enumerate() {
        let (count, answer) = asked(script(), timeouts, "", stream).await;
        assert_eq!((count, answer.status.as_u16()), (0, status), "{index}: {}", answer.text());
        let (count, answer) = asked(script(), timeouts, "after_send: true", stream).await;
        assert_eq!((count, answer.status.as_u16()), (1, 200), "{index}: {}", answer.text());
        assert!(answer.text().contains("from-1"), "{index}: {}", answer.text());
    }
}

/// The worker has said that it is over.
#[tokio::test]
async fn a_job_that_failed_is_sent_elsewhere() {
    let failed = Say::ok(json!({ "status": "FAILED", "error": "out of memory" }));
    for before in [vec![], vec![Say::pieces("IN_PROGRESS", &[opening()])]] {
        let stream = before.into_iter().chain([failed.clone()]).collect();
        let script = Script { stream, status: vec![failed.clone()], ..Script::default() };
        for stream in [false, true] {
            let (count, answer) = asked(script.clone(), "", "", stream).await;
            assert_eq!((count, answer.status.as_u16()), (1, 200), "{}", answer.text());
        }
    }
}
