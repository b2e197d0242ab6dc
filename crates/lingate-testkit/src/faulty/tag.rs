//! The tag of a prompt, and what an answer says because of it: so that cross-talk, loss and doubling show in the text.

/// What a prompt holds between `[[tag:` and `]]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tag(String);

/// The tokens that an answer claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Of the prompt, those from the cache included.
    pub input: i64,
    /// Of the answer: its words.
    pub output: i64,
    /// Of the prompt, from the cache.
    pub cached: i64,
}

const OPEN: &str = "[[tag:";

impl Tag {
    /// A tag of this name.
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The last tag in a text.
    pub fn find(text: &str) -> Option<Self> {
        let after = &text[text.rfind(OPEN)? + OPEN.len()..];
        after.split_once("]]").map(|(name, _)| Self::new(name))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The prompt's words that carry it.
    pub fn prompt(&self) -> String {
        format!("say it {OPEN}{}]]", self.0)
    }

    /// How many words an answer has unless told otherwise: 4 to 8.
    pub fn usual(&self) -> usize {
        4 + usize::try_from(self.hash() % 5).unwrap_or_default()
    }

    /// The first `count` words of the answer, each but the first with a space before it.
    pub fn words(&self, count: usize) -> Vec<String> {
        let space = |number: usize| if number == 1 { "" } else { " " };
        (1..=count).map(|number| format!("{}{}-{number:04}", space(number), self.0)).collect()
    }

    /// The whole answer of `count` words.
    pub fn text(&self, count: usize) -> String {
        self.words(count).concat()
    }

    /// What an answer of `words` words claims to have cost.
    pub fn count(&self, words: usize) -> Count {
        let part = |of: u64| i64::try_from(self.hash() % of).unwrap_or_default();
        Count { input: 1000 + part(97), output: i64::try_from(words).unwrap_or_default(), cached: part(50) }
    }

    /// FNV-1a: the same on every machine.
    fn hash(&self) -> u64 {
        self.0.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tag_counts() {
        let tag = Tag::new("b7");
        assert_eq!(Tag::find(&format!("[[tag:a]] and {}", tag.prompt())), Some(tag.clone()));
        assert_eq!(Tag::find("[[tag:open"), None);
        assert_eq!(tag.text(2), "b7-0001 b7-0002");
        assert!((4..=8).contains(&tag.usual()));
        assert_eq!(tag.count(3).output, 3);
        assert_ne!(Tag::new("a").count(1), Tag::new("d").count(1));
    }
}
