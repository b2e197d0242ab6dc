#!/usr/bin/env python3
"""Counts the instructions that lingate needs for an event of a stream, for every client dialect on every upstream
dialect: text, a tool call's arguments, thoughts. One lingate under callgrind; client and upstream are in here.

    bench/pairs.py --lingate target/release/lingate [--port 19300] [--work DIR] [--requests 10]

An event is a frame of the upstream that carries content; a whole call of Ollama's counts as three (it begins, has
arguments, ends). What a request and the ends of its stream cost is in the figures, spread over the stream's events.
Prints a Markdown table; exit status 1 if a limit is passed."""

import argparse, http.client, http.server, json, re, signal, subprocess, sys, threading, time
from pathlib import Path

EVENTS = 200
WORDS = [f" ~w{i:<8}" for i in range(EVENTS)]
KINDS = ("text", "tool", "thinking")
# A model's pieces as they come where it writes Markdown: who watches the text must look closely at some of them.
PROSE = ["The", " function", " takes", " two", " arguments", " (", "a", " list", " and", " a", " key", "),", " and", " returns", " `", "None", "`", " if", " there", " is", " none", ".", "\n\n", "-", " It"]


def words(kind):
    return [PROSE[i % len(PROSE)] for i in range(EVENTS)] if kind == "prose" else WORDS


# ---------------------------------------------------------------- the upstreams: frames of a stream


def arguments():
    """The pieces of a call's arguments."""
    return ['{"text":"' + WORDS[0], *WORDS[1:-1], WORDS[-1] + '"}']


def sse(value, name=None):
    return (f"event: {name or value['type']}\n" if name != "" else "") + "data: " + json.dumps(value, separators=(",", ":")) + "\n\n"


def chat(kind, logprobs=False):
    def frame(delta, finish=None, **more):
        spoken = [{"token": delta["content"], "logprob": -0.25, "bytes": [32, 126], "top_logprobs": [{"token": "a", "logprob": -1.5, "bytes": [97]}] * 2}] if logprobs and delta.get("content") else None
        choice = {"index": 0, "delta": delta, "logprobs": spoken and {"content": spoken}, "finish_reason": finish}
        return sse({"id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": 1700000000, "model": "up", "system_fingerprint": "fp_mock", "choices": [choice], **more}, "")
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    out = [frame({"role": "assistant", "content": ""})]
    if kind == "tool":
        out += [frame({"tool_calls": [call]})] + [frame({"tool_calls": [{"index": 0, "function": {"arguments": a}}]}) for a in arguments()]
    else:
        out += [frame({"reasoning_content" if kind == "thinking" else "content": w}) for w in words(kind)]
    if kind == "thinking":
        out.append(frame({"content": "so"}))
    out.append(frame({}, "tool_calls" if kind == "tool" else "stop"))
    usage = {"prompt_tokens": 11, "completion_tokens": EVENTS, "total_tokens": EVENTS + 11}
    return out + [frame({}, choices=[], usage=usage), "data: [DONE]\n\n"]


def completions(kind):
    def frame(text, finish=None):
        spoken = {"tokens": [text], "token_logprobs": [-0.25], "top_logprobs": [{text: -0.25, " a": -1.5}], "text_offset": [0]} if kind == "logprobs" and text else None
        return sse({"id": "cmpl-mock", "object": "text_completion", "created": 1700000000, "model": "up", "choices": [{"index": 0, "text": text, "logprobs": spoken, "finish_reason": finish}]}, "")
    return [frame(w) for w in WORDS] + [frame("", "stop"), "data: [DONE]\n\n"]


