//! The transform: text in, text and calls out.
//!
//! What is held is `held`: first white space and matches that count only at the answer's end (`waiting`), up to `at`;
//! from there on, what may be the beginning of a call.

mod waiting;

use crate::ids;
use crate::ir::{Event, FinishReason};
use crate::transform::tool_repair::catalogue::Catalogue;
use crate::transform::tool_repair::format::MAX_CANDIDATE;
use crate::transform::tool_repair::judge::{Call, End, Judge, Judged, Rules};
use crate::transform::tool_repair::native::Numbers;
use crate::transform::tool_repair::quoted::{Place, markup};
use crate::transform::tool_repair::tools::{AdvertisedTool, Begins, Tools};
use crate::transform::{ByteSet, Transform};
use std::sync::Arc;
use waiting::{CODE_INDENT, Waiting};

/// Makes calls of what a model wrote as text. See [`super`].
pub struct ToolRepair {
    catalogue: Arc<Catalogue>,
    tools: Tools,
    seed: String,
    held: String,
    /// Index in `held` of the first byte that is not settled.
    at: usize,
    /// Matches before `at` of which what follows decides.
    waiting: Vec<Waiting>,
    /// Events that stand within the held text, and where.
    asides: Vec<(usize, Event)>,
    /// Where in the text `at` is.
    place: Place,
    gap: Gap,
    /// How far the line at `at` is indented.
    indent: usize,
    /// Markup came in which text is quoted.
    wary: bool,
    rules: Rules,
    /// A block of text ended in what is held.
    block_ended: bool,
    /// How many bytes may be read again; see [`ToolRepair::may_look`].
    credit: usize,
    numbers: Numbers,
    /// Calls made of each format, and what each looked at in vain.
    made: Vec<u32>,
    wasted: Vec<usize>,
    repaired: Vec<(Arc<str>, u32)>,
    calls: usize,
    changed: bool,
}

/// What white space at the beginning of the held text separates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// Text came right before.
    Text,
    /// Nothing came before.
    Start,
    /// A call was right before.
    Call,
}

/// Bytes that matter in quoted text.
const LINE: ByteSet = ByteSet::of(b"\n");
const CODE: ByteSet = ByteSet::of(b"\n`");

/// More events than this do not wait for the text around them.
const MAX_ASIDES: usize = 4096;

impl ToolRepair {
    /// For one answer to a request with these tools.
    pub fn new(catalogue: Arc<Catalogue>, tools: Vec<AdvertisedTool>) -> Self {
        let formats = catalogue.formats.len();
        Self {
            catalogue,
            tools: Tools::new(tools),
            seed: "repaired".to_owned(),
            held: String::new(),
            at: 0,
            waiting: Vec::new(),
            asides: Vec::new(),
            place: Place::Line,
            gap: Gap::Start,
            indent: 0,
            wary: false,
            rules: Rules::default(),
            block_ended: false,
            credit: 0,
            numbers: Numbers::default(),
            made: vec![0; formats],
            wasted: vec![0; formats],
            repaired: Vec::new(),
            calls: 0,
            changed: false,
        }
    }

    /// The answer's own unique text, of which ids of calls are made: `call_SEED_0` and so on.
    #[must_use]
    pub fn with_seed(mut self, seed: &str) -> Self {
        seed.clone_into(&mut self.seed);
        self
    }

    /// The answer is to be JSON: a bare object, list or fence is the answer then, and only what has marks of its own is
    /// a call.
    #[must_use]
    pub fn only_marked(mut self, only: bool) -> Self {
        self.rules.marked_only = only;
        self
    }

    /// Whether values that the bound on the answer's length cut off count as whole.
    #[must_use]
    pub fn accepting_cut_values(mut self, accept: bool) -> Self {
        self.rules.accept_cut = accept;
        self
    }

    /// How many calls were made so far, by pattern.
    pub fn repaired(&self) -> &[(Arc<str>, u32)] {
        &self.repaired
    }

    fn text(&mut self, text: String, out: &mut Vec<Event>) {
        if self.block_ended {
            self.settle(End::Block, out);
        }
        if self.held.is_empty() && self.alarm().is_some_and(|alarm| !alarm.is_met_by(text.as_bytes())) {
            if !text.is_empty() {
                out.push(Event::Text(text));
            }
            return;
        }
        self.credit = (self.credit + 32 + 16 * text.len()).min(MAX_CANDIDATE * 16);
        if self.held.is_empty() {
            self.held = text;
        } else {
            self.held.push_str(&text);
        }
        if self.may_look() {
            self.run(End::Open, out);
        }
    }

