//! The part of JSON Schema that arguments are held to: types, properties, required, additionalProperties, enum, const,
//! items, anyOf, oneOf, allOf, `$ref` inside the schema, nullable. What is not known here is not checked.

use crate::json::{Object, Raw};
use std::collections::BTreeMap;

/// Longer schemas are not looked at, in bytes: everything fits them.
pub const MAX_SCHEMA: usize = 256 * 1024;
/// What comes after so many subschemas is not looked at.
const MAX_NODES: usize = 4096;
/// How deep subschemas may stand in each other.
const MAX_LEVELS: usize = 32;
/// How many bytes may be read to parse one schema; references can make a short schema long to read.
const MAX_WORK: usize = 8 * 1024 * 1024;

/// A tool's parameters, parsed. Parsing never fails: what is not understood admits everything.
#[derive(Debug, Clone)]
pub struct Schema {
    nodes: Vec<Node>,
    root: NodeId,
}

pub(super) type NodeId = usize;

/// The node that admits everything.
pub(super) const ANY: NodeId = 0;

/// A set of JSON types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Types(u8);

impl Types {
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOL: Self = Self(2);
    pub(super) const INTEGER: Self = Self(4);
    pub(super) const NUMBER: Self = Self(8);
    pub(super) const STRING: Self = Self(16);
    pub(super) const ARRAY: Self = Self(32);
    pub(super) const OBJECT: Self = Self(64);
    pub(super) const ALL: Self = Self(127);

    /// Whether one of `other` is in this set.
    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn named(name: &str) -> Self {
        match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOL,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER,
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => Self::ALL,
        }
    }
}

/// A named member of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Property {
    pub(super) node: NodeId,
    pub(super) required: bool,
}

/// What members may have that are not named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Additional {
    Allowed(NodeId),
    Refused,
}

/// One subschema.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) types: Types,
    pub(super) properties: BTreeMap<String, Property>,
    pub(super) additional: Additional,
    pub(super) items: NodeId,
    /// Values of `enum` or `const`, as JSON; empty if any value will do.
    pub(super) allowed: Vec<Vec<u8>>,
    /// Of anyOf and oneOf; one of them must hold. Used only if the node says nothing else.
    pub(super) variants: Vec<NodeId>,
}

impl Node {
    fn any() -> Self {
        Self {
            types: Types::ALL,
            properties: BTreeMap::new(),
            additional: Additional::Allowed(ANY),
            items: ANY,
            allowed: Vec::new(),
            variants: Vec::new(),
        }
    }

    /// Whether it says nothing of an object's members.
    pub(super) fn is_open(&self) -> bool {
        self.properties.is_empty() && self.additional == Additional::Allowed(ANY)
    }

    /// Whether it admits everything, or what it admits is told by its variants.
    pub(super) fn is_bare(&self) -> bool {
        self.types == Types::ALL && self.is_open() && self.items == ANY && self.allowed.is_empty()
    }
}

impl Schema {
    /// Reads the JSON text of a tool's parameters; `None` or anything that is not a schema admits every object.
    pub fn parse(text: Option<&[u8]>) -> Self {
        let mut nodes = vec![Node::any()];
        let text = text.filter(|text| text.len() <= MAX_SCHEMA);
        let Some(root) = text.and_then(|text| Raw::parse(text).ok()) else { return Self { nodes, root: ANY } };
        nodes.reserve(16);
        let mut builder = Builder { text: root, nodes, references: BTreeMap::new(), work: 0 };
        let id = builder.node(root, 0);
        Self { nodes: builder.nodes, root: id }
    }

    pub(super) fn root(&self) -> NodeId {
        self.root
    }

    /// Whether the arguments' members are named, and this is none of them.
    pub(super) fn is_strange(&self, member: &str) -> bool {
        let properties = &self.node(self.root).properties;
        !properties.is_empty() && !properties.contains_key(member)
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        // Ids come from the builder alone; the first node always exists.
        self.nodes.get(id).unwrap_or(&self.nodes[ANY])
    }
}

