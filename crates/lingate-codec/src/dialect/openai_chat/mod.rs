//! OpenAI Chat Completions, and all that speak it: vLLM, llama.cpp, Together, DeepInfra, Open WebUI and others.

mod fields;
mod request;
mod response;
mod stream;

use super::{
    AnswerContext, Dialect, DialectId, Field, RelayWants, Remembered, Stamp, StreamDecoder, StreamEncoder, Target,
    Unsupported, openai_error as error, openai_tap,
};
use crate::frame::Framing;
use crate::ir::{Answer, ApiError, Event, Family, Loss, Operation, Request, Tool};
use crate::json::{Edits, Object};
use std::ops::Range;

/// The dialect of `POST /v1/chat/completions`.
#[derive(Debug, Clone, Copy)]
pub struct OpenAiChat;

impl Dialect for OpenAiChat {
    fn id(&self) -> DialectId {
        DialectId::OpenAiChat
    }

    fn name(&self) -> &'static str {
        "openai_chat"
    }

    fn family(&self) -> Family {
        Family::OpenAi
    }

    fn framing(&self) -> Framing {
        Framing::Sse
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

    fn check(&self, _operation: Operation, object: &Object<'_>) -> Result<(), ApiError> {
        request::check(object)
    }

    fn can_relay(&self, _operation: Operation, object: &Object<'_>, target: &Target<'_>) -> bool {
        let readable = object.given("messages").is_some() || object.given("prompt").is_none();
        readable && (target.custom_tools || request::forms(object).is_empty())
    }

    fn remember(&self, object: &Object<'_>) -> Remembered {
        Remembered { tools: request::forms(object), ..Remembered::default() }
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
        request::edits(object, wants, edits);
    }

    fn place(&self, member: &str) -> (&'static str, Vec<String>) {
        ("", fields::spellings(member))
    }

    fn asks_for_json(&self, object: &Object<'_>) -> bool {
        crate::dialect::openai_request::wants_json(object.given("response_format"))
    }

    fn tools<'a>(&self, object: &Object<'a>) -> Vec<Tool<'a>> {
        request::offered(object)
    }

    fn decode_response(&self, _operation: Operation, body: &[u8], out: &mut Vec<Event>) {
        response::decode(body, out);
    }

    fn tap_response(&self, _operation: Operation, body: &[u8], out: &mut Vec<Event>) -> Option<Range<usize>> {
        openai_tap::whole(body, response::decode, out)
    }

    fn encode_response(&self, answer: &Answer, context: &AnswerContext, _at: Stamp, out: &mut Vec<u8>) {
        response::encode(answer, context, out);
    }

    fn stream_decoder(&self, _operation: Operation) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn stream_encoder(&self, context: AnswerContext) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(context))
    }

    fn find_model(&self, _event: &[u8], json: &[u8]) -> Option<Range<usize>> {
        Object::find(json, "model").filter(|range| json.get(range.start) == Some(&b'"'))
    }

    fn is_usage_frame(&self, data: &[u8]) -> bool {
        openai_tap::is_usage_frame(data)
    }

    fn ending(&self) -> &'static [u8] {
        b"data: [DONE]\n\n"
    }

    fn decode_error(&self, status: u16, body: &[u8]) -> ApiError {
        error::decode(status, body)
    }

    fn encode_error(&self, error: &ApiError, _request_id: &str, out: &mut Vec<u8>) {
        error::encode(error, out);
    }

    fn error_status(&self, error: &ApiError) -> u16 {
        error::status(error)
    }
}
