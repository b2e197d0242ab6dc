"""What the scripts have in common: the setup, the list of checks, and saying what each came to."""

import asyncio
import inspect
import json
import linecache
import os
import sys
import traceback
from types import SimpleNamespace

_SETUP = json.loads(os.environ["LINGATE_CLIENT_SETUP"])
URL, KEY, UPSTREAM_KEY = _SETUP["url"], _SETUP["key"], _SETUP["upstream_key"]
PNG, TOOL, SCHEMA = _SETUP["png"], _SETUP["tool"], _SETUP["schema"]
FREE_TEXT = _SETUP["free_text"]
THOUGHT, SIGNATURE = _SETUP["thought"], _SETUP["signature"]
USAGE = SimpleNamespace(**_SETUP["usage"])
# One of each dialect, and all kinds of backend.
BACKENDS, KINDS = _SETUP["backends"], _SETUP["kinds"]
# Backends with a model that writes its calls into its text.
WRITTEN = _SETUP["written"]

SYSTEM, HELLO = "Be brief.", "Hello there, my friend"
# What every upstream answers to these two.
ANSWER = f"You said: {HELLO} I was told: {SYSTEM}"
WEATHER = "What is the weather in Oslo and in Rome?"
CITIES = {"Oslo": "Oslo has 2 degrees", "Rome": "Rome has 30 degrees"}
WEATHER_ANSWER = "The tools said: Oslo has 2 degrees, Rome has 30 degrees"
INSTANCE = {"city": "Oslo", "degrees": 2}
# A stream that breaks has given these words before.
FIRST_WORD = "You"

_HERE = os.path.dirname(os.path.abspath(__file__))
_checks = []


def add(name, function, *arguments):
    """Adds a check by its name: a call of the function."""
    _checks.append((name, function, arguments))


def check(function):
    """Adds a check."""
    add(function.__name__, function)
    return function


def on(*backends):
    """Adds a check for each of these backends, whose name it takes."""

    def add_all(function):
        for backend in backends:
            add(f"{function.__name__}[{backend}]", function, backend)
        return function

    return add_all


each_backend = on(*BACKENDS)
each_kind = on(*KINDS)
# For what is done with tools.
each_caller = on(*BACKENDS, *WRITTEN)
each_kind_of_caller = on(*KINDS, *WRITTEN)


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
    """The error, the line of the script that it comes from, and the variables there."""
    told = [f"{type(error).__name__}: {error}"]
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        file = frame.f_code.co_filename
        if file.startswith(_HERE) and not file.endswith("/checks.py"):
            told.append(f"line {line}: {linecache.getline(file, line).strip()}")
            told.extend(f"  {name} = {repr(value)[:600]}" for name, value in frame.f_locals.items())
            break
    return "\n    ".join(told)


def run(prefix=""):
    """Runs all checks, their names after `prefix`, and ends the process: with 1 if one failed."""
    failed = 0
    # One loop for all: some clients keep connections that belong to the loop.
    loop = asyncio.Runner()
    for name, function, arguments in _checks:
        try:
            result = function(*arguments)
            if inspect.iscoroutine(result):
                loop.run(result)
        except Exception as error:
            failed += 1
            print(f"FAIL {prefix}{name}: {_reason(error)}", flush=True)
        else:
            print(f"PASS {prefix}{name}", flush=True)
    loop.close()
    sys.exit(1 if failed else 0)
