//! The output of a finished job as OpenAI's answer to a request for embeddings.

use super::gather::unknown;
use super::objects::is_error;
use super::whole::{nothing, only};
use lingate_codec::dialect::DialectId;
use lingate_codec::ir::{ApiError, Event, Operation};
use lingate_codec::json::{Kind, Raw, Writer};

/// Reads OpenAI's own form; `{"embeddings": […]}`, `{"embedding": […]}` and bare vectors besides.
///
/// # Errors
/// There is nothing, an error of the worker's, or nothing that is known.
pub(crate) fn embedded(output: Option<Raw<'_>>, model: &str) -> Result<Vec<u8>, ApiError> {
    let output = output.ok_or_else(nothing)?;
    let Some(object) = only(output) else { return vectors(output, model) };
    if is_error(&object) {
        let mut events = Vec::new();
        DialectId::OpenAiChat.dialect().decode_response(Operation::Chat, object.text(), &mut events);
        let told =
            events.into_iter().find_map(|event| if let Event::Error(error) = event { Some(error) } else { None });
        return Err(told.unwrap_or_else(unknown));
    }
    if object.given("data").is_some_and(|data| data.kind() == Kind::Array) {
        return Ok(object.text().to_vec());
    }
    let found = ["embeddings", "embedding", "output"].into_iter().find_map(|key| object.given(key));
    found.map_or_else(|| Err(unknown()), |found| vectors(found, model))
}

/// A vector or a list of vectors, numbered.
fn vectors(value: Raw<'_>, model: &str) -> Result<Vec<u8>, ApiError> {
    let elements: Vec<_> = value.array().ok_or_else(unknown)?.collect();
    let vectors = match elements.first().map(|first| first.kind()) {
        Some(Kind::Number) => vec![value],
        Some(Kind::Array) => elements,
        _ => return Err(unknown()),
    };
    let mut out = Vec::with_capacity(value.bytes().len() + 256);
    let mut w = Writer::new(&mut out);
    w.begin_object();
    w.string_member("object", "list");
    w.string_member("model", model);
    w.key("data");
    w.begin_array();
    for (index, vector) in vectors.into_iter().enumerate() {
        w.begin_object();
        w.string_member("object", "embedding");
        w.integer_member("index", index);
        w.raw_member("embedding", vector);
        w.end_object();
    }
    w.end_array();
    w.end_object();
    Ok(out)
}
