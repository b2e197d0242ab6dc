//! `lingate info`: which program this is.

use crate::failure::Failure;
use crate::output;
use serde_json::json;

const COMMIT: &str = env!("LINGATE_BUILD_COMMIT");
const DATE: &str = env!("LINGATE_BUILD_DATE");
const TARGET: &str = env!("LINGATE_BUILD_TARGET");
/// What this build can do beyond plain HTTP.
const FEATURES: &[&str] = &["http2", "sqlite", "tls", "unix-sockets"];

pub(super) fn run(json: bool) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let description = env!("CARGO_PKG_DESCRIPTION");
    let features: Vec<&str> = FEATURES.iter().copied().filter(|name| cfg!(unix) || *name != "unix-sockets").collect();
    if json {
        let info = json!({
            "name": "lingate",
            "version": version,
            "commit": COMMIT,
            "build_date": DATE,
            "target": TARGET,
            "features": features,
            "description": description,
        });
        return output::print(&format!("{info:#}\n"));
    }
    let lines = [
        ("version", version),
        ("commit", COMMIT),
        ("build date", DATE),
        ("target", TARGET),
        ("features", &features.join(", ")),
    ];
    let lines = lines.map(|(name, value)| format!("{name:<11} {value}\n"));
    output::print(&format!("lingate: {description}\n\n{}", lines.concat()))
}
