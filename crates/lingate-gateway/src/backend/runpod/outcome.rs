//! The error that a client gets for a job that came to nothing.

use super::reply::State;
use lingate_codec::ir::ApiError;
use lingate_codec::json::{Object, Raw};
use std::borrow::Cow;

/// The longest message that is taken over, in characters.
const MAX_MESSAGE: usize = 2_000;

/// What a final state other than `COMPLETED` means to a client, and whether another target may be tried: not where
/// the job ran as long as it may.
pub(crate) fn failed(state: State, error: Option<Raw<'_>>) -> (ApiError, bool) {
    let said = error.map(message).filter(|text| !text.is_empty());
    let told = |status: u16, code: &str, what: &str| {
        let message = match &said {
            Some(said) => format!("{what}: {said}"),
            None => what.to_owned(),
        };
        ApiError::new(status, message).with_code(code)
    };
    match state {
        State::TimedOut => (told(504, "job_timed_out", "the job took longer than RunPod allows it"), false),
        // Not 499: it was not this client that cancelled it.
        State::Cancelled => (told(502, "job_cancelled", "the job was cancelled on RunPod's side"), true),
        State::Failed => (told(502, "job_failed", "the job failed"), true),
        _ => (told(502, "job_unknown_state", "the job is in a state that is not known"), false),
    }
}

/// What a job's error says: a text, or an object of RunPod's SDK, which may be written as text in its turn
/// (`{"error_type", "error_message", "error_traceback", …}`). A traceback is not passed on.
fn message(error: Raw<'_>) -> String {
    let text = match error.string() {
        Some(text) => match Raw::parse(text.as_bytes()).ok().and_then(Raw::object) {
            Some(object) => words(&object).unwrap_or_else(|| text.clone().into_owned()),
            None => text.into_owned(),
        },
        None => error.object().and_then(|object| words(&object)).unwrap_or_default(),
    };
    text.trim().chars().take(MAX_MESSAGE).collect()
}

fn words(object: &Object<'_>) -> Option<String> {
    let own = ["error_message", "message", "error"].into_iter().find_map(|key| object.string(key));
    own.map(Cow::into_owned).or_else(|| words(&object.given("error")?.object()?))
}
