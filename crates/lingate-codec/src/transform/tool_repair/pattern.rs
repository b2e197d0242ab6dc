//! An operator's own pattern: an expression and how its groups are read. The columns are those of seed 003.

use super::arguments::lenient::{self, Ending};
use super::expression::{Expression, Step};
use super::format::{Around, Format, FoundArguments, FoundCall, Match, Opening, Verdict};
use crate::json::{Object, Raw, Writer};
use std::borrow::Cow;

/// A pattern of the operator's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pattern {
    /// Its name; that of a built-in format takes its place.
    pub name: String,
    /// How its groups are read.
    pub kind: PatternKind,
    /// The expression. A dot matches a newline, too; it must begin with a literal text.
    pub regex: String,
    /// The tool's name, if it is always the same.
    pub tool_name: Option<String>,
    /// The group that holds the tool's name, from 1.
    pub tool_name_group: Option<u32>,
    /// Where the name stands in the JSON that was found: `name`, `function.name`.
    pub tool_name_json_path: Option<String>,
    /// Names of tools that the model writes, and what they are called.
    pub tool_name_mapping: Vec<(String, String)>,
    /// Names of parameters that the model writes, and what they are called.
    pub parameter_mapping: Vec<(String, String)>,
    /// Whether it is used.
    pub enabled: bool,
    /// Where two find overlapping calls, the higher wins; built-in formats have [`super::format::PRIORITY`].
    pub priority: u32,
}

/// How a pattern's groups are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PatternKind {
    /// Group 2: the arguments. The match must begin a line, and nothing but such matches may follow it.
    Fence,
    /// Group 2: the arguments.
    #[default]
    Inline,
    /// The last group: the arguments, as JSON or as `<parameter=KEY>VALUE</parameter>`.
    Xml,
    /// Group 2: the arguments.
    Bracket,
    /// Group 1: words that say what is done. They make a call only if they are JSON.
    Action,
}

/// A pattern ready to be used.
pub(super) struct RegexFormat {
    pattern: Pattern,
    expression: Expression,
}

impl RegexFormat {
    /// # Errors
    /// What is wrong with the pattern, for the operator.
    pub(super) fn compile(pattern: &Pattern) -> Result<Self, String> {
        let expression = Expression::compile(&pattern.regex)?;
        let groups = expression.groups();
        if let Some(group) = pattern.tool_name_group.filter(|group| *group == 0 || *group as usize > groups) {
            return Err(format!("`tool_name_group` is {group}, but the expression has {groups} groups"));
        }
        if groups == 0 {
            return Err("the expression has no group: one must hold the arguments".to_owned());
        }
        Ok(Self { pattern: pattern.clone(), expression })
    }

