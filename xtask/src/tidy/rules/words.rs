//! Words that must not be in the tree: unfinished code, and paths of one person's machine.

use super::super::{Finding, lex::Kind, tree::Tree};

const UNFINISHED: &str = "unfinished";
const MACHINE: &str = "machine-path";

/// Macros that say "later".
const MACROS: &[&str] = &["todo", "unimplemented"];

/// Parts of paths that exist on some machines only (written in two pieces, or this line would be found).
const PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/tm", "p/")];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        for pair in source.tokens.windows(2) {
            if pair[0].kind == Kind::Ident && MACROS.contains(&pair[0].text.as_str()) && pair[1].is("!") {
                let message = format!("`{}!` has no place here: finish it or leave it out", pair[0].text);
                findings.push(Finding { file: source.path.clone(), line: pair[0].line, rule: UNFINISHED, message });
            }
        }
        let lines = source.text.lines().zip(source.test_lines()).enumerate();
        findings.extend(
            lines.filter(|(_, (_, test))| !test).filter_map(|(i, (line, _))| machine_path(&source.path, i, line)),
        );
    }
    for manifest in &tree.manifests {
        findings
            .extend(manifest.text.lines().enumerate().filter_map(|(i, line)| machine_path(&manifest.path, i, line)));
    }
    findings
}

fn machine_path(file: &str, index: usize, line: &str) -> Option<Finding> {
    let path = PATHS.iter().find(|p| line.contains(**p))?;
    let message = format!("`{path}` is a path of one machine");
    Some(Finding { file: file.to_string(), line: index + 1, rule: MACHINE, message })
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::{PATHS, check};

    const FILE: &str = "crates/x/src/a.rs";

    #[test]
    fn unfinished_code_is_found_even_in_tests() {
        assert_eq!(
            found(check, &[(FILE, "fn a() {\n todo!() }\n#[cfg(test)] mod t { fn b() { unimplemented!() } }")]).len(),
            2
        );
    }

    #[test]
    fn machine_paths_are_found_in_code_comments_and_manifests() {
        let text = format!("// see\n// {}x\nconst A: &str = \"{}y\";\n", PATHS[0], PATHS[1]);
        assert_eq!(found(check, &[(FILE, &text)]), [format!("{FILE}:2"), format!("{FILE}:3")]);
        let manifest = format!("x = {{ path = \"{}x\" }}", PATHS[1]);
        assert_eq!(found(check, &[("crates/x/Cargo.toml", &manifest)]), ["crates/x/Cargo.toml:1"]);
    }

    #[test]
    fn words_in_comments_and_paths_in_tests_pass() {
        let path = format!("const A: &str = \"{}y\";", PATHS[1]);
        let text =
            format!("// todo!() is denied\nfn todo() {{}} // working/tmp\n#[cfg(test)]\nmod t {{\n {path}\n}}\n");
        assert!(found(check, &[(FILE, &text), ("crates/x/tests/a.rs", &path)]).is_empty());
    }
}
