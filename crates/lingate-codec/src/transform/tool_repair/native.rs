//! The upstream's own calls: numbered together with the found ones, and empty or `null` arguments become `{}`.

use crate::ir::Event;
use std::collections::HashMap;

/// The calls of an answer.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// The number that goes out for each of the upstream's.
    own: HashMap<usize, Open>,
    next: usize,
    /// Calls of whose arguments nothing came yet.
    bare: usize,
    /// Whether anything about the upstream's calls was changed.
    pub(super) changed: bool,
}

#[derive(Debug)]
struct Open {
    number: usize,
    /// Arguments that came so far, as long as they are nothing or the beginning of `null`.
    nothing: Option<String>,
}

impl Numbers {
    /// The number of a found call.
    pub(super) fn take(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    /// Passes on an event of the upstream's calls; gives back any other.
    pub(super) fn pass(&mut self, event: Event, out: &mut Vec<Event>) -> Option<Event> {
        match event {
            Event::ToolCallStart { call, id, name } => {
                let number = self.take();
                self.changed |= number != call;
                let before = self.own.insert(call, Open { number, nothing: Some(String::new()) });
                self.bare += usize::from(before.is_none_or(|open| open.nothing.is_none()));
                out.push(Event::ToolCallStart { call: number, id, name });
            }
            Event::ToolCallArguments { call, fragment } => match self.own.get_mut(&call) {
                Some(open) => self.bare -= usize::from(open.more(fragment, out)),
                None => out.push(Event::ToolCallArguments { call, fragment }),
            },
            Event::ToolCallEnd { call } => {
                let number = match self.own.get_mut(&call) {
                    Some(open) => {
                        self.bare -= usize::from(open.nothing.is_some());
                        self.changed |= open.end(out);
                        open.number
                    }
                    None => call,
                };
                out.push(Event::ToolCallEnd { call: number });
            }
            other => return Some(other),
        }
        None
    }

    /// The answer ends: calls without arguments get theirs.
    pub(super) fn end(&mut self, out: &mut Vec<Event>) {
        let mut open: Vec<&mut Open> = self.own.values_mut().collect();
        open.sort_by_key(|open| open.number);
        for open in open {
            self.changed |= open.end(out);
        }
        self.bare = 0;
    }

    /// Whether there is a call of whose arguments nothing came yet.
    pub(super) fn await_arguments(&self) -> bool {
        self.bare > 0
    }

    /// Whether arguments are held back that may be `null`.
    pub(super) fn holds(&self) -> bool {
        self.bare > 0 && self.own.values().any(|open| open.nothing.as_ref().is_some_and(|text| !text.is_empty()))
    }
}

impl Open {
    /// Whether these were the first.
    fn more(&mut self, fragment: String, out: &mut Vec<Event>) -> bool {
        let first = self.nothing.is_some();
        let fragment = match self.nothing.take() {
            None => fragment,
            Some(before) => {
                let text = before + &fragment;
                if text.len() <= 16 && "null".starts_with(text.trim()) {
                    self.nothing = Some(text);
                    return false;
                }
                text
            }
        };
        out.push(Event::ToolCallArguments { call: self.number, fragment });
        first
    }

    /// Whether something had to be put in.
    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        let Some(text) = self.nothing.take() else { return false };
        let is_nothing = matches!(text.trim(), "" | "null");
        let fragment = if is_nothing { "{}".to_owned() } else { text };
        out.push(Event::ToolCallArguments { call: self.number, fragment });
        is_nothing
    }
}
