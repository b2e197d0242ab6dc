//! The Responses dialect: a strict reader of its streams, and servers that write them in their own ways.

use crate::checker::{Call, Checked, Ended, Seen, events, parse, rule, text};
use crate::scripts::{Script, Step};
use crate::upstreams::Habits;
use serde_json::{Value, json};

/// Reads a stream, keeping book of what is open.
#[derive(Default)]
pub(crate) struct Responses {
    seen: Seen,
    sequence: u64,
    /// The response's id, once it is told.
    id: Option<Value>,
    in_progress: bool,
    items: Vec<Value>,
    open: Option<Item>,
}

/// The item that is open.
struct Item {
    value: Value,
    parts: Vec<Value>,
    part: Option<Part>,
    /// Arguments or free text: what came of it, and whether that is all.
    input: String,
    input_done: bool,
}

/// The part that is open.
struct Part {
    kind: String,
    text: String,
    text_done: bool,
    annotations: Vec<Value>,
    logprobs: Vec<Value>,
}

impl Responses {
    pub(crate) fn read(mut self, stream: &str) -> Checked<Seen> {
        for (name, data) in events(stream)? {
            let value = parse(data)?;
            rule(value["type"] == name, "an event's name is not its type")?;
            self.event(name, &value).map_err(|error| format!("{error}: {data}"))?;
        }
        Ok(self.seen)
    }

    fn event(&mut self, name: &str, value: &Value) -> Checked<()> {
        rule(self.seen.ended == Ended::Open, "something after the end")?;
        rule(value["sequence_number"] == self.sequence, "a gap in the numbers")?;
        self.sequence += 1;
        if let Some(response) = value.get("response") {
            return self.response(name, response);
        }
        rule(self.in_progress, "content before the response is in progress")?;
        match name {
            "response.output_item.added" => return self.added(value),
            "response.output_item.done" => return self.done(value),
            _ => {}
        }
        let index = self.items.len();
        let item = self.open.as_mut().ok_or("an event outside of an item")?;
        rule(value["output_index"] == index, "an event of another item")?;
        rule(value["item_id"] == item.value["id"], "an event of an item of another id")?;
        let kind = item.value["type"].as_str().unwrap_or_default();
        let is_call = |word: &str| word == name && !item.input_done;
        match kind {
            "function_call" if is_call("response.function_call_arguments.delta") => item.input(value),
            "custom_tool_call" if is_call("response.custom_tool_call_input.delta") => item.input(value),
            "function_call" if is_call("response.function_call_arguments.done") => {
                rule(value["name"] == item.value["name"], "another name")?;
                item.input_done = true;
                rule(value["arguments"] == item.input, "arguments differ from their deltas")
            }
            "custom_tool_call" if is_call("response.custom_tool_call_input.done") => {
                item.input_done = true;
                rule(value["input"] == item.input, "the input differs from its deltas")
            }
            "message" => item.part_event(name, value, "content_index", &mut self.seen),
            "reasoning" => item.part_event(name, value, "summary_index", &mut self.seen),
            _ => Err(format!("no such event in a {kind}")),
        }
    }

    fn response(&mut self, name: &str, response: &Value) -> Checked<()> {
        for member in ["created_at", "model", "parallel_tool_calls", "tool_choice", "tools", "metadata", "text"] {
            rule(!response[member].is_null(), "a member is missing")?;
        }
        for member in ["error", "incomplete_details", "instructions", "temperature", "top_p", "usage"] {
            rule(response.get(member).is_some(), "a member is missing")?;
        }
        rule(response["object"] == "response", "no response object")?;
        rule(response["id"].as_str().is_some_and(|id| id.starts_with("resp_")), "a strange id")?;
        let first = self.id.is_none();
        rule(*self.id.get_or_insert_with(|| response["id"].clone()) == response["id"], "the id changes")?;
        rule(first == (name == "response.created"), "created is not first, or not once")?;
        let status = text(&response["status"], "status")?;
        rule(response["incomplete_details"].is_object() == (status == "incomplete"), "incomplete_details")?;
        rule(response["error"].is_object() == (status == "failed"), "error")?;
        if status == "in_progress" {
            rule(response["output"] == json!([]) && response["usage"].is_null(), "content in the beginning")?;
            let expected = if first { "response.created" } else { "response.in_progress" };
            rule(name == expected && !self.in_progress, "the beginning is out of order")?;
            self.in_progress = !first;
            return Ok(());
        }
        rule(self.in_progress && name == format!("response.{status}"), "an ending out of order")?;
        rule(response["output"].as_array() == Some(&self.items), "the output is not what was told")?;
        if let Some(usage) = response["usage"].as_object() {
            let count = |key: &str| usage[key].as_u64().ok_or("no count");
            rule(
                count("total_tokens")? == count("input_tokens")?.saturating_add(count("output_tokens")?),
                "a wrong total",
            )?;
            rule(usage["input_tokens_details"]["cached_tokens"].is_u64(), "no details")?;
            rule(usage["output_tokens_details"]["reasoning_tokens"].is_u64(), "no details")?;
        }
        if status == "failed" {
            rule(response["error"]["code"].is_string() && response["error"]["message"].is_string(), "no error")?;
            self.seen.ended = Ended::InError;
            return Ok(());
        }
        rule(self.open.is_none(), "the end inside of an item")?;
        self.seen.ended = Ended::Normally;
        Ok(())
    }

