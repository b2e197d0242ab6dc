//! A strict reader of streams for each dialect, written from the wire's rules and not from the encoders.

use crate::responses;
use lingate_codec::dialect::DialectId;
use serde_json::{Map, Value, json};

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Ended {
    /// Not yet.
    #[default]
    Open,
    Normally,
    InError,
}

/// What a client makes of a stream.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) text: String,
    pub(crate) refusal: String,
    pub(crate) reasoning: String,
    pub(crate) calls: Vec<Call>,
    pub(crate) ended: Ended,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    /// As text.
    pub(crate) arguments: String,
}

pub(crate) type Checked<T> = Result<T, String>;

/// Reads a stream; an error says which rule is broken, and where.
pub(crate) fn check(dialect: DialectId, stream: &str) -> Checked<Seen> {
    match dialect {
        DialectId::OpenAiChat => OpenAi::default().read(stream),
        DialectId::AnthropicMessages => Anthropic::default().read(stream),
        DialectId::Ollama => ollama(stream),
        DialectId::OpenAiCompletions => completions(stream),
        DialectId::OpenAiResponses => responses::Responses::default().read(stream),
    }
}

pub(crate) fn rule(kept: bool, rule: &str) -> Checked<()> {
    if kept { Ok(()) } else { Err(rule.to_owned()) }
}

pub(crate) fn text<'v>(value: &'v Value, what: &str) -> Checked<&'v str> {
    value.as_str().ok_or_else(|| format!("{what} is no text"))
}

pub(crate) fn only(object: &Map<String, Value>, allowed: &[&str]) -> Checked<()> {
    match object.keys().find(|key| !allowed.contains(&key.as_str())) {
        Some(key) => Err(format!("an unknown member `{key}`")),
        None => Ok(()),
    }
}

/// Server-sent events of at most an `event` and a `data` line; comments are passed over.
pub(crate) fn events(stream: &str) -> Checked<Vec<(&str, &str)>> {
    rule(stream.is_empty() || stream.ends_with("\n\n"), "the last event is not closed")?;
    let mut found = Vec::new();
    for event in stream.split_terminator("\n\n").filter(|event| !event.starts_with(':')) {
        let (name, data) = match event.strip_prefix("event: ") {
            Some(rest) => rest.split_once('\n').ok_or("an event without data")?,
            None => ("", event),
        };
        let data = data.strip_prefix("data: ").ok_or_else(|| format!("a strange line: {event}"))?;
        rule(!data.contains(['\n', '\r']), "data of several lines")?;
        found.push((name, data));
    }
    Ok(found)
}

pub(crate) fn parse(data: &str) -> Checked<Value> {
    serde_json::from_str(data).map_err(|error| format!("{error}: {data}"))
}

#[derive(Default)]
struct OpenAi {
    seen: Seen,
    head: Option<[Value; 4]>,
    finish: bool,
    usage: bool,
}

impl OpenAi {
    fn read(mut self, stream: &str) -> Checked<Seen> {
        for (name, data) in events(stream)? {
            rule(name.is_empty(), "a named event")?;
            rule(self.seen.ended == Ended::Open, "something after the end")?;
            if data == "[DONE]" {
                rule(self.finish, "[DONE] without a finish reason")?;
                self.seen.ended = Ended::Normally;
                continue;
            }
            let value = parse(data)?;
            if let Some(error) = value.get("error") {
                rule(error["message"].is_string() && error["type"].is_string(), "a strange error")?;
                rule(!self.finish, "an error after the finish")?;
                self.seen.ended = Ended::InError;
                continue;
            }
            self.chunk(&value).map_err(|error| format!("{error}: {data}"))?;
        }
        rule(!self.finish || self.seen.ended == Ended::Normally, "a finish without [DONE]")?;
        Ok(self.seen)
    }

