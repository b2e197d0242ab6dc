//! Mistral: `[TOOL_CALLS]` and a list of objects; since its tokenizer 11 `[TOOL_CALLS]NAME[ARGS]{…}` for each call, an id
//! between as `[CALL_ID]…`, or without `[ARGS]` where a server drops that token.
//!
//! Source: vLLM `mistral_tool_parser.py` (both forms, by the tokenizer's version); mistral-common's tokenizers v3 to v13.

use super::cursor::{Cursor, Read, Stop, verdict};
use crate::transform::tool_repair::format::{Around, Format, FoundCall, Opening, Verdict};

/// See above.
pub(super) struct Mistral;

const OPENING: &str = "[TOOL_CALLS]";

impl Format for Mistral {
    fn name(&self) -> &'static str {
        "mistral"
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
    match cursor.next()? {
        Some('[' | '{') => {
            let calls = cursor.objects()?;
            cursor.closes(&["[/TOOL_CALLS]"])?;
            return Ok(calls);
        }
        Some(c) if c.is_alphanumeric() || c == '_' => {}
        _ => return Err(Stop::Not),
    }
    let name = cursor.name(&['[', '{'])?;
    cursor.known(name)?;
    if cursor.takes(&["[CALL_ID]"])? {
        cursor.name(&['[', '{'])?;
    }
    cursor.takes(&["[ARGS]"])?;
    let arguments = cursor.arguments()?;
    Ok(vec![cursor.call(name, arguments)?])
}
