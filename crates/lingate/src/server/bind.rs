//! From configured addresses to open listeners.

use super::certificate::Certificate;
use crate::failure::Failure;
use lingate_config::{Listen, ListenAddress};
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

/// An open listener.
pub(super) struct Bound {
    pub(super) listener: Listener,
    /// Where it really is.
    pub(super) address: ListenAddress,
    pub(super) tls: Option<Arc<Certificate>>,
}

/// The kinds of listener.
pub(super) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix {
        listener: UnixListener,
        _file: SocketFile,
    },
}

/// A Unix socket's file; goes with its listener.
#[cfg(unix)]
pub(super) struct SocketFile(PathBuf);

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody else may have removed it.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// An address that cannot be had.
pub(super) struct BindError {
    address: ListenAddress,
    pub(super) cause: io::Error,
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        let BindError { address, cause } = error;
        Self::runtime(match cause.kind() {
            io::ErrorKind::AddrInUse => {
                format!("cannot listen on {address}: another program does; stop it or choose another address")
            }
            io::ErrorKind::PermissionDenied => format!("cannot listen on {address}: this user may not ({cause})"),
            _ => format!("cannot listen on {address}: {cause}"),
        })
    }
}

/// Binds an address; a name may stand for several.
pub(super) async fn bind(listen: &Listen, tls: Option<Arc<Certificate>>) -> Result<Vec<Bound>, Failure> {
    Ok(try_bind(listen, tls).await?)
}

/// As [`bind`], with the error as it is.
pub(super) async fn try_bind(listen: &Listen, tls: Option<Arc<Certificate>>) -> Result<Vec<Bound>, BindError> {
    let failed = |cause| BindError { address: listen.address.clone(), cause };
    match &listen.address {
        ListenAddress::Socket(address) => Ok(vec![tcp(*address, tls).await.map_err(failed)?]),
        ListenAddress::Name { host, port } => {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), *port)).await.map_err(failed)?.collect();
            let mut bound = Vec::new();
            let mut problem = None;
            for address in found {
                match tcp(address, tls.clone()).await {
                    Ok(one) => bound.push(one),
                    // `localhost` has an IPv6 address also where there is no IPv6.
                    Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => problem = Some(error),
                    Err(error) => return Err(failed(error)),
                }
            }
            match problem {
                _ if !bound.is_empty() => Ok(bound),
                Some(error) => Err(failed(error)),
                None => Err(failed(io::Error::other("the name has no address"))),
            }
        }
        #[cfg(unix)]
        ListenAddress::Unix(path) => {
            let listener = unix(path).await.map_err(failed)?;
            Ok(vec![Bound { listener, address: listen.address.clone(), tls }])
        }
        #[cfg(not(unix))]
        ListenAddress::Unix(_) => Err(failed(io::ErrorKind::Unsupported.into())),
    }
}

async fn tcp(address: SocketAddr, tls: Option<Arc<Certificate>>) -> io::Result<Bound> {
    let listener = TcpListener::bind(address).await?;
    let address = ListenAddress::Socket(listener.local_addr()?);
    Ok(Bound { listener: Listener::Tcp(listener), address, tls })
}

/// Binds a Unix socket for the user and the group. The file of a listener that is gone is removed; one that
/// answers, or no socket at all, is left alone.
#[cfg(unix)]
async fn unix(path: &Path) -> io::Result<Listener> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    if std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        match tokio::net::UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            _ => return Err(io::ErrorKind::AddrInUse.into()),
        }
    }
    let listener = UnixListener::bind(path)?;
    let file = SocketFile(path.to_owned());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(Listener::Unix { listener, _file: file })
}
