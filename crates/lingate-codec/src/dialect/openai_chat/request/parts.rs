//! Parts of a message's content, read.

use super::path::{self, Path};
use crate::ir::{ApiError, Audio, Extra, File, FileSource, Image, ImageSource, Opaque, Part};
use crate::json::{Object, Raw};
use crate::media;
use std::borrow::Cow;

pub(super) fn decode<'a>(value: Raw<'a>, path: &Path<'_>, extras: &mut Vec<Extra<'a>>) -> Result<Part<'a>, ApiError> {
    let object = path::object(value, path)?;
    let kind = path::string_needed(&object, "type", path)?;
    match &*kind {
        "text" => {
            path::keep_unknown(&object, &["type", "text", "cache_control"], path, extras);
            let text = path::string_needed(&object, "text", path)?;
            Ok(Part::Text { text, cache_control: object.given("cache_control") })
        }
        "refusal" => {
            path::keep_unknown(&object, &["type", "refusal"], path, extras);
            Ok(Part::Refusal { text: path::string_needed(&object, "refusal", path)? })
        }
        "image_url" => {
            path::keep_unknown(&object, &["type", "image_url"], path, extras);
            image(&object, path, extras)
        }
        "input_audio" => {
            path::keep_unknown(&object, &["type", "input_audio"], path, extras);
            let (audio, path) = inner(&object, "input_audio", path)?;
            path::keep_unknown(&audio, &["data", "format"], &path, extras);
            let data = path::string_needed(&audio, "data", &path)?;
            Ok(Part::Audio(Audio { data, format: path::string_needed(&audio, "format", &path)? }))
        }
        "file" => {
            path::keep_unknown(&object, &["type", "file"], path, extras);
            let (file, path) = inner(&object, "file", path)?;
            path::keep_unknown(&file, &["file_data", "file_id", "filename"], &path, extras);
            let name = path::string_in(&file, "filename", &path)?;
            Ok(Part::File(File { source: file_source(&file, &path)?, name }))
        }
        _ => Ok(Part::Opaque(Opaque { kind, raw: value })),
    }
}

/// The object that holds a part's content, and its path.
fn inner<'a, 'p>(object: &Object<'a>, key: &'p str, path: &'p Path<'p>) -> Result<(Object<'a>, Path<'p>), ApiError> {
    let path = path.key(key);
    let value = object.given(key).ok_or_else(|| path::missing(&path))?;
    Ok((path::object(value, &path)?, path))
}

/// `image_url` is an object; older clients send the address itself.
fn image<'a>(object: &Object<'a>, path: &Path<'_>, extras: &mut Vec<Extra<'a>>) -> Result<Part<'a>, ApiError> {
    if let Some(url) = object.string("image_url") {
        return Ok(Part::Image(Image { source: image_source(url), detail: None }));
    }
    let (image, path) = inner(object, "image_url", path)?;
    path::keep_unknown(&image, &["url", "detail"], &path, extras);
    let source = image_source(path::string_needed(&image, "url", &path)?);
    Ok(Part::Image(Image { source, detail: path::string_in(&image, "detail", &path)? }))
}

fn image_source(url: Cow<'_, str>) -> ImageSource<'_> {
    match split(&url) {
        Some((media_type, data)) => ImageSource::Base64 { media_type, data: take(url, data) },
        None => ImageSource::Url(url),
    }
}

/// Media type and range of the base64 text of a `data:` URL. The bytes' own word goes before the client's.
fn split<'a>(url: &Cow<'a, str>) -> Option<(Cow<'a, str>, std::ops::Range<usize>)> {
    let (said, data) = media::split_data_url(url)?;
    let range = url.len() - data.len()..url.len();
    let media_type = match (media::sniff_base64(data), url) {
        (Some(sniffed), _) => Cow::Borrowed(sniffed),
        (None, Cow::Borrowed(url)) => media::split_data_url(url).map(|(said, _)| Cow::Borrowed(said))?,
        (None, Cow::Owned(_)) => Cow::Owned(said.to_owned()),
    };
    Some((media_type, range))
}

/// A part of a text, borrowed where the text is.
fn take(text: Cow<'_, str>, range: std::ops::Range<usize>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(range).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(range).unwrap_or_default().to_owned()),
    }
}

fn file_source<'a>(file: &Object<'a>, path: &Path<'_>) -> Result<FileSource<'a>, ApiError> {
    if let Some(id) = path::string_in(file, "file_id", path)? {
        return Ok(FileSource::FileId(id));
    }
    let data = path::string_needed(file, "file_data", path)?;
    if let Some((media_type, range)) = split(&data) {
        return Ok(FileSource::Base64 { media_type, data: take(data, range) });
    }
    if data.starts_with("http://") || data.starts_with("https://") {
        return Ok(FileSource::Url(data));
    }
    let media_type = media::sniff_base64(&data).unwrap_or("application/octet-stream");
    Ok(FileSource::Base64 { media_type: Cow::Borrowed(media_type), data })
}
