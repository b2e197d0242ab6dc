//! File sizes: one concern a file. Test code does not count.

use super::super::{Finding, source::Source, tree::Tree};

const RULE: &str = "file-size";

/// Non-test lines above which a file is refused.
const HARD: usize = 800;
/// Non-test lines above which a file is named in the report.
const SOFT: usize = 400;

/// What is told beside the findings.
pub(crate) struct Report {
    pub(crate) files: usize,
    /// Of the non-test lines of all files that are not tests.
    pub(crate) median: usize,
    pub(crate) notices: Vec<String>,
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let large = sizes(tree).into_iter().filter(|(_, lines)| *lines > HARD);
    large
        .map(|(source, lines)| Finding {
            file: source.path.clone(),
            line: HARD + 1,
            rule: RULE,
            message: format!("{lines} non-test lines, {HARD} at most: split it by concern"),
        })
        .collect()
}

pub(crate) fn report(tree: &Tree) -> Report {
    let sizes = sizes(tree);
    let mut counts: Vec<usize> = sizes.iter().map(|(_, lines)| *lines).collect();
    counts.sort_unstable();
    let soft = sizes.iter().filter(|(_, lines)| (SOFT + 1..=HARD).contains(lines));
    Report {
        files: counts.len(),
        median: counts.get(counts.len() / 2).copied().unwrap_or(0),
        notices: soft.map(|(s, n)| format!("note: {}: {n} non-test lines, aim for {SOFT}", s.path)).collect(),
    }
}

fn sizes(tree: &Tree) -> Vec<(&Source, usize)> {
    let files = tree.sources.iter().filter(|s| !s.is_test);
    files.map(|s| (s, s.test_lines().iter().filter(|test| !**test).count())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::{Tree, check, report};

    fn file(lines: usize) -> String {
        format!("//! Doc.\n{}", "fn f() {}\n".repeat(lines - 1))
    }

    #[test]
    fn more_than_the_hard_limit_is_found() {
        assert_eq!(found(check, &[("crates/x/src/a.rs", &file(801))]), ["crates/x/src/a.rs:801"]);
    }

    #[test]
    fn test_code_does_not_count() {
        let tests = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", file(800), "fn t() {}\n".repeat(900));
        assert!(found(check, &[("crates/x/src/a.rs", &tests), ("crates/x/tests/b.rs", &file(2000))]).is_empty());
        let hidden = format!("#[cfg(test)]\nmod tests {{\n}}\n{}", file(801));
        assert_eq!(found(check, &[("crates/x/src/a.rs", &hidden)]).len(), 1, "code after a test module counts");
    }

    #[test]
    fn the_report_names_large_files_and_the_median() {
        let files =
            [("crates/x/src/a.rs", file(401)), ("crates/x/src/b.rs", file(10)), ("crates/x/src/c.rs", file(30))];
        let tree = Tree::of(&files.each_ref().map(|(p, t)| (*p, t.as_str())));
        let report = report(&tree);
        assert_eq!((report.files, report.median), (3, 30));
        assert_eq!(report.notices.len(), 1);
        assert!(report.notices[0].contains("a.rs: 401"));
    }
}
