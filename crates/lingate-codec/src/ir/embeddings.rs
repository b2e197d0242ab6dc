//! Embeddings: what is asked and what comes back. Vectors stay as they were written, because there may be many of
//! them and most clients take the upstream's own form.

use super::{Concept, Extra, Family};
use crate::json::Raw;
use std::borrow::Cow;

/// A request for vectors.
#[derive(Debug, Clone)]
pub struct EmbeddingsRequest<'a> {
    /// The family of the dialect that it came in.
    pub family: Family,
    /// The model asked for; the gateway puts the target's name here before encoding.
    pub model: Cow<'a, str>,
    /// What is to be embedded. `None`: nothing, the model is only to be loaded (Ollama).
    pub input: Option<Input<'a>>,
    /// How long the vectors shall be.
    pub dimensions: Option<u64>,
    /// The form in which the client wants them.
    pub form: VectorForm,
    /// Known members that only some dialects have (`user`, `keep_alive`, `truncate`, `options`).
    pub special: Vec<(Concept, Extra<'a>)>,
    /// Unknown members; for Ollama, also those of `options`.
    pub extra: Vec<Extra<'a>>,
}

/// What is to be embedded.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// What it consists of.
    pub kind: InputKind,
    /// How many vectors are due; `None` where the dialect does not say (see [`InputKind::Opaque`]).
    pub count: Option<usize>,
    /// The value as it came.
    pub value: Raw<'a>,
}

/// What an input consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// One text, or an array of texts.
    Text,
    /// An array of tokens, or an array of such arrays.
    Tokens,
    /// What only servers of the same family may understand: objects (text and images), or messages.
    Opaque,
}

/// How a vector is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VectorForm {
    /// A JSON array of numbers.
    #[default]
    Numbers,
    /// A string: base64 of little-endian 32-bit floats.
    Base64,
}

/// The vectors of an answer.
#[derive(Debug, Clone, Default)]
pub struct EmbeddingsAnswer<'a> {
    /// The model that answered, as the upstream calls it.
    pub model: Option<Cow<'a, str>>,
    /// A vector for each input, in the order of the inputs: a JSON array or a base64 string, as the upstream wrote it.
    pub vectors: Vec<Raw<'a>>,
    /// Tokens read.
    pub input_tokens: Option<u64>,
}
