//! The limits of client connections. They protect against clients that hold connections for nothing.

use std::time::Duration;

/// How long a client may take, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For a TLS handshake, and again from the first byte of a request to the end of its headers.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// Without taking a byte of an answer.
    pub stalled: Duration,
    /// For the last bytes after the streams were ended at shutdown.
    pub last_bytes: Duration,
    /// How many connections at once; `None` is 0.4 of the files that the process may open.
    pub connections: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            stalled: Duration::from_secs(60),
            last_bytes: Duration::from_secs(1),
            connections: None,
        }
    }
}

/// The largest head of a request, in bytes.
pub(super) const HEAD_BYTES: usize = 16 << 10;
/// The most header fields of a request.
pub(super) const HEAD_FIELDS: usize = 64;
/// HTTP/1 buffer: the most that is read or written in one go.
pub(super) const BUFFER: usize = 64 << 10;
/// HTTP/2: requests at once on one connection.
pub(super) const STREAMS: u32 = 100;
/// HTTP/2: bytes under way to us on one stream, and on the whole connection.
pub(super) const STREAM_WINDOW: u32 = 64 << 10;
pub(super) const CONNECTION_WINDOW: u32 = 1 << 20;
/// HTTP/2: resets that a client may cause before its connection is closed.
pub(super) const RESETS: usize = 64;
/// HTTP/2: how often a silent peer is asked whether it is there, and how long it may take to say so.
pub(super) const PING_EVERY: Duration = Duration::from_secs(30);
pub(super) const PING_PATIENCE: Duration = Duration::from_secs(20);
