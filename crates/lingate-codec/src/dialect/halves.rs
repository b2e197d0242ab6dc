//! Characters cut in two: a server that counts in UTF-16 may end a piece of text with the first half of a surrogate
//! pair (`\ud83d`) and begin the next with the second.

use crate::json::Raw;
use std::borrow::Cow;

/// The end of a text that comes in pieces: perhaps the first half of a character.
#[derive(Debug, Default)]
pub(super) struct Half(Option<u32>);

impl Half {
    /// Whether a piece, its inside still escaped, has no part of a character that stands in another piece too.
    pub(super) fn is_apart_from(&self, inner: &[u8]) -> bool {
        self.0.is_none() && last_half(inner).is_none()
    }

    /// The next piece's text; `None` if it is no string. A first half at its end waits for the next piece. Halves
    /// without the other one become U+FFFD, but for one at the very end, which is left out.
    pub(super) fn join<'a>(&mut self, piece: Raw<'a>) -> Option<Cow<'a, str>> {
        let inner = piece.escaped()?;
        let last = last_half(inner);
        if self.0.is_none() && last.is_none() {
            return piece.string();
        }
        let mut text = piece.string()?.into_owned();
        if text.is_empty() {
            return Some(Cow::Borrowed(""));
        }
        if last.is_some() {
            // What stands for it.
            text.pop();
        }
        if let Some(high) = self.0.take() {
            match surrogate(inner).filter(|code| *code >= 0xdc00) {
                Some(low) => {
                    let whole = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    let whole = char::from_u32(whole).unwrap_or(char::REPLACEMENT_CHARACTER);
                    text.replace_range(..char::REPLACEMENT_CHARACTER.len_utf8(), whole.encode_utf8(&mut [0; 4]));
                }
                None => text.insert(0, char::REPLACEMENT_CHARACTER),
            }
        }
        self.0 = last;
        Some(Cow::Owned(text))
    }
}

/// The first half of a character that a string's inside ends with.
fn last_half(inner: &[u8]) -> Option<u32> {
    let at = inner.len().checked_sub(6)?;
    let code = surrogate(&inner[at..]).filter(|code| *code < 0xdc00)?;
    // The backslash may itself be escaped.
    let before = inner[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
    (before % 2 == 0).then_some(code)
}

/// The surrogate whose escape `text` begins with.
fn surrogate(text: &[u8]) -> Option<u32> {
    let [b'\\', b'u', b'd' | b'D', digits @ ..] = text else { return None };
    let digits = std::str::from_utf8(digits.get(..3)?).ok()?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok().filter(|rest| *rest >= 0x800).map(|rest| 0xd000 + rest)
}

#[cfg(test)]
mod tests {
    use super::Half;
    use crate::json::Raw;

    #[test]
    fn halves_find_each_other() {
        for (pieces, expected) in [
            (&["a", "b"][..], "ab"),
            (&[r"a\ud83d", r"\ude00b"], "a😀b"),
            (&[r"\uD83D", "", r"\uDE00"], "😀"),
            (&[r"\ud83d", r"\ude00\ud83d", r"\ude01"], "😀😁"),
            (&[r"\ud83d", "x"], "\u{fffd}x"),
            (&[r"\ud83d", r"\ud83d", r"\ude00"], "\u{fffd}😀"),
            (&["x", r"\ude00"], "x\u{fffd}"),
            (&[r"\\ud83d", r"\ude00"], "\\ud83d\u{fffd}"),
            (&[r"\\\ud83d", r"\ude00"], "\\😀"),
            (&[r"\ud83d"], ""),
        ] {
            let mut half = Half::default();
            let quoted: Vec<String> = pieces.iter().map(|piece| format!("\"{piece}\"")).collect();
            let texts = quoted.iter().map(|piece| half.join(Raw::parse(piece.as_bytes()).unwrap()).unwrap());
            assert_eq!(texts.collect::<String>(), expected, "{pieces:?}");
        }
    }
}
