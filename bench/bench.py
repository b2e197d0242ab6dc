#!/usr/bin/env python3
"""Measures LLM gateways side by side against one mock upstream. See README.md."""

import argparse, datetime, http.client, json, os, platform, re, secrets, signal, socket, statistics, subprocess, sys, time
from pathlib import Path

HERE = Path(__file__).resolve().parent
HZ = os.sysconf("SC_CLK_TCK")

# ---------------------------------------------------------------- workloads

def body_small(model, stream=False, kib=1):
    """A chat request of about `kib` KiB."""
    b = {"model": model, "user": "b0000000000", "max_tokens": 512, "temperature": 0.7,
         "messages": [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": ""}]}
    if stream:
        b["stream"] = True
        b["stream_options"] = {"include_usage": True}
    pad = max(0, kib * 1024 - len(json.dumps(b, separators=(",", ":"))))
    b["messages"][1]["content"] = ("The quick brown fox jumps over the lazy dog. " * (pad // 45 + 1))[:pad]
    return b


def body_long(model):
    """A 200 KB request with 100 messages."""
    text = ("Line with \"quotes\", a tab\t, a newline\n and a little UTF-8: \u00e9\u00fc\u4f60. " * 40)
    return {"model": model, "user": "b0000000000", "max_tokens": 512,
            "messages": [{"role": ("user", "assistant")[i % 2], "content": text[:1930]} for i in range(100)] + [{"role": "user", "content": "go on"}]}


def body_ollama(model):
    return {"model": model, "stream": True, "options": {"temperature": 0.7},
            "messages": [{"role": "user", "content": "The quick brown fox jumps over the lazy dog. " * 20}]}


def body_anthropic(model):
    return {"model": model, "stream": True, "max_tokens": 512,
            "messages": [{"role": "user", "content": "The quick brown fox jumps over the lazy dog. " * 20}]}


def body_responses(model):
    return {"model": model, "stream": True, "store": False, "input": "The quick brown fox jumps over the lazy dog. " * 20}


def with_tool(body, own):
    """The body with a tool in the dialect's own form: text is then watched for calls, where tool repair is on."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    if own == "anthropic":
        return body | {"tools": [{"name": "get_weather", "input_schema": schema}]}
    if own == "responses":
        return body | {"tools": [{"type": "function", "name": "get_weather", "parameters": schema}]}
    return body | {"tools": [{"type": "function", "function": {"name": "get_weather", "parameters": schema}}]}


STREAM = dict(mode="stream", expect=200, end="[DONE]")
WORKLOADS = {
    # name: body, path, mock settings, loadgen settings. `unit` is what the CPU cost is divided by. `count`: numbers of requests
    # that icount compares where the mock's pace makes others take too long, and a pace at which no events meet in a target under valgrind.
    "W1": dict(title="chat 1 KB / 1 KB, closed loop", body=lambda m: body_small(m), path="/v1/chat/completions",
               mock=dict(full_size=700), mode="full", end='"stop"', expect=1, conns=32, unit="request"),
    "W1r": dict(title="chat 1 KB / 1 KB, fixed rate", body=lambda m: body_small(m), path="/v1/chat/completions",
                mock=dict(full_size=700), mode="full", end='"stop"', expect=1, conns=64, rate=40, secs=5, unit="request"),
    "W2": dict(title="chat stream of 200 chunks, upstream unpaced", body=lambda m: body_small(m, True), path="/v1/chat/completions",
               mock=dict(chunks=200, delay_us=0), conns=16, unit="chunk", **STREAM),
    "W2p": dict(title="chat stream of 200 chunks, one per 10 ms, 20 at a time", body=lambda m: body_small(m, True), path="/v1/chat/completions",
                mock=dict(chunks=200, delay_us=10000), conns=20, requests=20, count=(20, 40, dict(delay_us=30000)), unit="chunk", **STREAM),
    "W3": dict(title="OpenAI client, Anthropic upstream, stream of 200 chunks, unpaced", body=lambda m: body_small(m, True), path="/v1/chat/completions",
               mock=dict(chunks=200, delay_us=0), conns=16, unit="chunk", model="claude-mock", **STREAM),
    "W3b": dict(title="Anthropic client, OpenAI upstream, stream of 200 chunks, unpaced", body=body_anthropic, path="/v1/messages",
                mock=dict(chunks=200, delay_us=0), conns=16, unit="chunk", mode="stream", expect=200, end="message_stop",
                headers=["anthropic-version: 2023-06-01", "x-api-key: @@KEY@@"]),
    "W4": dict(title="Ollama client, OpenAI upstream, stream of 200 chunks, unpaced", body=body_ollama, path="/api/chat",
               mock=dict(chunks=200, delay_us=0), conns=16, unit="chunk", mode="stream", expect=200, end='"done":true'),
    "W5": dict(title="chat with 200 KB request body, closed loop", body=body_long, path="/v1/chat/completions",
               mock=dict(full_size=700), mode="full", end='"stop"', expect=1, conns=8, unit="request"),
    "W6": dict(title="1000 streams at once, a chunk per 500 ms", body=lambda m: body_small(m, True), path="/v1/chat/completions",
               mock=dict(chunks=20, delay_us=500000), mode="stream", expect=20, end="[DONE]", conns=1000, requests=1000, ramp=2, unit="chunk"),
}
# The same stream relayed, with and without being watched for calls that it does not hold.
REPAIR = {
    "W7": dict(title="chat", body=lambda m: with_tool(body_small(m, True), "openai"), path="/v1/chat/completions", **STREAM),
    "W7a": dict(title="Anthropic", body=lambda m: with_tool(body_anthropic(m), "anthropic"), path="/v1/messages", mode="stream", expect=200,
                end="message_stop", headers=["anthropic-version: 2023-06-01", "x-api-key: @@KEY@@"]),
    "W7r": dict(title="Responses", body=lambda m: with_tool(body_responses(m), "responses"), path="/v1/responses", mode="stream", expect=200,
                end="response.completed"),
    "W7o": dict(title="Ollama", body=lambda m: with_tool(body_ollama(m), "ollama"), path="/api/chat", mode="stream", expect=200, end='"done":true'),
}
for _name, _wl in REPAIR.items():
    for _way in ("off", "on"):
        WORKLOADS[f"{_name}-{_way}"] = dict(_wl, title=f"{_wl['title']} relay with a tool, tool_repair: {_way}", mock=dict(chunks=200, delay_us=0), conns=16,
                                            unit="chunk", model=f"{_wl['title'].lower()}-{_way}")

# ---------------------------------------------------------------- processes

def free_port(p):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", p))
        except OSError:
            sys.exit(f"port {p} is taken by someone else; choose another --base-port")


def tree(sid):
    """Process ids of a session (each target is started as its own)."""
    out = []
    for d in os.listdir("/proc"):
        if d.isdigit():
            try:
                f = Path(f"/proc/{d}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(f[3]) == sid and f[0] != "Z":
                out.append(int(d))
    return out


class Cpu:
    """CPU time of a session's processes: exact from schedstat, or (where threads ended meanwhile) from stat, in ticks."""

    def __init__(self, sid):
        self.user = self.sys = self.exact = 0.0
        for p in tree(sid) if sid else []:
            try:
                f = Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()
                self.user += (int(f[11]) + int(f[13])) / HZ
                self.sys += (int(f[12]) + int(f[14])) / HZ
                for t in os.listdir(f"/proc/{p}/task"):
                    self.exact += int(Path(f"/proc/{p}/task/{t}/schedstat").read_text().split()[0]) / 1e9
            except OSError:
                continue

    def since(self, old):
        """(total seconds, user share)"""
        u, s, e = self.user - old.user, self.sys - old.sys, self.exact - old.exact
        return (e if e >= 0.9 * (u + s) - 0.02 else u + s), (u / (u + s) if u + s else None)


def mem_mib(sid):
    rss = pss = 0
    for p in tree(sid):
        try:
            t = Path(f"/proc/{p}/smaps_rollup").read_text()
        except OSError:
            continue
        rss += int(re.search(r"^Rss:\s+(\d+)", t, re.M)[1])
        pss += int(re.search(r"^Pss:\s+(\d+)", t, re.M)[1])
    return round(rss / 1024, 1), round(pss / 1024, 1)


def machine():
    f = [int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(f[:8]) - f[3] - f[4]) / HZ, f[7] / HZ  # busy (with steal), steal


def autogroup(pid, nice):
    """Where the kernel groups tasks by session, plain niceness counts only inside the session."""
    if nice:
        try:
            Path(f"/proc/{pid}/autogroup").write_text(str(nice))
        except OSError:
            pass


class Proc:
    all = []

    def __init__(self, argv, cores, log, env=None, nice=0):
        e = dict(os.environ, **(env or {}))
        pre = ["taskset", "-c", cores] + (["nice", "-n", str(nice)] if nice else [])
        self.t0 = time.monotonic()
        self.p = subprocess.Popen(pre + argv, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=e, start_new_session=True)
        self.sid = self.p.pid
        autogroup(self.p.pid, nice)
        Proc.all.append(self)

    def stop(self):
        if self in Proc.all:
            Proc.all.remove(self)
        for sig, wait in ((signal.SIGTERM, 8), (signal.SIGKILL, 5)):
            for p in tree(self.sid):
                try:
                    os.kill(p, sig)
                except OSError:
                    pass
            end = time.monotonic() + wait
            while time.monotonic() < end and tree(self.sid):
                self.p.poll()
                time.sleep(0.02)
        self.p.wait()


def ask(port, method, path, body=None, headers=None, timeout=30):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        c.request(method, path, body, headers or {})
        r = c.getresponse()
        return r.status, r.read()
    finally:
        c.close()

# ---------------------------------------------------------------- one run

class Bench:
    def __init__(self, a):
        self.a = a
        self.work = Path(a.work).resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        self.bin = Path(a.bin_dir).resolve()
        self.targets = json.loads((HERE / "targets" / "targets.json").read_text())
        if a.targets_file:
            self.targets |= json.loads(Path(a.targets_file).read_text())
        self.paths = dict(kv.split("=", 1) for kv in a.set)
        self.key = "sk-" + secrets.token_hex(32)  # the clients' key in this run
        self.mock_port = a.base_port
        self.mock = None

    def names(self, default):
        names = [n for n in self.a.targets.split(",") if n] or default
        works = [w for w in self.a.workloads.split(",") if w]
        for what, given, known in (("target", names, self.targets), ("workload", works, WORKLOADS)):
            for n in given:
                if n not in known:
                    sys.exit(f"unknown {what} {n!r}; known: {', '.join(known)}")
        return names, works

    def start_mock(self):
        free_port(self.mock_port)
        self.mock = Proc([str(self.bin / "mockllm"), "--port", str(self.mock_port)], self.a.load_core, open(self.work / "mock.log", "w"), nice=self.a.nice)
        for _ in range(200):
            try:
                return ask(self.mock_port, "GET", "/__stats")
            except OSError:
                time.sleep(0.02)
        sys.exit("the mock does not start")

    def fill(self, s, port):
        v = dict(self.paths, PORT=port, UP=self.mock_port, WORK=self.work, BIN=self.bin, HERE=HERE / "targets", CORE=self.a.gw_core, KEY=self.key)
        def sub(m):
            if m[1] not in v:
                raise KeyError(f"--set {m[1]}=... is needed")
            return str(v[m[1]])
        return re.sub(r"@@([A-Za-z_0-9]+)@@", sub, s)

    def start_target(self, name, port, wrap=None):
        port0 = port
        t = self.targets[name]
        if not t.get("cmd"):
            return None, 0.0, self.mock_port
        free_port(port)
        for src, dst in t.get("files", {}).items():
            base = HERE / "targets" if (HERE / "targets" / src).exists() else Path(self.a.targets_file).resolve().parent
            (self.work / self.fill(dst, port)).write_text(self.fill((base / src).read_text(), port))
        argv = (wrap or []) + [self.fill(x, port) for x in t["cmd"] + (t.get("icount_args", []) if wrap else [])]
        env = {k: self.fill(v, port) for k, v in t.get("env", {}).items()}
        p = Proc(argv, t.get("cores", self.a.gw_core), open(self.work / f"{name}.log", "w"), env, self.a.nice)
        path, hs, body = self.request(name, "W1", port)
        h = {"content-type": "application/json"} | dict(x.split(": ", 1) for x in hs)
        end = time.monotonic() + t.get("start_s", 90) * (30 if wrap else 1)
        while time.monotonic() < end:
            try:
                if "port_file" in t:  # a target that chooses its own port writes it there
                    f = Path(self.fill(t["port_file"], port0))
                    port = int(f.read_text()) if f.exists() and f.read_text().strip() else port
                st, data = ask(port, "POST", path, body, h)
                if st == 200 and b"~w" in data:
                    return p, time.monotonic() - p.t0, port
                last = f"{st} {data[:200]!r}"
            except (OSError, http.client.HTTPException) as e:
                last = repr(e)
            if p.p.poll() is not None:
                break
            time.sleep(0.005)
        p.stop()
        raise RuntimeError(f"{name} did not answer: {last}")

    def request(self, name, w, port):
        t, wl = self.targets[name], WORKLOADS[w]
        o = dict(t.get("all", {}), **t.get("per", {}).get(w, {}))
        model = o.get("model") or wl.get("model", "mock-model")
        body = json.dumps(wl["body"](model), separators=(",", ":"), ensure_ascii=False).encode()
        hs = [self.fill(h, port) for h in wl.get("headers", []) + o.get("headers", ["authorization: Bearer @@KEY@@"])]
        return o.get("path", wl["path"]), hs, body

    def load(self, name, w, port, **over):
        t = self.targets[name]
        wl = dict(WORKLOADS[w], **over)
        wl["end"] = dict(t.get("all", {}), **t.get("per", {}).get(w, {})).get("end", wl["end"])
        path, hs, body = self.request(name, w, port)
        f = self.work / f"body-{w}-{name}.json"
        f.write_bytes(body)
        argv = ["taskset", "-c", self.a.load_core] + (["nice", "-n", str(self.a.nice)] if self.a.nice else [])
        argv += [str(self.bin / "loadgen"), "--url", f"http://127.0.0.1:{port}{path}", "--body", str(f), "--mode", wl["mode"],
                 "--expect", str(wl["expect"]), "--end", wl["end"], "--conns", str(wl["conns"])]
        for h in hs:
            argv += ["--header", h]
        if "requests" in wl:
            argv += ["--requests", str(wl["requests"])]
        else:
            argv += ["--secs", str(wl.get("secs", self.a.secs))]
        if "rate" in wl:
            argv += ["--rate", str(wl["rate"])]
        if "ramp" in wl:
            argv += ["--ramp-secs", str(wl["ramp"])]
        return argv

    def measure(self, name, w, proc, port):
        wl = WORKLOADS[w]
        ask(self.mock_port, "POST", "/__config?" + "&".join(f"{k}={v}" for k, v in wl["mock"].items()))
        if "requests" not in wl:  # warm up
            subprocess.run(self.load(name, w, port, secs=self.a.warm), capture_output=True)
        ask(self.mock_port, "POST", "/__config?x=0")
        sid = proc.sid if proc else 0
        c0, m0, (b0, s0), t0, l0 = Cpu(sid), Cpu(self.mock.sid), machine(), time.monotonic(), os.times()
        lg = subprocess.Popen(self.load(name, w, port), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        autogroup(lg.pid, self.a.nice)
        mem = (0, 0)
        if w == "W6" and proc:
            while lg.poll() is None:
                mem = max(mem, mem_mib(proc.sid), key=lambda x: x[1])
                time.sleep(1)
        out, err = lg.communicate()
        wall = time.monotonic() - t0
        l1 = os.times()  # children_*: of reaped children, here the generator
        lc = l1.children_user + l1.children_system - l0.children_user - l0.children_system
        (cpu, share), mc, (b1, s1) = Cpu(sid).since(c0), Cpu(self.mock.sid).since(m0)[0], machine()
        try:
            r = json.loads(out)
        except ValueError:
            return {"failed": (out + err)[:300]}
        st = json.loads(ask(self.mock_port, "GET", "/__stats")[1])
        n = r["ok"] * (wl["expect"] if wl["unit"] == "chunk" else 1)
        res = {
            # Long answers end after the window: count them over the whole time.
            "rps": r["rps"] if wl["unit"] == "request" else r["ok"] / r["wall_s"], "ok": r["ok"], "errors": r["errors"], "error_kinds": r["error_kinds"],
            "cpu_us_per_unit": cpu / n * 1e6 if n else None, "user_share": share,
            "cpu_us_per_request": cpu / r["ok"] * 1e6 if r["ok"] else None,
            "gw_cpu_s": cpu, "mock_cpu_s": mc, "load_cpu_s": lc, "wall_s": wall,
            "latency_us": r["latency_us"], "ttft_us": r["ttft_us"], "gap_us": r["gap_us"], "lag_us": r["lag_us"],
            "upstream_requests": st["requests"], "sent_requests": r["started"], "upstream_conns_max": st["open_max"],
            "once_each": st["requests"] == r["started"],
            "busy_other": ((b1 - b0) - cpu - mc - lc) / wall, "steal": (s1 - s0) / wall,
        }
        if w == "W6":
            res["mem_mib"] = mem
        if r["errors"]:
            res["sample"] = r["sample"]
        return res

    def run(self):
        a = self.a
        names, works = self.names(list(self.targets))
        self.start_mock()
        rounds, bad = [], {}
        try:
            for rnd in range(a.rounds):
                row = {}
                order = names if rnd % 2 == 0 else names[::-1]
                for name in order:
                    if bad.get(name, 0) > 1:
                        continue
                    t = self.targets[name]
                    try:
                        proc, start, port = self.start_target(name, self.mock_port + 10 + names.index(name) * 2)
                    except (RuntimeError, KeyError, OSError) as e:
                        print(f"  {name}: {e}", flush=True)
                        bad[name] = bad.get(name, 0) + 1
                        continue
                    res = {"start_s": start}
                    if proc:
                        time.sleep(1)
                        res["idle_mib"] = mem_mib(proc.sid)
                    for w in works:
                        if w not in t["workloads"]:
                            continue
                        m = res[w] = self.measure(name, w, proc, port)
                        print(f"{rnd} {name:16} {w:4} " + (m.get("failed") or
                              f"{m['rps']:9.1f}/s cpu {m['cpu_us_per_unit'] or 0:9.2f} us/{WORKLOADS[w]['unit']:7} p50 {m['latency_us']['p50']:9.0f} p99 {m['latency_us']['p99']:9.0f}"
                              f" ttft50 {m['ttft_us']['p50']:8.0f} err {m['errors']} once {m['once_each']} other {m['busy_other']:.2f}"), flush=True)
                        if m.get("error_kinds"):
                            print("      ", m["error_kinds"], m.get("sample", "")[:200], flush=True)
                    if proc:
                        res["end_mib"] = mem_mib(proc.sid)
                        proc.stop()
                    row[name] = res
                rounds.append(row)
                Path(a.out).write_text(json.dumps({"when": datetime.datetime.now(datetime.timezone.utc).isoformat(), "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "kernel": platform.release()},
                                                   "args": {k: v for k, v in vars(a).items() if k in ("rounds", "secs", "warm", "nice", "gw_core", "load_core", "workloads")}, "rounds": rounds}, indent=1))
        finally:
            for p in list(Proc.all):
                p.stop()
        print(table(rounds, a.limit))

    def icount(self):
        """User-space instructions per request/chunk by callgrind, or system calls by strace: they hardly depend on the machine's load."""
        st, cg = self.work / "strace.out", self.work / "cg.%p"
        wrap = {"callgrind": ["valgrind", "--tool=callgrind", "--trace-children=yes", f"--callgrind-out-file={cg}"],
                "strace": ["strace", "-f", "-c", "-o", str(st)]}[self.a.counter]
        unit_name = {"callgrind": "instructions", "strace": "system calls"}[self.a.counter]
        names, works = self.names(["rawproxy"])
        self.start_mock()
        try:
            for name in names:
                t = self.targets[name]
                if not t.get("cmd"):
                    print(f"{name:16} has no process to count", flush=True)
                    continue
                for w in works:
                    if w not in t["workloads"]:
                        continue
                    counts, (n1, n2, pace) = [], WORKLOADS[w].get("count", (self.a.n1, self.a.n2, {}))
                    for n in (n1, n2):
                        for f in [st, *self.work.glob("cg.*")]:
                            f.unlink(missing_ok=True)
                        proc, _, port = self.start_target(name, self.mock_port + 8, wrap)
                        ask(self.mock_port, "POST", "/__config?" + "&".join(f"{k}={v}" for k, v in dict(WORKLOADS[w]["mock"], **pace).items()))
                        over = {} if "requests" in WORKLOADS[w] else {"conns": self.a.count_conns}
                        r = subprocess.run(self.load(name, w, port, requests=n, **over), capture_output=True, text=True)
                        proc.stop()
                        if r.returncode:
                            print(name, w, r.stdout[:300])
                        if self.a.counter == "strace":
                            counts.append(int(re.search(r"(\d+)\s+(?:\d+\s+)?total$", st.read_text(), re.M)[1]))
                        else:
                            counts.append(sum(int(re.search(r"^(?:totals|summary): (\d+)", f.read_text(), re.M)[1]) for f in self.work.glob("cg.*")))
                    per = (counts[1] - counts[0]) / (n2 - n1)
                    chunk = f", {per / WORKLOADS[w]['expect']:10.2f} per chunk" if WORKLOADS[w]["unit"] == "chunk" else ""
                    print(f"{name:16} {w:4} {per:14.1f} {unit_name} per request{chunk}", flush=True)
        finally:
            for p in list(Proc.all):
                p.stop()

# ---------------------------------------------------------------- report

def cpu_model():
    m = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    return m[1] if m else platform.machine()


def med(rounds, name, *keys):
    vals = []
    for r in rounds:
        v = r.get(name)
        for k in keys:
            v = v[k] if isinstance(v, (list, tuple)) else (v or {}).get(k)
            if v is None:
                break
        if v is not None:
            vals.append(v)
    if not vals:
        return None, None
    return statistics.median(vals), min(vals)


def table(rounds, limit="nginx"):
    names = sorted({n for r in rounds for n in r}, key=lambda n: (n != "direct", med(rounds, n, "W1", "cpu_us_per_unit")[0] or 0))
    out = []
    def fmt(v, d=1):
        return "-" if v is None else f"{v:,.{d}f}"
    out.append("\n## start-up and memory (median)\n\n| target | first answer s | idle PSS MiB | PSS at 1000 streams MiB | after all MiB |\n|---|---|---|---|---|")
    for n in names:
        out.append(f"| {n} | {fmt(med(rounds, n, 'start_s')[0], 3)} | {fmt(med(rounds, n, 'idle_mib', 1)[0])} | {fmt(med(rounds, n, 'W6', 'mem_mib', 1)[0])} | {fmt(med(rounds, n, 'end_mib', 1)[0])} |")
    for w, wl in WORKLOADS.items():
        rows = [n for n in names if med(rounds, n, w, "rps")[0] is not None]
        if not rows:
            continue
        base, base_lo = med(rounds, limit, w, "cpu_us_per_unit")
        dl = {q: med(rounds, "direct", w, "latency_us", q)[0] for q in ("p50", "p99")}
        out.append(f"\n## {w}: {wl['title']}\n\n| target | req/s | CPU us/{wl['unit']} | lowest | x {limit} | x {limit} of lowest | p50 us | p99 us | added p50 | added p99 | TTFT p50 | gap p99 | errors | once each |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
        for n in rows:
            g = lambda *k: med(rounds, n, w, *k)[0]
            c, lo = med(rounds, n, w, "cpu_us_per_unit")
            add = [None if dl[q] is None or n == "direct" else g("latency_us", q) - dl[q] for q in ("p50", "p99")]
            errs = sum((r.get(n, {}).get(w) or {}).get("errors", 0) for r in rounds)
            once = all((r.get(n, {}).get(w) or {}).get("once_each", True) for r in rounds)
            out.append(f"| {n} | {fmt(g('rps'))} | {fmt(c or None, 2)} | {fmt(lo or None, 2)} | {fmt(c / base if base and c else None, 2)} | {fmt(lo / base_lo if base_lo and lo else None, 2)} | {fmt(g('latency_us', 'p50'), 0)} | {fmt(g('latency_us', 'p99'), 0)} | {fmt(add[0], 0)} | {fmt(add[1], 0)} | {fmt(g('ttft_us', 'p50'), 0)} | {fmt(g('gap_us', 'p99'), 0) if wl['mode'] == 'stream' else '-'} | {errs} | {'yes' if once else 'NO'} |")
    for w, wl in REPAIR.items():
        for n in names:
            off, on = (med(rounds, n, f"{w}-{way}", "cpu_us_per_unit")[1] for way in ("off", "on"))
            if off and on:
                out.append(f"\n{n}: watching the {wl['title']} relay costs {on - off:+.3f} us of {off:.2f} us/chunk, {100 * (on / off - 1):+.1f} % (lowest of the rounds)")
    return "\n".join(out)


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("what", choices=["run", "icount", "table"])
    ap.add_argument("--targets", default="", help="comma-separated; default all known")
    ap.add_argument("--workloads", default="W1,W1r,W2,W2p,W3,W3b,W4,W5,W6")
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--secs", type=float, default=3)
    ap.add_argument("--warm", type=float, default=1)
    ap.add_argument("--base-port", type=int, default=19100)
    ap.add_argument("--gw-core", default="0")
    ap.add_argument("--load-core", default="1")
    ap.add_argument("--nice", type=int, default=0)
    ap.add_argument("--bin-dir", default=str(HERE / "target" / "release"))
    ap.add_argument("--work", default="bench-work")
    ap.add_argument("--out", default="bench-result.json")
    ap.add_argument("--limit", default="nginx", help="the target that ratios refer to")
    ap.add_argument("--targets-file", help="more targets, same form as targets/targets.json")
    ap.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="value for @@NAME@@ in commands and files")
    ap.add_argument("--counter", choices=["callgrind", "strace"], default="callgrind", help="for icount")
    ap.add_argument("--count-conns", type=int, default=1, help="connections during icount")
    ap.add_argument("--n1", type=int, default=100)
    ap.add_argument("--n2", type=int, default=400)
    a = ap.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if a.what == "table":
        print(table(json.loads(Path(a.out).read_text())["rounds"], a.limit))
    else:
        getattr(Bench(a), a.what)()


main()
