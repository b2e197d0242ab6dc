//! The forms of single values, each with its part of the JSON Schema.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::read::{Read, scalar, wrong};
use crate::choice::Choice;
use crate::diagnostic::Findings;
use crate::node::{Node, Scalar, member};
use crate::secret::Secret;
use crate::suggest::nearest;
use crate::units::{Number, UnitError, parse_duration, parse_size};

impl Read for String {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        scalar(node, path, "text", findings).map(|s| s.text.clone())
    }
}

impl Read for bool {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        match scalar(node, path, "true or false", findings)?.text.as_str() {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => wrong(node, path, "true or false", findings),
        }
    }
}

macro_rules! integers {
    ($($type:ty)+) => {$(
        impl Read for $type {
            fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
                let expected = concat!("a whole number (", stringify!($type), ")");
                let expected = expected.replace("u32", "0 to 4294967295").replace("u64", "0 or more")
                    .replace("i32", "-2147483648 to 2147483647");
                match scalar(node, path, &expected, findings)?.text.parse() {
                    Ok(number) => Some(number),
                    Err(_) => wrong(node, path, &expected, findings),
                }
            }
        }
    )+};
}
integers!(u32 u64 i32);

/// A number that is kept as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Decimal(pub(crate) String);

impl Decimal {
    /// The number times `factor`, exactly rounded down.
    pub(crate) fn times(&self, factor: u128) -> Option<u64> {
        let (number, _) = Number::split(&self.0)?;
        u64::try_from(number.times(factor)?).ok()
    }
}

impl Read for Decimal {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let text = &scalar(node, path, "a number", findings)?.text;
        match Number::split(text) {
            Some((_, "")) if text.len() <= 30 => Some(Self(text.clone())),
            _ => wrong(node, path, "a number that is not negative", findings),
        }
    }
}

impl JsonSchema for Decimal {
    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0 })
    }
}

/// A duration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span(pub(crate) Duration);

/// A number of bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size(pub(crate) u64);

/// Reads a value with a unit; the message quotes the file, never an interpolated value.
fn unit<T>(
    node: &Node,
    path: &str,
    what: (&str, &str),
    findings: &mut Findings,
    parse: fn(&str) -> Result<T, UnitError>,
) -> Option<T> {
    let (expected, range) = what;
    match parse(&scalar(node, path, expected, findings)?.text) {
        Ok(value) => Some(value),
        Err(error @ (UnitError::TooLong | UnitError::TooLarge)) => {
            findings.add(path, format!("{} is {error}", node.found()), Some(range));
            None
        }
        Err(_) => wrong(node, path, expected, findings),
    }
}

impl Read for Span {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let what = ("a duration such as 500ms, 5s, 10m or 1h30m", "0s switches most limits off");
        unit(node, path, what, findings, parse_duration).map(Self)
    }
}

impl Read for Size {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let what = ("a size such as 32MiB, 1MB or a number of bytes", "choose a smaller size");
        unit(node, path, what, findings, parse_size).map(Self)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A duration: 500ms, 5s, 10m, 1h30m, or a number of seconds.",
            "type": ["string", "number"],
            "pattern": r"^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d|w))+$|^\d+(\.\d+)?$|\$\{",
            "minimum": 0
        })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A size: 32MiB, 1MB, or a number of bytes.",
            "type": ["string", "integer"],
            "pattern": r"^\d+$|^\d+(\.\d+)? ?([kKmMgGtT]i?)?[bB]$|\$\{",
            "minimum": 0
        })
    }
}

/// A text that may be a credential.
#[derive(Debug, Clone)]
pub(crate) struct Sealed(pub(crate) Secret);

impl Read for Sealed {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        scalar(node, path, "text", findings).map(|s| Self(Secret::new(s.text.clone())))
    }
}

impl JsonSchema for Sealed {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"] })
    }
}

/// One word of a closed set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<T>(pub(crate) T);

/// The word of a scalar. YAML 1.1 tools rewrite `off` as `false`, so a set with `off` or `on` takes these too.
pub(super) fn word<T: Choice>(scalar: &Scalar) -> Option<T> {
    T::of_word(&scalar.text).or_else(|| match scalar.text.as_str() {
        "false" => T::of_word("off"),
        "true" => T::of_word("on"),
        _ => None,
    })
}

impl<T: Choice> Read for Word<T> {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
        let expected = format!("one of {}", words.join(", "));
        let scalar = scalar(node, path, &expected, findings)?;
        if let Some(value) = word(scalar) {
            return Some(Self(value));
        }
        let help = match scalar.written {
            // Of an interpolated value not even its neighbour is told.
            Some(_) => None,
            None => nearest(&scalar.text, &words).map(|meant| format!("did you mean `{meant}`?")),
        };
        findings.add(path, format!("expected {expected}, found {}", node.found()), help.as_deref());
        None
    }
}

impl<T: Choice> JsonSchema for Word<T> {
    fn schema_name() -> Cow<'static, str> {
        std::any::type_name::<T>().rsplit("::").next().unwrap_or("Word").to_owned().into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

/// A mapping with names of the user's choice, in the order of the file.
#[derive(Debug, Clone)]
pub(crate) struct Members<T>(pub(crate) Vec<(String, T)>);

impl<T: Read> Read for Members<T> {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let entries = super::read::entries(node, path, findings)?;
        let mut out = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Some(value) = T::read(&entry.value, &member(path, &entry.key), findings) {
                out.push((entry.key.clone(), value));
            }
        }
        Some(Self(out))
    }
}

impl<T: JsonSchema> JsonSchema for Members<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Map_of_{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let values = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_scale_exactly() {
        assert_eq!(Decimal("2.50".to_owned()).times(1_000_000), Some(2_500_000));
        assert_eq!(Decimal("0".to_owned()).times(1_000_000), Some(0));
    }
}
