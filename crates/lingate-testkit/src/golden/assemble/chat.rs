//! Chat Completions chunks: one message of choice 0.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Assembled, is_done};
use crate::golden::json::{is_int, items, named, own, some, text};

#[derive(Default)]
struct State {
    content: String,
    reasoning: String,
    refusal: String,
    calls: BTreeMap<i64, Call>,
    finish_reason: Value,
    finishes: usize,
    usage: Value,
    done: bool,
    error: Value,
    chunks: usize,
    ids: BTreeSet<String>,
    faults: Vec<String>,
}

struct Call {
    id: Value,
    name: Value,
    arguments: String,
}

pub(super) fn assemble(events: &[&Value]) -> Assembled {
    let mut state = State::default();
    for event in events {
        state.event(event);
    }
    state.end()
}

impl State {
    fn fault(&mut self, what: impl Into<String>) {
        self.faults.push(what.into());
    }

    fn event(&mut self, event: &Value) {
        if self.done {
            self.fault("event after [DONE]");
        }
        if is_done(event) {
            self.done = true;
            return;
        }
        if let Some(error) = some(event, "error") {
            self.error = error.clone();
            return;
        }
        self.chunks += 1;
        self.envelope(event);
        if let Some(usage) = some(event, "usage") {
            self.usage = usage.clone();
        }
        for choice in items(event, "choices") {
            self.choice(choice);
        }
    }

    fn envelope(&mut self, chunk: &Value) {
        if own(chunk, "object") != "chat.completion.chunk" {
            self.fault(format!("chunk.object is {}", named(chunk, "object")));
        }
        for (key, kind, good) in [
            ("id", "string", chunk.get("id").is_some_and(Value::is_string)),
            ("created", "integer", chunk.get("created").and_then(Value::as_number).is_some_and(is_int)),
            ("model", "string", chunk.get("model").is_some_and(Value::is_string)),
            ("choices", "list", chunk.get("choices").is_some_and(Value::is_array)),
        ] {
            if !good {
                self.fault(format!("chunk.{key} is not of type {kind}: {}", named(chunk, key)));
            }
        }
        self.ids.insert(named(chunk, "id"));
    }

    fn choice(&mut self, choice: &Value) {
        let empty = json!({});
        let delta = choice.get("delta").filter(|delta| delta.is_object()).unwrap_or_else(|| {
            self.faults.push("choice.delta missing".to_owned());
            &empty
        });
        if own(choice, "index").as_i64() != Some(0) {
            return;
        }
        if self.finishes > 0 && (some(delta, "content").is_some() || some(delta, "tool_calls").is_some()) {
            self.fault("content after finish_reason");
        }
        self.content.push_str(text(delta, "content", &mut self.faults));
        let reasoning = if some(delta, "reasoning_content").is_some() { "reasoning_content" } else { "reasoning" };
        self.reasoning.push_str(text(delta, reasoning, &mut self.faults));
        self.refusal.push_str(text(delta, "refusal", &mut self.faults));
        for call in items(delta, "tool_calls") {
            self.call(call);
        }
        if let Some(reason) = some(choice, "finish_reason") {
            self.finishes += 1;
            self.finish_reason = reason.clone();
        }
    }

    fn call(&mut self, call: &Value) {
        let Some(index) = call.get("index").and_then(Value::as_i64) else {
            return self.fault("tool_calls[].index missing");
        };
        let function = own(call, "function");
        let opened = self.calls.len();
        if let Some(known) = self.calls.get(&index) {
            if some(call, "id").is_some_and(|id| *id != known.id) {
                self.fault(format!("tool call index {index} reused for another id"));
            }
        } else {
            if usize::try_from(index) != Ok(opened) {
                self.fault(format!("tool call index gap: {index} after {opened} calls"));
            }
            if some(call, "id").is_none() {
                self.fault(format!("tool call {index} opened without id"));
            }
            if some(&function, "name").is_none() {
                self.fault(format!("tool call {index} opened without name"));
            }
            let new = Call { id: own(call, "id"), name: own(&function, "name"), arguments: String::new() };
            self.calls.insert(index, new);
        }
        let arguments = text(&function, "arguments", &mut self.faults);
        if let Some(call) = self.calls.get_mut(&index) {
            call.arguments.push_str(arguments);
        }
    }

