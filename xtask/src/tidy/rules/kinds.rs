//! A `match` on a dialect or a backend kind stands in one file each; everything else asks that file's table.

use super::super::{
    Finding,
    lex::{Kind, Token},
    paths,
    source::Source,
    tree::Tree,
};

const RULE: &str = "kind-match";

/// An enum and the files (or folders, ending with `/`) that may match on it.
const HOMES: &[(&str, &[&str])] = &[
    // The one static table of dialects.
    ("DialectId", &["crates/lingate-codec/src/dialect/mod.rs"]),
    // The one static table of backends, and the enum's own definition with its table of API roots.
    ("BackendKind", &["crates/lingate-gateway/src/backend/mod.rs", "crates/lingate-config/src/"]),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        for (kind, homes) in HOMES {
            if homes.iter().any(|h| source.path == *h || (h.ends_with('/') && source.path.starts_with(h))) {
                continue;
            }
            let home = homes[0];
            let report = |line, what: &str| Finding {
                file: source.path.clone(),
                line,
                rule: RULE,
                message: format!("{what}: add a column to the table in {home} and ask that"),
            };
            findings.extend(patterns(source, kind).map(|line| report(line, &format!("a pattern on `{kind}`"))));
            let globs = paths::named(source)
                .into_iter()
                .filter(|n| matches!(n.segments.as_slice(), [.., k, star] if k == kind && star == "*"));
            findings.extend(globs.map(|n| report(n.line, &format!("`{kind}::*` hides matches"))));
        }
    }
    findings
}

/// Lines of `Kind::X` in a pattern's place: before `=>`, `|` or a guard, or after `let`.
fn patterns<'a>(source: &'a Source, kind: &'a str) -> impl Iterator<Item = usize> + 'a {
    let tokens = &source.tokens;
    let is_variant = move |at: usize| {
        tokens[at].is(kind)
            && !source.is_test_token(at)
            && tokens.get(at + 1).is_some_and(|t| t.is("::"))
            && tokens.get(at + 2).is_some_and(|t| t.kind == Kind::Ident)
    };
    (0..tokens.len()).filter(move |at| is_variant(*at) && is_pattern(tokens, *at)).map(|at| tokens[at].line)
}

fn is_pattern(tokens: &[Token], at: usize) -> bool {
    let is = |i: usize, text: &str| tokens.get(i).is_some_and(|t| t.is(text));
    // A path before the name belongs to it.
    let mut start = at;
    while start >= 2 && tokens[start - 1].is("::") {
        start -= 2;
    }
    let after = at + 3;
    if (start > 0 && is(start - 1, "let")) || ["=>", "|", "if"].iter().any(|t| is(after, t)) {
        return true;
    }
    // `Some(Kind::X) =>`, `(Kind::X, _) =>`: closing brackets directly before the arrow.
    let mut end = after;
    while [")", ",", "_", ".."].iter().any(|t| is(end, t)) {
        end += 1;
    }
    end > after && is(end, "=>") && is(end - 1, ")")
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::check;

    const FILE: &str = "crates/lingate-gateway/src/pump.rs";

    #[test]
    fn patterns_outside_of_the_home_are_found() {
        for text in [
            "match d { DialectId::Ollama => 1, _ => 2 }",
            "match d { crate::x::DialectId::A | DialectId::B => 1 }",
            "match d { Some(DialectId::A) => 1 }",
            "match d { (DialectId::A, _) => 1 }",
            "match k { BackendKind::Vllm if x => 1 }",
            "if let BackendKind::Vllm = k {}",
            "matches!(k, BackendKind::Vllm | BackendKind::Ollama)",
            "use lingate_codec::DialectId::*;",
        ] {
            assert!(!found(check, &[(FILE, text)]).is_empty(), "{text}");
        }
    }

    #[test]
    fn homes_values_and_tests_pass() {
        let arm = "match d { DialectId::Ollama => 1 }";
        assert!(found(check, &[("crates/lingate-codec/src/dialect/mod.rs", arm)]).is_empty());
        assert!(found(check, &[("crates/lingate-config/src/raw.rs", "match k { BackendKind::A => 1 }")]).is_empty());
        assert!(found(check, &[("crates/lingate-gateway/tests/a.rs", arm)]).is_empty());
        for text in [
            "match s { \"a\" => DialectId::A, _ => DialectId::B }",
            "match s { \"a\" => f(DialectId::A), _ => g(DialectId::B) }",
            "x.map(|_| DialectId::A).or_else(|| Some(DialectId::B))",
            "const D: DialectId = DialectId::A; // DialectId::A =>",
            "#[cfg(test)] mod t { fn f() { match d { DialectId::A => 1 } } }",
        ] {
            assert!(found(check, &[(FILE, text)]).is_empty(), "{text}");
        }
    }
}
