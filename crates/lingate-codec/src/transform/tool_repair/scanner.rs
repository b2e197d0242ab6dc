//! Where JSON as models write it ends. Strings, escapes and nesting are known; raw newlines, trailing commas and single
//! quotes are borne. What is between the brackets is checked by [`super::arguments`].

use crate::json::MAX_DEPTH;

/// How far something reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// It ends here (index of the first byte behind it).
    Whole(usize),
    /// The text ends before it does.
    Open,
    /// Its brackets do not match, or nest too deep.
    Broken,
}

/// From the bracket at `at` to behind the one that closes it.
pub(super) fn bracketed(text: &str, at: usize) -> Extent {
    let bytes = text.as_bytes();
    let mut open = [0_u8; MAX_DEPTH];
    let mut depth = 0;
    let mut at = at;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' | b'(' => {
                let Some(place) = open.get_mut(depth) else { return Extent::Broken };
                *place = closing(byte);
                depth += 1;
            }
            b'}' | b']' | b')' => {
                depth = match depth.checked_sub(1) {
                    Some(less) if open.get(less) == Some(&byte) => less,
                    _ => return Extent::Broken,
                };
            }
            b'"' | b'\'' => match string(text, at) {
                Extent::Whole(end) => {
                    at = end;
                    continue;
                }
                other => return other,
            },
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Extent::Whole(at);
        }
    }
    Extent::Open
}

fn closing(bracket: u8) -> u8 {
    match bracket {
        b'{' => b'}',
        b'[' => b']',
        _ => b')',
    }
}

/// From the quote at `at` to behind the one that closes it.
pub(super) fn string(text: &str, at: usize) -> Extent {
    let bytes = text.as_bytes();
    let Some(&quote) = bytes.get(at) else { return Extent::Open };
    let mut at = at + 1;
    loop {
        let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(quote, b'\\', rest)) else {
            return Extent::Open;
        };
        at += found;
        if bytes.get(at) == Some(&quote) {
            return Extent::Whole(at + 1);
        }
        at += 2;
    }
}

/// From `at` to behind one value.
pub(super) fn value(text: &str, at: usize) -> Extent {
    match text.as_bytes().get(at) {
        Some(b'{' | b'[') => bracketed(text, at),
        Some(b'"' | b'\'') => string(text, at),
        Some(b',' | b'}' | b']' | b':') => Extent::Broken,
        _ => {
            let rest = text.get(at..).unwrap_or_default();
            match rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, ',' | '}' | ']' | '{' | '[' | '"' | '<')) {
                Some(0) => Extent::Broken,
                Some(len) => Extent::Whole(at + len),
                None => Extent::Open,
            }
        }
    }
}

/// Index of the first byte at or after `at` that is no white space.
pub(super) fn skip_space(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// What stands next in an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step<'t> {
    /// A member: its name without quotes, and where its value begins and how far it reaches.
    Member(&'t str, usize, Extent),
    /// The object ends (index behind it).
    End(usize),
    /// The text ends before the object does.
    Open,
    /// This is no object.
    Broken,
}

/// A walk over an object's members.
pub(super) struct Members<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Members<'t> {
    /// Of the object whose `{` is at `at`.
    pub(super) fn new(text: &'t str, at: usize) -> Self {
        Self { text, at: at + 1 }
    }

    /// The next member. To be called no more after anything but a member with a whole value.
    pub(super) fn step(&mut self) -> Step<'t> {
        let bytes = self.text.as_bytes();
        self.at = skip_space(self.text, self.at);
        // Also a trailing comma, and several.
        while bytes.get(self.at) == Some(&b',') {
            self.at = skip_space(self.text, self.at + 1);
        }
        let name = match bytes.get(self.at) {
            None => return Step::Open,
            Some(b'}') => return Step::End(self.at + 1),
            Some(b'"' | b'\'') => match string(self.text, self.at) {
                Extent::Whole(end) => {
                    let name = self.text.get(self.at + 1..end - 1).unwrap_or_default();
                    self.at = end;
                    name
                }
                Extent::Open => return Step::Open,
                Extent::Broken => return Step::Broken,
            },
            Some(byte) if byte.is_ascii_alphabetic() || *byte == b'_' => {
                let rest = &bytes[self.at..];
                let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
                let name = self.text.get(self.at..self.at + len).unwrap_or_default();
                self.at += len;
                name
            }
            Some(_) => return Step::Broken,
        };
        self.at = skip_space(self.text, self.at);
        match bytes.get(self.at) {
            None => return Step::Open,
            Some(b':') => self.at = skip_space(self.text, self.at + 1),
            Some(_) => return Step::Broken,
        }
        if self.at >= bytes.len() {
            return Step::Open;
        }
        let start = self.at;
        let extent = value(self.text, start);
        if let Extent::Whole(end) = extent {
            self.at = end;
        }
        Step::Member(name, start, extent)
    }
}

#[cfg(test)]
mod tests {
    use super::{Extent, Members, Step, bracketed, string, value};

    #[test]
    fn brackets_in_strings_do_not_count() {
        for (text, end) in [
            (r#"{"a":"} b {"} x"#, Extent::Whole(13)),
            (r#"{"a":"\"}"}"#, Extent::Whole(11)),
            ("{\"a\":\"x\n}\"}", Extent::Whole(11)),
            ("{'a':'}'}", Extent::Whole(9)),
            ("[1,[2,{}],]", Extent::Whole(11)),
            ("(a=[1], b={})", Extent::Whole(13)),
            (r#"{"a":"}"#, Extent::Open),
            ("{]", Extent::Broken),
        ] {
            assert_eq!(bracketed(text, 0), end, "{text}");
        }
        assert_eq!(bracketed(&"[".repeat(65), 0), Extent::Broken);
        assert_eq!(string(r#""a\"#, 0), Extent::Open);
        assert_eq!(value("true}", 0), Extent::Whole(4));
        assert_eq!(value("tru", 0), Extent::Open);
    }

    #[test]
    fn members_come_one_by_one() {
        let text = r#"{"name" : "a" , b: [1,], "c":tru"#;
        let mut members = Members::new(text, 0);
        assert_eq!(members.step(), Step::Member("name", 10, Extent::Whole(13)));
        assert_eq!(members.step(), Step::Member("b", 19, Extent::Whole(23)));
        assert_eq!(members.step(), Step::Member("c", 29, Extent::Open));
        assert_eq!(Members::new("{}", 0).step(), Step::End(2));
        assert_eq!(Members::new("{1", 0).step(), Step::Broken);
    }
}
