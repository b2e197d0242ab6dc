//! JSON between words in brackets: `[TOOL_CALL] {"name":…} [/TOOL_CALL]` and `[tool]NAME[/tool] {…}`.

use super::{name_before, past};
use crate::transform::tool_repair::format::{Around, Format, FoundCall, Match, Opening, Verdict};
use crate::transform::tool_repair::objects::{self, Reading, Trust};
use std::borrow::Cow;

const OPENING: &str = "[TOOL_CALL]";

/// `[TOOL_CALL] {"name":…,"arguments":{…}} [/TOOL_CALL]`; the closing word may be missing.
pub(super) struct ToolCall;

impl Format for ToolCall {
    fn name(&self) -> &'static str {
        "tool_call_alt"
    }

    fn openings(&self) -> Vec<Opening> {
        vec![Opening::anywhere(OPENING)]
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        match objects::calls(text, OPENING.len(), Trust::Tagged, around) {
            Reading::Calls { more: true, .. } if !around.ended => Verdict::NeedMore,
            Reading::Calls { end, calls, .. } => match past(text, end, &["[/TOOL_CALL]"], around) {
                Some(len) => Verdict::Found(Match { len, calls, only_at_end: false }),
                None => Verdict::NeedMore,
            },
            Reading::Open => around.open(),
            Reading::No => Verdict::No,
        }
    }
}

/// `[tool]NAME[/tool] {arguments}`
pub(super) struct Tool;

impl Format for Tool {
    fn name(&self) -> &'static str {
        "bracket_tool"
    }

    fn openings(&self) -> Vec<Opening> {
        vec![Opening::anywhere("[tool]")]
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        let rest = text.get("[tool]".len()..).unwrap_or_default();
        let name = match name_before(rest, "[/tool]") {
            Ok(name) if around.tools.has(name) => name,
            Ok(_) | Err(false) => return Verdict::No,
            Err(true) => return around.open(),
        };
        match objects::arguments(text, "[tool][/tool]".len() + name.len(), around) {
            Some(Ok((len, arguments))) => {
                let calls = vec![FoundCall { name: Cow::Borrowed(name), arguments }];
                Verdict::Found(Match { len, calls, only_at_end: false })
            }
            Some(Err(())) => Verdict::No,
            None => around.open(),
        }
    }
}
