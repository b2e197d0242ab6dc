//! Vectors of the demo models: texts that share words are near each other, and the same text always has the same
//! vector.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use lingate_codec::dialect::EmbeddingsId;
use lingate_codec::ir::EmbeddingsRequest;
use lingate_codec::json::{Object, Raw, Writer};

use super::text::count_words;
use super::{DemoAnswer, Fault, Piece, always_fails, hash, wire};

/// How long a vector is unless another length is asked for, and at most.
const DIMENSIONS: (u64, u64) = (256, 1024);
/// So many words of an input decide on its vector.
const WORDS: usize = 64;

/// Answers a request for embeddings, in OpenAI's form and in numbers: the gateway gives the client its base64.
pub(crate) fn answer(body: &[u8]) -> DemoAnswer {
    match read(body) {
        Ok(bytes) => {
            let pieces = vec![Piece { after: Duration::ZERO, bytes }];
            DemoAnswer { status: 200, content_type: "application/json", pieces }
        }
        Err(fault) => wire::error(&fault),
    }
}

fn read(body: &[u8]) -> Result<Bytes, Fault> {
    let malformed = |message: String| Fault { status: 400, message, param: None, code: None };
    let object = Object::parse(body).map_err(|error| malformed(format!("The request is not JSON: {error}.")))?;
    let request = EmbeddingsId::OpenAi.dialect().decode_request(&object).map_err(|error| malformed(error.message))?;
    if request.model == "demo-error" {
        return Err(always_fails());
    }
    let dimensions = request.dimensions.unwrap_or(DIMENSIONS.0);
    if dimensions > DIMENSIONS.1 {
        let message = format!("`dimensions` can be at most {}.", DIMENSIONS.1);
        return Err(Fault::invalid("dimensions", message));
    }
    Ok(write(&request, dimensions))
}

fn write(request: &EmbeddingsRequest<'_>, dimensions: u64) -> Bytes {
    let inputs: Vec<String> = request.input.iter().flat_map(|input| texts(input.value)).collect();
    let words: usize = inputs.iter().map(|text| count_words(text)).sum();
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_object();
    w.string_member("object", "list");
    w.key("data");
    w.begin_array();
    let mut scratch = Vec::new();
    for (index, text) in inputs.iter().enumerate() {
        w.begin_object();
        w.string_member("object", "embedding");
        w.integer_member("index", index);
        w.key("embedding");
        w.begin_array();
        for number in vector(text, dimensions) {
            scratch.clear();
            // Writing to a buffer cannot fail.
            let _ = write!(scratch, "{number}");
            w.json(&scratch);
        }
        w.end_array();
        w.end_object();
    }
    w.end_array();
    w.string_member("model", &request.model);
    w.key("usage");
    w.begin_object();
    w.integer_member("prompt_tokens", words);
    w.integer_member("total_tokens", words);
    w.end_object();
    w.end_object();
    Bytes::from(out)
}

/// The inputs as texts; tokens are words, too.
fn texts(value: Raw<'_>) -> Vec<String> {
    let tokens = |list: Raw<'_>| list.text().replace(['[', ']', ','], " ");
    let Some(mut elements) = value.array() else { return vec![value.string().unwrap_or_default().into_owned()] };
    if elements.next().is_some_and(|first| first.number().is_some()) {
        return vec![tokens(value)];
    }
    let text = |element: Raw<'_>| element.string().map_or_else(|| tokens(element), std::borrow::Cow::into_owned);
    value.array().into_iter().flatten().map(text).collect()
}

/// The sum of a direction for each word, of length 1.
#[expect(clippy::cast_possible_truncation, reason = "a vector is one of 32-bit floats")]
fn vector(text: &str, dimensions: u64) -> Vec<f32> {
    let mut seeds: Vec<u64> =
        text.split_whitespace().take(WORDS).map(|word| hash(word.to_lowercase().as_bytes())).collect();
    if seeds.is_empty() {
        seeds.push(hash(text.as_bytes()));
    }
    let component = |place| seeds.iter().map(|seed| direction(seed.wrapping_add(place))).sum::<f64>();
    let sums: Vec<f64> = (0..dimensions).map(component).collect();
    let length = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
    sums.iter().map(|sum| (sum / length.max(f64::MIN_POSITIVE)) as f32).collect()
}

/// A number from -1 to 1 by SplitMix64.
fn direction(seed: u64) -> f64 {
    let mut bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let high = u32::try_from((bits ^ (bits >> 31)) >> 32).unwrap_or_default();
    f64::from(high) / f64::from(u32::MAX) * 2.0 - 1.0
}
