//! The verdict on one step: the answer and the upstream's calls against everything that the step expects.

use serde_json::{Value, json};

use super::{
    assemble::assemble,
    case::{Case, CaseStep},
    failure::{Mismatch, abbreviate},
    framing::{Events, events_of},
    json::short,
    matcher::{Binds, match_json},
    scripted::{Call, header_values},
};
use crate::client::{Answer, End};

/// Everything that is not as `step` expects.
pub(super) fn judge(step: &CaseStep, answer: &Answer, calls: &[Call], binds: &mut Binds) -> Vec<Mismatch> {
    let mut out = Vec::new();
    let expected = |key: &str| step.members.get(key);
    let status = json!(answer.status.as_u16());
    out.extend(match_json(expected("expected_status").unwrap_or(&json!(200)), Some(&status), "status", binds));
    if let Some(want) = expected("expected_client_headers") {
        out.extend(match_json(want, Some(&header_values(&answer.headers)), "headers", binds));
    }
    if let Some(want) = expected("expected_backend_calls") {
        out.extend(match_json(want, Some(&json!(calls.len())), "backend_calls", binds));
    }
    out.extend(judge_calls(step, calls, binds));
    if let Some(want) = expected("expected_client_text") {
        out.extend(match_json(want, Some(&json!(answer.text())), "body", binds));
    }
    if let Some(want) = expected("expected_client_response") {
        let body = serde_json::from_slice::<Value>(&answer.body);
        if let Err(error) = &body {
            let got = if answer.body.is_empty() { "an empty body".to_owned() } else { abbreviate(&answer.text(), 200) };
            out.push(Mismatch::new("body", format!("want JSON ({error})"), got));
        }
        out.extend(match_json(want, body.as_ref().ok(), "body", binds));
    }
    if expected("expected_client_stream").is_some() || expected("expected_client_assembled").is_some() {
        let want =
            if step.client_dialect().starts_with("ollama") { "application/x-ndjson" } else { "text/event-stream" };
        let got = answer.header("content-type").unwrap_or_default();
        if !got.contains(want) {
            out.push(Mismatch::new("headers.content-type", format!("want {want}"), format!("{got:?}")));
        }
        let mut events = events_of(step.client_dialect(), &answer.body);
        if let End::Cut(why) = &answer.end {
            events.faults.push(format!("the stream was cut: {why}"));
        }
        out.extend(judge_stream(step, &events, binds));
    }
    out
}

fn judge_calls(step: &CaseStep, calls: &[Call], binds: &mut Binds) -> Vec<Mismatch> {
    let mut out = Vec::new();
    let exchanges = match step.exchanges() {
        Ok(exchanges) => exchanges,
        Err(why) => return vec![Mismatch::new("case", why, "")],
    };
    let none_wanted = step.members.get("expected_backend_calls").is_some_and(|calls| calls == 0);
    for (index, exchange) in exchanges.iter().enumerate() {
        let Some(call) = calls.iter().find(|call| call.exchange == Some(index)) else {
            if !exchange.optional && !none_wanted {
                let got: Vec<_> = calls.iter().map(|call| format!("{} {}", call.method, call.path)).collect();
                let got = if got.is_empty() { "no call at all".to_owned() } else { got.join(", ") };
                out.push(Mismatch::new("backend", format!("want a call {} {}", exchange.method, exchange.path), got));
            }
            continue;
        };
        if let Some(want) = &exchange.expect {
            out.extend(match_json(want, Some(&call.body), "backend_request", binds));
        }
        if let Some(want) = &exchange.expect_headers {
            out.extend(match_json(want, Some(&call.headers), "backend_headers", binds));
        }
    }
    for call in calls.iter().filter(|call| call.exchange.is_none()) {
        out.push(Mismatch::new("backend", "want no other call", format!("{} {}", call.method, call.path)));
    }
    out
}

fn judge_stream(step: &CaseStep, events: &Events, binds: &mut Binds) -> Vec<Mismatch> {
    let mut out = Vec::new();
    let mut later = events.events.iter();
    let wanted = step.members.get("expected_client_stream").and_then(Value::as_array);
    for (number, want) in wanted.into_iter().flatten().enumerate() {
        if !later.any(|event| match_json(want, Some(event), "", binds).is_empty()) {
            let what = format!("want event #{number} in this order: {}", short(want));
            out.push(Mismatch::new("stream", what, format!("{} events", events.events.len())));
            break;
        }
    }
    let assembled = assemble(step.client_dialect(), &events.events);
    if let Some(want) = step.members.get("expected_client_assembled") {
        out.extend(match_json(want, Some(&assembled.value), "assembled", binds));
    }
    if step.members.get("no_invariants").is_none_or(|off| off != true) {
        let faults = events.faults.iter().chain(&assembled.faults);
        out.extend(faults.map(|fault| Mismatch::new("invariant", fault, "")));
    }
    if !out.is_empty() {
        out.push(Mismatch::new("assembled", "was", abbreviate(&assembled.value.to_string(), 1500)));
    }
    out
}

/// Proves the matcher and the accumulators on the golden data: where client and backend speak the same dialect, the
/// golden stream taken as the client's must satisfy what the case expects of it. `None` where that does not apply.
///
/// The invariants are left out: they bind what a gateway sends, and golden backends break them on purpose.
pub fn selftest(case: &Case) -> Option<Vec<Mismatch>> {
    let mut tested = None;
    for step in &case.steps {
        let has = |key: &str| step.members.contains_key(key);
        let off = step.members.get("selfcheck").is_some_and(|on| on == false);
        let cut = step.members.get("backend_stream").and_then(Value::as_array).into_iter().flatten();
        let cut = cut.filter_map(Value::as_object).any(|element| element.contains_key("close"));
        let same = step.client_dialect() == step.backend_dialect();
        if !same || off || cut || !has("backend_stream") || !has("expected_client_assembled") {
            continue;
        }
        let out: &mut Vec<Mismatch> = tested.get_or_insert_default();
        match step.exchanges() {
            Ok(exchanges) => {
                let body: Vec<u8> = exchanges.iter().flat_map(super::Exchange::stream_bytes).collect();
                let events = events_of(step.client_dialect(), &body);
                let step = step.with(&json!({ "no_invariants": true }));
                out.extend(judge_stream(&step, &events, &mut Binds::new()));
            }
            Err(why) => out.push(Mismatch::new("case", why, "")),
        }
    }
    tested
}
