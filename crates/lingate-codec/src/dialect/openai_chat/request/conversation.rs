//! The conversation, written.

use super::encode::Writing;
use super::path::Kept;
use crate::dialect::{Unsupported, free_text};
use crate::ir::{Concept, File, FileSource, Image, ImageSource, Message, Part, Role, ToolResult};
use crate::json::Writer;

/// A thought that was replayed and goes nowhere.
const THOUGHT: &str = "messages[].thinking";

pub(super) fn encode(writing: &mut Writing<'_, '_, '_>, w: &mut Writer<'_>) -> Result<(), Unsupported> {
    let request = writing.request;
    // Pictures and files out of tools' results: only text may stand there, so they follow in a user's message.
    let mut carried = Vec::new();
    w.key("messages");
    w.begin_array();
    for message in &request.messages {
        if message.role != Role::Tool {
            carried_over(writing, &mut carried, w)?;
        }
        one(writing, message, &mut carried, w)?;
        writing.lose(&message.extra);
    }
    carried_over(writing, &mut carried, w)?;
    w.end_array();
    Ok(())
}

fn carried_over(
    writing: &mut Writing<'_, '_, '_>,
    carried: &mut Vec<&Part<'_>>,
    w: &mut Writer<'_>,
) -> Result<(), Unsupported> {
    if carried.is_empty() {
        return Ok(());
    }
    w.begin_object();
    w.string_member("role", "user");
    w.key("content");
    w.begin_array();
    for found in carried.drain(..) {
        part(writing, found, &Kept::new(&[]), "", w)?;
    }
    w.end_array();
    w.end_object();
    Ok(())
}

fn one<'r>(
    writing: &mut Writing<'_, '_, '_>,
    message: &'r Message<'_>,
    carried: &mut Vec<&'r Part<'r>>,
    w: &mut Writer<'_>,
) -> Result<(), Unsupported> {
    let kept = Kept::new(if writing.own { &message.extra } else { &[] });
    let role = match message.role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    w.begin_object();
    w.string_member("role", role);
    if let Some(name) = &message.name {
        w.string_member("name", name);
    }
    match message.role {
        Role::Assistant => assistant(writing, message, &kept, w)?,
        Role::Tool => tool(writing, message, &kept, carried, w)?,
        Role::System | Role::Developer | Role::User => {
            let parts: Vec<_> = message.parts.iter().collect();
            w.key("content");
            content(writing, &parts, message.role, &kept, w)?;
        }
    }
    writing.restore(&kept, "", w);
    w.end_object();
    Ok(())
}

fn assistant(
    writing: &mut Writing<'_, '_, '_>,
    message: &Message<'_>,
    kept: &Kept<'_, '_>,
    w: &mut Writer<'_>,
) -> Result<(), Unsupported> {
    let (calls, parts): (Vec<_>, Vec<_>) = message.parts.iter().partition(|part| is_call(part));
    let (thoughts, parts): (Vec<_>, Vec<_>) =
        parts.into_iter().partition(|part| matches!(part, Part::Reasoning { .. } | Part::RedactedReasoning { .. }));
    w.key("content");
    match parts.as_slice() {
        [] if !calls.is_empty() => w.null(),
        [Part::Refusal { text }] if !kept.any_in("content[") => {
            w.null();
            w.string_member("refusal", text);
        }
        parts => content(writing, parts, Role::Assistant, kept, w)?,
    }
    replay_thoughts(writing, &thoughts, w);
    if calls.is_empty() {
        return Ok(());
    }
    w.key("tool_calls");
    w.begin_array();
    for (index, call) in calls.into_iter().enumerate() {
        tool_call(writing, index, call, kept, w)?;
    }
    w.end_array();
    Ok(())
}

/// A call, or one of a kind that is not known here: an entry with an id and its own member.
fn is_call(part: &Part<'_>) -> bool {
    match part {
        Part::ToolCall(_) => true,
        Part::Opaque(opaque) => opaque.raw.object().is_some_and(|raw| {
            raw.string("id").is_some() && (raw.get(&opaque.kind).is_some() || raw.get("function").is_some())
        }),
        _ => false,
    }
}

