//! Tools and the choice among them, read.

use super::path::{self, Path};
use crate::dialect::{self, free_text};
use crate::ids::legal_call_id;
use crate::ir::{ApiError, Tool, ToolChoice, ToolForm};
use crate::json::{Object, Raw};
use memchr::memmem;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// The longest name of a function (OpenAI's bound, and nearly everyone's).
const MAX_NAME: usize = 64;

/// The name of the function that stands for the client's search for tools.
const SEARCH: &str = "tool_search";

/// The item that holds what such a search found.
const SEARCH_OUTPUT: &str = "tool_search_output";

/// Whether a search for tools is the client's to run, or was.
pub(super) fn is_clients(object: &Object<'_>) -> bool {
    object.string("execution").as_deref() == Some("client")
}

/// What became of `tools`.
#[derive(Default)]
pub(super) struct Declared<'a> {
    pub(super) tools: Vec<Tool<'a>>,
    /// Those that were not declared as plain functions.
    pub(super) forms: Vec<ToolForm<'a>>,
    /// Names of functions so far.
    taken: HashSet<Cow<'a, str>>,
    /// Names of groups that were found.
    groups: HashSet<Cow<'a, str>>,
}

pub(super) fn decode<'a>(value: Raw<'a>, path: &Path<'_>) -> Result<Declared<'a>, ApiError> {
    let mut declared = Declared::default();
    for (index, entry) in path::array(value, path)?.enumerate() {
        let path = path.index(index);
        let object = path::object(entry, &path)?;
        match &*path::string_needed(&object, "type", &path)? {
            "namespace" => declared.group(&object, entry, &path)?,
            kind => declared.one(&object, kind, entry, &path, None)?,
        }
    }
    Ok(declared)
}

/// The tools of a request that are no plain functions. A request that cannot be read has none.
pub(in crate::dialect::openai_responses) fn forms(object: &Object<'_>) -> Vec<dialect::ToolForm> {
    let mut declared = object.given("tools").and_then(|tools| decode(tools, &Path::Root).ok()).unwrap_or_default();
    if let Some(input) = object.given("input") {
        // What was found and read before a fault is all that an answer can hold.
        let _ = declared.found(input, &Path::Root);
    }
    declared.forms.into_iter().map(Into::into).collect()
}

/// See [`crate::dialect::Dialect::tools`].
pub(in crate::dialect::openai_responses) fn offered<'a>(object: &Object<'a>) -> Vec<Tool<'a>> {
    let declared = object.given("tools").and_then(|tools| decode(tools, &Path::Root).ok());
    declared.map(|declared| declared.tools).unwrap_or_default()
}