def anthropic(kind):
    head = {"id": "msg_mock", "type": "message", "role": "assistant", "model": "up", "content": [], "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 11, "output_tokens": 1}}
    out = [sse({"type": "message_start", "message": head})]
    def block(index, start, deltas):
        out.append(sse({"type": "content_block_start", "index": index, "content_block": start}))
        out.extend(sse({"type": "content_block_delta", "index": index, "delta": d}) for d in deltas)
        out.append(sse({"type": "content_block_stop", "index": index}))
    if kind == "thinking":
        block(0, {"type": "thinking", "thinking": "", "signature": ""}, [{"type": "thinking_delta", "thinking": w} for w in WORDS] + [{"type": "signature_delta", "signature": "c2ln"}])
        block(1, {"type": "text", "text": ""}, [{"type": "text_delta", "text": "so"}])
    elif kind == "tool":
        block(0, {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}, [{"type": "input_json_delta", "partial_json": a} for a in arguments()])
    else:
        block(0, {"type": "text", "text": ""}, [{"type": "text_delta", "text": w} for w in words(kind)])
    end = {"stop_reason": "tool_use" if kind == "tool" else "end_turn", "stop_sequence": None}
    return out + [sse({"type": "message_delta", "delta": end, "usage": {"output_tokens": EVENTS}}), sse({"type": "message_stop"})]


def ollama(kind, generate=False):
    """Calls come whole, so a stream of calls has one in each line."""
    def line(text, done=False, **more):
        said = {"response": text} if generate else {"message": {"role": "assistant", "content": text, **more}}
        end = {"done_reason": "stop", "total_duration": 1, "prompt_eval_count": 11, "eval_count": EVENTS} if done else {}
        return json.dumps({"model": "up", "created_at": "2025-11-20T10:00:00.123456789Z", **said, "done": done, **end}, separators=(",", ":")) + "\n"
    pick = {"text": line, "prose": line, "thinking": lambda w: line("", thinking=w),
            "tool": lambda w: line("", tool_calls=[{"id": "call_" + w.strip(), "function": {"name": "f", "arguments": {"text": w}}}])}[kind]
    return [pick(w) for w in words(kind)] + ([line("so")] if kind == "thinking" else []) + [line("", True)]


def responses(kind):
    number = iter(range(10_000))
    def frame(type, **more):
        return sse({"type": type, "sequence_number": next(number), **more})
    def whole(status, output, usage=None):
        return {"id": "resp_mock", "object": "response", "created_at": 1700000000, "status": status, "model": "up", "output": output, "usage": usage, "error": None, "incomplete_details": None}
    out = [frame("response.created", response=whole("in_progress", [])), frame("response.in_progress", response=whole("in_progress", []))]
    at, said = {"item_id": "it_1", "output_index": 0}, "".join(words(kind))
    if kind == "tool":
        item = {"id": "it_1", "type": "function_call", "call_id": "call_1", "name": "f", "arguments": "", "status": "in_progress"}
        done = {**item, "arguments": "".join(arguments()), "status": "completed"}
        before, after, name, pieces = [], [frame("response.function_call_arguments.done", arguments=done["arguments"], **at)], "function_call_arguments", arguments()
    elif kind == "thinking":
        item, done = {"id": "it_1", "type": "reasoning", "summary": []}, {"id": "it_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": said}]}
        at["summary_index"] = 0
        before, after, name, pieces = [("response.reasoning_summary_part.added", {"part": {"type": "summary_text", "text": ""}})], [], "reasoning_summary_text", WORDS
    else:
        item = {"id": "it_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        done = {**item, "status": "completed", "content": [{"type": "output_text", "text": said, "annotations": []}]}
        at["content_index"] = 0
        before, after, name, pieces = [("response.content_part.added", {"part": {"type": "output_text", "text": "", "annotations": []}})], [], "output_text", words(kind)
    out.append(frame("response.output_item.added", output_index=0, item=item))
    out += [frame(t, **at, **more) for t, more in before]
    # In OpenAI's order of members, padding and all.
    more = {"logprobs": [], "obfuscation": "x9Zk2mQ"} if name == "output_text" else {"obfuscation": "x9Zk2mQ"}
    out += [frame(f"response.{name}.delta", **at, delta=p, **more) for p in pieces]
    if kind != "tool":
        out.append(frame(f"response.{name}.done", text=said, **at))
    out += after + [frame("response.output_item.done", output_index=0, item=done)]
    usage = {"input_tokens": 11, "output_tokens": EVENTS, "total_tokens": EVENTS + 11}
    return out + [frame("response.completed", response=whole("completed", [done], usage))]


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version, kind = "HTTP/1.1", "text"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        kind, path = Upstream.kind, self.path
        frames = (responses(kind) if path.endswith("/responses") else anthropic(kind) if path.endswith("/messages")
                  else ollama("text", True) if path.endswith("/generate") else ollama(kind) if path.endswith("/api/chat")
                  else chat("text" if kind == "logprobs" else kind, kind == "logprobs") if path.endswith("/chat/completions") else completions(kind))
        Upstream.last = path
        self.send_response(200)
        self.send_header("content-type", "application/x-ndjson" if "/api/" in path else "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for frame in frames:
            self.wfile.write(f"{len(frame.encode()):x}\r\n{frame}\r\n".encode())
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass

# ---------------------------------------------------------------- the clients

QUESTION = "The quick brown fox jumps over the lazy dog. " * 20
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}
USER = [{"role": "user", "content": QUESTION}]
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}
DOCUMENT = [{"role": "user", "content": [{"type": "text", "text": QUESTION}, {"type": "document", "source": {"type": "url", "url": "https://example.test/a.pdf"}}]}]
CLIENTS = {
    "openai_chat": ("/v1/chat/completions", {"messages": USER, "tools": [FUNCTION], "stream_options": {"include_usage": True}}),
    "anthropic_messages": ("/v1/messages", {"messages": USER, "max_tokens": 512, "tools": [{"name": "f", "input_schema": SCHEMA}]}),
    "ollama": ("/api/chat", {"messages": USER, "tools": [FUNCTION]}),
    "openai_responses": ("/v1/responses", {"store": False, "input": QUESTION, "tools": [{"type": "function", "name": "f", "parameters": SCHEMA}]}),
    "openai_completions": ("/v1/completions", {"prompt": QUESTION}),
    "ollama generate": ("/api/generate", {"prompt": QUESTION, "raw": True}),
}
CLIENTS["openai_responses, stored"] = ("/v1/responses", CLIENTS["openai_responses"][1] | {"store": True})
CHATS = [name for name in CLIENTS if name not in ("openai_completions", "ollama generate")]


