//! A tolerant reader of the JSON that models write: one pass over the text, compact strict JSON out.
//!
//! Accepted beyond JSON: control characters in strings (a raw newline becomes `\n`), a comma before a closing bracket,
//! single quotes, triple quotes, names without quotes, `True`, `False`, `None`, unknown escapes (the backslash is kept: `"\d"` is
//! a regular expression that was not escaped), `+1`, `.5`, `5.`. No value is ever invented: a word without quotes, a
//! missing value or comma, a string without its end are errors. Numbers, escapes and names keep their spelling;
//! duplicate names stay, in order.

use crate::json::{JsonError, MAX_DEPTH};

/// Longer texts are refused, in bytes.
pub const MAX_TEXT: usize = 64 * 1024;

/// Whether closing brackets may be missing at the very end of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every bracket must be closed.
    Whole,
    /// The answer ended here, so brackets may be open; every value must be complete, and a number at the very end
    /// is not known to be.
    Unclosed,
}

/// What notation a text is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    Json,
    /// Literals of Python: its escapes, and tuples.
    Python,
}

/// Makes compact JSON of a text that holds one value and white space around it.
///
/// # Errors
/// The text is over [`MAX_TEXT`], nests over [`MAX_DEPTH`], or is not JSON even in the tolerant sense.
pub fn compact(text: &str, ending: Ending) -> Result<String, JsonError> {
    let mut reader = Reader::new(text, ending, Notation::Json)?;
    reader.value(0)?;
    reader.skip_space();
    if reader.at < reader.text.len() {
        return reader.error("unexpected text after the value");
    }
    reader.finish()
}

/// Makes compact JSON of the value that `text` begins with, and tells where the value ends.
///
/// # Errors
/// As [`compact`], but any text may follow. An error at the very end of `text` says that more of it is needed.
pub fn first(text: &str) -> Result<(String, usize), JsonError> {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut reader = Reader::new(&text[..end], Ending::Whole, Notation::Json)?;
    reader.value(0)?;
    let end = reader.at;
    Ok((reader.finish()?, end))
}

/// A number as JSON writes it; `None` for any other text.
pub(super) fn number(text: &str) -> Option<String> {
    let mut reader = Reader::new(text.trim(), Ending::Whole, Notation::Json).ok()?;
    reader.number().ok()?;
    if reader.at == reader.text.len() { reader.finish().ok() } else { None }
}

