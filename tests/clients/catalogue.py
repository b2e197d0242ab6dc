"""The clients: what each installs, and the scripts that drive it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Client:
    """A client. `language` says who runs the scripts: `python` and `node` with the packages, `agent` without."""

    name: str
    language: str
    scripts: tuple
    packages: tuple
    # Whether its checks are so many that their parts are looked for in the requests behind them.
    whole: bool = False


SDKS = (
    Client(
        "python_openai",
        "python",
        ("python_openai.py", "python_openai_completions.py", "python_openai_responses.py"),
        ("openai==3.52.0",),
        whole=True,
    ),
    Client("python_anthropic", "python", ("python_anthropic.py",), ("anthropic==2.11.0",), whole=True),
    Client("python_ollama", "python", ("python_ollama.py",), ("ollama==0.6.3",), whole=True),
    Client(
        "langchain",
        "python",
        ("langchain_checks.py",),
        ("langchain-openai==1.7.3", "langchain-anthropic==1.7.7", "langchain-ollama==1.1.0"),
    ),
    Client("node_openai", "node", ("node_openai.mjs",), ("openai@7.55.0", "zod@4.6.7"), whole=True),
    Client("node_anthropic", "node", ("node_anthropic.mjs",), ("@anthropic-ai/sdk@1.11.0", "zod@4.6.7"), whole=True),
    Client("node_ollama", "node", ("node_ollama.mjs",), ("ollama@0.6.4",), whole=True),
    Client(
        "ai_sdk",
        "node",
        ("ai_sdk.mjs",),
        ("ai@7.0.173", "@ai-sdk/openai-compatible@3.0.92", "@ai-sdk/anthropic@4.0.105", "zod@4.6.7"),
        whole=True,
    ),
)
AGENTS = (
    Client("claude_code", "agent", ("claude_code.py",), ("@anthropic-ai/claude-code@2.1.329",)),
    Client("codex", "agent", ("codex.py",), ("@openai/codex@0.169.0",)),
    Client("opencode", "agent", ("opencode.py",), ("opencode-ai@1.18.33",)),
)
CLIENTS = {client.name: client for client in (*SDKS, *AGENTS)}
GROUPS = {"sdks": SDKS, "agents": AGENTS, "all": (*SDKS, *AGENTS)}
