//! Sealing: the keyring, its purposes and the versioned envelope.
//!
//! The master key (outside the database) wraps random data keys (in it, one a term). HKDF-SHA256 makes a subkey for
//! each purpose out of a data key, and the AEAD is AES-256-GCM-SIV with a random nonce, from `aws-lc-rs`: it stays
//! safe even if a nonce should ever come twice.

mod envelope;
mod keyring;

pub(crate) use envelope::{OVERHEAD, Secret, fill_random};
pub(crate) use keyring::{DataKeys, FIRST_TERM};
pub use keyring::{Purpose, Sealer};

/// A value could not be sealed or opened. All causes look the same on purpose: a wrong key, a wrong identity, a
/// changed byte and a foreign format must not be told apart by whoever can send values in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value cannot be opened")]
pub struct SealError;
