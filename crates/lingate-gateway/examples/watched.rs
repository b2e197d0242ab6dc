//! What watching a relayed stream costs, for callgrind: `watched DIALECT relay|watch STREAMS [plain|prose]`.
//!
//! Cuts, reads and writes frames as the gateway's pump does in either way, without sockets. The difference of two runs,
//! divided by their streams and the 200 events of each, is the price of an event.

use lingate_codec::dialect::{AnswerContext, Dialect, DialectId, Echo, PieceOf, Stamp};
use lingate_codec::frame::{DEFAULT_CAP, Framer};
use lingate_codec::ir::{Event, Finish, FinishReason, Operation, Start};
use lingate_codec::relay::RelayedAnswer;
use lingate_codec::transform::Transform;
use lingate_codec::transform::reasoning::{Mode, Reasoning};
use lingate_codec::transform::tool_repair::{AdvertisedTool, Catalogue, Selection, ToolRepair};
use std::hint::black_box;
use std::sync::Arc;

const EVENTS: usize = 200;
/// A model's pieces, as they come from one that writes Markdown.
const PROSE: [&str; 25] = [
    "The",
    " function",
    " takes",
    " two",
    " arguments",
    " (",
    "a",
    " list",
    " and",
    " a",
    " key",
    "),",
    " and",
    " returns",
    " `",
    "None",
    "`",
    " if",
    " there",
    " is",
    " none",
    ".",
    "\n\n",
    "-",
    " It",
];

fn context() -> AnswerContext {
    AnswerContext {
        model: "m".into(),
        id: "q1w2e3".into(),
        created: 1,
        operation: Operation::Chat,
        include_usage: true,
        tools: Vec::new(),
        echo: Echo::default(),
    }
}

fn stream(dialect: &dyn Dialect, prose: bool) -> Vec<u8> {
    let mut encoder = dialect.stream_encoder(context());
    let mut out = Vec::new();
    let pieces = (0..EVENTS).map(|at| if prose { PROSE[at % PROSE.len()].to_owned() } else { format!(" ~w{at:<8}") });
    let finish = Event::Finish(Finish { reason: FinishReason::Stop, stop_sequence: None });
    let all = [Event::Start(Start::default())].into_iter().chain(pieces.map(Event::Text)).chain([finish, Event::End]);
    all.for_each(|event| encoder.push(&event, Stamp::default(), &mut out));
    out
}

fn relay(dialect: &dyn Dialect, stream: &[u8], out: &mut Vec<u8>) {
    let mut decoder = dialect.stream_decoder(Operation::Chat);
    let mut relayed = RelayedAnswer::new(Some("shown".to_owned()), false);
    let mut framer = Framer::new(dialect.framing(), DEFAULT_CAP);
    let mut events = Vec::new();
    framer.push(stream);
    while let Ok(Some(frame)) = framer.next_frame() {
        decoder.tap(&frame, &mut events);
        relayed.frame(dialect, &frame, out);
        events.clear();
    }
}

fn watch(dialect: &dyn Dialect, steps: &mut [Box<dyn Transform>], stream: &[u8], out: &mut Vec<u8>) {
    let (mut decoder, mut encoder) = (dialect.stream_decoder(Operation::Chat), dialect.stream_encoder(context()));
    let mut relayed = RelayedAnswer::new(Some("shown".to_owned()), false);
    let mut framer = Framer::new(dialect.framing(), DEFAULT_CAP);
    let (mut events, mut between) = (Vec::new(), Vec::new());
    framer.push(stream);
    while let Ok(Some(frame)) = framer.next_frame() {
        let piece = decoder.glance(&frame).filter(|piece| {
            steps.iter().all(|step| {
                let passes = |alarm: &lingate_codec::transform::ByteSet| {
                    piece.of != PieceOf::Text || !alarm.is_met_by_escaped(piece.escaped)
                };
                !step.holds() && step.alarm().is_some_and(passes)
            })
        });
        if let Some(piece) = piece {
            decoder.skip(&frame, &piece);
            encoder.follow_piece(&piece);
        } else {
            decoder.push(&frame, &mut events);
            for step in steps.iter_mut() {
                events.drain(..).for_each(|event| step.push(event, &mut between));
                std::mem::swap(&mut events, &mut between);
            }
            encoder.follow(&frame, &events, Stamp::default());
        }
        relayed.frame(dialect, &frame, out);
        events.clear();
    }
    assert!(steps.iter().all(|step| !step.changed() && !step.holds()), "nothing is to be found");
}

fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, dialect, way, streams, rest @ ..] = arguments.as_slice() else { return Err("see the file's head".into()) };
    let dialect = DialectId::from_name(dialect).ok_or("no such dialect")?.dialect();
    let streams: usize = streams.parse().map_err(|_| "STREAMS is a number")?;
    let stream = stream(dialect, rest.first().is_some_and(|word| word == "prose"));
    let catalogue = Arc::new(Catalogue::build(&[], &Selection::All).map_err(|error| error.to_string())?);
    let tool = AdvertisedTool { name: "get_weather".into(), schema: Some(b"{\"type\":\"object\"}".to_vec()) };
    for _ in 0..streams {
        let mut out = Vec::with_capacity(stream.len() + 4096);
        if way == "relay" {
            relay(dialect, &stream, &mut out);
        } else {
            let mut steps: Vec<Box<dyn Transform>> = vec![
                Box::new(Reasoning::new(Mode::Keep, true)),
                Box::new(ToolRepair::new(catalogue.clone(), vec![tool.clone()])),
            ];
            watch(dialect, &mut steps, &stream, &mut out);
        }
        black_box(out);
    }
    Ok(())
}
