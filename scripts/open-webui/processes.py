"""Starts the programs of the run on loopback ports, waits until they answer, and stops them: by their id, no others."""

import json
import os
import pathlib
import re
import socket
import subprocess
import time

import web

BOOT_LIMIT = 300
START_LIMIT = 30
STOP_LIMIT = 30


def free_port():
    """A loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, limit, holds, pause=0.25):
    """Polls until `holds()` gives something true, and gives that; an error after `limit` seconds."""
    deadline = time.monotonic() + limit
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {limit} s")
        time.sleep(pause)


class Program:
    """A running program whose output goes to a file."""

    def __init__(self, name, command, env, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.log_path = folder / f"{name}.log"
        self.log_file = self.log_path.open("ab")
        self.process = subprocess.Popen(
            [str(part) for part in command],
            env=env,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self.log_file,
            stderr=subprocess.STDOUT,
        )

    def log(self):
        """All that it has said, over restarts."""
        return self.log_path.read_text(errors="replace")

    def wait_for(self, url, limit):
        """Returns the seconds until `url` answered 200."""
        begun = time.monotonic()

        def answers():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.log()[-3000:]}")
            try:
                return web.get(url, limit=5).status == 200
            except OSError:
                return False

        until(f"{self.name} at {url}", limit, answers)
        return time.monotonic() - begun

    def stop(self):
        """Asks it to end, and after a while makes it."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log_file.close()
        return self.process.returncode


def plain_environment(folder, **more):
    """What a program needs of ours, and nothing that would configure it."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(folder), "NO_PROXY": "127.0.0.1,localhost", **more}


class OpenWebui:
    """Open WebUI with a DATA_DIR of its own; can be restarted with other settings."""

    def __init__(self, python, folder):
        self.python = python
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.program = None

    def start(self, secret, **settings):
        """Starts it; `secret` signs its tokens. Returns the seconds until it was healthy."""
        data = self.folder / "open-webui-data"
        data.mkdir(parents=True, exist_ok=True)
        env = plain_environment(
            self.folder,
            DATA_DIR=str(data),
            WEBUI_SECRET_KEY=secret,
            OFFLINE_MODE="true",
            HF_HUB_OFFLINE="1",
            RAG_EMBEDDING_ENGINE="openai",
            ANONYMIZED_TELEMETRY="false",
            DO_NOT_TRACK="true",
            SCARF_NO_ANALYTICS="true",
            CORS_ALLOW_ORIGIN=self.url,
            ENABLE_OPENAI_API="false",
            ENABLE_OLLAMA_API="false",
            **settings,
        )
        serve = [self.python.parent / "open-webui", "serve", "--host", "127.0.0.1", "--port", self.port]
        self.program = Program("open-webui", serve, env, self.folder)
        return self.program.wait_for(f"{self.url}/health", BOOT_LIMIT)

    def restart(self, secret, **settings):
        """Stops it and starts it again on the same port and data."""
        self.program.stop()
        return self.start(secret, **settings)

    def answered(self, method, path):
        """The statuses with which it has answered so far, from its access log."""
        line = re.compile(re.escape(f'"{method} {path} HTTP/1.1" ') + r"(\d+)")
        return [int(status) for status in line.findall(self.program.log())]

    def sign_ins(self):
        """How many sign-ins it has answered so far."""
        return len(self.answered("POST", "/api/v1/auths/signin"))


class Lingate:
    """A lingate with a data folder of its own, from a configuration or from flags alone; can be restarted."""

    def __init__(self, name, binary, folder, config, options=()):
        self.name = name
        self.folder = folder / name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder.mkdir(parents=True)
        self.command = [binary, "serve", "--data-dir", self.folder / "data", "--admin-listen", "", *options]
        if config is None:
            self.command += ["--port", self.port]
        else:
            # JSON is YAML. The file holds secrets: for the owner alone.
            path = self.folder / "lingate.json"
            path.touch(mode=0o600)
            path.write_text(json.dumps({"listen": [f"127.0.0.1:{self.port}"], **config}, indent=2))
            self.command += ["--config", path]
        self.program = None

    def start(self):
        env = plain_environment(self.folder, NO_COLOR="1")
        self.program = Program(self.name, self.command, env, self.folder)
        self.program.wait_for(f"{self.url}/ready", START_LIMIT)

    def restart(self):
        code = self.program.stop()
        self.start()
        return code


def binary_path(given):
    """The lingate to run."""
    path = pathlib.Path(given).resolve()
    if not path.is_file():
        raise SystemExit(f"no lingate at {path}: build it (cargo build -p lingate) or name it with --lingate")
    return path