    /// What is held is read again when it has grown by a part of itself, so that reading stays linear in all.
    fn may_look(&mut self) -> bool {
        let cost = self.held.len() - self.at;
        let may = cost <= self.credit || cost >= MAX_CANDIDATE;
        if may {
            self.credit = self.credit.saturating_sub(cost);
        }
        may
    }

    /// Goes through what is held, as far as can be told.
    fn run(&mut self, end: End, out: &mut Vec<Event>) {
        while let Some(&byte) = self.held.as_bytes().get(self.at) {
            if self.skip_plain(byte) {
                continue;
            }
            if byte == b'<' && self.place.is_open(byte) && !self.wary {
                match markup(&self.held[self.at..]) {
                    Begins::Yes => self.wary = true,
                    Begins::Maybe if end == End::Open => break,
                    Begins::Maybe | Begins::No => {}
                }
            }
            if self.place.is_open(byte) && self.may_begin(byte) {
                match self.judge(end) {
                    Judged::Hold => break,
                    Judged::Found(found) => {
                        self.found(found, out);
                        continue;
                    }
                    Judged::Release(len) => {
                        self.line_ends(out);
                        for at in self.at..self.at + len {
                            self.step(self.held.as_bytes()[at]);
                        }
                        self.at += len;
                        self.release();
                        continue;
                    }
                    Judged::No => {}
                }
            }
            self.step(byte);
            self.at += 1;
            // What else a server leaves behind a call is no sentence that speaks of it.
            if matches!(byte, b'\n' | b'<' | b'[') {
                self.line_ends(out);
            }
            let may_wait = byte.is_ascii_whitespace() && (self.gap != Gap::Text || !self.waiting.is_empty());
            if !may_wait || self.at > MAX_CANDIDATE {
                self.release();
            }
        }
        if self.gap == Gap::Text && self.waiting.is_empty() {
            self.take(self.at, true, out);
        }
    }

    fn step(&mut self, byte: u8) {
        self.place = self.place.after(byte);
        self.indent = match byte {
            _ if !self.place.is_line() => 0,
            b' ' => self.indent + 1,
            b'\t' => self.indent + CODE_INDENT,
            _ => 0,
        };
    }

    /// Passes over text in which nothing can begin.
    fn skip_plain(&mut self, byte: u8) -> bool {
        if self.place != Place::Plain
            || self.gap != Gap::Text
            || !self.waiting.is_empty()
            || self.catalogue.plain.contains(byte)
        {
            return false;
        }
        let rest = &self.held.as_bytes()[self.at..];
        self.at += rest.iter().position(|byte| self.catalogue.plain.contains(*byte)).unwrap_or(rest.len());
        true
    }

    fn may_begin(&self, byte: u8) -> bool {
        let by_name = self.place.is_line() && !self.catalogue.by_tool.is_empty();
        !self.catalogue.literals(byte).is_empty() || (by_name && self.tools.first_bytes().any(|first| first == byte))
    }

    fn judge(&mut self, end: End) -> Judged {
        let mut judge = Judge {
            catalogue: &self.catalogue,
            tools: &self.tools,
            rules: self.rules,
            end,
            made: &self.made,
            wasted: &mut self.wasted,
        };
        judge.at(&self.held, self.at, self.place)
    }

    fn make(&mut self, format: usize, calls: Vec<Call>, out: &mut Vec<Event>) {
        self.changed = true;
        let many = count(&calls);
        let Some(entry) = self.catalogue.formats.get(format) else { return };
        match self.repaired.iter_mut().find(|(name, _)| *name == entry.name) {
            Some((_, count)) => *count += many,
            None => self.repaired.push((Arc::clone(&entry.name), many)),
        }
        for Call { name, arguments } in calls {
            let call = self.numbers.take();
            let id = ids::answer_call_id(&self.seed, self.calls);
            self.calls += 1;
            out.push(Event::ToolCallStart { call, id, name });
            out.push(Event::ToolCallArguments { call, fragment: arguments });
            out.push(Event::ToolCallEnd { call });
        }
    }

