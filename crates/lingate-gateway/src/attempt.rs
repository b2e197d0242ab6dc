//! One attempt at one target, as a value of its own: it can stand beside another one, and go on inside the answer's
//! body when the client's head had to go out before the upstream's came.

use crate::answering::{Answered, Client, answer, fallback, stream_type};
use crate::body::Body;
use crate::endpoint::EndpointCall;
use crate::error::Failure;
use crate::outgoing::Outgoing;
use crate::pump::{Silence, Stop, StopWatch, shutting_down, stamp};
use crate::recorder::{Made, Recorder};
use crate::route::{Overtakable, Turn};
use crate::snapshot::VirtualModel;
use crate::telemetry::Outcome;
use bytes::Bytes;
use http::HeaderMap;
use lingate_codec::dialect::StreamEncoder;
use lingate_codec::ir::{ApiError, Event};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// All that an attempt needs; it borrows nothing of the request.
pub(crate) struct Attempt {
    pub(crate) client: Arc<Client>,
    pub(crate) model: Arc<VirtualModel>,
    /// Whom it asks.
    pub(crate) turn: Turn,
    /// What is waited before.
    pub(crate) pause: Duration,
    pub(crate) call: EndpointCall,
    pub(crate) outgoing: Outgoing,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) stop: Stop,
}

/// What came of an attempt. The recorder comes back where no stream took it.
pub(crate) struct Ended {
    pub(crate) result: Result<Answered, Failure>,
    pub(crate) recorder: Option<Recorder>,
    /// Which of the model's targets it was.
    pub(crate) target: usize,
    /// The attempt beside it, which had failed before.
    pub(crate) other: Option<(usize, Failure)>,
}

/// An attempt under way that can move into a body.
type Running = Pin<Box<dyn Future<Output = Ended> + Send>>;

impl Attempt {
    async fn run(self) -> Ended {
        let Self { client, model, turn, pause, call, outgoing, mut recorder, stop } = self;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let index = turn.target;
        let target = &model.targets[index];
        let result = match target.endpoint.call(call).await {
            Ok(reply) => answer(&client, target, &outgoing, reply, &mut recorder, &stop).await,
            Err(failure) => Err(failure),
        };
        turn.ended(&model, result.as_ref().map(|_| ()));
        Ended { result, recorder, target: index, other: None }
    }
}

impl Ended {
    fn recorder(&mut self) -> Option<&mut Recorder> {
        match &mut self.result {
            Ok(Answered { body: Body::Stream(pump), .. }) => Some(pump.recorder()),
            _ => self.recorder.as_mut(),
        }
    }

    fn status(&self) -> u16 {
        self.result.as_ref().err().map_or(0, |failure| failure.error.status)
    }
}

/// An attempt under way, and perhaps another one beside it. The first that has the beginning of an answer wins; the
/// other is dropped, which closes its connection.
pub(crate) struct Race {
    running: [Option<(usize, Running)>; 2],
    lost: Option<Ended>,
    /// The first, for when the other one overtakes it.
    first: Option<Overtakable>,
}

impl Race {
    /// Begins with one.
    pub(crate) fn new(attempt: Attempt) -> Self {
        let first = attempt.turn.overtakable(&attempt.model);
        Self { running: [Some((attempt.turn.target, Box::pin(attempt.run()))), None], lost: None, first }
    }

    /// Another one joins.
    pub(crate) fn join(&mut self, attempt: Attempt) {
        self.running[1] = Some((attempt.turn.target, Box::pin(attempt.run())));
    }

    /// Ready with the winner; if both failed, with the one that did so last.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        for lane in 0..2 {
            let Some((_, running)) = &mut self.running[lane] else { continue };
            let Poll::Ready(ended) = running.as_mut().poll(cx) else { continue };
            self.running[lane] = None;
            let has_other = self.running[1 - lane].is_some();
            if ended.result.is_err() && has_other {
                self.lost = Some(ended);
                continue;
            }
            return Poll::Ready(self.won(ended, 1 - lane));
        }
        Poll::Pending
    }

    fn won(&mut self, mut winner: Ended, other: usize) -> Ended {
        let lost = self.lost.take();
        let made = match (&lost, &self.running[other]) {
            (Some(lost), _) => Some(Made { target: lost.target, outcome: Outcome::Error, status: lost.status() }),
            (None, Some((target, _))) => Some(Made { target: *target, outcome: Outcome::Cancelled, status: 0 }),
            (None, None) => None,
        };
        if let (Some(made), Some(recorder)) = (made, winner.recorder()) {
            // Before the other one is dropped, which else would speak for the request.
            recorder.speaks();
            recorder.attempted(made);
        }
        if let (0, Some(_), Some(first)) = (other, &self.running[0], &self.first) {
            first.overtaken();
        }
        self.running[other] = None;
        winner.other = lost.and_then(|lost| Some((lost.target, lost.result.err()?)));
        winner
    }
}

