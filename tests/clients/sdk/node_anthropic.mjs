// npm's @anthropic-ai/sdk against the gateway.

import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { z } from "zod";
import {
  ANSWER, BACKENDS, CITIES, FIRST_WORD, HELLO, INSTANCE, KEY, PNG, SIGNATURE, SYSTEM, THOUGHT, TOOL, URL_, USAGE,
  WEATHER, WEATHER_ANSWER, all, check, eachBackend, eachKind, raised, raisedAfterWords, run,
} from "./checks.mjs";

const client = new Anthropic({ baseURL: URL_, apiKey: KEY, maxRetries: 0, timeout: 20000 });
const tools = [{ name: TOOL.name, description: TOOL.description, input_schema: TOOL.parameters }];
const Weather = z.object({ city: z.string(), degrees: z.number().int() });

function wish(backend, said = HELLO, more = {}) {
  return {
    model: `${backend}-talk`, max_tokens: 1000, system: SYSTEM, messages: [{ role: "user", content: said }], ...more,
  };
}

function checkAnswer(message, backend) {
  assert.deepEqual(message.content.map((block) => [block.type, block.text]), [["text", ANSWER]]);
  assert.equal(message.stop_reason, "end_turn");
  assert.equal(message.model, `${backend}-talk`);
  const cached = backend === "ollama" ? 0 : USAGE.cached;
  assert.equal(message.usage.input_tokens, USAGE.input - cached);
  assert.equal(message.usage.cache_read_input_tokens ?? 0, cached);
  assert.equal(message.usage.output_tokens, USAGE.output);
}

async function* words(stream) {
  for await (const event of stream) if (event.type === "content_block_delta") yield event.delta.text;
}

check("models", async () => {
  const names = (await all(client.models.list())).map((model) => model.id);
  for (const backend of BACKENDS) assert(names.includes(`${backend}-talk`));
});

eachKind("message_whole", async (backend) => checkAnswer(await client.messages.create(wish(backend)), backend));

eachKind("message_stream_helper", async (backend) => {
  const stream = client.messages.stream(wish(backend));
  const texts = [];
  stream.on("text", (text) => texts.push(text));
  checkAnswer(await stream.finalMessage(), backend);
  assert(texts.length > 3);
  assert.equal(texts.join(""), ANSWER);
});

eachBackend("message_stream_events", async (backend) => {
  const events = await all(await client.messages.create(wish(backend, HELLO, { stream: true })));
  assert.equal(events[0].type, "message_start");
  assert.equal(events.at(-1).type, "message_stop");
});

eachKind("tools_whole", async (backend) => {
  const asking = wish(backend, WEATHER, { tools });
  const first = await client.messages.create(asking);
  assert.equal(first.stop_reason, "tool_use");
  const calls = first.content.filter((block) => block.type === "tool_use");
  const results = calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: CITIES[call.input.city] }));
  const turns = [{ role: "assistant", content: first.content }, { role: "user", content: results }];
  const second = await client.messages.create({ ...asking, messages: [...asking.messages, ...turns] });
  assert.equal(second.content[0].text, WEATHER_ANSWER);
});

eachBackend("tools_runner", async (backend) => {
  const asked = [];
  const inputSchema = z.object({ city: z.string() });
  const run = ({ city }) => (asked.push(city), CITIES[city]);
  const tool = betaZodTool({ name: TOOL.name, description: TOOL.description, inputSchema, run });
  for (const stream of [false, true]) {
    const runner = client.beta.messages.toolRunner(wish(backend, WEATHER, { tools: [tool], stream }));
    assert.equal((await runner.runUntilDone()).content[0].text, WEATHER_ANSWER);
  }
  assert.deepEqual(asked.toSorted(), ["Oslo", "Oslo", "Rome", "Rome"]);
});

eachBackend("image", async (backend) => {
  const source = { type: "base64", media_type: "image/png", data: PNG };
  const message = await client.messages.create(wish(backend, [{ type: "image", source }, { type: "text", text: "What?" }]));
  assert.equal(message.content[0].text, `I see: ${PNG}`);
});

eachBackend("parsed", async (backend) => {
  const more = { output_config: { format: zodOutputFormat(Weather) } };
  assert.deepEqual((await client.messages.parse(wish(backend, HELLO, more))).parsed_output, INSTANCE);
});

eachBackend("thinking", async (backend) => {
  const asking = wish(backend, HELLO, { thinking: { type: "enabled", budget_tokens: 5000 }, max_tokens: 9000 });
  const streamed = await client.messages.stream(asking).finalMessage();
  for (const message of [await client.messages.create(asking), streamed]) {
    assert.deepEqual(message.content.map((block) => block.type), ["thinking", "text"]);
    assert.equal(message.content[0].thinking, THOUGHT);
    assert.equal(message.content[0].signature, backend === "anthropic" ? SIGNATURE : "");
  }
});

eachBackend("count_tokens", async (backend) => {
  const { model, messages, system } = wish(backend);
  const counted = await client.messages.countTokens({ model, messages, system });
  assert(counted.input_tokens > (backend === "anthropic" ? 1000 : 5));
});

check("unknown_model", async () => {
  const error = await raised(Anthropic.NotFoundError, () => client.messages.create({ ...wish("openai"), model: "no-such" }));
  assert.equal(error.error.error.type, "not_found_error");
});

check("bad_key", async () => {
  const stranger = new Anthropic({ baseURL: URL_, apiKey: "ck-wrong", maxRetries: 0 });
  await raised(Anthropic.AuthenticationError, () => stranger.messages.create(wish("openai")));
});

eachBackend("rate_limit", async (backend) => {
  const asking = { ...wish(backend), model: `${backend}-limited` };
  const error = await raised(Anthropic.RateLimitError, () => client.messages.create(asking));
  assert.equal(error.headers.get("retry-after"), "7");
});

for (const [model, reason] of [["cut", /./], ["broken", /the model melted/]]) {
  eachBackend(model, async (backend) => {
    const asking = { ...wish(backend), model: `${backend}-${model}`, stream: true };
    const error = await raisedAfterWords(Anthropic.APIError, words(await client.messages.create(asking)));
    assert.match(error.message, reason);
  });
}

eachBackend("leaving_early", async (backend) => {
  const asking = { ...wish(backend), model: `${backend}-endless`, stream: true };
  for await (const word of words(await client.messages.create(asking))) {
    assert(word.startsWith(FIRST_WORD));
    break;
  }
});

await run();
