//! Framing: the events do not depend on how the bytes were cut.

use super::{DEFAULT_CAP, Framer, Framing};
use proptest::prelude::*;

type Seen = (Vec<u8>, Vec<u8>);

fn run(framing: Framing, cap: usize, pieces: &[&[u8]]) -> (Vec<Seen>, Vec<u8>, bool) {
    let mut framer = Framer::new(framing, cap);
    let (mut events, mut raw) = (Vec::new(), Vec::new());
    let mut drain = |framer: &mut Framer| loop {
        match framer.next_frame() {
            Ok(Some(frame)) => {
                raw.extend_from_slice(frame.raw);
                if let std::borrow::Cow::Borrowed(data) = frame.data {
                    assert_eq!(&frame.raw[frame.data_at..][..data.len()], data);
                }
                if !frame.data.is_empty() || !frame.event.is_empty() {
                    events.push((frame.event.to_vec(), frame.data.to_vec()));
                }
            }
            Ok(None) => return true,
            Err(_) => return false,
        }
    };
    for piece in pieces {
        framer.push(piece);
        if !drain(&mut framer) {
            return (events, raw, false);
        }
    }
    framer.finish();
    let whole = drain(&mut framer);
    (events, raw, whole)
}

fn sse(text: &[u8]) -> Vec<(String, String)> {
    let (events, raw, whole) = run(Framing::Sse, DEFAULT_CAP, &[text]);
    assert!(whole);
    assert_eq!(raw, text, "frames put together are the stream");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    events.into_iter().map(|(event, data)| (text(event), text(data))).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn sse_line_ends_comments_and_fields() {
    assert_eq!(sse(b"data: a\n\ndata:b\n\n"), pairs(&[("", "a"), ("", "b")]));
    assert_eq!(sse(b"data: a\r\rdata: b\r\n\r\ndata: c\n\n"), pairs(&[("", "a"), ("", "b"), ("", "c")]));
    assert_eq!(sse(b"\xef\xbb\xbfdata: a\n\n"), pairs(&[("", "a")]));
    assert_eq!(sse(b": hi\n\nevent: x\nid: 7\nretry: 1\ndata: a\ndata: b\n\n:\n"), pairs(&[("x", "a\nb")]));
    assert_eq!(sse(b"data: {\"a\":\"b: c\"}\n:\ndata\n\n"), pairs(&[("", "{\"a\":\"b: c\"}\n")]));
    assert_eq!(sse(b"data: last without a blank line"), pairs(&[("", "last without a blank line")]));
}

#[test]
fn a_cr_at_the_end_of_a_piece_ends_a_blank_line_at_once() {
    let mut framer = Framer::new(Framing::Sse, DEFAULT_CAP);
    framer.push(b"data: a\r\n\r");
    let frame = framer.next_frame().unwrap().expect("the event is whole");
    assert_eq!(&*frame.data, b"a");
    framer.push(b"\ndata: b\r\n\r\n");
    assert_eq!(&*framer.next_frame().unwrap().unwrap().data, b"b");
    assert!(framer.next_frame().unwrap().is_none());
}

#[test]
fn ndjson_lines() {
    let (events, raw, _) = run(Framing::Ndjson, DEFAULT_CAP, &[b"{\"a\":1}\r\n\n{\"b\":2}\n{\"c\":3}"]);
    let data: Vec<_> = events.iter().map(|(_, d)| std::str::from_utf8(d).unwrap()).collect();
    assert_eq!(data, ["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"]);
    assert_eq!(raw, b"{\"a\":1}\r\n\n{\"b\":2}\n{\"c\":3}");
}

#[test]
fn too_large_frames_are_refused_before_they_are_whole() {
    for framing in [Framing::Sse, Framing::Ndjson] {
        let mut framer = Framer::new(framing, 100);
        framer.push(b"data: ");
        assert!(framer.next_frame().unwrap().is_none());
        framer.push(&[b'x'; 200]);
        assert_eq!(framer.next_frame().unwrap_err().cap, 100);
    }
}

fn stream_bytes() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&str; 10] =
        ["\n", "\r", "\r\n", "data: a", "data:b", ":", "event: e", "{\"x\":1}", "\u{e9}", "\u{feff}"];
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_events(bytes in stream_bytes(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        for framing in [Framing::Sse, Framing::Ndjson] {
            let whole = run(framing, DEFAULT_CAP, &[&bytes]);
            prop_assert_eq!(&whole.1, &bytes);
            let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let pieces: Vec<_> = at.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            prop_assert_eq!(&run(framing, DEFAULT_CAP, &pieces), &whole);
            let single: Vec<_> = bytes.chunks(1).collect();
            prop_assert_eq!(&run(framing, DEFAULT_CAP, &single), &whole);
        }
    }
}
