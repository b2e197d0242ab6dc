//! Which workspace crate may depend on which.

use super::super::{
    Finding,
    manifest::{Manifest, Use},
    tree::Tree,
};

const RULE: &str = "crate-arrow";

/// A crate and the workspace crates that it may depend on. Changing a row is a change of the plan: an ADR first.
const ARROWS: &[(&str, &[&str])] = &[
    // Pure: whoever holds bytes can use it.
    ("lingate-codec", &[]),
    // Plain checked data; the gateway builds its snapshot from it, never the other way.
    ("lingate-config", &[]),
    // What must last knows neither wire formats nor HTTP.
    ("lingate-store", &[]),
    // The data plane joins the three above.
    ("lingate-gateway", &["lingate-codec", "lingate-config", "lingate-store"]),
    // The binary wires everything.
    ("lingate", &["lingate-codec", "lingate-config", "lingate-store", "lingate-gateway"]),
    // Test tools take what they need; see TEST_TOOLS for the way back.
    ("lingate-testkit", &["lingate-codec", "lingate-config", "lingate-store", "lingate-gateway", "lingate"]),
    // Chores stay buildable while everything else is broken.
    ("xtask", &[]),
];

/// May stand in `[dev-dependencies]` of every crate of the product, and nowhere else.
const TEST_TOOLS: &str = "lingate-testkit";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let names: Vec<&str> = tree.manifests.iter().filter_map(|m| m.package.as_deref()).collect();
    let mut findings = Vec::new();
    for manifest in &tree.manifests {
        let Some(own) = manifest.package.as_deref() else { continue };
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == own) else {
            findings.push(finding(manifest, 1, format!("crate `{own}` has no row in the table of arrows")));
            continue;
        };
        for dependency in &manifest.dependencies {
            let to = dependency.package.as_str();
            let is_ours = names.contains(&to) || ARROWS.iter().any(|(name, _)| *name == to);
            let for_tests = to == TEST_TOOLS && dependency.usage == Use::Dev && own != "xtask";
            if is_ours && to != own && !allowed.contains(&to) && !for_tests {
                let why = if to == TEST_TOOLS { " (test tools are dev-dependencies only)" } else { "" };
                findings.push(finding(manifest, dependency.line, format!("`{own}` must not depend on `{to}`{why}")));
            }
        }
    }
    findings
}

fn finding(manifest: &Manifest, line: usize, message: String) -> Finding {
    Finding { file: manifest.path.clone(), line, rule: RULE, message }
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::check;

    fn one(name: &str, rest: &str) -> Vec<String> {
        let text = format!("[package]\nname = \"{name}\"\n{rest}");
        found(check, &[("crates/x/Cargo.toml", &text)])
    }

    #[test]
    fn wrong_arrows_are_found() {
        for (name, rest) in [
            ("lingate-codec", "[dependencies]\nlingate-config = { workspace = true }"),
            ("lingate-store", "[dependencies]\nlingate-codec.workspace = true"),
            ("lingate-config", "[build-dependencies]\nlingate-store = { path = \"../s\" }"),
            ("lingate-gateway", "[dependencies]\nlingate = { workspace = true }"),
            ("lingate-gateway", "[dependencies]\nlingate-testkit = { workspace = true }"),
            ("lingate-codec", "[dev-dependencies]\nlingate-gateway = { workspace = true }"),
            ("lingate", "[dev-dependencies]\nxtask = { path = \"../../xtask\" }"),
            ("lingate-store", "[dependencies]\nx = { package = \"lingate-codec\", path = \"../c\" }"),
        ] {
            assert_eq!(one(name, rest), ["crates/x/Cargo.toml:4"], "{name} {rest}");
        }
        assert_eq!(one("lingate-new", ""), ["crates/x/Cargo.toml:1"], "a crate without a row");
    }

    #[test]
    fn right_arrows_pass() {
        let gateway = "[dependencies]\nlingate-codec = { workspace = true }\nlingate-store.workspace = true\ntokio = \"1\"\n\
                       [dev-dependencies]\nlingate-testkit = { workspace = true }\n";
        assert!(one("lingate-gateway", gateway).is_empty());
        assert!(one("lingate-testkit", "[dependencies]\nlingate-gateway.workspace = true\n").is_empty());
    }
}
