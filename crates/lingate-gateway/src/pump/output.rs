//! What a pump has written, and how single frames and events are written, whichever way the answer goes.

use super::Clock;
use crate::answering::Client;
use crate::responses::{Keep, Keeping};
use crate::secrets::Secrets;
use lingate_codec::dialect::{Dialect, StreamEncoder};
use lingate_codec::frame::{Frame, Framing};
use lingate_codec::ir::{ApiError, Event};
use lingate_codec::relay::RelayedAnswer;
use std::sync::Arc;

/// So many frames without meaning a relayed stream may begin with before its head goes out: whatever comes after
/// them is of a kind that lingate does not know, and not to be held back.
const PRELUDE: usize = 3;

/// The client's end of a pump.
pub(super) struct Output {
    pub(super) client: Arc<Client>,
    /// The dialect that the answer comes in.
    pub(super) from: &'static dyn Dialect,
    /// What no error may quote.
    pub(super) secrets: Secrets,
    /// Stores the answer, in a dialect that has state.
    pub(super) keep: Option<Keep>,
    /// Whole frames that the client is to get.
    pub(super) bytes: Vec<u8>,
    /// The stream's last bytes, on their way into the store.
    pub(super) keeping: Option<Keeping>,
    /// Whether anything that matters was written; before that, an error can still become a status.
    pub(super) committed: bool,
    /// Whether somebody waits for the first piece of content.
    pub(super) awaited: bool,
    /// Frames that came before anything that matters.
    quiet: usize,
}

impl Output {
    pub(super) fn new(client: Arc<Client>, from: &'static dyn Dialect, secrets: Secrets, keep: Option<Keep>) -> Self {
        Self {
            client,
            from,
            secrets,
            keep,
            bytes: Vec::new(),
            keeping: None,
            committed: false,
            awaited: false,
            quiet: 0,
        }
    }

    /// Whether nothing hangs on what is in the next frame.
    pub(super) fn is_under_way(&self) -> bool {
        self.committed && !self.awaited
    }

    /// Notes whether content came.
    pub(super) fn hear(&mut self, events: &[Event]) {
        self.awaited = self.awaited && !events.iter().any(is_meaningful);
    }

    /// Notes whether a frame commits the head.
    pub(super) fn commit_by(&mut self, frame: &Frame<'_>, events: &[Event]) {
        self.hear(events);
        if !self.committed {
            self.quiet += usize::from(!frame.data.is_empty());
            self.committed = self.quiet > PRELUDE || events.iter().any(is_meaningful);
        }
    }

    /// Writes a frame as it came. `events`: what was read out of it; an error that the client could not read, or must
    /// not, is written anew. `last`: the frame may lack its end.
    pub(super) fn relay(&mut self, relayed: &mut RelayedAnswer, frame: &Frame<'_>, events: &mut [Event], last: bool) {
        let error = events.iter_mut().find_map(|event| match event {
            Event::Error(error) => Some(error),
            _ => None,
        });
        match error {
            Some(_) if !self.committed => {}
            Some(error) if !self.client.dialect.is_error_frame(&frame.data) || self.secrets.are_in(frame.raw) => {
                self.secrets.scrub(error);
                self.client.in_band_error(error, &mut self.bytes);
            }
            _ => {
                let from = self.bytes.len();
                relayed.frame(self.from, frame, &mut self.bytes);
                if last && !frame.data.is_empty() {
                    close_frame(frame.raw, self.from, &mut self.bytes);
                }
                if let Some(keep) = &self.keep
                    && Keep::wants(frame)
                {
                    let ended = events.iter().any(|event| matches!(event, Event::End));
                    self.keeping = keep.see(&mut self.bytes, from, ended);
                }
            }
        }
    }

    /// Writes events; where that ended an answer that is to be kept, its last frame comes out of a future.
    pub(super) fn encode(&mut self, encoder: &mut dyn StreamEncoder, events: &mut [Event], clock: &mut Clock) {
        for event in events {
            if let Event::Error(error) = event {
                if !self.committed {
                    continue;
                }
                self.secrets.scrub(error);
            }
            let from = self.bytes.len();
            encoder.push(event, clock.now(), &mut self.bytes);
            let meaningful = is_meaningful(event);
            self.committed |= meaningful;
            // Frames that hold the whole answer come with such events, or first of all.
            if let Some(keep) = &self.keep
                && (!meaningful || self.bytes[from..].starts_with(b"event: response.created"))
                && let Some(keeping) = keep.see(&mut self.bytes, from, matches!(event, Event::End))
            {
                self.keeping.get_or_insert(keeping);
            }
        }
    }

    /// Writes what ends a relayed stream that its upstream only closed.
    pub(super) fn end_relay(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Error(error) => self.in_band_error(error),
                Event::End => self.bytes.extend_from_slice(self.from.ending()),
                _ => {}
            }
        }
    }

    /// Writes an error, unless it can still become a status.
    pub(super) fn in_band_error(&mut self, error: &ApiError) {
        if self.committed {
            self.client.in_band_error(error, &mut self.bytes);
        }
    }
}

/// Whether an event is a part of an answer: after it, no other target can give one.
pub(super) fn is_meaningful(event: &Event) -> bool {
    !matches!(event, Event::Start(_) | Event::Usage(_) | Event::Finish(_) | Event::End | Event::Error(_))
}

/// A stream's last frame may lack its terminator; a client's parser needs it.
fn close_frame(raw: &[u8], dialect: &dyn Dialect, out: &mut Vec<u8>) {
    match dialect.framing() {
        Framing::Sse if !(raw.ends_with(b"\n\n") || raw.ends_with(b"\n\r\n")) => {
            out.extend_from_slice(b"\n\n");
        }
        Framing::Ndjson if !raw.ends_with(b"\n") => out.push(b'\n'),
        _ => {}
    }
}
