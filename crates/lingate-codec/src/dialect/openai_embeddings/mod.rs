//! OpenAI's `/v1/embeddings`, and all that speak it.

mod fields;
mod request;
mod response;

use super::embeddings::{AnswerError, AnswerHead, EmbeddingsContext, EmbeddingsDialect, See};
use super::{DialectId, Field, RelayWants, Unsupported};
use crate::ir::{ApiError, EmbeddingsAnswer, EmbeddingsRequest, Loss};
use crate::json::{Edits, Object};

/// The dialect of `POST /v1/embeddings`.
#[derive(Debug, Clone, Copy)]
pub struct OpenAiEmbeddings;

impl EmbeddingsDialect for OpenAiEmbeddings {
    fn name(&self) -> &'static str {
        "openai_embeddings"
    }

    fn errors(&self) -> DialectId {
        DialectId::OpenAiChat
    }

    fn fields(&self) -> &'static [Field] {
        fields::FIELDS
    }

    fn control_members(&self) -> &'static [&'static str] {
        fields::CONTROL
    }

    fn decode_request<'a>(&self, object: &Object<'a>) -> Result<EmbeddingsRequest<'a>, ApiError> {
        request::decode(object)
    }

    fn encode_request(
        &self,
        request: &EmbeddingsRequest<'_>,
        loss: &mut Loss,
        out: &mut Vec<u8>,
    ) -> Result<(), Unsupported> {
        request::encode(request, loss, out)
    }

    fn relay_edits(&self, object: &Object<'_>, wants: &RelayWants<'_>, edits: &mut Edits) {
        request::relay_edits(object, wants, edits);
    }

    fn place(&self, member: &str) -> (&'static str, Vec<String>) {
        fields::place(member)
    }

    fn read_answer<'a>(&self, body: &'a [u8], see: See<'_, 'a>) -> Result<AnswerHead<'a>, AnswerError> {
        response::read(body, see)
    }

    fn encode_answer(
        &self,
        answer: &EmbeddingsAnswer<'_>,
        context: &EmbeddingsContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), ApiError> {
        response::encode(answer, context, out)
    }
}
