//! The scripted upstream over real sockets: replies, gates, cuts, records, disconnects.

use std::sync::Arc;

use lingate_testkit::{
    ClientRequest, Disconnect, End, RawClient, Reply, Step, Upstream, raw_client::Closed, refused_addr,
    upstream::ClientGone,
};
use serde_json::json;
use tokio::sync::Notify;

fn post() -> ClientRequest {
    ClientRequest::post("/v1/x?q=1").json(&json!({"model": "m"}))
}

#[tokio::test]
async fn whole_replies_and_records() {
    let up = Upstream::start().await;
    assert_eq!(post().send(up.addr()).await.unwrap().status, 404);
    up.on(|request| Reply::json(201, request.body).header("x-a", "1").header("X-A", "2")).await;
    up.once(Reply::bytes(503, "busy").header("retry-after", "7"));

    let busy = post().header("x-mine", "a").send(up.addr()).await.unwrap();
    assert_eq!((busy.status.as_u16(), busy.text().as_str(), busy.header("retry-after")), (503, "busy", Some("7")));
    let echo = post().send(up.addr()).await.unwrap();
    assert_eq!((echo.status.as_u16(), echo.json(), &echo.end), (201, json!({"model": "m"}), &End::Whole));
    assert_eq!(echo.headers.get_all("x-a").iter().count(), 2);
    assert_eq!(echo.header("content-type"), Some("application/json"));

    assert_eq!(up.next_request().await.number, 0);
    let second = up.next_request().await;
    assert_eq!((second.path.as_str(), second.header("x-mine"), second.connection), ("/v1/x?q=1", Some("a"), 1));
    assert_eq!((second.method.as_str(), second.text().as_str()), ("POST", r#"{"model":"m"}"#));
    assert_eq!((up.requests().len(), up.request_count(), up.connection_count()), (3, 3, 3));
    up.all_closed().await;
    assert_eq!((up.open_connections(), up.disconnects()), (0, vec![]));
}

#[tokio::test]
async fn a_gated_stream_gives_each_piece_when_the_test_says_so() {
    let up = Upstream::start().await;
    let (first, open_first) = Step::gate();
    let (second, open_second) = Step::gate();
    up.once(Reply::stream("text/event-stream", vec![first, Step::sse("1"), second, Step::sse("2"), Step::bytes("")]));
    let mut answer = post().open(up.addr()).await.unwrap();
    assert_eq!(answer.status, 200);
    open_first.notify_one();
    assert_eq!(answer.next_chunk().await.unwrap(), "data: 1\n\n");
    open_second.notify_one();
    assert_eq!(answer.read_until("2\n\n").await, "data: 2\n\n");
    assert_eq!(answer.next_chunk().await, None);
    assert_eq!(answer.end(), End::Whole);
}

#[tokio::test]
async fn the_head_can_be_held_back_too() {
    let up = Upstream::start().await;
    let gate = Arc::new(Notify::new());
    up.once(Reply::json(200, "{}").held_by(&gate));
    let asking = tokio::spawn({
        let to = up.addr();
        async move { post().send(to).await }
    });
    up.next_request().await;
    assert!(!asking.is_finished());
    gate.notify_one();
    assert_eq!(asking.await.unwrap().unwrap().text(), "{}");
}

#[tokio::test]
async fn cuts_and_resets_are_seen_by_the_client_and_are_no_disconnects() {
    let up = Upstream::start().await;
    up.once(Reply::stream("text/plain", vec![Step::bytes("half"), Step::Cut, Step::bytes("lost")]));
    let cut = post().send(up.addr()).await.unwrap();
    assert_eq!(cut.text(), "half");
    assert!(matches!(cut.end, End::Cut(_)), "{:?}", cut.end);

    let (gate, open) = Step::gate();
    up.once(Reply::stream("text/plain", vec![Step::bytes("half"), gate, Step::Reset]));
    let mut reset = post().open(up.addr()).await.unwrap();
    assert_eq!(reset.next_chunk().await.unwrap(), "half");
    open.notify_one();
    assert_eq!(reset.next_chunk().await, None);
    assert!(matches!(reset.end(), End::Cut(why) if why.contains("reset")));

    up.once(Reply::cut());
    post().send(up.addr()).await.unwrap_err();
    up.once(Reply::raw(vec![Step::bytes("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort")]));
    let short = post().send(up.addr()).await.unwrap();
    assert_eq!((short.text().as_str(), matches!(short.end, End::Cut(_))), ("short", true));
    up.once(Reply::raw(vec![Step::bytes("not http\r\n\r\n")]));
    post().send(up.addr()).await.unwrap_err();

    drop(reset);
    up.all_closed().await;
    assert_eq!(up.disconnects(), vec![]);
    assert!(post().send(refused_addr().await).await.is_err());
}

#[tokio::test]
async fn a_channel_is_fed_by_the_test() {
    let up = Upstream::start().await;
    let (reply, body) = Reply::channel("application/x-ndjson");
    up.once(reply.status(202));
    let mut answer = post().open(up.addr()).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.headers["content-type"].as_bytes()),
        (202, &b"application/x-ndjson"[..])
    );
    for line in ["{}\n", "[]\n"] {
        body.send(line).await.unwrap();
        assert_eq!(answer.next_chunk().await.unwrap(), line);
    }
    drop(body);
    assert_eq!((answer.next_chunk().await, answer.end()), (None, End::Whole));

    for reset in [false, true] {
        let (reply, body) = Reply::channel("text/plain");
        up.once(reply);
        let mut answer = post().open(up.addr()).await.unwrap();
        body.send("x").await.unwrap();
        assert_eq!(answer.next_chunk().await.unwrap(), "x");
        if reset {
            body.reset().await
        } else {
            body.cut().await
        }
        assert_eq!(answer.next_chunk().await, None);
        assert!(matches!(answer.end(), End::Cut(_)));
    }
    assert_eq!(up.disconnects(), vec![]);
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_at_every_point() {
    let up = Upstream::start().await;
    // While the upstream is silent before the head.
    up.once(Reply::hang());
    let asking = tokio::spawn({
        let to = up.addr();
        async move { post().send(to).await.map(|answer| answer.status) }
    });
    up.next_request().await;
    asking.abort();
    assert_eq!(up.next_disconnect().await, Disconnect::InReply { connection: 0, request: 0 });
    // Between two pieces of a stream, at a gate, and in a stream without end.
    let (gate, _keep) = Step::gate();
    for (request, last) in [(1, gate), (2, Step::Hang)] {
        up.once(Reply::stream("text/plain", vec![Step::bytes("x"), last]));
        let mut answer = post().open(up.addr()).await.unwrap();
        answer.next_chunk().await.unwrap();
        drop(answer);
        assert_eq!(up.next_disconnect().await, Disconnect::InReply { connection: request, request });
    }
    // With a channel, the sender learns it as well.
    let (reply, body) = Reply::channel("text/plain");
    up.once(reply);
    drop(post().open(up.addr()).await.unwrap());
    body.client_gone().await;
    assert_eq!(body.send("x").await, Err(ClientGone));
    assert_eq!(up.next_disconnect().await, Disconnect::InReply { connection: 3, request: 3 });
    // Inside a request, and with a reset.
    for part in ["POST / HTTP/1.1\r\nhost: x\r\n", "POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nhalf"] {
        let mut client = RawClient::connect(up.addr()).await;
        client.send(part).await.unwrap();
        client.shutdown().await.unwrap();
        let disconnect = up.next_disconnect().await;
        assert!(
            matches!(&disconnect, Disconnect::InRequest { why, .. } if why.starts_with("closed inside")),
            "{disconnect:?}"
        );
    }
    up.once(Reply::hang());
    let mut client = RawClient::connect(up.addr()).await;
    client.send("GET / HTTP/1.1\r\n\r\n").await.unwrap();
    up.next_request().await;
    client.reset();
    assert!(matches!(up.next_disconnect().await, Disconnect::InReply { .. }));
    assert_eq!((up.disconnects().len(), up.request_count()), (7, 5));
    up.all_closed().await;
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let up = Upstream::start().await;
    up.on(|request| Reply::bytes(200, format!("{} {}", request.number, request.text()))).await;
    let mut client = RawClient::connect(up.addr()).await;
    // Two at once, the second in chunks with an extension and a trailer, then one that asks first and is the last.
    client
        .send(
            "POST /a HTTP/1.1\r\ncontent-length: 2\r\n\r\nhiPOST /b HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n\
             3;x=y\r\nabc\r\n2\r\nde\r\n0\r\ntrailer: t\r\n\r\n",
        )
        .await
        .unwrap();
    assert!(client.read_until("0 hi").await.unwrap().starts_with(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"));
    client.read_until("1 abcde").await.unwrap();
    client
        .send("POST /c HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 1\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(client.read_some().await.unwrap(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("z").await.unwrap();
    let (rest, closed) = client.read_to_end().await;
    assert!(rest.ends_with(b"2 z"));
    assert_eq!((closed, up.connection_count(), up.request_count()), (Closed::Eof, 1, 3));
    assert!(up.requests().iter().all(|request| request.connection == 0));
}

#[tokio::test]
async fn heads_without_bodies_and_replies_that_close() {
    let up = Upstream::start().await;
    up.on(|_| Reply::json(200, "{}").closing()).await;
    let mut client = RawClient::connect(up.addr()).await;
    client.send("HEAD / HTTP/1.1\r\n\r\n").await.unwrap();
    let (head, closed) = client.read_to_end().await;
    assert_eq!(closed, Closed::Eof);
    assert!(head.ends_with(b"content-length: 2\r\nconnection: close\r\n\r\n"), "{head:?}");
    // Chunks stand on the wire exactly as scripted.
    up.once(Reply::stream("a/b", vec![Step::bytes("12"), Step::bytes("0123456789abcdef")]));
    let mut client = RawClient::connect(up.addr()).await;
    client.send("GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let head = client.read_until("\r\n\r\n").await.unwrap();
    assert_eq!(head, "HTTP/1.1 200 OK\r\ncontent-type: a/b\r\ntransfer-encoding: chunked\r\n\r\n");
    assert_eq!(client.read_until("0\r\n\r\n").await.unwrap(), "2\r\n12\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
}

#[tokio::test]
async fn broken_requests_are_disconnects_with_a_reason() {
    let up = Upstream::start().await;
    for (bytes, want) in [
        ("nonsense\r\n\r\n", "request line"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", "without a colon"),
        ("GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n", "not a number"),
        ("GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "chunk size"),
        ("GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc", "line end"),
        ("GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n", "too long"),
        ("GET / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n", "too long"),
    ] {
        let mut client = RawClient::connect(up.addr()).await;
        client.send(bytes).await.unwrap();
        let disconnect = up.next_disconnect().await;
        assert!(
            matches!(&disconnect, Disconnect::InRequest { why, .. } if why.contains(want)),
            "{bytes:?} {disconnect:?}"
        );
    }
    assert_eq!(up.request_count(), 0);
}

#[tokio::test]
async fn dropping_an_upstream_closes_what_it_had() {
    let up = Upstream::start().await;
    up.once(Reply::stream("text/plain", vec![Step::bytes("x"), Step::Hang]));
    let addr = up.addr();
    let mut answer = post().open(addr).await.unwrap();
    answer.next_chunk().await.unwrap();
    drop(up);
    assert_eq!(answer.next_chunk().await, None);
    assert!(matches!(answer.end(), End::Cut(_)));
    assert!(post().open(addr).await.is_err());
}
