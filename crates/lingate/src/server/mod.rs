//! The running gateway: listeners, connections, reload and an orderly end.
//!
//! [`Server::start`] checks and loads everything before it opens the first port. Listeners share one place for
//! connections ([`Slots`]), one [`Phase`] that ends them, and one way to read the configuration again.

mod accept;
mod bind;
mod certificate;
mod clock;
mod connection;
mod limits;
mod phase;
mod reload;
mod service;
mod stream;
#[cfg(test)]
mod tests;

pub use limits::Limits;
pub use reload::Reread;

pub(crate) use reload::Reload;
pub(crate) use service::Serve;

use crate::admin;
use crate::client_key;
use crate::failure::Failure;
use crate::forms::Plan;
use crate::{nofile, output};
use accept::{Hall, Slots};
use bind::Bound;
use certificate::Certificate;
use lingate_config::{Config, Diagnostic, Listen, ListenAddress};
use lingate_gateway::Gateway;
use lingate_store::{MasterKeySource, Store, StoreOptions};
use phase::Phase;
use service::DataPlane;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How many connections the admin listener takes at once.
const ADMIN_CONNECTIONS: usize = 64;

/// What a server needs besides its plan.
pub struct Start {
    /// The limits of connections.
    pub limits: Limits,
    /// Where the store's master key comes from.
    pub master_key: MasterKeySource,
    /// Reads the configuration again, for a reload.
    pub reread: Reread,
}

/// A running gateway. Dropping it ends everything at once; [`Server::shutdown`] does it in order.
pub struct Server {
    gateway: Arc<Gateway>,
    store: Option<Store>,
    reload: Arc<Reload>,
    phase: watch::Sender<Phase>,
    data: Slots,
    admin: Slots,
    addresses: Vec<ListenAddress>,
    admin_addresses: Vec<ListenAddress>,
    shown_key: Option<String>,
    limits: Limits,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Server {
    /// Opens the store, loads certificates, builds the data plane, and only then opens ports.
    ///
    /// # Errors
    /// [`Failure::Config`] for what the configuration names and cannot be used, [`Failure::Runtime`] for a port, a
    /// file or a folder that cannot be had.
    pub async fn start(plan: Plan, start: Start) -> Result<Self, Failure> {
        let file = plan.file.as_ref().map_or_else(String::new, |path| path.display().to_string());
        let mut config = plan.config;
        let data_tls = certificates(&config, &file)?;
        let admin_tls = admin_certificate(&config, &file)?;
        let store = if plan.temporary {
            Store::open_temporary().await
        } else {
            Store::open(&config.data_dir, StoreOptions { master_key: start.master_key }).await
        };
        let store = store.map_err(|error| Failure::runtime(error.to_string()))?;
        let shown_key = client_key::ensure(&mut config, store.path())?;
        let gateway = gateway(config.clone(), &store, &file)?;

        let mut data = Vec::new();
        for (listen, tls) in config.listen.iter().zip(&data_tls) {
            data.extend(bind::bind(listen, tls.clone()).await?);
        }
        let admin = match &config.admin.listen {
            Some(listen) => bind_admin(listen, admin_tls.clone(), plan.admin_named).await?,
            None => Vec::new(),
        };
        if let Some(key) = &shown_key {
            output::complain(&client_key::announcement(key));
        }

        let certificates = data_tls.into_iter().chain([admin_tls]).flatten().collect();
        let reload = Reload::new(start.reread, &gateway, &config, store.path().to_owned(), certificates);
        gateway.on_reload({
            let reload = Arc::downgrade(&reload);
            Arc::new(move || reload.upgrade().map_or_else(|| Err("shutting down".to_owned()), |reload| reload.run()))
        });
        let (phase, _) = watch::channel(Phase::Running);
        let limits = start.limits;
        let most = limits.connections.unwrap_or_else(|| nofile::connections(nofile::raise()));
        let server = Self {
            addresses: data.iter().map(|bound| bound.address.clone()).collect(),
            admin_addresses: admin.iter().map(|bound| bound.address.clone()).collect(),
            data: Slots::new(most),
            admin: Slots::new(ADMIN_CONNECTIONS),
            store: Some(store),
            gateway,
            reload,
            phase,
            shown_key,
            limits,
        };
        server.open(data, admin);
        Ok(server)
    }

    /// Lets the listeners accept.
    fn open(&self, data: Vec<Bound>, admin: Vec<Bound>) {
        let hall = Hall::new(DataPlane(Arc::clone(&self.gateway)), self.limits);
        for bound in data {
            tracing::info!(tls = bound.tls.is_some(), "listening on {}", bound.address);
            tokio::spawn(accept::run(bound, Arc::clone(&hall), self.data.clone(), self.phase.subscribe()));
        }
        let hall = Hall::new(admin::plane(&self.gateway, &self.reload), self.limits);
        for bound in admin {
            tracing::info!(tls = bound.tls.is_some(), "admin listening on {}", bound.address);
            tokio::spawn(accept::run(bound, Arc::clone(&hall), self.admin.clone(), self.phase.subscribe()));
        }
    }

    /// Where the data listeners are, with the ports that the system picked.
    pub fn addresses(&self) -> &[ListenAddress] {
        &self.addresses
    }

    /// Where the admin listener is; empty if there is none.
    pub fn admin_addresses(&self) -> &[ListenAddress] {
        &self.admin_addresses
    }

    /// The clients' key, if this start made it.
    pub fn shown_key(&self) -> Option<&str> {
        self.shown_key.as_deref()
    }

    /// Reads the configuration again and swaps it in.
    ///
    /// # Errors
    /// What is wrong with it; nothing was changed then.
    pub fn reload(&self) -> Result<(), String> {
        self.reload.run()
    }

    /// Ends in order: no new connections, idle ones closed, open streams finish within `shutdown_timeout`, then an
    /// error in each stream's own dialect, then the end.
    pub async fn shutdown(mut self) {
        self.gateway.drain();
        self.phase.send_replace(Phase::Draining);
        let patience = self.gateway.snapshot().config.shutdown_timeout;
        tracing::info!(patience_s = patience.as_secs_f64(), "shutting down; open streams may finish");
        if !self.emptied(patience).await {
            tracing::warn!("ending the streams that are still open");
            self.gateway.end_streams();
            self.emptied(self.limits.last_bytes).await;
        }
        self.phase.send_replace(Phase::Cut);
        // Sessions are written behind; a disk that hangs must not keep the program from ending.
        if tokio::time::timeout(self.limits.last_bytes, self.gateway.flush()).await.is_err() {
            tracing::warn!("sign-in sessions could not be written, or jobs cancelled, in time");
        }
        if let Some(store) = self.store.take() {
            store.close().await;
        }
        tracing::info!("stopped");
    }

    /// Whether all connections ended in time.
    async fn emptied(&self, patience: Duration) -> bool {
        let all = async { tokio::join!(self.data.emptied(), self.admin.emptied()) };
        tokio::time::timeout(patience, all).await.is_ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Cut);
    }
}

