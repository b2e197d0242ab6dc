//! `allow` attributes: `expect` with a reason instead, so that a lint which no longer fires is noticed.

use super::super::{Finding, lex::Kind, source::group_end, tree::Tree};

const RULE: &str = "allow-attribute";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        let tokens = &source.tokens;
        for at in (0..tokens.len()).filter(|i| tokens[*i].is("#")) {
            let open = at + 1 + usize::from(tokens.get(at + 1).is_some_and(|t| t.is("!")));
            if !tokens.get(open).is_some_and(|t| t.is("[")) {
                continue;
            }
            let words = tokens[open..group_end(tokens, open)].windows(2);
            for pair in words.filter(|p| p[0].kind == Kind::Ident && p[0].is("allow") && p[1].is("(")) {
                findings.push(Finding {
                    file: source.path.clone(),
                    line: pair[0].line,
                    rule: RULE,
                    message: "write `expect(…, reason = \"…\")` instead of `allow(…)`".into(),
                });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::check;

    #[test]
    fn allow_is_found_in_every_form() {
        let text =
            "#![allow(a)]\n#[allow (b)]\n#[cfg_attr(test, allow(c))]\n#[cfg(test)] mod t { #[allow(d)] fn f() {} }\n";
        assert_eq!(found(check, &[("crates/x/src/a.rs", text)]).len(), 4);
    }

    #[test]
    fn expect_and_functions_named_allow_pass() {
        let text = "#[expect(a, reason = \"#[allow(b)]\")]\nfn f() { allow(1); } // #[allow(c)]\n";
        assert!(found(check, &[("crates/x/src/a.rs", text)]).is_empty());
    }
}