def cells():
    """(client, upstream, kind, further members): what a client can ask and that upstream can be made to answer."""
    for upstream in ("openai_chat", "anthropic_messages", "ollama"):
        for client in CHATS:
            for kind in (*KINDS, "prose"):
                yield client, upstream, kind, {}
    for kind in (*KINDS, "prose"):
        yield "openai_responses", "openai_responses", kind, {}
        # Requests go there only if the kind's own dialect cannot say them.
        yield "anthropic_messages", "openai_responses", kind, {"messages": DOCUMENT}
    for client in ("openai_completions", "ollama generate"):
        for upstream in ("openai_chat", "ollama"):
            yield client, upstream, "text", {}
    yield "openai_completions", "anthropic_messages", "text", {}
    yield "openai_chat", "openai_chat", "logprobs", {"logprobs": True, "top_logprobs": 2}
    yield "openai_responses", "openai_chat", "logprobs", {"include": ["message.output_text.logprobs"], "top_logprobs": 2}
    yield "openai_completions", "openai_chat", "logprobs", {"logprobs": 2}


def ask(port, client, upstream, more):
    path, body = CLIENTS[client]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("POST", path, json.dumps({"model": upstream, "stream": True, **body, **more}), {"content-type": "application/json", "anthropic-version": "2023-06-01"})
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    return answer.status, said


CONFIG = """
listen: ["127.0.0.1:{port}"]
admin: {{ listen: "" }}
data_dir: "{work}/data"
clients: {{ auth: open }}
endpoints:
  - {{ name: openai, type: openai, url: "http://127.0.0.1:{up}/v1", api_key: sk-upstream }}
  - {{ name: responses, type: openai, url: "http://127.0.0.1:{up}/v1", api_key: sk-upstream, dialects: [openai_responses] }}
  - {{ name: anthropic, type: anthropic, url: "http://127.0.0.1:{up}", api_key: sk-upstream }}
  - {{ name: ollama, type: ollama, url: "http://127.0.0.1:{up}" }}
virtual_models:
  - {{ name: openai_chat, targets: [{{ endpoint: openai, model: up }}], tool_repair: {repair} }}
  - {{ name: openai_responses, targets: [{{ endpoint: responses, model: up }}], tool_repair: {repair} }}
  - {{ name: anthropic_messages, targets: [{{ endpoint: anthropic, model: up }}], tool_repair: {repair} }}
  - {{ name: ollama, targets: [{{ endpoint: ollama, model: up }}], tool_repair: {repair} }}
"""