/// Checks what only a start can find out, without opening a port or touching the data folder.
///
/// # Errors
/// What [`Server::start`] would say about the configuration.
pub(crate) fn rehearse(plan: &Plan) -> Result<(), Failure> {
    let file = plan.file.as_ref().map_or_else(String::new, |path| path.display().to_string());
    certificates(&plan.config, &file)?;
    admin_certificate(&plan.config, &file)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::runtime(format!("cannot start the runtime: {error}")))?;
    runtime.block_on(async {
        let store = Store::open_temporary().await.map_err(|error| Failure::runtime(error.to_string()))?;
        gateway(plan.config.clone(), &store, &file)?;
        store.close().await;
        Ok(())
    })
}

fn gateway(config: Config, store: &Store, file: &str) -> Result<Arc<Gateway>, Failure> {
    let mut seed = [0; 16];
    getrandom::fill(&mut seed).map_err(|error| Failure::runtime(format!("no random numbers: {error}")))?;
    Gateway::new(config, store, seed).map_err(|why| Failure::checks(file, vec![Diagnostic::new("", why)]))
}

/// The certificate of each data listener, in order.
fn certificates(config: &Config, file: &str) -> Result<Vec<Option<Arc<Certificate>>>, Failure> {
    let load = |(index, listen): (usize, &Listen)| certificate(listen, &format!("listen[{index}].tls"), file);
    config.listen.iter().enumerate().map(load).collect()
}

fn admin_certificate(config: &Config, file: &str) -> Result<Option<Arc<Certificate>>, Failure> {
    config.admin.listen.as_ref().map_or(Ok(None), |listen| certificate(listen, "admin.listen.tls", file))
}

fn certificate(listen: &Listen, key: &str, file: &str) -> Result<Option<Arc<Certificate>>, Failure> {
    let wrong = |why| Failure::checks(file, vec![Diagnostic::new(key, why)]);
    listen.tls.as_ref().map(|tls| Certificate::load(&listen.address, tls).map_err(wrong)).transpose()
}

/// Binds the admin listener. If nobody asked for it by name, a taken port is no reason not to serve.
async fn bind_admin(listen: &Listen, tls: Option<Arc<Certificate>>, named: bool) -> Result<Vec<Bound>, Failure> {
    match bind::try_bind(listen, tls).await {
        Ok(bound) => Ok(bound),
        Err(error) if !named && error.cause.kind() == ErrorKind::AddrInUse => {
            tracing::warn!(address = %listen.address, "the admin port is taken: going on without; see admin.listen");
            Ok(Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}
