"""What is asked in the run, and how the answers are read."""

# The demo models say back what they are told, so this is also the answer.
SAID = "The quick brown fox jumps over the lazy dog."
WEATHER = "Sunny, 24 degrees"

# The members of a chunk that say something.
SAYING = ("content", "reasoning_content", "tool_calls")

# A picture of one pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def user(text):
    return [{"role": "user", "content": text}]


def openai_image(text):
    """A message with a picture, as OpenAI's chat has it."""
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    return [{"role": "user", "content": [{"type": "text", "text": text}, picture]}]


def ollama_image(text):
    """A message with a picture, as Ollama has it."""
    return [{"role": "user", "content": text, "images": [PIXEL]}]


class Chat:
    """A chat answer, whole or put together from a stream."""

    def __init__(self):
        self.content = ""
        self.reasoning = ""
        self.calls = []
        self.finish = None
        self.usage = None
        self.pieces = 0
        self.first = None
        self.last = None

    def piece(self, at, text):
        """A piece of content that came at that second."""
        if text:
            self.pieces += 1
            self.first = at if self.first is None else self.first
            self.last = at
            self.content += text


def from_openai(answer):
    """Reads a whole chat completion."""
    choice = answer["choices"][0]
    chat = Chat()
    chat.content = choice["message"].get("content") or ""
    chat.reasoning = choice["message"].get("reasoning_content") or ""
    chat.calls = [call["function"] for call in choice["message"].get("tool_calls") or []]
    chat.finish = choice["finish_reason"]
    chat.usage = answer.get("usage")
    return chat


def from_openai_stream(stream):
    """Reads the chunks of a streamed chat completion."""
    chat = Chat()
    calls = {}
    for at, chunk in stream.events():
        chat.usage = chunk.get("usage") or chat.usage
        for choice in chunk.get("choices", []):
            delta = choice.get("delta", {})
            chat.piece(at, delta.get("content"))
            chat.reasoning += delta.get("reasoning_content") or ""
            for call in delta.get("tool_calls") or []:
                known = calls.setdefault(call.get("index", 0), {"name": "", "arguments": ""})
                function = call.get("function", {})
                known["name"] += function.get("name") or ""
                known["arguments"] += function.get("arguments") or ""
            chat.finish = choice.get("finish_reason") or chat.finish
    chat.calls = list(calls.values())
    return chat


def from_ollama(events):
    """Reads the lines of an Ollama chat; a whole answer is one line."""
    chat = Chat()
    for at, line in events:
        message = line.get("message", {})
        chat.piece(at, message.get("content"))
        chat.reasoning += message.get("thinking") or ""
        chat.calls += [call["function"] for call in message.get("tool_calls") or []]
        if line.get("done"):
            chat.finish = line.get("done_reason")
            chat.usage = {name: line.get(name) for name in ("prompt_eval_count", "eval_count")}
    return chat


def signs_of_life(stream):
    """What a stream said only to be heard: SSE comments, and chunks that say nothing. Open WebUI makes these of the
    empty lines of an Ollama stream, each with `finish_reason: stop`."""
    comments = sum(line.startswith(":") for _, line in stream.lines)
    choices = [choice for _, chunk in stream.events() for choice in chunk.get("choices", [])]
    silent = [choice for choice in choices if not any(choice["delta"].get(name) for name in SAYING)]
    return comments + len(silent)


def counted(usage):
    """Whether input and output were counted, in whichever words."""
    words = usage or {}
    inputs = words.get("prompt_tokens") or words.get("input_tokens") or words.get("prompt_eval_count")
    outputs = words.get("completion_tokens") or words.get("output_tokens") or words.get("eval_count")
    return bool(inputs and outputs)
