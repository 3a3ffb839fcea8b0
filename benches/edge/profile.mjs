// Takes a CPU profile of a contestant by the runtime's inspector (the Chrome DevTools Protocol, domain Profiler), and prints where time goes.
// Arguments: the inspector's address, seconds, the file for the profile.

import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";

const SAMPLE_EVERY_US = 200;
const LINES = 40;

const [address, seconds, file] = process.argv.slice(2);
const targets = await (await fetch(`http://${address}/json`)).json();
const target = targets.find((target) => target.webSocketDebuggerUrl.endsWith("/worker"));
const socket = new WebSocket(target.webSocketDebuggerUrl);
await new Promise((resolve, reject) => {
  socket.onopen = resolve;
  socket.onerror = () => reject(new Error(`no inspector at ${target.webSocketDebuggerUrl}`));
});

const waiting = new Map();
socket.onmessage = ({ data }) => {
  const { id, result, error } = JSON.parse(data);
  const { resolve, reject } = waiting.get(id) ?? {};
  waiting.delete(id);
  if (error) reject?.(new Error(error.message));
  else resolve?.(result);
};
let asked = 0;
function ask(method, params = {}) {
  return new Promise((resolve, reject) => {
    asked += 1;
    waiting.set(asked, { resolve, reject });
    socket.send(JSON.stringify({ id: asked, method, params }));
  });
}

await ask("Profiler.enable");
await ask("Profiler.setSamplingInterval", { interval: SAMPLE_EVERY_US });
await ask("Profiler.start");
await setTimeout(Number(seconds) * 1000);
const { profile } = await ask("Profiler.stop");
socket.close();
await writeFile(file, JSON.stringify(profile));

// The modules lie beside the profile. A function without a name shows by its first line.
const sources = new Map();
async function firstLine({ url, lineNumber }) {
  if (!sources.has(url)) {
    const text = await readFile(join(dirname(file), url.split("/").at(-1)), "utf8").catch(() => "");
    sources.set(url, text.split("\n"));
  }
  return sources.get(url)[lineNumber]?.trim().slice(0, 80) ?? "";
}

const parents = new Map();
for (const { id, callFrame, children = [] } of profile.nodes) for (const child of children) parents.set(child, callFrame);

async function describe(frame, id) {
  const { functionName, url, lineNumber } = frame;
  const isOutside = url === "" || url.startsWith("wasm:");
  if (isOutside && functionName !== "") return functionName;
  // Accessors and the like of the runtime have no name; who calls them tells which.
  if (isOutside) return id === undefined ? "(runtime)" : `(runtime), called by ${await describe(parents.get(id))}`;
  return `${functionName || (await firstLine(frame))}  ${url.split("/").at(-1)}:${lineNumber + 1}`;
}

const names = new Map();
for (const { id, callFrame } of profile.nodes) names.set(id, await describe(callFrame, id));
const selfUs = new Map();
let totalUs = 0;
profile.samples.forEach((id, index) => {
  const name = names.get(id);
  if (name === "(idle)") return;
  const us = Math.max(profile.timeDeltas[index], 0);
  selfUs.set(name, (selfUs.get(name) ?? 0) + us);
  totalUs += us;
});
const lines = [...selfUs].sort(([, one], [, other]) => other - one).slice(0, LINES);
console.log("   self  function   ((program) is the runtime itself, outside of script and WebAssembly)");
for (const [name, us] of lines) console.log(`${((100 * us) / totalUs).toFixed(1).padStart(6)}%  ${name}`);
