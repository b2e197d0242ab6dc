//! A regular expression that takes linear time: how far it has matched a text that is still coming, and its groups.

use regex_automata::hybrid::{dfa, dfa::DFA};
use regex_automata::meta;
use regex_automata::nfa::thompson;
use regex_automata::util::pool::Pool;
use regex_automata::{Anchored, Input};
use regex_syntax::ast;
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Hir, Look};

/// The most that a compiled expression may take, in bytes.
const MAX_COMPILED: usize = 1024 * 1024;
/// The longest expression, in bytes.
const MAX_WRITTEN: usize = 16 * 1024;
/// The most texts that an expression may begin with.
const MAX_OPENINGS: usize = 64;

type NewCache = Box<dyn Fn() -> dfa::Cache + Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>;

/// A compiled expression.
pub(super) struct Expression {
    /// Tells where the match ends, and that nothing more can come of it.
    ends: DFA,
    caches: Pool<dfa::Cache, NewCache>,
    /// Tells the groups.
    groups: meta::Regex,
    openings: Vec<String>,
    line: bool,
}

/// How far an expression has matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It matches so many bytes, whatever follows.
    Match(usize),
    /// More text is needed.
    Open,
    /// It does not match, which was known after so many bytes.
    No(usize),
}

impl Expression {
    /// # Errors
    /// What is wrong with the expression, for the operator.
    pub(super) fn compile(written: &str) -> Result<Self, String> {
        if written.len() > MAX_WRITTEN {
            return Err(format!("the expression is longer than {MAX_WRITTEN} bytes"));
        }
        let mut parser = regex_syntax::ParserBuilder::new().dot_matches_new_line(true).nest_limit(64).build();
        let hir = parser.parse(written).map_err(|error| refused(written, &error))?;
        let openings = openings(&hir)?;
        let too_large = "the expression is too large when compiled: repetitions of repetitions multiply";
        let size = Some(MAX_COMPILED);
        let nfa = thompson::Compiler::new()
            .configure(thompson::Config::new().nfa_size_limit(size))
            .build_from_hir(&hir)
            .map_err(|_| too_large.to_owned())?;
        let config =
            dfa::Config::new().unicode_word_boundary(true).cache_capacity(MAX_COMPILED).skip_cache_capacity_check(true);
        let ends = dfa::Builder::new().configure(config).build_from_nfa(nfa).map_err(|_| too_large.to_owned())?;
        let groups = meta::Builder::new()
            .configure(
                meta::Config::new().nfa_size_limit(size).onepass_size_limit(size).hybrid_cache_capacity(MAX_COMPILED),
            )
            .build_from_hir(&hir)
            .map_err(|_| too_large.to_owned())?;
        let for_caches = ends.clone();
        let new_cache: NewCache = Box::new(move || for_caches.create_cache());
        let prefix = hir.properties().look_set_prefix();
        let line = prefix.contains(Look::Start) || prefix.contains(Look::StartLF) || prefix.contains(Look::StartCRLF);
        let expression = Self { ends, caches: Pool::new(new_cache), groups, openings, line };
        if expression.is_quadratic(written) {
            return Err("the expression may look at the same text over and over (a repetition that runs on to the \
                        end and then fails); bound it, as in `[^\\]\\n]{0,200}`"
                .to_owned());
        }
        Ok(expression)
    }

    /// How many groups it has.
    pub(super) fn groups(&self) -> usize {
        self.groups.captures_len() - 1
    }

    /// The texts that it may begin with.
    pub(super) fn openings(&self) -> &[String] {
        &self.openings
    }

    /// Whether it begins with `^`.
    pub(super) fn begins_line(&self) -> bool {
        self.line
    }

