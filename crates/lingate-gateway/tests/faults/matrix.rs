//! The fault table, cell by cell: fault, kind of backend, client dialect, stream or not, with another target or without.
//!
//! `LINGATE_FAULTS` limits a run by hand to the cells whose names contain it.

use crate::setup::{PASSWORD, UPSTREAM_KEY, gateway, model};
use crate::support::TestGateway;
use lingate_testkit::faulty::Tag;
use lingate_testkit::faulty::expect::{Cell, Expected, Fault, Finish, Kind, Targets, Text, codes, expect};
use lingate_testkit::faulty::reader::{Client, Ending, read};
use lingate_testkit::faulty::table::faults;
use lingate_testkit::{Answer, Faulty, refused_addr};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many cells are played at once.
const AT_ONCE: usize = 24;
/// No cell may take longer: what does, hangs.
const HUNG: Duration = Duration::from_secs(25);
/// The least that the table must have.
const CELLS_MIN: usize = 12_000;

/// What became of one cell.
struct Verdict {
    name: String,
    wrong: Result<(), String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_is_met_as_the_table_says() {
    let started = Instant::now();
    let faulty = Arc::new(Faulty::start().await);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let (mut playing, mut verdicts) = (JoinSet::new(), Vec::new());
    let only = std::env::var("LINGATE_FAULTS").unwrap_or_default();
    let closed = refused_addr().await;
    for (row, fault) in faults().enumerate() {
        let cells: Vec<_> = cells(fault).filter(|(cell, _)| name(cell).contains(&only)).collect();
        if cells.is_empty() {
            continue;
        }
        // A gateway each: no fault is to meet what another one left behind.
        let gateway = Arc::new(gateway(&faulty, fault.scenario, closed).await);
        for (number, (cell, expected)) in cells.into_iter().enumerate() {
            let place = places.clone().acquire_owned().await.unwrap();
            let (gateway, faulty) = (gateway.clone(), faulty.clone());
            let tag = Tag::new(&format!("f{row}c{number}"));
            playing.spawn(async move {
                let wrong = match tokio::time::timeout(HUNG, play(&gateway, &faulty, &cell, expected, &tag)).await {
                    Ok(wrong) => wrong,
                    Err(_) => Err(format!("hung for {HUNG:?}")),
                };
                drop(place);
                Verdict { name: name(&cell), wrong }
            });
        }
        while let Some(verdict) = playing.try_join_next() {
            verdicts.push(verdict.unwrap());
        }
    }
    verdicts.extend(playing.join_all().await);
    judge(&verdicts, started.elapsed(), only.is_empty());
}

fn judge(verdicts: &[Verdict], took: Duration, all: bool) {
    let green = verdicts.iter().filter(|verdict| verdict.wrong.is_ok()).count();
    let wrong = verdicts.len() - green;
    println!("{green} cells green, {wrong} wrong, in {took:?}");
    assert!(wrong == 0, "{wrong} cells are not as the table says:\n{}", grouped(verdicts));
    assert!(!all || green >= CELLS_MIN, "{green} cells are too few");
}

/// What is wrong, each with the cells that it is true of.
fn grouped(verdicts: &[Verdict]) -> String {
    let mut groups: BTreeMap<String, Vec<&Verdict>> = BTreeMap::new();
    for verdict in verdicts {
        let Err(why) = &verdict.wrong else { continue };
        let (scenario, targets) = (verdict.name.split(" / ").next(), verdict.name.rsplit(" / ").next());
        let why: String = why.split(';').next().unwrap_or_default().chars().filter(|c| !c.is_ascii_digit()).collect();
        let why: String = why.chars().take(60).collect();
        groups.entry(format!("{} {}: {why}", scenario.unwrap(), targets.unwrap())).or_default().push(verdict);
    }
    let mut text = String::new();
    for (group, verdicts) in groups {
        let names: Vec<&str> = verdicts.iter().map(|verdict| verdict.name.as_str()).take(8).collect();
        let example = verdicts[0].wrong.as_ref().err().unwrap();
        text += &format!("\n{} x {group}\n   {}\n   {example}\n", verdicts.len(), names.join("\n   "));
    }
    text
}

/// All cells of a row that apply.
fn cells(fault: &'static Fault) -> impl Iterator<Item = (Cell, Expected)> {
    Kind::ALL.into_iter().flat_map(move |kind| {
        Client::ALL.into_iter().flat_map(move |client| {
            [false, true].into_iter().flat_map(move |stream| {
                [Targets::One, Targets::Two, Targets::TwoAfterSend].into_iter().filter_map(move |targets| {
                    let cell = Cell { fault, kind, client, stream, targets };
                    // vLLM differs from OpenAI in data alone: what is tried elsewhere is the same.
                    let again = kind == Kind::Vllm && targets != Targets::One;
                    Some((cell, expect(&cell).filter(|_| !again)?))
                })
            })
        })
    })
}

fn name(cell: &Cell) -> String {
    let Cell { fault, kind, client, stream, targets } = cell;
    let form = if *stream { "stream" } else { "whole" };
    format!("{} / {} / {} / {form} / {targets:?}", fault.scenario, kind.name(), client.name())
}

async fn play(
    gateway: &TestGateway,
    faulty: &Faulty,
    cell: &Cell,
    expected: Expected,
    tag: &Tag,
) -> Result<(), String> {
    let request = cell.client.request(&model(cell.kind, cell.targets), cell.stream, &tag.prompt());
    let answer = request.send(gateway.address).await.map_err(|error| format!("no answer: {error}"))?;
    common(&answer)?;
    let lenient = cell.kind.relays(cell.client) && cell.fault.only == lingate_testkit::faulty::expect::Only::AsItIs;
    let seen = read(cell.client, cell.stream, &answer, lenient);
    let told = || format!("; the answer: {} {:?}", answer.status, abbreviated(&answer));
    if !expected.status.contains(&seen.status) {
        return Err(format!("status {} is none of {:?}{}", seen.status, expected.status, told()));
    }
    match (&seen.ending, expected.ending) {
        (Ending::Wrong(why), _) => return Err(format!("{why}{}", told())),
        (Ending::Normal, Finish::Normal | Finish::Either) | (Ending::Error { .. }, Finish::Error | Finish::Either) => {}
        (ending, _) => return Err(format!("ended with {ending:?}{}", told())),
    }
    if let (Ending::Error { code: Some(code), .. }, Some(codes)) = (&seen.ending, codes(cell))
        && !codes.contains(&code.as_str())
    {
        return Err(format!("the code {code} is none of {codes:?}{}", told()));
    }
    let records = faulty.records(tag.name());
    let (second, first): (Vec<_>, Vec<_>) = records.iter().partition(|record| record.scenario == "chaos/n:3");
    let whole = match () {
        () if expected.second > 0 || cell.fault.scenario.contains("n:3") => 3,
        () if cell.fault.scenario.contains("n:1") => 1,
        () => tag.usual(),
    };
    let good = match expected.text {
        Text::Whole => seen.text == tag.text(whole),
        Text::None => seen.text.is_empty(),
        Text::First(words) => seen.text == tag.text(words),
        Text::Prefix => tag.text(whole).starts_with(&seen.text),
    };
    if !good {
        return Err(format!("the text {:?} is not {:?}{}", seen.text, expected.text, told()));
    }
    let (least, most) = expected.asked;
    if first.len() < least || first.len() > most || second.len() != expected.second {
        let want = (expected.asked, expected.second);
        return Err(format!("asked {} and {} times, not {want:?}{}", first.len(), second.len(), told()));
    }
    Ok(())
}

/// What holds for every answer.
fn common(answer: &Answer) -> Result<(), String> {
    if answer.header("x-request-id").is_none_or(str::is_empty) {
        return Err("no x-request-id".to_owned());
    }
    let all = format!("{:?}\n{}", answer.headers, answer.text());
    if let Some(secret) = [UPSTREAM_KEY, PASSWORD].iter().find(|secret| all.contains(**secret)) {
        return Err(format!("the answer holds {secret}"));
    }
    let later = answer.header("retry-after");
    match later.map(str::parse::<u32>) {
        None | Some(Ok(0..=3600)) => Ok(()),
        Some(_) => Err(format!("retry-after is {later:?}")),
    }
}

fn abbreviated(answer: &Answer) -> String {
    let text = answer.text();
    let start: String = text.chars().take(300).collect();
    if start.len() < text.len() {
        let end: String = text.chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
        return format!("{start} [...] {end}");
    }
    start
}
