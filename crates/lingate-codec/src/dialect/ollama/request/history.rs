//! Calls of a conversation and the results that answer them. Ids are optional here, so both are matched.

use crate::ids;
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

/// The calls so far. Everything is linear in the conversation's length.
#[derive(Debug, Default)]
pub(super) struct History<'a> {
    calls: Vec<Call<'a>>,
    by_id: HashMap<Cow<'a, str>, usize>,
    /// Calls of this round by name; answered ones are skipped when met.
    by_name: HashMap<Cow<'a, str>, VecDeque<usize>>,
    /// The first call of this round that may be unanswered.
    next_open: usize,
    /// The number of the next id that is made.
    next_id: usize,
    /// Whether a turn of the model is being read.
    in_turn: bool,
}

#[derive(Debug)]
struct Call<'a> {
    id: Cow<'a, str>,
    name: Cow<'a, str>,
    answered: bool,
}

impl<'a> History<'a> {
    /// A message of the model. The first one after others begins a round: calls of earlier rounds get no results.
    pub(super) fn assistant(&mut self) {
        if !self.in_turn {
            self.in_turn = true;
            self.by_name.clear();
            self.next_open = self.calls.len();
        }
    }

    /// A message of anyone else.
    pub(super) fn other(&mut self) {
        self.in_turn = false;
    }

    /// A call; gives its id.
    pub(super) fn call(&mut self, id: Option<Cow<'a, str>>, name: Cow<'a, str>) -> Cow<'a, str> {
        let index = self.calls.len();
        let id = id.unwrap_or_else(|| self.make_id(index));
        self.by_id.insert(id.clone(), index);
        self.by_name.entry(name.clone()).or_default().push_back(index);
        self.calls.push(Call { id: id.clone(), name, answered: false });
        id
    }

    /// A result; gives the id of its call and the tool's name. With an id it answers that call, else the first
    /// open one of that name, else the first open one.
    pub(super) fn result(
        &mut self,
        id: Option<Cow<'a, str>>,
        name: Option<Cow<'a, str>>,
    ) -> (Cow<'a, str>, Option<Cow<'a, str>>) {
        let found = match &id {
            Some(id) => self.by_id.get(id).copied(),
            None => name.as_ref().and_then(|name| self.open_named(name)).or_else(|| self.open()),
        };
        let call = found.and_then(|index| self.calls.get_mut(index));
        let (call_id, called) = match call {
            Some(call) => {
                call.answered = true;
                (Some(call.id.clone()), Some(call.name.clone()))
            }
            None => (None, None),
        };
        let id = id.or(call_id).unwrap_or_else(|| self.make_id(self.calls.len()));
        (id, name.or(called))
    }

    fn open_named(&mut self, name: &str) -> Option<usize> {
        let queue = self.by_name.get_mut(name)?;
        while let Some(index) = queue.pop_front() {
            if self.calls.get(index).is_some_and(|call| !call.answered) {
                return Some(index);
            }
        }
        None
    }

    fn open(&mut self) -> Option<usize> {
        while self.calls.get(self.next_open)?.answered {
            self.next_open += 1;
        }
        Some(self.next_open)
    }

    /// The id of the call at `index`, unlike all ids so far.
    fn make_id(&mut self, index: usize) -> Cow<'a, str> {
        self.next_id = self.next_id.max(index);
        loop {
            let id = Cow::Owned(ids::history_call_id(self.next_id));
            self.next_id += 1;
            if !self.by_id.contains_key(&id) {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::History;
    use std::borrow::Cow;

    fn call(history: &mut History<'static>, id: &'static str, name: &'static str) -> String {
        let id = (!id.is_empty()).then_some(Cow::Borrowed(id));
        history.call(id, Cow::Borrowed(name)).into_owned()
    }

    fn result(history: &mut History<'static>, id: &'static str, name: &'static str) -> (String, String) {
        let given = |text: &'static str| (!text.is_empty()).then_some(Cow::Borrowed(text));
        let (id, name) = history.result(given(id), given(name));
        (id.into_owned(), name.unwrap_or_default().into_owned())
    }

    fn pair(id: &str, name: &str) -> (String, String) {
        (id.to_owned(), name.to_owned())
    }

    #[test]
    fn results_are_paired_by_name_in_order() {
        let mut history = History::default();
        history.assistant();
        assert_eq!(call(&mut history, "", "f"), "call_0");
        assert_eq!(call(&mut history, "", "g"), "call_1");
        assert_eq!(call(&mut history, "", "f"), "call_2");
        history.other();
        assert_eq!(result(&mut history, "", "g"), pair("call_1", "g"));
        assert_eq!(result(&mut history, "", "f"), pair("call_0", "f"));
        assert_eq!(result(&mut history, "", "f"), pair("call_2", "f"));
        assert_eq!(result(&mut history, "", "f"), pair("call_3", "f"), "no call is left");
    }

    #[test]
    fn results_without_a_name_or_with_a_strange_one_are_paired_in_order() {
        let mut history = History::default();
        history.assistant();
        call(&mut history, "", "f");
        history.assistant();
        call(&mut history, "", "g");
        history.other();
        assert_eq!(result(&mut history, "", ""), pair("call_0", "f"));
        assert_eq!(result(&mut history, "", "h"), pair("call_1", "h"));
    }

    #[test]
    fn a_new_round_leaves_old_calls_behind() {
        let mut history = History::default();
        history.assistant();
        call(&mut history, "", "f");
        history.other();
        history.assistant();
        assert_eq!(call(&mut history, "", "f"), "call_1");
        history.other();
        assert_eq!(result(&mut history, "", "f"), pair("call_1", "f"));
        assert_eq!(result(&mut history, "call_0", ""), pair("call_0", "f"), "an id reaches further back");
    }

    #[test]
    fn ids_that_are_made_differ_from_given_ones() {
        let mut history = History::default();
        history.assistant();
        assert_eq!(call(&mut history, "call_1", "f"), "call_1");
        assert_eq!(call(&mut history, "", "f"), "call_2");
        assert_eq!(call(&mut history, "", "f"), "call_3");
        history.other();
        assert_eq!(result(&mut history, "call_2", ""), pair("call_2", "f"));
        assert_eq!(result(&mut history, "", "f"), pair("call_1", "f"));
        assert_eq!(result(&mut history, "", "f"), pair("call_3", "f"));
        assert_eq!(result(&mut history, "unknown", ""), pair("unknown", ""));
    }
}
