//! Calls written as in Python, `name(key="v", other=3, flag=True)`, as JSON: what Llama's pythonic format, bare calls
//! and lists of them have in common. Also `key: "v"`.

use super::lenient::{Ending, Notation, Reader};
use crate::json::JsonError;

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name, dots included.
    pub name: String,
    /// The arguments as JSON: an object, or the only argument's value if it has no name.
    pub arguments: String,
}

/// Reads the call that `text` begins with, and tells where it ends (behind its closing parenthesis).
///
/// # Errors
/// There is no whole call: a value must be a literal, and of several arguments each must have a name. An error at the
/// very end of `text` says that more of it is needed.
pub fn call(text: &str) -> Result<(Call, usize), JsonError> {
    let mut reader = Reader::new(bounded(text), Ending::Whole, Notation::Python)?;
    let call = read_call(&mut reader)?;
    Ok((call, reader.at))
}

/// Reads the list of calls that `text` begins with, `[f(a=1), g()]`, and tells where it ends.
///
/// # Errors
/// As [`call`]; an empty list is none.
pub fn list(text: &str) -> Result<(Vec<Call>, usize), JsonError> {
    let mut reader = Reader::new(bounded(text), Ending::Whole, Notation::Python)?;
    if reader.peek() != Some(b'[') {
        return reader.error("expected '['");
    }
    reader.at += 1;
    let mut calls = Vec::new();
    loop {
        reader.skip_space();
        calls.push(read_call(&mut reader)?);
        reader.skip_space();
        let comma = reader.peek() == Some(b',');
        if comma {
            reader.at += 1;
            reader.skip_space();
        }
        match reader.peek() {
            Some(b']') => break,
            Some(_) if comma => {}
            _ => return reader.error("expected a comma or the closing bracket"),
        }
    }
    Ok((calls, reader.at + 1))
}

/// Makes JSON of what stands between a call's parentheses; the whole text must be arguments.
///
/// # Errors
/// As [`call`].
pub fn arguments(text: &str) -> Result<String, JsonError> {
    let mut reader = Reader::new(text, Ending::Whole, Notation::Python)?;
    read_arguments(&mut reader, None)?;
    reader.finish()
}

