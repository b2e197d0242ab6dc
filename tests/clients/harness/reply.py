"""Requests that an upstream gets, and its replies."""

import json
from dataclasses import dataclass, field


@dataclass
class Request:
    """A request to the upstream of a kind; `path` is what follows the API root of that kind."""

    kind: str
    method: str
    path: str
    # Names in lower case.
    headers: dict
    body: bytes

    def json(self):
        """The body as JSON; empty if there is none."""
        return json.loads(self.body) if self.body else {}


@dataclass
class Reply:
    """A whole reply."""

    status: int
    body: bytes
    headers: dict = field(default_factory=dict)

    @classmethod
    def of(cls, status, value, **headers):
        """JSON; header names with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, json.dumps(value).encode(), {"content-type": "application/json", **named})


@dataclass
class Stream:
    """A streamed reply and how it ends: `end`, `cut` off, or `hang` until the client leaves."""

    kind: str
    frames: list
    ending: str = "end"
