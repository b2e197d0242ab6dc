//! Plays golden cases through a running gateway.

use std::{fmt, net::SocketAddr, time::Duration};

use super::{
    case::{Case, CaseStep},
    failure::{Failure, Mismatch, abbreviate},
    judge::judge,
    matcher::Binds,
    scripted::{Call, ScriptedUpstream},
};
use crate::{
    client::{Answer, ClientRequest, End},
    patience::PATIENCE,
};

/// Longest body in a failure's transcript, in bytes.
const TRANSCRIPT_BODY_MAX: usize = 2000;

/// Plays `case` through `gateway`, whose endpoints lead to `upstream`.
///
/// Cases on one upstream take turns. To play in parallel, use several gateways with an upstream each.
///
/// # Errors
/// What is not as the case expects.
pub async fn play(case: &Case, gateway: SocketAddr, upstream: &ScriptedUpstream) -> Result<(), Failure> {
    Player::new(gateway).play(case, upstream).await.map(|_| ())
}

/// How cases are played.
#[derive(Debug, Clone)]
pub struct Player {
    gateway: SocketAddr,
    key: Option<String>,
    patience: Duration,
}

impl Player {
    /// A player without a client key.
    pub fn new(gateway: SocketAddr) -> Self {
        Self { gateway, key: None, patience: PATIENCE }
    }

    /// Sends this virtual key with each request: `authorization`, and `x-api-key` for Anthropic clients.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// How long an answer may take.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Plays the steps of one case in order, up to the first that fails.
    ///
    /// # Errors
    /// What is not as the case expects.
    pub async fn play(&self, case: &Case, upstream: &ScriptedUpstream) -> Result<Seen, Failure> {
        let _turn = upstream.turn().await;
        let mut binds = Binds::new();
        let mut seen = Seen::default();
        for (number, step) in case.steps.iter().enumerate() {
            seen = self.play_step(step, upstream, &mut binds).await.map_err(|failed| Failure {
                case: case.name.clone(),
                concept: case.concept.clone(),
                step: case.stepwise.then_some(number),
                mismatches: failed.mismatches,
                nearest: failed.nearest,
                transcript: failed.transcript.into(),
            })?;
        }
        Ok(Seen { case: case.name.clone(), ..seen })
    }

    /// Plays every case that requires none of the `skip` tags, one after another.
    pub async fn play_all(&self, cases: &[Case], upstream: &ScriptedUpstream, skip: &[&str]) -> Report {
        let mut report = Report::default();
        for case in cases {
            if case.requires.iter().any(|tag| skip.contains(&tag.as_str())) {
                report.skipped.push(case.name.clone());
                continue;
            }
            match self.play(case, upstream).await {
                Ok(seen) => {
                    report.passed.push(case.name.clone());
                    report.seen.push(seen);
                }
                Err(failure) => report.failed.push(failure),
            }
        }
        report
    }

    async fn play_step(
        &self,
        step: &CaseStep,
        upstream: &ScriptedUpstream,
        binds: &mut Binds,
    ) -> Result<Seen, StepFailed> {
        let exchanges = step.exchanges().map_err(|why| StepFailed::early("case", why))?;
        upstream.script(exchanges);
        let (request, sent) = self.request(step, binds);
        let answer = request.send(self.gateway).await.map_err(|error| StepFailed {
            transcript: transcript(&sent, &upstream.calls(), None),
            ..StepFailed::early("gateway", format!("no answer: {error}"))
        })?;
        let calls = upstream.calls();
        let mut nearest: Option<(usize, Vec<Mismatch>)> = None;
        let readings = std::iter::once(step.clone()).chain(step.alternatives().iter().map(|other| step.with(other)));
        for (number, reading) in readings.enumerate() {
            let mut trial = binds.clone();
            let mismatches = judge(&reading, &answer, &calls, &mut trial);
            if mismatches.is_empty() {
                *binds = trial;
                return Ok(Seen::of(&answer, &calls));
            }
            if nearest.as_ref().is_none_or(|(_, nearest)| mismatches.len() < nearest.len()) {
                nearest = Some((number, mismatches));
            }
        }
        let (number, mismatches) = nearest.unwrap_or_default();
        let nearest = match (step.alternatives().len(), number) {
            (0, _) => String::new(),
            (count, 0) => format!("the base of {count} alternatives"),
            (count, number) => format!("alternative {number} of {count}"),
        };
        Err(StepFailed { mismatches, nearest, transcript: transcript(&sent, &calls, Some(&answer)) })
    }

