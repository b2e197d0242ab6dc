//! What holds for any text.

use crate::support::{Out, all_tools, built_in, characters, run, short};
use lingate_codec::ir::{Event, FinishReason};
use lingate_codec::transform::Transform;
use lingate_codec::transform::tool_repair::{Catalogue, Pattern, PatternKind, Selection, ToolRepair};
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

static BUILT_IN: LazyLock<Arc<Catalogue>> = LazyLock::new(built_in);

/// With patterns of an operator's own, of other priorities, that overlap the built-in ones.
static OWN: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
    let own = |name: &str, kind, regex: &str, priority| Pattern {
        name: name.to_owned(),
        kind,
        regex: regex.to_owned(),
        tool_name: Some("bash".to_owned()),
        enabled: true,
        priority,
        ..Pattern::default()
    };
    let patterns = [
        own("high", PatternKind::Xml, r"<parameter=command>(.*?)</parameter>", 90),
        own("low", PatternKind::Bracket, r"\[tool\](.*)\]", 10),
        own("fence", PatternKind::Fence, r"```bash\n([^`]*)```", 50),
    ];
    Arc::new(Catalogue::build(&patterns, &Selection::All).unwrap())
});

fn answer(catalogue: &Arc<Catalogue>, pieces: &[&str]) -> Vec<Out> {
    let mut repair = ToolRepair::new(Arc::clone(catalogue), all_tools()).with_seed("s");
    short(&run(&mut repair, pieces, FinishReason::Stop))
}

/// Texts made of what calls are made of.
fn texts() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "<tool_call>",
        "</tool_call>",
        "<function=bash>",
        "</function>",
        "<parameter=command>",
        "</parameter>",
        "ls",
        "\n",
        "\n\n",
        "```",
        "```json\n",
        "```bash\n",
        "`",
        "{",
        "}",
        r#"{"name":"ping","arguments":{}}"#,
        r#"{"name":"read","arguments":{"filePath":"/a"}}"#,
        r#""name":"#,
        "\"",
        ",",
        "[",
        "]",
        "[tool]read[/tool]",
        r#"{"filePath":"/a"}"#,
        "task(description=\"d\", prompt=\"p\")",
        "ping()",
        "> ",
        " ",
        "text é ",
        "[TOOL_CALL]",
        "[/TOOL_CALL]",
        "commentary to=read json",
        "<read_file>file_path=\"",
        "/p\">",
        "~~~\n",
        "<tool_use code name=\"read\">",
        "</tool_use>",
        "<",
        "<pre>",
        "<!--",
        "<CODE",
        "    ",
        "\t",
        "<|im_end|>",
        "<tool_call>{\"name\":\"ping\",\"arguments\":{}}</tool_call>",
        "<function=ping></function>",
    ]);
    prop::collection::vec(parts, 0..14).prop_map(|parts| parts.concat())
}

/// Eight times as many as usual: one is short. `PROPTEST_CASES` counts.
fn many() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases.saturating_mul(8), ..usual }
}

