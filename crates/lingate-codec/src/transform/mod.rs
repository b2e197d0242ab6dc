//! Transforms: an answer's events to an answer's events, while it streams.
//!
//! A transform knows events and JSON alone: whatever dialect an answer comes in, and whether it is whole or a stream,
//! the same code looks at it.

pub mod reasoning;
pub mod tool_repair;

use crate::ir::Event;

/// Watches an answer's events and may change them.
pub trait Transform: Send {
    /// Takes the next event; appends what goes on to `out`. Text that may be the beginning of something is held back;
    /// any event that is not text, and the end, releases it first; usage may pass it.
    fn push(&mut self, event: Event, out: &mut Vec<Event>);
    /// Whether something is held back at this moment.
    fn holds(&self) -> bool;
    /// Whether what went out so far differs from what came in (merging or splitting of text is no difference).
    fn changed(&self) -> bool;
    /// Whether a piece of text without any of the bytes of this set would pass unchanged right now: the caller may
    /// then skip it, and pieces of thoughts and of arguments whatever their bytes. `None`: it must see everything now, as
    /// it must while it holds something.
    fn alarm(&self) -> Option<&ByteSet>;
}

/// Marks of [`ByteSet`]'s table.
const MEMBER: u8 = 1;
const ESCAPE: u8 = 2;

/// A set of bytes: those that may begin a marker.
#[derive(Clone, PartialEq, Eq)]
pub struct ByteSet {
    /// A table and not bits: looking a byte up is one load. What begins an escape in JSON is marked, too.
    has: [u8; 256],
    any: bool,
}

impl ByteSet {
    /// The set of these bytes.
    pub const fn of(bytes: &[u8]) -> Self {
        let mut set = Self { has: [0; 256], any: false };
        set.has[b'\\' as usize] = ESCAPE;
        let mut at = 0;
        while at < bytes.len() {
            set.insert(bytes[at]);
            at += 1;
        }
        set
    }

    /// Adds a byte.
    pub const fn insert(&mut self, byte: u8) {
        self.has[byte as usize] |= MEMBER;
        self.any = true;
    }

    /// Adds all bytes of another set.
    pub fn extend(&mut self, other: &Self) {
        for (has, more) in self.has.iter_mut().zip(other.has) {
            *has |= more;
        }
        self.any |= other.any;
    }

    /// Whether it has the byte.
    pub const fn contains(&self, byte: u8) -> bool {
        self.has[byte as usize] & MEMBER != 0
    }

    /// Whether one of its bytes is among these.
    pub fn is_met_by(&self, bytes: &[u8]) -> bool {
        self.any && bytes.iter().any(|&byte| self.contains(byte))
    }

    /// The same for the inside of a JSON string as it is written: `true` also where an escape may stand for any
    /// character.
    pub fn is_met_by_escaped(&self, text: &[u8]) -> bool {
        // Nearly all pieces hold neither.
        if !self.any || text.iter().fold(0, |all, &byte| all | self.has[usize::from(byte)]) == 0 {
            return false;
        }
        let mut bytes = text.iter();
        while let Some(&byte) = bytes.next() {
            let met = if byte == b'\\' {
                match bytes.next() {
                    Some(b'n') => self.contains(b'\n'),
                    Some(b't') => self.contains(b'\t'),
                    Some(b'r') => self.contains(b'\r'),
                    Some(&quoted @ (b'"' | b'\\' | b'/')) => self.contains(quoted),
                    _ => true,
                }
            } else {
                self.contains(byte)
            };
            if met {
                return true;
            }
        }
        false
    }
}

impl std::fmt::Debug for ByteSet {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes: Vec<u8> = (0..=u8::MAX).filter(|&byte| self.contains(byte)).collect();
        write!(out, "ByteSet(\"{}\")", bytes.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::ByteSet;

    #[test]
    fn a_set_has_what_was_put_in() {
        let mut set = ByteSet::of(b"<[");
        assert!(set.is_met_by(b"a < b") && !set.is_met_by(b"a > b") && !set.is_met_by(b""));
        set.insert(0xff);
        let mut all = ByteSet::of(b"{");
        all.extend(&set);
        assert_eq!(all, ByteSet::of(b"{[<\xff"));
        for (escaped, met) in [
            (r"a\nb", false),
            (r"a\u003cb", true),
            (r"\\[", true),
            (r"\\n", false),
            (r#"\""#, false),
            (r"\b", true),
            ("{", true),
        ] {
            assert_eq!(all.is_met_by_escaped(escaped.as_bytes()), met, "{escaped}");
        }
        assert!(ByteSet::of(b"\n").is_met_by_escaped(br"x\n") && !ByteSet::of(b"").is_met_by_escaped(br"\u0041"));
        assert_eq!(format!("{all:?}"), r#"ByteSet("<[{\xff")"#);
    }
}
