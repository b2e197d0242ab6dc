//! From the upstream's answer to the client's, aside where it is long.

use bytes::Bytes;
use lingate_codec::dialect::embeddings::{EmbeddingsContext, decode_answer, relay_answer};
use lingate_codec::dialect::{EmbeddingsId, Stamp};
use lingate_codec::ir::{ApiError, VectorForm};

/// From so many bytes on, an answer is read on a thread of its own: millions of numbers must not hold up what other
/// clients wait for.
const LONG: usize = 256 * 1024;

/// How an answer is to be read.
pub(super) struct Reading {
    /// The upstream's dialect.
    pub(super) from: EmbeddingsId,
    /// The client's.
    pub(super) to: EmbeddingsId,
    /// How many vectors are due, where that is known.
    pub(super) expected: Option<usize>,
    /// The form in which the client wants them.
    pub(super) form: VectorForm,
    /// The model that the client asked for.
    pub(super) model: String,
    /// Whether the answer's model is to have that name.
    pub(super) rename: bool,
    /// The moment of the answer.
    pub(super) at: Stamp,
}

/// An answer for the client.
pub(super) struct Read {
    pub(super) body: Bytes,
    pub(super) input_tokens: Option<u64>,
}

/// Reads an answer.
///
/// # Errors
/// What is wrong with it, for the client.
pub(super) async fn read(reading: Reading, body: Bytes) -> Result<Read, ApiError> {
    if body.len() < LONG {
        return reading.read(body);
    }
    let reading = tokio::task::spawn_blocking(move || reading.read(body));
    reading.await.unwrap_or_else(|_| Err(ApiError::new(500, "the upstream's answer could not be read")))
}

impl Reading {
    fn read(&self, body: Bytes) -> Result<Read, ApiError> {
        let from = self.from.dialect();
        if self.from == self.to {
            let name = self.rename.then_some(self.model.as_str());
            let relayed = relay_answer(from, &body, self.expected, self.form, name)?;
            return Ok(Read { body: relayed.body.map_or(body, Bytes::from), input_tokens: relayed.input_tokens });
        }
        let answer = decode_answer(from, &body, self.expected.unwrap_or(1))?;
        let model = match &answer.model {
            Some(name) if !self.rename => name.as_ref(),
            _ => self.model.as_str(),
        };
        let mut out = Vec::new();
        let context = EmbeddingsContext { model, form: self.form, at: self.at };
        self.to.dialect().encode_answer(&answer, &context, &mut out)?;
        Ok(Read { body: out.into(), input_tokens: answer.input_tokens })
    }
}
