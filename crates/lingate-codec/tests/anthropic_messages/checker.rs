//! An independent reader of streams: says what is illegal, and what the stream held.

use serde_json::{Value, json};

/// What a stream held.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// Blocks; the input of a call as its text in `$json`.
    pub content: Vec<Value>,
    pub stop_reason: Option<String>,
    pub stop_sequence: Option<String>,
    /// Of `message_start`, updated by `message_delta`.
    pub usage: serde_json::Map<String, Value>,
    pub error: Option<Value>,
    pub stopped: bool,
    pub started: bool,
}

impl Seen {
    /// All text put together.
    pub(crate) fn text(&self) -> String {
        self.of_type("text", "text")
    }

    /// All thoughts put together.
    pub(crate) fn thoughts(&self) -> String {
        self.of_type("thinking", "thinking")
    }

    fn of_type(&self, kind: &str, member: &str) -> String {
        let blocks = self.content.iter().filter(|block| block["type"] == kind);
        blocks.filter_map(|block| block[member].as_str()).collect()
    }
}

struct Reader {
    seen: Seen,
    open: Option<Value>,
    next: u64,
    delta: bool,
}

/// Reads a stream; an error says which rule it breaks.
pub(crate) fn check(stream: &str) -> Result<Seen, String> {
    let mut reader = Reader { seen: Seen::default(), open: None, next: 0, delta: false };
    for frame in stream.split_inclusive("\n\n") {
        let frame = frame.strip_suffix("\n\n").ok_or_else(|| format!("unfinished frame {frame:?}"))?;
        let rest = frame.strip_prefix("event: ").ok_or_else(|| format!("no event line in {frame:?}"))?;
        let (name, data) = rest.split_once("\ndata: ").ok_or_else(|| format!("no data line in {frame:?}"))?;
        let data: Value = serde_json::from_str(data).map_err(|error| format!("{error} in {data:?}"))?;
        if data["type"] != name {
            return Err(format!("event {name} has data of type {}", data["type"]));
        }
        reader.read(name, &data).map_err(|error| format!("{error}: {frame:?}"))?;
    }
    if reader.seen.stopped && !reader.delta {
        return Err("message_stop without message_delta".into());
    }
    Ok(reader.seen)
}

impl Reader {
    fn read(&mut self, name: &str, data: &Value) -> Result<(), String> {
        if self.seen.stopped || self.seen.error.is_some() {
            return Err("something after the end".into());
        }
        match name {
            "ping" => return Ok(()),
            "error" => {
                let error = &data["error"];
                if !error["type"].is_string() || !error["message"].is_string() {
                    return Err("an error without type or message".into());
                }
                self.seen.error = Some(error.clone());
                return Ok(());
            }
            "message_start" => return self.start(&data["message"]),
            _ if !self.seen.started => return Err("something before message_start".into()),
            _ if self.delta && name != "message_stop" => return Err("something after message_delta".into()),
            _ => {}
        }
        match name {
            "content_block_start" => self.block_start(data),
            "content_block_delta" => self.block_delta(data),
            "content_block_stop" => self.block_stop(data),
            "message_delta" => self.message_delta(data),
            "message_stop" => {
                self.seen.stopped = true;
                Ok(())
            }
            _ => Err("an unknown event".into()),
        }
    }

    fn start(&mut self, message: &Value) -> Result<(), String> {
        if self.seen.started {
            return Err("a second message_start".into());
        }
        self.seen.started = true;
        let fits = message["type"] == "message"
            && message["role"] == "assistant"
            && message["content"] == json!([])
            && message["stop_reason"].is_null()
            && message["id"].as_str().is_some_and(|id| id.starts_with("msg_"))
            && message["model"].is_string()
            && message["usage"]["input_tokens"].is_u64()
            && message["usage"]["output_tokens"].is_u64();
        self.take_usage(&message["usage"]);
        if fits { Ok(()) } else { Err("a malformed message_start".into()) }
    }

