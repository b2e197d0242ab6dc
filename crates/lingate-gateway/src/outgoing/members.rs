//! `defaults` and `force` of a virtual model: members that the operator adds to every request.

use lingate_codec::dialect::Dialect;
use lingate_codec::json::{Edits, Object, Raw, Writer};
use lingate_config::VirtualModel;
use std::collections::BTreeMap;

/// Where a dialect has a configured member: its parent, and its names there. No name: nowhere.
type Place<'p> = &'p dyn Fn(&str) -> (&'static str, Vec<String>);

/// Adds the configured members where the dialect has them, and a `num_ctx` where none is given or configured.
pub(crate) fn apply(
    place: Place<'_>,
    object: &Object<'_>,
    model: &VirtualModel,
    num_ctx: Option<u64>,
    edits: &mut Edits,
) {
    if !any(model, num_ctx) {
        return;
    }
    let further = num_ctx.map(|tokens| ("num_ctx".to_owned(), tokens.to_string()));
    let mut nested: BTreeMap<&'static str, Vec<(String, &str)>> = BTreeMap::new();
    let all = model.force.iter().map(|m| (m, true)).chain(model.defaults.iter().chain(&further).map(|m| (m, false)));
    for ((member, json), force) in all {
        let (parent, names) = place(member);
        let Some(name) = names.first() else { continue };
        let inside = object.given(parent).and_then(Raw::object);
        let around = if parent.is_empty() { Some(object) } else { inside.as_ref() };
        let given = names.iter().any(|name| around.is_some_and(|around| around.given(name).is_some()));
        let forced_already = model.force.iter().any(|(other, _)| other == member);
        if !force && (given || forced_already) {
            continue;
        }
        if parent.is_empty() {
            for other in &names[1..] {
                edits.remove(object, other);
            }
            edits.set(object, name, json.as_bytes());
        } else {
            nested.entry(parent).or_default().push((name.clone(), json));
        }
    }
    for (parent, members) in nested {
        edits.set(object, parent, &merged(object.given(parent), &members));
    }
}

/// The parent object with these members set.
fn merged(old: Option<Raw<'_>>, members: &[(String, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    writer.begin_object();
    if let Some(old) = old.and_then(Raw::object) {
        for member in old.members().iter().filter(|m| members.iter().all(|(name, _)| *name != m.key)) {
            writer.raw_member(&member.key, member.value);
        }
    }
    for (name, json) in members {
        writer.json_member(name, json);
    }
    writer.end_object();
    out
}

/// Whether there is anything to add.
pub(super) fn any(model: &VirtualModel, num_ctx: Option<u64>) -> bool {
    !model.defaults.is_empty() || !model.force.is_empty() || num_ctx.is_some()
}

/// Whether the operator configured this member.
pub(super) fn is_configured(dialect: &dyn Dialect, model: &VirtualModel, name: &str) -> bool {
    model.force.iter().chain(&model.defaults).any(|(member, _)| means(dialect, member, name))
}

/// Whether `member` is what the dialect calls `name`, or holds it.
pub(super) fn means(dialect: &dyn Dialect, member: &str, name: &str) -> bool {
    let place = dialect.place(name);
    dialect.place(member) == place || member == place.0
}

/// What the operator configured as `max_tokens`, for dialects that need one.
pub(crate) fn default_max_tokens(model: &VirtualModel) -> Option<u64> {
    let wanted = |(name, _): &&(String, String)| name == "max_tokens" || name == "max_completion_tokens";
    model.force.iter().chain(&model.defaults).find(wanted)?.1.parse().ok()
}