    /// How far it matches from the beginning of `text`; `ended`: nothing follows.
    pub(super) fn step(&self, text: &str, ended: bool) -> Step {
        let mut cache = self.caches.get();
        let input = Input::new(text).anchored(Anchored::Yes);
        let Ok(mut state) = self.ends.start_state_forward(&mut cache, &input) else { return Step::No(1) };
        let mut last = None;
        for (at, byte) in text.bytes().enumerate() {
            let Ok(next) = self.ends.next_state(&mut cache, state, byte) else { return Step::No(at + 1) };
            state = next;
            if state.is_tagged() {
                if state.is_match() {
                    // Known one byte late.
                    last = Some(at);
                } else if state.is_dead() {
                    return last.filter(|len| *len > 0).map_or(Step::No(at + 1), Step::Match);
                } else if state.is_quit() {
                    return Step::No(at + 1);
                }
            }
        }
        if !ended {
            return Step::Open;
        }
        match self.ends.next_eoi_state(&mut cache, state) {
            Ok(state) if state.is_match() => Step::Match(text.len()),
            _ => last.filter(|len| *len > 0).map_or(Step::No(text.len()), Step::Match),
        }
    }

    /// The groups of a match of `len` bytes.
    pub(super) fn captures<'t>(&self, text: &'t str, len: usize) -> Option<Vec<Option<&'t str>>> {
        let mut captures = self.groups.create_captures();
        self.groups.search_captures(&Input::new(text).anchored(Anchored::Yes), &mut captures);
        if captures.get_match()?.end() != len {
            return None;
        }
        Some((1..=self.groups()).map(|group| text.get(captures.get_group(group)?.range())).collect())
    }

    /// Whether texts made of its own parts take it more than linear time: counted in bytes looked at.
    fn is_quadratic(&self, written: &str) -> bool {
        const SHORT: usize = 1024;
        const DEAR: usize = 8;
        let mut parts: Vec<char> = "a0 \n\"{}<>]):,`!".chars().collect();
        for part in written.chars().filter(|c| !c.is_ascii_alphanumeric()) {
            if parts.len() < 24 && !parts.contains(&part) {
                parts.push(part);
            }
        }
        self.openings.iter().take(4).any(|opening| {
            parts.iter().map(Some).chain([None]).any(|filler| {
                let unit: String = opening.chars().chain(filler.copied()).collect();
                parts.iter().any(|tail| {
                    let cost = |len: usize| {
                        self.cost(&format!("{}{tail}{tail}\u{1}", unit.repeat(len / unit.len() + 1)), opening)
                    };
                    let short = cost(SHORT);
                    short > DEAR * SHORT && cost(2 * SHORT) > 3 * short
                })
            })
        })
    }

    /// How many bytes are looked at, in vain, from all places where a match may begin.
    fn cost(&self, text: &str, opening: &str) -> usize {
        let mut cost = 0;
        for (at, _) in text.match_indices(opening) {
            match self.step(&text[at..], false) {
                Step::No(bytes) => cost += bytes,
                // All text that is open to the end is given up at once.
                Step::Open => break,
                Step::Match(_) => {}
            }
        }
        cost
    }
}

fn openings(hir: &Hir) -> Result<Vec<String>, String> {
    let refusal = || {
        "the expression must begin with a literal text, so that other text need not be held back: `\\[use ` is one, \
         `\\w+` and `.*` are none"
            .to_owned()
    };
    let found = Extractor::new().kind(ExtractKind::Prefix).limit_literal_len(32).extract(hir);
    let literals = found.literals().ok_or_else(refusal)?;
    if literals.is_empty() || literals.len() > MAX_OPENINGS {
        return Err(refusal());
    }
    let mut openings = Vec::with_capacity(literals.len());
    for literal in literals {
        let bytes = literal.as_bytes();
        let text = std::str::from_utf8(bytes).or_else(|error| std::str::from_utf8(&bytes[..error.valid_up_to()]));
        let text = text.map_err(|_| refusal())?;
        if text.trim().is_empty() {
            return Err(refusal());
        }
        if !openings.iter().any(|known| known == text) {
            openings.push(text.to_owned());
        }
    }
    Ok(openings)
}

