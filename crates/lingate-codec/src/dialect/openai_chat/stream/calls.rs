//! Calls in an answer: entries of `tool_calls`, put in order whatever their upstream made of ids and indexes.

use crate::dialect::free_text;
use crate::dialect::halves::Half;
use crate::ir::Event;
use crate::json::{Object, Raw};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The calls of one answer so far.
#[derive(Debug, Default)]
pub(in crate::dialect::openai_chat) struct Calls {
    calls: Vec<Call>,
    /// The last call of each id and of each index.
    by_id: BTreeMap<String, usize>,
    by_index: BTreeMap<u64, usize>,
    /// How many have been told of.
    begun: usize,
    /// How many messages or deltas have been read.
    round: usize,
}

#[derive(Debug, Default)]
struct Call {
    /// The upstream's index, if it gives one.
    index: Option<u64>,
    id: String,
    name: String,
    /// Its number in the events, once its name is known.
    number: Option<usize>,
    /// Arguments that came before the name.
    waiting: String,
    arguments: Nesting,
    /// The end of the arguments so far.
    half: Half,
    /// The last message or delta that had an entry for it.
    round: usize,
    /// Whether its arguments are free text (of a `custom` tool), and whether any came.
    free: bool,
    any_text: bool,
}

/// An entry of `tool_calls`.
struct Entry<'a> {
    index: Option<u64>,
    id: Cow<'a, str>,
    name: Cow<'a, str>,
    arguments: Option<Raw<'a>>,
    free: bool,
}

impl Calls {
    /// Whether there is a call.
    pub(in crate::dialect::openai_chat) fn any(&self) -> bool {
        self.begun > 0
    }

    /// Reads the calls of a message or a delta.
    pub(in crate::dialect::openai_chat) fn read(&mut self, message: &Object<'_>, out: &mut Vec<Event>) {
        self.round += 1;
        if let Some(entries) = message.get("tool_calls").and_then(Raw::array) {
            for entry in entries.filter_map(Raw::object) {
                let inner = |key| entry.get(key).and_then(Raw::object);
                let (inner, free) = match inner("function") {
                    Some(function) => (function, false),
                    None => match inner("custom") {
                        Some(custom) => (custom, true),
                        None => continue,
                    },
                };
                let index = entry.get("index").and_then(Raw::u64);
                self.add(&Entry::new(index, entry.string("id"), &inner, free), out);
            }
        }
        // From before calls were lists.
        if let Some(function) = message.get("function_call").and_then(Raw::object) {
            self.add(&Entry::new(None, None, &function, false), out);
        }
    }

    /// The end of the arguments so far of the call of that index, if it has begun and is a function's.
    pub(super) fn half_of_arguments(&self, index: u64) -> Option<&Half> {
        let call = self.calls.get(*self.by_index.get(&index)?)?;
        (call.number.is_some() && !call.free).then_some(&call.half)
    }

    /// Reads a delta that holds nothing but more arguments of one call.
    pub(super) fn more(&mut self, index: u64, arguments: Raw<'_>, out: &mut Vec<Event>) {
        self.round += 1;
        let (id, name) = (Cow::Borrowed(""), Cow::Borrowed(""));
        self.add(&Entry { index: Some(index), id, name, arguments: Some(arguments), free: false }, out);
    }

    /// The answer is complete, and with it all its calls. What never got a name cannot be called.
    pub(in crate::dialect::openai_chat) fn end(&mut self, out: &mut Vec<Event>) {
        for call in self.calls.iter().filter(|call| call.free) {
            let fragment = free_text::ending(call.any_text);
            out.extend(call.number.map(|call| Event::ToolCallArguments { call, fragment }));
        }
        out.extend((0..self.begun).map(|call| Event::ToolCallEnd { call }));
        self.calls.clear();
        self.by_id.clear();
        self.by_index.clear();
    }