    fn chunk(&mut self, value: &Value) -> Checked<()> {
        rule(!self.usage, "a chunk after usage")?;
        let head = ["id", "object", "created", "model"].map(|key| value[key].clone());
        let first = self.head.is_none();
        rule(head[0].is_string() && head[1] == "chat.completion.chunk" && head[2].is_u64(), "a strange head")?;
        rule(*self.head.get_or_insert_with(|| head.clone()) == head, "the head changes")?;
        let choices = value["choices"].as_array().ok_or("no choices")?;
        if let Some(usage) = value.get("usage").filter(|usage| !usage.is_null()) {
            rule(choices.is_empty() && self.finish, "usage is not on a chunk of its own after the finish")?;
            let count = |key: &str| usage[key].as_u64().ok_or("no count");
            let total = count("prompt_tokens")?.saturating_add(count("completion_tokens")?);
            rule(count("total_tokens")? == total, "a wrong total")?;
            self.usage = true;
            return Ok(());
        }
        rule(choices.len() == 1 && !self.finish, "not one choice, or one after the finish")?;
        let choice = choices[0].as_object().ok_or("a choice is no object")?;
        only(choice, &["index", "delta", "logprobs", "finish_reason"])?;
        rule(choice["index"] == 0, "a strange index")?;
        let delta = choice["delta"].as_object().ok_or("no delta")?;
        rule(first == delta.contains_key("role"), "the first chunk, and no other, names the speaker")?;
        if !first {
            self.delta(delta)?;
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            rule(delta.is_empty(), "content beside the finish")?;
            rule(["stop", "length", "tool_calls", "content_filter"].contains(&reason), "an unknown finish reason")?;
            rule(reason != "tool_calls" || !self.seen.calls.is_empty(), "tool_calls without a call")?;
            rule(reason != "stop" || self.seen.calls.is_empty(), "stop with a call")?;
            self.finish = true;
        }
        Ok(())
    }

    fn delta(&mut self, delta: &Map<String, Value>) -> Checked<()> {
        only(delta, &["content", "reasoning_content", "refusal", "tool_calls", "annotations"])?;
        for (key, value) in delta.iter().filter(|(key, _)| !["tool_calls", "annotations"].contains(&key.as_str())) {
            let piece = text(value, key)?;
            rule(!piece.is_empty(), "an empty piece")?;
            match key.as_str() {
                "content" => self.seen.text.push_str(piece),
                "refusal" => self.seen.refusal.push_str(piece),
                _ => self.seen.reasoning.push_str(piece),
            }
        }
        for entry in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            let index = usize::try_from(entry["index"].as_u64().ok_or("a call without index")?).unwrap_or(usize::MAX);
            let known = self.seen.calls.len();
            let id = entry["id"].as_str();
            rule(index <= known && (index == known) == id.is_some(), "a call is opened out of turn")?;
            if let Some(id) = id {
                let name = text(&entry["function"]["name"], "a name")?;
                rule(!id.is_empty() && !name.is_empty() && entry["type"] == "function", "a half call")?;
                rule(self.seen.calls.iter().all(|call| call.id != id), "an id used twice")?;
                self.seen.calls.push(Call { id: id.to_owned(), name: name.to_owned(), arguments: String::new() });
            }
            self.seen.calls[index].arguments.push_str(text(&entry["function"]["arguments"], "arguments")?);
        }
        Ok(())
    }
}

#[derive(Default)]
struct Anthropic {
    seen: Seen,
    started: bool,
    open: Option<String>,
    next: u64,
    delta: bool,
    /// Whether anything stands in the open block, for kinds that must not be empty.
    filled: bool,
}

impl Anthropic {
    fn read(mut self, stream: &str) -> Checked<Seen> {
        for (name, data) in events(stream)? {
            rule(self.seen.ended == Ended::Open, "something after the end")?;
            let value = parse(data)?;
            rule(value["type"] == name, "an event's name is not its type")?;
            self.event(name, &value).map_err(|error| format!("{error}: {data}"))?;
        }
        Ok(self.seen)
    }

