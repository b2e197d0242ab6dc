"""Embeddings and token counts, on both sides of Open WebUI."""

import base64
import struct

import as_client
import samples
import web
from report import short

TEXTS = [samples.SAID, "Sunny, 24 degrees", samples.SAID]
# Longer than the pieces that Open WebUI cuts texts into, so that there are three to choose from.
PARTS = [
    "The lighthouse keeper counts ships. " * 20,
    f"{samples.SAID} " * 16,
    "Bread wants flour, water and salt. " * 20,
]


def kind_of(vectors):
    """What was seen of vectors."""
    return f"{len(vectors)} vectors, {len(vectors[0]) if vectors else 0} numbers each"


def sound(vectors):
    """As many as texts, the same for the same text, another one for another."""
    if len(vectors) != len(TEXTS) or len(vectors[0]) < 2:
        return False
    return near(vectors[0], vectors[2]) and not near(vectors[0], vectors[1])


def near(one, other):
    """Whether two vectors are the same but for rounding."""
    return len(one) == len(other) and all(abs(a - b) < 1e-5 for a, b in zip(one, other))


def of_openai(reply):
    """The vectors of an answer in OpenAI's form, numbers or base64; none if it is an error."""
    found = [item["embedding"] for item in reply.json().get("data", [])] if reply.status == 200 else []
    return [decoded(vector) if isinstance(vector, str) else vector for vector in found]


def decoded(text):
    """32-bit floats, little endian, in base64."""
    raw = base64.b64decode(text)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def check(report, name, reply, vectors, good):
    """A check of vectors; an error shows as it came."""
    report.check(name, good, kind_of(vectors) if vectors else f"{reply.status} {short(reply.text)}")


def as_a_client(report, client):
    """Open WebUI's routes for embeddings, over both kinds of connection."""
    report.section("Open WebUI as a client: embeddings")
    for kind, model in (("OpenAI", f"{as_client.OPENAI}.assistant"), ("Ollama", "assistant")):
        reply = client.post("/api/embeddings", {"model": model, "input": TEXTS})
        vectors = of_openai(reply)
        check(report, f"POST /api/embeddings, {kind} connection", reply, vectors, sound(vectors))
    body = {"model": f"{as_client.OPENAI}.assistant", "input": TEXTS, "encoding_format": "base64"}
    reply = client.post("/api/embeddings", body)
    as_text = reply.status == 200 and isinstance(reply.json()["data"][0]["embedding"], str)
    vectors = of_openai(reply)
    check(report, "POST /api/embeddings, OpenAI connection, base64", reply, vectors, as_text and sound(vectors))
    reply = client.post("/ollama/v1/embeddings", {"model": "assistant", "input": TEXTS})
    vectors = of_openai(reply)
    check(report, "POST /ollama/v1/embeddings", reply, vectors, sound(vectors))
    ollama_routes(report, lambda path, body: client.post(f"/ollama{path}", body), "/ollama", "assistant")
    reply = client.post("/api/embeddings", {"model": f"{as_client.OPENAI}.failing", "input": TEXTS})
    good = reply.status == 500 and "demo-error" in reply.text
    report.check("an upstream's error", good, f"{reply.status} {short(reply.text)}")


def ollama_routes(report, post, shown, model):
    """Ollama's two routes."""
    reply = post("/api/embed", {"model": model, "input": TEXTS})
    vectors = reply.json().get("embeddings") or []
    check(report, f"POST {shown}/api/embed, {model}", reply, vectors, sound(vectors))
    reply = post("/api/embeddings", {"model": model, "prompt": TEXTS[0]})
    vector = reply.json().get("embedding") or []
    good = bool(vectors) and near(vector, vectors[0])
    check(report, f"POST {shown}/api/embeddings, {model}", reply, [vector] if vector else [], good)


def documents(report, client, gateway, key):
    """Open WebUI's documents: it asks lingate for the vectors of a text's parts and of a question; the part is found."""
    report.section("Open WebUI as a client: its documents")
    for engine, url in (("openai", f"{gateway.url}/v1"), ("ollama", gateway.url)):
        saved = client.post(
            "/api/v1/retrieval/embedding/update",
            {
                "RAG_EMBEDDING_ENGINE": engine,
                "RAG_EMBEDDING_MODEL": "assistant",
                "RAG_EMBEDDING_BATCH_SIZE": 2,
                f"{engine}_config": {"url": url, "key": key},
            },
        )
        report.check(f"engine {engine}: saved", saved.status == 200, saved.status)
        # Another text for each engine: Open WebUI names the collection by it.
        text = "\n\n".join([*PARTS, f"Written down for {engine}."])
        made = client.post("/api/v1/retrieval/process/text", {"name": "parts", "content": text})
        if not report.check(f"engine {engine}: a text is taken in", made.status == 200, short(made.text, 120)):
            continue
        query = {"collection_name": made.json()["collection_name"], "query": samples.SAID, "k": 1}
        found = client.post("/api/v1/retrieval/query/doc", query)
        nearest = found.json()["documents"][0][0] if found.status == 200 else ""
        good = samples.SAID in nearest and "lighthouse" not in nearest and "flour" not in nearest
        report.check(f"engine {engine}: the right part is found", good, short(nearest or found.text, 80))


def count_as_a_client(report, client):
    """Open WebUI's route for token counts, which asks its OpenAI connection."""
    report.section("Open WebUI as a client: POST /api/v1/messages/count_tokens")
    body = {"model": f"{as_client.OPENAI}.assistant", "messages": samples.user(samples.SAID)}
    counted(report, "a count", client.post("/api/v1/messages/count_tokens", body))


def counted(report, name, reply):
    """A count is right if it is about that of the words."""
    count = reply.json().get("input_tokens") if reply.status == 200 else None
    good = isinstance(count, int) and 5 <= count <= 50
    seen = f"{count}, estimated: {reply.headers.get('x-lingate-estimated') or 'not said'}"
    report.check(name, good, seen if good else f"{reply.status} {short(reply.text)}")


def in_front(report, gateway):
    """lingate's routes for embeddings and token counts, with Open WebUI behind it."""
    report.section("lingate in front of Open WebUI: embeddings and token counts")
    for model in ("assistant", f"{as_client.OPENAI}.assistant"):
        for form in ("float", "base64"):
            body = {"model": model, "input": TEXTS, "encoding_format": form}
            reply = web.post(f"{gateway.url}/v1/embeddings", body)
            vectors = of_openai(reply)
            as_text = bool(vectors) and isinstance(reply.json()["data"][0]["embedding"], str)
            good = sound(vectors) and as_text == (form == "base64") if vectors else False
            check(report, f"POST /v1/embeddings, {model}, {form}", reply, vectors, good)
        ollama_routes(report, lambda path, body: web.post(gateway.url + path, body), "", model)
    for model in ("assistant", f"{as_client.OPENAI}.assistant"):
        body = {"model": model, "messages": samples.user(samples.SAID)}
        reply = web.post(f"{gateway.url}/v1/messages/count_tokens", body)
        counted(report, f"POST /v1/messages/count_tokens, {model}", reply)
