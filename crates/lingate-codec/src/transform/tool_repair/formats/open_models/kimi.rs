//! Kimi K2: `<|tool_calls_section_begin|>`, then for each call `<|tool_call_begin|>functions.NAME:INDEX`,
//! `<|tool_call_argument_begin|>`, its arguments and `<|tool_call_end|>`, then `<|tool_calls_section_end|>`.
//!
//! Source: moonshotai/Kimi-K2-Instruct `docs/tool_call_guidance.md`; SGLang `kimik2_detector.py`; vLLM
//! `kimi_k2_tool_parser.py` for the section's tokens in the singular.

use super::cursor::{Cursor, Read, verdict};
use crate::transform::tool_repair::format::{Around, Format, FoundCall, Opening, Verdict};

/// See above.
pub(super) struct Kimi;

const SECTION: &[&str] = &["<|tool_calls_section_begin|>", "<|tool_call_section_begin|>"];
const SECTION_END: &[&str] = &["<|tool_calls_section_end|>", "<|tool_call_section_end|>"];
const CALL: &[&str] = &["<|tool_call_begin|>"];

impl Format for Kimi {
    fn name(&self) -> &'static str {
        "kimi_k2"
    }

    fn openings(&self) -> Vec<Opening> {
        SECTION.iter().chain(CALL).copied().map(Opening::anywhere).collect()
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        verdict(text, around, read)
    }
}

fn read<'t>(cursor: &mut Cursor<'t, '_>) -> Read<Vec<FoundCall<'t>>> {
    cursor.takes(SECTION)?;
    cursor.expect(CALL)?;
    let mut calls = Vec::new();
    loop {
        let name = name(cursor.name(&['<'])?);
        cursor.known(name)?;
        cursor.expect(&["<|tool_call_argument_begin|>"])?;
        let arguments = cursor.arguments()?;
        calls.push(cursor.call(name, arguments)?);
        cursor.closes(&["<|tool_call_end|>"])?;
        if !cursor.takes(CALL)? {
            break;
        }
    }
    cursor.closes(SECTION_END)?;
    Ok(calls)
}

/// The name in `functions.NAME:INDEX`; a name may have dots and colons of its own.
fn name(id: &str) -> &str {
    let named = id.strip_prefix("functions.").unwrap_or(id);
    match named.rsplit_once(':') {
        Some((name, index)) if !name.is_empty() && index.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => named,
    }
}
