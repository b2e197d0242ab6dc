//! The conversation, written: turns become items.

use super::encode::Writing;
use super::pieces;
use crate::dialect::openai_responses::reasoning::{Sealed, own_in_signature};
use crate::dialect::{Unsupported, free_text};
use crate::ids::legal_call_id;
use crate::ir::{Message, Part, Role, ToolCall, ToolResult};
use crate::json::{Raw, Writer};
use std::borrow::Cow;
use std::collections::HashSet;

/// The longest `call_id` that OpenAI takes.
const MAX_CALL_ID: usize = 64;

/// A thought that was replayed and goes nowhere.
const THOUGHT: &str = "messages[].thinking";

/// Appends `instructions` and `input`: system prompts that lead are the former, if they are nothing but text.
pub(super) fn encode<'r>(writing: &mut Writing<'_, 'r, '_>, w: &mut Writer<'_>) -> Result<(), Unsupported> {
    let messages = &writing.request.messages;
    let leading = messages.iter().take_while(|message| message.role == Role::System && pieces::is_text(&message.parts));
    let (leading, rest) = messages.split_at(leading.count());
    instructions(writing, leading, w);
    w.key("input");
    w.begin_array();
    let mut items = Items { custom: HashSet::new(), searches: HashSet::new(), thoughts: 0 };
    for message in rest {
        items.turn(writing, message, w)?;
    }
    w.end_array();
    for message in messages {
        if let Some(name) = message.name.as_ref().filter(|_| message.role != Role::Tool) {
            writing.loss.at("messages[].name", name.as_bytes());
        }
        writing.lose(&message.extra);
    }
    Ok(())
}

fn instructions(writing: &mut Writing<'_, '_, '_>, leading: &[Message<'_>], w: &mut Writer<'_>) {
    let mut texts = Vec::new();
    for part in leading.iter().flat_map(|message| &message.parts) {
        if let Part::Text { text, cache_control } = part {
            writing.lose_mark(*cache_control);
            if !text.is_empty() {
                texts.extend([text, "\n\n"]);
            }
        }
    }
    texts.pop();
    if !texts.is_empty() {
        w.key("instructions");
        w.string_of(&texts);
    }
}

/// What later items must know of those before.
struct Items<'r> {
    /// Ids of calls with free text: their results are of another type.
    custom: HashSet<Cow<'r, str>>,
    /// Ids of the client's searches for tools, whose results are of yet another.
    searches: HashSet<Cow<'r, str>>,
    /// How many thoughts were written.
    thoughts: usize,
}

impl<'r> Items<'r> {
    fn turn(
        &mut self,
        writing: &mut Writing<'_, 'r, '_>,
        message: &'r Message<'_>,
        w: &mut Writer<'_>,
    ) -> Result<(), Unsupported> {
        match message.role {
            Role::Assistant => self.assistant(writing, &message.parts, w),
            Role::Tool => message.parts.iter().try_for_each(|part| match part {
                Part::ToolResult(result) => self.result(writing, result, w),
                _ => Ok(()),
            }),
            Role::System => said(writing, "system", &message.parts.iter().collect::<Vec<_>>(), w),
            Role::Developer => said(writing, "developer", &message.parts.iter().collect::<Vec<_>>(), w),
            Role::User => said(writing, "user", &message.parts.iter().collect::<Vec<_>>(), w),
        }
    }

