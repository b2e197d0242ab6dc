//! Output items as they are read, from deltas, from their `.done` events and from the whole response: whatever of
//! these an upstream leaves out, each text is told once.

mod whole;

use super::read;
use crate::dialect::free_text;
use crate::dialect::halves::Half;
use crate::ir::Event;
use crate::json::{Object, Raw};

/// More items and parts than this in one answer are not read.
const MOST: usize = 4096;

/// The items of one answer so far.
#[derive(Debug, Default)]
pub(in super::super) struct Items {
    items: Vec<Item>,
    /// Items and parts.
    size: usize,
    calls: usize,
    /// Characters of text told.
    characters: u64,
    /// The text part that was told of last and has not ended: its item and its index.
    open: Option<(usize, u64)>,
}

#[derive(Debug)]
struct Item {
    /// `output_index`, where it was given.
    index: Option<u64>,
    id: String,
    /// Id and name of a call.
    call: Option<(String, String)>,
    kind: Kind,
    parts: Vec<Part>,
    ended: bool,
    /// Whether the whole response named it.
    listed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Message,
    /// Which of its two texts is told, once one has come.
    Reasoning(Option<Slot>),
    /// A call with its number; whether its arguments are free text.
    Call(usize, bool),
    /// Of the provider's own tools, and items yet to come.
    Other,
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Slot {
    /// `output_text`
    Text,
    /// `refusal`
    Refusal,
    /// `summary_text`
    Summary,
    /// `reasoning_text`
    Thought,
    /// `arguments` of a function call, or `input` of a custom one.
    Arguments,
}

#[derive(Debug)]
struct Part {
    slot: Slot,
    index: u64,
    /// How many bytes of its text were told.
    told: usize,
    half: Half,
    /// Characters of the answer's text before it.
    before: u64,
    /// How many sources were told.
    sources: usize,
    logprobs: bool,
}

/// Where an event of a stream belongs.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Place<'a> {
    /// `output_index`
    pub(in super::super) output: Option<u64>,
    /// `item_id`, still escaped
    pub(in super::super) id: Option<&'a [u8]>,
    /// `content_index` or `summary_index`
    pub(in super::super) part: u64,
}

impl Items {
    /// Whether a tool is called.
    pub(in super::super) fn any_calls(&self) -> bool {
        self.calls > 0
    }

    /// Whether there were more items than are read.
    pub(in super::super) fn is_overfull(&self) -> bool {
        self.size >= MOST
    }

    /// A piece of a text.
    pub(in super::super) fn delta(&mut self, place: Place<'_>, slot: Slot, piece: Raw<'_>, out: &mut Vec<Event>) {
        let Some(at) = self.at(place, slot) else { return };
        let Some(part) = self.part(at, slot, place.part) else { return };
        let Some(text) = part.half.join(piece).filter(|text| !text.is_empty()) else { return };
        let begins = part.told == 0;
        part.told += text.len();
        self.tell((at, place.part), slot, begins, text.into_owned(), out);
    }

    /// The item of a text and the text's end so far; `None` unless it is the one that was told of last, so that another
    /// piece of it changes nothing but its length.
    pub(in super::super) fn half_of(&self, place: Place<'_>, slot: Slot) -> Option<(usize, &Half)> {
        let at = self.find(place)?;
        let item = self.items.get(at)?;
        let is_open = match item.kind {
            Kind::Message => slot == Slot::Text && self.open == Some((at, place.part)),
            Kind::Reasoning(told) => told == Some(slot),
            Kind::Call(..) | Kind::Other => false,
        };
        let part = item.parts.last().filter(|part| is_open && part.slot == slot && part.index == place.part)?;
        (part.told > 0 && !item.ended).then_some((at, &part.half))
    }

    /// A piece without escapes of the text of which [`Items::half_of`] told, in the item `at`, passed over. `text`: it is
    /// of the answer's text; its length in bytes and in characters.
    pub(in super::super) fn skip(&mut self, at: usize, text: bool, bytes: usize, characters: usize) {
        if let Some(part) = self.items.get_mut(at).and_then(|item| item.parts.last_mut()) {
            part.told += bytes;
            if text {
                self.characters += characters as u64;
            }
        }
    }

    /// A whole text: what of it was not told.
    pub(in super::super) fn done(&mut self, place: Place<'_>, slot: Slot, whole: Raw<'_>, out: &mut Vec<Event>) {
        if let Some(at) = self.at(place, slot) {
            self.rest(at, slot, place.part, whole, out);
        }
    }

    /// Log probabilities of the piece just told.
    pub(in super::super) fn logprobs(&mut self, place: Place<'_>, list: Raw<'_>, out: &mut Vec<Event>) {
        let before = out.len();
        read::logprobs(list, out);
        if out.len() > before
            && let Some(at) = self.at(place, Slot::Text)
            && let Some(part) = self.part(at, Slot::Text, place.part)
        {
            part.logprobs = true;
        }
    }

