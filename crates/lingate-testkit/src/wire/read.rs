//! Reads one HTTP/1.1 request from a socket: head, then a body by length or in chunks. Bounded.

use std::io;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
};

/// Longest request head in bytes.
const HEAD_MAX: usize = 256 * 1024;
/// Longest request body in bytes.
const BODY_MAX: usize = 256 * 1024 * 1024;

/// The place of `needle` in `hay`.
pub(crate) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

/// One request as it came over the wire.
pub(crate) struct Incoming {
    pub(crate) method: Method,
    /// The request target as sent, with the query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// How a read ended that brought no request.
pub(crate) enum NoRequest {
    /// The client closed between two requests.
    Closed,
    /// The client went away, or broke the protocol, inside a request.
    Broken(String),
}

impl From<io::Error> for NoRequest {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

fn broken(why: &str) -> NoRequest {
    NoRequest::Broken(why.to_owned())
}

/// Reads the next request; bytes beyond it stay in `buffer`. Answers `Expect: 100-continue` itself.
pub(crate) async fn request(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    buffer: &mut BytesMut,
) -> Result<Incoming, NoRequest> {
    let head = loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break buffer.split_to(end + 4);
        }
        if buffer.len() > HEAD_MAX {
            return Err(broken("the request head is too long"));
        }
        let before = buffer.len();
        match from.read_buf(buffer).await {
            Ok(0) if before == 0 => return Err(NoRequest::Closed),
            Ok(0) => return Err(broken("closed inside the request head")),
            Ok(_) => {}
            Err(_) if before == 0 => return Err(NoRequest::Closed),
            Err(error) => return Err(error.into()),
        }
    };
    let (method, target, headers) = parse_head(&head)?;
    if headers.get("expect").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        to.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let body = body(&headers, from, buffer).await?;
    Ok(Incoming { method, target, headers, body })
}

fn parse_head(head: &[u8]) -> Result<(Method, String, HeaderMap), NoRequest> {
    let text = std::str::from_utf8(head).map_err(|_| broken("the request head is not UTF-8"))?;
    let mut lines = text.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1"), None) = (first.next(), first.next(), first.next(), first.next())
    else {
        return Err(broken("the request line is not `METHOD target HTTP/1.1`"));
    };
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| broken("no such method"))?;
    let mut headers = HeaderMap::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(|| broken("a header line without a colon"))?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| broken("a bad header name"))?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| broken("a bad header value"))?;
        headers.append(name, value);
    }
    Ok((method, target.to_owned(), headers))
}

async fn body(headers: &HeaderMap, from: &mut OwnedReadHalf, buffer: &mut BytesMut) -> Result<Bytes, NoRequest> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return chunked(from, buffer).await;
    }
    let Some(length) = text("content-length") else { return Ok(Bytes::new()) };
    let length: usize = length.parse().map_err(|_| broken("content-length is not a number"))?;
    fill(length, from, buffer).await?;
    Ok(buffer.split_to(length).freeze())
}

async fn chunked(from: &mut OwnedReadHalf, buffer: &mut BytesMut) -> Result<Bytes, NoRequest> {
    let mut body = BytesMut::new();
    loop {
        let line = line(from, buffer).await?;
        let digits = line[..].split(|byte| *byte == b';').next().unwrap_or_default();
        let digits = std::str::from_utf8(digits).map_err(|_| broken("a bad chunk size"))?.trim();
        let size = usize::from_str_radix(digits, 16).map_err(|_| broken("a bad chunk size"))?;
        if size == 0 {
            while !self::line(from, buffer).await?.is_empty() {}
            return Ok(body.freeze());
        }
        if size > BODY_MAX - body.len() {
            return Err(broken("the request body is too long"));
        }
        fill(size + 2, from, buffer).await?;
        body.extend_from_slice(&buffer.split_to(size));
        if buffer.split_to(2)[..] != *b"\r\n" {
            return Err(broken("a chunk without its line end"));
        }
    }
}

/// The next line without its CRLF.
async fn line(from: &mut OwnedReadHalf, buffer: &mut BytesMut) -> Result<BytesMut, NoRequest> {
    loop {
        if let Some(end) = find(buffer, b"\r\n") {
            let mut line = buffer.split_to(end + 2);
            line.truncate(end);
            return Ok(line);
        }
        if buffer.len() > HEAD_MAX {
            return Err(broken("a line of the body is too long"));
        }
        more(from, buffer).await?;
    }
}

async fn fill(length: usize, from: &mut OwnedReadHalf, buffer: &mut BytesMut) -> Result<(), NoRequest> {
    if length > BODY_MAX + 2 {
        return Err(broken("the request body is too long"));
    }
    while buffer.len() < length {
        more(from, buffer).await?;
    }
    Ok(())
}

async fn more(from: &mut OwnedReadHalf, buffer: &mut BytesMut) -> Result<(), NoRequest> {
    match from.read_buf(buffer).await? {
        0 => Err(broken("closed inside the request body")),
        _ => Ok(()),
    }
}
