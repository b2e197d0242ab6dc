//! Where an upstream is, and how to get there.

use super::UpstreamError;
use http::HeaderValue;
use hyper_util::client::proxy::matcher::Matcher;
use std::sync::Arc;

/// An origin, its TLS settings and the proxies on the way.
#[derive(Clone)]
pub(crate) struct Destination {
    /// Host name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS settings for `https`; `None` for `http`.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// HTTPS_PROXY and its kin.
    pub proxies: Arc<Matcher>,
}

impl std::fmt::Debug for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Destination").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Destination {
    /// `host[:port]` as URLs and the Host header write it.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let default = if self.tls.is_some() { 443 } else { 80 };
        if self.port == default { host } else { format!("{host}:{}", self.port) }
    }

    pub(super) fn host_header(&self) -> Result<HeaderValue, UpstreamError> {
        HeaderValue::try_from(self.authority())
            .map_err(|_| UpstreamError::connect("upstream_unavailable", "the upstream's host name is malformed"))
    }
}
