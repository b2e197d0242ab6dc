//! Text to tree: YAML 1.2 (JSON is a subset) with anchors and merge keys, all of it bounded.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use crate::diagnostic::{Diagnostic, Findings};
use crate::node::{Entry, Node, Place, Scalar, Value, item, member};

/// Values of one file, copies of anchors included.
const MAX_NODES: usize = 200_000;
/// Nesting of one file, after its anchors are expanded.
const MAX_DEPTH: usize = 64;
/// Private-use characters that stand for the braces of `${…}`, so that it needs no quotes within `{ }` and `[ ]`.
const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';

/// The reason why reading ended.
type Stop = Box<Diagnostic>;

fn stop(place: Place, message: impl Into<String>) -> Stop {
    Box::new(Diagnostic::at_place(place, message))
}

/// Reads the one document of `text`. Duplicate keys go to `findings`; a syntax error ends the reading.
pub(crate) fn read(text: &str, findings: &mut Findings) -> Result<Node, Stop> {
    let guarded = guard_variables(text);
    let options = serde_saphyr::granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::default();
    for next in Parser::new_from_str_with_options(&guarded, options) {
        let (event, span) = next.map_err(|error| {
            let at = Place { line: error.marker().line(), column: error.marker().col() + 1, ..Place::default() };
            let message = format!("not valid YAML: {}", unguard(&error.info()));
            stop(at, message)
        })?;
        builder.event(event, place(&span), findings)?;
    }
    Ok(builder.root.unwrap_or(Node { place: Place::default(), value: Value::Null }))
}

fn place(span: &Span) -> Place {
    Place {
        line: span.start.line(),
        column: span.start.col() + 1,
        end_line: span.end.line(),
        end_column: span.end.col() + 1,
    }
}

/// Replaces the braces of every `${…}` that ends on its line. Columns stay as they are.
fn guard_variables(text: &str) -> Cow<'_, str> {
    if !text.contains("${") || text.contains([OPEN, CLOSE]) {
        return Cow::Borrowed(text);
    }
    let chars: Vec<char> = text.chars().collect();
    let mut out = chars.clone();
    let mut opened: Vec<usize> = Vec::new();
    for (i, c) in chars.iter().enumerate() {
        match c {
            '\n' => opened.clear(),
            '{' if i > 0 && chars[i - 1] == '$' => opened.push(i),
            '}' => {
                if let Some(start) = opened.pop() {
                    out[start] = OPEN;
                    out[i] = CLOSE;
                }
            }
            _ => {}
        }
    }
    Cow::Owned(out.into_iter().collect())
}

fn unguard(text: &str) -> String {
    text.replace(OPEN, "{").replace(CLOSE, "}")
}

/// A node with what its subtree costs, for the bounds.
#[derive(Clone)]
struct Measured {
    node: Node,
    nodes: usize,
    depth: usize,
}

struct Frame {
    place: Place,
    anchor: usize,
    nodes: usize,
    depth: usize,
    open: Open,
}

enum Open {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, keys: HashSet<String>, merges: Vec<Node>, key: Option<Key> },
}

struct Key {
    text: String,
    place: Place,
    merge: bool,
}

