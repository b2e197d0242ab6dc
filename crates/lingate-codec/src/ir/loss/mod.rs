//! What did not survive a translation.

mod locate;

use super::{Concept, OPENAI_THOUGHT};

/// Hints that a target could not take: dropped and reported (field ladder, rungs 2 and 5). Some are dropped by rule
/// and reported only where nothing may be lost (`strict`): they are *quiet*.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loss {
    concepts: Vec<Concept>,
    paths: Vec<String>,
    spots: Vec<Spot>,
    quiet_concepts: Vec<Concept>,
    quiet_paths: Vec<String>,
}

/// A drop whose place is told by bytes of the request's body. The bytes are not kept, only where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spot {
    /// What is said if the place is not found: the bytes were not borrowed from the body.
    word: &'static str,
    address: usize,
    /// Whether it is a neighbour of the member with these bytes that was dropped, the one of the word's last name.
    beside: bool,
    quiet: bool,
}

impl Loss {
    /// Nothing lost.
    pub fn new() -> Self {
        Self::default()
    }

    /// A known member of the request was dropped; its path is looked up in the client's dialect.
    pub fn concept(&mut self, concept: Concept) {
        if !self.concepts.contains(&concept) {
            self.concepts.push(concept);
        }
    }

    /// The same, by rule.
    pub fn quiet_concept(&mut self, concept: Concept) {
        if !self.quiet_concepts.contains(&concept) {
            self.quiet_concepts.push(concept);
        }
    }

    /// The member at this path (in the client's spelling) was dropped.
    pub fn path(&mut self, path: impl Into<String>) {
        push(&mut self.paths, path.into());
    }

    /// The same, by rule.
    pub fn quiet_path(&mut self, path: impl Into<String>) {
        push(&mut self.quiet_paths, path.into());
    }

    /// The member that holds these bytes of the request's body was dropped.
    pub fn at(&mut self, word: &'static str, bytes: impl AsRef<[u8]>) {
        self.spot(word, bytes.as_ref(), false, false);
    }

    /// The same, by rule.
    pub fn quiet_at(&mut self, word: &'static str, bytes: impl AsRef<[u8]>) {
        self.spot(word, bytes.as_ref(), false, true);
    }

    /// A thought's signature, or what it held encrypted, was dropped by rule.
    pub fn quiet_signature(&mut self, signature: &str) {
        // OpenAI's was joined with its item's id: its place is not known any more, only its name.
        let joined = signature.starts_with(OPENAI_THOUGHT);
        let word = if joined { "input[].encrypted_content" } else { "messages[].content[].signature" };
        self.quiet_at(word, signature);
    }

    /// The member `word` was dropped that stands beside the one that holds these bytes.
    pub fn beside(&mut self, word: &'static str, bytes: impl AsRef<[u8]>) {
        self.spot(word, bytes.as_ref(), true, false);
    }

    fn spot(&mut self, word: &'static str, bytes: &[u8], beside: bool, quiet: bool) {
        self.spots.push(Spot { word, address: bytes.as_ptr().addr(), beside, quiet });
    }

    /// Whether nothing was dropped, not even by rule.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The paths of what is reported, in the order of the drops; `path_of` gives the client's spelling of a concept.
    /// What is known by its place in the body alone is told by its word; see [`Loss::paths_in`].
    pub fn paths(&self, path_of: impl Fn(Concept) -> &'static str) -> Vec<String> {
        self.paths_in(b"", path_of)
    }

    /// The same, with places found in the request's body, from which it was decoded.
    pub fn paths_in(&self, body: &[u8], path_of: impl Fn(Concept) -> &'static str) -> Vec<String> {
        let known = self.concepts.iter().map(|concept| path_of(*concept).to_owned());
        let spots = self.spots.iter().filter(|spot| !spot.quiet);
        merged(known, locate::paths(body, spots), self.paths.iter().cloned())
    }

    /// As [`Loss::paths_in`], of what is dropped by rule.
    pub fn quiet_paths_in(&self, body: &[u8], path_of: impl Fn(Concept) -> &'static str) -> Vec<String> {
        let known = self.quiet_concepts.iter().map(|concept| path_of(*concept).to_owned());
        let spots = self.spots.iter().filter(|spot| spot.quiet);
        merged(known, locate::paths(body, spots), self.quiet_paths.iter().cloned())
    }
}

fn push(paths: &mut Vec<String>, path: String) {
    /// How many are compared: a body of a million unknown members must not cost a million squared.
    const COMPARED: usize = 256;
    if !paths.iter().take(COMPARED).any(|known| *known == path) {
        paths.push(path);
    }
}

fn merged(
    known: impl Iterator<Item = String>,
    located: Vec<String>,
    paths: impl Iterator<Item = String>,
) -> Vec<String> {
    let mut all: Vec<_> = known.collect();
    located.into_iter().chain(paths).for_each(|path| push(&mut all, path));
    all
}
