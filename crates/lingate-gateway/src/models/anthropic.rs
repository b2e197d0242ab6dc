//! Anthropic's list of models, in pages.

use super::catalogue::{Catalogue, Entry};
use super::moment;
use crate::route::same_name;
use lingate_codec::ir::ApiError;
use lingate_codec::json::Writer;

/// The largest page. It is also what a client gets that does not say: not all of them ask for the next page.
const LARGEST: usize = 1_000;

/// Which part of the list is asked for (anthropic 2.11.0, `model_list_params.py`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paging {
    /// Begin after this model.
    after: Option<String>,
    /// End before this one.
    before: Option<String>,
    /// How many at most.
    limit: usize,
    /// Whether models in use are wanted: lingate knows no others.
    active: bool,
}

impl Paging {
    /// Reads a query.
    ///
    /// # Errors
    /// A 400: a limit that is none, or both cursors.
    pub(super) fn of(query: &str) -> Result<Self, ApiError> {
        let mut paging = Self { after: None, before: None, limit: LARGEST, active: true };
        let mut stages = Vec::new();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "after_id" => paging.after = Some(value.into_owned()),
                "before_id" => paging.before = Some(value.into_owned()),
                "limit" => {
                    paging.limit =
                        value.parse().ok().filter(|limit| (1..=LARGEST).contains(limit)).ok_or_else(|| {
                            ApiError::invalid("limit", format!("`limit` must be a number from 1 to {LARGEST}"))
                        })?;
                }
                "lifecycle" | "lifecycle[]" => stages.push(value),
                _ => {}
            }
        }
        paging.active = stages.is_empty() || stages.iter().any(|stage| stage == "active");
        if paging.after.is_some() && paging.before.is_some() {
            return Err(ApiError::invalid("before_id", "`before_id` and `after_id` exclude each other"));
        }
        Ok(paging)
    }

    /// The page of a list, and whether more lies beyond it, in the direction that was asked for.
    fn of_list<'e, 'c>(&self, entries: &'e [Entry<'c>]) -> Result<(&'e [Entry<'c>], bool), ApiError> {
        if !self.active {
            return Ok((&[], false));
        }
        let place = |key: &str, id: &str| {
            let found = entries.iter().position(|entry| same_name(entry.name, id));
            found.ok_or_else(|| ApiError::invalid(key, format!("`{key}` names no model of the list")))
        };
        if let Some(id) = &self.before {
            let rest = &entries[..place("before_id", id)?];
            let start = rest.len().saturating_sub(self.limit);
            return Ok((&rest[start..], start > 0));
        }
        let start = match &self.after {
            Some(id) => place("after_id", id)? + 1,
            None => 0,
        };
        let rest = &entries[start..];
        Ok((&rest[..rest.len().min(self.limit)], rest.len() > self.limit))
    }
}

/// `GET /v1/models`.
///
/// # Errors
/// A 400: a cursor that names no model.
pub(super) fn list(catalogue: &Catalogue<'_>, paging: &Paging) -> Result<Vec<u8>, ApiError> {
    let entries: Vec<_> = catalogue.entries().collect();
    let (page, has_more) = paging.of_list(&entries)?;
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_object();
    w.key("data");
    w.begin_array();
    page.iter().for_each(|entry| item(&mut w, entry));
    w.end_array();
    w.bool_member("has_more", has_more);
    for (key, entry) in [("first_id", page.first()), ("last_id", page.last())] {
        match entry {
            Some(entry) => w.string_member(key, entry.name),
            None => w.null_member(key),
        }
    }
    w.end_object();
    Ok(out)
}

/// `GET /v1/models/{id}`.
pub(super) fn one(entry: &Entry<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    item(&mut Writer::new(&mut out), entry);
    out
}

/// A model (anthropic 2.11.0, `model_info.py`; older versions of the API know the first four members).
fn item(w: &mut Writer<'_>, entry: &Entry<'_>) {
    w.begin_object();
    w.string_member("type", "model");
    w.string_member("id", entry.name);
    w.string_member("display_name", entry.shown());
    w.string_member("created_at", &moment::text(entry.created()));
    w.string_member("lifecycle", "active");
    match entry.told.and_then(|told| told.context_length) {
        Some(length) => w.integer_member("max_input_tokens", length),
        None => w.null_member("max_input_tokens"),
    }
    w.end_object();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Option<(String, bool)> {
        let names = ["a", "b:latest", "c", "d", "e"];
        let entry = |name| Entry { name, display_name: None, endpoint: "up", told: None };
        let entries: Vec<_> = names.into_iter().map(entry).collect();
        let paging = Paging::of(query).ok()?;
        let (page, has_more) = paging.of_list(&entries).ok()?;
        Some((page.iter().map(|entry| &entry.name[..1]).collect(), has_more))
    }

    #[test]
    fn pages() {
        for (query, expected) in [
            ("", Some(("abcde", false))),
            ("limit=5", Some(("abcde", false))),
            ("limit=2", Some(("ab", true))),
            ("limit=2&after_id=b", Some(("cd", true))),
            ("after_id=b%3Alatest&limit=3", Some(("cde", false))),
            ("after_id=e", Some(("", false))),
            ("before_id=d&limit=2", Some(("bc", true))),
            ("before_id=c", Some(("ab", false))),
            ("before_id=a", Some(("", false))),
            ("lifecycle=retired", Some(("", false))),
            ("lifecycle[]=retired&lifecycle[]=active&limit=1", Some(("a", true))),
            ("beta=true", Some(("abcde", false))),
            ("limit=0", None),
            ("limit=1001", None),
            ("limit=x", None),
            ("after_id=nothing", None),
            ("after_id=a&before_id=c", None),
        ] {
            let expected = expected.map(|(names, more)| (names.to_owned(), more));
            assert_eq!(page(query), expected, "{query}");
        }
    }
}