/// A place in a text that is being read, and what was made of the text before it.
pub(super) struct Reader<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    pub(super) out: Vec<u8>,
    ending: Ending,
    notation: Notation,
    /// Whether the last value is known to be complete even if the text ends here.
    firm: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, ending: Ending, notation: Notation) -> Result<Self, JsonError> {
        if text.len() > MAX_TEXT {
            return Err(JsonError { at: MAX_TEXT, reason: "the text is too long" });
        }
        let text = text.as_bytes();
        Ok(Self { text, at: 0, out: Vec::with_capacity(text.len() + 8), ending, notation, firm: false })
    }

    pub(super) fn finish(self) -> Result<String, JsonError> {
        let at = self.at;
        String::from_utf8(self.out).map_err(|_| JsonError { at, reason: "a string is not valid UTF-8" })
    }

    pub(super) fn error<T>(&self, reason: &'static str) -> Result<T, JsonError> {
        Err(JsonError { at: self.at, reason })
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// White space, a byte-order mark and no-break spaces.
    pub(super) fn skip_space(&mut self) {
        loop {
            self.at += match self.rest() {
                [b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, ..] => 1,
                [0xc2, 0xa0, ..] => 2,
                [0xef, 0xbb, 0xbf, ..] => 3,
                _ => return,
            };
        }
    }

    /// One value, after white space. `depth` is how many brackets are open around it.
    pub(super) fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        self.skip_space();
        self.firm = true;
        match self.peek() {
            Some(b'{') => self.container(depth, b'{', b'}', b'}'),
            Some(b'[') => self.container(depth, b'[', b']', b']'),
            Some(b'(') if self.notation == Notation::Python => self.container(depth, b'[', b')', b']'),
            Some(b'"' | b'\'') => self.string(),
            Some(b'-' | b'+' | b'.' | b'0'..=b'9') => {
                self.firm = false;
                self.number()
            }
            Some(_) => self.word(),
            None => self.error("the text ends too early"),
        }
    }

    /// An object or array: what opens it in the output, what closes it in the text and in the output.
    fn container(&mut self, depth: usize, open: u8, close: u8, written: u8) -> Result<(), JsonError> {
        if depth >= MAX_DEPTH {
            return self.error("nested too deep");
        }
        self.at += 1;
        self.out.push(open);
        let mut first = true;
        loop {
            self.skip_space();
            if self.peek() == Some(close) {
                break;
            }
            if !first {
                self.out.push(b',');
            }
            first = false;
            if open == b'{' {
                self.key()?;
            }
            self.value(depth + 1)?;
            self.skip_space();
            match self.peek() {
                // A comma before the closing bracket is passed over; one at the text's end promised more.
                Some(b',') => self.at += 1,
                Some(found) if found == close => break,
                None if self.ending == Ending::Unclosed && self.firm => {
                    self.out.push(written);
                    return Ok(());
                }
                None => return self.error("the text ends too early"),
                Some(_) => return self.error("expected a comma or the closing bracket"),
            }
        }
        self.at += 1;
        self.out.push(written);
        self.firm = true;
        Ok(())
    }

    /// A member's name and the colon.
    fn key(&mut self) -> Result<(), JsonError> {
        if matches!(self.peek(), Some(b'"' | b'\'')) {
            self.string()?;
        } else {
            let name = self.name();
            if name.is_empty() {
                return self.error("expected a member name");
            }
            self.out.push(b'"');
            self.out.extend_from_slice(name);
            self.out.push(b'"');
        }
        self.skip_space();
        if self.peek() != Some(b':') {
            return self.error("expected ':'");
        }
        self.at += 1;
        self.out.push(b':');
        Ok(())
    }

    /// A name without quotes: letters, digits, `_`, `$` and `-`, not beginning with a digit or `-`; empty if there is none.
    pub(super) fn name(&mut self) -> &'a [u8] {
        let start = self.at;
        while let Some(byte) = self.peek() {
            let inner = byte.is_ascii_digit() || byte == b'-';
            if !(byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$') || (inner && self.at > start)) {
                break;
            }
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn word(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        let word: &[u8] = match self.name() {
            b"true" | b"True" => b"true",
            b"false" | b"False" => b"false",
            b"null" | b"None" => b"null",
            _ => {
                // At the text's end it may be the beginning of one.
                if self.at < self.text.len() {
                    self.at = start;
                }
                return self.error("expected a value");
            }
        };
        self.out.extend_from_slice(word);
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        if let Some(sign @ (b'-' | b'+')) = self.peek() {
            self.at += 1;
            if sign == b'-' {
                self.out.push(sign);
            }
        }
        let whole = self.digits();
        if whole.len() > 1 && whole.starts_with(b"0") {
            return self.error("malformed number");
        }
        self.out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
        let mut parts = whole.len();
        if self.peek() == Some(b'.') {
            self.at += 1;
            let fraction = self.digits();
            parts += fraction.len();
            self.out.push(b'.');
            self.out.extend_from_slice(if fraction.is_empty() { b"0" } else { fraction });
        }
        if parts == 0 {
            return self.error("malformed number");
        }
        if let Some(e @ (b'e' | b'E')) = self.peek() {
            self.at += 1;
            self.out.push(e);
            if let Some(sign @ (b'+' | b'-')) = self.peek() {
                self.at += 1;
                self.out.push(sign);
            }
            let exponent = self.digits();
            if exponent.is_empty() {
                return self.error("malformed number");
            }
            self.out.extend_from_slice(exponent);
        }
        // `12abc` and `1.2.3` are no numbers.
        if self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || byte >= 0x80) {
            return self.error("malformed number");
        }
        Ok(())
    }

    fn digits(&mut self) -> &'a [u8] {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    /// A string in single, double or triple quotes.
    fn string(&mut self) -> Result<(), JsonError> {
        let Some(quote) = self.peek() else { return self.error("expected a string") };
        let triple = self.rest().starts_with(&[quote; 3]);
        self.at += if triple { 3 } else { 1 };
        self.out.push(b'"');
        loop {
            let Some(byte) = self.peek() else { return self.error("the text ends inside a string") };
            if byte == quote && (!triple || self.rest().starts_with(&[quote; 3])) {
                break;
            }
            self.at += 1;
            match byte {
                b'\\' => self.escape()?,
                b'"' => self.out.extend_from_slice(b"\\\""),
                0..=0x1f => push_control(byte, &mut self.out),
                _ => self.out.push(byte),
            }
        }
        self.at += if triple { 3 } else { 1 };
        self.out.push(b'"');
        Ok(())
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<(), JsonError> {
        let Some(kind) = self.peek() else { return self.error("the text ends inside a string") };
        let python = self.notation == Notation::Python;
        let hex = match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {
                self.at += 1;
                self.out.extend_from_slice(&[b'\\', kind]);
                return Ok(());
            }
            b'\'' => {
                self.at += 1;
                self.out.push(b'\'');
                return Ok(());
            }
            b'\n' if python => {
                self.at += 1;
                return Ok(());
            }
            b'u' => 4,
            b'x' if python => 2,
            b'U' if python => 8,
            _ => 0,
        };
        let code = self.text.get(self.at + 1..self.at + 1 + hex).filter(|_| hex > 0).and_then(hex_value);
        match code {
            // As written: it may be one half of a pair.
            Some(_) if kind == b'u' => {
                self.out.push(b'\\');
                self.out.extend_from_slice(&self.text[self.at..self.at + 5]);
            }
            Some(code) if char::from_u32(code).is_some() => {
                let character = char::from_u32(code).unwrap_or_default();
                match u8::try_from(code) {
                    Ok(byte @ (0..=0x1f)) => push_control(byte, &mut self.out),
                    Ok(byte @ (b'"' | b'\\')) => self.out.extend_from_slice(&[b'\\', byte]),
                    _ => self.out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
                }
            }
            // Not an escape: the backslash stands for itself.
            _ => {
                self.out.extend_from_slice(b"\\\\");
                return Ok(());
            }
        }
        self.at += 1 + hex;
        Ok(())
    }
}

