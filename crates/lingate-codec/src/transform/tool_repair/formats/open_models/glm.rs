//! GLM-4.5, 4.6 and 4.7: `<tool_call>NAME`, then `<arg_key>KEY</arg_key>` and `<arg_value>VALUE</arg_value>` in turns,
//! `</tool_call>`. 4.5 and 4.6 put newlines between, sometimes as the two characters `\n`; 4.7 none.
//!
//! Source: SGLang `glm4_moe_detector.py` and `glm47_moe_detector.py`, after the chat template of zai-org/GLM-4.6.

use super::cursor::{Cursor, Read, Stop, verdict};
use crate::transform::tool_repair::format::{Around, Format, FoundArguments, FoundCall, Opening, Verdict};
use std::borrow::Cow;

/// See above.
pub(super) struct Glm;

const OPENING: &str = "<tool_call>";
const CLOSING: &str = "</tool_call>";

impl Format for Glm {
    fn name(&self) -> &'static str {
        "glm"
    }

    fn openings(&self) -> Vec<Opening> {
        vec![Opening::anywhere(OPENING)]
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        verdict(text, around, read)
    }
}

fn read<'t>(cursor: &mut Cursor<'t, '_>) -> Read<Vec<FoundCall<'t>>> {
    cursor.expect(&[OPENING])?;
    if cursor.next()?.is_none_or(|c| !(c.is_alphanumeric() || c == '_')) {
        return Err(Stop::Not);
    }
    let name = cursor.name(&['<', '\n', '\\', ' '])?;
    cursor.known(name)?;
    let mut pairs = Vec::new();
    while behind_gap(cursor, "<arg_key>")? {
        let key = cursor.name(&['<'])?;
        cursor.expect(&["</arg_key>"])?;
        if !behind_gap(cursor, "<arg_value>")? {
            return Err(Stop::Not);
        }
        let value = cursor.until("</arg_value>")?;
        pairs.push((Cow::Borrowed(key), Cow::Borrowed(value)));
    }
    let closed = behind_gap(cursor, CLOSING)? || cursor.closes(&[CLOSING])?;
    // A word behind the tag is a call only if something says so.
    if pairs.is_empty() && !closed {
        return Err(Stop::Not);
    }
    let arguments = if pairs.is_empty() { FoundArguments::None } else { FoundArguments::Pairs(pairs) };
    Ok(vec![cursor.call(name, arguments)?])
}

/// Takes `literal` and white space before it, also as it is written in strings; else nothing.
fn behind_gap(cursor: &mut Cursor<'_, '_>, literal: &'static str) -> Read<bool> {
    let mut ahead = cursor.clone();
    while ahead.takes(&["\\n"])? {}
    let found = ahead.takes(&[literal])?;
    if found {
        *cursor = ahead;
    }
    Ok(found)
}
