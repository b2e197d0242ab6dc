//! Every format against what its models write, whole and cut anywhere.

mod answers;
mod cases;

use super::all;
use crate::transform::tool_repair::AdvertisedTool;
use crate::transform::tool_repair::arguments::{RawArguments, repair};
use crate::transform::tool_repair::format::{Around, Format, FoundArguments, MAX_CANDIDATE, Opening, Verdict};
use crate::transform::tool_repair::tools::Tools;
use cases::{CASES, NONE};
use proptest::prelude::*;

fn advertised() -> Vec<AdvertisedTool> {
    let tools = [
        (
            "read",
            r#"{"type":"object","properties":{"filePath":{"type":"string"},"limit":{"type":"integer"}},"required":["filePath"]}"#,
        ),
        ("bash", r#"{"type":"object","properties":{"command":{"type":"string"}},"required":["command"]}"#),
        (
            "weather",
            r#"{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city"]}"#,
        ),
        (
            "search",
            r#"{"type":"object","properties":{"query":{"type":"string"},"filters":{"type":"object"}},"required":["query"]}"#,
        ),
        ("now", r#"{"type":"object","properties":{}}"#),
    ];
    tools.map(|(name, schema)| AdvertisedTool { name: name.into(), schema: Some(schema.into()) }).into()
}

fn tools() -> Tools {
    Tools::new(advertised())
}

fn around(tools: &Tools, ended: bool) -> Around<'_> {
    Around { tools, ended, cut: false, accept_cut: false }
}

/// The calls that come of a verdict, and what is left of the text; `None` if it stays text.
fn calls<'t>(verdict: &Verdict<'t>, text: &'t str, tools: &Tools) -> Option<(Vec<(String, String)>, &'t str)> {
    let Verdict::Found(found) = verdict else { return None };
    let calls = found.calls.iter().map(|call| {
        let owned: Vec<_>;
        let raw = match &call.arguments {
            FoundArguments::Json(json) => RawArguments::Json(json),
            FoundArguments::Unclosed(json) => RawArguments::Unclosed(json),
            FoundArguments::Pairs(pairs) => {
                owned = pairs.clone();
                RawArguments::Pairs(&owned)
            }
            FoundArguments::None => RawArguments::None,
        };
        Some((call.name.to_string(), repair(raw, tools.schema(&call.name)?).ok()?))
    });
    Some((calls.collect::<Option<_>>()?, &text[found.len..]))
}

fn named(name: &str) -> Box<dyn Format> {
    all().into_iter().find(|format| format.name() == name).unwrap_or_else(|| panic!("no format {name}"))
}

fn opens(format: &dyn Format, text: &str) -> bool {
    format.openings().iter().any(|opening| match opening {
        Opening::Anywhere(with) | Opening::Line(with) => text.starts_with(with.as_ref()),
        Opening::Tool => false,
    })
}

#[test]
fn what_models_write_is_found() {
    let tools = tools();
    for (name, text, expected, rest) in CASES {
        let format = named(name);
        assert!(opens(&*format, text), "{name}: {text}");
        let verdict = format.scan(text, &around(&tools, true));
        let expected = expected.iter().map(|(tool, json)| ((*tool).to_owned(), (*json).to_owned())).collect();
        assert_eq!(calls(&verdict, text, &tools), Some((expected, *rest)), "{name}: {text}");
    }
}

#[test]
fn what_only_looks_like_it_stays_text() {
    let tools = tools();
    for (name, text) in NONE {
        assert!(opens(&*named(name), text), "{name}: {text}");
        for format in all().iter().filter(|format| opens(&***format, text)) {
            let verdict = format.scan(text, &around(&tools, true));
            assert_eq!(calls(&verdict, text, &tools), None, "{}: {text}", format.name());
        }
    }
}

/// A verdict other than "more" holds for every longer text, so it does not matter how an answer is cut.
#[test]
fn verdicts_do_not_depend_on_where_a_text_is_cut() {
    let tools = tools();
    let texts = CASES.iter().map(|case| case.1).chain(NONE.iter().map(|case| case.1));
    for text in texts {
        for format in all().iter().filter(|format| opens(&***format, text)) {
            let mut settled: Option<(usize, Verdict<'_>)> = None;
            for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end) && opens(&**format, &text[..*end])) {
                let verdict = format.scan(&text[..end], &around(&tools, false));
                if let Some((at, before)) = &settled {
                    assert_eq!(&verdict, before, "{}: {at} {end} {text}", format.name());
                } else if verdict != Verdict::NeedMore {
                    settled = Some((end, verdict));
                }
                let last = format.scan(&text[..end], &around(&tools, true));
                assert_ne!(last, Verdict::NeedMore, "{}: {end} {text}", format.name());
                if let Some((at, before)) = &settled {
                    assert_eq!(&last, before, "{}: {at} {end} ended {text}", format.name());
                }
            }
        }
    }
}

#[test]
fn every_format_has_its_cases() {
    for format in all() {
        let found = CASES.iter().filter(|case| case.0 == format.name()).count();
        let none = NONE.iter().filter(|case| case.0 == format.name()).count();
        assert!(found >= 3 && none >= 1, "{}: {found} and {none}", format.name());
    }
}

/// Openings and the pieces that the cases are made of, in any order.
fn soup() -> impl Strategy<Value = String> {
    let pieces: Vec<String> = CASES
        .iter()
        .flat_map(|case| case.1.split_inclusive(['>', ']', '}', '{', '\n', '"']).map(str::to_owned))
        .chain(["\\".to_owned(), "é".to_owned(), "x".to_owned(), "(".to_owned(), ")".to_owned()])
        .collect();
    (
        prop::sample::select(CASES.iter().map(|case| case.1).collect::<Vec<_>>()),
        prop::collection::vec(prop::sample::select(pieces), 0..30),
        0..60_usize,
    )
        .prop_map(|(case, pieces, keep)| case.chars().take(keep).collect::<String>() + &pieces.concat())
}

proptest! {
    #[test]
    fn any_text_has_one_verdict_however_it_is_cut(text in soup(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 4)) {
        let tools = tools();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).filter(|end| text.is_char_boundary(*end)).collect();
        ends.push(text.len());
        ends.sort_unstable();
        for format in all().iter().filter(|format| opens(&***format, &text)) {
            let mut settled = Verdict::NeedMore;
            for end in ends.iter().copied().filter(|end| opens(&**format, &text[..*end])) {
                let verdict = format.scan(&text[..end], &around(&tools, false));
                prop_assert!(settled == Verdict::NeedMore || settled == verdict, "{}: {end} {text}", format.name());
                let last = format.scan(&text[..end], &around(&tools, true));
                prop_assert!(last != Verdict::NeedMore && (verdict == Verdict::NeedMore || last == verdict), "{}: {end} {text}", format.name());
                settled = verdict;
            }
        }
    }
}

#[test]
fn hostile_texts_end_quickly() {
    let tools = tools();
    for format in all() {
        for (_, text, ..) in CASES.iter().filter(|case| case.0 == format.name()) {
            for unit in [
                (*text).to_owned(),
                text.chars().take(text.chars().count() / 2).collect(),
                "[".to_owned(),
                "\"".to_owned(),
                " ".to_owned(),
            ] {
                let mut all: String = text.chars().take(text.chars().count() / 3).collect();
                while all.len() + unit.len() < MAX_CANDIDATE {
                    all += &unit;
                }
                let _ = (format.scan(&all, &around(&tools, false)), format.scan(&all, &around(&tools, true)));
            }
        }
    }
}
