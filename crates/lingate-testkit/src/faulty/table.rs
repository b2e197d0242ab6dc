//! The fault table: one row a fault, with what comes of it where there is no other target.

use super::expect::{Class, Fault, Only, Outcome};
use Class::{AfterSend, Busy, Client as Theirs, Connect, Credential, Unavailable};
use Outcome::{Again, Nothing, Race, Refused, Told, ToldAtEnd, ToldOrRefused, Whole};

const fn both(scenario: &'static str, outcome: Outcome, does: &'static str) -> Fault {
    Fault { does, scenario, only: Only::All, whole: Some(outcome), stream: Some(outcome) }
}

const fn of_stream(only: Only, scenario: &'static str, outcome: Outcome, does: &'static str) -> Fault {
    Fault { does, scenario, only, whole: None, stream: Some(outcome) }
}

const fn of_each(scenario: &'static str, whole: Outcome, stream: Outcome, does: &'static str) -> Fault {
    Fault { does, scenario, only: Only::All, whole: Some(whole), stream: Some(stream) }
}

const fn job(scenario: &'static str, outcome: Outcome, does: &'static str) -> Fault {
    Fault { does, scenario, only: Only::Jobs, whole: Some(outcome), stream: Some(outcome) }
}

const BROKEN: Outcome = Refused(&[502], AfterSend);
const LATE: Outcome = Refused(&[504], AfterSend);
const NO_API: Outcome = Refused(&[502], Unavailable);
const TOLD_FIRST: Outcome = Refused(&[500, 502], Unavailable);

