//! What a frame is, told without reading it: relays look at each frame that passes.

use crate::json::Object;
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// Whether a frame may hold more than content: usage, a finish reason, an error, the end. `false` is certain,
/// `true` is not.
pub(super) fn may_matter(data: &[u8]) -> bool {
    static DELTA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"delta\""));
    static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"finish_reason\""));
    static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"usage\""));
    static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"error\""));
    // Quotes inside of a JSON string are escaped, so no text of an answer looks like a member's name.
    DELTA.find(data).is_none()
        || FINISH.find(data).is_some_and(|at| !is_null_at(data, at + 15))
        || USAGE.find(data).is_some_and(|at| !is_null_at(data, at + 7))
        || ERROR.find(data).is_some()
}

/// Whether `: null` stands at `at`.
fn is_null_at(data: &[u8], at: usize) -> bool {
    let rest = data.get(at..).unwrap_or_default().trim_ascii_start();
    let value = rest.strip_prefix(b":").unwrap_or(rest).trim_ascii_start();
    value.starts_with(b"null")
}

/// See [`crate::dialect::Dialect::is_usage_frame`].
pub(in crate::dialect::openai_chat) fn is_usage_frame(data: &[u8]) -> bool {
    let Some(choices) = Object::find(data, "choices").and_then(|range| data.get(range)) else { return false };
    let empty = match choices {
        b"null" => true,
        [b'[', inside @ .., b']'] => inside.trim_ascii().is_empty(),
        _ => false,
    };
    empty && Object::find(data, "usage").is_some_and(|range| data.get(range.start) == Some(&b'{'))
}
