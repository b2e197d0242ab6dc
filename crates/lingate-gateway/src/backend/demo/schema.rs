//! The smallest value that a JSON schema takes, more or less: arguments for a call, an answer in a wanted form.

use lingate_codec::json::{Raw, Writer};

/// Bounds, because a schema comes from the client: how deep, how many values, how many bytes of them.
const MAX_DEPTH: usize = 8;
const MAX_VALUES: usize = 256;
const MAX_BYTES: usize = 64 * 1024;
/// So many members of one object are filled, so many elements of one array.
const MAX_MEMBERS: usize = 64;
const MAX_ELEMENTS: u64 = 4;
/// The longest that `text` is put in, in characters.
const MAX_TEXT: usize = 200;

/// A JSON object for a function's parameters: what is required is filled by its type, strings with `text`.
pub(super) fn arguments(parameters: Option<Raw<'_>>, text: &str) -> String {
    match parameters {
        Some(schema) if schema.object().is_some() => value(schema, text, "object"),
        _ => "{}".to_owned(),
    }
}

/// A JSON value for `schema`, made like [`arguments`].
pub(super) fn instance(schema: Raw<'_>, text: &str) -> String {
    value(schema, text, "string")
}

fn value(schema: Raw<'_>, text: &str, untyped: &str) -> String {
    let text: String = text.trim().chars().take(MAX_TEXT).collect();
    let text = if text.is_empty() { "demo".to_owned() } else { text };
    let mut out = Vec::new();
    let mut filler = Filler { root: schema, text, values: MAX_VALUES, bytes: MAX_BYTES };
    filler.fill(schema, untyped, 0, &mut Writer::new(&mut out));
    String::from_utf8_lossy(&out).into_owned()
}

struct Filler<'a> {
    root: Raw<'a>,
    text: String,
    /// How many values may still be written, and how many bytes.
    values: usize,
    bytes: usize,
}

impl<'a> Filler<'a> {
    /// Writes a value for `schema`; one without a type counts as `untyped`.
    fn fill(&mut self, schema: Raw<'a>, untyped: &str, depth: usize, w: &mut Writer<'_>) {
        if self.values == 0 {
            return w.null();
        }
        self.values -= 1;
        if depth > MAX_DEPTH {
            return w.null();
        }
        let Some(object) = schema.object() else { return self.text(w) };
        if let Some(target) = object.string("$ref") {
            return match self.resolve(&target) {
                Some(target) => self.fill(target, untyped, depth + 1, w),
                None => w.null(),
            };
        }
        let first = object.given("enum").and_then(Raw::array).and_then(|mut all| all.next());
        if let Some(fixed) = object.get("const").or(first) {
            return self.copy(fixed, w);
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            if let Some(branch) = object.given(key).and_then(Raw::array).and_then(first_with_content) {
                return self.fill(branch, untyped, depth + 1, w);
            }
        }
        let given = object.given("type").and_then(first_type);
        let implied = || match (object.given("properties"), object.given("items")) {
            (Some(_), _) => "object".to_owned(),
            (None, Some(_)) => "array".to_owned(),
            (None, None) => untyped.to_owned(),
        };
        match given.unwrap_or_else(implied).as_str() {
            "object" => self.members(object.given("required"), object.given("properties"), depth, w),
            "array" => self.elements(object.given("items"), object.given("minItems"), depth, w),
            "integer" | "number" => w.integer(1),
            "boolean" => w.bool(true),
            "null" => w.null(),
            _ => self.text(w),
        }
    }

    fn members(&mut self, required: Option<Raw<'a>>, properties: Option<Raw<'a>>, depth: usize, w: &mut Writer<'_>) {
        let properties = properties.and_then(Raw::object);
        let names = required.and_then(Raw::array).into_iter().flatten().filter_map(Raw::string);
        let mut written = Vec::new();
        w.begin_object();
        for name in names.take(MAX_MEMBERS) {
            if self.values == 0 || written.contains(&name) || !self.afford(name.len()) {
                continue;
            }
            w.key(&name);
            match properties.as_ref().and_then(|properties| properties.get(&name)) {
                Some(schema) => self.fill(schema, "string", depth + 1, w),
                None => self.text(w),
            }
            written.push(name);
        }
        w.end_object();
    }

    fn elements(&mut self, items: Option<Raw<'a>>, least: Option<Raw<'a>>, depth: usize, w: &mut Writer<'_>) {
        let least = least.and_then(Raw::u64).unwrap_or(0);
        w.begin_array();
        for _ in 0..least.min(MAX_ELEMENTS) {
            match items {
                Some(schema) => self.fill(schema, "string", depth + 1, w),
                None => self.text(w),
            }
        }
        w.end_array();
    }

    fn text(&mut self, w: &mut Writer<'_>) {
        if self.afford(self.text.len()) { w.string(&self.text) } else { w.null() }
    }

