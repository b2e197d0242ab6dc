//! A stream that is relayed while transforms watch, until one of them changes something.
//!
//! A frame whose events pass unchanged goes out as it came. One whose text is held back waits, and all that come behind
//! it; they go out as they came when the text is let go unchanged. Where a transform changes something, the frames that
//! wait are written anew, and so is the rest of the stream: the encoder has followed what the client got, so it goes on
//! from there. If it cannot (the upstream's stream was none that it could have written), nothing is changed at all.

use super::Clock;
use super::output::Output;
use crate::transforms::Chain;
use lingate_codec::dialect::{StreamDecoder, StreamEncoder};
use lingate_codec::frame::{DEFAULT_CAP, Frame, Framer};
use lingate_codec::ir::Event;
use lingate_codec::relay::RelayedAnswer;

/// So many bytes of frames may wait, in bytes, before another is added. With more the stream is written anew: what is
/// held back of its text is bounded by the transforms.
const MOST_WAITING: usize = 64 * 1024;

/// An intercepted stream.
pub(crate) struct Intercept {
    relayed: RelayedAnswer,
    /// `None` when it was handed over.
    chain: Option<Chain>,
    /// Made when the answer's head is known.
    encoder: Option<Box<dyn StreamEncoder>>,
    /// Whether the client sees its own name of the model.
    renames: bool,
    /// The frames that wait, and what the transforms made of them.
    waiting: Vec<u8>,
    events: Vec<Event>,
    /// Whether the last frame that waits is the stream's last.
    waits_last: bool,
}

/// How the stream goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Watch,
    Relay,
    ReEncode,
}

impl Intercept {
    /// `renames`: whether the answer's model gets the name that the client asked for.
    pub(crate) fn new(relayed: RelayedAnswer, chain: Chain, renames: bool) -> Self {
        Self {
            relayed,
            chain: Some(chain),
            encoder: None,
            renames,
            waiting: Vec::new(),
            events: Vec::new(),
            waits_last: false,
        }
    }

    /// See [`super::Way::frame`].
    pub(super) fn frame(
        &mut self,
        frame: &Frame<'_>,
        decoder: &mut dyn StreamDecoder,
        events: &mut Vec<Event>,
        output: &mut Output,
        clock: &mut Clock,
        last: bool,
    ) -> Next {
        let Some(chain) = &mut self.chain else { return Next::Relay };
        // Nearly every frame holds a piece that no transform looks for.
        if self.waiting.is_empty()
            && output.is_under_way()
            && !last
            && let Some(encoder) = &mut self.encoder
            && let Some(piece) = decoder.glance(frame)
            && chain.lets_pass(&piece)
        {
            decoder.skip(frame, &piece);
            encoder.follow_piece(&piece);
            output.relay(&mut self.relayed, frame, &mut [], false);
            return Next::Watch;
        }
        decoder.push(frame, events);
        output.commit_by(frame, events);
        if !output.committed && events.iter().any(|event| matches!(event, Event::Error(_))) {
            return Next::Watch;
        }
        chain.run(events);
        if chain.changed() {
            return self.take_over(Some(frame), events, output, clock, last);
        }
        let silent = events.is_empty();
        let waits = chain.holds() || (silent && (!self.waiting.is_empty() || output.from.announces(frame)));
        if waits && self.waiting.len() < MOST_WAITING {
            self.waiting.extend_from_slice(frame.raw);
            self.waits_last = last;
            self.events.extend(events.iter().cloned());
            return Next::Watch;
        }
        if waits {
            return self.take_over(Some(frame), events, output, clock, last);
        }
        self.release(output, clock);
        self.relay(frame, events, output, clock, last);
        Next::Watch
    }

    /// See [`super::Way::end`].
    pub(super) fn end(&mut self, events: &mut Vec<Event>, output: &mut Output, clock: &mut Clock) -> Next {
        let Some(chain) = &mut self.chain else { return Next::Relay };
        chain.run(events);
        if chain.changed() {
            return self.take_over(None, events, output, clock, false);
        }
        self.release(output, clock);
        output.end_relay(events);
        Next::Watch
    }

    /// From here on the stream is written, if it can be.
    fn take_over(
        &mut self,
        frame: Option<&Frame<'_>>,
        events: &mut Vec<Event>,
        output: &mut Output,
        clock: &mut Clock,
        last: bool,
    ) -> Next {
        let encoder = encoder(&mut self.encoder, self.renames, self.events.iter().chain(&*events), output);
        if encoder.can_go_on() {
            output.encode(encoder.as_mut(), &mut self.events, clock);
            output.encode(encoder.as_mut(), events, clock);
            return Next::ReEncode;
        }
        tracing::debug!("an answer was not changed: its stream cannot be gone on with");
        self.release(output, clock);
        match frame {
            Some(frame) => output.relay(&mut self.relayed, frame, events, last),
            None => output.end_relay(events),
        }
        Next::Relay
    }

    /// Relays the frames that wait.
    fn release(&mut self, output: &mut Output, clock: &mut Clock) {
        if self.waiting.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        let mut framer = Framer::new(output.from.framing(), DEFAULT_CAP.saturating_add(MOST_WAITING));
        framer.push(&waiting);
        framer.finish();
        let mut events = std::mem::take(&mut self.events);
        let mut seen = 0;
        while let Ok(Some(frame)) = framer.next_frame() {
            seen += frame.raw.len();
            let last = self.waits_last && seen == waiting.len();
            self.relay(&frame, &mut events, output, clock, last);
            events.clear();
        }
    }

    /// Relays a frame, and lets the encoder know.
    fn relay(&mut self, frame: &Frame<'_>, events: &mut [Event], output: &mut Output, clock: &mut Clock, last: bool) {
        // Before the answer's head there is nothing to go on from.
        if self.encoder.is_some() || !events.is_empty() {
            encoder(&mut self.encoder, self.renames, events.iter(), output).follow(frame, events, clock.now());
        }
        output.relay(&mut self.relayed, frame, events, last);
    }

    /// What relays the rest of the stream.
    pub(super) fn give_up(&mut self) -> RelayedAnswer {
        std::mem::take(&mut self.relayed)
    }

    /// What writes the rest of the stream.
    pub(super) fn hand_over(&mut self) -> Option<(Box<dyn StreamEncoder>, Chain)> {
        self.encoder.take().zip(self.chain.take())
    }
}

/// The encoder, made with what the first frames tell of the model.
fn encoder<'i, 'e>(
    made: &'i mut Option<Box<dyn StreamEncoder>>,
    renames: bool,
    events: impl Iterator<Item = &'e Event>,
    output: &Output,
) -> &'i mut Box<dyn StreamEncoder> {
    made.get_or_insert_with(|| {
        let mut context = output.client.context();
        if !renames && let Some(Event::Start(start)) = events.into_iter().find(|event| matches!(event, Event::Start(_)))
        {
            context.model.clone_from(&start.model);
        }
        output.client.dialect.stream_encoder(context)
    })
}
