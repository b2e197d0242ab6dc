//! What begins at a place of the text that is held: asks the formats, and settles who wins.

use super::arguments::{self, RawArguments};
use super::catalogue::Catalogue;
use super::format::{Around, FoundArguments, FoundCall, MAX_CALLS, MAX_CANDIDATE, Match, Verdict};
use super::quoted::Place;
use super::tools::{Begins, Tools};

/// How much of a text a pattern may look at in vain, in bytes, before it is left out for the rest of the answer.
const MAX_WASTE: usize = 1024 * 1024;

/// A call that can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) arguments: String,
}

/// What was found at a place.
pub(super) struct Found {
    pub(super) format: usize,
    pub(super) len: usize,
    pub(super) calls: Vec<Call>,
    pub(super) only_at_end: bool,
}

/// What stands at a place.
pub(super) enum Judged {
    Found(Found),
    /// More text is needed.
    Hold,
    /// No call, and none begins within so many bytes: what began here filled the buffer, or was open to the end.
    Release(usize),
    No,
}

/// How the text ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// More may come.
    Open,
    /// Another block comes.
    Block,
    /// The answer ends; `true`: it was cut off by the bound on its length.
    Answer(bool),
}

/// What is wanted of an answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rules {
    /// Only what has marks of its own is a call.
    pub(super) marked_only: bool,
    /// Values that were cut off by the bound on the answer's length count as whole.
    pub(super) accept_cut: bool,
}

/// What is asked, and what was found so far in this answer.
pub(super) struct Judge<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) tools: &'a Tools,
    pub(super) rules: Rules,
    pub(super) end: End,
    /// Calls made of each format.
    pub(super) made: &'a [u32],
    /// Bytes that each format looked at in vain.
    pub(super) wasted: &'a mut [usize],
}

impl Judge<'_> {
    /// What stands at `at`, where `place` says that a call may begin.
    pub(super) fn at(&mut self, held: &str, at: usize, place: Place) -> Judged {
        let rest = held.get(at..).unwrap_or_default();
        let full = rest.len() >= MAX_CANDIDATE;
        let text = if full { &rest[..rest.floor_char_boundary(MAX_CANDIDATE)] } else { rest };
        let ended = self.end != End::Open && !full;
        let mut waste = Vec::new();
        let judged = match self.first(text, place, 0, ended, &mut waste) {
            First::Found(found) => match self.outranked(text, place, &found, ended, &mut waste) {
                Some(true) => Judged::No,
                Some(false) => Judged::Found(found),
                None => Judged::Hold,
            },
            First::Hold => Judged::Hold,
            First::OpenToEnd => Judged::Release(text.len()),
            First::No => Judged::No,
        };
        let judged = if full && matches!(judged, Judged::Hold) { Judged::Release(text.len()) } else { judged };
        if !matches!(judged, Judged::Hold) {
            for (format, bytes) in waste {
                self.wasted[format] += bytes;
            }
        }
        judged
    }

    /// The best match at the beginning of `text` of those with a priority of at least `least`.
    fn first(&self, text: &str, place: Place, least: u32, ended: bool, waste: &mut Vec<(usize, usize)>) -> First {
        let mut open_to_end = false;
        for (format, begins) in self.candidates(text, place) {
            let entry = &self.catalogue.formats[format];
            if entry.priority < least {
                break;
            }
            let left_out = self.rules.marked_only && !entry.format.is_marked();
            if left_out || self.made[format] as usize >= MAX_CALLS || self.wasted[format] > MAX_WASTE {
                continue;
            }
            if begins == Begins::Maybe {
                if ended {
                    continue;
                }
                return First::Hold;
            }
            let around = self.around(ended);
            match entry.format.scan(text, &around) {
                Verdict::Found(found) => match self.resolve(format, &found) {
                    Some(calls) => {
                        return First::Found(Found { format, len: found.len, calls, only_at_end: found.only_at_end });
                    }
                    // Checking arguments costs more than reading them.
                    None => waste.push((format, found.len + 1024)),
                },
                Verdict::NeedMore => return First::Hold,
                Verdict::NoAfter(bytes) => waste.push((format, bytes)),
                Verdict::No => {}
            }
            open_to_end |= ended && entry.format.scan(text, &self.around(false)) == Verdict::NeedMore;
        }
        if open_to_end { First::OpenToEnd } else { First::No }
    }

    fn around(&self, ended: bool) -> Around<'_> {
        let cut = self.end == End::Answer(true);
        Around { tools: self.tools, ended, cut, accept_cut: cut && self.rules.accept_cut }
    }

    /// Formats that `text` may be the beginning of, the highest first.
    fn candidates(&self, text: &str, place: Place) -> Vec<(usize, Begins)> {
        let Some(&first) = text.as_bytes().first() else { return Vec::new() };
        let mut found: Vec<(usize, Begins)> = Vec::new();
        for literal in self.catalogue.literals(first) {
            let begins = if literal.line && !place.is_line() {
                Begins::No
            } else if text.starts_with(&*literal.text) {
                Begins::Yes
            } else if literal.text.starts_with(text) {
                Begins::Maybe
            } else {
                Begins::No
            };
            if begins != Begins::No {
                found.push((literal.format, begins));
            }
        }
        if place.is_line() && !self.catalogue.by_tool.is_empty() {
            match self.tools.begins_call(text) {
                Begins::No => {}
                begins => found.extend(self.catalogue.by_tool.iter().map(|format| (*format, begins))),
            }
        }
        found.sort_by_key(|(format, begins)| (*format, *begins == Begins::Maybe));
        found
    }

    /// Whether a match of a higher priority begins within this one; `None`: that is not known yet.
    fn outranked(
        &self,
        text: &str,
        place: Place,
        found: &Found,
        ended: bool,
        waste: &mut Vec<(usize, usize)>,
    ) -> Option<bool> {
        let own = self.catalogue.formats.get(found.format).map_or(0, |entry| entry.priority);
        if self.catalogue.highest() <= own {
            return Some(false);
        }
        let mut place = place;
        for (at, byte) in text.bytes().enumerate().take(found.len) {
            if at > 0 && place.is_open(byte) && !self.catalogue.literals(byte).is_empty() {
                match self.first(&text[at..], place, own + 1, ended, waste) {
                    First::Found(_) => return Some(true),
                    First::Hold => return None,
                    First::OpenToEnd | First::No => {}
                }
            }
            place = place.after(byte);
        }
        Some(false)
    }

    /// The calls with their tools' names and repaired arguments; `None` if one of them cannot be made.
    fn resolve(&self, format: usize, found: &Match<'_>) -> Option<Vec<Call>> {
        if found.calls.is_empty() || self.made[format] as usize + found.calls.len() > MAX_CALLS {
            return None;
        }
        found.calls.iter().map(|call| self.call(format, call)).collect()
    }

    fn call(&self, format: usize, call: &FoundCall<'_>) -> Option<Call> {
        let mapped = self.catalogue.formats.get(format)?.format.mapped(&call.name);
        let tool = self.tools.find(mapped).or_else(|| self.tools.find(&call.name))?;
        let raw = match &call.arguments {
            FoundArguments::Json(text) => RawArguments::Json(text),
            FoundArguments::Unclosed(text) => RawArguments::Unclosed(text),
            FoundArguments::Pairs(pairs) => RawArguments::Pairs(pairs),
            FoundArguments::None => RawArguments::None,
        };
        let arguments = arguments::repair(raw, tool.schema()).ok()?;
        Some(Call { name: tool.name.clone(), arguments })
    }
}

enum First {
    Found(Found),
    Hold,
    OpenToEnd,
    No,
}