    /// The client's request, and its text for a transcript.
    fn request(&self, step: &CaseStep, binds: &Binds) -> (ClientRequest, String) {
        let (method, path) = step.target();
        let anthropic = step.client_dialect().starts_with("anthropic");
        let mut request =
            ClientRequest::new(method, path).header("content-type", "application/json").patience(self.patience);
        if let Some(key) = &self.key {
            request = request.header("authorization", &format!("Bearer {key}"));
            if anthropic {
                request = request.header("x-api-key", key);
            }
        }
        if anthropic {
            request = request.header("anthropic-version", "2023-06-01");
        }
        let own = step.members.get("client_headers").and_then(serde_json::Value::as_object);
        for (name, value) in own.into_iter().flatten() {
            request = request.header(name, value.as_str().unwrap_or_default());
        }
        let mut sent = format!("{method} {path}");
        if let Some(body) = step.client_body(binds) {
            sent = format!("{sent} {}", abbreviate(&body, TRANSCRIPT_BODY_MAX));
            request = request.body(body);
        }
        (request, sent)
    }
}

/// What a case that passed made the gateway do, by its last step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The name of the case.
    pub case: String,
    /// It was answered with a 4xx, and the upstream was never called.
    pub refused: bool,
    /// What `x-lingate-dropped` named.
    pub dropped: Vec<String>,
}

impl Seen {
    fn of(answer: &Answer, calls: &[Call]) -> Self {
        let dropped = answer.header("x-lingate-dropped").unwrap_or_default();
        let dropped = dropped.split(',').map(str::trim).filter(|path| !path.is_empty()).map(str::to_owned).collect();
        Self { case: String::new(), refused: answer.status.is_client_error() && calls.is_empty(), dropped }
    }
}

struct StepFailed {
    mismatches: Vec<Mismatch>,
    nearest: String,
    transcript: String,
}

impl StepFailed {
    fn early(at: &str, what: String) -> Self {
        Self { mismatches: vec![Mismatch::new(at, what, "")], nearest: String::new(), transcript: String::new() }
    }
}

fn transcript(sent: &str, calls: &[Call], answer: Option<&Answer>) -> String {
    let mut lines = vec![format!("client asked: {sent}")];
    for call in calls {
        let by = call.exchange.map_or_else(|| "unexpected".to_owned(), |index| format!("exchange {index}"));
        let body = abbreviate(&call.body.to_string(), TRANSCRIPT_BODY_MAX);
        lines.push(format!("gateway asked ({by}): {} {} {body}", call.method, call.path));
    }
    if calls.is_empty() {
        lines.push("gateway asked: nothing".to_owned());
    }
    if let Some(answer) = answer {
        let kind = answer.header("content-type").unwrap_or("no content type");
        let end = if let End::Cut(why) = &answer.end { format!(" [cut: {why}]") } else { String::new() };
        let body = abbreviate(&answer.text(), TRANSCRIPT_BODY_MAX);
        lines.push(format!("client got: {} {kind}: {}{end}", answer.status.as_u16(), body.trim_end()));
    }
    lines.join("\n")
}

/// What came of many cases.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Names of the cases that passed.
    pub passed: Vec<String>,
    /// What those cases made the gateway do.
    pub seen: Vec<Seen>,
    /// Names of the cases that were left out for their tags.
    pub skipped: Vec<String>,
    /// The failures.
    pub failed: Vec<Failure>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failed {
            writeln!(f, "{failure}")?;
        }
        let (passed, failed, skipped) = (self.passed.len(), self.failed.len(), self.skipped.len());
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped of {}", passed + failed + skipped)
    }
}
