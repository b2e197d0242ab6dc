//! Who may call: keys and rate limit.

use std::time::{Duration, SystemTime};

use super::{list_of, name, sealed};
use crate::checked::{ClientKey, Clients, KeySecret};
use crate::diagnostic::Findings;
use crate::node::member;
use crate::raw;
use crate::secret::Secret;

/// The most requests a second that a limit may allow.
const MAX_RATE: f64 = 1e9;

pub(super) fn clients(raw: raw::Clients, findings: &mut Findings) -> Clients {
    let base = Clients::default();
    Clients {
        auth: raw.auth.map_or(base.auth, |auth| auth.0),
        keys: list_of(raw.keys.unwrap_or_default(), "clients.keys", findings, key),
        rate_limit: raw.rate_limit.map_or(0.0, |limit| rate(&limit, findings)),
    }
}

fn rate(limit: &raw::Decimal, findings: &mut Findings) -> f64 {
    let rate = limit.0.parse().unwrap_or(f64::INFINITY);
    if rate > MAX_RATE {
        findings.add("clients.rate_limit", "larger than 1000000000 requests a second", Some("0 is no limit"));
    }
    rate
}

fn key(raw: raw::ClientKey, path: &str, findings: &mut Findings) -> Option<ClientKey> {
    let name = name(raw.name, path, findings);
    let secret = match (sealed(raw.key), sealed(raw.key_sha256)) {
        (Some(key), None) => plain(key, &member(path, "key"), findings)?,
        (None, Some(hash)) => hashed(&hash, &member(path, "key_sha256"), findings)?,
        (Some(_), Some(_)) => {
            findings.add(path, "`key` and `key_sha256` exclude each other", Some("keep one of them"));
            return None;
        }
        (None, None) => {
            // An entry without key must never be taken for one that any key fits.
            if !findings.has(&member(path, "key_sha256")) {
                findings.missing(&member(path, "key"), Some("give `key` or `key_sha256`, not empty"));
            }
            return None;
        }
    };
    let expires = raw.expires.filter(|text| !text.is_empty());
    let expires = expires.and_then(|text| expiry(&text, &member(path, "expires"), findings));
    Some(ClientKey { name, secret, models: raw.models.unwrap_or_default(), expires })
}

fn plain(key: Secret, path: &str, findings: &mut Findings) -> Option<KeySecret> {
    if !key.expose().chars().all(|c| c.is_ascii_graphic()) {
        findings.add(path, "a key must be printable ASCII without spaces", None);
        return None;
    }
    Some(KeySecret::Key(key))
}

fn hashed(hash: &Secret, path: &str, findings: &mut Findings) -> Option<KeySecret> {
    let parsed = decode_hex(hash.expose().trim());
    if parsed.is_none() {
        findings.add(path, "not a SHA-256: 64 hexadecimal digits are needed", None);
    }
    parsed.map(KeySecret::Sha256)
}

fn decode_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1])).collect::<Result<_, _>>().ok()?;
    if digits.len() == 64 { bytes.try_into().ok() } else { None }
}

/// A date counts to its end, UTC.
fn expiry(text: &str, path: &str, findings: &mut Findings) -> Option<SystemTime> {
    let time = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let date: jiff::civil::Date = text.parse().ok().filter(|_| text.len() == 10)?;
        let next = date.tomorrow().ok()?;
        Some(next.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    });
    let seconds = time.and_then(|time| u64::try_from(time.as_second()).ok());
    let at = seconds.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    if at.is_none() {
        findings.add(path, "not a date or time", Some("write for example 2026-12-31 or 2026-12-31T18:00:00Z"));
    }
    at
}
