//! A reader that walks over a text once, from front to back, and hands out what its caller wants of it: for long
//! answers, of which nothing is to be walked over twice.

use super::{JsonError, Kind, Raw, scan::Scanner};

/// A place in a text that is being read. It checks the grammar as it goes; of a text over 64 KiB only the structure,
/// see [`Raw::check`].
pub struct Pull<'a> {
    scanner: Scanner<'a>,
    /// Containers open around this place.
    depth: usize,
}

impl<'a> Pull<'a> {
    /// At the beginning of a text, after a byte-order mark and white space.
    pub fn new(text: &'a [u8]) -> Self {
        let mut scanner = Scanner::new(text);
        if text.starts_with(b"\xef\xbb\xbf") {
            scanner.at = 3;
        }
        scanner.skip_space();
        Self { scanner, depth: 0 }
    }

    /// Byte offset of this place.
    pub fn at(&self) -> usize {
        self.scanner.at
    }

    /// What the next value is, by its first byte.
    pub fn kind(&self) -> Kind {
        Raw::checked(self.scanner.text.get(self.scanner.at..).unwrap_or_default()).kind()
    }

    /// Walks over the next value.
    ///
    /// # Errors
    /// It is not JSON.
    pub fn value(&mut self) -> Result<Raw<'a>, JsonError> {
        let start = self.scanner.at;
        self.scanner.skip_value(self.depth)?;
        Ok(Raw::checked(&self.scanner.text[start..self.scanner.at]))
    }

    /// Walks over an object. `member` gets each member's name as it is written between its quotes, at the place of
    /// its value; a value that it does not read is passed over.
    ///
    /// # Errors
    /// It is no object, or not JSON, or what `member` says.
    pub fn object<E: From<JsonError>>(
        &mut self,
        mut member: impl FnMut(&mut Self, &'a [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.container(b'{', b'}', "expected an object", |pull| {
            let start = pull.scanner.at + 1;
            if pull.scanner.peek() != Some(b'"') {
                return Ok(pull.scanner.error("expected a member name in quotes")?);
            }
            pull.scanner.skip_string()?;
            let name = &pull.scanner.text[start..pull.scanner.at - 1];
            pull.scanner.skip_space();
            pull.scanner.expect(b':', "expected ':'")?;
            pull.scanner.skip_space();
            pull.read_or_pass(|pull| member(pull, name))
        })
    }

    /// Walks over an array; `element` stands at each element in turn. One that it does not read is passed over.
    ///
    /// # Errors
    /// It is no array, or not JSON, or what `element` says.
    pub fn array<E: From<JsonError>>(&mut self, mut element: impl FnMut(&mut Self) -> Result<(), E>) -> Result<(), E> {
        self.container(b'[', b']', "expected an array", |pull| pull.read_or_pass(&mut element))
    }

    /// Nothing but white space may follow.
    ///
    /// # Errors
    /// Something does.
    pub fn end(&mut self) -> Result<(), JsonError> {
        self.scanner.end()
    }

    /// Lets `read` have the next value; passes over it if `read` did not.
    fn read_or_pass<E: From<JsonError>>(&mut self, read: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<(), E> {
        let start = self.scanner.at;
        read(self)?;
        if self.scanner.at == start {
            self.value()?;
        }
        Ok(())
    }

    fn container<E: From<JsonError>>(
        &mut self,
        open: u8,
        close: u8,
        expected: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.scanner.peek() != Some(open) {
            return Ok(self.scanner.error(expected)?);
        }
        self.scanner.open(self.depth)?;
        self.depth += 1;
        let mut done = self.scanner.peek() == Some(close);
        if done {
            self.scanner.at += 1;
        }
        while !done {
            item(self)?;
            done = self.scanner.close(close)?;
        }
        self.depth -= 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Pull;
    use crate::json::JsonError;

    /// The members of an object of arrays, each with its elements.
    fn read(text: &[u8]) -> Result<Vec<(String, Vec<String>)>, JsonError> {
        let mut all = Vec::new();
        let mut pull = Pull::new(text);
        pull.object(|pull, name| {
            let mut elements = Vec::new();
            if name != b"skip" {
                pull.array(|pull| {
                    elements.push(pull.value()?.text().into_owned());
                    Ok::<_, JsonError>(())
                })?;
            }
            all.push((String::from_utf8_lossy(name).into_owned(), elements));
            Ok::<_, JsonError>(())
        })?;
        pull.end()?;
        Ok(all)
    }

    #[test]
    fn members_and_elements_come_in_order() {
        let text = br#" {"a" : [1, "x" ,{"b":[]}] ,"skip":{"c":[1]}, "d":[]} "#;
        let owned = |name: &str, list: &[&str]| (name.to_owned(), list.iter().map(|&s| s.to_owned()).collect());
        let all = [owned("a", &["1", "\"x\"", "{\"b\":[]}"]), owned("skip", &[]), owned("d", &[])];
        assert_eq!(read(text).as_deref(), Ok(all.as_slice()));
        assert_eq!(read(b"{}"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_not_json_is_refused_where_it_is() {
        for (text, at) in [
            (&b"[]"[..], 0),
            (b"{\"a\":1}", 5),
            (b"{\"a\":[1,]}", 8),
            (b"{\"a\":[1 2]}", 8),
            (b"{\"a\":[NaN]}", 6),
            (b"{\"a\":[1]", 8),
            (b"{\"a\":[1]}x", 9),
            (b"{\"skip\":{\"c\"}}", 12),
            (b"{a:1}", 1),
        ] {
            let error = read(text).map_err(|error| error.at);
            assert_eq!(error, Err(at), "{}", String::from_utf8_lossy(text));
        }
        let deep = [b"{\"skip\":".to_vec(), vec![b'['; 64], vec![b']'; 64], b"}".to_vec()].concat();
        assert_eq!(read(&deep).map_err(|error| error.reason), Err("nested too deeply"));
    }
}
