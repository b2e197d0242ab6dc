//! The faulty upstream's sockets: takes connections, does what scripts say, and notices who leaves.

use std::{io, sync::Arc};

use base64_simd::URL_SAFE_NO_PAD;
use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};

use super::{
    form::Form,
    jobs::Jobs,
    log::{Ended, Log, Record},
    persona::{Ask, Call, Persona, scenario_of},
    script::{Op, Script},
};
use crate::wire::{NoRequest, RawRequest, read_request};

/// Most bytes taken from a client that sends on while it is answered.
const AHEAD_MAX: usize = 1024 * 1024;

/// What all connections have in common.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) log: Log,
    pub(super) jobs: Jobs,
}

/// Takes connections for ever; they end with this task.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let shared = Arc::clone(&shared);
                let connection = shared.log.opened();
                connections.spawn(async move {
                    converse(stream, connection, &shared).await;
                    shared.log.closed();
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, connection: u64, shared: &Shared) {
    // Pieces must leave as they are written, not when Nagle likes.
    let _ = stream.set_nodelay(true);
    let (mut from, mut to) = stream.into_split();
    let mut buffer = BytesMut::with_capacity(16 * 1024);
    loop {
        let request = match read_request(&mut from, &mut to, &mut buffer).await {
            Ok(request) => request,
            Err(NoRequest::Closed | NoRequest::Broken(_)) => return,
        };
        let (number, script) = plan(&request, connection, shared);
        let done = tokio::select! {
            // A script that is through counts as such, also when the client closed in the same moment.
            biased;
            done = run(&mut to, script, |words| shared.note_words(number, words)) => done,
            () = gone(&mut from, &mut buffer) => Err(io::ErrorKind::ConnectionAborted.into()),
        };
        let after = match done {
            Ok(after) => after,
            Err(_) => return shared.end(number, Ended::Client),
        };
        match after {
            After::Keep => shared.end(number, Ended::Full),
            After::Close => {
                shared.end(number, Ended::Script);
                return linger(from, to).await;
            }
            After::Reset => {
                shared.end(number, Ended::Script);
                // Refused only for a socket that is already gone.
                let _ = to.as_ref().set_zero_linger();
                // Dropped in the ordinary way, this half would say FIN first.
                return to.forget();
            }
        }
    }
}

impl Shared {
    fn note_words(&self, number: Option<usize>, words: usize) {
        if let Some(number) = number {
            self.log.change(number, |record| record.words = words);
        }
    }

    fn end(&self, number: Option<usize>, ended: Ended) {
        if let Some(number) = number {
            self.log.ended(number, ended);
        }
    }
}

/// Notes a request, and decides what is done for it. Only requests for answers are noted.
fn plan(request: &RawRequest, connection: u64, shared: &Shared) -> (Option<usize>, Script) {
    let text = String::from_utf8_lossy(&request.body);
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let credential = header("authorization").or(header("x-api-key")).unwrap_or_default();
    let (form, job) = match Persona::of(&request.target) {
        Persona::Model(form) => (form, None),
        Persona::Job(call @ (Call::Run | Call::RunSync), _) => {
            let completion = text.contains("\"openai_route\":\"/v1/completions\"");
            (if completion { Form::Completions } else { Form::Chat }, Some(call))
        }
        Persona::Job(call, id) => {
            let (status, body, cancelled) = shared.jobs.call(call, &id);
            if let Some(number) = cancelled {
                shared.log.cancelled(number);
            }
            return (None, Script::json(status, &body.to_string()));
        }
        Persona::SignIn => return (None, Script::json(200, &session(shared.log.sign_in()))),
        Persona::Embeddings => return (None, Script::json(200, &embedding(&text))),
        Persona::Other => return (None, Script::json(200, r#"{"object":"list","data":[],"models":[]}"#)),
    };
    let ask = Ask::read(form, &text, credential);
    let record = Record {
        connection,
        path: request.target.clone(),
        tag: ask.tag.name().to_owned(),
        scenario: ask.model.clone(),
        words: 0,
        ended: Ended::Open,
        came: std::time::Instant::now(),
        at: None,
        cancelled: None,
    };
    let (number, before) = shared.log.came(record);
    let script = match scenario_of(&text).and_then(|scenario| scenario.at(before)) {
        // No status that a gateway would take for a fault of the upstream: the test is wrong.
        Err(why) => Script::json(418, &form.error(&why).to_string()),
        Ok(scenario) if job.is_some() && !scenario.has("status") => {
            let (status, body) = shared.jobs.submit(number, ask, scenario.clone(), job == Some(Call::RunSync));
            Script::job(status, &body.to_string(), &scenario)
        }
        Ok(scenario) => Script::of(&ask, &scenario),
    };
    (Some(number), script)
}

/// A session as Open WebUI gives one.
fn session(number: u64) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode_to_string(text);
    let claims = format!(r#"{{"id":"u1","jti":"{number}","exp":4102444800}}"#);
    let token = format!("{}.{}.{}", part(r#"{"alg":"HS256"}"#), part(&claims), part("signature"));
    format!(r#"{{"token":"{token}","token_type":"Bearer","id":"u1","email":"a@example.com","role":"user"}}"#)
}

/// An embedding whose first number tells how long the request was.
fn embedding(request: &str) -> String {
    let length = request.len();
    format!(
        r#"{{"object":"list","data":[{{"object":"embedding","index":0,"embedding":[{length},0.5]}}],"model":"m","usage":{{"prompt_tokens":1,"total_tokens":1}}}}"#
    )
}

/// What becomes of the connection after a script.
enum After {
    Keep,
    Close,
    Reset,
}

async fn run(to: &mut OwnedWriteHalf, script: Script, words: impl Fn(usize)) -> io::Result<After> {
    let mut count = 0;
    for op in script.ops {
        match op {
            Op::Send(bytes) => {
                for piece in bytes.chunks(script.slice.unwrap_or(usize::MAX)) {
                    to.write_all(piece).await?;
                    // Let the reader see this piece on its own where it is quick enough.
                    tokio::task::yield_now().await;
                }
            }
            Op::Word => {
                count += 1;
                words(count);
            }
            Op::Wait(pause) => tokio::time::sleep(pause).await,
            Op::Hang => std::future::pending().await,
            Op::Close => return Ok(After::Close),
            Op::Reset => return Ok(After::Reset),
        }
    }
    Ok(After::Keep)
}

/// Ends when the client has closed or reset; keeps what it sends ahead.
async fn gone(from: &mut OwnedReadHalf, buffer: &mut BytesMut) {
    loop {
        if buffer.len() > AHEAD_MAX {
            return std::future::pending().await;
        }
        match from.read_buf(buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Closes with FIN, and reads on until the client closes too: unread bytes would turn the close into a reset.
async fn linger(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut sink = [0; 1024];
    while from.try_read(&mut sink).is_ok_and(|count| count > 0) {}
    let _ = to.shutdown().await;
    while from.read(&mut sink).await.is_ok_and(|count| count > 0) {}
}
