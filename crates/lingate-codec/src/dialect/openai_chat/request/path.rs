//! What is kept of a request: its unknown members, and how those of one object are found again.

pub(super) use crate::dialect::openai_path::*;
use crate::ir::Extra;
use crate::json::Object;

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
