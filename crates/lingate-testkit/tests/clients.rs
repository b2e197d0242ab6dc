//! The clients over real sockets: the streaming one and the raw one.

use std::time::Duration;

use lingate_testkit::{ClientRequest, End, RawClient, Reply, Step, Upstream, raw_client::Closed};

#[tokio::test]
async fn the_client_sends_what_it_is_told() {
    let up = Upstream::start().await;
    up.on(|_| Reply::bytes(204, "")).await;
    ClientRequest::get("/a").header("x-a", "1").header("X-A", "2").send(up.addr()).await.unwrap();
    let got = up.next_request().await;
    assert_eq!((got.method.as_str(), got.header("x-a"), got.body.len()), ("GET", Some("2"), 0));
    assert_eq!(got.header("host"), Some(up.addr().to_string().as_str()));
    assert_eq!(up.url("/x"), format!("http://{}/x", up.addr()));
    ClientRequest::new("DELETE", "/b").header("host", "other").body("raw").send(up.addr()).await.unwrap();
    let got = up.next_request().await;
    assert_eq!((got.method.as_str(), got.header("host"), got.text().as_str()), ("DELETE", Some("other"), "raw"));
    for bad in
        [ClientRequest::new("A B", "/"), ClientRequest::get("no path"), ClientRequest::get("/").header("a b", "c")]
    {
        bad.send(up.addr()).await.unwrap_err();
    }
}

#[tokio::test]
async fn patience_ends_with_what_came() {
    let up = Upstream::start().await;
    up.once(Reply::stream("text/plain", vec![Step::bytes("a"), Step::Hang]));
    let mut open = ClientRequest::get("/").open(up.addr()).await.unwrap();
    assert_eq!(open.next_chunk().await.unwrap(), "a");
    let answer = open.finish(Duration::from_millis(10)).await;
    assert_eq!((answer.text().as_str(), answer.chunks.len()), ("", 0));
    assert!(matches!(answer.end, End::Cut(why) if why.contains("gave up")));
    up.next_disconnect().await;
}

#[tokio::test]
async fn a_slow_client_is_served_all_the_same() {
    let up = Upstream::start().await;
    up.on(|request| Reply::bytes(200, request.body).closing()).await;
    let mut client = RawClient::connect(up.addr()).await;
    let request = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nslow";
    client.send_slowly(&request[..10], Duration::from_millis(1)).await.unwrap();
    client.send_slowly(&request[10..], Duration::ZERO).await.unwrap();
    let (answer, closed) = client.read_to_end().await;
    assert!(answer.ends_with(b"\r\n\r\nslow"));
    assert_eq!(closed, Closed::Eof);
    assert_eq!(client.read_some().await, Err(Closed::Eof));
}

#[tokio::test]
async fn a_raw_client_tells_a_reset_from_an_end() {
    let up = Upstream::start().await;
    up.once(Reply::raw(vec![Step::Reset]));
    let mut client = RawClient::connect(up.addr()).await;
    assert_ne!(client.local_addr(), up.addr());
    client.send("GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(client.read_until("x").await, Err(Closed::Reset));

    let (gate, open) = Step::gate();
    up.once(Reply::raw(vec![Step::bytes("one two"), gate, Step::Cut]));
    let mut client = RawClient::connect(up.addr()).await;
    client.send("GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(client.read_until(" ").await.unwrap(), "one ");
    open.notify_one();
    assert_eq!(client.read_until("three").await, Err(Closed::Eof));
    assert_eq!(client.read_some().await.unwrap(), "two");
}
