//! A TCP client without HTTP: half requests, slow requests, broken ones, and clients that vanish.

use std::{io, net::SocketAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    patience::{sure, within},
    wire::find,
};

/// How a server closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// In order (FIN).
    Eof,
    /// By a reset (RST), or another error of the socket.
    Reset,
}

/// A raw connection. Dropping it closes in order, if everything has been read.
#[derive(Debug)]
pub struct RawClient {
    stream: TcpStream,
    buffer: BytesMut,
}

impl RawClient {
    /// Connects.
    pub async fn connect(to: SocketAddr) -> Self {
        let stream = sure("a connection", within("a connection", TcpStream::connect(to)).await);
        // A socket that is gone already shows that at the first read.
        let _ = stream.set_nodelay(true);
        Self { stream, buffer: BytesMut::new() }
    }

    /// Sends these bytes at once.
    ///
    /// # Errors
    /// The server has closed.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        within("room to send", self.stream.write_all(bytes.as_ref())).await
    }

    /// Sends byte by byte with a pause after each: a slow client. With no pause the task yields instead.
    ///
    /// # Errors
    /// The server has closed; how many bytes it took is the caller's to count by other means.
    pub async fn send_slowly(&mut self, bytes: impl AsRef<[u8]>, pause: Duration) -> io::Result<()> {
        for byte in bytes.as_ref() {
            self.send([*byte]).await?;
            if pause.is_zero() {
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(pause).await;
            }
        }
        Ok(())
    }

    /// The next bytes, as many as there are; `Err` tells how the server closed.
    ///
    /// # Errors
    /// [`Closed`], when no more bytes will come.
    pub async fn read_some(&mut self) -> Result<Bytes, Closed> {
        if self.buffer.is_empty() {
            self.fill().await?;
        }
        Ok(self.buffer.split().freeze())
    }

    /// Reads up to and including `wanted`; what lies beyond stays for the next read.
    ///
    /// # Errors
    /// [`Closed`], when the server closed before `wanted`; what came stays for the next read.
    pub async fn read_until(&mut self, wanted: impl AsRef<[u8]>) -> Result<Bytes, Closed> {
        let wanted = wanted.as_ref();
        loop {
            if let Some(at) = find(&self.buffer, wanted) {
                return Ok(self.buffer.split_to(at + wanted.len()).freeze());
            }
            self.fill().await?;
        }
    }

    /// Everything until the server closes, and how it closed.
    pub async fn read_to_end(&mut self) -> (Bytes, Closed) {
        loop {
            if let Err(closed) = self.fill().await {
                return (self.buffer.split().freeze(), closed);
            }
        }
    }

    async fn fill(&mut self) -> Result<(), Closed> {
        match within("bytes from the server", self.stream.read_buf(&mut self.buffer)).await {
            Ok(0) => Err(Closed::Eof),
            Ok(_) => Ok(()),
            Err(_) => Err(Closed::Reset),
        }
    }

    /// Closes the sending half only.
    ///
    /// # Errors
    /// The connection is gone already.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Goes away with a reset.
    pub fn reset(self) {
        // Refused only for a socket that is already gone.
        let _ = self.stream.set_zero_linger();
    }

    /// The address of this end.
    pub fn local_addr(&self) -> SocketAddr {
        sure("the address of a connected socket", self.stream.local_addr())
    }
}