    fn add(&mut self, entry: &Entry<'_>, out: &mut Vec<Event>) {
        let at = self.find(entry).unwrap_or_else(|| {
            self.calls.push(Call { index: entry.index, free: entry.free, ..Call::default() });
            let at = self.calls.len() - 1;
            if let Some(index) = entry.index {
                self.by_index.insert(index, at);
            }
            at
        });
        let (begun, round) = (&mut self.begun, self.round);
        let Some(call) = self.calls.get_mut(at) else { return };
        call.round = round;
        if call.id.is_empty() && call.number.is_none() && !entry.id.is_empty() {
            entry.id.as_ref().clone_into(&mut call.id);
            self.by_id.insert(call.id.clone(), at);
        }
        if call.name.is_empty() && !entry.name.is_empty() {
            entry.name.as_ref().clone_into(&mut call.name);
            let number = *begun;
            *begun += 1;
            call.number = Some(number);
            out.push(Event::ToolCallStart { call: number, id: call.id.clone(), name: call.name.clone() });
            let fragment = std::mem::take(&mut call.waiting);
            if !fragment.is_empty() {
                out.push(Event::ToolCallArguments { call: number, fragment });
            }
        }
        // Some servers send the object itself.
        let text = entry.arguments.map(|raw| call.half.join(raw).unwrap_or_else(|| raw.text()));
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        let fragment = if call.free {
            free_text::piece(&text, !std::mem::replace(&mut call.any_text, true))
        } else {
            call.arguments.read(&text);
            text.into_owned()
        };
        match call.number {
            Some(number) => out.push(Event::ToolCallArguments { call: number, fragment }),
            None => call.waiting.push_str(&fragment),
        }
    }

    /// The call that an entry goes on with; `None` if it begins one.
    fn find(&self, entry: &Entry<'_>) -> Option<usize> {
        // Where the entry says no index, the last call is meant.
        let by_index = match entry.index {
            Some(index) => self.by_index.get(&index).copied(),
            None => self.calls.len().checked_sub(1),
        };
        if entry.id.is_empty() {
            return by_index.filter(|&at| !self.calls[at].begins_anew(entry, self.round));
        }
        if let Some(&at) = self.by_id.get(&*entry.id) {
            // Some servers give every call the same id; then the index tells them apart.
            // So does their place in one list.
            let call = &self.calls[at];
            let other_index = entry.index.is_some() && call.index != entry.index;
            if entry.name.is_empty() || (!other_index && call.round != self.round) {
                return Some(at);
            }
            return by_index.filter(|&at| self.calls[at].id == entry.id && self.calls[at].round != self.round);
        }
        // A new id with a name is a new call, whatever its index (some servers always say 0). Without a name it is
        // a fragment whose server makes up an id for each.
        let at = by_index.filter(|_| entry.index.is_some() || entry.name.is_empty())?;
        let call = &self.calls[at];
        let late_id = call.id.is_empty() && !call.begins_anew(entry, self.round);
        (entry.name.is_empty() || late_id).then_some(at)
    }
}

impl Call {
    /// Whether an entry with a name, for the same index or none, is another call: not if it repeats the name
    /// while the arguments are still open.
    fn begins_anew(&self, entry: &Entry<'_>, round: usize) -> bool {
        if entry.name.is_empty() || self.name.is_empty() {
            return false;
        }
        entry.name != self.name || self.arguments.is_complete() || self.round == round
    }
}

impl<'a> Entry<'a> {
    /// `inner`: the function, or the tool that takes free text.
    fn new(index: Option<u64>, id: Option<Cow<'a, str>>, inner: &Object<'a>, free: bool) -> Self {
        let arguments = inner.given(if free { "input" } else { "arguments" });
        let name = inner.string("name").unwrap_or_default();
        Self { index, id: id.unwrap_or_default(), name, arguments, free }
    }
}

/// How far a JSON text is open, told without keeping it.
#[derive(Debug, Default)]
struct Nesting {
    depth: usize,
    in_string: bool,
    after_backslash: bool,
    seen: bool,
}

impl Nesting {
    fn read(&mut self, text: &str) {
        for byte in text.bytes() {
            if self.in_string {
                match byte {
                    _ if self.after_backslash => self.after_backslash = false,
                    b'\\' => self.after_backslash = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.depth += 1;
                    self.seen = true;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// Whether a whole object or array was read.
    fn is_complete(&self) -> bool {
        self.seen && self.depth == 0
    }
}
