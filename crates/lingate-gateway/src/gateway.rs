//! The data plane as one value: tables that can be swapped, and what outlives them.

use crate::body::Body;
use crate::ingress::request_id::RequestIds;
use crate::models::Lists;
use crate::pipeline;
use crate::pump::Stop;
use crate::responses::{FIRST_SWEEP, Sweeper};
use crate::snapshot::{Lasting, Snapshot};
use crate::telemetry::Metrics;
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response};
use hyper_util::client::proxy::matcher::Matcher;
use lingate_config::Config;
use lingate_store::Store;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its address; `None` over a unix socket.
    pub address: Option<IpAddr>,
}

impl Peer {
    /// Whether it is on this machine.
    pub fn is_local(self) -> bool {
        self.address.is_none_or(|address| address.to_canonical().is_loopback())
    }
}

/// Called by `POST /reload` of a seed-001 configuration: reads the file again and swaps.
pub type Reloader = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// The data plane.
pub struct Gateway {
    snapshot: ArcSwap<Snapshot>,
    pub(crate) lasting: Lasting,
    pub(crate) ids: RequestIds,
    pub(crate) lists: Lists,
    pub(crate) stop: Stop,
    pub(crate) reloader: std::sync::OnceLock<Reloader>,
    draining: AtomicBool,
    _sweeper: Sweeper,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

impl Gateway {
    /// Makes a data plane ready; opens no connection. `seed` is 16 random bytes.
    ///
    /// # Errors
    /// Names the key of the configuration at fault.
    pub fn new(config: Config, store: &Store, seed: [u8; 16]) -> Result<Arc<Self>, String> {
        let lasting = Lasting {
            metrics: Arc::new(Metrics::default()),
            cache: store.cache().clone(),
            responses: store.responses().clone(),
            proxies: Arc::new(Matcher::from_env()),
        };
        let snapshot = Snapshot::build(config, &lasting, None)?;
        Ok(Arc::new(Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            lists: Lists::new(lasting.clone()),
            _sweeper: Sweeper::start(lasting.responses.clone(), FIRST_SWEEP),
            lasting,
            ids: RequestIds::new(seed),
            stop: Stop::default(),
            reloader: std::sync::OnceLock::new(),
            draining: AtomicBool::new(false),
        }))
    }

    /// Swaps in a new configuration, all or nothing. Requests under way keep the old one.
    ///
    /// # Errors
    /// Names the key at fault; the old configuration stays.
    pub fn reload(&self, config: Config) -> Result<(), String> {
        let new = Snapshot::build(config, &self.lasting, Some(&self.snapshot.load()))?;
        self.snapshot.store(Arc::new(new));
        Ok(())
    }

    /// The tables of this moment.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// How a seed-001 client's `POST /reload` reads the configuration again.
    pub fn on_reload(&self, reloader: Reloader) {
        // Set once, at start.
        let _ = self.reloader.set(reloader);
    }

    /// The metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.lasting.metrics
    }

    /// From now on `/ready` says no, so that load balancers look elsewhere.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the gateway is about to stop.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Ends every open stream with an error of its own dialect.
    pub fn end_streams(&self) {
        self.stop.now();
    }

    /// Waits until what the disk holds of sign-in sessions is what memory holds, and jobs that nobody waits for are
    /// cancelled; for a graceful stop, under a time limit of the caller's.
    pub async fn flush(&self) {
        let snapshot = self.snapshot();
        futures_util::future::join_all(snapshot.endpoints.iter().map(|endpoint| endpoint.flush())).await;
    }

    /// Answers one request.
    pub async fn handle<B>(&self, request: Request<B>, peer: Peer) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Unpin + Send,
    {
        pipeline::run(self, request, peer).await
    }
}
