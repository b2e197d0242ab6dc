//! A chat's attempts, one after the other or, where the model is hedged, two beside each other, until one answers.

use crate::answering::{Answered, Client, answer};
use crate::attempt::{Attempt, Ended, Race, Waiting};
use crate::body::Body;
use crate::endpoint::{CallLimits, EndpointCall};
use crate::error::Failure;
use crate::headers;
use crate::outgoing::{Incoming, Outgoing, prepare};
use crate::pipeline::{Exchange, Served};
use crate::pump::Silence;
use crate::recorder::{Made, Place, Recorder};
use crate::route::{self, Asker, Turn, Walk};
use crate::snapshot::VirtualModel;
use crate::telemetry::Outcome;
use crate::told::{Told, tell_failure};
use lingate_codec::ir::ApiError;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::Sleep;

/// A client whose request became a job hears so soon that it lives: the job may have to wait for a machine.
const JOB_SIGN: Duration = Duration::from_secs(1);

/// A chat on its way to an answer.
#[derive(Clone, Copy)]
pub(crate) struct Tries<'a> {
    /// The request.
    pub(crate) exchange: &'a Exchange<'a>,
    /// Its body.
    pub(crate) incoming: &'a Incoming<'a>,
    /// The model.
    pub(crate) model: &'a Arc<VirtualModel>,
    /// The client's side.
    pub(crate) client: &'a Arc<Client>,
}

/// A request for one target, ready to go.
struct Ready {
    outgoing: Outgoing,
    told: Told,
}

/// What is noticed while an attempt is under way.
enum Heard {
    Ended(Box<Ended>),
    /// It is time for a second attempt beside it.
    Slow,
    /// The client has heard nothing for too long.
    Silent,
}

impl<'a> Tries<'a> {
    /// Tries targets until one answers or the table of retries says that it is enough. A client that wants a stream and
    /// has heard nothing for too long gets its head and a sign of life; the attempt of that moment is then the last one.
    pub(crate) async fn run(&self, recorder: &mut Option<Recorder>) -> Served {
        let mut walk = self.walk();
        let mut silence = self.client.keep_alive.filter(|_| self.client.stream).map(Silence::new);
        let (mut pause, mut before) = (Duration::ZERO, Before::default());
        loop {
            let turn = walk.turn().after(pause);
            let (target, first) = (turn.target, turn.target);
            let ready = match self.ready(target) {
                Ok(ready) => ready,
                Err(refusal) => {
                    before.refused(refusal);
                    if !walk.pass_by(turn, None) {
                        pause = before.without_others(self.exchange, &mut walk, self.model)?;
                    }
                    continue;
                }
            };
            if let Some(recorder) = recorder {
                recorder.attempt(Place { model: self.model.clone(), target });
            }
            if let Some(silence) = silence.as_mut().filter(|_| self.model.targets[target].endpoint.backend.jobs) {
                silence.first_within(JOB_SIGN);
            }
            let after = walk.hedge_after().map(|after| after + pause);
            let (result, target, told) = if silence.is_none() && after.is_none() {
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                (self.direct(turn, &ready, recorder).await, target, ready.told)
            } else {
                let twin = after.and(recorder.as_mut()).map(Recorder::twin);
                let mut race = Race::new(self.attempt(turn, ready.outgoing, recorder.take(), pause));
                let mut beside = Beside { timer: after.map(tokio::time::sleep).map(Box::pin), twin, told: None };
                match self.race(&mut race, &mut beside, &mut walk, &mut silence).await {
                    Some(ended) => {
                        *recorder = ended.recorder;
                        if let Some((other, failure)) = &ended.other {
                            walk.note(*other, failure, self.exchange.started.elapsed());
                        }
                        let told = beside.told.filter(|_| ended.target != first).unwrap_or(ready.told);
                        (ended.result, ended.target, told)
                    }
                    None => {
                        let stop = &self.exchange.gateway.stop;
                        let waiting = Waiting::new(race, silence, self.client.clone(), self.model.clone(), stop);
                        return Ok(ready.told.respond(waiting.answered(), walk.number()));
                    }
                }
            };
            let mut failure = match result {
                Ok(mut answered) => {
                    if let Body::Stream(pump) = &mut answered.body {
                        pump.watch_silence(silence);
                    }
                    return Ok(told.respond(answered, walk.number()));
                }
                Err(failure) => failure,
            };
            match after_failure(self.exchange, &mut walk, self.model, target, &mut failure) {
                Some(next) => pause = next,
                None => return Err(failure),
            }
            if let Some(recorder) = recorder {
                recorder.attempted(Made { target, outcome: Outcome::Error, status: failure.error.status });
            }
            before.failed(target, failure);
        }
    }

    fn walk(&self) -> Walk {
        let object = &self.incoming.envelope.object;
        let (name, key) = (&self.model.config.name, self.exchange.client_key.as_deref());
        walk(self.exchange, self.model, None, &|| route::conversation_key(name, key, Some(object)))
    }

    fn ready(&self, target: usize) -> Result<Ready, Failure> {
        let (exchange, target) = (self.exchange, &self.model.targets[target]);
        let known = |name: &str| exchange.gateway.lists.context_now(&exchange.snapshot, &target.endpoint, name);
        let outgoing = prepare(self.incoming, self.model, target, &known)?;
        let told = Told::new(target, &outgoing.lost, outgoing.warning.as_deref());
        Ok(Ready { outgoing, told })
    }

    fn call(&self, target: usize, outgoing: &Outgoing) -> EndpointCall {
        let mut call = EndpointCall::work(outgoing.path.clone(), outgoing.body.clone());
        call.limits = self.model.targets[target].call_limits(outgoing.stream);
        headers::pass(&self.exchange.parts.headers, outgoing.relay, self.model, &mut call.headers);
        call.job_status = self.model.config.job_status;
        call
    }

