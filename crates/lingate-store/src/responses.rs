//! Stored Responses: answers with what they answered, sealed, each for the client that made it, until they expire.

use std::fmt;
use std::sync::Arc;

use sqlx::{Sqlite, Transaction};

use crate::database::Database;
use crate::error::StoreError;
use crate::folder::DataFolder;
use crate::seal::{Purpose, SealError, Sealer};

/// The largest response, in bytes of its payload: 16 MiB.
pub const MAX_RESPONSE_BYTES: usize = 16 << 20;
/// The most responses of all owners; with one more the oldest goes.
pub const MAX_RESPONSES: u64 = 100_000;
/// The most sealed bytes of all owners: 1 GiB; with more the oldest go.
pub const MAX_RESPONSES_BYTES: u64 = 1 << 30;

/// The most items of one response that are found by their ids.
const MAX_ITEMS: usize = 1024;
/// How many pages of the file a sweep gives back to the system: some 4 MiB, so that it stays short.
const PAGES_GIVEN_BACK: &str = "PRAGMA incremental_vacuum(1024)";

/// The stored Responses of a data folder. Cheap to clone.
///
/// A response is found by its owner (the client key that made it, in words of the caller's) and its id, and its seal
/// is bound to both and to its expiry: a row that was moved, changed or given a longer life does not open, counts as
/// absent and is removed with a warning. Times are arguments, in unix milliseconds. Sealing happens on the runtime's
/// blocking threads, the database has a thread of its own.
#[derive(Clone)]
pub struct StoredResponses {
    database: Database,
    sealer: Sealer,
    limits: Limits,
    // The folder stays locked as long as somebody may write into it.
    _folder: Arc<DataFolder>,
}

/// How much is kept.
#[derive(Clone, Copy, Debug)]
struct Limits {
    response_bytes: usize,
    responses: u64,
    bytes: u64,
}

/// A response to be stored. The payload is the caller's own; it comes in parts so that nobody has to join them.
#[derive(Debug)]
pub struct NewResponse<P> {
    /// Who may ask for it.
    pub owner: String,
    /// Its id, unique for its owner; one that is there is replaced.
    pub id: String,
    /// When it was made.
    pub created_ms: u64,
    /// From when on it is gone.
    pub expires_ms: u64,
    /// Ids of its output items, by which [`StoredResponses::find_item`] finds it; those after the first 1024 are not.
    pub items: Vec<String>,
    /// What is sealed, at most [`MAX_RESPONSE_BYTES`] together.
    pub payload: Vec<P>,
}

impl StoredResponses {
    pub(crate) fn new(folder: Arc<DataFolder>, database: Database, sealer: Sealer) -> Self {
        let limits =
            Limits { response_bytes: MAX_RESPONSE_BYTES, responses: MAX_RESPONSES, bytes: MAX_RESPONSES_BYTES };
        Self { database, sealer, limits, _folder: folder }
    }

