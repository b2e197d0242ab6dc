//! The keyring: data keys by term, the subkeys of each purpose, and the [`Sealer`] that uses them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::SealError;
use super::envelope::{EnvelopeKey, Secret, derive, fill_random, term_of};

/// The term of the first data key.
pub(crate) const FIRST_TERM: u32 = 1;

/// The purpose byte of a data key that the master key wrapped.
const WRAPPED_KEY: u8 = 0;
const WRAPPED_KEY_NAME: &str = "wrapped-key";
const CACHE_NAMES: &str = "cache-names";

/// What a sealed value is for. Each purpose has a key of its own, so a value cannot be passed off as another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// The secret with which lingate signs on at an endpoint.
    EndpointCredential,
    /// A file of the sealed cache.
    CacheEntry,
    /// A stored answer and what it answered.
    Response,
}

impl Purpose {
    /// The number in the envelope and the name from which the subkey is derived. Both are for ever.
    const fn id(self) -> (u8, &'static str) {
        match self {
            Purpose::EndpointCredential => (1, "endpoint-credential"),
            Purpose::CacheEntry => (2, "cache-entry"),
            Purpose::Response => (3, "response"),
        }
    }
}

/// Seals and opens single values. Cheap to clone.
///
/// A value is bound to its purpose and to the `identity` bytes that the caller gives: the same bytes must be given to
/// open it. Use what names the place of the value (table, column, row), so that values cannot be moved from one row
/// to another; where an identity is made of several parts, no two places may give the same bytes.
#[derive(Clone)]
pub struct Sealer {
    current: Arc<TermKeys>,
    by_term: Arc<BTreeMap<u32, Arc<TermKeys>>>,
}

/// The subkeys of one data key.
struct TermKeys {
    endpoint_credential: EnvelopeKey,
    cache_entry: EnvelopeKey,
    response: EnvelopeKey,
    cache_names: hmac::Key,
}

/// The data keys in clear, on their way from the database to a [`Sealer`].
pub(crate) struct DataKeys(BTreeMap<u32, Secret>);

impl DataKeys {
    /// Makes the first data key and returns it with its wrapped form.
    pub(crate) fn first(master: &Secret) -> Result<(Self, Vec<u8>), SealError> {
        let mut key = Zeroizing::new([0; 32]);
        fill_random(key.as_mut_slice())?;
        let wrapped = wrapper(master, FIRST_TERM)?.seal(&[], &[key.as_slice()])?;
        Ok((Self(BTreeMap::from([(FIRST_TERM, key)])), wrapped))
    }

    /// Unwraps all data keys; fails if the master key does not open every one of them, or if there is none.
    pub(crate) fn unwrap_all(master: &Secret, wrapped: &[(u32, Vec<u8>)]) -> Result<Self, SealError> {
        let mut keys = BTreeMap::new();
        for (term, envelope) in wrapped {
            let plain = Zeroizing::new(wrapper(master, *term)?.open(&[], envelope)?);
            let mut key = Zeroizing::new([0; 32]);
            if plain.len() != key.len() {
                return Err(SealError);
            }
            key.copy_from_slice(&plain);
            keys.insert(*term, key);
        }
        if keys.is_empty() { Err(SealError) } else { Ok(Self(keys)) }
    }
}

/// The key that wraps the data key of a term. The term is in the envelope's header, so wrapped keys cannot be swapped.
fn wrapper(master: &Secret, term: u32) -> Result<EnvelopeKey, SealError> {
    EnvelopeKey::derive(master, WRAPPED_KEY, WRAPPED_KEY_NAME, term)
}

impl TermKeys {
    fn derive(root: &Secret, term: u32) -> Result<Self, SealError> {
        let key = |purpose: Purpose| {
            let (number, name) = purpose.id();
            EnvelopeKey::derive(root, number, name, term)
        };
        Ok(Self {
            endpoint_credential: key(Purpose::EndpointCredential)?,
            cache_entry: key(Purpose::CacheEntry)?,
            response: key(Purpose::Response)?,
            cache_names: hmac::Key::new(hmac::HMAC_SHA256, derive(root, CACHE_NAMES)?.as_slice()),
        })
    }

    fn of(&self, purpose: Purpose) -> &EnvelopeKey {
        match purpose {
            Purpose::EndpointCredential => &self.endpoint_credential,
            Purpose::CacheEntry => &self.cache_entry,
            Purpose::Response => &self.response,
        }
    }
}

impl Sealer {
    /// Derives all subkeys. The newest term seals, every term opens.
    pub(crate) fn new(keys: &DataKeys) -> Result<Self, SealError> {
        let by_term = keys
            .0
            .iter()
            .map(|(term, root)| Ok((*term, Arc::new(TermKeys::derive(root, *term)?))))
            .collect::<Result<BTreeMap<_, _>, SealError>>()?;
        let current = by_term.values().next_back().ok_or(SealError)?.clone();
        Ok(Self { current, by_term: Arc::new(by_term) })
    }

    /// Seals `plain` and returns the envelope, 37 bytes longer.
    ///
    /// # Errors
    /// Only if the system's random source fails.
    pub fn seal(&self, purpose: Purpose, identity: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        self.seal_parts(purpose, identity, &[plain])
    }

    /// Seals a plaintext that comes in parts; it is opened as one.
    pub(crate) fn seal_parts(&self, purpose: Purpose, identity: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>, SealError> {
        self.current.of(purpose).seal(identity, parts)
    }

    /// Opens an envelope that [`seal`](Self::seal) made for the same purpose and identity. The caller wipes the
    /// plaintext if it is a secret.
    ///
    /// # Errors
    /// [`SealError`], whatever the reason: changed, cut, of another purpose, identity, data folder or version.
    pub fn open(&self, purpose: Purpose, identity: &[u8], envelope: &[u8]) -> Result<Vec<u8>, SealError> {
        let term = term_of(envelope).ok_or(SealError)?;
        self.by_term.get(&term).ok_or(SealError)?.of(purpose).open(identity, envelope)
    }

    /// The file name of a cache entry: a keyed hash, so that the name does not show on disk and cannot be guessed.
    pub(crate) fn cache_file_name(&self, name: &str) -> String {
        use fmt::Write as _;
        let tag = hmac::sign(&self.current.cache_names, name.as_bytes());
        tag.as_ref().iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("terms", &self.by_term.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
