//! What is said when a case fails: where, what was wanted, what came, and the whole exchange abbreviated.

use std::fmt;

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Where: a part of the exchange and a path inside it, such as `body.choices[0].message.content`.
    pub at: String,
    /// What was wanted.
    pub what: String,
    /// What came; empty where `what` says it all.
    pub got: String,
}

impl Mismatch {
    pub(super) fn new(at: impl Into<String>, what: impl Into<String>, got: impl Into<String>) -> Self {
        Self { at: at.into(), what: what.into(), got: got.into() }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)?;
        if self.got.is_empty() { Ok(()) } else { write!(f, ", got {}", self.got) }
    }
}

/// Why a case failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The name of the case.
    pub case: String,
    /// Its concept.
    pub concept: String,
    /// Which step failed, where the case has steps.
    pub step: Option<usize>,
    /// Everything that is not as expected. With alternatives, this is the nearest of them.
    pub mismatches: Vec<Mismatch>,
    /// Which reading was the nearest, where the case has alternatives.
    pub nearest: String,
    /// What went over the wire on both sides, abbreviated.
    pub transcript: Box<str>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FAIL {} ({})", self.case, self.concept)?;
        if let Some(step) = self.step {
            write!(f, " in step {step}")?;
        }
        if !self.nearest.is_empty() {
            write!(f, " [nearest: {}]", self.nearest)?;
        }
        for mismatch in &self.mismatches {
            write!(f, "\n    {mismatch}")?;
        }
        for line in self.transcript.lines() {
            write!(f, "\n      | {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// `text` with its middle left out where it is longer than about `max` bytes.
pub(super) fn abbreviate(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let head = (0..=max * 3 / 4).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let tail = (text.len() - max / 4..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    format!("{} …[{} bytes left out]… {}", &text[..head], tail - head, &text[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_lose_their_middle_between_characters() {
        assert_eq!(abbreviate("short", 10), "short");
        let long = "é".repeat(100);
        let cut = abbreviate(&long, 20);
        assert!(cut.starts_with("ééé") && cut.ends_with("éé") && cut.contains("bytes left out"), "{cut}");
        assert!(cut.len() < 60);
    }

    #[test]
    fn the_text_names_everything() {
        let failure = Failure {
            case: "a_case".into(),
            concept: "a_concept".into(),
            step: Some(1),
            mismatches: vec![Mismatch::new("body.x", "want 1", "2")],
            nearest: String::new(),
            transcript: "client: POST /x\nanswer: 200".into(),
        };
        let want = "FAIL a_case (a_concept) in step 1\n    body.x: want 1, got 2\n      | client: POST /x\n      | answer: 200";
        assert_eq!(failure.to_string(), want);
    }
}
