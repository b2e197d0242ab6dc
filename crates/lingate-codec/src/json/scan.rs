//! The scanner: walks over one value, checks the grammar, allocates nothing.

use super::{JsonError, MAX_DEPTH, strings};

/// A position in a JSON text.
pub(super) struct Scanner<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    /// Whether the insides of strings are checked, too.
    strict: bool,
}

/// What is wrong at the scanner's place. Two words fit registers; with the place beside it, every step would go
/// through memory.
struct Wrong(&'static str);

type Step<T = ()> = Result<T, Wrong>;

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

    #[inline]
    pub(super) fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes `byte` or fails with `reason`.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), JsonError> {
        let step = self.take(byte, reason);
        self.told(step)
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Result<(), JsonError> {
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { self.error("unexpected text after the value") }
    }

    /// Walks over one value; `depth` is how many containers are open around it.
    #[inline]
    pub(super) fn skip_value(&mut self, depth: usize) -> Result<(), JsonError> {
        let step = self.value(depth);
        self.told(step)
    }

    /// Walks over `"key" :` and the white space after it.
    #[inline]
    pub(super) fn skip_key(&mut self) -> Result<(), JsonError> {
        let step = self.key();
        self.told(step)
    }

    /// Goes into a container.
    #[inline]
    pub(super) fn open(&mut self, depth: usize) -> Result<(), JsonError> {
        let step = self.enter(depth);
        self.told(step)
    }

    /// After a member or element: true at the closing bracket, false after a comma.
    #[inline]
    pub(super) fn close(&mut self, bracket: u8) -> Result<bool, JsonError> {
        let step = self.leave(bracket);
        self.told(step)
    }

    /// Walks over a string, from its opening quote to after the closing one. The four digits after `\u` are not
    /// looked at: who reads the string gets U+FFFD for malformed ones.
    #[inline]
    pub(super) fn skip_string(&mut self) -> Result<(), JsonError> {
        let step = self.string();
        self.told(step)
    }

    #[inline]
    fn told<T>(&self, step: Step<T>) -> Result<T, JsonError> {
        step.map_err(|Wrong(reason)| JsonError { at: self.at, reason })
    }

    fn take(&mut self, byte: u8, reason: &'static str) -> Step {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(Wrong(if self.at >= self.text.len() { "the text ends too early" } else { reason }))
    }

    fn value(&mut self, depth: usize) -> Step {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(Wrong("expected a value")),
            None => Err(Wrong("the text ends too early")),
        }
    }

    fn object(&mut self, depth: usize) -> Step {
        self.enter(depth)?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.key()?;
            self.value(depth + 1)?;
            if self.leave(b'}')? {
                return Ok(());
            }
        }
    }

    fn key(&mut self) -> Step {
        if self.peek() != Some(b'"') {
            return Err(Wrong("expected a member name in quotes"));
        }
        self.string()?;
        self.skip_space();
        self.take(b':', "expected ':'")?;
        self.skip_space();
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Step {
        self.enter(depth)?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            if self.leave(b']')? {
                return Ok(());
            }
        }
    }

    fn enter(&mut self, depth: usize) -> Step {
        if depth >= MAX_DEPTH {
            return Err(Wrong("nested too deeply"));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    fn leave(&mut self, bracket: u8) -> Step<bool> {
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
            Some(_) => Err(Wrong("expected ',' or a closing bracket")),
            None => Err(Wrong("the text ends too early")),
        }
    }

    fn word(&mut self, word: &[u8]) -> Step {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(Wrong("expected a value"))
        }
    }

    fn number(&mut self) -> Step {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(Wrong("malformed number")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Step {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(Wrong("malformed number")) } else { Ok(()) }
    }

    #[inline]
    fn string(&mut self) -> Step {
        match strings::short_end(self.text, self.at + 1) {
            Some(end) => {
                self.at = end + 1;
                Ok(())
            }
            None => self.long_string(),
        }
    }

    #[inline(never)]
    fn long_string(&mut self) -> Step {
        let start = self.at + 1;
        let (end, unsure) = match strings::end(self.text, start, self.strict) {
            Ok(found) => found,
            Err(error) => return self.wrong_at(&error),
        };
        self.at = end + 1;
        if unsure && let Err(error) = std::str::from_utf8(&self.text[start..end]) {
            let at = start + error.valid_up_to();
            return self.wrong_at(&JsonError { at, reason: "a string is not valid UTF-8" });
        }
        Ok(())
    }

    #[cold]
    fn wrong_at(&mut self, error: &JsonError) -> Step {
        self.at = error.at;
        Err(Wrong(error.reason))
    }
}
