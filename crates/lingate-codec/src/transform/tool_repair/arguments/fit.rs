//! Makes a value fit a schema, and writes it: what fits goes out as it is, what can be meant in one way only is
//! changed, and everything else is refused.

use super::lenient::{self, Ending};
use super::names::{self, Slot};
use super::schema::{ANY, Additional, Node, NodeId, Schema, Types};
use super::{Rejected, defaults};
use crate::json::{Kind, MAX_DEPTH, Object, Raw, Writer};

/// How many bytes may be looked at for one call. Every level of nesting looks at its text anew, and each of several
/// variants of a schema, too.
const MAX_WORK: usize = 24 * 1024 * 1024;

/// How much may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Nothing: the value fits, or not.
    Exact,
    /// What is unambiguous.
    Coerce,
    /// The members are texts between tags, so a string may be anything; inside of them it is as in `Coerce`.
    Texts,
}

pub(super) struct Fit<'s> {
    schema: &'s Schema,
    work: usize,
}

type Outcome = Result<(), Rejected>;

impl<'s> Fit<'s> {
    pub(super) fn new(schema: &'s Schema) -> Self {
        Self { schema, work: 0 }
    }

    /// Appends what `raw` becomes under the schema's node `id`. `depth` counts steps from the root.
    pub(super) fn value(&mut self, raw: Raw<'_>, id: NodeId, how: How, depth: usize, out: &mut Vec<u8>) -> Outcome {
        self.work += raw.bytes().len() + 16;
        if depth > 2 * MAX_DEPTH || self.work > MAX_WORK {
            return Err(Rejected::here("takes too long to check"));
        }
        let schema = self.schema;
        let node = schema.node(id);
        if node.is_bare() && !node.variants.is_empty() {
            return self.variant(raw, node, how, depth, out);
        }
        if how == How::Texts && raw.kind() == Kind::String && depth > 0 {
            return self.text(raw, node, id, depth, out);
        }
        if node.types.has(types_of(raw)) {
            return self.inside(raw, node, how, depth, out);
        }
        if how == How::Exact { Err(wrong_type(node)) } else { self.coerce(raw, node, id, depth, out) }
    }

    /// One of several: the first that fits as it is, else the first that can be made to.
    fn variant(&mut self, raw: Raw<'_>, node: &Node, how: How, depth: usize, out: &mut Vec<u8>) -> Outcome {
        let start = out.len();
        let mut why = Rejected::here("fits none of the variants");
        let ways = if how == How::Coerce { &[How::Exact, How::Coerce][..] } else { &[how][..] };
        let mut variants = node.variants.clone();
        if how == How::Texts {
            // Of a text, a variant that is text is the nearest; but `null` is not one.
            let text = raw.string().unwrap_or_default();
            let is_null = matches!(text.trim(), "null" | "None");
            variants
                .sort_by_key(|id| !self.schema.node(*id).types.has(if is_null { Types::NULL } else { Types::STRING }));
        }
        for how in ways {
            for id in &variants {
                match self.value(raw, *id, *how, depth + 1, out) {
                    Ok(()) => return Ok(()),
                    Err(rejected) if node.variants.len() == 1 => why = rejected,
                    Err(_) => {}
                }
                out.truncate(start);
            }
        }
        Err(why)
    }

    /// A text between tags.
    fn text(&mut self, raw: Raw<'_>, node: &Node, id: NodeId, depth: usize, out: &mut Vec<u8>) -> Outcome {
        let text = raw.string().unwrap_or_default();
        let trimmed = text.trim();
        if node.types.has(Types::NULL) && matches!(trimmed, "null" | "None") {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        // Where the schema says nothing, JSON is taken for what it says.
        if node.types == Types::ALL
            && let Ok(value) = Raw::parse(trimmed.as_bytes())
            && value.kind() != Kind::String
        {
            return self.value(value, id, How::Coerce, depth + 1, out);
        }
        let bare = quoted(without_outer_newlines(&text));
        let bare = Raw::parse(&bare).map_err(|_| Rejected::here("is not text"))?;
        self.value(bare, id, How::Coerce, depth + 1, out)
    }

    /// A value of a type that the node admits.
    fn inside(&mut self, raw: Raw<'_>, node: &Node, how: How, depth: usize, out: &mut Vec<u8>) -> Outcome {
        self.work += node.allowed.iter().map(Vec::len).sum::<usize>();
        match raw.kind() {
            Kind::Object if !node.is_open() || how == How::Texts => {
                let Some(object) = raw.object() else { return Err(Rejected::here("nests too deep")) };
                self.object(&object, node, how, depth, out)
            }
            Kind::Array if node.items != ANY => self.array(raw, node, how, depth, out),
            _ if node.allowed.is_empty() || node.allowed.iter().any(|one| same(raw, one)) => {
                out.extend_from_slice(raw.bytes());
                Ok(())
            }
            Kind::String if how != How::Exact => self.nearest(raw, node, out),
            _ => Err(Rejected::here("is not one of the allowed values")),
        }
    }

    /// The one allowed text that differs in case and separators alone.
    fn nearest(&mut self, raw: Raw<'_>, node: &Node, out: &mut Vec<u8>) -> Outcome {
        let folded = names::folded(raw.string().unwrap_or_default().trim());
        let mut alike = node.allowed.iter().filter(|one| {
            Raw::parse(one).ok().and_then(Raw::string).is_some_and(|text| names::folded(&text) == folded)
        });
        match (alike.next(), alike.next()) {
            (Some(one), None) => {
                out.extend_from_slice(one);
                Ok(())
            }
            _ => Err(Rejected::here("is not one of the allowed values")),
        }
    }

    fn array(&mut self, raw: Raw<'_>, node: &Node, how: How, depth: usize, out: &mut Vec<u8>) -> Outcome {
        out.push(b'[');
        for (index, element) in raw.array().into_iter().flatten().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            self.value(element, node.items, inner(how), depth + 1, out).map_err(|e| e.under(&index.to_string()))?;
        }
        out.push(b']');
        Ok(())
    }