    /// A source of a text.
    pub(in super::super) fn source(&mut self, place: Place<'_>, annotation: Raw<'_>, out: &mut Vec<Event>) {
        let Some(at) = self.at(place, Slot::Text) else { return };
        let Some(part) = self.part(at, Slot::Text, place.part) else { return };
        part.sources += 1;
        out.extend(read::citation(annotation, part.before).map(Event::Citation));
    }

    /// `content_part.done`: tells what of the part was not told.
    pub(in super::super) fn end_part(&mut self, place: Place<'_>, part: &Object<'_>, out: &mut Vec<Event>) {
        // A part of a thought has nothing but its text, whose own event ends it.
        let slot = match part.string("type").as_deref() {
            Some("output_text") => Slot::Text,
            Some("refusal") => Slot::Refusal,
            _ => return,
        };
        if let Some(at) = self.at(place, slot) {
            self.whole_part(at, place.part, part, out);
        }
    }

    /// `output_item.added`
    pub(in super::super) fn begin(&mut self, output: Option<u64>, item: &Object<'_>, out: &mut Vec<Event>) {
        let id = item.string("id").unwrap_or_default();
        let place = Place { output, id: Some(id.as_bytes()), part: 0 };
        // Some servers give every item the same index.
        let known = self.find(place).filter(|&at| !self.items[at].ended && (id.is_empty() || self.items[at].id == id));
        // And some announce a call twice, under its item's id and under its own.
        let call_id = item.string("call_id").filter(|id| !id.is_empty());
        let name = item.string("name").unwrap_or_default();
        let is_same = |call: &(String, String)| Some(call.0.as_str()) == call_id.as_deref() && call.1 == name;
        let twice = || self.items.iter().any(|item| !item.ended && item.call.as_ref().is_some_and(is_same));
        if known.is_none() && !twice() {
            self.add(output, &id, item, out);
        }
    }

    /// `output_item.done`: tells what of the item was not told.
    pub(in super::super) fn end(&mut self, output: Option<u64>, item: &Object<'_>, out: &mut Vec<Event>) {
        let id = item.string("id").unwrap_or_default();
        let at = self.find(Place { output, id: Some(id.as_bytes()), part: 0 });
        self.whole(at, output, item, out);
    }

    /// `output` of the whole response: tells what of it was not told.
    pub(in super::super) fn finals(&mut self, output: Raw<'_>, out: &mut Vec<Event>) {
        for (place, item) in (0..).zip(output.array().into_iter().flatten()) {
            let Some(item) = item.object().filter(|_| !self.is_overfull()) else { continue };
            let id = item.string("id").unwrap_or_default();
            let kind = item.string("type").unwrap_or_default();
            let unlisted = |pick: &dyn Fn(&Item) -> bool| self.items.iter().position(|item| !item.listed && pick(item));
            // Some servers give an item another id here, or leave some out.
            let by_id = unlisted(&|known| !id.is_empty() && known.id == id);
            let at = by_id.or_else(|| unlisted(&|known| known.kind.is(&kind)));
            if let Some(at) = self.whole(at, Some(place), &item, out) {
                self.items[at].listed = true;
            }
        }
    }

    /// The answer is complete.
    pub(in super::super) fn complete(&mut self, out: &mut Vec<Event>) {
        for at in 0..self.items.len() {
            self.end_item(at, out);
        }
        self.end_text(out);
    }

    fn find(&self, place: Place<'_>) -> Option<usize> {
        let by_index = |index| self.items.iter().rposition(|item| item.index == Some(index));
        let id = place.id.filter(|id| !id.is_empty());
        let by_id = |id: &[u8]| self.items.iter().rposition(|item| item.id.as_bytes() == id);
        match (place.output, id) {
            // The usual case first: both agree on the last item.
            (Some(index), id) => match by_index(index) {
                Some(at) if id.is_none_or(|id| self.items[at].id.as_bytes() == id) => Some(at),
                other => id.and_then(by_id).or(other),
            },
            (None, Some(id)) => by_id(id).or_else(|| self.items.len().checked_sub(1)),
            (None, None) => self.items.len().checked_sub(1),
        }
    }

    /// The item that a text belongs to; a message or a thought that was not announced begins with it.
    fn at(&mut self, place: Place<'_>, slot: Slot) -> Option<usize> {
        let fits = |kind: Kind| match slot {
            Slot::Text | Slot::Refusal => kind == Kind::Message,
            Slot::Summary | Slot::Thought => matches!(kind, Kind::Reasoning(_)),
            Slot::Arguments => matches!(kind, Kind::Call(..)),
        };
        if let Some(at) = self.find(place).filter(|&at| fits(self.items[at].kind)) {
            return Some(at);
        }
        let kind = match slot {
            Slot::Text | Slot::Refusal => Kind::Message,
            Slot::Summary | Slot::Thought => Kind::Reasoning(None),
            // Without its name, a call cannot be told; the whole item will come.
            Slot::Arguments => return None,
        };
        self.push(place.output, &String::from_utf8_lossy(place.id.unwrap_or_default()), kind)
    }