    fn event(&mut self, name: &str, value: &Value) -> Checked<()> {
        match name {
            "ping" => return Ok(()),
            "error" => {
                let error = &value["error"];
                rule(error["type"].is_string() && error["message"].is_string(), "a strange error")?;
                rule(!self.delta, "an error after message_delta")?;
                self.seen.ended = Ended::InError;
                return Ok(());
            }
            "message_start" => {
                let message = &value["message"];
                rule(!self.started, "a second start")?;
                self.started = true;
                rule(message["content"] == json!([]) && message["stop_reason"].is_null(), "a start with content")?;
                rule(message["usage"]["input_tokens"].is_u64() && message["model"].is_string(), "a strange start")?;
                return rule(message["id"].as_str().is_some_and(|id| id.starts_with("msg_")), "a strange id");
            }
            _ => rule(self.started, "no start")?,
        }
        rule(!self.delta || name == "message_stop", "something after message_delta")?;
        match name {
            "content_block_start" => self.block(value),
            "content_block_delta" => self.piece(value),
            "content_block_stop" => {
                rule(self.open.take().is_some() && value["index"] == self.next, "no such block is open")?;
                rule(self.filled, "an empty block")?;
                self.next += 1;
                Ok(())
            }
            "message_delta" => {
                rule(self.open.is_none(), "message_delta inside of a block")?;
                let reason = text(&value["delta"]["stop_reason"], "stop_reason")?;
                let known = ["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", "pause_turn"];
                rule(known.contains(&reason), "an unknown stop_reason")?;
                rule(reason != "tool_use" || !self.seen.calls.is_empty(), "tool_use without a call")?;
                rule(value["usage"]["output_tokens"].is_u64(), "no usage")?;
                self.delta = true;
                Ok(())
            }
            "message_stop" => {
                rule(self.delta, "no message_delta")?;
                self.seen.ended = Ended::Normally;
                Ok(())
            }
            _ => Err("an unknown event".to_owned()),
        }
    }

    fn block(&mut self, value: &Value) -> Checked<()> {
        rule(self.open.is_none() && value["index"] == self.next, "a block out of turn")?;
        let block = &value["content_block"];
        let kind = text(&block["type"], "a block's type")?;
        self.filled = false;
        match kind {
            "text" => rule(block["text"] == "", "a text block that begins with text")?,
            "thinking" => rule(block["thinking"] == "" && block["signature"] == "", "a strange thinking block")?,
            "redacted_thinking" => self.filled = !text(&block["data"], "data")?.is_empty(),
            "tool_use" => {
                let (id, name) = (text(&block["id"], "an id")?, text(&block["name"], "a name")?);
                let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
                rule(!id.is_empty() && id.bytes().all(legal) && block["input"] == json!({}), "a strange call")?;
                rule(self.seen.calls.iter().all(|call| call.id != id), "an id used twice")?;
                self.seen.calls.push(Call { id: id.to_owned(), name: name.to_owned(), arguments: String::new() });
                self.filled = true;
            }
            _ => return Err("an unknown block".to_owned()),
        }
        self.open = Some(kind.to_owned());
        Ok(())
    }

    fn piece(&mut self, value: &Value) -> Checked<()> {
        let delta = &value["delta"];
        let kind = text(&delta["type"], "a delta's type")?;
        let open = self.open.as_deref().ok_or("a delta outside of a block")?;
        rule(value["index"] == self.next, "a delta of another block")?;
        let (block, member) = match kind {
            "text_delta" => ("text", "text"),
            "thinking_delta" => ("thinking", "thinking"),
            "signature_delta" => ("thinking", "signature"),
            "input_json_delta" => ("tool_use", "partial_json"),
            "citations_delta" => {
                rule(open == "text" && self.filled, "a citation of nothing")?;
                return rule(delta["citation"]["type"].is_string(), "a strange citation");
            }
            _ => return Err("an unknown delta".to_owned()),
        };
        rule(open == block, "a delta in a block of another kind")?;
        let piece = text(&delta[member], member)?;
        rule(!piece.is_empty(), "an empty piece")?;
        self.filled = true;
        match kind {
            "text_delta" => self.seen.text.push_str(piece),
            "thinking_delta" => self.seen.reasoning.push_str(piece),
            "input_json_delta" => self.seen.calls.last_mut().ok_or("no call")?.arguments.push_str(piece),
            _ => {}
        }
        Ok(())
    }
}

