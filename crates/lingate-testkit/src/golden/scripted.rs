//! The upstream of the golden cases: takes calls by the exchanges of the case in play and counts them.

use std::{
    fmt,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncGuard};

use super::exchange::Exchange;
use crate::{
    patience::sure,
    upstream::{Reply, Request},
    wire::{Fate, Serve, Server},
};

/// One call that the upstream got.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// Header values by lower-case name; the values of a repeated name joined by `", "`.
    pub headers: Value,
    /// The body as JSON, null for none, `{"$unparsable": text}` for anything else.
    pub body: Value,
    /// Which exchange answered it.
    pub exchange: Option<usize>,
}

/// The upstream that all endpoints of a gateway under test lead to. It plays one case at a time; several of them, each
/// with a gateway of its own, play at once. Dropping it closes it.
pub struct ScriptedUpstream {
    server: Server,
    service: Arc<Service>,
    /// Whoever plays holds this.
    turn: AsyncMutex<()>,
}

#[derive(Default)]
struct Service {
    /// Replaced as a whole for each step, so that a late call of an earlier step stays out of the next.
    script: Mutex<Arc<Mutex<Script>>>,
}

#[derive(Default)]
struct Script {
    exchanges: Vec<Exchange>,
    used: Vec<bool>,
    calls: Vec<Call>,
    probes: Vec<Call>,
}

impl ScriptedUpstream {
    /// Starts one on a free loopback port.
    pub async fn start() -> Self {
        let service = Arc::new(Service::default());
        let server = Server::start(Arc::clone(&service) as Arc<dyn Serve>).await;
        Self { server: sure("a scripted upstream on loopback", server), service, turn: AsyncMutex::default() }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Takes it for one case; others wait.
    pub(super) async fn turn(&self) -> AsyncGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Forgets all calls and answers by these exchanges from now on. The player does this for each step.
    pub fn script(&self, exchanges: Vec<Exchange>) {
        let script = Script { used: vec![false; exchanges.len()], exchanges, ..Script::default() };
        *lock(&self.service.script) = Arc::new(Mutex::new(script));
    }

    /// The counted calls since the last [`script`](Self::script), in order.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.service.current()).calls.clone()
    }

    /// The uncounted ones: model lists, versions, health.
    pub fn probes(&self) -> Vec<Call> {
        lock(&self.service.current()).probes.clone()
    }
}

impl fmt::Debug for ScriptedUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedUpstream").field("addr", &self.addr()).finish_non_exhaustive()
    }
}

impl Service {
    fn current(&self) -> Arc<Mutex<Script>> {
        Arc::clone(&lock(&self.script))
    }
}

impl Serve for Service {
    fn opened(&self, _connection: u64) {}

    fn reply(&self, request: Request) -> Pin<Box<dyn Future<Output = Reply> + Send + '_>> {
        let reply = lock(&self.current()).answer(&request);
        Box::pin(std::future::ready(reply))
    }

    fn ended(&self, _fate: Fate) {}
}

impl Script {
    fn answer(&mut self, request: &Request) -> Reply {
        let path = request.path.split('?').next().unwrap_or_default().to_owned();
        let method = request.method.as_str().to_owned();
        let pick = self.pick(&method, &path);
        let probe = pick.is_none() && request.method == Method::GET && is_probe(&path);
        let (headers, body) = (header_values(&request.headers), json_body(&request.body));
        let call = Call { method, path, headers, body, exchange: pick };
        let reply = match pick {
            Some(index) => {
                self.used[index] = true;
                self.exchanges[index].reply()
            }
            None if probe => probe_reply(),
            None => {
                let message = format!("mock: no exchange for {} {}", call.method, call.path);
                Reply::json(404, json!({ "error": { "message": message, "type": "not_found" } }).to_string())
            }
        };
        if probe {
            self.probes.push(call)
        } else {
            self.calls.push(call)
        }
        reply
    }

    /// The first unused exchange that takes the call, else one that repeats, else the last that takes it.
    fn pick(&self, method: &str, path: &str) -> Option<usize> {
        let takers = || (0..self.exchanges.len()).filter(|index| self.exchanges[*index].takes(method, path));
        let unused = takers().find(|index| !self.used[*index]);
        unused.or_else(|| takers().find(|index| self.exchanges[*index].repeat)).or_else(|| takers().next_back())
    }
}

fn is_probe(path: &str) -> bool {
    ["/models", "/api/tags", "/api/version", "/health"].iter().any(|end| path.ends_with(end))
}

fn probe_reply() -> Reply {
    let body = json!({
        "object": "list",
        "data": [{ "id": "backend-model", "object": "model", "created": 1, "owned_by": "mock" }],
        "models": [{ "name": "backend-model", "model": "backend-model", "modified_at": "2025-01-01T00:00:00Z", "size": 1,
                     "digest": "d", "details": {} }],
    });
    Reply::json(200, body.to_string())
}

/// Header values as an object that patterns can match.
pub(super) fn header_values(headers: &HeaderMap) -> Value {
    let value = |name: &http::HeaderName| {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        values.join(", ")
    };
    Value::Object(headers.keys().map(|name| (name.as_str().to_owned(), value(name).into())).collect::<Map<_, _>>())
}

fn json_body(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| {
        let start = &body[..body.len().min(200)];
        json!({ "$unparsable": String::from_utf8_lossy(start) })
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "`json!` literals read best by value")]
mod tests {
    use super::*;

    fn script(exchanges: Value) -> Script {
        let exchanges: Vec<_> = exchanges
            .as_array()
            .unwrap()
            .iter()
            .map(|one| Exchange::from_members(one.as_object().unwrap()).unwrap())
            .collect();
        Script { used: vec![false; exchanges.len()], exchanges, ..Script::default() }
    }

    fn call(script: &mut Script, method: &str, path: &str) -> Option<usize> {
        let (calls, probes) = (script.calls.len(), script.probes.len());
        let request = Request {
            number: 0,
            connection: 0,
            method: method.parse().unwrap(),
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: bytes::Bytes::from_static(b"{"),
        };
        let _ = script.answer(&request);
        assert_eq!(script.calls.len() + script.probes.len(), calls + probes + 1);
        script.calls.get(calls).and_then(|call| call.exchange)
    }

    #[test]
    fn unused_then_repeating_then_last() {
        let mut script = script(json!([
            {"path": "/a", "repeat": true}, {"path": "/a"}, {"path": "/b"}, {"path": "/b"}, {"path": "/m/models", "method": "GET"},
        ]));
        assert_eq!(
            ["/a", "/a", "/a", "/a?q=1"].map(|path| call(&mut script, "POST", path)),
            [Some(0), Some(1), Some(0), Some(0)]
        );
        assert_eq!([0, 0, 0].map(|_| call(&mut script, "POST", "/b")), [Some(2), Some(3), Some(3)]);
        assert_eq!(call(&mut script, "GET", "/a"), None);
        assert_eq!(script.calls.len(), 8);
        assert_eq!(script.calls[0].body, json!({"$unparsable": "{"}));
    }

    #[test]
    fn probes_are_not_counted_unless_expected() {
        let mut script = script(json!([{"path": "/m/models", "method": "GET"}]));
        for path in ["/x/v1/models", "/api/tags", "/o/api/version", "/health"] {
            call(&mut script, "GET", path);
        }
        assert_eq!((script.calls.len(), script.probes.len()), (0, 4));
        call(&mut script, "POST", "/x/v1/models");
        assert_eq!(call(&mut script, "GET", "/m/models"), Some(0));
        assert_eq!((script.calls.len(), script.probes.len()), (2, 4));
    }
}
