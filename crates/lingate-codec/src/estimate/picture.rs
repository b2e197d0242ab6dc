//! A picture's tokens, from its size in pixels.

/// Pixels a token, and the most tokens of a picture: larger ones are made smaller before the model sees them
/// (Anthropic's guide to vision).
const PIXELS: u64 = 750;
const MOST: u64 = 1_600;
/// A picture of which nothing is known.
pub(super) const UNSEEN: u64 = 1_200;

/// Of a picture in standard base64. Formats that do not begin with their size count as [`UNSEEN`].
pub(super) fn tokens(base64: &str) -> u64 {
    /// Enough for the header of a PNG, in whole groups of four.
    const HEAD: usize = 32;
    let head = base64.as_bytes().get(..HEAD).unwrap_or_default();
    let mut bytes = Vec::with_capacity(HEAD);
    if base64_simd::STANDARD.decode_append(head, &mut bytes).is_err() {
        return UNSEEN;
    }
    match size(&bytes) {
        Some((width, height)) => (u64::from(width) * u64::from(height) / PIXELS).clamp(1, MOST),
        None => UNSEEN,
    }
}

/// Width and height, where the first bytes tell: PNG (its IHDR comes first) and GIF.
fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let four = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let two = |at: usize| Some(u32::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some((four(16)?, four(20)?)),
        [b'G', b'I', b'F', b'8', ..] => Some((two(6)?, two(8)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, UNSEEN, tokens};

    fn png(width: u32, height: u32) -> String {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8; 16]);
        base64_simd::STANDARD.encode_to_string(bytes)
    }

    #[test]
    fn sizes_are_read_where_they_stand_first() {
        assert_eq!(tokens(&png(200, 200)), 53);
        assert_eq!(tokens(&png(1000, 1000)), 1333);
        assert_eq!(tokens(&png(u32::MAX, u32::MAX)), MOST);
        assert_eq!(tokens(&png(0, 0)), 1);
        let gif = base64_simd::STANDARD.encode_to_string(b"GIF89a\x2c\x01\xc8\0 and some more bytes");
        assert_eq!(tokens(&gif), 80);
        for unknown in ["", "!", "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgH", "iVBORw0KGgo="] {
            assert_eq!(tokens(unknown), UNSEEN, "{unknown}");
        }
    }
}
