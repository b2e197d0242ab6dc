//! Clients that leave at any moment: the upstream's connection ends with theirs, and nothing is tried again.
//!
//! `LINGATE_LEAVES=1000` says how many leave, and makes 100 ms a limit for each of them.

use crate::setup::{Dice, Model, number, start};
use lingate_testkit::faulty::expect::Kind;
use lingate_testkit::faulty::reader::Client;
use lingate_testkit::faulty::{Ended, Record, Tag};
use lingate_testkit::{Faulty, RawClient};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many leave unless told otherwise.
const LEAVES: u64 = 50;
/// How many are there at once.
const AT_ONCE: usize = 8;
/// The bar: so soon the upstream's connection must end.
const PROMPT: Duration = Duration::from_millis(100);
/// What a machine under load may take at worst.
const GUARD: Duration = Duration::from_secs(2);

/// Upstreams that are not through before their client leaves: before the head, after it, in a stream, in a whole body.
const SLOW: [&str; 5] = ["latency:20000", "ttft:20000", "hang_after:2", "n:100+itl:20", "n:300+itl:5"];

/// Those of them that a kind can be; jobs are submitted at once, and cancelled by a call of their own.
fn slow(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Runpod => &["job:never"],
        kind if kind.streams() => &SLOW,
        _ => &SLOW[..3],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_upstream_is_left_with_the_client() {
    let asked = number("LINGATE_LEAVES");
    let faulty = Arc::new(Faulty::start().await);
    let models: Vec<Model> = Kind::ALL
        .into_iter()
        .flat_map(|kind| {
            slow(kind).iter().enumerate().map(move |(number, scenario)| Model {
                name: format!("slow-{}-{number}", kind.name()),
                kind,
                first: (*scenario).to_owned(),
                second: Some("ok"),
                retry: ", after_send: true",
            })
        })
        .collect();
    let gateway = start("", &faulty.url(""), &faulty.url(""), false, &models).await;
    let (places, mut leaving) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for number in 0..asked.unwrap_or(LEAVES) {
        let place = places.clone().acquire_owned().await.unwrap();
        let model = Dice(number).pick(&models.iter().map(|model| model.name.as_str()).collect::<Vec<_>>()).to_owned();
        let (faulty, address) = (faulty.clone(), gateway.address);
        leaving.spawn(async move {
            let took = leave(&faulty, address, &model, number).await;
            drop(place);
            (took, model.contains("runpod"))
        });
    }
    let mut all = leaving.join_all().await;
    all.sort();
    let times: Vec<Duration> = all.iter().map(|(took, _)| *took).collect();
    let jobs: Vec<Duration> = all.iter().filter(|(_, job)| *job).map(|(took, _)| *took).collect();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    let late = times.iter().filter(|took| **took > PROMPT).count();
    println!(
        "{} clients left; the upstream's connection ended after: median {:?}, 90 % {:?}, 99 % {:?}, most {:?}; {late} over {PROMPT:?}",
        times.len(),
        at(50),
        at(90),
        at(99),
        at(100)
    );
    println!("{} jobs were cancelled after: median {:?}, most {:?}", jobs.len(), jobs.get(jobs.len() / 2), jobs.last());
    assert!(at(50) < PROMPT && at(100) < GUARD, "{times:?}");
    assert!(asked.is_none() || late == 0, "{late} upstream calls went on for longer than {PROMPT:?}");
}

/// One client: it asks, is heard by the upstream, waits for a moment, and goes. How long the upstream's connection
/// lived on.
async fn leave(faulty: &Faulty, gateway: std::net::SocketAddr, model: &str, number: u64) -> Duration {
    let mut dice = Dice(number ^ 0xace5);
    let tag = Tag::new(&format!("left{number}"));
    // A whole answer of many words would be through before its client leaves.
    let stream = dice.below(2) == 0 || model.ends_with("-3") || model.ends_with("-4");
    let (path, body) = dice.pick(&Client::ALL).ask(model, stream, &tag.prompt());
    let body = body.to_string();
    let mut client = RawClient::connect(gateway).await;
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    client.send(head + &body).await.unwrap();
    faulty.when(tag.name(), "the request", |records| (!records.is_empty()).then_some(())).await;
    tokio::time::sleep(Duration::from_micros(dice.below(150_000))).await;
    let left = Instant::now();
    // In order or by a reset: a client that is killed and one that is closed.
    if dice.below(2) == 0 {
        client.reset()
    } else {
        drop(client)
    }
    let job = model.contains("runpod");
    let end = |records: &[Record]| if job { records[0].cancelled } else { records[0].at };
    let ended = faulty.when(tag.name(), "the end of the upstream's connection", end).await;
    let records = faulty.records(tag.name());
    assert!(job || records[0].ended == Ended::Client, "{model}: the upstream was not through: {records:?}");
    assert_eq!(records.len(), 1, "{model}: nothing is tried for a client that left");
    let took = ended.saturating_duration_since(left);
    if took > PROMPT {
        println!("{took:?}: {model}, {path}, stream {stream}, {} words", records[0].words);
    }
    took
}
