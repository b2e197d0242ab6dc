//! The pump: an upstream's stream to the client's, frame by frame, with back-pressure and nothing held back.
//!
//! All that is ready is read and written in one go; as soon as nothing is ready, what there is goes out. The
//! decoder sees every frame whichever way the answer travels, so usage, finish and errors have one code path.

mod first_token;
mod silence;
mod stop;

use crate::answering::Client;
use crate::error::{Class, Failure};
use crate::recorder::Recorder;
use crate::responses::{Keep, Keeping};
use crate::secrets::Secrets;
use crate::upstream::{AnswerBody, UpstreamError, Woken};
use bytes::Bytes;
use first_token::FirstTokenWatch;
use http_body::Frame;
use lingate_codec::dialect::{Dialect, Stamp, StreamDecoder, StreamEncoder};
use lingate_codec::frame::{DEFAULT_CAP, Framer};
use lingate_codec::ir::{ApiError, Event, Operation};
use lingate_codec::relay::{RelayedAnswer, sign_of_life};
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

pub(crate) use first_token::FirstToken;
pub(crate) use silence::Silence;
pub(crate) use stop::{Stop, StopWatch};

/// When so much is ready, it is written before more is read.
const BATCH: usize = 64 * 1024;
/// How long, and how many bytes, an upstream may still send after the end of its stream.
const LINGER: (Duration, u64) = (Duration::from_secs(1), 64 * 1024);

/// So many frames without meaning a relayed stream may begin with before its head goes out: whatever comes after
/// them is of a kind that lingate does not know, and not to be held back.
const PRELUDE: usize = 3;

/// How an answer travels, chosen once, at its head. Transforms that watch a relayed stream and take it over when
/// they change something (intercept) have their place in [`Pump::take_frames`], between decoder and writer.
pub enum Way {
    /// Frames are copied, the decoder taps.
    Relay(RelayedAnswer),
    /// Through decoder and encoder.
    ReEncode(Box<dyn StreamEncoder>),
}

/// What a pump is made from.
pub struct Source {
    /// The upstream's answer.
    pub body: AnswerBody,
    /// The dialect that it comes in.
    pub dialect: &'static dyn Dialect,
    /// What was asked.
    pub operation: Operation,
    /// When its first piece of content must have come, if there is a limit.
    pub(crate) first_token: Option<FirstToken>,
}

/// The client's side of a pump.
pub struct Sink {
    /// The client.
    pub(crate) client: Arc<Client>,
    /// How the answer travels.
    pub way: Way,
    /// Listens on the side.
    pub recorder: Recorder,
    /// What no error may quote.
    pub secrets: Secrets,
    /// Ends the stream when the server must stop.
    pub stop: StopWatch,
    /// Stores the answer, in a dialect that has state.
    pub keep: Option<Keep>,
}

/// One stream on its way.
pub struct Pump {
    body: AnswerBody,
    framer: Framer,
    decoder: Box<dyn StreamDecoder>,
    from: &'static dyn Dialect,
    sink: Sink,
    events: Vec<Event>,
    out: Vec<u8>,
    /// Whether anything that matters was written; before that, an error can still become a status.
    committed: bool,
    /// Frames that came before anything that matters.
    quiet: usize,
    early_failure: Option<Failure>,
    /// Notices when the first piece of content is late; gone when that has come.
    first_token: Option<FirstTokenWatch>,
    state: State,
    /// Notices when the client has heard nothing for long.
    silence: Option<Silence>,
    /// Writes the signs of life of a relayed stream; made for the first one.
    signs: Option<Box<dyn StreamEncoder>>,
    /// The stream's last bytes, on their way into the store.
    keeping: Option<Keeping>,
    /// Whether anything has happened since all of it had nothing: hyper asks more often than that.
    woken: Woken,
    /// Whether the upstream was asked until it had nothing, in this poll.
    dry: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The answer's ending was written; the upstream's body may have some bytes left.
    Ended,
    Done,
}

