//! Opening the data folder: first start, restart, the lock, the schema, the master key and the modes.
#![cfg(test)]

use std::fs;
use std::path::Path;

use lingate_store::{MasterKeyFault, MasterKeySource, Purpose, Store, StoreError, StoreOptions};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use tempfile::TempDir;

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const OTHER_KEY: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

fn by_value(key: &str) -> StoreOptions {
    let lookup = |name: &str| (name == "LINGATE_MASTER_KEY").then(|| key.into());
    StoreOptions { master_key: MasterKeySource::from_lookup(lookup) }
}

fn by_file(path: &Path) -> StoreOptions {
    let lookup = |name: &str| (name == "LINGATE_MASTER_KEY_FILE").then(|| path.into());
    StoreOptions { master_key: MasterKeySource::from_lookup(lookup) }
}

fn by_credential(folder: &Path) -> StoreOptions {
    let lookup = |name: &str| (name == "CREDENTIALS_DIRECTORY").then(|| folder.into());
    StoreOptions { master_key: MasterKeySource::from_lookup(lookup) }
}

fn write_key(path: &Path, key: &str) {
    fs::write(path, key).unwrap();
    set_mode(path, 0o600);
}

fn set_mode(path: &Path, mode: u32) {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    #[cfg(not(unix))]
    let _ = (path, mode);
}

async fn open(dir: &TempDir, options: StoreOptions) -> Result<Store, StoreError> {
    Store::open(&dir.path().join("data"), options).await
}

/// Opens, seals a probe, closes; the envelope that comes back must open after each later start.
async fn seal_probe(dir: &TempDir, options: StoreOptions) -> Vec<u8> {
    let store = open(dir, options).await.unwrap();
    let envelope = store.sealer().seal(Purpose::EndpointCredential, b"row", b"probe").unwrap();
    store.close().await;
    envelope
}

async fn opens_probe(dir: &TempDir, options: StoreOptions, envelope: &[u8]) {
    let store = open(dir, options).await.unwrap();
    assert_eq!(store.sealer().open(Purpose::EndpointCredential, b"row", envelope).unwrap(), b"probe");
    store.close().await;
}

async fn sql(dir: &TempDir, statement: &str) {
    let mut connection =
        SqliteConnectOptions::new().filename(dir.path().join("data/lingate.db")).connect().await.unwrap();
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn the_first_start_makes_everything_and_the_second_opens_it() {
    let dir = tempfile::tempdir().unwrap();
    let envelope = seal_probe(&dir, StoreOptions::default()).await;
    let key = fs::read_to_string(dir.path().join("data/master.key")).unwrap();
    assert_eq!(key.len(), 45);
    opens_probe(&dir, StoreOptions::default(), &envelope).await;
    opens_probe(&dir, by_value(key.trim()), &envelope).await;
    assert_eq!(fs::read_to_string(dir.path().join("data/master.key")).unwrap(), key);
}

#[tokio::test]
async fn a_given_key_is_used_and_none_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let envelope = seal_probe(&dir, by_value(KEY)).await;
    assert!(!dir.path().join("data/master.key").exists());
    let file = dir.path().join("key");
    write_key(&file, &format!("{KEY}\n"));
    opens_probe(&dir, by_file(&file), &envelope).await;
    write_key(&dir.path().join("lingate-master-key"), KEY);
    opens_probe(&dir, by_credential(dir.path()), &envelope).await;
}

#[tokio::test]
async fn the_sources_are_looked_at_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let envelope = seal_probe(&dir, by_value(KEY)).await;
    let file = dir.path().join("key");
    let mut options = by_value(OTHER_KEY);
    options.master_key.credentials_directory = Some(dir.path().to_owned());
    options.master_key.file = Some(file.clone());
    write_key(&file, KEY);
    write_key(&dir.path().join("lingate-master-key"), OTHER_KEY);
    opens_probe(&dir, options.clone(), &envelope).await;
    options.master_key.file = None;
    write_key(&dir.path().join("lingate-master-key"), KEY);
    opens_probe(&dir, options.clone(), &envelope).await;
    // A credentials folder without our credential is no source.
    fs::remove_file(dir.path().join("lingate-master-key")).unwrap();
    assert!(matches!(open(&dir, options).await, Err(StoreError::MasterKeyMismatch { .. })));
}

