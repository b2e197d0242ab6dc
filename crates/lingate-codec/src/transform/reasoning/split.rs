//! Finds a thought at the beginning of an answer's text, however the text is cut.

use super::markers::{BARE_OPENING, BARE_TEXT, Closing, OPENINGS, TEXT_ENDS, Then};

/// So much is held of an answer that may be bare harmony, in bytes.
const MOST_BARE: usize = 64 * 1024;

/// What a piece of text turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Thought(String),
}

/// Reads an answer's text from its beginning. White space next to a marker belongs to the marker.
#[derive(Debug, Default)]
pub(super) struct Split {
    state: State,
    /// What was read and is not yet known to be anything.
    held: String,
    /// Whether a marker was taken out.
    found: bool,
}

#[derive(Debug, Clone, Copy, Default)]
enum State {
    /// A marker may come.
    #[default]
    Beginning,
    /// A thought; `begun`: something of it was told.
    Thought { closings: &'static [Closing], begun: bool },
    /// Text that may have an end marker.
    Ending,
    /// A thought or text: which, the rest will show.
    Bare,
    /// Nothing more is looked for.
    Done,
}

impl Split {
    /// Whether the rest of the text passes as it is.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Whether a marker was taken out.
    pub(super) fn found(&self) -> bool {
        self.found
    }

    /// Whether text is held back.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// More text.
    pub(super) fn push(&mut self, text: &str, out: &mut Vec<Part>) {
        self.held.push_str(text);
        while self.step(out) {}
    }

    /// Something else than text comes: what is held is what it looks like, and a marker can begin no more. `end`: it is
    /// the answer's end.
    pub(super) fn release(&mut self, end: bool, out: &mut Vec<Part>) {
        let held = std::mem::take(&mut self.held);
        match self.state {
            State::Thought { .. } => part(held, Part::Thought, out),
            State::Ending if end && TEXT_ENDS.contains(&held.trim()) => {}
            // White space between a thought and what is no text is nobody's.
            State::Beginning if self.found && held.trim().is_empty() => {}
            _ => part(held, Part::Text, out),
        }
        if !matches!(self.state, State::Thought { .. } | State::Ending) {
            self.state = State::Done;
        }
    }

    /// Reads on; whether there may be more to be read.
    fn step(&mut self, out: &mut Vec<Part>) -> bool {
        match self.state {
            State::Beginning => self.beginning(),
            State::Thought { closings, begun } => self.thought(closings, begun, out),
            State::Ending => self.ending(out),
            State::Bare => self.bare(out),
            State::Done => {
                part(std::mem::take(&mut self.held), Part::Text, out);
                false
            }
        }
    }

    fn beginning(&mut self) -> bool {
        let text = self.held.trim_start();
        if text.is_empty() {
            return false;
        }
        if let Some(opening) = OPENINGS.iter().find(|opening| text.starts_with(opening.marker)) {
            self.held = text[opening.marker.len()..].to_owned();
            self.found = true;
            self.state = match opening.then {
                Then::Thought(closings) => State::Thought { closings, begun: false },
                Then::Text => State::Ending,
            };
            return true;
        }
        if OPENINGS.iter().any(|opening| opening.marker.starts_with(text)) {
            return false;
        }
        // Bare words are markers only where the answer begins with them.
        if !self.found && text.len() == self.held.len() {
            match text.strip_prefix(BARE_OPENING).map(|rest| rest.chars().next()) {
                Some(Some(next)) if next.is_ascii_uppercase() => {
                    self.state = State::Bare;
                    return true;
                }
                Some(None) => return false,
                None if BARE_OPENING.starts_with(text) => return false,
                _ => {}
            }
        }
        if self.found {
            self.held = text.to_owned();
        }
        self.state = State::Done;
        true
    }

    fn thought(&mut self, closings: &'static [Closing], begun: bool, out: &mut Vec<Part>) -> bool {
        if !begun {
            self.held = self.held.trim_start().to_owned();
        }
        let first = closings.iter().filter_map(|closing| Some((self.held.find(closing.marker)?, closing)));
        if let Some((at, closing)) = first.min_by_key(|(at, _)| *at) {
            part(self.held[..at].trim_end().to_owned(), Part::Thought, out);
            let end = if closing.stays { at } else { at + closing.marker.len() };
            self.held.drain(..end);
            self.state = State::Beginning;
            return true;
        }
        let safe = undecided(&self.held, &closings.iter().map(|closing| closing.marker));
        let safe = self.held[..safe].trim_end().len();
        if safe > 0 {
            self.state = State::Thought { closings, begun: true };
            part(self.held.drain(..safe).collect(), Part::Thought, out);
        }
        false
    }

    fn ending(&mut self, out: &mut Vec<Part>) -> bool {
        // The marker, or its beginning, with white space behind it, counts only at the very end.
        let text = self.held.trim_end();
        let whole = TEXT_ENDS.iter().find(|end| text.ends_with(**end));
        let safe = match whole {
            Some(end) => text.len() - end.len(),
            None => undecided(&self.held, &TEXT_ENDS.iter().copied()),
        };
        part(self.held.drain(..safe).collect(), Part::Text, out);
        false
    }

    fn bare(&mut self, out: &mut Vec<Part>) -> bool {
        if let Some(at) = self.held.find(BARE_TEXT) {
            part(self.held[BARE_OPENING.len()..at].trim_end().to_owned(), Part::Thought, out);
            self.held = self.held[at + BARE_TEXT.len()..].to_owned();
            self.found = true;
            self.state = State::Beginning;
            return true;
        }
        if self.held.len() > MOST_BARE {
            self.state = State::Done;
            return true;
        }
        false
    }
}

/// Up to where a text holds no beginning of a marker that it ends with.
fn undecided<'m>(text: &str, markers: &(impl Iterator<Item = &'m str> + Clone)) -> usize {
    let longest = markers.clone().map(str::len).max().unwrap_or(0);
    let mut from = text.len().saturating_sub(longest);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let begins = |at: &usize| markers.clone().any(|marker| marker.starts_with(&text[*at..]));
    let places = text[from..].char_indices().map(|(at, _)| from + at);
    places.into_iter().find(begins).unwrap_or(text.len())
}

fn part(text: String, kind: fn(String) -> Part, out: &mut Vec<Part>) {
    if !text.is_empty() {
        out.push(kind(text));
    }
}