impl Pump {
    /// A pump that has read nothing yet.
    pub fn new(source: Source, sink: Sink) -> Self {
        Self {
            framer: Framer::new(source.dialect.framing(), DEFAULT_CAP),
            decoder: source.dialect.stream_decoder(source.operation),
            from: source.dialect,
            body: source.body,
            sink,
            events: Vec::new(),
            out: Vec::new(),
            committed: false,
            quiet: 0,
            early_failure: None,
            first_token: source.first_token.map(FirstTokenWatch::new),
            state: State::Open,
            silence: None,
            signs: None,
            keeping: None,
            woken: Woken::default(),
            dry: false,
        }
    }

    /// From now on the client gets a sign of life whenever it has heard nothing for so long.
    pub fn watch_silence(&mut self, silence: Option<Silence>) {
        self.silence = silence;
    }

    /// Waits for the first meaningful event, at most `holdback`; `None`: the caller has the clock.
    ///
    /// # Errors
    /// The upstream failed before anything meaningful came: the answer can still have a proper status.
    pub async fn prime(&mut self, holdback: Option<Duration>) -> Result<(), Failure> {
        let first = std::future::poll_fn(|cx| {
            self.fill(cx);
            if self.committed || self.state != State::Open { Poll::Ready(()) } else { Poll::Pending }
        });
        match holdback {
            // When it has waited long enough, it goes on as it is.
            Some(holdback) => drop(tokio::time::timeout(holdback, first).await),
            None => first.await,
        }
        self.early_failure.take().map_or(Ok(()), Err)
    }

    /// Whether the upstream ended without having said anything.
    pub fn is_empty(&self) -> bool {
        self.state != State::Open && !self.committed
    }

    /// Its recorder.
    pub fn recorder(&mut self) -> &mut Recorder {
        &mut self.sink.recorder
    }

    /// Gives the recorder back when the answer is not to be used.
    pub fn into_recorder(self) -> Recorder {
        self.sink.recorder
    }

