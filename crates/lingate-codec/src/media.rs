//! What bytes are, by their first few.

use std::borrow::Cow;

/// Media type of a picture or PDF, told from the beginning of its standard base64 text; `None` when unknown.
///
/// Magic bytes: PNG, JPEG, GIF, WebP (RIFF….WEBP), BMP, HEIC/AVIF (ISO base media brands), PDF.
pub fn sniff_base64(base64: &str) -> Option<&'static str> {
    let head = base64.as_bytes();
    let head = &head[..head.len().min(24) & !3];
    let mut bytes = Vec::with_capacity(18);
    base64_simd::STANDARD.decode_append(head, &mut bytes).ok()?;
    sniff(&bytes)
}

/// Media type told from magic bytes.
pub fn sniff(bytes: &[u8]) -> Option<&'static str> {
    let brand = bytes.get(4..12).and_then(|b| b.strip_prefix(b"ftyp"));
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'B', b'M', ..] => Some("image/bmp"),
        [b'%', b'P', b'D', b'F', ..] => Some("application/pdf"),
        _ => match brand {
            Some(b"avif" | b"avis") => Some("image/avif"),
            Some(b"heic" | b"heix" | b"mif1") => Some("image/heic"),
            _ => None,
        },
    }
}

/// Splits a `data:` URL of base64 content: (media type as written, base64 text). `None` for any other URL.
pub fn split_data_url(url: &str) -> Option<(&str, &str)> {
    let prefix = url.get(..5)?;
    if !prefix.eq_ignore_ascii_case("data:") {
        return None;
    }
    let (head, data) = url[5..].split_once(',')?;
    let media_type = head.strip_suffix(";base64")?;
    Some((media_type.split(';').next().unwrap_or_default(), data))
}

/// Media type and base64 text of a `data:` URL, borrowed where the URL is; the bytes' own word goes before the
/// client's.
///
/// # Errors
/// Any other URL comes back as it was.
pub fn take_data_url(url: Cow<'_, str>) -> Result<(Cow<'_, str>, Cow<'_, str>), Cow<'_, str>> {
    let Some((_, data)) = split_data_url(&url) else { return Err(url) };
    let (sniffed, start) = (sniff_base64(data), url.len() - data.len());
    Ok(match url {
        Cow::Borrowed(url) => {
            let said = split_data_url(url).map_or("", |(said, _)| said);
            (Cow::Borrowed(sniffed.unwrap_or(said)), Cow::Borrowed(url.get(start..).unwrap_or_default()))
        }
        Cow::Owned(mut data) => {
            let said = split_data_url(&data).map_or("", |(said, _)| said);
            let media_type = sniffed.map_or_else(|| Cow::Owned(said.to_owned()), Cow::Borrowed);
            // In place: it may be most of a long request.
            data.drain(..start);
            (media_type, Cow::Owned(data))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{sniff_base64, split_data_url, take_data_url};
    use std::borrow::Cow;

    #[test]
    fn pictures_are_known_by_their_first_bytes() {
        for (base64, expected) in [
            ("iVBORw0KGgoAAAANSUhEUg==", Some("image/png")),
            ("/9j/4AAQSkZJRgABAQ==", Some("image/jpeg")),
            ("R0lGODlhAQABAIAAAA==", Some("image/gif")),
            ("UklGRiQAAABXRUJQVlA4", Some("image/webp")),
            ("JVBERi0xLjQK", Some("application/pdf")),
            ("aGVsbG8=", None),
            ("", None),
            ("****", None),
            ("R0lGODlh", Some("image/gif")),
        ] {
            assert_eq!(sniff_base64(base64), expected, "{base64}");
        }
    }

    #[test]
    fn data_urls() {
        assert_eq!(split_data_url("data:image/png;base64,AAAA"), Some(("image/png", "AAAA")));
        assert_eq!(split_data_url("DATA:;base64,AAAA"), Some(("", "AAAA")));
        assert_eq!(split_data_url("data:text/plain;charset=utf-8;base64,AA"), Some(("text/plain", "AA")));
        assert_eq!(split_data_url("data:text/plain,hello"), None);
        assert_eq!(split_data_url("https://x.invalid/a.png"), None);
        assert_eq!(split_data_url("dat"), None);
    }

    #[test]
    fn data_urls_are_taken_apart_whoever_owns_them() {
        for (url, expected) in [
            ("data:image/png;base64,/9j/4AAQ", Ok(("image/jpeg", "/9j/4AAQ"))),
            ("data:text/x;a=b;base64,aGVsbG8=", Ok(("text/x", "aGVsbG8="))),
            ("https://x.invalid/a.png", Err("https://x.invalid/a.png")),
        ] {
            for url in [Cow::Borrowed(url), Cow::Owned(url.to_owned())] {
                let taken = take_data_url(url);
                assert_eq!(taken.as_ref().map(|(kind, data)| (&**kind, &**data)).map_err(|url| &**url), expected);
            }
        }
    }
}
