//! What the encoder learns of a stream that the client gets as it comes: which items there were, and what the open one
//! holds, because its end repeats it.

use super::super::response::Slot;
use super::calls::{Call, OpenCall};
use super::encode::{Encoder, Open};
use super::message::Message;
use super::quick;
use super::thought::Thought;
use crate::dialect::remembered;
use crate::frame::Frame;
use crate::ir::Event;
use crate::json::{Object, Raw};
use std::borrow::Cow;

/// See [`crate::dialect::Dialect::announces`].
pub(in super::super) fn announces(frame: &Frame<'_>) -> bool {
    let named =
        |name: &[u8]| matches!(name, b"output_item.added" | b"content_part.added" | b"reasoning_summary_part.added");
    match frame.event.strip_prefix(b"response.") {
        Some(name) if !named(name) => return false,
        None if !frame.event.is_empty() => return false,
        _ => {}
    }
    let Ok(data) = Object::parse(&frame.data) else { return false };
    match data.string("type").as_deref() {
        // What the provider's own tools do is worth seeing at once.
        Some("response.output_item.added") => {
            let item = data.given("item").and_then(Raw::object);
            item.is_some_and(|item| matches!(item.string("type").as_deref(), Some("message" | "reasoning")))
        }
        Some("response.content_part.added" | "response.reasoning_summary_part.added") => true,
        _ => false,
    }
}