/// Thoughts go back to a server of their own family, or to one that is known to take more than OpenAI's own
/// members; else they are lost. Signatures never go anywhere.
fn replay_thoughts(writing: &mut Writing<'_, '_, '_>, thoughts: &[&Part<'_>], w: &mut Writer<'_>) {
    let taken = writing.own || writing.target.sampling_extensions;
    for part in thoughts {
        let lost = match part {
            Part::Reasoning { text, .. } => Some(text).filter(|_| !taken),
            Part::RedactedReasoning { data } => Some(data),
            _ => None,
        };
        if let Some(lost) = lost {
            writing.loss.quiet_at(THOUGHT, lost.as_bytes());
            // One without words says nothing to whoever sent it.
            if !lost.is_empty() {
                writing.loss.concept(Concept::Thinking);
            }
        }
        if let Part::Reasoning { signature: Some(signature), .. } = part {
            writing.loss.quiet_signature(signature);
        }
    }
    if !taken {
        return;
    }
    let texts: Vec<&str> = thoughts
        .iter()
        .filter_map(|part| match part {
            Part::Reasoning { text, .. } if !text.is_empty() => Some(&**text),
            _ => None,
        })
        .collect();
    if !texts.is_empty() {
        w.key("reasoning_content");
        w.string_of(&texts);
    }
}

fn tool_call(
    writing: &mut Writing<'_, '_, '_>,
    index: usize,
    part: &Part<'_>,
    kept: &Kept<'_, '_>,
    w: &mut Writer<'_>,
) -> Result<(), Unsupported> {
    let call = match part {
        Part::ToolCall(call) => call,
        Part::Opaque(opaque) if writing.own => {
            w.raw(opaque.raw);
            return Ok(());
        }
        _ => return Err(writing.unsupported(Concept::Messages, "such a tool call is not taken")),
    };
    let free = writing.form(&call.name).and_then(|_| free_text::text_of(&call.arguments));
    let kind = if free.is_some() { "custom" } else { "function" };
    w.begin_object();
    w.string_member("id", &call.id);
    w.string_member("type", kind);
    w.key(kind);
    w.begin_object();
    w.string_member("name", &call.name);
    match &free {
        Some(text) => w.string_member("input", text),
        None => {
            w.string_member("arguments", if call.arguments.is_empty() { "{}" } else { &call.arguments });
            writing.lose_free(kept, &format!("tool_calls[{index}].custom."));
        }
    }
    writing.restore(kept, &format!("tool_calls[{index}].{kind}."), w);
    w.end_object();
    writing.restore(kept, &format!("tool_calls[{index}]."), w);
    writing.cache_control(call.cache_control, w);
    w.end_object();
    Ok(())
}

fn tool<'r>(
    writing: &mut Writing<'_, '_, '_>,
    message: &'r Message<'_>,
    kept: &Kept<'_, '_>,
    carried: &mut Vec<&'r Part<'r>>,
    w: &mut Writer<'_>,
) -> Result<(), Unsupported> {
    let result = message.parts.iter().find_map(|part| match part {
        Part::ToolResult(result) => Some(result),
        _ => None,
    });
    let Some(ToolResult { call_id, is_error, parts, cache_control, .. }) = result else {
        w.string_member("content", "");
        return Ok(());
    };
    if *is_error {
        writing.loss.beside("is_error", call_id.as_bytes());
    }
    w.string_member("tool_call_id", call_id);
    let own = writing.own;
    let (here, later): (Vec<_>, Vec<_>) =
        parts.iter().partition(|part| own || !matches!(part, Part::Image(_) | Part::File(_) | Part::Audio(_)));
    carried.extend(later);
    w.key("content");
    content(writing, &here, Role::Tool, kept, w)?;
    if !own {
        writing.cache_control(*cache_control, w);
    }
    Ok(())
}

/// One text is written as a string, everything else as parts. Texts of another family's blocks are joined
/// outside of user messages, because most servers take a string alone there.
fn content(
    writing: &mut Writing<'_, '_, '_>,
    parts: &[&Part<'_>],
    role: Role,
    kept: &Kept<'_, '_>,
    w: &mut Writer<'_>,
) -> Result<(), Unsupported> {
    let plain = |part: &&Part<'_>| match part {
        Part::Text { text, cache_control } if !writing.own || cache_control.is_none() => Some(text.len()),
        _ => None,
    };
    let all_plain = parts.iter().all(|part| plain(part).is_some()) && !kept.any_in("content[");
    if all_plain && (parts.len() <= 1 || (!writing.own && role != Role::User)) {
        joined(writing, parts, role, w);
        return Ok(());
    }
    w.begin_array();
    for (index, found) in parts.iter().enumerate() {
        part(writing, found, kept, &format!("content[{index}]."), w)?;
    }
    w.end_array();
    Ok(())
}

fn joined(writing: &mut Writing<'_, '_, '_>, parts: &[&Part<'_>], role: Role, w: &mut Writer<'_>) {
    let between = match role {
        Role::System | Role::Developer => "\n\n",
        Role::Tool => "\n",
        Role::User | Role::Assistant => "",
    };
    let mut pieces = Vec::with_capacity(parts.len() * 2);
    for part in parts {
        if let Part::Text { text, cache_control } = part {
            if !pieces.is_empty() {
                pieces.push(between);
            }
            pieces.push(text);
            if let Some(mark) = cache_control {
                writing.loss.at("cache_control", mark.bytes());
            }
        }
    }
    w.string_of(&pieces);
}