    fn end(mut self) -> Assembled {
        if self.ids.len() > 1 {
            self.fault(format!("chunk ids differ: {:?}", self.ids));
        }
        if self.finishes > 1 {
            self.fault("more than one finish_reason for choice 0");
        }
        if self.error.is_null() {
            if !self.done {
                self.fault("no [DONE]");
            }
            if self.finishes == 0 {
                self.fault(format!("no finish_reason in {} chunks", self.chunks));
            }
        }
        let calls: Vec<Value> = self
            .calls
            .into_values()
            .map(|call| json!({ "id": call.id, "name": call.name, "arguments": call.arguments }))
            .collect();
        let value = json!({
            "content": self.content, "reasoning": self.reasoning, "refusal": self.refusal, "tool_calls": calls,
            "finish_reason": self.finish_reason, "usage": self.usage, "done": self.done, "error": self.error,
            "chunks": self.chunks,
        });
        Assembled { value, faults: self.faults }
    }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "`json!` literals read best by value")]
mod tests {
    use super::*;

    fn chunk(delta: Value, finish: Value) -> Value {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
               "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    }

    fn run(events: &[Value]) -> Assembled {
        assemble(&events.iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_good_stream() {
        let got = run(&[
            chunk(json!({"role": "assistant", "content": "", "reasoning": "hm"}), json!(null)),
            chunk(json!({"content": "Hel"}), json!(null)),
            chunk(json!({"content": "lo"}), json!(null)),
            chunk(
                json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}]}),
                json!(null),
            ),
            chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}), json!(null)),
            chunk(
                json!({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "g", "arguments": ""}}]}),
                json!(null),
            ),
            chunk(json!({}), json!("tool_calls")),
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": {"total_tokens": 3}}),
            json!({"$done": true}),
        ]);
        assert_eq!(got.faults, Vec::<String>::new());
        assert_eq!(got.value["content"], "Hello");
        assert_eq!(got.value["reasoning"], "hm");
        assert_eq!(
            got.value["tool_calls"],
            json!([{"id": "a", "name": "f", "arguments": "{}"}, {"id": "b", "name": "g", "arguments": ""}])
        );
        assert_eq!((&got.value["usage"]["total_tokens"], &got.value["chunks"]), (&json!(3), &json!(8)));
    }

    #[test]
    fn faults() {
        let end = [chunk(json!({}), json!("stop")), json!({"$done": true})];
        let faults = |events: &[Value]| run(&[events, &end].concat()).faults.join("; ");
        let call = |index: i64, id: Value, name: Value| {
            chunk(json!({"tool_calls": [{"index": index, "id": id, "function": {"name": name}}]}), json!(null))
        };
        assert_eq!(faults(&[]), "");
        assert_eq!(faults(&[call(1, json!("a"), json!("f"))]), "tool call index gap: 1 after 0 calls");
        assert_eq!(faults(&[call(0, json!(null), json!("f"))]), "tool call 0 opened without id");
        assert_eq!(faults(&[call(0, json!("a"), json!(null))]), "tool call 0 opened without name");
        assert_eq!(
            faults(&[call(0, json!("a"), json!("f")), call(0, json!("b"), json!("g"))]),
            "tool call index 0 reused for another id"
        );
        assert_eq!(faults(&[chunk(json!({"content": 1}), json!(null))]), "content is not a string: 1");
        assert_eq!(
            faults(&[chunk(json!({}), json!("stop")), chunk(json!({"content": "x"}), json!(null))]),
            "content after finish_reason; more than one finish_reason for choice 0"
        );
        assert_eq!(faults(&[json!({"$done": true})]), "event after [DONE]; event after [DONE]");
        assert_eq!(run(&[]).faults, ["no [DONE]", "no finish_reason in 0 chunks"]);
        let bare = faults(&[json!({"choices": [{"index": 0}]})]);
        for part in [
            "chunk.object is nothing",
            "chunk.id",
            "chunk.created",
            "chunk.model",
            "choice.delta missing",
            "chunk ids differ",
        ] {
            assert!(bare.contains(part), "{part}: {bare}");
        }
        assert!(run(&[json!({"error": {"message": "m"}})]).faults.is_empty());
    }
}
