//! What the faulty upstream is to do, as a model's name says: `chaos/<verb>[:arg=value,…][+<verb>…]`.

/// The verbs that a scenario may have. A name outside of this list is a mistake of the test, and answered as one.
pub const VERBS: &[&str] = &[
    "ok",
    "seq",
    "n",
    "latency",
    "ttft",
    "itl",
    "slice",
    "reset_before_head",
    "eof_before_head",
    "hang_before_head",
    "hang_after_head",
    "eof_after_head",
    "hang_after",
    "reset_after",
    "eof_after",
    "bad_chunk",
    "cl_long",
    "cl_short",
    "no_last_chunk",
    "trailing_garbage",
    "close_idle",
    "early_hints",
    "bad_101",
    "bad_status_line",
    "redirect",
    "status",
    "hdr_many",
    "hdr_huge",
    "gzip",
    "ct",
    "html200",
    "badjson",
    "json_for_stream",
    "stream_for_json",
    "sse_as_json",
    "err200",
    "err_first_event",
    "err_event_after",
    "sse_badjson",
    "sse_crlf",
    "sse_cr",
    "sse_bom",
    "sse_comments",
    "sse_no_space",
    "sse_multi_line",
    "sse_no_blank",
    "ndjson_blank",
    "ndjson_crlf",
    "ndjson_no_lf",
    "ndjson_two",
    "no_done",
    "no_done_nofinish",
    "done_twice",
    "event_after_done",
    "usage",
    "delta_quirks",
    "role_only",
    "empty_choices",
    "null_fields",
    "hugeline",
    "model_lie",
    "secret_echo",
    "job",
];

/// One verb with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    verb: String,
    args: Vec<(String, String)>,
}

/// All that is to be done for one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scenario {
    acts: Vec<Act>,
}

/// Where the scenarios of a `seq` are kept in its arguments.
const STEPS: &str = "[]";

impl Scenario {
    /// The scenario in the first `"chaos/…"` of a request's body; nothing special where there is none.
    ///
    /// # Errors
    /// The word that is no verb.
    pub fn find(body: &str) -> Result<Self, String> {
        let named = body.split_once("\"chaos/").and_then(|(_, rest)| rest.split_once('"'));
        named.map_or_else(|| Ok(Self::default()), |(text, _)| Self::parse(text))
    }

    /// Reads what stands behind `chaos/`.
    ///
    /// # Errors
    /// The word that is no verb.
    pub fn parse(text: &str) -> Result<Self, String> {
        let acts = split_outside(text, '+').into_iter().map(Act::parse).collect::<Result<_, _>>()?;
        Ok(Self { acts })
    }

    /// What is to be done at this attempt (from 0) of the same tag: the step of a `seq`, the last one for ever.
    ///
    /// # Errors
    /// The step has a word that is no verb.
    pub fn at(self, attempt: usize) -> Result<Self, String> {
        let Some(steps) = self.get("seq").and_then(|act| act.arg(STEPS)) else { return Ok(self) };
        let steps = split_outside(steps, '|');
        Self::parse(steps.get(attempt).or(steps.last()).copied().unwrap_or("ok"))
    }

    /// The act of this verb.
    pub fn get(&self, verb: &str) -> Option<&Act> {
        self.acts.iter().find(|act| act.verb == verb)
    }

    /// Whether it has this verb.
    pub fn has(&self, verb: &str) -> bool {
        self.get(verb).is_some()
    }
}

impl Act {
    fn parse(text: &str) -> Result<Self, String> {
        let (verb, rest) = text.split_once(':').unwrap_or((text, ""));
        if !VERBS.contains(&verb) {
            return Err(format!("no such verb: {verb}"));
        }
        let args = match rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(steps) => vec![(STEPS.to_owned(), steps.to_owned())],
            None => {
                let parts = rest.split(',').filter(|part| !part.is_empty());
                let pairs = parts.map(|part| part.split_once('=').unwrap_or(("", part)));
                pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
            }
        };
        Ok(Self { verb: verb.to_owned(), args })
    }

    /// The argument of this name; `""` is the one without a name.
    pub fn arg(&self, name: &str) -> Option<&str> {
        self.args.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }

    /// The number that is its first argument, with or without the name `n`.
    pub fn number(&self, otherwise: usize) -> usize {
        self.arg("n").or(self.arg("")).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    }
}

/// Parts between separators that stand in no bracket.
fn split_outside(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut from, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            c if c == separator && depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_and_arguments() {
        let scenario = Scenario::find(r#"{"model":"chaos/slice:1+status:503,ra=past","messages":[]}"#).unwrap();
        assert_eq!(scenario.get("slice").map(|act| act.number(7)), Some(1));
        let status = scenario.get("status").unwrap();
        assert_eq!((status.number(0), status.arg("ra"), status.arg("body")), (503, Some("past"), None));
        assert!(!scenario.has("ok"));
        assert_eq!(Scenario::find("{}"), Ok(Scenario::default()));
        assert_eq!(Scenario::parse("explode"), Err("no such verb: explode".to_owned()));
    }

    #[test]
    fn a_sequence_goes_by_attempts() {
        let scenario = Scenario::parse("seq:[status:503|reset_after:2+usage:none|ok]").unwrap();
        let at = |attempt| scenario.clone().at(attempt).unwrap();
        assert!(at(0).has("status"));
        assert!(at(1).has("reset_after") && at(1).has("usage"));
        assert!(at(2).has("ok") && at(9).has("ok"));
    }
}
