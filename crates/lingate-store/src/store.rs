//! Opening and closing the store: folder, database, master key, data keys, in that order.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::cache::SealedCache;
use crate::database::{Database, KeyState};
use crate::error::StoreError;
use crate::folder::DataFolder;
use crate::master_key::{MasterKey, MasterKeySource};
use crate::responses::StoredResponses;
use crate::seal::{DataKeys, FIRST_TERM, Sealer};

/// How to open a store.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// Where the master key comes from.
    pub master_key: MasterKeySource,
}

/// The open data folder. One process holds it at a time; it is free again once the store and every clone of its
/// [`cache`](Store::cache) and its [`responses`](Store::responses) are gone.
pub struct Store {
    // Before the folder: dropped first, so the database is let go before the lock.
    database: Database,
    sealer: Sealer,
    cache: SealedCache,
    responses: StoredResponses,
    folder: Arc<DataFolder>,
}

impl Store {
    /// Opens the data folder at `path`, which is made if it does not exist, and migrates its database.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process has it; [`StoreError::NewerSchema`] if a later lingate wrote it;
    /// [`StoreError::MasterKey`], [`MasterKeyMissing`](StoreError::MasterKeyMissing),
    /// [`MasterKeyMismatch`](StoreError::MasterKeyMismatch) or [`DataKeyLost`](StoreError::DataKeyLost) if its sealed
    /// values could not be read; else what the file system or the database said.
    pub async fn open(path: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let wanted = path.to_owned();
        let folder = blocking(move || DataFolder::open(&wanted)).await?;
        Self::open_folder(folder, options.master_key).await
    }

    /// Opens an empty store that leaves nothing behind: its folder goes when it is dropped, its database and its
    /// master key live in memory only.
    ///
    /// # Errors
    /// What the file system said.
    pub async fn open_temporary() -> Result<Self, StoreError> {
        let folder = blocking(DataFolder::open_temporary).await?;
        Self::open_folder(folder, MasterKeySource::default()).await
    }

    async fn open_folder(folder: DataFolder, source: MasterKeySource) -> Result<Self, StoreError> {
        let folder = Arc::new(folder);
        let database = Database::open(&folder).await?;
        let sealer = match unlock(&database, &folder, source).await {
            Ok(sealer) => sealer,
            Err(error) => {
                database.close().await;
                return Err(error);
            }
        };
        let cache = SealedCache::new(Arc::clone(&folder), sealer.clone());
        let responses = StoredResponses::new(Arc::clone(&folder), database.clone(), sealer.clone());
        Ok(Self { database, sealer, cache, responses, folder })
    }

    /// The data folder, absolute.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What seals and opens single values.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// The sealed files.
    pub fn cache(&self) -> &SealedCache {
        &self.cache
    }

    /// The stored Responses.
    pub fn responses(&self) -> &StoredResponses {
        &self.responses
    }

    /// Writes back what SQLite still holds and closes. Dropping the store is safe too, but may leave the next start
    /// to do this work.
    pub async fn close(self) {
        self.database.close().await;
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.folder.path()).finish_non_exhaustive()
    }
}

/// Migrates and unlocks the data keys; at the first start it makes the master key and the first data key.
async fn unlock(database: &Database, folder: &Arc<DataFolder>, source: MasterKeySource) -> Result<Sealer, StoreError> {
    let mut opening = database.migrate().await?;
    let state = opening.keys().await?;
    // A key is made only for a database that has nothing sealed: else the operator's key is missing, and a new one
    // would hide that.
    let may_create = matches!(state, KeyState::New);
    let keeper = Arc::clone(folder);
    let master = blocking(move || master_key(&keeper, &source, may_create)).await?;
    let keys = match state {
        KeyState::New => {
            let (keys, wrapped) = DataKeys::first(&master.secret).map_err(|_| StoreError::Sealing)?;
            opening.add_key(FIRST_TERM, &wrapped).await?;
            keys
        }
        KeyState::Wrapped(wrapped) => DataKeys::unwrap_all(&master.secret, &wrapped).map_err(|_| {
            StoreError::MasterKeyMismatch { path: folder.path().to_owned(), origin: master.origin.clone() }
        })?,
    };
    opening.commit(database).await?;
    Sealer::new(&keys).map_err(|_| StoreError::Sealing)
}

fn master_key(folder: &DataFolder, source: &MasterKeySource, may_create: bool) -> Result<MasterKey, StoreError> {
    if folder.is_temporary() {
        return MasterKey::random("memory".to_owned());
    }
    let path = folder.master_key();
    match MasterKey::find(source, &path)? {
        Some(key) => Ok(key),
        None if may_create => MasterKey::create(&path),
        None => Err(StoreError::MasterKeyMissing { path: folder.path().to_owned() }),
    }
}

/// Runs file I/O where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Stopping))
}
