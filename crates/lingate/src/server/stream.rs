//! The byte streams below HTTP: TCP or Unix socket, with or without TLS, as one type, watched by a [`Clock`].

use super::clock::Clock;
use bytes::{Buf, Bytes};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_rustls::server::TlsStream;

/// A socket.
pub(super) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// A socket, or TLS over one.
pub(super) enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// Does the same with whatever stands behind a pinned enum.
macro_rules! each {
    ($self:ident, $name:ident: $kind:ident { $($(#[$attribute:meta])? $variant:ident),+ } => $call:expr) => {
        match $self.get_mut() {
            $($(#[$attribute])? $kind::$variant($name) => {
                let $name = Pin::new($name);
                $call
            })+
        }
    };
}

macro_rules! read_and_write {
    ($kind:ident { $($(#[$attribute:meta])? $variant:ident),+ }) => {
        impl AsyncRead for $kind {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                each!(self, io: $kind { $($(#[$attribute])? $variant),+ } => io.poll_read(cx, buf))
            }
        }

        impl AsyncWrite for $kind {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                each!(self, io: $kind { $($(#[$attribute])? $variant),+ } => io.poll_write(cx, buf))
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                each!(self, io: $kind { $($(#[$attribute])? $variant),+ } => io.poll_write_vectored(cx, bufs))
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                each!(self, io: $kind { $($(#[$attribute])? $variant),+ } => io.poll_flush(cx))
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                each!(self, io: $kind { $($(#[$attribute])? $variant),+ } => io.poll_shutdown(cx))
            }
        }
    };
}

read_and_write!(Socket {
    Tcp,
    #[cfg(unix)]
    Unix
});
read_and_write!(Stream { Plain, Tls });

/// A stream whose first bytes were already read, and whose traffic the clock sees.
pub(super) struct Watched {
    pub(super) stream: Stream,
    pub(super) first: Bytes,
    pub(super) clock: Arc<Clock>,
}

impl Watched {
    fn saw(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending => self.clock.write_blocked(),
            Poll::Ready(_) => self.clock.wrote(),
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let length = self.first.len().min(buf.remaining());
            buf.put_slice(&self.first[..length]);
            self.first.advance(length);
            if self.first.is_empty() {
                // Lets go of the buffer.
                self.first = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.clock.received();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.saw(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.saw(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
