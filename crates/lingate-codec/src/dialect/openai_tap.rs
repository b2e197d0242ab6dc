//! What a relay must know of an answer in a dialect of OpenAI's family that is built of choices, told with as little
//! reading as can be: relays look at everything that passes.

use super::openai_usage as usage;
use crate::ir::Event;
use crate::json::Object;
use memchr::memmem::Finder;
use std::ops::Range;
use std::sync::LazyLock;

static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"usage\""));
static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"finish_reason\""));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"error\""));

/// Whether a frame may hold more than content: usage, a finish reason, an error, the end. `content` finds the quoted
/// name of the member that holds content. `false` is certain, `true` is not.
pub(in crate::dialect) fn may_matter(data: &[u8], content: &Finder<'_>) -> bool {
    // Quotes inside of a JSON string are escaped, so no text of an answer looks like a member's name.
    content.find(data).is_none()
        || has_finish(data)
        || USAGE.find_iter(data).any(|at| !is_null_at(data, at + 7))
        || ERROR.find(data).is_some()
}

/// Whether a frame says why the model stopped. `false` is certain, `true` is not.
pub(in crate::dialect) fn has_finish(data: &[u8]) -> bool {
    FINISH.find_iter(data).any(|at| !is_null_at(data, at + 15))
}

/// Whether `: null` stands at `at`.
fn is_null_at(data: &[u8], at: usize) -> bool {
    let rest = data.get(at..).unwrap_or_default().trim_ascii_start();
    let value = rest.strip_prefix(b":").unwrap_or(rest).trim_ascii_start();
    value.starts_with(b"null")
}

/// See [`crate::dialect::Dialect::is_usage_frame`].
pub(in crate::dialect) fn is_usage_frame(data: &[u8]) -> bool {
    // Most frames have no usage, or null.
    if USAGE.find_iter(data).all(|at| is_null_at(data, at + 7)) {
        return false;
    }
    let Some(choices) = Object::find(data, "choices").and_then(|range| data.get(range)) else { return false };
    let empty = match choices {
        b"null" => true,
        [b'[', inside @ .., b']'] => inside.trim_ascii().is_empty(),
        _ => false,
    };
    empty && Object::find(data, "usage").is_some_and(|range| data.get(range.start) == Some(&b'{'))
}

/// Usage, error and end of a whole answer that is relayed, and where its model's name stands. Its choices are looked
/// at no more closely than that there is one, and whether one of them says that it failed; what looks odd is read by
/// `decode`.
pub(in crate::dialect) fn whole(
    body: &[u8],
    decode: impl FnOnce(&[u8], &mut Vec<Event>),
    out: &mut Vec<Event>,
) -> Option<Range<usize>> {
    let (mut model, mut choices, mut counts, mut odd) = (None, &b""[..], None, false);
    let seen = Object::visit(body, |name, start, value| match name {
        b"model" => model = Some(start..start + value.bytes().len()),
        b"choices" => choices = value.bytes(),
        b"usage" => counts = Some(value),
        // What an error answer may hold, and names that cannot be told from these unread.
        b"error" | b"detail" | b"error_type" | b"error_message" => odd = true,
        _ => odd |= name.contains(&b'\\'),
    });
    let empty = choices.get(1..).is_none_or(|rest| rest.trim_ascii_start().starts_with(b"]"));
    if seen.is_err() || odd || empty || ERROR.find(choices).is_some() {
        decode(body, out);
        return model;
    }
    out.extend(counts.and_then(usage::read).map(Event::Usage));
    out.push(Event::End);
    model
}
