//! From a scenario to what is done on the socket, step by step: pure.

use std::time::Duration;

use bytes::Bytes;

use super::{
    content::{Content, Piece, content},
    gzip::gzip,
    persona::Ask,
    scenario::Scenario,
};

/// One step on the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Op {
    /// Writes these bytes, framing included.
    Send(Bytes),
    /// A word of the answer has been written.
    Word,
    /// Lets time pass.
    Wait(Duration),
    /// Stays silent until the client goes away.
    Hang,
    /// Closes in order.
    Close,
    /// Resets the connection.
    Reset,
}

/// All of an answer. If no step ends the connection, it may serve another request.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    pub(super) ops: Vec<Op>,
    /// The most bytes that are written in one go.
    pub(super) slice: Option<usize>,
}

/// How a body's end is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    Chunked,
    Length(usize),
}

impl Script {
    fn send(&mut self, bytes: impl Into<Bytes>) {
        self.ops.push(Op::Send(bytes.into()));
    }

    /// An answer without any fault, of a status and a JSON body.
    pub(super) fn json(status: u16, body: &str) -> Self {
        let mut script = Self::default();
        script.body(&Content::whole(status, "application/json", body), &Scenario::default());
        script
    }

    /// The same, late if the scenario wants it.
    pub(super) fn job(status: u16, body: &str, scenario: &Scenario) -> Self {
        let mut script = Self::default();
        script.ops.extend(millis(scenario, "latency").map(Op::Wait));
        script.body(&Content::whole(status, "application/json", body), &Scenario::default());
        script
    }

    /// What is done for a request to a model.
    pub(super) fn of(ask: &Ask, scenario: &Scenario) -> Self {
        let mut script = Self { slice: scenario.get("slice").map(|act| act.number(1).max(1)), ..Self::default() };
        if let Some(op) = script.before_head(scenario) {
            script.ops.push(op);
            return script;
        }
        let mut content = content(ask, scenario);
        if scenario.has("gzip") {
            let bytes = gzip(&content.bytes());
            content.pieces = vec![Piece { bytes, word: false }];
            content = content.header("content-encoding", "gzip");
        }
        script.body(&content, scenario);
        // What comes too much must come with the rest: else a client may have taken up the connection again.
        if scenario.has("trailing_garbage") || scenario.has("cl_short") {
            script.in_one_go();
        }
        script
    }

    /// Joins all that is sent.
    fn in_one_go(&mut self) {
        let (mut sent, mut rest) = (Vec::new(), Vec::new());
        for op in self.ops.drain(..) {
            match op {
                Op::Send(bytes) => sent.extend_from_slice(&bytes),
                other => rest.push(other),
            }
        }
        self.ops.push(Op::Send(sent.into()));
        self.ops.extend(rest);
    }

    /// What happens instead of the head, if anything does.
    fn before_head(&mut self, scenario: &Scenario) -> Option<Op> {
        self.ops.extend(millis(scenario, "latency").map(Op::Wait));
        if scenario.has("early_hints") {
            self.send("HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n");
        }
        if scenario.has("bad_status_line") {
            self.send("HTTQ/9 what is this\r\n\r\n");
            return Some(Op::Close);
        }
        if scenario.has("bad_101") {
            self.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: odd\r\nconnection: upgrade\r\n\r\n");
            return Some(Op::Close);
        }
        [("reset_before_head", Op::Reset), ("eof_before_head", Op::Close), ("hang_before_head", Op::Hang)]
            .into_iter()
            .find_map(|(verb, op)| scenario.has(verb).then_some(op))
    }

