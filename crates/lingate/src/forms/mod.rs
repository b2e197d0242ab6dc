//! The forms of a command line: which configuration it means. A pure function of options, environment and files.
//!
//! | form | asked for by |
//! |---|---|
//! | demo | `--demo` |
//! | Open WebUI (seed 002) | `--openwebui-url` |
//! | one upstream (seed 000) | `--upstream` |
//! | file, lingate's own or seed 001's | anything else |
//!
//! A form asked for by a flag wins over one asked for by a variable. Over what the form says go the options that
//! override the file's values, see [`overrides`].

mod ai_queue;
mod defaults;
mod file;
mod given;
mod openwebui;
mod overrides;
mod upstream;

use crate::cli::ConfigOptions;
use crate::failure::Failure;
use given::Given;
use lingate_config::{Config, Diagnostic, Endpoint, Environment, ExposeModels, VirtualModel};
use std::path::PathBuf;

/// What a command line means.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The checked configuration.
    pub config: Config,
    /// The form it came from.
    pub form: Form,
    /// The configuration file, if there is one.
    pub file: Option<PathBuf>,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Diagnostic>,
    /// Plain warnings of a form, for people.
    pub notices: Vec<String>,
    /// Whether nothing is to be left behind.
    pub temporary: bool,
    /// Whether the admin listener was asked for by name: then it must be had.
    pub admin_named: bool,
}

/// The forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A file.
    File,
    /// The built-in demo.
    Demo,
    /// One upstream, as seed 000.
    Upstream,
    /// An Open WebUI, as seed 002.
    Openwebui,
}

impl Form {
    /// The flag that asks for it.
    fn flag(self) -> &'static str {
        match self {
            Self::File => "--config",
            Self::Demo => "--demo",
            Self::Upstream => "--upstream",
            Self::Openwebui => "--openwebui-url",
        }
    }
}

/// A form's configuration before the overrides.
#[derive(Default)]
struct Draft {
    config: Config,
    file: Option<PathBuf>,
    warnings: Vec<Diagnostic>,
    notices: Vec<String>,
    temporary: bool,
    admin_named: bool,
    /// Whether a listener that others reach is open to them.
    open: bool,
}

/// Finds out what a command line means.
///
/// # Errors
/// [`Failure::Usage`] for options that contradict each other or cannot be read, [`Failure::Config`] for a
/// configuration that is wrong.
pub fn build(options: &ConfigOptions, env: &dyn Environment) -> Result<Plan, Failure> {
    let given = Given { options, env };
    let form = form(&given)?;
    refuse_strays(&given, form)?;
    let mut draft = match form {
        Form::File => file::draft(&given)?,
        Form::Demo => demo(),
        Form::Upstream => upstream::draft(&given)?,
        Form::Openwebui => openwebui::draft(&given)?,
    };
    let reopened = overrides::apply(&mut draft, &given)?;
    let Draft { config, file, mut warnings, notices, temporary, admin_named, .. } = draft;
    let name = file.as_ref().map_or_else(String::new, |path| path.display().to_string());
    config.check().map_err(|problems| Failure::checks(&name, problems))?;
    for warning in config.warnings() {
        let known = warnings.iter().any(|known| known.key == warning.key && known.message == warning.message);
        // A form that opens the listener on purpose says so in its own words.
        let told = reopened && warning.key == "clients.auth";
        if !known && !told {
            warnings.push(warning);
        }
    }
    Ok(Plan { config, form, file, warnings, notices, temporary, admin_named })
}

/// The form that is asked for: by the one flag that does, else by the one variable that does, else a file.
fn form(given: &Given<'_>) -> Result<Form, Failure> {
    let options = given.options;
    let by_flag = [
        (Form::File, options.config.is_some()),
        (Form::Demo, options.demo),
        (Form::Upstream, options.upstream.is_some()),
        (Form::Openwebui, options.openwebui_url.is_some()),
    ];
    let by_variable = [
        (Form::File, given.variable("config").is_some()),
        (Form::Demo, given.switch(false, "demo")?),
        (Form::Upstream, given.variable("upstream").is_some()),
        (Form::Openwebui, given.variable("openwebui-url").is_some()),
    ];
    for asked in [by_flag, by_variable] {
        let mut asked = asked.into_iter().filter(|(_, asked)| *asked).map(|(form, _)| form);
        if let Some(form) = asked.next() {
            return match asked.next() {
                Some(other) => Err(Failure::usage(format!(
                    "{} and {} exclude each other: each says on its own what is served",
                    form.flag(),
                    other.flag()
                ))),
                None => Ok(form),
            };
        }
    }
    Ok(Form::File)
}

/// Flags that mean something in one form only would be ignored in silence elsewhere.
fn refuse_strays(given: &Given<'_>, form: Form) -> Result<(), Failure> {
    let o = given.options;
    let owned = [
        (Form::Upstream, "--upstream-key-file", o.upstream_key_file.is_some()),
        (Form::Upstream, "--model", !o.model.is_empty()),
        (Form::Upstream, "--max-tokens", o.max_tokens.is_some()),
        (Form::Upstream, "--stream", o.stream.is_some()),
        (Form::Upstream, "--retry-on-empty", o.retry_on_empty),
        (Form::Upstream, "--fallback-message", o.fallback_message.is_some()),
        (Form::Openwebui, "--email", o.email.is_some()),
        (Form::Openwebui, "--password", o.password.is_some()),
        (Form::Openwebui, "--password-file", o.password_file.is_some()),
        (Form::Openwebui, "--cache-dir", o.cache_dir.is_some()),
        (Form::Openwebui, "--timeout", o.timeout.is_some()),
    ];
    match owned.into_iter().find(|(owner, _, used)| *used && *owner != form) {
        Some((owner, flag, _)) => Err(Failure::usage(format!("{flag} means something with {} only", owner.flag()))),
        None => Ok(()),
    }
}

/// The newcomer's first minute: models that need no upstream, nothing left behind.
fn demo() -> Draft {
    let mut endpoint = Endpoint::demo("demo");
    endpoint.expose_models = ExposeModels::All;
    let names = [("demo", "demo-echo"), ("thinker", "demo-think"), ("tool-user", "demo-tool")];
    let virtual_models = names.map(|(name, model)| VirtualModel::new(name, "demo", model)).into();
    let config = Config { endpoints: vec![endpoint], virtual_models, ..Config::default() };
    Draft { config, temporary: true, ..Draft::default() }
}
