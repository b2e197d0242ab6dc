"""Puts Open WebUI into a virtual environment, without what only its local models need."""

import os
import pathlib
import subprocess
import sys

OPEN_WEBUI = "0.12.4"
OLLAMA_CLIENT = "0.6.3"

# Open WebUI imports these when a feature of its own first needs them (local embeddings and re-ranking, speech, OCR).
# With them the environment is several times as large: they bring torch.
LEFT_OUT = {
    "accelerate",
    "einops",
    "faster-whisper",
    "opencv-python-headless",
    "pyarrow",
    "rapidocr",
    "sentence-transformers",
    "sentencepiece",
    "soundfile",
    "transformers",
}

LIST_REQUIREMENTS = """
import importlib.metadata
for line in importlib.metadata.requires("open-webui"):
    if "extra ==" not in line:
        print(line)
"""


def python_for_open_webui(given):
    """The Python to make the environment with: Open WebUI takes 3.11 and 3.12."""
    candidates = [given] if given else ["python3.11", "python3.12", sys.executable]
    for candidate in candidates:
        ask = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        try:
            version = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            continue
        if version in ("3.11", "3.12"):
            return candidate
    raise SystemExit("Open WebUI wants Python 3.11 or 3.12; name one with --python")


def requirement_name(line):
    """`uvicorn[standard]==0.54.0; extra…` is `uvicorn`."""
    name = line
    for end in "[=<>!~; (":
        name = name.split(end, 1)[0]
    return name.strip().lower()


def install(folder, given_python):
    """Makes the environment in `folder` if it is not there yet. Gives the path of its Python."""
    venv = pathlib.Path(folder) / "venv"
    python = venv / "bin" / "python"
    mark = venv / "lingate-installed"
    wanted = f"open-webui=={OPEN_WEBUI} ollama=={OLLAMA_CLIENT}"
    if mark.is_file() and mark.read_text().strip() == wanted:
        return python
    print(f"installing {wanted} into {os.path.relpath(venv)} (some minutes) ...", flush=True)
    maker = python_for_open_webui(given_python)
    subprocess.run([maker, "-m", "venv", str(venv)], check=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", f"open-webui=={OPEN_WEBUI}"], check=True)
    asked = subprocess.run([str(python), "-c", LIST_REQUIREMENTS], capture_output=True, text=True, check=True)
    wanted_here = [line for line in asked.stdout.splitlines() if requirement_name(line) not in LEFT_OUT]
    listed = venv / "requirements.txt"
    listed.write_text("\n".join([*wanted_here, f"ollama=={OLLAMA_CLIENT}", ""]))
    subprocess.run([*pip, "-r", str(listed)], check=True)
    mark.write_text(wanted + "\n")
    return python
