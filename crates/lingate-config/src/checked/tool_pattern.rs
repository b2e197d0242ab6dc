//! One pattern that finds tool calls in a model's text.

use crate::choice::choice;

/// A pattern of the operator's own. Whether its expression is one, those find out who compile it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolPattern {
    /// Its name; that of a built-in pattern takes its place.
    pub name: String,
    /// How what it found is read.
    pub kind: PatternType,
    /// The expression.
    pub regex: String,
    /// The tool's name, if it is always the same.
    pub tool_name: Option<String>,
    /// The group that holds the tool's name, from 1.
    pub tool_name_group: Option<u32>,
    /// Where the name stands in the JSON that was found.
    pub tool_name_json_path: Option<String>,
    /// Names of tools that the model writes, and what they are called.
    pub tool_name_mapping: Vec<(String, String)>,
    /// Names of parameters that the model writes, and what they are called.
    pub parameter_mapping: Vec<(String, String)>,
    /// Whether it is used.
    pub enabled: bool,
    /// Where two find overlapping calls, the higher wins.
    pub priority: u32,
}

choice! {
    /// How a pattern's groups are read.
    pub enum PatternType {
        /// Group 1: the fence's language, group 2: its body.
        Fence = "fence",
        /// Group 2: the arguments.
        Inline = "inline",
        /// The last group: the arguments, as JSON or as `<parameter=KEY>VALUE</parameter>`.
        Xml = "xml",
        /// Group 2: the arguments.
        Bracket = "bracket",
        /// Group 1: words that say what is done.
        Action = "action",
    }
}