/// Notes a request's failure; the operator's own words, where they are to stand in its place.
pub(crate) fn in_place_of(
    failure: &Failure,
    model: &VirtualModel,
    client: &Client,
    recorder: &mut Option<Recorder>,
) -> Option<Answered> {
    if let Some(recorder) = recorder {
        recorder.failed(&failure.error);
    }
    let message = model.config.fallback_message.as_ref().filter(|_| failure.error.status >= 500)?;
    Some(fallback(client, message))
}

/// A stream without an answer yet: its head is out, so there is no other target and no other status any more.
pub struct Waiting {
    /// Gives the rest of the stream, or the error in its place.
    rest: Pin<Box<dyn Future<Output = Result<Body, ApiError>> + Send>>,
    /// Goes on in the answer's stream.
    silence: Option<Silence>,
    client: Arc<Client>,
    encoder: Box<dyn StreamEncoder>,
    stop: StopWatch,
    /// Whether the sign of life that committed the head is still to be written.
    due: bool,
}

/// What a client gets while it waits.
pub(crate) enum Waited {
    /// A sign of life.
    Sign(Bytes),
    /// The answer, or the error in its place.
    Answer(Body),
}

impl Waiting {
    /// The first sign of life is due at once.
    pub(crate) fn new(
        race: Race,
        silence: Option<Silence>,
        client: Arc<Client>,
        model: Arc<VirtualModel>,
        stop: &Stop,
    ) -> Self {
        let encoder = client.dialect.stream_encoder(client.context());
        let rest = Box::pin(rest(race, client.clone(), model));
        Self { rest, silence, client, encoder, stop: stop.watch(), due: true }
    }

    /// As an answer of its own.
    pub(crate) fn answered(self) -> Answered {
        Answered {
            content_type: stream_type(self.client.dialect),
            headers: HeaderMap::new(),
            body: Body::Waiting(Box::new(self)),
        }
    }

    /// What the client gets next.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Waited> {
        if let Poll::Ready(rest) = self.rest.as_mut().poll(cx) {
            let mut body = rest.unwrap_or_else(|error| self.told_inside(error));
            if let Body::Stream(pump) = &mut body {
                pump.watch_silence(self.silence.take());
            }
            return Poll::Ready(Waited::Answer(body));
        }
        if self.stop.poll(cx).is_ready() {
            return Poll::Ready(Waited::Answer(self.told_inside(shutting_down())));
        }
        let silent = self.silence.as_mut().is_some_and(|silence| silence.poll(cx).is_ready());
        if !std::mem::take(&mut self.due) && !silent {
            return Poll::Pending;
        }
        let mut out = Vec::new();
        self.encoder.keep_alive(stamp(self.client.started), &mut out);
        Poll::Ready(Waited::Sign(out.into()))
    }

    /// An error as all of the answer: whole in dialects whose answers must begin before they can fail.
    fn told_inside(&mut self, error: ApiError) -> Body {
        let mut out = Vec::new();
        self.encoder.push(&Event::Error(error), stamp(self.client.started), &mut out);
        // What failed is not stored, so nothing is held back here.
        drop(self.client.keep.as_ref().and_then(|keep| keep.see(&mut out, 0, false)));
        out.into()
    }
}

/// The rest of a stream whose head is out.
async fn rest(mut race: Race, client: Arc<Client>, model: Arc<VirtualModel>) -> Result<Body, ApiError> {
    let Ended { result, mut recorder, .. } = poll_fn(|cx| race.poll(cx)).await;
    let answered = match result {
        Ok(answered) => answered,
        Err(failure) => in_place_of(&failure, &model, &client, &mut recorder).ok_or(failure.error)?,
    };
    Ok(match &client.keep {
        Some(keep) => keep.body(answered.body, true).await,
        None => answered.body,
    })
}
