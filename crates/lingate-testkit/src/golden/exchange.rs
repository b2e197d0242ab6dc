//! One scripted exchange of the upstream of a golden case: which call it takes and what it answers.

use std::time::Duration;

use bytes::Bytes;
use regex_lite::Regex;
use serde_json::{Map, Value};

use crate::upstream::{Reply, Step};

/// A call that is expected and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub(super) method: String,
    /// The patterns as written, for messages.
    pub(super) path: String,
    paths: Vec<Regex>,
    /// What the call's body must match.
    pub(super) expect: Option<Value>,
    /// What the call's headers must match.
    pub(super) expect_headers: Option<Value>,
    /// It need not be called.
    pub(super) optional: bool,
    /// It takes any number of calls.
    pub(super) repeat: bool,
    status: u16,
    headers: Vec<(String, String)>,
    answer: Answer,
}

#[derive(Debug, Clone)]
enum Answer {
    Whole(String),
    Stream { steps: Vec<Step>, content_type: &'static str },
}

impl Exchange {
    /// An exchange from the members of an element of `backend_exchanges`.
    ///
    /// # Errors
    /// A path that is no regular expression, or a stream element of an unknown kind.
    pub fn from_members(members: &Map<String, Value>) -> Result<Self, String> {
        let text = |key: &str| members.get(key).and_then(Value::as_str);
        let flag = |key: &str| members.get(key).and_then(Value::as_bool).unwrap_or_default();
        let patterns: Vec<&str> = match members.get("path") {
            Some(Value::String(pattern)) => vec![pattern],
            Some(Value::Array(patterns)) => patterns.iter().filter_map(Value::as_str).collect(),
            _ => return Err("an exchange has no path".to_owned()),
        };
        let full = |pattern: &&str| {
            Regex::new(&format!(r"\A(?:{pattern})\z")).map_err(|error| format!("path {pattern}: {error}"))
        };
        let paths = patterns.iter().map(full).collect::<Result<_, _>>()?;
        let headers = members.get("headers").and_then(Value::as_object).into_iter().flatten();
        let status = members
            .get("status")
            .map_or(Some(200), |status| status.as_u64().and_then(|status| u16::try_from(status).ok()));
        Ok(Self {
            method: text("method").unwrap_or("POST").to_owned(),
            path: patterns.join(" or "),
            paths,
            expect: members.get("expect").cloned(),
            expect_headers: members.get("expect_headers").cloned(),
            optional: flag("optional"),
            repeat: flag("repeat"),
            status: status.filter(|status| (200..=999).contains(status)).ok_or("the status is no HTTP status")?,
            headers: headers.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect(),
            answer: answer(members)?,
        })
    }

    /// Whether it takes a call of this method and path (without the query).
    pub(super) fn takes(&self, method: &str, path: &str) -> bool {
        self.method == method && self.paths.iter().any(|pattern| pattern.is_match(path))
    }

    /// Its answer.
    pub(super) fn reply(&self) -> Reply {
        let reply = match &self.answer {
            Answer::Whole(body) => Reply::json(self.status, body.clone()),
            Answer::Stream { steps, content_type } => Reply::stream(content_type, steps.clone()).status(self.status),
        };
        self.headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value))
    }

    /// The bytes of its stream up to a cut, without the pauses.
    pub(super) fn stream_bytes(&self) -> Vec<u8> {
        let Answer::Stream { steps, .. } = &self.answer else { return Vec::new() };
        let written = steps.iter().take_while(|step| !matches!(step, Step::Cut));
        let pieces = written.filter_map(|step| if let Step::Bytes(bytes) = step { Some(&bytes[..]) } else { None });
        pieces.collect::<Vec<_>>().concat()
    }
}

fn answer(members: &Map<String, Value>) -> Result<Answer, String> {
    if let Some(elements) = members.get("stream") {
        let ndjson = members.get("framing").is_some_and(|framing| framing == "ndjson");
        let (end, content_type) = if ndjson { ("\n", "application/x-ndjson") } else { ("\n\n", "text/event-stream") };
        let elements = elements.as_array().ok_or("stream is not a list")?;
        let steps = elements.iter().map(|element| step(element, end)).collect::<Result<_, _>>()?;
        return Ok(Answer::Stream { steps, content_type });
    }
    let raw = members.get("response_raw").and_then(Value::as_str).map(str::to_owned);
    Ok(Answer::Whole(raw.unwrap_or_else(|| members.get("response").unwrap_or(&Value::Null).to_string())))
}

fn step(element: &Value, end: &str) -> Result<Step, String> {
    let odd = || format!("an odd stream element: {element}");
    if let Some(event) = element.as_str() {
        return Ok(Step::bytes(format!("{event}{end}")));
    }
    let (name, value) = element.as_object().and_then(|members| members.iter().next()).ok_or_else(odd)?;
    match (name.as_str(), value) {
        ("raw", Value::String(text)) => Ok(Step::bytes(text.clone())),
        ("b64", Value::String(text)) => {
            base64_simd::STANDARD.decode_to_vec(text).map(|bytes| Step::Bytes(Bytes::from(bytes))).map_err(|_| odd())
        }
        ("sleep_ms", Value::Number(pause)) => Ok(Step::Sleep(Duration::from_millis(pause.as_u64().ok_or_else(odd)?))),
        ("close", Value::Bool(true)) => Ok(Step::Cut),
        _ => Err(odd()),
    }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "`json!` literals read best by value")]
mod tests {
    use serde_json::json;

    use super::*;

    fn exchange(members: Value) -> Result<Exchange, String> {
        Exchange::from_members(members.as_object().unwrap())
    }

    #[test]
    fn paths_match_in_full() {
        let one = exchange(json!({"path": "/a/(b|c)", "response": {}})).unwrap();
        assert!(one.takes("POST", "/a/b") && one.takes("POST", "/a/c"));
        assert!(!one.takes("POST", "/a/bc") && !one.takes("POST", "/x/a/b") && !one.takes("GET", "/a/b"));
        let two = exchange(json!({"path": ["/a|/b", "/c"], "method": "GET"})).unwrap();
        assert!(two.takes("GET", "/a") && two.takes("GET", "/c") && !two.takes("GET", "/a/c"));
        assert!(exchange(json!({"path": "("})).is_err());
        assert!(exchange(json!({})).is_err());
        assert!(exchange(json!({"path": "/", "status": 7})).is_err());
    }

    #[test]
    fn stream_elements() {
        let stream = json!(["data: 1", {"raw": "da"}, {"b64": "dGE6"}, {"sleep_ms": 1}, {"raw": " 2\n\n"}, {"close": true}, "lost"]);
        let sse = exchange(json!({"path": "/", "stream": stream})).unwrap();
        assert_eq!(sse.stream_bytes(), b"data: 1\n\ndata: 2\n\n");
        let lines = exchange(json!({"path": "/", "stream": ["{}", "{}"], "framing": "ndjson"})).unwrap();
        assert_eq!(lines.stream_bytes(), b"{}\n{}\n");
        for odd in [json!(1), json!({}), json!({"b64": "?"}), json!({"close": false}), json!({"sleep_ms": -1})] {
            assert!(exchange(json!({"path": "/", "stream": [odd]})).is_err());
        }
    }
}
