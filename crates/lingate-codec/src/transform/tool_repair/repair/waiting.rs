//! Matches of which what follows decides: whether they are calls or examples.

use super::{Gap, ToolRepair, count};
use crate::ir::Event;
use crate::transform::tool_repair::format::MAX_CANDIDATE;
use crate::transform::tool_repair::judge::Found;
use crate::transform::tool_repair::quoted::Place;
use std::ops::Range;

/// A match that is no call yet.
pub(super) struct Waiting {
    pub(super) range: Range<usize>,
    pub(super) found: Found,
    /// Whether it counts as soon as its line ends; else only at the answer's end.
    pub(super) line: bool,
}

/// When a match is a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    Now,
    /// Where its line ends, if it has nothing else.
    Line,
    /// At the answer's end, if nothing else follows.
    End,
}

/// A line that is indented so far is code in Markdown.
pub(super) const CODE_INDENT: usize = 4;

impl ToolRepair {
    /// All before `at` is text, and was all along.
    pub(super) fn release(&mut self) {
        for Waiting { found, .. } in self.waiting.drain(..) {
            self.made[found.format] -= count(&found.calls);
        }
        self.gap = Gap::Text;
    }

    pub(super) fn found(&mut self, found: Found, out: &mut Vec<Event>) {
        let counts = self.counts(&found);
        // What is before a match that waits is text already, and must not wait with it.
        if counts != Counts::Now && self.gap == Gap::Text && self.waiting.is_empty() {
            self.take(self.at, true, out);
        }
        if counts == Counts::Now {
            self.line_ends(out);
        }
        let range = self.at..self.at + found.len;
        self.place = Place::Plain;
        self.made[found.format] += count(&found.calls);
        if counts != Counts::Now {
            self.at = range.end;
            self.waiting.push(Waiting { range, found, line: counts == Counts::Line });
            if self.at > MAX_CANDIDATE {
                self.line_ends(out);
                if !self.waiting.is_empty() {
                    self.release();
                }
            }
            return;
        }
        // What waited for the answer's end is text: something else came.
        if !self.waiting.is_empty() {
            self.release();
        }
        self.take(range.start, self.gap == Gap::Text, out);
        self.take(found.len, false, out);
        self.gap = Gap::Call;
        self.make(found.format, found.calls, out);
    }

    /// When a match is a call. Behind other text in its line, in a line that is indented as code is, and behind markup in
    /// which text is quoted, it may be an example: of that, the answer's end makes a call.
    fn counts(&self, found: &Found) -> Counts {
        let in_prose = self.catalogue.formats.get(found.format).is_some_and(|entry| entry.format.counts_in_prose());
        match self.waiting.last() {
            _ if found.only_at_end => Counts::End,
            _ if in_prose => Counts::Now,
            Some(before) if before.line => Counts::Line,
            Some(_) => Counts::End,
            None if self.gap == Gap::Call => Counts::Line,
            None if self.place.is_line() && self.indent < CODE_INDENT && !self.wary => Counts::Line,
            None => Counts::End,
        }
    }

    /// Nothing else stands in the line of what waits for its end.
    pub(super) fn line_ends(&mut self, out: &mut Vec<Event>) {
        let ends =
            |waiting: &[Waiting]| Some((waiting.first()?.range.start, waiting.last().filter(|w| w.line)?.range.end));
        let Some((start, end)) = ends(&self.waiting) else { return };
        let waiting = std::mem::take(&mut self.waiting);
        self.take(start, self.gap == Gap::Text, out);
        self.take(end - start, false, out);
        self.gap = Gap::Call;
        for Waiting { found, .. } in waiting {
            self.make(found.format, found.calls, out);
        }
    }
}
