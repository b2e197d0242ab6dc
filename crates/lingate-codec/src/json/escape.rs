//! String escapes, both ways.

use super::strings::find_special;
use std::borrow::Cow;

/// Text of a checked member name's inside: nearly always short and plain.
#[inline]
pub(super) fn unescape_name(inner: &[u8]) -> Cow<'_, str> {
    // A plain loop: for a few bytes, the call of a searching function costs more.
    if inner.len() <= 32
        && !inner.contains(&b'\\')
        && let Ok(name) = std::str::from_utf8(inner)
    {
        return Cow::Borrowed(name);
    }
    unescape(inner)
}

/// Text of a checked string's inside.
pub(super) fn unescape(inner: &[u8]) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', inner) else {
        // Checked text is UTF-8; the strict check is the faster one.
        return std::str::from_utf8(inner).map_or_else(|_| String::from_utf8_lossy(inner), Cow::Borrowed);
    };
    let mut out = Vec::with_capacity(inner.len());
    out.extend_from_slice(&inner[..first]);
    let mut rest = &inner[first..];
    while let [b'\\', kind, tail @ ..] = rest {
        rest = tail;
        match kind {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => rest = unescape_unicode(rest, &mut out),
            other => out.push(*other),
        }
        let run = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..run]);
        rest = &rest[run..];
    }
    Cow::Owned(match String::from_utf8(out) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Reads the four digits after `\u` and, for a surrogate pair, the second escape; gives back what follows.
fn unescape_unicode<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let Some((high, mut rest)) = four_digits(rest) else { return rest };
    let mut code = high;
    if (0xd800..0xdc00).contains(&high)
        && let Some((low, after)) = rest.strip_prefix(b"\\u").and_then(four_digits)
        && (0xdc00..0xe000).contains(&low)
    {
        code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        rest = after;
    }
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    rest
}

fn four_digits(rest: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = rest.split_at_checked(4)?;
    let mut code = 0;
    for digit in digits {
        code = code * 16 + (*digit as char).to_digit(16)?;
    }
    Some((code, rest))
}

/// Appends `text` as the inside of a JSON string.
pub(super) fn escape(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut start = 0;
    loop {
        let at = find_special(bytes, start);
        out.extend_from_slice(&bytes[start..at]);
        let Some(&byte) = bytes.get(at) else { return };
        start = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
    }
}