class Counted:
    """lingate under callgrind."""

    def __init__(self, a):
        self.work = Path(a.work).resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        (self.work / "pairs.yaml").write_text(CONFIG.format(port=a.port, up=a.port + 1, work=self.work, repair=a.repair))
        self.cpu, self.before = a.cpu, 0
        argv = ["taskset", "-c", "0"] + ([] if a.cpu else ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.work}/cg.out"]) + [a.lingate, "serve", "-c", str(self.work / "pairs.yaml"), "-q"]
        self.process = subprocess.Popen(argv, stdout=open(self.work / "pairs.log", "w"), stderr=subprocess.STDOUT)
        self.parts = 0

    def instructions(self):
        """Those since the last call; nanoseconds of CPU where these are asked for."""
        if self.cpu:
            time.sleep(0.05)
            spent = sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{self.process.pid}/task").glob("*/schedstat"))
            spent, self.before = spent - self.before, spent
            return spent
        self.parts += 1
        subprocess.run(["callgrind_control", "--dump=cell", str(self.process.pid)], capture_output=True, check=True)
        part = self.work / f"cg.out.{self.parts}"
        for _ in range(600):
            found = part.exists() and re.search(r"^(?:totals|summary): (\d+)", part.read_text(), re.M)
            if found:
                part.unlink()
                return int(found[1])
            time.sleep(0.1)
        sys.exit("callgrind gives no counts")


def measure(a, counted):
    rows, bad = {}, []
    for client, upstream, kind, more in cells():
        if a.only and not re.search(a.only, f"{client} {upstream} {kind}"):
            continue
        Upstream.kind = kind
        ask(a.port, client, upstream, more)
        counted.instructions()
        for _ in range(a.requests):
            status, said = ask(a.port, client, upstream, more)
        calls = 3 if kind == "tool" and Upstream.last == "/api/chat" else 1
        per = counted.instructions() / a.requests / (EVENTS * calls)
        seen = said.count(b"~w")
        if status != 200 or (seen < EVENTS and kind != "prose"):
            bad.append(f"{client} on {upstream}, {kind}: status {status}, {seen} words: {said[:300]!r}")
        if per > a.limit and kind in KINDS and not a.cpu:
            bad.append(f"{client} on {upstream}, {kind}: {per:,.0f} instructions an event")
        rows.setdefault((client, Upstream.last), {})[kind] = per
        print(f"{client:20} {Upstream.last:22} {kind:9} {per:10,.0f}", file=sys.stderr, flush=True)
    columns = (*KINDS, "prose", "logprobs")
    print("| client | upstream's path | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 2))
    for (client, path), row in rows.items():
        print(f"| {client} | `{path}` | " + " | ".join(f"{row[k]:,.0f}" if k in row else "-" for k in columns) + " |")
    return bad


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--lingate", required=True)
    ap.add_argument("--port", type=int, default=19300, help="lingate's; the upstream takes the next")
    ap.add_argument("--work", default="bench-work")
    ap.add_argument("--requests", type=int, default=10)
    ap.add_argument("--limit", type=float, default=12000)
    ap.add_argument("--repair", default="auto", choices=("auto", "on", "off"), help="tool_repair of all models: what it costs to watch for calls")
    ap.add_argument("--cpu", action="store_true", help="nanoseconds of CPU in place of instructions, without callgrind")
    ap.add_argument("--only", default="", help="cells whose `client upstream kind` this expression matches")
    a = ap.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", a.port + 1), Upstream)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    counted = Counted(a)
    try:
        for _ in range(600):
            try:
                ask(a.port, "openai_chat", "openai_chat", {})
                break
            except OSError:
                time.sleep(0.1)
        bad = measure(a, counted)
    finally:
        counted.process.terminate()
        counted.process.wait()
    print("\n".join(bad), file=sys.stderr)
    sys.exit(bool(bad))


main()
