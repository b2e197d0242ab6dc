// npm's openai against the gateway.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import {
  ANSWER, BACKENDS, CITIES, FIRST_WORD, HELLO, INSTANCE, KEY, PNG, SYSTEM, THOUGHT, TOOL, URL_, USAGE, WEATHER,
  WEATHER_ANSWER, all, check, eachBackend, eachKind, on, raised, raisedAfterWords, run,
} from "./checks.mjs";

const client = new OpenAI({ baseURL: `${URL_}/v1`, apiKey: KEY, maxRetries: 0, timeout: 20000 });
const chat = client.chat.completions;
const messages = [{ role: "system", content: SYSTEM }, { role: "user", content: HELLO }];
const tools = [{ type: "function", function: TOOL }];
// The backends, and one that serves Responses itself.
const RESPONDERS = [...BACKENDS, "responses"];
const Weather = z.object({ city: z.string(), degrees: z.number().int() });

async function* words(stream) {
  for await (const chunk of stream) for (const choice of chunk.choices) if (choice.delta.content) yield choice.delta.content;
}

check("models", async () => {
  const names = (await all(client.models.list())).map((model) => model.id);
  for (const backend of BACKENDS) assert(names.includes(`${backend}-talk`));
  assert.equal((await client.models.retrieve("anthropic-talk")).id, "anthropic-talk");
});

eachKind("chat_whole", async (backend) => {
  const answer = await chat.create({ model: `${backend}-talk`, messages });
  assert.equal(answer.choices[0].message.content, ANSWER);
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.equal(answer.model, `${backend}-talk`);
  assert.equal(answer.usage.total_tokens, USAGE.input + USAGE.output);
  assert(answer._request_id);
});

eachKind("chat_stream", async (backend) => {
  const wish = { model: `${backend}-talk`, messages, stream: true, stream_options: { include_usage: true } };
  const chunks = await all(await chat.create(wish));
  const text = await all(words(chunks));
  assert(text.length > 3);
  assert.equal(text.join(""), ANSWER);
  assert.equal(chunks.at(-1).usage.prompt_tokens, USAGE.input);
});

eachBackend("chat_stream_helper", async (backend) => {
  const stream = chat.stream({ model: `${backend}-talk`, messages });
  let text = "";
  stream.on("content", (delta) => (text += delta));
  assert.equal(await stream.finalContent(), ANSWER);
  assert.equal(text, ANSWER);
});

eachKind("tools_whole", async (backend) => {
  const wish = { model: `${backend}-talk`, tools };
  const question = { role: "user", content: WEATHER };
  const { message, finish_reason } = (await chat.create({ ...wish, messages: [question] })).choices[0];
  assert.equal(finish_reason, "tool_calls");
  const results = message.tool_calls.map((call) => {
    const { city } = JSON.parse(call.function.arguments);
    return { role: "tool", tool_call_id: call.id, content: CITIES[city] };
  });
  const second = await chat.create({ ...wish, messages: [question, message, ...results] });
  assert.equal(second.choices[0].message.content, WEATHER_ANSWER);
});

eachBackend("tools_runner", async (backend) => {
  const asked = [];
  const get = { ...TOOL, parse: JSON.parse, function: ({ city }) => (asked.push(city), CITIES[city]) };
  for (const stream of [false, true]) {
    const wish = { model: `${backend}-talk`, messages: [{ role: "user", content: WEATHER }], stream };
    const runner = chat.runTools({ ...wish, tools: [{ type: "function", function: get }] });
    assert.equal(await runner.finalContent(), WEATHER_ANSWER);
  }
  assert.deepEqual(asked, ["Oslo", "Rome", "Oslo", "Rome"]);
});

eachBackend("image", async (backend) => {
  const url = `data:image/png;base64,${PNG}`;
  const content = [{ type: "text", text: "What is it?" }, { type: "image_url", image_url: { url } }];
  const answer = await chat.create({ model: `${backend}-talk`, messages: [{ role: "user", content }] });
  assert.equal(answer.choices[0].message.content, `I see: ${PNG}`);
});

eachBackend("parsed", async (backend) => {
  const answer = await chat.parse({
    model: `${backend}-talk`, messages, response_format: zodResponseFormat(Weather, "weather"),
  });
  assert.deepEqual(answer.choices[0].message.parsed, INSTANCE);
});

