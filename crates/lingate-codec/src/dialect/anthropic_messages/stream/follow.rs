//! What the encoder learns of a stream that the client gets as it comes: which blocks there were, and which is open.

use super::encode::{Call, Encoder, Open};
use crate::dialect::arguments::Progress;
use crate::frame::Frame;
use crate::ir::Event;
use crate::json::{Object, Raw};

impl Encoder {
    /// An event of a frame that the client got.
    pub(super) fn followed(&mut self, event: &Event) {
        match event {
            Event::Start(start) => self.start = start.clone(),
            Event::Usage(usage) => self.usage.update(usage),
            Event::Refusal(_) => self.seen.refusal = true,
            Event::ToolCallStart { call, id, name } => {
                self.seen.calls = true;
                self.ids.insert(id.clone());
                self.numbers.insert(*call, self.calls.len());
                self.calls.push(Call {
                    id: String::new(),
                    name: name.clone(),
                    pending: String::new(),
                    progress: Progress::default(),
                    done: false,
                    closed: false,
                });
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

    /// What a frame opens and closes.
    pub(super) fn followed_frame(&mut self, frame: &Frame<'_>) {
        if matches!(frame.event, b"content_block_delta" | b"ping") || frame.data.is_empty() {
            return;
        }
        let Ok(data) = Object::parse(&frame.data) else { return };
        let index = data.get("index").and_then(Raw::u64).and_then(|index| usize::try_from(index).ok());
        match (data.string("type").as_deref(), index) {
            (Some("message_start"), _) => self.started = true,
            (Some("content_block_start"), Some(index)) => {
                self.started = true;
                self.next = index;
                let block = data.given("content_block").and_then(Raw::object);
                self.open = match block.and_then(|block| block.string("type")).as_deref() {
                    Some("text") => Open::Text,
                    Some("thinking") => Open::Thinking,
                    Some("tool_use") if !self.calls.is_empty() => Open::Tool(self.calls.len() - 1),
                    _ => Open::Foreign,
                };
            }
            (Some("content_block_stop"), Some(index)) => {
                if let Open::Tool(at) = self.open
                    && let Some(call) = self.calls.get_mut(at)
                {
                    (call.done, call.closed) = (true, true);
                }
                self.open = Open::None;
                self.next = self.next.max(index + 1);
            }
            _ => {}
        }
    }
}
