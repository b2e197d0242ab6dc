//! OpenAI's `prompt_cache_breakpoint` of a message's part, which is a cache mark here.

use crate::ir::{Extra, Family, Message, Part, Request, Role};
use std::collections::HashSet;

/// The mark that says the same.
pub(super) const MARK: &str = r#"{"type":"ephemeral"}"#;
/// More marks are refused (Anthropic's guide to prompt caching). The first ones count, so that a conversation that
/// grows is written as before.
const MOST: usize = 4;

/// The parts that get a mark, by message and part.
#[derive(Default)]
pub(super) struct Breakpoints(HashSet<(usize, usize)>);

impl Breakpoints {
    /// Of a request of OpenAI's family; none of others.
    pub(super) fn of(request: &Request<'_>) -> Self {
        let mut found = HashSet::new();
        if request.family == Family::OpenAi {
            let all = request.messages.iter().enumerate();
            let all = all.flat_map(|(index, message)| message.extra.iter().map(move |extra| (index, message, extra)));
            found.extend(all.filter_map(|(index, message, extra)| Some((index, part(message, extra)?))).take(MOST));
        }
        Self(found)
    }

    pub(super) fn has(&self, message: usize, part: usize) -> bool {
        self.0.contains(&(message, part))
    }

    /// Whether an unknown member of a message became a mark.
    pub(super) fn took(&self, index: usize, message: &Message<'_>, extra: &Extra<'_>) -> bool {
        !self.0.is_empty() && part(message, extra).is_some_and(|part| self.has(index, part))
    }
}

/// The part that a breakpoint belongs to, if that may be marked and is sent.
fn part(message: &Message<'_>, extra: &Extra<'_>) -> Option<usize> {
    // `messages[3].content[1].prompt_cache_breakpoint`
    let place = extra.path.strip_suffix("].prompt_cache_breakpoint").filter(|_| message.role != Role::Tool)?;
    let element: usize = place.rsplit_once(".content[")?.1.parse().ok()?;
    // Thoughts stand first in the IR's message, and not among the elements of its content.
    let thoughts = message.parts.iter().take_while(|part| matches!(part, Part::Reasoning { .. })).count();
    let part = thoughts + element;
    match message.parts.get(part)? {
        Part::Text { text, .. } if !text.trim().is_empty() => Some(part),
        Part::Image(_) | Part::File(_) => Some(part),
        _ => None,
    }
}
