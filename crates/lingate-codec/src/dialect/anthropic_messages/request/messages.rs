//! Reads `system` and `messages`: wire turns to the IR's messages.

use super::blocks::{self, Place};
use super::{missing, required, wrong};
use crate::ir::{ApiError, Extra, Message, Part, Role, ToolResult};
use crate::json::{Kind, Object, Raw};
use std::borrow::Cow;
use std::collections::HashMap;

/// The conversation so far.
#[derive(Default)]
pub(super) struct Conversation<'a> {
    pub(super) messages: Vec<Message<'a>>,
    /// Tool names by call id, for results, which tell only the id.
    names: HashMap<Cow<'a, str>, Cow<'a, str>>,
}

impl<'a> Conversation<'a> {
    /// The top-level system prompt: text, or an array of text blocks.
    pub(super) fn add_system(&mut self, value: Raw<'a>) -> Result<(), ApiError> {
        let mut message = Message::new(Role::System, Vec::new());
        match value.kind() {
            Kind::String => message.parts.extend(value.string().map(Part::text)),
            Kind::Array => {
                for (index, raw) in value.array().into_iter().flatten().enumerate() {
                    self.add_part(raw, Place::system(index), &mut message)?;
                }
            }
            _ => return Err(wrong("system", "a string or an array", value)),
        }
        if !message.parts.is_empty() {
            self.messages.push(message);
        }
        Ok(())
    }

    /// The turn at `index` of `messages`.
    pub(super) fn add(&mut self, index: usize, raw: Raw<'a>) -> Result<(), ApiError> {
        let at = format!("messages[{index}]");
        let object = raw.object().ok_or_else(|| wrong(&at, "an object", raw))?;
        let role = match required(&object, &at, "role")?.as_ref() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            _ => {
                let path = format!("{at}.role");
                let message = format!("`{path}` must be \"user\", \"assistant\" or \"system\"");
                return Err(ApiError::invalid(path, message));
            }
        };
        let mut message = Message::new(role, Vec::new());
        let before = self.messages.len();
        let content = object.given("content").ok_or_else(|| missing(format_args!("{at}.content")))?;
        match content.kind() {
            Kind::String => message.parts.extend(content.string().map(Part::text)),
            Kind::Array => {
                for (block, raw) in content.array().into_iter().flatten().enumerate() {
                    self.add_block(raw, (index, block), &mut message)?;
                }
            }
            _ => return Err(wrong(format_args!("{at}.content"), "a string or an array", content)),
        }
        // A turn of nothing but results is no user message.
        if !message.parts.is_empty() || self.messages.len() == before {
            self.messages.push(message);
        }
        if let Some(last) = self.messages.last_mut() {
            keep_members(&object, &at, &mut last.extra);
        }
        Ok(())
    }

    /// One block of a turn: a result becomes a message of its own, all others parts of `message`.
    fn add_block(
        &mut self,
        raw: Raw<'a>,
        (turn, block): (usize, usize),
        message: &mut Message<'a>,
    ) -> Result<(), ApiError> {
        if message.role == Role::User
            && let Some(object) = raw.object()
            && object.string("type").is_some_and(|kind| kind == "tool_result")
        {
            return self.add_result(&object, Place::block(turn, block, 0));
        }
        self.add_part(raw, Place::block(turn, block, message.parts.len()), message)
    }

    fn add_part(&mut self, raw: Raw<'a>, place: Place, message: &mut Message<'a>) -> Result<(), ApiError> {
        let part = blocks::decode(raw, place, message.role, &mut message.extra)?;
        if let Part::ToolCall(call) = &part {
            self.names.insert(call.id.clone(), call.name.clone());
        }
        message.parts.push(part);
        Ok(())
    }

    fn add_result(&mut self, object: &Object<'a>, place: Place) -> Result<(), ApiError> {
        let mut message = Message::new(Role::Tool, Vec::new());
        let call_id = required(object, &place, "tool_use_id")?;
        let mut result = ToolResult {
            name: self.names.get(&call_id).cloned(),
            call_id,
            is_error: match object.given("is_error") {
                None => false,
                Some(value) => {
                    value.bool().ok_or_else(|| wrong(format_args!("{place}.is_error"), "true or false", value))?
                }
            },
            parts: Vec::new(),
            cache_control: object.given("cache_control"),
        };
        let known = ["type", "tool_use_id", "content", "is_error", "cache_control"];
        super::keep_rest(object, &known, &place, &place.in_ir(), &mut message.extra);
        match object.given("content") {
            None => {}
            Some(content) if content.kind() == Kind::String => result.parts.extend(content.string().map(Part::text)),
            Some(content) => {
                let path = format_args!("{place}.content");
                let elements = content.array().ok_or_else(|| wrong(path, "a string or an array", content))?;
                for (index, raw) in elements.enumerate() {
                    result.parts.push(blocks::decode(raw, place.inner(index), Role::Tool, &mut message.extra)?);
                }
            }
        }
        message.parts.push(Part::ToolResult(result));
        self.messages.push(message);
        Ok(())
    }
}

/// Keeps a turn's unknown members.
fn keep_members<'a>(object: &Object<'a>, at: &str, extra: &mut Vec<Extra<'a>>) {
    for member in object.members().iter().filter(|member| member.key != "role" && member.key != "content") {
        extra.push(Extra { path: format!("{at}.{}", member.key), key: member.key.clone(), value: member.value });
    }
}
