//! The key that a client shows, and the keys that are good.

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::collections::HashMap;
use std::fmt;
use subtle::ConstantTimeEq;

/// SHA-256 of nothing.
const EMPTY: KeyHash = KeyHash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// One request with two different keys: which of them counts would be a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("two different API keys in one request; send one of Authorization, x-api-key and api-key")]
pub(crate) struct TwoCredentials;

/// Reads the client's key from `Authorization: Bearer`, `x-api-key` or `api-key`; the same one twice counts once.
/// Other schemes and empty values are no key.
pub(crate) fn read(headers: &HeaderMap) -> Result<Option<&[u8]>, TwoCredentials> {
    let bearers = headers.get_all(AUTHORIZATION).iter().filter_map(|value| bearer(value.as_bytes()));
    let plain = ["x-api-key", "api-key"].into_iter().flat_map(|name| headers.get_all(name));
    let plain = plain.map(|value| value.as_bytes().trim_ascii());
    let mut found = None;
    for key in bearers.chain(plain).filter(|key| !key.is_empty()) {
        match found {
            Some(other) if other != key => return Err(TwoCredentials),
            _ => found = Some(key),
        }
    }
    Ok(found)
}

/// The token of a `Bearer` value.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.trim_ascii().split_at_checked(b"bearer".len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(b"bearer") && token.first().is_some_and(u8::is_ascii_whitespace);
    is_bearer.then(|| token.trim_ascii())
}

/// The SHA-256 of a key. Shows itself in no output.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Of a clear key.
    pub fn of(key: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, key).as_ref());
        Self(hash)
    }

    /// From a stored hash.
    pub fn from_bytes(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// Where the map keeps it. What a hash's place tells by its timing is no help in finding a key.
    fn place(&self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0[..8]);
        u64::from_le_bytes(first)
    }
}

impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyHash {}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A key that clients may use.
#[derive(Debug, Clone)]
pub struct KeyEntry {
    /// Its name, for the ledger.
    pub name: String,
    /// Its hash.
    pub hash: KeyHash,
    /// The virtual models that it may ask for; empty: all.
    pub models: Vec<String>,
    /// From when on it is no longer good, seconds since 1970; `None`: never.
    pub expires: Option<u64>,
}

/// All keys that clients may use.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    places: HashMap<u64, Vec<KeyEntry>>,
}

impl KeyRing {
    /// From the entries. One whose key is the empty text is left out; of two with the same key the first counts.
    pub fn new(entries: impl IntoIterator<Item = KeyEntry>) -> Self {
        let mut places: HashMap<u64, Vec<KeyEntry>> = HashMap::new();
        for entry in entries.into_iter().filter(|entry| entry.hash != EMPTY) {
            let place = places.entry(entry.hash.place()).or_default();
            if !place.iter().any(|other| other.hash == entry.hash) {
                place.push(entry);
            }
        }
        Self { places }
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The entry of the key that a client shows, if it is good at `now` (seconds since 1970).
    pub fn check(&self, presented: &[u8], now: u64) -> Option<&KeyEntry> {
        if presented.is_empty() {
            return None;
        }
        let hash = KeyHash::of(presented);
        let entry = self.places.get(&hash.place())?.iter().find(|entry| entry.hash == hash)?;
        entry.expires.is_none_or(|expires| now < expires).then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap()))
            .collect()
    }

    fn entry(name: &str, key: &str, expires: Option<u64>) -> KeyEntry {
        KeyEntry { name: name.to_owned(), hash: KeyHash::of(key.as_bytes()), models: Vec::new(), expires }
    }

    #[test]
    fn one_key_in_any_header() {
        for pairs in [
            [("authorization", "Bearer k")].as_slice(),
            &[("authorization", "bearer  k ")],
            &[("authorization", "BEARER\tk")],
            &[("x-api-key", "k")],
            &[("api-key", " k ")],
            &[("authorization", "Bearer k"), ("x-api-key", "k"), ("api-key", "k")],
            &[("authorization", "Bearer k"), ("x-api-key", "")],
            &[("authorization", "Basic dTpw"), ("x-api-key", "k")],
            &[("authorization", "Bearer "), ("x-api-key", "k")],
        ] {
            assert_eq!(read(&headers(pairs)), Ok(Some(b"k".as_slice())), "{pairs:?}");
        }
    }

    #[test]
    fn no_key() {
        for pairs in [
            [].as_slice(),
            &[("authorization", "Basic k")],
            &[("authorization", "Bearer")],
            &[("authorization", "Bearerk")],
            &[("authorization", "k")],
            &[("x-api-key", " ")],
        ] {
            assert_eq!(read(&headers(pairs)), Ok(None), "{pairs:?}");
        }
    }

    #[test]
    fn two_keys() {
        for pairs in [
            [("authorization", "Bearer k"), ("x-api-key", "l")].as_slice(),
            &[("x-api-key", "k"), ("api-key", "K")],
            &[("x-api-key", "k"), ("x-api-key", "l")],
            &[("authorization", "Bearer k"), ("authorization", "Bearer l")],
        ] {
            assert_eq!(read(&headers(pairs)), Err(TwoCredentials), "{pairs:?}");
        }
    }

    #[test]
    fn keys_are_found_until_they_expire() {
        let ring = KeyRing::new([entry("a", "lg_a", None), entry("b", "lg_b", Some(100)), entry("c", "lg_a", None)]);
        let name = |key: &str, now| ring.check(key.as_bytes(), now).map(|entry| entry.name.as_str());
        assert_eq!(name("lg_a", u64::MAX), Some("a"));
        assert_eq!(name("lg_b", 99), Some("b"));
        assert_eq!(name("lg_b", 100), None);
        for wrong in ["", "lg_", "lg_a ", "LG_A", "lg_c"] {
            assert_eq!(name(wrong, 0), None, "{wrong}");
        }
    }

    #[test]
    fn the_empty_key_is_never_good() {
        assert_eq!(KeyHash::of(b""), EMPTY);
        let ring = KeyRing::new([entry("empty", "", None)]);
        assert!(ring.is_empty());
        assert!(ring.check(b"", 0).is_none());
    }

    #[test]
    fn places_that_collide_hold_both() {
        let hash = |last| {
            let mut hash = [7; 32];
            hash[31] = last;
            KeyHash::from_bytes(hash)
        };
        let twin = |name: &str, last| KeyEntry { hash: hash(last), ..entry(name, "x", None) };
        let ring = KeyRing::new([twin("one", 1), twin("two", 2)]);
        assert_eq!(ring.places[&hash(0).place()].len(), 2);
    }

    #[test]
    fn hashes_do_not_show() {
        let shown = format!("{:?}", KeyRing::new([entry("a", "lg_a", None)]));
        assert!(shown.contains("***") && !shown.contains("lg_a"), "{shown}");
    }

    proptest! {
        #[test]
        fn only_the_very_key_is_good(key in "[!-~]{1,40}", other in "[!-~]{0,40}") {
            let ring = KeyRing::new([entry("a", &key, None)]);
            prop_assert_eq!(ring.check(other.as_bytes(), 0).is_some(), key == other);
        }

        #[test]
        fn any_value_is_read(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
                prop_assert!(read(&headers).is_ok());
            }
        }
    }
}
