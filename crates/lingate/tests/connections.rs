//! Client connections: TLS, HTTP/2, and clients that behave badly. The server runs within the test.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lingate::server::Limits;
use lingate_testkit::{ClientRequest, RawClient, Reply, Step, Upstream};
use rustls::pki_types::{CertificateDer, ServerName};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use support::{DEMO, Local, in_front_of, write};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Writes a new certificate for localhost and its key; returns the certificate.
fn new_certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    write(folder, "cert.pem", &made.cert.pem());
    write(folder, "key.pem", &made.signing_key.serialize_pem());
    made.cert.der().clone()
}

/// A TLS connection that trusts one certificate only.
async fn connect(
    to: SocketAddr,
    trusted: &CertificateDer<'static>,
    alpn: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let tcp = TcpStream::connect(to).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), tcp).await
}

const TLS: &str = "listen: [{ address: '127.0.0.1:0', tls: { cert: FOLDER/cert.pem, key: FOLDER/key.pem } }]\n\
                   admin: { listen: '' }\nendpoints: [{ name: demo, type: demo }]\n\
                   virtual_models: [{ name: demo, targets: [{ endpoint: demo, model: demo-echo }] }]\n";

async fn tls_server() -> (Local, CertificateDer<'static>) {
    let folder = tempfile::tempdir().unwrap();
    let certificate = new_certificate(folder.path());
    (Local::within(folder, TLS, Limits::default()).await, certificate)
}

type H2 = hyper::client::conn::http2::SendRequest<Full<Bytes>>;

