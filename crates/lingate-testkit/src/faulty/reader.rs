//! A strict client of each dialect: what an answer says, and whether it ends well, with an error, or in neither way.

use serde_json::{Value, json};

use crate::{
    client::{Answer, ClientRequest, End},
    golden::{assemble, events_of},
};

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Client {
    /// OpenAI's Chat Completions.
    Chat,
    /// OpenAI's text completions.
    Completions,
    /// OpenAI's Responses.
    Responses,
    /// Anthropic's Messages.
    Messages,
    /// Ollama's `/api/chat`.
    OllamaChat,
    /// Ollama's `/api/generate`.
    OllamaGenerate,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// As the dialect wants it.
    Normal,
    /// With an error in the dialect's form, after which nothing came.
    Error {
        /// Its words.
        message: String,
        /// Its code, where the dialect has one.
        code: Option<String>,
    },
    /// In no way that the dialect knows: why.
    Wrong(String),
}

/// What a client saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The status.
    pub status: u16,
    /// The text of the answer, as far as it came.
    pub text: String,
    /// How it ended.
    pub ending: Ending,
}

impl Client {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Chat, Self::Completions, Self::Responses, Self::Messages, Self::OllamaChat, Self::OllamaGenerate];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "openai_chat",
            Self::Completions => "openai_completions",
            Self::Responses => "openai_responses",
            Self::Messages => "anthropic_messages",
            Self::OllamaChat => "ollama chat",
            Self::OllamaGenerate => "ollama generate",
        }
    }

    /// The name of its rules for streams.
    fn rules(self) -> &'static str {
        match self {
            Self::Messages => "anthropic",
            Self::OllamaChat | Self::OllamaGenerate => "ollama",
            _ => self.name(),
        }
    }

    fn is_ollama(self) -> bool {
        matches!(self, Self::OllamaChat | Self::OllamaGenerate)
    }

    /// A request of one user message.
    pub fn request(self, model: &str, stream: bool, prompt: &str) -> ClientRequest {
        let (path, body) = self.ask(model, stream, prompt);
        ClientRequest::post(path).json(&body)
    }

    /// Path and body of such a request.
    pub fn ask(self, model: &str, stream: bool, prompt: &str) -> (&'static str, Value) {
        let messages = json!([{"role": "user", "content": prompt}]);
        let (path, mut body) = match self {
            Self::Chat => ("/v1/chat/completions", json!({"messages": messages})),
            Self::Completions => ("/v1/completions", json!({"prompt": prompt})),
            Self::Responses => ("/v1/responses", json!({"input": prompt, "store": false})),
            Self::Messages => ("/v1/messages", json!({"messages": messages, "max_tokens": 256})),
            Self::OllamaChat => ("/api/chat", json!({"messages": messages})),
            Self::OllamaGenerate => ("/api/generate", json!({"prompt": prompt})),
        };
        body["model"] = json!(model);
        body["stream"] = json!(stream);
        (path, body)
    }
}

/// Reads an answer. `lenient`: oddities in the form that an upstream of the same dialect wrote are its own.
pub fn read(client: Client, stream: bool, answer: &Answer, lenient: bool) -> Seen {
    let status = answer.status.as_u16();
    let (text, ending) = match (status, stream) {
        (200, true) => streamed(client, answer, lenient),
        (200, false) => whole(client, answer),
        _ => (String::new(), refused(client, answer)),
    };
    Seen { status, text, ending }
}

fn json_of(answer: &Answer) -> Result<Value, String> {
    let kind = answer.header("content-type").unwrap_or_default();
    if let End::Cut(why) = &answer.end {
        return Err(format!("the body was cut: {why}"));
    }
    if kind != "application/json" {
        return Err(format!("the type is {kind:?}"));
    }
    serde_json::from_slice(&answer.body).map_err(|error| format!("{error}: {}", answer.text()))
}

fn refused(client: Client, answer: &Answer) -> Ending {
    let body = match json_of(answer) {
        Ok(body) => body,
        Err(why) => return Ending::Wrong(why),
    };
    if client == Client::Messages && !body["request_id"].is_string() {
        return Ending::Wrong(format!("no request_id: {body}"));
    }
    error_of(client, &body).unwrap_or_else(|| Ending::Wrong(format!("not the dialect's error: {body}")))
}

