//! Arguments of a call as a model wrote them, made into what the tool's schema asks for, or refused.
//!
//! Order: the text becomes JSON ([`lenient`]), the JSON is made to fit ([`fit`]) and is valid then: required members are
//! there, types are right, enums hold. What does not fit is refused, so that the text stays text. Changed is only
//! what can be meant in one way: names in another style (`file_path` for `filePath`), one unknown member for the one
//! that is missing, a value without a name for the only required one, numbers, booleans and JSON as text, one value
//! for a list, an enum's word in another style, `null` for what may be left out. Unknown members are dropped only where the schema
//! refuses them. Of members with one name the last counts. Values that the schema says nothing of stay as they are.

mod defaults;
mod fit;
pub mod lenient;
mod names;
pub mod python;
mod schema;

pub use schema::{MAX_SCHEMA, Schema};

use crate::json::{Kind, Object, Raw, Writer};
use fit::{Fit, How};
use lenient::Ending;
use std::borrow::Cow;

/// The most that arguments may become, in bytes: control characters take six when they are escaped.
const MAX_OUTPUT: usize = 6 * lenient::MAX_TEXT;

/// What a model wrote as the arguments of a call.
#[derive(Debug, Clone, Copy)]
pub enum RawArguments<'a> {
    /// JSON, more or less; or a bare text, if it begins neither an object nor an array.
    Json(&'a str),
    /// As [`RawArguments::Json`], at the answer's end: closing brackets may be missing if every value is complete.
    Unclosed(&'a str),
    /// Names and texts between tags. Of strings, one newline at either end is not part of them; where the schema
    /// asks for something else, or says nothing, the text is read as JSON. Entities (`&lt;`) stay.
    Pairs(&'a [(Cow<'a, str>, Cow<'a, str>)]),
    /// No arguments were given.
    None,
}

/// Why arguments are not those of the tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Where, as a JSON pointer of at most about 200 bytes; empty for the whole.
    pub path: String,
    /// What is wrong there, to be read after the path.
    pub reason: &'static str,
}

impl Rejected {
    fn here(reason: &'static str) -> Self {
        Self { path: String::new(), reason }
    }

    fn under(mut self, name: &str) -> Self {
        if self.path.len() + name.len() < 200 {
            self.path = format!("/{}{}", name.replace('~', "~0").replace('/', "~1"), self.path);
        }
        self
    }
}

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", if self.path.is_empty() { "the value" } else { &self.path }, self.reason)
    }
}

impl std::error::Error for Rejected {}

/// Makes of `raw` what `schema` asks for: a JSON object without white space, valid under the schema and to the
/// codec's own scanner. Time is linear in the text's length times its depth, and bounded.
///
/// # Errors
/// The text is not JSON in any sense, or does not fit, or is over the limits.
pub fn repair(raw: RawArguments<'_>, schema: &Schema) -> Result<String, Rejected> {
    let (json, how) = match raw {
        RawArguments::None => ("{}".to_owned(), How::Coerce),
        RawArguments::Pairs(pairs) => (object_of(pairs)?, How::Texts),
        RawArguments::Json(text) => (read(text, Ending::Whole)?, How::Coerce),
        RawArguments::Unclosed(text) => (read(text, Ending::Unclosed)?, How::Coerce),
    };
    let json = unwrapped(json, schema);
    let root = Raw::parse(json.as_bytes()).map_err(|_| Rejected::here("is not JSON"))?;
    let mut out = Vec::with_capacity(json.len() + 64);
    Fit::new(schema).value(root, schema.root(), how, 0, &mut out)?;
    if out.len() > MAX_OUTPUT || !out.starts_with(b"{") || Raw::check(&out).is_err() {
        return Err(Rejected::here("is not an object"));
    }
    String::from_utf8(out).map_err(|_| Rejected::here("is not text"))
}

/// JSON of a text. `null`, nothing and an empty text are no arguments; a string may hold the JSON (or be all there is).
fn read(text: &str, ending: Ending) -> Result<String, Rejected> {
    let mut text = Cow::Borrowed(text.trim());
    // Some models encode twice.
    for _ in 0..3 {
        if matches!(text.as_ref(), "" | "null" | "None") {
            return Ok("{}".to_owned());
        }
        if text.len() > lenient::MAX_TEXT {
            return Err(Rejected::here("is too long"));
        }
        let opens = text.starts_with(['{', '[']);
        match lenient::compact(&text, ending) {
            Ok(json) => match Raw::parse(json.as_bytes()).ok().and_then(Raw::string) {
                Some(inner) => text = Cow::Owned(inner.trim().to_owned()),
                None => return Ok(json),
            },
            Err(_) if opens => return Err(Rejected::here("is not JSON")),
            Err(_) => break,
        }
    }
    let mut out = Vec::with_capacity(text.len() + 2);
    Writer::new(&mut out).string(&text);
    String::from_utf8(out).map_err(|_| Rejected::here("is not text"))
}

fn object_of(pairs: &[(Cow<'_, str>, Cow<'_, str>)]) -> Result<String, Rejected> {
    if pairs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > lenient::MAX_TEXT {
        return Err(Rejected::here("is too long"));
    }
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    writer.begin_object();
    for (name, value) in pairs {
        writer.string_member(name.trim(), value);
    }
    writer.end_object();
    String::from_utf8(out).map_err(|_| Rejected::here("is not text"))
}

/// Arguments in an object of their own, `{"arguments":{…}}`, where the schema names members and not this one.
fn unwrapped(json: String, schema: &Schema) -> String {
    let Ok(object) = Object::parse(json.as_bytes()) else { return json };
    let [member] = object.members() else { return json };
    if !matches!(member.key.as_ref(), "arguments" | "parameters" | "args" | "input") || !schema.is_strange(&member.key)
    {
        return json;
    }
    match (member.value.kind(), member.value.string()) {
        (Kind::Object, _) => member.value.text().into_owned(),
        (Kind::String, Some(text)) if text.trim_start().starts_with('{') => {
            lenient::compact(&text, Ending::Whole).unwrap_or(json)
        }
        _ => json,
    }
}

#[cfg(test)]
mod tests;
