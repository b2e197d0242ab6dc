//! The data folder: made, locked, and held for as long as anything in it is in use.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::seal::fill_random;

const LOCK: &str = "lingate.lock";
const DATABASE: &str = "lingate.db";
const MASTER_KEY: &str = "master.key";
const CACHE: &str = "cache";
/// The end of the name of a file that is still being written.
const UNFINISHED: &str = ".tmp";

/// A data folder that this process holds. All methods block on file I/O.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    temporary: bool,
    // The operating system frees the lock when the file is closed, also by kill -9.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if need be (0700), locks it and prepares its fixed entries.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let made = make_folder(path).map_err(StoreError::file("make the data folder", path))?;
        // Absolute from here on: neither a later change of the working folder nor SQLite's special names matter.
        let path = &path.canonicalize().map_err(StoreError::file("open the data folder", path))?;
        if !made {
            warn_if_open_to_others(path);
        }
        Self::hold(path, false)
    }

    /// Makes a folder of a random name in the system's temporary folder; it goes when dropped.
    pub(crate) fn open_temporary() -> Result<Self, StoreError> {
        let mut random = [0; 8];
        fill_random(&mut random).map_err(|_| StoreError::Sealing)?;
        let path = std::env::temp_dir().join(format!("lingate-{:016x}", u64::from_be_bytes(random)));
        // Not `make_folder`: a folder that is already there belongs to somebody else.
        private_folder(false).create(&path).map_err(StoreError::file("make the temporary folder", &path))?;
        Self::hold(&path, true).inspect_err(|_| drop(fs::remove_dir_all(&path)))
    }

    fn hold(path: &Path, temporary: bool) -> Result<Self, StoreError> {
        let lock = path.join(LOCK);
        let file = private_file()
            .create(true)
            .truncate(false)
            .open(&lock)
            .map_err(StoreError::file("open the lock file", &lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(cause)) => return Err(StoreError::file("lock the file", &lock)(cause)),
        }
        let folder = Self { path: path.to_owned(), temporary, _lock: file };
        folder.prepare()?;
        Ok(folder)
    }

    fn prepare(&self) -> Result<(), StoreError> {
        let cache = self.cache();
        make_folder(&cache).map_err(StoreError::file("make the cache folder", &cache))?;
        if self.temporary {
            return Ok(());
        }
        // SQLite gives its side files the mode of the database, so the mode is set before SQLite sees it.
        let database = self.database();
        private_file()
            .create(true)
            .truncate(false)
            .open(&database)
            .map_err(StoreError::file("make the database file", &database))?;
        remove_unfinished(&self.path).map_err(StoreError::file("clean up the data folder", &self.path))?;
        remove_unfinished(&cache).map_err(StoreError::file("clean up the cache folder", &cache))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// True for a folder of [`open_temporary`](Self::open_temporary).
    pub(crate) fn is_temporary(&self) -> bool {
        self.temporary
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    pub(crate) fn master_key(&self) -> PathBuf {
        self.path.join(MASTER_KEY)
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.path.join(CACHE)
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if self.temporary
            && let Err(cause) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %cause, "could not remove the temporary folder");
        }
    }
}

/// Whether a written file must survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// On the disk before the name shows.
    Synced,
    /// Soon; a torn file is noticed by its seal.
    Unsynced,
}

/// Writes a file (0600) that is either whole or not there: under another name first, then renamed.
///
/// Callers must not write the same path at the same time.
pub(crate) fn write_whole(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(UNFINISHED);
    let unfinished = PathBuf::from(unfinished);
    // A leftover of a write that failed; there may well be none.
    let _ = fs::remove_file(&unfinished);
    let written = private_file().create_new(true).open(&unfinished).and_then(|mut file| {
        file.write_all(bytes)?;
        if durability == Durability::Synced {
            file.sync_all()?;
        }
        fs::rename(&unfinished, path)?;
        match (durability, path.parent()) {
            (Durability::Synced, Some(parent)) => sync_folder(parent),
            _ => Ok(()),
        }
    });
    written.inspect_err(|_| drop(fs::remove_file(&unfinished)))
}

/// Makes a new name in a folder survive a power cut.
fn sync_folder(path: &Path) -> io::Result<()> {
    // Only Unix can open a folder as a file.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Removes what an earlier process was writing when it died.
fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().ends_with(UNFINISHED.as_bytes()) && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes a folder and its parents; false if it was there.
fn make_folder(path: &Path) -> io::Result<bool> {
    if path.is_dir() {
        return Ok(false);
    }
    private_folder(true).create(path)?;
    Ok(true)
}

fn private_folder(recursive: bool) -> fs::DirBuilder {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(recursive);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A folder that the operator made keeps its mode (volumes are often mounted so), but not in silence.
fn warn_if_open_to_others(path: &Path) {
    #[cfg(unix)]
    if let Ok(metadata) = fs::metadata(path) {
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            let mode = format!("{mode:04o}");
            tracing::warn!(path = %path.display(), mode, "the data folder is open to other users; run chmod 700 on it");
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}