struct Builder<'a> {
    text: Raw<'a>,
    nodes: Vec<Node>,
    references: BTreeMap<String, NodeId>,
    work: usize,
}

impl<'a> Builder<'a> {
    fn node(&mut self, raw: Raw<'a>, level: usize) -> NodeId {
        let Some(object) = self.object(raw, level) else { return ANY };
        if let Some(pointer) = object.string("$ref") {
            return self.reference(&pointer, level);
        }
        self.add(&object, level)
    }

    /// The members of a subschema, while the bounds allow.
    fn object(&mut self, raw: Raw<'a>, level: usize) -> Option<Object<'a>> {
        self.work += raw.bytes().len();
        if level > MAX_LEVELS || self.nodes.len() >= MAX_NODES || self.work > MAX_WORK {
            return None;
        }
        raw.object()
    }

    fn add(&mut self, object: &Object<'a>, level: usize) -> NodeId {
        let id = self.nodes.len();
        self.nodes.push(Node::any());
        let mut node = Node::any();
        self.fill(&mut node, object, level);
        self.nodes[id] = node;
        id
    }

    /// The node of a pointer such as `#/$defs/Item`. A schema may refer to itself, so its id is known before it is read.
    fn reference(&mut self, pointer: &str, level: usize) -> NodeId {
        if let Some(id) = self.references.get(pointer) {
            return *id;
        }
        let Some(object) = self.resolve(pointer, level) else { return ANY };
        let id = self.nodes.len();
        self.nodes.push(Node::any());
        self.references.insert(pointer.to_owned(), id);
        let mut node = Node::any();
        self.fill(&mut node, &object, level);
        self.nodes[id] = node;
        id
    }

    fn resolve(&mut self, pointer: &str, level: usize) -> Option<Object<'a>> {
        let mut raw = self.text;
        for step in pointer.strip_prefix('#')?.split('/').skip(1) {
            raw = self.object(raw, level)?.get(&step.replace("~1", "/").replace("~0", "~"))?;
        }
        self.object(raw, level)
    }

    fn fill(&mut self, node: &mut Node, object: &Object<'a>, level: usize) {
        let below = level + 1;
        if let Some(pointer) = object.string("$ref") {
            let id = self.reference(&pointer, below);
            node.variants.push(id);
        }
        for list in ["anyOf", "oneOf"] {
            for variant in object.get(list).and_then(Raw::array).into_iter().flatten() {
                let id = self.node(variant, below);
                node.variants.push(id);
            }
        }
        if let Some(properties) = object.get("properties").and_then(|raw| self.object(raw, below)) {
            for member in properties.members() {
                let id = self.node(member.value, below);
                node.properties.insert(member.key.clone().into_owned(), Property { node: id, required: false });
            }
        }
        for name in object.get("required").and_then(Raw::array).into_iter().flatten().filter_map(Raw::string) {
            node.properties
                .entry(name.into_owned())
                .and_modify(|property| property.required = true)
                .or_insert(Property { node: ANY, required: true });
        }
        if let Some(items) = object.get("items") {
            node.items = self.node(items, below);
        }
        if let Some(additional) =
            object.get("additionalProperties").filter(|_| object.get("patternProperties").is_none())
        {
            node.additional = match additional.bool() {
                Some(false) => Additional::Refused,
                Some(true) => Additional::Allowed(ANY),
                None => Additional::Allowed(self.node(additional, below)),
            };
        }
        if let Some(one) = object.get("const") {
            node.allowed.push(one.bytes().to_vec());
        }
        for one in object.get("enum").and_then(Raw::array).into_iter().flatten() {
            node.allowed.push(one.bytes().to_vec());
        }
        set_types(node, object);
        self.merge(node, object, below);
    }

