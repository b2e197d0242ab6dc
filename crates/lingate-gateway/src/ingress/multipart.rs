//! Finds a form field in a `multipart/form-data` body, so that its value can be replaced (RFC 7578, RFC 2046).
//!
//! Whoever reads the same body upstream must read the same field. So everything that two readers could take in two
//! ways counts as not found: a field twice, a boundary with a tail, folded or endless part headers, a missing end.

use memchr::memmem;
use std::ops::Range;

/// The longest boundary, by RFC 2046.
const LONGEST_BOUNDARY: usize = 70;

/// The most bytes of one part's headers.
const MOST_HEADERS: usize = 8 * 1024;

/// Where the value of the form field `name` lies in the body.
///
/// `None` if the content type is not `multipart/form-data` with a boundary, if there is no such field (a part
/// with a file name is a file, not a field), if there are two, or if the body is not well-formed to its end.
/// Takes time in proportion to the body's length.
pub(crate) fn find_field(content_type: &str, body: &[u8], name: &str) -> Option<Range<usize>> {
    let boundary = boundary(content_type)?;
    // Some readers take a bare line feed for a line break: it is looked for, to be refused.
    let delimiter = [b"\n--", boundary.as_bytes()].concat();
    let finder = memmem::Finder::new(&delimiter);
    // The first delimiter may stand at the very start, without a line break before it.
    let mut at = if body.starts_with(&delimiter[1..]) { 0 } else { line_end(body, finder.find(body)?)? + 2 };
    at += delimiter.len() - 1;
    let mut found = None;
    loop {
        let rest = &body[at..];
        if let Some(epilogue) = rest.strip_prefix(b"--") {
            return found.filter(|_| epilogue.first().is_none_or(u8::is_ascii_whitespace));
        }
        let padding = rest.iter().take_while(|c| matches!(c, b' ' | b'\t')).count();
        if !rest[padding..].starts_with(b"\r\n") {
            return None;
        }
        // The line break that ends the delimiter may begin the next one: a part of nothing.
        let start = at + padding;
        let end = line_end(body, start + finder.find(&body[start..])?)?;
        if let Some(value) = field(body, start + 2..end.max(start + 2), name)?
            && found.replace(value).is_some()
        {
            return None;
        }
        at = end + 1 + delimiter.len();
    }
}

/// Where the line break begins whose line feed is here.
fn line_end(body: &[u8], line_feed: usize) -> Option<usize> {
    line_feed.checked_sub(1).filter(|&at| body[at] == b'\r')
}

/// The value's place, if this part is the field; the outer `None` if the part is malformed.
fn field(body: &[u8], part: Range<usize>, name: &str) -> Option<Option<Range<usize>>> {
    let bytes = &body[part.clone()];
    if bytes.is_empty() || bytes.starts_with(b"\r\n") {
        return Some(None);
    }
    let headers = memmem::find(&bytes[..bytes.len().min(MOST_HEADERS)], b"\r\n\r\n")?;
    let value = part.start + headers + 4..part.end;
    Some(is_field(std::str::from_utf8(&bytes[..headers]).ok()?, name)?.then_some(value))
}

/// Whether a part with these headers is the field; `None` if that cannot be said.
fn is_field(headers: &str, name: &str) -> Option<bool> {
    let mut disposition = None;
    let mut is_encoded = false;
    for line in headers.split("\r\n") {
        // A line that begins with a space goes on with the one before it, for some readers.
        let (header, value) = line.split_once(':').filter(|_| !line.starts_with([' ', '\t']))?;
        if line.contains(['\r', '\n']) {
            return None;
        }
        if header.eq_ignore_ascii_case("content-disposition") && disposition.replace(value).is_some() {
            return None;
        }
        is_encoded |= header.eq_ignore_ascii_case("content-transfer-encoding")
            && !["7bit", "8bit", "binary"].iter().any(|plain| value.trim().eq_ignore_ascii_case(plain));
    }
    let Some(disposition) = disposition else { return Some(false) };
    let (kind, parameters) = disposition.split_once(';').unwrap_or((disposition, ""));
    let mut own = None;
    let mut is_file = false;
    for parameter in Parameters(parameters) {
        let (key, value) = parameter?;
        if key.eq_ignore_ascii_case("name") {
            // An escape in a name is undone by some readers.
            if own.replace(value).is_some() || value.contains('\\') {
                return None;
            }
        } else if key.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("name*")) {
            return None;
        }
        is_file |= key.eq_ignore_ascii_case("filename") || key.eq_ignore_ascii_case("filename*");
    }
    let is_it = own == Some(name) && kind.trim().eq_ignore_ascii_case("form-data") && !is_file;
    if is_it && is_encoded { None } else { Some(is_it) }
}

