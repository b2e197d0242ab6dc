//! Which member of the schema each given member is: by its name, by its name in another style, or because it is the
//! only one that it can be.

use super::defaults;
use super::schema::{Node, NodeId, Schema, Types};
use crate::json::{Member, Object, Raw};
use std::collections::{BTreeMap, BTreeSet};

/// A given member and its place in the schema.
pub(super) struct Slot<'a> {
    /// The schema's name, or the given one if the schema has none for it.
    pub(super) name: &'a str,
    pub(super) value: Raw<'a>,
    /// The member's schema and whether it must be there; `None` if the schema does not name it.
    pub(super) known: Option<(NodeId, bool)>,
}

/// Names that say why a call is made; what stands there is never taken for an argument.
const REASONS: &[&str] = &["reason", "reasoning", "thought", "thoughts", "thinking", "explanation", "comment"];

/// Assigns the members of `object` in their order; of members with one name the last counts. Unless `exact`, names
/// may be spelled in another style, and one unknown member may stand for the one that is missing.
pub(super) fn assign<'a>(object: &'a Object<'a>, node: &'a Node, schema: &Schema, exact: bool) -> Vec<Slot<'a>> {
    let mut slots: Vec<Slot<'a>> = last_of_each(object)
        .into_iter()
        .map(|member| {
            let known = node.properties.get_key_value(member.key.as_ref());
            Slot {
                name: known.map_or(member.key.as_ref(), |(name, _)| name.as_str()),
                value: member.value,
                known: known.map(|(_, property)| (property.node, property.required)),
            }
        })
        .collect();
    if !exact && slots.iter().any(|slot| slot.known.is_none()) {
        other_styles(&mut slots, node);
        only_one_left(&mut slots, node, schema);
    }
    slots
}

fn last_of_each<'a>(object: &'a Object<'a>) -> Vec<&'a Member<'a>> {
    let members = object.members();
    let last: BTreeMap<&str, usize> =
        members.iter().enumerate().map(|(at, member)| (member.key.as_ref(), at)).collect();
    members
        .iter()
        .enumerate()
        .filter(|(at, member)| last.get(member.key.as_ref()) == Some(at))
        .map(|(_, m)| m)
        .collect()
}

/// The properties that are given.
pub(super) fn given<'a>(slots: &[Slot<'a>]) -> BTreeSet<&'a str> {
    slots.iter().filter(|slot| slot.known.is_some()).map(|slot| slot.name).collect()
}

/// A name without case and separators: `file_path`, `filePath` and `File-Path` are one.
pub(super) fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '.')).flat_map(char::to_lowercase).collect()
}

fn other_styles<'a>(slots: &mut [Slot<'a>], node: &'a Node) {
    // Folded name to the one property of that name that is not given yet; `None` if there are several.
    let mut free: BTreeMap<String, Option<&'a str>> = BTreeMap::new();
    let given = given(slots);
    for name in node.properties.keys().filter(|name| !given.contains(name.as_str())) {
        free.entry(folded(name)).and_modify(|one| *one = None).or_insert(Some(name));
    }
    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    for slot in slots.iter().filter(|slot| slot.known.is_none()) {
        *wanted.entry(folded(slot.name)).or_default() += 1;
    }
    for slot in slots.iter_mut().filter(|slot| slot.known.is_none()) {
        let key = folded(slot.name);
        if wanted.get(&key) == Some(&1)
            && let Some(Some(name)) = free.get(&key)
        {
            take(slot, name, node);
        }
    }
}

/// Where one required member is missing and one unknown one was given, of a fitting kind, they are the same:
/// `{"file":"/a"}` for `filePath`, `{"tasks":[…]}` for `todos`.
fn only_one_left<'a>(slots: &mut [Slot<'a>], node: &'a Node, schema: &Schema) {
    let Some((name, types)) = missing(slots, node, schema) else { return };
    let mut unknown = slots.iter_mut().filter(|slot| slot.known.is_none());
    let (Some(slot), None) = (unknown.next(), unknown.next()) else { return };
    let kind_fits = match slot.value.bytes().first() {
        Some(b'"') => types.has(Types::STRING.with(Types::ARRAY)),
        Some(b'[') => types.has(Types::ARRAY),
        Some(b'{') => types.has(Types::OBJECT.with(Types::ARRAY)),
        _ => false,
    };
    if types != Types::ALL && kind_fits && !REASONS.contains(&folded(slot.name).as_str()) {
        take(slot, name, node);
    }
}

/// The only required member that is not given and that has no default.
fn missing<'a>(slots: &[Slot<'_>], node: &'a Node, schema: &Schema) -> Option<(&'a str, Types)> {
    let given = given(slots);
    let mut missing = node.properties.iter().filter(|(name, property)| {
        property.required && !given.contains(name.as_str()) && defaults::of(name, node, schema).is_none()
    });
    match (missing.next(), missing.next()) {
        (Some((name, property)), None) => Some((name, schema.node(property.node).types)),
        _ => None,
    }
}

/// The member that a value without a name is: the only required one without a default.
pub(super) fn sole<'a>(node: &'a Node, schema: &Schema) -> Option<(&'a str, NodeId)> {
    let (name, types) = missing(&[], node, schema)?;
    let property = node.properties.get(name)?;
    (types != Types::ALL).then_some((name, property.node))
}

fn take<'a>(slot: &mut Slot<'a>, name: &'a str, node: &Node) {
    if let Some(property) = node.properties.get(name) {
        slot.name = name;
        slot.known = Some((property.node, property.required));
    }
}
