//! The conversation, read: a list of items becomes turns.

use super::parts;
use super::path::{self, Path};
use super::tools::{self, Names};
use crate::dialect::free_text;
use crate::dialect::openai_responses::reasoning::{Sealed, own_as_signature};
use crate::ir::{ApiError, Message, Opaque, Part, Role, ToolCall, ToolResult};
use crate::json::{Object, Raw};
use std::borrow::Cow;
use std::collections::HashMap;

/// Reads `input` onto the end of `messages`.
pub(super) fn decode<'a>(
    value: Raw<'a>,
    path: &Path<'_>,
    names: &Names<'_, 'a>,
    messages: &mut Vec<Message<'a>>,
) -> Result<(), ApiError> {
    if let Some(text) = value.string() {
        messages.push(Message::text(Role::User, text));
        return Ok(());
    }
    let Some(items) = value.array() else { return Err(path::wrong(path, "a string or an array", value)) };
    let mut turns = Turns { messages, names, called: HashMap::new(), empty: true };
    for (index, item) in items.enumerate() {
        turns.item(item, &path.index(index))?;
    }
    if turns.empty {
        return Err(ApiError::invalid(path.to_string(), format!("`{path}` must not be empty")));
    }
    Ok(())
}

struct Turns<'t, 'a> {
    messages: &'t mut Vec<Message<'a>>,
    names: &'t Names<'t, 'a>,
    /// Names of the calls so far, by id.
    called: HashMap<Cow<'a, str>, Cow<'a, str>>,
    empty: bool,
}

