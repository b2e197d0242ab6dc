//! gpt-oss (harmony): `<|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{…}<|call|>`, with
//! `<|start|>assistant` before it or not; the receiver may stand before the channel.
//!
//! Source: OpenAI's description of the harmony format (openai/harmony `docs/format.md`); SGLang `gpt_oss_detector.py`.

use super::cursor::{Cursor, Read, Stop, verdict};
use crate::transform::tool_repair::format::{Around, Format, FoundCall, Opening, Verdict};

/// See above.
pub(super) struct Harmony;

const RECEIVER: &[&str] = &["to="];

impl Format for Harmony {
    fn name(&self) -> &'static str {
        "harmony"
    }

    fn openings(&self) -> Vec<Opening> {
        vec![Opening::anywhere("<|start|>assistant"), Opening::anywhere("<|channel|>")]
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        verdict(text, around, read)
    }
}

fn read<'t>(cursor: &mut Cursor<'t, '_>) -> Read<Vec<FoundCall<'t>>> {
    cursor.takes(&["<|start|>assistant"])?;
    let mut receiver = None;
    if cursor.takes(RECEIVER)? {
        receiver = Some(cursor.name(&['<', ' '])?);
    }
    if cursor.takes(&["<|channel|>"])? {
        cursor.expect(&["commentary", "analysis", "final"])?;
    }
    if receiver.is_none() && cursor.takes(RECEIVER)? {
        receiver = Some(cursor.name(&['<', ' ', '{'])?);
    }
    let name = receiver.ok_or(Stop::Not)?;
    let name = name.strip_prefix("functions.").unwrap_or(name);
    cursor.known(name)?;
    cursor.takes(&["<|constrain|>"])?;
    cursor.takes(&["json", "code"])?;
    cursor.takes(&["<|message|>"])?;
    let arguments = cursor.arguments()?;
    cursor.closes(&["<|call|>", "<|end|>", "<|return|>"])?;
    Ok(vec![cursor.call(name, arguments)?])
}
