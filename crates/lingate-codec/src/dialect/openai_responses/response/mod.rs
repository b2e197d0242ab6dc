//! Whole answers, both ways, and what they have in common with streams.

use crate::dialect::AnswerContext;
use crate::ir::{Answer, Event};
use std::ops::Range;

/// Reads a whole answer.
pub(super) fn decode(_: &[u8], out: &mut Vec<Event>) {
    out.push(Event::End);
}

/// As [`decode`], but only usage, finish and error are told.
pub(super) fn tap(body: &[u8], out: &mut Vec<Event>) -> Option<Range<usize>> {
    decode(body, out);
    find_model(b"", body)
}

/// Appends a whole answer.
pub(super) fn encode(_: &Answer, _: &AnswerContext, _: &mut Vec<u8>) {}

/// See [`crate::dialect::Dialect::find_model`].
pub(super) fn find_model(_: &[u8], _: &[u8]) -> Option<Range<usize>> {
    None
}
