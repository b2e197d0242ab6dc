//! Reads the deltas that make up almost all of a stream without looking for members. Anything else is read as any
//! JSON is.

use crate::json::Raw;

/// A delta that holds one piece of text and nothing else. The texts are strings.
#[derive(Debug, PartialEq)]
pub(super) enum Piece<'a> {
    /// `{"content":"…"}`
    Text(Raw<'a>),
    /// `{"reasoning_content":"…"}` or `{"reasoning":"…"}`
    Thought(Raw<'a>),
    /// `{"tool_calls":[{"index":0,"function":{"arguments":"…"}}]}`, and that index.
    Arguments(u64, Raw<'a>),
}

/// A delta of one of the usual forms; `None` for any other.
pub(super) fn read(delta: &[u8]) -> Option<Piece<'_>> {
    let rest = after(delta.strip_suffix(b"}")?, b"{")?;
    if let Some(rest) = after(rest, b"\"content\"") {
        return string(after(rest, b":")?).map(Piece::Text);
    }
    if let Some(rest) = after(rest, b"\"reasoning_content\"").or_else(|| after(rest, b"\"reasoning\"")) {
        return string(after(rest, b":")?).map(Piece::Thought);
    }
    let leads: [&[u8]; 5] = [b"\"tool_calls\"", b":", b"[", b"{", b"\"index\""];
    let rest = after(leads.into_iter().try_fold(rest, after)?, b":")?.trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (index, rest) = rest.split_at(digits);
    let index = match index {
        // 18 digits always fit; zeros in front are no JSON.
        [b'1'..=b'9', ..] | [b'0'] if digits <= 18 => {
            index.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
        }
        _ => return None,
    };
    let leads: [&[u8]; 6] = [b",", b"\"function\"", b":", b"{", b"\"arguments\"", b":"];
    let rest = leads.into_iter().try_fold(rest, after)?;
    let tails: [&[u8]; 3] = [b"]", b"}", b"}"];
    let rest = tails.into_iter().try_fold(rest, |rest, tail| rest.trim_ascii_end().strip_suffix(tail))?;
    string(rest).map(|text| Piece::Arguments(index, text))
}

/// What follows a token, before which white space may stand.
fn after<'a>(text: &'a [u8], token: &[u8]) -> Option<&'a [u8]> {
    // Most servers write none.
    text.strip_prefix(token).or_else(|| text.trim_ascii_start().strip_prefix(token))
}

/// A text that is one whole string.
fn string(text: &[u8]) -> Option<Raw<'_>> {
    Raw::one_string(text)
}

#[cfg(test)]
mod tests {
    use super::{Piece, read};

    #[test]
    fn only_the_usual_forms_are_read() {
        for (delta, expected) in [
            (r#"{"content":"a"}"#, Some((0, 0, "a"))),
            (r#"{"content": "}}" }"#, Some((0, 0, "}}"))),
            (r#"{ "reasoning" : "a\n"}"#, Some((1, 0, "a\n"))),
            (r#"{"reasoning_content":""}"#, Some((1, 0, ""))),
            (r#"{"tool_calls":[{"index":12,"function":{"arguments":"{\"a"}}]}"#, Some((2, 12, "{\"a"))),
            (r#"{"tool_calls": [{"index": 0, "function": {"arguments": "x"} } ] }"#, Some((2, 0, "x"))),
            (r#"{"content":"a","role":"assistant"}"#, None),
            (r#"{"content":null}"#, None),
            (r#"{"content":["a"]}"#, None),
            (r#"{"contents":"a"}"#, None),
            (r#"{"refusal":"a"}"#, None),
            ("{}", None),
            (r#"{"tool_calls":[{"index":01,"function":{"arguments":"x"}}]}"#, None),
            (r#"{"tool_calls":[{"index":-1,"function":{"arguments":"x"}}]}"#, None),
            (r#"{"tool_calls":[{"index":0,"id":"c","function":{"arguments":"x"}}]}"#, None),
            (r#"{"tool_calls":[{"index":0,"function":{"arguments":"x","name":"f"}}]}"#, None),
            (r#"{"tool_calls":[{"index":0,"function":{"arguments":"x"}},{}]}"#, None),
            (r#"{"tool_calls":[{"index":0,"function":{"arguments":"x"}}],"content":"a"}"#, None),
        ] {
            let got = read(delta.as_bytes()).map(|piece| match piece {
                Piece::Text(text) => (0, 0, text),
                Piece::Thought(text) => (1, 0, text),
                Piece::Arguments(index, text) => (2, index, text),
            });
            let text = got.and_then(|(_, _, text)| text.string());
            let got = got.zip(text.as_deref()).map(|((kind, index, _), text)| (kind, index, text));
            assert_eq!(got, expected, "{delta}");
        }
    }
}
