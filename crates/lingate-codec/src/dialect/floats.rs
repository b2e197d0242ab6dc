//! Vectors from one form to the other: arrays of JSON numbers, and base64 of little-endian 32-bit floats.
//!
//! The base64 form is the one that OpenAI's SDKs ask for unless told otherwise (openai-python#1490).

use crate::ir::{ApiError, VectorForm};
use crate::json::{Kind, Raw};
use std::io::Write;

/// The form that a vector has; `None` if the value is none.
pub(super) fn form(vector: Raw<'_>) -> Option<VectorForm> {
    match vector.kind() {
        Kind::Array => Some(VectorForm::Numbers),
        Kind::String => Some(VectorForm::Base64),
        _ => None,
    }
}

/// Appends a vector in the form that is wanted. Numbers that are wanted as numbers are copied as they were written.
///
/// # Errors
/// A 502: the value is no vector, or holds what is no finite 32-bit float: JSON has no word for such a number, and
/// any other in its place would be a lie.
pub(super) fn write(vector: Raw<'_>, wanted: VectorForm, out: &mut Vec<u8>) -> Result<(), ApiError> {
    let written = match (form(vector), wanted) {
        (Some(VectorForm::Numbers), VectorForm::Numbers) => copy_numbers(vector, out),
        (Some(VectorForm::Numbers), VectorForm::Base64) => to_base64(vector, out),
        (Some(VectorForm::Base64), VectorForm::Numbers) => from_base64(vector, out),
        (Some(VectorForm::Base64), VectorForm::Base64) => {
            out.extend_from_slice(vector.bytes());
            Some(())
        }
        (None, _) => None,
    };
    written
        .ok_or_else(|| ApiError::upstream("the upstream gave a vector that does not consist of finite 32-bit floats"))
}

/// In checked JSON, whatever is no number begins with one of these.
fn copy_numbers(vector: Raw<'_>, out: &mut Vec<u8>) -> Option<()> {
    let inside = inside(vector)?;
    let other = memchr::memchr3(b'"', b'[', b'{', inside).or_else(|| memchr::memchr3(b't', b'f', b'n', inside));
    other.is_none().then(|| out.extend_from_slice(vector.bytes()))
}

fn to_base64(vector: Raw<'_>, out: &mut Vec<u8>) -> Option<()> {
    let inside = inside(vector)?.trim_ascii();
    // Eight characters and more a number are usual.
    let mut bytes = Vec::with_capacity(inside.len() / 2);
    if !inside.is_empty() {
        for number in inside.split(|byte| *byte == b',') {
            bytes.extend_from_slice(&float(number)?.to_le_bytes());
        }
    }
    out.push(b'"');
    base64_simd::STANDARD.encode_append(&bytes, out);
    out.push(b'"');
    Some(())
}

/// A JSON number as the nearest 32-bit float; `None` if it is none, or too large for one.
fn float(number: &[u8]) -> Option<f32> {
    let text = std::str::from_utf8(number.trim_ascii()).ok()?;
    text.parse::<f32>().ok().filter(|float| float.is_finite())
}

fn from_base64(vector: Raw<'_>, out: &mut Vec<u8>) -> Option<()> {
    let text = vector.string()?;
    // Some servers leave the padding out.
    let bytes = base64_simd::forgiving_decode_to_vec(text.as_bytes()).ok()?;
    let (floats, []) = bytes.as_chunks::<4>() else { return None };
    out.reserve(floats.len() * 12 + 2);
    out.push(b'[');
    for (index, float) in floats.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_float(f32::from_le_bytes(*float), out)?;
    }
    out.push(b']');
    Some(())
}

/// The shortest number that reads back as the same float.
fn write_float(float: f32, out: &mut Vec<u8>) -> Option<()> {
    // Debug's form is JSON, and has an exponent where the digits would be many.
    if float.is_finite() { write!(out, "{float:?}").ok() } else { None }
}

/// What stands between an array's brackets.
fn inside(vector: Raw<'_>) -> Option<&[u8]> {
    match vector.bytes() {
        [b'[', inside @ .., b']'] => Some(inside),
        _ => None,
    }
}