proptest! {
    #![proptest_config(many())]

    #[test]
    fn cuts_do_not_matter(text in texts(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4), own in any::<bool>()) {
        let catalogue = if own { &OWN } else { &BUILT_IN };
        let whole = answer(catalogue, &[&text]);
        prop_assert_eq!(&answer(catalogue, &characters(&text)), &whole, "one by one");
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut.index(text.len() + 1))).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&str> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        prop_assert_eq!(&answer(catalogue, &pieces), &whole, "{:?}", pieces);
    }

    #[test]
    fn cuts_do_not_matter_whatever_is_asked(text in texts(), marked in any::<bool>(), cut in any::<bool>(), length in any::<bool>(), at in any::<prop::sample::Index>()) {
        let reason = if length { FinishReason::Length } else { FinishReason::Stop };
        let answer = |pieces: &[&str]| {
            let repair = ToolRepair::new(Arc::clone(&BUILT_IN), all_tools()).with_seed("s");
            short(&run(&mut repair.only_marked(marked).accepting_cut_values(cut), pieces, reason))
        };
        let whole = answer(&[&text]);
        prop_assert_eq!(&answer(&characters(&text)), &whole, "one by one");
        let (before, after) = text.split_at(text.floor_char_boundary(at.index(text.len() + 1)));
        prop_assert_eq!(&answer(&[before, after]), &whole);
    }

    #[test]
    fn only_advertised_tools_are_called(text in texts()) {
        let tools = all_tools();
        for out in answer(&OWN, &[&text]) {
            if let Out::Call(name, arguments) = out {
                prop_assert!(tools.iter().any(|tool| tool.name == name), "{}", name);
                prop_assert!(serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&arguments).is_ok());
            }
        }
    }

    #[test]
    fn any_text_comes_out_or_is_called(text in "\\PC{0,60}|[<>`\\[\\]{}\"' \n:,a-z=/]{0,80}") {
        let out = answer(&BUILT_IN, &[&text]);
        if !out.iter().any(|out| matches!(out, Out::Call(..))) {
            let mut expected = vec![Out::Text(text.clone()), Out::Finish(FinishReason::Stop)];
            if text.is_empty() {
                expected.remove(0);
            }
            prop_assert_eq!(out, expected);
        }
    }

    #[test]
    fn text_without_markers_is_not_held(pieces in prop::collection::vec("[A-Z .,;:!?()\\-]{1,20}", 1..10)) {
        let mut repair = ToolRepair::new(Arc::clone(&BUILT_IN), all_tools());
        let mut out = Vec::new();
        repair.push(Event::Text("Well".to_owned()), &mut out);
        for piece in pieces {
            out.clear();
            prop_assert!(repair.alarm().is_some_and(|alarm| !alarm.is_met_by(piece.as_bytes())));
            repair.push(Event::Text(piece.clone()), &mut out);
            prop_assert_eq!(&out, &vec![Event::Text(piece)]);
            prop_assert!(!repair.holds() && !repair.changed());
        }
    }
}

/// Texts that make scanners slow.
fn hostile() -> Vec<(&'static str, String)> {
    let size = if cfg!(debug_assertions) { 16 } else { 64 };
    let long = |unit: &str| unit.repeat(size * 1024 / unit.len());
    let units = [
        "<",
        "`",
        "{",
        "[",
        "\n",
        "\n{",
        "\n[{",
        "\n```",
        "\n```json\n",
        "<tool_call>",
        "<tool_call>{",
        "<function=bash>",
        "<tool_call><function=bash><parameter=command>",
        "\n{\"name\":",
        "\n{\"name\":\"read\",\"arguments\":",
        "[tool]read[/tool]{",
        "\ntask(",
        "\ntask(description=\"",
        "\n{\"name\":{",
        "<tool_call>[{\"name\":\"ping\",",
        "<tool_use code name=\"",
        "\ncommentary to=read {",
        "<tool_call>bash ",
        "\n```bash\nread ",
        "\nping()",
        "<tool_call>{\"name\":\"read\",\"arguments\":{}}</tool_call>",
        "[",
        "é",
        "<tool_call>{\"name\":\"save\",\"arguments\":{\"doc\":{}}}",
        "\n{\"name\":\"ping\",\"arguments\":{}}",
        " \t\n",
        "\n> `",
    ];
    let plain = units.into_iter().map(|unit| (unit, long(unit)));
    // What fails late, over and over.
    let failing = units.into_iter().flat_map(|unit| ["}", "!", "\"", "\n{1"].map(|tail| (unit, long(unit) + tail)));
    plain.chain(failing).collect()
}

/// Nanoseconds that this thread has run: a busy machine does not count. `None` where the kernel does not tell.
fn ran() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

#[test]
fn hostile_texts_take_linear_time() {
    // Several times what it takes, and far below what anything quadratic would: that would be seconds.
    let bound = if cfg!(debug_assertions) { 1_000_000_000 } else { 300_000_000 };
    for (unit, text) in hostile() {
        let streamed = if text.ends_with(unit) { vec![characters(&text)] } else { vec![] };
        for pieces in std::iter::once(vec![text.as_str()]).chain(streamed) {
            let before = ran();
            answer(&BUILT_IN, &pieces);
            let took = ran().zip(before).map_or(0, |(after, before)| after - before);
            assert!(took < bound, "{unit:?} in {} pieces took {took} ns", pieces.len());
        }
    }
}

