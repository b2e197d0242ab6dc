//! Accepts connections and carries requests and replies; notices at every moment when the client goes away.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::{JoinHandle, JoinSet},
};

use super::{
    read::{self, NoRequest},
    write::{self, After},
};
use crate::upstream::{Reply, Request};

/// Most bytes taken from a client that sends on while its reply is being written.
const AHEAD_MAX: usize = 1024 * 1024;

/// What befell a connection, for the log of an upstream.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    /// The client went away inside a request; `why` tells at which point.
    InRequest { connection: u64, why: String },
    /// The client went away before request number `request` had its whole reply.
    InReply { connection: u64, request: u64 },
    /// Closed with nothing unfinished, or by the script.
    Closed,
}

/// What a server does with requests.
pub(crate) trait Serve: Send + Sync + 'static {
    /// A connection came in.
    fn opened(&self, connection: u64);
    /// The reply for `request`.
    fn reply(&self, request: Request) -> Pin<Box<dyn Future<Output = Reply> + Send + '_>>;
    /// A connection ended.
    fn ended(&self, fate: Fate);
}

/// A running server. Dropping it closes the listener and every connection.
#[derive(Debug)]
pub(crate) struct Server {
    addr: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Starts on a free loopback port.
    pub(crate) async fn start(service: Arc<dyn Serve>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        Ok(Self { addr, accepting: tokio::spawn(accept(listener, service)) })
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, service: Arc<dyn Serve>) {
    // The connections end with this set, and so with the server.
    let mut connections = JoinSet::new();
    let numbers = Arc::new(AtomicU64::new(0));
    let mut connection = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                service.opened(connection);
                let (service, numbers) = (Arc::clone(&service), Arc::clone(&numbers));
                connections.spawn(async move {
                    let fate = converse(stream, connection, &*service, &numbers).await;
                    service.ended(fate);
                });
                connection += 1;
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, connection: u64, service: &dyn Serve, numbers: &AtomicU64) -> Fate {
    // Pieces must leave as they are written, not when Nagle likes.
    let _ = stream.set_nodelay(true);
    let (mut from, mut to) = stream.into_split();
    let mut buffer = BytesMut::with_capacity(16 * 1024);
    loop {
        let incoming = match read::request(&mut from, &mut to, &mut buffer).await {
            Ok(incoming) => incoming,
            Err(NoRequest::Closed) => return Fate::Closed,
            Err(NoRequest::Broken(why)) => return Fate::InRequest { connection, why },
        };
        let request = numbers.fetch_add(1, Ordering::Relaxed);
        let method = incoming.method.clone();
        let last =
            incoming.headers.get("connection").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        let received = Request {
            number: request,
            connection,
            method: incoming.method,
            path: incoming.target,
            headers: incoming.headers,
            body: incoming.body,
        };
        let answering = async { write::reply(&mut to, &method, service.reply(received).await).await };
        let done = tokio::select! {
            // A reply that has ended counts as whole, also when the client closed in the same moment.
            biased;
            done = answering => done,
            () = gone(&mut from, &mut buffer) => return Fate::InReply { connection, request },
        };
        match done {
            Err(_) => return Fate::InReply { connection, request },
            Ok(After::Keep) if !last => {}
            Ok(After::Keep | After::Close) => {
                linger(from, to).await;
                return Fate::Closed;
            }
            Ok(After::Reset) => {
                // Refused only for a socket that is already gone.
                let _ = to.as_ref().set_zero_linger();
                // Dropped in the ordinary way, this half would say FIN first.
                to.forget();
                return Fate::Closed;
            }
        }
    }
}

/// Closes with FIN: what the client has sent is read first, for unread bytes would turn the close into a reset.
async fn linger(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut sink = [0; 1024];
    while from.try_read(&mut sink).is_ok_and(|count| count > 0) {}
    let _ = to.shutdown().await;
    // Bounded by the client's own close; a client that holds on is dropped with the server.
    while from.read(&mut sink).await.is_ok_and(|count| count > 0) {}
}

/// Ends when the client has closed or reset; keeps what it sends ahead.
async fn gone(from: &mut OwnedReadHalf, buffer: &mut BytesMut) {
    loop {
        if buffer.len() > AHEAD_MAX {
            return std::future::pending().await;
        }
        match from.read_buf(buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}
