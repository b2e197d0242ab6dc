//! From addresses in a request's body to the JSON paths of the members there, all in one walk.

use super::Spot;
use crate::json::{Kind, Raw};
use std::fmt::Write as _;

/// The path of each spot, in the order of the body; those that are not in it come first, each by its word.
pub(super) fn paths<'s>(body: &[u8], spots: impl Iterator<Item = &'s Spot>) -> Vec<String> {
    let mut spots: Vec<&Spot> = spots.collect();
    if spots.is_empty() {
        return Vec::new();
    }
    spots.sort_by_key(|spot| spot.address);
    let text = body.as_ptr_range();
    let (inside, outside): (Vec<_>, Vec<_>) =
        spots.into_iter().partition(|spot| (text.start.addr()..text.end.addr()).contains(&spot.address));
    let mut out: Vec<String> = outside.iter().map(|spot| spot.word.to_owned()).collect();
    if let Some(root) = Raw::parse(body).ok().filter(|_| !inside.is_empty()) {
        walk(root, &mut String::new(), &inside, &mut out);
    }
    out
}

/// Tells the spots that lie in `value`, whose path is `path`: those in an object's or array's element are told there.
fn walk(value: Raw<'_>, path: &mut String, spots: &[&Spot], out: &mut Vec<String>) {
    let length = path.len();
    if let Some(object) = value.object() {
        for member in object.members() {
            let here = within(member.value, spots);
            if here.is_empty() {
                continue;
            }
            let (own, deeper): (Vec<&Spot>, Vec<&Spot>) =
                here.iter().partition(|spot| spot.address <= start(member.value) + 1);
            // A member that is meant starts here; else the bytes are those of a text, which has no inside.
            let is_leaf = is_leaf(member.value);
            for spot in own.iter().chain(deeper.iter().filter(|_| is_leaf)) {
                let name = if spot.beside { last_name(spot.word) } else { &member.key };
                out.push(join(path, name));
            }
            if !is_leaf && !deeper.is_empty() {
                push_name(path, &member.key);
                walk(member.value, path, &deeper, out);
                path.truncate(length);
            }
        }
    } else {
        for (index, element) in value.array().into_iter().flatten().enumerate() {
            let here = within(element, spots);
            if !here.is_empty() {
                // Writing to a text does not fail.
                let _ = write!(path, "[{index}]");
                if !is_leaf(element) {
                    walk(element, path, here, out);
                } else {
                    out.extend(here.iter().map(|_| path.clone()));
                }
                path.truncate(length);
            }
        }
    }
}

fn is_leaf(value: Raw<'_>) -> bool {
    !matches!(value.kind(), Kind::Object | Kind::Array)
}

fn start(value: Raw<'_>) -> usize {
    value.bytes().as_ptr().addr()
}

/// Those of the sorted spots that lie in a value.
fn within<'s, 'p>(value: Raw<'_>, spots: &'s [&'p Spot]) -> &'s [&'p Spot] {
    let (from, to) = (start(value), start(value) + value.bytes().len());
    let first = spots.partition_point(|spot| spot.address < from);
    let end = spots.partition_point(|spot| spot.address < to);
    &spots[first..end]
}

fn last_name(word: &str) -> &str {
    word.rsplit('.').next().unwrap_or(word)
}

fn push_name(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

fn join(path: &str, name: &str) -> String {
    let mut whole = path.to_owned();
    push_name(&mut whole, name);
    whole
}

#[cfg(test)]
mod tests {
    use crate::ir::Loss;

    #[test]
    fn places_are_found_by_the_bytes_that_stand_there() {
        let body = r#"{"a":[{"id":"x1","mark":{"k":1}},"t0",{"id":"x2","in":{"title":"T"}}],"e":""}"#;
        let bytes = |part: &str| &body.as_bytes()[body.find(part).unwrap()..][..part.len()];
        let mut loss = Loss::new();
        loss.at("mark", bytes(r#"{"k":1}"#));
        loss.beside("some.flag", bytes("x2"));
        loss.at("title", bytes("T\""));
        loss.at("text", bytes("t0"));
        loss.at("nowhere", b"of another text");
        loss.quiet_at("rule", bytes("x1"));
        let told = loss.paths_in(body.as_bytes(), |_| "?");
        assert_eq!(told, ["nowhere", "a[0].mark", "a[1]", "a[2].flag", "a[2].in.title"]);
        assert_eq!(loss.quiet_paths_in(body.as_bytes(), |_| "?"), ["a[0].id"]);
        assert_eq!(loss.paths(|_| "?").len(), 5);
    }

    #[test]
    fn many_places_cost_one_walk() {
        let body = format!("[{}]", vec![r#"{"m":1}"#; 20_000].join(","));
        let mut loss = Loss::new();
        for (at, _) in body.match_indices('1') {
            loss.quiet_at("m", &body.as_bytes()[at..=at]);
        }
        let started = std::time::Instant::now();
        assert_eq!(loss.quiet_paths_in(body.as_bytes(), |_| "?").len(), 20_000);
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }
}
