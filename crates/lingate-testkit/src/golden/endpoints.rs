//! What a gateway must be configured with to play the golden cases.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// A client model of the golden cases and the endpoint behind it. On the endpoint the model is `backend-model`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientModel {
    /// The client's name for it, which is the endpoint's name as well.
    pub name: &'static str,
    /// The backend kind.
    pub backend: &'static str,
    /// The path of the base URL on the scripted upstream.
    pub base_path: &'static str,
    /// Members that the endpoint needs beside these, as YAML inside braces.
    settings: &'static str,
}

/// Every client model of the golden cases. The backend key is `sk-backend`; `fx-nowhere` must not exist; retries and
/// the response cache must be off, and addresses on loopback allowed.
pub const CLIENT_MODELS: [ClientModel; 10] = [
    ClientModel { name: "fx-openai", backend: "openai", base_path: "/openai/v1", settings: KEY },
    ClientModel { name: "fx-vllm", backend: "vllm", base_path: "/vllm/v1", settings: KEY },
    ClientModel { name: "fx-anthropic", backend: "anthropic", base_path: "/anthropic", settings: KEY },
    ClientModel { name: "fx-ollama", backend: "ollama", base_path: "/ollama", settings: KEY },
    ClientModel {
        name: "fx-runpod",
        backend: "runpod",
        base_path: "/runpod/v2/ep1",
        settings: "api_key: sk-backend, poll_interval: 100ms",
    },
    ClientModel { name: "fx-runpod-openai", backend: "runpod", base_path: "/runpod/v2/ep1/openai/v1", settings: KEY },
    ClientModel {
        name: "fx-openwebui",
        backend: "openwebui",
        base_path: "/openwebui",
        settings: "email: user@example.com, password: pw-backend",
    },
    // Beside those of the shared cases: these are of the sheets alone.
    ClientModel { name: "fx-together", backend: "together", base_path: "/together/v1", settings: KEY },
    ClientModel { name: "fx-deepinfra", backend: "deepinfra", base_path: "/deepinfra/v1/openai", settings: KEY },
    ClientModel {
        name: "fx-responses",
        backend: "openai",
        base_path: "/responses/v1",
        settings: "api_key: sk-backend, dialects: [openai_responses]",
    },
];

const KEY: &str = "api_key: sk-backend";

/// Where the golden cases of this crate are.
pub fn fixtures_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wire")
}

/// A configuration file for a gateway whose endpoints are on `upstream`: free loopback ports, clients without keys,
/// admin token `test-admin-token`. `only` limits it to these client models; an empty list means all of them.
pub fn config_yaml(upstream: SocketAddr, data_dir: &Path, only: &[&str]) -> String {
    let models = || CLIENT_MODELS.iter().filter(|model| only.is_empty() || only.contains(&model.name));
    let mut yaml = format!(
        "listen: [\"127.0.0.1:0\"]\nadmin: {{ listen: \"127.0.0.1:0\", token: \"test-admin-token\" }}\n\
         data_dir: {:?}\nclients: {{ auth: open }}\nendpoints:\n",
        data_dir.display().to_string(),
    );
    for ClientModel { name, backend, base_path, settings } in models() {
        // Writing into a string cannot fail.
        let _ = writeln!(
            yaml,
            "  - {{ name: {name}, type: {backend}, url: \"http://{upstream}{base_path}\", {settings} }}"
        );
    }
    yaml.push_str("virtual_models:\n");
    for ClientModel { name, .. } in models() {
        let target = format!("{{ endpoint: {name}, model: backend-model }}");
        let _ = writeln!(yaml, "  - {{ name: {name}, targets: [{target}], retry: {{ attempts: 1 }} }}");
    }
    yaml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_every_endpoint() {
        let upstream = SocketAddr::from(([127, 0, 0, 1], 9099));
        let yaml = config_yaml(upstream, Path::new("./fixture-data"), &[]);
        assert_eq!(yaml.matches("127.0.0.1:9099").count(), CLIENT_MODELS.len());
        assert!(yaml.contains(
            "  - { name: fx-openwebui, type: openwebui, url: \"http://127.0.0.1:9099/openwebui\", email: user@example.com, password: pw-backend }\n"
        ));
        assert!(yaml.contains(
            "  - { name: fx-openwebui, targets: [{ endpoint: fx-openwebui, model: backend-model }], retry: { attempts: 1 } }\n"
        ));
        let two = config_yaml(upstream, Path::new("x"), &["fx-openai", "fx-ollama"]);
        assert_eq!(two.matches("127.0.0.1:9099").count(), 2);
    }
}
