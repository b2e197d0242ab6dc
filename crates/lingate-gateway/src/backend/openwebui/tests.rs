//! The session as requests see it, with a made-up Open WebUI, a clock that is set and time that is paused.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use lingate_store::{SealedCache, Store, StoreOptions};
use tokio::sync::Semaphore;

use super::error::SignInError;
use super::{Account, SIGN_IN_PATH, Session, Token};

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

/// An Open WebUI that answers as told, or with a new one-day token each time.
#[derive(Clone)]
struct Fake {
    posts: Arc<AtomicUsize>,
    script: Arc<Mutex<VecDeque<(u16, String)>>>,
    /// An answer needs a permit.
    gate: Arc<Semaphore>,
    clock: Arc<AtomicU64>,
}

impl Fake {
    fn new() -> Self {
        let clock = Arc::new(AtomicU64::new(NOW));
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        Self { posts: Arc::default(), script: Arc::default(), gate, clock }
    }

    /// One that answers only after `self.gate.add_permits`.
    fn closed() -> Self {
        Self { gate: Arc::new(Semaphore::new(0)), ..Self::new() }
    }

    fn says(&self, status: u16, body: &str) {
        self.script.lock().unwrap().push_back((status, body.to_owned()));
    }

    fn posts(&self) -> usize {
        self.posts.load(Ordering::SeqCst)
    }

