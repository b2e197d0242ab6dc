//! Open WebUI by e-mail and password: one sign-in for all, renewed when it must be, kept over a restart.

use crate::setup::{PASSWORD, Plan, ask, json, soon, start_in};
use crate::tongue::Tongue;
use base64_simd::URL_SAFE_NO_PAD;
use lingate_testkit::{Reply, Request, Upstream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const SIGN_IN: &str = "/api/v1/auths/signin";
const REFUSED: &str = r#"{"detail":"401 Unauthorized"}"#;

/// The plan of an endpoint with an account.
fn plan() -> Plan<'static> {
    Plan { endpoint: "email: a@example.com, password: pw-canary-account-90c3,", ..Plan::default() }
}

/// A token like Open WebUI's; `number` tells one from another.
fn token(number: u64) -> String {
    let claims = format!(r#"{{"id":"u1","jti":"{number}","exp":4102444800}}"#);
    let part = |text: &str| URL_SAFE_NO_PAD.encode_to_string(text);
    format!("{}.{}.{}", part(r#"{"alg":"HS256"}"#), part(&claims), part("signature"))
}

/// An Open WebUI: takes the account's password, and only the newest token it gave.
struct OpenWebUi {
    up: Upstream,
    valid: Arc<AtomicU64>,
}

impl OpenWebUi {
    async fn start() -> Self {
        let (up, valid) = (Upstream::start().await, Arc::new(AtomicU64::new(0)));
        let newest = valid.clone();
        up.on(move |request| answer(&request, &newest)).await;
        Self { up, valid }
    }

    /// From now on the tokens given so far are refused.
    fn forget(&self) {
        self.valid.fetch_add(100, Ordering::SeqCst);
    }

    fn sign_ins(&self) -> usize {
        self.up.requests().iter().filter(|request| request.path == SIGN_IN).count()
    }

    fn chats(&self) -> usize {
        self.up.requests().iter().filter(|request| request.path == "/api/chat/completions").count()
    }
}

fn answer(request: &Request, newest: &AtomicU64) -> Reply {
    if request.path == SIGN_IN {
        let body = request.json();
        if body["password"] != PASSWORD || body["email"] != "a@example.com" {
            return Reply::json(400, r#"{"detail":"The email or password provided is incorrect."}"#);
        }
        let number = newest.fetch_add(1, Ordering::SeqCst) + 1;
        return json(format!(
            r#"{{"id":"u1","token":"{}","token_type":"Bearer","expires_at":4102444800}}"#,
            token(number)
        ));
    }
    let good = format!("Bearer {}", token(newest.load(Ordering::SeqCst)));
    if request.header("authorization") != Some(good.as_str()) {
        return Reply::json(401, REFUSED);
    }
    json(Tongue::OpenAi.whole("ok"))
}

#[tokio::test]
async fn fifty_first_requests_sign_in_once() {
    let owui = OpenWebUi::start().await;
    let gateway = plan().start("openwebui", &owui.up).await;
    let asking = (0..50).map(|index| {
        let client = Tongue::ALL[index % 3];
        ask(&gateway, client.request(false))
    });
    for answer in futures_util::future::join_all(asking).await {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!((owui.sign_ins(), owui.chats()), (1, 50));
}

#[tokio::test]
async fn a_refused_session_is_renewed_once_for_all() {
    let owui = OpenWebUi::start().await;
    let gateway = plan().start("openwebui", &owui.up).await;
    assert_eq!(ask(&gateway, Tongue::OpenAi.request(false)).await.status, 200);
    owui.forget();
    let asking = (0..20).map(|_| ask(&gateway, Tongue::OpenAi.request(false)));
    for answer in futures_util::future::join_all(asking).await {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(owui.sign_ins(), 2);
}

#[tokio::test]
async fn a_session_that_stays_refused_is_the_gateways_fault() {
    let owui = OpenWebUi::start().await;
    let gateway = plan().start("openwebui", &owui.up).await;
    owui.up
        .on(|request| match request.path.as_str() {
            SIGN_IN => json(format!(r#"{{"token":"{}"}}"#, token(1))),
            _ => Reply::json(401, REFUSED),
        })
        .await;
    let answer = ask(&gateway, Tongue::Ollama.request(true)).await;
    assert_eq!(answer.status, 502, "{}", answer.text());
    Tongue::Ollama.error(&answer);
    assert_eq!((owui.sign_ins(), owui.chats()), (2, 2), "one retry");
}

/// An upstream behind Open WebUI may refuse Open WebUI's key: that is no sign that the session is over.
#[tokio::test]
async fn a_401_of_another_form_signs_nobody_in() {
    let owui = OpenWebUi::start().await;
    let gateway = plan().start("openwebui", &owui.up).await;
    assert_eq!(ask(&gateway, Tongue::OpenAi.request(false)).await.status, 200);
    owui.up.once(Reply::json(401, Tongue::OpenAi.refusal("Incorrect API key provided")));
    let answer = ask(&gateway, Tongue::OpenAi.request(false)).await;
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert!(Tongue::OpenAi.error(&answer).contains("Incorrect API key provided"));
    assert_eq!((owui.sign_ins(), owui.chats()), (1, 2));
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_tried_again_and_again() {
    let owui = OpenWebUi::start().await;
    let wrong = Plan { endpoint: "email: b@example.com, password: pw-canary-account-90c3,", ..Plan::default() };
    let gateway = wrong.start("openwebui", &owui.up).await;
    for client in Tongue::ALL {
        let answer = ask(&gateway, client.request(false)).await;
        assert_eq!(answer.status, 502, "{}", answer.text());
        assert!(client.error(&answer).contains("check the e-mail and the password"), "{}", answer.text());
    }
    assert_eq!((owui.sign_ins(), owui.chats()), (1, 0));
}

/// The first to ask leaves while the sign-in is under way; the others get it all the same.
#[tokio::test]
async fn a_sign_in_outlives_the_client_that_began_it() {
    let owui = OpenWebUi::start().await;
    let gateway = plan().start("openwebui", &owui.up).await;
    let gate = Arc::new(tokio::sync::Notify::new());
    owui.valid.store(1, Ordering::SeqCst);
    owui.up.once(json(format!(r#"{{"token":"{}"}}"#, token(1))).held_by(&gate));
    let address = gateway.address;
    let first = tokio::spawn(async move { Tongue::OpenAi.request(false).send(address).await });
    soon("the sign-in", owui.up.next_request()).await;
    let second = tokio::spawn(async move { Tongue::OpenAi.request(false).send(address).await });
    tokio::task::yield_now().await;
    first.abort();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    gate.notify_one();
    assert_eq!(soon("the answer", second).await.unwrap().unwrap().status, 200);
    assert_eq!(owui.sign_ins(), 1);
}

#[tokio::test]
async fn a_session_survives_a_restart() {
    let owui = OpenWebUi::start().await;
    let folder = tempfile::tempdir().unwrap();
    let yaml = plan().yaml("openwebui", &owui.up.url(""));
    for _ in 0..2 {
        let gateway = start_in(&yaml, folder.path()).await;
        assert_eq!(ask(&gateway, Tongue::OpenAi.request(false)).await.status, 200);
    }
    assert_eq!((owui.sign_ins(), owui.chats()), (1, 2));
    // Nothing on disk shows it.
    let mut files = 0;
    for path in files_below(folder.path()) {
        // The database's own helper files go when it is closed.
        let Ok(bytes) = std::fs::read(&path) else { continue };
        files += 1;
        for secret in [PASSWORD.to_owned(), token(1), token(1).split('.').nth(1).unwrap().to_owned()] {
            assert!(memchr::memmem::find(&bytes, secret.as_bytes()).is_none(), "{}", path.display());
        }
    }
    assert!(files > 0);
    // Another account's password does not inherit it.
    let other = yaml.replace("a@example.com", "c@example.com");
    let gateway = start_in(&other, folder.path()).await;
    assert_eq!(ask(&gateway, Tongue::OpenAi.request(false)).await.status, 502);
    assert_eq!(owui.sign_ins(), 2);
}

fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test]
async fn a_session_that_was_tampered_with_counts_for_nothing() {
    let owui = OpenWebUi::start().await;
    let folder = tempfile::tempdir().unwrap();
    let yaml = plan().yaml("openwebui", &owui.up.url(""));
    let gateway = start_in(&yaml, folder.path()).await;
    assert_eq!(ask(&gateway, Tongue::OpenAi.request(false)).await.status, 200);
    // It is written behind the answer's back.
    gateway.gateway.flush().await;
    drop(gateway);
    let sealed: Vec<_> =
        files_below(folder.path()).into_iter().filter(|path| path.to_string_lossy().contains("cache")).collect();
    assert!(!sealed.is_empty(), "{:?}", files_below(folder.path()));
    for path in sealed {
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    let gateway = start_in(&yaml, folder.path()).await;
    assert_eq!(ask(&gateway, Tongue::OpenAi.request(false)).await.status, 200);
    assert_eq!((owui.sign_ins(), owui.chats()), (2, 2));
}
