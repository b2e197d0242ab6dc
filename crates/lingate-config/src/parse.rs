//! From text to checked configuration: read, interpolate, check, and report all of it at once.

use std::path::Path;

use crate::build;
use crate::checked::Config;
use crate::diagnostic::{ConfigErrors, Diagnostic, Findings};
use crate::env::{Environment, read_bounded};
use crate::interpolate;
use crate::node::Node;
use crate::raw::{self, Read as _};
use crate::seed001;
use crate::source;
use crate::unsupported;
use crate::yaml;

/// The largest configuration file.
pub const MAX_FILE: u64 = 8 << 20;

/// What a configuration file was written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// lingate itself.
    Lingate,
    /// The JSON file of seed 001: `endpoints` is an object.
    Seed001,
}

/// A configuration that passed every check.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is allowed but probably not meant, with its place in the file.
    pub warnings: Vec<Diagnostic>,
    /// What the file was written for.
    pub format: Format,
}

/// Reads and checks a configuration file.
///
/// # Errors
/// Every problem of the file, or the one reason why it cannot be read.
pub fn load(path: &Path, env: &dyn Environment) -> Result<Loaded, ConfigErrors> {
    let file = path.display().to_string();
    match read_bounded(path, MAX_FILE) {
        Ok(text) => parse(&text, &file, env),
        Err(reason) => {
            let problem = Diagnostic::new("", format!("the configuration file cannot be read: {reason}"));
            Err(ConfigErrors { file, diagnostics: vec![problem.help("`lingate init` writes an example")] })
        }
    }
}

/// Checks the text of a configuration file; `file_name` is what errors call it.
///
/// # Errors
/// Every problem of the text.
pub fn parse(text: &str, file_name: &str, env: &dyn Environment) -> Result<Loaded, ConfigErrors> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut findings = Findings::default();
    let mut root = match yaml::read(text, &mut findings) {
        Ok(root) => root,
        Err(problem) => {
            findings.push(syntax_help(*problem, text));
            return Err(errors(findings, text, None, file_name));
        }
    };
    let format = if seed001::is_seed(text, &root) { Format::Seed001 } else { Format::Lingate };
    let (config, mut warnings) = match format {
        Format::Seed001 => seed001::config(&root, &mut findings),
        Format::Lingate => {
            interpolate::resolve(&mut root, "", env, &mut findings);
            let file = raw::File::read(&root, "", &mut findings).unwrap_or_default();
            if findings.lost_items() {
                return Err(errors(findings, text, Some(&root), file_name));
            }
            unsupported::check(&file, &mut findings);
            (build::config(file, &mut findings), Vec::new())
        }
    };
    let place = |diagnostic: Diagnostic| seed001::in_file(format, diagnostic, &config);
    for problem in config.check().err().unwrap_or_default() {
        if !misplaced(&problem, &findings) {
            findings.push(place(problem));
        }
    }
    if !findings.is_empty() {
        return Err(errors(findings, text, Some(&root), file_name));
    }
    warnings.extend(config.warnings().into_iter().map(place));
    source::locate(&mut warnings, text, Some(&root));
    Ok(Loaded { config, warnings, format })
}

fn errors(findings: Findings, text: &str, root: Option<&Node>, file_name: &str) -> ConfigErrors {
    let mut diagnostics = findings.into_list();
    source::locate(&mut diagnostics, text, root);
    ConfigErrors { file: file_name.to_owned(), diagnostics }
}

/// Whether a problem only follows from an earlier one. Lists that lost a broken item have other indices than the file: what follows from them is left for the next run.
fn misplaced(problem: &Diagnostic, findings: &Findings) -> bool {
    let listeners = problem.key.starts_with("listen") || problem.key.starts_with("admin.listen");
    // Without its endpoints every target would be wrong.
    let targets = problem.key.starts_with("virtual_models[") && problem.key.ends_with(".endpoint");
    (targets && findings.unread("endpoints"))
        || (listeners && (findings.has("listen") || findings.has("admin.listen")))
        || (problem.key.starts_with("clients.keys") && findings.has("clients.keys"))
}

/// The usual reason for a syntax error, where the line shows it.
fn syntax_help(problem: Diagnostic, text: &str) -> Diagnostic {
    let crate::diagnostic::Target::Place(place) = problem.target else { return problem };
    let line = text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default();
    if line.contains('\t') {
        problem.help("YAML is indented with spaces, not with tabs")
    } else if line.contains("${") {
        problem.help("put a value with `${…}` in quotes")
    } else {
        problem
    }
}