    /// The body's next frame, for hyper.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(waker) = self.woken.before(cx) else { return Poll::Pending };
        self.dry = false;
        let polled = self.poll_next(&mut Context::from_waker(&waker));
        // After a frame that took all there was, nothing is to be asked for: all know whom to wake.
        let waits = self.dry
            && self.keeping.is_none()
            && self.first_token.is_none()
            && self.silence.as_ref().is_none_or(|silence| silence.is_set(&waker));
        self.woken.after(polled.is_ready() && !(waits && self.state == State::Open));
        polled
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.committed = true;
        if self.out.is_empty() {
            self.fill(cx);
        }
        if !self.out.is_empty() {
            // What goes out is what came last: its time is the one that the upstream's body noted.
            if let Some(silence) = &mut self.silence {
                silence.broken(self.body.last());
            }
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from(std::mem::take(&mut self.out))))));
        }
        if let Some(keeping) = &mut self.keeping {
            let bytes = std::task::ready!(keeping.as_mut().poll(cx));
            self.keeping = None;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from(bytes)))));
        }
        match self.state {
            State::Open if self.silence.as_mut().is_some_and(|silence| silence.poll(cx).is_ready()) => {
                self.sign_of_life();
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from(std::mem::take(&mut self.out))))));
            }
            State::Open => return Poll::Pending,
            State::Ended => {
                self.state = State::Done;
                linger(std::mem::replace(&mut self.body, AnswerBody::whole(Bytes::new())));
            }
            State::Done => {}
        }
        Poll::Ready(None)
    }

    /// Writes something without meaning. `out` holds whole frames alone, so this stands between two of them.
    fn sign_of_life(&mut self) {
        let at = stamp(self.sink.client.started);
        match &mut self.sink.way {
            Way::ReEncode(encoder) => encoder.keep_alive(at, &mut self.out),
            Way::Relay(_) => {
                let client = &self.sink.client;
                let signs = self.signs.get_or_insert_with(|| client.dialect.stream_encoder(client.context()));
                sign_of_life(&mut **signs, self.framer.saw_id(), at, &mut self.out);
            }
        }
    }

    /// Moves all that is ready from upstream to `out`.
    fn fill(&mut self, cx: &mut Context<'_>) {
        if self.state == State::Open && self.sink.stop.poll(cx).is_ready() {
            self.fail(Class::Fault, shutting_down());
        }
        let mut clock = Clock { started: self.sink.client.started, stamp: None };
        while self.state != State::Done && self.out.len() < BATCH {
            match self.body.poll_data(cx) {
                Poll::Pending => {
                    let late = self.first_token.as_mut().filter(|_| self.state == State::Open);
                    if let Some(Poll::Ready(error)) = late.map(|watch| watch.poll(cx)) {
                        // The model may be at work.
                        self.fail(Class::AfterSend, error);
                    }
                    self.dry = true;
                    return;
                }
                Poll::Ready(Some(Ok(_))) if self.state == State::Ended => {}
                Poll::Ready(Some(Ok(bytes))) => {
                    // Room for the frames and a little more, in one go.
                    self.out.reserve(bytes.len() + 64);
                    self.framer.push(&bytes);
                    self.take_frames(&mut clock, false);
                }
                Poll::Ready(Some(Err(error))) => {
                    if self.state == State::Open {
                        self.fail(Class::AfterSend, from_upstream(&error));
                    }
                    self.state = State::Done;
                }
                Poll::Ready(None) => {
                    if self.state == State::Open {
                        self.framer.finish();
                        self.take_frames(&mut clock, true);
                    }
                    if self.state == State::Open {
                        self.decoder.finish(&mut self.events);
                        self.write_ending(&mut clock);
                    }
                    self.state = State::Done;
                }
            }
        }
    }

    /// Decodes and writes the whole frames that have come.
    fn take_frames(&mut self, clock: &mut Clock, last: bool) {
        while self.state == State::Open {
            let frame = match self.framer.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(error) => return self.fail(Class::AfterSend, ApiError::upstream(error.to_string())),
            };
            match &mut self.sink.way {
                Way::Relay(relayed) => {
                    // Whoever waits for content must see it.
                    if self.committed && !last && self.first_token.is_none() {
                        self.decoder.tap(&frame, &mut self.events);
                    } else {
                        // The first frames decide over the head, and the last may have been cut: they are read.
                        self.decoder.push(&frame, &mut self.events);
                    }
                    if !self.committed {
                        self.quiet += usize::from(!frame.data.is_empty());
                        self.committed = self.quiet > PRELUDE || self.events.iter().any(is_meaningful);
                    }
                    let error = self.events.iter_mut().find_map(|event| match event {
                        Event::Error(error) => Some(error),
                        _ => None,
                    });
                    match error {
                        Some(_) if !self.committed => {}
                        Some(error)
                            if !self.sink.client.dialect.is_error_frame(&frame.data)
                                || self.sink.secrets.are_in(frame.raw) =>
                        {
                            self.sink.secrets.scrub(error);
                            self.sink.client.in_band_error(error, &mut self.out);
                        }
                        _ => {
                            let from = self.out.len();
                            relayed.frame(self.from, &frame, &mut self.out);
                            if last && !frame.data.is_empty() {
                                close_frame(frame.raw, self.from, &mut self.out);
                            }
                            if let Some(keep) = &self.sink.keep
                                && Keep::wants(&frame)
                            {
                                let ended = self.events.iter().any(|event| matches!(event, Event::End));
                                self.keeping = keep.see(&mut self.out, from, ended);
                            }
                        }
                    }
                }
                Way::ReEncode(encoder) => {
                    self.decoder.push(&frame, &mut self.events);
                    for event in &mut self.events {
                        if let Event::Error(error) = event {
                            if !self.committed {
                                continue;
                            }
                            self.sink.secrets.scrub(error);
                        }
                        let keeping =
                            encode(encoder.as_mut(), event, clock.now(), &mut self.out, self.sink.keep.as_ref());
                        self.keeping = self.keeping.take().or(keeping);
                        self.committed |= is_meaningful(event);
                    }
                }
            }
            self.note_events(true);
        }
    }

    /// Lets the recorder know, and ends the stream when an event does. `said`: the upstream said it, and did not just
    /// end.
    fn note_events(&mut self, said: bool) {
        for event in self.events.drain(..) {
            self.sink.recorder.observe(&event);
            if is_meaningful(&event) {
                self.first_token = None;
            }
            match event {
                Event::End => self.state = State::Ended,
                Event::Error(error) => {
                    self.state = State::Ended;
                    if !self.committed {
                        let class = match said {
                            true => Class::of_first_event(error.status),
                            false if self.sink.client.refuse_empty => Class::Empty,
                            false => Class::AfterSend,
                        };
                        self.early_failure = Some(Failure::new(class, error));
                    }
                }
                _ => {}
            }
        }
    }

    /// After the upstream's orderly end: the decoder has said whether the answer is complete.
    fn write_ending(&mut self, clock: &mut Clock) {
        for event in &self.events {
            match (&mut self.sink.way, event) {
                (_, Event::Error(_)) if !self.committed => {}
                (Way::ReEncode(encoder), event) => {
                    let keeping = encode(encoder.as_mut(), event, clock.now(), &mut self.out, self.sink.keep.as_ref());
                    self.keeping = self.keeping.take().or(keeping);
                }
                (Way::Relay(_), Event::Error(error)) => {
                    self.sink.client.in_band_error(error, &mut self.out);
                }
                (Way::Relay(_), Event::End) => self.out.extend_from_slice(self.from.ending()),
                (Way::Relay(_), _) => {}
            }
        }
        self.note_events(false);
    }

    /// The stream cannot go on.
    fn fail(&mut self, class: Class, error: ApiError) {
        self.state = State::Done;
        let event = Event::Error(error);
        self.sink.recorder.observe(&event);
        let Event::Error(error) = &event else { return };
        if !self.committed {
            self.early_failure = Some(Failure::new(class, error.clone()));
            return;
        }
        match &mut self.sink.way {
            Way::ReEncode(encoder) => {
                let mut clock = Clock { started: self.sink.client.started, stamp: None };
                encoder.push(&event, clock.now(), &mut self.out);
            }
            Way::Relay(_) => self.sink.client.in_band_error(error, &mut self.out),
        }
    }
}