    /// Thoughts and calls are items of their own, what is said between them is one message.
    fn assistant(
        &mut self,
        writing: &mut Writing<'_, 'r, '_>,
        parts: &'r [Part<'_>],
        w: &mut Writer<'_>,
    ) -> Result<(), Unsupported> {
        let mut spoken = Vec::new();
        for part in parts {
            let item = match part {
                Part::Reasoning { .. } | Part::RedactedReasoning { .. } | Part::ToolCall(_) => true,
                Part::Opaque(_) => writing.own,
                _ => false,
            };
            if !item {
                spoken.push(part);
                continue;
            }
            said(writing, "assistant", &spoken, w)?;
            spoken.clear();
            match part {
                Part::Reasoning { text, signature } => self.thought(writing, text, signature.as_deref(), w),
                Part::ToolCall(call) => self.call(writing, call, w),
                Part::Opaque(opaque) => w.raw(opaque.raw),
                Part::RedactedReasoning { data } => writing.loss.quiet_at(THOUGHT, data.as_bytes()),
                _ => {}
            }
        }
        said(writing, "assistant", &spoken, w)
    }

    /// A thought of OpenAI's goes back as it was. Others go to servers that are known to take more than OpenAI's
    /// own members; else they are left out. A signature of another provider's goes nowhere.
    fn thought(&mut self, writing: &mut Writing<'_, '_, '_>, text: &str, signature: Option<&str>, w: &mut Writer<'_>) {
        let sealed = signature.and_then(own_in_signature);
        let taken = writing.target.sampling_extensions || (writing.own && signature.is_none());
        if sealed.is_none() {
            if !taken {
                writing.loss.quiet_at(THOUGHT, text.as_bytes());
            }
            if let Some(signature) = signature {
                writing.loss.quiet_signature(signature);
            }
        }
        if sealed.is_none() && (text.is_empty() || !taken) {
            return;
        }
        let made = format!("rs_made_{}", self.thoughts);
        self.thoughts += 1;
        w.begin_object();
        w.string_member("type", "reasoning");
        let id = sealed.map(|(id, _)| id).filter(|id| !id.is_empty());
        w.string_member("id", id.unwrap_or(&made));
        w.key("summary");
        w.begin_array();
        if sealed.is_some() && !text.is_empty() {
            thought_text("summary_text", text, w);
        }
        w.end_array();
        match sealed {
            Some((_, content)) => {
                w.key("encrypted_content");
                w.string_of(&Sealed::Own(content).content());
            }
            None => {
                w.key("content");
                w.begin_array();
                thought_text("reasoning_text", text, w);
                w.end_array();
            }
        }
        w.end_object();
    }

    fn call(&mut self, writing: &mut Writing<'_, 'r, '_>, call: &'r ToolCall<'_>, w: &mut Writer<'_>) {
        writing.lose_mark(call.cache_control);
        let form = writing.form(&call.name);
        if form.is_some_and(|form| form.search) && Raw::parse(call.arguments.as_bytes()).is_ok() {
            self.searches.insert(Cow::Borrowed(&call.id));
            w.begin_object();
            w.string_member("type", "tool_search_call");
            w.string_member("call_id", &call_id(&call.id));
            w.string_member("execution", "client");
            w.json_member("arguments", &call.arguments);
            return w.end_object();
        }
        let input = form.filter(|form| form.custom).and_then(|_| free_text::text_of(&call.arguments));
        w.begin_object();
        w.string_member("type", if input.is_some() { "custom_tool_call" } else { "function_call" });
        w.string_member("call_id", &call_id(&call.id));
        w.string_member("name", form.map_or(&call.name, |form| &form.own_name));
        if let Some(namespace) = form.and_then(|form| form.namespace.as_deref()) {
            w.string_member("namespace", namespace);
        }
        match input {
            Some(input) => {
                self.custom.insert(Cow::Borrowed(&call.id));
                w.string_member("input", &input);
            }
            None => w.string_member("arguments", if call.arguments.is_empty() { "{}" } else { &call.arguments }),
        }
        w.end_object();
    }

    fn result(
        &self,
        writing: &mut Writing<'_, 'r, '_>,
        result: &ToolResult<'_>,
        w: &mut Writer<'_>,
    ) -> Result<(), Unsupported> {
        if result.is_error {
            writing.loss.beside("is_error", result.call_id.as_bytes());
        }
        writing.lose_mark(result.cache_control);
        if let [Part::Text { text, .. }] = result.parts.as_slice()
            && self.searches.contains(&*result.call_id)
        {
            w.begin_object();
            w.string_member("type", "tool_search_output");
            w.string_member("call_id", &call_id(&result.call_id));
            w.string_member("execution", "client");
            w.string_member("status", "completed");
            w.json_member("tools", text);
            w.end_object();
            return Ok(());
        }
        let custom = self.custom.contains(&*result.call_id);
        w.begin_object();
        w.string_member("type", if custom { "custom_tool_call_output" } else { "function_call_output" });
        w.string_member("call_id", &call_id(&result.call_id));
        w.key("output");
        pieces::output(writing, &result.parts, w)?;
        w.end_object();
        Ok(())
    }
}

/// A message, unless it says nothing.
fn said(
    writing: &mut Writing<'_, '_, '_>,
    role: &str,
    parts: &[&Part<'_>],
    w: &mut Writer<'_>,
) -> Result<(), Unsupported> {
    if parts.iter().all(|part| matches!(part, Part::Text { text, .. } if text.is_empty())) {
        return Ok(());
    }
    w.begin_object();
    w.string_member("type", "message");
    w.string_member("role", role);
    w.key("content");
    pieces::content(writing, role, parts, w)?;
    w.end_object();
    Ok(())
}

fn thought_text(kind: &str, text: &str, w: &mut Writer<'_>) {
    w.begin_object();
    w.string_member("type", kind);
    w.string_member("text", text);
    w.end_object();
}

/// An id that OpenAI takes; the same one always gives the same, so that calls and results still match.
fn call_id(id: &str) -> Cow<'_, str> {
    if id.is_empty() || id.len() > MAX_CALL_ID { legal_call_id(id, MAX_CALL_ID) } else { Cow::Borrowed(id) }
}
