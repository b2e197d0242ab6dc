//! Tools that take free text (OpenAI's `custom` tools), and the function that stands for one: its schema, its
//! description, its arguments `{"input":"…"}`, and the free text out of these.

use crate::ir::{Extra, FREE_TEXT};
use crate::json::{Object, Raw, Writer};
use std::borrow::Cow;

/// The schema of a function that stands for a tool that takes free text.
const TAKES_TEXT: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// The schema of a function that stands for a tool that takes free text.
pub(super) fn parameters<'a>() -> Option<Raw<'a>> {
    Raw::parse(TAKES_TEXT.as_bytes()).ok()
}

/// The grammar of a free text, told to the model in words: nothing else holds it to it. `extra`: the tool's unknown
/// members, among them its `format`, as the one API or the other writes it.
pub(super) fn with_grammar<'a>(description: Option<Cow<'a, str>>, extra: &mut Vec<Extra<'a>>) -> Option<Cow<'a, str>> {
    let format = extra.iter().position(|extra| extra.key == "format");
    let Some((at, format)) = format.and_then(|at| Some((at, extra.get(at)?.value.object()?))) else {
        return description;
    };
    if format.string("type").as_deref() == Some("text") {
        extra.remove(at);
        return description;
    }
    let format = format.given("grammar").and_then(Raw::object).unwrap_or(format);
    let Some(grammar) = format.string("definition") else { return description };
    let syntax = format.string("syntax").unwrap_or_default();
    let description = description.unwrap_or_default();
    Some(Cow::Owned(format!("{description}\n\nThe input must follow this {syntax} grammar:\n{grammar}")))
}

/// The arguments by which a function takes free text.
pub(super) fn arguments(text: &str) -> String {
    let mut json = Vec::with_capacity(text.len() + 16);
    let mut w = Writer::new(&mut json);
    w.begin_object();
    w.string_member(FREE_TEXT, text);
    w.end_object();
    String::from_utf8(json).unwrap_or_default()
}

/// The text in the arguments of a function that stands for a tool that takes free text.
pub(super) fn text_of(arguments: &str) -> Option<Cow<'_, str>> {
    Raw::parse(arguments.as_bytes()).ok()?.object()?.string(FREE_TEXT)
}

/// A piece of free text as a piece of such arguments; `begins`: it is the first.
pub(super) fn piece(text: &str, begins: bool) -> String {
    let mut json = Vec::with_capacity(text.len() + 12);
    Writer::new(&mut json).string(text);
    json.pop();
    let inside = String::from_utf8_lossy(json.get(1..).unwrap_or_default());
    let begin = if begins { "{\"input\":\"" } else { "" };
    [begin, &inside].concat()
}

/// What ends the arguments; `begun`: a piece came before.
pub(super) fn ending(begun: bool) -> String {
    if begun { "\"}" } else { "{\"input\":\"\"}" }.to_owned()
}

/// Reads arguments in pieces. Arguments of another form are held until their end.
#[derive(Debug, Default)]
pub(super) struct FreeText {
    state: State,
    /// What cannot be read before more has come.
    held: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the text.
    #[default]
    Lead,
    Inside,
    After,
    /// Not of the one form.
    Strange,
}

impl FreeText {
    /// The whole text of whole arguments, and whether they were complete.
    pub(super) fn of(arguments: &str) -> (String, bool) {
        let mut free = Self::default();
        let mut text = free.add(arguments);
        let (rest, whole) = free.end();
        text.push_str(&rest);
        (text, whole)
    }

    /// What the next piece adds to the text.
    pub(super) fn add(&mut self, piece: &str) -> String {
        let mut text = String::new();
        if self.state == State::After {
            return text;
        }
        self.held.push_str(piece);
        if self.state == State::Lead {
            match lead(&self.held) {
                Lead::Wanting => return text,
                Lead::Strange => self.state = State::Strange,
                Lead::Ends(at) => {
                    self.held.drain(..at);
                    self.state = State::Inside;
                }
            }
        }
        if self.state == State::Inside {
            let (read, closed) = unescape(&self.held, &mut text);
            self.held.drain(..read);
            if closed {
                self.state = State::After;
                self.held.clear();
            }
        }
        text
    }

    /// No more will come: what is left of the text, and whether the arguments were complete.
    pub(super) fn end(&mut self) -> (String, bool) {
        let held = std::mem::take(&mut self.held);
        match std::mem::replace(&mut self.state, State::After) {
            State::After => (String::new(), true),
            // Half an escape.
            State::Inside => (String::new(), false),
            State::Lead if held.trim().is_empty() => (String::new(), true),
            State::Lead | State::Strange => {
                // The model may not have kept to the form: then what it wrote is the text.
                let input = Object::parse(held.as_bytes()).ok().and_then(|object| match object.string("input") {
                    Some(input) => Some(input.into_owned()),
                    None => object.members().is_empty().then(String::new),
                });
                (input.unwrap_or(held), true)
            }
        }
    }
}

