//! One JSON value as a slice of the text that it came in.

use super::{JsonError, MAX_DEPTH, Object, escape, scan::Scanner};
use std::borrow::Cow;

/// A checked JSON value: its bytes, without white space around it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a> {
    bytes: &'a [u8],
}

/// What a value is, told from its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true`, `false`
    Bool,
    /// A number
    Number,
    /// A string
    String,
    /// An array
    Array,
    /// An object
    Object,
}

impl Kind {
    /// The word for error messages: "a string", "an object".
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

impl std::fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text())
    }
}

impl<'a> Raw<'a> {
    /// Checks a whole text: one value, a byte-order mark before it is skipped. Of a text over 64 KiB, only the
    /// structure; see [`Raw::check`].
    pub fn parse(text: &'a [u8]) -> Result<Self, JsonError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut scanner = Scanner::new(text);
        scanner.skip_space();
        let start = scanner.at;
        scanner.skip_value(0)?;
        let end = scanner.at;
        scanner.end()?;
        Ok(Self { bytes: &text[start..end] })
    }

    /// A text that is one whole string and nothing else; `None` for any other. For the short texts that streams are made
    /// of, of which nearly all are plain.
    pub fn one_string(text: &'a [u8]) -> Option<Self> {
        if let [b'"', inner @ .., b'"'] = text
            && inner.iter().all(|&byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
        {
            return Some(Self { bytes: text });
        }
        Self::parse(text).ok().filter(|text| text.escaped().is_some())
    }

    /// Checks a text to the last character, however long it is: before it is read and written anew.
    pub fn check(text: &[u8]) -> Result<(), JsonError> {
        let mut scanner = Scanner::strict(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text));
        scanner.skip_space();
        scanner.skip_value(0)?;
        scanner.end()
    }

    /// A slice that the scanner has already walked over.
    pub(super) fn checked(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The value's bytes as they came.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The value's text as it came.
    pub fn text(self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.bytes)
    }

    /// What the value is.
    pub fn kind(self) -> Kind {
        match self.bytes.first() {
            Some(b'"') => Kind::String,
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') | None => Kind::Null,
            Some(_) => Kind::Number,
        }
    }

    /// Whether the value is `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The string's content, unescaped; borrowed when it holds no escape. A lone surrogate becomes U+FFFD.
    pub fn string(self) -> Option<Cow<'a, str>> {
        match self.bytes {
            [b'"', inner @ .., b'"'] => Some(escape::unescape(inner)),
            _ => None,
        }
    }

    /// The string's content between the quotes, still escaped.
    pub fn escaped(self) -> Option<&'a [u8]> {
        match self.bytes {
            [b'"', inner @ .., b'"'] => Some(inner),
            _ => None,
        }
    }

    /// `true` or `false`.
    pub fn bool(self) -> Option<bool> {
        match self.bytes {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// A number as written.
    pub fn number(self) -> Option<&'a str> {
        if self.kind() == Kind::Number { std::str::from_utf8(self.bytes).ok() } else { None }
    }

    /// A number without a fraction that fits; `3.0` counts as 3.
    pub fn i64(self) -> Option<i64> {
        let text = self.number()?;
        text.parse().ok().or_else(|| whole(text.parse().ok()?))
    }

    /// A number without sign or fraction that fits; `3.0` counts as 3.
    pub fn u64(self) -> Option<u64> {
        let text = self.number()?;
        text.parse().ok().or_else(|| whole(text.parse().ok()?).and_then(|n| u64::try_from(n).ok()))
    }

    /// Any number, rounded to the nearest double.
    pub fn f64(self) -> Option<f64> {
        self.number()?.parse().ok()
    }

    /// The object's members.
    pub fn object(self) -> Option<Object<'a>> {
        if self.kind() == Kind::Object { Object::parse(self.bytes).ok() } else { None }
    }

    /// The array's elements.
    pub fn array(self) -> Option<Elements<'a>> {
        if self.kind() != Kind::Array {
            return None;
        }
        let mut scanner = Scanner::new(self.bytes);
        scanner.at = 1;
        scanner.skip_space();
        let done = scanner.peek() == Some(b']');
        Some(Elements { scanner, done })
    }
}

fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, checked above")]
        return Some(number as i64);
    }
    None
}

/// Iterator over an array's elements.
pub struct Elements<'a> {
    scanner: Scanner<'a>,
    done: bool,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        if self.done {
            return None;
        }
        let start = self.scanner.at;
        // The array was checked as a whole, so neither step can fail; a failure would end the iteration.
        self.done = self.scanner.skip_value(MAX_DEPTH.min(1)).is_err();
        let value = Raw { bytes: &self.scanner.text[start..self.scanner.at] };
        self.done = self.done || self.scanner.close(b']').unwrap_or(true);
        Some(value)
    }
}
