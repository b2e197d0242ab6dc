//! A writer that appends JSON to the caller's buffer.

use super::{Raw, escape};

/// Appends JSON to a buffer, putting commas where they belong. The caller opens and closes in pairs.
pub struct Writer<'b> {
    out: &'b mut Vec<u8>,
    /// Whether the next member or element needs a comma before it.
    comma: bool,
}

impl<'b> Writer<'b> {
    /// Writes to the end of `out`.
    pub fn new(out: &'b mut Vec<u8>) -> Self {
        Self { out, comma: false }
    }

    fn before(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    /// `{` as a value.
    pub fn begin_object(&mut self) {
        self.before();
        self.out.push(b'{');
        self.comma = false;
    }

    /// `}`
    pub fn end_object(&mut self) {
        self.out.push(b'}');
        self.comma = true;
    }

    /// `[` as a value.
    pub fn begin_array(&mut self) {
        self.before();
        self.out.push(b'[');
        self.comma = false;
    }

    /// `]`
    pub fn end_array(&mut self) {
        self.out.push(b']');
        self.comma = true;
    }

    /// A member's name; its value must follow.
    pub fn key(&mut self, key: &str) {
        self.before();
        self.quoted(key);
        self.out.push(b':');
        self.comma = false;
    }

    /// A string value.
    pub fn string(&mut self, text: &str) {
        self.before();
        self.quoted(text);
    }

    fn quoted(&mut self, text: &str) {
        self.out.push(b'"');
        escape::escape(text, self.out);
        self.out.push(b'"');
    }

    /// A string value put together from pieces.
    pub fn string_of(&mut self, pieces: &[&str]) {
        self.before();
        self.out.push(b'"');
        for piece in pieces {
            escape::escape(piece, self.out);
        }
        self.out.push(b'"');
    }

    /// A value that is JSON already.
    pub fn raw(&mut self, raw: Raw<'_>) {
        self.json(raw.bytes());
    }

    /// A value that is JSON already, given as bytes that the caller vouches for.
    pub fn json(&mut self, json: &[u8]) {
        self.before();
        self.out.extend_from_slice(json);
    }

    /// A whole number.
    pub fn integer(&mut self, number: impl itoa::Integer) {
        self.before();
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    /// `true` or `false`.
    pub fn bool(&mut self, value: bool) {
        self.json(if value { b"true" } else { b"false" });
    }

    /// `null`.
    pub fn null(&mut self) {
        self.json(b"null");
    }

    /// Member with a string value.
    pub fn string_member(&mut self, key: &str, text: &str) {
        self.key(key);
        self.string(text);
    }

    /// Member with a whole number.
    pub fn integer_member(&mut self, key: &str, number: impl itoa::Integer) {
        self.key(key);
        self.integer(number);
    }

    /// Member with a boolean.
    pub fn bool_member(&mut self, key: &str, value: bool) {
        self.key(key);
        self.bool(value);
    }

    /// Member with `null`.
    pub fn null_member(&mut self, key: &str) {
        self.key(key);
        self.null();
    }

    /// Member whose value is JSON already.
    pub fn raw_member(&mut self, key: &str, raw: Raw<'_>) {
        self.key(key);
        self.raw(raw);
    }

    /// Member whose value is JSON already, given as text that the caller vouches for.
    pub fn json_member(&mut self, key: &str, json: &str) {
        self.key(key);
        self.json(json.as_bytes());
    }
}
