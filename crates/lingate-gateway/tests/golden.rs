//! The golden wire cases, against the real gateway over real sockets.

mod support;

use lingate_testkit::golden::{Case, Player, ScriptedUpstream, config_yaml, required_dialects};
use support::TestGateway;

/// Client and backend dialects that are not built yet, as the cases name them.
const NOT_YET: [&str; 2] = ["runpod", "runpod_openai"];

fn is_supported(case: &Case) -> bool {
    let (client, backend) = required_dialects(case);
    !NOT_YET.contains(&client) && !NOT_YET.contains(&backend)
}

#[tokio::test]
async fn every_case_of_the_dialects_that_are_built_passes() {
    let cases = Case::load_all().unwrap();
    let (supported, not_yet): (Vec<_>, Vec<_>) = cases.into_iter().partition(is_supported);
    let upstream = ScriptedUpstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let models = ["fx-openai", "fx-vllm", "fx-anthropic", "fx-ollama", "fx-openwebui"];
    let gateway = TestGateway::start(&config_yaml(upstream.addr(), folder.path(), &models)).await;
    let report = Player::new(gateway.address).play_all(&supported, &upstream, &[]).await;
    let names: Vec<_> = not_yet.iter().map(|case| case.name.as_str()).collect();
    println!("not yet supported ({}): {}", names.len(), names.join(", "));
    println!("{} passed, {} failed", report.passed.len(), report.failed.len());
    assert!(report.failed.is_empty(), "{report}");
}