/// Says what is wrong with an expression, and names what Python has and this syntax has not.
fn refused(written: &str, error: &regex_syntax::Error) -> String {
    let unknown = ["(?>", "(?(", "(?P=", "(?#"].into_iter().find(|construct| written.contains(construct));
    let regex_syntax::Error::Parse(error) = error else { return format!("not an expression: {error}") };
    let at = error.span().start.offset;
    let construct: String = written.get(at..).unwrap_or_default().chars().take(4).collect();
    match error.kind() {
        ast::ErrorKind::UnsupportedLookAround => {
            format!("look-around (`{construct}` at byte {at}) is not supported: expressions take linear time here")
        }
        ast::ErrorKind::UnsupportedBackreference => {
            format!("a back-reference (`{construct}` at byte {at}) is not supported: expressions take linear time here")
        }
        kind => match unknown {
            Some("(?P=") => "a back-reference (`(?P=`) is not supported: expressions take linear time here".to_owned(),
            Some(construct) => format!("`{construct}` is not supported"),
            None => format!("not an expression: {kind} at byte {at}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Expression, Step};

    fn refusal(written: &str) -> String {
        Expression::compile(written).err().unwrap_or_default()
    }

    #[test]
    fn a_match_is_told_when_nothing_can_change_it() {
        let lazy = Expression::compile(r"\[do:(.*?)\]").unwrap();
        assert_eq!(lazy.step("[do:a", false), Step::Open);
        assert_eq!(lazy.step("[do:a] b]", false), Step::Match(6));
        assert_eq!(lazy.step("[dx", false), Step::No(3));
        let greedy = Expression::compile(r"\[do:(.*)\]").unwrap();
        assert_eq!(greedy.step("[do:a] b] c", false), Step::Open);
        assert_eq!(greedy.step("[do:a] b] c", true), Step::Match(9));
        assert_eq!(greedy.captures("[do:a] b] c", 9).unwrap(), [Some("a] b")]);
    }

    #[test]
    fn refusals_name_the_reason() {
        for (written, part) in [
            (r"\[a(?=b)", "look-around (`(?=b`"),
            (r"\[a(?<!b)c", "look-around (`(?<!`"),
            (r"\[(a)\1", "a back-reference (`\\1`"),
            (r"\[(?P<x>a)(?P=x)", "a back-reference"),
            (r"\[(?>a)", "`(?>` is not supported"),
            (r"[(a", "not an expression"),
            (r"(\w+) x", "literal text"),
            (r".*[^A-Z]|[A-Z]", "literal text"),
            (r"\[((a{100}){100}){100}", "too large"),
            (r"\[x[^!]*!!(a)", "over and over"),
            (r"<t>([^;]*;[^;]*=)", "over and over"),
        ] {
            assert!(refusal(written).contains(part), "{written}: {}", refusal(written));
        }
    }

    #[test]
    fn the_seeds_own_expressions_are_taken() {
        for written in [
            r"```(\w*)\s*\n?(.*?)```",
            r"<tool_call>\s*<function=(\w+)>(.*?)</function>\s*(?:</tool_call>)?",
            r"<tool_call>\s*<function=read>\s*<parameter=filePath>\s*(.*?)\s*</parameter>\s*(?:</function>)?",
            r"<tool_call>\s*(\w+)\s*<parameter=(\w+)>(.*?)</parameter>(?:\s*</function>)?(?:\s*</tool_call>)?",
            r"\[TOOL_CALL\]\s*(\{.*?\})\s*\[/TOOL_CALL\]",
            r#"<tool_use code name="([^"]+)">(.*?)</tool_use>"#,
            r"<tool_code>(.*?)</tool_code>",
            r"\[tool\](\w+)\[/tool\]\s*(\{[^}]*\})",
            r"\[EXECUTE:(\w+):([^\]]+)\]",
        ] {
            assert_eq!(refusal(written), "", "{written}");
        }
    }
}
