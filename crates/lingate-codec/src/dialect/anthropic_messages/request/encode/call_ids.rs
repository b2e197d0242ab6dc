//! Ids of calls and results in a history. The API refuses two calls of one id, which other servers do give
//! (`call_0` in every answer).

use super::super::super::MAX_CALL_ID;
use crate::ids::legal_call_id;
use std::collections::{HashMap, VecDeque};

/// The ids so far. The same history always gives the same ids.
#[derive(Default)]
pub(super) struct CallIds {
    by_id: HashMap<String, Calls>,
}

/// The calls of one id.
#[derive(Default)]
struct Calls {
    count: usize,
    /// As written, and whether a result came; answered ones are taken out late.
    written: VecDeque<(String, bool)>,
}

impl CallIds {
    /// The id of the next call, legal and unlike all before.
    pub(super) fn call(&mut self, id: &str) -> String {
        let calls = self.by_id.entry(id.to_owned()).or_default();
        let written = match calls.count {
            0 => legal_call_id(id, MAX_CALL_ID).into_owned(),
            // A blank is in no legal id, so the result ends in a hash.
            count => legal_call_id(&format!("{id} {count}"), MAX_CALL_ID).into_owned(),
        };
        calls.count += 1;
        calls.written.push_back((written.clone(), false));
        written
    }

    /// The id of the call that the next result answers: the oldest open one of its id, else the last.
    pub(super) fn result(&mut self, id: &str) -> String {
        let Some(calls) = self.by_id.get_mut(id) else { return legal_call_id(id, MAX_CALL_ID).into_owned() };
        while calls.written.len() > 1 && calls.written.front().is_some_and(|(_, answered)| *answered) {
            calls.written.pop_front();
        }
        calls.written.front_mut().map_or_else(String::new, |(written, answered)| {
            *answered = true;
            written.clone()
        })
    }
}
