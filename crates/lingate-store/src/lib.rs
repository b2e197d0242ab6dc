//! What must last: the data folder, migrations, sealed values.
//!
//! [`Store::open`] creates or opens the data folder of one lingate process, takes its lock, migrates the database
//! and unlocks the sealing keys. From then on [`Sealer`] seals and opens single values (endpoint credentials) and
//! [`SealedCache`] keeps whole files (model lists, sign-in sessions) that must survive a restart; [`StoredResponses`]
//! keeps answers that a client may refer to.
//!
//! This crate knows nothing about HTTP, dialects or the configuration file, and reads no environment variable but
//! the one that names the system's temporary folder, in [`Store::open_temporary`].
//!
//! # What lies in the data folder
//!
//! | entry | content |
//! |---|---|
//! | `lingate.db` (`-wal`, `-shm`) | SQLite: settings, the wrapped data keys, sealed Responses |
//! | `lingate.lock` | empty; locked while a process has the folder open |
//! | `master.key` | the master key, base64; only if no other source was given |
//! | `cache/` | sealed files under keyed names |
//!
//! The folder is 0700 and its files are 0600. A backup is the whole folder; a backup without the master key cannot be
//! unsealed, and a backup with `master.key` in it must be kept like a password.

mod cache;
mod database;
mod error;
mod folder;
mod master_key;
mod responses;
mod seal;
mod store;

pub use cache::{MAX_ENTRY_BYTES, MAX_FILES, SealedCache};
pub use error::{MasterKeyFault, StoreError};
pub use master_key::{
    CREDENTIAL_NAME, CREDENTIALS_DIRECTORY_VARIABLE, KEY_FILE_VARIABLE, KEY_VARIABLE, MasterKeySource,
};
pub use responses::{MAX_RESPONSE_BYTES, MAX_RESPONSES, MAX_RESPONSES_BYTES, NewResponse, StoredResponses};
pub use seal::{Purpose, SealError, Sealer};
pub use store::{Store, StoreOptions};
