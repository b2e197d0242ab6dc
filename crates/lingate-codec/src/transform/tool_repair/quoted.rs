//! What is quoted in an answer. Nothing is called from there.
//!
//! Quoted is the inside of a code fence (from a line that begins with three or more backticks or tildes to the next
//! line that is as many or more of them and nothing else, or to the end), of inline code (from a run of backticks to
//! the next run of as many, or to the line's end), and the rest of a line that begins with `>`. White space at the
//! beginning of a line does not count.

use super::tools::Begins;

/// A place in Markdown, as far as quoting goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Place {
    /// Only white space so far in this line.
    #[default]
    Line,
    /// In a line of plain text.
    Plain,
    /// In a run of so many backticks that opens something; `true`: it began the line.
    Ticks(u32, bool),
    /// In a run of so many tildes that began the line.
    Tildes(u32),
    /// In inline code between so many backticks; the second counts those of the run that it is in.
    Code(u32, u32),
    /// In the first line of a fence of so many of these.
    Info(u8, u32),
    /// In a fence of so many of these; the third counts them in a line that may close it.
    Fence(u8, u32, Option<u32>),
    /// In a line of a block quote.
    Quote,
}

impl Place {
    /// Whether a call may begin with `next` at this place.
    pub(super) fn is_open(self, next: u8) -> bool {
        matches!(self.before(next), Self::Line | Self::Plain)
    }

    /// Whether nothing but white space is before this place in its line.
    pub(super) fn is_line(self) -> bool {
        self == Self::Line
    }

    /// The place with runs ended that `next` does not continue.
    fn before(self, next: u8) -> Self {
        match self {
            Self::Ticks(many, true) if next != b'`' && many >= 3 => Self::Info(b'`', many),
            Self::Ticks(many, _) if next != b'`' => Self::Code(many, 0),
            Self::Tildes(many) if next != b'~' => {
                if many >= 3 {
                    Self::Info(b'~', many)
                } else {
                    Self::Plain
                }
            }
            Self::Code(many, run) if next != b'`' && run > 0 => {
                if run == many {
                    Self::Plain
                } else {
                    Self::Code(many, 0)
                }
            }
            other => other,
        }
    }

    /// The place behind `byte`.
    #[inline]
    pub(super) fn after(self, byte: u8) -> Self {
        match (self.before(byte), byte) {
            (Self::Line, b' ' | b'\t' | b'\r' | b'\n') => Self::Line,
            (Self::Line, b'>') => Self::Quote,
            (Self::Line, b'`') => Self::Ticks(1, true),
            (Self::Line, b'~') => Self::Tildes(1),
            (Self::Info(mark, many), b'\n') => Self::Fence(mark, many, Some(0)),
            // Backticks do not stand in a fence's first line: that was inline code.
            (Self::Info(b'`', _), b'`') => Self::Plain,
            (info @ Self::Info(..), _) => info,
            (Self::Fence(mark, many, run), _) => fence(mark, many, run, byte),
            (_, b'\n') => Self::Line,
            (Self::Plain, b'`') => Self::Ticks(1, false),
            (Self::Line | Self::Plain, _) => Self::Plain,
            (Self::Ticks(many, line), _) => Self::Ticks(many.saturating_add(1), line),
            (Self::Tildes(many), _) => Self::Tildes(many.saturating_add(1)),
            (Self::Code(many, run), b'`') => Self::Code(many, run.saturating_add(1)),
            (place @ (Self::Code(..) | Self::Quote), _) => place,
        }
    }
}

fn fence(mark: u8, many: u32, run: Option<u32>, byte: u8) -> Place {
    match run {
        Some(run) if run >= many && byte == b'\n' => Place::Line,
        _ if byte == b'\n' => Place::Fence(mark, many, Some(0)),
        Some(run) if byte == mark => Place::Fence(mark, many, Some(run.saturating_add(1))),
        Some(0) if matches!(byte, b' ' | b'\t' | b'\r') => Place::Fence(mark, many, Some(0)),
        Some(run) if run >= many && matches!(byte, b' ' | b'\t' | b'\r') => Place::Fence(mark, many, Some(run)),
        _ => Place::Fence(mark, many, None),
    }
}

/// Markup in which text is quoted, up to wherever it ends.
const QUOTES: [&str; 4] = ["<pre", "<code", "<!--", "<![CDATA["];

/// Whether a text begins with [`QUOTES`].
pub(super) fn markup(text: &str) -> Begins {
    let mut verdict = Begins::No;
    for opening in QUOTES {
        let len = opening.len().min(text.len());
        if text.as_bytes()[..len].eq_ignore_ascii_case(&opening.as_bytes()[..len]) {
            if len == opening.len() {
                return Begins::Yes;
            }
            verdict = Begins::Maybe;
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::Place;

    fn open(text: &str) -> bool {
        let (last, before) = text.as_bytes().split_last().unwrap();
        before.iter().fold(Place::default(), |place, byte| place.after(*byte)).is_open(*last)
    }

    #[test]
    fn code_and_quotes_are_quoted() {
        for text in [
            "a `<",
            "`<",
            "``a`<",
            "a\n> b <",
            "  > <",
            "```\n<",
            "```x y\na\n<",
            "~~~\n<",
            "````\n```\n<",
            "```\n``` x\n<",
            "```<",
            "  ```\n  <",
            "```\n~~~\n<",
        ] {
            assert!(!open(text), "{text}");
        }
        for text in [
            "<",
            "a <",
            "a `b` <",
            "`a`<",
            "a `b\n<",
            "a > b <",
            "> a\n<",
            "```\na\n```\n<",
            "~~~\n~~~~ \n<",
            "~~ <",
            "``a`b`` <",
            "```a``` b\n<",
            "```a\n```\n\n<",
            "x ``\n<",
        ] {
            assert!(open(text), "{text}");
        }
    }
}
