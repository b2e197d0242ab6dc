//! The upstreams: one for each dialect, strict readers of it, with one model of several tempers behind them.

use crate::mind::{Answer, Asked, answer};
use crate::{anthropic, ollama, openai};
use lingate_testkit::{Reply, Request, Step, Upstream};
use serde_json::Value;

/// The credential of the endpoints. No client may see it.
pub(crate) const UPSTREAM_KEY: &str = "sk-upstream-canary-31c7";
/// The clients' key. No upstream may see it.
pub(crate) const CLIENT_KEY: &str = "ck-client-canary-88e2";

/// How an upstream speaks.
pub(crate) struct Dialect {
    /// The name of the endpoint, and the type of its backend.
    pub(crate) name: &'static str,
    /// What stands behind the address in the endpoint's URL.
    pub(crate) root: &'static str,
    /// Where it is asked.
    pub(crate) path: &'static str,
    /// The type of a stream.
    pub(crate) stream_type: &'static str,
    /// The header of the credential, and what stands before the credential there.
    pub(crate) credential: (&'static str, &'static str),
    /// Reads a request; the error says what is wrong with it.
    pub(crate) read: fn(&Request) -> Result<Asked, String>,
    /// A whole answer.
    pub(crate) whole: fn(&Asked, &Answer) -> Value,
    /// A streamed answer, event by event.
    pub(crate) events: fn(&Asked, &Answer) -> Vec<String>,
    /// An error body.
    pub(crate) refusal: fn(u16, &str) -> Value,
    /// An error as an event.
    pub(crate) broken: fn(&str) -> String,
    /// Answers whatever is no chat.
    pub(crate) other: fn(&Request) -> Option<Reply>,
}

/// All of them.
pub(crate) static DIALECTS: [&Dialect; 3] = [&openai::DIALECT, &anthropic::DIALECT, &ollama::DIALECT];

impl Dialect {
    /// Starts an upstream.
    pub(crate) async fn start(&'static self) -> Upstream {
        let upstream = Upstream::start().await;
        upstream.on(|request| self.reply(&request)).await;
        upstream
    }

    fn reply(&self, request: &Request) -> Reply {
        let refuse = |status, message: &str| Reply::json(status, (self.refusal)(status, message).to_string());
        let (header, scheme) = self.credential;
        if request.header(header) != Some(&format!("{scheme}{UPSTREAM_KEY}")) {
            return refuse(401, "who are you?");
        }
        if format!("{:?} {}", request.headers, request.text()).contains(CLIENT_KEY) {
            return refuse(400, "the client's key came through");
        }
        if request.path != self.path {
            let unknown = || refuse(404, &format!("unknown path: {} {}", request.method, request.path));
            return (self.other)(request).unwrap_or_else(unknown);
        }
        let asked = match (self.read)(request) {
            Ok(asked) => asked,
            Err(fault) => return refuse(400, &format!("the upstream does not understand: {fault}")),
        };
        let answer = answer(&asked);
        let events = || (self.events)(&asked, &answer);
        match asked.model.as_str() {
            "limited" => refuse(429, "slow down").header("retry-after", "7"),
            "overloaded" => refuse(503, "come back later"),
            "cut" => self.stream([half(events()), vec![Step::Cut]].concat()),
            "broken" => self.stream([half(events()), vec![Step::bytes((self.broken)("the model melted"))]].concat()),
            "endless" => self.stream([half(events()), vec![Step::Hang]].concat()),
            "talk" if asked.stream => self.stream(events().into_iter().map(Step::bytes).collect()),
            "talk" => Reply::json(200, (self.whole)(&asked, &answer).to_string()),
            other => refuse(404, &format!("no model {other}")),
        }
    }

    fn stream(&self, steps: Vec<Step>) -> Reply {
        Reply::stream(self.stream_type, steps)
    }
}

fn half(mut events: Vec<String>) -> Vec<Step> {
    events.truncate(events.len().div_ceil(2));
    events.into_iter().map(Step::bytes).collect()
}

/// The models that each upstream has.
pub(crate) const MODELS: [&str; 6] = ["talk", "limited", "overloaded", "cut", "broken", "endless"];

/// A text member.
pub(crate) fn text<'v>(value: &'v Value, member: &str) -> Result<&'v str, String> {
    value[member].as_str().ok_or_else(|| format!("`{member}` is no text in {value}"))
}

/// An array member; empty if it is absent.
pub(crate) fn list<'v>(value: &'v Value, member: &str) -> Result<&'v [Value], String> {
    match value.get(member) {
        None => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(other) => Err(format!("`{member}` is no array: {other}")),
    }
}

/// An object member.
pub(crate) fn object<'v>(value: &'v Value, member: &str) -> Result<&'v Value, String> {
    let found = &value[member];
    if found.is_object() { Ok(found) } else { Err(format!("`{member}` is no object in {value}")) }
}

/// A text, or the texts of an array of text parts.
pub(crate) fn texts(content: &Value) -> Result<String, String> {
    match content {
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => parts.iter().map(|part| text(part, "text")).collect(),
        other => Err(format!("neither text nor parts: {other}")),
    }
}
