//! Places in a request of OpenAI's, and the typed readers that name them when a value is of the wrong kind.

use crate::ir::{ApiError, Extra, Number};
use crate::json::{Elements, Member, Object, Raw};
use std::borrow::Cow;
use std::fmt;

/// A place in a request. It costs nothing until an error or an unknown member needs it spelt.
#[derive(Clone, Copy)]
pub(in crate::dialect) enum Path<'p> {
    /// The request itself.
    Root,
    /// A member.
    Key(&'p Path<'p>, &'p str),
    /// An element.
    Index(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    pub(in crate::dialect) fn key(&'p self, key: &'p str) -> Self {
        Path::Key(self, key)
    }

    pub(in crate::dialect) fn index(&'p self, index: usize) -> Self {
        Path::Index(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Key(Path::Root, key) => f.write_str(key),
            Path::Key(parent, key) => write!(f, "{parent}.{key}"),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A 400: the value at `path` is not what it must be.
pub(in crate::dialect) fn wrong(path: &Path<'_>, wanted: &str, value: Raw<'_>) -> ApiError {
    ApiError::invalid(path.to_string(), format!("`{path}` must be {wanted}, not {}", value.kind().name()))
}

/// A 400: the word at `path` is none of those that there are.
pub(in crate::dialect) fn unknown_word(path: &Path<'_>, wanted: &str, word: &str) -> ApiError {
    let word: String = word.chars().take(40).collect();
    ApiError::invalid(path.to_string(), format!("`{path}` must be {wanted}, not `{word}`"))
}

/// A 400: there is no value at `path`.
pub(in crate::dialect) fn missing(path: &Path<'_>) -> ApiError {
    ApiError::invalid(path.to_string(), format!("`{path}` is missing"))
}

pub(in crate::dialect) fn string<'a>(value: Raw<'a>, path: &Path<'_>) -> Result<Cow<'a, str>, ApiError> {
    value.string().ok_or_else(|| wrong(path, "a string", value))
}

pub(in crate::dialect) fn boolean(value: Raw<'_>, path: &Path<'_>) -> Result<bool, ApiError> {
    value.bool().ok_or_else(|| wrong(path, "true or false", value))
}

pub(in crate::dialect) fn number<'a>(value: Raw<'a>, path: &Path<'_>) -> Result<Number<'a>, ApiError> {
    Number::from_raw(value).ok_or_else(|| wrong(path, "a number", value))
}

/// A whole number, zero or more.
pub(in crate::dialect) fn unsigned(value: Raw<'_>, path: &Path<'_>) -> Result<u64, ApiError> {
    value.u64().ok_or_else(|| match value.number() {
        None => wrong(path, "a whole number", value),
        Some(text) => ApiError::invalid(
            path.to_string(),
            format!("`{path}` must be a whole number, zero or more, not {}", text.get(..40).unwrap_or(text)),
        ),
    })
}

pub(in crate::dialect) fn object<'a>(value: Raw<'a>, path: &Path<'_>) -> Result<Object<'a>, ApiError> {
    value.object().ok_or_else(|| wrong(path, "an object", value))
}

pub(in crate::dialect) fn array<'a>(value: Raw<'a>, path: &Path<'_>) -> Result<Elements<'a>, ApiError> {
    value.array().ok_or_else(|| wrong(path, "an array", value))
}

/// A string member, `None` when absent or null.
pub(in crate::dialect) fn string_in<'a>(
    object: &Object<'a>,
    key: &str,
    path: &Path<'_>,
) -> Result<Option<Cow<'a, str>>, ApiError> {
    object.given(key).map(|value| string(value, &path.key(key))).transpose()
}

/// A string member that must be there.
pub(in crate::dialect) fn string_needed<'a>(
    object: &Object<'a>,
    key: &str,
    path: &Path<'_>,
) -> Result<Cow<'a, str>, ApiError> {
    string_in(object, key, path)?.ok_or_else(|| missing(&path.key(key)))
}

/// A member, kept with its place.
pub(in crate::dialect) fn extra<'a>(member: &Member<'a>, path: &Path<'_>) -> Extra<'a> {
    Extra { path: path.key(&member.key).to_string(), key: member.key.clone(), value: member.value }
}
