//! The accept loop of a listener: as many connections as there are places, and calm when the system has none left.

use super::bind::{Bound, Listener};
use super::connection::{self, Protocols};
use super::limits::Limits;
use super::phase::Phase;
use super::service::Serve;
use super::stream::Socket;
use lingate_gateway::Peer;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;

/// How long to wait when no file or memory is left for a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// What all connections of one kind of listener have in common.
pub(super) struct Hall<S> {
    pub(super) serve: S,
    pub(super) protocols: Protocols,
    pub(super) limits: Limits,
}

impl<S> Hall<S> {
    pub(super) fn new(serve: S, limits: Limits) -> Arc<Self> {
        Arc::new(Self { serve, protocols: Protocols::new(), limits })
    }
}

/// The places for connections. Beyond them clients wait in the system's queue.
#[derive(Clone)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    all: u32,
}

impl Slots {
    pub(super) fn new(all: usize) -> Self {
        let all = u32::try_from(all.max(1)).unwrap_or(u32::MAX);
        Self { free: Arc::new(Semaphore::new(all as usize)), all }
    }

    async fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Returns when every connection and every listener has given its place back.
    pub(super) async fn emptied(&self) {
        // Never closed, so never an error.
        let _ = self.free.acquire_many(self.all).await;
    }
}

/// Accepts until the server stops; the listener is closed then.
pub(super) async fn run<S: Serve>(bound: Bound, hall: Arc<Hall<S>>, slots: Slots, mut phase: watch::Receiver<Phase>) {
    let tls = match bound.tls.as_ref().map(|certificate| certificate.acceptor()).transpose() {
        Ok(tls) => tls,
        Err(error) => {
            tracing::error!(address = %bound.address, %error, "cannot serve TLS");
            return;
        }
    };
    if *phase.borrow() != Phase::Running {
        return;
    }
    loop {
        let next = async {
            let place = slots.take().await;
            (place, accept(&bound.listener).await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            _ = phase.changed() => return,
        };
        match accepted {
            Ok((socket, peer)) => {
                let serving = connection::run(socket, peer, tls.clone(), Arc::clone(&hall), phase.clone());
                tokio::spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                // Out of files or memory: the waiting client stays, so trying again at once would spin.
                tracing::warn!(address = %bound.address, %error, "cannot accept connections for the moment");
                tokio::select! {
                    () = sleep(PAUSE) => {}
                    _ = phase.changed() => return,
                }
            }
        }
    }
}

async fn accept(listener: &Listener) -> io::Result<(Socket, Peer)> {
    match listener {
        Listener::Tcp(listener) => {
            let (socket, address) = listener.accept().await?;
            // Small events must leave at once; a socket that is gone already says so later.
            let _ = socket.set_nodelay(true);
            Ok((Socket::Tcp(socket), Peer { address: Some(address.ip()) }))
        }
        #[cfg(unix)]
        Listener::Unix { listener, .. } => {
            let (socket, _) = listener.accept().await?;
            Ok((Socket::Unix(socket), Peer { address: None }))
        }
    }
}

/// Errors of the one connection that was to be accepted (see accept(2)).
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::Interrupted
            | ErrorKind::NetworkDown
            | ErrorKind::NetworkUnreachable
            | ErrorKind::HostUnreachable
            | ErrorKind::TimedOut
    )
}
