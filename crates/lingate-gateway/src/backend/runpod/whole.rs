//! The output of a finished job as a whole answer.

use super::gather::{Gather, Head};
use super::objects::is_error;
use lingate_codec::ir::ApiError;
use lingate_codec::json::{Object, Raw};

/// A whole answer in OpenAI's form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    /// As the worker wrote it: an answer, or an error in its place.
    Json(Vec<u8>),
    /// As a stream: what the worker wrote had another form.
    Sse(Vec<u8>),
}

/// Reads what a finished job gave; an array of one object counts as the object.
///
/// # Errors
/// There is nothing, or nothing that is known.
pub(crate) fn whole(output: Option<Raw<'_>>, head: Head) -> Result<Whole, ApiError> {
    let output = output.ok_or_else(nothing)?;
    if let Some(object) = only(output)
        && (is_error(&object) || is_answer(&object, head.chat))
    {
        return Ok(Whole::Json(object.text().to_vec()));
    }
    let (mut gather, mut out) = (Gather::new(head), Vec::new());
    gather.push(output, &mut out)?;
    if !gather.has_any() {
        return Err(nothing());
    }
    gather.finish(&mut out);
    Ok(Whole::Sse(out))
}

/// The object, or the one object of an array.
pub(super) fn only(value: Raw<'_>) -> Option<Object<'_>> {
    value.object().or_else(|| {
        let mut elements = value.array()?;
        let first = elements.next()?.object();
        if elements.next().is_none() { first } else { None }
    })
}

/// Whether an object is a whole answer of OpenAI's, in all that matters.
fn is_answer(object: &Object<'_>, chat: bool) -> bool {
    let own_usage = object.given("usage").and_then(Raw::object).is_some_and(|usage| usage.get("input").is_some());
    let choices: Vec<_> = object.given("choices").and_then(Raw::array).into_iter().flatten().collect();
    let whole = |choice: &Raw<'_>| {
        let Some(choice) = choice.object() else { return false };
        if !chat {
            return choice.string("text").is_some();
        }
        let message = choice.given("message").and_then(Raw::object);
        message.is_some_and(|message| message.given("content").is_none_or(|content| content.string().is_some()))
    };
    !own_usage && !choices.is_empty() && choices.iter().all(whole)
}

/// A job that is done and gave nothing.
pub(super) fn nothing() -> ApiError {
    ApiError::new(502, "the job was completed without any output").with_code("job_no_output")
}
