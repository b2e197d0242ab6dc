//! Dialling: resolve, connect, proxy, TLS.

use super::io::Io;
use super::{Destination, UpstreamError, proxy};
use rustls::pki_types::ServerName;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A fresh connection, by the protocol that was agreed on.
pub(super) enum Dialled {
    Http1(Io),
    Http2(Io),
}

/// Dials within `limit`.
pub(super) async fn dial(to: &Destination, limit: Option<Duration>) -> Result<Dialled, UpstreamError> {
    let Some(limit) = limit else { return dial_without_limit(to).await };
    match tokio::time::timeout(limit, dial_without_limit(to)).await {
        Ok(result) => result,
        Err(_) => Err(UpstreamError::connect_timeout(limit)),
    }
}

async fn dial_without_limit(to: &Destination) -> Result<Dialled, UpstreamError> {
    let stream = match proxy::for_destination(to) {
        Some(proxy) => proxy.tunnel(to).await?,
        None => tcp(&to.host, to.port).await?,
    };
    let Some(config) = &to.tls else { return Ok(Dialled::Http1(Io::Plain(stream))) };
    let name = ServerName::try_from(to.host.clone())
        .map_err(|_| UpstreamError::connect("upstream_tls", "the upstream's host name is not fit for TLS"))?;
    let stream = TlsConnector::from(config.clone()).connect(name, stream).await.map_err(|error| {
        // rustls says what was wrong with the certificate; it names no secret.
        UpstreamError::connect("upstream_tls", format!("no TLS connection to the upstream: {error}"))
    })?;
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let io = Io::Tls(Box::new(stream));
    Ok(if http2 { Dialled::Http2(io) } else { Dialled::Http1(io) })
}

/// Connects to the first address that answers and is allowed.
pub(super) async fn tcp(host: &str, port: u16) -> Result<TcpStream, UpstreamError> {
    let addresses = resolve(host, port).await?;
    let mut last = None;
    for address in addresses.iter().filter(|address| is_allowed(address.ip())) {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Without it, small writes wait for acknowledgements; a failure costs only speed.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(match last {
        Some(error) => {
            UpstreamError::connect("upstream_unavailable", format!("no connection to the upstream: {}", error.kind()))
        }
        None => UpstreamError::connect("upstream_forbidden", "the upstream's address is link-local or reserved"),
    })
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, UpstreamError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    match tokio::net::lookup_host((host, port)).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(_) => Err(UpstreamError::connect("upstream_dns", "the upstream's host name does not resolve")),
    }
}

/// Link-local, metadata, multicast and unspecified addresses are never dialled; private and loopback ones are,
/// because the operator typed them.
fn is_allowed(address: IpAddr) -> bool {
    const EC2_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match address.to_canonical() {
        IpAddr::V4(v4) => !(v4.is_link_local() || v4.is_multicast() || v4.is_broadcast() || v4.octets()[0] == 0),
        IpAddr::V6(v6) => {
            !(v6.is_unicast_link_local() || v6.is_multicast() || v6.is_unspecified() || v6 == EC2_METADATA)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn reserved_addresses_are_never_dialled() {
        for bad in [
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
        ] {
            assert!(!is_allowed(bad.parse().unwrap()), "{bad}");
        }
        for good in ["127.0.0.1", "10.0.0.1", "192.168.1.1", "8.8.8.8", "::1", "2001:db8::1", "fd00::1"] {
            assert!(is_allowed(good.parse().unwrap()), "{good}");
        }
    }
}
