//! The first key: listeners that other machines reach need one, and the first such start makes it.
//!
//! The key is shown once; its SHA-256 stays in the data folder, so that later starts take the same key.

use crate::failure::Failure;
use aws_lc_rs::digest::{SHA256, digest};
use lingate_config::{ClientAuth, ClientKey, Config, KeySecret, resolve_client_auth};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

/// The hash's file in the data folder.
const FILE: &str = "client-key.sha256";
/// What the ledger calls the key.
const NAME: &str = "first-key";

/// Adds the data folder's key to a configuration that needs keys and has none. Returns the key's text if it was
/// made just now: it is to be shown, and cannot be had again.
///
/// # Errors
/// If the file cannot be read or written.
pub(crate) fn ensure(config: &mut Config, folder: &Path) -> Result<Option<String>, Failure> {
    let needed = config.clients.auth == ClientAuth::Auto
        && config.clients.keys.is_empty()
        && resolve_client_auth(config) == ClientAuth::Keys;
    if !needed {
        return Ok(None);
    }
    let path = folder.join(FILE);
    let fail = |error: io::Error| Failure::runtime(format!("the clients' key {}: {error}", path.display()));
    let (hash, made) = match fs::read_to_string(&path) {
        Ok(text) => {
            let broken = || io::Error::other("not a SHA-256; remove the file, and a new key is made");
            (unhex(text.trim()).ok_or_else(broken).map_err(fail)?, None)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = new_key().map_err(fail)?;
            let hash = sha256(&key);
            write_whole(&path, &hex(&hash)).map_err(fail)?;
            (hash, Some(key))
        }
        Err(error) => return Err(fail(error)),
    };
    config.clients.keys.push(ClientKey {
        name: NAME.to_owned(),
        secret: KeySecret::Sha256(hash),
        models: Vec::new(),
        expires: None,
    });
    Ok(made)
}

/// How a new key is shown.
pub(crate) fn announcement(key: &str) -> String {
    format!(
        "\nOther machines can reach this gateway, so its clients need a key. This one was made now and is shown only \
         once:\n\n    {key}\n\nClients send it as `Authorization: Bearer {}…`. Delete {FILE} in the data folder to \
         get another.\n\n",
        key.get(..6).unwrap_or_default()
    )
}

fn new_key() -> io::Result<String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(format!("lg-{}", hex(&random)))
}

fn sha256(text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    hash
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.bytes().map(|c| (c as char).to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    if digits.len() == 64 { bytes.try_into().ok() } else { None }
}

/// Writes a file (0600) that is either whole or not there.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("tmp");
    let _ = fs::remove_file(&unfinished);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lingate_config::Listen;

    #[test]
    fn one_key_for_all_starts() {
        let folder = tempfile::tempdir().unwrap();
        let listen: Listen = "0.0.0.0:0".parse().unwrap();
        let fresh = || Config { listen: vec![listen.clone()], ..Config::default() };
        let mut first = fresh();
        let key = ensure(&mut first, folder.path()).unwrap().unwrap();
        assert!(key.starts_with("lg-") && key.len() == 67);
        assert_eq!(first.clients.keys[0].secret, KeySecret::Sha256(sha256(&key)));
        assert_eq!(resolve_client_auth(&first), ClientAuth::Keys);
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(!text.contains(&key[3..]), "only the hash is kept");
        let mut second = fresh();
        assert_eq!(ensure(&mut second, folder.path()).unwrap(), None);
        assert_eq!(second.clients.keys, first.clients.keys);
        fs::write(folder.path().join(FILE), "zz").unwrap();
        assert!(ensure(&mut fresh(), folder.path()).is_err());
    }

    #[test]
    fn no_key_where_none_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let open: Listen = "0.0.0.0:0".parse().unwrap();
        let mut local = Config::default();
        let mut by_choice = Config { listen: vec![open], ..Config::default() };
        by_choice.clients.auth = ClientAuth::Open;
        for config in [&mut local, &mut by_choice] {
            assert_eq!(ensure(config, folder.path()).unwrap(), None);
            assert!(config.clients.keys.is_empty());
        }
        assert!(!folder.path().join(FILE).exists());
    }

    #[test]
    fn hex_both_ways() {
        assert_eq!(unhex(&hex(&[0xab; 32])), Some([0xab; 32]));
        assert_eq!(unhex("ab"), None);
        assert_eq!(unhex(&"g".repeat(64)), None);
    }
}