/// The boundary of a content type.
fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let mut found = None;
    for parameter in Parameters(parameters) {
        let (key, value) = parameter?;
        if key.eq_ignore_ascii_case("boundary") && found.replace(value).is_some() {
            return None;
        }
    }
    let is_known = |c: u8| c.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&c);
    found.filter(|boundary: &&str| {
        (1..=LONGEST_BOUNDARY).contains(&boundary.len()) && boundary.bytes().all(is_known) && !boundary.ends_with(' ')
    })
}

/// `; key=value` parameters, values quoted or not; an escape in a quoted value is left as it is. `None` ends them
/// where they are malformed.
struct Parameters<'t>(&'t str);

impl<'t> Iterator for Parameters<'t> {
    type Item = Option<(&'t str, &'t str)>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0.trim_start_matches([' ', '\t', ';']);
        if text.is_empty() {
            return None;
        }
        self.0 = "";
        let Some((key, rest)) = text.split_once('=') else { return Some(None) };
        let (value, rest) = match rest.trim_start().strip_prefix('"') {
            None => {
                let (value, rest) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
                (value.trim(), rest)
            }
            Some(quoted) => {
                let Some(end) = closing_quote(quoted) else { return Some(None) };
                (&quoted[..end], quoted[end + 1..].trim_start())
            }
        };
        if !rest.is_empty() && !rest.starts_with(';') {
            return Some(None);
        }
        self.0 = rest;
        Some(Some((key.trim(), value)))
    }
}

