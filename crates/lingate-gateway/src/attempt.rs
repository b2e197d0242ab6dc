//! One try at one target, as a value of its own: it can go on inside the answer's body when the client's head had
//! to go out before the upstream's came.

use crate::answering::{Answered, Client, answer, fallback, stream_type};
use crate::body::Body;
use crate::endpoint::EndpointCall;
use crate::error::Failure;
use crate::outgoing::Outgoing;
use crate::pump::{Silence, Stop, StopWatch, shutting_down, stamp};
use crate::recorder::Recorder;
use crate::snapshot::VirtualModel;
use bytes::Bytes;
use http::HeaderMap;
use lingate_codec::dialect::StreamEncoder;
use lingate_codec::ir::{ApiError, Event};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// All that a try needs; it borrows nothing of the request.
pub(crate) struct Attempt {
    pub(crate) client: Arc<Client>,
    pub(crate) model: Arc<VirtualModel>,
    /// Which of the model's targets.
    pub(crate) target: usize,
    pub(crate) call: EndpointCall,
    pub(crate) outgoing: Outgoing,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) stop: Stop,
}

/// What came of a try. The recorder comes back where no stream took it.
pub(crate) struct Ended {
    pub(crate) result: Result<Answered, Failure>,
    pub(crate) recorder: Option<Recorder>,
}

/// A try under way that can move into a body.
pub(crate) type Running = Pin<Box<dyn Future<Output = Ended> + Send>>;

impl Attempt {
    async fn run(self) -> Ended {
        let Self { client, model, target, call, outgoing, mut recorder, stop } = self;
        let target = &model.targets[target];
        let result = match target.endpoint.call(call).await {
            Ok(reply) => answer(&client, target, &outgoing, reply, &mut recorder, &stop).await,
            Err(failure) => Err(failure),
        };
        Ended { result, recorder }
    }
}

/// Makes a try and waits for its end, but no longer than the client may hear nothing.
///
/// # Errors
/// The client has heard nothing for too long: the try itself, still under way.
// No `async fn`: the try goes into its box at once, and takes no room in the future of a request that wants no stream.
pub(crate) fn unless_silent(
    attempt: Attempt,
    silence: &mut Silence,
) -> impl Future<Output = Result<Ended, Running>> + Send {
    let mut running: Running = Box::pin(attempt.run());
    async move {
        let ended = poll_fn(|cx| match running.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending => silence.poll(cx).map(|()| None),
        });
        ended.await.ok_or(running)
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
        running: Running,
        silence: Option<Silence>,
        client: Arc<Client>,
        model: Arc<VirtualModel>,
        stop: &Stop,
    ) -> Self {
        let encoder = client.dialect.stream_encoder(client.context());
        let rest = Box::pin(rest(running, client.clone(), model));
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
async fn rest(running: Running, client: Arc<Client>, model: Arc<VirtualModel>) -> Result<Body, ApiError> {
    let Ended { result, mut recorder } = running.await;
    let answered = match result {
        Ok(answered) => answered,
        Err(failure) => in_place_of(&failure, &model, &client, &mut recorder).ok_or(failure.error)?,
    };
    Ok(match &client.keep {
        Some(keep) => keep.body(answered.body, true).await,
        None => answered.body,
    })
}
