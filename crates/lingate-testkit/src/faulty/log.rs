//! What the faulty upstream has seen and done, request by request.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::watch;

use crate::patience::within;

/// Most records that are kept; when there are more, all older ones are forgotten.
const KEPT_MAX: usize = 256 * 1024;

/// How the answer to a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It has not.
    Open,
    /// All of it was written.
    Full,
    /// The scenario closed or reset the connection.
    Script,
    /// The client was gone before.
    Client,
}

/// One request to the faulty upstream.
#[derive(Debug, Clone)]
pub struct Record {
    /// Which connection brought it: 0 for the first one accepted.
    pub connection: u64,
    /// The path as sent.
    pub path: String,
    /// The tag in the prompt; empty for none.
    pub tag: String,
    /// The model's name, or what stood for it.
    pub scenario: String,
    /// How many words of the answer were written.
    pub words: usize,
    /// How it ended.
    pub ended: Ended,
    /// When the request was there, whole.
    pub came: Instant,
    /// When it ended.
    pub at: Option<Instant>,
    /// When the job that it submitted was cancelled by its owner.
    pub cancelled: Option<Instant>,
}

/// The log.
#[derive(Debug, Default)]
pub(super) struct Log {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    records: Vec<Record>,
    /// How many were forgotten: the number of the first record that is kept.
    forgotten: usize,
    by_tag: HashMap<String, Vec<usize>>,
    sign_ins: u64,
    opened: u64,
    closed: u64,
}

impl Log {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request; its number, and how many of the same tag came before it.
    pub(super) fn came(&self, record: Record) -> (usize, usize) {
        let mut state = self.state();
        if state.records.len() == KEPT_MAX {
            state.forgotten += KEPT_MAX;
            state.records.clear();
            state.by_tag.clear();
        }
        let number = state.forgotten + state.records.len();
        let same = state.by_tag.entry(record.tag.clone()).or_default();
        same.push(number);
        let before = same.len() - 1;
        state.records.push(record);
        drop(state);
        self.changed.send_replace(());
        (number, before)
    }

    /// Changes a record that is still known.
    pub(super) fn change(&self, number: usize, change: impl FnOnce(&mut Record)) {
        let mut state = self.state();
        let at = number.checked_sub(state.forgotten);
        if let Some(record) = at.and_then(|at| state.records.get_mut(at)) {
            change(record);
        }
    }

    /// Notes how a request ended.
    pub(super) fn ended(&self, number: usize, ended: Ended) {
        let now = Instant::now();
        self.change(number, |record| {
            record.ended = ended;
            record.at = Some(now);
        });
        self.changed.send_replace(());
    }

    /// Notes that the job of a request was cancelled.
    pub(super) fn cancelled(&self, number: usize) {
        let now = Instant::now();
        self.change(number, |record| record.cancelled = record.cancelled.or(Some(now)));
        self.changed.send_replace(());
    }

    pub(super) fn sign_in(&self) -> u64 {
        let mut state = self.state();
        state.sign_ins += 1;
        state.sign_ins
    }

    pub(super) fn opened(&self) -> u64 {
        let mut state = self.state();
        state.opened += 1;
        state.opened - 1
    }

    pub(super) fn closed(&self) {
        self.state().closed += 1;
        self.changed.send_replace(());
    }

    /// The records of a tag, in the order in which they came.
    pub(super) fn of(&self, tag: &str) -> Vec<Record> {
        let state = self.state();
        let numbers = state.by_tag.get(tag).into_iter().flatten();
        numbers.filter_map(|number| state.records.get(number.checked_sub(state.forgotten)?).cloned()).collect()
    }

    /// Waits until `ready` has a value for the records of a tag.
    pub(super) async fn when<T>(&self, tag: &str, what: &str, ready: impl Fn(&[Record]) -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        within(what, async {
            loop {
                if let Some(value) = ready(&self.of(tag)) {
                    return value;
                }
                // The sender lives in `self`, so this only ever waits.
                let _ = changes.changed().await;
            }
        })
        .await
    }

    /// Requests, sign-ins, connections that are open.
    pub(super) fn counts(&self) -> (usize, u64, u64) {
        let state = self.state();
        (state.forgotten + state.records.len(), state.sign_ins, state.opened - state.closed)
    }
}