    fn object(&mut self, object: &Object<'_>, node: &Node, how: How, depth: usize, out: &mut Vec<u8>) -> Outcome {
        // A missing member is looked for among all properties, and a name in another style, too.
        self.work += (node.properties.len() + object.members().len()) * 32;
        let slots = names::assign(object, node, self.schema, how == How::Exact);
        if how != How::Exact && self.is_item(&slots, node) {
            return self.wrapped(Raw::parse(object.text()).ok(), node, depth, out);
        }
        let mut members = Members::begin(out);
        for slot in &slots {
            self.member(slot, node, how, depth, &mut members).map_err(|error| error.under(slot.name))?;
        }
        let given = names::given(&slots);
        for (name, property) in &node.properties {
            if !property.required || given.contains(name.as_str()) {
                continue;
            }
            let default = if how == How::Exact { None } else { defaults::of(name, node, self.schema) };
            let Some(text) = default else { return Err(Rejected::here("is missing").under(name)) };
            members.name(name);
            Writer::new(members.out).string(text);
        }
        members.out.push(b'}');
        Ok(())
    }

    fn member(&mut self, slot: &Slot<'_>, node: &Node, how: How, depth: usize, members: &mut Members<'_>) -> Outcome {
        let (id, required) = match (slot.known, node.additional) {
            (Some(known), _) => known,
            (None, Additional::Allowed(id)) => (id, false),
            (None, Additional::Refused) if how == How::Exact => return Err(Rejected::here("is not known")),
            (None, Additional::Refused) => return Ok(()),
        };
        let start = members.out.len();
        members.name(slot.name);
        let how = if how == How::Texts { how } else { inner(how) };
        match self.value(slot.value, id, how, depth + 1, members.out) {
            // `null` for what may be left out means that it was.
            Err(_) if slot.value.is_null() && !required && how != How::Exact => members.undo(start),
            outcome => return outcome,
        }
        Ok(())
    }

    /// Whether the members are those of an element of the list that the node wants: `{"content":…}` for `{"todos":[…]}`.
    fn is_item(&self, slots: &[Slot<'_>], node: &Node) -> bool {
        let Some((_, id)) = names::sole(node, self.schema) else { return false };
        let item = self.schema.node(self.schema.node(id).items);
        !slots.is_empty() && slots.iter().all(|slot| slot.known.is_none() && item.properties.contains_key(slot.name))
    }

    /// A value that is not of the node's types.
    fn coerce(&mut self, raw: Raw<'_>, node: &Node, id: NodeId, depth: usize, out: &mut Vec<u8>) -> Outcome {
        let types = node.types;
        match raw.kind() {
            Kind::String => {
                let text = raw.string().unwrap_or_default();
                if let Some(json) = from_text(text.trim(), types) {
                    let value = Raw::parse(json.as_bytes()).map_err(|_| wrong_type(node))?;
                    return self.value(value, id, How::Coerce, depth + 1, out);
                }
            }
            Kind::Number | Kind::Bool if types.has(Types::STRING) => {
                let text = quoted(&raw.text());
                let value = Raw::parse(&text).map_err(|_| wrong_type(node))?;
                return self.value(value, id, How::Coerce, depth + 1, out);
            }
            // 3.0 fits an integer; other fractions do not, and neither does null fit a list.
            Kind::Null => return Err(wrong_type(node)),
            _ => {}
        }
        if types.has(Types::ARRAY) && raw.kind() != Kind::Array {
            out.push(b'[');
            self.value(raw, node.items, How::Coerce, depth + 1, out).map_err(|error| error.under("0"))?;
            out.push(b']');
            return Ok(());
        }
        if types.has(Types::OBJECT) {
            return self.wrapped(Some(raw), node, depth, out);
        }
        Err(wrong_type(node))
    }

    /// A value without a name, as the only member that must be there.
    fn wrapped(&mut self, raw: Option<Raw<'_>>, node: &Node, depth: usize, out: &mut Vec<u8>) -> Outcome {
        let (Some(raw), Some((name, id))) = (raw, names::sole(node, self.schema)) else { return Err(wrong_type(node)) };
        // A list has its elements' names; of the other kinds, only text is ever written without one.
        let types = self.schema.node(id).types;
        let fits = types.has(Types::ARRAY) || (types.has(Types::STRING) && raw.kind() == Kind::String);
        if !fits {
            return Err(wrong_type(node));
        }
        let mut object = Vec::with_capacity(raw.bytes().len() + 16);
        let mut writer = Writer::new(&mut object);
        writer.begin_object();
        writer.raw_member(name, raw);
        writer.end_object();
        let object = Object::parse(&object).map_err(|_| Rejected::here("nests too deep"))?;
        if depth > MAX_DEPTH {
            return Err(Rejected::here("nests too deep"));
        }
        self.object(&object, node, How::Coerce, depth + 1, out)
    }
}

/// An object being written.
struct Members<'o> {
    out: &'o mut Vec<u8>,
    begin: usize,
}

