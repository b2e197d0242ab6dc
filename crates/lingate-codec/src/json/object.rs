//! An object's members, in order, as slices.

use super::{JsonError, Raw, escape, scan::Scanner};
use std::borrow::Cow;
use std::ops::Range;

/// One member: its name and value, and where they stand.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    /// The name, unescaped.
    pub key: Cow<'a, str>,
    /// The value.
    pub value: Raw<'a>,
    /// The whole member in the text: from the name's opening quote to the value's end.
    pub span: Range<usize>,
    /// The value in the text.
    pub value_span: Range<usize>,
}

/// The members of one object. Duplicates are kept, in order; [`Object::get`] gives the last, as most parsers do.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    text: &'a [u8],
    members: Vec<Member<'a>>,
}

impl<'a> Object<'a> {
    /// Checks a whole text whose value must be an object. Spans are offsets in `text`.
    pub fn parse(text: &'a [u8]) -> Result<Self, JsonError> {
        let mut scanner = Scanner::new(text);
        if text.starts_with(b"\xef\xbb\xbf") {
            scanner.at = 3;
        }
        scanner.skip_space();
        if scanner.peek() != Some(b'{') {
            return scanner.error("expected an object");
        }
        let mut members = Vec::with_capacity(12);
        scanner.open(0)?;
        if scanner.peek() == Some(b'}') {
            scanner.at += 1;
        } else {
            loop {
                members.push(member(&mut scanner)?);
                if scanner.close(b'}')? {
                    break;
                }
            }
        }
        scanner.end()?;
        Ok(Self { text, members })
    }

    /// The text that the spans count in.
    pub fn text(&self) -> &'a [u8] {
        self.text
    }

    /// All members, in order.
    pub fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// The value of the last member of that name.
    pub fn get(&self, key: &str) -> Option<Raw<'a>> {
        self.member(key).map(|m| m.value)
    }

    /// As [`Object::get`], but `null` counts as absent.
    pub fn given(&self, key: &str) -> Option<Raw<'a>> {
        self.get(key).filter(|value| !value.is_null())
    }

    /// A non-null string member.
    pub fn string(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key)?.string()
    }

    /// The last member of that name.
    pub fn member(&self, key: &str) -> Option<&Member<'a>> {
        self.members.iter().rev().find(|m| m.key == key)
    }

    /// The first of `keys` that occurs more than once.
    pub fn duplicate<'k>(&self, keys: &[&'k str]) -> Option<&'k str> {
        keys.iter().copied().find(|key| self.members.iter().filter(|m| m.key == *key).nth(1).is_some())
    }
}

/// Walks over a whole text whose value must be an object, and shows each member to `see`: the inside of its name
/// as written, where its value begins, and the value. For texts of which few members matter: nothing is kept.
pub(super) fn visit<'a>(text: &'a [u8], mut see: impl FnMut(&'a [u8], usize, Raw<'a>)) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(text);
    scanner.skip_space();
    if scanner.peek() != Some(b'{') {
        return scanner.error("expected an object");
    }
    scanner.open(0)?;
    if scanner.peek() == Some(b'}') {
        scanner.at += 1;
        return scanner.end();
    }
    loop {
        let name_start = scanner.at + 1;
        if scanner.peek() != Some(b'"') {
            return scanner.error("expected a member name in quotes");
        }
        scanner.skip_string()?;
        let name = &text[name_start..scanner.at - 1];
        scanner.skip_space();
        scanner.expect(b':', "expected ':'")?;
        scanner.skip_space();
        let value_start = scanner.at;
        scanner.skip_value(1)?;
        see(name, value_start, Raw::checked(&text[value_start..scanner.at]));
        if scanner.close(b'}')? {
            return scanner.end();
        }
    }
}

/// The value of the first member named `key`, looked for from the front and no further: the rest of the text
/// is not read. For frames whose other content does not matter.
pub(super) fn find(text: &[u8], key: &str) -> Option<Range<usize>> {
    let mut scanner = Scanner::new(text);
    scanner.skip_space();
    if scanner.peek() != Some(b'{') {
        return None;
    }
    scanner.open(0).ok()?;
    loop {
        let name_start = scanner.at;
        scanner.skip_key().ok()?;
        let name = text.get(name_start + 1..).unwrap_or_default();
        let value_start = scanner.at;
        scanner.skip_value(1).ok()?;
        if name.starts_with(key.as_bytes()) && name.get(key.len()) == Some(&b'"') {
            return Some(value_start..scanner.at);
        }
        if scanner.close(b'}').ok()? {
            return None;
        }
    }
}

impl Object<'_> {
    /// Walks over a whole text whose value must be an object, and shows each member to `see`: the inside of its name
    /// as written, where its value begins, and the value. Nothing is kept.
    ///
    /// # Errors
    /// The text is not a JSON object.
    pub fn visit<'t>(text: &'t [u8], see: impl FnMut(&'t [u8], usize, Raw<'t>)) -> Result<(), JsonError> {
        visit(text, see)
    }

    /// Where the value of the first top-level member named `key` stands in `text`; reads no further than that.
    pub fn find(text: &[u8], key: &str) -> Option<Range<usize>> {
        find(text, key)
    }
}

fn member<'a>(scanner: &mut Scanner<'a>) -> Result<Member<'a>, JsonError> {
    let start = scanner.at;
    if scanner.peek() != Some(b'"') {
        return scanner.error("expected a member name in quotes");
    }
    scanner.skip_string()?;
    let key = escape::unescape_name(&scanner.text[start + 1..scanner.at - 1]);
    scanner.skip_space();
    scanner.expect(b':', "expected ':'")?;
    scanner.skip_space();
    let value_start = scanner.at;
    scanner.skip_value(1)?;
    let end = scanner.at;
    let value = Raw::checked(&scanner.text[value_start..end]);
    Ok(Member { key, value, span: start..end, value_span: value_start..end })
}
