//! Edits to a JSON object that leave every other byte as it was.

use super::{Object, Writer};
use bytes::Bytes;
use std::ops::Range;

/// A piece of an edited text: a part of the original, or new bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A range of the original text.
    Kept(Range<usize>),
    /// New bytes.
    New(Vec<u8>),
}

/// Makes of a text what its segments say, in its own buffer: for long texts of which nobody needs the former state.
/// What is kept moves once for each piece that is new or gone before it.
pub fn rewrite(text: &mut Vec<u8>, segments: Vec<Segment>) {
    let (mut end, mut new) = (text.len(), Vec::new());
    for segment in segments.into_iter().rev() {
        match segment {
            Segment::New(bytes) => new = [bytes, new].concat(),
            Segment::Kept(kept) => {
                text.splice(kept.end..end, std::mem::take(&mut new));
                end = kept.start;
            }
        }
    }
    text.splice(..end, new);
}

/// Edits to one object's text, collected in any order, applied in one pass. Edits must not overlap; of two that
/// do, the one asked for first is kept.
#[derive(Debug, Default)]
pub struct Edits {
    replaced: Vec<(Range<usize>, Vec<u8>)>,
    appended: Vec<(String, Vec<u8>)>,
    /// Indexes of members.
    removed: Vec<usize>,
}

impl Edits {
    /// No edits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.replaced.is_empty() && self.appended.is_empty() && self.removed.is_empty()
    }

    /// Replaces a range of the text.
    pub fn replace(&mut self, range: Range<usize>, new: impl Into<Vec<u8>>) {
        self.replaced.push((range, new.into()));
    }

    /// Replaces a range by a JSON string.
    pub fn replace_with_string(&mut self, range: Range<usize>, text: &str) {
        let mut new = Vec::with_capacity(text.len() + 2);
        Writer::new(&mut new).string(text);
        self.replace(range, new);
    }

    /// Sets a member to a JSON text: replaces the value of every member of that name, or appends one.
    pub fn set(&mut self, object: &Object<'_>, key: &str, json: &[u8]) {
        let mut found = false;
        for member in object.members().iter().filter(|m| m.key == key) {
            self.replace(member.value_span.clone(), json);
            found = true;
        }
        if !found {
            self.append(key, json);
        }
    }

    /// Appends a member at the object's end.
    pub fn append(&mut self, key: &str, json: &[u8]) {
        match self.appended.iter_mut().find(|(name, _)| name == key) {
            Some((_, value)) => *value = json.to_vec(),
            None => self.appended.push((key.to_owned(), json.to_vec())),
        }
    }

    /// Removes every member of that name, with a comma beside it.
    pub fn remove(&mut self, object: &Object<'_>, key: &str) {
        let found = object.members().iter().enumerate().filter(|(_, m)| m.key == key);
        self.removed.extend(found.map(|(index, _)| index));
    }

    /// The edited text as segments of `object`'s text.
    pub fn apply(mut self, object: &Object<'_>) -> Vec<Segment> {
        let text = object.text();
        // In this order: what is appended right after a removed member does not go with it.
        self.remove_members(object);
        self.append_members(object);
        self.replaced.sort_by_key(|(range, _)| range.start);
        let mut out = Vec::with_capacity(self.replaced.len() * 2 + 1);
        let mut at = 0;
        for (range, new) in self.replaced {
            if range.start < at || range.end > text.len() {
                continue;
            }
            push_kept(&mut out, at..range.start);
            if !new.is_empty() {
                out.push(Segment::New(new));
            }
            at = range.end;
        }
        push_kept(&mut out, at..text.len());
        out
    }

    /// The edited text as one buffer.
    pub fn apply_to_vec(self, object: &Object<'_>) -> Vec<u8> {
        let text = object.text();
        let mut out = Vec::with_capacity(text.len() + 64);
        for segment in self.apply(object) {
            match segment {
                Segment::Kept(range) => out.extend_from_slice(&text[range]),
                Segment::New(new) => out.extend_from_slice(&new),
            }
        }
        out
    }

    /// The edited text as slices of the shared buffer that `object` was parsed from; nothing long is copied.
    pub fn apply_to_bytes(self, object: &Object<'_>, source: &Bytes) -> Vec<Bytes> {
        self.apply(object)
            .into_iter()
            .map(|segment| match segment {
                Segment::Kept(range) => source.slice(range),
                Segment::New(new) => Bytes::from(new),
            })
            .collect()
    }

    fn append_members(&mut self, object: &Object<'_>) {
        if self.appended.is_empty() {
            return;
        }
        let text = object.text();
        let Some(end) = memchr::memrchr(b'}', text) else { return };
        let mut first = (0..object.members().len()).all(|index| self.removed.contains(&index));
        let mut new = Vec::new();
        for (key, json) in &self.appended {
            if !first {
                new.push(b',');
            }
            first = false;
            Writer::new(&mut new).string(key);
            new.push(b':');
            new.extend_from_slice(json);
        }
        self.replaced.push((end..end, new));
    }

    /// Turns each run of removed members into one removed range that takes the right comma with it.
    fn remove_members(&mut self, object: &Object<'_>) {
        let members = object.members();
        let mut index = 0;
        while index < members.len() {
            let start = index;
            while index < members.len() && self.removed.contains(&index) {
                index += 1;
            }
            if start == index {
                index += 1;
                continue;
            }
            let last = members[index - 1].span.end;
            let range = match (start.checked_sub(1), members.get(index)) {
                (Some(previous), _) => members[previous].span.end..last,
                (None, Some(next)) => members[start].span.start..next.span.start,
                (None, None) => members[start].span.start..last,
            };
            // Edits inside a removed member go with it; what is put in right behind it (new members at the end) stays.
            let behind = |edit: &Range<usize>| edit.is_empty() && edit.start == range.end;
            self.replaced.retain(|(edit, _)| edit.start < range.start || edit.end > range.end || behind(edit));
            self.replaced.push((range, Vec::new()));
        }
    }
}

fn push_kept(out: &mut Vec<Segment>, range: Range<usize>) {
    if !range.is_empty() {
        out.push(Segment::Kept(range));
    }
}
