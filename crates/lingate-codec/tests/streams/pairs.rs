//! Lists of events in no order and with no sense, through every pair of dialects: written by the first, read again,
//! and written by the second. `PROPTEST_CASES=1000000` with `--release` is the number that is claimed.

use crate::checker::{Ended, check};
use crate::config;
use crate::events::event;
use crate::support::{EVERY, decode_stream, encode_stream};
use lingate_codec::dialect::DialectId;
use lingate_codec::ir::Event;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::thread;

/// Writes the events, holds the stream to the dialect's rules, and says how it ended.
fn written(dialect: DialectId, events: &[Event]) -> Result<(String, Ended), TestCaseError> {
    let stream = encode_stream(dialect.dialect(), events);
    match check(dialect, &stream) {
        Ok(seen) => Ok((stream, seen.ended)),
        Err(error) => Err(TestCaseError::fail(format!("{}: {error}\n{stream}", dialect.name()))),
    }
}

fn ending(events: &[Event]) -> Ended {
    match events.iter().find(|event| matches!(event, Event::End | Event::Error(_))) {
        None => Ended::Open,
        Some(Event::End) => Ended::Normally,
        Some(_) => Ended::InError,
    }
}

/// The order that a decoder keeps: the start first if at all, one end and that last, and calls numbered without gaps
/// and open while they are told of.
fn in_order(events: &[Event]) -> Result<(), String> {
    let (mut calls, mut closed) = (0, Vec::new());
    for (place, event) in events.iter().enumerate() {
        let kept = match event {
            Event::Start(_) => place == 0,
            Event::End | Event::Error(_) => place + 1 == events.len(),
            Event::ToolCallStart { call, .. } => {
                calls += 1;
                closed.push(false);
                *call + 1 == calls
            }
            Event::ToolCallArguments { call, .. } => closed.get(*call) == Some(&false),
            Event::ToolCallEnd { call } => closed.get_mut(*call).is_some_and(|closed| !std::mem::replace(closed, true)),
            _ => true,
        };
        if !kept {
            return Err(format!("event {place} of {events:?}"));
        }
    }
    if ending(events) == Ended::Open { Err(format!("no end: {events:?}")) } else { Ok(()) }
}

fn through_every_pair(events: &[Event]) -> Result<(), TestCaseError> {
    for upstream in EVERY {
        let (stream, ended) = written(upstream, events)?;
        prop_assert_eq!(ended, ending(events), "{}: {}", upstream.name(), stream);
        let read = decode_stream(upstream.dialect(), [stream.as_bytes()]);
        in_order(&read).map_err(|error| TestCaseError::fail(format!("{}: {error}\n{stream}", upstream.name())))?;
        // What was not ended, and what the dialect calls a failure, must not become a good answer.
        prop_assert!(ended == Ended::Normally || ending(&read) == Ended::InError, "{}: {}", upstream.name(), stream);
        for client in EVERY {
            let (again, ended) = written(client, &read)?;
            prop_assert_eq!(ended, ending(&read), "{} to {}: {}", upstream.name(), client.name(), again);
        }
    }
    Ok(())
}

/// The cases are dealt out to all cores, each with a seed of its own, so that a run repeats.
#[test]
fn any_events_go_through_every_pair() {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let cases = config().cases.div_ceil(u32::try_from(workers).unwrap());
    thread::scope(|scope| {
        for worker in 0..workers {
            scope.spawn(move || {
                let seed = [u8::try_from(worker).unwrap(); 32];
                let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
                let config = Config { cases, ..config() };
                let mut runner = TestRunner::new_with_rng(config, rng);
                let result = runner.run(&vec(event(), 0..32), |events| through_every_pair(&events));
                result.unwrap_or_else(|failure| panic!("worker {worker}: {failure}"));
            });
        }
    });
}