    /// Takes what the parts of allOf say into the node. Where parts close an object, each would close it for itself.
    fn merge(&mut self, node: &mut Node, object: &Object<'a>, level: usize) {
        for part in object.get("allOf").and_then(Raw::array).into_iter().flatten() {
            let id = self.node(part, level);
            let Some(part) = self.nodes.get(id).filter(|_| id != ANY).cloned() else { continue };
            if node.types == Types::ALL {
                node.types = part.types;
            }
            if node.items == ANY {
                node.items = part.items;
            }
            if node.allowed.is_empty() {
                node.allowed = part.allowed;
            }
            node.variants.extend(part.variants);
            for (name, property) in part.properties {
                let own = node.properties.entry(name).or_insert(property);
                own.required |= property.required;
            }
            node.additional = Additional::Allowed(ANY);
        }
    }
}

fn set_types(node: &mut Node, object: &Object<'_>) {
    node.types = match object.get("type") {
        Some(raw) => match (raw.string(), raw.array()) {
            (Some(name), _) => Types::named(&name),
            (_, Some(names)) => {
                names.filter_map(Raw::string).map(|name| Types::named(&name)).fold(Types(0), Types::with)
            }
            _ => Types::ALL,
        },
        // A schema of members means an object, as tools write it.
        None if object.get("properties").is_some() => Types::OBJECT,
        None if object.get("items").is_some() => Types::ARRAY,
        None => Types::ALL,
    };
    if node.types == Types(0) {
        node.types = Types::ALL;
    }
    if object.get("nullable").and_then(Raw::bool) == Some(true) {
        node.types = node.types.with(Types::NULL);
    }
}

#[cfg(test)]
mod tests {
    use super::{ANY, Additional, Schema, Types};

    fn parse(text: &str) -> Schema {
        Schema::parse(Some(text.as_bytes()))
    }

    #[test]
    fn the_known_part_is_read() {
        let schema = parse(
            r##"{"type":"object","properties":{"a":{"type":["string","null"]},"b":{"$ref":"#/$defs/B"},"c":{"allOf":[{"$ref":"#/$defs/B"}]}},
            "required":["a","z"],"additionalProperties":false,"$defs":{"B":{"type":"integer","enum":[1,2]}}}"##,
        );
        let root = schema.node(schema.root());
        assert_eq!((root.types, root.additional), (Types::OBJECT, Additional::Refused));
        assert!(root.properties["a"].required && root.properties["z"].required && !root.properties["b"].required);
        assert_eq!(schema.node(root.properties["a"].node).types, Types::STRING.with(Types::NULL));
        for name in ["b", "c"] {
            let node = schema.node(root.properties[name].node);
            assert_eq!((node.types, node.allowed.len()), (Types::INTEGER, 2), "{name}");
        }
    }

    #[test]
    fn what_is_not_a_schema_admits_everything() {
        for text in ["", "nonsense", "[]", "true", "12", r#"{"type":"object","#] {
            assert_eq!(parse(text).root(), ANY, "{text}");
        }
        assert_eq!(Schema::parse(None).root(), ANY);
        assert!(parse(r#"{"type":[],"properties":7,"required":"x","anyOf":{}}"#).node(1).is_bare());
    }

    #[test]
    fn schemas_that_refer_to_themselves_or_are_huge_are_bounded() {
        parse(r##"{"$ref":"#"}"##);
        parse(r##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}"##);
        parse(r##"{"allOf":[{"$ref":"#"},{"$ref":"#"}],"items":{"$ref":"#"}}"##);
        let properties: Vec<String> = (0..9000).map(|n| format!(r#""p{n}":{{"type":"string"}}"#)).collect();
        let many = parse(&format!(r#"{{"properties":{{{}}}}}"#, properties.join(",")));
        assert!(many.nodes.len() <= 4096);
        assert_eq!(many.node(many.root()).properties.len(), 9000);
        let references: Vec<String> = (0..2000).map(|n| format!(r##""p{n}":{{"$ref":"#/$defs/d{n}"}}"##)).collect();
        parse(&format!(r#"{{"properties":{{{0}}},"$defs":{{"x":"{1}"}}}}"#, references.join(","), "y".repeat(150_000)));
        assert_eq!(parse(&format!("{{\"type\":\"object\",\"x\":\"{}\"}}", "y".repeat(300_000))).root(), ANY);
    }
}
