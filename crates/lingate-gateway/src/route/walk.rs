//! One request's walk over the targets of its model: whom it asks, and what it does when that fails. The decisions are
//! made in `order` and `retry`; here they meet the state that requests share.

use super::breaker::Probe;
use super::circuit::Admits;
use super::order::{Choice, Draw, order};
use super::retry::{Again, Next, Situation, Verdict, decide};
use super::{chance, retry_after};
use crate::error::{Class, Failure};
use crate::snapshot::{Target, VirtualModel};
use lingate_config::{Sticky, Strategy};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A request as the walk sees it.
pub(crate) struct Asker<'a> {
    /// The targets that can serve it, by their places; `None`: all.
    pub able: Option<&'a [usize]>,
    /// Its conversation; asked only where that matters.
    pub key: &'a dyn Fn() -> u64,
    /// A random number.
    pub random: u64,
    /// When it came in, since 1970.
    pub unix: Duration,
}

/// The walk of one request.
pub(crate) struct Walk {
    model: Arc<VirtualModel>,
    stops: Stops,
    /// Attempts made, without hedges.
    made: u32,
    /// The same with hedges.
    number: usize,
    /// Who is to be asked again, when no other is left.
    again: Option<usize>,
    /// The shortest time that a refusing target asked for.
    least: Option<Duration>,
    hedged: bool,
    random: u64,
    unix: Duration,
}

/// A target on the way.
#[derive(Debug, Clone, Copy)]
struct Stop {
    index: usize,
    /// The number of its last attempt; 0: none yet.
    asked: usize,
    /// Until when it wants to be left alone by this request.
    wait_until: Option<Instant>,
    /// Whether it does not want to be asked again.
    closed: bool,
    /// Whether it is asked although it is not well, for want of others.
    resort: bool,
}

/// The targets in the order of trying; most models have one.
enum Stops {
    One([Stop; 1]),
    Many(Vec<Stop>),
}

/// One attempt at a target.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Which of the model's targets.
    pub target: usize,
    /// When it began, where that is of use.
    began: Option<Instant>,
    probe: Option<Probe>,
}

impl Walk {
    /// Chooses the way.
    pub(crate) fn new(model: &Arc<VirtualModel>, asker: &Asker<'_>) -> Self {
        model.state.budget.requested(asker.unix.as_secs());
        let stop = |index| Stop { index, asked: 0, wait_until: None, closed: false, resort: true };
        let only = match asker.able {
            Some([index]) => Some(*index),
            None if model.targets.len() == 1 => Some(0),
            _ => None,
        };
        let stops = match only {
            Some(index) => Stops::One([stop(index)]),
            None => Stops::Many(way(model, asker)),
        };
        Self {
            model: model.clone(),
            stops,
            made: 0,
            number: 0,
            again: None,
            least: None,
            hedged: false,
            random: asker.random,
            unix: asker.unix,
        }
    }

    /// Begins the next attempt.
    pub(crate) fn turn(&mut self) -> Turn {
        self.made += 1;
        let (model, again) = (&self.model, self.again.take());
        let stops = self.stops.all();
        if let ([stop], false) = (&mut *stops, model.config.hedge) {
            self.number += 1;
            stop.asked = self.number;
            let target = &model.targets[stop.index];
            return Turn { target: stop.index, began: None, probe: target.endpoint.breaker().begin_now().1 };
        }
        let now = Instant::now();
        let begun = match again {
            Some(place) => Some((place, model.targets[stops[place].index].endpoint.breaker().begin(now).1)),
            None => begin_other(model, stops, now),
        };
        // Whoever is left is better than nobody: all the circuits are open.
        let (place, probe) = begun.unwrap_or((0, None));
        self.begun(place, probe, now)
    }

    fn begun(&mut self, place: usize, probe: Option<Probe>, now: Instant) -> Turn {
        self.number += 1;
        let number = self.number;
        let stop = &mut self.stops.all()[place];
        stop.asked = number;
        Turn { target: stop.index, began: Some(now), probe }
    }

    /// After how long a second target is asked beside the first; `None`: not at all.
    pub(crate) fn hedge_after(&mut self) -> Option<Duration> {
        let wanted = self.model.config.hedge && !self.hedged && self.others(Instant::now()) > 0;
        if wanted { self.model.state.beginnings().slow() } else { None }
    }

