//! What a model might say, free of any dialect: thoughts, text and calls, some of them side by side.

use crate::support::converses;
use lingate_codec::dialect::DialectId;
use proptest::collection::vec;
use proptest::prelude::*;

/// A call that a model makes.
#[derive(Debug, Clone)]
pub(crate) struct Called {
    /// Empty where the upstream gives none.
    pub(crate) id: String,
    pub(crate) name: String,
    /// A JSON object in pieces; none: no arguments.
    pub(crate) fragments: Vec<String>,
}

impl Called {
    pub(crate) fn arguments(&self) -> String {
        self.fragments.concat()
    }
}

/// Something said before the calls.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    Think(String),
    Say(String),
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) said: Vec<Said>,
    pub(crate) calls: Vec<Called>,
    /// How the calls' pieces are dealt: whether the next one is of another open call. Empty: one call after another.
    pub(crate) deal: Vec<bool>,
    pub(crate) length: bool,
    /// Input, cached and output tokens.
    pub(crate) usage: (u64, u64, u64),
}

/// One step of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Think(String),
    Say(String),
    Open(usize),
    Argue(usize, String),
}

impl Script {
    pub(crate) fn text(&self) -> String {
        self.said
            .iter()
            .filter_map(|said| if let Said::Say(text) = said { Some(text.as_str()) } else { None })
            .collect()
    }

    pub(crate) fn thought(&self) -> String {
        self.said
            .iter()
            .filter_map(|said| if let Said::Think(text) = said { Some(text.as_str()) } else { None })
            .collect()
    }

    /// What of it a dialect can say.
    pub(crate) fn sayable(&self, dialect: DialectId) -> Self {
        let mut script = self.clone();
        if !converses(dialect) {
            script.calls.clear();
            script.said.retain(|said| matches!(said, Said::Say(_)));
        }
        script
    }

    /// Without interleaving.
    pub(crate) fn serial(&self) -> Self {
        Self { deal: Vec::new(), ..self.clone() }
    }

    /// All steps, with id and name of the call that is opened.
    pub(crate) fn in_order(&self) -> Vec<(Step, (String, String))> {
        let none = || (String::new(), String::new());
        let mut steps: Vec<_> = self
            .said
            .iter()
            .map(|said| match said {
                Said::Think(text) => (Step::Think(text.clone()), none()),
                Said::Say(text) => (Step::Say(text.clone()), none()),
            })
            .collect();
        let mut left: Vec<_> = self.calls.iter().map(|call| call.fragments.iter()).collect();
        let mut deal = self.deal.iter().copied();
        let mut open = 0..0;
        for (number, call) in self.calls.iter().enumerate() {
            steps.push((Step::Open(number), (call.id.clone(), call.name.clone())));
            open.end = number + 1;
            // Some of its pieces now, the rest when all calls are open.
            for fragment in left[number].by_ref() {
                steps.push((Step::Argue(number, fragment.clone()), none()));
                if deal.next().unwrap_or(false) {
                    break;
                }
            }
        }
        loop {
            let before = steps.len();
            for number in open.clone() {
                if let Some(fragment) = left[number].next() {
                    steps.push((Step::Argue(number, fragment.clone()), none()));
                }
            }
            if steps.len() == before {
                return steps;
            }
        }
    }
}

/// Some text of one character at least.
fn piece() -> impl Strategy<Value = String> {
    let usual =
        prop::sample::select(vec!["Hello", " world", "\n", "\"q\"", "😀", "é\u{301}", "\\", "{}", "data: x\n\n"]);
    prop_oneof![usual.prop_map(str::to_owned), ".{1,6}", any::<char>().prop_map(String::from)]
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![piece().prop_map(Said::Think), piece().prop_map(Said::Say)]
}

fn call() -> impl Strategy<Value = (String, Vec<(String, i32)>, Vec<prop::sample::Index>)> {
    let name = prop::sample::select(vec!["f", "get_weather", "g2"]).prop_map(str::to_owned);
    (name, vec((piece(), any::<i32>()), 0..3), vec(any::<prop::sample::Index>(), 0..4))
}

/// A call's arguments cut into pieces, none of them empty.
fn fragments(members: &[(String, i32)], cuts: &[prop::sample::Index]) -> Vec<String> {
    if members.is_empty() && cuts.is_empty() {
        return Vec::new();
    }
    let object: serde_json::Map<String, serde_json::Value> =
        members.iter().map(|(key, value)| (key.clone(), serde_json::json!({key: value}))).collect();
    let text = serde_json::Value::Object(object).to_string();
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len())).collect();
    places.extend([0, text.len()]);
    places.retain(|place| text.is_char_boundary(*place));
    places.sort_unstable();
    places.dedup();
    places.windows(2).map(|cut| text[cut[0]..cut[1]].to_owned()).collect()
}

/// Any answer.
pub(crate) fn script() -> impl Strategy<Value = Script> {
    let ids = any::<bool>();
    let usage = (1_u64..100_000, 0_u64..1000, 1_u64..100_000);
    (vec(said(), 0..8), vec(call(), 0..4), vec(any::<bool>(), 0..8), any::<bool>(), usage, ids).prop_map(
        |(said, calls, deal, length, (input, cached, output), ids)| Script {
            said,
            calls: calls
                .iter()
                .enumerate()
                .map(|(number, (name, members, cuts))| Called {
                    id: if ids { format!("call_{number}") } else { String::new() },
                    name: name.clone(),
                    fragments: fragments(members, cuts),
                })
                .collect(),
            deal,
            length,
            usage: (input + cached, cached, output),
        },
    )
}
