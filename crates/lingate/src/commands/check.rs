//! `lingate check`: everything that `serve` would check, without opening a port.

use crate::cli::ConfigOptions;
use crate::failure::Failure;
use crate::forms::{self, Plan};
use crate::output;
use crate::server;
use lingate_config::{Environment, Level, chat_url};
use std::fmt::Write as _;

pub(super) fn run(options: &ConfigOptions, schema: bool, env: &dyn Environment) -> Result<(), Failure> {
    if schema {
        return output::print(&format!("{:#}\n", lingate_config::schema()));
    }
    let plan = forms::build(options, env)?;
    server::rehearse(&plan)?;
    tell_warnings(&plan);
    output::print(&report(&plan))
}

/// Warnings, on standard error, where the file has a place for them with that place.
pub(super) fn tell_warnings(plan: &Plan) {
    let file = plan.file.as_ref().map_or_else(String::new, |path| path.display().to_string());
    for warning in &plan.warnings {
        output::complain(&warning.render(Level::Warning, &file, output::colour()));
    }
    for notice in &plan.notices {
        output::complain(&format!("warning: {notice}\n"));
    }
}

/// Each endpoint with the URL that chats go to.
fn report(plan: &Plan) -> String {
    let mut text = String::new();
    let endpoints = &plan.config.endpoints;
    let width = endpoints.iter().map(|endpoint| endpoint.name.chars().count()).max().unwrap_or(0);
    for endpoint in endpoints {
        let off = if endpoint.enabled { "" } else { "  (disabled)" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:width$}  {:<9}  {}{off}", endpoint.name, endpoint.kind.as_str(), chat_url(endpoint));
    }
    let name = plan.file.as_ref().map_or_else(|| "the command line".to_owned(), |path| path.display().to_string());
    let _ = writeln!(
        text,
        "{name}: ok, {} and {}",
        count(endpoints.len(), "endpoint"),
        count(plan.config.virtual_models.len(), "virtual model")
    );
    text
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
