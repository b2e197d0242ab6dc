//! Ollama's native API: `/api/chat` and `/api/generate`, whole answers and NDJSON streams; embeddings in `embed/`.

mod embed;
mod error;
mod fields;
mod line;
mod load;
mod request;
mod response;
mod stream;
mod timestamp;

use super::{Additions, AnswerContext, Dialect, DialectId, Field, RelayWants, Stamp, StreamDecoder, StreamEncoder};
use super::{Target, Unsupported};
use crate::frame::Framing;
use crate::ir::{Answer, ApiError, Event, Family, Loss, Operation, Request, Tool};
use crate::json::{Edits, Kind, Object};
use std::ops::Range;

pub use embed::{EMBED, EMBEDDINGS, Embed};
pub use load::{encode_load_answer, is_load_request};

/// The dialect of Ollama.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ollama;

impl Dialect for Ollama {
    fn id(&self) -> DialectId {
        DialectId::Ollama
    }

    fn name(&self) -> &'static str {
        "ollama"
    }

    fn family(&self) -> Family {
        Family::Ollama
    }

    fn framing(&self) -> Framing {
        Framing::Ndjson
    }

    fn can_relay(&self, operation: Operation, object: &Object<'_>, _target: &Target<'_>) -> bool {
        // `prompt` and `system` beside a chat's messages are forms of seeds; Ollama passes over them in silence.
        operation != Operation::Chat || (object.given("prompt").is_none() && object.given("system").is_none())
    }

    fn answer_load(
        &self,
        operation: Operation,
        object: &Object<'_>,
        model: &str,
        at: Stamp,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(reason) = is_load_request(operation, object) else { return false };
        encode_load_answer(operation, model, reason, at, out);
        true
    }

    fn streams_by_default(&self) -> bool {
        true
    }

    fn fields(&self) -> &'static [Field] {
        fields::FIELDS
    }

    fn control_members(&self) -> &'static [&'static str] {
        fields::CONTROL
    }

    fn check(&self, operation: Operation, object: &Object<'_>) -> Result<(), ApiError> {
        request::check(operation, object)
    }

    fn decode_request<'a>(&self, operation: Operation, body: &'a [u8]) -> Result<Request<'a>, ApiError> {
        request::decode(operation, body)
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
        request::relay_edits(object, wants, edits);
    }

    fn place(&self, member: &str) -> (&'static str, Vec<String>) {
        fields::place(member)
    }

    fn cuts_in_silence(&self) -> bool {
        true
    }

    fn context_needed(&self, object: &Object<'_>, added: Additions) -> Option<u64> {
        request::context_needed(object, added)
    }

    fn asks_for_json(&self, object: &Object<'_>) -> bool {
        object
            .given("format")
            .is_some_and(|format| format.kind() == Kind::Object || format.string().is_some_and(|word| word == "json"))
    }

    fn tools<'a>(&self, object: &Object<'a>) -> Vec<Tool<'a>> {
        request::offered(object)
    }

    fn decode_response(&self, operation: Operation, body: &[u8], out: &mut Vec<Event>) {
        response::decode(operation, body, out);
    }

    fn encode_response(&self, answer: &Answer, context: &AnswerContext, at: Stamp, out: &mut Vec<u8>) {
        response::encode(answer, context, at, out);
    }

    fn stream_decoder(&self, _operation: Operation) -> Box<dyn StreamDecoder> {
        // A line says itself whether it answers a chat (`message`) or a prompt (`response`).
        Box::new(stream::Decoder::default())
    }

    fn stream_encoder(&self, context: AnswerContext) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(&context))
    }

    fn find_model(&self, _event: &[u8], json: &[u8]) -> Option<Range<usize>> {
        Object::find(json, "model").filter(|range| json.get(range.start) == Some(&b'"'))
    }

    fn is_usage_frame(&self, _data: &[u8]) -> bool {
        // Usage stands in the last line, which every client needs.
        false
    }

    fn decode_error(&self, status: u16, body: &[u8]) -> ApiError {
        error::decode(status, body)
    }

    fn encode_error(&self, error: &ApiError, _request_id: &str, out: &mut Vec<u8>) {
        error::encode(error, out);
    }
}
