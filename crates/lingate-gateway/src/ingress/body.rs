//! Reads a request's body whole, within bounds of size and time.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body::Body;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// How many bytes count as progress; fewer, dripping, do not.
const STEP: usize = 1024;

/// The most that is set aside for a body because its length was announced. Beyond it the buffer grows as bytes
/// come, so that an announcement alone costs little.
const AHEAD: u64 = 1 << 20;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// Larger than the cap, by its announcement or in fact: 413.
    #[error("the request's body is larger than {cap} bytes")]
    TooLarge {
        /// The cap, in bytes.
        cap: u64,
    },
    /// The client stopped sending, or sends hardly anything: 408.
    #[error("the request's body comes too slowly")]
    Slow,
    /// The connection failed, or the body's framing is wrong.
    #[error("the request's body could not be read")]
    Broken,
}

/// Whether a body is encoded (gzip or other), which is not decoded here: 415.
pub(crate) fn has_encoding(headers: &HeaderMap) -> bool {
    let is_plain = |coding: &[u8]| {
        let coding = coding.trim_ascii();
        coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")
    };
    headers.get_all(CONTENT_ENCODING).iter().any(|value| !value.as_bytes().split(|&c| c == b',').all(is_plain))
}

/// Reads a body to its end.
///
/// `declared` is its `Content-Length`, if it has one; `cap` the most bytes; `min_progress` how long the client may
/// take for each KiB (or for the rest, if that is less) while nothing is ready. No timer is made for a body that
/// is there at once, and a body of one frame is not copied. Trailers are dropped.
///
/// On an error the rest of the body is unread: the connection is of no more use for HTTP/1.1.
pub(crate) async fn read<B>(
    body: B,
    declared: Option<u64>,
    cap: u64,
    min_progress: Duration,
) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
{
    let declared = declared.or(body.size_hint().exact());
    if declared.is_some_and(|length| length > cap) {
        return Err(BodyError::TooLarge { cap });
    }
    let mut frames = Frames { body: pin!(body), timer: None, min_progress, since_step: 0 };
    let mut gathered = Gathered::Nothing;
    let mut length = 0_u64;
    while let Some(data) = frames.next().await? {
        length += data.len() as u64;
        if length > cap {
            return Err(BodyError::TooLarge { cap });
        }
        gathered = gathered.with(data, declared);
    }
    Ok(gathered.into_bytes())
}

/// What has come so far.
enum Gathered {
    Nothing,
    One(Bytes),
    Many(Vec<u8>),
}

impl Gathered {
    fn with(self, data: Bytes, declared: Option<u64>) -> Self {
        match self {
            _ if data.is_empty() => self,
            Self::Nothing => Self::One(data),
            Self::One(first) => {
                let announced = usize::try_from(declared.unwrap_or(0).min(AHEAD)).unwrap_or(0);
                let mut buffer = Vec::with_capacity(announced.max(first.len() + data.len()));
                append(&mut buffer, &first);
                append(&mut buffer, &data);
                Self::Many(buffer)
            }
            Self::Many(mut buffer) => {
                append(&mut buffer, &data);
                Self::Many(buffer)
            }
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::One(data) => data,
            Self::Many(buffer) => buffer.into(),
        }
    }
}

/// In pieces, because longer ones are copied by the processor's string move, whose start is dear, and which
/// instruction counters see byte by byte.
fn append(buffer: &mut Vec<u8>, data: &[u8]) {
    for piece in data.chunks(2048) {
        buffer.extend_from_slice(piece);
    }
}

/// The frames of a body, and the time that the next bit of progress has.
struct Frames<'b, B> {
    body: Pin<&'b mut B>,
    /// Made when there is something to wait for.
    timer: Option<Pin<Box<Sleep>>>,
    min_progress: Duration,
    /// Bytes since the timer was last put back.
    since_step: usize,
}