async fn http2(io: TlsStream<TcpStream>) -> H2 {
    assert_eq!(io.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(sender: &mut H2, content: &str) -> (u16, String) {
    let body = format!(r#"{{"model":"demo","messages":[{{"role":"user","content":"{content}"}}]}}"#);
    let request = http::Request::post("https://localhost/v1/chat/completions").body(Full::new(body.into())).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn http2_over_tls() {
    let (local, certificate) = tls_server().await;
    let mut sender = http2(connect(local.address(), &certificate, b"h2").await.unwrap()).await;
    let answers = [("one", sender.clone()), ("two", sender.clone())]
        .map(|(text, mut sender)| async move { ask(&mut sender, text).await });
    for (answer, text) in futures_util::future::join_all(answers).await.into_iter().zip(["one", "two"]) {
        assert_eq!(answer.0, 200);
        assert!(answer.1.contains(&format!("\"content\":\"{text}\"")), "{}", answer.1);
    }
    let far_too_long = "x".repeat(20 << 10);
    let request = http::Request::get("https://localhost/health").header("x-long", far_too_long);
    let refused = sender.send_request(request.body(Full::default()).unwrap()).await;
    assert!(refused.is_err() || refused.is_ok_and(|response| response.status() == 431));
}

#[tokio::test]
async fn http1_over_tls() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (local, certificate) = tls_server().await;
    let mut io = connect(local.address(), &certificate, b"http/1.1").await.unwrap();
    io.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn a_new_certificate_leaves_connections_alone() {
    let (local, old) = tls_server().await;
    let mut before = http2(connect(local.address(), &old, b"h2").await.unwrap()).await;
    let new = new_certificate(local.folder.path());
    assert!(connect(local.address(), &new, b"h2").await.is_err(), "not read yet");
    local.server.reload().unwrap();
    let mut after = http2(connect(local.address(), &new, b"h2").await.unwrap()).await;
    assert_eq!(ask(&mut before, "old").await.0, 200);
    assert_eq!(ask(&mut after, "new").await.0, 200);

    write(local.folder.path(), "key.pem", "nonsense");
    let error = local.server.reload().unwrap_err();
    assert!(error.contains("key.pem"), "{error}");
    assert!(connect(local.address(), &new, b"h2").await.is_ok(), "a bad file keeps the old certificate");
}

#[tokio::test]
async fn http2_without_tls() {
    let local = Local::start(DEMO).await;
    let io = TokioIo::new(TcpStream::connect(local.address()).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(ask(&mut sender, "hello").await.0, 200);
}

#[tokio::test]
async fn a_preface_in_pieces_and_a_method_that_begins_like_it() {
    let local = Local::start(DEMO).await;
    let mut client = RawClient::connect(local.address()).await;
    client.send_slowly("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", Duration::ZERO).await.unwrap();
    // The server's own settings: a frame of type 4 on stream 0.
    let frame = client.read_some().await.unwrap();
    assert_eq!(frame[3..9], [4, 0, 0, 0, 0, 0]);
    let mut client = RawClient::connect(local.address()).await;
    client.send("PROPFIND / HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    client.read_until("HTTP/1.1 405 ").await.unwrap();
}

/// Short limits, so that a test need not wait.
fn short() -> Limits {
    let span = Duration::from_millis(100);
    Limits { head: span, idle: span, stalled: span, ..Limits::default() }
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut() {
    let local = Local::limited(DEMO, Limits { idle: Duration::from_secs(60), ..short() }).await;
    for start in ["", "G", "GET / HT", "PRI * HT", "GET / HTTP/1.1\r\nhost: h\r\nx: "] {
        let mut client = RawClient::connect(local.address()).await;
        client.send(start).await.unwrap();
        let (answer, _) = client.read_to_end().await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{start:?}: {answer:?}");
    }
    // The second request of a connection, too, and others are not affected.
    let mut client = RawClient::connect(local.address()).await;
    client.send("GET /health HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    client.read_until("\"ok\"").await.unwrap();
    client.send("GET /hea").await.unwrap();
    client.read_to_end().await;
    assert_eq!(ClientRequest::get("/health").send(local.address()).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_slow_answer_is_not() {
    let local = Local::limited(DEMO, short()).await;
    let mut client = RawClient::connect(local.address()).await;
    client.send("GET /health HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    let (answer, _) = client.read_to_end().await;
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    let upstream = Upstream::start().await;
    let silence = Step::Sleep(Duration::from_millis(400));
    upstream.once(Reply::stream("text/event-stream", vec![delta("one"), silence, delta("two"), Step::sse("[DONE]")]));
    let yaml = in_front_of(&upstream.url(""));
    local.rewrite(&yaml);
    local.server.reload().unwrap();
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
    let answer = ClientRequest::post("/v1/chat/completions").body(body).send(local.address()).await.unwrap();
    assert!(answer.text().contains("two") && answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
}

/// An event of an OpenAI upstream.
fn delta(text: &str) -> Step {
    let choice = format!(r#"{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":"stop"}}"#);
    Step::sse(&format!(
        r#"{{"id":"c","object":"chat.completion.chunk","created":1,"model":"real","choices":[{choice}]}}"#
    ))
}

#[tokio::test]
async fn heads_that_are_too_large() {
    let local = Local::start(DEMO).await;
    for head in [
        format!("x-long: {}\r\n", "x".repeat(17 << 10)),
        (0..65).map(|n| format!("x-{n}: y\r\n")).collect(),
        (0..2000).map(|n| format!("x-{n}: y\r\n")).collect(),
    ] {
        let mut client = RawClient::connect(local.address()).await;
        // The server may close before it has read all of it.
        let _ = client.send(format!("GET /health HTTP/1.1\r\nhost: h\r\n{head}\r\n")).await;
        client.read_until("HTTP/1.1 431 ").await.unwrap();
    }
    let fits: String = (0..60).map(|n| format!("x-{n}: {}\r\n", "y".repeat(200))).collect();
    let mut client = RawClient::connect(local.address()).await;
    client.send(format!("GET /health HTTP/1.1\r\nhost: h\r\n{fits}\r\n")).await.unwrap();
    client.read_until("HTTP/1.1 200 ").await.unwrap();
}

#[tokio::test]
async fn no_more_connections_than_places() {
    let local = Local::limited(DEMO, Limits { connections: Some(2), ..Limits::default() }).await;
    let hello = "GET /health HTTP/1.1\r\nhost: h\r\n\r\n";
    let mut first = RawClient::connect(local.address()).await;
    first.send(hello).await.unwrap();
    first.read_until("\"ok\"").await.unwrap();
    let mut second = RawClient::connect(local.address()).await;
    second.send(hello).await.unwrap();
    second.read_until("\"ok\"").await.unwrap();
    let mut third = RawClient::connect(local.address()).await;
    third.send(hello).await.unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(50), third.read_some()).await;
    assert!(waits.is_err(), "it waits in the system's queue");
    drop(first);
    third.read_until("\"ok\"").await.unwrap();
}

#[tokio::test]
async fn a_server_that_shuts_down_is_gone() {
    let local = Local::start(DEMO).await;
    let address = local.address();
    assert_eq!(ClientRequest::get("/ready").send(address).await.unwrap().status, 200);
    local.server.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err());
}
