//! Two forms of Llama without a token of their own: `<function=NAME>{…}</function>` (3.1, where the prompt asks for it),
//! and a list as in Python, `[f(a=1), g(b="x")]`, which is the whole of an answer or its end (3.2, Llama 4, xLAM, ToolACE).
//!
//! Source: Llama's documentation of prompt formats, "user-defined custom tool calling"; vLLM `pythonic_tool_parser.py` and
//! `llama4_pythonic_tool_parser.py`.

use super::cursor::verdict;
use crate::transform::tool_repair::format::{Around, Format, Match, Opening, Verdict};

/// `<function=NAME>{…}</function>`
pub(super) struct Function;

const FUNCTION: &str = "<function=";

impl Format for Function {
    fn name(&self) -> &'static str {
        "llama_function"
    }

    fn openings(&self) -> Vec<Opening> {
        vec![Opening::anywhere(FUNCTION)]
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        verdict(text, around, |cursor| {
            cursor.expect(&[FUNCTION])?;
            let name = cursor.name(&['>', '{'])?;
            cursor.known(name)?;
            cursor.takes(&[">"])?;
            let arguments = cursor.arguments()?;
            cursor.closes(&["</function>", "<function>"])?;
            Ok(vec![cursor.call(name, arguments)?])
        })
    }
}

/// `[f(a=1), g(b="x")]`
pub(super) struct Pythonic;

impl Format for Pythonic {
    fn name(&self) -> &'static str {
        "pythonic"
    }

    fn is_marked(&self) -> bool {
        false
    }

    fn openings(&self) -> Vec<Opening> {
        vec![Opening::line("[")]
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        match verdict(text, around, |cursor| cursor.python_list()) {
            // Nothing but its form says that it is a call.
            Verdict::Found(found) => Verdict::Found(Match { only_at_end: true, ..found }),
            other => other,
        }
    }
}
