//! Requests, both ways.

use crate::dialect::{RelayWants, Target, Unsupported};
use crate::ir::{ApiError, Concept, Loss, Request};
use crate::json::{Edits, Object};

pub(super) fn check(_: &Object<'_>) -> Result<(), ApiError> {
    Ok(())
}

pub(super) fn decode(_: &[u8]) -> Result<Request<'_>, ApiError> {
    Err(ApiError::new(501, "requests of this dialect are not translated yet"))
}

pub(super) fn encode(_: &Request<'_>, _: &Target<'_>, _: &mut Loss, _: &mut Vec<u8>) -> Result<(), Unsupported> {
    Err(Unsupported { concept: Concept::Messages, path: None, reason: "not translated yet".to_owned() })
}

pub(super) fn edits(_: &Object<'_>, _: &RelayWants<'_>, _: &mut Edits) {}