    fn pass(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    fn session(&self, cache: &SealedCache) -> Arc<Session> {
        self.session_of(cache, "https://chat.example", "ann@example.org")
    }

    fn session_of(&self, cache: &SealedCache, address: &str, email: &str) -> Arc<Session> {
        let clock = Arc::clone(&self.clock);
        let clock = Arc::new(move || clock.load(Ordering::SeqCst));
        Session::new(Account::new(address, email, "pass\"word"), cache.clone(), clock)
    }

    async fn answer(self, path: &'static str, body: Bytes) -> Result<(StatusCode, Bytes), String> {
        let number = self.posts.fetch_add(1, Ordering::SeqCst) + 1;
        assert_eq!(path, "/api/v1/auths/signin");
        assert_eq!(path, SIGN_IN_PATH);
        assert!(body.ends_with(br#"@example.org","password":"pass\"word"}"#), "{body:?}");
        self.gate.acquire().await.unwrap().forget();
        let (status, body) = self.script.lock().unwrap().pop_front().unwrap_or_else(|| {
            let exp = self.clock.load(Ordering::SeqCst) + DAY;
            (200, format!(r#"{{"id":"u","token":"{}","token_type":"Bearer"}}"#, jwt(number, exp)))
        });
        match status {
            0 => Err(body),
            _ => Ok((StatusCode::from_u16(status).unwrap(), Bytes::from(body))),
        }
    }

    async fn token(&self, session: &Arc<Session>) -> Result<Token, SignInError> {
        let fake = self.clone();
        session.token(move |path, body| fake.answer(path, body)).await
    }

    /// The token at hand; panics if there would be a wait.
    async fn token_at_once(&self, session: &Arc<Session>) -> Token {
        let mut call = std::pin::pin!(self.token(session));
        poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(token) => Poll::Ready(token.unwrap()),
            Poll::Pending => panic!("had to wait"),
        })
        .await
    }

    /// Returns when a sign-in has been sent for the `count`th time.
    async fn posted(&self, count: usize) {
        while self.posts() < count {
            tokio::task::yield_now().await;
        }
    }
}

fn jwt(number: usize, exp: u64) -> String {
    let claims = base64_simd::URL_SAFE_NO_PAD.encode_to_string(format!(r#"{{"jti":"{number}","exp":{exp}}}"#));
    format!("eyJhbGciOiJIUzI1NiJ9.{claims}.c2ln")
}

/// Opened before time is paused: the database's own time-outs run on it.
async fn store() -> Store {
    let store = Store::open_temporary().await.unwrap();
    tokio::time::pause();
    store
}

async fn open(path: &Path) -> Store {
    Store::open(path, StoreOptions::default()).await.unwrap()
}

fn cache_files(dir: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(dir.join("cache")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Runs the calls side by side; gives their results, in order.
fn all<T: Send + 'static>(
    calls: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> tokio::task::JoinHandle<Vec<T>> {
    let tasks: Vec<_> = calls.map(tokio::spawn).collect();
    tokio::spawn(async move {
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.unwrap());
        }
        results
    })
}

#[tokio::test]
async fn signs_in_once_and_then_uses_the_token_while_it_lasts() {
    let (store, fake) = (store().await, Fake::new());
    let session = fake.session(store.cache());
    let token = fake.token(&session).await.unwrap();
    assert_eq!(token.header().to_str().unwrap(), format!("Bearer {}", jwt(1, NOW + DAY)));
    assert_eq!(token.expires_at(), NOW + DAY);
    fake.pass(DAY - 301);
    fake.token_at_once(&session).await;
    tokio::task::yield_now().await;
    assert_eq!(fake.posts(), 1);
    fake.pass(301 - 30);
    let token = fake.token(&session).await.unwrap();
    assert_eq!((fake.posts(), token.expires_at()), (2, NOW + DAY - 30 + DAY));
}

#[tokio::test]
async fn nothing_tells_the_token_or_the_password() {
    let (store, fake) = (store().await, Fake::new());
    let session = fake.session(store.cache());
    let token = fake.token(&session).await.unwrap();
    assert!(token.header().is_sensitive());
    let shown = format!("{token:?} {session:?} {:?} {:?}", session.account(), token.header());
    assert!(!shown.contains("eyJ") && !shown.contains("pass") && shown.contains("chat.example"), "{shown}");
}

#[tokio::test]
async fn a_thousand_callers_share_one_sign_in() {
    let (store, fake) = (store().await, Fake::closed());
    let session = fake.session(store.cache());
    let calls = all((0..1000).map(|_| {
        let (fake, session) = (fake.clone(), Arc::clone(&session));
        async move { fake.token(&session).await.unwrap() }
    }));
    fake.posted(1).await;
    fake.gate.add_permits(1);
    let tokens = calls.await.unwrap();
    assert_eq!((tokens.len(), fake.posts()), (1000, 1));
    assert!(tokens.iter().all(|token| Arc::ptr_eq(&token.0, &tokens[0].0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_refusals_on_many_threads_lead_to_one_sign_in() {
    let (store, fake) = (Store::open_temporary().await.unwrap(), Fake::new());
    let session = fake.session(store.cache());
    for round in 1..=4 {
        let old = fake.token(&session).await.unwrap();
        assert_eq!(fake.posts(), round);
        let tokens = all((0..1000).map(|_| {
            let (fake, session, old) = (fake.clone(), Arc::clone(&session), old.clone());
            async move {
                session.refused(&old);
                fake.token(&session).await.unwrap()
            }
        }))
        .await
        .unwrap();
        assert_eq!(fake.posts(), round + 1);
        assert!(tokens.iter().all(|token| !Arc::ptr_eq(&token.0, &old.0)));
    }
}

#[tokio::test]
async fn a_late_refusal_of_an_old_token_leaves_the_new_one() {
    let (store, fake) = (store().await, Fake::new());
    let session = fake.session(store.cache());
    let old = fake.token(&session).await.unwrap();
    session.refused(&old);
    let new = fake.token(&session).await.unwrap();
    session.refused(&old);
    assert!(Arc::ptr_eq(&fake.token_at_once(&session).await.0, &new.0));
    assert_eq!(fake.posts(), 2);
}

#[tokio::test]
async fn a_slow_renewal_blocks_nobody_who_holds_a_good_token() {
    let (store, fake) = (store().await, Fake::closed());
    let session = fake.session(store.cache());
    fake.gate.add_permits(1);
    let old = fake.token(&session).await.unwrap();
    fake.pass(DAY - 200);
    for _ in 0..100 {
        assert!(Arc::ptr_eq(&fake.token_at_once(&session).await.0, &old.0));
        fake.posted(2).await;
    }
    assert_eq!(fake.posts(), 2, "one renewal is under way");
    fake.gate.add_permits(1);
    while Arc::ptr_eq(&fake.token_at_once(&session).await.0, &old.0) {
        tokio::task::yield_now().await;
    }
    assert_eq!((fake.posts(), fake.token_at_once(&session).await.expires_at()), (2, NOW + DAY - 200 + DAY));
}

#[tokio::test]
async fn a_failed_renewal_is_not_repeated_at_once_and_harms_nobody() {
    let (store, fake) = (store().await, Fake::new());
    let session = fake.session(store.cache());
    let old = fake.token(&session).await.unwrap();
    fake.pass(DAY - 200);
    fake.says(502, "");
    for _ in 0..100 {
        assert!(Arc::ptr_eq(&fake.token_at_once(&session).await.0, &old.0));
        tokio::task::yield_now().await;
    }
    assert_eq!(fake.posts(), 2);
    tokio::time::advance(Duration::from_secs(31)).await;
    fake.token_at_once(&session).await;
    fake.posted(3).await;
}

#[tokio::test]
async fn who_goes_away_takes_the_sign_in_with_him_from_nobody() {
    let (store, fake) = (store().await, Fake::closed());
    let session = fake.session(store.cache());
    let start = |fake: &Fake| {
        let (fake, session) = (fake.clone(), Arc::clone(&session));
        tokio::spawn(async move { fake.token(&session).await })
    };
    let first = start(&fake);
    fake.posted(1).await;
    let second = start(&fake);
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    fake.gate.add_permits(1);
    second.await.unwrap().unwrap();
    fake.token_at_once(&session).await;
    assert_eq!(fake.posts(), 1);
}

#[tokio::test]
async fn a_sign_in_that_panics_leaves_nobody_waiting() {
    let (store, fake) = (store().await, Fake::new());
    let session = fake.session(store.cache());
    let broken = session.token(|_, _| async {
        if true {
            panic!("a fault of the caller's");
        }
        Err("")
    });
    assert_eq!(broken.await.unwrap_err().code, "stopping");
    fake.token(&session).await.unwrap();
}

#[tokio::test]
async fn those_who_waited_share_a_failure() {
    let (store, fake) = (store().await, Fake::closed());
    let session = fake.session(store.cache());
    fake.says(0, "the upstream could not be reached");
    let calls = all((0..1000).map(|_| {
        let (fake, session) = (fake.clone(), Arc::clone(&session));
        async move { fake.token(&session).await.unwrap_err() }
    }));
    fake.posted(1).await;
    // Let all the others come to wait.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    fake.gate.add_permits(1);
    let errors = calls.await.unwrap();
    assert_eq!((errors.len(), fake.posts()), (1000, 1));
    assert!(errors.iter().all(|error| error == &errors[0]));
    assert_eq!(errors[0].to_string(), "could not sign in to Open WebUI: the upstream could not be reached");
    assert_eq!((errors[0].status.as_u16(), errors[0].code), (502, "upstream_unavailable"));
    fake.gate.add_permits(1);
    fake.token(&session).await.unwrap();
    assert_eq!(fake.posts(), 2, "the next one tries again");
}

#[tokio::test]
async fn no_more_than_five_at_once_then_one_in_twelve_seconds() {
    let (store, fake) = (store().await, Fake::new());
    let session = fake.session(store.cache());
    let call = || async {
        let token = fake.token(&session).await?;
        session.refused(&token);
        Ok::<_, SignInError>(())
    };
    for _ in 0..5 {
        call().await.unwrap();
    }
    let error = call().await.unwrap_err();
    assert_eq!((error.status.as_u16(), error.code, error.retry_after), (503, "sign_in_limited", Some(12)));
    tokio::time::advance(Duration::from_millis(4_500)).await;
    assert_eq!(call().await.unwrap_err().retry_after, Some(8), "rounded up");
    assert_eq!(fake.posts(), 5);
    tokio::time::advance(Duration::from_millis(7_500)).await;
    call().await.unwrap();
    assert_eq!(call().await.unwrap_err().retry_after, Some(12));
    assert_eq!(fake.posts(), 6);
}

#[tokio::test]
async fn wrong_credentials_are_not_tried_again_for_thirty_seconds() {
    for status in [400, 401, 403, 422] {
        let (store, fake) = (store().await, Fake::new());
        let session = fake.session(store.cache());
        fake.says(status, r#"{"detail":"The email or password provided is incorrect. SECRET-ECHO"}"#);
        let error = fake.token(&session).await.unwrap_err();
        assert_eq!((error.status.as_u16(), error.code, error.retry_after), (502, "upstream_auth", None));
        assert!(error.message.contains("password") && error.message.contains(&status.to_string()), "{error}");
        assert!(!error.message.contains("SECRET") && !error.message.contains("pass\"word"), "{error}");
        tokio::time::advance(Duration::from_secs(29)).await;
        assert_eq!(fake.token(&session).await.unwrap_err(), error);
        assert_eq!(fake.posts(), 1);
        tokio::time::advance(Duration::from_secs(1)).await;
        fake.token(&session).await.unwrap();
        assert_eq!(fake.posts(), 2);
        tokio::time::resume();
    }
}

#[tokio::test]
async fn open_webuis_own_limit_is_respected() {
    let (store, fake) = (store().await, Fake::new());
    let session = fake.session(store.cache());
    fake.says(429, r#"{"detail":"API rate limit exceeded"}"#);
    let error = fake.token(&session).await.unwrap_err();
    assert_eq!((error.status.as_u16(), error.code, error.retry_after), (503, "sign_in_limited", Some(30)));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(fake.token(&session).await.unwrap_err().retry_after, Some(20));
    assert_eq!(fake.posts(), 1);
}

#[tokio::test]
async fn answers_that_are_no_session_are_told_apart() {
    for (status, body, expected, code, tried_again) in [
        (200, "<!doctype html><html>", 502, "upstream_error", true),
        (200, r#"{"token":"two words"}"#, 502, "upstream_error", true),
        (200, r#"{"token":""}"#, 502, "upstream_auth", false),
        (200, r#"{"mfa_required":true}"#, 502, "upstream_auth", false),
        (404, r#"{"detail":"Not Found"}"#, 502, "upstream_error", true),
        (307, "", 502, "upstream_error", true),
        (500, "oh", 502, "upstream_error", true),
        (503, "", 503, "upstream_error", true),
    ] {
        let (store, fake) = (store().await, Fake::new());
        let session = fake.session(store.cache());
        fake.says(status, body);
        let error = fake.token(&session).await.unwrap_err();
        assert_eq!((error.status.as_u16(), error.code), (expected, code), "{status} {body}");
        assert_eq!(fake.token(&session).await.is_ok(), tried_again, "{status} {body}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_sign_in_without_an_answer_ends() {
    let (store, fake) = (store().await, Fake::closed());
    let session = fake.session(store.cache());
    // Paused time runs on by itself while everybody waits.
    let error = fake.token(&session).await.unwrap_err();
    assert_eq!((error.status.as_u16(), error.code), (504, "upstream_timeout"));
}

#[tokio::test]
async fn expiry_comes_from_the_reply_if_the_token_does_not_tell() {
    let (store, fake) = (store().await, Fake::new());
    fake.says(200, &format!(r#"{{"token":"opaque","expires_at":{}}}"#, NOW + 700));
    fake.says(200, r#"{"token":"opaque","expires_at":null}"#);
    let session = fake.session(store.cache());
    let token = fake.token(&session).await.unwrap();
    assert_eq!(token.expires_at(), NOW + 700);
    session.refused(&token);
    assert_eq!(fake.token(&session).await.unwrap().expires_at(), NOW + DAY);
}

#[tokio::test]
async fn the_session_outlives_a_restart_for_the_same_address_and_email_only() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    let store = open(dir.path()).await;
    let session = fake.session(store.cache());
    let before = fake.token(&session).await.unwrap();
    session.flushed().await;
    drop(session);
    store.close().await;

    let store = open(dir.path()).await;
    let session = fake.session(store.cache());
    let after = fake.token(&session).await.unwrap();
    assert_eq!((after.header(), after.expires_at()), (before.header(), before.expires_at()));
    assert_eq!(fake.posts(), 1);
    fake.token(&fake.session_of(store.cache(), "https://other.example", "ann@example.org")).await.unwrap();
    fake.token(&fake.session_of(store.cache(), "https://chat.example", "bob@example.org")).await.unwrap();
    assert_eq!(fake.posts(), 3);
}

#[tokio::test]
async fn what_is_left_on_disk_too_late_is_not_used() {
    let (store, fake) = (store().await, Fake::new());
    let session = fake.session(store.cache());
    fake.token(&session).await.unwrap();
    session.flushed().await;
    fake.pass(DAY - 31);
    fake.token(&fake.session(store.cache())).await.unwrap();
    assert_eq!(fake.posts(), 1, "31 s are enough");
    fake.pass(1);
    fake.token(&fake.session(store.cache())).await.unwrap();
    assert_eq!(fake.posts(), 2);
}

#[tokio::test]
async fn a_refused_token_goes_from_disk_and_its_successor_stays() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    let store = open(dir.path()).await;
    let session = fake.session(store.cache());
    let old = fake.token(&session).await.unwrap();
    session.flushed().await;
    assert_eq!(cache_files(dir.path()).len(), 1);
    session.refused(&old);
    session.flushed().await;
    assert!(cache_files(dir.path()).is_empty());

    let token = fake.token(&session).await.unwrap();
    session.refused(&token);
    let new = fake.token(&session).await.unwrap();
    session.flushed().await;
    let restarted = fake.session(store.cache());
    assert_eq!(fake.token(&restarted).await.unwrap().header(), new.header());
    assert_eq!(fake.posts(), 3);
}

#[tokio::test]
async fn a_tampered_file_is_a_miss_and_goes() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    let store = open(dir.path()).await;
    let session = fake.session(store.cache());
    fake.token(&session).await.unwrap();
    session.flushed().await;
    let file = cache_files(dir.path()).pop().unwrap();
    let mut sealed = std::fs::read(&file).unwrap();
    *sealed.last_mut().unwrap() ^= 1;
    std::fs::write(&file, &sealed).unwrap();

    fake.says(503, "");
    let restarted = fake.session(store.cache());
    fake.token(&restarted).await.unwrap_err();
    assert_eq!(fake.posts(), 2, "it signed in");
    assert!(!file.exists());
    fake.token(&restarted).await.unwrap();
    restarted.flushed().await;
    assert_eq!(fake.token(&fake.session(store.cache())).await.unwrap().expires_at(), NOW + DAY);
    assert_eq!(fake.posts(), 3);
}
