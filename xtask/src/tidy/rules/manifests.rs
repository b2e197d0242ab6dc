//! Every crate takes the workspace's lints.

use super::super::{Finding, tree::Tree};

const RULE: &str = "lints-inherited";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let lax = tree.manifests.iter().filter(|m| !m.inherits_lints);
    lax.map(|m| Finding {
        file: m.path.clone(),
        line: 1,
        rule: RULE,
        message: "`[lints]` with `workspace = true` is missing".into(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::check;

    #[test]
    fn a_crate_with_lints_of_its_own_is_found() {
        for text in ["[package]\nname = \"x\"\n", "[lints]\nworkspace = false\n", "# [lints]\n# workspace = true\n"] {
            assert_eq!(found(check, &[("crates/x/Cargo.toml", text)]), ["crates/x/Cargo.toml:1"], "{text:?}");
        }
    }

    #[test]
    fn inheritance_in_each_spelling_passes() {
        for text in ["[lints]\nworkspace = true\n", "lints.workspace = true\n", "lints = { workspace = true }\n"] {
            assert!(found(check, &[("xtask/Cargo.toml", text)]).is_empty(), "{text:?}");
        }
    }
}
