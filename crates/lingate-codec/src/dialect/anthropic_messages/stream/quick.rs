//! Reads the deltas that make up almost all of a stream without looking for members: the API always writes them
//! in the same way, but for white space at the end. Anything else is read as any JSON is.

use crate::json::Raw;

/// The member that holds the text of a delta of that type.
pub(super) fn member_of(kind: &[u8]) -> Option<&'static str> {
    Some(match kind {
        b"text_delta" => "text",
        b"thinking_delta" => "thinking",
        b"signature_delta" => "signature",
        b"input_json_delta" => "partial_json",
        _ => return None,
    })
}

/// A delta's block, type and text, which is a string; `None` if the data is not of that one form.
pub(super) fn read(data: &[u8]) -> Option<(u64, &'static [u8], Raw<'_>)> {
    const KINDS: [(&[u8], &[u8]); 3] = [
        (b"text_delta", b"text_delta\",\"text\":"),
        (b"input_json_delta", b"input_json_delta\",\"partial_json\":"),
        (b"thinking_delta", b"thinking_delta\",\"thinking\":"),
    ];
    let rest = data.strip_prefix(b"{\"type\":\"content_block_delta\",\"index\":")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (index, rest) = rest.split_at(digits);
    let index = match index {
        // 18 digits always fit; zeros in front are no JSON.
        [b'1'..=b'9', ..] | [b'0'] if digits <= 18 => {
            index.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
        }
        _ => return None,
    };
    let rest = rest.strip_prefix(b",\"delta\":{\"type\":\"")?;
    let (kind, rest) = KINDS.iter().find_map(|(kind, lead)| Some((*kind, rest.strip_prefix(*lead)?)))?;
    let rest = rest.trim_ascii_end().strip_suffix(b"}")?.trim_ascii_end().strip_suffix(b"}")?;
    // What is left must be one whole string.
    Some((index, kind, Raw::one_string(rest)?))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn only_the_usual_form_is_read() {
        let delta = |index: &str, rest: &str| {
            format!("{{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{{\"type\":{rest}")
        };
        for (data, expected) in [
            (delta("0", r#""text_delta","text":"a\n"}}"#), Some((0, "text_delta", "a\n"))),
            (delta("12", r#""text_delta","text":"}}"}  } "#), Some((12, "text_delta", "}}"))),
            (delta("1", r#""input_json_delta","partial_json":""}}"#), Some((1, "input_json_delta", ""))),
            (delta("1", r#""thinking_delta","thinking":"x"}}"#), Some((1, "thinking_delta", "x"))),
            (delta("01", r#""text_delta","text":"a"}}"#), None),
            (delta("", r#""text_delta","text":"a"}}"#), None),
            (delta("-1", r#""text_delta","text":"a"}}"#), None),
            (delta("0", r#""text_delta","text":"a"}"#), None),
            (delta("0", r#""text_delta","text":"a","x":"b"}}"#), None),
            (delta("0", r#""text_delta","text":{}}}"#), None),
            (delta("0", r#""text_delta","text":"a}}"#), None),
            (delta("0", r#""citations_delta","citation":{}}}"#), None),
        ] {
            let got = read(data.as_bytes());
            let text = got.and_then(|(_, _, text)| text.string());
            let got = got.zip(text.as_deref());
            let got = got.map(|((index, kind, _), text)| (index, std::str::from_utf8(kind).unwrap(), text));
            assert_eq!(got, expected, "{data}");
        }
    }
}