/// Where a quoted text ends; a backslash takes the next character along.
fn closing_quote(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|c| {
        let ends = c == b'"' && !is_escaped;
        is_escaped = c == b'\\' && !is_escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TYPE: &str = "multipart/form-data; boundary=XYZ";

    /// A body of parts, each with its headers.
    fn form(parts: &[(&str, &str)]) -> String {
        let parts: String =
            parts.iter().map(|(headers, value)| format!("--XYZ\r\n{headers}\r\n\r\n{value}\r\n")).collect();
        parts + "--XYZ--\r\n"
    }

    fn find(content_type: &str, body: &str) -> Option<String> {
        find_field(content_type, body.as_bytes(), "model").map(|range| body[range].to_owned())
    }

    const MODEL: (&str, &str) = ("Content-Disposition: form-data; name=\"model\"", "whisper-1");
    const FILE: (&str, &str) = (
        "Content-Disposition: form-data; name=\"file\"; filename=\"a;b.wav\"\r\nContent-Type: audio/wav",
        "R\r\n\r\n--XY",
    );

    #[test]
    fn found() {
        for parts in [[MODEL, FILE], [FILE, MODEL]] {
            assert_eq!(find(TYPE, &form(&parts)).as_deref(), Some("whisper-1"));
        }
        let body = form(&[MODEL]);
        for content_type in [
            "Multipart/Form-Data;boundary=\"XYZ\"",
            "multipart/form-data; charset=utf-8; Boundary=XYZ",
            "multipart/form-data; boundary=XYZ; charset=utf-8",
        ] {
            assert_eq!(find(content_type, &body).as_deref(), Some("whisper-1"), "{content_type}");
        }
        assert_eq!(find(TYPE, &format!("preamble\r\n{body}epilogue")).as_deref(), Some("whisper-1"));
        assert_eq!(find(TYPE, &body.replacen("--XYZ\r", "--XYZ \t\r", 1)).as_deref(), Some("whisper-1"));
        assert_eq!(find(TYPE, &format!("--XYZ\r\n{body}")).as_deref(), Some("whisper-1"));
        for headers in [
            "content-disposition:form-data;name=model",
            "Content-Type: text/plain\r\nContent-Disposition: form-data; name=\"model\"",
            "Content-Disposition: form-data; x=\"\\\"; name=no\"; NAME=\"model\";",
        ] {
            assert_eq!(find(TYPE, &form(&[(headers, "v")])).as_deref(), Some("v"), "{headers}");
        }
        assert_eq!(find(TYPE, &form(&[(MODEL.0, "")])).as_deref(), Some(""));
    }

    #[test]
    fn not_found() {
        for headers in [
            "Content-Disposition: form-data; name=\"models\"",
            "Content-Disposition: form-data; name=\" model\"",
            "Content-Disposition: form-data; name=\"model\"; filename=\"a\"",
            "Content-Disposition: form-data; name=\"model\"; filename*=utf-8''a",
            "Content-Disposition: attachment; name=\"model\"",
            "Content-Disposition: form-data; x=\"name=model\"",
            "Content-Type: text/plain; name=model",
        ] {
            assert_eq!(find(TYPE, &form(&[(headers, "v")])), None, "{headers}");
        }
        let body = form(&[MODEL]);
        for content_type in [
            "",
            "application/json",
            "multipart/mixed; boundary=XYZ",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"XYZ",
            "multipart/form-data; boundary=XY",
            "multipart/form-data; boundary=XYZ; boundary=XYZ",
        ] {
            assert_eq!(find(content_type, &body), None, "{content_type}");
        }
        let long = format!("multipart/form-data; boundary={}", "X".repeat(71));
        assert_eq!(find(&long, &body.replace("XYZ", &"X".repeat(71))), None);
    }

    #[test]
    fn what_readers_may_disagree_on_is_not_found() {
        let body = form(&[MODEL]);
        let long = format!("X: {}\r\n{}", "a".repeat(MOST_HEADERS), MODEL.0);
        for bad in [
            form(&[MODEL, MODEL]),
            form(&[MODEL, ("Content-Disposition: form-data; name=\"mod\\el\"", "v")]),
            form(&[MODEL, ("Content-Disposition: form-data; name*0=mod; name*1=el", "v")]),
            form(&[MODEL, ("Content-Disposition: form-data; name=a; name=model", "v")]),
            form(&[MODEL, ("Content-Disposition: form-data;\r\n name=model", "v")]),
            form(&[MODEL, ("X: y\nContent-Disposition: form-data; name=model", "v")]),
            form(&[(&format!("{}\r\nContent-Transfer-Encoding: base64", MODEL.0), "dg==")]),
            form(&[(&long, "v")]),
            form(&[("Content-Disposition: form-data; name=x", "y\n--XYZ\r\n\r\n"), MODEL]),
            form(&[("Content-Disposition: form-data; name=x", "y\r\n--XYZW\r\n\r\n"), MODEL]),
            body.replace("--XYZ--\r\n", ""),
            body.replace("--XYZ--\r\n", "--XYZ--x"),
            body.replace("\r\n", "\n"),
        ] {
            assert_eq!(find(TYPE, &bad), None, "{bad}");
        }
    }

    #[test]
    fn many_parts_take_no_longer_than_their_bytes() {
        // By the square of their number this would take hours.
        let body = [b"--XYZ\r\n\r\n".repeat(300_000).as_slice(), b"--XYZ--"].concat();
        assert_eq!(find_field(TYPE, &body, "model"), None);
    }

    proptest! {
        #[test]
        fn any_body_is_searched(
            content_type in "(multipart/form-data; ?boundary=)?.{0,10}",
            pieces in proptest::collection::vec(
                proptest::sample::select(vec!["--b", "\r\n", "\r", "\n", "--", "name=\"model\"", "content-disposition:", ";", "form-data", "\"", "é", " "]),
                0..40,
            ),
        ) {
            let body = pieces.concat();
            find_field(&content_type, body.as_bytes(), "model");
            if let Some(range) = find_field("multipart/form-data; boundary=b", body.as_bytes(), "model") {
                prop_assert!(range.end <= body.len() && range.start <= range.end);
            }
        }

        #[test]
        fn a_replaced_value_is_the_only_change(value in "[^\r\n]{0,40}", other in "(?s).{0,80}", new in "[a-z0-9]{1,20}") {
            prop_assume!(!other.contains("\n--XYZ"));
            let body = form(&[("Content-Disposition: form-data; name=\"x\"", &other), (MODEL.0, &value)]);
            let range = find_field(TYPE, body.as_bytes(), "model").unwrap();
            prop_assert_eq!(&body[range.clone()], value);
            let replaced = [&body[..range.start], &new, &body[range.end..]].concat();
            prop_assert_eq!(find(TYPE, &replaced), Some(new));
        }
    }
}
