//! Embeddings: requests and answers of every dialect in every other, relays, properties.
#![cfg(test)]

mod answers;
mod golden;
mod properties;
mod relayed;
mod requests;

use lingate_codec::dialect::embeddings::{EmbeddingsContext, decode_answer};
use lingate_codec::dialect::{EmbeddingsDialect, EmbeddingsId, Stamp, Unsupported};
use lingate_codec::ir::{ApiError, EmbeddingsRequest, Loss, VectorForm};
use lingate_codec::json::Object;
use serde_json::Value;

/// All dialects.
const ALL: [EmbeddingsId; 3] = [EmbeddingsId::OpenAi, EmbeddingsId::OllamaEmbed, EmbeddingsId::OllamaEmbeddings];

fn object(body: &[u8]) -> Object<'_> {
    Object::parse(body).expect("an object")
}

fn decode<'a>(id: EmbeddingsId, object: &Object<'a>) -> Result<EmbeddingsRequest<'a>, ApiError> {
    id.dialect().decode_request(object)
}

/// The request in another dialect, and what was lost.
fn encode(
    from: &dyn EmbeddingsDialect,
    request: &EmbeddingsRequest<'_>,
    to: EmbeddingsId,
) -> Result<(String, Vec<String>), Unsupported> {
    let (mut loss, mut out) = (Loss::new(), Vec::new());
    let request = EmbeddingsRequest { model: "backend-model".into(), ..request.clone() };
    to.dialect().encode_request(&request, &mut loss, &mut out)?;
    let path_of = |concept| lingate_codec::dialect::embeddings::embeddings_path_of(from, concept);
    Ok((String::from_utf8(out).expect("text"), loss.paths(path_of)))
}

/// An answer with `expected` vectors in another dialect.
fn translate(
    from: EmbeddingsId,
    body: &[u8],
    expected: usize,
    to: EmbeddingsId,
    form: VectorForm,
) -> Result<Vec<u8>, ApiError> {
    let answer = decode_answer(from.dialect(), body, expected)?;
    let at = Stamp { unix_nanos: 0, elapsed_nanos: 1_234_567 };
    let mut out = Vec::new();
    to.dialect().encode_answer(&answer, &EmbeddingsContext { model: "client-model", form, at }, &mut out)?;
    Ok(out)
}

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)))
}

/// OpenAI's answer with these vectors, given as JSON.
fn openai(vectors: &[&str]) -> String {
    let element = |(index, vector)| format!(r#"{{"object":"embedding","index":{index},"embedding":{vector}}}"#);
    let data: Vec<_> = vectors.iter().enumerate().map(element).collect();
    let usage = r#"{"prompt_tokens":4,"total_tokens":4}"#;
    format!(r#"{{"object":"list","data":[{}],"model":"backend-model","usage":{usage}}}"#, data.join(","))
}

/// Ollama's answer with these vectors.
fn ollama(vectors: &[&str]) -> String {
    format!(r#"{{"model":"backend-model","embeddings":[{}],"prompt_eval_count":4}}"#, vectors.join(","))
}
