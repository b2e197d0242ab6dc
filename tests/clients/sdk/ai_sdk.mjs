// The Vercel AI SDK against the gateway, by its providers for OpenAI-compatible servers and for Anthropic.

import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import {
  APICallError, embedMany, generateObject, generateText, jsonSchema, stepCountIs, streamObject, streamText, tool,
} from "ai";
import { z } from "zod";
import {
  ANSWER, BACKENDS, CITIES, FIRST_WORD, HELLO, INSTANCE, KEY, PNG, SYSTEM, THOUGHT, TOOL, URL_, USAGE, WEATHER,
  WEATHER_ANSWER, all, check, eachBackend, on, raised, run,
} from "./checks.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;
const PROVIDERS = {
  "openai-compatible": createOpenAICompatible({
    name: "lingate", baseURL: `${URL_}/v1`, apiKey: KEY, includeUsage: true, supportsStructuredOutputs: true,
  }),
  anthropic: createAnthropic({ baseURL: `${URL_}/v1`, apiKey: KEY }),
};
const Weather = z.object({ city: z.string(), degrees: z.number().int() });
const THINKING = {
  "openai-compatible": { lingate: { reasoningEffort: "high" } },
  anthropic: { anthropic: { thinking: { type: "enabled", budgetTokens: 5000 } } },
};

// Adds a check for each provider and backend.
function each(name, body) {
  for (const [provider, make] of Object.entries(PROVIDERS)) {
    for (const backend of BACKENDS) {
      const ask = (more, model = "talk") => ({
        model: make(`${backend}-${model}`), system: SYSTEM, prompt: HELLO, maxRetries: 0, ...more,
      });
      check(`${name} ${provider}[${backend}]`, () => body(ask, provider, backend));
    }
  }
}

// The tool of all checks; notes which cities were asked for.
function weather(asked) {
  const execute = ({ city }) => (asked.push(city), CITIES[city]);
  return { [TOOL.name]: tool({ description: TOOL.description, inputSchema: jsonSchema(TOOL.parameters), execute }) };
}

each("generateText", async (ask) => {
  const answer = await generateText(ask());
  assert.equal(answer.text, ANSWER);
  assert.equal(answer.finishReason, "stop");
  assert.equal(answer.usage.inputTokens, USAGE.input);
  assert.equal(answer.usage.outputTokens, USAGE.output);
});

each("streamText", async (ask) => {
  const answer = streamText(ask());
  const words = await all(answer.textStream);
  assert(words.length > 3);
  assert.equal(words.join(""), ANSWER);
  assert.equal(await answer.finishReason, "stop");
  assert.equal((await answer.usage).inputTokens, USAGE.input);
});

each("tools", async (ask) => {
  const asked = [];
  const answer = await generateText(ask({ prompt: WEATHER, tools: weather(asked), stopWhen: stepCountIs(3) }));
  assert.equal(answer.text, WEATHER_ANSWER);
  assert.deepEqual(asked, Object.keys(CITIES));
});

each("tools_stream", async (ask) => {
  const asked = [];
  const answer = streamText(ask({ prompt: WEATHER, tools: weather(asked), stopWhen: stepCountIs(3) }));
  assert.equal((await all(answer.textStream)).join(""), WEATHER_ANSWER);
  assert.deepEqual(asked, Object.keys(CITIES));
});

each("generateObject", async (ask, provider, backend) => {
  const call = () => generateObject(ask({ schema: Weather }));
  if (provider === "anthropic" && backend === "ollama") {
    // For a model that it does not know, this provider forces a tool; Ollama cannot, so it is refused by name.
    assert.match((await raised(APICallError, call)).message, /tool_choice/);
  } else {
    assert.deepEqual((await call()).object, INSTANCE);
  }
});

each("generateObject by the native form", async (ask) => {
  const providerOptions = { anthropic: { structuredOutputMode: "outputFormat" } };
  assert.deepEqual((await generateObject(ask({ schema: Weather, providerOptions }))).object, INSTANCE);
});

each("streamObject", async (ask) => {
  const providerOptions = { anthropic: { structuredOutputMode: "outputFormat" } };
  const answer = streamObject(ask({ schema: Weather, providerOptions }));
  await all(answer.partialObjectStream);
  assert.deepEqual(await answer.object, INSTANCE);
});

each("image", async (ask) => {
  const picture = { type: "image", image: Buffer.from(PNG, "base64"), mediaType: "image/png" };
  const content = [{ type: "text", text: "What is it?" }, picture];
  const answer = await generateText(ask({ prompt: undefined, messages: [{ role: "user", content }] }));
  assert.equal(answer.text, `I see: ${PNG}`);
});

each("reasoning", async (ask, provider) => {
  const more = { providerOptions: THINKING[provider], maxOutputTokens: 9000 };
  const answer = await generateText(ask(more));
  assert.equal(answer.reasoningText, THOUGHT);
  assert.equal(answer.text, ANSWER);
  const streamed = streamText(ask(more));
  await streamed.consumeStream();
  assert.equal(await streamed.reasoningText, THOUGHT);
});

each("reasoning before tools", async (ask, provider) => {
  const more = { providerOptions: THINKING[provider], maxOutputTokens: 9000, stopWhen: stepCountIs(3) };
  const answer = streamText(ask({ prompt: WEATHER, tools: weather([]), ...more }));
  assert.equal((await all(answer.textStream)).join(""), WEATHER_ANSWER);
});

on(["openai", "ollama"], "embedMany", async (backend) => {
  const model = PROVIDERS["openai-compatible"].embeddingModel(`${backend}-talk`);
  const answer = await embedMany({ model, values: ["Hello", "there!"] });
  assert.deepEqual(answer.embeddings, [[5, -2], [6, -2]]);
});

eachBackend("completionModel", async (backend) => {
  const model = PROVIDERS["openai-compatible"].completionModel(`${backend}-talk`);
  const { text } = await generateText({ model, prompt: HELLO, maxRetries: 0 });
  assert.match(text, new RegExp(`^You said: [^]*${HELLO}`));
});

each("rate_limit", async (ask) => {
  const error = await raised(APICallError, () => generateText(ask({}, "limited")));
  assert.equal(error.statusCode, 429);
  assert.match(error.message, /slow down/);
});

for (const [model, reason] of [["cut", /./], ["broken", /the model melted/]]) {
  each(model, async (ask) => {
    let failure;
    const answer = streamText(ask({ onError: ({ error }) => (failure = error) }, model));
    const text = (await all(answer.textStream)).join("");
    assert(text.startsWith(FIRST_WORD) && text !== ANSWER);
    assert.match(failure?.message ?? JSON.stringify(failure ?? ""), reason);
    assert(failure, "no error");
  });
}

each("leaving_early", async (ask) => {
  const leave = new AbortController();
  const answer = streamText(ask({ abortSignal: leave.signal, onError: () => {} }, "endless"));
  for await (const word of answer.textStream) {
    assert(word.startsWith(FIRST_WORD));
    leave.abort();
    break;
  }
});

await run();
