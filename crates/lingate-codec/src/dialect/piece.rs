//! What a frame holds, told at a glance: for streams that are watched while they are relayed.

use super::halves::Half;
use crate::json::Raw;

/// What a piece is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceOf {
    /// The answer's text.
    Text,
    /// The model's thought.
    Thought,
    /// The arguments of a call.
    Arguments,
}

/// A piece of an answer's content in a frame that holds nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'f> {
    /// What it is of.
    pub of: PieceOf,
    /// The inside of its JSON string as it is written, escapes and all.
    pub escaped: &'f [u8],
    /// Where the decoder keeps book of the text that it is of.
    pub(super) at: usize,
    /// Its length in characters, if the decoder counts them.
    pub(super) characters: usize,
}

impl<'f> Piece<'f> {
    /// A piece that may be passed over: a string that holds something and does not cut a character in two.
    pub(super) fn plain(of: PieceOf, text: Raw<'f>, half: &Half) -> Option<Self> {
        let escaped = text.escaped().filter(|text| !text.is_empty() && half.is_apart_from(text))?;
        Some(Self { of, escaped, at: 0, characters: 0 })
    }

    /// Where it begins in the data that it was read from.
    pub(super) fn start_in(&self, data: &[u8]) -> Option<usize> {
        let start = self.escaped.as_ptr().addr().checked_sub(data.as_ptr().addr())?;
        (data.get(start..)?.len() >= self.escaped.len()).then_some(start)
    }
}
