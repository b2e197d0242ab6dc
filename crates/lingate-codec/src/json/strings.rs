//! Where a string ends: 64 bytes at a time, with masks instead of branches, because long texts are most of what
//! comes in. The method is simdjson's (Langdale and Lemire, 2019): find quotes and backslashes, cancel the quotes
//! that an odd run of backslashes escapes.

use super::JsonError;
use wide::{i8x16, u8x16};

const BLOCK: usize = 64;
const QUOTE: i8x16 = i8x16::new([b'"'.cast_signed(); 16]);
const BACKSLASH: i8x16 = i8x16::new([b'\\'.cast_signed(); 16]);
/// Less than this, as signed numbers, are control characters and all bytes that are not ASCII.
const SPACE: i8x16 = i8x16::new([b' '.cast_signed(); 16]);
/// Bytes that may follow a backslash.
const ESCAPES: [bool; 256] = {
    let mut table = [false; 256];
    let letters = *b"\"\\/bfnrtu";
    let mut at = 0;
    while at < letters.len() {
        table[letters[at] as usize] = true;
        at += 1;
    }
    table
};

/// [`end`] of a string that is plain ASCII and ends in its first 16 bytes, as names do; small enough to be inlined.
#[inline]
pub(super) fn short_end(text: &[u8], at: usize) -> Option<usize> {
    let chunk = text.get(at..).and_then(<[u8]>::first_chunk::<16>)?;
    let bytes = bytemuck::must_cast::<_, i8x16>(*chunk);
    let quotes = bytes.simd_eq(QUOTE).to_bitmask();
    let others = (bytes.simd_eq(BACKSLASH) | bytes.simd_lt(SPACE)).to_bitmask();
    let before = (quotes & quotes.wrapping_neg()).wrapping_sub(1);
    (quotes != 0 && others & before == 0).then(|| at + quotes.trailing_zeros() as usize)
}

/// As [`end`], of a string that is plain ASCII, however long; `None` for any other.
#[inline]
pub(super) fn plain_end(text: &[u8], mut at: usize) -> Option<usize> {
    while let Some(chunk) = text.get(at..)?.first_chunk::<16>() {
        if let Some(found) = stop(chunk, at) {
            return found.ok();
        }
        at += 16;
    }
    // The last few bytes are looked at together with those before them.
    let chunk = text.last_chunk::<16>()?;
    let known = at - (text.len() - 16);
    let bytes = bytemuck::must_cast::<_, i8x16>(*chunk);
    let quotes = bytes.simd_eq(QUOTE).to_bitmask() >> known;
    let others = (bytes.simd_eq(BACKSLASH) | bytes.simd_lt(SPACE)).to_bitmask() >> known;
    let before = (quotes & quotes.wrapping_neg()).wrapping_sub(1);
    (quotes != 0 && others & before == 0).then(|| at + quotes.trailing_zeros() as usize)
}

/// Index of the closing quote of the string whose inside begins at `at`, and whether the inside must still be
/// checked for UTF-8. Unless `strict`, only the end is looked for.
#[inline]
pub(super) fn end(text: &[u8], at: usize, strict: bool) -> Result<(usize, bool), JsonError> {
    let at = match plain(text, at) {
        Ok(end) => return Ok((end, false)),
        Err(at) => at,
    };
    if strict { long(text, at).map(|(end, ascii)| (end, !ascii)) } else { unchecked(text, at).map(|end| (end, false)) }
}

/// The end of a string that is plain ASCII; else where the stretch begins that is not, before which nothing is
/// out of the ordinary.
#[inline]
fn plain(text: &[u8], mut at: usize) -> Result<usize, usize> {
    // Most strings end in their first bytes; of a longer one, more is looked at in one go.
    for _ in 0..2 {
        let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<16>) else { return Err(at) };
        if let Some(found) = stop(chunk, at) {
            return found;
        }
        at += 16;
    }
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) {
        if !all_plain(chunk) {
            break;
        }
        at += BLOCK;
    }
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        if let Some(found) = stop(chunk, at) {
            return found;
        }
        at += 16;
    }
    Err(at)
}

/// As [`plain`], for one chunk; `None` where it is plain throughout.
#[inline]
fn stop(chunk: &[u8; 16], at: usize) -> Option<Result<usize, usize>> {
    let bytes = bytemuck::must_cast::<_, i8x16>(*chunk);
    let quotes = bytes.simd_eq(QUOTE).to_bitmask();
    let others = (bytes.simd_eq(BACKSLASH) | bytes.simd_lt(SPACE)).to_bitmask();
    if quotes | others == 0 {
        return None;
    }
    let before = (quotes & quotes.wrapping_neg()).wrapping_sub(1);
    let ends = quotes != 0 && others & before == 0;
    Some(if ends { Ok(at + quotes.trailing_zeros() as usize) } else { Err(at) })
}

/// Whether there is no quote, no backslash, no control character and nothing but ASCII.
#[inline]
fn all_plain(chunk: &[u8; BLOCK]) -> bool {
    let mut odd = i8x16::ZERO;
    for part in chunk.as_chunks::<16>().0 {
        let bytes = bytemuck::must_cast::<_, i8x16>(*part);
        odd |= bytes.simd_eq(QUOTE) | bytes.simd_eq(BACKSLASH) | bytes.simd_lt(SPACE);
    }
    odd.to_bitmask() == 0
}

