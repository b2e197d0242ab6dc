//! What a gateway's client must get for each fault: [`expect`] makes the cells of the rows in [`super::table`].
//!
//! The rules behind it: nothing is tried again after the first byte to the client, nor, unless the virtual model opts
//! in, after a request was sent to an upstream that may already work on it; a normal ending is written only after the
//! upstream's; every error is in the client's dialect.

use super::reader::Client;

/// The kinds of backend that the faulty upstream plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the configuration")]
pub enum Kind {
    Openai,
    Vllm,
    Anthropic,
    Ollama,
    Openwebui,
    Queue,
    Runpod,
}

/// What stands behind the virtual model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Targets {
    /// The faulty target alone, two attempts.
    One,
    /// A second target that is well.
    Two,
    /// The same, with `retry.after_send`.
    TwoAfterSend,
}

/// One cell of the table.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// What goes wrong.
    pub fault: &'static Fault,
    /// The kind of the faulty target's endpoint.
    pub kind: Kind,
    /// Who asks.
    pub client: Client,
    /// Whether the client wants a stream.
    pub stream: bool,
    /// What else there is.
    pub targets: Targets,
}

/// One row: a fault.
#[derive(Debug)]
pub struct Fault {
    /// What the upstream does, in words.
    pub does: &'static str,
    /// The same as a model's name, without `chaos/`; `refuse` is a closed port.
    pub scenario: &'static str,
    /// Where it can happen.
    pub only: Only,
    /// What comes of it where the upstream was asked for a whole answer; `None`: does not apply.
    pub whole: Option<Outcome>,
    /// What comes of it where the upstream was asked for a stream.
    pub stream: Option<Outcome>,
}

/// Where a fault can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// Everywhere.
    All,
    /// Upstreams whose streams are SSE.
    Sse,
    /// Upstreams whose streams are lines of JSON.
    Ndjson,
    /// Upstreams of OpenAI's dialects.
    OpenAi,
    /// Everywhere; a client of the upstream's own dialect gets the oddity as it is.
    AsItIs,
    /// Job backends.
    Jobs,
}

/// What comes of a fault with the faulty target alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: the whole answer and its normal ending.
    Whole,
    /// An answer without words, and its normal ending.
    Nothing,
    /// The same, at the second attempt.
    Again,
    /// The whole answer, or an error's status where the connection closed in the very moment of the request.
    Race,
    /// So many words, then an error inside the stream.
    Told(usize),
    /// All words, then an error inside the stream.
    ToldAtEnd,
    /// As a reset may take back what was not read yet: some words or none, then an error, or an error's status.
    ToldOrRefused,
    /// An error's status, one of these, and the class that says what is tried again.
    Refused(&'static [u16], Class),
}

/// Why there is no answer: decides what is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// There was no connection.
    Connect,
    /// The upstream refused, or failed in a way that says that it generated nothing.
    Unavailable,
    /// As before, but the same upstream is not asked again.
    Busy,
    /// The gateway's credential was refused: asking the same upstream again would change nothing.
    Credential,
    /// The request was sent: the model may have run.
    AfterSend,
    /// The request is the client's fault.
    Client,
}

/// What must be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The statuses that are right.
    pub status: &'static [u16],
    /// How the answer ends.
    pub ending: Finish,
    /// How much of the text there is.
    pub text: Text,
    /// How often the faulty target is asked: at least, at most.
    pub asked: (usize, usize),
    /// How often the second one is.
    pub second: usize,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// Normally.
    Normal,
    /// With an error, in the body of a status or inside the stream.
    Error,
    /// In either way.
    Either,
}

/// How much of the tagged words a client gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// All.
    Whole,
    /// None.
    None,
    /// The first so many.
    First(usize),
    /// Any number of the first ones.
    Prefix,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Openai, Self::Vllm, Self::Anthropic, Self::Ollama, Self::Openwebui, Self::Queue, Self::Runpod];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Vllm => "vllm",
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
            Self::Openwebui => "openwebui",
            Self::Queue => "queue",
            Self::Runpod => "runpod",
        }
    }

    fn is_ndjson(self) -> bool {
        self == Self::Ollama
    }

    /// Whether it is ever asked for a stream.
    pub fn streams(self) -> bool {
        !matches!(self, Self::Queue | Self::Runpod)
    }

    fn is_openai(self) -> bool {
        matches!(self, Self::Openai | Self::Vllm | Self::Openwebui | Self::Queue)
    }

    /// Whether this client's answers are relayed from it.
    pub fn relays(self, client: Client) -> bool {
        match client {
            Client::Chat => self.is_openai(),
            Client::Completions => matches!(self, Self::Openai | Self::Vllm),
            Client::Messages => self == Self::Anthropic,
            Client::OllamaChat | Client::OllamaGenerate => self == Self::Ollama,
            Client::Responses => false,
        }
    }
}

impl Fault {
    /// Whether it can happen with this kind of backend.
    fn fits(&self, kind: Kind) -> bool {
        match self.only {
            Only::All | Only::AsItIs => {
                kind != Kind::Runpod || self.scenario == "ok" || self.scenario.starts_with("status")
            }
            Only::Sse => !kind.is_ndjson() && kind.streams(),
            Only::Ndjson => kind.is_ndjson(),
            Only::OpenAi => kind.is_openai(),
            Only::Jobs => kind == Kind::Runpod,
        }
    }
}

