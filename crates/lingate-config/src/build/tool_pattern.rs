//! One pattern for tool calls, raw to checked.

use super::{name_in, non_empty};
use crate::checked::{PatternType, ToolPattern};
use crate::diagnostic::Findings;
use crate::node::member;
use crate::raw;

/// Priorities reach from 1 to this.
const MOST: u32 = 100;

/// Always a pattern, so that indices stay those of the file.
pub(super) fn tool_pattern(raw: raw::ToolPattern, path: &str, findings: &mut Findings) -> Option<ToolPattern> {
    let priority = raw.priority.unwrap_or(50);
    if !(1..=MOST).contains(&priority) {
        findings.add(&member(path, "priority"), "must lie between 1 and 100", None);
    }
    if raw.tool_name_group == Some(0) {
        findings.add(&member(path, "tool_name_group"), "groups are counted from 1", None);
    }
    if raw.regex_pattern.as_ref().is_none_or(String::is_empty) {
        findings.missing(&member(path, "regex_pattern"), Some("give the expression that finds the call"));
    }
    let mapping = |raw: Option<raw::Members<String>>| raw.map(|members| members.0).unwrap_or_default();
    Some(ToolPattern {
        name: name_in("pattern_name", raw.pattern_name, path, findings),
        kind: raw.pattern_type.map_or(PatternType::Inline, |word| word.0),
        regex: raw.regex_pattern.unwrap_or_default(),
        tool_name: non_empty(raw.tool_name),
        tool_name_group: raw.tool_name_group,
        tool_name_json_path: non_empty(raw.tool_name_json_path),
        tool_name_mapping: mapping(raw.tool_name_mapping),
        parameter_mapping: mapping(raw.parameter_mapping),
        enabled: raw.enabled.unwrap_or(true),
        priority,
    })
}
