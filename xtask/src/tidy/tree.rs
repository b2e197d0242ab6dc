//! The files that the rules look at, read from disk or given by a test.

use super::{manifest::Manifest, source::Source};
use std::{collections::BTreeSet, fs, path::Path};

/// Folders with code of the workspace; `bench/` stands outside on purpose.
const ROOTS: &[&str] = &["crates", "xtask"];
const SKIPPED: &[&str] = &["target", "node_modules", ".git"];

/// The sources and manifests, in the order of their paths.
pub(super) struct Tree {
    pub(super) sources: Vec<Source>,
    /// Of the crates; the workspace's own is not among them.
    pub(super) manifests: Vec<Manifest>,
    /// Every folder, from the root, with `/`.
    pub(super) folders: BTreeSet<String>,
}

impl Tree {
    /// Reads what lies under `root`.
    pub(super) fn read(root: &Path) -> Result<Tree, String> {
        let mut files = vec![("Cargo.toml".to_string(), read(&root.join("Cargo.toml"))?)];
        for folder in ROOTS {
            collect(root, folder, &mut files)?;
        }
        Ok(Tree::build(&files))
    }

    fn build(files: &[(String, String)]) -> Tree {
        let workspace = files.iter().find(|(path, _)| path == "Cargo.toml").map(|(p, text)| Manifest::parse(p, text));
        let (mut sources, mut manifests, mut folders) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (path, text) in files {
            let mut at = 0;
            while let Some(i) = path[at..].find('/') {
                folders.insert(path[..at + i].to_string());
                at += i + 1;
            }
            if path.ends_with(".rs") {
                sources.push(Source::new(path, text));
            } else if path.ends_with("/Cargo.toml") {
                let mut manifest = Manifest::parse(path, text);
                if let Some(workspace) = &workspace {
                    manifest.take_renames(workspace);
                }
                manifests.push(manifest);
            }
        }
        mark_test_files(&mut sources);
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        manifests.sort_by(|a, b| a.path.cmp(&b.path));
        Tree { sources, manifests, folders }
    }

    /// A tree in memory, for the tests of the rules.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Tree {
        Tree::build(&files.iter().map(|(p, t)| ((*p).to_string(), (*t).to_string())).collect::<Vec<_>>())
    }
}

/// `#[cfg(test)] mod x;` makes `x.rs` and all of `x/` test code.
fn mark_test_files(sources: &mut [Source]) {
    let mut stems = Vec::new();
    for source in sources.iter() {
        let stem = source.path.trim_end_matches(".rs");
        let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
        let base = if ["mod", "lib", "main"].contains(&name) { folder } else { stem };
        stems.extend(source.test_modules().iter().map(|m| format!("{base}/{m}")));
    }
    for source in sources {
        let within =
            |stem: &String| source.path.strip_prefix(stem.as_str()).is_some_and(|r| r == ".rs" || r.starts_with('/'));
        source.is_test |= stems.iter().any(within);
    }
}

fn collect(root: &Path, folder: &str, files: &mut Vec<(String, String)>) -> Result<(), String> {
    let entries = fs::read_dir(root.join(folder)).map_err(|e| format!("{folder}: {e}"))?;
    for entry in entries {
        let entry = entry.map_err(|e| format!("{folder}: {e}"))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        let kind = entry.file_type().map_err(|e| format!("{path}: {e}"))?;
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            collect(root, &path, files)?;
        } else if kind.is_file() && (name.ends_with(".rs") || name == "Cargo.toml") {
            files.push((path.clone(), read(&entry.path())?));
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_test_modules_are_test_code() {
        let tree = Tree::of(&[
            ("crates/x/src/a/mod.rs", "#[cfg(test)] mod checks; mod b;"),
            ("crates/x/src/a/checks.rs", ""),
            ("crates/x/src/a/checks/deep.rs", ""),
            ("crates/x/src/a/b.rs", "#[cfg(test)] mod own;"),
            ("crates/x/src/a/b/own.rs", ""),
            ("crates/x/src/a/checks_not.rs", ""),
        ]);
        let tests: Vec<&str> = tree.sources.iter().filter(|s| s.is_test).map(|s| s.path.as_str()).collect();
        assert_eq!(tests, ["crates/x/src/a/b/own.rs", "crates/x/src/a/checks.rs", "crates/x/src/a/checks/deep.rs"]);
        assert!(tree.folders.contains("crates/x/src/a") && tree.folders.contains("crates"));
    }
}
