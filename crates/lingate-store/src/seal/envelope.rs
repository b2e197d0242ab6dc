//! The envelope on disk: `"LG" | version u8 | alg u8 | purpose u8 | term u32be | nonce 12 | ciphertext | tag 16`.
//!
//! What is authenticated beside the ciphertext: the header without the nonce, then the caller's identity bytes. The
//! header has a fixed length, so the two cannot be confused.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

use super::SealError;

const MAGIC: [u8; 2] = *b"LG";
const VERSION: u8 = 1;
/// AES-256-GCM-SIV. 1 is kept free for XChaCha20-Poly1305.
const ALGORITHM: u8 = 2;
const HEADER_LEN: usize = 9;
const CIPHERTEXT_AT: usize = HEADER_LEN + NONCE_LEN;
const TAG_LEN: usize = 16;

/// How many bytes an envelope has more than its plaintext.
pub(crate) const OVERHEAD: usize = CIPHERTEXT_AT + TAG_LEN;

/// A secret of 32 bytes, wiped when dropped.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// One AEAD key, bound to a purpose and a term.
pub(super) struct EnvelopeKey {
    key: LessSafeKey,
    header: [u8; HEADER_LEN],
}

impl EnvelopeKey {
    /// Derives the key for `purpose` (its number and its name) out of `root`.
    pub(super) fn derive(root: &Secret, purpose: u8, name: &str, term: u32) -> Result<Self, SealError> {
        let subkey = derive(root, name)?;
        let key = UnboundKey::new(&AES_256_GCM_SIV, subkey.as_slice()).map(LessSafeKey::new).map_err(|_| SealError)?;
        let [a, b, c, d] = term.to_be_bytes();
        let header = [MAGIC[0], MAGIC[1], VERSION, ALGORITHM, purpose, a, b, c, d];
        Ok(Self { key, header })
    }

    /// Seals the `parts` of a plaintext, one after the other, for `identity`. Taken in parts so that nobody has to
    /// join secrets in a buffer of his own.
    pub(super) fn seal(&self, identity: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>, SealError> {
        // The full length at once: a buffer that grows would leave plaintext behind.
        let mut envelope = Vec::with_capacity(parts.iter().map(|part| part.len()).sum::<usize>() + OVERHEAD);
        envelope.extend_from_slice(&self.header);
        let mut nonce = [0; NONCE_LEN];
        fill_random(&mut nonce)?;
        envelope.extend_from_slice(&nonce);
        parts.iter().for_each(|part| envelope.extend_from_slice(part));
        let body = envelope.get_mut(CIPHERTEXT_AT..).ok_or(SealError)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.key.seal_in_place_separate_tag(nonce, self.aad(identity), body).map_err(|_| SealError)?;
        envelope.extend_from_slice(tag.as_ref());
        Ok(envelope)
    }

    /// Opens an envelope that was sealed by this key for `identity`.
    pub(super) fn open(&self, identity: &[u8], envelope: &[u8]) -> Result<Vec<u8>, SealError> {
        let sealed = envelope.strip_prefix(&self.header).ok_or(SealError)?;
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError)?;
        let mut plain = body.to_vec();
        let len = self.key.open_in_place(nonce, self.aad(identity), &mut plain).map_err(|_| SealError)?.len();
        plain.truncate(len);
        Ok(plain)
    }

    fn aad(&self, identity: &[u8]) -> Aad<Vec<u8>> {
        Aad::from([&self.header, identity].concat())
    }
}

/// Fills `bytes` from the operating system's random source.
///
/// Not from `aws_lc_rs::rand`: its first use gathers entropy of its own for some 30 ms, too long for a start.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), SealError> {
    getrandom::fill(bytes).map_err(|_| SealError)
}

/// Reads the term out of an envelope's header, before anything is authenticated.
pub(super) fn term_of(envelope: &[u8]) -> Option<u32> {
    let bytes = envelope.get(HEADER_LEN - 4..HEADER_LEN)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// HKDF-SHA256 of `root` with the info `lingate/v1/<name>`.
pub(super) fn derive(root: &Secret, name: &str) -> Result<Secret, SealError> {
    let mut subkey = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
        .extract(root.as_slice())
        .expand(&[b"lingate/v1/", name.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(subkey.as_mut_slice()))
        .map_err(|_| SealError)?;
    Ok(subkey)
}