    /// Makes an attempt and waits for its end, however long that takes.
    async fn direct(&self, turn: Turn, ready: &Ready, recorder: &mut Option<Recorder>) -> Result<Answered, Failure> {
        let target = &self.model.targets[turn.target];
        let result = match target.endpoint.call(self.call(turn.target, &ready.outgoing)).await {
            Ok(reply) => {
                answer(self.client, target, &ready.outgoing, reply, recorder, &self.exchange.gateway.stop).await
            }
            Err(failure) => Err(failure),
        };
        turn.ended(self.model, result.as_ref().map(|_| ()));
        result
    }

    /// The same as a value of its own.
    fn attempt(&self, turn: Turn, outgoing: Outgoing, recorder: Option<Recorder>, pause: Duration) -> Attempt {
        let call = self.call(turn.target, &outgoing);
        Attempt {
            client: self.client.clone(),
            model: self.model.clone(),
            turn,
            pause,
            call,
            outgoing,
            recorder,
            stop: self.exchange.gateway.stop.clone(),
        }
    }

    /// Waits for the end of an attempt, and of one beside it when that becomes due; `None`: the client has heard
    /// nothing for too long.
    // No `async fn`: it is boxed, so that it takes no room in the future of a request that has no use for it.
    fn race<'r>(
        &'r self,
        race: &'r mut Race,
        beside: &'r mut Beside,
        walk: &'r mut Walk,
        silence: &'r mut Option<Silence>,
    ) -> Pin<Box<dyn Future<Output = Option<Ended>> + Send + 'r>> {
        Box::pin(async move {
            loop {
                let heard = poll_fn(|cx| {
                    if let Poll::Ready(ended) = race.poll(cx) {
                        return Poll::Ready(Heard::Ended(Box::new(ended)));
                    }
                    if beside.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready()) {
                        return Poll::Ready(Heard::Slow);
                    }
                    match silence {
                        Some(silence) => silence.poll(cx).map(|()| Heard::Silent),
                        None => Poll::Pending,
                    }
                });
                match heard.await {
                    Heard::Ended(ended) => return Some(*ended),
                    Heard::Slow => self.hedge(race, beside, walk),
                    Heard::Silent => return None,
                }
            }
        })
    }

    fn hedge(&self, race: &mut Race, beside: &mut Beside, walk: &mut Walk) {
        beside.timer = None;
        let Some(turn) = walk.hedge() else { return };
        // What the other target cannot take is not asked of it.
        let Ok(ready) = self.ready(turn.target) else {
            walk.is_unable(turn);
            return;
        };
        if let Some(twin) = &mut beside.twin {
            twin.attempt(Place { model: self.model.clone(), target: turn.target });
        }
        beside.told = Some(ready.told);
        race.join(self.attempt(turn, ready.outgoing, beside.twin.take(), Duration::ZERO));
    }
}

/// What a second attempt needs.
struct Beside {
    /// When it is due.
    timer: Option<Pin<Box<Sleep>>>,
    twin: Option<Recorder>,
    /// What is to be said of it, once it is under way.
    told: Option<Told>,
}

/// The walk of a request over the targets that can serve it (`None`: all); `key`: its conversation.
pub(crate) fn walk(
    exchange: &Exchange<'_>,
    model: &Arc<VirtualModel>,
    able: Option<&[usize]>,
    key: &dyn Fn() -> u64,
) -> Walk {
    Walk::new(model, &Asker { able, key, random: exchange.id.random(), unix: exchange.unix })
}

/// After which pause another attempt follows a failed one; `None`: none does, and the failure is ready for the client.
pub(crate) fn after_failure(
    exchange: &Exchange<'_>,
    walk: &mut Walk,
    model: &VirtualModel,
    target: usize,
    failure: &mut Failure,
) -> Option<Duration> {
    let tried = &model.targets[target];
    let of_endpoint = || exchange.snapshot.config.timeouts_for(&tried.endpoint.config).total;
    let total = tried.limits.map_or_else(of_endpoint, CallLimits::total);
    let next = walk.failed(target, failure, exchange.started.elapsed(), total);
    if next.is_none() {
        walk.give_up(failure);
        tell_failure(failure, tried, walk.number());
    }
    next
}

/// What came of the targets before. Boxed: most requests have none, and each has room for it.
#[derive(Default)]
pub(crate) struct Before {
    refusal: Option<Box<Failure>>,
    failed: Option<Box<(usize, Failure)>>,
}

impl Before {
    /// A target cannot take the request.
    pub(crate) fn refused(&mut self, refusal: Failure) {
        self.refusal.get_or_insert_with(|| Box::new(refusal));
    }

    /// An attempt failed, and another one follows.
    pub(crate) fn failed(&mut self, target: usize, failure: Failure) {
        self.failed = Some(Box::new((target, failure)));
    }

    /// No other target can take the request: after which pause the one that failed last is asked again.
    ///
    /// # Errors
    /// Its failure, if that is enough; or, where none was asked, why the first of them cannot take it.
    pub(crate) fn without_others(
        &mut self,
        exchange: &Exchange<'_>,
        walk: &mut Walk,
        model: &VirtualModel,
    ) -> Result<Duration, Failure> {
        match (&mut self.failed, self.refusal.take()) {
            (Some(failed), _) => {
                let (target, failure) = &mut **failed;
                after_failure(exchange, walk, model, *target, failure).ok_or_else(|| failure.clone())
            }
            (None, Some(refusal)) => Err(*refusal),
            (None, None) => Err(ApiError::new(500, "no target was asked").into()),
        }
    }
}
