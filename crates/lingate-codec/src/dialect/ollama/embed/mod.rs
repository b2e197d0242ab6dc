//! Embeddings in Ollama's form: `/api/embed`, and the older `/api/embeddings` of one prompt and one vector.

mod answer;
mod request;

use super::fields;
use crate::dialect::embeddings::{AnswerError, AnswerHead, EmbeddingsContext, EmbeddingsDialect, See, is_of_chats};
use crate::dialect::{DialectId, Field, RelayWants, Unsupported};
use crate::ir::{ApiError, Concept, EmbeddingsAnswer, EmbeddingsRequest, Loss};
use crate::json::{Edits, Object};

/// One of the two.
#[derive(Debug, Clone, Copy)]
pub struct Embed {
    name: &'static str,
    /// Where the input stands.
    input: &'static str,
    /// Where the client of the other route would put it; taken, too (seed 003 does).
    other_input: &'static str,
    /// Where the vectors stand.
    output: &'static str,
    /// One text in, one vector out.
    single: bool,
    fields: &'static [Field],
}

const fn row(path: &'static str, concept: Concept) -> Field {
    Field { path, concept }
}

/// `/api/embed`. Source: `EmbedRequest` in `api/types.go` of Ollama.
pub static EMBED: Embed = Embed {
    name: "ollama_embed",
    input: "input",
    other_input: "prompt",
    output: "embeddings",
    single: false,
    fields: &[
        row("model", Concept::Model),
        row("input", Concept::Input),
        row("dimensions", Concept::Dimensions),
        row("truncate", Concept::Truncate),
        row("keep_alive", Concept::KeepAlive),
        row("options", Concept::RunnerOption),
    ],
};

/// `/api/embeddings`. Source: `EmbeddingRequest` in `api/types.go` of Ollama.
pub static EMBEDDINGS: Embed = Embed {
    name: "ollama_embeddings",
    input: "prompt",
    other_input: "input",
    output: "embedding",
    single: true,
    fields: &[
        row("model", Concept::Model),
        row("prompt", Concept::Input),
        row("keep_alive", Concept::KeepAlive),
        row("options", Concept::RunnerOption),
    ],
};

impl EmbeddingsDialect for Embed {
    fn name(&self) -> &'static str {
        self.name
    }

    fn errors(&self) -> DialectId {
        DialectId::Ollama
    }

    fn fields(&self) -> &'static [Field] {
        self.fields
    }

    fn control_members(&self) -> &'static [&'static str] {
        &["model", "name", "input", "prompt", "dimensions", "options", "keep_alive"]
    }

    fn decode_request<'a>(&self, object: &Object<'a>) -> Result<EmbeddingsRequest<'a>, ApiError> {
        request::decode(self, object)
    }

    fn encode_request(
        &self,
        request: &EmbeddingsRequest<'_>,
        loss: &mut Loss,
        out: &mut Vec<u8>,
    ) -> Result<(), Unsupported> {
        request::encode(self, request, loss, out)
    }

    fn relay_edits(&self, object: &Object<'_>, wants: &RelayWants<'_>, edits: &mut Edits) {
        request::relay_edits(self, object, wants, edits);
    }

    fn place(&self, member: &str) -> (&'static str, Vec<String>) {
        if is_of_chats(member) { ("", Vec::new()) } else { fields::place(member) }
    }

    fn read_answer<'a>(&self, body: &'a [u8], see: See<'_, 'a>) -> Result<AnswerHead<'a>, AnswerError> {
        answer::read(self, body, see)
    }

    fn encode_answer(
        &self,
        answer: &EmbeddingsAnswer<'_>,
        context: &EmbeddingsContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), ApiError> {
        answer::encode(self, answer, context, out)
    }
}
