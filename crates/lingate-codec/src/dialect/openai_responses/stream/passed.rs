//! What a frame that was passed over has in common with the next: of one text all but the number, the piece and what
//! pads it.

use crate::dialect::{Piece, PieceOf};
use crate::frame::Frame;
use crate::json;

/// A frame of a text that was passed over.
#[derive(Debug)]
pub(super) struct Passed {
    event: Vec<u8>,
    /// The data up to the number.
    before: Vec<u8>,
    /// From there up to the piece.
    after: Vec<u8>,
    of: PieceOf,
    /// As in [`Piece`].
    at: usize,
}

impl Passed {
    /// `piece`: what [`super::quick`] read in the frame.
    pub(super) fn of(frame: &Frame<'_>, piece: &Piece<'_>) -> Option<Self> {
        const NUMBER: &[u8] = b"\"sequence_number\":";
        let lead = frame.data.get(..piece.start_in(&frame.data)?)?;
        // The type stands before it, which is no name of a member.
        let number = memchr::memmem::find(lead, NUMBER)? + NUMBER.len();
        let (before, rest) = lead.split_at(number);
        let after = rest.get(digits(rest)..)?;
        Some(Self {
            event: frame.event.to_vec(),
            before: before.to_vec(),
            after: after.to_vec(),
            of: piece.of,
            at: piece.at,
        })
    }

    /// The data from the next piece of the same text on.
    pub(super) fn next_text<'f>(&self, frame: &'f Frame<'_>) -> Option<&'f [u8]> {
        if frame.event != self.event {
            return None;
        }
        let rest = frame.data.strip_prefix(&*self.before)?;
        let rest = match digits(rest) {
            0 => None,
            // Zeros in front are no JSON.
            1 => rest.get(1..),
            many => rest.get(many..).filter(|_| many <= 18 && rest.first() != Some(&b'0')),
        }?;
        rest.strip_prefix(&*self.after)
    }

    /// The next piece of the same text, if it is plain.
    pub(super) fn next<'f>(&self, frame: &'f Frame<'_>) -> Option<Piece<'f>> {
        let (data, rest) = (&*frame.data, self.next_text(frame)?);
        let (escaped, rest) = json::plain_string(data, data.len() - rest.len())?;
        let whole = !escaped.is_empty() && ends(data, rest);
        whole.then_some(Piece { of: self.of, escaped, at: self.at, characters: escaped.len() })
    }
}

/// How many digits a text begins with.
fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Whether nothing that matters is in the rest of the data.
fn ends(data: &[u8], rest: &[u8]) -> bool {
    let rest = rest.strip_prefix(b",\"logprobs\":[]").unwrap_or(rest);
    match rest.strip_prefix(b",\"obfuscation\":\"") {
        None => rest == b"}",
        Some(padding) => json::plain_string(data, data.len() - padding.len()).is_some_and(|(_, rest)| rest == b"}"),
    }
}
