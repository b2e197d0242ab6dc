//! The scanner: walks over one value, checks the grammar, allocates nothing.

use super::{JsonError, MAX_DEPTH, strings};

/// A position in a JSON text.
pub(super) struct Scanner<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    /// Whether the insides of strings are checked, too.
    strict: bool,
}

/// In a longer text than this only the structure is checked, unless strictness is asked for: looking at every
/// character of a long request costs more than all else of relaying it, and who reads a string checks it anyway.
const CHECKED: usize = 64 * 1024;

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, strict: text.len() <= CHECKED }
    }

    /// One that checks everything, however long the text.
    pub(super) fn strict(text: &'a [u8]) -> Self {
        Self { text, at: 0, strict: true }
    }

    pub(super) fn error<T>(&self, reason: &'static str) -> Result<T, JsonError> {
        Err(JsonError { at: self.at, reason })
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes `byte` or fails with `reason`.
    pub(super) fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        if self.at >= self.text.len() { self.error("the text ends too early") } else { self.error(reason) }
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Result<(), JsonError> {
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { self.error("unexpected text after the value") }
    }

    /// Walks over one value; `depth` is how many containers are open around it.
    pub(super) fn skip_value(&mut self, depth: usize) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => self.skip_string(),
            Some(b'{') => self.skip_object(depth),
            Some(b'[') => self.skip_array(depth),
            Some(b't') => self.skip_word(b"true"),
            Some(b'f') => self.skip_word(b"false"),
            Some(b'n') => self.skip_word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.skip_number(),
            Some(_) => self.error("expected a value"),
            None => self.error("the text ends too early"),
        }
    }

    fn skip_object(&mut self, depth: usize) -> Result<(), JsonError> {
        self.open(depth)?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.skip_key()?;
            self.skip_value(depth + 1)?;
            if self.close(b'}')? {
                return Ok(());
            }
        }
    }

    /// Walks over `"key" :` and the white space after it.
    pub(super) fn skip_key(&mut self) -> Result<(), JsonError> {
        if self.peek() != Some(b'"') {
            return self.error("expected a member name in quotes");
        }
        self.skip_string()?;
        self.skip_space();
        self.expect(b':', "expected ':'")?;
        self.skip_space();
        Ok(())
    }

    fn skip_array(&mut self, depth: usize) -> Result<(), JsonError> {
        self.open(depth)?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.skip_value(depth + 1)?;
            if self.close(b']')? {
                return Ok(());
            }
        }
    }

    pub(super) fn open(&mut self, depth: usize) -> Result<(), JsonError> {
        if depth >= MAX_DEPTH {
            return self.error("nested too deeply");
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    /// After a member or element: true at the closing bracket, false after a comma.
    pub(super) fn close(&mut self, bracket: u8) -> Result<bool, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b) if b == bracket => {
                self.at += 1;
                Ok(true)
            }
            Some(b',') => {
                self.at += 1;
                self.skip_space();
                Ok(false)
            }
            Some(_) => self.error("expected ',' or a closing bracket"),
            None => self.error("the text ends too early"),
        }
    }

    fn skip_word(&mut self, word: &[u8]) -> Result<(), JsonError> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            self.error("expected a value")
        }
    }

    fn skip_number(&mut self) -> Result<(), JsonError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.skip_digits()?,
            _ => return self.error("malformed number"),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.skip_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.skip_digits()?;
        }
        Ok(())
    }

    fn skip_digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { self.error("malformed number") } else { Ok(()) }
    }

    /// Walks over a string, from its opening quote to after the closing one. The four digits after `\u` are not
    /// looked at: who reads the string gets U+FFFD for malformed ones.
    pub(super) fn skip_string(&mut self) -> Result<(), JsonError> {
        let start = self.at + 1;
        let (end, unsure) = strings::end(self.text, start, self.strict)?;
        self.at = end + 1;
        if unsure && let Err(error) = std::str::from_utf8(&self.text[start..end]) {
            return Err(JsonError { at: start + error.valid_up_to(), reason: "a string is not valid UTF-8" });
        }
        Ok(())
    }
}
