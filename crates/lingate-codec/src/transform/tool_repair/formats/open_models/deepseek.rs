//! DeepSeek V3, V3.1 and R1: `<｜tool▁calls▁begin｜>`, then for each call `<｜tool▁call▁begin｜>`, its name, its arguments and
//! `<｜tool▁call▁end｜>`, then `<｜tool▁calls▁end｜>`. V3 and R1 write `function<｜tool▁sep｜>NAME` and fence the arguments
//! (` ```json `), V3.1 writes `NAME<｜tool▁sep｜>` and does not. R1 now and then leaves the outer tokens out.
//!
//! Source: SGLang `deepseekv3_detector.py` and `deepseekv31_detector.py`, after the chat templates of
//! deepseek-ai/DeepSeek-V3-0324 and DeepSeek-V3.1.

use super::cursor::{Cursor, Read, verdict};
use crate::transform::tool_repair::format::{Around, Format, FoundCall, Opening, Verdict};

/// See above.
pub(super) struct DeepSeek;

/// Each token as it is, and with the underscores that some tokenizers and servers make of its bars.
const OUTER: &[&str] = &["<｜tool▁calls▁begin｜>", "<｜tool_calls_begin｜>"];
const OUTER_END: &[&str] = &["<｜tool▁calls▁end｜>", "<｜tool_calls_end｜>"];
const CALL: &[&str] = &["<｜tool▁call▁begin｜>", "<｜tool_call_begin｜>"];
const CALL_END: &[&str] = &["<｜tool▁call▁end｜>", "<｜tool_call_end｜>"];
const SEPARATOR: &[&str] = &["<｜tool▁sep｜>", "<｜tool_sep｜>"];
const FENCE: &[&str] = &["```json", "```"];

impl Format for DeepSeek {
    fn name(&self) -> &'static str {
        "deepseek"
    }

    fn openings(&self) -> Vec<Opening> {
        OUTER.iter().chain(CALL).copied().map(Opening::anywhere).collect()
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        verdict(text, around, read)
    }
}

fn read<'t>(cursor: &mut Cursor<'t, '_>) -> Read<Vec<FoundCall<'t>>> {
    cursor.takes(OUTER)?;
    cursor.expect(CALL)?;
    let mut calls = Vec::new();
    loop {
        calls.push(call(cursor)?);
        if !cursor.takes(CALL)? {
            break;
        }
    }
    cursor.closes(OUTER_END)?;
    Ok(calls)
}

fn call<'t>(cursor: &mut Cursor<'t, '_>) -> Read<FoundCall<'t>> {
    let mut name = cursor.name(&['<'])?;
    cursor.expect(SEPARATOR)?;
    if cursor.next()? != Some('{') && !cursor.takes(FENCE)? {
        // What stood before was the kind.
        name = cursor.name(&['\n', '`', '{'])?;
        cursor.takes(FENCE)?;
    }
    cursor.known(name)?;
    let arguments = cursor.arguments()?;
    cursor.closes(&["```"])?;
    cursor.closes(CALL_END)?;
    cursor.call(name, arguments)
}
