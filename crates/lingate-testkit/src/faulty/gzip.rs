//! gzip that saves nothing (RFC 1952, fixed codes of RFC 1951): enough to be a coding that nobody asked for.

/// The bytes as a gzip file.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    out.extend(deflate(bytes));
    out.extend_from_slice(&crc32(bytes).to_le_bytes());
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out
}

/// One block of literals with the fixed code: no shorter, but nothing of the text can be read in it.
fn deflate(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut pending, mut held) = (Vec::new(), 0_u32, 0_u32);
    // The last block, fixed code.
    let header = (0b011_u32, 3_u32);
    let end = (0, 7);
    // Codes go out with their first bit first.
    let literal = |byte: &u8| match u32::from(*byte) {
        low @ 0..=143 => ((0x30 + low).reverse_bits() >> 24, 8),
        high => ((0x190 + high - 144).reverse_bits() >> 23, 9),
    };
    for (bits, count) in [header].into_iter().chain(bytes.iter().map(literal)).chain([end]) {
        pending |= bits << held;
        held += count;
        while held >= 8 {
            out.push((pending & 0xff) as u8);
            pending >>= 8;
            held -= 8;
        }
    }
    if held > 0 {
        out.push((pending & 0xff) as u8);
    }
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        // What any gzip makes of "abc" in one fixed block.
        assert_eq!(&gzip(b"abc")[10..15], [0x4b, 0x4c, 0x4a, 0x06, 0x00]);
    }
}
