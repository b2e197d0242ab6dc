//! Tests of stored Responses on a real database: who finds what, what does not open, and what goes when.

use sqlx::AssertSqlSafe;

use super::*;
use crate::store::{Store, StoreOptions};

const NOW: u64 = 1_760_000_000_000;
const HOUR: u64 = 3_600_000;

fn new(owner: &str, id: &str, payload: &[u8]) -> NewResponse<Vec<u8>> {
    let (owner, id) = (owner.to_owned(), id.to_owned());
    NewResponse {
        owner,
        id,
        created_ms: NOW,
        expires_ms: NOW + HOUR,
        items: Vec::new(),
        payload: vec![payload.to_vec()],
    }
}

async fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).await.unwrap();
    (dir, store)
}

async fn sql(responses: &StoredResponses, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(responses.database.writer()).await.unwrap();
}

async fn totals(responses: &StoredResponses) -> (i64, i64) {
    let kept: (i64, i64) =
        sqlx::query_as("SELECT count, bytes FROM response_total").fetch_one(responses.database.writer()).await.unwrap();
    let counted: (i64, i64) = sqlx::query_as("SELECT count(*), coalesce(sum(length(sealed)), 0) FROM response")
        .fetch_one(responses.database.writer())
        .await
        .unwrap();
    assert_eq!(kept, counted, "the running total is what there is");
    kept
}

#[tokio::test]
async fn a_response_is_found_by_its_owner_and_id_alone() {
    let (_dir, store) = store().await;
    let responses = store.responses();
    let mut parts = new("key:a", "resp_1", b"one ");
    parts.payload.push(b"two".to_vec());
    responses.put(parts).await.unwrap();
    assert_eq!(responses.get("key:a", "resp_1", NOW).await.unwrap().as_deref(), Some(&b"one two"[..]));
    for (owner, id) in [("key:b", "resp_1"), ("open", "resp_1"), ("", "resp_1"), ("key:a", "resp_2"), ("key:a", "")] {
        assert_eq!(responses.get(owner, id, NOW).await.unwrap(), None, "{owner} {id}");
        assert!(!responses.delete(owner, id, NOW).await.unwrap(), "{owner} {id}");
    }
    assert!(responses.is_withheld("key:b", "resp_1", NOW).await.unwrap());
    assert!(!responses.is_withheld("key:a", "resp_1", NOW).await.unwrap());
    assert!(!responses.is_withheld("key:b", "resp_2", NOW).await.unwrap());
    // Two owners may have the same id.
    responses.put(new("key:b", "resp_1", b"b's")).await.unwrap();
    assert_eq!(responses.get("key:a", "resp_1", NOW).await.unwrap().as_deref(), Some(&b"one two"[..]));
    assert!(responses.delete("key:a", "resp_1", NOW).await.unwrap());
    assert_eq!(responses.get("key:a", "resp_1", NOW).await.unwrap(), None);
    assert_eq!(responses.get("key:b", "resp_1", NOW).await.unwrap().as_deref(), Some(&b"b's"[..]));
}

#[tokio::test]
async fn of_a_deleted_response_its_id_is_left_until_it_would_have_expired() {
    let (_dir, store) = store().await;
    let responses = store.responses();
    responses.put(NewResponse { items: vec!["msg_1".to_owned()], ..new("key:a", "resp_1", b"one") }).await.unwrap();
    assert!(!responses.is_withheld("key:a", "resp_1", NOW).await.unwrap());
    assert!(responses.delete("key:a", "resp_1", NOW).await.unwrap());
    assert!(!responses.delete("key:a", "resp_1", NOW).await.unwrap(), "once");
    assert_eq!(responses.get("key:a", "resp_1", NOW).await.unwrap(), None);
    assert_eq!(responses.find_item("key:a", "msg_1", NOW).await.unwrap(), None);
    for id in ["resp_1", "msg_1"] {
        assert!(responses.is_withheld("key:a", id, NOW).await.unwrap(), "{id}");
        assert!(!responses.is_withheld("key:a", id, NOW + HOUR).await.unwrap(), "{id}");
    }
    assert_eq!(totals(responses).await, (1, 0));
    responses.sweep(NOW + HOUR).await.unwrap();
    assert_eq!(totals(responses).await, (0, 0));
    // The id may be made again.
    responses.put(new("key:a", "resp_2", b"one")).await.unwrap();
    responses.delete("key:a", "resp_2", NOW).await.unwrap();
    responses.put(new("key:a", "resp_2", b"two")).await.unwrap();
    assert_eq!(responses.get("key:a", "resp_2", NOW).await.unwrap().as_deref(), Some(&b"two"[..]));
    assert!(!responses.is_withheld("key:a", "resp_2", NOW).await.unwrap());
}

