// Runs one WebAssembly test program under Node's WASI, so that `cargo test --target wasm32-wasip1` executes the very
// tests that run natively. Cargo calls it (see .cargo/config.toml) with the module's path, then the test's arguments.

import { readFile } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";

// Node warns on every start that WASI is experimental; nothing else is hidden. This must happen before the import.
const emitWarning = process.emitWarning;
process.emitWarning = (warning, ...rest) => {
  if (!String(warning).includes("WASI")) {
    emitWarning.call(process, warning, ...rest);
  }
};
const { WASI } = await import("node:wasi");

const [modulePath, ...testArguments] = process.argv.slice(2);
if (modulePath === undefined) {
  console.error("usage: node wasi-runner.mjs <module.wasm> [test arguments]");
  process.exit(2);
}

// The tests read no file but the corpus of the fuzzer. Of the environment they see what steers them: the seed and number of cases, and backtraces.
// What they print is not held back until they end, since a failed one never ends (see below).
const seen = Object.entries(process.env).filter(([name]) => /^(PROPTEST|RUST)_/.test(name));
const wasi = new WASI({
  version: "preview1",
  args: [modulePath, ...testArguments],
  env: { RUST_TEST_NOCAPTURE: "1", ...Object.fromEntries(seen) },
  preopens: { "/corpus": fileURLToPath(new URL("../../fuzz/corpus", import.meta.url)) },
  returnOnExit: true,
});
const module = await WebAssembly.compile(await readFile(modulePath));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
try {
  process.exitCode = wasi.start(instance);
} catch (trap) {
  // This target does not unwind: a failed assertion ends the program at once, with the tests after it not run.
  console.error(`\nThe test program stopped: ${trap.message}`);
  process.exitCode = 101;
}
