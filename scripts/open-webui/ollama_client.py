"""Talks to an Ollama server by the official Python client; runs in the environment that has it.

Takes the server's URL and a model; prints one JSON object with what it saw.
"""

import json
import sys

import ollama
import samples


def main():
    url, model = sys.argv[1:]
    client = ollama.Client(host=url, trust_env=False)
    listed = [entry.model for entry in client.list().models]
    whole = client.chat(model=model, messages=samples.user(samples.SAID))
    pieces = list(client.chat(model=model, messages=samples.user(samples.SAID), stream=True))
    generated = client.generate(model=model, prompt=samples.SAID)
    picture = client.chat(model=model, messages=samples.ollama_image("What is this?"))
    seen = {
        "listed": listed,
        "capabilities": client.show(model).capabilities,
        "whole": whole.message.content,
        "streamed": "".join(piece.message.content or "" for piece in pieces),
        "pieces": len(pieces),
        "done": pieces[-1].done,
        "done_reason": pieces[-1].done_reason,
        "counts": [pieces[-1].prompt_eval_count, pieces[-1].eval_count],
        "generated": generated.response,
        "picture": picture.message.content,
        "running": len(client.ps().models),
    }
    try:
        client.chat(model="no-such-model", messages=samples.user("Hi"))
        seen["unknown"] = "answered"
    except ollama.ResponseError as error:
        seen["unknown"] = f"{error.status_code} {error.error}"
    print(json.dumps(seen))


main()
