//! The client's stream, from bytes to parsed events: SSE by the WHATWG rules, NDJSON for Ollama.

use serde_json::{Value, json};

use super::failure::abbreviate;

/// The events of one stream.
#[derive(Debug, Clone, Default)]
pub struct Events {
    /// Parsed events, in order. An SSE event with a name has it as `$event`; `[DONE]` is `{"$done": true}`.
    pub events: Vec<Value>,
    /// What is wrong with the framing.
    pub faults: Vec<String>,
}

/// SSE events as (event name, data), and whether an unfinished event lies at the end.
///
/// Lines end with LF, CRLF or CR; a BOM at the start and comments are skipped; `data` lines join with LF; an event
/// without data is dropped.
pub fn parse_sse(text: &str) -> (Vec<(Option<String>, String)>, bool) {
    let (mut events, mut name, mut data) = (Vec::new(), None, Vec::new());
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while let Some(end) = rest.find(['\r', '\n']) {
        let line = &rest[..end];
        rest = &rest[end..];
        rest = rest.strip_prefix("\r\n").unwrap_or_else(|| &rest[1..]);
        if line.is_empty() {
            if !data.is_empty() {
                events.push((name, data.join("\n")));
            }
            (name, data) = (None, Vec::new());
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => name = Some(value.to_owned()),
            "data" => data.push(value),
            _ => {}
        }
    }
    (events, !data.is_empty() || !rest.is_empty())
}

/// The events of a body that a client of this dialect got.
pub fn events_of(dialect: &str, body: &[u8]) -> Events {
    let mut out = Events::default();
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            out.faults.push(format!("the stream is not UTF-8: {error}"));
            return out;
        }
    };
    if dialect.starts_with("ollama") {
        for line in text.split('\n').filter(|line| !line.trim().is_empty()) {
            match serde_json::from_str(line) {
                Ok(event) => out.events.push(event),
                Err(error) => out.faults.push(format!("bad NDJSON line ({error}): {}", abbreviate(line, 120))),
            }
        }
        return out;
    }
    let (events, unfinished) = parse_sse(text);
    if unfinished {
        out.faults.push("the last SSE event is not ended by a blank line".to_owned());
    }
    for (name, data) in events {
        if data.trim() == "[DONE]" {
            out.events.push(json!({ "$done": true }));
            continue;
        }
        match serde_json::from_str::<Value>(&data) {
            Ok(mut event) => {
                if let (Some(members), Some(name)) = (event.as_object_mut(), name.filter(|name| !name.is_empty())) {
                    members.insert("$event".to_owned(), Value::String(name));
                }
                out.events.push(event);
            }
            Err(error) => out.faults.push(format!("SSE data is not JSON ({error}): {}", abbreviate(&data, 160))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sse_lines_and_fields() {
        let text = "\u{feff}: comment\r\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\nid: 7\rdata\r\revent: lost\n\ndata:  x\nother: y\n\n";
        let (events, unfinished) = parse_sse(text);
        let want = [(Some("a".to_owned()), "1\n2".to_owned()), (None, String::new()), (None, " x".to_owned())];
        assert_eq!(events, want);
        assert!(!unfinished);
    }

    #[test]
    fn unfinished_events_are_seen() {
        for (text, unfinished) in
            [("data: x", true), ("data: x\n", true), ("data: x\n\n", false), ("", false), (":x\n", false)]
        {
            assert_eq!(parse_sse(text).1, unfinished, "{text:?}");
        }
    }

    #[test]
    fn events_and_faults() {
        let sse = events_of("anthropic", b"event: ping\ndata: {\"type\":\"ping\"}\n\ndata: [DONE]\n\ndata: {\n\n");
        assert_eq!(sse.events, [json!({"type": "ping", "$event": "ping"}), json!({"$done": true})]);
        assert_eq!(sse.faults.len(), 1);
        let lines = events_of("ollama_chat", b"{\"a\":1}\n\nnot json\n{\"b\":2}");
        assert_eq!(lines.events, [json!({"a": 1}), json!({"b": 2})]);
        assert_eq!(lines.faults.len(), 1);
        assert_eq!(events_of("openai_chat", b"data: \xff\n\n").faults.len(), 1);
    }
}