    /// Begins an attempt beside the one under way, if there may be one.
    pub(crate) fn hedge(&mut self) -> Option<Turn> {
        self.hedged = true;
        let now = Instant::now();
        if self.others(now) == 0 || !self.model.state.budget.take(super::unix().as_secs()) {
            return None;
        }
        let (place, probe) = begin_other(&self.model, self.stops.all(), now)?;
        self.model.state.metrics.hedges.inc();
        Some(self.begun(place, probe, now))
    }

    /// Takes note of a failed attempt: after which pause another one follows, if one does. `elapsed`: since the request
    /// came in; `total`: the longest that it may take.
    pub(crate) fn failed(
        &mut self,
        target: usize,
        failure: &Failure,
        elapsed: Duration,
        total: Option<Duration>,
    ) -> Option<Duration> {
        let now = Instant::now();
        let (wait, closed) = (self.note(target, failure, elapsed), is_closed(failure));
        let others = self.others(now);
        let again = self.best_again(now);
        let (budget, second) = (&self.model.state.budget, super::unix().as_secs());
        let situation = Situation {
            class: failure.class,
            made: self.made,
            attempts: self.model.config.retry.attempts.max(1),
            after_send: self.model.config.retry.after_send,
            left: total.map(|total| total.saturating_sub(elapsed)),
            // Who stands here has sent nothing, and a client that leaves takes the walk with it.
            committed: false,
            gone: false,
            others,
            budget: budget.has(second),
            again: match again {
                Some((_, again)) if others == 0 => again,
                _ => Again { wait, closed },
            },
            random: chance::mixed(self.random ^ u64::from(self.made)),
        };
        let Verdict::Next(next, pause) = decide(&situation) else { return None };
        if failure.class == Class::Limited && next == Next::Other {
            self.made -= 1;
            return Some(pause);
        }
        if !budget.take(second) {
            return None;
        }
        self.again = again.map(|(place, _)| place).filter(|_| next == Next::Again);
        self.model.state.metrics.retries.inc();
        Some(pause)
    }

    /// Takes note of a failed attempt that another one outlived; how long its target wants to be left alone.
    pub(crate) fn note(&mut self, target: usize, failure: &Failure, elapsed: Duration) -> Option<Duration> {
        let wait = retry_after::read(&failure.headers, self.unix + elapsed);
        self.least = match (self.least, wait) {
            (Some(least), Some(wait)) => Some(least.min(wait)),
            (least, wait) => least.or(wait),
        };
        if let Some(stop) = self.stops.all().iter_mut().find(|stop| stop.index == target) {
            // A time that no clock reaches is one that nobody waits for.
            // Who waited in a queue of ours in vain does not stand there again.
            let heard = wait.filter(|_| failure.class != Class::Limited);
            stop.wait_until = heard.map(|wait| Instant::now() + wait.min(Duration::from_secs(86_400)));
            stop.closed = is_closed(failure);
        }
        wait
    }

    /// The failure as the client is told of it, when no attempt is left.
    pub(crate) fn give_up(&self, failure: &mut Failure) {
        if failure.class != Class::Fault {
            retry_after::write(&mut failure.headers, self.least);
        }
    }

    /// How many attempts there were, hedges among them.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// How many targets are well and were not asked.
    fn others(&mut self, now: Instant) -> usize {
        let model = &self.model;
        let is_well = |stop: &&Stop| stop.is_free(&model.targets[stop.index], now);
        self.stops.all().iter().filter(is_well).count()
    }

    /// The asked target that would be asked again: one that may be, soon, and was asked long ago.
    fn best_again(&mut self, now: Instant) -> Option<(usize, Again)> {
        let again = |stop: &Stop| Again {
            wait: stop.wait_until.map(|until| until.saturating_duration_since(now)),
            closed: stop.closed,
        };
        let asked = self.stops.all().iter().enumerate().filter(|(_, stop)| stop.asked > 0);
        let all = asked.map(|(place, stop)| (place, stop.asked, again(stop)));
        let best = all.min_by_key(|(_, asked, again)| (again.closed && again.wait.is_none(), again.wait, *asked));
        best.map(|(place, _, again)| (place, again))
    }
}