fn ollama(stream: &str) -> Checked<Seen> {
    let mut seen = Seen::default();
    rule(stream.is_empty() || stream.ends_with('\n'), "the last line is not closed")?;
    for line in stream.split_terminator('\n') {
        rule(seen.ended == Ended::Open, "something after the end")?;
        let value = parse(line)?;
        if let Some(error) = value.get("error") {
            rule(error.as_str().is_some_and(|text| !text.is_empty()), "a strange error")?;
            seen.ended = Ended::InError;
            continue;
        }
        ollama_line(&value, &mut seen).map_err(|error| format!("{error}: {line}"))?;
    }
    Ok(seen)
}

fn completions(stream: &str) -> Checked<Seen> {
    let (mut seen, mut first, mut finished, mut counted) = (Seen::default(), None, false, false);
    for (name, data) in events(stream)? {
        rule(name.is_empty(), "a named event")?;
        rule(seen.ended == Ended::Open, "something after the end")?;
        if data == "[DONE]" {
            rule(finished, "[DONE] without a finish reason")?;
            seen.ended = Ended::Normally;
            continue;
        }
        let value = parse(data)?;
        if let Some(error) = value.get("error") {
            rule(error["message"].is_string() && error["type"].is_string(), "a strange error")?;
            rule(!finished, "an error after the finish")?;
            seen.ended = Ended::InError;
            continue;
        }
        rule(!counted, "a chunk after usage")?;
        let head = ["id", "object", "created", "model"].map(|key| value[key].clone());
        rule(head[0].is_string() && head[1] == "text_completion" && head[2].is_u64(), "a strange head")?;
        rule(*first.get_or_insert_with(|| head.clone()) == head, "the head changes")?;
        let choices = value["choices"].as_array().ok_or("no choices")?;
        counted = value.get("usage").is_some();
        if counted {
            rule(choices.is_empty() && finished, "usage is not on a chunk of its own after the finish")?;
            continue;
        }
        rule(choices.len() == 1 && !finished, "not one choice, or one after the finish")?;
        let choice = choices[0].as_object().ok_or("a choice is no object")?;
        let members = ["index", "text", "logprobs", "finish_reason"];
        rule(members.iter().all(|key| choice.contains_key(*key)), "a member of a choice is missing")?;
        only(choice, &members)?;
        rule(choice["index"] == 0, "a strange index")?;
        seen.text.push_str(text(&choice["text"], "text")?);
        let tokens = choice["logprobs"].as_object();
        let lists = tokens
            .map(|lists| ["tokens", "token_logprobs", "text_offset"].map(|key| lists[key].as_array().map(Vec::len)));
        rule(lists.is_none_or(|[a, b, c]| a.is_some() && a == b && b == c), "lists of tokens that do not fit")?;
        if let Some(reason) = choice["finish_reason"].as_str() {
            rule(["stop", "length", "content_filter"].contains(&reason), "an unknown finish reason")?;
            finished = true;
        }
    }
    rule(!finished || seen.ended == Ended::Normally, "a finish without [DONE]")?;
    Ok(seen)
}

fn ollama_line(value: &Value, seen: &mut Seen) -> Checked<()> {
    rule(value["model"].is_string(), "no model")?;
    let stamp = text(&value["created_at"], "created_at")?;
    rule(stamp.len() == 30 && stamp.ends_with('Z') && stamp.as_bytes()[10] == b'T', "a strange time stamp")?;
    let message = value["message"].as_object().ok_or("no message")?;
    only(message, &["role", "content", "thinking", "tool_calls"])?;
    rule(message["role"] == "assistant", "a strange role")?;
    seen.text.push_str(text(&message["content"], "content")?);
    if let Some(thinking) = message.get("thinking") {
        seen.reasoning.push_str(text(thinking, "thinking")?);
    }
    for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        let function = &call["function"];
        rule(function["arguments"].is_object(), "arguments are no object")?;
        let id = text(&call["id"], "an id")?;
        rule(!id.is_empty() && seen.calls.iter().all(|call| call.id != id), "an id used twice, or none")?;
        let name = text(&function["name"], "a name")?.to_owned();
        seen.calls.push(Call { id: id.to_owned(), name, arguments: function["arguments"].to_string() });
    }
    let done = value["done"].as_bool().ok_or("done is no boolean")?;
    rule(done == value["done_reason"].is_string(), "a reason says that the answer is done")?;
    if done {
        let reasons = ["stop", "length", "load", "unload"];
        rule(value["done_reason"].as_str().is_some_and(|word| reasons.contains(&word)), "an unknown reason")?;
        seen.ended = Ended::Normally;
    }
    Ok(())
}

