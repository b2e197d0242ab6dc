//! What did not survive a translation.

use super::Concept;

/// Hints that a target could not take: dropped and reported (field ladder, rungs 2 and 5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loss {
    concepts: Vec<Concept>,
    paths: Vec<String>,
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

    /// The member at this path (in the client's spelling) was dropped.
    pub fn path(&mut self, path: impl Into<String>) {
        /// How many are compared: a body of a million unknown members must not cost a million squared.
        const COMPARED: usize = 256;
        let path = path.into();
        if !self.paths.iter().take(COMPARED).any(|known| *known == path) {
            self.paths.push(path);
        }
    }

    /// Whether nothing was dropped.
    pub fn is_empty(&self) -> bool {
        self.concepts.is_empty() && self.paths.is_empty()
    }

    /// All paths, in the order of the drops; `path_of` gives the client's spelling of a concept.
    pub fn paths(&self, path_of: impl Fn(Concept) -> &'static str) -> Vec<String> {
        let known = self.concepts.iter().map(|concept| path_of(*concept).to_owned());
        known.chain(self.paths.iter().cloned()).collect()
    }
}
