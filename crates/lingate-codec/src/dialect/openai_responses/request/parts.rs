//! Parts of an item's content, read.

use super::path::{self, Path};
use crate::ir::{ApiError, Audio, Extra, File, FileSource, Image, ImageSource, Opaque, Part};
use crate::json::{Object, Raw};
use crate::media;
use std::borrow::Cow;

/// Reads a content: one text, or a list of parts.
pub(super) fn content<'a>(
    value: Raw<'a>,
    path: &Path<'_>,
    extras: &mut Vec<Extra<'a>>,
) -> Result<Vec<Part<'a>>, ApiError> {
    if let Some(text) = value.string() {
        return Ok(vec![Part::text(text)]);
    }
    let Some(elements) = value.array() else { return Err(path::wrong(path, "a string or an array", value)) };
    elements.enumerate().map(|(index, element)| one(element, &path.index(index), extras)).collect()
}

fn one<'a>(value: Raw<'a>, path: &Path<'_>, extras: &mut Vec<Extra<'a>>) -> Result<Part<'a>, ApiError> {
    let object = path::object(value, path)?;
    let kind = path::string_needed(&object, "type", path)?;
    let (part, known): (_, &[&str]) = match &*kind {
        // `text` is what clients of the chat API send out of habit.
        "input_text" | "output_text" | "text" => {
            let text = path::string_needed(&object, "text", path)?;
            (Part::text(text), &["type", "text", "annotations", "logprobs"])
        }
        "refusal" => {
            let text = path::string_needed(&object, "refusal", path)?;
            (Part::Refusal { text }, &["type", "refusal"])
        }
        "input_image" => (image(&object, path)?, &["type", "image_url", "file_id", "detail"]),
        "input_file" => (file(&object, path)?, &["type", "file_data", "file_id", "file_url", "filename"]),
        "input_audio" => (audio(&object, path)?, &["type", "input_audio"]),
        _ => return Ok(Part::Opaque(Opaque { kind, raw: value })),
    };
    path::keep_unknown(&object, known, path, extras);
    Ok(part)
}

/// `image_url` is the address itself; some clients send the chat API's object.
fn image<'a>(object: &Object<'a>, path: &Path<'_>) -> Result<Part<'a>, ApiError> {
    let mut detail = path::string_in(object, "detail", path)?;
    if let Some(id) = path::string_in(object, "file_id", path)? {
        return Ok(Part::Image(Image { source: ImageSource::FileId(id), detail }));
    }
    let url_path = path.key("image_url");
    let url = object.given("image_url").ok_or_else(|| path::missing(&url_path))?;
    let url = match url.object() {
        None => path::string(url, &url_path)?,
        Some(inner) => {
            detail = detail.or(path::string_in(&inner, "detail", &url_path)?);
            path::string_needed(&inner, "url", &url_path)?
        }
    };
    let source = match media::take_data_url(url) {
        Ok((media_type, data)) => ImageSource::Base64 { media_type, data },
        Err(url) => ImageSource::Url(url),
    };
    Ok(Part::Image(Image { source, detail }))
}

fn file<'a>(object: &Object<'a>, path: &Path<'_>) -> Result<Part<'a>, ApiError> {
    let name = path::string_in(object, "filename", path)?;
    let source = if let Some(id) = path::string_in(object, "file_id", path)? {
        FileSource::FileId(id)
    } else if let Some(url) = path::string_in(object, "file_url", path)? {
        FileSource::Url(url)
    } else {
        match media::take_data_url(path::string_needed(object, "file_data", path)?) {
            Ok((media_type, data)) => FileSource::Base64 { media_type, data },
            Err(data) => {
                let media_type = media::sniff_base64(&data).unwrap_or("application/octet-stream");
                FileSource::Base64 { media_type: Cow::Borrowed(media_type), data }
            }
        }
    };
    Ok(Part::File(File { source, name }))
}

fn audio<'a>(object: &Object<'a>, path: &Path<'_>) -> Result<Part<'a>, ApiError> {
    let path = path.key("input_audio");
    let audio = path::object(object.given("input_audio").ok_or_else(|| path::missing(&path))?, &path)?;
    let data = path::string_needed(&audio, "data", &path)?;
    Ok(Part::Audio(Audio { data, format: path::string_needed(&audio, "format", &path)? }))
}