#[test]
fn illegal_streams_are_told() {
    let chunk = |rest: &str| {
        format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{rest}]}}\n\n"
        )
    };
    let role = chunk(r#"{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}"#);
    let finish = chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#);
    let done = "data: [DONE]\n\n";
    let openai = |stream: String| check(DialectId::OpenAiChat, &stream);
    assert_eq!(openai(format!("{role}{finish}{done}")).map(|seen| seen.ended), Ok(Ended::Normally));
    for bad in [
        format!("{role}{done}"),
        format!("{role}{finish}"),
        format!("{finish}{done}"),
        format!("{role}{finish}{done}{done}"),
        format!("{role}{role}"),
        format!("{role}{finish}{finish}{done}"),
        role.trim_end().to_owned(),
    ] {
        assert!(openai(bad.clone()).is_err(), "{bad}");
    }
    let chunk = |finish: &str| {
        format!(
            "data: {{\"id\":\"c\",\"object\":\"text_completion\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\
             \"text\":\"\",\"logprobs\":null,\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let (text, finish) = (chunk("null"), chunk("\"stop\""));
    let completions = |stream: String| check(DialectId::OpenAiCompletions, &stream);
    assert_eq!(completions(format!("{text}{finish}{done}")).map(|seen| seen.ended), Ok(Ended::Normally));
    for bad in [
        format!("{text}{done}"),
        format!("{text}{finish}"),
        format!("{finish}{finish}{done}"),
        format!("{finish}{done}{done}"),
        text.replace("null,", "{\"tokens\":[],\"token_logprobs\":[1],\"text_offset\":[]},"),
    ] {
        assert!(completions(bad.clone()).is_err(), "{bad}");
    }
    let line = |rest: &str| {
        format!(
            "{{\"model\":\"m\",\"created_at\":\"2025-10-09T08:55:00.001000000Z\",\
             \"message\":{{\"role\":\"assistant\",\"content\":\"\"}},{rest}}}\n"
        )
    };
    let last = line(r#""done":true,"done_reason":"stop""#);
    assert_eq!(check(DialectId::Ollama, &last).map(|seen| seen.ended), Ok(Ended::Normally));
    for bad in [format!("{last}{last}"), line(r#""done":true"#), line(r#""done_reason":"stop""#)] {
        assert!(check(DialectId::Ollama, &bad).is_err(), "{bad}");
    }
    let event = |kind: &str, rest: &str| format!("event: {kind}\ndata: {{\"type\":\"{kind}\"{rest}}}\n\n");
    let start = event(
        "message_start",
        r#","message":{"id":"msg_1","model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":0}}"#,
    );
    let delta = event("message_delta", r#","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":0}"#);
    let stop = event("message_stop", "");
    let anthropic = |stream: String| check(DialectId::AnthropicMessages, &stream);
    assert_eq!(anthropic(format!("{start}{delta}{stop}")).map(|seen| seen.ended), Ok(Ended::Normally));
    let block = event("content_block_start", r#","index":0,"content_block":{"type":"text","text":""}"#);
    let close = event("content_block_stop", r#","index":0"#);
    for bad in [
        format!("{start}{stop}"),
        format!("{delta}{stop}"),
        format!("{start}{start}"),
        format!("{start}{block}{delta}"),
        format!("{start}{block}{close}"),
        format!("{start}{close}"),
        format!("{start}{delta}{stop}{stop}"),
    ] {
        assert!(anthropic(bad.clone()).is_err(), "{bad}");
    }
}
