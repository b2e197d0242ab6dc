//! The paths that a source names (`use` trees spread out, `self` and `super` resolved).

use super::{
    lex::{Kind, Token},
    source::Source,
};

/// A path in code outside tests. Those within the crate start with `crate`; a glob ends with `*`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
}

impl Named {
    /// `crate::a::b` -> `Some([a, b])`; other paths -> `None`.
    pub(super) fn inside(&self) -> Option<&[String]> {
        self.segments.split_first().filter(|(first, rest)| *first == "crate" && !rest.is_empty()).map(|(_, rest)| rest)
    }

    pub(super) fn starts_with(&self, prefix: &str) -> bool {
        let mut own = self.segments.iter();
        prefix.split("::").all(|p| own.next().is_some_and(|s| s == p))
    }
}

/// All paths of `source` with two segments or more, test code left out.
pub(super) fn named(source: &Source) -> Vec<Named> {
    let tokens = &source.tokens;
    let mut module = source.module();
    let mut out = Vec::new();
    // Inline modules: the brace depth outside of each that is open.
    let (mut open, mut depth) = (Vec::new(), 0usize);
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        if token.is("{") {
            if at >= 2 && tokens[at - 2].is("mod") {
                module.push(tokens[at - 1].text.clone());
                open.push(depth);
            }
            depth += 1;
        } else if token.is("}") {
            depth = depth.saturating_sub(1);
            if open.last() == Some(&depth) {
                open.pop();
                module.pop();
            }
        } else if token.kind == Kind::Ident && !source.is_test_token(at) {
            let mut found = Vec::new();
            at = walk(tokens, at, &[], &mut found);
            out.extend(found.into_iter().map(|n| resolve(n, &module)).filter(|n| n.segments.len() > 1));
            continue;
        }
        at += 1;
    }
    out
}

/// Reads one path (or use tree) at `at` below `prefix`; gives the index after it.
fn walk(tokens: &[Token], mut at: usize, prefix: &[String], out: &mut Vec<Named>) -> usize {
    let is = |i: usize, text: &str| tokens.get(i).is_some_and(|t| t.is(text));
    let line = tokens.get(at).map_or(0, |t| t.line);
    let mut segments = prefix.to_vec();
    loop {
        match tokens.get(at) {
            Some(t) if t.kind == Kind::Ident => segments.push(t.text.clone()),
            Some(t) if t.is("*") && !segments.is_empty() => segments.push("*".into()),
            Some(t) if t.is("{") && !segments.is_empty() => return walk_group(tokens, at + 1, &segments, out),
            _ => break,
        }
        at += 1;
        if !is(at, "::") {
            break;
        }
        at += 1;
    }
    if segments.len() > 1 && segments.last().is_some_and(|s| s == "self") {
        segments.pop();
    }
    out.push(Named { segments, line });
    at
}

fn walk_group(tokens: &[Token], mut at: usize, prefix: &[String], out: &mut Vec<Named>) -> usize {
    while let Some(token) = tokens.get(at) {
        if token.is("}") {
            return at + 1;
        }
        if token.is(",") {
            at += 1;
            continue;
        }
        let next = walk(tokens, at, prefix, out);
        at = next.max(at + 1);
        // `x as y`
        while tokens.get(at).is_some_and(|t| !t.is(",") && !t.is("}")) {
            at += 1;
        }
    }
    at
}

fn resolve(mut named: Named, module: &[String]) -> Named {
    let first = named.segments[0].as_str();
    if first != "self" && first != "super" {
        return named;
    }
    let ups = named.segments.iter().take_while(|s| *s == "super").count();
    let skip = if first == "self" { 1 } else { ups };
    let mut full = vec!["crate".to_string()];
    full.extend_from_slice(&module[..module.len().saturating_sub(ups)]);
    full.extend(named.segments.drain(skip..));
    // `self.field` and `super` alone name nothing that the rules look at.
    named.segments = if named.segments.len() == skip { full } else { named.segments };
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(file: &str, text: &str) -> Vec<String> {
        named(&Source::new(file, text)).iter().map(|n| n.segments.join("::")).collect()
    }

    #[test]
    fn use_trees_are_spread_out() {
        let text = "use crate::{a::{self, b}, c as d, e::*}; use std::time::{Duration, Instant};";
        let expected =
            ["crate::a", "crate::a::b", "crate::c", "crate::e::*", "std::time::Duration", "std::time::Instant"];
        assert_eq!(paths("crates/x/src/lib.rs", text), expected);
    }

    #[test]
    fn expressions_and_types_count_too() {
        let text = "fn f(x: &crate::a::B) -> ::std::net::IpAddr { Vec::<crate::c::D>::new(); m!(crate::e::f) }";
        let found = paths("crates/x/src/lib.rs", text);
        for path in ["crate::a::B", "std::net::IpAddr", "crate::c::D", "crate::e::f"] {
            assert!(found.contains(&path.to_string()), "{path} not in {found:?}");
        }
    }

    #[test]
    fn self_and_super_are_resolved_through_inline_modules() {
        let text =
            "use super::x; use self::y; mod z { use super::super::w; } use super::super::v; fn f(&self) { self.q }";
        let found = paths("crates/x/src/a/b.rs", text);
        for path in ["crate::a::x", "crate::a::b::y", "crate::a::w", "crate::v"] {
            assert!(found.contains(&path.to_string()), "{path} not in {found:?}");
        }
    }

    #[test]
    fn test_code_is_left_out() {
        assert!(paths("crates/x/src/a.rs", "#[cfg(test)] mod t { use crate::b::c; }").is_empty());
        assert!(paths("crates/x/tests/a.rs", "use crate::b::c;").is_empty());
    }
}