/// One part; `place` is where it stands in its message.
fn part(
    writing: &mut Writing<'_, '_, '_>,
    part: &Part<'_>,
    kept: &Kept<'_, '_>,
    place: &str,
    w: &mut Writer<'_>,
) -> Result<(), Unsupported> {
    if let Part::Opaque(opaque) = part {
        if writing.own {
            w.raw(opaque.raw);
            return Ok(());
        }
        let what = format!("content of type `{}` is not taken", opaque.kind);
        return Err(writing.unsupported(Concept::Messages, &what));
    }
    w.begin_object();
    match part {
        Part::Text { text, cache_control } => {
            text_members(text, w);
            writing.cache_control(*cache_control, w);
        }
        Part::Refusal { text } => {
            w.string_member("type", "refusal");
            w.string_member("refusal", text);
        }
        Part::Image(image) => image_members(writing, image, kept, place, w)?,
        Part::Audio(audio) => {
            w.string_member("type", "input_audio");
            w.key("input_audio");
            w.begin_object();
            w.string_member("data", &audio.data);
            w.string_member("format", &audio.format);
            writing.restore(kept, &format!("{place}input_audio."), w);
            w.end_object();
        }
        Part::File(file) => file_members(writing, file, kept, place, w)?,
        Part::ToolCall(_)
        | Part::ToolResult(_)
        | Part::Reasoning { .. }
        | Part::RedactedReasoning { .. }
        | Part::Opaque(_) => {
            return Err(
                writing.unsupported(Concept::Messages, "calls and thoughts outside of their place are not taken")
            );
        }
    }
    writing.restore(kept, place, w);
    w.end_object();
    Ok(())
}

fn text_members(text: &str, w: &mut Writer<'_>) {
    w.string_member("type", "text");
    w.string_member("text", text);
}

fn image_members(
    writing: &Writing<'_, '_, '_>,
    image: &Image<'_>,
    kept: &Kept<'_, '_>,
    place: &str,
    w: &mut Writer<'_>,
) -> Result<(), Unsupported> {
    w.string_member("type", "image_url");
    w.key("image_url");
    w.begin_object();
    match &image.source {
        ImageSource::Base64 { media_type, data } => {
            w.key("url");
            w.string_of(&["data:", media_type, ";base64,", data]);
        }
        ImageSource::Url(url) => w.string_member("url", url),
        ImageSource::FileId(_) => {
            return Err(
                writing.unsupported(Concept::Images, "a picture in another provider's file store cannot be read")
            );
        }
    }
    if let Some(detail) = &image.detail {
        w.string_member("detail", detail);
    }
    writing.restore(kept, &format!("{place}image_url."), w);
    w.end_object();
    Ok(())
}

fn file_members(
    writing: &mut Writing<'_, '_, '_>,
    file: &File<'_>,
    kept: &Kept<'_, '_>,
    place: &str,
    w: &mut Writer<'_>,
) -> Result<(), Unsupported> {
    if let FileSource::Text(text) = &file.source {
        text_members(text, w);
        if let Some(name) = &file.name {
            writing.loss.at("title", name.as_bytes());
        }
        return Ok(());
    }
    w.string_member("type", "file");
    w.key("file");
    w.begin_object();
    match (&file.name, &file.source) {
        (Some(name), _) => w.string_member("filename", name),
        // OpenAI wants a name beside data.
        (None, FileSource::Base64 { media_type, .. }) if !writing.own => {
            let name = if media_type == "application/pdf" { "document.pdf" } else { "document" };
            w.string_member("filename", name);
        }
        _ => {}
    }
    match &file.source {
        FileSource::Base64 { media_type, data } => {
            w.key("file_data");
            w.string_of(&["data:", media_type, ";base64,", data]);
        }
        FileSource::FileId(id) if writing.kin => w.string_member("file_id", id),
        FileSource::Url(url) if writing.own => w.string_member("file_data", url),
        FileSource::FileId(_) => {
            return Err(writing.unsupported(Concept::Messages, "a file in another provider's store cannot be read"));
        }
        FileSource::Url(_) | FileSource::Text(_) => {
            return Err(writing.unsupported(Concept::Messages, "a document cannot be fetched from its address"));
        }
    }
    writing.restore(kept, &format!("{place}file."), w);
    w.end_object();
    Ok(())
}
