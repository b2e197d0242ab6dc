//! The sealed cache as its users see it: across restarts, past expiry, and with nothing readable on disk.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

use lingate_store::{MAX_ENTRY_BYTES, Store, StoreError, StoreOptions};

const NAME: &str = "openwebui session https://chat.example ann@example.org";
const VALUE: &[u8] = b"eyJhbGciOi.needle.token";

async fn open(path: &Path) -> Store {
    Store::open(path, StoreOptions::default()).await.unwrap()
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(all_files(&path)) } else { files.push(path) }
    }
    files
}

#[tokio::test]
async fn entries_come_back_whole_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    assert_eq!(store.cache().get(NAME).await, None);
    store.cache().put(NAME, 1_900_000_000_000, VALUE.to_vec()).await.unwrap();
    store.cache().put("empty", u64::MAX, Vec::new()).await.unwrap();
    assert_eq!(store.cache().get(NAME).await, Some((1_900_000_000_000, VALUE.to_vec())));
    store.close().await;
    let store = open(dir.path()).await;
    assert_eq!(store.cache().get(NAME).await, Some((1_900_000_000_000, VALUE.to_vec())));
    assert_eq!(store.cache().get("empty").await, Some((u64::MAX, Vec::new())));
}

#[tokio::test]
async fn an_expired_entry_is_handed_out_with_its_expiry() {
    let store = Store::open_temporary().await.unwrap();
    store.cache().put("models", 1, VALUE.to_vec()).await.unwrap();
    assert_eq!(store.cache().get("models").await, Some((1, VALUE.to_vec())));
    assert_eq!(store.cache().get("models").await, Some((1, VALUE.to_vec())));
}

#[tokio::test]
async fn a_later_put_wins_and_remove_removes() {
    let store = Store::open_temporary().await.unwrap();
    store.cache().put(NAME, 1, b"old".to_vec()).await.unwrap();
    store.cache().put(NAME, 2, b"new".to_vec()).await.unwrap();
    assert_eq!(store.cache().get(NAME).await, Some((2, b"new".to_vec())));
    store.cache().remove(NAME).await.unwrap();
    assert_eq!(store.cache().get(NAME).await, None);
    store.cache().remove(NAME).await.unwrap();
}

#[tokio::test]
async fn an_entry_over_the_limit_is_refused() {
    let store = Store::open_temporary().await.unwrap();
    let error = store.cache().put("a", 1, vec![0; MAX_ENTRY_BYTES + 1]).await.unwrap_err();
    assert!(matches!(error, StoreError::EntryTooLarge { .. }), "{error}");
    assert_eq!(store.cache().get("a").await, None);
}

#[tokio::test]
async fn neither_names_nor_values_occur_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store.cache().put(NAME, 1, VALUE.to_vec()).await.unwrap();
    let check = || {
        let files = all_files(dir.path());
        assert!(files.iter().any(|path| path.parent().unwrap().ends_with("cache")));
        for path in files {
            let haystack = [path.as_os_str().as_encoded_bytes(), &fs::read(&path).unwrap()].concat();
            for needle in [&b"needle"[..], b"ann@", b"chat.example", b"openwebui"] {
                assert!(!haystack.windows(needle.len()).any(|window| window == needle), "{}", path.display());
            }
        }
    };
    check();
    store.close().await;
    check();
}

#[tokio::test]
async fn files_of_another_data_folder_are_misses_and_go() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one_store, other_store) = (open(one.path()).await, open(other.path()).await);
    one_store.cache().put("a", 1, b"one".to_vec()).await.unwrap();
    other_store.cache().put("a", 1, b"other".to_vec()).await.unwrap();
    let file = |dir: &Path| all_files(&dir.join("cache")).pop().unwrap();
    let (from, to) = (file(one.path()), file(other.path()));
    assert_ne!(from.file_name(), to.file_name());
    fs::copy(&from, &to).unwrap();
    assert_eq!(other_store.cache().get("a").await, None);
    assert!(!to.exists());
}

#[tokio::test]
async fn what_an_earlier_process_left_half_written_goes_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).await.close().await;
    let leftover = dir.path().join("cache").join("00ff.tmp");
    fs::write(&leftover, b"half").unwrap();
    let _store = open(dir.path()).await;
    assert!(!leftover.exists());
}

#[tokio::test]
async fn many_at_once_see_whole_entries_only() {
    let store = Store::open_temporary().await.unwrap();
    let tasks: Vec<_> = (0..32u8)
        .map(|n| {
            let cache = store.cache().clone();
            tokio::spawn(async move {
                cache.put("a", u64::from(n), vec![n; 4096]).await.unwrap();
                let (expiry, bytes) = cache.get("a").await.unwrap();
                assert!(bytes.len() == 4096 && bytes.iter().all(|byte| u64::from(*byte) == expiry));
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}