/// Data of several lines is put on one.
fn on_one_line(json: Raw<'_>) -> Cow<'_, [u8]> {
    match memchr::memchr2(b'\n', b'\r', json.bytes()) {
        None => Cow::Borrowed(json.bytes()),
        Some(_) => Cow::Owned(remembered::compact(&json.text()).into_bytes()),
    }
}

impl Encoder {
    /// An event of a frame that the client got. Texts are taken out of the frames.
    pub(super) fn followed(&mut self, event: &Event) {
        match event {
            Event::Start(start) => (self.start, self.started) = (start.clone(), true),
            Event::Usage(usage) => self.usage.update(usage),
            Event::ToolCallStart { call, id, name } => {
                let at = self.calls.len();
                self.numbers.insert(*call, at);
                self.last = Some((*call, at));
                self.call_ids.insert(id.clone());
                self.calls.push(Call::new(id.clone(), name));
            }
            Event::ToolCallArguments { fragment, .. } => {
                self.held += fragment.len();
                if let Open::Call(open) = &mut self.open {
                    open.followed_arguments(fragment);
                }
            }
            Event::ToolCallEnd { call } => {
                if let Some(call) = self.numbers.get(call).and_then(|at| self.calls.get_mut(*at)) {
                    call.done = true;
                }
            }
            Event::Finish(finish) => self.finish = Some(finish.clone()),
            Event::End | Event::Error(_) => self.ended = true,
            _ => {}
        }
    }

    /// What a frame opens, goes on with and closes.
    pub(super) fn followed_frame(&mut self, frame: &Frame<'_>) {
        // Nearly all frames of a text look alike.
        if let Some(piece) = quick::read(frame.event, frame.data.trim_ascii()) {
            let text = piece.text.string().unwrap_or_default();
            return match piece.slot {
                Slot::Text => self.followed_piece(true, text.as_bytes(), text.chars().count()),
                Slot::Summary => self.followed_piece(false, text.as_bytes(), 0),
                // The events told of it.
                Slot::Arguments => self.wire.sequence += 1,
                Slot::Thought | Slot::Refusal => self.followed_rare(frame),
            };
        }
        self.followed_rare(frame);
    }

    /// A piece of the open message's text, of so many characters, or of the open thought.
    pub(super) fn followed_piece(&mut self, is_text: bool, text: &[u8], characters: usize) {
        self.wire.sequence += 1;
        self.held += text.len();
        match &mut self.open {
            Open::Message(message) if is_text => {
                message.followed_text(text, characters);
                self.characters += characters as u64;
            }
            Open::Thought(thought) if !is_text => thought.followed_text(text),
            _ => {}
        }
    }

    fn followed_rare(&mut self, frame: &Frame<'_>) {
        let Ok(data) = Object::parse(&frame.data) else { return };
        let number = data.get("sequence_number").and_then(Raw::u64).unwrap_or(self.wire.sequence);
        self.wire.sequence = number.saturating_add(1);
        let kind = data.string("type").unwrap_or_default();
        let place = |key: &str| data.get(key).and_then(Raw::u64).and_then(|index| usize::try_from(index).ok());
        let Some(kind) = kind.strip_prefix("response.") else { return };
        match (kind, &mut self.open) {
            ("output_item.added", _) => self.followed_item(place("output_index"), &data),
            ("output_item.done", _) => self.followed_item_end(place("output_index"), &data),
            ("content_part.added", Open::Message(message)) => {
                let part = data.given("part").and_then(Raw::object);
                let refusal = part.is_some_and(|part| part.string("type").as_deref() == Some("refusal"));
                message.followed_part(place("content_index").unwrap_or(0), refusal, self.characters, &self.wire);
            }
            ("content_part.done", Open::Message(message)) => {
                if let Some(part) = data.given("part") {
                    message.followed_end(place("content_index").unwrap_or(0), &on_one_line(part));
                }
            }
            ("output_text.annotation.added", Open::Message(message)) => {
                if let Some(source) = data.given("annotation") {
                    message.followed_source(&on_one_line(source));
                }
            }
            ("output_text.delta" | "refusal.delta", Open::Message(message)) => {
                let text = data.string("delta").unwrap_or_default();
                self.held += text.len();
                let characters = text.chars().count();
                message.followed_text(text.as_bytes(), characters);
                if kind == "output_text.delta" {
                    self.characters += characters as u64;
                }
            }
            ("reasoning_summary_text.delta", Open::Thought(thought)) => {
                let text = data.string("delta").unwrap_or_default();
                self.held += text.len();
                thought.followed_text(text.as_bytes());
            }
            ("output_text.done" | "refusal.done", Open::Message(message)) => message.followed_text_end(),
            // What its end repeats is out, but not the end.
            ("function_call_arguments.done" | "custom_tool_call_input.done", Open::Call(_))
            | ("reasoning_summary_text.done", Open::Thought(_)) => self.open = Open::Foreign,
            // A thought that is told itself, and not as a summary, has parts that are not written here.
            ("content_part.added" | "reasoning_text.delta", Open::Thought(_)) => self.open = Open::Foreign,
            _ => {}
        }
    }

    fn followed_item(&mut self, index: Option<usize>, data: &Object<'_>) {
        let Some(item) = data.given("item").and_then(Raw::object) else { return };
        self.wire.index = index.unwrap_or(self.wire.index);
        let id = item.string("id").unwrap_or_default();
        self.open = match (item.string("type").as_deref(), self.last) {
            (Some("message"), _) => Open::Message(Message::followed(&id)),
            (Some("reasoning"), _) => Open::Thought(Thought::followed(&id, &self.wire)),
            (Some("function_call" | "custom_tool_call"), Some((_, at))) => match self.calls.get_mut(at) {
                Some(call) => Open::Call(OpenCall::followed(at, &id, call, &self.context, &self.wire)),
                None => Open::Foreign,
            },
            _ => Open::Foreign,
        };
    }

    fn followed_item_end(&mut self, index: Option<usize>, data: &Object<'_>) {
        self.wire.index = index.unwrap_or(self.wire.index).saturating_add(1);
        self.open = Open::None;
        if let Some(item) = data.given("item") {
            let item = on_one_line(item);
            self.held += item.len();
            if !self.wire.output.is_empty() {
                self.wire.output.push(b',');
            }
            self.wire.output.extend_from_slice(&item);
        }
    }
}
