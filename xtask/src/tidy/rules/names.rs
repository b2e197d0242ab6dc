//! No crate, folder or module has a name that says nothing.

use super::super::{Finding, lex::Kind, tree::Tree};

const RULE: &str = "vague-name";

/// Names that attract everything and tell nothing. Call a thing by what it does.
const VAGUE: &[&str] = &["core", "common", "utils", "helpers", "shared", "types"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut report = |file: &str, line, name: &str| {
        let message = format!("`{name}` tells nothing: name it after what it does");
        findings.push(Finding { file: file.to_string(), line, rule: RULE, message });
    };
    for folder in &tree.folders {
        let name = folder.rsplit('/').next().unwrap_or(folder);
        if name.split(['-', '_']).next_back().is_some_and(|last| is_vague(last, name)) {
            report(folder, 1, name);
        }
    }
    for manifest in &tree.manifests {
        let name = manifest.package.as_deref().unwrap_or_default();
        if name.split('-').any(|part| VAGUE.contains(&part)) && !manifest.folder().ends_with(name) {
            report(&manifest.path, 1, name);
        }
    }
    for source in &tree.sources {
        let file = source.path.rsplit('/').next().unwrap_or_default();
        if VAGUE.contains(&file.trim_end_matches(".rs")) {
            report(&source.path, 1, file);
        }
        for three in source.tokens.windows(3) {
            let vague = three[0].is("mod") && three[1].kind == Kind::Ident && VAGUE.contains(&three[1].text.as_str());
            // `mod x;` is told by its file.
            if vague && three[2].is("{") {
                report(&source.path, three[1].line, &three[1].text);
            }
        }
    }
    findings
}

/// Crate folders count by their last part (`lingate-core`), other folders as a whole.
fn is_vague(last: &str, whole: &str) -> bool {
    VAGUE.contains(&whole) || (whole.contains('-') && VAGUE.contains(&last))
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::check;

    #[test]
    fn vague_names_are_found() {
        assert_eq!(found(check, &[("crates/lingate-core/src/lib.rs", "")]), ["crates/lingate-core:1"]);
        assert_eq!(found(check, &[("crates/x/src/shared/mod.rs", "")]), ["crates/x/src/shared:1"]);
        assert_eq!(found(check, &[("crates/x/src/types.rs", "")]), ["crates/x/src/types.rs:1"]);
        assert_eq!(found(check, &[("crates/x/tests/common/mod.rs", "")]), ["crates/x/tests/common:1"]);
        assert_eq!(found(check, &[("crates/x/src/a.rs", "\nmod helpers { }")]), ["crates/x/src/a.rs:2"]);
        assert_eq!(
            found(check, &[("crates/x/Cargo.toml", "[package]\nname = \"x-utils\"\n")]),
            ["crates/x/Cargo.toml:1"]
        );
    }

    #[test]
    fn names_that_tell_pass() {
        let files = [
            ("crates/x/src/tool_types_of_a_model.rs", "use core::fmt; fn common() {}"),
            ("crates/x/src/scores/mod.rs", ""),
        ];
        assert!(found(check, &files).is_empty());
    }
}
