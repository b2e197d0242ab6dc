//! The rules, one file each. A rule takes the tree and gives its findings; the tables that may change stand at the top of its file.

mod attributes;
mod crate_arrows;
mod docs;
mod kinds;
mod manifests;
mod module_arrows;
mod names;
mod purity;
pub(super) mod size;
mod words;

use super::{Finding, tree::Tree};

type Rule = fn(&Tree) -> Vec<Finding>;

/// Every rule that `cargo xtask tidy` checks.
pub(super) const ALL: &[Rule] = &[
    attributes::check,
    crate_arrows::check,
    docs::check,
    kinds::check,
    manifests::check,
    module_arrows::check,
    names::check,
    purity::check,
    size::check,
    words::check,
];

/// For the tests of the rules.
#[cfg(test)]
mod testing {
    use super::{Finding, Rule, Tree};

    /// What `rule` finds in these files, as `file:line`.
    pub(super) fn found(rule: Rule, files: &[(&str, &str)]) -> Vec<String> {
        rule(&Tree::of(files)).iter().map(|f: &Finding| format!("{}:{}", f.file, f.line)).collect()
    }
}
