//! The pump: an upstream's stream to the client's, frame by frame, with back-pressure and nothing held back.
//!
//! All that is ready is read and written in one go; as soon as nothing is ready, what there is goes out. The
//! decoder sees every frame whichever way the answer travels, so usage, finish and errors have one code path.

mod first_token;
mod intercept;
mod output;
mod silence;
mod stop;
mod way;

use crate::answering::Client;
use crate::error::{Class, Failure};
use crate::headers::REPAIRED;
use crate::recorder::Recorder;
use crate::responses::Keep;
use crate::secrets::Secrets;
use crate::upstream::{AnswerBody, UpstreamError, Woken};
use bytes::Bytes;
use first_token::FirstTokenWatch;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use lingate_codec::dialect::{Dialect, Stamp, StreamDecoder, StreamEncoder};
use lingate_codec::frame::{DEFAULT_CAP, Framer};
use lingate_codec::ir::{ApiError, Event, Operation};
use lingate_codec::relay::sign_of_life;
use output::Output;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

pub(crate) use first_token::FirstToken;
pub(crate) use intercept::Intercept;
pub(crate) use silence::Silence;
pub(crate) use stop::{Stop, StopWatch};
pub(crate) use way::Way;

/// When so much is ready, it is written before more is read.
const BATCH: usize = 64 * 1024;
/// How long, and how many bytes, an upstream may still send after the end of its stream.
const LINGER: (Duration, u64) = (Duration::from_secs(1), 64 * 1024);

/// What a pump is made from.
pub struct Source {
    /// The upstream's answer.
    pub body: AnswerBody,
    /// The dialect that it comes in.
    pub dialect: &'static dyn Dialect,
    /// What was asked.
    pub operation: Operation,
    /// When the first piece of content must have come.
    pub(crate) first_token: Option<FirstToken>,
}

/// The client's side of a pump.
pub struct Sink {
    /// The client.
    pub(crate) client: Arc<Client>,
    /// How the answer travels.
    pub(crate) way: Way,
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
    way: Way,
    output: Output,
    recorder: Recorder,
    stop: StopWatch,
    events: Vec<Event>,
    early_failure: Option<Failure>,
    /// Notices when the first piece of content is late; gone when that has come.
    first_token: Option<FirstTokenWatch>,
    state: State,
    /// Notices when the client has heard nothing for long.
    silence: Option<Silence>,
    /// Writes the signs of life of a relayed stream; made for the first one.
    signs: Option<Box<dyn StreamEncoder>>,
    /// What is said after the end.
    trailers: Option<HeaderMap>,
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
        let mut output = Output::new(sink.client, source.dialect, sink.secrets, sink.keep);
        output.awaited = source.first_token.is_some();
        Self {
            framer: Framer::new(source.dialect.framing(), DEFAULT_CAP),
            decoder: source.dialect.stream_decoder(source.operation),
            body: source.body,
            way: sink.way,
            output,
            recorder: sink.recorder,
            stop: sink.stop,
            events: Vec::new(),
            early_failure: None,
            first_token: source.first_token.map(FirstTokenWatch::new),
            state: State::Open,
            silence: None,
            signs: None,
            trailers: None,
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
            if self.output.committed || self.state != State::Open { Poll::Ready(()) } else { Poll::Pending }
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
        self.state != State::Open && !self.output.committed
    }

    /// Its recorder.
    pub fn recorder(&mut self) -> &mut Recorder {
        &mut self.recorder
    }

    /// Gives the recorder back when the answer is not to be used.
    pub fn into_recorder(self) -> Recorder {
        self.recorder
    }