enum Lead {
    /// More must come.
    Wanting,
    Strange,
    /// The text begins there.
    Ends(usize),
}

/// Looks for `{"input":"` with any white space.
fn lead(text: &str) -> Lead {
    let mut rest = text.trim_ascii_start();
    for token in ["{", "\"input\"", ":", "\""] {
        match rest.strip_prefix(token) {
            Some(after) => rest = if token == "\"" { after } else { after.trim_ascii_start() },
            None if token.starts_with(rest) => return Lead::Wanting,
            None => return Lead::Strange,
        }
    }
    Lead::Ends(text.len() - rest.len())
}

/// Appends the inside of a JSON string to `out`. Gives back how much was read, which is all but half an escape, and
/// whether the string was closed.
fn unescape(text: &str, out: &mut String) -> (usize, bool) {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let plain = rest.find(['"', '\\']).unwrap_or(rest.len());
        out.push_str(rest.get(..plain).unwrap_or_default());
        at += plain;
        let rest = rest.get(plain..).unwrap_or_default();
        match rest.as_bytes() {
            [] => break,
            [b'"', ..] => return (at + 1, true),
            [_] => break,
            [_, b'u', ..] => match unicode(rest) {
                Some((c, length)) => {
                    out.push(c);
                    at += length;
                }
                None => break,
            },
            [_, letter, ..] => {
                let (c, length) = match letter {
                    b'n' => ('\n', 2),
                    b't' => ('\t', 2),
                    b'r' => ('\r', 2),
                    b'b' => ('\u{8}', 2),
                    b'f' => ('\u{c}', 2),
                    b'"' => ('"', 2),
                    b'\\' => ('\\', 2),
                    b'/' => ('/', 2),
                    // No escape: a model's slip, as in a regular expression.
                    _ => ('\\', 1),
                };
                out.push(c);
                at += length;
            }
        }
    }
    (at, false)
}

/// The character of `\uXXXX` or of a pair of these, and the escape's length; `None` if more must come.
fn unicode(text: &str) -> Option<(char, usize)> {
    let code = |at: usize| {
        let digits = text.get(at..at + 4)?;
        Some(u32::from_str_radix(digits, 16).unwrap_or(0xfffd))
    };
    // Of a text that is too short, or whose character boundaries lie elsewhere.
    let Some(high) = code(2) else { return (text.len() >= 6).then_some((char::REPLACEMENT_CHARACTER, 2)) };
    if !(0xd800..0xdc00).contains(&high) {
        return Some((char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6));
    }
    let lone = Some((char::REPLACEMENT_CHARACTER, 6));
    let second = text.get(6..).unwrap_or_default();
    if !second.starts_with("\\u") {
        return if "\\u".starts_with(second) { None } else { lone };
    }
    match code(8) {
        Some(low @ 0xdc00..0xe000) => {
            let whole = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            Some((char::from_u32(whole).unwrap_or(char::REPLACEMENT_CHARACTER), 12))
        }
        None if text.len() < 12 => None,
        _ => lone,
    }
}

#[cfg(test)]
mod tests {
    use super::FreeText;

    #[test]
    fn every_cut_gives_the_same_text() {
        for (arguments, expected, whole) in [
            (r#"{"input":"a\n\"b\" \\ \u00e9\ud83d\ude00é"}"#, "a\n\"b\" \\ é😀é", true),
            ("{ \"input\" :\t\"x\" , \"y\":1}", "x", true),
            (r#"{"input":""}"#, "", true),
            ("", "", true),
            ("{}", "", true),
            (r#"{"input":"cut of"#, "cut of", false),
            (r#"{"input":"cut\"#, "cut", false),
            (r#"{"input":"\ud83dx\ud83d\u0041\d"}"#, "\u{fffd}x\u{fffd}A\\d", true),
            (r#"{"input":"\uzzzzé"}"#, "\u{fffd}é", true),
            (r#"{"other":1,"input":"x"}"#, "x", true),
            ("*** Begin Patch", "*** Begin Patch", true),
            (r#"{"patch":"x"}"#, r#"{"patch":"x"}"#, true),
        ] {
            assert_eq!(FreeText::of(arguments), (expected.to_owned(), whole), "{arguments}");
            for cut in (0..=arguments.len()).filter(|cut| arguments.is_char_boundary(*cut)) {
                let mut free = FreeText::default();
                let (start, rest) = arguments.split_at(cut);
                let mut text = free.add(start) + &free.add(rest);
                let (end, complete) = free.end();
                text.push_str(&end);
                assert_eq!((text.as_str(), complete), (expected, whole), "{start} | {rest}");
            }
        }
    }
}
