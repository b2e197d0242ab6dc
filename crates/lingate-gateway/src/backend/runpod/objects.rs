//! The objects among a worker's outputs: OpenAI's chunks and answers, worker-vllm's own form, Ollama's.

use super::chunk::{self, Usage};
use super::gather::{Gather, unknown};
use lingate_codec::ir::ApiError;
use lingate_codec::json::{Object, Raw, Writer};

impl Gather {
    pub(super) fn object(&mut self, object: &Object<'_>, out: &mut Vec<u8>) -> Result<(), ApiError> {
        self.close_frame(out);
        self.any = true;
        if is_error(object) {
            chunk::write_raw(object.text(), out);
            self.done = true;
            return Ok(());
        }
        if let Some(usage) = object.given("usage").and_then(Usage::of) {
            self.usage = Some(usage);
        }
        if let Some(choices) = object.given("choices").and_then(Raw::array) {
            let choices: Vec<_> = choices.filter_map(Raw::object).collect();
            return self.choices(object, &choices, out);
        }
        self.plain(object, out)
    }

    fn choices(&mut self, object: &Object<'_>, choices: &[Object<'_>], out: &mut Vec<u8>) -> Result<(), ApiError> {
        let own = choices.iter().any(|choice| {
            let content = choice.given("delta").and_then(|delta| delta.object()?.given("content"));
            choice.get("tokens").is_some()
                || choice.get("message").is_some()
                || (self.head.chat && choice.get("text").is_some())
                || content.is_some_and(|content| content.string().is_none())
        });
        if !own {
            // A chunk as it should be; also one of usage alone.
            let finish = choices.iter().find_map(|choice| choice.string("finish_reason"));
            self.finish_told |= finish.is_some();
            self.usage_told |= object.given("usage").is_some();
            chunk::write_raw(object.text(), out);
            return Ok(());
        }
        for (place, choice) in choices.iter().enumerate() {
            let index = choice.given("index").and_then(Raw::u64).and_then(|index| usize::try_from(index).ok());
            self.choice(index.unwrap_or(place), choice, out);
        }
        Ok(())
    }

    fn choice(&mut self, index: usize, choice: &Object<'_>, out: &mut Vec<u8>) {
        if let Some(tokens) = choice.given("tokens").or_else(|| choice.given("text")) {
            self.say(index, &joined(tokens), out);
        }
        if let Some(message) = choice.given("message").or_else(|| choice.given("delta")).and_then(Raw::object) {
            self.message(index, &message, out);
        }
        if let Some(word) = choice.string("finish_reason").filter(|word| !word.is_empty()) {
            self.finish = Some(word.into_owned());
        }
    }

    /// What a whole message or a strange delta holds, as deltas.
    fn message(&mut self, index: usize, message: &Object<'_>, out: &mut Vec<u8>) {
        for key in ["reasoning_content", "reasoning", "thinking"] {
            if let Some(thought) = message.string(key).filter(|thought| !thought.is_empty()) {
                self.delta(index, out, |w| w.string_member("reasoning_content", &thought));
                break;
            }
        }
        if let Some(content) = message.given("content") {
            self.say(index, &joined(content), out);
        }
        for key in ["refusal", "annotations"] {
            if let Some(value) = message.given(key) {
                self.delta(index, out, |w| w.raw_member(key, value));
            }
        }
        for call in message.given("tool_calls").and_then(Raw::array).into_iter().flatten() {
            let Some(call) = call.object() else { continue };
            let number = self.calls;
            self.calls += 1;
            let id = format!("call_{}_{number}", self.head.id);
            self.delta(index, out, |w| write_call(&call, number, &id, w));
        }
    }

    /// Ollama's answers, and other objects that hold their text under a name.
    fn plain(&mut self, object: &Object<'_>, out: &mut Vec<u8>) -> Result<(), ApiError> {
        let text = ["response", "text", "generated_text"].into_iter().find_map(|key| object.given(key));
        let message = object.given("message").and_then(Raw::object);
        if let Some(usage) = Usage::of_ollama(object) {
            self.usage = Some(usage);
        }
        if text.is_none() && message.is_none() {
            return if self.usage.is_some() && object.get("usage").is_some() { Ok(()) } else { Err(unknown()) };
        }
        if let Some(thought) = object.string("thinking").filter(|thought| !thought.is_empty()) {
            self.delta(0, out, |w| w.string_member("reasoning_content", &thought));
        }
        if let Some(message) = message {
            self.message(0, &message, out);
        }
        if let Some(text) = text {
            self.say(0, &joined(text), out);
        }
        if let Some(word) = object.string("done_reason").filter(|word| *word == "length") {
            self.finish = Some(word.into_owned());
        }
        Ok(())
    }
}

/// A call as OpenAI's streams have it: numbered, its arguments a text.
fn write_call(call: &Object<'_>, number: usize, id: &str, w: &mut Writer<'_>) {
    let function = call.given("function").and_then(Raw::object);
    let of = |key: &str| function.as_ref()?.given(key);
    w.key("tool_calls");
    w.begin_array();
    w.begin_object();
    w.integer_member("index", number);
    w.string_member("id", call.string("id").filter(|id| !id.is_empty()).as_deref().unwrap_or(id));
    w.string_member("type", "function");
    w.key("function");
    w.begin_object();
    w.string_member("name", &of("name").and_then(Raw::string).unwrap_or_default());
    let arguments = of("arguments");
    let text = arguments.map(|arguments| arguments.string().unwrap_or_else(|| arguments.text()));
    w.string_member("arguments", &text.unwrap_or("{}".into()));
    w.end_object();
    w.end_object();
    w.end_array();
}

/// Whether an object is an error in the place of an answer: `{"error": …}`, or vLLM's `{"object":"error", …}`.
pub(super) fn is_error(object: &Object<'_>) -> bool {
    let said = object.given("error").is_some_and(|error| !matches!(error.bytes(), b"\"\"" | b"{}" | b"false" | b"[]"));
    (said || object.string("object").as_deref() == Some("error")) && object.get("choices").is_none()
}

/// A text, or a list of texts or of parts with a text, in one.
fn joined(value: Raw<'_>) -> String {
    if let Some(text) = value.string() {
        return text.into_owned();
    }
    let part = |part: Raw<'_>| match part.string() {
        Some(text) => text.into_owned(),
        None => part.object().and_then(|part| part.string("text").map(Into::into)).unwrap_or_default(),
    };
    value.array().into_iter().flatten().map(part).collect()
}
