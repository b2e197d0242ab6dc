//! Calls in a code fence that ends the answer: objects (`json`, `tool_call` or no language), `NAME(key="value")`, and
//! `bash` with one line that is a tool's name and its only argument.

use super::bare::{self, Function};
use super::{Next, next};
use crate::transform::tool_repair::format::{
    Around, Format, FoundArguments, FoundCall, MAX_CALLS, Match, Opening, Verdict,
};
use crate::transform::tool_repair::objects::{self, Reading, Trust};
use crate::transform::tool_repair::scanner::skip_space;
use std::borrow::Cow;

/// See above.
pub(super) struct Fences;

/// Languages of fences that hold objects.
const OBJECTS: &[&str] = &["", "json", "tool_call", "tool_calls", "tool_code", "function_call", "tool"];
/// Languages of fences that hold `NAME(…)`.
const FUNCTIONS: &[&str] = &["", "python", "tool_call", "tool_calls", "tool_code", "function_call", "tool"];
/// Languages of fences that hold a command.
const COMMANDS: &[&str] = &["bash", "sh", "shell"];

impl Format for Fences {
    fn name(&self) -> &'static str {
        "fence_json"
    }

    fn is_marked(&self) -> bool {
        false
    }

    fn openings(&self) -> Vec<Opening> {
        vec![Opening::line("```")]
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        let ticks = text.bytes().take_while(|byte| *byte == b'`').count();
        let Some(line) = text[ticks..].find('\n') else {
            return if language_may_be(text[ticks..].trim()) { around.open() } else { Verdict::No };
        };
        let language = text[ticks..ticks + line].trim();
        let at = skip_space(text, ticks + line);
        let (end, calls) = match body(text, at, language, around) {
            Body::Calls(end, calls) => (end, calls),
            Body::Open => return around.open(),
            Body::No => return Verdict::No,
        };
        match next(text, end, &text[..ticks], around) {
            Next::Yes(len) => line_ends(text, len, calls, around),
            Next::Maybe => Verdict::NeedMore,
            // The answer ended before the fence was closed.
            Next::No if around.ended && skip_space(text, end) == text.len() => found(text.len(), calls),
            Next::No => Verdict::No,
        }
    }
}

fn language_may_be(language: &str) -> bool {
    [OBJECTS, FUNCTIONS, COMMANDS].iter().flat_map(|words| words.iter()).any(|word| word.starts_with(language))
}

fn found(len: usize, calls: Vec<FoundCall<'_>>) -> Verdict<'_> {
    Verdict::Found(Match { len, calls, only_at_end: true })
}

/// Nothing but white space may follow the closing backticks in their line.
fn line_ends<'t>(text: &'t str, at: usize, calls: Vec<FoundCall<'t>>, around: &Around<'_>) -> Verdict<'t> {
    let rest = text[at..].trim_start_matches([' ', '\t', '\r']);
    match rest.chars().next() {
        Some('\n') => found(at, calls),
        Some(_) => Verdict::No,
        None if around.ended => found(at, calls),
        None => Verdict::NeedMore,
    }
}

enum Body<'t> {
    Calls(usize, Vec<FoundCall<'t>>),
    Open,
    No,
}

fn body<'t>(text: &'t str, at: usize, language: &str, around: &Around<'_>) -> Body<'t> {
    match text.as_bytes().get(at) {
        None if OBJECTS.contains(&language) || FUNCTIONS.contains(&language) || COMMANDS.contains(&language) => {
            Body::Open
        }
        None => Body::No,
        Some(b'{' | b'[') if OBJECTS.contains(&language) => {
            let trust = if language.is_empty() || language == "json" { Trust::Bare } else { Trust::Tagged };
            match objects::calls(text, at, trust, around) {
                Reading::Calls { more: true, .. } if !around.ended => Body::Open,
                Reading::Calls { end, calls, .. } => Body::Calls(end, calls),
                Reading::Open => Body::Open,
                Reading::No => Body::No,
            }
        }
        Some(_) if FUNCTIONS.contains(&language) => functions(text, at, around),
        Some(_) if COMMANDS.contains(&language) => command(text, at, around),
        Some(_) => Body::No,
    }
}

/// Calls one after another, until the fence's end.
fn functions<'t>(text: &'t str, mut at: usize, around: &Around<'_>) -> Body<'t> {
    let mut calls = Vec::new();
    loop {
        match bare::function(text, at, around) {
            Function::Call(end, call) => {
                calls.push(call);
                if calls.len() > MAX_CALLS {
                    return Body::No;
                }
                at = skip_space(text, end);
                match text.as_bytes().get(at) {
                    Some(b'`') => return Body::Calls(end, calls),
                    None if around.ended => return Body::Calls(end, calls),
                    None => return Body::Open,
                    Some(_) => {}
                }
            }
            Function::Open => return Body::Open,
            Function::No => return Body::No,
        }
    }
}

/// `read /etc/hostname`: a tool that the client sent, and one plain word. Options, and what a shell would make more of, are no
/// such word: that is a command for a shell, which an operator may map by a pattern.
fn command<'t>(text: &'t str, at: usize, around: &Around<'_>) -> Body<'t> {
    let line_end = text[at..].find('\n').map_or(text.len(), |len| at + len);
    let line = &text[at..line_end];
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    let is_open = line_end == text.len();
    if !around.tools.has(name) {
        return if is_open && rest.is_empty() { Body::Open } else { Body::No };
    }
    let word = rest.trim();
    let plain = |c: char| !c.is_whitespace() && !"|;&$<>`\"'(){}[]*?!\\#~=".contains(c);
    if word.starts_with('-') || !word.chars().all(plain) {
        return Body::No;
    }
    if is_open {
        return Body::Open;
    }
    if word.is_empty() {
        return Body::No;
    }
    let call = FoundCall { name: Cow::Borrowed(name), arguments: FoundArguments::Json(Cow::Borrowed(word)) };
    Body::Calls(line_end, vec![call])
}
