//! Everything that can go wrong with the data folder: what, where, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// A failure of the store. The text is one whole message for the operator and never holds key material.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or folder could not be made, read or written.
    #[error("cannot {doing} {}: {cause}; check that this user may write there and that the disk is not full", path.display())]
    File {
        /// What was being done, as a verb phrase.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// Another process has the data folder open.
    #[error("the data folder {} is in use by another lingate process; stop that one or set another data_dir", path.display())]
    InUse {
        /// The data folder.
        path: PathBuf,
    },
    /// The database refused something.
    #[error("cannot {doing} the database {}: {cause}; if the file is damaged, restore it from a backup", path.display())]
    Database {
        /// What was being done, as a verb.
        doing: &'static str,
        /// The database file.
        path: PathBuf,
        /// What the database said.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database was written by a later version of lingate.
    #[error(
        "the database {} has schema {found}, this lingate knows up to {known}: a newer lingate wrote it; start that version or restore an older backup",
        path.display()
    )]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// The schema version in the database.
        found: i64,
        /// The latest schema version that this program knows.
        known: i64,
    },
    /// A master key was found but cannot be used.
    #[error("the master key in {origin} cannot be used: {fault}")]
    MasterKey {
        /// Where the key came from.
        origin: String,
        /// What is wrong with it.
        fault: MasterKeyFault,
    },
    /// The data folder holds sealed values and no master key was found.
    #[error(
        "the data folder {} holds sealed values but there is no master key: restore its master.key, or set LINGATE_MASTER_KEY_FILE or LINGATE_MASTER_KEY to the key it was made with",
        path.display()
    )]
    MasterKeyMissing {
        /// The data folder.
        path: PathBuf,
    },
    /// The master key is not the one with which the data keys were wrapped.
    #[error(
        "the master key does not open this data folder ({}, key from {origin}): give the key it was made with, or set another data_dir",
        path.display()
    )]
    MasterKeyMismatch {
        /// The data folder.
        path: PathBuf,
        /// Where the key came from.
        origin: String,
    },
    /// The data keys are gone from a database that once had them.
    #[error("the data key is gone from the database {}: its sealed values cannot be read; restore it from a backup", path.display())]
    DataKeyLost {
        /// The database file.
        path: PathBuf,
    },
    /// A cache entry is larger than [`MAX_ENTRY_BYTES`](crate::MAX_ENTRY_BYTES).
    #[error("a cache entry of {bytes} bytes is over the limit of {limit} bytes; it was not kept")]
    EntryTooLarge {
        /// The size that was asked for, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A response is larger than [`MAX_RESPONSE_BYTES`](crate::MAX_RESPONSE_BYTES), with what it answered.
    #[error("a response of {bytes} bytes is over the limit of {limit} bytes; it was not stored")]
    ResponseTooLarge {
        /// The size that was asked for, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The cryptographic library failed, in practice its random source.
    #[error("cannot seal: the system's cryptography or random source failed; restart lingate and check the host")]
    Sealing,
    /// The runtime stopped before the work was done.
    #[error("work on the data folder was cut off because lingate is stopping")]
    Stopping,
}

/// Why a master key cannot be used. Never holds key material.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MasterKeyFault {
    /// The file cannot be read.
    #[error("{0}; check that the file exists and that this user may read it")]
    Unreadable(io::Error),
    /// Group or others may read or write the file.
    #[error("the file's mode is {mode:04o}, so other users can get at it; run `chmod 600` on it")]
    Exposed {
        /// The permission bits of the file.
        mode: u32,
    },
    /// The text is not base64.
    #[error("it is not base64; make one with `openssl rand -base64 32`")]
    NotBase64,
    /// The key does not have 32 bytes.
    #[error("it does not have 32 bytes once decoded; make one with `openssl rand -base64 32`")]
    WrongLength,
    /// All bytes of the key are the same.
    #[error("all its bytes are the same, so it is no secret; make one with `openssl rand -base64 32`")]
    Constant,
}

impl StoreError {
    /// Returns a mapper for an I/O error at `path` while `doing` something.
    pub(crate) fn file<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> StoreError + 'a {
        move |cause| StoreError::File { doing, path: path.to_owned(), cause }
    }

    /// Returns a mapper for an error of the database at `path` while `doing` something.
    pub(crate) fn database<'a, E>(doing: &'static str, path: &'a Path) -> impl FnOnce(E) -> StoreError + 'a
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |cause| StoreError::Database { doing, path: path.to_owned(), cause: cause.into() }
    }
}
