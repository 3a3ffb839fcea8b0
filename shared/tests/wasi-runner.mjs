// Runs one WebAssembly test program under Node's WASI, so that `cargo test --target wasm32-wasip1` executes the very
// tests that run natively. Cargo calls it (see .cargo/config.toml) with the module's path, then the test's arguments.

import { readFile } from "node:fs/promises";
import process from "node:process";

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

// No directory and no variable but the seed: the tests read no file and ask for nothing else.
const seed = process.env.KEYWARD_PROPTEST_SEED;
const wasi = new WASI({
  version: "preview1",
  args: [modulePath, ...testArguments],
  env: seed === undefined ? {} : { KEYWARD_PROPTEST_SEED: seed },
  returnOnExit: true,
});
const module = await WebAssembly.compile(await readFile(modulePath));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
try {
  process.exitCode = wasi.start(instance);
} catch (trap) {
  // WebAssembly cannot unwind, so a failed assertion ends the program here, after its message was printed.
  console.error(`The test program stopped: ${trap.message}`);
  process.exitCode = 101;
}