/// The group in which a tool stands.
type Group<'g, 'a> = Option<(&'g Cow<'a, str>, Raw<'a>)>;

impl<'a> Declared<'a> {
    /// Tools under a common name (Codex: `multi_agent_v1`), each a function of a joined name.
    fn group(&mut self, object: &Object<'a>, raw: Raw<'a>, path: &Path<'_>) -> Result<(), ApiError> {
        let namespace = path::string_needed(object, "name", path)?;
        let tools_path = path.key("tools");
        let tools = object.given("tools").ok_or_else(|| path::missing(&tools_path))?;
        let first = self.tools.len();
        for (index, entry) in path::array(tools, &tools_path)?.enumerate() {
            let path = tools_path.index(index);
            let object = path::object(entry, &path)?;
            let kind = path::string_needed(&object, "type", &path)?;
            self.one(&object, &kind, entry, &path, Some((&namespace, raw)))?;
        }
        if let Some(Tool::Function { extra, .. }) = self.tools.get_mut(first) {
            path::keep_unknown(object, &["type", "name", "tools"], path, extra);
        }
        Ok(())
    }

    fn one(
        &mut self,
        object: &Object<'a>,
        kind: &str,
        raw: Raw<'a>,
        path: &Path<'_>,
        group: Group<'_, 'a>,
    ) -> Result<(), ApiError> {
        if kind == "tool_search" && is_clients(object) && group.is_none() {
            return self.search(object, raw, path);
        }
        let custom = kind == "custom";
        if kind != "function" && !custom {
            self.tools.push(Tool::Hosted { kind: Cow::Owned(kind.to_owned()), raw });
            return Ok(());
        }
        let own_name = path::string_needed(object, "name", path)?;
        let name = match group {
            None => own_name.clone(),
            Some((namespace, _)) => self.free_name(joined(namespace, &own_name)),
        };
        self.taken.insert(name.clone());
        if custom || group.is_some() {
            let namespace = group.map(|(namespace, _)| namespace.clone());
            let raw = group.map_or(raw, |(_, raw)| raw);
            self.forms.push(ToolForm { name: name.clone(), own_name, namespace, custom, search: false, raw });
        }
        let mut extra = Vec::new();
        let known = ["type", "name", "description", "parameters", "strict"];
        path::keep_unknown(object, &known[..if custom { 3 } else { 5 }], path, &mut extra);
        let parameters = match object.given("parameters") {
            _ if custom => free_text::parameters(),
            Some(parameters) => path::object(parameters, &path.key("parameters")).map(|_| Some(parameters))?,
            None => None,
        };
        let strict = object.given("strict").filter(|_| !custom);
        let strict = strict.map(|strict| path::boolean(strict, &path.key("strict"))).transpose()?;
        let mut description = path::string_in(object, "description", path)?;
        if custom {
            description = free_text::with_grammar(description, &mut extra);
        }
        self.tools.push(Tool::Function { name, description, parameters, strict, cache_control: None, extra });
        Ok(())
    }

    /// The client's own search for further tools, as a function.
    fn search(&mut self, object: &Object<'a>, raw: Raw<'a>, path: &Path<'_>) -> Result<(), ApiError> {
        let name = self.free_name(SEARCH.to_owned());
        self.taken.insert(name.clone());
        let own_name = Cow::Borrowed(SEARCH);
        let form = ToolForm { name: name.clone(), own_name, namespace: None, custom: false, search: true, raw };
        self.forms.push(form);
        let mut extra = Vec::new();
        path::keep_unknown(object, &["type", "execution", "description", "parameters"], path, &mut extra);
        let parameters = object.given("parameters");
        if let Some(parameters) = parameters {
            path::object(parameters, &path.key("parameters"))?;
        }
        let description = path::string_in(object, "description", path)?;
        self.tools.push(Tool::Function { name, description, parameters, strict: None, cache_control: None, extra });
        Ok(())
    }

    /// Tools that earlier searches found: the client does not say them again among its tools.
    pub(super) fn found(&mut self, input: Raw<'a>, path: &Path<'_>) -> Result<(), ApiError> {
        if memmem::find(input.bytes(), SEARCH_OUTPUT.as_bytes()).is_none() {
            return Ok(());
        }
        for (index, item) in input.array().into_iter().flatten().enumerate() {
            let Some(item) = item.object().filter(|item| item.string("type").as_deref() == Some(SEARCH_OUTPUT)) else {
                continue;
            };
            let Some(tools) = item.given("tools").filter(|_| is_clients(&item)) else { continue };
            let path = path.index(index);
            let tools_path = path.key("tools");
            for (index, entry) in path::array(tools, &tools_path)?.enumerate() {
                self.found_one(entry, &tools_path.index(index))?;
            }
        }
        Ok(())
    }

    fn found_one(&mut self, entry: Raw<'a>, path: &Path<'_>) -> Result<(), ApiError> {
        let object = path::object(entry, path)?;
        let kind = path::string_needed(&object, "type", path)?;
        let name = path::string_needed(&object, "name", path)?;
        match &*kind {
            // A second search may find it again.
            "function" | "custom" if !self.taken.contains(&name) => self.one(&object, &kind, entry, path, None),
            "namespace" if self.groups.insert(name) => self.group(&object, entry, path),
            _ => Ok(()),
        }
    }

    /// The name, unless another tool has it.
    fn free_name(&self, mut name: String) -> Cow<'a, str> {
        while self.taken.contains(name.as_str()) {
            name = legal_call_id(&format!("{name}_{}", self.tools.len()), MAX_NAME).into_owned();
        }
        Cow::Owned(name)
    }
}

