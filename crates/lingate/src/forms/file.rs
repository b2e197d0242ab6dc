//! The form of a configuration file: lingate's own or seed 001's, found by name, with what the environment of the
//! seeds 001 and 003 adds where the file says nothing.

use super::Draft;
use super::ai_queue;
use super::defaults::config_folder;
use super::given::{Given, Value};
use crate::failure::Failure;
use lingate_config::{Config, Format, Listen, Loaded, load, parse_duration};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// The file in the working folder.
const NAME: &str = "lingate.yaml";
/// Seed 001's variables and its file in the working folder.
const PORT_001: &str = "CM_OPEN_WEBUI_PROXY_PORT";
const FILE_001: &str = "CM_OPEN_WEBUI_PROXY_CONFIG_FILE";
const NAME_001: &str = "config.json";

pub(super) fn draft(given: &Given<'_>) -> Result<Draft, Failure> {
    let Some(path) = find(given)? else { return Ok(Draft { config: without_file(given)?, ..Draft::default() }) };
    let Loaded { mut config, warnings, format } = load(&path, given.env).map_err(Failure::Config)?;
    // The file was read a moment ago; what has gone since says nothing.
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let said = Said(&text);
    if format == Format::Seed001 {
        if let Some(port) = port(given, PORT_001)? {
            config.listen = vec![local(port)];
        }
    } else {
        seed003(&mut config, &said, given)?;
    }
    let admin_named = said.admin_listen();
    Ok(Draft { config, warnings, admin_named, file: Some(path), ..Draft::default() })
}

/// Seed 003's environment alone says what is served.
fn without_file(given: &Given<'_>) -> Result<Config, Failure> {
    let mut config = Config::default();
    seed003(&mut config, &Said(""), given)?;
    Ok(config)
}

/// `--config`, `LINGATE_CONFIG`, seed 001's variable; else the first that exists of the usual places. `None`: seed
/// 003's environment needs no file.
fn find(given: &Given<'_>) -> Result<Option<PathBuf>, Failure> {
    if let Some(Value { text, .. }) = given.text(given.options.config.as_ref(), "config") {
        return Ok(Some(PathBuf::from(text)));
    }
    let seed = |name: &str| given.env.var(name).filter(|text| !text.is_empty());
    if let Some(path) = seed(FILE_001) {
        return Ok(Some(PathBuf::from(path)));
    }
    let own = config_folder(given.env).map(|folder| folder.join(NAME));
    let json = seed(PORT_001).map(|_| PathBuf::from(NAME_001));
    let places: Vec<PathBuf> = std::iter::once(PathBuf::from(NAME)).chain(own).chain(json).collect();
    if let Some(found) = places.iter().find(|path| path.exists()) {
        return Ok(Some(found.clone()));
    }
    if ai_queue::is_used(given)? {
        return Ok(None);
    }
    let places = places.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    Err(Failure::usage(format!(
        "no configuration file (looked for {places}); `lingate init` writes an example, `lingate serve --demo` needs none"
    )))
}

/// What of seed 003's environment has a meaning here, where the file does not say otherwise.
fn seed003(config: &mut Config, said: &Said<'_>, given: &Given<'_>) -> Result<(), Failure> {
    if !said.top_level("listen")
        && let Some(port) = port(given, "API_PORT")?
    {
        config.listen = vec![local(port)];
    }
    if !said.admin_listen()
        && let Some(port) = port(given, "FLASK_PORT")?
    {
        config.admin.listen = Some(local(port));
    }
    let timeout = given.env.var("TIMEOUT").filter(|text| !text.is_empty() && !said.anywhere("first_byte"));
    if let Some(text) = timeout {
        let limit = parse_duration(&text).map_err(|error| Failure::usage(format!("TIMEOUT: {error}")))?;
        config.timeouts.first_byte = (!limit.is_zero()).then_some(limit);
    }
    ai_queue::apply(config, given)
}

fn port(given: &Given<'_>, name: &str) -> Result<Option<u16>, Failure> {
    let text = given.env.var(name).filter(|text| !text.is_empty());
    let read = |text: String| text.trim().parse().map_err(|_| Failure::usage(format!("{name}: not a port")));
    text.map(read).transpose()
}

fn local(port: u16) -> Listen {
    Listen::socket((IpAddr::V4(Ipv4Addr::LOCALHOST), port))
}

/// Which keys the file's text has. A look at the text is enough for "does the file say otherwise".
struct Said<'a>(&'a str);

impl Said<'_> {
    fn anywhere(&self, key: &str) -> bool {
        self.lines().any(|line| line.contains(key))
    }

    fn is_json(&self) -> bool {
        self.0.trim_start_matches('\u{feff}').trim_start().starts_with('{')
    }

    /// The lines without comments that fill a line.
    fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.lines().filter(|line| !line.trim_start().starts_with('#'))
    }

    fn top_level(&self, key: &str) -> bool {
        match self.is_json() {
            true => self.anywhere(&format!("\"{key}\"")),
            false => self.lines().any(|line| is_key(line, key)),
        }
    }

    /// Whether `listen` stands in the block of `admin`.
    fn admin_listen(&self) -> bool {
        if self.is_json() {
            return self.0.split_once("\"admin\"").is_some_and(|(_, rest)| rest.contains("\"listen\""));
        }
        let mut lines = self.lines().skip_while(|line| !is_key(line, "admin"));
        let own = lines.next().is_some_and(|line| line.contains("listen"));
        own || lines.take_while(|line| line.trim().is_empty() || line.starts_with(' ')).any(|l| l.contains("listen"))
    }
}

/// Whether a line begins with this key, quoted or not.
fn is_key(line: &str, key: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}').trim_start_matches(['"', '\'']);
    line.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_text_says() {
        for (text, listen, admin) in [
            ("", false, false),
            ("listen: []\n", true, false),
            ("admin:\n  listen: x\n", false, true),
            ("admin: { listen: x }\nendpoints: []\n", false, true),
            ("admin:\n  auth: off\nendpoints:\n  - listen\n", false, false),
            ("# listen: []\n# admin:\n#   listen: x\n", false, false),
            ("\"listen\": []\n", true, false),
            ("{ \"listen\": [] }", true, false),
            ("{ \"admin\": { \"listen\": \"\" } }", true, true),
            ("listener: 1\nadmin:\n  # listen: x\n  auth: off\n", false, false),
        ] {
            let said = Said(text);
            assert_eq!((said.top_level("listen"), said.admin_listen()), (listen, admin), "{text}");
        }
    }
}
