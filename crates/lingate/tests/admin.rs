//! The admin listener, over real sockets.

mod support;

use lingate_testkit::ClientRequest;
use support::Local;

const YAML: &str = "listen: ['127.0.0.1:0']\nendpoints: [{ name: demo, type: demo }]\n\
                    virtual_models: [{ name: demo, targets: [{ endpoint: demo, model: demo-echo }] }]\n";

async fn with_admin(admin: &str) -> Local {
    Local::start(&format!("{YAML}admin: {{ listen: '127.0.0.1:0'{admin} }}\n")).await
}

fn authorized(request: ClientRequest) -> ClientRequest {
    request.header("authorization", "Bearer a-long-token")
}

#[tokio::test]
async fn what_anyone_may_see() {
    let local = with_admin(", token: a-long-token").await;
    for path in ["/health", "/ready", "/metrics"] {
        let answer = ClientRequest::get(path).send(local.admin()).await.unwrap();
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    }
    let answer = ClientRequest::get("/v1/models").send(local.admin()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.json()["error"].is_string()), (404, true));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn the_token() {
    let local = with_admin(", token: a-long-token").await;
    for path in ["/api/admin/health", "/api/admin/debug"] {
        let answer = ClientRequest::get(path).send(local.admin()).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (401, Some("Bearer")));
        let wrong = ClientRequest::get(path).header("authorization", "Bearer a-long-tokem");
        assert_eq!(wrong.send(local.admin()).await.unwrap().status, 401);
        let answer = authorized(ClientRequest::get(path)).send(local.admin()).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(!answer.text().contains("a-long-token"));
    }
    let debug = authorized(ClientRequest::get("/api/admin/debug")).send(local.admin()).await.unwrap();
    assert_eq!(debug.json()["admin"]["token"], "***");
    assert_eq!(debug.json()["endpoints"][0]["name"], "demo");
}

#[tokio::test]
async fn reload() {
    let local = with_admin(", token: a-long-token").await;
    let models = || async {
        let debug = authorized(ClientRequest::get("/api/admin/debug")).send(local.admin()).await.unwrap();
        debug.json()["virtual_models"][0]["name"].as_str().unwrap().to_owned()
    };
    let admin = "admin: { listen: '127.0.0.1:0', token: a-long-token }\n";
    local.rewrite(&format!("{}{admin}", YAML.replace("name: demo, targets", "name: renamed, targets")));
    assert_eq!(ClientRequest::post("/reload").send(local.admin()).await.unwrap().status, 401);
    assert_eq!(models().await, "demo");
    for path in ["/reload", "/api/admin/reload"] {
        let answer = authorized(ClientRequest::post(path)).send(local.admin()).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.json()["status"].as_str()), (200, Some("ok")));
        assert_eq!(models().await, "renamed");
    }
    local.rewrite("endpoints: 7\n");
    let answer = authorized(ClientRequest::post("/reload")).send(local.admin()).await.unwrap();
    assert_eq!(answer.status, 422);
    assert!(answer.json()["error"].as_str().unwrap().contains("endpoints"), "{}", answer.text());
    assert_eq!(models().await, "renamed");
    let get = authorized(ClientRequest::get("/reload")).send(local.admin()).await.unwrap();
    assert_eq!((get.status.as_u16(), get.header("allow")), (405, Some("POST")));
    assert!(get.json()["error"].as_str().unwrap().contains("POST /reload"));
}

#[tokio::test]
async fn without_a_token() {
    let local = with_admin("").await;
    let answer = ClientRequest::post("/reload").send(local.admin()).await.unwrap();
    assert_eq!(answer.status, 401);
    assert!(answer.json()["error"].as_str().unwrap().contains("admin.token"));
    let local = with_admin(", auth: off").await;
    assert_eq!(ClientRequest::post("/reload").send(local.admin()).await.unwrap().status, 200);
}

#[tokio::test]
async fn pages_of_other_sites() {
    let local = with_admin(", auth: off").await;
    let rebound = ClientRequest::get("/api/admin/debug").header("host", "evil.example");
    assert_eq!(rebound.send(local.admin()).await.unwrap().status, 421);
    let across = ClientRequest::post("/reload").header("origin", "https://evil.example");
    assert_eq!(across.send(local.admin()).await.unwrap().status, 403);
    assert_eq!(ClientRequest::post("/reload").header("origin", "null").send(local.admin()).await.unwrap().status, 403);
    let own = ClientRequest::post("/reload").header("origin", &format!("http://{}", local.admin()));
    assert_eq!(own.send(local.admin()).await.unwrap().status, 200);
}

#[tokio::test]
async fn listeners_do_not_change_at_a_reload() {
    // A file that now says "loopback only" must not open a listener that others reach.
    let folder = tempfile::tempdir().unwrap();
    let yaml = YAML.replace("'127.0.0.1:0'", "'0.0.0.0:0'");
    let local =
        Local::within(folder, &format!("{yaml}admin: {{ listen: '' }}\n"), lingate::server::Limits::default()).await;
    let key = local.server.shown_key().unwrap().to_owned();
    local.rewrite(&format!("{YAML}admin: {{ listen: '' }}\n"));
    local.server.reload().unwrap();
    let body = r#"{"model":"demo","messages":[{"role":"user","content":"Hi"}]}"#;
    let request = ClientRequest::post("/v1/chat/completions").body(body);
    let to = std::net::SocketAddr::from(([127, 0, 0, 1], local.address().port()));
    assert_eq!(request.send(to).await.unwrap().status, 401);
    let request = request.header("authorization", &format!("Bearer {key}"));
    assert_eq!(request.send(to).await.unwrap().status, 200);
}