impl<B: Body<Data = Bytes>> Frames<'_, B> {
    /// The data of the next frame; `None` at the end, or at the trailers that end a body.
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        let frame = poll_fn(|cx| {
            if let Poll::Ready(frame) = self.body.as_mut().poll_frame(cx) {
                return Poll::Ready(Ok(frame));
            }
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.min_progress)));
            timer.as_mut().poll(cx).map(|()| Err(BodyError::Slow))
        });
        let data = match frame.await? {
            None => return Ok(None),
            Some(frame) => frame.map_err(|_| BodyError::Broken)?.into_data().unwrap_or_default(),
        };
        self.since_step += data.len();
        if self.since_step >= STEP {
            self.since_step = 0;
            self.timer = None;
        }
        Ok(Some(data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Channel, Empty, Full};
    use proptest::prelude::*;
    use std::convert::Infallible;

    const LIMIT: Duration = Duration::from_secs(30);

    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        futures_util::FutureExt::now_or_never(future)
    }

    /// A body of these frames, all ready.
    fn frames(frames: Vec<Bytes>) -> impl Body<Data = Bytes, Error = Infallible> {
        let frames = frames.into_iter().map(|data| Ok(http_body::Frame::data(data)));
        http_body_util::StreamBody::new(futures_util::stream::iter(frames))
    }

    #[test]
    fn one_frame_is_not_copied() {
        let data = Bytes::from(vec![b'x'; 100]);
        // Without a runtime, so a timer would panic.
        let body = now(read(Full::new(data.clone()), None, 100, LIMIT)).unwrap().unwrap();
        assert_eq!(body.as_ptr(), data.as_ptr());
        assert_eq!(now(read(Empty::new(), None, 0, LIMIT)), Some(Ok(Bytes::new())));
        let padded = frames(vec![Bytes::new(), data.clone(), Bytes::new()]);
        assert_eq!(now(read(padded, None, 100, LIMIT)).unwrap().unwrap().as_ptr(), data.as_ptr());
    }

    #[test]
    fn an_announced_length_is_enough_to_refuse() {
        let (_sender, body) = Channel::<Bytes>::new(1);
        assert_eq!(now(read(body, Some(101), 100, LIMIT)), Some(Err(BodyError::TooLarge { cap: 100 })));
        let known = Full::new(Bytes::from_static(b"abc"));
        assert_eq!(now(read(known, None, 2, LIMIT)), Some(Err(BodyError::TooLarge { cap: 2 })));
    }

    #[tokio::test(start_paused = true)]
    async fn an_endless_body_is_cut_at_the_cap() {
        let (mut sender, body) = Channel::<Bytes>::new(1);
        let send = async { while sender.send_data(Bytes::from(vec![0; 60])).await.is_ok() {} };
        let (answer, ()) = tokio::join!(read(body, None, 100, LIMIT), send);
        assert_eq!(answer, Err(BodyError::TooLarge { cap: 100 }));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_slow() {
        let start = tokio::time::Instant::now();
        let (mut sender, body) = Channel::<Bytes>::new(1);
        let send = async {
            sleep(LIMIT - Duration::from_secs(1)).await;
            sender.send_data(Bytes::from(vec![0; STEP])).await.unwrap();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            answer = read(body, None, u64::MAX, LIMIT) => assert_eq!(answer, Err(BodyError::Slow)),
            () = send => {}
        }
        assert_eq!(start.elapsed(), LIMIT * 2 - Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn dripping_is_slow_and_a_slow_upload_is_not() {
        for (bytes, is_slow) in [(1, true), (STEP, false)] {
            let (mut sender, body) = Channel::<Bytes>::new(1);
            let send = async {
                for _ in 0..10 {
                    sleep(LIMIT - Duration::from_secs(1)).await;
                    if sender.send_data(Bytes::from(vec![0; bytes])).await.is_err() {
                        break;
                    }
                }
                drop(sender);
            };
            let (answer, ()) = tokio::join!(read(body, None, u64::MAX, LIMIT), send);
            assert_eq!(answer.map(|body| body.len()), if is_slow { Err(BodyError::Slow) } else { Ok(10 * bytes) });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_body_is_broken() {
        let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(2);
        sender.send_data(Bytes::from_static(b"a")).await.unwrap();
        sender.abort(std::io::ErrorKind::UnexpectedEof.into());
        assert_eq!(read(body, Some(2), 100, LIMIT).await, Err(BodyError::Broken));
    }

    #[test]
    fn an_announcement_sets_little_aside() {
        let gathered = Gathered::One(Bytes::from_static(b"a")).with(Bytes::from_static(b"b"), Some(u64::MAX));
        assert!(matches!(gathered, Gathered::Many(buffer) if buffer.capacity() as u64 == AHEAD));
    }

    #[test]
    fn encodings() {
        let coded = |values: &[&str]| {
            let values = values.iter().map(|value| (CONTENT_ENCODING, value.parse().unwrap()));
            has_encoding(&values.collect())
        };
        for plain in [[].as_slice(), &["identity"], &["Identity, identity"], &[""]] {
            assert!(!coded(plain), "{plain:?}");
        }
        for encoded in [["gzip"].as_slice(), &["identity, br"], &["identity", "zstd"], &["x"]] {
            assert!(coded(encoded), "{encoded:?}");
        }
    }

    proptest! {
        #[test]
        fn a_body_is_the_sum_of_its_frames(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20),
            cap in 0u64..500,
            tells in any::<bool>(),
        ) {
            let whole = parts.concat();
            let declared = tells.then_some(whole.len() as u64);
            let body = frames(parts.into_iter().map(Bytes::from).collect());
            let expected = if whole.len() as u64 > cap { Err(BodyError::TooLarge { cap }) } else { Ok(Bytes::from(whole)) };
            prop_assert_eq!(now(read(body, declared, cap, LIMIT)).unwrap(), expected);
        }
    }
}
