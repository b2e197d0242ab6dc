//! What is left of a call in harmony (gpt-oss) when its special tokens were dropped on the way:
//! `assistantcommentary to=functions.NAME json{…}`. Looked for at the beginning of a line.

use crate::transform::tool_repair::format::{Around, Format, FoundCall, Match, Opening, Verdict};
use crate::transform::tool_repair::objects;
use std::borrow::Cow;

const OPENINGS: [&str; 2] = ["assistantcommentary to=", "commentary to="];

/// See above.
pub(super) struct Harmony;

impl Format for Harmony {
    fn name(&self) -> &'static str {
        "harmony_residue"
    }

    fn openings(&self) -> Vec<Opening> {
        OPENINGS.map(Opening::line).into()
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        let Some(rest) = OPENINGS.iter().find_map(|opening| text.strip_prefix(opening)) else { return Verdict::No };
        let Some(len) = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '{' | '<')) else {
            return around.open();
        };
        let name = &rest[..len];
        if !around.tools.has(name) {
            return Verdict::No;
        }
        // `json`, and whatever of its token is left, up to the object on the same line.
        let at = text.len() - rest.len() + len;
        let between = &text[at..];
        let Some(gap) = between.find('{') else {
            return if gap_may_be(between) { around.open() } else { Verdict::No };
        };
        if !gap_may_be(&between[..gap]) {
            return Verdict::No;
        }
        match objects::arguments(text, at + gap, around) {
            Some(Ok((len, arguments))) => {
                let calls = vec![FoundCall { name: Cow::Borrowed(name), arguments }];
                Verdict::Found(Match { len, calls, only_at_end: false })
            }
            Some(Err(())) => Verdict::No,
            None => around.open(),
        }
    }
}

/// Whether this may stand, in whole or so far, between the name and the object.
fn gap_may_be(text: &str) -> bool {
    let text = text.trim();
    ["json", "<|constrain|>json<|message|>", "code", "<|message|>"].iter().any(|gap| gap.starts_with(text))
}
