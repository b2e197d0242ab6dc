//! Reads the deltas that make up almost all of a stream without looking for members: OpenAI always writes them in the
//! same way. Anything else is read as any JSON is.

use super::super::response::{Place, Slot};
use crate::json::Raw;

/// A delta.
pub(super) struct Piece<'a> {
    pub(super) place: Place<'a>,
    pub(super) slot: Slot,
    pub(super) text: Raw<'a>,
}

/// The event's name, what the text is, and the name of the part's index.
const KINDS: [(&[u8], Slot, &[u8]); 5] = [
    (b"response.output_text.delta", Slot::Text, b",\"content_index\":"),
    (b"response.function_call_arguments.delta", Slot::Arguments, b""),
    (b"response.reasoning_summary_text.delta", Slot::Summary, b",\"summary_index\":"),
    (b"response.reasoning_text.delta", Slot::Thought, b",\"content_index\":"),
    (b"response.custom_tool_call_input.delta", Slot::Arguments, b""),
];

/// A named delta of the usual form, without log probabilities.
pub(super) fn read<'a>(event: &[u8], data: &'a [u8]) -> Option<Piece<'a>> {
    let (name, slot, index) = KINDS.iter().find(|(name, ..)| *name == event)?;
    let rest = data.strip_prefix(b"{\"type\":\"")?.strip_prefix(*name)?;
    let (_, rest) = number(rest.strip_prefix(b"\",\"sequence_number\":")?)?;
    let rest = rest.strip_prefix(b",\"item_id\":\"")?;
    let (id, rest) = rest.split_at(memchr::memchr(b'"', rest)?);
    let plain = id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let (output, rest) = number(rest.strip_prefix(b"\",\"output_index\":").filter(|_| plain)?)?;
    let (part, rest) = if index.is_empty() { (0, rest) } else { number(rest.strip_prefix(*index)?)? };
    let rest = unpadded(rest.strip_prefix(b",\"delta\":")?.strip_suffix(b"}")?);
    let rest = rest.strip_suffix(b",\"logprobs\":[]").unwrap_or(rest);
    // What is left must be one whole string.
    let text = Raw::one_string(rest)?;
    Some(Piece { place: Place { output: Some(output), id: Some(id), part }, slot: *slot, text })
}

/// A number at the beginning, and what follows it.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(digits);
    match number {
        // 18 digits always fit; zeros in front are no JSON.
        [b'1'..=b'9', ..] | [b'0'] if digits <= 18 => {
            Some((number.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')), rest))
        }
        _ => None,
    }
}

/// Without the random text that OpenAI ends its deltas with, so that their lengths tell nothing.
fn unpadded(members: &[u8]) -> &[u8] {
    let without = || {
        let inside = members.strip_suffix(b"\"")?;
        let (before, text) = inside.split_at(memchr::memrchr(b'"', inside)? + 1);
        before.strip_suffix(b",\"obfuscation\":\"").filter(|_| text.iter().all(u8::is_ascii_alphanumeric))
    };
    without().unwrap_or(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_usual_form_is_read() {
        let head = r#"{"type":"response.output_text.delta","sequence_number":7,"item_id":"msg_1","output_index":2,"content_index":1,"delta":"#;
        for (tail, expected) in [
            (r#""a\n"}"#, Some("a\n")),
            (r#""a","logprobs":[]}"#, Some("a")),
            (r#""a","logprobs":[],"obfuscation":"x9Z"}"#, Some("a")),
            (r#"",\"logprobs\":[]","obfuscation":""}"#, Some(",\"logprobs\":[]")),
            (r#""a","logprobs":[{"token":"a"}]}"#, None),
            (r#""a","x":"b"}"#, None),
            (r#""a" }"#, Some("a")),
            (r#"{}}"#, None),
            (r#""a}"#, None),
            (r#""a""#, None),
        ] {
            let data = format!("{head}{tail}");
            let piece = read(b"response.output_text.delta", data.as_bytes());
            assert_eq!(piece.as_ref().and_then(|piece| piece.text.string()).as_deref(), expected, "{data}");
            if let Some(Piece { place, slot, .. }) = piece {
                assert_eq!((place.output, place.id, place.part, slot), (Some(2), Some(&b"msg_1"[..]), 1, Slot::Text));
            }
            assert!(read(b"", data.as_bytes()).is_none() && read(b"response.refusal.delta", data.as_bytes()).is_none());
        }
        for (from, to) in [("\"sequence_number\":7", "\"sequence_number\":07"), ("msg_1", "msg\\u0031"), ("2,", "-2,")]
        {
            let data = format!("{head}\"a\"}}").replacen(from, to, 1);
            assert!(read(b"response.output_text.delta", data.as_bytes()).is_none(), "{data}");
        }
        let call = br#"{"type":"response.function_call_arguments.delta","sequence_number":0,"item_id":"fc_1","output_index":0,"delta":"{"}"#;
        assert_eq!(
            read(b"response.function_call_arguments.delta", call).map(|piece| piece.slot),
            Some(Slot::Arguments)
        );
    }
}
