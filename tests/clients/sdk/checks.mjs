// What the Node scripts have in common: the setup, the list of checks, and saying what each came to.

import { inspect } from "node:util";

const setup = JSON.parse(process.env.LINGATE_CLIENT_SETUP);
export const { url: URL_, key: KEY, upstream_key: UPSTREAM_KEY, png: PNG, tool: TOOL, schema: SCHEMA } = setup;
export const { thought: THOUGHT, signature: SIGNATURE, usage: USAGE } = setup;
// One of each dialect, and all kinds of backend.
export const { backends: BACKENDS, kinds: KINDS } = setup;

export const SYSTEM = "Be brief.";
export const HELLO = "Hello there, my friend";
// What every upstream answers to these two.
export const ANSWER = `You said: ${HELLO} I was told: ${SYSTEM}`;
export const WEATHER = "What is the weather in Oslo and in Rome?";
export const CITIES = { Oslo: "Oslo has 2 degrees", Rome: "Rome has 30 degrees" };
export const WEATHER_ANSWER = "The tools said: Oslo has 2 degrees, Rome has 30 degrees";
export const INSTANCE = { city: "Oslo", degrees: 2 };
// A stream that breaks has given these words before.
export const FIRST_WORD = "You";

const checks = [];

// Adds a check.
export function check(name, body) {
  checks.push([name, body]);
}

// Adds a check for each of these backends, whose name it takes.
export function on(backends, name, body) {
  for (const backend of backends) check(`${name}[${backend}]`, () => body(backend));
}

export const eachBackend = (name, body) => on(BACKENDS, name, body);
export const eachKind = (name, body) => on(KINDS, name, body);

// The error of this class that the call must raise.
export async function raised(kind, call) {
  let result;
  try {
    result = await call();
  } catch (error) {
    if (!(error instanceof kind)) throw error;
    if (error.message.includes(UPSTREAM_KEY) || error.message.includes(KEY)) throw new Error("a key in the error");
    return error;
  }
  throw new Error(`no ${kind.name}, but ${inspect(result, { depth: 3 }).slice(0, 500)}`);
}

// All items of a stream.
export async function all(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

// The error with which a stream of words must end; some words must come before it.
export async function raisedAfterWords(kind, words) {
  let text = "";
  const error = await raised(kind, async () => {
    for await (const word of words) text += word;
    return text;
  });
  if (!text.startsWith(FIRST_WORD) || text === ANSWER) throw new Error(`words before the error: ${text}`);
  return error;
}

// The error, and the line of the script that it comes from.
function reason(error) {
  const own = (error.stack ?? "").split("\n").filter((line) => /\.mjs/.test(line) && !/node_modules\/|checks\.mjs/.test(line));
  const told = `${error.name}: ${error.message}`.split("\n").slice(0, 30).join("\n    ");
  return [told, ...own.slice(0, 1).map((line) => line.trim())].join("\n    ");
}

// Runs all checks and ends the process: with 1 if one failed.
export async function run() {
  let failed = 0;
  for (const [name, body] of checks) {
    try {
      await body();
      console.log(`PASS ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL ${name}: ${reason(error)}`);
    }
  }
  process.exit(failed ? 1 : 0);
}