impl Stop {
    /// Whether it may be asked, and was not.
    fn is_free(&self, target: &Target, now: Instant) -> bool {
        self.asked == 0 && (self.resort || is_well(target, now))
    }
}

impl Stops {
    fn all(&mut self) -> &mut [Stop] {
        match self {
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }
}

/// The order of the targets for this request.
fn way(model: &VirtualModel, asker: &Asker<'_>) -> Vec<Stop> {
    let now = Instant::now();
    let able = |index: &usize| asker.able.is_none_or(|able| able.contains(index));
    let choice = |index: usize| {
        let target = &model.targets[index];
        let (admits, opened) = target.endpoint.breaker().admits(now);
        let (cost, busy_until) = target.state.look(now);
        let (priority, weight, seed) = (target.priority, target.weight, target.seed);
        let admitted = admits != Admits::Nothing && target.endpoint.is_healthy();
        Choice { index, priority, weight, seed, admitted, opened, busy_until, cost }
    };
    let choices: Vec<Choice> = (0..model.targets.len()).filter(able).map(choice).collect();
    let config = &model.config;
    let free = config.strategy == Strategy::Priority || config.sticky == Sticky::Off;
    let has_equals = choices.windows(2).any(|two| two[0].priority == two[1].priority);
    let draw = Draw {
        strategy: config.strategy,
        key: (!free && has_equals).then(asker.key),
        turn: if config.strategy == Strategy::RoundRobin { model.state.turn() } else { 0 },
        random: chance::mixed(asker.random),
    };
    let (order, resort) = order(&choices, &draw, now);
    let stop = |index| Stop { index, asked: 0, wait_until: None, closed: false, resort };
    order.into_iter().map(stop).collect()
}

/// Whether a target is not asked again by the same request, unless it says when.
fn is_closed(failure: &Failure) -> bool {
    matches!(failure.class, Class::Limited | Class::Busy | Class::Denied)
}

fn is_well(target: &Target, now: Instant) -> bool {
    target.endpoint.is_healthy()
        && target.endpoint.breaker().admits(now).0 != Admits::Nothing
        && !target.state.is_busy(now)
}

/// Begins at the first target that is well and was not asked. A probe that another request got meanwhile is passed by.
fn begin_other(model: &VirtualModel, stops: &[Stop], now: Instant) -> Option<(usize, Option<Probe>)> {
    let is_free = |stop: &Stop| stop.is_free(&model.targets[stop.index], now);
    stops.iter().enumerate().filter(|(_, stop)| is_free(stop)).find_map(|(place, stop)| {
        let (admits, probe) = model.targets[stop.index].endpoint.breaker().begin(now);
        (admits != Admits::Nothing || stop.resort).then_some((place, probe))
    })
}

impl Turn {
    /// It begins only after a pause.
    #[must_use]
    pub(crate) fn after(self, pause: Duration) -> Self {
        Self { began: self.began.map(|began| began + pause), ..self }
    }

    /// The attempt is over: it gave the beginning of an answer, or failed. All who come later learn of it.
    pub(crate) fn ended(self, model: &VirtualModel, result: Result<(), &Failure>) {
        let target = &model.targets[self.target];
        let class = result.err().map(|failure| failure.class);
        target.endpoint.breaker().ended(class, Instant::now);
        if let Some(probe) = self.probe.filter(|_| class != Some(Class::Limited)) {
            probe.answered();
        }
        if class.is_some_and(|class| !matches!(class, Class::Fault | Class::Limited)) {
            target.metrics.failed_attempts.inc();
        }
        let Some(began) = self.began else { return };
        let now = Instant::now();
        let took = now.saturating_duration_since(began);
        match result {
            Ok(()) => {
                target.state.observe(took, false, now);
                if model.config.hedge {
                    model.state.beginnings().observe(took);
                }
            }
            Err(failure) if failure.class == Class::Busy => {
                if let Some(wait) = retry_after::read(&failure.headers, super::unix()) {
                    target.state.busy_for(wait, now);
                }
            }
            Err(failure) if matches!(failure.class, Class::Fault | Class::Limited) => {}
            Err(_) => target.state.observe(took, true, now),
        }
    }
}
