//! Items that come whole: what of them was not told before.

use super::super::read;
use super::{Items, Kind, Slot};
use crate::dialect::openai_responses::reasoning::{Sealed, own_as_signature};
use crate::ir::Event;
use crate::json::{Object, Raw};

impl Items {
    /// A whole item, known or not.
    pub(super) fn whole(
        &mut self,
        at: Option<usize>,
        index: Option<u64>,
        item: &Object<'_>,
        out: &mut Vec<Event>,
    ) -> Option<usize> {
        let kind = item.string("type").unwrap_or_default();
        let id = item.string("id").unwrap_or_default();
        let known = at.filter(|&at| self.items[at].kind.is(&kind));
        let at = known.or_else(|| self.add(index, &id, item, out))?;
        if self.items[at].ended {
            return Some(at);
        }
        match self.items[at].kind {
            Kind::Message => self.whole_message(at, item, out),
            Kind::Reasoning(told) => self.whole_reasoning(at, told, item, out),
            Kind::Call(_, custom) => {
                if let Some(arguments) = item.get(if custom { "input" } else { "arguments" }) {
                    self.rest(at, Slot::Arguments, 0, arguments, out);
                }
            }
            Kind::Other => {}
        }
        self.end_item(at, out);
        Some(at)
    }

    fn whole_message(&mut self, at: usize, item: &Object<'_>, out: &mut Vec<Event>) {
        for (index, part) in (0..).zip(item.get("content").and_then(Raw::array).into_iter().flatten()) {
            if let Some(part) = part.object() {
                self.whole_part(at, index, &part, out);
            }
        }
    }

    pub(super) fn whole_part(&mut self, at: usize, index: u64, whole: &Object<'_>, out: &mut Vec<Event>) {
        if let Some(refusal) = whole.get("refusal") {
            self.rest(at, Slot::Refusal, index, refusal, out);
        }
        let Some(text) = whole.get("text") else { return };
        self.rest(at, Slot::Text, index, text, out);
        let Some(part) = self.part(at, Slot::Text, index) else { return };
        if let Some(list) = whole.get("logprobs").filter(|_| !part.logprobs) {
            part.logprobs = true;
            read::logprobs(list, out);
        }
        let annotations = whole.get("annotations").and_then(Raw::array);
        for annotation in annotations.into_iter().flatten().skip(part.sources) {
            part.sources += 1;
            out.extend(read::citation(annotation, part.before).map(Event::Citation));
        }
        if self.open == Some((at, index)) {
            self.end_text(out);
        }
    }

    fn whole_reasoning(&mut self, at: usize, told: Option<Slot>, item: &Object<'_>, out: &mut Vec<Event>) {
        let list = |key: &str| item.get(key).and_then(Raw::array).into_iter().flatten().filter_map(Raw::object);
        let slots = [("content", Slot::Thought), ("summary", Slot::Summary)];
        // The thought itself, where it is given, else its summary.
        let chosen = slots.into_iter().find(|(key, slot)| match told {
            Some(told) => told == *slot,
            None => list(key).any(|part| part.string("text").is_some_and(|text| !text.is_empty())),
        });
        if let Some((key, slot)) = chosen {
            for (index, part) in (0..).zip(list(key)) {
                if let Some(text) = part.get("text") {
                    self.rest(at, slot, index, text, out);
                }
            }
        }
        let Some(content) = item.string("encrypted_content").filter(|content| !content.is_empty()) else { return };
        out.push(match Sealed::read(&content) {
            Sealed::Signature(signature) => Event::ReasoningSignature(signature.to_owned()),
            Sealed::Redacted(data) => Event::RedactedReasoning(data.to_owned()),
            Sealed::Own(content) => {
                let id = item.string("id").unwrap_or_default();
                Event::ReasoningSignature(own_as_signature(&id, content))
            }
        });
    }
}
