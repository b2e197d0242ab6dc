"""The scripted upstreams: one server on loopback that plays a backend of every kind, each below a path of its own."""

import http.server
import socketserver
import sys
import threading

from . import anthropic, ollama, openai, responses
from .mind import Fault, answer
from .reply import Reply, Request, Stream

# The credential of the endpoints. No client may see it.
UPSTREAM_KEY = "sk-upstream-canary-31c7"
# The clients' key. No upstream may see it.
CLIENT_KEY = "ck-client-canary-88e2"
# The backends: the dialect that each speaks, and the path of its API. All but the last are named as their kind.
KINDS = {
    "openai": (openai, "/v1"),
    "anthropic": (anthropic, "/v1"),
    "ollama": (ollama, ""),
    "openwebui": (openai, "/api"),
    "vllm": (openai, "/v1"),
    "together": (openai, "/v1"),
    "deepinfra": (openai, "/v1/openai"),
    # An endpoint of type `openai` whose `dialects` say that it serves Responses, too.
    "responses": (responses, "/v1"),
}
# One of each dialect: these get every check. The others are the same dialect at another place.
DIALECTS = ("openai", "anthropic", "ollama")
# How long a client may take to leave an endless stream.
PATIENCE = 20


class Upstream:
    """The running server, and what it was asked."""

    def __init__(self):
        self._lock = threading.Lock()
        self._asked = []
        self._left = {kind: threading.Event() for kind in KINDS}
        self.faults = []
        self._server = Server(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def url(self, kind):
        """The URL of an endpoint of this kind."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{kind}{KINDS[kind][1]}"

    def asked(self, kind):
        """What was asked of this kind so far."""
        with self._lock:
            return [request for request in self._asked if request.kind == kind]

    def left(self, kind):
        """Whether a client left this kind in the middle of a stream, or does so soon."""
        return self._left[kind].wait(PATIENCE)

    def reply(self, request):
        """The reply to a request; what the upstream does not understand is noted in `faults`, too."""
        with self._lock:
            self._asked.append(request)
        dialect = KINDS[request.kind][0]
        if dialect is responses and request.path == openai.CHAT:
            dialect = openai
        try:
            return _reply(dialect, request)
        except (Fault, ValueError, KeyError, TypeError, AttributeError) as fault:
            told = f"the upstream does not understand: {type(fault).__name__}: {fault}"
            self.faults.append(f"{request.kind}{request.path}: {told}")
            return Reply.of(400, dialect.refusal(400, told))

    def gone(self, kind):
        """Notes that a client left."""
        self._left[kind].set()


def _reply(dialect, request):
    def refuse(status, message, **headers):
        return Reply.of(status, dialect.refusal(status, message), **headers)

    header, scheme = dialect.CREDENTIAL
    if request.headers.get(header) != scheme + UPSTREAM_KEY:
        return refuse(401, "who are you?")
    if CLIENT_KEY in f"{request.headers}" or CLIENT_KEY.encode() in request.body:
        raise Fault("the client's key came through")
    asked = dialect.read(request) if request.path == dialect.CHAT else None
    if asked is None:
        return dialect.other(request) or refuse(404, f"unknown path: {request.method} {request.path}")
    said = answer(asked)
    frames = dialect.events(request, asked, said)
    half = frames[: (len(frames) + 1) // 2]
    match asked.model:
        case "talk" | "scribe" if asked.stream:
            return Stream(dialect.STREAM_TYPE, frames)
        case "talk" | "scribe":
            return Reply.of(200, dialect.whole(request, asked, said))
        case "limited":
            return refuse(429, "slow down", retry_after="7")
        case "overloaded":
            return refuse(503, "come back later")
        case "cut":
            return Stream(dialect.STREAM_TYPE, half, "cut")
        case "broken":
            return Stream(dialect.STREAM_TYPE, [*half, dialect.broken("the model melted")])
        case "endless":
            return Stream(dialect.STREAM_TYPE, half, "hang")
    return refuse(404, f"no model {asked.model}")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """A server with a thread for each connection."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """A client that leaves is no error worth a word; a mistake in here is."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _handler(upstream):
    """The class that serves a connection for this upstream."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self):
            path = self.path.split("?")[0]
            kind = path.split("/")[1]
            root = f"/{kind}{KINDS[kind][1]}" if kind in KINDS else None
            body = self._body()
            if root is None or not path.startswith(root):
                reply = Reply.of(404, {"error": {"message": f"unknown path: {self.command} {path}"}})
            else:
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(kind, self.command, path[len(root) :], headers, body)
                reply = upstream.reply(request)
            if isinstance(reply, Stream):
                self._stream(kind, reply)
            else:
                self._whole(reply)

        do_GET = do_POST = do_DELETE = _serve

        def _body(self):
            if self.headers.get("transfer-encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("content-length", 0)))
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _whole(self, reply):
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def _stream(self, kind, stream):
            self.send_response(200)
            self.send_header("content-type", stream.kind)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self.close_connection = stream.ending != "end"
            try:
                for frame in stream.frames:
                    data = frame.encode()
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                if stream.ending == "end":
                    self.wfile.write(b"0\r\n\r\n")
                left = stream.ending == "hang" and self._client_leaves()
            except ConnectionError:
                # It did so while the frames were written.
                left, self.close_connection = stream.ending == "hang", True
            if left:
                upstream.gone(kind)

        def _client_leaves(self):
            self.connection.settimeout(PATIENCE)
            try:
                return self.connection.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        def log_message(self, *_):
            """Says nothing."""

    return Handler


def holds(value, wanted):
    """Whether `value` or a value inside it has all that `wanted` has: objects may have more members."""
    if isinstance(value, dict):
        inside = value.values()
    else:
        inside = value if isinstance(value, list) else []
    return _covers(value, wanted) or any(holds(item, wanted) for item in inside)


def _covers(value, wanted):
    if isinstance(value, dict) and isinstance(wanted, dict):
        return all(name in value and _covers(value[name], item) for name, item in wanted.items())
    return type(value) is type(wanted) and value == wanted
