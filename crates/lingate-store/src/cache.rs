//! The sealed cache: small files that survive a restart, unreadable and nameless to whoever gets at the disk.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use zeroize::Zeroizing;

use crate::error::StoreError;
use crate::folder::{DataFolder, Durability, write_whole};
use crate::seal::{OVERHEAD, Purpose, Sealer};

/// The largest entry, in bytes.
pub const MAX_ENTRY_BYTES: usize = 8 * 1024 * 1024;
/// The most entries; with one more the oldest goes.
pub const MAX_FILES: usize = 1024;

/// The expiry at the end of a plaintext: unix milliseconds, big-endian.
const EXPIRY_LEN: usize = 8;

/// A cache of sealed files in the data folder, for model lists and sign-in sessions. Cheap to clone.
///
/// An entry is bound to its logical name, which does not show on disk; put into the name all that an entry must not
/// be mixed up about (endpoint, account). A file that does not open under its name counts as a miss and is removed.
/// The methods do their I/O on the runtime's blocking threads, one at a time.
#[derive(Clone)]
pub struct SealedCache {
    files: Arc<Files>,
}

impl SealedCache {
    pub(crate) fn new(folder: Arc<DataFolder>, sealer: Sealer) -> Self {
        let path = folder.cache();
        Self { files: Arc::new(Files { path, sealer, max_files: MAX_FILES, turn: Mutex::new(()), _folder: folder }) }
    }

    /// Keeps `bytes` (at most [`MAX_ENTRY_BYTES`]) under `name` in place of what was there. `expires_at_ms` is unix
    /// milliseconds, handed back by [`get`](Self::get).
    ///
    /// # Errors
    /// [`StoreError::EntryTooLarge`], or what the file system said.
    pub async fn put(&self, name: &str, expires_at_ms: u64, bytes: Vec<u8>) -> Result<(), StoreError> {
        let bytes = Zeroizing::new(bytes);
        self.run(name, move |files, name| files.put(name, expires_at_ms, &bytes))
            .await
            .unwrap_or(Err(StoreError::Stopping))
    }

    /// The expiry (unix milliseconds) and the bytes kept under `name`. An entry past its expiry is handed out too:
    /// the caller knows whether a stale one is better than none.
    pub async fn get(&self, name: &str) -> Option<(u64, Vec<u8>)> {
        self.run(name, Files::get).await.flatten()
    }

    /// Removes what is kept under `name`; fine if there is nothing.
    ///
    /// # Errors
    /// What the file system said.
    pub async fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.run(name, Files::remove).await.unwrap_or(Err(StoreError::Stopping))
    }

    /// Runs `work` on a blocking thread; `None` if the runtime is stopping.
    async fn run<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Files, &str) -> T + Send + 'static,
    ) -> Option<T> {
        let files = Arc::clone(&self.files);
        let name = name.to_owned();
        let work = move || {
            let _turn = files.turn.lock().unwrap_or_else(PoisonError::into_inner);
            work(&files, &name)
        };
        tokio::task::spawn_blocking(work).await.ok()
    }
}

impl fmt::Debug for SealedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedCache").field("path", &self.files.path).finish_non_exhaustive()
    }
}

/// The blocking side.
struct Files {
    path: PathBuf,
    sealer: Sealer,
    max_files: usize,
    // Held for each operation: a reader must not remove the file that a writer has just put in place.
    turn: Mutex<()>,
    // The folder stays locked as long as somebody may write into it.
    _folder: Arc<DataFolder>,
}

/// Why a file gave no entry.
enum Miss {
    /// There is none.
    Absent,
    /// The host could not read it now; the file itself may be good.
    Host(io::Error),
    /// It is no entry of this name.
    Bad(&'static str),
}

impl Files {
    fn file(&self, name: &str) -> PathBuf {
        self.path.join(self.sealer.cache_file_name(name))
    }