/// All faults, in groups.
#[rustfmt::skip]
pub static GROUPS: &[(&str, &[Fault])] = &[("Nothing", &[
    both("ok", Whole, "answers as it should"),
    both("latency:30", Whole, "answers late, but in time"),
    of_stream(Only::All, "ttft:30+itl:15", Whole, "sends its words slowly"),
]), ("The connection", &[
    both("refuse", Refused(&[502], Connect), "refuses connections"),
    both("reset_before_head", BROKEN, "resets the connection instead of answering"),
    both("eof_before_head", BROKEN, "closes the connection instead of answering"),
    both("hang_before_head", LATE, "takes the request and says nothing"),
    both("hang_after_head", LATE, "sends a head and then nothing"),
    both("eof_after_head", BROKEN, "sends a head and closes"),
    of_each("hang_after:2", LATE, Told(2), "falls silent in the middle"),
    of_each("reset_after:2", BROKEN, ToldOrRefused, "resets the connection in the middle"),
    of_each("eof_after:2", BROKEN, Told(2), "closes the connection in the middle"),
    of_each("bad_chunk:2", BROKEN, Told(2), "sends a chunk whose size is no number"),
    of_each("cl_long", BROKEN, Whole, "promises more bytes than it sends; a stream's terminator has come by then"),
    both("trailing_garbage", Whole, "sends more than it should behind the answer"),
    both("close_idle:0", Race, "closes a connection that it promised to keep"),
    of_each("no_last_chunk", BROKEN, Whole, "closes without the last chunk; a stream's terminator has come by then"),
    both("slice:3+n:3", Whole, "sends three bytes at a time"),
    both("early_hints", Whole, "sends 103 before the answer"),
    both("bad_101", NO_API, "switches to a protocol that nobody asked for"),
    both("bad_status_line", BROKEN, "does not speak HTTP"),
    both("hdr_many", BROKEN, "sends 300 headers"),
    both("hdr_huge", BROKEN, "sends a header of 1 MiB"),
]), ("Statuses", &[
    both("redirect:302", NO_API, "redirects (302)"),
    both("redirect:307", NO_API, "redirects (307)"),
    both("redirect:308", NO_API, "redirects (308)"),
    both("status:400", Refused(&[400], Theirs), "answers 400"),
    both("status:401", Refused(&[502], Credential), "answers 401: the gateway's credential is refused"),
    both("status:403", Refused(&[403], Credential), "answers 403"),
    both("status:404", Refused(&[404], Theirs), "answers 404"),
    both("status:408", Refused(&[408], Unavailable), "answers 408"),
    both("status:413", Refused(&[413], Theirs), "answers 413"),
    both("status:422", Refused(&[422], Theirs), "answers 422"),
    both("status:429", Refused(&[429], Busy), "answers 429"),
    both("status:429,ra=seconds", Refused(&[429], Busy), "answers 429 with `retry-after: 7`"),
    both("status:429,ra=date", Refused(&[429], Busy), "answers 429 with a date in `retry-after`"),
    both("status:429,ra=past", Refused(&[429], Busy), "answers 429 with a date that is over"),
    both("status:429,ra=huge", Refused(&[429], Busy), "answers 429 with thirty years"),
    both("status:429,ra=garbage", Refused(&[429], Busy), "answers 429 with a `retry-after` that is none"),
    both("status:429,ra=negative", Refused(&[429], Busy), "answers 429 with a negative `retry-after`"),
    both("status:500", Refused(&[500], Unavailable), "answers 500"),
    both("status:502", Refused(&[502], Unavailable), "answers 502"),
    both("status:503", Refused(&[503, 529], Unavailable), "answers 503"),
    both("status:504", Refused(&[504], Unavailable), "answers 504"),
    both("status:529", Refused(&[503, 529], Unavailable), "answers 529 (overloaded)"),
    both("status:500,body=html", Refused(&[500], Unavailable), "answers 500 with a web page"),
    both("status:500,body=empty", Refused(&[500], Unavailable), "answers 500 with nothing"),
    both("status:500,body=text", Refused(&[500], Unavailable), "answers 500 with plain text"),
    both("status:500,body=json_detail", Refused(&[500], Unavailable), "answers 500 with `{\"detail\": …}`"),
    both("status:500,body=double_encoded", Refused(&[500], Unavailable), "answers 500 with an error written as text in an error"),
    both("status:600", NO_API, "answers 600, which is no status"),
    both("status:202", NO_API, "answers 202: it has taken the request and answers nothing"),
    both("status:500+gzip", Refused(&[500], Unavailable), "answers 500, compressed"),
    both("status:502,body=html", Refused(&[502], Unavailable), "answers 502 with a proxy's web page"),
    both("secret_echo", Refused(&[400], Theirs), "repeats the credential in an error and a header"),
]), ("After a sign of life", &[
    of_each("latency:250", Whole, Whole, "answers after a sign of life"),
    of_each("latency:250+status:503", Refused(&[503, 529], Unavailable), Told(0), "answers 503 after a sign of life"),
    of_each("latency:250+status:429", Refused(&[429], Busy), Told(0), "answers 429 after a sign of life"),
    of_each("latency:250+eof_before_head", BROKEN, Told(0), "closes the connection after a sign of life"),
    of_each("latency:250+html200", NO_API, Told(0), "answers with a web page after a sign of life"),
    of_each("latency:250+err200", TOLD_FIRST, Told(0), "answers 200 with an error after a sign of life"),
    of_each("latency:250+eof_after:2", BROKEN, Told(2), "closes in the middle, after a sign of life"),
]), ("Content", &[
    both("html200", NO_API, "answers 200 with a web page"),
    both("html200:ct=json", NO_API, "answers 200 with a web page that calls itself JSON"),
    both("err200", TOLD_FIRST, "answers 200 with an error"),
    both("gzip", NO_API, "compresses what was to be plain"),
    both("ct:none", Whole, "names no content type"),
    both("ct:octet", Whole, "calls its answer a stream of octets"),
    both("ct:text", Whole, "calls its answer plain text"),
    both("ct:charset", Whole, "adds a charset to the type"),
    both("model_lie", Whole, "names another model, and an id with control characters"),
    Fault { does: "sends an object that is never closed", scenario: "badjson", only: Only::All, whole: Some(NO_API), stream: None },
    Fault { does: "sends less than it should: the body's length is half of it", scenario: "cl_short", only: Only::All, whole: Some(NO_API), stream: None },
    Fault { does: "streams where a whole answer was asked for", scenario: "stream_for_json", only: Only::All, whole: Some(Whole), stream: None },
    of_stream(Only::All, "json_for_stream", Whole, "answers whole where a stream was asked for"),
    of_stream(Only::Sse, "sse_as_json", Whole, "calls a stream JSON"),
]), ("Streams", &[
    of_stream(Only::All, "err_first_event", TOLD_FIRST, "begins a stream with an error"),
    of_stream(Only::All, "err_event_after:2", Told(2), "sends an error in the middle of a stream"),
    of_stream(Only::Sse, "no_done", Whole, "leaves the terminator out, behind a finish reason"),
    of_stream(Only::Ndjson, "no_done", ToldAtEnd, "leaves the line with `done: true` out"),
    of_stream(Only::Sse, "no_done_nofinish", ToldAtEnd, "ends without terminator and finish reason"),
    of_stream(Only::All, "done_twice", Whole, "sends the terminator twice"),
    of_stream(Only::All, "event_after_done", Whole, "sends more text behind the terminator"),
    of_stream(Only::Sse, "sse_badjson:2", Told(2), "sends an event that is no JSON"),
    of_stream(Only::Sse, "sse_crlf", Whole, "ends lines with CRLF"),
    of_stream(Only::Sse, "sse_cr", Whole, "ends lines with CR"),
    of_stream(Only::Sse, "sse_bom", Whole, "begins with a byte order mark"),
    of_stream(Only::Sse, "sse_comments", Whole, "sends comments, ids, retry times and unknown fields"),
    of_stream(Only::Sse, "sse_no_space", Whole, "puts no space behind colons"),
    of_stream(Only::Sse, "sse_multi_line", Whole, "spreads an event's data over two lines"),
    of_stream(Only::Sse, "sse_no_blank", Whole, "leaves the last blank line out"),
    of_stream(Only::Sse, "slice:1+n:1+sse_crlf+sse_multi_line", Whole, "sends such events byte by byte"),
    of_stream(Only::Ndjson, "ndjson_blank", Whole, "sends blank lines"),
    of_stream(Only::Ndjson, "ndjson_crlf", Whole, "ends lines with CRLF"),
    of_stream(Only::Ndjson, "ndjson_no_lf", Whole, "leaves the last line's end out"),
    of_stream(Only::Ndjson, "ndjson_two", NO_API, "puts several objects on a line"),
    of_stream(Only::All, "hugeline:1", Told(1), "sends a line that does not end"),
]), ("Meaning", &[
    both("role_only", Nothing, "answers without a word"),
    Fault { only: Only::AsItIs, ..both("usage:none", Whole, "counts no tokens") },
    Fault { only: Only::AsItIs, ..both("usage:absurd", Whole, "counts more tokens than there can be") },
    Fault { only: Only::AsItIs, ..both("usage:negative", Whole, "counts negative tokens") },
    of_stream(Only::AsItIs, "usage:late", Whole, "counts the tokens behind the terminator"),
    of_stream(Only::AsItIs, "usage:twice", Whole, "counts the tokens twice"),
    of_stream(Only::All, "delta_quirks", Whole, "sends empty pieces, repeated roles and unknown members"),
    of_stream(Only::OpenAi, "empty_choices", Whole, "sends chunks without choices"),
    Fault { only: Only::AsItIs, ..both("null_fields", Whole, "says nothing as null") },
]), ("Attempts", &[
    both("seq:[status:503|ok]", Again, "refuses once and answers the second time"),
]), ("Jobs", &[
    job("job:failed", Refused(&[500, 502], Unavailable), "says that the job failed"),
    job("job:cancelled", Refused(&[502, 503], Unavailable), "says that the job was cancelled"),
    job("job:timed_out", LATE, "says that the job took too long"),
    job("job:never", LATE, "never finishes the job"),
    job("job:flap", Whole, "goes back and forth between states, with a 502 between"),
    job("job:404", Refused(&[502], AfterSend), "forgets the job"),
    job("job:badid", Refused(&[502], AfterSend), "gives an id that is a path"),
    job("job:twice", Whole, "gives the same pieces twice"),
])];

/// All faults.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    GROUPS.iter().flat_map(|(_, faults)| *faults)
}
