//! Runs a WebAssembly program whose clock counts the instructions that it has executed.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use wasmi::{Caller, Config, Engine, Error, Extern, Linker, Memory, Module, Store};

/// What a program may execute, so that none goes on without end.
const MOST: u64 = 1 << 40;
const WASI: &str = "wasi_snapshot_preview1";
/// The one answer of the functions of WASI that are here.
const SUCCESS: i32 = 0;

/// What a program has to itself.
struct Program {
    /// Its arguments, each with a zero byte at its end.
    arguments: Vec<Vec<u8>>,
    printed: Vec<u8>,
}

type Host<'a> = Caller<'a, Program>;

/// Runs `module` with one argument, and returns what it printed and whether it ended well.
///
/// # Errors
/// A module that cannot be read or asks for more than arguments, a clock and a place to print to; a trap.
pub(super) fn run(module: &Path, argument: &str) -> Result<(String, bool)> {
    let engine = Engine::new(Config::default().consume_fuel(true));
    let bytes = fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    let module = Module::new(&engine, &bytes)?;
    let program = Program {
        arguments: vec![b"program\0".to_vec(), [argument.as_bytes(), b"\0"].concat()],
        printed: Vec::new(),
    };
    let mut store = Store::new(&engine, program);
    store.set_fuel(MOST)?;
    let instance = linker(&engine)?.instantiate_and_start(&mut store, &module)?;
    let ended = instance
        .get_typed_func::<(), ()>(&store, "_start")?
        .call(&mut store, ());
    let code = match ended {
        Ok(()) => 0,
        Err(error) => match error.i32_exit_status() {
            Some(code) => code,
            None => bail!(error),
        },
    };
    let printed = String::from_utf8_lossy(&store.data().printed).into_owned();
    Ok((printed, code == 0))
}

/// As much of WASI as a program needs that reads its arguments and the clock, and prints.
fn linker(engine: &Engine) -> Result<Linker<Program>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap(
        WASI,
        "args_sizes_get",
        |mut host: Host<'_>, count: u32, size: u32| {
            let arguments = &host.data().arguments;
            let sizes = [arguments.len(), arguments.concat().len()].map(u32::try_from);
            for (place, number) in [count, size].into_iter().zip(sizes) {
                write(&mut host, place, &number.map_err(large)?.to_le_bytes())?;
            }
            Ok::<_, Error>(SUCCESS)
        },
    )?;
    linker.func_wrap(
        WASI,
        "args_get",
        |mut host: Host<'_>, mut places: u32, mut place: u32| {
            for argument in host.data().arguments.clone() {
                write(&mut host, places, &place.to_le_bytes())?;
                write(&mut host, place, &argument)?;
                places += 4;
                place += u32::try_from(argument.len()).map_err(large)?;
            }
            Ok::<_, Error>(SUCCESS)
        },
    )?;
    linker.func_wrap(
        WASI,
        "environ_sizes_get",
        |mut host: Host<'_>, count: u32, size: u32| {
            write(&mut host, count, &[0; 4])?;
            write(&mut host, size, &[0; 4])?;
            Ok::<_, Error>(SUCCESS)
        },
    )?;
    linker.func_wrap(WASI, "environ_get", |_: u32, _: u32| SUCCESS)?;
    linker.func_wrap(
        WASI,
        "clock_time_get",
        |mut host: Host<'_>, _clock: u32, _precision: u64, place: u32| {
            let executed = MOST - host.get_fuel()?;
            write(&mut host, place, &executed.to_le_bytes())?;
            Ok::<_, Error>(SUCCESS)
        },
    )?;
    linker.func_wrap(
        WASI,
        "fd_write",
        |mut host: Host<'_>, _file: u32, parts: u32, count: u32, written: u32| {
            let mut sum = 0u32;
            for part in 0..count {
                let (place, length) = (
                    number(&host, parts + part * 8)?,
                    number(&host, parts + part * 8 + 4)?,
                );
                let text = read(&host, place, length)?;
                host.data_mut().printed.extend(text);
                sum += length;
            }
            write(&mut host, written, &sum.to_le_bytes())?;
            Ok::<_, Error>(SUCCESS)
        },
    )?;
    linker.func_wrap(WASI, "proc_exit", |code: i32| Err::<(), _>(Error::i32_exit(code)))?;
    Ok(linker)
}

fn number(host: &Host<'_>, place: u32) -> Result<u32, Error> {
    let bytes = read(host, place, 4)?;
    Ok(bytes.try_into().map(u32::from_le_bytes).unwrap_or_default())
}

fn read(host: &Host<'_>, place: u32, length: u32) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; length as usize];
    memory(host)?
        .read(host, place as usize, &mut bytes)
        .map_err(fault)?;
    Ok(bytes)
}

fn write(host: &mut Host<'_>, place: u32, bytes: &[u8]) -> Result<(), Error> {
    memory(host)?.write(host, place as usize, bytes).map_err(fault)
}

fn memory(host: &Host<'_>) -> Result<Memory, Error> {
    host.get_export("memory")
        .and_then(Extern::into_memory)
        .ok_or_else(|| Error::new("the program has no memory"))
}

fn large(error: std::num::TryFromIntError) -> Error {
    Error::new(error.to_string())
}

fn fault(error: wasmi::errors::MemoryError) -> Error {
    Error::new(error.to_string())
}
