//! What tidy needs of a `Cargo.toml`: names and lines of its dependencies, its package name, its lint inheritance.

use std::collections::BTreeMap;

/// How a dependency is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Normal,
    Build,
    Dev,
}

#[derive(Debug, Clone)]
pub(super) struct Dependency {
    /// The package's name, renames undone.
    pub(super) package: String,
    pub(super) usage: Use,
    pub(super) line: usize,
}

/// The facts of one manifest.
pub(super) struct Manifest {
    pub(super) path: String,
    pub(super) text: String,
    pub(super) package: Option<String>,
    pub(super) inherits_lints: bool,
    pub(super) dependencies: Vec<Dependency>,
    /// `[workspace.dependencies]`: key -> package, where they differ.
    renames: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads the plain TOML that people write in manifests: tables, keys, inline tables, arrays over several lines.
    pub(super) fn parse(path: &str, text: &str) -> Manifest {
        let mut manifest = Manifest {
            path: path.to_string(),
            text: text.to_string(),
            package: None,
            inherits_lints: false,
            dependencies: Vec::new(),
            renames: BTreeMap::new(),
        };
        let (mut table, mut value, mut start, mut depth) = (Vec::new(), String::new(), 0, 0isize);
        for (i, raw) in text.lines().enumerate() {
            let line = without_comment(raw);
            if depth == 0 {
                start = i + 1;
                value.clear();
                if line.trim_start().starts_with('[') {
                    table = keys(line.trim().trim_start_matches('[').trim_end_matches(']'));
                    manifest.enter(&table, start);
                    continue;
                }
            }
            value.push_str(&line);
            depth += nesting(&line);
            if depth > 0 {
                continue;
            }
            depth = 0;
            if let Some((key, text)) = value.split_once('=') {
                let mut full = table.clone();
                full.extend(keys(key));
                manifest.set(&full, text.trim(), start);
            }
        }
        manifest
    }

    /// `[dependencies.x]` names a dependency by its header alone.
    fn enter(&mut self, table: &[String], line: usize) {
        if let Some((usage, [name])) = dependency(table) {
            self.depend(name, usage, line);
        }
    }

    fn set(&mut self, keys: &[String], value: &str, line: usize) {
        let words: Vec<&str> = keys.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["package", "name"] => self.package = Some(unquoted(value)),
            ["lints", "workspace"] => self.inherits_lints = value == "true",
            ["lints"] => self.inherits_lints = value.replace(' ', "").contains("workspace=true"),
            ["workspace", "dependencies", key] => {
                if let Some(package) = inline(value, "package") {
                    self.renames.insert((*key).to_string(), package);
                }
            }
            _ => match dependency(keys) {
                Some((usage, [name])) => {
                    let package = inline(value, "package").unwrap_or_else(|| name.clone());
                    self.depend(&package, usage, line);
                }
                Some((usage, [name, key, ..])) => {
                    if !self.dependencies.iter().any(|d| d.package == *name && d.usage == usage) {
                        self.depend(name, usage, line);
                    }
                    if let (true, Some(last)) = (key == "package", self.dependencies.last_mut()) {
                        last.package = unquoted(value);
                    }
                }
                _ => {}
            },
        }
    }

    fn depend(&mut self, package: &str, usage: Use, line: usize) {
        self.dependencies.push(Dependency { package: package.to_string(), usage, line });
    }

    /// Undoes the renames of the workspace's own table.
    pub(super) fn take_renames(&mut self, workspace: &Manifest) {
        for dependency in &mut self.dependencies {
            if let Some(package) = workspace.renames.get(&dependency.package) {
                dependency.package.clone_from(package);
            }
        }
    }

    /// The crate's folder, from the root.
    pub(super) fn folder(&self) -> &str {
        self.path.trim_end_matches("/Cargo.toml")
    }
}

/// `dependencies.x`, `target.'cfg(…)'.dev-dependencies.x.features` -> use and what follows.
fn dependency(keys: &[String]) -> Option<(Use, &[String])> {
    let keys = if keys.first().is_some_and(|k| k == "target") { keys.get(2..)? } else { keys };
    let (table, rest) = keys.split_first()?;
    let usage = match table.as_str() {
        "dependencies" => Use::Normal,
        "build-dependencies" => Use::Build,
        "dev-dependencies" => Use::Dev,
        _ => return None,
    };
    Some((usage, rest))
}

/// A dotted key, quotes respected: `target.'cfg(a.b)'.x` has three parts.
fn keys(text: &str) -> Vec<String> {
    let (mut parts, mut quote) = (vec![String::new()], None);
    for c in text.trim().chars() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if c == q => quote = None,
            (None, '.') => parts.push(String::new()),
            (None, c) if c.is_whitespace() => {}
            (_, c) => {
                if let Some(part) = parts.last_mut() {
                    part.push(c);
                }
            }
        }
    }
    parts
}

fn unquoted(value: &str) -> String {
    value.trim().trim_matches(['"', '\'']).to_string()
}

/// The value of `key` in an inline table.
fn inline(table: &str, key: &str) -> Option<String> {
    let inner = table.trim().strip_prefix('{')?.trim_end_matches('}');
    inner.split(',').filter_map(|pair| pair.split_once('=')).find(|(k, _)| k.trim() == key).map(|(_, v)| unquoted(v))
}

fn without_comment(line: &str) -> String {
    let mut quote = None;
    for (i, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') => return line[..i].to_string(),
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if c == q => quote = None,
            _ => {}
        }
    }
    line.to_string()
}

/// How many brackets more are opened than closed, outside of strings.
fn nesting(line: &str) -> isize {
    let (mut depth, mut quote) = (0, None);
    for c in line.chars() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if c == q => quote = None,
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth -= 1,
            _ => {}
        }
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_dependency_is_read() {
        let text = "[package]\nname = \"x\" # own\n[lints]\nworkspace = true\n[dependencies]\na = \"1\"\nb.workspace = true\n\
                    c = { package = \"real-c\", version = \"1\" }\nd = { workspace = true, features = [\n  \"e\", # no\n] }\n\
                    [dependencies.f]\nversion = \"1\"\nfeatures = []\n[target.'cfg(a.b)'.build-dependencies]\ng = \"1\"\n\
                    [dev-dependencies]\nh = { workspace = true }\n[dependencies.i]\npackage = \"real-i\"\n";
        let m = Manifest::parse("crates/x/Cargo.toml", text);
        let found: Vec<(&str, Use, usize)> =
            m.dependencies.iter().map(|d| (d.package.as_str(), d.usage, d.line)).collect();
        let expected = [
            ("a", Use::Normal, 6),
            ("b", Use::Normal, 7),
            ("real-c", Use::Normal, 8),
            ("d", Use::Normal, 9),
            ("f", Use::Normal, 12),
            ("g", Use::Build, 16),
            ("h", Use::Dev, 18),
            ("real-i", Use::Normal, 19),
        ];
        assert_eq!(found, expected);
        assert_eq!(m.package.as_deref(), Some("x"));
        assert!(m.inherits_lints);
        assert_eq!(m.folder(), "crates/x");
    }

    #[test]
    fn workspace_renames_are_undone() {
        let workspace =
            Manifest::parse("Cargo.toml", "[workspace.dependencies]\nnet = { package = \"tokio\", version = \"1\" }\n");
        let mut m =
            Manifest::parse("crates/x/Cargo.toml", "lints.workspace = false\n[dependencies]\nnet.workspace = true\n");
        m.take_renames(&workspace);
        assert_eq!(m.dependencies[0].package, "tokio");
        assert!(!m.inherits_lints);
    }
}
