//! OpenAI Responses (`POST /v1/responses`): items instead of messages, and streams of named, numbered events.

mod echo;
mod error;
mod fields;
mod reasoning;
mod request;
mod response;
mod stream;

use super::{
    AnswerContext, Dialect, DialectId, Field, RelayWants, Remembered, Stamp, StreamDecoder, StreamEncoder, Target,
    Unsupported,
};
use crate::frame::{Frame, Framing};
use crate::ir::{Answer, ApiError, Event, Family, Loss, Operation, Request, Tool};
use crate::json::{Edits, Object};
use std::ops::Range;

/// The dialect of `POST /v1/responses`.
#[derive(Debug, Clone, Copy)]
pub struct OpenAiResponses;

impl Dialect for OpenAiResponses {
    fn id(&self) -> DialectId {
        DialectId::OpenAiResponses
    }

    fn name(&self) -> &'static str {
        "openai_responses"
    }

    fn family(&self) -> Family {
        Family::OpenAi
    }

    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn error_event(&self) -> &'static str {
        "error"
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

    fn can_relay(&self, _: Operation, _: &Object<'_>, _: &Target<'_>) -> bool {
        true
    }

    fn decode_request<'a>(&self, _: Operation, body: &'a [u8]) -> Result<Request<'a>, ApiError> {
        request::decode(body)
    }

    fn remember(&self, object: &Object<'_>) -> Remembered {
        Remembered { tools: request::forms(object), echo: echo::of(object) }
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
        let (parent, name) = fields::place(member);
        (parent, vec![name.to_owned()])
    }

    fn asks_for_json(&self, object: &Object<'_>) -> bool {
        crate::dialect::openai_request::wants_json(object.given("text").and_then(|text| text.object()?.given("format")))
    }

    fn tools<'a>(&self, object: &Object<'a>) -> Vec<Tool<'a>> {
        request::offered(object)
    }

    fn decode_response(&self, _: Operation, body: &[u8], out: &mut Vec<Event>) {
        response::decode(body, out);
    }

    fn tap_response(&self, _: Operation, body: &[u8], out: &mut Vec<Event>) -> Option<Range<usize>> {
        response::tap(body, out)
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
        response::find_model(event, json)
    }

    fn announces(&self, frame: &Frame<'_>) -> bool {
        stream::announces(frame)
    }

    fn is_usage_frame(&self, _: &[u8]) -> bool {
        // Usage is never asked for: it always comes, with the end of the answer.
        false
    }

    fn decode_error(&self, status: u16, body: &[u8]) -> ApiError {
        error::decode(status, body)
    }

    fn encode_error(&self, error: &ApiError, _: &str, out: &mut Vec<u8>) {
        error::encode(error, out);
    }

    fn encode_stream_error(&self, error: &ApiError, _: &str, out: &mut Vec<u8>) {
        error::encode_in_stream(error, out);
    }

    fn is_error_frame(&self, data: &[u8]) -> bool {
        error::is_frame(data)
    }

    fn error_status(&self, error: &ApiError) -> u16 {
        error::status(error)
    }
}
