//! A scripted upstream for behaviour tests: it answers as told, records what it is asked, and notices who leaves.
//!
//! ```
//! # use lingate_testkit::{ClientRequest, Reply, Step, Upstream};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let up = Upstream::start().await;
//! let (gate, open) = Step::gate();
//! up.once(Reply::stream("text/event-stream", vec![Step::sse("one"), gate, Step::sse("two")]));
//!
//! let mut answer = ClientRequest::post("/v1/chat/completions").body("{}").open(up.addr()).await.unwrap();
//! assert_eq!(answer.next_chunk().await.unwrap(), "data: one\n\n");
//! open.notify_one();
//! assert_eq!(answer.next_chunk().await.unwrap(), "data: two\n\n");
//! assert_eq!(up.next_request().await.path, "/v1/chat/completions");
//! # }
//! ```

mod log;
pub(crate) mod reply;

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use self::log::Log;
pub use self::{
    log::{Disconnect, Request},
    reply::{BodySender, ClientGone, Reply, Step},
};
use crate::{
    patience::sure,
    wire::{Fate, Serve, Server},
};

type BoxReply = Pin<Box<dyn Future<Output = Reply> + Send>>;
type Handler = Arc<dyn Fn(Request) -> BoxReply + Send + Sync>;

/// An upstream on a loopback port of its own. Dropping it closes its listener and all its connections.
pub struct Upstream {
    server: Server,
    service: Arc<Service>,
}

struct Service {
    log: Log,
    once: Mutex<VecDeque<Reply>>,
    handler: Mutex<Option<Handler>>,
}

impl Upstream {
    /// Starts one. Until told otherwise it answers 404 with a JSON error that names the request.
    pub async fn start() -> Self {
        let service = Arc::new(Service { log: Log::new(), once: Mutex::default(), handler: Mutex::new(None) });
        let server = Server::start(Arc::clone(&service) as Arc<dyn Serve>).await;
        Self { server: sure("an upstream on loopback", server), service }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// `http://ADDRESS` followed by `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr())
    }

    /// Answers every request from now on with what `handler` makes of it. Takes the place of the former handler.
    pub async fn on(&self, handler: impl Fn(Request) -> Reply + Send + Sync + 'static) {
        self.on_async(move |request| std::future::ready(handler(request))).await;
    }

    /// As [`on`](Self::on), for a handler that must wait for something.
    pub async fn on_async<F>(&self, handler: impl Fn(Request) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        *lock(&self.service.handler) = Some(Arc::new(move |request| Box::pin(handler(request))));
    }

    /// Answers the next request with `reply`, before the handler is asked. Several calls queue up, in order.
    pub fn once(&self, reply: Reply) {
        lock(&self.service.once).push_back(reply);
    }

    /// The next request that no earlier call has returned, as soon as it has come in whole.
    pub async fn next_request(&self) -> Request {
        self.service.log.next_request().await
    }

    /// The next client that left inside a request or before the end of its reply. A client that closes an idle
    /// connection, and a reply that cuts by script, are no disconnects.
    pub async fn next_disconnect(&self) -> Disconnect {
        self.service.log.next_disconnect().await
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.service.log.requests()
    }

    /// Every disconnect so far.
    pub fn disconnects(&self) -> Vec<Disconnect> {
        self.service.log.disconnects()
    }

    /// How many requests have come in whole.
    pub fn request_count(&self) -> u64 {
        self.service.log.counts().0
    }

    /// How many connections have been accepted.
    pub fn connection_count(&self) -> u64 {
        self.service.log.counts().1
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> u64 {
        let (_, opened, ended) = self.service.log.counts();
        opened - ended
    }

    /// Waits until no connection is open.
    pub async fn all_closed(&self) {
        self.service.log.all_closed().await;
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("addr", &self.addr()).finish_non_exhaustive()
    }
}

impl Serve for Service {
    fn opened(&self, _connection: u64) {
        self.log.opened();
    }

    fn reply(&self, request: Request) -> Pin<Box<dyn Future<Output = Reply> + Send + '_>> {
        self.log.received(&request);
        if let Some(reply) = lock(&self.once).pop_front() {
            return Box::pin(std::future::ready(reply));
        }
        let handler = lock(&self.handler).clone();
        match handler {
            Some(handler) => handler(request),
            None => {
                let message = format!("upstream: nothing scripted for {} {}", request.method, request.path);
                let body = serde_json::json!({ "error": { "message": message, "type": "not_found" } });
                Box::pin(std::future::ready(Reply::json(404, body.to_string())))
            }
        }
    }

    fn ended(&self, fate: Fate) {
        self.log.ended(fate);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A loopback address that refuses connections.
pub async fn refused_addr() -> SocketAddr {
    let listener = sure("a port to close again", tokio::net::TcpListener::bind(("127.0.0.1", 0)).await);
    sure("its address", listener.local_addr())
}