#[derive(Default)]
struct Builder {
    stack: Vec<Frame>,
    anchors: HashMap<usize, Measured>,
    root: Option<Node>,
    documents: usize,
    total: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, place: Place, findings: &mut Findings) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(stop(place, "a second document; the file must hold one"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.spend(1, place)?;
                let node = scalar(&text, style, tag.as_deref(), place)?;
                self.close(Measured { node, nodes: 1, depth: 1 }, anchor, findings)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.open(place, anchor, tag.as_deref(), "seq", Open::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                let map = Open::Map { entries: Vec::new(), keys: HashSet::new(), merges: Vec::new(), key: None };
                self.open(place, anchor, tag.as_deref(), "map", map)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(place, findings),
            Event::Alias(id) => {
                let Some(mut copy) = self.anchors.get(&id).cloned() else {
                    return Err(stop(place, "an alias within its own anchor"));
                };
                self.spend(copy.nodes, place)?;
                copy.node.place = place;
                self.close(copy, 0, findings)
            }
            _ => Ok(()),
        }
    }

    /// Counts values, the copies of anchors included.
    fn spend(&mut self, nodes: usize, place: Place) -> Result<(), Stop> {
        self.total += nodes;
        if self.total > MAX_NODES { Err(stop(place, format!("more than {MAX_NODES} values"))) } else { Ok(()) }
    }

    fn open(&mut self, place: Place, anchor: usize, tag: Option<&Tag>, allowed: &str, open: Open) -> Result<(), Stop> {
        if tag.is_some_and(|tag| tag.core_suffix() != Some(allowed)) {
            return Err(stop(place, "YAML tags have no meaning here"));
        }
        if matches!(self.stack.last(), Some(Frame { open: Open::Map { key: None, .. }, .. })) {
            return Err(stop(place, "a key must be a word, not a list or mapping"));
        }
        self.spend(1, place)?;
        self.stack.push(Frame { place, anchor, nodes: 1, depth: 0, open });
        Ok(())
    }

    fn end(&mut self, end: Place, findings: &mut Findings) -> Result<(), Stop> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let place = Place { end_line: end.end_line, end_column: end.end_column, ..frame.place };
        let value = match frame.open {
            Open::List(items) => Value::List(items),
            Open::Map { entries, merges, .. } => Value::Map(merge(entries, merges)?),
        };
        let node = Node { place, value };
        self.close(Measured { node, nodes: frame.nodes, depth: frame.depth + 1 }, frame.anchor, findings)
    }

    /// The path of the value that is being read.
    fn path(&self) -> String {
        self.stack.iter().fold(String::new(), |path, frame| match &frame.open {
            Open::List(items) => item(&path, items.len()),
            Open::Map { key: Some(key), .. } => member(&path, &key.text),
            Open::Map { .. } => path,
        })
    }

    /// A finished value: kept under its anchor, and put where it belongs.
    fn close(&mut self, done: Measured, anchor: usize, findings: &mut Findings) -> Result<(), Stop> {
        let place = done.node.place;
        if done.depth + self.stack.len() > MAX_DEPTH {
            return Err(stop(place, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        if anchor != 0 {
            self.spend(done.nodes, place)?;
            self.anchors.insert(anchor, done.clone());
        }
        let path = self.path();
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(done.node);
            return Ok(());
        };
        frame.nodes += done.nodes;
        frame.depth = frame.depth.max(done.depth);
        match &mut frame.open {
            Open::List(items) => items.push(done.node),
            Open::Map { entries, keys, merges, key } => match key.take() {
                None => *key = Some(key_of(done.node)?),
                Some(key) if key.merge => merges.push(done.node),
                Some(key) if keys.insert(key.text.clone()) => {
                    entries.push(Entry { key: key.text, key_place: key.place, value: done.node });
                }
                Some(key) => findings.at_place(
                    &path,
                    key.place,
                    format!("the key `{}` is written twice in one mapping", key.text),
                ),
            },
        }
        Ok(())
    }
}

fn key_of(node: Node) -> Result<Key, Stop> {
    match node.value {
        Value::Scalar(scalar) => {
            Ok(Key { merge: scalar.plain && scalar.text == "<<", text: scalar.text, place: node.place })
        }
        _ => Err(stop(node.place, "a key must be a word")),
    }
}

/// `<<`: members of the merged mappings that the mapping itself does not have; of several, the first counts.
fn merge(mut entries: Vec<Entry>, merges: Vec<Node>) -> Result<Vec<Entry>, Stop> {
    let mut sources = Vec::new();
    for node in merges {
        match node.value {
            Value::List(items) => sources.extend(items),
            _ => sources.push(node),
        }
    }
    for source in sources {
        let Value::Map(members) = source.value else {
            return Err(stop(source.place, "`<<` takes a mapping or a list of mappings"));
        };
        for entry in members {
            if !entries.iter().any(|own| own.key == entry.key) {
                entries.push(entry);
            }
        }
    }
    Ok(entries)
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Result<Node, Stop> {
    let mut plain = matches!(style, ScalarStyle::Plain);
    match tag.map(Tag::core_suffix) {
        None => {}
        Some(Some("str")) => plain = false,
        Some(Some("int" | "float" | "bool" | "null")) => {}
        Some(_) => return Err(stop(place, "YAML tags have no meaning here")),
    }
    let value = match plain && is_null(text) {
        true => Value::Null,
        false => Value::Scalar(Scalar { text: unguard(text), plain, written: None }),
    };
    Ok(Node { place, value })
}

/// The core schema's null.
pub(crate) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}
