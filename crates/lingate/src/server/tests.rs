//! What only a service of the test's own can show.

use super::accept::{self, Hall, Slots};
use super::bind;
use super::limits::Limits;
use super::phase::Phase;
use super::service::Serve;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use lingate_config::ListenAddress;
use lingate_gateway::Peer;
use lingate_testkit::RawClient;
use std::net::SocketAddr;
use tokio::sync::watch;

#[derive(Clone)]
struct Panics;

impl Serve for Panics {
    type Body = Body;

    async fn serve(self, request: Request<Incoming>, _: Peer) -> Response<Body> {
        assert!(request.uri().path() != "/panic", "a fault in a request");
        Response::new(Body::from("fine"))
    }
}

async fn start() -> (SocketAddr, watch::Sender<Phase>, Slots) {
    let bound = bind::bind(&"127.0.0.1:0".parse().unwrap(), None).await.unwrap().remove(0);
    let ListenAddress::Socket(address) = bound.address else { panic!("not a socket") };
    let (phase, seen) = watch::channel(Phase::Running);
    let slots = Slots::new(10);
    tokio::spawn(accept::run(bound, Hall::new(Panics, Limits::default()), slots.clone(), seen));
    (address, phase, slots)
}

#[tokio::test]
async fn a_panic_is_one_request_s_affair() {
    let (address, _phase, _) = start().await;
    let mut other = RawClient::connect(address).await;
    let mut client = RawClient::connect(address).await;
    client.send("GET /panic HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    client.read_until("HTTP/1.1 500 ").await.unwrap();
    client.read_until("internal error").await.unwrap();
    for client in [&mut client, &mut other] {
        client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
        client.read_until("fine").await.unwrap();
    }
}

#[tokio::test]
async fn draining_closes_what_is_idle_or_not_yet_open() {
    let (address, phase, slots) = start().await;
    let mut idle = RawClient::connect(address).await;
    idle.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    idle.read_until("fine").await.unwrap();
    let mut silent = RawClient::connect(address).await;
    phase.send_replace(Phase::Draining);
    idle.read_to_end().await;
    silent.read_to_end().await;
    slots.emptied().await;
}
