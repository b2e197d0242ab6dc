//! The wire forms that the faulty upstream's answers have: frames of a stream, whole answers, errors.

use serde_json::{Value, json};

use super::tag::Count;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Chat Completions.
    Chat,
    /// OpenAI's text completions.
    Completions,
    /// Anthropic's Messages.
    Messages,
    /// `/api/chat`.
    OllamaChat,
    /// `/api/generate`.
    OllamaGenerate,
}

/// What a frame is for: faults are placed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Before any text.
    Opening,
    /// One word of the answer.
    Word,
    /// Why the text ended.
    Finish,
    /// Tokens alone.
    Usage,
    /// The terminator.
    End,
    /// An error.
    Error,
}

/// One SSE event or NDJSON line, not yet written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is for.
    pub part: Part,
    /// The SSE event's name.
    pub event: Option<String>,
    /// One line of data.
    pub data: String,
}

/// What an answer says.
#[derive(Debug, Clone)]
pub struct Said {
    /// The answer's id.
    pub id: String,
    /// The model's name.
    pub model: String,
    /// The text in words.
    pub words: Vec<String>,
    /// The tokens; `None`: nothing is said of them.
    pub count: Option<Count>,
}

const MOMENT: &str = "2026-01-02T03:04:05Z";

impl Form {
    /// Whether streams are lines of JSON instead of SSE.
    pub fn is_ndjson(self) -> bool {
        matches!(self, Self::OllamaChat | Self::OllamaGenerate)
    }

