//! A whole answer: the fold of its events.

use super::{ApiError, Citation, Event, Finish, Logprob, Start, Usage};
use std::collections::HashMap;

/// One piece of an answer's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Text, with its sources.
    Text {
        /// The text.
        text: String,
        /// Its sources.
        citations: Vec<Citation>,
    },
    /// A thought.
    Reasoning {
        /// The thought.
        text: String,
        /// Anthropic's signature; empty where there is none.
        signature: String,
    },
    /// An encrypted thought.
    RedactedReasoning {
        /// The opaque data.
        data: String,
    },
    /// What the model said in declining.
    Refusal {
        /// The text.
        text: String,
    },
    /// A call.
    ToolCall {
        /// Its number.
        call: usize,
        /// Its id; empty where the upstream gave none.
        id: String,
        /// The tool's name.
        name: String,
        /// The arguments as JSON text; may be empty or cut off.
        arguments: String,
    },
}

/// A whole answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// The head.
    pub start: Start,
    /// The content, in order.
    pub blocks: Vec<Block>,
    /// Log probabilities of the text's tokens.
    pub logprobs: Vec<Logprob>,
    /// Token counts.
    pub usage: Usage,
    /// Why the model stopped; `None` if it never said.
    pub finish: Option<Finish>,
    /// Why the answer failed, if it did.
    pub error: Option<ApiError>,
    /// Whether the last text block is closed.
    text_ended: bool,
    /// Where the last call of each number stands in `blocks`.
    calls: HashMap<usize, usize>,
}

impl Answer {
    /// Folds events.
    pub fn fold(events: impl IntoIterator<Item = Event>) -> Self {
        let mut answer = Self::default();
        for event in events {
            answer.add(event);
        }
        answer
    }

    /// Adds the next event.
    pub fn add(&mut self, event: Event) {
        match event {
            Event::Start(start) => self.start = start,
            Event::Text(text) => self.add_text(text),
            Event::TextEnd => self.text_ended = true,
            Event::Reasoning(more) => match self.blocks.last_mut() {
                Some(Block::Reasoning { text, signature }) if signature.is_empty() => text.push_str(&more),
                _ => self.blocks.push(Block::Reasoning { text: more, signature: String::new() }),
            },
            Event::ReasoningSignature(new) => match self.blocks.last_mut() {
                Some(Block::Reasoning { signature, .. }) if signature.is_empty() => *signature = new,
                // A thought may be nothing but its signature, and stand next to another.
                _ => self.blocks.push(Block::Reasoning { text: String::new(), signature: new }),
            },
            Event::RedactedReasoning(data) => self.blocks.push(Block::RedactedReasoning { data }),
            Event::Refusal(more) => match self.blocks.last_mut() {
                Some(Block::Refusal { text }) => text.push_str(&more),
                _ => self.blocks.push(Block::Refusal { text: more }),
            },
            Event::ToolCallStart { call, id, name } => {
                self.calls.insert(call, self.blocks.len());
                self.blocks.push(Block::ToolCall { call, id, name, arguments: String::new() });
            }
            Event::ToolCallArguments { call, fragment } => self.add_arguments(call, &fragment),
            Event::ToolCallEnd { .. } | Event::End => {}
            Event::Citation(citation) => self.add_citation(citation),
            Event::Logprobs(logprobs) => self.logprobs.extend(logprobs),
            Event::Usage(usage) => self.usage.update(&usage),
            Event::Finish(finish) => self.finish = Some(finish),
            Event::Error(error) => self.error = Some(error),
        }
    }

    fn add_text(&mut self, more: String) {
        match self.blocks.last_mut() {
            Some(Block::Text { text, .. }) if !self.text_ended => text.push_str(&more),
            _ => self.blocks.push(Block::Text { text: more, citations: Vec::new() }),
        }
        self.text_ended = false;
    }

    fn add_arguments(&mut self, number: usize, fragment: &str) {
        let block = self.calls.get(&number).and_then(|&at| self.blocks.get_mut(at));
        if let Some(Block::ToolCall { call, arguments, .. }) = block
            && *call == number
        {
            arguments.push_str(fragment);
        }
    }

    fn add_citation(&mut self, citation: Citation) {
        if !matches!(self.blocks.last(), Some(Block::Text { .. })) {
            self.blocks.push(Block::Text { text: String::new(), citations: Vec::new() });
        }
        if let Some(Block::Text { citations, .. }) = self.blocks.last_mut() {
            citations.push(citation);
        }
    }

    /// All text blocks joined.
    pub fn text(&self) -> String {
        self.join(|block| match block {
            Block::Text { text, .. } => Some(text),
            _ => None,
        })
    }

    /// All thoughts joined.
    pub fn reasoning(&self) -> String {
        self.join(|block| match block {
            Block::Reasoning { text, .. } => Some(text),
            _ => None,
        })
    }

    /// All refusals joined.
    pub fn refusal(&self) -> String {
        self.join(|block| match block {
            Block::Refusal { text } => Some(text),
            _ => None,
        })
    }

    /// Whether a tool is called.
    pub fn has_tool_calls(&self) -> bool {
        self.blocks.iter().any(|block| matches!(block, Block::ToolCall { .. }))
    }

    fn join<'a>(&'a self, pick: impl Fn(&'a Block) -> Option<&'a String>) -> String {
        self.blocks.iter().filter_map(pick).map(String::as_str).collect()
    }
}