#[tokio::test]
async fn a_wrong_master_key_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let envelope = seal_probe(&dir, by_value(KEY)).await;
    let error = open(&dir, by_value(OTHER_KEY)).await.unwrap_err();
    assert!(matches!(error, StoreError::MasterKeyMismatch { .. }));
    let text = error.to_string();
    assert!(text.starts_with("the master key does not open this data folder"), "{text}");
    assert!(!text.contains(OTHER_KEY) && !text.contains(KEY));
    opens_probe(&dir, by_value(KEY), &envelope).await;
}

#[tokio::test]
async fn a_missing_master_key_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    seal_probe(&dir, StoreOptions::default()).await;
    fs::remove_file(dir.path().join("data/master.key")).unwrap();
    let error = open(&dir, StoreOptions::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::MasterKeyMissing { .. }), "{error}");
    assert!(!dir.path().join("data/master.key").exists());
}

#[tokio::test]
async fn lost_or_changed_data_keys_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    seal_probe(&dir, by_value(KEY)).await;
    sql(&dir, "UPDATE sealing_key SET wrapped = zeroblob(69)").await;
    assert!(matches!(open(&dir, by_value(KEY)).await, Err(StoreError::MasterKeyMismatch { .. })));
    sql(&dir, "DELETE FROM sealing_key").await;
    assert!(matches!(open(&dir, by_value(KEY)).await, Err(StoreError::DataKeyLost { .. })));
}

#[tokio::test]
async fn a_first_start_that_died_before_its_commit_is_taken_up_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    // What such a start leaves: an empty database file, a whole key, and a half-written one.
    fs::write(dir.path().join("data/lingate.db"), b"").unwrap();
    write_key(&dir.path().join("data/master.key"), KEY);
    write_key(&dir.path().join("data/master.key.tmp"), "half");
    let envelope = seal_probe(&dir, StoreOptions::default()).await;
    opens_probe(&dir, by_value(KEY), &envelope).await;
    assert!(!dir.path().join("data/master.key.tmp").exists());
}

#[tokio::test]
async fn unusable_keys_are_refused_and_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let refused = async |options| match open(&dir, options).await.unwrap_err() {
        StoreError::MasterKey { fault, origin } => {
            (fault, StoreError::MasterKey { fault: MasterKeyFault::NotBase64, origin }.to_string())
        }
        other => panic!("{other}"),
    };
    assert!(matches!(refused(by_value("changeme!")).await.0, MasterKeyFault::NotBase64));
    assert!(matches!(refused(by_value("c2hvcnQ=")).await.0, MasterKeyFault::WrongLength));
    assert!(matches!(refused(by_value(&"A".repeat(2000))).await.0, MasterKeyFault::WrongLength));
    let zeros = format!("{}=", "A".repeat(43));
    let (fault, text) = refused(by_value(&zeros)).await;
    assert!(matches!(fault, MasterKeyFault::Constant));
    assert!(!text.contains("AAAA") && text.contains("LINGATE_MASTER_KEY"), "{text}");

    let file = dir.path().join("key");
    let (fault, text) = refused(by_file(&file)).await;
    assert!(matches!(fault, MasterKeyFault::Unreadable(_)));
    assert!(text.contains("LINGATE_MASTER_KEY_FILE"), "{text}");
    write_key(&file, "");
    assert!(matches!(refused(by_file(&file)).await.0, MasterKeyFault::WrongLength));
    // A half-written key in the folder is an error too, not a reason for a new one.
    write_key(&dir.path().join("data/master.key"), &KEY[..20]);
    assert!(matches!(refused(StoreOptions::default()).await.0, MasterKeyFault::WrongLength));
    assert_eq!(fs::read_to_string(dir.path().join("data/master.key")).unwrap(), KEY[..20]);
}