/// The error that a body or an event is, in the dialect's form.
fn error_of(client: Client, body: &Value) -> Option<Ending> {
    let error = &body["error"];
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    if client.is_ollama() {
        return Some(Ending::Error { message: text(error)?, code: None });
    }
    let message = text(&error["message"])?;
    let kind = text(&error["type"]);
    match client {
        Client::Messages => {
            (body["type"] == "error" && kind.is_some()).then_some(Ending::Error { message, code: None })
        }
        _ => {
            let whole = kind.is_some() && error.get("param").is_some() && error.get("code").is_some();
            whole.then(|| Ending::Error { message, code: text(&error["code"]) })
        }
    }
}

fn whole(client: Client, answer: &Answer) -> (String, Ending) {
    let body = match json_of(answer) {
        Ok(body) => body,
        Err(why) => return (String::new(), Ending::Wrong(why)),
    };
    let (text, end) = match client {
        Client::Chat => (&body["choices"][0]["message"]["content"], &body["choices"][0]["finish_reason"]),
        Client::Completions => (&body["choices"][0]["text"], &body["choices"][0]["finish_reason"]),
        Client::Responses => (response_text(&body), &body["status"]),
        Client::Messages => (&body["content"][0]["text"], &body["stop_reason"]),
        Client::OllamaChat => (&body["message"]["content"], &body["done_reason"]),
        Client::OllamaGenerate => (&body["response"], &body["done_reason"]),
    };
    let ending = if end.is_string() && body.get("error").is_none_or(Value::is_null) {
        Ending::Normal
    } else {
        Ending::Wrong(format!("neither an ending nor an error: {body}"))
    };
    (text.as_str().unwrap_or_default().to_owned(), ending)
}

fn response_text(body: &Value) -> &Value {
    let items = body["output"].as_array().map(Vec::as_slice).unwrap_or_default();
    let message = items.iter().find(|item| item["type"] == "message");
    message.map_or(&Value::Null, |item| &item["content"][0]["text"])
}

fn streamed(client: Client, answer: &Answer, lenient: bool) -> (String, Ending) {
    let events = events_of(client.rules(), &answer.body);
    let put = assemble(client.rules(), &events.events);
    let value = &put.value;
    let text = match client {
        Client::Responses | Client::Completions => value["text"].as_str(),
        Client::Messages => value["content"][0]["text"].as_str(),
        _ => value["content"].as_str(),
    };
    // What an unfinished block says is not in the put-together answer.
    let text = text.map_or_else(|| unfinished_text(client, &events.events), str::to_owned);
    (text, ending_of(client, answer, &events.events, value, &[events.faults.clone(), put.faults].concat(), lenient))
}

/// The text of an Anthropic stream whose block was never closed.
fn unfinished_text(client: Client, events: &[Value]) -> String {
    let deltas = events.iter().filter(|_| client == Client::Messages);
    deltas.filter_map(|event| event.pointer("/delta/text")?.as_str()).collect()
}

fn ending_of(
    client: Client,
    answer: &Answer,
    events: &[Value],
    value: &Value,
    faults: &[String],
    lenient: bool,
) -> Ending {
    let want = if client.is_ollama() { "application/x-ndjson" } else { "text/event-stream" };
    let kind = answer.header("content-type").unwrap_or_default();
    if kind.split(';').next() != Some(want) {
        return Ending::Wrong(format!("the type is {kind:?}"));
    }
    if let End::Cut(why) = &answer.end {
        return Ending::Wrong(format!("the stream was cut: {why}"));
    }
    let failed = value["status"] == "failed";
    if value["error"].is_null() && !failed {
        let done = match client {
            Client::Responses => value["status"] == "completed",
            Client::Messages => value["stopped"] == true,
            _ => value["done"] == true,
        };
        return match () {
            () if !done => Ending::Wrong(format!("no end: {}", faults.join("; "))),
            () if !lenient && !faults.is_empty() => Ending::Wrong(faults.join("; ")),
            () => Ending::Normal,
        };
    }
    if value["done"] == true || value["stopped"] == true || value["status"] == "completed" {
        return Ending::Wrong("an error and a normal end".to_owned());
    }
    if !lenient && !faults.is_empty() {
        return Ending::Wrong(faults.join("; "));
    }
    let last = events.last().cloned().unwrap_or_default();
    let told = if failed { told_by_response(&last["response"]["error"]) } else { error_of(client, &last) };
    told.unwrap_or_else(|| Ending::Wrong(format!("the last event is not the dialect's error: {last}")))
}

fn told_by_response(error: &Value) -> Option<Ending> {
    let message = error["message"].as_str().filter(|text| !text.is_empty())?.to_owned();
    Some(Ending::Error { message, code: error["code"].as_str().map(str::to_owned) })
}
