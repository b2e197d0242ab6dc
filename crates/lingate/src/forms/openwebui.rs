//! The form of one Open WebUI, as seed 002: all its models under their own names, on Ollama's port.

use super::Draft;
use super::defaults::cache_folder;
use super::given::Given;
use crate::failure::Failure;
use lingate_config::{BackendKind, Config, Endpoint, ExposeModels, Listen};
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// Ollama's port.
const PORT: u16 = 11434;

pub(super) fn draft(given: &Given<'_>) -> Result<Draft, Failure> {
    let options = given.options;
    let Some(url) = given.text(options.openwebui_url.as_ref(), "openwebui-url") else { return Ok(Draft::default()) };
    let mut endpoint =
        Endpoint::new("openwebui", BackendKind::Openwebui, &url.text).map_err(|error| url.refused(error))?;
    let email = given.text(options.email.as_ref(), "email");
    let password = given.secret(options.password.as_ref(), options.password_file.as_ref(), "password")?;
    let (Some(email), Some(password)) = (email, password) else {
        let message = "--openwebui-url needs --email and --password (or --password-file, LINGATE_PASSWORD, \
                       LINGATE_PASSWORD_FILE): the account that signs in";
        return Err(Failure::usage(message));
    };
    endpoint.email = Some(email.text);
    endpoint.password = Some(password);
    endpoint.expose_models = ExposeModels::All;
    let listen = vec![Listen::socket((Ipv4Addr::LOCALHOST, PORT))];
    let mut config = Config { listen, endpoints: vec![endpoint], ..Config::default() };
    let folder = given.text(options.cache_dir.as_ref(), "cache-dir").map(|value| PathBuf::from(value.text));
    let folder = folder.or_else(|| cache_folder(given.env));
    let temporary = folder.is_none();
    if let Some(folder) = folder {
        config.data_dir = folder;
    }
    let mut notices = Vec::new();
    if given.duration(options.timeout.as_ref(), "timeout")?.is_some() {
        notices.push(
            "--timeout is taken but changes nothing: model lists and sign-in have limits of their own".to_owned(),
        );
    }
    Ok(Draft { config, notices, temporary, open: true, ..Draft::default() })
}
