//! What a Responses request says of state. Pure.

use lingate_codec::ir::ApiError;
use lingate_codec::json::{Object, Raw};
use std::borrow::Cow;

/// The members of a request that are about state.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// The answer that this one goes on from.
    pub previous: Option<Cow<'a, str>>,
    /// Whether the conversation is kept by the upstream.
    pub conversation: bool,
    /// Whether the answer is to be stored.
    pub store: bool,
}

impl<'a> Asked<'a> {
    /// Reads them.
    ///
    /// # Errors
    /// A 400: a member of the wrong kind, `background`, or two members that exclude each other.
    pub(super) fn read(object: &Object<'a>) -> Result<Self, ApiError> {
        if flag(object, "background")? == Some(true) {
            let message = "lingate answers while the client waits: remove `background` or set it to false";
            return Err(ApiError::invalid("background", message).with_code("unsupported_parameter"));
        }
        let previous = match object.given("previous_response_id") {
            None => None,
            Some(id) => Some(id.string().ok_or_else(|| wrong_kind("previous_response_id", "a string", id))?),
        };
        let conversation = object.given("conversation").is_some();
        if conversation && previous.is_some() {
            let message = "`previous_response_id` and `conversation` exclude each other";
            return Err(ApiError::invalid("previous_response_id", message).with_code("mutually_exclusive_parameters"));
        }
        Ok(Self { previous, conversation, store: flag(object, "store")?.unwrap_or(true) })
    }
}

fn flag(object: &Object<'_>, name: &'static str) -> Result<Option<bool>, ApiError> {
    match object.given(name) {
        None => Ok(None),
        Some(value) => value.bool().map(Some).ok_or_else(|| wrong_kind(name, "true or false", value)),
    }
}

pub(super) fn wrong_kind(name: &str, wanted: &str, found: Raw<'_>) -> ApiError {
    ApiError::invalid(name, format!("`{name}` must be {wanted}, not {}", found.kind().name()))
}

/// There is no such answer, or none for this client; the same words for both.
pub(super) fn previous_not_found(id: &str) -> ApiError {
    let message = format!("Previous response with id '{}' not found.", shown(id));
    ApiError::invalid("previous_response_id", message).with_code("previous_response_not_found")
}

/// An id as an error may quote it.
pub(super) fn shown(id: &str) -> String {
    id.chars().take(128).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The three members, or the path at fault.
    fn read(json: &str) -> Result<(Option<String>, bool, bool), String> {
        let object = Object::parse(json.as_bytes()).unwrap();
        let asked = Asked::read(&object).map_err(|error| error.param.unwrap_or_default())?;
        Ok((asked.previous.map(Cow::into_owned), asked.conversation, asked.store))
    }

    #[test]
    fn silence_means_store_and_nothing_else() {
        for json in [
            "{}",
            r#"{"store":null,"background":null,"previous_response_id":null,"conversation":null}"#,
            r#"{"store":true,"background":false}"#,
        ] {
            assert_eq!(read(json), Ok((None, false, true)), "{json}");
        }
        assert_eq!(
            read(r#"{"store":false,"previous_response_id":"resp_\u0031"}"#),
            Ok((Some("resp_1".into()), false, false))
        );
        assert_eq!(read(r#"{"conversation":{"id":"conv_1"}}"#), Ok((None, true, true)));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (json, param) in [
            (r#"{"background":true}"#, "background"),
            (r#"{"background":"yes"}"#, "background"),
            (r#"{"store":1}"#, "store"),
            (r#"{"previous_response_id":7}"#, "previous_response_id"),
            (r#"{"previous_response_id":"a","conversation":"b"}"#, "previous_response_id"),
        ] {
            assert_eq!(read(json).unwrap_err(), param, "{json}");
        }
    }
}