#[cfg(unix)]
#[tokio::test]
async fn key_files_open_to_others_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("lingate-master-key");
    write_key(&file, KEY);
    let exposed = async |options| {
        let error = open(&dir, options).await.err();
        matches!(error, Some(StoreError::MasterKey { fault: MasterKeyFault::Exposed { .. }, .. }))
    };
    for mode in [0o640, 0o620, 0o604, 0o602, 0o644, 0o660] {
        set_mode(&file, mode);
        assert!(exposed(by_file(&file)).await, "{mode:o}");
    }
    for (mode, refused) in [(0o400, false), (0o440, false), (0o460, true), (0o444, true)] {
        set_mode(&file, mode);
        assert_eq!(exposed(by_credential(dir.path())).await, refused, "{mode:o}");
    }
    for mode in [0o400, 0o600] {
        set_mode(&file, mode);
        assert!(!exposed(by_file(&file)).await, "{mode:o}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_folder_and_its_files_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir, StoreOptions::default()).await.unwrap();
    store.cache().put("a", 1, b"value".to_vec()).await.unwrap();
    let data = dir.path().join("data");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("cache")), 0o700);
    let mut seen = Vec::new();
    for folder in [data.clone(), data.join("cache")] {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            assert_eq!(mode(&entry.path()), 0o600, "{}", entry.path().display());
            seen.push(entry.file_name().into_string().unwrap());
        }
    }
    for name in ["lingate.db", "lingate.db-wal", "lingate.db-shm", "lingate.lock", "master.key"] {
        assert!(seen.iter().any(|seen| seen == name), "{name}");
    }
    assert_eq!(seen.len(), 6);
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir, StoreOptions::default()).await.unwrap();
    let cache = store.cache().clone();
    let error = open(&dir, StoreOptions::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }));
    assert!(error.to_string().contains("in use by another lingate process"), "{error}");
    store.close().await;
    // A clone of the cache can still write, so it still holds the folder.
    assert!(matches!(open(&dir, StoreOptions::default()).await, Err(StoreError::InUse { .. })));
    drop(cache);
    assert!(open(&dir, StoreOptions::default()).await.is_ok());
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let envelope = seal_probe(&dir, StoreOptions::default()).await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (99, 'later', true, x'00', 0)";
    sql(&dir, newer).await;
    match open(&dir, StoreOptions::default()).await.unwrap_err() {
        error @ StoreError::NewerSchema { found: 99, known: 2, .. } => {
            assert!(error.to_string().contains("newer lingate"), "{error}");
        }
        other => panic!("{other}"),
    }
    sql(&dir, "DELETE FROM _sqlx_migrations WHERE version = 99").await;
    opens_probe(&dir, StoreOptions::default(), &envelope).await;
}

#[tokio::test]
async fn what_is_no_database_or_no_folder_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    fs::write(dir.path().join("data/lingate.db"), "no database, but long enough to look at".repeat(100)).unwrap();
    let error = open(&dir, StoreOptions::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::Database { .. }) && error.to_string().contains("lingate.db"), "{error}");

    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file, StoreOptions::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::File { .. }) && error.to_string().contains("file"), "{error}");
}

#[tokio::test]
async fn a_temporary_store_works_and_leaves_nothing() {
    let store = Store::open_temporary().await.unwrap();
    let path = store.path().to_owned();
    store.cache().put("a", 1, b"value".to_vec()).await.unwrap();
    assert_eq!(store.cache().get("a").await, Some((1, b"value".to_vec())));
    let envelope = store.sealer().seal(Purpose::EndpointCredential, b"row", b"probe").unwrap();
    assert_eq!(store.sealer().open(Purpose::EndpointCredential, b"row", &envelope).unwrap(), b"probe");
    assert!(path.is_dir() && !path.join("master.key").exists());
    let other = Store::open_temporary().await.unwrap();
    assert!(other.sealer().open(Purpose::EndpointCredential, b"row", &envelope).is_err());
    drop(store);
    assert!(!path.exists());
    assert!(other.path().is_dir());
}

#[tokio::test]
async fn debug_shows_no_key() {
    let dir = tempfile::tempdir().unwrap();
    let options = by_value(KEY);
    let text = format!("{options:?}");
    assert!(text.contains("hidden") && !text.contains(&KEY[..8]), "{text}");
    let store = open(&dir, options).await.unwrap();
    let text = format!("{store:?} {:?} {:?}", store.sealer(), store.cache());
    assert!(text.starts_with("Store { path: ") && text.len() < 400, "{text}");
    assert!(!text.contains("[") && !text.contains(&KEY[..8]), "{text}");
}
