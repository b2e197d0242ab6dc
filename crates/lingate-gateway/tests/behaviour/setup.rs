//! Configurations, and asking the gateway in a way that looks for secrets in every answer.

use crate::support::TestGateway;
use lingate_store::{Store, StoreError, StoreOptions};
use lingate_testkit::{Answer, ClientRequest, Reply, Upstream};
use std::path::Path;
use std::time::Duration;

/// The endpoint's key. No client may ever see it.
pub(crate) const UPSTREAM_KEY: &str = "sk-canary-upstream-7d1f";
/// A client's key. No upstream may ever see it, and no answer repeats it.
pub(crate) const CLIENT_KEY: &str = "ck-canary-client-52ab";
/// The password of an Open WebUI account.
pub(crate) const PASSWORD: &str = "pw-canary-account-90c3";
/// All of them.
const SECRETS: [&str; 3] = [UPSTREAM_KEY, CLIENT_KEY, PASSWORD];

/// A configuration of one endpoint `up` and one model `m` (there `real`). The extras are members of the flow
/// mappings, each ending with a comma; `top` are further lines.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Plan<'a> {
    /// The endpoint's further members.
    pub(crate) endpoint: &'a str,
    /// The model's further members.
    pub(crate) model: &'a str,
    /// Further keys of the file.
    pub(crate) top: &'a str,
}

impl Plan<'_> {
    /// As YAML.
    pub(crate) fn yaml(&self, kind: &str, url: &str) -> String {
        let retry = if self.model.contains("retry:") { "" } else { "retry: { attempts: 1 }, " };
        let clients = if self.top.contains("clients:") { "" } else { "clients: { auth: open }\n" };
        let key = if self.endpoint.contains("email:") { String::new() } else { format!("api_key: {UPSTREAM_KEY}, ") };
        format!(
            "listen: [\"127.0.0.1:0\"]\n{clients}{top}\nendpoints:\n  - {{ name: up, type: {kind}, url: \"{url}\", \
             {key}{endpoint} }}\nvirtual_models:\n  - {{ name: m, targets: [{{ endpoint: up, model: real }}], \
             {retry}{model} }}\n",
            top = self.top,
            endpoint = self.endpoint,
            model = self.model,
        )
    }

    /// A gateway with it, before this upstream.
    pub(crate) async fn start(&self, kind: &str, up: &Upstream) -> TestGateway {
        TestGateway::start(&self.yaml(kind, &up.url(""))).await
    }
}

/// A gateway of one plain endpoint and model.
pub(crate) async fn plain(kind: &str, up: &Upstream) -> TestGateway {
    Plan::default().start(kind, up).await
}

/// A gateway on a data folder that lasts. Waits until a former one has let go of it.
pub(crate) async fn start_in(yaml: &str, folder: &Path) -> TestGateway {
    let opening = async {
        loop {
            match Store::open(folder, StoreOptions::default()).await {
                Ok(store) => return store,
                Err(StoreError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    TestGateway::start_on(yaml, soon("the data folder", opening).await).await
}

/// Sends a request and reads all of the answer; fails if a secret stands anywhere in it.
pub(crate) async fn ask(gateway: &TestGateway, request: ClientRequest) -> Answer {
    let answer = request.send(gateway.address).await.unwrap();
    assert_no_secret(&answer);
    answer
}

/// Posts a body.
pub(crate) async fn post(gateway: &TestGateway, path: &str, body: impl Into<bytes::Bytes>) -> Answer {
    ask(gateway, ClientRequest::post(path).body(body)).await
}

/// Fails if a secret stands in the answer.
pub(crate) fn assert_no_secret(answer: &Answer) {
    let all = format!("{:?}\n{}", answer.headers, answer.text());
    for secret in SECRETS {
        assert!(!all.contains(secret), "an answer holds {secret}: {all}");
    }
}

/// A whole answer of an upstream.
pub(crate) fn json(body: impl Into<bytes::Bytes>) -> Reply {
    Reply::json(200, body)
}

/// Awaits something that must happen soon.
pub(crate) async fn soon<T>(what: &str, wanted: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(5), wanted).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}