/// What one reading may look at.
fn bounded(text: &str) -> &str {
    let mut end = text.len().min(super::lenient::MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn read_call(reader: &mut Reader<'_>) -> Result<Call, JsonError> {
    let start = reader.at;
    while !reader.name().is_empty() && reader.peek() == Some(b'.') {
        reader.at += 1;
    }
    let name = String::from_utf8_lossy(&reader.text[start..reader.at]).into_owned();
    if name.is_empty() || name.ends_with('.') || reader.peek() != Some(b'(') {
        return reader.error("expected a call");
    }
    reader.at += 1;
    read_arguments(reader, Some(b')'))?;
    let arguments = String::from_utf8(std::mem::take(&mut reader.out));
    let arguments = arguments.or_else(|_| reader.error("a string is not valid UTF-8"))?;
    Ok(Call { name, arguments })
}

/// Arguments up to `close`, which is passed, or to the text's end.
fn read_arguments(reader: &mut Reader<'_>, close: Option<u8>) -> Result<(), JsonError> {
    reader.skip_space();
    if !named(reader) && reader.peek() != close {
        return read_only_value(reader, close);
    }
    reader.out.push(b'{');
    let mut first = true;
    loop {
        reader.skip_space();
        if reader.peek() == close {
            break;
        }
        if !first {
            reader.out.push(b',');
        }
        first = false;
        if !named(reader) {
            // What ends too early is told from what is wrong by the place.
            reader.value(1)?;
            return reader.error("expected a named argument");
        }
        read_named(reader)?;
        reader.skip_space();
        match reader.peek() {
            Some(b',') => reader.at += 1,
            found if found == close => break,
            _ => return reader.error("expected a comma or the closing parenthesis"),
        }
    }
    reader.at += usize::from(close.is_some());
    reader.out.push(b'}');
    Ok(())
}

/// Whether a name and `=` or `:` come next.
fn named(reader: &mut Reader<'_>) -> bool {
    let start = reader.at;
    let quote = reader.peek().filter(|byte| matches!(byte, b'"' | b'\''));
    reader.at += usize::from(quote.is_some());
    let found = !reader.name().is_empty() && (quote.is_none() || reader.peek() == quote);
    reader.at += usize::from(quote.is_some());
    reader.skip_space();
    let yes = found && matches!(reader.peek(), Some(b'=' | b':'));
    reader.at = start;
    yes
}

fn read_named(reader: &mut Reader<'_>) -> Result<(), JsonError> {
    let quoted = usize::from(matches!(reader.peek(), Some(b'"' | b'\'')));
    reader.at += quoted;
    let name = reader.name();
    reader.at += quoted;
    reader.out.push(b'"');
    reader.out.extend_from_slice(name);
    reader.out.extend_from_slice(b"\":");
    reader.skip_space();
    reader.at += 1;
    reader.value(1)
}

fn read_only_value(reader: &mut Reader<'_>, close: Option<u8>) -> Result<(), JsonError> {
    reader.value(0)?;
    reader.skip_space();
    if reader.peek() != close {
        return reader.error("of several arguments each needs a name");
    }
    reader.at += usize::from(close.is_some());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{arguments, call, list};

    #[test]
    fn literals_of_python_become_json() {
        for (text, json) in [
            (r#"description="d", prompt='p'"#, r#"{"description":"d","prompt":"p"}"#),
            (
                r#"key: "v", n=-3, x=1.50, f=True, g=false, z=None, "#,
                r#"{"key":"v","n":-3,"x":1.50,"f":true,"g":false,"z":null}"#,
            ),
            (r#"l=[1, 'a', (2, 3)], d={'k': [None]}"#, r#"{"l":[1,"a",[2,3]],"d":{"k":[null]}}"#),
            (r#"s="\x41\u00e9\"\n" "#, r#"{"s":"A\u00e9\"\n"}"#),
            ("s='''two\nlines'''", r#"{"s":"two\nlines"}"#),
            (r#""quoted"="v""#, r#"{"quoted":"v"}"#),
            (r#""only""#, r#""only""#),
            ("", "{}"),
        ] {
            assert_eq!(arguments(text).as_deref(), Ok(json), "{text}");
        }
        for text in ["the docs", "a=b", "a=1 b=2", "\"x\", \"y\"", "a=", "a=1,,", "a=f(1)", "a=\"x", "=1", "1 + 2"] {
            assert!(arguments(text).is_err(), "{text}");
        }
    }

    #[test]
    fn calls_and_lists_end_where_they_end() {
        let (one, end) = call("functions.read(path=\"a)b\") and more").unwrap();
        assert_eq!((one.name.as_str(), one.arguments.as_str(), end), ("functions.read", r#"{"path":"a)b"}"#, 26));
        let (calls, end) = list("[f(a=1), g(), ] x").unwrap();
        assert_eq!((calls.len(), end), (2, 15));
        assert!(list("[f(a=1), g ] x").is_err());
        for text in ["read (the docs)", "read(the docs)", "read(", "f.(a=1)", ".f()", "f", "f(a=1"] {
            assert!(call(text).is_err(), "{text}");
        }
        for text in ["[]", "[f(a=1)", "[f(a=1) g()]", "[1, 2]", "f()", "[f(a=1),"] {
            assert!(list(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hostile_calls_end_quickly() {
        for text in [
            "f(a=".repeat(16_000),
            format!("f({}", "(".repeat(64_000)),
            format!("[{}", "f(),".repeat(16_000)),
            "a.".repeat(40_000),
        ] {
            assert!(call(&text).is_err());
            assert!(list(&text).is_err());
        }
    }
}
