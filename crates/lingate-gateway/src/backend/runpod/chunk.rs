//! Chunks of OpenAI's streams, written for workers that do not.

use super::gather::Head;
use lingate_codec::json::{Object, Raw, Writer};

/// Appends one chunk as an SSE event. `choice` writes what a choice holds beside its index; the finish is null unless
/// given.
pub(super) fn write(
    head: &Head,
    index: usize,
    finish: Option<&str>,
    choice: impl FnOnce(&mut Writer<'_>),
    out: &mut Vec<u8>,
) {
    event(out, |w| {
        begin(head, w);
        w.begin_object();
        w.integer_member("index", index);
        choice(w);
        w.key("finish_reason");
        match finish {
            Some(word) => w.string(word),
            None => w.null(),
        }
        w.end_object();
        w.end_array();
        w.end_object();
    });
}

/// Appends the chunk that holds usage alone.
pub(super) fn write_usage(head: &Head, usage: Usage, out: &mut Vec<u8>) {
    event(out, |w| {
        begin(head, w);
        w.end_array();
        w.key("usage");
        usage.write(w);
        w.end_object();
    });
}

/// Appends a JSON object of the worker as an SSE event of one line.
pub(super) fn write_raw(object: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    // Line ends stand in JSON between values only.
    out.extend(object.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    out.extend_from_slice(b"\n\n");
}

fn event(out: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) {
    out.extend_from_slice(b"data: ");
    write(&mut Writer::new(out));
    out.extend_from_slice(b"\n\n");
}

/// `{…,"choices":[`
fn begin(head: &Head, w: &mut Writer<'_>) {
    w.begin_object();
    w.string_member("id", &head.id);
    w.string_member("object", if head.chat { "chat.completion.chunk" } else { "text_completion" });
    w.integer_member("created", head.created);
    w.string_member("model", &head.model);
    w.key("choices");
    w.begin_array();
}

/// Counts of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    prompt: u64,
    completion: u64,
}

impl Usage {
    /// OpenAI's, or worker-vllm's own `{"input","output"}`.
    pub(super) fn of(usage: Raw<'_>) -> Option<Self> {
        let usage = usage.object()?;
        let count = |names: [&str; 2]| names.into_iter().find_map(|name| usage.given(name)?.u64());
        let (prompt, completion) = (count(["prompt_tokens", "input"]), count(["completion_tokens", "output"]));
        (prompt.is_some() || completion.is_some())
            .then(|| Self { prompt: prompt.unwrap_or_default(), completion: completion.unwrap_or_default() })
    }

    /// Ollama's.
    pub(super) fn of_ollama(object: &Object<'_>) -> Option<Self> {
        let count = |name: &str| object.given(name)?.u64();
        let (prompt, completion) = (count("prompt_eval_count"), count("eval_count"));
        (prompt.is_some() || completion.is_some())
            .then(|| Self { prompt: prompt.unwrap_or_default(), completion: completion.unwrap_or_default() })
    }

    fn write(self, w: &mut Writer<'_>) {
        w.begin_object();
        w.integer_member("prompt_tokens", self.prompt);
        w.integer_member("completion_tokens", self.completion);
        w.integer_member("total_tokens", self.prompt.saturating_add(self.completion));
        w.end_object();
    }
}
