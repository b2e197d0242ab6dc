//! Places in a request, and the typed readers that name them when a value is of the wrong kind.

use crate::ir::{ApiError, Extra, Number};
use crate::json::{Elements, Member, Object, Raw};
use std::borrow::Cow;
use std::fmt;

/// A place in a request. It costs nothing until an error or an unknown member needs it spelt.
#[derive(Clone, Copy)]
pub(super) enum Path<'p> {
    /// The request itself.
    Root,
    /// A member.
    Key(&'p Path<'p>, &'p str),
    /// An element.
    Index(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    pub(super) fn key(&'p self, key: &'p str) -> Self {
        Path::Key(self, key)
    }

    pub(super) fn index(&'p self, index: usize) -> Self {
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
pub(super) fn wrong(path: &Path<'_>, wanted: &str, value: Raw<'_>) -> ApiError {
    ApiError::invalid(path.to_string(), format!("`{path}` must be {wanted}, not {}", value.kind().name()))
}

/// A 400: there is no value at `path`.
pub(super) fn missing(path: &Path<'_>) -> ApiError {
    ApiError::invalid(path.to_string(), format!("`{path}` is missing"))
}

pub(super) fn string<'a>(value: Raw<'a>, path: &Path<'_>) -> Result<Cow<'a, str>, ApiError> {
    value.string().ok_or_else(|| wrong(path, "a string", value))
}

pub(super) fn boolean(value: Raw<'_>, path: &Path<'_>) -> Result<bool, ApiError> {
    value.bool().ok_or_else(|| wrong(path, "true or false", value))
}

pub(super) fn number<'a>(value: Raw<'a>, path: &Path<'_>) -> Result<Number<'a>, ApiError> {
    Number::from_raw(value).ok_or_else(|| wrong(path, "a number", value))
}

/// A whole number, zero or more.
pub(super) fn unsigned(value: Raw<'_>, path: &Path<'_>) -> Result<u64, ApiError> {
    value.u64().ok_or_else(|| match value.number() {
        None => wrong(path, "a whole number", value),
        Some(text) => ApiError::invalid(
            path.to_string(),
            format!("`{path}` must be a whole number, zero or more, not {}", text.get(..40).unwrap_or(text)),
        ),
    })
}

pub(super) fn object<'a>(value: Raw<'a>, path: &Path<'_>) -> Result<Object<'a>, ApiError> {
    value.object().ok_or_else(|| wrong(path, "an object", value))
}

pub(super) fn array<'a>(value: Raw<'a>, path: &Path<'_>) -> Result<Elements<'a>, ApiError> {
    value.array().ok_or_else(|| wrong(path, "an array", value))
}

/// A string member, `None` when absent or null.
pub(super) fn string_in<'a>(object: &Object<'a>, key: &str, path: &Path<'_>) -> Result<Option<Cow<'a, str>>, ApiError> {
    object.given(key).map(|value| string(value, &path.key(key))).transpose()
}

/// A string member that must be there.
pub(super) fn string_needed<'a>(object: &Object<'a>, key: &str, path: &Path<'_>) -> Result<Cow<'a, str>, ApiError> {
    string_in(object, key, path)?.ok_or_else(|| missing(&path.key(key)))
}

/// An unknown member, kept with its place.
pub(super) fn extra<'a>(member: &Member<'a>, path: &Path<'_>) -> Extra<'a> {
    Extra { path: path.key(&member.key).to_string(), key: member.key.clone(), value: member.value }
}

/// Keeps all members but the `known` ones.
pub(super) fn keep_unknown<'a>(object: &Object<'a>, known: &[&str], path: &Path<'_>, extras: &mut Vec<Extra<'a>>) {
    let unknown = object.members().iter().filter(|member| !known.contains(&&*member.key));
    extras.extend(unknown.map(|member| extra(member, path)));
}

/// Extras in the order of their places, so that those of one object are found without a search through all.
pub(super) struct Kept<'e, 'a> {
    /// Each with the path of its object, sorted by that.
    entries: Vec<(&'e str, &'e Extra<'a>)>,
}

impl<'e, 'a> Kept<'e, 'a> {
    /// Of a path only what follows the first index counts, because messages and tools may have moved:
    /// `messages[3].content[1].x` stands in `content[1].`.
    pub(super) fn new(extras: &'e [Extra<'a>]) -> Self {
        let place = |extra: &'e Extra<'a>| {
            let local = extra.path.split_once("].").map_or(extra.path.as_str(), |(_, local)| local);
            (local.strip_suffix(&*extra.key).unwrap_or(local), extra)
        };
        let mut entries: Vec<_> = extras.iter().map(place).collect();
        entries.sort_by_key(|(parent, _)| *parent);
        Self { entries }
    }

    /// The extras of the object at `parent` (empty: the message or tool itself; else with a dot at its end).
    pub(super) fn at(&self, parent: &str) -> impl Iterator<Item = &'e Extra<'a>> + use<'_, 'e, 'a> {
        let start = self.entries.partition_point(|(other, _)| *other < parent);
        let end = self.entries.partition_point(|(other, _)| *other <= parent);
        self.entries[start..end].iter().map(|(_, extra)| *extra)
    }

    /// Whether there is an extra inside `parent`, however deep.
    pub(super) fn any_in(&self, parent: &str) -> bool {
        let start = self.entries.partition_point(|(other, _)| *other < parent);
        self.entries.get(start).is_some_and(|(other, _)| other.starts_with(parent))
    }
}

#[cfg(test)]
mod tests {
    use super::{Extra, Kept};
    use crate::json::Raw;
    use std::borrow::Cow;

    #[test]
    fn extras_are_found_by_their_place() {
        let value = Raw::parse(b"1").unwrap();
        let extra = |path: &str, key: &'static str| Extra { path: path.into(), key: Cow::Borrowed(key), value };
        let extras = [
            extra("tools[3].function.a.b", "a.b"),
            extra("tools[3].c", "c"),
            extra("d", "d"),
            extra("messages[1].content[10].image_url.e", "e"),
        ];
        let kept = Kept::new(&extras);
        let at = |parent| kept.at(parent).map(|e| &*e.key).collect::<Vec<_>>();
        assert_eq!(at("function."), ["a.b"]);
        assert_eq!(at(""), ["c", "d"]);
        assert_eq!(at("content[10].image_url."), ["e"]);
        assert!(kept.any_in("content[10]."));
        assert!(!kept.any_in("content[1]."));
    }
}
