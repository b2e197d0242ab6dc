//! What stands for a required member that a model left out, where the value decides nothing: the few that coding
//! agents' tools ask for beside what matters.

use super::schema::{Node, Schema, Types};

/// Member, the member that must be beside it in the schema, and the value.
const DEFAULTS: &[(&str, &str, &str)] = &[
    // Shown to the user before a command runs.
    ("description", "command", "Run bash command"),
    // An entry of a list of things to do.
    ("status", "content", "pending"),
    ("priority", "content", "medium"),
];

/// The text for the missing member `name` of an object of `node`, if the schema admits it there.
pub(super) fn of(name: &str, node: &Node, schema: &Schema) -> Option<&'static str> {
    let (.., value) =
        DEFAULTS.iter().find(|(member, beside, _)| *member == name && node.properties.contains_key(*beside))?;
    let member = schema.node(node.properties.get(name)?.node);
    let quoted = |allowed: &Vec<u8>| allowed.get(1..allowed.len().wrapping_sub(1)) == Some(value.as_bytes());
    let admitted = member.types != Types::ALL && member.types.has(Types::STRING);
    (admitted && (member.allowed.is_empty() || member.allowed.iter().any(quoted))).then_some(value)
}
