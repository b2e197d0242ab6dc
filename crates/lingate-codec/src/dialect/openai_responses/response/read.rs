//! Pieces that whole answers and stream events share, read. What is missing, null or of a strange kind is left out,
//! never an error.

use super::super::error;
use crate::ir::{ApiError, Citation, Event, Finish, FinishReason, Logprob, Start, Usage};
use crate::json::{Object, Raw};
use std::borrow::Cow;

/// The head of a response object.
pub(in super::super) fn start(response: &Object<'_>) -> Start {
    let text = |key| response.string(key).map(|text| text.into_owned());
    Start {
        id: text("id").unwrap_or_default(),
        model: text("model").unwrap_or_default(),
        created: response.get("created_at").and_then(seconds).filter(|&seconds| seconds > 0),
        system_fingerprint: None,
        service_tier: text("service_tier"),
    }
}

/// Whole seconds of a moment, which may have a fraction.
fn seconds(value: Raw<'_>) -> Option<u64> {
    value.u64().or_else(|| value.number()?.split_once('.')?.0.parse().ok())
}

/// `usage` of a response object. All counts include their parts.
pub(in super::super) fn usage(response: &Object<'_>) -> Option<Usage> {
    let usage = response.given("usage")?.object()?;
    let count = |object: Option<&Object<'_>>, key: &str| object?.given(key)?.u64();
    let details = |key: &str| usage.given(key).and_then(Raw::object);
    let (input, output) = (details("input_tokens_details"), details("output_tokens_details"));
    let read = Usage {
        input_tokens: count(Some(&usage), "input_tokens"),
        output_tokens: count(Some(&usage), "output_tokens"),
        cache_read_input_tokens: count(input.as_ref(), "cached_tokens"),
        cache_creation_input_tokens: count(input.as_ref(), "cache_write_tokens"),
        reasoning_output_tokens: count(output.as_ref(), "reasoning_tokens"),
        audio_input_tokens: count(input.as_ref(), "audio_tokens"),
        audio_output_tokens: count(output.as_ref(), "audio_tokens"),
    };
    read.is_known().then_some(read)
}

/// How a response ended, by its `status`.
///
/// # Errors
/// It failed, was cancelled, or is not at its end.
pub(in super::super) fn finish(response: &Object<'_>, calls: bool) -> Result<Finish, ApiError> {
    let unsaid = if incomplete_reason(response).is_some() { "incomplete" } else { "completed" };
    let status = response.string("status").unwrap_or(Cow::Borrowed(unsaid));
    let failure = || error::read(response).filter(|_| response.given("error").is_some());
    let reason = match status.as_ref() {
        "failed" => {
            let unsaid = || ApiError::upstream("the upstream's response failed without saying why");
            return Err(failure().unwrap_or_else(unsaid));
        }
        "cancelled" => return Err(ApiError::upstream("the response was cancelled upstream")),
        "queued" | "in_progress" => {
            return Err(ApiError::upstream("the upstream's response is not complete: it works in the background"));
        }
        "incomplete" => match incomplete_reason(response).as_deref() {
            Some("content_filter") => FinishReason::ContentFilter,
            // `max_messages`, `steered`: the answer ends there as it was asked to.
            Some("max_messages" | "steered") => FinishReason::Stop,
            _ => FinishReason::Length,
        },
        _ => match failure() {
            Some(error) => return Err(error),
            None => FinishReason::Stop,
        },
    };
    let reason = if calls && reason == FinishReason::Stop { FinishReason::ToolCalls } else { reason };
    Ok(Finish { reason, stop_sequence: None })
}

fn incomplete_reason(response: &Object<'_>) -> Option<String> {
    Some(response.given("incomplete_details")?.object()?.string("reason")?.into_owned())
}

/// Whether an item of that type is a call of one of the client's tools.
pub(in super::super) fn is_call(kind: &str) -> bool {
    matches!(kind, "function_call" | "custom_tool_call")
}

/// A source; `before` are the characters of the answer's text before the part that it stands in.
pub(super) fn citation(annotation: Raw<'_>, before: u64) -> Option<Citation> {
    let annotation = annotation.object()?;
    let text = |key| annotation.string(key).map(|text| text.into_owned());
    let place = |key| annotation.get(key).and_then(Raw::u64).map(|place| before.saturating_add(place));
    Some(Citation {
        url: text("url").unwrap_or_default(),
        title: text("title").or_else(|| text("filename")).unwrap_or_default(),
        cited_text: String::new(),
        span: place("start_index").zip(place("end_index")),
    })
}

/// Log probabilities; nothing for an empty list.
pub(super) fn logprobs(list: Raw<'_>, out: &mut Vec<Event>) {
    let Some(tokens) = list.array() else { return };
    let tokens: Vec<_> = tokens.filter_map(|token| logprob(token, true)).collect();
    if !tokens.is_empty() {
        out.push(Event::Logprobs(tokens));
    }
}

fn logprob(token: Raw<'_>, with_top: bool) -> Option<Logprob> {
    let object = token.object()?;
    let bytes = object.get("bytes").and_then(Raw::array);
    let top = object.get("top_logprobs").filter(|_| with_top).and_then(Raw::array);
    Some(Logprob {
        token: object.string("token")?.into_owned(),
        logprob: object.get("logprob").and_then(Raw::f64).filter(|number| number.is_finite())?,
        bytes: bytes.map(|bytes| bytes.filter_map(|byte| u8::try_from(byte.u64()?).ok()).collect()),
        top: top.map(|top| top.filter_map(|token| logprob(token, false)).collect()).unwrap_or_default(),
    })
}
