//! OpenAI's list of models, and seed 001's form of it.

use super::catalogue::{Catalogue, Entry, SOME_TIME};
use lingate_codec::json::Writer;

/// `GET /v1/models`.
pub(super) fn list(catalogue: &Catalogue<'_>, seed001: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_object();
    w.string_member("object", "list");
    w.key("data");
    w.begin_array();
    catalogue.entries().for_each(|entry| item(&mut w, &entry, seed001));
    w.end_array();
    w.end_object();
    out
}

/// `GET /v1/models/{id}`.
pub(super) fn one(entry: &Entry<'_>, seed001: bool) -> Vec<u8> {
    let mut out = Vec::new();
    item(&mut Writer::new(&mut out), entry, seed001);
    out
}

fn item(w: &mut Writer<'_>, entry: &Entry<'_>, seed001: bool) {
    w.begin_object();
    w.string_member("id", entry.name);
    w.string_member("object", "model");
    if seed001 {
        w.integer_member("created", SOME_TIME);
        w.string_member("owned_by", entry.shown());
        permission(w);
    } else {
        w.integer_member("created", entry.created());
        w.string_member("owned_by", entry.endpoint);
        // Open WebUI shows it.
        if let Some(name) = entry.display_name {
            w.string_member("name", name);
        }
        if let Some(length) = entry.told.and_then(|told| told.context_length) {
            w.integer_member("context_length", length);
        }
    }
    w.end_object();
}

/// What the seed, and OpenAI in former years, said of every model.
fn permission(w: &mut Writer<'_>) {
    w.key("permission");
    w.begin_array();
    w.begin_object();
    w.string_member("id", "modelperm");
    w.string_member("object", "model_permission");
    w.integer_member("created", SOME_TIME);
    for (key, value) in [
        ("allow_create_engine", false),
        ("allow_sampling", true),
        ("allow_logprobs", true),
        ("allow_search_indices", false),
        ("allow_view", true),
        ("allow_fine_tuning", false),
    ] {
        w.bool_member(key, value);
    }
    w.string_member("organization", "*");
    w.null_member("group");
    w.bool_member("is_blocking", false);
    w.end_object();
    w.end_array();
}
