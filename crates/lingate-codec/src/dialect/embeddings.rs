//! Embeddings: a trait of their own, because they are no streams of events, and what is the same in all dialects.
//!
//! The dialects stand in the table of [`EmbeddingsId::dialect`]. The field ladder is the one of chats.

use super::{DialectId, Field, RelayWants, Stamp, Unsupported, floats};
use crate::ir::{ApiError, Concept, EmbeddingsAnswer, EmbeddingsRequest, Loss, VectorForm};
use crate::json::{Edits, JsonError, Object, Raw};
use std::borrow::Cow;
use std::ops::Range;

/// The most inputs of one request that OpenAI's API takes (its reference, `input`), and so the most that are
/// translated to it.
pub const MAX_INPUTS: usize = 2048;

/// A wire format of embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EmbeddingsId {
    /// OpenAI's `/v1/embeddings`.
    OpenAi,
    /// Ollama's `/api/embed`.
    OllamaEmbed,
    /// Ollama's older `/api/embeddings`: one prompt, one vector.
    OllamaEmbeddings,
}

/// A wire format of embeddings, as pure functions.
pub trait EmbeddingsDialect: Sync {
    /// Its name in logs.
    fn name(&self) -> &'static str;
    /// The dialect whose error bodies its clients read and its servers write.
    fn errors(&self) -> DialectId;
    /// The known members of a request.
    fn fields(&self) -> &'static [Field];
    /// Members that lingate itself reads; one of them twice in a request is a 400.
    fn control_members(&self) -> &'static [&'static str];
    /// Reads a request.
    ///
    /// # Errors
    /// A 400 whose `param` is the JSON path at fault.
    fn decode_request<'a>(&self, object: &Object<'a>) -> Result<EmbeddingsRequest<'a>, ApiError>;
    /// Appends a request to `out` and what could not be said to `loss`. The vectors come in whatever form the
    /// dialect's servers like best.
    ///
    /// # Errors
    /// What this dialect cannot say at all (rung 6).
    fn encode_request(
        &self,
        request: &EmbeddingsRequest<'_>,
        loss: &mut Loss,
        out: &mut Vec<u8>,
    ) -> Result<(), Unsupported>;
    /// Edits to a request of this dialect, so that it fits the target; every other byte stays.
    fn relay_edits(&self, object: &Object<'_>, wants: &RelayWants<'_>, edits: &mut Edits);
    /// As [`super::Dialect::place`]; no names for members that mean nothing to embeddings.
    fn place(&self, member: &str) -> (&'static str, Vec<String>);
    /// Walks over a whole answer (status 2xx) once and shows each vector to `see`, in the order of the text.
    ///
    /// # Errors
    /// A 502: not JSON, or what `see` says.
    fn read_answer<'a>(&self, body: &'a [u8], see: See<'_, 'a>) -> Result<AnswerHead<'a>, AnswerError>;
    /// Appends an answer.
    ///
    /// # Errors
    /// A 502: a vector cannot be written in the form that is wanted.
    fn encode_answer(
        &self,
        answer: &EmbeddingsAnswer<'_>,
        context: &EmbeddingsContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), ApiError>;
}

/// Who is shown the vectors of an answer.
pub type See<'s, 'a> = &'s mut dyn FnMut(Entry<'a>) -> Result<(), AnswerError>;

/// A vector where it stands in an answer.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// Which input it belongs to, where that is told.
    pub index: Option<u64>,
    /// The vector: a JSON array or a base64 string, if the upstream keeps to its dialect.
    pub value: Raw<'a>,
    /// Its place in the text.
    pub span: Range<usize>,
}

/// What an answer tells beside its vectors.
#[derive(Debug, Clone, Default)]
pub struct AnswerHead<'a> {
    /// The model's name and its place in the text.
    pub model: Option<(Cow<'a, str>, Range<usize>)>,
    /// Tokens read.
    pub input_tokens: Option<u64>,
    /// Whether there was a place for vectors at all.
    pub has_vectors: bool,
}

/// Why an answer cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerError(pub ApiError);

impl From<JsonError> for AnswerError {
    fn from(error: JsonError) -> Self {
        Self(ApiError::upstream(format!("the upstream's answer is not valid JSON: {error}")))
    }
}

impl From<ApiError> for AnswerError {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

/// What an encoder of answers must know that the answer does not tell.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddingsContext<'c> {
    /// The model's name, as the client shall see it.
    pub model: &'c str,
    /// The form in which the client wants its vectors.
    pub form: VectorForm,
    /// The moment of the answer.
    pub at: Stamp,
}

/// A relayed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayedVectors {
    /// The new text; `None`: the old one is right as it is.
    pub body: Option<Vec<u8>>,
    /// Tokens read.
    pub input_tokens: Option<u64>,
}

/// The path of a concept in this dialect's requests.
pub fn embeddings_path_of(dialect: &dyn EmbeddingsDialect, concept: Concept) -> &'static str {
    dialect.fields().iter().find(|field| field.concept == concept).map_or("?", |field| field.path)
}

