//! One Rust file as the rules see it: tokens, module path, and which tokens belong to tests.

use super::lex::{self, Kind, Token};

/// A file under `crates/` or `xtask/`.
pub(super) struct Source {
    /// From the repository's root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) tokens: Vec<Token>,
    /// Beside `tokens`: inside an item under `#[cfg(test)]`.
    in_test: Vec<bool>,
    /// The whole file is test code.
    pub(super) is_test: bool,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Source {
        let tokens = lex::tokens(text);
        let mut in_test = vec![false; tokens.len()];
        let mut is_test = path.split('/').any(|part| part == "tests" || part == "benches");
        let mut at = 0;
        while at < tokens.len() {
            match cfg_test(&tokens, at) {
                Some((_, true)) => {
                    is_test = true;
                    break;
                }
                Some((after, false)) => {
                    let end = item_end(&tokens, after);
                    in_test[at..end].fill(true);
                    at = end;
                }
                None => at += 1,
            }
        }
        Source { path: path.to_string(), text: text.to_string(), tokens, in_test, is_test }
    }

    /// `crates/lingate-codec/src/x.rs` -> `lingate-codec`.
    pub(super) fn crate_folder(&self) -> &str {
        let parts: Vec<&str> = self.path.split('/').collect();
        if parts[0] == "crates" { parts.get(1).unwrap_or(&"") } else { parts[0] }
    }

    /// `…/src/a/b.rs` -> `[a, b]`; roots and `mod.rs` give their folder's path.
    pub(super) fn module(&self) -> Vec<String> {
        let Some((_, inner)) = self.path.split_once("/src/") else { return Vec::new() };
        let mut parts: Vec<String> = inner.trim_end_matches(".rs").split('/').map(String::from).collect();
        if matches!(parts.last().map(String::as_str), Some("mod" | "lib" | "main")) || parts[0] == "bin" {
            parts.pop();
        }
        parts
    }

    /// Whether the token at this index is test code.
    pub(super) fn is_test_token(&self, index: usize) -> bool {
        self.is_test || self.in_test[index]
    }

    /// Beside the lines: whether the line belongs to a test item.
    pub(super) fn test_lines(&self) -> Vec<bool> {
        let mut lines = vec![self.is_test; self.text.lines().count()];
        let mut start = None;
        for (token, test) in self.tokens.iter().zip(&self.in_test) {
            if *test {
                let from = *start.get_or_insert(token.line);
                let end = token.line.min(lines.len());
                lines[from - 1..end].fill(true);
            } else {
                start = None;
            }
        }
        lines
    }

    /// Names of modules in files of their own that stand under `#[cfg(test)]` here.
    pub(super) fn test_modules(&self) -> Vec<String> {
        let words = self.tokens.windows(3).enumerate();
        words
            .filter(|(i, w)| self.in_test[*i] && w[0].is("mod") && w[1].kind == Kind::Ident && w[2].is(";"))
            .map(|(_, w)| w[1].text.clone())
            .collect()
    }
}

/// If an attribute that means "tests only" starts here: the index after it, and whether it is an inner one (`#!`).
fn cfg_test(tokens: &[Token], at: usize) -> Option<(usize, bool)> {
    let is = |i: usize, text: &str| tokens.get(i).is_some_and(|t| t.is(text));
    let inner = is(at + 1, "!");
    let open = at + 1 + usize::from(inner);
    if !is(at, "#") || !is(open, "[") || !is(open + 1, "cfg") {
        return None;
    }
    let end = group_end(tokens, open);
    let words = &tokens[open + 3..end.max(open + 3).min(tokens.len())];
    let has = |text: &str| words.iter().any(|t| t.is(text));
    let first = words.first()?;
    let only = first.is("test") || (first.is("all") && has("test") && !has("any") && !has("not"));
    only.then_some((end, inner))
}

/// The index after the bracket that closes the one at `open`.
pub(super) fn group_end(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return i + 1;
        }
    }
    tokens.len()
}

/// The index after the item that starts at `at`, its further attributes included.
fn item_end(tokens: &[Token], mut at: usize) -> usize {
    let is = |i: usize, text: &str| tokens.get(i).is_some_and(|t| t.is(text));
    while is(at, "#") && is(at + 1, "[") {
        at = group_end(tokens, at + 1);
    }
    if is(at, "pub") {
        at = if is(at + 1, "(") { group_end(tokens, at + 1) } else { at + 1 };
    }
    let function = ["fn", "unsafe", "async", "extern"].iter().any(|word| is(at + 1, word));
    let ends_at_brace =
        !["use", "static", "type", "let"].iter().any(|word| is(at, word)) && (!is(at, "const") || function);
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" => return at + 1,
            "{" if ends_at_brace => return group_end(tokens, at),
            "(" | "[" | "{" => {
                at = group_end(tokens, at);
                continue;
            }
            // The item was the last of its group, without an end of its own (a field, an arm).
            ")" | "]" | "}" | "," => return at,
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn non_test_words(text: &str) -> Vec<String> {
        let s = Source::new("crates/x/src/lib.rs", text);
        let words = s.tokens.iter().enumerate().filter(|(i, t)| !s.is_test_token(*i) && t.kind == Kind::Ident);
        words.map(|(_, t)| t.text.clone()).collect()
    }

    #[test]
    fn test_items_are_told_apart() {
        let text = "use a; #[cfg(test)] use b::{c}; #[cfg(test)] #[x] pub(crate) mod t { fn d() {} } fn e() {}";
        assert_eq!(non_test_words(text), ["use", "a", "fn", "e"]);
        assert_eq!(non_test_words("#[cfg(all(test, unix))] mod t { } x"), ["x"]);
        assert_eq!(non_test_words("#[cfg(test)] const fn f() -> [u8; 2] { x } y"), ["y"]);
        assert_eq!(non_test_words("#[cfg(test)] impl<const N: usize> A<N> { x } y"), ["y"]);
        assert_eq!(non_test_words("struct S { #[cfg(test)] a: u8, b: u8 }"), ["struct", "S", "b", "u8"]);
        assert!(non_test_words("#[cfg(not(test))] mod t { a }").contains(&"a".to_string()));
        assert!(non_test_words("#[cfg(any(test, unix))] mod t { a }").contains(&"a".to_string()));
        assert!(non_test_words("#![cfg(test)] mod t { a }").is_empty());
    }

    #[test]
    fn module_paths_follow_the_files() {
        let module = |p: &str| Source::new(p, "").module().join("::");
        assert_eq!(module("crates/x/src/lib.rs"), "");
        assert_eq!(module("crates/x/src/a/mod.rs"), "a");
        assert_eq!(module("crates/x/src/a/b.rs"), "a::b");
        assert_eq!(Source::new("crates/x/src/a.rs", "").crate_folder(), "x");
        assert_eq!(Source::new("xtask/src/a.rs", "").crate_folder(), "xtask");
    }

    #[test]
    fn test_lines_cover_a_test_module_from_its_attribute_to_its_brace() {
        let s = Source::new("crates/x/src/a.rs", "fn a() {}\n\n#[cfg(test)]\nmod t {\n    // x\n}\nfn b() {}\n");
        assert_eq!(s.test_lines(), [false, false, true, true, true, true, false]);
        assert_eq!(Source::new("crates/x/src/a.rs", "#[cfg(test)]\nmod t;\n").test_modules(), ["t"]);
    }
}