fn long(text: &[u8], mut at: usize) -> Result<(usize, bool), JsonError> {
    let mut ascii = true;
    let mut escaped_first = false;
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) {
        let block = Block::read(chunk);
        let escaped = block.escaped(&mut escaped_first);
        let ends = block.quotes & !escaped;
        if ends != 0 || block.has_control {
            return slow(text, at, escaped & 1 == 1, ascii);
        }
        check_escapes(chunk, escaped, at)?;
        ascii &= block.is_ascii;
        at += BLOCK;
    }
    slow(text, at, escaped_first, ascii)
}

/// As [`long`], but looks for the end alone.
fn unchecked(text: &[u8], start: usize) -> Result<usize, JsonError> {
    let mut at = start;
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) {
        let mut quotes = mask(&parts(chunk), b'"');
        while quotes != 0 {
            let quote = at + (quotes.trailing_zeros() & 63) as usize;
            if !is_escaped(text, start, quote) {
                return Ok(quote);
            }
            quotes &= quotes - 1;
        }
        at += BLOCK;
    }
    let rest = text.get(at..).unwrap_or_default();
    let mut quotes = memchr::memchr_iter(b'"', rest).map(|offset| at + offset);
    let end = quotes.find(|quote| !is_escaped(text, start, *quote));
    end.ok_or(JsonError { at: text.len(), reason: "a string is not closed" })
}

/// Whether an odd run of backslashes stands right before `at`. Runs before different quotes do not overlap, so a
/// text is looked at once.
#[inline]
fn is_escaped(text: &[u8], start: usize, at: usize) -> bool {
    let before = text.get(start..at).unwrap_or_default();
    match before {
        [.., other, b'\\'] if *other != b'\\' => true,
        [.., b'\\'] => before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1,
        _ => false,
    }
}

/// Index of the first quote, backslash or control character at or after `at`, or the text's length.
#[inline]
pub(super) fn find_special(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let bytes = u8x16::new(*chunk);
        let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        let ends = bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'));
        let special = (ends | control).to_bitmask();
        if special != 0 {
            return at + special.trailing_zeros() as usize;
        }
        at += 16;
    }
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20).unwrap_or(rest.len())
}

fn check_escapes(chunk: &[u8; BLOCK], mut escaped: u64, at: usize) -> Result<(), JsonError> {
    while escaped != 0 {
        let place = (escaped.trailing_zeros() & 63) as usize;
        if !ESCAPES[usize::from(chunk[place])] {
            return Err(JsonError { at: at + place, reason: "malformed escape" });
        }
        escaped &= escaped - 1;
    }
    Ok(())
}

/// The last stretch, byte by byte.
fn slow(text: &[u8], at: usize, mut escaped: bool, mut ascii: bool) -> Result<(usize, bool), JsonError> {
    for (offset, &byte) in text.get(at..).unwrap_or_default().iter().enumerate() {
        let error = |reason| Err(JsonError { at: at + offset, reason });
        ascii &= byte.is_ascii();
        match byte {
            _ if escaped && !ESCAPES[usize::from(byte)] => return error("malformed escape"),
            _ if escaped => escaped = false,
            b'"' => return Ok((at + offset, ascii)),
            b'\\' => escaped = true,
            0..0x20 => return error("control character in a string"),
            _ => {}
        }
    }
    Err(JsonError { at: text.len(), reason: "a string is not closed" })
}

/// What stands where in 64 bytes; bit n is byte n.
struct Block {
    parts: [u8x16; 4],
    quotes: u64,
    is_ascii: bool,
    has_control: bool,
}

impl Block {
    #[inline]
    fn read(chunk: &[u8; BLOCK]) -> Self {
        let parts = parts(chunk);
        let [a, b, c, d] = parts;
        let least = a.min(b).min(c.min(d));
        let has_control = least.min(u8x16::splat(0x1f)).simd_eq(least).to_bitmask() != 0;
        Self { parts, quotes: mask(&parts, b'"'), is_ascii: (a | b | c | d).to_bitmask() == 0, has_control }
    }

    /// The bytes that a backslash escapes. `carried`: whether that is so for the first; set for the next block.
    #[inline]
    fn escaped(&self, carried: &mut bool) -> u64 {
        const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        let first = u64::from(*carried);
        let backslashes = mask(&self.parts, b'\\');
        if backslashes == 0 {
            *carried = false;
            return first;
        }
        let starts = backslashes & !first;
        let series = ((starts << 1) | ODD).wrapping_sub(starts) ^ ODD;
        *carried = (series & backslashes) >> 63 == 1;
        series ^ (backslashes | first)
    }
}

#[inline]
fn parts(chunk: &[u8; BLOCK]) -> [u8x16; 4] {
    let part = |n: usize| {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&chunk[n * 16..n * 16 + 16]);
        u8x16::new(bytes)
    };
    [part(0), part(1), part(2), part(3)]
}

/// Where `byte` stands.
#[inline]
fn mask(parts: &[u8x16; 4], byte: u8) -> u64 {
    let byte = u8x16::splat(byte);
    let bits = |part: u8x16| u64::from(part.simd_eq(byte).to_bitmask());
    bits(parts[0]) | bits(parts[1]) << 16 | bits(parts[2]) << 32 | bits(parts[3]) << 48
}
