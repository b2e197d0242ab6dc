//! What may stand in the variable part of a path.

use std::borrow::Cow;

/// The longest variable part, in bytes as sent.
const LONGEST: usize = 256;

/// A variable part of a path.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hole {
    /// One segment, of `[A-Za-z0-9._:@+-]`.
    Id,
    /// The name of a model: the same and `/`, which clients send plain or encoded.
    Model,
    /// A digest as Ollama writes it: `sha256:` or `sha256-` and 64 hexadecimal digits.
    Digest,
}

impl Hole {
    /// The text in the hole, decoded once; `None` if it may not stand there.
    pub(super) fn read(self, text: &str) -> Option<Cow<'_, str>> {
        if text.len() > LONGEST {
            return None;
        }
        match self {
            Self::Id => (!text.contains('/') && is_plain_path(text)).then_some(Cow::Borrowed(text)),
            Self::Digest => is_digest(text).then_some(Cow::Borrowed(text)),
            Self::Model => {
                let name = decode(text)?;
                is_plain_path(&name).then_some(name)
            }
        }
    }
}

/// Whether a path without its first slash holds nothing but `[A-Za-z0-9._:/@+-]`, and no segment that is empty, is
/// `.`, or holds `..`. No `%` is among these: ids, as APIs issue them, need none, and two readers may not agree on one.
pub(super) fn is_plain_path(path: &str) -> bool {
    let is_segment = |segment: &str| !segment.is_empty() && segment != "." && !segment.contains("..");
    let is_known = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b':' | b'/' | b'@' | b'+' | b'-');
    path.bytes().all(is_known) && path.split('/').all(is_segment)
}

fn is_digest(text: &str) -> bool {
    let digits = text.strip_prefix("sha256:").or_else(|| text.strip_prefix("sha256-"));
    digits.is_some_and(|digits| digits.len() == 64 && digits.bytes().all(|c| c.is_ascii_hexdigit()))
}

/// Percent-decodes once. An encoded dot, which no client writes, is refused.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    let Some(first) = text.find('%') else { return Some(Cow::Borrowed(text)) };
    let mut decoded = String::with_capacity(text.len());
    decoded.push_str(&text[..first]);
    for part in text[first + 1..].split('%') {
        let mut chars = part.chars();
        let byte = 16 * chars.next()?.to_digit(16)? + chars.next()?.to_digit(16)?;
        let c = u8::try_from(byte).ok().filter(|c| c.is_ascii() && *c != b'.')?;
        decoded.push(char::from(c));
        decoded.push_str(chars.as_str());
    }
    Some(Cow::Owned(decoded))
}