eachBackend("reasoning", async (backend) => {
  const answer = await chat.create({ model: `${backend}-talk`, messages, reasoning_effort: "high" });
  assert.equal(answer.choices[0].message.reasoning_content, THOUGHT);
  assert.equal(answer.choices[0].message.content, ANSWER);
});

eachBackend("completions", async (backend) => {
  const wish = { model: `${backend}-talk`, prompt: HELLO, max_tokens: 50 };
  assert.equal((await client.completions.create(wish)).choices[0].text, `You said: ${HELLO}`);
  const chunks = await all(await client.completions.create({ ...wish, stream: true }));
  assert.equal(chunks.map((chunk) => chunk.choices[0]?.text ?? "").join(""), `You said: ${HELLO}`);
});

on(["openai", "ollama"], "embeddings", async (backend) => {
  const wish = { model: `${backend}-talk`, input: ["Hello", "there!"] };
  for (const form of [{}, { encoding_format: "float" }]) {
    const answer = await client.embeddings.create({ ...wish, ...form });
    assert.deepEqual(answer.data.map((item) => Array.from(item.embedding)), [[5, -2], [6, -2]]);
  }
});

eachKind("responses_whole", async (backend) => {
  const answer = await client.responses.create({ model: `${backend}-talk`, instructions: SYSTEM, input: HELLO });
  assert.equal(answer.output_text, ANSWER);
  assert.equal(answer.status, "completed");
});

on(RESPONDERS, "responses_stream", async (backend) => {
  const wish = { model: `${backend}-talk`, instructions: SYSTEM, input: HELLO };
  const events = await all(await client.responses.create({ ...wish, stream: true }));
  assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, at) => at));
  assert.equal(events.at(-1).type, "response.completed");
  const final = await client.responses.stream(wish).finalResponse();
  assert.equal(final.output_text, ANSWER);
});

on(RESPONDERS, "responses_parsed", async (backend) => {
  const text = { format: zodTextFormat(Weather, "weather") };
  const answer = await client.responses.parse({ model: `${backend}-talk`, input: HELLO, text });
  assert.deepEqual(answer.output_parsed, INSTANCE);
});

on(RESPONDERS, "responses_tools", async (backend) => {
  const wish = { model: `${backend}-talk`, tools: [{ type: "function", strict: false, ...TOOL }] };
  const first = await client.responses.create({ ...wish, input: WEATHER });
  const calls = first.output.filter((item) => item.type === "function_call");
  assert.equal(calls.length, 2);
  const results = calls.map((call) => ({
    type: "function_call_output", call_id: call.call_id, output: CITIES[JSON.parse(call.arguments).city],
  }));
  const second = await client.responses.create({ ...wish, input: results, previous_response_id: first.id });
  assert.equal(second.output_text, WEATHER_ANSWER);
});

check("unknown_model", async () => {
  const error = await raised(OpenAI.NotFoundError, () => chat.create({ model: "no-such-model", messages }));
  assert.equal(error.code, "model_not_found");
});

check("bad_key", async () => {
  const stranger = new OpenAI({ baseURL: `${URL_}/v1`, apiKey: "ck-wrong", maxRetries: 0 });
  await raised(OpenAI.AuthenticationError, () => all(stranger.models.list()));
});

eachBackend("rate_limit", async (backend) => {
  const error = await raised(OpenAI.RateLimitError, () => chat.create({ model: `${backend}-limited`, messages }));
  assert.equal(error.headers.get("retry-after"), "7");
});

eachBackend("cut", async (backend) => {
  await raisedAfterWords(OpenAI.APIError, words(await chat.create({ model: `${backend}-cut`, messages, stream: true })));
});

eachBackend("broken", async (backend) => {
  const stream = await chat.create({ model: `${backend}-broken`, messages, stream: true });
  assert.match((await raisedAfterWords(OpenAI.APIError, words(stream))).message, /the model melted/);
});

eachBackend("leaving_early", async (backend) => {
  const stream = await chat.create({ model: `${backend}-endless`, messages, stream: true });
  for await (const word of words(stream)) {
    assert(word.startsWith(FIRST_WORD));
    break;
  }
});

await run();