    fn added(&mut self, value: &Value) -> Checked<()> {
        let item = &value["item"];
        rule(self.open.is_none() && value["output_index"] == self.items.len(), "an item out of turn")?;
        let id = text(&item["id"], "an id")?;
        rule(!id.is_empty() && self.items.iter().all(|known| known["id"] != id), "an id used twice")?;
        match text(&item["type"], "an item's type")? {
            "message" => rule(item["content"] == json!([]) && item["role"] == "assistant", "a strange message")?,
            "reasoning" => rule(item["summary"] == json!([]), "a strange thought")?,
            "function_call" => rule(item["arguments"] == "", "a call that begins with arguments")?,
            "custom_tool_call" => rule(item["input"] == "", "a call that begins with input")?,
            _ => return Err("an unknown item".to_owned()),
        }
        rule(item["type"] == "reasoning" || item["status"] == "in_progress", "a status")?;
        let value = item.clone();
        let input = String::new();
        self.open = Some(Item { value, parts: Vec::new(), part: None, input, input_done: false });
        Ok(())
    }

    fn done(&mut self, value: &Value) -> Checked<()> {
        let open = self.open.take().ok_or("no item is open")?;
        let item = &value["item"];
        rule(value["output_index"] == self.items.len() && open.part.is_none(), "an item's end out of turn")?;
        for member in ["id", "type", "role", "call_id", "name"] {
            rule(item[member] == open.value[member], "an item has changed")?;
        }
        let whole = ["completed", "incomplete"].iter().any(|word| item["status"] == *word);
        rule(item["type"] == "reasoning" || whole, "a status")?;
        match item["type"].as_str() {
            Some("message") => {
                rule(item["content"].as_array() == Some(&open.parts), "the content is not what was told")?;
                rule(!open.parts.is_empty(), "an empty message")?;
            }
            Some("reasoning") => {
                rule(item["summary"].as_array() == Some(&open.parts), "the summary is not what was told")?;
                rule(item["encrypted_content"] != "", "nothing encrypted")?;
            }
            kind => {
                let member = if kind == Some("function_call") { "arguments" } else { "input" };
                rule(open.input_done && item[member] == open.input, "a call is not what was told")?;
                let call_id = text(&item["call_id"], "an id")?;
                rule(!call_id.is_empty() && call_id.len() <= 64, "an id that cannot be sent back")?;
                rule(self.seen.calls.iter().all(|call| call.id != call_id), "an id used twice")?;
                let name = text(&item["name"], "a name")?.to_owned();
                self.seen.calls.push(Call { id: call_id.to_owned(), name, arguments: open.input });
            }
        }
        self.items.push(item.clone());
        Ok(())
    }
}

impl Item {
    fn input(&mut self, value: &Value) -> Checked<()> {
        let delta = text(&value["delta"], "a delta")?;
        self.input.push_str(delta);
        rule(!delta.is_empty(), "an empty piece")
    }

    fn part_event(&mut self, name: &str, value: &Value, index: &str, seen: &mut Seen) -> Checked<()> {
        rule(value[index] == self.parts.len(), "an event of another part")?;
        match name {
            "response.content_part.added" | "response.reasoning_summary_part.added" => {
                let part = &value["part"];
                let kind = text(&part["type"], "a part's type")?.to_owned();
                let member = if kind == "refusal" { "refusal" } else { "text" };
                rule(self.part.is_none() && part[member] == "", "a part out of turn, or one that begins with text")?;
                rule((kind == "summary_text") == name.contains("summary"), "a part of another item")?;
                let (text, annotations, logprobs) = (String::new(), Vec::new(), Vec::new());
                self.part = Some(Part { kind, text, text_done: false, annotations, logprobs });
                Ok(())
            }
            "response.content_part.done" | "response.reasoning_summary_part.done" => {
                let part = self.part.take().ok_or("no part is open")?;
                rule(part.text_done, "a part without the end of its text")?;
                let expected = match part.kind.as_str() {
                    "refusal" => json!({"type": "refusal", "refusal": part.text}),
                    "summary_text" => json!({"type": "summary_text", "text": part.text}),
                    _ => json!({"type": "output_text", "text": part.text, "annotations": part.annotations,
                        "logprobs": part.logprobs}),
                };
                rule(value["part"] == expected, "a part is not what was told")?;
                self.parts.push(expected);
                Ok(())
            }
            _ => self.part.as_mut().ok_or("text outside of a part")?.event(name, value, seen),
        }
    }
}

