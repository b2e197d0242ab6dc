//! A place in a text that may hold calls and may not have come whole yet: what the formats of open models read with.

use crate::transform::tool_repair::arguments::python;
use crate::transform::tool_repair::format::{Around, FoundArguments, FoundCall, Match, Verdict};
use crate::transform::tool_repair::objects::{self, Reading, Trust};
use std::borrow::Cow;

/// Why reading ended without calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The text is not of this form.
    Not,
    /// So far it may be; it takes more text to tell.
    More,
}

pub(super) type Read<T> = Result<T, Stop>;

/// The longest name of a tool or parameter, in bytes.
const MAX_NAME: usize = 256;
/// What no name has.
const NOT_IN_NAMES: [char; 5] = ['<', '>', '{', '(', '\n'];

#[derive(Clone)]
pub(super) struct Cursor<'t, 'a> {
    text: &'t str,
    at: usize,
    around: &'a Around<'a>,
}

/// What `read` finds at the beginning of `text`.
pub(super) fn verdict<'t>(
    text: &'t str,
    around: &Around<'_>,
    read: impl FnOnce(&mut Cursor<'t, '_>) -> Read<Vec<FoundCall<'t>>>,
) -> Verdict<'t> {
    let mut cursor = Cursor { text, at: 0, around };
    match read(&mut cursor) {
        Ok(calls) if calls.is_empty() => Verdict::No,
        Ok(calls) => Verdict::Found(Match { len: cursor.at, calls, only_at_end: false }),
        Err(Stop::More) => around.open(),
        Err(Stop::Not) => Verdict::No,
    }
}

impl<'t> Cursor<'t, '_> {
    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_ascii_start().len();
    }

    /// Takes the one of these literals that comes next, if one does; of two that begin alike, the longer stands first.
    pub(super) fn one_of(&mut self, literals: &[&'static str]) -> Read<Option<&'static str>> {
        let rest = self.rest();
        let begun = |literal: &&str| literal.len() > rest.len() && literal.starts_with(rest);
        if !self.around.ended && literals.iter().any(begun) {
            return Err(Stop::More);
        }
        let found = literals.iter().copied().find(|literal| rest.starts_with(*literal));
        self.at += found.map_or(0, str::len);
        Ok(found)
    }

    /// Takes one of these literals after white space; the white space stays where none comes.
    pub(super) fn takes(&mut self, literals: &[&'static str]) -> Read<bool> {
        let before = self.at;
        self.space();
        let found = self.one_of(literals)?.is_some();
        if !found {
            self.at = before;
        }
        Ok(found)
    }

    /// As [`Cursor::takes`], for words that end a call: the answer's end may cut one in two.
    pub(super) fn closes(&mut self, literals: &[&'static str]) -> Read<bool> {
        let rest = self.rest().trim_ascii_start();
        let found = self.takes(literals)?;
        let cut = !found && !rest.is_empty() && literals.iter().any(|literal| literal.starts_with(rest));
        if cut {
            self.at = self.text.len();
        }
        Ok(found || cut)
    }

    /// As [`Cursor::takes`], but one must come.
    pub(super) fn expect(&mut self, literals: &[&'static str]) -> Read<()> {
        if self.takes(literals)? { Ok(()) } else { Err(Stop::Not) }
    }

    /// The next character after white space, which is taken; the character is not. `None` at the answer's end.
    pub(super) fn next(&mut self) -> Read<Option<char>> {
        self.space();
        match self.rest().chars().next() {
            None if !self.around.ended => Err(Stop::More),
            next => Ok(next),
        }
    }

    /// The text before the first of `literal`; takes both.
    pub(super) fn until(&mut self, literal: &str) -> Read<&'t str> {
        let rest = self.rest();
        let found = memchr::memmem::find(rest.as_bytes(), literal.as_bytes()).ok_or(Stop::More)?;
        self.at += found + literal.len();
        Ok(&rest[..found])
    }

    /// A name: the text before the first of `ends`, which stays; white space and quotes around it do not count.
    pub(super) fn name(&mut self, ends: &[char]) -> Read<&'t str> {
        self.space();
        let rest = self.rest();
        let near = &rest[..rest.floor_char_boundary(MAX_NAME)];
        let Some(length) = near.find(ends) else {
            let may_be = near.len() == rest.len() && !near.trim_end().contains(NOT_IN_NAMES);
            return Err(if may_be { Stop::More } else { Stop::Not });
        };
        let name = near[..length].trim().trim_matches(['"', '\'']);
        if name.is_empty() || name.contains(NOT_IN_NAMES) {
            return Err(Stop::Not);
        }
        self.at += length;
        Ok(name)
    }

    /// A call of the tool of that name, if the client sent it.
    pub(super) fn call(&self, name: &'t str, arguments: FoundArguments<'t>) -> Read<FoundCall<'t>> {
        self.known(name)?;
        Ok(FoundCall { name: Cow::Borrowed(name), arguments })
    }

    /// A name that is none of a tool makes all that follows text: so it need not be held back.
    pub(super) fn known(&self, name: &str) -> Read<()> {
        if self.around.tools.has(name) { Ok(()) } else { Err(Stop::Not) }
    }

    /// Objects that are calls, one after another or in an array.
    pub(super) fn objects(&mut self) -> Read<Vec<FoundCall<'t>>> {
        match objects::calls(self.text, self.at, Trust::Tagged, self.around) {
            Reading::Calls { more: true, .. } if !self.around.ended => Err(Stop::More),
            Reading::Calls { end, calls, .. } => {
                self.at = end;
                Ok(calls)
            }
            Reading::Open => Err(Stop::More),
            Reading::No => Err(Stop::Not),
        }
    }

    /// An object that is arguments.
    pub(super) fn arguments(&mut self) -> Read<FoundArguments<'t>> {
        match objects::arguments(self.text, self.at, self.around) {
            Some(Ok((end, arguments))) => {
                self.at = end;
                Ok(arguments)
            }
            Some(Err(())) => Err(Stop::Not),
            None => Err(Stop::More),
        }
    }

    /// Whether a word and `(` come next, as far as the text tells.
    pub(super) fn may_call(&self) -> bool {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')));
        end.map_or(!self.around.ended, |end| rest[end..].starts_with('('))
    }

    /// A list of calls as in Python, `[f(a=1), g()]`.
    pub(super) fn python_list(&mut self) -> Read<Vec<FoundCall<'t>>> {
        self.space();
        let (calls, length) = python::list(self.rest()).map_err(|error| self.python_stop(error.at))?;
        self.at += length;
        Ok(calls.into_iter().map(python_call).collect())
    }

    /// One call as in Python.
    pub(super) fn python_call(&mut self) -> Read<FoundCall<'t>> {
        self.space();
        let (call, length) = python::call(self.rest()).map_err(|error| self.python_stop(error.at))?;
        self.at += length;
        Ok(python_call(call))
    }

    /// What went wrong before the text's end would go wrong with more text, too.
    fn python_stop(&self, at: usize) -> Stop {
        if at < self.rest().len() { Stop::Not } else { Stop::More }
    }
}

fn python_call<'t>(call: python::Call) -> FoundCall<'t> {
    FoundCall { name: Cow::Owned(call.name), arguments: FoundArguments::Json(Cow::Owned(call.arguments)) }
}
