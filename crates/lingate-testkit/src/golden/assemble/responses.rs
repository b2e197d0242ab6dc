//! Responses API events: items by output index, and the terminal response.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Assembled, is_done};
use crate::golden::json::{items, named, own, some, text};

/// An output index as it came; `None` for none.
type Index = Option<i64>;

struct State {
    text: String,
    reasoning: String,
    refusal: String,
    calls: Vec<Value>,
    status: Value,
    response: Value,
    error: Value,
    types: Vec<Value>,
    sequence: i64,
    added: BTreeSet<Index>,
    done: BTreeSet<Index>,
    /// The text so far of each content part that was added.
    parts: BTreeMap<(Index, Index), String>,
    arguments: BTreeMap<Index, String>,
    closed: bool,
    faults: Vec<String>,
}

pub(super) fn assemble(events: &[&Value]) -> Assembled {
    let mut state = State {
        text: String::new(),
        reasoning: String::new(),
        refusal: String::new(),
        calls: Vec::new(),
        status: Value::Null,
        response: Value::Null,
        error: Value::Null,
        types: Vec::new(),
        sequence: -1,
        added: BTreeSet::new(),
        done: BTreeSet::new(),
        parts: BTreeMap::new(),
        arguments: BTreeMap::new(),
        closed: false,
        faults: Vec::new(),
    };
    // A trailing [DONE] is tolerated.
    for event in events.iter().filter(|event| !is_done(event)) {
        state.event(event);
    }
    state.end(!events.is_empty())
}

fn index(event: &Value, key: &str) -> Index {
    event.get(key).and_then(Value::as_i64)
}

impl State {
    fn fault(&mut self, what: impl Into<String>) {
        self.faults.push(what.into());
    }

    fn event(&mut self, event: &Value) {
        let kind = named(event, "type");
        self.types.push(own(event, "type"));
        if self.closed {
            self.fault(format!("{kind} after the terminal event"));
        }
        if kind == "error" {
            let (code, message, param) = (own(event, "code"), own(event, "message"), own(event, "param"));
            self.error = json!({ "code": code, "message": message, "param": param });
            return;
        }
        if let Some(name) = event.get("$event").and_then(Value::as_str)
            && name != kind
        {
            self.fault(format!("event name {name} is not the type {kind}"));
        }
        match index(event, "sequence_number") {
            Some(number) if number > self.sequence => self.sequence = number,
            _ => {
                let after = self.sequence;
                self.fault(format!("{kind}: sequence_number {} after {after}", named(event, "sequence_number")));
            }
        }
        self.by_kind(&kind, event);
    }