impl<'o> Members<'o> {
    fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { begin: out.len(), out }
    }

    fn name(&mut self, name: &str) {
        if self.out.len() > self.begin {
            self.out.push(b',');
        }
        Writer::new(self.out).string(name);
        self.out.push(b':');
    }

    fn undo(&mut self, start: usize) {
        self.out.truncate(start);
    }
}

/// What holds below a value.
fn inner(how: How) -> How {
    if how == How::Exact { How::Exact } else { How::Coerce }
}

fn types_of(raw: Raw<'_>) -> Types {
    match raw.kind() {
        Kind::Null => Types::NULL,
        Kind::Bool => Types::BOOL,
        Kind::Number if is_whole(raw) => Types::NUMBER.with(Types::INTEGER),
        Kind::Number => Types::NUMBER,
        Kind::String => Types::STRING,
        Kind::Array => Types::ARRAY,
        Kind::Object => Types::OBJECT,
    }
}

/// Whether a number has no fraction, by its spelling: large ones do not fit a machine's integers.
fn is_whole(raw: Raw<'_>) -> bool {
    let text = raw.number().unwrap_or_default();
    match text.split_once('.') {
        Some((_, fraction)) => fraction.bytes().all(|digit| digit == b'0'),
        None => !text.contains(['e', 'E']) || raw.i64().is_some(),
    }
}

/// The JSON that a text stands for, if the types ask for one.
fn from_text(text: &str, types: Types) -> Option<String> {
    if types.has(Types::NUMBER.with(Types::INTEGER))
        && let Some(number) = lenient::number(text)
    {
        // "3.0" for an integer is 3.
        let whole = number.split_once('.').filter(|(_, zeros)| zeros.bytes().all(|digit| digit == b'0'));
        return Some(match whole {
            Some((whole, _)) if !types.has(Types::NUMBER) => whole.to_owned(),
            _ => number,
        });
    }
    if types.has(Types::BOOL) && (text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")) {
        return Some(text.to_ascii_lowercase());
    }
    if types.has(Types::NULL) && matches!(text, "null" | "None") {
        return Some("null".to_owned());
    }
    let opens = match text.bytes().next() {
        Some(b'{') => types.has(Types::OBJECT.with(Types::ARRAY)),
        Some(b'[') => types.has(Types::ARRAY),
        _ => false,
    };
    if opens { lenient::compact(text, Ending::Whole).ok() } else { None }
}

fn quoted(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    Writer::new(&mut out).string(text);
    out
}

/// Without one newline at either end: tags stand on lines of their own.
fn without_outer_newlines(text: &str) -> &str {
    let text = text.strip_prefix("\r\n").or_else(|| text.strip_prefix('\n')).unwrap_or(text);
    text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(text)
}

/// Whether two values are the same, whatever the spelling of texts and numbers.
fn same(raw: Raw<'_>, allowed: &[u8]) -> bool {
    let Ok(allowed) = Raw::parse(allowed) else { return false };
    match (raw.string(), allowed.string()) {
        (Some(a), Some(b)) => a == b,
        (None, None) => raw.bytes() == allowed.bytes() || (raw.number().is_some() && raw.f64() == allowed.f64()),
        _ => false,
    }
}

fn wrong_type(node: &Node) -> Rejected {
    let wanted = [
        (Types::STRING, "is not a string"),
        (Types::INTEGER, "is not an integer"),
        (Types::NUMBER, "is not a number"),
        (Types::BOOL, "is not a boolean"),
        (Types::ARRAY, "is not an array"),
        (Types::OBJECT, "is not an object"),
    ];
    let reason = wanted.iter().find(|(types, _)| node.types == *types).map(|(_, reason)| *reason);
    Rejected::here(reason.unwrap_or("is of the wrong type"))
}
