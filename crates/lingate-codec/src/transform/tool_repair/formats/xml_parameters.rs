//! Parameters in tags of their own, as Qwen 3.5 and Qwen3-Coder write them:
//! `<tool_call><function=NAME><parameter=KEY>VALUE</parameter></function></tool_call>`. The outer tags may be missing on
//! either side, and small models put the bare name in the place of `<function=NAME>`.

use super::{Next, next, past};
use crate::transform::tool_repair::format::{
    Around, Format, FoundArguments, FoundCall, MAX_CALLS, Match, Opening, Verdict,
};
use crate::transform::tool_repair::scanner::skip_space;
use std::borrow::Cow;

const CALL: &str = "<tool_call>";
const FUNCTION: &str = "<function=";
const PARAMETER: &str = "<parameter=";
const VALUE_END: &str = "</parameter>";

/// See above.
pub(super) struct XmlParameters;

impl Format for XmlParameters {
    fn name(&self) -> &'static str {
        "qwen_xml"
    }

    fn openings(&self) -> Vec<Opening> {
        vec![Opening::anywhere(CALL), Opening::anywhere(FUNCTION)]
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        let wrapped = text.starts_with(CALL);
        let mut at = if wrapped { CALL.len() } else { 0 };
        let mut calls = Vec::new();
        loop {
            let (name, behind) = match name(text, at, wrapped && calls.is_empty(), around) {
                Part::Whole(name, behind) => (name, behind),
                Part::Open => return around.open(),
                Part::No => return Verdict::No,
            };
            let (pairs, end) = match parameters(text, behind, around) {
                Part::Whole(pairs, end) => (pairs, end),
                Part::Open => return around.open(),
                Part::No => return Verdict::No,
            };
            // A tag alone is a word about calls, or Llama's, which has an object behind it.
            match next(text, end, "</function>", around) {
                Next::No if pairs.is_empty() => return Verdict::No,
                Next::Maybe => return Verdict::NeedMore,
                Next::No | Next::Yes(_) => {}
            }
            calls.push(FoundCall { name: Cow::Borrowed(name), arguments: FoundArguments::Pairs(pairs) });
            let Some(behind) = past(text, end, &["</function>"], around) else { return Verdict::NeedMore };
            at = behind;
            // Several functions in one call.
            match next(text, at, FUNCTION, around) {
                Next::Yes(_) if wrapped && calls.len() < MAX_CALLS => {}
                Next::Maybe if wrapped => return Verdict::NeedMore,
                _ => break,
            }
        }
        match past(text, at, &["</tool_call>"], around) {
            Some(len) => Verdict::Found(Match { len, calls, only_at_end: false }),
            None => Verdict::NeedMore,
        }
    }
}

/// A part of a text, and the index behind it.
enum Part<T> {
    Whole(T, usize),
    Open,
    No,
}

/// `<function=NAME>`, or NAME alone before a parameter.
fn name<'t>(text: &'t str, at: usize, may_be_bare: bool, around: &Around<'_>) -> Part<&'t str> {
    let start = match next(text, at, FUNCTION, around) {
        Next::Yes(start) => start,
        Next::Maybe => return Part::Open,
        Next::No if may_be_bare => return bare_name(text, at, around),
        Next::No => return Part::No,
    };
    let rest = text.get(start..).unwrap_or_default();
    match rest.find(['>', '\n', '<']) {
        Some(len) if rest[len..].starts_with('>') => known(&rest[..len], start + len + 1, around),
        Some(_) => Part::No,
        None => Part::Open,
    }
}

fn bare_name<'t>(text: &'t str, at: usize, around: &Around<'_>) -> Part<&'t str> {
    let start = skip_space(text, at);
    let rest = text.get(start..).unwrap_or_default();
    let Some(len) = rest.find(|c: char| c.is_ascii_whitespace() || c == '<') else { return Part::Open };
    match next(text, start + len, PARAMETER, around) {
        Next::Yes(_) => known(&rest[..len], start + len, around),
        Next::Maybe => Part::Open,
        Next::No => Part::No,
    }
}

fn known<'t>(name: &'t str, end: usize, around: &Around<'_>) -> Part<&'t str> {
    let name = name.trim().trim_matches('"');
    if around.tools.has(name) { Part::Whole(name, end) } else { Part::No }
}

type Pairs<'t> = Vec<(Cow<'t, str>, Cow<'t, str>)>;

/// All `<parameter=KEY>VALUE</parameter>` from `at` on.
fn parameters<'t>(text: &'t str, mut at: usize, around: &Around<'_>) -> Part<Pairs<'t>> {
    let mut pairs = Vec::new();
    loop {
        let start = match next(text, at, PARAMETER, around) {
            Next::Yes(start) => start,
            Next::Maybe => return Part::Open,
            // White space stays outside where nothing closes the call.
            Next::No => return Part::Whole(pairs, at),
        };
        let rest = text.get(start..).unwrap_or_default();
        let Some(len) = rest.find(['>', '\n', '<']) else { return Part::Open };
        if !rest[len..].starts_with('>') {
            return Part::No;
        }
        let (key, value) = (rest[..len].trim().trim_matches('"'), &rest[len + 1..]);
        let (value, end) = match memchr::memmem::find(value.as_bytes(), VALUE_END.as_bytes()) {
            Some(end) => (&value[..end], start + len + 1 + end + VALUE_END.len()),
            None if around.ended && around.cut && around.accept_cut => (value, text.len()),
            None => return Part::Open,
        };
        pairs.push((Cow::Borrowed(key), Cow::Borrowed(value)));
        at = end;
    }
}

/// `<read_file>file_path="/path">`, which Qwen 3.5 writes now and then, for the tools `read_file` and `read`.
pub(super) struct ReadFile;

const READ_FILE: &str = "<read_file>";

impl Format for ReadFile {
    fn name(&self) -> &'static str {
        "read_file_tag"
    }

    fn openings(&self) -> Vec<Opening> {
        vec![Opening::anywhere(READ_FILE)]
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        let Some(name) = ["read_file", "read"].into_iter().find(|name| around.tools.has(name)) else {
            return Verdict::No;
        };
        let start = match next(text, READ_FILE.len(), "file_path=\"", around) {
            Next::Yes(start) => start,
            Next::Maybe => return Verdict::NeedMore,
            Next::No => return Verdict::No,
        };
        let rest = text.get(start..).unwrap_or_default();
        let Some(len) = rest.find(['"', '\n', '<']) else { return around.open() };
        let end = match next(text, start + len, "\">", around) {
            Next::Yes(end) => end,
            Next::Maybe => return Verdict::NeedMore,
            Next::No => return Verdict::No,
        };
        let Some(len_all) = past(text, end, &["</read_file>"], around) else { return Verdict::NeedMore };
        let pairs = vec![(Cow::Borrowed("file_path"), Cow::Borrowed(&rest[..len]))];
        let calls = vec![FoundCall { name: Cow::Borrowed(name), arguments: FoundArguments::Pairs(pairs) }];
        Verdict::Found(Match { len: len_all, calls, only_at_end: false })
    }
}