    fn copy(&mut self, fixed: Raw<'_>, w: &mut Writer<'_>) {
        if self.afford(fixed.bytes().len()) { w.raw(fixed) } else { w.null() }
    }

    fn afford(&mut self, bytes: usize) -> bool {
        match self.bytes.checked_sub(bytes) {
            Some(left) => {
                self.bytes = left;
                true
            }
            None => false,
        }
    }

    /// What a reference inside the schema (`#/$defs/x`) points at.
    fn resolve(&self, reference: &str) -> Option<Raw<'a>> {
        let path = reference.strip_prefix('#')?;
        path.split('/').skip(1).take(MAX_DEPTH).try_fold(self.root, |at, step| at.object()?.get(step))
    }
}

/// The type, or the first of several that is not `null`.
fn first_type(types: Raw<'_>) -> Option<String> {
    let one = match types.array() {
        Some(mut all) => all.find_map(|one| one.string().filter(|name| name != "null")),
        None => types.string(),
    };
    one.map(Into::into)
}

/// The first branch that is not just `null`.
fn first_with_content<'a>(mut branches: impl Iterator<Item = Raw<'a>>) -> Option<Raw<'a>> {
    let is_null =
        |branch: Raw<'_>| branch.object().and_then(|object| object.string("type")).is_some_and(|t| t == "null");
    branches.find(|branch| !is_null(*branch))
}

#[cfg(test)]
mod tests {
    use lingate_codec::json::Raw;

    use super::{arguments, instance};

    fn made(schema: &str) -> String {
        arguments(Some(Raw::parse(schema.as_bytes()).unwrap()), " Oslo today ")
    }

    #[test]
    fn required_members_are_filled_by_type() {
        let schema = r##"{"type":"object","properties":{
            "city":{"type":"string"},"days":{"type":"integer"},"exact":{"type":"boolean"},"ratio":{"type":"number"},
            "unit":{"type":"string","enum":["celsius","kelvin"]},"kind":{"const":{"a":[1.10]}},
            "tags":{"type":"array","items":{"type":"string"}},"pair":{"type":"array","minItems":2,"items":{"type":"integer"}},
            "place":{"type":"object","properties":{"lat":{"type":["null","number"]},"x":{}},"required":["lat"]},
            "when":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/day"}]},"note":{"type":"string"}},
            "required":["city","days","exact","ratio","unit","kind","tags","pair","place","when","nowhere","city"],
            "$defs":{"day":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}}}"##;
        assert_eq!(
            made(schema),
            concat!(
                r#"{"city":"Oslo today","days":1,"exact":true,"ratio":1,"unit":"celsius","kind":{"a":[1.10]},"#,
                r#""tags":[],"pair":[1,1],"place":{"lat":1},"when":{"n":1},"nowhere":"Oslo today"}"#
            )
        );
    }

    #[test]
    fn little_is_enough_for_an_object() {
        for schema in ["{}", r#"{"type":"object"}"#, r#"{"properties":{"a":{"type":"string"}}}"#, "true"] {
            assert_eq!(made(schema), "{}", "{schema}");
        }
        assert_eq!(arguments(None, "x"), "{}");
        let schema = r#"{"required":["a"],"properties":{"a":{"type":"string"}}}"#;
        assert_eq!(arguments(Some(Raw::parse(schema.as_bytes()).unwrap()), "  "), r#"{"a":"demo"}"#);
        assert_eq!(instance(Raw::parse(br#"{"type":"array"}"#).unwrap(), "x"), "[]");
        assert_eq!(instance(Raw::parse(b"{}").unwrap(), "x"), "\"x\"");
    }

    #[test]
    fn hostile_schemas_give_small_json() {
        let wide: Vec<_> = (0..60).map(|n| format!("\"m{n}\"")).collect();
        let members: Vec<_> = wide.iter().map(|name| format!("{name}:{{\"$ref\":\"#\"}}")).collect();
        let tree =
            format!(r#"{{"type":"object","required":[{}],"properties":{{{}}}}}"#, wide.join(","), members.join(","));
        let huge = format!(r#"{{"type":"array","minItems":1e15,"items":{{"enum":["{}"]}}}}"#, "x".repeat(40_000));
        let huge = format!(r#"{{"required":["a","b","c"],"properties":{{"a":{huge},"b":{huge},"c":{huge}}}}}"#);
        for schema in
            [&tree, &huge, r##"{"$ref":"#"}"##, r##"{"$ref":"http://x/"}"##, r#"{"anyOf":[]}"#, r#"{"enum":[]}"#]
        {
            let json = made(schema);
            assert!(json.len() < 70_000, "{} bytes", json.len());
            assert!(Raw::parse(json.as_bytes()).is_ok(), "{json}");
        }
    }
}
