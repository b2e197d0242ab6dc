//! Whole answers, written.

use super::super::reasoning::{Sealed, own_in_signature};
use super::write::{self, CallHead, Status};
use crate::dialect::AnswerContext;
use crate::dialect::free_text::FreeText;
use crate::ir::{Answer, Block, Logprob};
use crate::json::{Raw, Writer};
use std::collections::HashSet;

/// Appends a whole answer.
pub(in super::super) fn encode(answer: &Answer, context: &AnswerContext, out: &mut Vec<u8>) {
    let status = match &answer.error {
        Some(error) => Status::Failed(error),
        None => Status::of(answer.finish.as_ref()),
    };
    let mut output = Output::new(answer, context);
    answer.blocks.iter().for_each(|block| output.add(block));
    output.end_message(if matches!(status, Status::Failed(_)) { Status::Incomplete("") } else { status });
    write::response(&answer.start, context, status, &output.items, &answer.usage, &mut Writer::new(out));
}

/// The items so far.
struct Output<'a> {
    context: &'a AnswerContext,
    /// Commas between them.
    items: Vec<u8>,
    count: usize,
    /// The parts of the message that is open; empty: none is.
    content: Vec<u8>,
    call_ids: HashSet<String>,
    /// Log probabilities of the text to come.
    tokens: &'a [Logprob],
    /// Characters of text so far.
    characters: u64,
}

impl<'a> Output<'a> {
    fn new(answer: &'a Answer, context: &'a AnswerContext) -> Self {
        Self {
            context,
            items: Vec::new(),
            count: 0,
            content: Vec::new(),
            call_ids: HashSet::new(),
            tokens: &answer.logprobs,
            characters: 0,
        }
    }

    fn add(&mut self, block: &'a Block) {
        match block {
            Block::Text { text, citations } => {
                let mut annotations = Vec::new();
                let length = text.chars().count() as u64;
                for citation in citations.iter().filter(|citation| !citation.url.is_empty()) {
                    if !annotations.is_empty() {
                        annotations.push(b',');
                    }
                    write::annotation(citation, self.characters, length, &mut Writer::new(&mut annotations));
                }
                if text.is_empty() && annotations.is_empty() {
                    return;
                }
                self.characters += length;
                let tokens = self.tokens_of(text);
                self.part(|w| write::text_part(text, &annotations, tokens, w));
            }
            Block::Refusal { text } if text.is_empty() => {}
            Block::Refusal { text } => self.part(|w| write::refusal_part(text, w)),
            Block::Reasoning { text, signature } if text.is_empty() && signature.is_empty() => {}
            Block::Reasoning { text, signature } => {
                let own = own_in_signature(signature);
                let sealed = match own {
                    Some((_, content)) => Some(Sealed::Own(content)),
                    None => Some(Sealed::Signature(signature)).filter(|_| !signature.is_empty()),
                };
                self.end_message(Status::Completed);
                let id = own.map_or_else(|| self.id("rs"), |(id, _)| id.to_owned());
                self.item(|w| write::reasoning(&id, text, sealed, w));
            }
            Block::RedactedReasoning { data } if data.is_empty() => {}
            Block::RedactedReasoning { data } => {
                self.end_message(Status::Completed);
                let id = self.id("rs");
                self.item(|w| write::reasoning(&id, "", Some(Sealed::Redacted(data)), w));
            }
            Block::ToolCall { call, id, name, arguments } => {
                let call_id = write::call_id(id, *call, |id| self.call_ids.contains(id), self.context);
                self.call(&call_id, name, arguments);
                self.call_ids.insert(call_id);
            }
        }
    }

    fn call(&mut self, call_id: &str, name: &str, arguments: &str) {
        self.end_message(Status::Completed);
        let form = self.context.form(name);
        let custom = form.is_some_and(|form| form.custom);
        let (text, whole) = match arguments {
            arguments if custom => FreeText::of(arguments),
            "" => ("{}".to_owned(), true),
            arguments => (arguments.to_owned(), Raw::parse(arguments.as_bytes()).is_ok()),
        };
        let status = if whole { Status::Completed } else { Status::Incomplete("") };
        let id = self.id(write::call_prefix(form));
        self.item(|w| write::call(&CallHead { id: &id, call_id, name, form }, status, &text, w));
    }

    /// The tokens that make up the next text.
    fn tokens_of(&mut self, text: &str) -> &'a [Logprob] {
        let mut length = 0;
        let count = self.tokens.iter().take_while(|token| {
            let fits = length < text.len();
            length += token.token.len();
            fits
        });
        let (these, rest) = self.tokens.split_at(count.count());
        self.tokens = rest;
        these
    }

    fn id(&self, prefix: &str) -> String {
        write::item_id(prefix, self.context, self.count)
    }

    fn part(&mut self, write: impl FnOnce(&mut Writer<'_>)) {
        if !self.content.is_empty() {
            self.content.push(b',');
        }
        write(&mut Writer::new(&mut self.content));
    }

    fn item(&mut self, write: impl FnOnce(&mut Writer<'_>)) {
        if !self.items.is_empty() {
            self.items.push(b',');
        }
        write(&mut Writer::new(&mut self.items));
        self.count += 1;
    }

    /// Closes the open message, if one is.
    fn end_message(&mut self, status: Status<'_>) {
        let content = std::mem::take(&mut self.content);
        if !content.is_empty() {
            let id = self.id("msg");
            self.item(|w| write::message(&id, status, &content, w));
        }
    }
}
