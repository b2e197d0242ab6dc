//! Rust text to tokens: enough to tell code from comments and literals. Never fails; odd input gives odd tokens.

/// What a token is, as far as the rules care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ident,
    Punct,
    /// A string, character or number; its text is left empty.
    Literal,
    Lifetime,
}

/// One token and the line (from 1) that it starts on.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) line: usize,
}

impl Token {
    pub(super) fn is(&self, text: &str) -> bool {
        self.kind != Kind::Literal && self.text == text
    }
}

/// Punctuation of two characters that the rules must not see as two tokens.
const PAIRS: &[&str] = &["::", "=>", "||", "->", "..", "&&", "=="];

/// All tokens of `text`, comments left out.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: text, line: 1, out: Vec::new() };
    while let Some(c) = lexer.rest.chars().next() {
        lexer.step(c);
    }
    lexer.out
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    out: Vec<Token>,
}

impl Lexer<'_> {
    fn step(&mut self, c: char) {
        if c.is_whitespace() {
            self.skip(c.len_utf8());
        } else if self.rest.starts_with("//") {
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.skip(block_comment(self.rest));
        } else if let Some(len) = string(self.rest) {
            self.push(Kind::Literal, len);
        } else if let Some(len) = self.rest.strip_prefix('b').filter(|r| r.starts_with('\'')).and_then(character) {
            self.push(Kind::Literal, 1 + len);
        } else if c == '\'' {
            match character(self.rest) {
                Some(len) => self.push(Kind::Literal, len),
                None => self.push(Kind::Lifetime, 1 + ident(&self.rest[1..])),
            }
        } else if c.is_ascii_digit() {
            self.push(Kind::Literal, number(self.rest));
        } else if c == '_' || c.is_alphabetic() {
            if self.rest.starts_with("r#") {
                self.skip(2);
            }
            self.push(Kind::Ident, ident(self.rest).max(1));
        } else {
            let pair = PAIRS.iter().any(|p| self.rest.starts_with(p));
            self.push(Kind::Punct, if pair { 2 } else { c.len_utf8() });
        }
    }

    /// A length that is out of bounds or inside a character is taken as "the rest".
    fn skip(&mut self, len: usize) {
        let (head, tail) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        self.line += head.matches('\n').count();
        self.rest = tail;
    }

    fn push(&mut self, kind: Kind, len: usize) {
        let (head, _) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        let text = if kind == Kind::Literal { String::new() } else { head.to_string() };
        self.out.push(Token { kind, text, line: self.line });
        self.skip(len);
    }
}

fn ident(s: &str) -> usize {
    s.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(s.len())
}

/// Digits, suffix and fraction; `1..2` stays a range and `1.max(2)` a call.
fn number(s: &str) -> usize {
    let whole = ident(s);
    match s[whole..].strip_prefix('.') {
        Some(after) if after.starts_with(|c: char| c.is_ascii_digit()) => whole + 1 + ident(after),
        _ => whole,
    }
}

fn block_comment(s: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0usize);
    let bytes = s.as_bytes();
    while at < bytes.len() {
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" if depth == 1 => return at + 2,
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    s.len()
}

/// The length of a string literal of any prefix that stands at the start of `s`.
fn string(s: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].iter().find(|p| {
        s.strip_prefix(**p)
            .is_some_and(|t| t.trim_start_matches('#').starts_with('"') && (p.ends_with('r') || t.starts_with('"')))
    })?;
    let body = &s[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let open = prefix.len() + hashes + 1;
        let close = format!("\"{}", "#".repeat(hashes));
        return Some(s[open..].find(&close).map_or(s.len(), |i| open + i + close.len()));
    }
    Some(prefix.len() + quoted(body, b'"'))
}

/// The length of a character or byte literal, or `None` for a lifetime.
fn character(s: &str) -> Option<usize> {
    let mut chars = s[1..].chars();
    match chars.next()? {
        '\\' => Some(quoted(s, b'\'')),
        c if chars.next() == Some('\'') => Some(2 + c.len_utf8()),
        _ => None,
    }
}

/// From an opening quote to after its closing one, escapes skipped.
fn quoted(s: &str, quote: u8) -> usize {
    let bytes = s.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b if b == quote => return at + 1,
            _ => at += 1,
        }
    }
    s.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(s: &str) -> Vec<String> {
        tokens(s).into_iter().filter(|t| t.kind != Kind::Literal).map(|t| t.text).collect()
    }

    #[test]
    fn comments_and_literals_hide_what_looks_like_code() {
        let text = r##"a /* todo!() /* in */ "x */ // " b
            "crate::x \" {" br#" " } "# b'\'' '"' '{' r"\" c 'life 1.5e3 "##;
        assert_eq!(texts(text), ["a", "c", "'life"]);
    }

    #[test]
    fn pairs_are_one_token_and_lines_are_counted() {
        assert_eq!(texts("a::b => |x| y || 0..z"), ["a", "::", "b", "=>", "|", "x", "|", "y", "||", "..", "z"]);
        let lines: Vec<usize> = tokens("a\n\"x\ny\" b\n/*\n*/ c").iter().map(|t| t.line).collect();
        assert_eq!(lines, [1, 2, 3, 5]);
    }

    #[test]
    fn raw_identifiers_lose_their_mark_and_broken_text_ends() {
        assert_eq!(texts("r#type r#\"s\"# x"), ["type", "x"]);
        for broken in ["\"abc", "r##\"x", "/* /*", "'\\", "b'", "é'", "'", "1."] {
            tokens(broken);
        }
    }
}