impl Part {
    fn event(&mut self, name: &str, value: &Value, seen: &mut Seen) -> Checked<()> {
        rule(!self.text_done, "text after its end")?;
        let logprobs = value["logprobs"].as_array().cloned().unwrap_or_default();
        let told = match (self.kind.as_str(), name) {
            ("output_text", "response.output_text.delta") => &mut seen.text,
            ("refusal", "response.refusal.delta") => &mut seen.refusal,
            ("summary_text", "response.reasoning_summary_text.delta") => &mut seen.reasoning,
            ("output_text", "response.output_text.annotation.added") => {
                rule(value["annotation_index"] == self.annotations.len(), "a source out of turn")?;
                self.annotations.push(value["annotation"].clone());
                return rule(value["annotation"]["url"].is_string(), "a strange source");
            }
            ("output_text", "response.output_text.done") => {
                self.text_done = true;
                rule(value["logprobs"].as_array() == Some(&self.logprobs), "tokens differ from those of the deltas")?;
                return rule(value["text"] == self.text, "the text differs from its deltas");
            }
            ("refusal", "response.refusal.done") => {
                self.text_done = true;
                return rule(value["refusal"] == self.text, "the refusal differs from its deltas");
            }
            ("summary_text", "response.reasoning_summary_text.done") => {
                self.text_done = true;
                return rule(value["text"] == self.text, "the summary differs from its deltas");
            }
            _ => return Err("no such event in this part".to_owned()),
        };
        let delta = text(&value["delta"], "a delta")?;
        rule(!delta.is_empty() || !logprobs.is_empty(), "an empty piece")?;
        rule(self.kind != "output_text" || value["logprobs"].is_array(), "no logprobs")?;
        told.push_str(delta);
        self.text.push_str(delta);
        self.logprobs.extend(logprobs);
        Ok(())
    }
}

/// What the server has put into the output.
fn output(script: &Script, raw: bool, ids: &str) -> Vec<Value> {
    let mut items: Vec<Value> = Vec::new();
    let mut calls = Vec::new();
    for (step, (id, name)) in script.in_order() {
        let last = items.last_mut().filter(|_| calls.is_empty());
        match step {
            Step::Think(text) => {
                let (list, kind) = if raw { ("content", "reasoning_text") } else { ("summary", "summary_text") };
                match last.filter(|last| last["type"] == "reasoning") {
                    Some(last) => push(&mut last[list][0]["text"], &text),
                    None => {
                        let mut item =
                            json!({"type": "reasoning", "id": format!("rs{ids}{}", items.len()), "summary": []});
                        item[list] = json!([{"type": kind, "text": text}]);
                        items.push(item);
                    }
                }
            }
            Step::Say(text) => match last.filter(|last| last["type"] == "message") {
                Some(last) => push(&mut last["content"][0]["text"], &text),
                None => items.push(json!({"type": "message", "id": format!("msg{ids}{}", items.len()),
                    "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": text, "annotations": []}]})),
            },
            Step::Open(call) => {
                let id = if id.is_empty() { format!("call_{call}") } else { id };
                calls.push(items.len());
                items.push(json!({"type": "function_call", "id": format!("fc{ids}{}", items.len()), "call_id": id,
                    "name": name, "arguments": "", "status": "completed"}));
            }
            Step::Argue(call, text) => push(&mut items[calls[call]]["arguments"], &text),
        }
    }
    items
}

fn push(value: &mut Value, more: &str) {
    *value = json!(format!("{}{more}", value.as_str().unwrap_or_default()));
}

fn response(script: &Script, status: &str, output: &[Value]) -> Value {
    let (input, cached, written) = script.usage;
    let mut response = json!({"id": "resp_1", "object": "response", "created_at": 1, "model": "up", "status": status,
        "error": null, "incomplete_details": null, "output": output, "usage": null});
    if status != "in_progress" {
        response["usage"] = json!({"input_tokens": input, "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": written, "total_tokens": input + written});
    }
    if status == "incomplete" {
        response["incomplete_details"] = json!({"reason": "max_output_tokens"});
    }
    response
}

fn status(script: &Script) -> &'static str {
    if script.length { "incomplete" } else { "completed" }
}

/// The whole answer.
pub(crate) fn whole_of(script: &Script) -> Value {
    response(script, status(script), &output(script, false, "_"))
}

