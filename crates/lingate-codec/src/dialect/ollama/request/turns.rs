//! Messages of a request, encoded: text as one string, pictures and calls beside it.

use crate::dialect::ollama::line::write_arguments;
use crate::dialect::{Target, Unsupported};
use crate::ir::{Concept, Extra, Family, Form, Image, ImageSource, Loss, Message, Part, Role, ToolCall, ToolResult};
use crate::json::{Raw, Writer};
use std::collections::HashMap;

/// Stands between text parts that become one string.
const BLANK_LINE: &str = "\n\n";

/// Where an encoder reports what it cannot say.
pub(super) struct Reports<'t, 'l> {
    pub(super) target: &'t Target<'t>,
    pub(super) family: Family,
    pub(super) form: Form,
    pub(super) loss: &'l mut Loss,
}

impl Reports<'_, '_> {
    /// What changes the answer is refused; `what` is a clause without the backend's name.
    pub(super) fn unsupported(&self, concept: Concept, what: &str) -> Unsupported {
        let reason = format!("{what} by the {} backend", self.target.backend);
        Unsupported { concept, path: None, reason }
    }

    fn unsupported_part(&self, what: &str) -> Unsupported {
        self.unsupported(Concept::Messages, &format!("{what} cannot be taken"))
    }

    /// Members that the client's decoder does not know: whether they are to be forwarded. If not, they are lost.
    pub(super) fn forwards(&mut self, extra: &Extra<'_>) -> bool {
        let same = self.family == Family::Ollama;
        if !same {
            self.loss.path(extra.path.as_str());
        }
        same
    }
}

/// What one message says, sorted.
#[derive(Default)]
pub(super) struct Turn<'r, 'a> {
    /// Pieces of the text.
    pub(super) text: Vec<&'r str>,
    thinking: Vec<&'r str>,
    /// Base64 texts.
    pub(super) images: Vec<&'r str>,
    calls: Vec<&'r ToolCall<'a>>,
    results: Vec<&'r ToolResult<'a>>,
}

impl<'r, 'a> Turn<'r, 'a> {
    /// Adds parts. The model's own text was written in one go, so nothing is put between its pieces.
    pub(super) fn add(
        &mut self,
        role: Role,
        parts: &'r [Part<'a>],
        reports: &mut Reports<'_, '_>,
    ) -> Result<(), Unsupported> {
        let between = if role == Role::Assistant { "" } else { BLANK_LINE };
        for part in parts {
            match part {
                Part::Text { text, cache_control } => {
                    report_cache_mark(*cache_control, reports);
                    join(&mut self.text, text, between);
                }
                Part::Refusal { text } => join(&mut self.text, text, between),
                Part::Reasoning { text, signature } => {
                    join(&mut self.thinking, text, BLANK_LINE);
                    if let Some(signature) = signature {
                        reports.loss.quiet_signature(signature);
                    }
                }
                // Opaque data of another provider means nothing here.
                Part::RedactedReasoning { data } => {
                    reports.loss.concept(Concept::Thinking);
                    reports.loss.quiet_at("messages[].content[].data", data.as_bytes());
                }
                Part::Image(image) => self.images.push(image_data(image, reports)?),
                Part::ToolCall(call) => {
                    report_cache_mark(call.cache_control, reports);
                    self.calls.push(call);
                }
                Part::ToolResult(result) => self.results.push(result),
                Part::File(_) => return Err(reports.unsupported_part("documents")),
                Part::Audio(_) => return Err(reports.unsupported_part("sound")),
                Part::Opaque(opaque) => {
                    return Err(reports.unsupported_part(&format!("content of type `{}`", opaque.kind)));
                }
            }
        }
        Ok(())
    }

    /// Whether there are calls or results.
    pub(super) fn uses_tools(&self) -> bool {
        !self.calls.is_empty() || !self.results.is_empty()
    }
}

fn join<'r>(pieces: &mut Vec<&'r str>, text: &'r str, between: &'static str) {
    if text.is_empty() {
        return;
    }
    if !pieces.is_empty() && !between.is_empty() {
        pieces.push(between);
    }
    pieces.push(text);
}

pub(super) fn report_cache_mark(mark: Option<Raw<'_>>, reports: &mut Reports<'_, '_>) {
    if let Some(mark) = mark {
        reports.loss.at("cache_control", mark.bytes());
    }
}