    fn take_usage(&mut self, usage: &Value) {
        self.seen.usage.extend(usage.as_object().cloned().unwrap_or_default());
    }

    fn block_start(&mut self, data: &Value) -> Result<(), String> {
        if self.open.is_some() {
            return Err("a block begins while another is open".into());
        }
        if data["index"] != self.next {
            return Err(format!("block {} where {} is next", data["index"], self.next));
        }
        let mut block = data["content_block"].clone();
        match block["type"].as_str() {
            Some("text") if block["text"] == "" => {}
            Some("thinking") if block["thinking"] == "" && block["signature"] == "" => {}
            Some("redacted_thinking") if block["data"].is_string() => {}
            Some("tool_use") => {
                let id = block["id"].as_str().unwrap_or_default();
                let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                if id.is_empty() || !id.chars().all(legal) || block["input"] != json!({}) || !block["name"].is_string()
                {
                    return Err("a malformed tool_use".into());
                }
                if self.seen.content.iter().any(|other| other["id"] == id) {
                    return Err("two calls of one id".into());
                }
                block["$json"] = json!("");
            }
            _ => return Err("a malformed block".into()),
        }
        self.open = Some(block);
        Ok(())
    }

    fn block_delta(&mut self, data: &Value) -> Result<(), String> {
        let Some(block) = self.open.as_mut().filter(|_| data["index"] == self.next) else {
            return Err("a delta for a block that is not open".into());
        };
        let delta = &data["delta"];
        let (kind, from, to) = match delta["type"].as_str() {
            Some("text_delta") => ("text", "text", "text"),
            Some("thinking_delta") => ("thinking", "thinking", "thinking"),
            Some("signature_delta") => ("thinking", "signature", "signature"),
            Some("input_json_delta") => ("tool_use", "partial_json", "$json"),
            Some("citations_delta") if block["type"] == "text" && delta["citation"]["type"].is_string() => {
                return Ok(());
            }
            _ => return Err("an unknown delta".into()),
        };
        if block["type"] != kind {
            return Err(format!("a delta for {kind} in a block of {}", block["type"]));
        }
        let piece = delta[from].as_str().filter(|piece| !piece.is_empty()).ok_or("an empty delta")?;
        block[to] = json!(format!("{}{piece}", block[to].as_str().unwrap_or_default()));
        Ok(())
    }

    fn block_stop(&mut self, data: &Value) -> Result<(), String> {
        let block = self.open.take().filter(|_| data["index"] == self.next).ok_or("no such block is open")?;
        if block["type"] == "text" && block["text"] == "" {
            return Err("an empty text block".into());
        }
        self.seen.content.push(block);
        self.next += 1;
        Ok(())
    }

    fn message_delta(&mut self, data: &Value) -> Result<(), String> {
        if self.open.is_some() {
            return Err("message_delta while a block is open".into());
        }
        self.delta = true;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        self.seen.stop_reason = text(&data["delta"]["stop_reason"]);
        self.seen.stop_sequence = text(&data["delta"]["stop_sequence"]);
        if self.seen.stop_reason.is_none() {
            return Err("no stop_reason".into());
        }
        if !data["usage"]["output_tokens"].is_u64() {
            return Err("no output_tokens".into());
        }
        self.take_usage(&data["usage"]);
        Ok(())
    }
}

#[test]
fn illegal_streams_are_told() {
    let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\
                 \"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":0,\
                 \"output_tokens\":0}}}\n\n";
    let stop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    assert!(check(start).is_ok());
    for bad in [
        format!("{start}{start}"),
        format!("{start}{stop}"),
        stop.to_owned(),
        format!("{start}data: {{}}\n\n"),
        format!("{start}event: ping\ndata: {{\"type\":\"pong\"}}\n\n"),
        format!("{start}event: content_block_stop\ndata: {{\"type\":\"content_block_stop\",\"index\":0}}\n\n"),
        start.trim_end().to_owned(),
    ] {
        assert!(check(&bad).is_err(), "{bad}");
    }
}
