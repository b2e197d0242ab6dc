//! The page: a grid of concepts, then each concept with its cases. The same cases give the same page.

use super::results::{Came, Case};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Clients, the letter of each, and what they are called. The first four make the grid.
const CLIENTS: [(&str, char, &str); 10] = [
    ("openai_chat", 'C', "OpenAI Chat Completions"),
    ("openai_responses", 'R', "OpenAI Responses"),
    ("anthropic", 'M', "Anthropic Messages"),
    ("ollama_chat", 'O', "Ollama `/api/chat`"),
    ("ollama_generate", 'G', "Ollama `/api/generate`"),
    ("openai_completions", 'T', "OpenAI Completions"),
    ("openai_embeddings", 'E', "OpenAI Embeddings"),
    ("ollama_embed", 'e', "Ollama `/api/embed`"),
    ("ollama_embeddings", 'o', "Ollama `/api/embeddings`"),
    ("anthropic_count", 'N', "Anthropic token counts"),
];

/// Backends in the order of columns. The first four make the grid; `responses` is an OpenAI-compatible one whose
/// endpoint switches `/responses` on.
const BACKENDS: [&str; 8] =
    ["openai", "vllm", "anthropic", "ollama", "responses", "openwebui", "together", "deepinfra"];

const GRID: usize = 4;

/// The page for these cases.
pub(crate) fn render(cases: &[Case]) -> String {
    let mut concepts: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for case in cases {
        concepts.entry(&case.concept).or_default().push(case);
    }
    let mut out = String::new();
    introduction(cases, &mut out);
    grid(&concepts, &mut out);
    for (concept, cases) in &concepts {
        detail(concept, cases, &mut out);
    }
    out
}

/// Writing into a string cannot fail.
macro_rules! add {
    ($out:expr, $($words:tt)*) => { let _ = writeln!($out, $($words)*); };
}

fn introduction(cases: &[Case], out: &mut String) {
    let count = |came: Came| cases.iter().filter(|case| case.came == came).count();
    add!(
        out,
        "# Compatibility\n\nMade by `cargo xtask matrix` from the golden wire cases that really ran; do not edit it. {} cases:\n",
        cases.len()
    );
    add!(out, "| sign | meaning | cases |\n|---|---|---|");
    for (came, meaning) in [
        (Came::Passed, "goes through, translated where the dialects differ"),
        (Came::Lost, "goes through; what the target cannot take is left out and named in `x-lingate-dropped`"),
        (
            Came::Refused,
            "refused by design, before the upstream is asked: leaving it out would change the answer, or it is malformed",
        ),
        (Came::Failed, "known defect"),
        (Came::NotBuilt, "not built yet"),
    ] {
        if came <= Came::Refused || count(came) > 0 {
            add!(out, "| {} | {meaning} | {} |", sign(came), count(came));
        }
    }
    add!(
        out,
        "\nA sign in the grid stands for several cases: ◔ means that some of them are refused, ◐ that some lose something, · that there is none.\n"
    );
    let clients: Vec<_> = CLIENTS.iter().map(|(_, letter, name)| format!("{letter} {name}")).collect();
    add!(out, "Clients: {}.", clients.join(", "));
}

fn sign(came: Came) -> char {
    match came {
        Came::Passed => '●',
        Came::Lost => '◐',
        Came::Refused => '○',
        Came::NotBuilt => '…',
        Came::Failed => '✗',
    }
}

/// One sign for several cases: the worst, but for refusals beside others.
fn summary(cames: &[Came]) -> char {
    let worst = cames.iter().max();
    match worst {
        None => '·',
        Some(Came::Refused) if cames.iter().any(|came| *came != Came::Refused) => '◔',
        Some(came) => sign(*came),
    }
}

fn grid(concepts: &BTreeMap<&str, Vec<&Case>>, out: &mut String) {
    let order = BACKENDS[..GRID].join(", ");
    add!(out, "\n## Grid\n\nFor each client the backends {order}, in this order.\n");
    let heads: Vec<_> = CLIENTS[..GRID].iter().map(|(_, letter, name)| format!("{letter} {name}")).collect();
    add!(out, "| concept | {} |\n|---|{}", heads.join(" | "), "---|".repeat(GRID));
    for (concept, cases) in concepts {
        let row: Vec<String> = CLIENTS[..GRID]
            .iter()
            .map(|(client, ..)| BACKENDS[..GRID].iter().map(|backend| summary(&came(cases, client, backend))).collect())
            .collect();
        if row.iter().any(|cell: &String| cell.chars().any(|sign| sign != '·')) {
            add!(out, "| [{concept}](#{concept}) | {} |", row.join(" | "));
        }
    }
}

