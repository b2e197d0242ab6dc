//! The IR's messages as wire turns: leading system prompts apart, neighbours of one role merged, tool results in
//! the user turn that follows the calls, before all else.

use super::thinking::Generation;
use crate::ir::{Extra, Family, Form, Message, OPENAI_THOUGHT, Part, Request, Role};

/// A piece of content, and where it stands in the IR.
#[derive(Clone, Copy)]
pub(super) struct Item<'r, 'a> {
    pub(super) part: &'r Part<'a>,
    /// Index of its message in the request.
    pub(super) message: usize,
    /// Its index in that message.
    pub(super) index: usize,
}

/// One turn on the wire. `results` come before `items`.
pub(super) struct Turn<'r, 'a> {
    /// [`Role::User`], [`Role::Assistant`] or [`Role::System`].
    pub(super) role: Role,
    pub(super) results: Vec<Item<'r, 'a>>,
    pub(super) items: Vec<Item<'r, 'a>>,
    /// Unknown members of the turn.
    pub(super) extra: Vec<&'r Extra<'a>>,
}

impl<'r, 'a> Turn<'r, 'a> {
    fn new(role: Role) -> Self {
        Self { role, results: Vec::new(), items: Vec::new(), extra: Vec::new() }
    }
}

/// A conversation as the wire has it.
pub(super) struct Turns<'r, 'a> {
    /// The top-level system prompt.
    pub(super) system: Vec<Item<'r, 'a>>,
    pub(super) turns: Vec<Turn<'r, 'a>>,
    /// Whether thoughts were left out that another provider made.
    pub(super) lost_thoughts: bool,
    /// Where tool results belong: right after the last assistant turn.
    after_assistant: usize,
}

impl<'r, 'a> Turns<'r, 'a> {
    /// Sorts the request's messages. What must not be sent (blank texts, thoughts of another provider or without a
    /// signature) is left out; a turn without content is none.
    pub(super) fn new(request: &'r Request<'a>, generation: Generation) -> Self {
        let native = request.family == Family::Anthropic;
        let signed = keeps_signatures(request);
        let mut all = Self { system: Vec::new(), turns: Vec::new(), lost_thoughts: false, after_assistant: 0 };
        let mut leading = true;
        for (index, message) in request.messages.iter().enumerate() {
            let operator = matches!(message.role, Role::System | Role::Developer);
            leading &= operator;
            all.lost_thoughts |= message.parts.iter().any(|part| is_thought(part) && !is_sent(part, signed));
            let items = items(index, message, signed);
            if leading {
                all.system.extend(items);
                continue;
            }
            let turn = match message.role {
                Role::Tool => {
                    let at = all.results_turn();
                    all.turns[at].results.extend(items);
                    Some(at)
                }
                // Models that know no system turns get the text as the user's: it must not be lost.
                _ if operator && (native || generation.knows_system_turns()) => all.add(Role::System, items),
                Role::Assistant => all.add(Role::Assistant, items),
                _ => all.add(Role::User, items),
            };
            if native && let Some(turn) = turn {
                let own = message.extra.iter().filter(|item| !item.key.starts_with("content["));
                all.turns[turn].extra.extend(own);
            }
        }
        all.turns.retain(|turn| !turn.results.is_empty() || !turn.items.is_empty());
        all
    }

    /// Adds items to the last turn if it is of that role, else as a new one; gives its place, if there are any.
    fn add(&mut self, role: Role, items: impl Iterator<Item = Item<'r, 'a>>) -> Option<usize> {
        let mut items = items.peekable();
        items.peek()?;
        if self.turns.last().is_none_or(|turn| turn.role != role) {
            self.turns.push(Turn::new(role));
            if role == Role::Assistant {
                self.after_assistant = self.turns.len();
            }
        }
        let turn = self.turns.last_mut()?;
        turn.items.extend(items);
        Some(self.turns.len() - 1)
    }

    /// The place of the user turn right after the last assistant turn: results must stand there, whatever was said
    /// since the calls.
    fn results_turn(&mut self) -> usize {
        let at = self.after_assistant;
        if self.turns.get(at).is_none_or(|turn| turn.role != Role::User) {
            self.turns.insert(at, Turn::new(Role::User));
        }
        at
    }

    /// Whether the last assistant turn calls tools without having thought: with thinking on, that is refused.
    pub(super) fn calls_without_thought(&self) -> bool {
        let Some(turn) = self.turns.iter().rev().find(|turn| turn.role == Role::Assistant) else { return false };
        let first = turn.items.iter().find_map(|item| match item.part {
            Part::Reasoning { .. } | Part::RedactedReasoning { .. } => Some(false),
            Part::ToolCall(_) => Some(true),
            _ => None,
        });
        first == Some(true)
    }
}

fn items<'r, 'a>(at: usize, message: &'r Message<'a>, signed: bool) -> impl Iterator<Item = Item<'r, 'a>> {
    let all = message.parts.iter().enumerate().map(move |(index, part)| Item { part, message: at, index });
    all.filter(move |item| is_sent(item.part, signed))
}

/// Whether signatures in a request may be Anthropic's: in its own dialect, and in items, which carry them sealed.
pub(super) fn keeps_signatures(request: &Request<'_>) -> bool {
    request.family == Family::Anthropic || request.form == Form::Items
}

/// Whether a part says something of how the model came to its answer.
fn is_thought(part: &Part<'_>) -> bool {
    match part {
        Part::Reasoning { text, .. } => !text.is_empty(),
        part => matches!(part, Part::RedactedReasoning { .. }),
    }
}

/// Whether a part is sent at all.
pub(super) fn is_sent(part: &Part<'_>, signed: bool) -> bool {
    match part {
        // The API refuses blank text blocks.
        Part::Text { text, .. } | Part::Refusal { text } => !text.trim().is_empty(),
        // An empty thought with a signature is whole; one without was made by another provider and is refused.
        Part::Reasoning { signature, .. } => {
            signed && signature.as_ref().is_some_and(|text| !text.is_empty() && !text.starts_with(OPENAI_THOUGHT))
        }
        Part::RedactedReasoning { .. } => signed,
        _ => true,
    }
}
