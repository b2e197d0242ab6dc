//! Anthropic Messages events: content blocks, one after another.

use serde_json::{Map, Value, json};

use super::Assembled;
use crate::golden::json::{named, own, some, text};

#[derive(Default)]
struct State {
    content: Vec<Value>,
    stop_reason: Value,
    stop_sequence: Value,
    usage: Map<String, Value>,
    error: Value,
    stopped: bool,
    started: bool,
    delta_seen: bool,
    next: u64,
    /// The open block, and its partial JSON.
    open: Option<(Map<String, Value>, String)>,
    faults: Vec<String>,
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
        let kind = named(event, "type");
        match event.get("$event").and_then(Value::as_str) {
            None => self.fault(format!("event {kind} has no \"event:\" line (client libraries skip it)")),
            Some(name) if name != kind => self.fault(format!("event name {name} is not the type {kind}")),
            Some(_) => {}
        }
        if self.stopped {
            self.fault(format!("{kind} after message_stop"));
        }
        match kind.as_str() {
            "ping" => return,
            "error" => {
                self.error = own(event, "error");
                return;
            }
            "message_start" => return self.start(&own(event, "message")),
            _ => {}
        }
        if !self.started {
            self.fault(format!("{kind} before message_start"));
        }
        match kind.as_str() {
            "content_block_start" => self.block_start(event),
            "content_block_delta" => self.block_delta(event),
            "content_block_stop" => self.block_stop(),
            "message_delta" => self.delta(event),
            "message_stop" => {
                self.stopped = true;
                if !self.delta_seen {
                    self.fault("message_stop without message_delta");
                }
            }
            _ => {}
        }
    }

    fn start(&mut self, message: &Value) {
        if self.started {
            self.fault("second message_start");
        }
        self.started = true;
        for (key, want) in [("type", json!("message")), ("role", json!("assistant")), ("content", json!([]))] {
            if own(message, key) != want {
                self.fault(format!("message_start.message.{key} is {}", named(message, key)));
            }
        }
        if !own(message, "stop_reason").is_null() {
            self.fault("message_start.stop_reason must be null");
        }
        if some(message, "id").is_none() {
            self.fault("message_start.message.id missing");
        }
        if !message.pointer("/usage/input_tokens").is_some_and(|count| count.is_i64() || count.is_u64()) {
            self.fault("message_start.usage.input_tokens missing");
        }
        self.merge_usage(message);
    }

    fn merge_usage(&mut self, from: &Value) {
        if let Some(usage) = from.get("usage").and_then(Value::as_object) {
            let known = usage.iter().filter(|(_, value)| !value.is_null());
            self.usage.extend(known.map(|(key, value)| (key.clone(), value.clone())));
        }
    }

    fn block_start(&mut self, event: &Value) {
        if self.open.is_some() {
            self.fault("content_block_start while another block is open");
        }
        if own(event, "index").as_u64() != Some(self.next) {
            self.fault(format!("block index {} is not {}", named(event, "index"), self.next));
        }
        let block = event.get("content_block").and_then(Value::as_object).cloned().unwrap_or_default();
        if block.get("type").is_some_and(|kind| kind == "tool_use") && block.get("input") != Some(&json!({})) {
            self.fault("tool_use must start with input {}");
        }
        self.open = Some((block, String::new()));
    }

    fn block_delta(&mut self, event: &Value) {
        let Some((block, partial)) = self.open.as_mut().filter(|_| own(event, "index").as_u64() == Some(self.next))
        else {
            return self.fault("delta for a block that is not open");
        };
        let delta = own(event, "delta");
        let kind = named(&delta, "type");
        let (fits, key) = match kind.as_str() {
            "text_delta" => ("text", "text"),
            "input_json_delta" => ("tool_use", "partial_json"),
            "thinking_delta" => ("thinking", "thinking"),
            "signature_delta" => ("thinking", "signature"),
            "citations_delta" => ("text", ""),
            _ => ("", ""),
        };
        let inside = block.get("type").and_then(Value::as_str).unwrap_or("nameless");
        if inside != fits && inside != "server_tool_use" {
            self.faults.push(format!("{kind} inside a {inside} block"));
        }
        if key == "partial_json" {
            partial.push_str(text(&delta, key, &mut self.faults));
        } else if !key.is_empty() {
            let piece = text(&delta, key, &mut self.faults);
            let whole = block.get(key).and_then(Value::as_str).unwrap_or_default();
            let whole = Value::String(format!("{whole}{piece}"));
            block.insert(key.to_owned(), whole);
        }
    }

    fn block_stop(&mut self) {
        let Some((mut block, partial)) = self.open.take() else {
            return self.fault("content_block_stop without start");
        };
        if block.get("type").is_some_and(|kind| kind == "tool_use") && !partial.is_empty() {
            match serde_json::from_str(&partial) {
                Ok(input) => block.insert("input".to_owned(), input),
                Err(_) => block.insert("input_raw".to_owned(), Value::String(partial)),
            };
        }
        self.content.push(Value::Object(block));
        self.next += 1;
    }

    fn delta(&mut self, event: &Value) {
        if self.open.is_some() {
            self.fault("message_delta while a block is open");
        }
        self.delta_seen = true;
        let delta = own(event, "delta");
        if let Some(reason) = some(&delta, "stop_reason") {
            self.stop_reason = reason.clone();
        }
        if let Some(sequence) = some(&delta, "stop_sequence") {
            self.stop_sequence = sequence.clone();
        }
        if !event.pointer("/usage/output_tokens").is_some_and(|count| count.is_i64() || count.is_u64()) {
            self.fault("message_delta.usage.output_tokens missing");
        }
        self.merge_usage(event);
    }

    fn end(mut self) -> Assembled {
        if self.error.is_null() {
            if !self.stopped {
                self.fault("no message_stop");
            }
            if self.stop_reason.is_null() {
                self.fault("no stop_reason");
            }
        }
        let value = json!({
            "content": self.content, "stop_reason": self.stop_reason, "stop_sequence": self.stop_sequence,
            "usage": self.usage, "error": self.error, "stopped": self.stopped,
        });
        Assembled { value, faults: self.faults }
    }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "`json!` literals read best by value")]