/// Writes an event; where that ended an answer that is to be kept, its last frame comes out of the future.
fn encode(
    encoder: &mut dyn StreamEncoder,
    event: &Event,
    at: Stamp,
    out: &mut Vec<u8>,
    keep: Option<&Keep>,
) -> Option<Keeping> {
    let from = out.len();
    encoder.push(event, at, out);
    // Frames that hold the whole answer come with such events, or first of all.
    let keep = keep.filter(|_| !is_meaningful(event) || out[from..].starts_with(b"event: response.created"))?;
    keep.see(out, from, matches!(event, Event::End))
}

/// Whether an event is a part of an answer: after it, no other target can give one.
fn is_meaningful(event: &Event) -> bool {
    !matches!(event, Event::Start(_) | Event::Usage(_) | Event::Finish(_) | Event::End | Event::Error(_))
}

/// Reads what comes after the end of a stream, as a rule the body's last chunk alone, so that the connection can
/// serve again. The client does not wait for it.
fn linger(body: AnswerBody) {
    tokio::spawn(async move {
        // Whatever comes, or does not, the client has its answer.
        let _ = tokio::time::timeout(LINGER.0, body.collect(LINGER.1)).await;
    });
}

/// Reads the clock at most once a batch.
struct Clock {
    started: Instant,
    stamp: Option<Stamp>,
}

impl Clock {
    fn now(&mut self) -> Stamp {
        *self.stamp.get_or_insert_with(|| stamp(self.started))
    }
}

/// This moment, for a request that came in at `started`.
pub(crate) fn stamp(started: Instant) -> Stamp {
    let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Stamp { unix_nanos: nanos(unix), elapsed_nanos: nanos(started.elapsed()) }
}

/// A stream's last frame may lack its terminator; a client's parser needs it.
fn close_frame(raw: &[u8], dialect: &dyn Dialect, out: &mut Vec<u8>) {
    match dialect.framing() {
        lingate_codec::frame::Framing::Sse if !(raw.ends_with(b"\n\n") || raw.ends_with(b"\n\r\n")) => {
            out.extend_from_slice(b"\n\n");
        }
        lingate_codec::frame::Framing::Ndjson if !raw.ends_with(b"\n") => out.push(b'\n'),
        _ => {}
    }
}

/// What clients are told when the server's patience is over.
pub(crate) fn shutting_down() -> ApiError {
    ApiError::new(503, "the gateway is shutting down").with_code("shutting_down")
}

/// An upstream's failure as the client is told of it.
pub(crate) fn from_upstream(error: &UpstreamError) -> ApiError {
    ApiError::new(error.status, error.message.clone()).with_code(error.code)
}
