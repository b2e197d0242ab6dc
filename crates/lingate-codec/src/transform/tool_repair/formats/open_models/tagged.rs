//! Calls between two tokens or tags of a model's own, as JSON objects (one, several, a list) or as in Python. A table,
//! because all of these differ in their words alone. Closing words may be missing at the answer's end, and where
//! the calls are whole.

use super::cursor::{Cursor, Read, Stop, verdict};
use crate::transform::tool_repair::format::{Around, Format, FoundCall, Opening, Verdict};

/// A row: how a model begins its calls, what stands in them, how it ends them.
pub(super) struct Tagged {
    name: &'static str,
    openings: &'static [&'static str],
    /// Whether the opening is a word that also means other things: then it must begin a line.
    line: bool,
    /// May stand between the opening and the calls.
    lead: &'static [&'static str],
    body: Body,
    closings: &'static [&'static str],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    /// JSON, or a list as in Python.
    Any,
    /// Calls as in Python, one a line or in a list.
    Python,
}

/// The rows, each with the source of its form.
pub(super) static TAGGED: &[Tagged] = &[
    // Granite 3.0: chat template of ibm-granite/granite-3.0-8b-instruct, vLLM `granite_tool_parser.py`; 3.1 and later write
    // `<tool_call>[…]`, which is Hermes' tag. Phi-4-mini closes it: chat template of microsoft/Phi-4-mini-instruct.
    row("granite", &["<|tool_call|>"], &["<|/tool_call|>", "<|end_tool_call|>"]),
    // MiniMax M1, one object a line: vLLM `minimax_tool_parser.py`; a list in Jamba (`jamba_tool_parser.py`) and Hunyuan
    // (`hunyuan_a13b_tool_parser.py`).
    row("tool_calls", &["<tool_calls>"], &["</tool_calls>"]),
    // Phi-4-mini without its tokens: vLLM `phi4mini_tool_parser.py`; FireFunction v2: its chat template.
    Tagged { line: true, ..row("functools", &["functools["], &[]) },
    // Command A and R7B: SGLang `cohere_command4_detector.py`, after the chat template of CohereLabs/c4ai-command-a-03-2025.
    row("command_a", &["<|START_ACTION|>"], &["<|END_ACTION|>"]),
    // Command R: Cohere's documentation of tool use, `Action:` and a fenced list of `tool_name` and `parameters`.
    Tagged { line: true, lead: &["```json", "```"], ..row("command_r", &["Action:"], &["```"]) },
    // Nemotron Nano v2: `nemotron_toolcall_parser_streaming.py` of nvidia/NVIDIA-Nemotron-Nano-9B-v2.
    row("nemotron", &["<TOOLCALL>"], &["</TOOLCALL>"]),
    // Granite 20B function calling: vLLM `granite_20b_fc_tool_parser.py`.
    row("function_call", &["<function_call>"], &["</function_call>"]),
    // Qwen2.5-Coder, which takes the tag of the list of tools for its own: vLLM `qwen2_5_coder_tool_parser.py`.
    row("tools", &["<tools>"], &["</tools>"]),
    // LongCat-Flash: SGLang `longcat_detector.py`.
    row("longcat", &["<longcat_tool_call>"], &["</longcat_tool_call>"]),
    // InternLM 2 and 2.5: vLLM `internlm2_tool_parser.py`, SGLang `internlm_detector.py`.
    Tagged { lead: &["<|plugin|>"], ..row("internlm2", &["<|action_start|>"], &["<|action_end|>"]) },
    // Llama 3.1 and 3.2, objects with `parameters`, semicolons between: Llama's documentation of tool calling, SGLang
    // `llama32_detector.py`, vLLM `llama_tool_parser.py`. Built-in tools are written as in Python.
    row("llama_python_tag", &["<|python_tag|>"], &["<|eom_id|>", "<|eot_id|>"]),
    // Llama 4: vLLM `llama4_pythonic_tool_parser.py`.
    Tagged { body: Body::Python, ..row("llama4", &["<|python_start|>"], &["<|python_end|>"]) },
    // LFM 2: SGLang `lfm2_detector.py`.
    row("lfm2", &["<|tool_call_start|>"], &["<|tool_call_end|>"]),
    // Olmo 3, one call a line: vLLM `olmo3_tool_parser.py`.
    Tagged { body: Body::Python, ..row("olmo3", &["<function_calls>"], &["</function_calls>"]) },
];

const fn row(name: &'static str, openings: &'static [&'static str], closings: &'static [&'static str]) -> Tagged {
    Tagged { name, openings, line: false, lead: &[], body: Body::Any, closings }
}

impl Format for &'static Tagged {
    fn name(&self) -> &str {
        self.name
    }

    fn openings(&self) -> Vec<Opening> {
        let opening = |text: &&'static str| if self.line { Opening::line(text) } else { Opening::anywhere(text) };
        self.openings.iter().map(opening).collect()
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        verdict(text, around, |cursor| self.read(cursor))
    }
}

impl Tagged {
    fn read<'t>(&self, cursor: &mut Cursor<'t, '_>) -> Read<Vec<FoundCall<'t>>> {
        if let Some(word) = self.openings.iter().find_map(|opening| opening.strip_suffix('[')) {
            // The bracket belongs to the list.
            cursor.until(word)?;
        } else {
            cursor.one_of(self.openings)?;
        }
        if !self.lead.is_empty() {
            cursor.takes(self.lead)?;
        }
        let calls = match cursor.next()? {
            Some('{') if self.body == Body::Any => cursor.objects()?,
            Some('[') => list(cursor, self.body)?,
            Some(c) if c.is_ascii_alphabetic() => lines(cursor)?,
            _ => return Err(Stop::Not),
        };
        if !self.closings.is_empty() {
            // One bracket too many at the end is a slip that small models make.
            let mut ahead = cursor.clone();
            if ahead.takes(&["}"])? && ahead.closes(self.closings)? {
                *cursor = ahead;
            } else {
                cursor.closes(self.closings)?;
            }
        }
        Ok(calls)
    }
}

/// A list of objects, or of calls as in Python.
fn list<'t>(cursor: &mut Cursor<'t, '_>, body: Body) -> Read<Vec<FoundCall<'t>>> {
    let mut ahead = cursor.clone();
    ahead.one_of(&["["])?;
    match ahead.next()? {
        Some('{') if body == Body::Any => cursor.objects(),
        Some(c) if c.is_ascii_alphabetic() => cursor.python_list(),
        _ => Err(Stop::Not),
    }
}

/// Calls as in Python, one after another.
fn lines<'t>(cursor: &mut Cursor<'t, '_>) -> Read<Vec<FoundCall<'t>>> {
    let mut calls = Vec::new();
    loop {
        let mut call = cursor.python_call()?;
        // Llama's built-in tools are objects with one method.
        if let Some(name) = call.name.strip_suffix(".call") {
            call.name = name.to_owned().into();
        }
        cursor.known(&call.name)?;
        calls.push(call);
        let mut ahead = cursor.clone();
        ahead.takes(&[";", ","])?;
        match ahead.next()? {
            Some(c) if c.is_ascii_alphabetic() && ahead.may_call() => *cursor = ahead,
            _ => return Ok(calls),
        }
    }
}
