//! What is kept of a request: its unknown members.

pub(super) use crate::dialect::openai_path::*;
use crate::ir::Extra;
use crate::json::{Object, Raw};

/// Keeps all members but the `known` ones and those that say nothing (`null`, `[]`): clients send back whole answers.
pub(super) fn keep_unknown<'a>(object: &Object<'a>, known: &[&str], path: &Path<'_>, extras: &mut Vec<Extra<'a>>) {
    let says_nothing = |value: Raw<'_>| matches!(value.bytes(), b"null" | b"[]");
    let unknown = object.members().iter().filter(|m| !known.contains(&&*m.key) && !says_nothing(m.value));
    extras.extend(unknown.map(|member| extra(member, path)));
}