/// The stream of a server that leaves things out, each its own.
pub(crate) fn stream_of(script: &Script, habits: &Habits) -> String {
    let raw = habits.usage == 3;
    let whole = output(script, raw, "_");
    let mut events = vec![
        json!({"type": "response.created", "response": response(script, "in_progress", &[])}),
        json!({"type": "response.in_progress", "response": response(script, "in_progress", &[])}),
    ];
    let (silent, endless, empty) = (habits.finish == 1, habits.finish == 2, habits.finish == 3);
    let mut open: Option<usize> = None;
    let mut begun: Vec<Value> = Vec::new();
    let mut calls = Vec::new();
    for (step, _) in script.in_order() {
        let kind = match &step {
            Step::Think(_) => "reasoning",
            Step::Say(_) => "message",
            Step::Open(_) | Step::Argue(..) => "function_call",
        };
        let begins = match &step {
            Step::Open(_) => true,
            Step::Argue(..) => false,
            _ => begun.last().is_none_or(|last| last["type"] != kind),
        };
        if begins {
            // Calls stay open side by side.
            if let Some(last) = open.take().filter(|_| !endless) {
                events.extend(ends(last, &whole[last], raw));
            }
            let at = begun.len();
            let mut item = whole[at].clone();
            for member in ["content", "summary", "arguments"] {
                if item.get(member).is_some() {
                    item[member] = if member == "arguments" { json!("") } else { json!([]) };
                }
            }
            events.push(json!({"type": "response.output_item.added", "output_index": at, "item": item}));
            match &step {
                Step::Open(_) => calls.push(at),
                _ => open = Some(at),
            }
            if kind == "message" && !endless {
                events.push(json!({"type": "response.content_part.added", "output_index": at, "content_index": 0,
                    "item_id": item["id"], "part": {"type": "output_text", "text": "", "annotations": []}}));
            }
            begun.push(item);
        }
        let at = if let Step::Argue(call, _) = &step { calls[*call] } else { begun.len() - 1 };
        let id = &begun[at]["id"];
        if silent {
            continue;
        }
        events.extend(delta(&step, at, id, raw).map(|mut event| {
            if habits.dense {
                event["obfuscation"] = json!("x");
            }
            event
        }));
    }
    if !endless {
        for last in open.into_iter().chain(calls) {
            events.extend(ends(last, &whole[last], raw));
        }
    }
    // The ids of the whole response are others, or the items are only there, or nowhere.
    let ids = if habits.dense { "-" } else { "_" };
    let output = if empty { vec![] } else { output(script, raw, ids) };
    let status = status(script);
    events.push(
        json!({"type": format!("response.{status}"), "response": response(script, status, &output), "terminal": true}),
    );
    let mut out = String::new();
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
        let name = if habits.keep_alive == 3 { String::new() } else { event["type"].as_str().unwrap().to_owned() };
        out.push_str(&habits.pause(number, ": keep-alive\n\n"));
        out.push_str(&habits.sse(&name, event));
    }
    out
}

/// The event of a piece of text.
fn delta(step: &Step, at: usize, id: &Value, raw: bool) -> Option<Value> {
    let (kind, index, text) = match step {
        Step::Think(text) if raw => ("reasoning_text", Some("content_index"), text),
        Step::Think(text) => ("reasoning_summary_text", Some("summary_index"), text),
        Step::Say(text) => ("output_text", Some("content_index"), text),
        Step::Argue(_, text) => ("function_call_arguments", None, text),
        Step::Open(_) => return None,
    };
    let mut event = json!({"type": format!("response.{kind}.delta"), "output_index": at, "item_id": id, "delta": text});
    if let Some(index) = index {
        event[index] = json!(0);
    }
    Some(event)
}

/// The events that end an item.
fn ends(at: usize, item: &Value, raw: bool) -> Vec<Value> {
    let id = &item["id"];
    let mut events = match item["type"].as_str() {
        Some("message") => vec![
            json!({"type": "response.output_text.done", "output_index": at, "item_id": id, "content_index": 0,
                "text": item["content"][0]["text"]}),
            json!({"type": "response.content_part.done", "output_index": at, "item_id": id, "content_index": 0,
                "part": item["content"][0]}),
        ],
        Some("reasoning") if raw => {
            vec![json!({"type": "response.reasoning_text.done", "output_index": at, "item_id": id, "content_index": 0,
            "text": item["content"][0]["text"]})]
        }
        Some("reasoning") => {
            vec![json!({"type": "response.reasoning_summary_text.done", "output_index": at, "item_id": id,
            "summary_index": 0, "text": item["summary"][0]["text"]})]
        }
        _ => vec![json!({"type": "response.function_call_arguments.done", "output_index": at, "item_id": id,
            "arguments": item["arguments"]})],
    };
    events.push(json!({"type": "response.output_item.done", "output_index": at, "item": item}));
    events
}