impl<'a> Turns<'_, 'a> {
    fn item(&mut self, value: Raw<'a>, path: &Path<'_>) -> Result<(), ApiError> {
        let object = path::object(value, path)?;
        self.empty = false;
        let kind = match path::string_in(&object, "type", path)? {
            Some(kind) => kind,
            None if object.given("role").is_some() => Cow::Borrowed("message"),
            None if object.given("id").is_some() => Cow::Borrowed("item_reference"),
            None => return Err(path::missing(&path.key("type"))),
        };
        match &*kind {
            "message" => self.message(&object, path),
            "function_call" | "custom_tool_call" => self.call(&object, &kind, path),
            "function_call_output" | "custom_tool_call_output" => self.result(&object, path),
            "tool_search_call" | "tool_search_output" if tools::is_clients(&object) => {
                self.search(&object, &kind, path)
            }
            "reasoning" => self.reasoning(&object, path),
            "item_reference" => {
                let message = format!("`{path}` refers to an item that is not stored here");
                Err(ApiError::invalid(path.to_string(), message).with_code("item_not_found"))
            }
            _ => {
                self.assistant().parts.push(Part::Opaque(Opaque { kind, raw: value }));
                Ok(())
            }
        }
    }

    /// The assistant's turn that goes on: its thoughts, texts and calls are items of their own, but one turn.
    fn assistant(&mut self) -> &mut Message<'a> {
        if self.messages.last().is_none_or(|last| last.role != Role::Assistant) {
            self.messages.push(Message::new(Role::Assistant, Vec::new()));
        }
        let last = self.messages.len() - 1;
        &mut self.messages[last]
    }

    fn message(&mut self, object: &Object<'a>, path: &Path<'_>) -> Result<(), ApiError> {
        let word = path::string_needed(object, "role", path)?;
        let role = match &*word {
            "system" => Role::System,
            "developer" => Role::Developer,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            other => return Err(path::unknown_word(&path.key("role"), "system, developer, user or assistant", other)),
        };
        let content_path = path.key("content");
        let content = object.given("content").ok_or_else(|| path::missing(&content_path))?;
        let mut extra = Vec::new();
        let parts = parts::content(content, &content_path, &mut extra)?;
        path::keep_unknown(object, &["type", "role", "content", "id", "status"], path, &mut extra);
        let spoke = |part: &Part<'_>| matches!(part, Part::Text { .. } | Part::Refusal { .. });
        // A second text is a turn of its own, so that the two do not run together.
        if role == Role::Assistant && !self.assistant().parts.iter().any(spoke) {
            let turn = self.assistant();
            turn.parts.extend(parts);
            turn.extra.extend(extra);
        } else {
            self.messages.push(Message { extra, ..Message::new(role, parts) });
        }
        Ok(())
    }

    fn call(&mut self, object: &Object<'a>, kind: &str, path: &Path<'_>) -> Result<(), ApiError> {
        let id = path::string_needed(object, "call_id", path)?;
        let own_name = path::string_needed(object, "name", path)?;
        let namespace = path::string_in(object, "namespace", path)?;
        let name = self.names.find(namespace.as_deref(), own_name);
        let arguments = if kind == "custom_tool_call" {
            Cow::Owned(free_text::arguments(&path::string_needed(object, "input", path)?))
        } else {
            match object.given("arguments") {
                None => Cow::Borrowed("{}"),
                // Some clients send the object itself.
                Some(value) if value.object().is_some() => value.text(),
                Some(value) => path::string(value, &path.key("arguments"))?,
            }
        };
        let arguments = if arguments.trim_ascii().is_empty() { Cow::Borrowed("{}") } else { arguments };
        self.called.insert(id.clone(), name.clone());
        let known = ["type", "id", "status", "call_id", "name", "namespace", "arguments", "input"];
        let turn = self.assistant();
        path::keep_unknown(object, &known, path, &mut turn.extra);
        turn.parts.push(Part::ToolCall(ToolCall { id, name, arguments, cache_control: None }));
        Ok(())
    }

    /// The client's search for tools, and what it found; that is told to the model as it stands.
    fn search(&mut self, object: &Object<'a>, kind: &str, path: &Path<'_>) -> Result<(), ApiError> {
        let id = path::string_needed(object, "call_id", path)?;
        let name = self.names.search();
        if kind == "tool_search_call" {
            let arguments = object
                .given("arguments")
                .map_or(Cow::Borrowed("{}"), |arguments| arguments.string().unwrap_or_else(|| arguments.text()));
            self.called.insert(id.clone(), name.clone());
            let turn = self.assistant();
            path::keep_unknown(
                object,
                &["type", "id", "status", "call_id", "execution", "arguments"],
                path,
                &mut turn.extra,
            );
            turn.parts.push(Part::ToolCall(ToolCall { id, name, arguments, cache_control: None }));
            return Ok(());
        }
        let tools_path = path.key("tools");
        let found = object.given("tools").ok_or_else(|| path::missing(&tools_path))?;
        let mut extra = Vec::new();
        path::keep_unknown(object, &["type", "id", "status", "call_id", "execution", "tools"], path, &mut extra);
        let parts = vec![Part::text(found.text())];
        let result = ToolResult { call_id: id, name: Some(name), is_error: false, parts, cache_control: None };
        self.messages.push(Message { extra, ..Message::new(Role::Tool, vec![Part::ToolResult(result)]) });
        Ok(())
    }

    fn result(&mut self, object: &Object<'a>, path: &Path<'_>) -> Result<(), ApiError> {
        let call_id = path::string_needed(object, "call_id", path)?;
        let output_path = path.key("output");
        let output = object.given("output").ok_or_else(|| path::missing(&output_path))?;
        let mut extra = Vec::new();
        let parts = parts::content(output, &output_path, &mut extra)?;
        path::keep_unknown(object, &["type", "id", "status", "call_id", "output"], path, &mut extra);
        let name = self.called.get(&call_id).cloned();
        let result = ToolResult { call_id, name, is_error: false, parts, cache_control: None };
        self.messages.push(Message { extra, ..Message::new(Role::Tool, vec![Part::ToolResult(result)]) });
        Ok(())
    }

    /// A thought: its own text where it is shown, else its summary; and what it holds encrypted.
    fn reasoning(&mut self, object: &Object<'a>, path: &Path<'_>) -> Result<(), ApiError> {
        let id = path::string_in(object, "id", path)?.unwrap_or_default();
        let content = path::string_in(object, "encrypted_content", path)?;
        let mut texts = Vec::new();
        for key in ["content", "summary"] {
            let list = object.given(key).filter(|_| texts.is_empty());
            let Some(list) = list else { continue };
            let path = path.key(key);
            for (index, entry) in path::array(list, &path)?.enumerate() {
                let path = path.index(index);
                texts.push(path::string_needed(&path::object(entry, &path)?, "text", &path)?);
            }
        }
        let text = match texts.len() {
            0 | 1 => texts.pop().unwrap_or_default(),
            _ => Cow::Owned(texts.join("\n\n")),
        };
        let known = ["type", "id", "status", "summary", "content", "encrypted_content"];
        let turn = self.assistant();
        path::keep_unknown(object, &known, path, &mut turn.extra);
        let signature = match content.as_deref().map(Sealed::read) {
            None => None,
            Some(Sealed::Redacted(data)) => {
                turn.parts.push(Part::RedactedReasoning { data: ending(content.as_ref(), data) });
                return Ok(());
            }
            Some(Sealed::Signature(signature)) => Some(ending(content.as_ref(), signature)),
            Some(Sealed::Own(content)) => Some(Cow::Owned(own_as_signature(&id, content))),
        };
        turn.parts.push(Part::Reasoning { text, signature });
        Ok(())
    }
}

/// `end`, with which `text` ends, borrowed from where `text` is: so its place can be told.
fn ending<'a>(text: Option<&Cow<'a, str>>, end: &str) -> Cow<'a, str> {
    match text {
        Some(Cow::Borrowed(text)) => Cow::Borrowed(&text[text.len().saturating_sub(end.len())..]),
        _ => Cow::Owned(end.to_owned()),
    }
}
