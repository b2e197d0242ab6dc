//! Reads one content block.

use super::{keep_rest, missing, optional, required, wrong};
use crate::ir::{ApiError, Extra, File, FileSource, Image, ImageSource, Opaque, Part, Role, ToolCall};
use crate::json::{Kind, Object, Raw};
use crate::media;
use std::borrow::Cow;
use std::fmt::{self, Display};

/// Where a block stands: shown as its JSON path in the body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// `None`: in `system`.
    turn: Option<usize>,
    block: usize,
    /// The block inside a tool result's content.
    inner: Option<usize>,
    /// Which part of its message in the IR it becomes.
    part: usize,
}

impl Place {
    pub(super) fn system(block: usize) -> Self {
        Self { turn: None, block, inner: None, part: block }
    }

    pub(super) fn block(turn: usize, block: usize, part: usize) -> Self {
        Self { turn: Some(turn), block, inner: None, part }
    }

    pub(super) fn inner(self, inner: usize) -> Self {
        Self { inner: Some(inner), ..self }
    }

    /// Shown as the place in the IR's message.
    pub(super) fn in_ir(self) -> InIr {
        InIr { part: self.part, inner: self.inner }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.turn {
            Some(turn) => write!(f, "messages[{turn}].content[{}]", self.block)?,
            None => write!(f, "system[{}]", self.block)?,
        }
        self.inner.map_or(Ok(()), |inner| write!(f, ".content[{inner}]"))
    }
}

/// Where a part stands in a message of the IR: shown as the beginning of an extra's key.
#[derive(Debug, Clone, Copy)]
pub(super) struct InIr {
    pub(super) part: usize,
    pub(super) inner: Option<usize>,
}

impl Display for InIr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "content[{}]", self.part)?;
        self.inner.map_or(Ok(()), |inner| write!(f, ".content[{inner}]"))
    }
}

/// Reads a block of a turn of `role` ([`Role::Tool`]: inside a tool result). Blocks of unknown types, and known
/// ones with a source that is not known, are kept as they are.
pub(super) fn decode<'a>(
    raw: Raw<'a>,
    place: Place,
    role: Role,
    extra: &mut Vec<Extra<'a>>,
) -> Result<Part<'a>, ApiError> {
    let object = raw.object().ok_or_else(|| wrong(place, "an object", raw))?;
    let kind = required(&object, &place, "type")?;
    let (part, known): (Part<'a>, &[&str]) = match (kind.as_ref(), role) {
        ("text", _) => {
            let text = required(&object, &place, "text")?;
            let cache_control = object.given("cache_control");
            (Part::Text { text, cache_control }, &["type", "text", "cache_control"])
        }
        ("image", _) => match image(&object, place, extra)? {
            Some(source) => (Part::Image(Image { source, detail: None }), &["type", "source"]),
            None => return Ok(Part::Opaque(Opaque { kind, raw })),
        },
        ("document", _) => match document(&object, place, extra)? {
            Some(source) => {
                let name = optional(&object, &place, "title")?;
                (Part::File(File { source, name }), &["type", "source", "title"])
            }
            None => return Ok(Part::Opaque(Opaque { kind, raw })),
        },
        ("thinking", Role::Assistant) => {
            let text = required(&object, &place, "thinking")?;
            let signature = optional(&object, &place, "signature")?;
            (Part::Reasoning { text, signature }, &["type", "thinking", "signature"])
        }
        ("redacted_thinking", Role::Assistant) => {
            (Part::RedactedReasoning { data: required(&object, &place, "data")? }, &["type", "data"])
        }
        ("tool_use", Role::Assistant) => {
            (Part::ToolCall(call(&object, place)?), &["type", "id", "name", "input", "cache_control"])
        }
        ("thinking" | "redacted_thinking" | "tool_use", _) => {
            let message = format!("`{place}`: a block of type {kind} is only allowed in an assistant message");
            return Err(ApiError::invalid(place.to_string(), message));
        }
        _ => return Ok(Part::Opaque(Opaque { kind, raw })),
    };
    keep_rest(&object, known, &place, &place.in_ir(), extra);
    Ok(part)
}

fn call<'a>(object: &Object<'a>, place: Place) -> Result<ToolCall<'a>, ApiError> {
    let arguments = match object.given("input") {
        None => Cow::Borrowed("{}"),
        Some(input) if input.kind() == Kind::Object => input.text(),
        Some(input) => return Err(wrong(format_args!("{place}.input"), "an object", input)),
    };
    Ok(ToolCall {
        id: required(object, &place, "id")?,
        name: required(object, &place, "name")?,
        arguments,
        cache_control: object.given("cache_control"),
    })
}

fn source<'a>(object: &Object<'a>, place: Place) -> Result<(Object<'a>, Cow<'a, str>), ApiError> {
    let value = object.given("source").ok_or_else(|| missing(format_args!("{place}.source")))?;
    let source = value.object().ok_or_else(|| wrong(format_args!("{place}.source"), "an object", value))?;
    let kind = required(&source, &format_args!("{place}.source"), "type")?;
    Ok((source, kind))
}

fn image<'a>(
    object: &Object<'a>,
    place: Place,
    extra: &mut Vec<Extra<'a>>,
) -> Result<Option<ImageSource<'a>>, ApiError> {
    let (source, kind) = source(object, place)?;
    let at = format!("{place}.source");
    let (image, known) = match kind.as_ref() {
        "base64" => {
            let data = required(&source, &at, "data")?;
            let said = required(&source, &at, "media_type")?;
            let seen = media::sniff_base64(&data).filter(|seen| seen.starts_with("image/"));
            (ImageSource::Base64 { media_type: seen.map_or(said, Cow::Borrowed), data }, "data")
        }
        "url" => (ImageSource::Url(required(&source, &at, "url")?), "url"),
        "file" => (ImageSource::FileId(required(&source, &at, "file_id")?), "file_id"),
        _ => return Ok(None),
    };
    let place = format!("{}.source", place.in_ir());
    keep_rest(&source, &["type", "media_type", known], &at, &place, extra);
    Ok(Some(image))
}

fn document<'a>(
    object: &Object<'a>,
    place: Place,
    extra: &mut Vec<Extra<'a>>,
) -> Result<Option<FileSource<'a>>, ApiError> {
    let (source, kind) = source(object, place)?;
    let at = format!("{place}.source");
    let (file, known) = match kind.as_ref() {
        "base64" => {
            let data = required(&source, &at, "data")?;
            (FileSource::Base64 { media_type: required(&source, &at, "media_type")?, data }, "data")
        }
        "text" => (FileSource::Text(required(&source, &at, "data")?), "data"),
        "url" => (FileSource::Url(required(&source, &at, "url")?), "url"),
        "file" => (FileSource::FileId(required(&source, &at, "file_id")?), "file_id"),
        // `content`: blocks of its own.
        _ => return Ok(None),
    };
    let place = format!("{}.source", place.in_ir());
    keep_rest(&source, &["type", "media_type", known], &at, &place, extra);
    Ok(Some(file))
}