mod tests {
    use super::*;

    fn event(kind: &str, more: Value) -> Value {
        let mut event = json!({"type": kind, "$event": kind});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    }

    fn head() -> Value {
        event(
            "message_start",
            json!({"message": {"id": "m", "type": "message", "role": "assistant", "content": [], "stop_reason": null, "usage": {"input_tokens": 3, "cache_read_input_tokens": null}}}),
        )
    }

    fn tail() -> [Value; 2] {
        [
            event("message_delta", json!({"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}})),
            event("message_stop", json!({})),
        ]
    }

    fn block(index: u64, start: &Value, deltas: &[Value]) -> Vec<Value> {
        let mut events = vec![event("content_block_start", json!({"index": index, "content_block": start}))];
        events.extend(deltas.iter().map(|delta| event("content_block_delta", json!({"index": index, "delta": delta}))));
        events.push(event("content_block_stop", json!({"index": index})));
        events
    }

    fn run(middle: &[Value]) -> Assembled {
        let events = [&[head()], middle, &tail()].concat();
        assemble(&events.iter().collect::<Vec<_>>())
    }

    #[test]
    fn blocks_and_usage() {
        let text = block(
            0,
            &json!({"type": "text", "text": ""}),
            &[json!({"type": "text_delta", "text": "a"}), json!({"type": "text_delta", "text": "b"})],
        );
        let partial = |part: &str| json!({"type": "input_json_delta", "partial_json": part});
        let tool = block(
            1,
            &json!({"type": "tool_use", "id": "t", "name": "f", "input": {}}),
            &[partial("{\"x\""), partial(":1}")],
        );
        let broken = block(2, &json!({"type": "tool_use", "id": "t", "name": "f", "input": {}}), &[partial("{")]);
        let got = run(&[text, tool, broken, vec![event("ping", json!({}))]].concat());
        assert_eq!(got.faults, Vec::<String>::new());
        assert_eq!(got.value["content"][0], json!({"type": "text", "text": "ab"}));
        assert_eq!(got.value["content"][1]["input"], json!({"x": 1}));
        assert_eq!(got.value["content"][2]["input_raw"], "{");
        assert_eq!(got.value["usage"], json!({"input_tokens": 3, "output_tokens": 5}));
        assert_eq!((&got.value["stop_reason"], &got.value["stopped"]), (&json!("end_turn"), &json!(true)));
    }

    #[test]
    fn faults() {
        let faults = |middle: &[Value]| run(middle).faults.join("; ");
        let text = json!({"type": "text", "text": ""});
        assert_eq!(faults(&[]), "");
        assert_eq!(faults(&[json!({"type": "ping"})]), "event ping has no \"event:\" line (client libraries skip it)");
        assert_eq!(faults(&[json!({"type": "ping", "$event": "pong"})]), "event name pong is not the type ping");
        assert_eq!(faults(&[head()]), "second message_start");
        assert_eq!(faults(&block(1, &text, &[])), "block index 1 is not 0");
        assert_eq!(
            faults(&block(0, &text, &[json!({"type": "thinking_delta", "thinking": "x"})])),
            "thinking_delta inside a text block"
        );
        assert_eq!(
            faults(&block(0, &json!({"type": "tool_use", "input": {"x": 1}}), &[])),
            "tool_use must start with input {}"
        );
        assert_eq!(faults(&[event("content_block_delta", json!({"index": 0}))]), "delta for a block that is not open");
        assert_eq!(faults(&[event("content_block_stop", json!({}))]), "content_block_stop without start");
        assert_eq!(
            faults(&[event("content_block_start", json!({"index": 0, "content_block": text}))]),
            "message_delta while a block is open"
        );
        let bare =
            assemble(&[&event("message_start", json!({"message": {"content": [1], "stop_reason": "x"}}))]).faults;
        assert_eq!(bare.len(), 8, "{bare:?}");
        let late = assemble(&[&tail()[1], &tail()[0]]).faults.join("; ");
        for part in [
            "message_stop before message_start",
            "message_stop without message_delta",
            "message_delta after message_stop",
        ] {
            assert!(late.contains(part), "{late}");
        }
        let error = assemble(&[&event("error", json!({"error": {"type": "overloaded_error"}}))]);
        assert!(error.faults.is_empty());
        assert_eq!(error.value["error"]["type"], "overloaded_error");
    }
}
