//! The SQLite database: opened, migrated, and the wrapped data keys in it.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlSafeStr, Sqlite, Transaction};

use crate::error::StoreError;
use crate::folder::DataFolder;

/// Every schema change in order: version, name, SQL. An entry that was released is never edited.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "sealing", include_str!("migrations/0001_sealing.sql")),
    (2, "responses", include_str!("migrations/0002_responses.sql")),
];

/// How long a write waits for another process (a backup, a shell) that has the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Set in `meta` together with the first data key, so that keys which are gone are told from keys not yet made.
const SEALED_FLAG: &str = "sealed";

/// The open database. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Database {
    path: PathBuf,
    // One connection: SQLite has one writer, and a queue of our own is fairer than its busy handler.
    writer: SqlitePool,
}

/// What the database knows about its data keys.
pub(crate) enum KeyState {
    /// No data key was ever made.
    New,
    /// The wrapped data keys by term.
    Wrapped(Vec<(u32, Vec<u8>)>),
}

/// The one transaction in which a start migrates and reads or makes the data keys: all of it happens or nothing.
pub(crate) struct Opening {
    path: PathBuf,
    transaction: Transaction<'static, Sqlite>,
    made_key: bool,
}

impl Database {
    /// Opens the database of `folder`; that of a temporary folder lives in memory.
    pub(crate) async fn open(folder: &DataFolder) -> Result<Self, StoreError> {
        let path = folder.database();
        let options = SqliteConnectOptions::new()
            .busy_timeout(BUSY_TIMEOUT)
            .synchronous(SqliteSynchronous::Normal)
            .disable_statement_logging();
        let options = if folder.is_temporary() { options.in_memory(true) } else { options.filename(&path) };
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            // An in-memory database is gone with its connection.
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(StoreError::database("open", &path))?;
        let database = Self { path, writer };
        if !folder.is_temporary() {
            database.prepare().await.map_err(StoreError::database("open", &database.path))?;
        }
        Ok(database)
    }

    /// Puts the file into WAL mode. A new file is made without syncing at each step, since there is nothing in it to
    /// lose: [`Opening::commit`] syncs it once.
    async fn prepare(&self) -> Result<(), sqlx::Error> {
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&self.writer).await?;
        // `auto_vacuum` can only be chosen before the first page is written.
        let pragmas = if pages == 0 {
            "PRAGMA synchronous = OFF; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL"
        } else {
            "PRAGMA journal_mode = WAL"
        };
        sqlx::raw_sql(pragmas).execute(&self.writer).await.map(drop)
    }

    /// Begins the opening transaction and migrates in it.
    pub(crate) async fn migrate(&self) -> Result<Opening, StoreError> {
        let path = self.path.clone();
        let mut transaction =
            self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(StoreError::database("lock", &path))?;
        match migrator().run_direct(None, &mut *transaction, false).await {
            Ok(()) => Ok(Opening { path, transaction, made_key: false }),
            Err(MigrateError::VersionMissing(found)) if found > latest() => {
                Err(StoreError::NewerSchema { path, found, known: latest() })
            }
            Err(cause) => Err(StoreError::database("migrate", &path)(cause)),
        }
    }

    /// The one connection; whoever asks for it waits for his turn.
    pub(crate) fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    /// Where the database lies, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Checkpoints and closes.
    pub(crate) async fn close(&self) {
        self.writer.close().await;
    }
}

impl Opening {
    /// Reads the wrapped data keys.
    pub(crate) async fn keys(&mut self) -> Result<KeyState, StoreError> {
        let connection: &mut SqliteConnection = &mut self.transaction;
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as("SELECT term, wrapped FROM sealing_key ORDER BY term")
            .fetch_all(&mut *connection)
            .await
            .map_err(StoreError::database("read the data keys of", &self.path))?;
        let sealed: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE name = ?1")
            .bind(SEALED_FLAG)
            .fetch_optional(connection)
            .await
            .map_err(StoreError::database("read", &self.path))?;
        match (rows.is_empty(), sealed) {
            (true, None) => Ok(KeyState::New),
            (true, Some(_)) => Err(StoreError::DataKeyLost { path: self.path.clone() }),
            (false, _) => {
                let keys = rows.into_iter().map(|(term, wrapped)| Ok((u32::try_from(term)?, wrapped)));
                let keys: Result<Vec<_>, std::num::TryFromIntError> = keys.collect();
                Ok(KeyState::Wrapped(keys.map_err(StoreError::database("read the data keys of", &self.path))?))
            }
        }
    }

    /// Adds a wrapped data key.
    pub(crate) async fn add_key(&mut self, term: u32, wrapped: &[u8]) -> Result<(), StoreError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let connection: &mut SqliteConnection = &mut self.transaction;
        sqlx::query("INSERT INTO sealing_key (term, wrapped, created_at) VALUES (?1, ?2, ?3)")
            .bind(i64::from(term))
            .bind(wrapped)
            .bind(i64::try_from(now).unwrap_or(i64::MAX))
            .execute(&mut *connection)
            .await
            .map_err(StoreError::database("write", &self.path))?;
        sqlx::query("INSERT INTO meta (name, value) VALUES (?1, '1') ON CONFLICT DO NOTHING")
            .bind(SEALED_FLAG)
            .execute(connection)
            .await
            .map_err(StoreError::database("write", &self.path))?;
        self.made_key = true;
        Ok(())
    }

    /// Makes all of it last: a first data key is on the disk before anything is sealed with it.
    pub(crate) async fn commit(self, database: &Database) -> Result<(), StoreError> {
        self.transaction.commit().await.map_err(StoreError::database("write", &self.path))?;
        if self.made_key {
            sqlx::raw_sql("PRAGMA synchronous = NORMAL; PRAGMA wal_checkpoint(PASSIVE)")
                .execute(&database.writer)
                .await
                .map_err(StoreError::database("write", &self.path))?;
        }
        Ok(())
    }
}

/// The latest schema version that this program knows.
fn latest() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, ..)| *version)
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
        Migration::new(*version, Cow::Borrowed(*name), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
#[path = "database_tests.rs"]
mod tests;
