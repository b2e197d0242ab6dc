//! JSON between tags: `<tool_call>{"name":…,"arguments":{…}}</tool_call>` (Hermes, Qwen 2.5 and 3), the same with
//! `<tool_code>` (`OpenCode`), and `<tool_use code name="NAME">{…}</tool_use>`. The closing tag may be missing.

use super::{Next, name_before, next, past};
use crate::transform::tool_repair::format::{Around, Format, FoundCall, Match, Opening, Verdict};
use crate::transform::tool_repair::objects::{self, Reading, Trust};
use std::borrow::Cow;

/// `<tool_call>`
pub(super) const TOOL_CALL: Tag = Tag { name: "tool_call", opening: "<tool_call>", closing: "</tool_call>" };
/// `<tool_code>`
pub(super) const TOOL_CODE: Tag = Tag { name: "tool_code", opening: "<tool_code>", closing: "</tool_code>" };

/// Calls as JSON between two tags.
pub(super) struct Tag {
    name: &'static str,
    opening: &'static str,
    closing: &'static str,
}

impl Format for Tag {
    fn name(&self) -> &str {
        self.name
    }

    fn openings(&self) -> Vec<Opening> {
        vec![Opening::anywhere(self.opening)]
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        let (end, calls, more) = match objects::calls(text, self.opening.len(), Trust::Tagged, around) {
            Reading::Calls { end, calls, more } => (end, calls, more),
            Reading::Open => return around.open(),
            Reading::No => return Verdict::No,
        };
        if more && !around.ended {
            return Verdict::NeedMore;
        }
        // One bracket too many at the end is a slip that small models make.
        let end = match text.get(end..) {
            Some(rest) if rest.starts_with('}') => match next(text, end + 1, self.closing, around) {
                Next::Yes(_) => end + 1,
                Next::Maybe => return Verdict::NeedMore,
                Next::No => end,
            },
            _ => end,
        };
        match past(text, end, &[self.closing], around) {
            Some(len) => Verdict::Found(Match { len, calls, only_at_end: false }),
            None => Verdict::NeedMore,
        }
    }
}

const TOOL_USE: &str = "<tool_use code name=\"";

/// The name in the tag, the arguments between the tags.
pub(super) struct ToolUse;

impl Format for ToolUse {
    fn name(&self) -> &'static str {
        "tool_use"
    }

    fn openings(&self) -> Vec<Opening> {
        vec![Opening::anywhere(TOOL_USE)]
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        let rest = text.get(TOOL_USE.len()..).unwrap_or_default();
        let name = match name_before(rest, "\">") {
            Ok(name) if around.tools.has(name) => name,
            Ok(_) | Err(false) => return Verdict::No,
            Err(true) => return around.open(),
        };
        match objects::arguments(text, TOOL_USE.len() + name.len() + 2, around) {
            Some(Ok((end, arguments))) => match past(text, end, &["</tool_use>"], around) {
                Some(len) => {
                    let calls = vec![FoundCall { name: Cow::Borrowed(name), arguments }];
                    Verdict::Found(Match { len, calls, only_at_end: false })
                }
                None => Verdict::NeedMore,
            },
            Some(Err(())) => Verdict::No,
            None => around.open(),
        }
    }
}
