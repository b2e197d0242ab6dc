//! The certificate of a TLS listener: read from its files, swapped on reload without touching open connections.

use arc_swap::ArcSwap;
use lingate_config::{ListenAddress, ServerTls};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// ALPN's names of the protocols that are served, the better one first.
pub(super) const H2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// The certificate that a listener shows from now on.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// Whose it is.
    address: ListenAddress,
    current: ArcSwap<CertifiedKey>,
}

/// A certificate that was read but is not shown yet.
pub(crate) struct Renewal(Arc<CertifiedKey>);

impl Certificate {
    /// Reads a listener's files.
    pub(super) fn load(address: &ListenAddress, files: &ServerTls) -> Result<Arc<Self>, String> {
        let current = ArcSwap::from(read(files)?);
        Ok(Arc::new(Self { address: address.clone(), current }))
    }

    /// The listener.
    pub(crate) fn address(&self) -> &ListenAddress {
        &self.address
    }

    /// Reads files again, without using them yet.
    pub(crate) fn read(files: &ServerTls) -> Result<Renewal, String> {
        read(files).map(Renewal)
    }

    /// Shows another certificate from now on.
    pub(crate) fn renew(&self, renewal: Renewal) {
        self.current.store(renewal.0);
    }

    /// What makes TLS of a listener's connections.
    pub(super) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, rustls::Error> {
        let config = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth();
        let mut config = config.with_cert_resolver(Arc::new(Shown(Arc::clone(self))));
        config.alpn_protocols = vec![H2.to_vec(), HTTP1.to_vec()];
        if let Ok(ticketer) = aws_lc_rs::Ticketer::new() {
            config.ticketer = ticketer;
        }
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

#[derive(Debug)]
struct Shown(Arc<Certificate>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.current.load_full())
    }
}

fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

fn read(files: &ServerTls) -> Result<Arc<CertifiedKey>, String> {
    let wrong = |path: &Path, what: &str, why: &dyn std::fmt::Display| format!("{what} {}: {why}", path.display());
    let chain = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(&files.cert, "the certificate", &error))?;
    if chain.is_empty() {
        return Err(wrong(&files.cert, "the certificate", &"the file holds no PEM certificate"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| wrong(&files.key, "the private key", &error))?;
    // Also checks that the key belongs to the certificate.
    CertifiedKey::from_der(chain, key, &provider())
        .map(Arc::new)
        .map_err(|error| wrong(&files.key, "the private key", &error))
}
