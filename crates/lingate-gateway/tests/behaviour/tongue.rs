//! The three chat dialects as a test speaks them, on either side of the gateway.

use lingate_testkit::{Answer, ClientRequest, Reply, Step};
use serde_json::Value;

/// A dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tongue {
    OpenAi,
    Anthropic,
    Ollama,
}

use Tongue::{Anthropic, Ollama, OpenAi};

impl Tongue {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [OpenAi, Anthropic, Ollama];

    /// Where a client asks.
    pub(crate) fn path(self) -> &'static str {
        match self {
            OpenAi => "/v1/chat/completions",
            Anthropic => "/v1/messages",
            Ollama => "/api/chat",
        }
    }

    /// A kind of backend that speaks it.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            OpenAi => "vllm",
            Anthropic => "anthropic",
            Ollama => "ollama",
        }
    }

    /// A client's body.
    pub(crate) fn body(self, model: &str, stream: bool) -> String {
        self.body_saying(model, stream, "hi")
    }

    /// A client's body with this text.
    pub(crate) fn body_saying(self, model: &str, stream: bool, text: &str) -> String {
        let max = if self == Anthropic { r#""max_tokens":64,"# } else { "" };
        format!(r#"{{"model":"{model}",{max}"messages":[{{"role":"user","content":"{text}"}}],"stream":{stream}}}"#)
    }

    /// A client's request.
    pub(crate) fn request(self, stream: bool) -> ClientRequest {
        ClientRequest::post(self.path()).body(self.body("m", stream))
    }

    /// The type of a stream.
    pub(crate) fn stream_type(self) -> &'static str {
        if self == Ollama { "application/x-ndjson" } else { "text/event-stream" }
    }

    /// What an upstream's stream begins with, before any text.
    pub(crate) fn opening(self) -> String {
        match self {
            OpenAi => openai_chunk(r#"{"role":"assistant","content":""}"#, "null"),
            Anthropic => [
                event(r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"real","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}}"#),
                event(r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#),
            ]
            .concat(),
            Ollama => String::new(),
        }
    }

    /// One piece of text of an upstream's stream.
    pub(crate) fn delta(self, text: &str) -> String {
        match self {
            OpenAi => openai_chunk(&format!(r#"{{"content":"{text}"}}"#), "null"),
            Anthropic => event(&format!(
                r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{text}"}}}}"#
            )),
            Ollama => format!(
                "{{\"model\":\"real\",\"created_at\":\"2026-01-02T03:04:05Z\",\"message\":{{\"role\":\"assistant\",\
                 \"content\":\"{text}\"}},\"done\":false}}\n"
            ),
        }
    }

    /// What says why the text ended, before the terminator; nothing in Ollama's form.
    pub(crate) fn finish(self) -> String {
        match self {
            OpenAi => openai_chunk("{}", r#""stop""#),
            Anthropic => [
                event(r#"{"type":"content_block_stop","index":0}"#),
                event(r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}"#),
            ]
            .concat(),
            Ollama => String::new(),
        }
    }

    /// The end of an upstream's stream.
    pub(crate) fn end(self) -> String {
        match self {
            OpenAi => "data: [DONE]\n\n".to_owned(),
            Anthropic => event(r#"{"type":"message_stop"}"#),
            Ollama => "{\"model\":\"real\",\"created_at\":\"2026-01-02T03:04:06Z\",\"message\":{\"role\":\"assistant\",\
                       \"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":3,\"eval_count\":5}\n"
                .to_owned(),
        }
    }

    /// A whole stream with these texts.
    pub(crate) fn stream(self, texts: &[&str]) -> String {
        let deltas: String = texts.iter().map(|text| self.delta(text)).collect();
        [self.opening(), deltas, self.finish(), self.end()].concat()
    }

    /// An upstream's answer that is such a stream.
    pub(crate) fn streaming(self, steps: Vec<Step>) -> Reply {
        Reply::stream(self.stream_type(), steps)
    }

    /// An upstream's whole answer.
    pub(crate) fn whole(self, text: &str) -> String {
        match self {
            OpenAi => format!(
                r#"{{"id":"c1","object":"chat.completion","created":1,"model":"real","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}}}"#
            ),
            Anthropic => format!(
                r#"{{"id":"msg_1","type":"message","role":"assistant","model":"real","content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":3,"output_tokens":5}}}}"#
            ),
            Ollama => format!(
                r#"{{"model":"real","created_at":"2026-01-02T03:04:05Z","message":{{"role":"assistant","content":"{text}"}},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":5}}"#
            ),
        }
    }

    /// An upstream's error body.
    pub(crate) fn refusal(self, message: &str) -> String {
        match self {
            OpenAi => format!(r#"{{"error":{{"message":"{message}","type":"some_error","param":null,"code":null}}}}"#),
            Anthropic => format!(r#"{{"type":"error","error":{{"type":"api_error","message":"{message}"}}}}"#),
            Ollama => format!(r#"{{"error":"{message}"}}"#),
        }
    }

    /// An error as an event of an upstream's stream.
    pub(crate) fn error_event(self, message: &str) -> String {
        match self {
            OpenAi => format!("data: {}\n\n", self.refusal(message)),
            Anthropic => event(&self.refusal(message)),
            Ollama => format!("{}\n", self.refusal(message)),
        }
    }

    /// Whether a client's stream holds the sign of a normal end.
    pub(crate) fn has_ended(self, stream: &str) -> bool {
        match self {
            OpenAi => stream.contains("[DONE]"),
            Anthropic => stream.contains("message_stop"),
            Ollama => stream.contains(r#""done":true"#),
        }
    }

    /// The text of a client's whole answer.
    pub(crate) fn text(self, answer: &Value) -> &str {
        let text = match self {
            OpenAi => &answer["choices"][0]["message"]["content"],
            Anthropic => &answer["content"][0]["text"],
            Ollama => &answer["message"]["content"],
        };
        text.as_str().unwrap_or_default()
    }

    /// The message of an error answer, whose form must be the dialect's.
    pub(crate) fn error(self, answer: &Answer) -> String {
        assert_eq!(answer.header("content-type"), Some("application/json"), "{}", answer.text());
        let has_id = self != Anthropic || answer.json()["request_id"].is_string();
        assert!(has_id, "{}", answer.text());
        self.error_message(&answer.json()).unwrap_or_else(|| panic!("not {self:?}'s error: {}", answer.text()))
    }

    /// The message of the error that ends a client's stream, if one does, in the dialect's form.
    pub(crate) fn stream_error(self, stream: &str) -> Option<String> {
        let last = stream.trim_end().lines().last()?;
        let data = if self == Ollama { last } else { last.strip_prefix("data:")? };
        if self == Anthropic && !stream.contains("event: error\n") {
            return None;
        }
        self.error_message(&serde_json::from_str(data).ok()?)
    }

    fn error_message(self, body: &Value) -> Option<String> {
        let error = &body["error"];
        let message = match self {
            OpenAi => {
                let whole = error["type"].is_string() && error.get("param").is_some() && error.get("code").is_some();
                whole.then_some(&error["message"])?
            }
            Anthropic => {
                let whole = body["type"] == "error" && error["type"].is_string();
                whole.then_some(&error["message"])?
            }
            Ollama => error,
        };
        message.as_str().map(str::to_owned)
    }
}

fn openai_chunk(delta: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"real\",\"choices\":\
         [{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
    )
}

fn event(data: &str) -> String {
    let name = serde_json::from_str::<Value>(data).unwrap()["type"].as_str().unwrap().to_owned();
    format!("event: {name}\ndata: {data}\n\n")
}
