//! `<invoke name="NAME">` with `<parameter name="KEY">VALUE</parameter>`, or with an object of arguments, one or several
//! in an outer tag: MiniMax M2 (`<minimax:tool_call>`), DeepSeek V3.2 and V4 (`<｜DSML｜function_calls>`,
//! `<｜DSML｜tool_calls>`, every tag with that prefix, parameters with `string="true"`), and `<function_calls>` alone. Seed-OSS has
//! Qwen3-Coder's tags, `<function=NAME>` and `<parameter=KEY>`, in an outer one of its own.
//!
//! Source: SGLang `minimax_m2.py`, `deepseekv32_detector.py`, `deepseekv4_detector.py`, vLLM `seed_oss_tool_parser.py`,
//! after the models' chat templates.

use super::cursor::{Cursor, Read, Stop, verdict};
use crate::transform::tool_repair::format::{Around, Format, FoundArguments, FoundCall, Opening, Verdict};
use std::borrow::Cow;

/// The words of one family.
pub(super) struct Invoke {
    name: &'static str,
    outer: &'static [&'static str],
    outer_end: &'static [&'static str],
    invoke: &'static [&'static str],
    invoke_end: &'static [&'static str],
    parameter: &'static [&'static str],
    parameter_end: &'static str,
}

/// The families.
pub(super) static INVOKE: &[Invoke] = &[
    Invoke { name: "minimax_m2", outer: &["<minimax:tool_call>"], outer_end: &["</minimax:tool_call>"], ..PLAIN },
    Invoke {
        name: "deepseek_dsml",
        outer: &["<｜DSML｜function_calls>", "<｜DSML｜tool_calls>"],
        outer_end: &["</｜DSML｜function_calls>", "</｜DSML｜tool_calls>"],
        invoke: &["<｜DSML｜invoke name="],
        invoke_end: &["</｜DSML｜invoke>"],
        parameter: &["<｜DSML｜parameter name="],
        parameter_end: "</｜DSML｜parameter>",
    },
    Invoke { name: "function_calls", outer: &["<function_calls>"], outer_end: &["</function_calls>"], ..PLAIN },
    Invoke {
        name: "seed_oss",
        outer: &["<seed:tool_call>"],
        outer_end: &["</seed:tool_call>"],
        invoke: &["<function="],
        invoke_end: &["</function>"],
        parameter: &["<parameter="],
        parameter_end: "</parameter>",
    },
];

const PLAIN: Invoke = Invoke {
    name: "",
    outer: &[],
    outer_end: &[],
    invoke: &["<invoke name="],
    invoke_end: &["</invoke>"],
    parameter: &["<parameter name="],
    parameter_end: "</parameter>",
};

impl Format for &'static Invoke {
    fn name(&self) -> &str {
        self.name
    }

    fn openings(&self) -> Vec<Opening> {
        self.outer.iter().copied().map(Opening::anywhere).collect()
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        verdict(text, around, |cursor| self.read(cursor))
    }
}

impl Invoke {
    fn read<'t>(&self, cursor: &mut Cursor<'t, '_>) -> Read<Vec<FoundCall<'t>>> {
        cursor.expect(self.outer)?;
        cursor.expect(self.invoke)?;
        let mut calls = Vec::new();
        loop {
            calls.push(self.call(cursor)?);
            if !cursor.takes(self.invoke)? {
                break;
            }
        }
        cursor.closes(self.outer_end)?;
        Ok(calls)
    }

    fn call<'t>(&self, cursor: &mut Cursor<'t, '_>) -> Read<FoundCall<'t>> {
        let name = cursor.name(&['>'])?;
        cursor.known(name)?;
        cursor.expect(&[">"])?;
        if cursor.next()? == Some('{') {
            let arguments = cursor.arguments()?;
            cursor.closes(self.invoke_end)?;
            return cursor.call(name, arguments);
        }
        let mut pairs = Vec::new();
        while cursor.takes(self.parameter)? {
            let key = cursor.name(&['>'])?;
            cursor.expect(&[">"])?;
            // `"KEY" string="true"`: what the values are is the schema's to say.
            let key = key.split(['"', ' ']).next().unwrap_or(key);
            pairs.push((Cow::Borrowed(key), Cow::Borrowed(cursor.until(self.parameter_end)?)));
        }
        if !cursor.closes(self.invoke_end)? && pairs.is_empty() {
            return Err(Stop::Not);
        }
        cursor.call(name, FoundArguments::Pairs(pairs))
    }
}
