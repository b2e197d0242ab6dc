//! What an upstream has seen, and waiting for the next of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;
use tokio::sync::watch;

use crate::{patience::within, wire::Fate};

/// Most requests and disconnects that are kept; later ones are only counted.
const KEPT_MAX: usize = 16 * 1024;

/// One request as an upstream received it.
#[derive(Debug, Clone)]
pub struct Request {
    /// 0 for the first request that this upstream received, whole, and so on.
    pub number: u64,
    /// Which connection brought it: 0 for the first one accepted.
    pub connection: u64,
    /// The method.
    pub method: Method,
    /// The request target as sent, with the query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, without its transfer coding.
    pub body: Bytes,
}

impl Request {
    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON; `Null` for anything else.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text, other bytes replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A client that went away with something unfinished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disconnect {
    /// Inside a request: it closed or broke the protocol before the request was whole.
    InRequest {
        /// The connection.
        connection: u64,
        /// At which point.
        why: String,
    },
    /// Before its whole reply was written.
    InReply {
        /// The connection.
        connection: u64,
        /// The [`Request::number`] that was being answered.
        request: u64,
    },
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<Request>,
    requests_taken: usize,
    disconnects: Vec<Disconnect>,
    disconnects_taken: usize,
    received: u64,
    opened: u64,
    ended: u64,
}

/// The log of one upstream.
#[derive(Debug)]
pub(super) struct Log {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State::default()), changed: watch::Sender::new(()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.send_replace(());
    }

    async fn when<T>(&self, what: &str, mut ready: impl FnMut(&mut State) -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        within(what, async {
            loop {
                if let Some(value) = ready(&mut self.state()) {
                    return value;
                }
                // The sender lives in `self`, so this only ever waits.
                let _ = changes.changed().await;
            }
        })
        .await
    }

    pub(super) fn opened(&self) {
        self.change(|state| state.opened += 1);
    }

    pub(super) fn received(&self, request: &Request) {
        self.change(|state| {
            state.received += 1;
            if state.requests.len() < KEPT_MAX {
                state.requests.push(request.clone());
            }
        });
    }

    pub(super) fn ended(&self, fate: Fate) {
        let disconnect = match fate {
            Fate::Closed => None,
            Fate::InRequest { connection, why } => Some(Disconnect::InRequest { connection, why }),
            Fate::InReply { connection, request } => Some(Disconnect::InReply { connection, request }),
        };
        self.change(|state| {
            state.ended += 1;
            if state.disconnects.len() < KEPT_MAX {
                state.disconnects.extend(disconnect);
            }
        });
    }

    pub(super) async fn next_request(&self) -> Request {
        self.when("the next request to the upstream", |state| {
            let next = state.requests.get(state.requests_taken).cloned()?;
            state.requests_taken += 1;
            Some(next)
        })
        .await
    }

    pub(super) async fn next_disconnect(&self) -> Disconnect {
        self.when("a client of the upstream to disconnect", |state| {
            let next = state.disconnects.get(state.disconnects_taken).cloned()?;
            state.disconnects_taken += 1;
            Some(next)
        })
        .await
    }

    pub(super) async fn all_closed(&self) {
        self.when("every connection to the upstream to close", |state| (state.opened == state.ended).then_some(()))
            .await;
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    pub(super) fn disconnects(&self) -> Vec<Disconnect> {
        self.state().disconnects.clone()
    }

    /// Requests received, connections accepted, connections ended.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        let state = self.state();
        (state.received, state.opened, state.ended)
    }
}