fn came(cases: &[&Case], client: &str, backend: &str) -> Vec<Came> {
    cases.iter().filter(|case| case.client == client && case.backend == backend).map(|case| case.came).collect()
}

/// The variant of a sheet's case, whose name is `VARIANT__CLIENT__BACKEND`.
fn variant(case: &Case) -> Option<&str> {
    case.name.strip_suffix(&format!("__{}__{}", case.client, case.backend))
}

fn detail(concept: &str, cases: &[&Case], out: &mut String) {
    add!(out, "\n## {concept}\n");
    let columns: Vec<&str> = BACKENDS
        .into_iter()
        .filter(|backend| cases.iter().any(|case| case.backend == *backend && variant(case).is_some()))
        .collect();
    let variants: BTreeSet<&str> = cases.iter().filter_map(|case| variant(case)).collect();
    if !variants.is_empty() {
        add!(out, "| case | {} | lost |\n|---|{}", columns.join(" | "), "---|".repeat(columns.len() + 1));
    }
    for name in variants {
        let its = || cases.iter().filter(|case| variant(case) == Some(name));
        let cells: Vec<String> = columns
            .iter()
            .map(|backend| {
                let cell = CLIENTS.iter().filter_map(|(client, letter, _)| {
                    let case = its().find(|case| case.client == *client && case.backend == *backend)?;
                    Some(format!("{letter}{}", sign(case.came)))
                });
                cell.collect::<Vec<_>>().join(" ")
            })
            .collect();
        let lost: BTreeSet<&str> =
            its().flat_map(|case| case.dropped.split(',')).filter(|path| !path.is_empty()).collect();
        let lost: Vec<_> = lost.into_iter().map(|path| format!("`{path}`")).collect();
        add!(out, "| `{name}` | {} | {} |", cells.join(" | "), lost.join(" "));
    }
    let own: Vec<String> = cases
        .iter()
        .filter(|case| variant(case).is_none())
        .map(|case| format!("`{}` {}→{} {}", case.name, letter(&case.client), case.backend, sign(case.came)))
        .collect();
    if !own.is_empty() {
        add!(out, "\nIn files of their own: {}.", own.join(", "));
    }
}

fn letter(client: &str) -> String {
    let known = CLIENTS.iter().find(|(name, ..)| *name == client);
    known.map_or_else(|| format!("`{client}`"), |(_, letter, _)| letter.to_string())
}

#[cfg(test)]
mod tests {
    use super::{Came, Case, render, summary};

    fn case(name: &str, client: &str, backend: &str, came: Came, dropped: &str) -> Case {
        let text = str::to_owned;
        Case {
            name: text(name),
            concept: text("stops"),
            client: text(client),
            backend: text(backend),
            came,
            dropped: text(dropped),
        }
    }

    #[test]
    fn a_cell_says_what_is_worst() {
        assert_eq!(summary(&[]), '·');
        assert_eq!(summary(&[Came::Passed, Came::Lost]), '◐');
        assert_eq!(summary(&[Came::Passed, Came::Refused]), '◔');
        assert_eq!(summary(&[Came::Refused, Came::Refused]), '○');
        assert_eq!(summary(&[Came::Refused, Came::Failed]), '✗');
    }

    #[test]
    fn the_page_names_every_case() {
        let cases = [
            case("five__openai_chat__openai", "openai_chat", "openai", Came::Passed, ""),
            case("five__openai_chat__anthropic", "openai_chat", "anthropic", Came::Lost, "a.b,c"),
            case("five__ollama_chat__openai", "ollama_chat", "openai", Came::Refused, ""),
            case("stop_alone", "anthropic", "ollama", Came::Passed, ""),
        ];
        let page = render(&cases);
        assert!(page.contains("| [stops](#stops) | ●·◐· | ···· | ···● | ○··· |"), "{page}");
        assert!(page.contains("| `five` | C● O○ | C◐ | `a.b` `c` |"), "{page}");
        assert!(page.contains("In files of their own: `stop_alone` M→ollama ●."), "{page}");
        assert!(!page.contains("not built"), "{page}");
        assert_eq!(page, render(&cases));
    }
}
