//! Anthropic's list of models.

use super::catalogue::{Catalogue, Entry};
use super::moment;
use lingate_codec::json::Writer;

/// `GET /v1/models`, all in one page.
pub(super) fn list(catalogue: &Catalogue<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_object();
    w.key("data");
    w.begin_array();
    catalogue.entries().for_each(|entry| item(&mut w, &entry));
    w.end_array();
    w.bool_member("has_more", false);
    for (key, entry) in [("first_id", catalogue.entries().next()), ("last_id", catalogue.entries().last())] {
        match entry {
            Some(entry) => w.string_member(key, entry.name),
            None => w.null_member(key),
        }
    }
    w.end_object();
    out
}

/// `GET /v1/models/{id}`.
pub(super) fn one(entry: &Entry<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    item(&mut Writer::new(&mut out), entry);
    out
}

fn item(w: &mut Writer<'_>, entry: &Entry<'_>) {
    w.begin_object();
    w.string_member("type", "model");
    w.string_member("id", entry.name);
    w.string_member("display_name", entry.shown());
    w.string_member("created_at", &moment::text(entry.created()));
    w.end_object();
}