    fn push(&mut self, index: Option<u64>, id: &str, kind: Kind) -> Option<usize> {
        if self.size >= MOST {
            return None;
        }
        self.size += 1;
        self.items.push(Item {
            index,
            id: id.to_owned(),
            call: None,
            kind,
            parts: Vec::new(),
            ended: false,
            listed: false,
        });
        Some(self.items.len() - 1)
    }

    fn add(&mut self, index: Option<u64>, id: &str, item: &Object<'_>, out: &mut Vec<Event>) -> Option<usize> {
        let kind = match item.string("type").unwrap_or_default().as_ref() {
            "message" => Kind::Message,
            "reasoning" => Kind::Reasoning(None),
            kind if read::is_call(kind) => Kind::Call(self.calls, kind == "custom_tool_call"),
            _ => Kind::Other,
        };
        let at = self.push(index, id, kind)?;
        if let Kind::Call(call, _) = kind {
            self.calls += 1;
            let text = |key: &str| item.string(key).filter(|text| !text.is_empty()).map(String::from);
            let id = text("call_id").or_else(|| text("id")).unwrap_or_default();
            let name = text("name").unwrap_or_default();
            self.items[at].call = Some((id.clone(), name.clone()));
            out.push(Event::ToolCallStart { call, id, name });
        }
        Some(at)
    }

    /// The part of that index, new if it is not there.
    fn part(&mut self, at: usize, slot: Slot, index: u64) -> Option<&mut Part> {
        let before = self.characters;
        let item = self.items.get_mut(at)?;
        let known = item.parts.iter().rposition(|part| part.slot == slot && part.index == index);
        let known = match known {
            Some(known) => known,
            None if self.size >= MOST => return None,
            None => {
                self.size += 1;
                let half = Half::default();
                item.parts.push(Part { slot, index, told: 0, half, before, sources: 0, logprobs: false });
                item.parts.len() - 1
            }
        };
        item.parts.get_mut(known)
    }

    /// Tells what of a whole text was not told.
    fn rest(&mut self, at: usize, slot: Slot, index: u64, whole: Raw<'_>, out: &mut Vec<Event>) {
        // Some servers send the arguments' object itself.
        let text = whole.string().or_else(|| whole.object().map(|_| whole.text()));
        let (Some(text), Some(part)) = (text, self.part(at, slot, index)) else { return };
        let Some(rest) = text.get(part.told..).filter(|rest| !rest.is_empty()) else { return };
        let begins = part.told == 0;
        part.told = text.len();
        self.tell((at, index), slot, begins, rest.to_owned(), out);
    }

    /// Tells a text; `begins`: it is the first of its part.
    fn tell(&mut self, (at, index): (usize, u64), slot: Slot, begins: bool, text: String, out: &mut Vec<Event>) {
        match (slot, &mut self.items[at].kind) {
            (Slot::Text, _) => {
                if self.open.is_some_and(|open| open != (at, index)) {
                    self.end_text(out);
                }
                self.open = Some((at, index));
                self.characters += text.chars().count() as u64;
                out.push(Event::Text(text));
            }
            (Slot::Refusal, _) => out.push(Event::Refusal(text)),
            (Slot::Summary | Slot::Thought, Kind::Reasoning(told)) => {
                // A summary of a thought that is told itself would be the same twice.
                if *told.get_or_insert(slot) != slot {
                    return;
                }
                let other = |part: &Part| part.slot == slot && part.index != index && part.told > 0;
                if begins && self.items[at].parts.iter().any(other) {
                    out.push(Event::Reasoning("\n\n".to_owned()));
                }
                out.push(Event::Reasoning(text));
            }
            (Slot::Arguments, Kind::Call(call, free)) => {
                let fragment = if *free { free_text::piece(&text, begins) } else { text };
                out.push(Event::ToolCallArguments { call: *call, fragment });
            }
            _ => {}
        }
    }

    fn end_text(&mut self, out: &mut Vec<Event>) {
        if self.open.take().is_some() {
            out.push(Event::TextEnd);
        }
    }

    /// Ends an item, once.
    fn end_item(&mut self, at: usize, out: &mut Vec<Event>) {
        let Some(item) = self.items.get_mut(at).filter(|item| !item.ended) else { return };
        item.ended = true;
        if let Kind::Call(call, free) = item.kind {
            if free {
                let begun = item.parts.iter().any(|part| part.told > 0);
                out.push(Event::ToolCallArguments { call, fragment: free_text::ending(begun) });
            }
            out.push(Event::ToolCallEnd { call });
        }
    }
}

impl Kind {
    /// Whether an item of that type is of this kind.
    fn is(self, name: &str) -> bool {
        match self {
            Self::Message => name == "message",
            Self::Reasoning(_) => name == "reasoning",
            Self::Call(_, true) => name == "custom_tool_call",
            Self::Call(_, false) => name == "function_call",
            Self::Other => false,
        }
    }
}