    /// The body's next frame, for hyper.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(waker) = self.woken.before(cx) else { return Poll::Pending };
        self.dry = false;
        let polled = self.poll_next(&mut Context::from_waker(&waker));
        // After a frame that took all there was, nothing is to be asked for: all know whom to wake.
        let waits = self.dry
            && self.output.keeping.is_none()
            && self.first_token.is_none()
            && self.silence.as_ref().is_none_or(|silence| silence.is_set(&waker));
        self.woken.after(polled.is_ready() && !(waits && self.state == State::Open));
        polled
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.output.committed = true;
        if self.output.bytes.is_empty() {
            self.fill(cx);
        }
        if !self.output.bytes.is_empty() {
            // What goes out is what came last: its time is the one that the upstream's body noted.
            if let Some(silence) = &mut self.silence {
                silence.broken(self.body.last());
            }
            return self.written();
        }
        if let Some(keeping) = &mut self.output.keeping {
            let bytes = std::task::ready!(keeping.as_mut().poll(cx));
            self.output.keeping = None;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from(bytes)))));
        }
        match self.state {
            State::Open if self.silence.as_mut().is_some_and(|silence| silence.poll(cx).is_ready()) => {
                self.sign_of_life();
                return self.written();
            }
            State::Open => return Poll::Pending,
            State::Ended => {
                self.state = State::Done;
                linger(std::mem::replace(&mut self.body, AnswerBody::whole(Bytes::new())));
            }
            State::Done => {}
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    /// What is ready for the client.
    fn written(&mut self) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(std::mem::take(&mut self.output.bytes))))))
    }

    /// Writes something without meaning. The output holds whole frames alone, so this stands between two of them.
    fn sign_of_life(&mut self) {
        let client = &self.output.client;
        let at = stamp(client.started);
        match &mut self.way {
            Way::ReEncode(encoder, _) => encoder.keep_alive(at, &mut self.output.bytes),
            Way::Relay(_) | Way::Intercept(_) => {
                let signs = self.signs.get_or_insert_with(|| client.dialect.stream_encoder(client.context()));
                sign_of_life(&mut **signs, self.framer.saw_id(), at, &mut self.output.bytes);
            }
        }
    }

    /// Moves all that is ready from upstream to the output.
    fn fill(&mut self, cx: &mut Context<'_>) {
        if self.state == State::Open && self.stop.poll(cx).is_ready() {
            self.fail(Class::Fault, shutting_down());
        }
        let mut clock = Clock { started: self.output.client.started, stamp: None };
        while self.state != State::Done && self.output.bytes.len() < BATCH {
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
                    self.output.bytes.reserve(bytes.len() + 64);
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
                        // The decoder says whether the answer is complete.
                        self.decoder.finish(&mut self.events);
                        self.way.end(&mut self.events, &mut self.output, &mut clock);
                        let empty = if self.output.client.refuse_empty { Class::Empty } else { Class::AfterSend };
                        self.note_events(|_| empty);
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
            let decoder = self.decoder.as_mut();
            self.way.frame(&frame, decoder, &mut self.events, &mut self.output, clock, last);
            if !self.output.awaited {
                self.first_token = None;
            }
            self.note_events(|error| Class::of_first_event(error.status));
        }
    }

    /// Lets the recorder know, and ends the stream when an event does. `class`: of an error while the head is held.
    fn note_events(&mut self, class: impl Fn(&ApiError) -> Class) {
        let mut ended = false;
        for event in self.events.drain(..) {
            self.recorder.observe(&event);
            match event {
                Event::End => ended = true,
                Event::Error(error) => {
                    ended = true;
                    if !self.output.committed {
                        self.early_failure = Some(Failure::new(class(&error), error));
                    }
                }
                _ => {}
            }
        }
        if ended {
            self.state = State::Ended;
            self.note_repaired();
        }
    }

    /// The stream cannot go on.
    fn fail(&mut self, class: Class, error: ApiError) {
        let mut clock = Clock { started: self.output.client.started, stamp: None };
        self.events.push(Event::Error(error));
        self.way.end(&mut self.events, &mut self.output, &mut clock);
        self.note_events(|_| class);
        self.state = State::Done;
    }

    /// Says how many calls were made of text.
    fn note_repaired(&mut self) {
        let repaired = self.way.repaired();
        let count = repaired.iter().map(|(_, count)| *count).sum::<u32>();
        if count > 0 {
            self.recorder.repaired(repaired);
            if self.output.client.trailers {
                self.trailers = Some(HeaderMap::from_iter([(REPAIRED, HeaderValue::from(count))]));
            }
        }
    }
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

/// What clients are told when the server's patience is over.
pub(crate) fn shutting_down() -> ApiError {
    ApiError::new(503, "the gateway is shutting down").with_code("shutting_down")
}

/// An upstream's failure as the client is told of it.
pub(crate) fn from_upstream(error: &UpstreamError) -> ApiError {
    ApiError::new(error.status, error.message.clone()).with_code(error.code.clone())
}
