//! `docs/faults.md` is made of the table that the cells are played from. `UPDATE_GOLDEN=1` writes it anew.

use lingate_testkit::faulty::expect::{Class, Fault, Only, Outcome};
use lingate_testkit::faulty::table::GROUPS;
use std::fmt::Write as _;
use std::path::Path;

const HEAD: &str = "\
# Faults

What a client gets when an upstream fails. Made of the table in `crates/lingate-testkit/src/faulty/table.rs`, whose cells
`cargo test -p lingate-gateway --test faults` plays: each fault with each client dialect, as a stream and whole, before each kind of backend,
with and without another target. Do not edit it; `UPDATE_GOLDEN=1` and that command write it anew.

## The rules

- Every answer has `x-request-id`. Every error has the form of the client's dialect: as a body with a status of its own, or, once the head of a
  stream is out, as the stream's last event (OpenAI: `data: {\"error\": …}` and no `[DONE]`; Responses: `response.failed`; Anthropic:
  `event: error` and no `message_stop`; Ollama: a line `{\"error\": …}` and none with `done: true`).
- A normal ending is written only after the upstream's was seen. What came before an error stays as it came.
- Nothing is tried again after the first byte to the client, nor after the client has left.
- A credential of the gateway stands in no answer, whatever the upstream repeats.
- A client that leaves ends the upstream's connection with its own.

In the column *elsewhere*, **yes** means that the next target is asked, and where there is none the same once more; *sent* that the upstream
may be working on it already, so that it is asked again, elsewhere, only with `retry.after_send`. `–`: nothing is tried again.
An answer with status 503 or 529 is 529 for Anthropic's clients, as their dialect has it, and else 503.

A fault that has no whole answer or no stream has an empty cell.
";

#[test]
fn the_page_says_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/faults.md");
    let page = page();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, page, "docs/faults.md differs; look, then UPDATE_GOLDEN=1");
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for (group, faults) in GROUPS {
        let _ =
            write!(page, "\n## {group}\n\n| the upstream | whole answer | stream | elsewhere |\n|---|---|---|---|\n");
        for fault in *faults {
            let (whole, stream) = (fault.whole.map_or(String::new(), says), fault.stream.map_or(String::new(), says));
            let _ = writeln!(page, "| {}{} | {whole} | {stream} | {} |", fault.does, only(fault), elsewhere(fault));
        }
    }
    page
}

fn only(fault: &Fault) -> &'static str {
    match fault.only {
        Only::All | Only::Jobs => "",
        Only::Sse => " (SSE)",
        Only::Ndjson => " (Ollama)",
        Only::OpenAi => " (OpenAI's dialects)",
        Only::AsItIs => " (a client of the same dialect gets it as it is)",
    }
}

fn says(outcome: Outcome) -> String {
    match outcome {
        Outcome::Whole => "the answer".to_owned(),
        Outcome::Nothing => "an empty answer".to_owned(),
        Outcome::Again => "the answer, of the second attempt".to_owned(),
        Outcome::Race => "the answer; 502 if the request crossed the close".to_owned(),
        Outcome::Told(0) => "an error in the stream".to_owned(),
        Outcome::Told(_) => "what came, then an error".to_owned(),
        Outcome::ToldAtEnd => "all words, then an error".to_owned(),
        Outcome::ToldOrRefused => "what came, then an error; 502 if nothing was read".to_owned(),
        Outcome::Refused(status, _) => {
            let status: Vec<String> = status.iter().map(u16::to_string).collect();
            status.join(" or ")
        }
    }
}

fn elsewhere(fault: &Fault) -> String {
    let tried = |outcome: Option<Outcome>| match outcome? {
        Outcome::Refused(_, Class::Connect | Class::Unavailable) => Some("**yes**"),
        Outcome::Refused(_, Class::Busy | Class::Credential) => Some("**yes**, but not the same once more"),
        Outcome::Refused(_, Class::AfterSend) => Some("*sent*"),
        Outcome::Again => Some("**yes**"),
        _ => Some("–"),
    };
    match (tried(fault.whole), tried(fault.stream)) {
        (Some(whole), Some(stream)) if whole != stream => format!("{whole}; of a stream {stream}"),
        (Some(either), _) | (None, Some(either)) => either.to_owned(),
        (None, None) => String::new(),
    }
}
