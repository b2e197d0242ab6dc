//! The job API that RunPod's serverless endpoints have: run, status, stream, cancel.
//!
//! <https://docs.runpod.io/serverless/endpoints/operation-reference>: states IN_QUEUE, IN_PROGRESS, COMPLETED, FAILED,
//! CANCELLED, TIMED_OUT; a worker's output is a list of what it yielded, for streams pieces of SSE text.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

use super::{
    content::content,
    persona::{Ask, Call},
    refusal::TOLD,
    scenario::Scenario,
};

/// Most jobs that are known; a new one beyond that makes the upstream forget all.
const KEPT_MAX: usize = 64 * 1024;

/// How often a job is looked at before it is through.
const LOOKS: usize = 2;

/// One job.
#[derive(Debug, Clone)]
struct Job {
    /// The number of the request that submitted it.
    number: usize,
    ask: Ask,
    scenario: Scenario,
    looks: usize,
    cancelled: bool,
    /// How many pieces of the stream were fetched.
    fetched: usize,
}

/// All jobs of one upstream.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    jobs: Mutex<HashMap<String, Job>>,
}

impl Jobs {
    fn jobs(&self) -> MutexGuard<'_, HashMap<String, Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a job; the answer's status and body.
    pub(super) fn submit(&self, number: usize, ask: Ask, scenario: Scenario, wait: bool) -> (u16, Value) {
        let end = end_of(&scenario).to_owned();
        let id = if end == "badid" { format!("../{number}/x y") } else { format!("job-{number}") };
        let mut jobs = self.jobs();
        if jobs.len() == KEPT_MAX {
            jobs.clear();
        }
        let mut job = Job { number, ask, scenario, looks: 0, cancelled: false, fetched: 0 };
        let answer = if wait && end == "completed" {
            job.looks = LOOKS;
            job.status(&id)
        } else {
            json!({"id": id, "status": "IN_QUEUE"})
        };
        jobs.insert(id, job);
        (200, answer)
    }

    /// Looks at a job, fetches of its stream, or cancels it: then the number of the request that submitted it, too.
    pub(super) fn call(&self, call: Call, id: &str) -> (u16, Value, Option<usize>) {
        let mut jobs = self.jobs();
        let known = jobs.get_mut(id).filter(|job| end_of(&job.scenario) != "404");
        let Some(job) = known else { return (404, json!({"error": "job not found"}), None) };
        job.looks += 1;
        match call {
            Call::Cancel => {
                job.cancelled = true;
                (200, json!({"id": id, "status": "CANCELLED"}), Some(job.number))
            }
            Call::Stream => (200, job.stream(id), None),
            _ if end_of(&job.scenario) == "flap" && job.looks == 1 => (502, json!({"error": "try again"}), None),
            Call::Run | Call::RunSync | Call::Status => (200, job.status(id), None),
        }
    }
}

fn end_of(scenario: &Scenario) -> &str {
    scenario.get("job").and_then(|act| act.arg("")).unwrap_or("completed")
}

impl Job {
    fn state(&self) -> &'static str {
        if self.cancelled {
            return "CANCELLED";
        }
        match (self.looks, end_of(&self.scenario)) {
            (0 | 1, _) => "IN_QUEUE",
            (_, "never") => "IN_PROGRESS",
            // It says that it runs, waits, and runs again.
            (3, "flap") => "IN_QUEUE",
            (2 | 4, "flap") => "IN_PROGRESS",
            (_, "failed") => "FAILED",
            (_, "cancelled") => "CANCELLED",
            (_, "timed_out") => "TIMED_OUT",
            _ => "COMPLETED",
        }
    }

    fn status(&self, id: &str) -> Value {
        let state = self.state();
        let mut answer = json!({"id": id, "status": state, "delayTime": 5});
        match state {
            "COMPLETED" => {
                answer["output"] = Value::Array(self.output());
                answer["executionTime"] = json!(12);
            }
            "FAILED" => answer["error"] = json!(TOLD),
            _ => {}
        }
        answer
    }

    fn stream(&mut self, id: &str) -> Value {
        let state = self.state();
        let output = if state == "COMPLETED" { self.output() } else { Vec::new() };
        let again = end_of(&self.scenario) == "twice";
        let from = if again { 0 } else { self.fetched.min(output.len()) };
        self.fetched = output.len();
        let pieces: Vec<Value> = output[from..].iter().map(|piece| json!({"output": piece})).collect();
        let mut answer = json!({"id": id, "status": state, "stream": pieces});
        if state == "FAILED" {
            answer["error"] = json!(TOLD);
        }
        answer
    }

    /// What the worker yielded: the whole answer, or its stream's text in pieces.
    fn output(&self) -> Vec<Value> {
        let content = content(&self.ask, &self.scenario);
        if content.stream {
            let text = |bytes: &[u8]| Value::String(String::from_utf8_lossy(bytes).into_owned());
            return content.pieces.iter().map(|piece| text(&piece.bytes)).collect();
        }
        vec![serde_json::from_slice(&content.bytes()).unwrap_or_default()]
    }
}
