//! Objects that are calls: `{"name":…,"arguments":{…}}` and its kin, one or several of them.

use super::format::{Around, FoundArguments, FoundCall, MAX_CALLS};
use super::scanner::{Extent, Members, Step, bracketed, skip_space};
use std::borrow::Cow;

/// How sure the place makes it that objects are calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// The format's tags say so: members that mean nothing here are passed over, and arguments may be missing.
    Tagged,
    /// Nothing but their form says so: they have a tool's name and arguments, and nothing else.
    Bare,
}

/// What calls a text holds from a place on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reading<'t> {
    /// Calls.
    Calls {
        /// Index behind the last of them.
        end: usize,
        /// The calls.
        calls: Vec<FoundCall<'t>>,
        /// Whether the text ends where another object could begin.
        more: bool,
    },
    /// The text ends before a call does.
    Open,
    /// No calls.
    No,
}

/// Objects one after another, white space, commas or semicolons between them, or in an array.
pub(super) fn calls<'t>(text: &'t str, at: usize, trust: Trust, around: &Around<'_>) -> Reading<'t> {
    let bytes = text.as_bytes();
    let mut calls = Vec::new();
    let mut at = skip_space(text, at);
    let listed = bytes.get(at) == Some(&b'[');
    at = if listed { skip_space(text, at + 1) } else { at };
    loop {
        match bytes.get(at) {
            Some(b'{') => {}
            None => return Reading::Open,
            Some(_) => return Reading::No,
        }
        let (end, call) = match object(text, at, trust, around) {
            Object::Call(end, call) => (end, call),
            Object::Open => return Reading::Open,
            Object::No => return Reading::No,
        };
        calls.push(call);
        if calls.len() > MAX_CALLS {
            return Reading::No;
        }
        let mut next = skip_space(text, end);
        if listed && bytes.get(next) == Some(&b']') {
            return Reading::Calls { end: next + 1, calls, more: false };
        }
        let separated = matches!(bytes.get(next), Some(b',' | b';'));
        if separated {
            next = skip_space(text, next + 1);
        }
        match bytes.get(next) {
            Some(b'{') => at = next,
            None if listed && around.may_close() => return Reading::Calls { end, calls, more: true },
            None if listed => return Reading::Open,
            Some(b']') if listed => return Reading::Calls { end: next + 1, calls, more: false },
            Some(_) if listed => return Reading::No,
            following => return Reading::Calls { end, calls, more: following.is_none() },
        }
    }
}

enum Object<'t> {
    Call(usize, FoundCall<'t>),
    Open,
    No,
}

/// Members that hold the tool's name.
const NAMES: &[&str] = &["name", "tool", "tool_name", "function", "function_name"];
/// Members that hold the arguments.
const ARGUMENTS: &[&str] = &["arguments", "parameters", "args", "input", "params", "tool_input"];
/// Members that may stand beside them.
const BESIDE: &[&str] = &["id", "type", "index", "call_id", "tool_call_id"];

fn object<'t>(text: &'t str, at: usize, trust: Trust, around: &Around<'_>) -> Object<'t> {
    let mut members = Members::new(text, at);
    let mut name = None;
    let mut arguments = None;
    loop {
        let (key, start, extent) = match members.step() {
            Step::Member(key, start, extent) => (key, start, extent),
            Step::End(end) => return whole(end, name, arguments, trust),
            Step::Open if around.may_close() && trust == Trust::Tagged => {
                return whole(text.len(), name, arguments, trust);
            }
            Step::Open => return Object::Open,
            Step::Broken => return Object::No,
        };
        let known = NAMES.contains(&key) || ARGUMENTS.contains(&key) || BESIDE.contains(&key);
        if trust == Trust::Bare && !known {
            return Object::No;
        }
        let end = match extent {
            Extent::Whole(end) => end,
            Extent::Broken => return Object::No,
            Extent::Open if !around.ended => return Object::Open,
            Extent::Open => {
                let rest = Cow::Borrowed(text.get(start..).unwrap_or_default());
                let closes = around.may_close() && trust == Trust::Tagged && ARGUMENTS.contains(&key);
                let arguments = closes.then_some(FoundArguments::Unclosed(rest));
                return whole(text.len(), name, arguments, trust);
            }
        };
        let value = text.get(start..end).unwrap_or_default();
        if NAMES.contains(&key) && name.is_none() {
            if value.starts_with('{') {
                // `{"type":"function","function":{"name":…,"arguments":…}}`
                return inner(text, start, members, trust, around);
            }
            let Some(written) = unquoted(value).filter(|name| around.tools.has(name)) else { return Object::No };
            name = Some(written);
        } else if ARGUMENTS.contains(&key) && arguments.is_none() {
            arguments = Some(FoundArguments::Json(Cow::Borrowed(value)));
        }
    }
}

/// A call in an object of its own; of the outer one, only the end matters.
fn inner<'t>(text: &'t str, at: usize, mut rest: Members<'t>, trust: Trust, around: &Around<'_>) -> Object<'t> {
    let call = match object(text, at, trust, around) {
        Object::Call(_, call) => call,
        other => return other,
    };
    loop {
        match rest.step() {
            Step::Member(_, _, Extent::Whole(_)) => {}
            Step::End(end) => return Object::Call(end, call),
            Step::Open | Step::Member(_, _, Extent::Open) if around.ended => {
                return if around.may_close() && trust == Trust::Tagged {
                    Object::Call(text.len(), call)
                } else {
                    Object::No
                };
            }
            Step::Open | Step::Member(_, _, Extent::Open) => return Object::Open,
            Step::Broken | Step::Member(_, _, Extent::Broken) => return Object::No,
        }
    }
}

fn whole<'t>(end: usize, name: Option<&'t str>, arguments: Option<FoundArguments<'t>>, trust: Trust) -> Object<'t> {
    let arguments = match arguments {
        Some(arguments) => arguments,
        None if trust == Trust::Tagged => FoundArguments::None,
        None => return Object::No,
    };
    match name {
        Some(name) => Object::Call(end, FoundCall { name: Cow::Borrowed(name), arguments }),
        None => Object::No,
    }
}

fn unquoted(value: &str) -> Option<&str> {
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.strip_prefix(quote)?.strip_suffix(quote)
}

/// The arguments themselves, where the name stands elsewhere: one object.
pub(super) fn arguments<'t>(
    text: &'t str,
    at: usize,
    around: &Around<'_>,
) -> Option<Result<(usize, FoundArguments<'t>), ()>> {
    let at = skip_space(text, at);
    match text.as_bytes().get(at) {
        None => None,
        Some(b'{') => match bracketed(text, at) {
            Extent::Whole(end) => Some(Ok((end, FoundArguments::Json(Cow::Borrowed(text.get(at..end)?))))),
            Extent::Open if around.may_close() => {
                Some(Ok((text.len(), FoundArguments::Unclosed(Cow::Borrowed(text.get(at..)?)))))
            }
            Extent::Open => None,
            Extent::Broken => Some(Err(())),
        },
        Some(_) => Some(Err(())),
    }
}
