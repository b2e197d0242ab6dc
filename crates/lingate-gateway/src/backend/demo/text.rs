//! Words, pictures in words, and where a text ends.

use std::borrow::Cow;

use lingate_codec::media;

/// Cuts a text into pieces of a word each, with the white space before it; put together they are the text.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let word = rest.len() - rest.trim_start().len();
        let mut end = rest[word..].find(char::is_whitespace).map_or(rest.len(), |length| word + length);
        if word == end {
            // White space only.
            end = rest.len();
        }
        let piece = &rest[..end];
        rest = &rest[end..];
        Some(piece)
    })
}

/// The number of words.
pub(super) fn count_words(text: &str) -> usize {
    text.split_whitespace().count()
}

/// The text before the first place where one of `stops` begins.
pub(super) fn before_stop(mut text: String, stops: &[Cow<'_, str>]) -> String {
    let end = stops.iter().filter_map(|stop| text.find(stop.as_ref())).min();
    text.truncate(end.unwrap_or(text.len()));
    text
}

/// The first `limit` words of a text, and whether there were more.
pub(super) fn first_words(mut text: String, limit: usize) -> (String, bool) {
    let end = words(&text).take(limit).map(str::len).sum();
    let more = !text[end..].trim().is_empty();
    if more {
        text.truncate(end);
    }
    (text, more)
}

/// A picture's type and size, or that it is a link.
pub(super) fn image(url: &str) -> String {
    /// A type longer than this is none.
    const MAX_TYPE: usize = 40;
    let Some((written, data)) = media::split_data_url(url) else { return "a link".to_owned() };
    let found = if written.is_empty() { media::sniff_base64(data) } else { Some(written) };
    let media_type = found.filter(|found| found.len() <= MAX_TYPE).unwrap_or("unknown type");
    let digits = data.trim_end_matches('=').len();
    let bytes = digits / 4 * 3 + digits % 4 * 3 / 4;
    format!("{media_type}, {bytes} {}", if bytes == 1 { "byte" } else { "bytes" })
}

/// One sentence on the pictures; the first few are told one by one.
pub(super) fn describe_images(images: &[String]) -> String {
    const TOLD: usize = 4;
    let noun = if images.len() == 1 { "image" } else { "images" };
    let mut told = images.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join("; ");
    if images.len() > TOLD {
        told.push_str("; …");
    }
    format!("I see {} {noun} ({told}).", images.len())
}

#[cfg(test)]
mod tests {
    use super::{before_stop, count_words, first_words, image, words};

    #[test]
    fn words_put_together_are_the_text() {
        for (text, expected) in [
            ("", &[][..]),
            ("one", &["one"]),
            (" one  two\nthree ", &[" one", "  two", "\nthree", " "]),
            (" \t", &[" \t"]),
            ("naïve \u{a0}日本 😀", &["naïve", " \u{a0}日本", " 😀"]),
        ] {
            let pieces: Vec<_> = words(text).collect();
            assert_eq!(pieces, expected);
            assert_eq!(pieces.concat(), text);
        }
        assert_eq!(count_words(" one  two\nthree "), 3);
    }

    #[test]
    fn texts_end_where_they_should() {
        assert_eq!(before_stop("a b c b".into(), &["c".into(), "b".into()]), "a ");
        assert_eq!(before_stop("a b".into(), &["x".into()]), "a b");
        assert_eq!(first_words("a b c".into(), 2), ("a b".into(), true));
        assert_eq!(first_words("a b ".into(), 2), ("a b ".into(), false), "no third word was cut off");
        assert_eq!(first_words(String::new(), 0), (String::new(), false));
    }

    #[test]
    fn images_in_words() {
        assert_eq!(image("data:image/png;base64,AAAA"), "image/png, 3 bytes");
        assert_eq!(image("data:image/png;base64,AAA="), "image/png, 2 bytes");
        assert_eq!(image("data:image/png;base64,AA=="), "image/png, 1 byte");
        assert_eq!(image("data:;base64,iVBORw0KGgo="), "image/png, 8 bytes");
        assert_eq!(image("https://x.invalid/a.png"), "a link");
        assert_eq!(image(&format!("data:{};base64,AAAA", "x".repeat(500))), "unknown type, 3 bytes");
    }
}
