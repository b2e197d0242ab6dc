//! Many streams on many threads, paced and in bursts, a part of them left by their clients: none hangs, none is cut, none
//! has a word of another.

use crate::setup::UPSTREAM_KEY;
use crate::support::TestGateway;
use crate::tongue::Tongue;
use lingate_testkit::{ClientRequest, Step, Upstream};
use std::time::Duration;
use tokio::task::JoinSet;

/// How many clients there are at once, and what each asks for; `LINGATE_STRESS` is another number of the latter.
const CLIENTS: u64 = 48;
const ASKS: u64 = 12;
/// What waits longer hangs: nothing here takes a second.
const HUNG: Duration = Duration::from_secs(20);

/// Numbers that look random and are the same in each run (splitmix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The words of one answer.
fn words(tag: &str) -> Vec<String> {
    let number = tag.trim_end_matches('-').rsplit('-').next().unwrap().parse().unwrap();
    (0..3 + mixed(number) % 60).map(|word| format!("{tag}{word:03} ")).collect()
}

/// The stream of one answer, cut anywhere, with and without pauses.
fn steps(backend: Tongue, tag: &str) -> Vec<Step> {
    let all = words(tag);
    let stream = backend.stream(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let (mut rest, mut steps, mut random) = (stream.as_bytes(), Vec::new(), mixed(stream.len() as u64));
    while !rest.is_empty() {
        random = mixed(random);
        let most = if random & 1 == 0 { 40 } else { 4000 };
        let (piece, after) = rest.split_at(rest.len().min(1 + usize::try_from((random >> 8) % most).unwrap()));
        steps.push(Step::bytes(piece.to_vec()));
        match (random >> 4) % 4 {
            0 => steps.push(Step::Sleep(Duration::from_micros((random >> 32) % 1500))),
            1 => steps.push(Step::Sleep(Duration::ZERO)),
            _ => {}
        }
        rest = after;
    }
    steps
}

async fn upstream(backend: Tongue) -> Upstream {
    let up = Upstream::start().await;
    up.on(move |request| {
        let text = request.text();
        let tag = &text[text.find("tag-").unwrap()..];
        let end = tag.find(['"', ' ']).unwrap();
        let tag = &tag[..end];
        backend.streaming(steps(backend, tag))
    })
    .await;
    up
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn none_hangs_and_none_is_mixed_up() {
    let asks = std::env::var("LINGATE_STRESS").map_or(ASKS, |text| text.parse().unwrap());
    let mut yaml = "clients: { auth: open }\nkeep_alive: 0s\nendpoints:\n".to_owned();
    let (mut models, mut ups) = (String::new(), Vec::new());
    for backend in Tongue::ALL {
        let (up, kind) = (upstream(backend).await, backend.kind());
        yaml += &format!(
            "  - {{ name: {kind}, type: {kind}, url: \"{}\", api_key: {UPSTREAM_KEY}, limits: {{ concurrency: 12, queue: 99 }} }}\n",
            up.url("")
        );
        let target = format!("targets: [{{ endpoint: {kind}, model: r }}], retry: {{ attempts: 1 }}");
        models += &format!("  - {{ name: plain-{kind}, {target} }}\n");
        models += &format!("  - {{ name: watched-{kind}, reasoning: hide, {target} }}\n");
        ups.push(up);
    }
    let gateway = TestGateway::start(&format!("{yaml}virtual_models:\n{models}")).await;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let address = gateway.address;
        clients.spawn(async move {
            let mut wrong = Vec::new();
            for ask in 0..asks {
                let asked = one(address, client * asks + ask);
                match tokio::time::timeout(HUNG, asked).await {
                    Ok(None) => {}
                    Ok(Some(why)) => wrong.push(why),
                    Err(_) => wrong.push(format!("request {} hung", client * asks + ask)),
                }
            }
            wrong
        });
    }
    let wrong: Vec<String> = clients.join_all().await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CLIENTS * asks, wrong[..wrong.len().min(5)].join("\n"));
}

/// Asks once; what was wrong with the answer.
async fn one(address: std::net::SocketAddr, number: u64) -> Option<String> {
    let random = mixed(number ^ 0x5eed);
    let pick = |shift: u32| Tongue::ALL[usize::try_from((random >> shift) % 3).unwrap()];
    let (client, backend) = (pick(0), pick(8));
    let model = format!("{}-{}", if random >> 16 & 1 == 0 { "plain" } else { "watched" }, backend.kind());
    let tag = format!("tag-{number}-");
    let leaves_at = (random >> 20).is_multiple_of(4).then_some((random >> 24) % 4000);
    let request = ClientRequest::post(client.path()).body(client.body_saying(&model, true, &tag));
    let mut answer = request.open(address).await.unwrap();
    let mut all = Vec::new();
    while let Some(chunk) = answer.next_chunk().await {
        all.extend_from_slice(&chunk);
        if leaves_at.is_some_and(|at| all.len() as u64 > at) {
            return None;
        }
    }
    let text = String::from_utf8_lossy(&all).into_owned();
    let complete = client.has_ended(&text) && words(&tag).iter().all(|word| text.contains(word.trim_end()));
    let mixed_up = text.matches("tag-").count() != text.matches(&tag).count();
    (!complete || mixed_up).then(|| format!("{client:?} of {model}, {tag}: {text}"))
}
