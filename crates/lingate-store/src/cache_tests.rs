//! Tests of the sealed cache's inside: the bounds and the files on disk.

use std::time::Duration;

use super::*;
use crate::seal::DataKeys;

fn files(max_files: usize) -> (tempfile::TempDir, Files) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Arc::new(DataFolder::open(dir.path()).unwrap());
    let (keys, _) = DataKeys::first(&Zeroizing::new([7; 32])).unwrap();
    let sealer = Sealer::new(&keys).unwrap();
    let files = Files { path: folder.cache(), sealer, max_files, turn: Mutex::new(()), _folder: folder };
    (dir, files)
}

fn set_age(files: &Files, name: &str, seconds: u64) {
    let file = File::options().write(true).open(files.file(name)).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

#[test]
fn one_over_the_limit_removes_the_oldest() {
    let (_dir, files) = files(3);
    for (name, age) in [("a", 10), ("b", 30), ("c", 20)] {
        files.put(name, 1, name.as_bytes()).unwrap();
        set_age(&files, name, age);
    }
    files.put("d", 1, b"d").unwrap();
    let kept: Vec<_> = ["a", "b", "c", "d"].into_iter().filter(|name| files.get(name).is_some()).collect();
    assert_eq!(kept, ["a", "c", "d"]);
}

#[test]
fn writing_an_entry_again_makes_it_young_and_takes_no_room() {
    let (_dir, files) = files(2);
    for (name, age) in [("a", 30), ("b", 20)] {
        files.put(name, 1, b"old").unwrap();
        set_age(&files, name, age);
    }
    files.put("a", 2, b"new").unwrap();
    assert!(files.get("b").is_some());
    files.put("c", 1, b"").unwrap();
    assert_eq!(files.get("a"), Some((2, b"new".to_vec())));
    assert_eq!(files.get("b"), None);
}

#[test]
fn the_entry_just_written_stays_even_if_the_clock_went_back() {
    let (_dir, files) = files(1);
    files.put("a", 1, b"a").unwrap();
    let file = File::options().write(true).open(files.file("a")).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(3600)).unwrap();
    files.put("b", 1, b"b").unwrap();
    assert!(files.get("b").is_some());
    assert!(files.get("a").is_none());
}

#[test]
fn the_largest_entry_is_kept_and_one_byte_more_is_not() {
    let (_dir, files) = files(2);
    let mut bytes = vec![1; MAX_ENTRY_BYTES];
    files.put("a", 1, &bytes).unwrap();
    assert_eq!(files.get("a").unwrap().1.len(), MAX_ENTRY_BYTES);
    bytes.push(1);
    assert!(matches!(files.put("a", 1, &bytes), Err(StoreError::EntryTooLarge { .. })));
    assert!(files.get("a").is_some());
}

#[test]
fn swapped_files_are_misses_and_both_go() {
    let (_dir, files) = files(9);
    files.put("a", 1, b"for a").unwrap();
    files.put("b", 1, b"for b").unwrap();
    let (a, b, aside) = (files.file("a"), files.file("b"), files.path.join("aside"));
    fs::rename(&a, &aside).unwrap();
    fs::rename(&b, &a).unwrap();
    fs::rename(&aside, &b).unwrap();
    assert_eq!((files.get("a"), files.get("b")), (None, None));
    assert!(!a.exists() && !b.exists());
}

#[test]
fn changed_cut_foreign_and_huge_files_are_misses_and_go() {
    let (_dir, files) = files(9);
    files.put("a", 1, b"value").unwrap();
    let path = files.file("a");
    let good = fs::read(&path).unwrap();
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    let huge = [good.as_slice(), &vec![0; MAX_ENTRY_BYTES + 100]].concat();
    for bad in [&changed[..], &good[..good.len() - 1], &good[..5], b"", b"{\"models\":[]}", &huge] {
        fs::write(&path, bad).unwrap();
        assert_eq!(files.get("a"), None);
        assert!(!path.exists(), "{} bytes", bad.len());
    }
    // The file itself was good all along.
    fs::write(&path, &good).unwrap();
    assert_eq!(files.get("a"), Some((1, b"value".to_vec())));
}

#[test]
fn a_sealed_value_too_short_for_an_expiry_is_a_miss() {
    let (_dir, files) = files(9);
    let sealed = files.sealer.seal(Purpose::CacheEntry, b"a", b"1234567").unwrap();
    fs::write(files.file("a"), sealed).unwrap();
    assert_eq!(files.get("a"), None);
    assert!(!files.file("a").exists());
}

#[test]
fn a_folder_in_the_place_of_a_file_is_a_miss_and_goes() {
    let (_dir, files) = files(9);
    fs::create_dir(files.file("a")).unwrap();
    assert_eq!(files.get("a"), None);
    files.put("a", 1, b"value").unwrap();
    assert!(files.get("a").is_some());
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_file_is_not_followed() {
    let (dir, files) = files(9);
    files.put("a", 1, b"value").unwrap();
    let elsewhere = dir.path().join("elsewhere");
    fs::rename(files.file("a"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, files.file("a")).unwrap();
    assert_eq!(files.get("a"), None);
    assert!(fs::symlink_metadata(files.file("a")).is_err());
    assert!(elsewhere.exists());
}