    fn put(&self, name: &str, expires_at_ms: u64, plain: &[u8]) -> Result<(), StoreError> {
        if plain.len() > MAX_ENTRY_BYTES {
            return Err(StoreError::EntryTooLarge { bytes: plain.len(), limit: MAX_ENTRY_BYTES });
        }
        let sealed = self
            .sealer
            .seal_parts(Purpose::CacheEntry, name.as_bytes(), &[plain, &expires_at_ms.to_be_bytes()])
            .map_err(|_| StoreError::Sealing)?;
        let path = self.file(name);
        write_whole(&path, &sealed, Durability::Unsynced).map_err(StoreError::file("write the cache file", &path))?;
        self.remove_oldest(&path).map_err(StoreError::file("tidy the cache folder", &self.path))
    }

    fn get(&self, name: &str) -> Option<(u64, Vec<u8>)> {
        let path = self.file(name);
        match self.read(name, &path) {
            Ok(entry) => Some(entry),
            Err(Miss::Absent) => None,
            Err(Miss::Host(cause)) => {
                tracing::warn!(path = %path.display(), %cause, "could not read a cache file");
                None
            }
            Err(Miss::Bad(reason)) => {
                let removed = remove_any(&path).is_ok();
                tracing::warn!(path = %path.display(), reason, removed, "refused a cache file");
                None
            }
        }
    }

    fn read(&self, name: &str, path: &Path) -> Result<(u64, Vec<u8>), Miss> {
        // Looked at before it is opened: opening a pipe would wait for ever.
        if !fs::symlink_metadata(path).map_err(miss)?.is_file() {
            return Err(Miss::Bad("not a regular file"));
        }
        let limit = MAX_ENTRY_BYTES + EXPIRY_LEN + OVERHEAD;
        let mut sealed = Vec::new();
        File::open(path).and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut sealed)).map_err(miss)?;
        if sealed.len() > limit {
            return Err(Miss::Bad("too large"));
        }
        let mut plain = self
            .sealer
            .open(Purpose::CacheEntry, name.as_bytes(), &sealed)
            .map_err(|_| Miss::Bad("the seal does not open"))?;
        let expiry = plain.last_chunk::<EXPIRY_LEN>().map(|bytes| u64::from_be_bytes(*bytes));
        let expiry = expiry.ok_or(Miss::Bad("no expiry"))?;
        plain.truncate(plain.len() - EXPIRY_LEN);
        Ok((expiry, plain))
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        let path = self.file(name);
        match remove_any(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::file("remove the cache file", &path)(cause))
            }
            _ => Ok(()),
        }
    }

    /// Removes the oldest files over the limit, never `keep`.
    fn remove_oldest(&self, keep: &Path) -> io::Result<()> {
        let paths = fs::read_dir(&self.path)?.map(|entry| entry.map(|entry| entry.path()));
        let paths = paths.collect::<io::Result<Vec<_>>>()?;
        let excess = paths.len().saturating_sub(self.max_files);
        if excess == 0 {
            return Ok(());
        }
        let mut by_age: Vec<_> =
            paths.into_iter().filter(|path| path != keep).map(|path| (age_of(&path), path)).collect();
        by_age.sort();
        by_age.iter().take(excess).try_for_each(|(_, path)| remove_any(path))
    }
}

/// The time of the last write; a file that does not tell counts as the oldest.
fn age_of(path: &Path) -> SystemTime {
    fs::symlink_metadata(path).and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn remove_any(path: &Path) -> io::Result<()> {
    // A folder in a file's place is not ours; it goes only if it is empty.
    fs::remove_file(path).or_else(|cause| fs::remove_dir(path).map_err(|_| cause))
}

/// Only what says something about the file itself makes it bad: a host out of descriptors must not cost the cache.
fn miss(cause: io::Error) -> Miss {
    match cause.kind() {
        io::ErrorKind::NotFound => Miss::Absent,
        io::ErrorKind::PermissionDenied => Miss::Bad("not readable"),
        _ => Miss::Host(cause),
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
