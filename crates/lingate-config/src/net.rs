//! Addresses: where to listen, whom to trust, and which upstream URLs are allowed.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use url::{Host, Url};

/// A listener: its address and, for TLS, its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where to listen.
    pub address: ListenAddress,
    /// Certificate and key; `None` is plain HTTP.
    pub tls: Option<ServerTls>,
}

/// The files of a TLS listener, PEM; read at start and on reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// The certificate chain.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// An IP address and port; port 0 takes any free one.
    Socket(SocketAddr),
    /// A host name, resolved at start, and a port.
    Name {
        /// The name.
        host: String,
        /// The port.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

/// An address that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address; write host:port (127.0.0.1:8002, [::1]:8002, 0.0.0.0:8002) or unix:/path")]
pub struct AddressError;

impl Listen {
    /// A plain listener on an IP address.
    pub fn socket(address: impl Into<SocketAddr>) -> Self {
        Self { address: ListenAddress::Socket(address.into()), tls: None }
    }

    /// Whether only this machine can reach it: a loopback address, `localhost`, or a Unix socket.
    pub fn is_local(&self) -> bool {
        match &self.address {
            ListenAddress::Socket(address) => address.ip().to_canonical().is_loopback(),
            ListenAddress::Name { host, .. } => host.eq_ignore_ascii_case("localhost"),
            ListenAddress::Unix(_) => true,
        }
    }

    /// Whether both cannot be bound at once.
    pub(crate) fn collides(&self, other: &Self) -> bool {
        match (&self.address, &other.address) {
            (ListenAddress::Socket(a), ListenAddress::Socket(b)) => {
                let wildcard = a.is_ipv4() == b.is_ipv4() && (a.ip().is_unspecified() || b.ip().is_unspecified());
                a.port() != 0 && a.port() == b.port() && (a.ip() == b.ip() || wildcard)
            }
            (ListenAddress::Name { port: 0, .. }, _) => false,
            (a, b) => a == b,
        }
    }
}

impl FromStr for Listen {
    type Err = AddressError;

    /// Reads `host:port` or `unix:/path`, without TLS.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Ok(Self { address: text.parse()?, tls: None })
    }
}

