//! The built-in formats, one file a family, in the order in which they are tried where all else is equal.

mod bare;
mod brackets;
mod fences;
mod open_models;
mod residue;
mod tags;
mod xml_parameters;

use super::format::{Around, Format};
use super::scanner::skip_space;

/// All of them.
pub(super) fn all() -> Vec<Box<dyn Format>> {
    let mut all: Vec<Box<dyn Format>> = vec![
        Box::new(fences::Fences),
        Box::new(xml_parameters::XmlParameters),
        Box::new(tags::TOOL_CALL),
        Box::new(tags::TOOL_CODE),
        Box::new(tags::ToolUse),
        Box::new(brackets::ToolCall),
        Box::new(brackets::Tool),
        Box::new(xml_parameters::ReadFile),
        Box::new(residue::Harmony),
        Box::new(bare::Functions),
        Box::new(bare::Json),
    ];
    all.extend(open_models::all());
    all
}

/// Whether a text goes on with a literal, after white space.
pub(super) enum Next {
    /// It does; index behind it.
    Yes(usize),
    /// It may: the text ends before it is told.
    Maybe,
    No,
}

/// Looks for `literal` at `at`, after white space.
pub(super) fn next(text: &str, at: usize, literal: &str, around: &Around<'_>) -> Next {
    let start = skip_space(text, at);
    let rest = text.get(start..).unwrap_or_default();
    if rest.starts_with(literal) {
        Next::Yes(start + literal.len())
    } else if literal.starts_with(rest) && !around.ended {
        Next::Maybe
    } else {
        Next::No
    }
}

/// Index behind those of `closings` that come next, in this order; each may be missing. `None`: more text is needed.
pub(super) fn past(text: &str, at: usize, closings: &[&str], around: &Around<'_>) -> Option<usize> {
    closings.iter().try_fold(at, |at, closing| match next(text, at, closing, around) {
        Next::Yes(end) => Some(end),
        Next::Maybe => None,
        // One that the answer's end cut in two.
        Next::No if around.ended && closing.starts_with(text.get(at..).unwrap_or_default().trim_start()) => {
            Some(text.len())
        }
        Next::No => Some(at),
    })
}

/// The name that a text begins with, before `closing`. `Err`: there is none, or (`true`) may be when more text comes.
pub(super) fn name_before<'t>(text: &'t str, closing: &str) -> Result<&'t str, bool> {
    let Some(len) = text.find(['"', '<', '>', '[', '{', '\n']) else { return Err(true) };
    match &text[len..] {
        rest if rest.starts_with(closing) => Ok(&text[..len]),
        rest => Err(closing.starts_with(rest)),
    }
}
