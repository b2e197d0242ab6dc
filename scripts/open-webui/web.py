"""HTTP with the standard library: whole answers, and streams read line by line with the time of each line."""

import json
import time
import urllib.error
import urllib.request

# Nothing here leaves the machine, so no proxy has a part in it.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
LIMIT = 120


class Reply:
    """A whole answer."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self):
        return self.body.decode(errors="replace")

    def json(self):
        return json.loads(self.body)


class Stream:
    """The lines of a streamed answer, and when they came: seconds since the request."""

    def __init__(self, status, headers, lines):
        self.status = status
        self.headers = headers
        self.lines = lines

    def events(self):
        """The JSON of SSE `data:` lines, or of NDJSON lines, with their times; without `[DONE]`."""
        found = []
        for at, line in self.lines:
            text = line.removeprefix("data:").strip()
            if text.startswith("{"):
                found.append((at, json.loads(text)))
        return found

    def done(self):
        """Whether an SSE stream had its `[DONE]`."""
        return any(line.strip() == "data: [DONE]" for _, line in self.lines)


def request(method, url, body=None, token=None, headers=None):
    sent = {"Content-Type": "application/json", **(headers or {})}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    return urllib.request.Request(url, data=data, headers=sent, method=method)


def call(method, url, body=None, token=None, headers=None, limit=LIMIT):
    """A whole answer, whatever its status."""
    try:
        with OPENER.open(request(method, url, body, token, headers), timeout=limit) as answer:
            return Reply(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.headers, error.read())


def get(url, token=None, limit=LIMIT):
    return call("GET", url, token=token, limit=limit)


def post(url, body, token=None, headers=None):
    return call("POST", url, body, token, headers)


def stream(url, body, token=None):
    """A streamed answer to its end."""
    begun = time.monotonic()
    try:
        with OPENER.open(request("POST", url, body, token), timeout=LIMIT) as answer:
            lines = [(time.monotonic() - begun, line.decode(errors="replace").rstrip("\n")) for line in answer]
            return Stream(answer.status, answer.headers, lines)
    except urllib.error.HTTPError as error:
        with error:
            return Stream(error.code, error.headers, [(0.0, error.read().decode(errors="replace"))])