#[tokio::test]
async fn nothing_readable_lies_on_the_disk() {
    let (dir, store) = store().await;
    store.responses().put(new("key:a", "resp_1", b"the-needle-of-a-prompt")).await.unwrap();
    store.close().await;
    let file = std::fs::read(dir.path().join("lingate.db")).unwrap();
    assert!(file.windows(6).any(|window| window == b"resp_1"), "the row is there");
    assert!(!file.windows(10).any(|window| window == b"the-needle"));
}

#[tokio::test]
async fn responses_survive_a_restart() {
    let (dir, store) = store().await;
    store.responses().put(new("key:a", "resp_1", b"one")).await.unwrap();
    store.close().await;
    let store = Store::open(dir.path(), StoreOptions::default()).await.unwrap();
    assert_eq!(store.responses().get("key:a", "resp_1", NOW).await.unwrap().as_deref(), Some(&b"one"[..]));
}

#[tokio::test]
async fn what_was_moved_or_changed_is_absent_and_goes() {
    let changes = [
        "UPDATE response SET id = 'resp_2'",
        "UPDATE response SET owner = 'key:b'",
        "UPDATE response SET expires_at = expires_at + 1",
        "UPDATE response SET sealed = CAST(substr(sealed, 1, length(sealed) - 1) || x'00' AS BLOB)",
        "UPDATE response SET sealed = CAST(substr(sealed, 2) AS BLOB)",
        "UPDATE response SET sealed = CAST('{\"input\":[]}' AS BLOB)",
    ];
    for change in changes {
        let (_dir, store) = store().await;
        let responses = store.responses();
        responses.put(new("key:a", "resp_1", b"{}")).await.unwrap();
        sql(responses, change).await;
        for (owner, id) in [("key:a", "resp_1"), ("key:b", "resp_1"), ("key:a", "resp_2")] {
            assert_eq!(responses.get(owner, id, NOW).await.unwrap(), None, "{change}: {owner} {id}");
        }
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM response").fetch_one(responses.database.writer()).await.unwrap();
        assert_eq!(left, 0, "{change}");
    }
}

#[tokio::test]
async fn a_seal_is_no_good_in_another_row() {
    let (_dir, store) = store().await;
    let responses = store.responses();
    // The same bytes, cut elsewhere.
    responses.put(new("ab", "c", b"one")).await.unwrap();
    responses.put(new("a", "bc", b"two")).await.unwrap();
    sql(responses, "UPDATE response SET sealed = (SELECT sealed FROM response WHERE id = 'c') WHERE id = 'bc'").await;
    assert_eq!(responses.get("a", "bc", NOW).await.unwrap(), None);
    assert_eq!(responses.get("ab", "c", NOW).await.unwrap().as_deref(), Some(&b"one"[..]));
}

#[tokio::test]
async fn what_has_expired_is_gone_at_once_and_swept_later() {
    let (_dir, store) = store().await;
    let responses = store.responses();
    let mut first = new("key:a", "resp_1", b"one");
    first.items = vec!["msg_1".to_owned()];
    responses.put(first).await.unwrap();
    let (last, end) = (NOW + HOUR - 1, NOW + HOUR);
    assert!(responses.get("key:a", "resp_1", last).await.unwrap().is_some());
    assert!(responses.get("key:a", "resp_1", end).await.unwrap().is_none());
    assert!(responses.find_item("key:a", "msg_1", end).await.unwrap().is_none());
    assert!(!responses.is_withheld("key:b", "resp_1", end).await.unwrap());
    assert!(!responses.delete("key:a", "resp_1", end).await.unwrap());
    assert_eq!(responses.sweep(last).await.unwrap(), 0);
    assert_eq!(responses.sweep(end).await.unwrap(), 1);
    assert_eq!(totals(responses).await, (0, 0));
    // A write sweeps, too.
    responses.put(new("key:a", "resp_1", b"one")).await.unwrap();
    let late = NewResponse { created_ms: end, expires_ms: end + HOUR, ..new("key:a", "resp_2", b"two") };
    responses.put(late).await.unwrap();
    assert_eq!(totals(responses).await.0, 1);
}

