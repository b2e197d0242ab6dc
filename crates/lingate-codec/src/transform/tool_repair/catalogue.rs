//! The formats that are looked for, and where each may begin. Built once, used by every answer.

use super::format::{Format, Opening};
use super::formats;
use super::pattern::{Pattern, RegexFormat};
use crate::transform::ByteSet;
use std::sync::Arc;

/// Which patterns are used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Selection {
    /// All that are enabled.
    #[default]
    All,
    /// Those of these names alone.
    Only(Vec<String>),
}

/// Why no catalogue can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// Which of the patterns is wrong, counted from 0; `None`: the selection is.
    pub index: Option<usize>,
    /// What is wrong, for the operator.
    pub message: String,
}

impl std::fmt::Display for PatternError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for PatternError {}

/// The formats in use.
pub struct Catalogue {
    /// By falling priority; the operator's own first among equals.
    pub(super) formats: Vec<Entry>,
    /// By the first byte: which format may begin so, and with what text.
    literals: Box<[Vec<Literal>]>,
    /// Formats that may begin with a tool's name.
    pub(super) by_tool: Vec<usize>,
    /// Bytes that matter within a line of plain text.
    pub(super) plain: ByteSet,
}

/// A format in use.
pub(super) struct Entry {
    pub(super) format: Box<dyn Format>,
    pub(super) name: Arc<str>,
    pub(super) priority: u32,
}

/// A text that a format may begin with.
pub(super) struct Literal {
    pub(super) format: usize,
    pub(super) text: Box<str>,
    /// Whether only at the beginning of a line.
    pub(super) line: bool,
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.formats.iter().map(|entry| &entry.name)).finish()
    }
}

impl Catalogue {
    /// The built-in formats and the operator's patterns. One of a built-in format's name takes its place.
    ///
    /// # Errors
    /// An expression that is none, is too large, could take too long or does not begin with a literal text; a
    /// selection that names none of them.
    pub fn build(patterns: &[Pattern], selection: &Selection) -> Result<Self, PatternError> {
        let mut formats = Vec::with_capacity(patterns.len() + 16);
        for (index, pattern) in patterns.iter().enumerate().filter(|(_, pattern)| pattern.enabled) {
            let format = RegexFormat::compile(pattern);
            formats
                .push(Box::new(format.map_err(|message| PatternError { index: Some(index), message })?)
                    as Box<dyn Format>);
        }
        let is_taken = |format: &dyn Format| patterns.iter().any(|pattern| pattern.name == format.name());
        formats.extend(formats::all().into_iter().filter(|format| !is_taken(&**format)));
        if let Selection::Only(names) = selection {
            let is_known = |name: &String| {
                formats.iter().any(|format| format.name() == name) || patterns.iter().any(|p| p.name == *name)
            };
            if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
                let known: Vec<&str> = formats.iter().map(|format| format.name()).collect();
                let message = format!("there is no pattern `{unknown}`; there are {}", known.join(", "));
                return Err(PatternError { index: None, message });
            }
            formats.retain(|format| names.iter().any(|name| name == format.name()));
        }
        // Stable: the operator's own stay before the built-in ones.
        formats.sort_by_key(|format| std::cmp::Reverse(format.priority()));
        Ok(Self::of(formats))
    }

    /// Names of the built-in formats.
    pub fn built_in() -> Vec<String> {
        formats::all().iter().map(|format| format.name().to_owned()).collect()
    }

    fn of(formats: Vec<Box<dyn Format>>) -> Self {
        let mut literals: Vec<Vec<Literal>> = (0..256).map(|_| Vec::new()).collect();
        let mut by_tool = Vec::new();
        let mut plain = ByteSet::of(b"\n`<");
        for (index, format) in formats.iter().enumerate() {
            for opening in format.openings() {
                let (text, line) = match opening {
                    Opening::Anywhere(text) => (text, false),
                    Opening::Line(text) => (text, true),
                    Opening::Tool => {
                        by_tool.push(index);
                        continue;
                    }
                };
                let Some(&first) = text.as_bytes().first() else { continue };
                if !line {
                    plain.insert(first);
                }
                literals[usize::from(first)].push(Literal { format: index, text: text.into(), line });
            }
        }
        let entry = |format: Box<dyn Format>| Entry { name: format.name().into(), priority: format.priority(), format };
        let formats = formats.into_iter().map(entry).collect();
        Self { formats, literals: literals.into(), by_tool, plain }
    }

    /// Openings that begin with this byte.
    pub(super) fn literals(&self, first: u8) -> &[Literal] {
        self.literals.get(usize::from(first)).map_or(&[], Vec::as_slice)
    }

    /// The highest priority.
    pub(super) fn highest(&self) -> u32 {
        self.formats.first().map_or(0, |entry| entry.priority)
    }
}