/// Reads an answer of which `expected` vectors are due, and puts them into the order of the inputs.
///
/// # Errors
/// A 502: no answer of this dialect, another number of vectors, or indexes that are no order of them. An error that
/// the upstream tells under a status 2xx, with its own words.
pub fn decode_answer<'a>(
    dialect: &dyn EmbeddingsDialect,
    body: &'a [u8],
    expected: usize,
) -> Result<EmbeddingsAnswer<'a>, ApiError> {
    let mut found: Vec<(Option<u64>, Raw<'a>)> = Vec::with_capacity(expected.min(MAX_INPUTS));
    let head = read(dialect, body, Some(expected), &mut |entry| {
        found.push((entry.index, entry.value));
        Ok(())
    })?;
    // Without any index, the order of the text is the order of the inputs.
    if found.iter().any(|(index, _)| index.is_some()) {
        found.sort_by_key(|(index, _)| *index);
        if found.iter().zip(0..).any(|((index, _), place)| *index != Some(place)) {
            return Err(ApiError::upstream(
                "the upstream numbers its vectors in a way that fits no order of the inputs",
            ));
        }
    }
    let vectors = found.into_iter().map(|(_, vector)| vector).collect();
    Ok(EmbeddingsAnswer { model: head.model.map(|(name, _)| name), vectors, input_tokens: head.input_tokens })
}

/// Checks an answer that goes to a client of the same dialect. Only what must be is exchanged: the model's name (for
/// `model`, if that is given), and vectors of another form than the one asked for. Every other byte stays.
///
/// # Errors
/// As [`decode_answer`], but for the order; a vector that cannot be written in the form asked for.
pub fn relay_answer(
    dialect: &dyn EmbeddingsDialect,
    body: &[u8],
    expected: Option<usize>,
    asked: VectorForm,
    model: Option<&str>,
) -> Result<RelayedVectors, ApiError> {
    let mut edits: Vec<(Range<usize>, Vec<u8>)> = Vec::new();
    let head = read(dialect, body, expected, &mut |entry| {
        if floats::form(entry.value) != Some(asked) {
            let mut new = Vec::new();
            floats::write(entry.value, asked, &mut new)?;
            edits.push((entry.span, new));
        }
        Ok(())
    })?;
    if let (Some(new), Some((old, span))) = (model, head.model)
        && new != old
    {
        let mut json = Vec::new();
        crate::json::Writer::new(&mut json).string(new);
        edits.push((span, json));
    }
    let body = (!edits.is_empty()).then(|| edited(body, edits));
    Ok(RelayedVectors { body, input_tokens: head.input_tokens })
}

/// The text with these ranges exchanged, which do not overlap.
fn edited(text: &[u8], mut edits: Vec<(Range<usize>, Vec<u8>)>) -> Vec<u8> {
    edits.sort_by_key(|(range, _)| range.start);
    let new: usize = edits.iter().map(|(_, new)| new.len()).sum();
    let old: usize = edits.iter().map(|(range, _)| range.len()).sum();
    let mut out = Vec::with_capacity(text.len() - old + new);
    let mut at = 0;
    for (range, new) in edits {
        out.extend_from_slice(&text[at..range.start]);
        out.extend_from_slice(&new);
        at = range.end;
    }
    out.extend_from_slice(&text[at..]);
    out
}

/// Reads an answer and sees that it is one: vectors, as many as are due and never more.
fn read<'a>(
    dialect: &dyn EmbeddingsDialect,
    body: &'a [u8],
    expected: Option<usize>,
    see: See<'_, 'a>,
) -> Result<AnswerHead<'a>, ApiError> {
    let mut count = 0_usize;
    let head = dialect.read_answer(body, &mut |entry| {
        count += 1;
        match expected {
            Some(expected) if count > expected => Err(AnswerError(miscounted("more than", expected, expected))),
            _ => see(entry),
        }
    });
    let head = head.map_err(|AnswerError(error)| error)?;
    if !head.has_vectors {
        return Err(without_vectors(dialect, body));
    }
    match expected {
        Some(expected) if count < expected => Err(miscounted("only", count, expected)),
        _ => Ok(head),
    }
}

fn miscounted(word: &str, count: usize, expected: usize) -> ApiError {
    let message = format!("the upstream gave {word} {count} vector(s) for {expected} input(s)");
    ApiError::upstream(message).with_code("vector_count")
}

/// What an upstream means that gives no vectors under a status 2xx.
fn without_vectors(dialect: &dyn EmbeddingsDialect, body: &[u8]) -> ApiError {
    let object = Object::parse(body).ok();
    let tells = |key: &str| object.as_ref().is_some_and(|object| object.given(key).is_some());
    if tells("error") || tells("detail") {
        let error = dialect.errors().dialect().decode_error(502, body);
        return ApiError { code: error.code.clone().or_else(|| Some("upstream_error".to_owned())), ..error };
    }
    ApiError::upstream("the upstream's answer holds no embeddings")
}

/// Members that only conversations have: a virtual model's `defaults` and `force` may name them, because the same
/// model serves both, and no server of embeddings wants them.
pub(super) fn is_of_chats(member: &str) -> bool {
    matches!(
        member,
        "max_tokens"
            | "max_completion_tokens"
            | "max_output_tokens"
            | "num_predict"
            | "temperature"
            | "top_p"
            | "top_k"
            | "min_p"
            | "seed"
            | "stop"
            | "stop_sequences"
            | "frequency_penalty"
            | "presence_penalty"
            | "repetition_penalty"
            | "repeat_penalty"
            | "logit_bias"
            | "logprobs"
            | "top_logprobs"
            | "n"
            | "tools"
            | "tool_choice"
            | "parallel_tool_calls"
            | "response_format"
            | "format"
            | "reasoning"
            | "reasoning_effort"
            | "reasoning_format"
            | "thinking"
            | "think"
            | "verbosity"
            | "system"
            | "stream"
            | "stream_options"
            | "store"
            | "metadata"
            | "chat_template_kwargs"
    )
}