#[tokio::test]
async fn an_item_is_found_in_its_owners_response() {
    let (_dir, store) = store().await;
    let responses = store.responses();
    let with = |id: &str, items: &[&str]| {
        let items = items.iter().map(|item| (*item).to_owned()).collect();
        NewResponse { items, ..new("key:a", id, b"x") }
    };
    responses.put(with("resp_1", &["rs_1", "msg_1"])).await.unwrap();
    responses.put(with("resp_2", &["msg_2", "msg_2"])).await.unwrap();
    let find = async |owner: &str, item: &str| responses.find_item(owner, item, NOW).await.unwrap();
    assert_eq!(find("key:a", "msg_1").await.as_deref(), Some("resp_1"));
    assert_eq!(find("key:a", "msg_2").await.as_deref(), Some("resp_2"));
    assert_eq!(find("key:b", "msg_1").await, None);
    assert!(responses.is_withheld("key:b", "msg_1", NOW).await.unwrap());
    assert!(!responses.is_withheld("key:a", "msg_1", NOW).await.unwrap());
    assert!(!responses.is_withheld("key:b", "msg_1", NOW + HOUR).await.unwrap());
    assert_eq!(find("key:a", "msg_3").await, None);
    // A replaced response has the new items alone, a deleted one none.
    responses.put(with("resp_1", &["msg_9"])).await.unwrap();
    assert_eq!(find("key:a", "msg_1").await, None);
    assert_eq!(find("key:a", "msg_9").await.as_deref(), Some("resp_1"));
    responses.delete("key:a", "resp_1", NOW).await.unwrap();
    assert_eq!(find("key:a", "msg_9").await, None);
    let items: Vec<String> = (0..=MAX_ITEMS).map(|n| format!("i{n}")).collect();
    responses.put(NewResponse { items, ..new("key:a", "resp_3", b"x") }).await.unwrap();
    assert!(find("key:a", &format!("i{}", MAX_ITEMS - 1)).await.is_some());
    assert!(find("key:a", &format!("i{MAX_ITEMS}")).await.is_none());
}

#[tokio::test]
async fn a_payload_over_the_limit_is_refused_and_the_former_one_stays() {
    let (_dir, store) = store().await;
    let mut responses = store.responses().clone();
    responses.limits.response_bytes = 10;
    responses.put(new("key:a", "resp_1", &[1; 10])).await.unwrap();
    let refused = responses.put(new("key:a", "resp_1", &[2; 11])).await;
    assert!(matches!(refused, Err(StoreError::ResponseTooLarge { bytes: 11, limit: 10 })));
    assert_eq!(responses.get("key:a", "resp_1", NOW).await.unwrap(), Some(vec![1; 10]));
}

#[tokio::test]
async fn the_oldest_go_when_there_are_too_many_or_too_much() {
    let (_dir, store) = store().await;
    let put = async |responses: &StoredResponses, n: u64, payload: &[u8]| {
        let response = NewResponse { created_ms: NOW + n, ..new("key:a", &format!("resp_{n}"), payload) };
        responses.put(response).await.unwrap();
    };
    let left = async |responses: &StoredResponses| -> Vec<String> {
        totals(responses).await;
        let query = sqlx::query_scalar("SELECT id FROM response ORDER BY created_at");
        query.fetch_all(responses.database.writer()).await.unwrap()
    };
    let mut responses = store.responses().clone();
    responses.limits.responses = 3;
    for n in [2, 1, 3, 4] {
        put(&responses, n, b"x").await;
    }
    assert_eq!(left(&responses).await, ["resp_2", "resp_3", "resp_4"]);
    responses.limits.bytes = 1000;
    put(&responses, 5, &[0; 950]).await;
    assert_eq!(left(&responses).await, ["resp_5"]);
    // One that fits nowhere still stands alone: a single payload has a limit of its own.
    put(&responses, 6, &[0; 2000]).await;
    assert_eq!(left(&responses).await, ["resp_6"]);
}

#[tokio::test]
async fn a_closed_store_is_an_error_and_not_an_absence() {
    let (_dir, store) = store().await;
    let responses = store.responses().clone();
    store.close().await;
    assert!(matches!(responses.get("key:a", "resp_1", NOW).await, Err(StoreError::Database { .. })));
    assert!(matches!(responses.put(new("key:a", "resp_1", b"x")).await, Err(StoreError::Database { .. })));
}