    /// Seals and stores a response; removes what has expired and, where there is no room, the oldest.
    ///
    /// # Errors
    /// [`StoreError::ResponseTooLarge`], which is the payload's fault; else what the database or the host said.
    pub async fn put<P>(&self, new: NewResponse<P>) -> Result<(), StoreError>
    where
        P: AsRef<[u8]> + Send + 'static,
    {
        let bytes: usize = new.payload.iter().map(|part| part.as_ref().len()).sum();
        if bytes > self.limits.response_bytes {
            return Err(StoreError::ResponseTooLarge { bytes, limit: self.limits.response_bytes });
        }
        let NewResponse { owner, id, created_ms, expires_ms, items, payload } = new;
        let expires = integer(expires_ms);
        let identity = identity(&owner, &id, expires);
        let sealer = self.sealer.clone();
        let sealed = blocking(move || {
            let parts: Vec<&[u8]> = payload.iter().map(AsRef::as_ref).collect();
            sealer.seal_parts(Purpose::Response, &identity, &parts)
        });
        let sealed = sealed.await?.map_err(|_| StoreError::Sealing)?;
        let writing = async {
            let mut transaction = self.database.writer().begin_with("BEGIN IMMEDIATE").await?;
            remove_row(&mut transaction, &owner, &id).await?;
            remove_expired(&mut transaction, created_ms).await?;
            self.make_room(&mut transaction, count(sealed.len())).await?;
            let row = "INSERT INTO response (owner, id, created_at, expires_at, sealed) VALUES (?1, ?2, ?3, ?4, ?5)";
            sqlx::query(row)
                .bind(&owner)
                .bind(&id)
                .bind(integer(created_ms))
                .bind(expires)
                .bind(sealed)
                .execute(&mut *transaction)
                .await?;
            for item in items.iter().take(MAX_ITEMS) {
                // An id that comes again names the newest item.
                sqlx::query("INSERT OR REPLACE INTO response_item (owner, item, response) VALUES (?1, ?2, ?3)")
                    .bind(&owner)
                    .bind(item)
                    .bind(&id)
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await
        };
        writing.await.map_err(self.failed("write a response into"))
    }

    /// The payload of this owner's response of this id; `None` if there is none, or none any more at `now_ms`.
    ///
    /// # Errors
    /// What the database or the host said: whether there is one is not known then.
    pub async fn get(&self, owner: &str, id: &str, now_ms: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let query = "SELECT expires_at, sealed FROM response WHERE owner = ?1 AND id = ?2 AND expires_at > ?3
                     AND length(sealed) > 0";
        let row: Option<(i64, Vec<u8>)> = sqlx::query_as(query)
            .bind(owner)
            .bind(id)
            .bind(integer(now_ms))
            .fetch_optional(self.database.writer())
            .await
            .map_err(self.failed("read a response from"))?;
        let Some((expires, sealed)) = row else { return Ok(None) };
        let (sealer, identity) = (self.sealer.clone(), identity(owner, id, expires));
        match blocking(move || sealer.open(Purpose::Response, &identity, &sealed)).await? {
            Ok(payload) => Ok(Some(payload)),
            Err(SealError) => {
                let removed = self.remove(owner, id).await.is_ok();
                tracing::warn!(owner, id, removed, "refused a stored response: the seal does not open");
                Ok(None)
            }
        }
    }

    /// The id of this owner's response that an output item stands in.
    ///
    /// # Errors
    /// What the database said.
    pub async fn find_item(&self, owner: &str, item: &str, now_ms: u64) -> Result<Option<String>, StoreError> {
        let query = "SELECT id FROM response_item JOIN response USING (owner)
                     WHERE owner = ?1 AND item = ?2 AND id = response_item.response AND expires_at > ?3
                     AND length(sealed) > 0";
        sqlx::query_scalar(query)
            .bind(owner)
            .bind(item)
            .bind(integer(now_ms))
            .fetch_optional(self.database.writer())
            .await
            .map_err(self.failed("look for an item in"))
    }

    /// Whether a response or an output item of this id belongs to somebody else, or is one that this owner deleted
    /// before its time.
    ///
    /// # Errors
    /// What the database said.
    pub async fn is_withheld(&self, owner: &str, id: &str, now_ms: u64) -> Result<bool, StoreError> {
        let query = "SELECT EXISTS (SELECT 1 FROM response WHERE id = ?2 AND expires_at > ?3
                                AND (owner <> ?1 OR length(sealed) = 0))
                     OR EXISTS (SELECT 1 FROM response_item JOIN response USING (owner)
                                WHERE item = ?2 AND id = response_item.response AND expires_at > ?3
                                AND (owner <> ?1 OR length(sealed) = 0))";
        sqlx::query_scalar(query)
            .bind(owner)
            .bind(id)
            .bind(integer(now_ms))
            .fetch_one(self.database.writer())
            .await
            .map_err(self.failed("look for a response in"))
    }

