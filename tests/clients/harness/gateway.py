"""The program under test, in front of the upstreams."""

import json
import os
import pathlib
import signal
import subprocess
import threading

from . import scribe
from .mind import MODELS
from .report import short
from .upstream import CLIENT_KEY, KINDS, UPSTREAM_KEY

ROOT = pathlib.Path(__file__).resolve().parents[3]
START_LIMIT = 60
STOP_LIMIT = 40
# What an endpoint has besides.
MORE = {
    "ollama": {"expose_models": {"prefix": "exposed/"}},
    "responses": {"type": "openai", "dialects": ["openai_responses"]},
}


def binary():
    """The lingate to run: LINGATE_BIN, or what was built here."""
    given = os.environ.get("LINGATE_BIN")
    places = [given] if given else [ROOT / "target/debug/lingate", ROOT / "target/release/lingate"]
    for place in places:
        if pathlib.Path(place).is_file():
            return pathlib.Path(place).resolve()
    raise SystemExit(f"no lingate at {places[0]}: `cargo build -p lingate`, or name it by LINGATE_BIN")


class Gateway:
    """A running lingate with a folder of its own. `aliases` name the model that talks: forms of KIND."""

    def __init__(self, upstream, folder, aliases=()):
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "lingate.json"
        config.touch(mode=0o600)
        # JSON is YAML.
        config.write_text(json.dumps(_configuration(upstream, folder / "data", aliases), indent=1))
        self.process = subprocess.Popen(
            [binary(), "serve", "--config", config],
            cwd=folder,
            env={"HOME": str(folder), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self.lines = []
        self._listens = threading.Event()
        self.url = None
        # Read all the time: a full pipe would stop the program.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._listens.wait(START_LIMIT) or self.url is None:
            self.process.kill()
            raise RuntimeError("lingate did not start: " + short("".join(self.lines)))

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)
            _, found, address = line.partition("listening on ")
            if found and self.url is None:
                self.url = f"http://{address.split()[0]}"
                self._listens.set()
        self._listens.set()

    def stop(self):
        """Ends the program; returns what was wrong with its end or its log, or None."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return f"it did not end within {STOP_LIMIT} s"
        self._reader.join(STOP_LIMIT)
        log = "".join(self.lines)
        if code != 0:
            return f"exit code {code}: {log[-2000:]}"
        if "panicked" in log:
            return f"a panic: {log[-2000:]}"
        if UPSTREAM_KEY in log or CLIENT_KEY in log:
            return "a key in the log"
        return None


def _configuration(upstream, data, aliases):
    """A virtual model KIND-MODEL for each model of each upstream, and two of the built-in backend.

    KIND-lenient is KIND-talk without the tools that only another provider can run, and so are the aliases. Behind a kind
    of scribe.py is the model that writes its calls into its text.
    """
    endpoints = [{"name": "demo", "type": "demo"}]
    models = [_model(f"demo-{name}", "demo", f"demo-{name}") for name in ("echo", "tool")]
    for kind in KINDS:
        more = MORE.get(kind, {})
        endpoints.append({"name": kind, "type": kind, "url": upstream.url(kind), "api_key": UPSTREAM_KEY, **more})
        models += [_model(f"{kind}-{name}", kind, name) for name in MODELS]
        for name in (f"{kind}-lenient", *(alias.format(kind) for alias in aliases)):
            models.append(_model(name, kind, "talk") | {"hosted_tools": "drop"})
    for backend in scribe.BACKENDS:
        names = (f"{backend}-talk", f"{backend}-lenient", *(alias.format(backend) for alias in aliases))
        models += [_model(name, scribe.kind(backend), scribe.NAME) | {"hosted_tools": "drop"} for name in names]
    return {
        "listen": ["127.0.0.1:0"],
        "admin": {"listen": ""},
        "data_dir": str(data),
        "clients": {"auth": "keys", "keys": [{"name": "client", "key": CLIENT_KEY}]},
        "endpoints": endpoints,
        "virtual_models": models,
    }


def _model(name, endpoint, model):
    return {"name": name, "targets": [{"endpoint": endpoint, "model": model}], "retry": {"attempts": 1}}
