//! Values that may have one of two forms: a word or a mapping, a text or a mapping, a word or a list.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::read::{Read, scalar, wrong};
use super::{CacheOptions, ExposeFilter, ListenObject, Span};
use crate::diagnostic::Findings;
use crate::node::{Node, Value};
use crate::units::parse_duration;

/// An address, alone or with TLS.
#[derive(Debug, Clone)]
pub(crate) enum ListenAt {
    Address(String),
    Object(ListenObject),
}

impl Read for ListenAt {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        match &node.value {
            Value::Scalar(scalar) => Some(Self::Address(scalar.text.clone())),
            Value::Map(_) => ListenObject::read(node, path, findings).map(Self::Object),
            _ => wrong(node, path, "an address or { address, tls }", findings),
        }
    }
}

/// A duration or `off`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OffOrDuration(pub(crate) Option<Duration>);

impl Read for OffOrDuration {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let expected = "off or a duration";
        match scalar(node, path, expected, findings)?.text.as_str() {
            "off" | "false" => Some(Self(None)),
            text => match parse_duration(text) {
                Ok(span) => Some(Self((!span.is_zero()).then_some(span))),
                Err(_) => wrong(node, path, expected, findings),
            },
        }
    }
}

/// Whether and how answers are cached.
#[derive(Debug, Clone)]
pub(crate) enum Cache {
    Off,
    On(CacheOptions),
}

impl Read for Cache {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        match &node.value {
            Value::Scalar(scalar) if matches!(scalar.text.as_str(), "off" | "false") => Some(Self::Off),
            Value::Map(_) => CacheOptions::read(node, path, findings).map(Self::On),
            _ => wrong(node, path, "off or { ttl }", findings),
        }
    }
}

/// Which models of an upstream are served under their own names.
#[derive(Debug, Clone)]
pub(crate) enum Expose {
    All(bool),
    Filter(ExposeFilter),
}

impl Read for Expose {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        match &node.value {
            Value::Scalar(scalar) if scalar.text == "true" => Some(Self::All(true)),
            Value::Scalar(scalar) if scalar.text == "false" => Some(Self::All(false)),
            Value::Map(_) => ExposeFilter::read(node, path, findings).map(Self::Filter),
            _ => wrong(node, path, "true, false or { include, exclude, prefix }", findings),
        }
    }
}

/// Whether tool calls in text are repaired.
#[derive(Debug, Clone)]
pub(crate) enum Repair {
    Off,
    On,
    Auto,
    Patterns(Vec<String>),
}

impl Read for Repair {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let word = match &node.value {
            Value::Scalar(scalar) => scalar.text.as_str(),
            Value::List(_) => return Vec::read(node, path, findings).map(Self::Patterns),
            _ => "",
        };
        match word {
            "off" | "false" => Some(Self::Off),
            "on" | "true" => Some(Self::On),
            "auto" => Some(Self::Auto),
            _ => wrong(node, path, "off, on, auto or a list of pattern names", findings),
        }
    }
}

/// The schema of a type with two forms.
macro_rules! either_schema {
    ($($type:ident($generator:ident) = $schema:expr;)+) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )+};
}

either_schema! {
    ListenAt(generator) = json_schema!({
        "anyOf": [{ "type": "string" }, generator.subschema_for::<ListenObject>()]
    });
    OffOrDuration(generator) = json_schema!({
        "anyOf": [{ "const": "off" }, generator.subschema_for::<Span>()]
    });
    Cache(generator) = json_schema!({
        "anyOf": [{ "const": "off" }, generator.subschema_for::<CacheOptions>()]
    });
    Expose(generator) = json_schema!({
        "anyOf": [{ "type": "boolean" }, generator.subschema_for::<ExposeFilter>()]
    });
    Repair(_generator) = json_schema!({
        "anyOf": [{ "enum": ["off", "on", "auto"] }, { "type": "array", "items": { "type": "string" } }]
    });
}