    /// Head and body, with the faults that cut it short.
    fn body(&mut self, content: &Content, scenario: &Scenario) {
        let whole = content.bytes();
        let framing = match () {
            () if scenario.has("cl_long") => Framing::Length(whole.len() + 10),
            () if scenario.has("cl_short") => Framing::Length(whole.len() / 2),
            () if content.stream || scenario.has("bad_chunk") || scenario.has("no_last_chunk") => Framing::Chunked,
            () => Framing::Length(whole.len()),
        };
        self.send(head(content, framing, scenario));
        if scenario.has("hang_after_head") {
            return self.ops.push(Op::Hang);
        }
        if scenario.has("eof_after_head") {
            return self.ops.push(Op::Close);
        }
        self.ops.extend(millis(scenario, "ttft").map(Op::Wait));
        let cut = Cut::of(content, scenario);
        for (number, piece) in content.pieces.iter().enumerate() {
            if cut.as_ref().is_some_and(|cut| cut.at == number) {
                break;
            }
            self.ops.extend(millis(scenario, "itl").filter(|_| piece.word && number > 0).map(Op::Wait));
            self.piece(piece, framing);
        }
        match cut {
            Some(Cut { bad_chunk: true, .. }) => {
                self.send("zz\r\nno chunk");
                self.ops.push(Op::Close);
            }
            Some(Cut { op, .. }) => self.ops.push(op),
            None => self.end(framing, scenario),
        }
    }

    fn piece(&mut self, piece: &Piece, framing: Framing) {
        if piece.bytes.is_empty() {
            return;
        }
        if framing == Framing::Chunked {
            let size = format!("{:x}\r\n", piece.bytes.len());
            self.send([size.as_bytes(), &piece.bytes, b"\r\n"].concat());
        } else {
            self.send(piece.bytes.clone());
        }
        if piece.word {
            self.ops.push(Op::Word);
        }
    }

    fn end(&mut self, framing: Framing, scenario: &Scenario) {
        if scenario.has("hugeline") {
            return self.ops.push(Op::Hang);
        }
        if framing == Framing::Chunked && !scenario.has("no_last_chunk") {
            self.send("0\r\n\r\n");
        }
        if scenario.has("trailing_garbage") {
            self.send("garbage that nobody asked for\r\n\r\n");
        }
        if let Some(act) = scenario.get("close_idle") {
            self.ops.extend([Op::Wait(Duration::from_millis(act.number(0) as u64)), Op::Close]);
        }
        let closes = ["cl_long", "cl_short", "no_last_chunk"].iter().any(|verb| scenario.has(verb));
        self.ops.extend(closes.then_some(Op::Close));
    }
}

/// The milliseconds of a verb; 10 if it does not say.
fn millis(scenario: &Scenario, verb: &str) -> Option<Duration> {
    scenario.get(verb).map(|act| Duration::from_millis(act.number(10) as u64))
}

/// Where a body is cut short, and how.
struct Cut {
    /// The first piece that is not sent.
    at: usize,
    op: Op,
    bad_chunk: bool,
}

impl Cut {
    /// Streams are cut behind so many words, whole bodies in their middle.
    fn of(content: &Content, scenario: &Scenario) -> Option<Self> {
        let ways =
            [("hang_after", Op::Hang), ("reset_after", Op::Reset), ("eof_after", Op::Close), ("bad_chunk", Op::Close)];
        let (act, op) = ways.into_iter().find_map(|(verb, op)| Some((scenario.get(verb)?, op)))?;
        let mut words = content.pieces.iter().enumerate().filter(|(_, piece)| piece.word).map(|(at, _)| at + 1);
        let at = if content.stream { words.nth(act.number(2).saturating_sub(1)) } else { Some(1) };
        Some(Self { at: at.unwrap_or(content.pieces.len()), op, bad_chunk: scenario.has("bad_chunk") })
    }
}

fn head(content: &Content, framing: Framing, scenario: &Scenario) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} Told\r\n", content.status);
    for (name, value) in &content.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if scenario.has("hdr_many") {
        (0..300).for_each(|number| head.push_str(&format!("x-many-{number}: 1\r\n")));
    }
    if scenario.has("hdr_huge") {
        head.push_str(&format!("x-huge: {}\r\n", "h".repeat(1024 * 1024)));
    }
    match framing {
        Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
        Framing::Length(length) => head.push_str(&format!("content-length: {length}\r\n")),
    }
    head.push_str("\r\n");
    head.into_bytes()
}
