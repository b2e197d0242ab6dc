//! Calls: one is open at a time, the others wait with what came of them.

use super::super::response::write::{self, CallHead, Status};
use super::wire::Wire;
use crate::dialect::AnswerContext;
use crate::dialect::arguments::Progress;
use crate::dialect::free_text::FreeText;
use crate::json::{Raw, Writer};

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    call_id: String,
    name: String,
    /// Arguments that came before its item was opened.
    pending: String,
    progress: Progress,
    /// No more arguments will come.
    pub(super) done: bool,
}

impl Call {
    pub(super) fn new(call_id: String, name: &str) -> Self {
        let progress = Progress::default();
        Self { call_id, name: name.to_owned(), pending: String::new(), progress, done: false }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.done || self.progress.is_whole()
    }

    /// Takes in more arguments; what follows a whole value would only spoil it, and is not kept.
    pub(super) fn add(&mut self, fragment: &str, waits: bool) {
        self.progress.add(fragment);
        if waits {
            self.pending.push_str(fragment);
        }
    }
}

/// The call that is open.
#[derive(Debug)]
pub(super) struct OpenCall {
    /// Which it is.
    pub(super) at: usize,
    id: String,
    call_id: String,
    name: String,
    /// What its deltas have in common.
    lead: Vec<u8>,
    /// Arguments, or free text.
    text: String,
    /// Of a custom tool.
    free: Option<FreeText>,
    /// The client's search for tools: its arguments come whole, with the item's end.
    search: bool,
}

impl OpenCall {
    /// Opens the item, with what came before.
    pub(super) fn open(
        at: usize,
        call: &mut Call,
        context: &AnswerContext,
        wire: &mut Wire,
        out: &mut Vec<u8>,
    ) -> Self {
        let form = context.form(&call.name);
        let custom = form.is_some_and(|form| form.custom);
        let id = write::item_id(write::call_prefix(form), context, wire.index);
        let mut open = Self {
            at,
            lead: wire.lead(&id, None),
            id,
            call_id: std::mem::take(&mut call.call_id),
            name: std::mem::take(&mut call.name),
            text: String::new(),
            free: custom.then(FreeText::default),
            search: form.is_some_and(|form| form.search),
        };
        wire.added(out, |w| write::call(&open.head(context), Status::InProgress, "", w));
        open.more(&std::mem::take(&mut call.pending), wire, out);
        open
    }

    /// The call's item of that id that the client got.
    pub(super) fn followed(at: usize, id: &str, call: &mut Call, context: &AnswerContext, wire: &Wire) -> Self {
        let form = context.form(&call.name);
        let custom = form.is_some_and(|form| form.custom);
        Self {
            at,
            lead: wire.lead(id, None),
            id: id.to_owned(),
            call_id: std::mem::take(&mut call.call_id),
            name: std::mem::take(&mut call.name),
            text: String::new(),
            free: custom.then(FreeText::default),
            search: form.is_some_and(|form| form.search),
        }
    }

    /// The client got more arguments.
    pub(super) fn followed_arguments(&mut self, fragment: &str) {
        match &mut self.free {
            Some(free) => self.text.push_str(&free.add(fragment)),
            None => self.text.push_str(fragment),
        }
    }

    fn head<'a>(&'a self, context: &'a AnswerContext) -> CallHead<'a> {
        let form = context.form(&self.name);
        CallHead { id: &self.id, call_id: &self.call_id, name: &self.name, form }
    }

    /// More arguments.
    pub(super) fn more(&mut self, fragment: &str, wire: &mut Wire, out: &mut Vec<u8>) {
        match &mut self.free {
            Some(free) => {
                let text = free.add(fragment);
                self.delta(&text, wire, out);
            }
            None => self.delta(fragment, wire, out),
        }
    }

    fn delta(&mut self, text: &str, wire: &mut Wire, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.text.push_str(text);
        if self.search {
            return;
        }
        let kind = match self.free {
            Some(_) => "response.custom_tool_call_input.delta",
            None => "response.function_call_arguments.delta",
        };
        wire.delta(kind, &self.lead, text, b"", out);
    }

    pub(super) fn close(mut self, context: &AnswerContext, wire: &mut Wire, out: &mut Vec<u8>) {
        let whole = match &mut self.free {
            Some(free) => {
                let (text, whole) = free.end();
                self.delta(&text, wire, out);
                whole
            }
            None if self.text.is_empty() => {
                self.delta("{}", wire, out);
                true
            }
            None => Raw::parse(self.text.as_bytes()).is_ok(),
        };
        let (custom, form) = (self.free.is_some(), context.form(&self.name));
        let (kind, member) = match custom {
            true => ("response.custom_tool_call_input.done", "input"),
            false => ("response.function_call_arguments.done", "arguments"),
        };
        let text_done = |w: &mut Writer<'_>| {
            if !custom {
                w.string_member("name", form.map_or(&self.name, |form| &form.own_name));
            }
            w.string_member(member, &self.text);
        };
        if !self.search {
            wire.of_item(kind, &self.id, out, text_done);
        }
        let status = if whole { Status::Completed } else { Status::Incomplete("") };
        wire.done(out, |w| write::call(&self.head(context), status, &self.text, w));
    }
}
