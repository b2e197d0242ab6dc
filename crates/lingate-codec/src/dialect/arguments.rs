//! Tells when a text that comes in pieces is a whole JSON value.

/// Follows brackets and strings; does not check the grammar.
#[derive(Debug, Default)]
pub(super) struct Progress {
    depth: u32,
    in_string: bool,
    escaped: bool,
    whole: bool,
}

impl Progress {
    /// Takes in the next piece.
    pub(super) fn add(&mut self, piece: &str) {
        for byte in piece.bytes() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.in_string = false;
                        self.whole = self.depth == 0;
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => {
                    self.whole |= self.depth == 1;
                    self.depth = self.depth.saturating_sub(1);
                }
                _ => {}
            }
        }
    }

    /// Whether the value is complete. A bare number or word never is: more of it may come.
    pub(super) fn is_whole(&self) -> bool {
        self.whole && self.depth == 0 && !self.in_string
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn whole_values_are_told_from_parts() {
        for (text, whole) in [
            ("", false),
            ("{", false),
            ("{}", true),
            (r#"{"a":"}"}"#, true),
            (r#"{"a":"}"#, false),
            (r#"{"a":"\"}"}"#, true),
            (r#"{"a":"\\"}"#, true),
            (r#"[{"a":[1]},2]"#, true),
            (r#"[{"a":[1]},2"#, false),
            (r#""x""#, true),
            ("}", false),
            ("12", false),
            ("null", false),
        ] {
            let mut at_once = Progress::default();
            at_once.add(text);
            let mut bytewise = Progress::default();
            text.chars().for_each(|c| bytewise.add(c.encode_utf8(&mut [0; 4])));
            assert_eq!((at_once.is_whole(), bytewise.is_whole()), (whole, whole), "{text}");
        }
    }
}