    /// Removes what a response holds; false if this owner has none of this id, or none any more at `now_ms`. Until it
    /// would have expired, its id is known to be deleted ([`StoredResponses::is_withheld`]).
    ///
    /// # Errors
    /// What the database said.
    pub async fn delete(&self, owner: &str, id: &str, now_ms: u64) -> Result<bool, StoreError> {
        let deleting = async {
            let mut transaction = self.database.writer().begin_with("BEGIN IMMEDIATE").await?;
            let size = "SELECT length(sealed) FROM response
                        WHERE owner = ?1 AND id = ?2 AND expires_at > ?3 AND length(sealed) > 0";
            let size: Option<i64> = sqlx::query_scalar(size)
                .bind(owner)
                .bind(id)
                .bind(integer(now_ms))
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(size) = size else { return Ok(false) };
            let empty = "UPDATE response SET sealed = x'' WHERE owner = ?1 AND id = ?2";
            sqlx::query(empty).bind(owner).bind(id).execute(&mut *transaction).await?;
            let total = "UPDATE response_total SET bytes = bytes - ?1";
            sqlx::query(total).bind(size).execute(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(true)
        };
        deleting.await.map_err(self.failed("delete a response from"))
    }

    /// Removes a response and every trace of it.
    async fn remove(&self, owner: &str, id: &str) -> Result<(), sqlx::Error> {
        let query = sqlx::query("DELETE FROM response WHERE owner = ?1 AND id = ?2").bind(owner).bind(id);
        query.execute(self.database.writer()).await.map(drop)
    }

    /// Removes what has expired, gives free pages of the file back, and says how many responses went.
    ///
    /// # Errors
    /// What the database said.
    pub async fn sweep(&self, now_ms: u64) -> Result<u64, StoreError> {
        let sweeping = async {
            let mut transaction = self.database.writer().begin_with("BEGIN IMMEDIATE").await?;
            let removed = remove_expired(&mut transaction, now_ms).await?;
            transaction.commit().await?;
            sqlx::raw_sql(PAGES_GIVEN_BACK).execute(self.database.writer()).await?;
            Ok(removed)
        };
        sweeping.await.map_err(self.failed("tidy"))
    }

    /// Removes the oldest until one more response of `bytes` fits.
    async fn make_room(&self, transaction: &mut Transaction<'_, Sqlite>, bytes: u64) -> Result<(), sqlx::Error> {
        loop {
            let (stored, size): (i64, i64) =
                sqlx::query_as("SELECT count, bytes FROM response_total").fetch_one(&mut **transaction).await?;
            let fits =
                stored < integer(self.limits.responses) && size <= integer(self.limits.bytes.saturating_sub(bytes));
            if fits || stored <= 0 {
                return Ok(());
            }
            let oldest = "DELETE FROM response WHERE rowid = (SELECT rowid FROM response ORDER BY created_at LIMIT 1)";
            sqlx::query(oldest).execute(&mut **transaction).await?;
        }
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError + '_ {
        StoreError::database(doing, self.database.path())
    }
}

impl fmt::Debug for StoredResponses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredResponses").field("limits", &self.limits).finish_non_exhaustive()
    }
}

async fn remove_row(transaction: &mut Transaction<'_, Sqlite>, owner: &str, id: &str) -> Result<(), sqlx::Error> {
    let query = sqlx::query("DELETE FROM response WHERE owner = ?1 AND id = ?2").bind(owner).bind(id);
    query.execute(&mut **transaction).await.map(drop)
}

async fn remove_expired(transaction: &mut Transaction<'_, Sqlite>, now_ms: u64) -> Result<u64, sqlx::Error> {
    let query = sqlx::query("DELETE FROM response WHERE expires_at <= ?1").bind(integer(now_ms));
    query.execute(&mut **transaction).await.map(|done| done.rows_affected())
}

/// What a sealed response is bound to. Each text comes with its length: no two places give the same bytes.
fn identity(owner: &str, id: &str, expires_ms: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(owner.len() + id.len() + 32);
    out.extend_from_slice(b"response");
    for text in [owner, id] {
        out.extend_from_slice(&count(text.len()).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(&expires_ms.to_be_bytes());
    out
}

/// SQLite's integers have a sign; moments and sizes past its range are "never" and "too much" alike.
fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Stopping)
}

#[cfg(test)]
#[path = "responses_tests.rs"]
mod tests;
