//! Many clients at once, each with a tag of its own: every answer must be its own, whole, once; a tenth leave early.
//!
//! `LINGATE_LOAD=100000` says how many requests there are.

use crate::setup::{Dice, Model, number, start};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use lingate_testkit::faulty::Tag;
use lingate_testkit::faulty::expect::Kind;
use lingate_testkit::faulty::reader::{Client, Ending, read};
use lingate_testkit::{Answer, End, Faulty};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How many requests there are unless told otherwise.
const REQUESTS: u64 = 2_000;
/// How many clients ask at once.
const CLIENTS: usize = 64;
/// One request in so many is left by its client.
const LEAVES: u64 = 10;
/// How many models there are of each sort: where every request needs a retry, one model's budget of retries (ten a second)
/// would be used up on a quick machine.
const TWINS: u64 = 16;
/// No request may take longer.
const HUNG: Duration = Duration::from_secs(60);

/// What upstreams do: nothing that spoils an answer, much that could.
const SCENARIOS: [&str; 8] = [
    "ok",
    "ttft:3+itl:1",
    "delta_quirks",
    "n:40",
    "stream_for_json",
    "json_for_stream",
    "seq:[status:503|ok]",
    "latency:5+usage:none",
];

/// What all clients have in common.
struct Load {
    faulty: Faulty,
    gateway: SocketAddr,
    next: AtomicU64,
    count: u64,
    left: AtomicU64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_its_own() {
    let started = Instant::now();
    let faulty = Faulty::start().await;
    let models: Vec<Model> = Kind::ALL
        .into_iter()
        .flat_map(|kind| {
            let all = SCENARIOS.iter().enumerate().flat_map(|all| (0..TWINS).map(move |twin| (all, twin)));
            all.map(move |((number, scenario), twin)| Model {
                name: model(kind, number, twin),
                kind,
                first: (*scenario).to_owned(),
                second: None,
                retry: "",
            })
        })
        .collect();
    let gateway = start("", &faulty.url(""), &faulty.url(""), false, &models).await;
    let load = Arc::new(Load {
        faulty,
        gateway: gateway.address,
        next: AtomicU64::new(0),
        count: number("LINGATE_LOAD").unwrap_or(REQUESTS),
        left: AtomicU64::new(0),
    });
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(ask_on(load.clone()));
    }
    let wrong: Vec<String> = clients.join_all().await.into_iter().flatten().collect();
    let left = load.left.load(Ordering::Relaxed);
    println!("{} requests, {left} left early, {} wrong, in {:?}", load.count, wrong.len(), started.elapsed());
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    assert!(left * 20 > load.count, "too few clients left: {left}");
}

fn model(kind: Kind, scenario: usize, twin: u64) -> String {
    format!("load-{}-{scenario}-{twin}", kind.name())
}

/// One client: asks on one connection, one request after another; makes another where it left.
async fn ask_on(load: Arc<Load>) -> Vec<String> {
    let (mut wrong, mut connection) = (Vec::new(), None);
    loop {
        let number = load.next.fetch_add(1, Ordering::Relaxed);
        if number >= load.count {
            return wrong;
        }
        let open = match connection.take() {
            Some(open) => open,
            None => Connection::open(load.gateway).await,
        };
        match tokio::time::timeout(HUNG, ask(&load, open, number)).await {
            Ok(Ok(back)) => connection = back,
            Ok(Err(why)) => wrong.push(format!("request {number}: {why}")),
            Err(_) => wrong.push(format!("request {number} hung")),
        }
    }
}

/// Asks once and checks the answer; gives the connection back where it can go on.
async fn ask(load: &Load, mut connection: Connection, number: u64) -> Result<Option<Connection>, String> {
    let mut dice = Dice(number);
    let scenario = usize::try_from(dice.below(SCENARIOS.len() as u64)).unwrap();
    let (kind, client, stream) = (dice.pick(&Kind::ALL), dice.pick(&Client::ALL), dice.below(2) == 0);
    let leaves = dice.below(LEAVES) == 0;
    let tag = Tag::new(&format!("n{number}"));
    let what = format!("{} / {} / {} / {stream}", SCENARIOS[scenario], kind.name(), client.name());
    let (path, body) = client.ask(&model(kind, scenario, number % TWINS), stream, &tag.prompt());
    let asking = connection.send(path, body.to_string());
    if leaves {
        load.left.fetch_add(1, Ordering::Relaxed);
        let patience = Duration::from_micros(dice.below(12_000));
        return leave(asking, patience, dice.below(4), &tag)
            .await
            .map_err(|why| format!("{what}: {why}"))
            .map(|()| None);
    }
    let answer = collect(asking.await?).await;
    let seen = read(client, stream, &answer, kind.relays(client));
    let words = if SCENARIOS[scenario] == "n:40" { 40 } else { tag.usual() };
    let told = || format!("{what}: {seen:?} of {} {}", answer.status, answer.text());
    if seen.ending != Ending::Normal || seen.text != tag.text(words) {
        return Err(told());
    }
    let asked = load.faulty.records(tag.name()).len();
    let right = if SCENARIOS[scenario].starts_with("seq") { 2 } else { 1 };
    if asked != right { Err(format!("asked {asked} times; {}", told())) } else { Ok(Some(connection)) }
}

type Body = hyper::Response<hyper::body::Incoming>;

/// Waits for a while, for some pieces of the answer at most, and goes. What came until then must be of this tag.
async fn leave(
    asking: impl Future<Output = Result<Body, String>>,
    patience: Duration,
    pieces: u64,
    tag: &Tag,
) -> Result<(), String> {
    let mut text = String::new();
    let reading = async {
        let mut answer = asking.await?.into_body();
        for _ in 0..pieces {
            let Some(Ok(frame)) = answer.frame().await else { break };
            text.push_str(&String::from_utf8_lossy(&frame.into_data().unwrap_or_default()));
        }
        Ok::<_, String>(())
    };
    if let Ok(done) = tokio::time::timeout(patience, reading).await {
        done?;
    }
    let foreign = text.split(['"', ' ']).find(|word| is_word(word) && !word.starts_with(&format!("{}-", tag.name())));
    foreign.map_or(Ok(()), |word| Err(format!("an answer to {} says {word}", tag.name())))
}

/// Whether a piece of text looks like a word of an answer: `n17-0001`.
fn is_word(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.strip_prefix('n').and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(number, word)| digits(number) && digits(word) && word.len() == 4)
}

async fn collect(answer: Body) -> Answer {
    let (head, mut body) = answer.into_parts();
    let (mut chunks, mut end) = (Vec::new(), End::Whole);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => chunks.extend(frame.into_data().ok()),
            Err(error) => {
                end = End::Cut(error.to_string());
                break;
            }
        }
    }
    Answer { status: head.status, headers: head.headers, body: chunks.concat().into(), chunks, end }
}

/// A client's connection, used again and again. Dropping it closes it.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driver: JoinSet<()>,
}

impl Connection {
    async fn open(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Its error reaches the reader of the answer.
            let _ = connection.await;
        });
        Self { sender, _driver: driver }
    }

    async fn send(&mut self, path: &str, body: String) -> Result<Body, String> {
        let request = hyper::Request::post(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(body.into()))
            .unwrap();
        self.sender.ready().await.map_err(|error| error.to_string())?;
        self.sender.send_request(request).await.map_err(|error| error.to_string())
    }
}
