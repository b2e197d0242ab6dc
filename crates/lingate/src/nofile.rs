//! How many files, and so connections, this process may have open.

/// No more than this is asked for: each possible file costs the kernel a little.
const ENOUGH: u64 = 1 << 20;
/// What systems without a limit are taken to have.
const UNLIMITED: u64 = ENOUGH;

/// Raises the limit of this process to what it may have, and returns it. The soft limit (often 1,024) is there for
/// programs that use `select`.
#[cfg(unix)]
pub(crate) fn raise() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(UNLIMITED).min(ENOUGH);
    let soft = limit.current.unwrap_or(UNLIMITED);
    if soft < most {
        let wanted = rustix::process::Rlimit { current: Some(most), maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, wanted) {
            tracing::debug!(%error, "the limit of open files stays as it is");
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(UNLIMITED)
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub(crate) fn raise() -> u64 {
    UNLIMITED
}

/// How many client connections that allows: 0.4 of the files, since each may need one to an upstream, and some are
/// lingate's own.
pub(crate) fn connections(files: u64) -> usize {
    usize::try_from(files.saturating_mul(2) / 5).unwrap_or(usize::MAX).clamp(8, 1 << 20)
}
