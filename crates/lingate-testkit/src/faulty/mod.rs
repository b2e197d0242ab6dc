//! The faulty upstream: every backend and every fault, chosen by the model's name, over raw sockets on loopback.
//!
//! A request's model says what goes wrong: `chaos/<verb>[:arg=value,…][+<verb>…]`, as `chaos/reset_after:n=2` or
//! `chaos/seq:[status:503|ok]`, which acts by the attempt of the same tag ([`VERBS`] has all verbs). Its prompt has a
//! [`Tag`], `[[tag:…]]`, from which the words of the answer and its tokens follow: so cross-talk, loss and doubling
//! show in the text. The path says which backend it plays: OpenAI's chats, completions and embeddings, Anthropic's
//! messages, Ollama's chat and generate, Open WebUI's sign-in, RunPod's jobs.
//!
//! It writes HTTP/1.1 itself, so that broken framing can be produced, and keeps a log of its own ([`Record`]).
//! [`table`] has the faults, [`expect`] says what a gateway's client must get for each, [`reader`] is a strict client.

mod content;
pub mod expect;
mod form;
mod gzip;
mod jobs;
mod log;
mod persona;
mod quirks;
pub mod reader;
mod refusal;
mod scenario;
mod script;
mod serve;
pub mod table;
mod tag;

use std::{net::SocketAddr, sync::Arc};

use tokio::{net::TcpListener, task::JoinHandle};

use self::serve::{Shared, accept};
pub use self::{
    form::Form,
    log::{Ended, Record},
    refusal::TOLD,
    scenario::{Act, Scenario, VERBS},
    tag::{Count, Tag},
};
use crate::patience::sure;

/// A faulty upstream on a loopback port of its own. Dropping it closes its listener and all its connections.
#[derive(Debug)]
pub struct Faulty {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Faulty {
    /// Starts one. It listens on loopback and nowhere else.
    pub async fn start() -> Self {
        let listener = sure("a faulty upstream on loopback", TcpListener::bind(("127.0.0.1", 0)).await);
        let addr = sure("its address", listener.local_addr());
        let shared = Arc::<Shared>::default();
        Self { addr, accepting: tokio::spawn(accept(listener, Arc::clone(&shared))), shared }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://ADDRESS` followed by `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// What came with this tag, in order.
    pub fn records(&self, tag: &str) -> Vec<Record> {
        self.shared.log.of(tag)
    }

    /// Waits until `ready` has a value for the records of a tag; fails the test when that takes too long.
    pub async fn when<T>(&self, tag: &str, what: &str, ready: impl Fn(&[Record]) -> Option<T>) -> T {
        self.shared.log.when(tag, what, ready).await
    }

    /// How many requests for answers have come.
    pub fn requests(&self) -> usize {
        self.shared.log.counts().0
    }

    /// How many sign-ins have come.
    pub fn sign_ins(&self) -> u64 {
        self.shared.log.counts().1
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> u64 {
        self.shared.log.counts().2
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
