//! What the encoder learns of a stream that the client gets as it comes.

use super::encode::{Call, Encoder};
use crate::dialect::free_text::FreeText;
use crate::dialect::openai_answer;
use crate::dialect::openai_chat::response::write;
use crate::ir::Event;
use crate::json::{Object, Raw};

impl Encoder {
    /// An event of a frame that the client got.
    pub(super) fn followed(&mut self, event: &Event) {
        match event {
            // Whatever the id looks like, the client has seen it.
            Event::Start(start) if self.head.is_empty() => self.make_head("", start),
            Event::Text(text) => self.text += characters(text.as_bytes()),
            Event::TextEnd => self.block = self.text,
            Event::ToolCallArguments { call, fragment } => {
                if let Some(call) = self.calls.get_mut(call) {
                    call.has_arguments |= !fragment.is_empty();
                    if let Some(free) = &mut call.free {
                        free.add(fragment);
                    }
                }
            }
            Event::Usage(usage) => self.usage.update(usage),
            Event::Finish(finish) => self.finish = Some(finish.reason),
            _ => {}
        }
    }

    /// A call that began in a frame with this data.
    pub(super) fn followed_call(&mut self, call: usize, id: &str, name: &str, data: &[u8]) {
        let index = wire_index(data, name).unwrap_or(self.next_index);
        self.next_index = self.next_index.max(index + 1);
        let free = write::is_custom(name, &self.context).then(FreeText::default);
        self.call_ids.insert(id.to_owned());
        self.calls.insert(call, Call { index, has_arguments: false, free });
    }
}

/// The index that an upstream gave the call of that name which begins in its chunk; some count from 1. Bounded, because
/// there are upstreams that say anything.
fn wire_index(data: &[u8], name: &str) -> Option<usize> {
    let chunk = Object::parse(data.trim_ascii()).ok()?;
    let choice = openai_answer::first_choice(chunk.get("choices")?)?;
    let entries = choice.given("delta").and_then(Raw::object)?.get("tool_calls")?.array()?;
    let named = |entry: &Object<'_>| {
        let tool = entry.get("function").or_else(|| entry.get("custom")).and_then(Raw::object);
        tool.is_some_and(|tool| tool.string("name").as_deref() == Some(name))
    };
    let entry = entries.filter_map(Raw::object).filter(named).last()?;
    usize::try_from(entry.get("index")?.u64()?).ok().filter(|index| *index < 4096)
}

/// How many characters an UTF-8 text has.
fn characters(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte & 0xc0 != 0x80).count() as u64
}

/// How many characters the inside of a JSON string stands for; pieces that are passed over have short escapes alone.
pub(super) fn escaped_characters(text: &[u8]) -> u64 {
    let (mut count, mut escaped) = (0, false);
    for byte in text {
        escaped = *byte == b'\\' && !escaped;
        count += u64::from(!escaped && *byte & 0xc0 != 0x80);
    }
    count
}
