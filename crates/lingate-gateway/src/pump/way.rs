//! The ways of an answer through a pump, chosen at its head.

use super::Clock;
use super::intercept::{Intercept, Next};
use super::output::{Output, is_meaningful};
use crate::transforms::{Chain, Repaired};
use lingate_codec::dialect::{StreamDecoder, StreamEncoder};
use lingate_codec::frame::Frame;
use lingate_codec::ir::Event;
use lingate_codec::relay::RelayedAnswer;

/// How an answer travels.
pub(crate) enum Way {
    /// Frames are copied, the decoder taps.
    Relay(RelayedAnswer),
    /// Frames are copied while transforms watch, and written anew from the first that one of them changes.
    Intercept(Box<Intercept>),
    /// Through decoder, transforms and encoder.
    ReEncode(Box<dyn StreamEncoder>, Option<Chain>),
}

impl Way {
    /// Reads and writes a frame. `events` is left with what the recorder is to see; `last`: the frame may have been cut.
    pub(super) fn frame(
        &mut self,
        frame: &Frame<'_>,
        decoder: &mut dyn StreamDecoder,
        events: &mut Vec<Event>,
        output: &mut Output,
        clock: &mut Clock,
        last: bool,
    ) {
        match self {
            Self::Relay(relayed) => {
                if output.is_under_way() && !last {
                    decoder.tap(frame, events);
                } else {
                    // The first frames decide over the head, and the last may have been cut: they are read.
                    decoder.push(frame, events);
                }
                output.commit_by(frame, events);
                output.relay(relayed, frame, events, last);
            }
            Self::Intercept(intercept) => {
                let next = intercept.frame(frame, decoder, events, output, clock, last);
                self.go_on(next);
            }
            Self::ReEncode(encoder, chain) => {
                decoder.push(frame, events);
                output.hear(events);
                if let Some(chain) = chain {
                    // Text that is held back is a beginning, too.
                    output.committed |= events.iter().any(is_meaningful);
                    chain.run(events);
                }
                output.encode(encoder.as_mut(), events, clock);
            }
        }
    }

    /// Writes the ending of a stream whose upstream ended in order, or failed: `events` are the last there are.
    pub(super) fn end(&mut self, events: &mut Vec<Event>, output: &mut Output, clock: &mut Clock) {
        match self {
            Self::Relay(_) => output.end_relay(events),
            Self::Intercept(intercept) => {
                let next = intercept.end(events, output, clock);
                self.go_on(next);
            }
            Self::ReEncode(encoder, chain) => {
                if let Some(chain) = chain {
                    chain.run(events);
                }
                output.encode(encoder.as_mut(), events, clock);
            }
        }
    }

    /// Takes the way that an intercepted stream goes on in.
    fn go_on(&mut self, next: Next) {
        let Self::Intercept(intercept) = self else { return };
        match next {
            Next::Watch => {}
            Next::Relay => *self = Self::Relay(intercept.give_up()),
            Next::ReEncode => {
                if let Some((encoder, chain)) = intercept.hand_over() {
                    *self = Self::ReEncode(encoder, Some(chain));
                }
            }
        }
    }

    /// The calls that were made of text.
    pub(super) fn repaired(&self) -> Repaired {
        match self {
            Self::ReEncode(_, Some(chain)) => chain.repaired(),
            _ => Repaired::new(),
        }
    }
}