#[test]
#[ignore = "prints the costs, for a release build"]
fn costs() {
    for (unit, text) in hostile() {
        let took = |pieces: &[&str]| {
            let began = Instant::now();
            answer(&BUILT_IN, pieces);
            began.elapsed().as_micros()
        };
        println!("{unit:?}: whole {} us, by characters {} us", took(&[&text]), took(&characters(&text)));
    }
}

/// A stream of 20-byte texts, `PUSHES` of them: count the instructions of runs with and without the transform
/// (`WITHOUT=1`) and divide the difference.
#[test]
#[ignore = "for a counter of instructions"]
fn clean_texts() {
    let pushes: usize = std::env::var("PUSHES").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut repair = ToolRepair::new(Arc::clone(&BUILT_IN), all_tools());
    let mut out = Vec::new();
    repair.push(Event::Text("Well".to_owned()), &mut out);
    let without = std::env::var_os("WITHOUT").is_some();
    for _ in 0..pushes {
        out.clear();
        let event = Event::Text(" and 14 bytes follow".to_owned());
        if without {
            out.push(event);
        } else {
            repair.push(event, &mut out);
        }
    }
    assert!(!repair.holds());
}

#[test]
fn what_is_held_is_bounded() {
    let mut repair = ToolRepair::new(Arc::clone(&BUILT_IN), all_tools());
    let mut out = Vec::new();
    repair.push(Event::Text("<tool_call>{\"name\":\"write\",\"arguments\":{\"content\":\"".to_owned()), &mut out);
    assert!(out.is_empty() && repair.holds());
    for _ in 0..66 {
        repair.push(Event::Text("x".repeat(1024)), &mut out);
    }
    assert!(!out.is_empty() && !repair.holds(), "a full buffer is released");
    assert!(!repair.changed());
}

#[test]
fn a_pattern_makes_64_calls_at_most() {
    let calls = |text: &str| answer(&BUILT_IN, &[text]).iter().filter(|out| matches!(out, Out::Call(..))).count();
    assert_eq!(calls(&"<tool_call>{\"name\":\"ping\",\"arguments\":{}}</tool_call>".repeat(70)), 64);
    assert_eq!(calls(&"ping()\n".repeat(64)), 64);
    assert_eq!(calls(&"ping()\n".repeat(65)), 0, "all or none where only the end makes them calls");
}

#[test]
fn priority_decides_overlaps_then_position() {
    let inner = "<parameter=command>ls</parameter>";
    let text = format!("<function=bash>{inner}</function>");
    let bash = |text: &str| Out::Call("bash".into(), text.into());
    let found = r#"{"command":"ls","description":"Run bash command"}"#;
    let end = Out::Finish(FinishReason::ToolCalls);
    let expected = vec![Out::Text("<function=bash>".into()), bash(found), Out::Text("</function>".into()), end.clone()];
    assert_eq!(answer(&OWN, &[&text]), expected, "the operator's is above");
    assert_eq!(answer(&BUILT_IN, &[&text]), [bash(found), end.clone()]);
    let read = Out::Call("read".into(), r#"{"filePath":"/a"}"#.into());
    let low = answer(&OWN, &["[tool]read[/tool]{\"filePath\":\"/a\"} <]"]);
    assert_eq!(low, [read, Out::Text(" <]".into()), end], "the operator's is below");
}

proptest! {
    #![proptest_config(many())]

    /// Whatever bytes a server sends as text.
    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), parts in texts(), at in any::<prop::sample::Index>()) {
        let junk = String::from_utf8_lossy(&bytes);
        let cut = parts.floor_char_boundary(at.index(parts.len() + 1));
        let text = [&parts[..cut], &*junk, &parts[cut..]].concat();
        let whole = answer(&OWN, &[&text]);
        prop_assert_eq!(answer(&OWN, &characters(&text)), whole);
    }
}
