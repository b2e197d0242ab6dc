"""What the scripts have in common: the setup, the list of checks, and saying what each came to."""

import asyncio
import inspect
import json
import os
import sys
import time
import traceback
from types import SimpleNamespace

_SETUP = json.loads(os.environ["LINGATE_SDK_SETUP"])
URL, KEY, UPSTREAM_KEY = _SETUP["url"], _SETUP["key"], _SETUP["upstream_key"]
PNG, TOOL, SCHEMA = _SETUP["png"], _SETUP["tool"], _SETUP["schema"]
THOUGHT, SIGNATURE = _SETUP["thought"], _SETUP["signature"]
USAGE = SimpleNamespace(**_SETUP["usage"])
BACKENDS = _SETUP["backends"]

SYSTEM, HELLO = "Be brief.", "Hello there, my friend"
# What every upstream answers to these two.
ANSWER = f"You said: {HELLO} I was told: {SYSTEM}"
WEATHER = "What is the weather in Oslo and in Rome?"
CITIES = {"Oslo": "Oslo has 2 degrees", "Rome": "Rome has 30 degrees"}
WEATHER_ANSWER = "The tools said: Oslo has 2 degrees, Rome has 30 degrees"
INSTANCE = {"city": "Oslo", "degrees": 2}
# A stream that breaks has given these words before.
FIRST_WORD = "You"

_checks = []


def check(function):
    """Adds a check."""
    _checks.append((function.__name__, function, ()))
    return function


def each_backend(function):
    """Adds a check for each backend, whose name it takes."""
    _checks.extend((f"{function.__name__}[{backend}]", function, (backend,)) for backend in BACKENDS)
    return function


def raised(kind, call):
    """The error of this kind that the call must raise."""
    try:
        result = call()
    except kind as error:
        assert UPSTREAM_KEY not in str(error) and KEY not in str(error), f"a key in: {error}"
        return error
    raise AssertionError(f"no {kind.__name__}, but {result!r}")


def raised_after_words(kind, words):
    """The error of this kind with which the stream of words must end; some must come before it."""
    got = []

    def read():
        got.extend(words)
        return got

    error = raised(kind, read)
    assert "".join(got).startswith(FIRST_WORD) and "".join(got) != ANSWER, got
    return error


def _reason(error):
    """The error, the line of the script that it comes from, and that line's variables."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith("_checks.py")]
    lines = [f"{type(error).__name__}: {error}"]
    tb = error.__traceback__
    while tb is not None:
        if tb.tb_frame.f_code.co_filename.endswith("_checks.py"):
            found = {name: value for name, value in tb.tb_frame.f_locals.items()}
            variables = found
        tb = tb.tb_next
    if frames:
        lines.append(f"line {frames[-1].lineno}: {frames[-1].line}")
        lines.extend(f"  {name} = {repr(value)[:600]}" for name, value in variables.items())
    return "\n    ".join(lines)


def run():
    """Runs all checks and ends the process: with 1 if one failed."""
    failed = 0
    for name, function, arguments in _checks:
        started = time.monotonic()
        try:
            result = function(*arguments)
            if inspect.iscoroutine(result):
                asyncio.run(result)
        except Exception as error:
            failed += 1
            print(f"FAILED {name}: {_reason(error)}", flush=True)
        else:
            print(f"ok     {name} ({time.monotonic() - started:.2f} s)", flush=True)
    print(f"{len(_checks)} checks, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)
