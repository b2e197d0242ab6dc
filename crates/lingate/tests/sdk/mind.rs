//! The model behind every upstream: it says back what it read, so that what gets lost on the way is missing in the
//! answer.

use serde_json::{Value, json};

/// What it thinks before it answers, if it is asked to.
pub(crate) const THOUGHT: &str = "Let me think about it.";
/// Anthropic's seal on a thought.
pub(crate) const SIGNATURE: &str = "c2lnbmVkLWJ5LXRoZS11cHN0cmVhbQ==";
/// Tokens read, cached ones among them, of those the cached ones, and tokens written.
pub(crate) const USAGE: (u64, u64, u64) = (11, 4, 5);

/// The tool of all checks.
pub(crate) fn tool() -> Value {
    json!({
        "name": "get_weather",
        "description": "Tells the weather in a city.",
        "parameters": {
            "type": "object",
            "properties": { "city": { "type": "string", "description": "The city's name." } },
            "required": ["city"],
        },
    })
}

/// The schema of all checks.
pub(crate) fn schema() -> Value {
    json!({
        "type": "object",
        "properties": { "city": { "type": "string" }, "degrees": { "type": "integer" } },
        "required": ["city", "degrees"],
        "additionalProperties": false,
    })
}

/// What an upstream read in a request, in no dialect.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The upstream's name of the model.
    pub(crate) model: String,
    /// The system prompt.
    pub(crate) told: String,
    /// The last text of the user.
    pub(crate) said: String,
    /// Images of the last user message, as MIME type (empty in dialects that have none) and base64.
    pub(crate) images: Vec<(String, String)>,
    /// Names of the tools on offer.
    pub(crate) tools: Vec<String>,
    /// What tools answered since the last text of the user.
    pub(crate) results: Vec<String>,
    /// The schema that the answer must have.
    pub(crate) schema: Option<Value>,
    /// Whether it is to think.
    pub(crate) thinks: bool,
    /// Whether the answer is a stream.
    pub(crate) stream: bool,
    /// Whether a stream ends with the usage, in dialects where that is a wish.
    pub(crate) usage: bool,
}

/// An answer, in no dialect.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// What it thought.
    pub(crate) thought: Option<&'static str>,
    /// What it says.
    pub(crate) text: String,
    /// Arguments of the calls of `get_weather`.
    pub(crate) calls: Vec<Value>,
}

impl Answer {
    /// The text in words, each with the space before it.
    pub(crate) fn words(&self) -> Vec<&str> {
        let text = self.text.as_str();
        let mut starts: Vec<usize> = text.match_indices(' ').map(|(at, _)| at).filter(|at| *at > 0).collect();
        starts.insert(0, 0);
        let ends = starts.iter().skip(1).copied().chain([text.len()]);
        let words = starts.iter().zip(ends).map(|(start, end)| &text[*start..end]);
        words.filter(|word| !word.is_empty()).collect()
    }
}

/// Answers.
pub(crate) fn answer(asked: &Asked) -> Answer {
    let thought = asked.thinks.then_some(THOUGHT);
    let cities: Vec<&str> = ["Oslo", "Rome"].into_iter().filter(|city| asked.said.contains(city)).collect();
    if asked.results.is_empty() && !asked.tools.is_empty() && !cities.is_empty() {
        let calls = cities.iter().map(|city| json!({ "city": city })).collect();
        return Answer { thought, text: String::new(), calls };
    }
    let told = if asked.told.is_empty() { String::new() } else { format!(" I was told: {}", asked.told) };
    let images: Vec<&str> = asked.images.iter().map(|(_, base64)| base64.as_str()).collect();
    let text = if !asked.results.is_empty() {
        format!("The tools said: {}", asked.results.join(", "))
    } else if asked.schema.is_some() {
        json!({ "city": "Oslo", "degrees": 2 }).to_string()
    } else if !images.is_empty() {
        format!("I see: {}", images.join(" "))
    } else {
        format!("You said: {}{told}", asked.said)
    };
    Answer { thought, text, calls: Vec::new() }
}