fn push_control(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]])
        }
    }
}

fn hex_value(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |code, digit| Some((code << 4) | (*digit as char).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::{Ending, compact, first, number};

    #[test]
    fn what_models_write_becomes_json() {
        for (text, json) in [
            (r#" {"a" : [1, 2.50, -1e5], "b": {"c": null}} "#, r#"{"a":[1,2.50,-1e5],"b":{"c":null}}"#),
            ("{\"a\":\"x\ny\tz\u{1}\"}", r#"{"a":"x\ny\tz\u0001"}"#),
            (r#"{"a":[1,2,],}"#, r#"{"a":[1,2]}"#),
            (
                r#"{'a': 'it\'s "so"', b-c: True, $d: None, e_1: False}"#,
                r#"{"a":"it's \"so\"","b-c":true,"$d":null,"e_1":false}"#,
            ),
            (
                r#"{"re":"\d+\.\w","path":"C:\Users","u":"\u00e9\ud83d\ude00","bad":"\u12"}"#,
                r#"{"re":"\\d+\\.\\w","path":"C:\\Users","u":"\u00e9\ud83d\ude00","bad":"\\u12"}"#,
            ),
            ("{\"c\":\"ls \\\n -l\"}", r#"{"c":"ls \\\n -l"}"#),
            ("{\"t\":\"\"\"say \"hi\"\n\"\"\"}", r#"{"t":"say \"hi\"\n"}"#),
            (r#"[+1, .5, 5., -0.0, 12345678901234567890]"#, r#"[1,0.5,5.0,-0.0,12345678901234567890]"#),
            ("\u{feff}{\u{a0}\"a\":1}", r#"{"a":1}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#),
            (r#""""#, r#""""#),
        ] {
            assert_eq!(compact(text, Ending::Whole).as_deref(), Ok(json), "{text}");
        }
    }

    #[test]
    fn nothing_is_invented() {
        for text in [
            "",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":}",
            "{\"a\":1 \"b\":2}",
            "{,}",
            "[,]",
            "[1,,2]",
            "{\"a\":word}",
            "{\"a\":\"x",
            "[1 2]",
            "{\"a\":1}}",
            "{a b:1}",
            "{\"a\":012}",
            "{\"a\":1x}",
            "{\"a\":NaN}",
            "(1,2)",
            "{\"a\":-}",
            "{\"a\":1e}",
            "'",
            "{\"a\":\"x\\",
            "{\"a\":.}",
            "read this",
            "{\"a\":1.2.3}",
            "/* c */ {}",
        ] {
            assert!(compact(text, Ending::Whole).is_err(), "{text}");
        }
    }

    #[test]
    fn brackets_may_lack_only_where_all_values_are_whole() {
        for (text, json) in [
            (r#"{"a":{"b":["x""#, Some(r#"{"a":{"b":["x"]}}"#)),
            (r#"{"a":{"b":1}"#, Some(r#"{"a":{"b":1}}"#)),
            (r#"{"a":true "#, Some(r#"{"a":true}"#)),
            (r#"{"a":12"#, None),
            (r#"{"a":"x",  "#, None),
            (r#"{"a":"x"#, None),
            (r#"{"a""#, None),
            ("{", None),
            ("[", None),
        ] {
            assert_eq!(compact(text, Ending::Unclosed).ok().as_deref(), json, "{text}");
            assert!(compact(text, Ending::Whole).is_err(), "{text}");
        }
    }

    #[test]
    fn the_first_value_is_told_from_the_rest() {
        assert_eq!(first("{'a':1} ; {\"b\":2}"), Ok(("{\"a\":1}".to_owned(), 7)));
        assert_eq!(number(" +7 ").as_deref(), Some("7"));
        assert_eq!(number("7 apples"), None);
    }

    #[test]
    fn hostile_texts_end_quickly() {
        for text in [
            "[".repeat(60_000),
            "{\"a\":".repeat(12_000),
            "'\\".repeat(30_000),
            "\"".repeat(60_001),
            "[1,".repeat(20_000),
        ] {
            assert!(compact(&text, Ending::Unclosed).is_err());
        }
        assert!(compact(&format!("\"{}\"", "x".repeat(70_000)), Ending::Whole).is_err());
        let deepest = format!("{}{}", "[".repeat(64), "]".repeat(64));
        assert_eq!(compact(&deepest, Ending::Whole).as_ref(), Ok(&deepest));
        assert!(crate::json::Raw::check(deepest.as_bytes()).is_ok());
    }
}