impl FromStr for ListenAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(AddressError) } else { Ok(Self::Unix(PathBuf::from(path))) };
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Socket(address));
        }
        let (host, port) = text.rsplit_once(':').ok_or(AddressError)?;
        let port = port.parse().map_err(|_| AddressError)?;
        // A name that ends in a number is a broken IP address, never a host name.
        let numeric = host.rsplit('.').next().is_none_or(|last| last.chars().all(|c| c.is_ascii_digit()));
        if numeric || !is_host_name(host) {
            return Err(AddressError);
        }
        Ok(Self::Name { host: host.to_owned(), port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Letters, digits, `-`, `_` and `.`; at most 253 characters.
pub(crate) fn is_host_name(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 253
        && !host.starts_with('.')
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// A block of IP addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// A text that is no address block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address block; write for example 10.0.0.0/8, fd00::/8 or a single address")]
pub struct CidrError;

impl Cidr {
    /// Whether the address lies in the block. An IPv4 address written as IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                u32::from(net) & mask == u32::from(ip) & mask
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                u128::from(net) & mask == u128::from(ip) & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let network: IpAddr = address.parse().map_err(|_| CidrError)?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) if prefix.chars().all(|c| c.is_ascii_digit()) => prefix.parse().map_err(|_| CidrError)?,
            Some(_) => return Err(CidrError),
            None => most,
        };
        if prefix > most { Err(CidrError) } else { Ok(Self { network, prefix }) }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

/// Why an upstream URL was refused. The URL, which may hold credentials, is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Empty.
    #[error("a URL is needed, for example http://127.0.0.1:11434")]
    Missing,
    /// Not a URL at all, or of another scheme.
    #[error("not an http:// or https:// URL")]
    Form,
    /// `user:password@`.
    #[error("a URL must not hold a user name or password; use api_key, or email and password")]
    UserInfo,
    /// `?…` or `#…`.
    #[error("a URL must not have a query or fragment; write query members under `query`")]
    Query,
    /// Link-local and cloud metadata addresses.
    #[error("link-local and metadata addresses are never called")]
    Forbidden,
}

/// Reads the URL of an upstream: http or https, no user info, query or fragment, trailing slashes dropped.
pub(crate) fn upstream_url(text: &str) -> Result<Url, UrlError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(UrlError::Missing);
    }
    let mut url = Url::parse(text).map_err(|_| UrlError::Form)?;
    if !matches!(url.scheme(), "http" | "https") || !text.contains("://") {
        return Err(UrlError::Form);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::UserInfo);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(UrlError::Query);
    }
    let forbidden = match url.host() {
        None => return Err(UrlError::Form),
        Some(Host::Ipv4(ip)) => is_forbidden(ip.into()),
        Some(Host::Ipv6(ip)) => is_forbidden(ip.into()),
        Some(Host::Domain(name)) => name.trim_end_matches('.') == "metadata.google.internal",
    };
    if forbidden {
        return Err(UrlError::Forbidden);
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Link-local addresses, where cloud metadata lives, and AWS's IPv6 metadata address.
fn is_forbidden(ip: IpAddr) -> bool {
    const AWS_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip == AWS_METADATA,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses() {
        for (text, local) in [
            ("127.0.0.1:8002", true),
            ("[::1]:0", true),
            ("localhost:80", true),
            ("unix:/run/lingate.sock", true),
            ("0.0.0.0:8002", false),
            ("[::]:8002", false),
            ("gateway.lan:8002", false),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!(listen.is_local(), local, "{text}");
            assert_eq!(listen.address.to_string(), text);
        }
        for text in
            ["", "8002", ":8002", "127.0.0.1", "127.0.0.1:99999", "unix:", "1.2.3:80", "a b:1", "http://h:1", "::1:80"]
        {
            assert_eq!(text.parse::<Listen>(), Err(AddressError), "{text}");
        }
    }

    #[test]
    fn colliding_listeners() {
        for (a, b, expected) in [
            ("127.0.0.1:1", "127.0.0.1:1", true),
            ("0.0.0.0:1", "127.0.0.1:1", true),
            ("127.0.0.1:1", "127.0.0.1:2", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
            ("unix:/a", "unix:/a", true),
            ("unix:/a", "unix:/b", false),
        ] {
            let (a, b): (Listen, Listen) = (a.parse().unwrap(), b.parse().unwrap());
            assert_eq!(a.collides(&b), expected);
        }
    }

    #[test]
    fn address_blocks() {
        for (block, ip, inside) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("192.168.1.7", "192.168.1.7", true),
            ("192.168.1.7", "192.168.1.8", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("::/0", "1.2.3.4", false),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe80::1", false),
        ] {
            let cidr: Cidr = block.parse().unwrap();
            assert_eq!(cidr.contains(ip.parse().unwrap()), inside, "{block} {ip}");
        }
        for text in ["", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/+8", "10.0.0.0/", "fd00::/129", "localhost"] {
            assert_eq!(text.parse::<Cidr>(), Err(CidrError), "{text}");
        }
    }

    #[test]
    fn upstream_urls() {
        assert_eq!(upstream_url("http://h:1/a/").unwrap().as_str(), "http://h:1/a");
        for (text, error) in [
            ("", UrlError::Missing),
            ("localhost:11434", UrlError::Form),
            ("127.0.0.1:11434", UrlError::Form),
            ("ftp://h", UrlError::Form),
            ("http:h", UrlError::Form),
            ("http://", UrlError::Form),
            ("http://u:p@h", UrlError::UserInfo),
            ("http://u@h", UrlError::UserInfo),
            ("http://h?x=1", UrlError::Query),
            ("http://h#x", UrlError::Query),
            ("http://169.254.169.254/latest", UrlError::Forbidden),
            ("http://0xA9FEA9FE/", UrlError::Forbidden),
            ("http://[fe80::1]/", UrlError::Forbidden),
            ("http://[::ffff:169.254.169.254]/", UrlError::Forbidden),
            ("http://metadata.google.internal/", UrlError::Forbidden),
        ] {
            assert_eq!(upstream_url(text), Err(error), "{text}");
        }
    }
}
