//! Anthropic Messages (`POST /v1/messages`), API versions 2023-06-01 and 2026-10-21.

mod error;
mod fields;
mod request;
mod response;
mod stream;
mod usage;
mod version;

use crate::dialect::{
    AnswerContext, Dialect, DialectId, Field, RelayWants, Stamp, StreamDecoder, StreamEncoder, Target, Unsupported,
};
use crate::frame::{Frame, Framing};
use crate::ir::{Answer, ApiError, Event, Family, Loss, Operation, Request, Tool};
use crate::json::{Edits, Kind, Object, Raw, Writer};
use std::ops::Range;

/// The longest call id that is written: what the strictest dialect takes, so that histories can change providers.
const MAX_CALL_ID: usize = 64;

/// Reads a request to count its tokens: one of Messages, but that `max_tokens` need not be there (SDK 2.11.0,
/// `message_count_tokens_params.py`).
///
/// # Errors
/// A 400 whose `param` is the JSON path at fault.
pub fn decode_count(body: &[u8]) -> Result<Request<'_>, ApiError> {
    request::decode_count(body)
}

/// The dialect.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnthropicMessages;

impl Dialect for AnthropicMessages {
    fn id(&self) -> DialectId {
        DialectId::AnthropicMessages
    }

    fn name(&self) -> &'static str {
        "anthropic_messages"
    }

    fn family(&self) -> Family {
        Family::Anthropic
    }

    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn error_event(&self) -> &'static str {
        "error"
    }

    fn ending(&self) -> &'static [u8] {
        b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
    }

    fn streams_by_default(&self) -> bool {
        false
    }

    fn fields(&self) -> &'static [Field] {
        fields::FIELDS
    }

    fn control_members(&self) -> &'static [&'static str] {
        fields::CONTROL
    }

    fn check(&self, _: Operation, object: &Object<'_>) -> Result<(), ApiError> {
        request::check(object)
    }

    fn decode_request<'a>(&self, _: Operation, body: &'a [u8]) -> Result<Request<'a>, ApiError> {
        request::decode(body)
    }

    fn fit_version(&self, version: &str, request: &mut Request<'_>, loss: &mut Loss) -> Result<(), ApiError> {
        version::fit(version, request, loss)
    }

    fn encode_request(
        &self,
        request: &Request<'_>,
        target: &Target<'_>,
        loss: &mut Loss,
        out: &mut Vec<u8>,
    ) -> Result<(), Unsupported> {
        request::encode(request, target, loss, out)
    }

    fn relay_edits(&self, object: &Object<'_>, wants: &RelayWants<'_>, edits: &mut Edits) {
        if !wants.model.is_empty() {
            let mut model = Vec::new();
            Writer::new(&mut model).string(wants.model);
            edits.set(object, "model", &model);
        }
        if let Some(stream) = wants.stream {
            edits.set(object, "stream", if stream { b"true" } else { b"false" });
        }
        if !wants.system_prompt.is_empty() {
            put_system_first(object, wants.system_prompt, edits);
        }
        for member in wants.strip {
            edits.remove(object, member);
        }
    }

    fn place(&self, member: &str) -> (&'static str, Vec<String>) {
        let (parent, name) = match member {
            "max_completion_tokens" | "max_output_tokens" | "num_predict" => ("", "max_tokens"),
            "stop" => ("", "stop_sequences"),
            "reasoning_effort" => ("output_config", "effort"),
            "user" => ("metadata", "user_id"),
            other => ("", other),
        };
        (parent, vec![name.to_owned()])
    }

    fn asks_for_json(&self, object: &Object<'_>) -> bool {
        let inner = object.given("output_config").and_then(|config| config.object()?.given("format"));
        // The latter is its name in a former beta.
        inner.or_else(|| object.given("output_format")).is_some()
    }

    fn tools<'a>(&self, object: &Object<'a>) -> Vec<Tool<'a>> {
        request::offered(object)
    }

    fn decode_response(&self, _: Operation, body: &[u8], out: &mut Vec<Event>) {
        response::decode(body, out);
    }

    fn encode_response(&self, answer: &Answer, context: &AnswerContext, _: Stamp, out: &mut Vec<u8>) {
        response::encode(answer, context, out);
    }

    fn stream_decoder(&self, _: Operation) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn stream_encoder(&self, context: AnswerContext) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(context))
    }

    fn find_model(&self, event: &[u8], json: &[u8]) -> Option<Range<usize>> {
        let inside = || {
            let message = Object::find(json, "message")?;
            let model = Object::find(&json[message.clone()], "model")?;
            Some(message.start + model.start..message.start + model.end)
        };
        let found = match event {
            b"message_start" => inside(),
            // A whole answer, or a frame of a server that does not name its frames.
            b"" => Object::find(json, "model").or_else(inside),
            _ => None,
        };
        found.filter(|range| json.get(range.start) == Some(&b'"'))
    }

    fn announces(&self, frame: &Frame<'_>) -> bool {
        if frame.event != b"content_block_start" && !frame.event.is_empty() {
            return false;
        }
        let Ok(data) = Object::parse(&frame.data) else { return false };
        let block = data.given("content_block").and_then(Raw::object);
        block.is_some_and(|block| matches!(block.string("type").as_deref(), Some("text" | "thinking")))
    }

    fn is_usage_frame(&self, _: &[u8]) -> bool {
        // Usage is never asked for: it always comes, with the end of the answer.
        false
    }

    fn decode_error(&self, status: u16, body: &[u8]) -> ApiError {
        error::decode(status, body)
    }

    fn encode_error(&self, error: &ApiError, request_id: &str, out: &mut Vec<u8>) {
        error::encode(error, request_id, out);
    }

    fn error_status(&self, error: &ApiError) -> u16 {
        error::status(error)
    }
}

/// Puts a text before the system prompt, whether that is a text, blocks, or not there.
fn put_system_first(object: &Object<'_>, prompt: &str, edits: &mut Edits) {
    let mut new = Vec::with_capacity(prompt.len() + 40);
    let empty = |value: Raw<'_>| value.is_null() || value.bytes() == b"\"\"";
    let Some(member) = object.member("system").filter(|member| !empty(member.value)) else {
        Writer::new(&mut new).string(prompt);
        edits.set(object, "system", &new);
        return;
    };
    let start = member.value_span.start;
    match member.value.kind() {
        Kind::String => {
            Writer::new(&mut new).string_of(&[prompt, "\n\n"]);
            // All but the closing quote takes the place of the opening one: the client's text stays as it is.
            new.pop();
            edits.replace(start..start + 1, new);
        }
        Kind::Array => {
            new.push(b'[');
            let mut writer = Writer::new(&mut new);
            writer.begin_object();
            writer.string_member("type", "text");
            writer.string_member("text", prompt);
            writer.end_object();
            if member.value.array().is_some_and(|mut blocks| blocks.next().is_some()) {
                new.push(b',');
            }
            edits.replace(start..start + 1, new);
        }
        // Not a system prompt: the upstream says so.
        _ => {}
    }
}
