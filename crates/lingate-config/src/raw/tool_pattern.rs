//! What was written under `tool_patterns`. The keys are the columns of seed 003's table.

use super::{Members, Word, object};
use crate::checked::PatternType;

object! {
    /// A pattern that finds tool calls in a model's text.
    struct ToolPattern {
        /// Its name, unique; that of a built-in pattern takes its place.
        #[schemars(required)]
        pattern_name: String,
        /// How what it found is read: fence, inline, xml, bracket or action. Default: inline.
        pattern_type: Word<PatternType>,
        /// The expression, in the syntax of Rust's regex; a dot matches a newline, too.
        #[schemars(required)]
        regex_pattern: String,
        /// The tool's name, if it is always the same.
        tool_name: String,
        /// The group that holds the tool's name, from 1.
        tool_name_group: u32,
        /// Where the name stands in the JSON that was found, as name or function.name.
        tool_name_json_path: String,
        /// Names of tools that the model writes, and what they are called.
        tool_name_mapping: Members<String>,
        /// Names of parameters that the model writes, and what they are called.
        parameter_mapping: Members<String>,
        /// Whether it is used. Default: true.
        enabled: bool,
        /// Where two patterns find overlapping calls, the higher wins. Default: 50.
        priority: u32,
    }
}
