//! Any value as JSON text, for members that lingate passes on unread.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::Read;
use crate::diagnostic::Findings;
use crate::node::{Node, Value};
use crate::yaml::is_null;

/// Any value, as JSON text: plain scalars by YAML's core schema, numbers as they were written.
#[derive(Debug, Clone)]
pub(crate) struct Json(pub(crate) String);

impl Read for Json {
    fn read(node: &Node, _: &str, _: &mut Findings) -> Option<Self> {
        let mut out = String::new();
        write(node, &mut out)?;
        Some(Self(out))
    }
}

impl JsonSchema for Json {
    fn schema_name() -> Cow<'static, str> {
        "Any".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}

fn write(node: &Node, out: &mut String) -> Option<()> {
    match &node.value {
        Value::Failed => return None,
        Value::Null => out.push_str("null"),
        Value::Scalar(scalar) if scalar.plain => out.push_str(&plain(&scalar.text)),
        Value::Scalar(scalar) => out.push_str(&quoted(&scalar.text)),
        Value::List(items) => {
            for (index, child) in items.iter().enumerate() {
                out.push(if index == 0 { '[' } else { ',' });
                write(child, out)?;
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Value::Map(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                out.push(if index == 0 { '{' } else { ',' });
                out.push_str(&quoted(&entry.key));
                out.push(':');
                write(&entry.value, out)?;
            }
            out.push_str(if entries.is_empty() { "{}" } else { "}" });
        }
    }
    Some(())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An unquoted scalar: null, a boolean, a number, else text.
fn plain(text: &str) -> String {
    match text {
        _ if is_null(text) => "null".to_owned(),
        "true" | "True" | "TRUE" => "true".to_owned(),
        "false" | "False" | "FALSE" => "false".to_owned(),
        _ if is_json_number(text) => text.to_owned(),
        _ => number_of_yaml(text).unwrap_or_else(|| quoted(text)),
    }
}

fn is_json_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && serde_json::from_str::<Box<serde_json::value::RawValue>>(text).is_ok()
}

/// The numbers that YAML's core schema has beyond JSON's: `+1`, `.5`, `1.`, `007`, `0x1F`, `0o17`.
fn number_of_yaml(text: &str) -> Option<String> {
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().filter(|_| !hex.starts_with('+')).map(|n| n.to_string());
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().filter(|_| !octal.starts_with('+')).map(|n| n.to_string());
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let trimmed = digits.trim_start_matches('0');
    let whole = if trimmed.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
    let mut number = format!("{sign}{whole}{trimmed}");
    if number.ends_with('.') {
        number.pop();
    }
    (digits.starts_with(|c: char| c == '.' || c.is_ascii_digit())
        && digits.contains(|c: char| c.is_ascii_digit())
        && is_json_number(&number))
    .then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_become_json() {
        for (text, json) in [
            ("1.10", "1.10"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("1e5", "1e5"),
            ("-0.5", "-0.5"),
            ("+1", "1"),
            (".5", "0.5"),
            ("1.", "1"),
            ("007", "7"),
            ("000", "0"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("true", "true"),
            ("~", "null"),
            ("yes", "\"yes\""),
            ("off", "\"off\""),
            (".inf", "\".inf\""),
            (".", "\".\""),
            ("-", "\"-\""),
            ("1.2.3", "\"1.2.3\""),
            ("0x", "\"0x\""),
            ("12:30", "\"12:30\""),
            ("a \"b\"", r#""a \"b\"""#),
        ] {
            assert_eq!(plain(text), json, "{text}");
        }
    }
}
