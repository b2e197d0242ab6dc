//! A queue of jobs as RunPod has it, scripted: what it says at each look.

#![expect(clippy::needless_pass_by_value, reason = "`json!` literals read best by value")]

use crate::setup::{Plan, soon};
use crate::support::TestGateway;
use lingate_testkit::{Reply, Request, Upstream};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// The id of every job.
pub(crate) const ID: &str = "job-1-u1";

/// One thing that the queue says.
#[derive(Debug, Clone)]
pub(crate) struct Say {
    status: u16,
    body: String,
    gate: Option<Arc<Notify>>,
}

impl Say {
    /// With status 200.
    pub(crate) fn ok(body: impl ToString) -> Self {
        Self::status(200, body)
    }

    /// With this status.
    pub(crate) fn status(status: u16, body: impl ToString) -> Self {
        Self { status, body: body.to_string(), gate: None }
    }

    /// A state, and no more.
    pub(crate) fn state(state: &str) -> Self {
        Self::ok(json!({ "id": ID, "status": state }))
    }

    /// The end, with this output.
    pub(crate) fn done(output: &Value) -> Self {
        Self::ok(json!({ "id": ID, "status": "COMPLETED", "output": output }))
    }

    /// Pieces of a stream, and a state.
    pub(crate) fn pieces(state: &str, outputs: &[Value]) -> Self {
        let pieces: Vec<_> = outputs.iter().map(|output| json!({ "output": output })).collect();
        Self::ok(json!({ "status": state, "stream": pieces }))
    }

    /// Says it only when the gate opens.
    pub(crate) fn held_by(mut self, gate: &Arc<Notify>) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    fn reply(self) -> Reply {
        let reply = Reply::json(self.status, self.body);
        match &self.gate {
            Some(gate) => reply.held_by(gate),
            None => reply,
        }
    }
}

/// What is said at submissions and at each look; the last of each is repeated.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) run: Vec<Say>,
    pub(crate) status: Vec<Say>,
    pub(crate) stream: Vec<Say>,
    pub(crate) health: Vec<Say>,
    pub(crate) cancel: Vec<Say>,
}

impl Default for Script {
    /// Takes every job, streams nothing, and is never done with it.
    fn default() -> Self {
        Self {
            run: vec![Say::state("IN_QUEUE")],
            status: vec![Say::state("IN_QUEUE")],
            stream: vec![Say::pieces("IN_QUEUE", &[])],
            health: vec![Say::ok(json!({ "jobs": { "inQueue": 2 }, "workers": { "ready": 0, "initializing": 1 } }))],
            cancel: vec![Say::state("CANCELLED")],
        }
    }
}

/// A queue and a gateway before it.
pub(crate) struct Queue {
    pub(crate) up: Upstream,
    pub(crate) gateway: TestGateway,
}

impl Queue {
    /// Looks are 10 ms apart in the beginning.
    pub(crate) async fn start(script: Script, plan: Plan<'_>) -> Self {
        let up = Upstream::start().await;
        let say = |says: Vec<Say>| Mutex::new(VecDeque::from(says));
        let all = [say(script.run), say(script.status), say(script.stream), say(script.health), say(script.cancel)];
        up.on(move |request| {
            let path = request.path.split('?').next().unwrap();
            let says = match path.strip_prefix("/v2/ep") {
                Some("/run" | "/runsync") => &all[0],
                Some(path) if path == format!("/status/{ID}") => &all[1],
                Some(path) if path == format!("/stream/{ID}") => &all[2],
                Some("/health") => &all[3],
                Some(path) if path == format!("/cancel/{ID}") => &all[4],
                _ => return Say::status(404, json!({ "error": "no such path" })).reply(),
            };
            let mut says = says.lock().unwrap();
            let next = if says.len() > 1 { says.pop_front() } else { says.front().cloned() };
            next.unwrap().reply()
        })
        .await;
        let endpoint = format!("poll_interval: 10ms, {}", plan.endpoint);
        let yaml = Plan { endpoint: &endpoint, ..plan }.yaml("runpod", &up.url("/v2/ep"));
        Self { gateway: TestGateway::start(&yaml).await, up }
    }

    /// Waits for a call to this operation.
    pub(crate) async fn called(&self, operation: &str) -> Request {
        let called = async {
            loop {
                let request = self.up.next_request().await;
                if request.path.starts_with(&format!("/v2/ep/{operation}")) {
                    return request;
                }
            }
        };
        soon(operation, called).await
    }

    /// How often an operation was called.
    pub(crate) fn calls(&self, operation: &str) -> usize {
        let is = |request: &&Request| request.path.starts_with(&format!("/v2/ep/{operation}"));
        self.up.requests().iter().filter(is).count()
    }
}

/// OpenAI's whole answer.
pub(crate) fn whole(text: &str) -> Value {
    serde_json::from_str(&crate::tongue::Tongue::OpenAi.whole(text)).unwrap()
}
