//! HTTP proxies by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY: always a CONNECT tunnel.

use super::{Destination, UpstreamError, connect};
use http::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest answer head of a proxy that is read.
const HEAD_CAP: usize = 8 * 1024;

/// A proxy on the way to a destination.
pub(super) struct Proxy {
    host: String,
    port: u16,
    authorization: Option<HeaderValue>,
}

/// The proxy that the environment names for this destination.
pub(super) fn for_destination(to: &Destination) -> Option<Proxy> {
    let scheme = if to.tls.is_some() { "https" } else { "http" };
    let uri = format!("{scheme}://{}/", to.authority()).parse().ok()?;
    let found = to.proxies.intercept(&uri)?;
    Some(Proxy {
        host: found.uri().host()?.trim_matches(['[', ']']).to_owned(),
        port: found.uri().port_u16().unwrap_or(if found.uri().scheme_str() == Some("https") { 443 } else { 80 }),
        authorization: found.basic_auth().cloned(),
    })
}

impl Proxy {
    /// Connects to the proxy and asks it for a tunnel.
    pub(super) async fn tunnel(&self, to: &Destination) -> Result<TcpStream, UpstreamError> {
        let failed = |why: &str| UpstreamError::connect("upstream_proxy", format!("the proxy {why}"));
        let mut stream = connect::tcp(&self.host, self.port).await?;
        let host = if to.host.contains(':') { format!("[{}]", to.host) } else { to.host.clone() };
        let mut head =
            format!("CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}:{port}\r\n", port = to.port).into_bytes();
        if let Some(authorization) = &self.authorization {
            head.extend_from_slice(b"proxy-authorization: ");
            head.extend_from_slice(authorization.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        stream.write_all(&head).await.map_err(|_| failed("closed the connection"))?;
        let mut answer = Vec::with_capacity(256);
        // Byte by byte: what follows the head belongs to the tunnel.
        while !answer.ends_with(b"\r\n\r\n") {
            let byte = stream.read_u8().await.map_err(|_| failed("closed the connection"))?;
            answer.push(byte);
            if answer.len() > HEAD_CAP {
                return Err(failed("sent too long an answer"));
            }
        }
        let status = answer.split(|b| *b == b' ').nth(1).unwrap_or_default();
        if status.first() == Some(&b'2') { Ok(stream) } else { Err(failed("refused the tunnel")) }
    }
}
