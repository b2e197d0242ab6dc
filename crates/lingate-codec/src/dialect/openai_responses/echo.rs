//! Members of a request that its answer repeats.

use crate::dialect::Echo;
use crate::json::Object;

/// The members, and what an answer says where the request was silent (`null`: not set). SDK 3.52.0,
/// `types/responses/response.py`.
pub(super) const MEMBERS: &[(&str, &str)] = &[
    ("background", "false"),
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("prompt_cache_key", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("safety_identifier", "null"),
    ("store", "true"),
    ("temperature", "null"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "null"),
    ("truncation", "\"disabled\""),
    ("user", "null"),
];

/// What the answer to a request repeats.
pub(super) fn of(request: &Object<'_>) -> Echo {
    let mut echo = Echo::default();
    for (name, _) in MEMBERS {
        if let Some(value) = request.given(name) {
            echo.keep(name, value);
        }
    }
    echo
}