    fn by_kind(&mut self, kind: &str, event: &Value) {
        let at = index(event, "output_index");
        match kind {
            "response.output_item.added" => {
                if at.and_then(|at| usize::try_from(at).ok()) != Some(self.added.len()) {
                    self.fault(format!("output_index {} is not {}", named(event, "output_index"), self.added.len()));
                }
                self.added.insert(at);
            }
            "response.content_part.added" => {
                self.parts.insert((at, index(event, "content_index")), String::new());
            }
            "response.output_text.delta" => {
                if !self.added.contains(&at) {
                    self.fault("text delta without output_item.added");
                }
                let delta = text(event, "delta", &mut self.faults);
                self.text.push_str(delta);
                match self.parts.get_mut(&(at, index(event, "content_index"))) {
                    Some(part) => part.push_str(delta),
                    None => self.fault("text delta without content_part.added"),
                }
            }
            "response.output_text.done" => {
                let deltas = self.parts.get(&(at, index(event, "content_index")));
                if deltas.is_some_and(|deltas| own(event, "text") != *deltas) {
                    self.fault("output_text.done differs from the deltas");
                }
            }
            "response.refusal.delta" => self.refusal.push_str(text(event, "delta", &mut self.faults)),
            "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => {
                self.reasoning.push_str(text(event, "delta", &mut self.faults));
            }
            "response.function_call_arguments.delta" => {
                if !self.added.contains(&at) {
                    self.fault("arguments delta without output_item.added");
                }
                self.arguments.entry(at).or_default().push_str(text(event, "delta", &mut self.faults));
            }
            "response.function_call_arguments.done" => {
                let whole = text(event, "arguments", &mut self.faults).to_owned();
                if self.arguments.get(&at).is_some_and(|deltas| *deltas != whole) {
                    self.fault("arguments.done differs from the deltas");
                }
                self.arguments.insert(at, whole);
            }
            "response.output_item.done" => self.item_done(at, &own(event, "item")),
            "response.completed" | "response.incomplete" | "response.failed" => self.close(kind, event),
            _ => {}
        }
    }

    fn item_done(&mut self, at: Index, item: &Value) {
        self.done.insert(at);
        if own(item, "type") != "function_call" {
            return;
        }
        if some(item, "call_id").is_none() {
            self.fault("function_call without call_id");
        }
        let (call_id, name, arguments) = (own(item, "call_id"), own(item, "name"), own(item, "arguments"));
        if self.arguments.get(&at).is_some_and(|deltas| arguments != *deltas) {
            self.fault("item.arguments differs from the deltas");
        }
        self.calls.push(json!({ "call_id": call_id, "name": name, "arguments": arguments }));
    }

    fn close(&mut self, kind: &str, event: &Value) {
        self.closed = true;
        self.response = own(event, "response");
        self.status = own(&self.response, "status");
        if kind == "response.failed" {
            return;
        }
        if self.added != self.done {
            self.fault(format!("items {:?} added, {:?} done", self.added, self.done));
        }
        if items(&self.response, "output").len() != self.added.len() {
            self.fault("the terminal response.output does not list every item");
        }
    }

    fn end(mut self, any: bool) -> Assembled {
        if self.error.is_null() {
            if any && self.types.first().is_none_or(|first| first != "response.created") {
                self.fault("the first event is not response.created");
            }
            if !self.closed {
                self.fault("no terminal response.* event");
            }
        }
        let value = json!({
            "text": self.text, "reasoning": self.reasoning, "refusal": self.refusal, "function_calls": self.calls,
            "status": self.status, "response": self.response, "error": self.error, "types": self.types,
        });
        Assembled { value, faults: self.faults }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events numbered in order, between `created` and `completed` with `output` items.
    fn run(middle: &[(&str, Value)], output: usize) -> Assembled {
        let mut all = vec![("response.created", json!({}))];
        all.extend(middle.iter().cloned());
        all.push((
            "response.completed",
            json!({"response": {"status": "completed", "output": vec![json!({}); output]}}),
        ));
        let events: Vec<Value> = all
            .into_iter()
            .enumerate()
            .map(|(number, (kind, more))| {
                let mut event = json!({"type": kind, "$event": kind, "sequence_number": number});
                event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                event
            })
            .collect();
        assemble(&events.iter().collect::<Vec<_>>())
    }

    #[test]
    fn text_and_calls() {
        let got = run(
            &[
                ("response.output_item.added", json!({"output_index": 0, "item": {"type": "message"}})),
                ("response.content_part.added", json!({"output_index": 0, "content_index": 0})),
                ("response.output_text.delta", json!({"output_index": 0, "content_index": 0, "delta": "a"})),
                ("response.output_text.delta", json!({"output_index": 0, "content_index": 0, "delta": "b"})),
                ("response.output_item.done", json!({"output_index": 0, "item": {"type": "message"}})),
                ("response.output_item.added", json!({"output_index": 1, "item": {"type": "function_call"}})),
                ("response.function_call_arguments.delta", json!({"output_index": 1, "delta": "{}"})),
                ("response.function_call_arguments.done", json!({"output_index": 1, "arguments": "{}"})),
                (
                    "response.output_item.done",
                    json!({"output_index": 1, "item": {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}}),
                ),
                ("response.refusal.delta", json!({"delta": "no"})),
                ("response.reasoning_text.delta", json!({"delta": "hm"})),
            ],
            2,
        );
        assert_eq!(got.faults, Vec::<String>::new());
        assert_eq!((&got.value["text"], &got.value["status"]), (&json!("ab"), &json!("completed")));
        assert_eq!((&got.value["refusal"], &got.value["reasoning"]), (&json!("no"), &json!("hm")));
        assert_eq!(got.value["function_calls"], json!([{"call_id": "c", "name": "f", "arguments": "{}"}]));
        assert_eq!(got.value["types"][0], "response.created");
    }

    #[test]
    fn faults() {
        let faults = |middle: &[(&str, Value)], output: usize| run(middle, output).faults.join("; ");
        let added = ("response.output_item.added", json!({"output_index": 0}));
        let done = ("response.output_item.done", json!({"output_index": 0}));
        assert_eq!(faults(&[], 0), "");
        assert_eq!(faults(&[], 1), "the terminal response.output does not list every item");
        assert_eq!(faults(&[added.clone(), done.clone()], 1), "");
        assert_eq!(faults(std::slice::from_ref(&added), 1), "items {Some(0)} added, {} done");
        assert_eq!(
            faults(&[("response.in_progress", json!({"sequence_number": 0}))], 0),
            "response.in_progress: sequence_number 0 after 0"
        );
        assert_eq!(
            faults(&[("response.in_progress", json!({"$event": "x"}))], 0),
            "event name x is not the type response.in_progress"
        );
        let delta = ("response.output_text.delta", json!({"output_index": 0, "content_index": 0, "delta": "a"}));
        assert_eq!(
            faults(std::slice::from_ref(&delta), 0),
            "text delta without output_item.added; text delta without content_part.added"
        );
        let part = ("response.content_part.added", json!({"output_index": 0, "content_index": 0}));
        let whole = ("response.output_text.done", json!({"output_index": 0, "content_index": 0, "text": "b"}));
        let texts = [added.clone(), part, delta.clone(), whole, done.clone()];
        assert_eq!(faults(&texts, 1), "output_text.done differs from the deltas");
        let late = ("response.output_item.added", json!({"output_index": 1}));
        assert!(faults(&[late], 1).contains("output_index 1 is not 0"));
        let arguments = ("response.function_call_arguments.delta", json!({"output_index": 0, "delta": "{"}));
        assert_eq!(faults(std::slice::from_ref(&arguments), 0), "arguments delta without output_item.added");
        let whole = ("response.function_call_arguments.done", json!({"output_index": 0, "arguments": "{}"}));
        assert_eq!(
            faults(&[added.clone(), arguments.clone(), whole, done], 1),
            "arguments.done differs from the deltas"
        );
        let item = (
            "response.output_item.done",
            json!({"output_index": 0, "item": {"type": "function_call", "arguments": "{}"}}),
        );
        assert_eq!(
            faults(&[added, arguments, item], 1),
            "function_call without call_id; item.arguments differs from the deltas"
        );
        assert_eq!(
            faults(&[("response.completed", json!({"response": {"output": []}}))], 0),
            "response.completed after the terminal event"
        );
        let bare = assemble(&[&json!({"type": "x", "sequence_number": 1})]).faults;
        assert_eq!(bare, ["the first event is not response.created", "no terminal response.* event"]);
        let error = assemble(&[&json!({"type": "error", "code": "c", "message": "m"})]);
        assert!(error.faults.is_empty());
        assert_eq!(error.value["error"], json!({"code": "c", "message": "m", "param": null}));
    }
}
