//! `cargo xtask tidy`: the rules of the house that rustc and clippy cannot say.

mod lex;
mod manifest;
mod paths;
mod rules;
mod source;
mod tree;

use crate::output;
use std::{fmt, path::Path, process::ExitCode};
use tree::Tree;

/// One broken rule at one place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    line: usize,
    rule: &'static str,
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.rule, self.message)
    }
}

/// Prints one line per finding, then the notices and the sizes.
///
/// # Errors
/// The tree under `root` cannot be read.
pub(crate) fn run(root: &Path) -> Result<ExitCode, String> {
    let tree = Tree::read(root)?;
    let findings = check(&tree);
    for finding in &findings {
        output::line(&finding.to_string());
    }
    let report = rules::size::report(&tree);
    for notice in &report.notices {
        output::line(notice);
    }
    output::line(&format!(
        "tidy: {} source files, median {} non-test lines, {} findings",
        report.files,
        report.median,
        findings.len()
    ));
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All findings of all rules, in the order of the files.
fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = rules::ALL.iter().flat_map(|rule| rule(tree)).collect();
    findings.sort();
    findings.dedup();
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_with_its_place_first() {
        let tree = Tree::of(&[("crates/lingate-store/src/lib.rs", "//! Doc.\nfn f() { todo!() }\n")]);
        let lines: Vec<String> = check(&tree).iter().map(Finding::to_string).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("crates/lingate-store/src/lib.rs:2: unfinished: "), "{lines:?}");
    }

    #[test]
    fn this_repository_is_readable_and_its_sources_are_found() {
        let tree = Tree::read(&crate::repository_root()).expect("readable");
        assert!(tree.sources.iter().any(|s| s.path == "xtask/src/tidy/mod.rs"));
        assert!(tree.manifests.iter().any(|m| m.package.as_deref() == Some("lingate-codec")));
    }
}
