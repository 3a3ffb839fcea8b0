//! `keyward-bundler <input.wasm> <out dir>`: turns the compiled `edge` crate into what the Worker's entry imports.
//!
//! In: the module that `cargo build --target wasm32-unknown-unknown` wrote. Out: `index.js` (the glue between script and module), `index_bg.wasm`
//! (the module), and their `.d.ts`. Prints the sizes; anything else it prints is a failure.
//!
//! A crate of its own, because what it depends on takes long to compile and `xtask` must start fast.

mod fingerprint;
mod staging;
mod wasm_opt;

use std::{env, fs, path::Path, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::{fingerprint::Fingerprint, staging::Staging, wasm_opt::WasmOpt};

/// The script between the entry and the module, and the module. wasm-bindgen makes both names from the stem.
const STEM: &str = "index";
const GLUE: &str = "index.js";
const WASM: &str = "index_bg.wasm";

/// With this variable, the functions of the module keep their names: `cargo xtask bench profile` sets it.
const KEEP_NAMES: &str = "KEYWARD_WORKER_NAMES";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [module, out] = arguments.as_slice() else {
        eprintln!("usage: keyward-bundler <input.wasm> <out dir>");
        return ExitCode::from(2);
    };
    match bundle(Path::new(module), Path::new(out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("keyward-bundler: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Builds everything in a folder beside `out`, which it then replaces: nobody sees half a build.
fn bundle(module: &Path, out: &Path) -> Result<()> {
    let wasm_opt = WasmOpt::find()?;
    let keep_names = env::var_os(KEEP_NAMES).is_some();
    let fingerprint = Fingerprint::of(module, &wasm_opt.program(), keep_names)?;
    if !fingerprint.is_that_of(out) {
        let staging = Staging::beside(out)?;
        generate_glue(module, staging.path())?;
        import_as_module(&staging.path().join(GLUE))?;
        wasm_opt.rewrite(&staging.path().join(WASM), keep_names)?;
        fingerprint.write(staging.path())?;
        staging.replace(out)?;
    }
    println!(
        "{}: {WASM} {} bytes, {GLUE} {} bytes",
        out.display(),
        size(&out.join(WASM))?,
        size(&out.join(GLUE))?
    );
    Ok(())
}

fn generate_glue(module: &Path, out: &Path) -> Result<()> {
    Bindgen::new()
        .input_path(module)
        .out_name(STEM)
        // The module is an import of the script, as the runtime wants it: it does not compile WebAssembly from bytes.
        .module(true)?
        // The entry replaces the instance after a panic: edge/entry/instance.ts.
        .reset_state_function(true)
        // The entry is type-checked against it.
        .typescript(true)
        .generate(out)
        .with_context(|| format!("cannot make the glue for {}", module.display()))
}

/// Imports the module in the way that every bundler understands. `import source` is newer than most of them, and means the same here.
fn import_as_module(glue: &Path) -> Result<()> {
    const SOURCE_PHASE: &str = "import source wasmModule from ";
    const PLAIN: &str = "import wasmModule from ";

    let text = fs::read_to_string(glue).with_context(|| format!("cannot read {}", glue.display()))?;
    if text.matches(SOURCE_PHASE).count() != 1 {
        bail!(
            "{} does not import its module once with `{SOURCE_PHASE}…`; wasm-bindgen has changed what it writes",
            glue.display()
        );
    }
    fs::write(glue, text.replace(SOURCE_PHASE, PLAIN))
        .with_context(|| format!("cannot write {}", glue.display()))
}

fn size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .len())
}