    /// The content type of a stream.
    pub fn stream_type(self) -> &'static str {
        if self.is_ndjson() { "application/x-ndjson" } else { "text/event-stream" }
    }

    /// The frames of a whole stream.
    pub fn frames(self, said: &Said) -> Vec<Frame> {
        let words = || said.words.iter().map(|word| self.word(said, word));
        let mut frames = Vec::new();
        match self {
            Self::Chat => {
                let chunk = |part, choices: Value| frame(part, &self.chunk(said, &choices));
                let choice =
                    |delta: Value, finish: Value| json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
                frames.push(chunk(Part::Opening, choice(json!({"role": "assistant", "content": ""}), Value::Null)));
                frames.extend(words());
                frames.push(chunk(Part::Finish, choice(json!({}), json!("stop"))));
                frames.extend(self.usage(said));
                frames.push(done());
            }
            Self::Completions => {
                frames.extend(words());
                let choices = json!([{"index": 0, "text": "", "logprobs": null, "finish_reason": "stop"}]);
                frames.push(frame(Part::Finish, &self.chunk(said, &choices)));
                frames.extend(self.usage(said));
                frames.push(done());
            }
            Self::Messages => {
                let usage = json!({"input_tokens": said.count.map_or(3, fresh), "output_tokens": 1});
                let message = json!({"id": said.id, "type": "message", "role": "assistant", "model": said.model,
                    "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage});
                let block = json!({"type": "text", "text": ""});
                frames.push(named(Part::Opening, &json!({"type": "message_start", "message": message})));
                let start = json!({"type": "content_block_start", "index": 0, "content_block": block});
                frames.push(named(Part::Opening, &start));
                frames.extend(words());
                frames.push(named(Part::Finish, &json!({"type": "content_block_stop", "index": 0})));
                frames.push(named(Part::Finish, &self.message_delta(said)));
                frames.push(named(Part::End, &json!({"type": "message_stop"})));
            }
            Self::OllamaChat | Self::OllamaGenerate => {
                frames.extend(words());
                frames.push(frame(Part::End, &self.line(said, "", true)));
            }
        }
        frames
    }

    /// One word of a stream.
    pub fn word(self, said: &Said, word: &str) -> Frame {
        match self {
            Self::Chat => {
                let choices = json!([{"index": 0, "delta": {"content": word}, "finish_reason": null}]);
                frame(Part::Word, &self.chunk(said, &choices))
            }
            Self::Completions => {
                let choices = json!([{"index": 0, "text": word, "logprobs": null, "finish_reason": null}]);
                frame(Part::Word, &self.chunk(said, &choices))
            }
            Self::Messages => {
                let delta = json!({"type": "text_delta", "text": word});
                named(Part::Word, &json!({"type": "content_block_delta", "index": 0, "delta": delta}))
            }
            Self::OllamaChat | Self::OllamaGenerate => frame(Part::Word, &self.line(said, word, false)),
        }
    }

    /// The tokens as a frame of their own, where the form has one.
    pub fn usage(self, said: &Said) -> Option<Frame> {
        let count = said.count?;
        match self {
            Self::Chat | Self::Completions => {
                let mut chunk = self.chunk(said, &json!([]));
                chunk["usage"] = openai_usage(count);
                Some(frame(Part::Usage, &chunk))
            }
            Self::Messages => Some(named(Part::Usage, &self.message_delta(said))),
            Self::OllamaChat | Self::OllamaGenerate => None,
        }
    }

    /// A whole answer.
    pub fn whole(self, said: &Said) -> Value {
        let text = said.words.concat();
        match self {
            Self::Chat => {
                let message = json!({"role": "assistant", "content": text});
                let choices = json!([{"index": 0, "message": message, "finish_reason": "stop"}]);
                let mut body = self.chunk(said, &choices);
                body["object"] = json!("chat.completion");
                body["usage"] = said.count.map_or(Value::Null, openai_usage);
                body
            }
            Self::Completions => {
                let choices = json!([{"index": 0, "text": text, "logprobs": null, "finish_reason": "stop"}]);
                let mut body = self.chunk(said, &choices);
                body["usage"] = said.count.map_or(Value::Null, openai_usage);
                body
            }
            Self::Messages => {
                let content = json!([{"type": "text", "text": text}]);
                let mut body = json!({"id": said.id, "type": "message", "role": "assistant", "model": said.model,
                    "content": content, "stop_reason": "end_turn", "stop_sequence": null});
                if let Some(count) = said.count {
                    body["usage"] = json!({"input_tokens": fresh(count), "output_tokens": count.output,
                        "cache_read_input_tokens": count.cached});
                }
                body
            }
            Self::OllamaChat | Self::OllamaGenerate => self.line(said, &text, true),
        }
    }

    /// An error's body.
    pub fn error(self, message: &str) -> Value {
        match self {
            Self::Chat | Self::Completions => {
                json!({"error": {"message": message, "type": "some_error", "param": null, "code": null}})
            }
            Self::Messages => json!({"type": "error", "error": {"type": "api_error", "message": message}}),
            Self::OllamaChat | Self::OllamaGenerate => json!({"error": message}),
        }
    }

    /// An error inside a stream.
    pub fn error_frame(self, message: &str) -> Frame {
        let body = self.error(message);
        if self == Self::Messages { named(Part::Error, &body) } else { frame(Part::Error, &body) }
    }

    fn chunk(self, said: &Said, choices: &Value) -> Value {
        let object = if self == Self::Chat { "chat.completion.chunk" } else { "text_completion" };
        json!({"id": said.id, "object": object, "created": 1_700_000_000, "model": said.model, "choices": choices})
    }

    fn message_delta(self, said: &Said) -> Value {
        let mut event = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}});
        if let Some(count) = said.count {
            event["usage"] = json!({"output_tokens": count.output});
        }
        event
    }

    fn line(self, said: &Said, text: &str, done: bool) -> Value {
        let mut line = json!({"model": said.model, "created_at": MOMENT});
        if self == Self::OllamaChat {
            line["message"] = json!({"role": "assistant", "content": text});
        } else {
            line["response"] = json!(text);
        }
        line["done"] = json!(done);
        if done {
            line["done_reason"] = json!("stop");
            if let Some(count) = said.count {
                line["prompt_eval_count"] = json!(count.input);
                line["eval_count"] = json!(count.output);
            }
        }
        line
    }
}

fn frame(part: Part, data: &Value) -> Frame {
    Frame { part, event: None, data: data.to_string() }
}

fn named(part: Part, data: &Value) -> Frame {
    let event = data["type"].as_str().map(str::to_owned);
    Frame { part, event, data: data.to_string() }
}

fn done() -> Frame {
    Frame { part: Part::End, event: None, data: "[DONE]".to_owned() }
}

/// Anthropic's input tokens leave those from the cache out.
fn fresh(count: Count) -> i64 {
    count.input - count.cached
}

fn openai_usage(count: Count) -> Value {
    json!({"prompt_tokens": count.input, "completion_tokens": count.output,
        "total_tokens": count.input.saturating_add(count.output),
        "prompt_tokens_details": {"cached_tokens": count.cached}})
}