    /// Takes the first `len` bytes away: as text with all that stands in it, or for good.
    fn take(&mut self, len: usize, keep: bool, out: &mut Vec<Event>) {
        let mut done = 0;
        let text = |from: usize, to: usize, out: &mut Vec<Event>| {
            if keep && from < to {
                out.push(Event::Text(self.held.get(from..to).unwrap_or_default().to_owned()));
            }
        };
        let standing = self.asides.iter().take_while(|(place, _)| *place <= len).count();
        for (place, event) in self.asides.drain(..standing) {
            text(done, place, out);
            done = place;
            if keep || !matches!(event, Event::Logprobs(_)) {
                out.push(event);
            }
        }
        if done == 0 && keep && len == self.held.len() && len > 0 {
            out.push(Event::Text(std::mem::take(&mut self.held)));
        } else {
            text(done, len, out);
            self.held.drain(..len);
        }
        for (place, _) in &mut self.asides {
            *place -= len;
        }
        self.at = self.at.saturating_sub(len);
        if self.held.is_empty() {
            self.credit = 0;
        }
    }

    /// The text ends here: nothing is held any more.
    fn settle(&mut self, end: End, out: &mut Vec<Event>) {
        self.block_ended = false;
        if !self.held.is_empty() {
            self.run(end, out);
        }
        if matches!(end, End::Answer(_)) && !self.waiting.is_empty() {
            let waiting = std::mem::take(&mut self.waiting);
            for Waiting { found, .. } in waiting {
                self.make(found.format, found.calls, out);
            }
            self.gap = Gap::Call;
        }
        self.line_ends(out);
        if !self.waiting.is_empty() {
            self.release();
        }
        // White space after a call only separated it from what comes.
        let keep = self.gap != Gap::Call;
        if !self.held.is_empty() || !self.asides.is_empty() {
            self.take(self.held.len(), keep, out);
            if keep {
                self.gap = Gap::Text;
            }
        }
    }

    /// All that is held goes out as it came.
    fn give_up(&mut self, out: &mut Vec<Event>) {
        self.release();
        self.take(self.held.len(), true, out);
        self.block_ended = false;
    }

    fn other(&mut self, mut event: Event, out: &mut Vec<Event>) {
        match &mut event {
            Event::Logprobs(_) if !self.held.is_empty() && self.asides.len() < MAX_ASIDES => {
                self.asides.push((self.held.len(), event));
                return;
            }
            Event::TextEnd if !self.held.is_empty() => {
                self.asides.push((self.held.len(), event));
                self.block_ended = true;
                return;
            }
            // No place in the answer is theirs.
            Event::Start(_) | Event::Usage(_) | Event::Logprobs(_) => {}
            Event::TextEnd => self.place = Place::Line,
            Event::Finish(finish) => {
                self.settle(End::Answer(finish.reason == FinishReason::Length), out);
                self.numbers.end(out);
                if self.calls > 0 && finish.reason == FinishReason::Stop {
                    finish.reason = FinishReason::ToolCalls;
                }
            }
            Event::End => {
                self.settle(End::Answer(false), out);
                self.numbers.end(out);
            }
            Event::Error(_) => self.give_up(out),
            Event::ToolCallStart { .. } => {
                self.settle(End::Block, out);
                // Text behind the upstream's own call begins anew.
                if self.place == Place::Plain {
                    self.place = Place::Line;
                }
            }
            _ => self.settle(End::Block, out),
        }
        let passed = self.numbers.pass(event, out);
        out.extend(passed);
    }
}

/// At most [`super::format::MAX_CALLS`].
fn count(calls: &[Call]) -> u32 {
    u32::try_from(calls.len()).unwrap_or(u32::MAX)
}

impl Transform for ToolRepair {
    fn push(&mut self, event: Event, out: &mut Vec<Event>) {
        match event {
            Event::Text(text) => self.text(text, out),
            other => self.other(other, out),
        }
    }

    fn holds(&self) -> bool {
        !self.held.is_empty() || self.numbers.holds()
    }

    fn changed(&self) -> bool {
        self.changed || self.numbers.changed
    }

    fn alarm(&self) -> Option<&ByteSet> {
        // Arguments that are passed over would look like none at all.
        if !self.held.is_empty() || self.gap != Gap::Text || self.numbers.await_arguments() {
            return None;
        }
        match self.place {
            Place::Plain => Some(&self.catalogue.plain),
            Place::Code(_, 0) => Some(&CODE),
            Place::Info(..) => Some(&CODE),
            Place::Quote | Place::Fence(_, _, None) => Some(&LINE),
            _ => None,
        }
    }
}