/// Names among the tools of those that the client knows by another: in a group.
pub(super) struct Names<'f, 'a> {
    by_own: HashMap<(Option<&'f str>, &'f str), &'f Cow<'a, str>>,
    search: Option<&'f Cow<'a, str>>,
}

impl<'f, 'a> Names<'f, 'a> {
    pub(super) fn of(forms: &'f [ToolForm<'a>]) -> Self {
        let entry = |form: &'f ToolForm<'a>| ((form.namespace.as_deref(), &*form.own_name), &form.name);
        // Of several of one name, the first counts.
        let by_own = forms.iter().rev().filter(|form| !form.search).map(entry).collect();
        Self { by_own, search: forms.iter().find(|form| form.search).map(|form| &form.name) }
    }

    /// The name of the client's search for tools.
    pub(super) fn search(&self) -> Cow<'a, str> {
        self.search.cloned().unwrap_or(Cow::Borrowed(SEARCH))
    }

    /// The name of a tool as the list of tools has it.
    pub(super) fn find(&self, namespace: Option<&str>, own_name: Cow<'a, str>) -> Cow<'a, str> {
        match (self.by_own.get(&(namespace, &*own_name)), namespace) {
            (Some(name), _) => (*name).clone(),
            (None, Some(namespace)) => Cow::Owned(joined(namespace, &own_name)),
            (None, None) => own_name,
        }
    }
}

/// A tool's name with its group's, in the alphabet of names.
fn joined(namespace: &str, name: &str) -> String {
    let between = if namespace.ends_with("__") { "" } else { "__" };
    legal_call_id(&format!("{namespace}{between}{name}"), MAX_NAME).into_owned()
}

/// `None` for a choice that no other dialect knows (of a hosted tool): it stays raw.
pub(super) fn decode_choice<'a>(
    value: Raw<'a>,
    names: &Names<'_, 'a>,
    path: &Path<'_>,
) -> Result<Option<ToolChoice<'a>>, ApiError> {
    if let Some(word) = value.string() {
        return Ok(Some(match &*word {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" => ToolChoice::Required,
            word => return Err(path::unknown_word(path, "none, auto, required or an object", word)),
        }));
    }
    let Some(choice) = value.object() else { return Err(path::wrong(path, "a string or an object", value)) };
    match &*path::string_needed(&choice, "type", path)? {
        "function" | "custom" => {
            path::string_needed(&choice, "name", path)?;
            Ok(named(&choice, names).map(ToolChoice::Named))
        }
        "allowed_tools" => Ok(allowed(&choice, names)),
        _ => Ok(None),
    }
}

fn named<'a>(choice: &Object<'a>, names: &Names<'_, 'a>) -> Option<Cow<'a, str>> {
    let kind = choice.string("type")?;
    (kind == "function" || kind == "custom").then_some(())?;
    Some(names.find(choice.string("namespace").as_deref(), choice.string("name")?))
}

/// Only a choice among functions can be said in other words.
fn allowed<'a>(choice: &Object<'a>, names: &Names<'_, 'a>) -> Option<ToolChoice<'a>> {
    let all = choice.given("tools")?.array()?.map(|tool| named(&tool.object()?, names));
    let required = match &*choice.string("mode")? {
        "required" => true,
        "auto" => false,
        _ => return None,
    };
    Some(ToolChoice::Allowed { names: all.collect::<Option<_>>()?, required })
}
