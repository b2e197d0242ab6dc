//! Errors, both ways.

use crate::ir::ApiError;

/// Reads an error answer of any content type.
pub(super) fn decode(status: u16, _: &[u8]) -> ApiError {
    ApiError::new(status, "")
}

/// Appends an error body.
pub(super) fn encode(_: &ApiError, _: &mut Vec<u8>) {}

/// Appends the data of an `error` event.
pub(super) fn encode_in_stream(_: &ApiError, _: &mut Vec<u8>) {}

/// The status that clients know for an error.
pub(super) fn status(error: &ApiError) -> u16 {
    error.status
}