    fn call<'t>(&self, groups: &[Option<&'t str>]) -> Option<FoundCall<'t>> {
        let group = |number: usize| groups.get(number.checked_sub(1)?).copied().flatten().map(str::trim);
        let filled = || groups.iter().flatten().map(|text| text.trim()).filter(|text| !text.is_empty());
        let arguments = match self.pattern.kind {
            PatternKind::Xml => filled().next_back(),
            PatternKind::Action => group(1),
            _ => group(2).or_else(|| filled().next_back()),
        };
        let arguments = arguments.unwrap_or_default();
        let json = arguments.starts_with('{').then(|| lenient::compact(arguments, Ending::Whole).ok()).flatten();
        if self.pattern.kind == PatternKind::Action && json.is_none() {
            return None;
        }
        let name = self.tool(group(1), group(2), filled().next_back(), group)?;
        let inner = json.as_deref().and_then(inner_arguments);
        let arguments = match (inner.or(json), pairs(arguments)) {
            (Some(json), _) => FoundArguments::Json(Cow::Owned(self.rename(json))),
            (None, Some(found)) => FoundArguments::Pairs(
                found.into_iter().map(|(key, value)| (self.parameter(key), Cow::Borrowed(value))).collect(),
            ),
            (None, None) => match self.pattern.parameter_mapping.as_slice() {
                [(_, only)] => FoundArguments::Pairs(vec![(Cow::Owned(only.clone()), Cow::Borrowed(arguments))]),
                _ => FoundArguments::Json(Cow::Borrowed(arguments)),
            },
        };
        Some(FoundCall { name, arguments })
    }

    /// The tool's name: always the same, a group, or a member of the JSON that was found.
    fn tool<'t>(
        &self,
        first: Option<&'t str>,
        second: Option<&'t str>,
        last: Option<&'t str>,
        group: impl Fn(usize) -> Option<&'t str>,
    ) -> Option<Cow<'t, str>> {
        if let Some(name) = &self.pattern.tool_name {
            return Some(Cow::Owned(name.clone()));
        }
        let name = match (self.pattern.tool_name_group, &self.pattern.tool_name_json_path) {
            (Some(number), _) => Cow::Borrowed(group(number as usize)?),
            (None, Some(path)) => {
                let json = [first, second, last].into_iter().flatten().find(|text| text.starts_with('{'))?;
                Cow::Owned(text_at(json, path)?)
            }
            (None, None) => Cow::Owned(text_at(last?, "name")?),
        };
        (!name.is_empty() && name != "tool_call").then_some(name)
    }

    fn parameter<'k>(&self, key: &'k str) -> Cow<'k, str> {
        let mapped = self.pattern.parameter_mapping.iter().find(|(from, _)| from == key);
        mapped.map_or(Cow::Borrowed(key), |(_, to)| Cow::Owned(to.clone()))
    }

    fn rename(&self, json: String) -> String {
        let Ok(object) = Object::parse(json.as_bytes()) else { return json };
        if self.pattern.parameter_mapping.is_empty() {
            return json;
        }
        let mut out = Vec::with_capacity(json.len());
        let mut writer = Writer::new(&mut out);
        writer.begin_object();
        for member in object.members() {
            writer.raw_member(&self.parameter(&member.key), member.value);
        }
        writer.end_object();
        String::from_utf8(out).unwrap_or(json)
    }
}

/// `{"name":…,"arguments":{…}}`: the inner object.
fn inner_arguments(json: &str) -> Option<String> {
    let object = Object::parse(json.as_bytes()).ok()?;
    let inner = ["arguments", "parameters"].iter().find_map(|key| object.get(key))?;
    Some(inner.text().into_owned())
}

/// The text at a dotted path.
fn text_at(json: &str, path: &str) -> Option<String> {
    let json = lenient::compact(json, Ending::Whole).ok()?;
    let mut value = Raw::parse(json.as_bytes()).ok()?;
    for key in path.split('.') {
        value = value.object()?.get(key)?;
    }
    Some(value.string()?.into_owned())
}

/// All `<parameter=KEY>VALUE</parameter>` of a text.
fn pairs(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once("<parameter=") {
        let (key, value) = behind.split_once('>')?;
        let (value, behind) = value.split_once("</parameter>")?;
        found.push((key.trim(), value));
        rest = behind;
    }
    (!found.is_empty()).then_some(found)
}

impl Format for RegexFormat {
    fn name(&self) -> &str {
        &self.pattern.name
    }

    fn priority(&self) -> u32 {
        self.pattern.priority
    }

    fn counts_in_prose(&self) -> bool {
        true
    }

    fn openings(&self) -> Vec<Opening> {
        let line = self.pattern.kind == PatternKind::Fence || self.expression.begins_line();
        let opening = |text: &String| {
            let text = Cow::Owned(text.clone());
            if line { Opening::Line(text) } else { Opening::Anywhere(text) }
        };
        self.expression.openings().iter().map(opening).collect()
    }

    fn scan<'t>(&self, text: &'t str, around: &Around<'_>) -> Verdict<'t> {
        let len = match self.expression.step(text, around.ended) {
            Step::Match(len) => len,
            Step::Open => return Verdict::NeedMore,
            Step::No(bytes) => return Verdict::NoAfter(bytes),
        };
        let call = self.expression.captures(text, len).and_then(|groups| self.call(&groups));
        let only_at_end = self.pattern.kind == PatternKind::Fence;
        match call {
            Some(call) => Verdict::Found(Match { len, calls: vec![call], only_at_end }),
            None => Verdict::NoAfter(len),
        }
    }

    fn mapped<'n>(&'n self, name: &'n str) -> &'n str {
        self.pattern.tool_name_mapping.iter().find(|(from, _)| from == name).map_or(name, |(_, to)| to)
    }
}
