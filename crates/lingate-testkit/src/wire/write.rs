//! Writes one reply to a socket, step by step as scripted.

use std::io;

use bytes::{Bytes, BytesMut};
use http::Method;
use tokio::{io::AsyncWriteExt, net::tcp::OwnedWriteHalf, sync::mpsc};

use crate::upstream::reply::{Content, Part, Reply, Step};

/// What becomes of the connection after the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// The reply is whole; another request may follow.
    Keep,
    /// Close in the ordinary way (FIN).
    Close,
    /// Close with a reset (RST).
    Reset,
}

/// How the body's bytes are put on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    Chunked,
    Plain,
}

/// Writes `reply` to its end. An error means that the client is gone.
pub(super) async fn reply(to: &mut OwnedWriteHalf, method: &Method, reply: Reply) -> io::Result<After> {
    if let Some(gate) = &reply.gate {
        gate.notified().await;
    }
    let head = head(&reply);
    match reply.content {
        Content::Whole(body) => {
            let mut bytes = head;
            if method != Method::HEAD {
                bytes.extend_from_slice(&body);
            }
            to.write_all(&bytes).await?;
            Ok(if reply.close { After::Close } else { After::Keep })
        }
        Content::Stream(steps) => {
            to.write_all(&head).await?;
            let after = run(to, steps, Coding::Chunked).await?;
            finish(to, after, reply.close).await
        }
        Content::Channel(parts) => {
            to.write_all(&head).await?;
            let after = relay(to, parts).await?;
            finish(to, after, reply.close).await
        }
        Content::Raw(steps) => Ok(run(to, steps, Coding::Plain).await?.unwrap_or(After::Close)),
        Content::Hang => std::future::pending().await,
    }
}

async fn finish(to: &mut OwnedWriteHalf, after: Option<After>, close: bool) -> io::Result<After> {
    if let Some(after) = after {
        return Ok(after);
    }
    to.write_all(b"0\r\n\r\n").await?;
    Ok(if close { After::Close } else { After::Keep })
}

fn head(reply: &Reply) -> BytesMut {
    let mut head = BytesMut::with_capacity(256);
    let reason = reply.status.canonical_reason().unwrap_or("Scripted");
    head.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", reply.status.as_u16()).as_bytes());
    for (name, value) in &reply.headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    match &reply.content {
        Content::Whole(body) => head.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes()),
        _ => head.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    if reply.close {
        head.extend_from_slice(b"connection: close\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Runs the steps; `None` when all have run and the body may end in the ordinary way.
async fn run(to: &mut OwnedWriteHalf, steps: Vec<Step>, coding: Coding) -> io::Result<Option<After>> {
    for step in steps {
        match step {
            Step::Bytes(bytes) => {
                piece(to, &bytes, coding).await?;
                // Let the reader see this piece on its own where it is quick enough.
                tokio::task::yield_now().await;
            }
            Step::Gate(gate) => gate.notified().await,
            Step::Sleep(pause) => tokio::time::sleep(pause).await,
            Step::Hang => std::future::pending().await,
            Step::Cut => return Ok(Some(After::Close)),
            Step::Reset => return Ok(Some(After::Reset)),
        }
    }
    Ok(None)
}

async fn relay(to: &mut OwnedWriteHalf, mut parts: mpsc::Receiver<Part>) -> io::Result<Option<After>> {
    while let Some(part) = parts.recv().await {
        match part {
            Part::Bytes(bytes, written) => {
                piece(to, &bytes, Coding::Chunked).await?;
                // The sender may have stopped waiting for the receipt.
                let _ = written.send(());
            }
            Part::Cut => return Ok(Some(After::Close)),
            Part::Reset => return Ok(Some(After::Reset)),
        }
    }
    Ok(None)
}

async fn piece(to: &mut OwnedWriteHalf, bytes: &Bytes, coding: Coding) -> io::Result<()> {
    if coding == Coding::Plain {
        return to.write_all(bytes).await;
    }
    // An empty chunk would end the body.
    if bytes.is_empty() {
        return Ok(());
    }
    let mut chunk = BytesMut::with_capacity(bytes.len() + 20);
    chunk.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    to.write_all(&chunk).await
}
