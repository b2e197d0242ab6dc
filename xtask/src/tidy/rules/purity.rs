//! The codec is pure: no runtime, no HTTP, no clock, no random, no I/O.

use super::super::{Finding, manifest::Use, paths, tree::Tree};

const RULE: &str = "codec-purity";
const CODEC: &str = "lingate-codec";

/// Packages that the codec must not depend on (tests may), and all whose names go on with `-`.
const PACKAGES: &[&str] = &[
    // Runtimes and I/O.
    "tokio",
    "mio",
    "futures",
    "sqlx",
    // HTTP: the codec sees bodies, never heads.
    "http",
    "hyper",
    "axum",
    "tower",
    "reqwest",
    "url",
    // Clocks and random: ids and time stamps are passed in, so that golden files are stable.
    "rand",
    "getrandom",
    "uuid",
    "jiff",
    "chrono",
    "time",
];

/// Paths that its sources must not name outside tests.
const PATHS: &[&str] = &[
    // Clocks.
    "std::time::SystemTime",
    "std::time::Instant",
    "std::time::UNIX_EPOCH",
    // I/O and the machine.
    "std::net",
    "std::fs",
    "std::os",
    "std::env",
    "std::process",
    "std::thread",
];

/// `use std::time;` would let a clock in by its short name.
const WHOLE: &[&str] = &["std", "std::time"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in tree.manifests.iter().filter(|m| m.package.as_deref() == Some(CODEC)) {
        for dependency in manifest.dependencies.iter().filter(|d| d.usage == Use::Normal) {
            let name = dependency.package.as_str();
            if PACKAGES
                .iter()
                .any(|p| name.strip_prefix(p).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
            {
                let message = format!("the codec is pure and must not depend on `{name}`");
                findings.push(Finding { file: manifest.path.clone(), line: dependency.line, rule: RULE, message });
            }
        }
    }
    for source in tree.sources.iter().filter(|s| s.crate_folder() == CODEC) {
        for named in paths::named(source) {
            let path = named.segments.join("::");
            let whole = path.strip_suffix("::*").unwrap_or(&path);
            if PATHS.iter().any(|p| named.starts_with(p)) || WHOLE.contains(&whole) {
                let message = format!("the codec is pure and must not name `{path}`");
                findings.push(Finding { file: source.path.clone(), line: named.line, rule: RULE, message });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::check;

    const FILE: &str = "crates/lingate-codec/src/a.rs";

    #[test]
    fn runtimes_and_http_are_found_in_the_manifest() {
        for name in ["tokio", "tokio-util", "http", "http-body", "hyper", "uuid"] {
            let text =
                format!("[package]\nname = \"lingate-codec\"\n[dependencies]\n{name} = {{ workspace = true }}\n");
            assert_eq!(
                found(check, &[("crates/lingate-codec/Cargo.toml", &text)]),
                ["crates/lingate-codec/Cargo.toml:4"]
            );
        }
    }

    #[test]
    fn clocks_and_io_are_found_in_the_sources() {
        for text in [
            "use std::time::{Duration, Instant};",
            "fn f() { std::time::SystemTime::now(); }",
            "use std::{fmt, fs::File};",
            "use std::time;",
            "use std::time::*;",
            "fn f(a: ::std::net::IpAddr) {}",
        ] {
            assert_eq!(found(check, &[(FILE, text)]), [format!("{FILE}:1")], "{text}");
        }
    }

    #[test]
    fn pure_code_and_tests_pass() {
        let manifest = "[package]\nname = \"lingate-codec\"\n[dependencies]\nbytes = \"1\"\nhttparse = \"1\"\n[dev-dependencies]\ntokio = \"1\"\n";
        assert!(found(check, &[("crates/lingate-codec/Cargo.toml", manifest)]).is_empty());
        for text in [
            "use std::{fmt, time::Duration};",
            "#[cfg(test)] mod t { use std::fs; }",
            "// std::fs\nconst S: &str = \"std::net\";",
        ] {
            assert!(found(check, &[(FILE, text)]).is_empty(), "{text}");
        }
        assert!(found(check, &[("crates/lingate-codec/tests/golden.rs", "use std::fs;")]).is_empty());
        assert!(found(check, &[("crates/lingate-store/src/a.rs", "use std::fs;")]).is_empty());
    }
}