/// What comes of a cell's fault with the faulty target alone; `None` where the fault does not apply.
pub fn outcome(cell: &Cell) -> Option<Outcome> {
    let Cell { fault, kind, stream, .. } = *cell;
    let outcome = if stream && kind.streams() { fault.stream } else { fault.whole };
    match outcome.filter(|_| fault.fits(kind))? {
        // A stream whose upstream streams nothing is committed by a sign of life all the same.
        Outcome::Refused(..) if stream && fault.scenario.starts_with(LATE_HEAD) => Some(Outcome::Told(0)),
        outcome => Some(outcome),
    }
}

/// The codes that an error may have, in dialects that have codes; `None`: it is the upstream's own, or any.
pub fn codes(cell: &Cell) -> Option<&'static [&'static str]> {
    let scenario = cell.fault.scenario;
    let begins = |starts: &[&str]| starts.iter().any(|start| scenario.starts_with(start));
    match outcome(cell)? {
        Outcome::Refused(..) if begins(&["hang", "job:never"]) => Some(&["upstream_timeout", "upstream_idle_timeout"]),
        // A failed response of OpenAI's has a code of a closed list.
        Outcome::Told(_) if begins(&["hang"]) => Some(&["upstream_timeout", "upstream_idle_timeout", "server_error"]),
        Outcome::Refused(..) if scenario.starts_with("redirect") => Some(&["upstream_redirect"]),
        Outcome::Refused(..) if begins(&["status:600", "status:202", "bad_101"]) || scenario == "html200" => {
            // A 101 may be an answer or a breach of the protocol.
            Some(&["upstream_not_api", "upstream_error"])
        }
        Outcome::Refused(..) if scenario == "gzip" => Some(&["upstream_encoding"]),
        Outcome::Refused(..) if scenario == "status:401" => Some(&["upstream_auth"]),
        Outcome::Refused(_, Class::Connect) => Some(&["upstream_unavailable"]),
        Outcome::Refused(_, Class::AfterSend) if cell.kind != Kind::Runpod => Some(&["upstream_error"]),
        _ => None,
    }
}

/// What must come of a cell; `None` where the fault does not apply.
pub fn expect(cell: &Cell) -> Option<Expected> {
    let outcome = outcome(cell)?;
    let one = alone(outcome, cell);
    match (cell.targets, outcome) {
        (Targets::One, _) => Some(one),
        (_, Outcome::Whole | Outcome::Nothing | Outcome::Again | Outcome::Race | Outcome::ToldOrRefused) => None,
        // Nothing is tried again after the first byte, whatever is configured.
        (_, Outcome::Told(_) | Outcome::ToldAtEnd) => Some(one),
        (Targets::Two, Outcome::Refused(_, Class::AfterSend | Class::Client)) => Some(one),
        (Targets::TwoAfterSend, Outcome::Refused(_, Class::Client)) => Some(one),
        (Targets::TwoAfterSend, Outcome::Refused(_, class)) if class != Class::AfterSend => None,
        (_, Outcome::Refused(_, class)) => {
            let asked = match class {
                Class::Connect => (0, 0),
                // An upstream that said when to come back may be left alone until then.
                Class::Busy => (0, 1),
                _ => (1, 1 + signs_in_again(cell)),
            };
            Some(Expected { asked, second: 1, ..ANSWERED })
        }
    }
}

/// How scenarios begin whose head comes after the first sign of life.
const LATE_HEAD: &str = "latency:250";
const ANSWERED: Expected =
    Expected { status: &[200], ending: Finish::Normal, text: Text::Whole, asked: (1, 1), second: 0 };

/// What comes of it when there is no other target.
fn alone(outcome: Outcome, cell: &Cell) -> Expected {
    match outcome {
        Outcome::Whole => ANSWERED,
        Outcome::Again => Expected { asked: (2, 2), ..ANSWERED },
        Outcome::Race => {
            // The request may have been lost on the way: the upstream need not have seen it.
            Expected { status: &[200, 502], ending: Finish::Either, text: Text::Prefix, asked: (0, 1), second: 0 }
        }
        Outcome::Nothing => Expected { text: Text::None, ..ANSWERED },
        Outcome::Told(words) => Expected { ending: Finish::Error, text: Text::First(words), ..ANSWERED },
        Outcome::ToldAtEnd => Expected { ending: Finish::Error, ..ANSWERED },
        Outcome::ToldOrRefused => {
            Expected { status: &[200, 502], ending: Finish::Error, text: Text::Prefix, ..ANSWERED }
        }
        Outcome::Refused(status, class) => {
            let asked = match class {
                Class::Connect => (0, 0),
                Class::Unavailable => (2, 2),
                Class::Credential => (1, 2 + 2 * signs_in_again(cell)),
                // When to come back is now.
                Class::Busy if cell.fault.scenario.contains("ra=past") => (1, 2),
                Class::Busy | Class::AfterSend | Class::Client => (1, 1),
            };
            Expected { status, ending: Finish::Error, text: Text::None, asked, second: 0 }
        }
    }
}

/// How many calls a new session may add: a 401 is answered with a sign-in and one repetition.
fn signs_in_again(cell: &Cell) -> usize {
    usize::from(cell.kind == Kind::Openwebui && cell.fault.scenario.starts_with("status:401"))
}
