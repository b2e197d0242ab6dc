//! The envelope: what lingate must know of a request before anything else, read without a tree.

use super::Dialect;
use crate::ir::ApiError;
use crate::json::{JsonError, Object};
use std::borrow::Cow;

/// A request's top level.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// Its members, with their places.
    pub object: Object<'a>,
    /// The model asked for; empty where the request names none.
    pub model: Cow<'a, str>,
    /// Whether the answer is to be streamed, the dialect's default applied.
    pub stream: bool,
}

/// Checks that a body is a JSON object.
///
/// # Errors
/// A 400 with code `invalid_json` that says what is wrong at which byte.
pub fn parse_object(body: &[u8]) -> Result<Object<'_>, ApiError> {
    Object::parse(body).map_err(|error| malformed(&error))
}

/// The error that a client gets for a body that is not JSON.
pub fn malformed(error: &JsonError) -> ApiError {
    ApiError::new(400, format!("the request body is not valid JSON: {error}")).with_code("invalid_json")
}

impl<'a> Envelope<'a> {
    /// Reads a request body.
    ///
    /// # Errors
    /// A 400: not JSON, not an object, a control member twice or of the wrong kind.
    pub fn probe(dialect: &dyn Dialect, body: &'a [u8]) -> Result<Self, ApiError> {
        let object = parse_object(body)?;
        if let Some(key) = object.duplicate(dialect.control_members()) {
            return Err(ApiError::invalid(key, format!("`{key}` is given more than once")).with_code("duplicate_key"));
        }
        let model = match object.given("model").or_else(|| object.given("name")) {
            None => Cow::Borrowed(""),
            Some(value) => value.string().ok_or_else(|| {
                ApiError::invalid("model", format!("`model` must be a string, not {}", value.kind().name()))
            })?,
        };
        let stream = match object.given("stream") {
            None => dialect.streams_by_default(),
            Some(value) => value.bool().ok_or_else(|| {
                ApiError::invalid("stream", format!("`stream` must be true or false, not {}", value.kind().name()))
            })?,
        };
        Ok(Self { object, model, stream })
    }
}
