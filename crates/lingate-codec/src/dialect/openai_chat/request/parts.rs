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
    match media::take_data_url(url) {
        Ok((media_type, data)) => ImageSource::Base64 { media_type, data },
        Err(url) => ImageSource::Url(url),
    }
}

fn file_source<'a>(file: &Object<'a>, path: &Path<'_>) -> Result<FileSource<'a>, ApiError> {
    if let Some(id) = path::string_in(file, "file_id", path)? {
        return Ok(FileSource::FileId(id));
    }
    let data = match media::take_data_url(path::string_needed(file, "file_data", path)?) {
        Ok((media_type, data)) => return Ok(FileSource::Base64 { media_type, data }),
        Err(data) => data,
    };
    if data.starts_with("http://") || data.starts_with("https://") {
        return Ok(FileSource::Url(data));
    }
    let media_type = media::sniff_base64(&data).unwrap_or("application/octet-stream");
    Ok(FileSource::Base64 { media_type: Cow::Borrowed(media_type), data })
}
