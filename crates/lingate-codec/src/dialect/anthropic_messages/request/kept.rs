//! Unknown members of blocks, found again by the place of their block.

use crate::ir::{Family, Request};
use crate::json::{Raw, Writer};
use std::collections::HashMap;
use std::fmt::Display;

/// What the messages' extras keep, by message and place: one pass over all, however many there are.
#[derive(Default)]
pub(super) struct Kept<'r> {
    places: HashMap<(usize, &'r str), Vec<(&'r str, Raw<'r>)>>,
}

impl<'r> Kept<'r> {
    /// Of a request of this family; nothing of others.
    pub(super) fn new(request: &'r Request<'_>) -> Self {
        let mut kept = Self::default();
        if request.family != Family::Anthropic {
            return kept;
        }
        for (index, message) in request.messages.iter().enumerate() {
            for extra in &message.extra {
                if let Some((place, name)) = split(&extra.key) {
                    kept.places.entry((index, place)).or_default().push((name, extra.value));
                }
            }
        }
        kept
    }

    /// Whether there is anything for a place.
    pub(super) fn has(&self, message: usize, place: impl Display) -> bool {
        !self.places.is_empty() && self.places.contains_key(&(message, place.to_string().as_str()))
    }

    /// Appends the members kept for a place.
    pub(super) fn write(&self, message: usize, place: impl Display, writer: &mut Writer<'_>) {
        if self.places.is_empty() {
            return;
        }
        for (name, value) in self.places.get(&(message, place.to_string().as_str())).into_iter().flatten() {
            writer.raw_member(name, *value);
        }
    }
}

/// Splits `content[1].content[0].source.name` before the name; `None` for members of the message itself.
fn split(key: &str) -> Option<(&str, &str)> {
    let mut at = index(key)?;
    at += key[at..].strip_prefix('.').and_then(index).map_or(0, |more| more + 1);
    if key[at..].starts_with(".source.") {
        at += ".source".len();
    }
    let name = key[at..].strip_prefix('.')?;
    Some((&key[..at], name))
}

/// The length of `content[…]`.
fn index(text: &str) -> Option<usize> {
    let digits = text.strip_prefix("content[")?;
    let length = digits.find(']').filter(|length| digits.as_bytes()[..*length].iter().all(u8::is_ascii_digit))?;
    Some("content[".len() + length + 1)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn keys_split_before_the_name() {
        for (key, expected) in [
            ("content[0].citations", Some(("content[0]", "citations"))),
            ("content[12].a.b", Some(("content[12]", "a.b"))),
            ("content[1].content[2].x", Some(("content[1].content[2]", "x"))),
            ("content[1].source.x", Some(("content[1].source", "x"))),
            ("content[1].content[2].source.x", Some(("content[1].content[2].source", "x"))),
            ("content[1].source", Some(("content[1]", "source"))),
            ("content[1]", None),
            ("content[x].y", None),
            ("content[1", None),
            ("other", None),
            ("", None),
        ] {
            assert_eq!(split(key), expected, "{key}");
        }
    }
}
