//! What is wrong with a configuration: where, what, and what to do about it.

use std::fmt;

use crate::node::{Place, member};
use crate::source::Snippet;
use crate::suggest::nearest;

/// After so many, further problems are not collected.
const MAX_DIAGNOSTICS: usize = 100;

/// One problem of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The line in the file, from 1; 0 if the value stands in no file.
    pub line: usize,
    /// The column in the line, in characters, from 1; 0 if the value stands in no file.
    pub column: usize,
    /// The path of the key, for example `endpoints[0].url`; empty for the file as a whole.
    pub key: String,
    /// What is wrong. Never holds a secret; values are quoted as the file has them, before interpolation.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    pub(crate) target: Target,
    pub(crate) snippet: Option<Snippet>,
}

/// What of the file a problem points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Key,
    Value,
    Place(Place),
}

impl Diagnostic {
    /// A problem with the value of a key.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            line: 0,
            column: 0,
            key: key.into(),
            message: message.into(),
            help: None,
            target: Target::Value,
            snippet: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn at_place(place: Place, message: impl Into<String>) -> Self {
        Self { target: Target::Place(place), ..Self::new("", message) }
    }

    /// The problem as a paragraph: message, file position, the line with a caret, help. Ends with a newline.
    pub fn render(&self, level: Level, file: &str, colour: bool) -> String {
        let paint = Paint(colour);
        let message = match self.key.is_empty() {
            true => self.message.clone(),
            false => format!("{}: {}", self.key, self.message),
        };
        let mut out = format!("{}{} {message}\n", paint.level(level), paint.bold(":"));
        let width = self.snippet.as_ref().map_or(1, |_| self.line.to_string().len());
        if self.line > 0 {
            out += &format!("{:width$}{} {file}:{}:{}\n", "", paint.frame("-->"), self.line, self.column);
        } else if !file.is_empty() {
            out += &format!("{:width$}{} {file}\n", "", paint.frame("-->"));
        }
        if let Some(snippet) = &self.snippet {
            let bar = paint.frame("|");
            let number = paint.frame(&format!("{:>width$}", self.line));
            let carets = paint.level_text(level, &"^".repeat(snippet.width));
            out += &format!("{:width$} {bar}\n", "");
            out += &format!("{number} {bar} {}\n", snippet.text);
            out += &format!("{:width$} {bar} {:indent$}{carets}\n", "", "", indent = snippet.indent);
        }
        if let Some(help) = &self.help {
            out += &format!("{:width$} {} {help}\n", "", paint.frame("= help:"));
        }
        out
    }
}

/// How much a problem weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The configuration is refused.
    Error,
    /// The configuration is taken, but probably not meant so.
    Warning,
}

struct Paint(bool);

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn level(&self, level: Level) -> String {
        self.level_text(level, if level == Level::Error { "error" } else { "warning" })
    }

    fn level_text(&self, level: Level, text: &str) -> String {
        self.with(if level == Level::Error { "1;31" } else { "1;33" }, text)
    }

    fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn frame(&self, text: &str) -> String {
        self.with("1;34", text)
    }
}

/// Everything that is wrong with one configuration; `Display` is the plain rendering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file's name as it was given.
    pub file: String,
    /// The problems, in the order of the file. Never empty.
    pub diagnostics: Vec<Diagnostic>,
}

impl ConfigErrors {
    /// All problems as text, optionally with terminal colours, with a closing line that counts them.
    pub fn render(&self, colour: bool) -> String {
        let mut out = String::new();
        for diagnostic in &self.diagnostics {
            out += &diagnostic.render(Level::Error, &self.file, colour);
            out.push('\n');
        }
        let count = self.diagnostics.len();
        out + &format!("{count} {} in the configuration\n", if count == 1 { "error" } else { "errors" })
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for ConfigErrors {}

/// The problems found so far.
#[derive(Default)]
pub(crate) struct Findings {
    list: Vec<Diagnostic>,
    /// Keys that are there under a misspelled name.
    misspelled: Vec<String>,
    lost_items: bool,
}

impl Findings {
    /// Adds a problem, unless its key already has one: the first is the cause, the others follow from it.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        let known = !diagnostic.key.is_empty() && self.list.iter().any(|d| d.key == diagnostic.key);
        if !known && self.list.len() < MAX_DIAGNOSTICS {
            self.list.push(diagnostic);
        }
    }

    pub(crate) fn add(&mut self, key: &str, message: impl Into<String>, help: Option<&str>) {
        self.push(Diagnostic { help: help.map(str::to_owned), ..Diagnostic::new(key, message) });
    }

    pub(crate) fn at_place(&mut self, key: &str, place: Place, message: impl Into<String>) {
        self.push(Diagnostic { key: key.to_owned(), ..Diagnostic::at_place(place, message) });
    }

    /// A required key that is not there, unless its misspelling was reported.
    pub(crate) fn missing(&mut self, key: &str, help: Option<&str>) {
        if !self.misspelled.iter().any(|known| known == key) {
            self.add(key, "is missing", help);
        }
    }

    /// An unknown key of the mapping at `parent`.
    pub(crate) fn unknown_key(&mut self, parent: &str, key: &str, known: &[&str]) {
        let path = member(parent, key);
        let help = match nearest(key, known) {
            Some(meant) => {
                self.misspelled.push(member(parent, meant));
                format!("did you mean `{meant}`?")
            }
            None => format!("known here: {}", known.join(", ")),
        };
        let message = format!("unknown key `{}`", key.chars().take(60).collect::<String>());
        self.push(Diagnostic { target: Target::Key, ..Diagnostic::new(path, message) }.help(help));
    }

    /// Notes that a list is shorter than in the file, so that later paths would be wrong.
    pub(crate) fn lose_item(&mut self) {
        self.lost_items = true;
    }

    /// Whether a list is shorter than in the file.
    pub(crate) fn lost_items(&self) -> bool {
        self.lost_items
    }

    /// Whether the value of this key could not be read as a whole.
    pub(crate) fn unread(&self, key: &str) -> bool {
        self.list.iter().any(|d| d.key == key) || self.misspelled.iter().any(|known| known == key)
    }

    /// Whether a problem was already found at this path or below it.
    pub(crate) fn has(&self, path: &str) -> bool {
        let below =
            |key: &str| key.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        self.list.iter().any(|d| below(&d.key))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn into_list(self) -> Vec<Diagnostic> {
        self.list
    }
}
