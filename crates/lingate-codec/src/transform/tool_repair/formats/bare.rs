//! Calls with nothing around them: `NAME(key="value")` alone on its line, and `{"name":…,"arguments":{…}}`. They could
//! be examples as well, so they count only where nothing else follows to the answer's end.

use crate::transform::tool_repair::arguments::python;
use crate::transform::tool_repair::format::{Around, Format, FoundArguments, FoundCall, Match, Opening, Verdict};
use crate::transform::tool_repair::objects::{self, Reading, Trust};
use crate::transform::tool_repair::scanner::{Extent, bracketed};
use std::borrow::Cow;

/// `NAME(key="value")`
pub(super) struct Functions;

impl Format for Functions {
    fn name(&self) -> &'static str {
        "bare_call"
    }

    fn is_marked(&self) -> bool {
        false
    }

    fn openings(&self) -> Vec<Opening> {
        vec![Opening::Tool]
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        let (len, call) = match function(text, 0, around) {
            Function::Call(end, call) => (end, call),
            Function::Open => return around.open(),
            Function::No => return Verdict::No,
        };
        let found = Verdict::Found(Match { len, calls: vec![call], only_at_end: true });
        match text[len..].trim_start_matches([' ', '\t', '\r']).chars().next() {
            Some('\n') => found,
            Some(_) => Verdict::No,
            None if around.ended => found,
            None => Verdict::NeedMore,
        }
    }
}

/// What `NAME(…)` was found.
pub(super) enum Function<'t> {
    /// A call, and the index behind it.
    Call(usize, FoundCall<'t>),
    /// The text ends before it does.
    Open,
    No,
}

/// Reads `NAME(key="value", key: 1)`; every argument must have its name, and be a literal.
pub(super) fn function<'t>(text: &'t str, at: usize, around: &Around<'_>) -> Function<'t> {
    let rest = &text[at..];
    let Some(len) = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'))) else {
        return Function::Open;
    };
    if !rest[len..].starts_with('(') || !around.tools.has(&rest[..len]) {
        return Function::No;
    }
    let end = match bracketed(rest, len) {
        Extent::Whole(end) => end,
        Extent::Open => return Function::Open,
        Extent::Broken => return Function::No,
    };
    match python::arguments(&rest[len + 1..end - 1]) {
        Ok(json) if json.starts_with('{') => {
            let arguments = FoundArguments::Json(Cow::Owned(json));
            Function::Call(at + end, FoundCall { name: Cow::Borrowed(&rest[..len]), arguments })
        }
        _ => Function::No,
    }
}

/// `{"name":…,"arguments":{…}}`, one or more, or a list of them.
pub(super) struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "inline_json"
    }

    /// Below all others: tags around it say more.
    fn priority(&self) -> u32 {
        20
    }

    fn is_marked(&self) -> bool {
        false
    }

    fn openings(&self) -> Vec<Opening> {
        vec![Opening::line("{"), Opening::line("[{")]
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        match objects::calls(text, 0, Trust::Bare, around) {
            Reading::Calls { more: true, .. } if !around.ended => Verdict::NeedMore,
            Reading::Calls { end, calls, .. } => Verdict::Found(Match { len: end, calls, only_at_end: true }),
            Reading::Open => around.open(),
            Reading::No => Verdict::No,
        }
    }
}
