//! A gateway on a loopback port, to be driven over real sockets.

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use lingate_config::{Config, FixedEnvironment, parse};
use lingate_gateway::{Gateway, Peer};
use lingate_store::Store;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A running gateway; it stops when dropped.
pub(crate) struct TestGateway {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The data plane itself.
    pub(crate) gateway: Arc<Gateway>,
    _tasks: JoinSet<()>,
    _store: Store,
}

/// Reads a configuration, which must be good.
pub(crate) fn config(yaml: &str) -> Config {
    match parse(yaml, "test.yaml", &FixedEnvironment::new()) {
        Ok(loaded) => loaded.config,
        Err(errors) => panic!("{errors}"),
    }
}

impl TestGateway {
    /// Starts on a store of its own.
    pub(crate) async fn start(yaml: &str) -> Self {
        let store = Store::open_temporary().await.unwrap();
        Self::start_on(yaml, store).await
    }

    /// Starts on this store.
    pub(crate) async fn start_on(yaml: &str, store: Store) -> Self {
        let gateway = Gateway::new(config(yaml), &store, [7; 16]).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = gateway.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, peer)) = listener.accept().await else { return };
                stream.set_nodelay(true).unwrap();
                let gateway = served.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        let gateway = gateway.clone();
                        let peer = Peer { address: Some(peer.ip()) };
                        async move { Ok::<_, std::convert::Infallible>(gateway.handle(request, peer).await) }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, gateway, _tasks: tasks, _store: store }
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        self.gateway.end_streams();
    }
}
