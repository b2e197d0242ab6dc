// npm's ollama against the gateway.

import assert from "node:assert/strict";
import { Ollama } from "ollama";
import {
  ANSWER, BACKENDS, CITIES, FIRST_WORD, HELLO, INSTANCE, KEY, PNG, SCHEMA, SYSTEM, THOUGHT, TOOL, URL_, USAGE, WEATHER,
  WEATHER_ANSWER, all, check, eachBackend, eachKind, on, raised, raisedAfterWords, run,
} from "./checks.mjs";

const client = new Ollama({ host: URL_, headers: { Authorization: `Bearer ${KEY}` } });
const messages = [{ role: "system", content: SYSTEM }, { role: "user", content: HELLO }];
const tools = [{ type: "function", function: TOOL }];

async function* words(stream) {
  for await (const part of stream) if (part.message.content) yield part.message.content;
}

function checkLast(answer, backend) {
  assert.equal(answer.model, `${backend}-talk`);
  assert.equal(answer.done, true);
  assert.equal(answer.done_reason, "stop");
  assert.equal(answer.prompt_eval_count, USAGE.input);
  assert.equal(answer.eval_count, USAGE.output);
}

check("models", async () => {
  const names = (await client.list()).models.map((model) => model.model);
  for (const backend of BACKENDS) assert(names.includes(`${backend}-talk`));
});

eachBackend("show", async (backend) => {
  assert((await client.show({ model: `${backend}-talk` })).capabilities.includes("completion"));
});

eachKind("chat_whole", async (backend) => {
  const answer = await client.chat({ model: `${backend}-talk`, messages });
  assert.equal(answer.message.content, ANSWER);
  checkLast(answer, backend);
});

eachKind("chat_stream", async (backend) => {
  const parts = await all(await client.chat({ model: `${backend}-talk`, messages, stream: true }));
  assert(parts.length > 4);
  assert.equal((await all(words(parts))).join(""), ANSWER);
  checkLast(parts.at(-1), backend);
});

eachKind("tools", async (backend) => {
  const question = { role: "user", content: WEATHER };
  const { message } = await client.chat({ model: `${backend}-talk`, messages: [question], tools });
  assert.deepEqual(message.tool_calls.map((call) => call.function.arguments), [{ city: "Oslo" }, { city: "Rome" }]);
  const results = message.tool_calls.map((call) => ({
    role: "tool", tool_name: call.function.name, content: CITIES[call.function.arguments.city],
  }));
  const second = await client.chat({ model: `${backend}-talk`, messages: [question, message, ...results], tools });
  assert.equal(second.message.content, WEATHER_ANSWER);
});

eachBackend("image", async (backend) => {
  const question = { role: "user", content: "What is it?", images: [PNG] };
  const answer = await client.chat({ model: `${backend}-talk`, messages: [question] });
  assert.equal(answer.message.content, `I see: ${PNG}`);
});

eachBackend("json_schema", async (backend) => {
  const answer = await client.chat({ model: `${backend}-talk`, messages, format: SCHEMA });
  assert.deepEqual(JSON.parse(answer.message.content), INSTANCE);
});

eachBackend("thinking", async (backend) => {
  const wish = { model: `${backend}-talk`, messages, think: "high" };
  assert.equal((await client.chat(wish)).message.thinking, THOUGHT);
  const parts = await all(await client.chat({ ...wish, stream: true }));
  assert.equal(parts.map((part) => part.message.thinking ?? "").join(""), THOUGHT);
});

eachBackend("generate", async (backend) => {
  const wish = { model: `${backend}-talk`, prompt: HELLO, system: SYSTEM };
  const answer = await client.generate(wish);
  assert.equal(answer.response, ANSWER);
  checkLast(answer, backend);
  const parts = await all(await client.generate({ ...wish, stream: true }));
  assert.equal(parts.map((part) => part.response).join(""), ANSWER);
});

on(["openai", "ollama"], "embed", async (backend) => {
  const answer = await client.embed({ model: `${backend}-talk`, input: ["Hello", "there!"] });
  assert.deepEqual(answer.embeddings, [[5, -2], [6, -2]]);
});

check("unknown_model", async () => {
  const error = await raised(Error, () => client.chat({ model: "no-such-model", messages }));
  assert.equal(error.status_code, 404);
  assert.match(error.message, /no-such-model/);
});

check("bad_key", async () => {
  const stranger = new Ollama({ host: URL_, headers: { Authorization: "Bearer ck-wrong" } });
  assert.equal((await raised(Error, () => stranger.list())).status_code, 401);
});

eachBackend("rate_limit", async (backend) => {
  const error = await raised(Error, () => client.chat({ model: `${backend}-limited`, messages }));
  assert.equal(error.status_code, 429);
});

for (const [model, reason] of [["cut", /./], ["broken", /the model melted/]]) {
  eachBackend(model, async (backend) => {
    const stream = await client.chat({ model: `${backend}-${model}`, messages, stream: true });
    assert.match((await raisedAfterWords(Error, words(stream))).message, reason);
  });
}

eachBackend("leaving_early", async (backend) => {
  const stream = await client.chat({ model: `${backend}-endless`, messages, stream: true });
  for await (const word of words(stream)) {
    assert(word.startsWith(FIRST_WORD));
    stream.abort();
    break;
  }
});

await run();
