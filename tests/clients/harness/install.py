"""Packages of the clients, each client's in a folder of its own, kept from run to run."""

import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from .gateway import ROOT

# The oldest Node.js that the packages take, and where else it comes from: npm's package `node`.
NODE_MAJOR = 22
NODE_PACKAGE = "node@24"
LIMIT = 600


def folder(name):
    """The folder of a client: below LINGATE_CLIENTS_DIR or target/tmp/clients."""
    base = os.environ.get("LINGATE_CLIENTS_DIR")
    return (pathlib.Path(base) if base else ROOT / "target/tmp/clients").resolve() / name


def python(name, packages):
    """Installs Python packages; returns the environment's Python."""
    place = folder(name)
    interpreter = place / "bin/python"
    with _once(place, [*packages, sys.version]) as missing:
        if missing:
            _run([sys.executable, "-m", "venv", place])
            quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
            _run([interpreter, "-m", "pip", "install", *quiet, *packages])
    return interpreter


def node(name, packages):
    """Installs npm packages; returns their folder."""
    place = folder(name)
    with _once(place, packages) as missing:
        if missing:
            # npm asks for a word before it runs a package's own install script; some fetch their program by it.
            names = [re.sub(r"(?<=.)@[^@/]*$", "", package) for package in packages]
            project = {"private": True, "type": "module", "allowScripts": dict.fromkeys(names, True)}
            (place / "package.json").write_text(json.dumps(project))
            _run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *packages], cwd=place)
    return place


def node_program():
    """Node.js, new enough."""
    found = shutil.which("node")
    if found:
        version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
        major = re.match(r"v(\d+)", version)
        if major and int(major[1]) >= NODE_MAJOR:
            return pathlib.Path(found)
    return node("node", [NODE_PACKAGE]) / "node_modules/.bin/node"


@contextlib.contextmanager
def _once(place, wanted):
    """Gives whether something must be installed; others who want the same wait meanwhile."""
    place.parent.mkdir(parents=True, exist_ok=True)
    ready, wanted = place / "installed.json", json.dumps(wanted)
    with open(f"{place}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = not ready.is_file() or ready.read_text() != wanted
        if missing:
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
        yield missing
        ready.write_text(wanted)


def _run(command, cwd=None):
    run = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {run.returncode}: {(run.stdout + run.stderr)[-2000:]}")
