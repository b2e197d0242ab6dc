//! Parts of an item's content, written.

use super::encode::Writing;
use crate::dialect::Unsupported;
use crate::ir::{Concept, File, FileSource, Image, ImageSource, Part};
use crate::json::Writer;

/// Whether the parts are nothing but text.
pub(super) fn is_text(parts: &[Part<'_>]) -> bool {
    parts.iter().all(|part| matches!(part, Part::Text { .. }))
}

/// The content of a message: one text as a string, everything else as parts.
pub(super) fn content(
    writing: &mut Writing<'_, '_, '_>,
    role: &str,
    parts: &[&Part<'_>],
    w: &mut Writer<'_>,
) -> Result<(), Unsupported> {
    if let [Part::Text { text, cache_control }] = parts {
        writing.lose_mark(*cache_control);
        w.string(text);
        return Ok(());
    }
    w.begin_array();
    parts.iter().try_for_each(|found| part(writing, role, found, w))?;
    w.end_array();
    Ok(())
}

/// What a tool gave: texts as one string, which every server takes; with pictures and files, as parts.
pub(super) fn output(
    writing: &mut Writing<'_, '_, '_>,
    parts: &[Part<'_>],
    w: &mut Writer<'_>,
) -> Result<(), Unsupported> {
    if is_text(parts) {
        let mut texts = Vec::with_capacity(parts.len() * 2);
        for part in parts {
            if let Part::Text { text, cache_control } = part {
                writing.lose_mark(*cache_control);
                texts.extend([text, "\n"]);
            }
        }
        texts.pop();
        w.string_of(&texts);
        return Ok(());
    }
    w.begin_array();
    parts.iter().try_for_each(|found| part(writing, "tool", found, w))?;
    w.end_array();
    Ok(())
}

fn part(writing: &mut Writing<'_, '_, '_>, role: &str, part: &Part<'_>, w: &mut Writer<'_>) -> Result<(), Unsupported> {
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
            writing.lose_mark(*cache_control);
            w.string_member("type", if role == "assistant" { "output_text" } else { "input_text" });
            w.string_member("text", text);
        }
        Part::Refusal { text } => {
            w.string_member("type", "refusal");
            w.string_member("refusal", text);
        }
        Part::Image(image) => image_members(writing, image, w)?,
        Part::File(file) => file_members(writing, file, w)?,
        Part::Audio(audio) => {
            w.string_member("type", "input_audio");
            w.key("input_audio");
            w.begin_object();
            w.string_member("data", &audio.data);
            w.string_member("format", &audio.format);
            w.end_object();
        }
        Part::ToolCall(_)
        | Part::ToolResult(_)
        | Part::Reasoning { .. }
        | Part::RedactedReasoning { .. }
        | Part::Opaque(_) => {
            let what = "calls and thoughts outside of their place are not taken";
            return Err(writing.unsupported(Concept::Messages, what));
        }
    }
    w.end_object();
    Ok(())
}

fn image_members(writing: &Writing<'_, '_, '_>, image: &Image<'_>, w: &mut Writer<'_>) -> Result<(), Unsupported> {
    w.string_member("type", "input_image");
    match &image.source {
        ImageSource::Base64 { media_type, data } => {
            w.key("image_url");
            w.string_of(&["data:", media_type, ";base64,", data]);
        }
        ImageSource::Url(url) => w.string_member("image_url", url),
        ImageSource::FileId(id) if writing.kin => w.string_member("file_id", id),
        ImageSource::FileId(_) => {
            let what = "a picture in another provider's file store cannot be read";
            return Err(writing.unsupported(Concept::Images, what));
        }
    }
    if let Some(detail) = &image.detail {
        w.string_member("detail", detail);
    }
    Ok(())
}

fn file_members(writing: &mut Writing<'_, '_, '_>, file: &File<'_>, w: &mut Writer<'_>) -> Result<(), Unsupported> {
    if let FileSource::Text(text) = &file.source {
        w.string_member("type", "input_text");
        w.string_member("text", text);
        lose_name(writing, file);
        return Ok(());
    }
    w.string_member("type", "input_file");
    match &file.source {
        FileSource::Base64 { media_type, data } => {
            // A name is wanted beside data.
            let made = if media_type == "application/pdf" { "document.pdf" } else { "document" };
            w.string_member("filename", file.name.as_deref().unwrap_or(made));
            w.key("file_data");
            w.string_of(&["data:", media_type, ";base64,", data]);
        }
        // Only data has a name of its own here.
        FileSource::Url(url) => {
            lose_name(writing, file);
            w.string_member("file_url", url);
        }
        FileSource::FileId(id) if writing.kin => w.string_member("file_id", id),
        FileSource::FileId(_) | FileSource::Text(_) => {
            return Err(writing.unsupported(Concept::Messages, "a file in another provider's store cannot be read"));
        }
    }
    Ok(())
}

fn lose_name(writing: &mut Writing<'_, '_, '_>, file: &File<'_>) {
    if let Some(name) = &file.name {
        writing.loss.at("title", name.as_bytes());
    }
}
