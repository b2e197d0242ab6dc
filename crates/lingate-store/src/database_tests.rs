//! Tests of the database's inside: the settings in force, the one transaction, and released migrations.

use super::*;

async fn open(dir: &tempfile::TempDir) -> (DataFolder, Database) {
    let folder = DataFolder::open(dir.path()).unwrap();
    let database = Database::open(&folder).await.unwrap();
    (folder, database)
}

async fn pragma(database: &Database, name: &str) -> String {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA {name}"))).fetch_one(&database.writer).await.unwrap();
    sqlx::Row::try_get_unchecked(&row, 0).unwrap()
}

#[tokio::test]
async fn the_settings_hold_after_the_first_start_and_the_next() {
    let dir = tempfile::tempdir().unwrap();
    for start in 0..2 {
        let (_folder, database) = open(&dir).await;
        let mut opening = database.migrate().await.unwrap();
        if start == 0 {
            opening.add_key(1, b"wrapped").await.unwrap();
        }
        opening.commit(&database).await.unwrap();
        for (name, value) in [
            ("synchronous", "1"),
            ("journal_mode", "wal"),
            ("auto_vacuum", "2"),
            ("busy_timeout", "5000"),
            ("foreign_keys", "1"),
        ] {
            assert_eq!(pragma(&database, name).await, value, "{name} at start {start}");
        }
        database.close().await;
    }
}

#[tokio::test]
async fn a_start_that_does_not_commit_leaves_no_schema_behind() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, database) = open(&dir).await;
    let mut opening = database.migrate().await.unwrap();
    opening.add_key(1, b"wrapped").await.unwrap();
    drop(opening);
    database.close().await;
    drop(folder);
    let (_folder, database) = open(&dir).await;
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&database.writer).await.unwrap();
    assert_eq!(tables, 0);
    assert!(matches!(database.migrate().await.unwrap().keys().await, Ok(KeyState::New)));
}

#[tokio::test]
async fn terms_out_of_range_never_get_in() {
    let dir = tempfile::tempdir().unwrap();
    let (_folder, database) = open(&dir).await;
    let mut opening = database.migrate().await.unwrap();
    assert!(opening.add_key(0, b"wrapped").await.is_err());
    opening.add_key(u32::MAX, b"wrapped").await.unwrap();
    match opening.keys().await.unwrap() {
        KeyState::Wrapped(keys) => assert_eq!(keys, [(u32::MAX, b"wrapped".to_vec())]),
        KeyState::New => panic!("the key is gone"),
    }
}

#[tokio::test]
async fn an_edited_migration_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_folder, database) = open(&dir).await;
    database.migrate().await.unwrap().commit(&database).await.unwrap();
    sqlx::raw_sql("UPDATE _sqlx_migrations SET checksum = x'00'").execute(&database.writer).await.unwrap();
    assert!(matches!(database.migrate().await, Err(StoreError::Database { doing: "migrate", .. })));
}

#[test]
fn migrations_are_numbered_from_one_without_a_gap() {
    let versions: Vec<_> = MIGRATIONS.iter().map(|(version, ..)| *version).collect();
    assert_eq!(versions, (1..=latest()).collect::<Vec<_>>());
}
