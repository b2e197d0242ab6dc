//! What the demo models say.

use lingate_codec::ids;
use lingate_codec::json::Writer;

use super::request::{Choice, Format, Message, Request, Tool};
use super::schema;
use super::text::{before_stop, count_words, describe_images, first_words};
use super::{Fault, always_fails};

/// The longest answer, in words.
pub(super) const MAX_WORDS: usize = 4096;
/// So many results of tools are quoted.
const MAX_QUOTED: usize = 8;

/// An answer before it is put into bytes.
#[derive(Default)]
pub(super) struct Reply {
    pub(super) reasoning: String,
    pub(super) content: String,
    pub(super) call: Option<Call>,
    /// A limit cut it short.
    pub(super) cut: bool,
}

/// A call of a tool.
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

impl Reply {
    /// OpenAI's word for how it ended.
    pub(super) fn finish_reason(&self) -> &'static str {
        match (&self.call, self.cut) {
            (Some(_), _) => "tool_calls",
            (None, true) => "length",
            (None, false) => "stop",
        }
    }

    /// Words thought.
    pub(super) fn reasoning_words(&self) -> usize {
        count_words(&self.reasoning)
    }

    /// Words thought, said and put into a call.
    pub(super) fn words(&self) -> usize {
        let call = self.call.as_ref().map_or(0, |call| 1 + count_words(&call.arguments));
        self.reasoning_words() + count_words(&self.content) + call
    }
}

/// Makes the answer to a request; `seed` goes into ids.
pub(super) fn respond(request: &Request<'_>, seed: &str) -> Result<Reply, Fault> {
    if request.model == "demo-error" {
        return Err(always_fails());
    }
    let results = results(request);
    let tool = if results.is_empty() { wanted_tool(request) } else { None };
    let thinks = request.model == "demo-think" && request.may_think;
    let said = request.last_user().map_or("", |message| &message.text);
    let reasoning = match tool {
        _ if !thinks => String::new(),
        Some(tool) => format!("A tool can help here, so I call {}.", tool.name),
        None if !results.is_empty() => "The tool has answered, so I pass that on.".to_owned(),
        None => match count_words(said) {
            1 => "You wrote 1 word. I will say it back to you.".to_owned(),
            count => format!("You wrote {count} words. I will say them back to you."),
        },
    };
    let limit = request.max_words.unwrap_or(MAX_WORDS).min(MAX_WORDS);
    let (reasoning, cut) = first_words(reasoning, limit);
    if cut {
        return Ok(Reply { reasoning, cut, ..Reply::default() });
    }
    if let Some(tool) = tool {
        let call = Call {
            id: ids::answer_call_id(seed, 0),
            name: tool.name.clone().into_owned(),
            arguments: schema::arguments(tool.parameters, said),
        };
        return Ok(Reply { reasoning, call: Some(call), ..Reply::default() });
    }
    let content = match request.format {
        Format::Schema(schema) => schema::instance(schema, said),
        Format::Json => json_text(said),
        Format::Text if !results.is_empty() => quote(&results),
        Format::Text => echo(request.last_user()),
    };
    let content = before_stop(content, &request.stop);
    let (content, cut) = first_words(content, limit - count_words(&reasoning));
    Ok(Reply { reasoning, content, call: None, cut })
}

/// The tool that is to be called now.
fn wanted_tool<'r, 'a>(request: &'r Request<'a>) -> Option<&'r Tool<'a>> {
    match &request.choice {
        Choice::None => None,
        Choice::Named(name) => request.tools.iter().find(|tool| tool.name == *name),
        Choice::Required => request.tools.first(),
        Choice::Auto => request.tools.first().filter(|_| request.model == "demo-tool"),
    }
}

/// The results of tools that the conversation ends with: name, if it is known, and text.
fn results<'r>(request: &'r Request<'_>) -> Vec<(&'r str, &'r str)> {
    let count = request.messages.iter().rev().take_while(|message| message.is_tool_result()).count();
    let (before, results) = request.messages.split_at(request.messages.len() - count);
    let calls = before.last().map(|message| message.calls.as_slice()).unwrap_or_default();
    let name_of = |result: &Message<'_>| {
        let call = calls.iter().find(|(id, _)| *id == result.call_id);
        call.map_or("", |(_, name)| name.as_ref())
    };
    results.iter().take(MAX_QUOTED).map(|result| (name_of(result), result.text.as_ref())).collect()
}

fn quote(results: &[(&str, &str)]) -> String {
    let sentence = |(name, text): &(&str, &str)| match *name {
        "" => format!("The tool answered: \"{text}\"."),
        name => format!("The tool {name} answered: \"{text}\"."),
    };
    results.iter().map(sentence).collect::<Vec<_>>().join(" ")
}

fn echo(message: Option<&Message<'_>>) -> String {
    let (text, images) = message.map_or(("", &[][..]), |message| (&message.text, &message.images));
    match (text.trim().is_empty(), images.is_empty()) {
        (true, true) => "Hello! Say something, and I will say it back.".to_owned(),
        (true, false) => describe_images(images),
        (false, true) => text.to_owned(),
        (false, false) => format!("{} {text}", describe_images(images)),
    }
}

fn json_text(text: &str) -> String {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.begin_object();
    w.string_member("text", text);
    w.end_object();
    String::from_utf8_lossy(&out).into_owned()
}
