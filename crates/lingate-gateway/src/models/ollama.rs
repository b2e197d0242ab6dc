//! Ollama's list of models, and its description of a model that lives elsewhere.

use super::capabilities::Capabilities;
use super::catalogue::{Catalogue, Entry};
use super::moment;
use aws_lc_rs::digest::{SHA256, digest};
use lingate_codec::json::{Object, Writer};
use std::fmt::Write as _;

/// What is said where an upstream says nothing (seed 002's words).
const UNKNOWN: &str = "unknown";

/// `GET /api/tags`.
pub(super) fn tags(catalogue: &Catalogue<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_object();
    w.key("models");
    w.begin_array();
    for entry in catalogue.entries() {
        w.begin_object();
        members(&mut w, &entry);
        if let Some(told) = entry.told.filter(|told| told.capabilities.told()) {
            words(&mut w, told.capabilities);
        }
        w.end_object();
    }
    w.end_array();
    w.end_object();
    out
}

/// `POST /api/show` for a model of another backend: what is known of it, in Ollama's members.
pub(super) fn show(entry: &Entry<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_object();
    members(&mut w, entry);
    w.string_member("license", "");
    w.key("modelfile");
    w.string_of(&["FROM ", entry.name]);
    w.string_member("parameters", "");
    w.string_member("template", "{{ .Prompt }}");
    let details = entry.told.and_then(|told| told.details.as_deref());
    let details = details.and_then(|details| Object::parse(details.as_bytes()).ok());
    let family = details.as_ref().and_then(|details| details.string("family")).filter(|family| !family.is_empty());
    let family = family.as_deref().unwrap_or(UNKNOWN);
    w.key("model_info");
    w.begin_object();
    w.string_member("general.architecture", family);
    w.string_member("general.basename", entry.shown());
    if let Some(length) = entry.told.and_then(|told| told.context_length) {
        w.integer_member(&format!("{family}.context_length"), length);
    }
    w.end_object();
    words(&mut w, entry.told.map(|told| told.capabilities).unwrap_or_default());
    w.end_object();
    out
}

/// The members that both answers have.
fn members(w: &mut Writer<'_>, entry: &Entry<'_>) {
    let told = entry.told;
    w.string_member("name", entry.name);
    w.string_member("model", entry.name);
    w.string_member("modified_at", &moment::text(entry.created()));
    w.integer_member("size", told.and_then(|told| told.size).unwrap_or(0));
    match told.and_then(|told| told.digest.as_deref()) {
        Some(digest) => w.string_member("digest", digest),
        None => w.string_member("digest", &made_up_digest(entry.endpoint, entry.name)),
    }
    w.key("details");
    match told.and_then(|told| told.details.as_deref()) {
        Some(details) => w.json(details.as_bytes()),
        None => unknown_details(w),
    }
}

fn unknown_details(w: &mut Writer<'_>) {
    w.begin_object();
    w.string_member("parent_model", "");
    w.string_member("format", "proxy");
    w.string_member("family", UNKNOWN);
    w.key("families");
    w.begin_array();
    w.end_array();
    w.string_member("parameter_size", UNKNOWN);
    w.string_member("quantization_level", UNKNOWN);
    w.end_object();
}

fn words(w: &mut Writer<'_>, capabilities: Capabilities) {
    w.key("capabilities");
    w.begin_array();
    capabilities.words().into_iter().for_each(|word| w.string(word));
    w.end_array();
}

/// Clients compare digests to see whether a model has changed: this one stays as long as name and endpoint do.
fn made_up_digest(endpoint: &str, name: &str) -> String {
    let digest = digest(&SHA256, format!("{endpoint}\n{name}").as_bytes());
    digest.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
