//! Every source file starts with a `//!` line that says its role.

use super::super::{Finding, tree::Tree};

const RULE: &str = "module-doc";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let bare = tree.sources.iter().filter(|s| {
        let first = s.text.lines().next().unwrap_or_default();
        first.strip_prefix("//!").is_none_or(|words| words.trim().is_empty())
    });
    bare.map(|s| Finding {
        file: s.path.clone(),
        line: 1,
        rule: RULE,
        message: "the first line must be a `//!` that says what the file is for".into(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::check;

    #[test]
    fn a_file_without_its_role_is_found() {
        for text in ["", "fn main() {}\n", "// Doc.\n", "//!\nuse x;\n", "\n//! Late.\n", "/// Item.\n"] {
            assert_eq!(found(check, &[("crates/x/src/a.rs", text)]), ["crates/x/src/a.rs:1"], "{text:?}");
        }
    }

    #[test]
    fn a_leading_module_doc_passes() {
        assert!(found(check, &[("crates/x/tests/a.rs", "//! Role.\nfn f() {}\n")]).is_empty());
    }
}