fn image_data<'r>(image: &'r Image<'_>, reports: &mut Reports<'_, '_>) -> Result<&'r str, Unsupported> {
    if let Some(detail) = image.detail.as_ref().filter(|detail| *detail != "auto") {
        reports.loss.at("image_url.detail", detail.as_bytes());
    }
    match &image.source {
        ImageSource::Base64 { data, .. } => Ok(data),
        ImageSource::Url(_) => {
            Err(reports.unsupported_part("pictures by address (lingate fetches nothing; send them as data: URLs)"))
        }
        ImageSource::FileId(_) => Err(reports.unsupported_part("pictures by file id")),
    }
}

/// Writes `messages`.
pub(super) fn write_messages(
    messages: &[Message<'_>],
    writer: &mut Writer<'_>,
    reports: &mut Reports<'_, '_>,
) -> Result<(), Unsupported> {
    let names = call_names(messages);
    writer.key("messages");
    writer.begin_array();
    for message in messages {
        if let Some(name) = &message.name {
            reports.loss.at("messages[].name", name.as_bytes());
        }
        let mut turn = Turn::default();
        turn.add(message.role, &message.parts, reports)?;
        for result in &turn.results {
            write_result(result, &names, &message.extra, writer, reports)?;
        }
        if message.role != Role::Tool {
            write_turn(message, &turn, writer, reports);
        }
    }
    writer.end_array();
    Ok(())
}

/// Names of the tools called, by id.
fn call_names<'r>(messages: &'r [Message<'_>]) -> HashMap<&'r str, &'r str> {
    let calls = messages.iter().flat_map(|message| &message.parts).filter_map(|part| match part {
        Part::ToolCall(call) => Some((call.id.as_ref(), call.name.as_ref())),
        _ => None,
    });
    calls.collect()
}

fn write_turn(message: &Message<'_>, turn: &Turn<'_, '_>, writer: &mut Writer<'_>, reports: &mut Reports<'_, '_>) {
    writer.begin_object();
    writer.string_member(
        "role",
        match message.role {
            Role::System | Role::Developer => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        },
    );
    writer.key("content");
    writer.string_of(&turn.text);
    if !turn.thinking.is_empty() {
        writer.key("thinking");
        writer.string_of(&turn.thinking);
    }
    write_images(&turn.images, writer);
    if !turn.calls.is_empty() {
        writer.key("tool_calls");
        writer.begin_array();
        for call in &turn.calls {
            writer.begin_object();
            writer.string_member("id", &call.id);
            writer.key("function");
            writer.begin_object();
            writer.string_member("name", &call.name);
            writer.key("arguments");
            write_arguments(writer, &call.arguments);
            writer.end_object();
            writer.end_object();
        }
        writer.end_array();
    }
    write_extra(&message.extra, writer, reports);
    writer.end_object();
}

fn write_result(
    result: &ToolResult<'_>,
    names: &HashMap<&str, &str>,
    extra: &[Extra<'_>],
    writer: &mut Writer<'_>,
    reports: &mut Reports<'_, '_>,
) -> Result<(), Unsupported> {
    report_cache_mark(result.cache_control, reports);
    if result.is_error {
        reports.loss.beside("is_error", result.call_id.as_bytes());
    }
    let mut turn = Turn::default();
    turn.add(Role::Tool, &result.parts, reports)?;
    writer.begin_object();
    writer.string_member("role", "tool");
    writer.key("content");
    writer.string_of(&turn.text);
    write_images(&turn.images, writer);
    if let Some(name) = result.name.as_deref().or_else(|| names.get(result.call_id.as_ref()).copied()) {
        writer.string_member("tool_name", name);
    }
    writer.string_member("tool_call_id", &result.call_id);
    write_extra(extra, writer, reports);
    writer.end_object();
    Ok(())
}

pub(super) fn write_images(images: &[&str], writer: &mut Writer<'_>) {
    if images.is_empty() {
        return;
    }
    writer.key("images");
    writer.begin_array();
    images.iter().for_each(|image| writer.string(image));
    writer.end_array();
}

/// Unknown members of a message. Those of its calls have no place to be written to.
fn write_extra(extra: &[Extra<'_>], writer: &mut Writer<'_>, reports: &mut Reports<'_, '_>) {
    for extra in extra {
        if !reports.forwards(extra) {
            continue;
        }
        if extra.path.contains("].tool_calls[") {
            reports.loss.path(extra.path.as_str());
        } else {
            writer.raw_member(&extra.key, extra.value);
        }
    }
}
