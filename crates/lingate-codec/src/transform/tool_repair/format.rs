//! What a format of written calls is: how it begins, and how much of a text it is.

use super::tools::Tools;
use std::borrow::Cow;

/// A way in which models write tool calls. What it says of a text depends on that text alone, and holds for every
/// longer one: only [`Verdict::NeedMore`] may change when more text comes. So it does not matter how an answer was cut.
pub trait Format: Send + Sync {
    /// The pattern's name, as it is counted, listed and replaced.
    fn name(&self) -> &str;

    /// Where two find overlapping calls, the higher wins, then the one that begins first. Built-in ones have
    /// [`PRIORITY`]: an operator's pattern above that comes before all of them.
    fn priority(&self) -> u32 {
        PRIORITY
    }

    /// The texts that a call may begin with.
    fn openings(&self) -> Vec<Opening>;

    /// What stands at the beginning of `text`, which begins with one of the openings, and is at most
    /// [`MAX_CANDIDATE`] bytes long. Must be linear in the text's length.
    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t>;

    /// Whether the text says by marks of its own that it is a call. Where JSON was asked for, other formats are the answer.
    fn is_marked(&self) -> bool {
        true
    }

    /// Whether it is a call also between other text in a line. Models write theirs into lines of their own; what the
    /// operator looks for is the operator's to say.
    fn counts_in_prose(&self) -> bool {
        false
    }

    /// What the tools are called that the model calls so, if the operator said.
    fn mapped<'n>(&'n self, name: &'n str) -> &'n str {
        name
    }
}

/// Priority of built-in formats.
pub const PRIORITY: u32 = 50;

/// The longest text that is held back and looked at, in bytes.
pub const MAX_CANDIDATE: usize = 64 * 1024;

/// The most calls that one pattern may find in one answer.
pub const MAX_CALLS: usize = 64;

/// How a call may begin. None is looked for in quoted text (see `quoted.rs`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Opening {
    /// This text, anywhere. Must not be empty.
    Anywhere(Cow<'static, str>),
    /// This text with nothing but white space before it in its line. Must not be empty.
    Line(Cow<'static, str>),
    /// A tool's name and `(`, with nothing but white space before it in its line.
    Tool,
}

impl Opening {
    /// This text, anywhere.
    pub const fn anywhere(text: &'static str) -> Self {
        Self::Anywhere(Cow::Borrowed(text))
    }

    /// This text at the beginning of a line.
    pub const fn line(text: &'static str) -> Self {
        Self::Line(Cow::Borrowed(text))
    }
}

/// What a format may know beside the text.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// The tools that the client sent.
    pub tools: &'a Tools,
    /// Whether the answer ends where the text ends. No verdict may be [`Verdict::NeedMore`] then.
    pub ended: bool,
    /// Whether the answer was cut off by the bound on its length: then brackets that are open stay open.
    pub cut: bool,
    /// Whether the operator wants values that were cut off to count as whole.
    pub accept_cut: bool,
}

impl Around<'_> {
    /// What to say of a text that is not whole: [`Verdict::NeedMore`] unless the answer ended.
    pub fn open<'t>(&self) -> Verdict<'t> {
        if self.ended { Verdict::No } else { Verdict::NeedMore }
    }

    /// Whether brackets that are open where the text ends count as closed.
    pub fn may_close(&self) -> bool {
        self.ended && (!self.cut || self.accept_cut)
    }
}

/// What a format says of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict<'t> {
    /// It begins with calls.
    Found(Match<'t>),
    /// It may be the beginning of calls.
    NeedMore,
    /// As [`Verdict::No`], which took looking at so many bytes.
    NoAfter(usize),
    /// It does not begin with a call, whatever follows.
    No,
}

/// Calls at the beginning of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Match<'t> {
    /// How many bytes they are.
    pub len: usize,
    /// The calls, at least one. If one of them is none of the client's tools or does not fit its schema, all stay text.
    pub calls: Vec<FoundCall<'t>>,
    /// Whether they count only if nothing but white space and further such calls follow to the answer's end: for
    /// what could as well be an example.
    pub only_at_end: bool,
}

/// A call as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundCall<'t> {
    /// The name as written; `functions.` before it does not count.
    pub name: Cow<'t, str>,
    /// Its arguments.
    pub arguments: FoundArguments<'t>,
}

/// Arguments as they were written. They are repaired and checked by [`super::arguments`].
#[derive(Debug, Clone, PartialEq)]
pub enum FoundArguments<'t> {
    /// JSON, more or less, or a bare text that is the only argument.
    Json(Cow<'t, str>),
    /// JSON whose last brackets may be missing, at the answer's end.
    Unclosed(Cow<'t, str>),
    /// Names and texts.
    Pairs(Vec<(Cow<'t, str>, Cow<'t, str>)>),
    /// None were written.
    None,
}
