//! The list of checks, and what each runs.

use std::{
    env,
    process::{Command, ExitCode},
    time::Duration,
};

use anyhow::{Result, bail};

use super::{Check, Context, Outcome, conformance, links};
use crate::{
    bench, cargo_build, fuzz, mutants,
    postgres::{Programs, Server},
    process::Output,
    progress::Progress,
    release,
    setup::{self, WORKER_TARGET},
    simulate,
};

/// Where the tests of pure code run inside WebAssembly: with a system interface, so that Rust's own test runner works.
const TEST_TARGET: &str = "wasm32-wasip1";

/// Every check, in the order in which they run: what ends fast comes first.
pub const STEPS: &[Check] = &[
    Check {
        name: "format",
        about: "the code is formatted",
        run: format,
    },
    Check {
        name: "links",
        about: "links between the documents lead somewhere",
        run: links,
    },
    Check {
        name: "conformance",
        about: "the tests that docs/conformance.md names exist",
        run: conformance,
    },
    Check {
        name: "vectors",
        about: "the vectors are what the independent implementation makes",
        run: vectors,
    },
    Check {
        name: "clippy",
        about: "no lint, natively",
        run: clippy,
    },
    Check {
        name: "clippy-worker",
        about: "no lint, as WebAssembly",
        run: clippy_worker,
    },
    Check {
        name: "unit",
        about: "unit, contract and documentation tests",
        run: unit,
    },
    Check {
        name: "simulation",
        about: "1,000 runs in virtual time break no promise, and planted mistakes are noticed",
        run: simulation,
    },
    Check {
        name: "postgres",
        about: "what every store promises, and what doctor finds, on PostgreSQL too",
        run: postgres,
    },
    Check {
        name: "wasm",
        about: "the tests of the shared crate inside WebAssembly",
        run: wasm,
    },
    Check {
        name: "worker",
        about: "the Worker builds",
        run: worker,
    },
    Check {
        name: "types",
        about: "the scripts of the Workers and of the web page are well typed",
        run: types,
    },
    Check {
        name: "docs",
        about: "the documentation of the code has no fault",
        run: docs,
    },
    Check {
        name: "deploy",
        about: "wrangler would deploy the repository as it is",
        run: deploy,
    },
    Check {
        name: "bench",
        about: "the benchmark runs, and forged keys cost no look-up; nothing is timed",
        run: bench,
    },
    Check {
        name: "fuzz",
        about: "what reads the bytes of others holds on bytes that nobody wrote",
        run: fuzz,
    },
    Check {
        name: "mutants",
        about: "small changes of what the last commit touches in shared are noticed by its tests",
        run: mutants,
    },
    Check {
        name: "clients",
        about: "the examples for clients and for origins work",
        run: clients,
    },
    Check {
        name: "browser",
        about: "people can do everything on the web page, in Chromium",
        run: browser,
    },
    Check {
        name: "schemathesis",
        about: "the API is as its description says, as admin, developer and viewer",
        run: schemathesis,
    },
    Check {
        name: "end-to-end",
        about: "the real processes together",
        run: end_to_end,
    },
];

fn format(context: &Context<'_>) -> Result<Outcome> {
    let Some(()) = context.has_component("fmt") else {
        return missing_component("rustfmt");
    };
    context.cargo(["fmt", "--all", "--check"])
}

fn links(context: &Context<'_>) -> Result<Outcome> {
    links::check(context.workspace.root()).map(|count| {
        println!("{count} links");
        Outcome::Passed
    })
}

fn conformance(context: &Context<'_>) -> Result<Outcome> {
    conformance::check(context.workspace.root()).map(|count| {
        println!("{count} tests are named");
        Outcome::Passed
    })
}

fn vectors(context: &Context<'_>) -> Result<Outcome> {
    if setup::version_of(context.workspace, "python3").is_none() {
        return skipped("python3 is missing; install Python 3.9 or newer");
    }
    let mut python = context.workspace.command("python3");
    python.args(["shared/vectors/generate.py", "--check"]);
    context.run(python)
}

fn clippy(context: &Context<'_>) -> Result<Outcome> {
    let Some(()) = context.has_component("clippy") else {
        return missing_component("clippy");
    };
    context.cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn clippy_worker(context: &Context<'_>) -> Result<Outcome> {
    let Some(()) = context.has_component("clippy") else {
        return missing_component("clippy");
    };
    context.install_target(WORKER_TARGET)?;
    let packages = ["--package", "keyward-edge", "--package", "keyward-shared"];
    let mut cargo = context.workspace.cargo();
    cargo
        .arg("clippy")
        .args(packages)
        .args(["--target", WORKER_TARGET, "--", "-D", "warnings"]);
    context.run(cargo)
}

/// The tests of a package, by the names of their files, that other steps run. All steps choose the whole workspace and of it a
/// target: for each choice of packages cargo would compile the dependencies again, with just their features.
const OF_OTHER_STEPS: [&str; 2] = [END_TO_END, SIMULATION];
const END_TO_END: &str = "e2e";
const SIMULATION: &str = "simulation";

fn unit(context: &Context<'_>) -> Result<Outcome> {
    let mut cargo = context.workspace.cargo();
    cargo.args(["test", "--workspace", "--lib", "--bins"]);
    for name in cargo_build::integration_tests(context.workspace)? {
        if !OF_OTHER_STEPS.contains(&name.as_str()) {
            cargo.args(["--test", &name]);
        }
    }
    context.run(cargo)?;
    context.cargo(["test", "--workspace", "--doc"])
}

fn simulation(context: &Context<'_>) -> Result<Outcome> {
    if simulate::run(context.workspace, context.launcher, &[])? != ExitCode::SUCCESS {
        bail!("`cargo xtask simulate` failed");
    }
    context.cargo(["test", "--workspace", "--test", SIMULATION])
}

fn postgres(context: &Context<'_>) -> Result<Outcome> {
    let programs = match Programs::find() {
        Ok(programs) => programs,
        Err(missing) => return skipped(missing),
    };
    let server = Progress::new(1).step("A PostgreSQL server to throw away", |step| {
        step.remark(programs.version().unwrap_or_default());
        Server::start(&programs, context.launcher, &context.workspace.scratch())
    })?;
    let mut cargo = context.workspace.cargo();
    // They are ignored where there is no server.
    cargo
        .args(["test", "--workspace", "--test", "store", "--test", "doctor"])
        .args(["--", "postgres::", "--ignored"])
        .env("KEYWARD_TEST_POSTGRES", server.url("postgres"));
    context.run(cargo)
}

fn wasm(context: &Context<'_>) -> Result<Outcome> {
    context.install_target(TEST_TARGET)?;
    context.cargo(["test", "--package", "keyward-shared", "--target", TEST_TARGET])
}

fn worker(context: &Context<'_>) -> Result<Outcome> {
    release::run(context.workspace, context.launcher, true)?;
    Ok(Outcome::Passed)
}

fn types(context: &Context<'_>) -> Result<Outcome> {
    context.install_node_packages()?;
    let mut tsc = context.workspace.command("tsc");
    tsc.arg("--noEmit");
    context.run(tsc)?;
    // The types of the API are made of its description, which may have changed.
    let mut api = context.workspace.command("npm");
    api.args(["run", "--silent", "api", "--workspace", "control-plane/web"]);
    context.run(api)?;
    let mut tsc = context.workspace.command("tsc");
    tsc.args(["--noEmit", "--project", "control-plane/web"]);
    context.run(tsc)
}

fn docs(context: &Context<'_>) -> Result<Outcome> {
    let mut cargo = context.workspace.cargo();
    cargo
        .args(["doc", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings");
    context.run(cargo)
}

fn deploy(context: &Context<'_>) -> Result<Outcome> {
    context.install_node_packages()?;
    let mut wrangler = context.workspace.wrangler();
    wrangler
        .args(["deploy", "--dry-run", "--outdir"])
        .arg(context.workspace.scratch().join("dry-run"));
    wrangler.env(
        "WRANGLER_LOG_PATH",
        context.workspace.scratch().join("wrangler-logs"),
    );
    context.run(wrangler)
}

fn bench(context: &Context<'_>) -> Result<Outcome> {
    if let Some(missing) = bench::missing_tool(context.workspace) {
        return skipped(missing);
    }
    let code = bench::run(context.workspace, context.launcher, &["check".into()])?;
    if code != ExitCode::SUCCESS {
        bail!("`cargo xtask bench check` failed");
    }
    Ok(Outcome::Passed)
}

/// Of each target.
const FUZZED_FOR: Duration = Duration::from_secs(3);

fn fuzz(context: &Context<'_>) -> Result<Outcome> {
    if let Some(missing) = fuzz::missing_tool(context.workspace) {
        return skipped(missing);
    }
    let order = fuzz::Order {
        each: FUZZED_FOR,
        ..fuzz::Order::default()
    };
    fuzz::run(context.workspace, context.launcher, &order).map(|()| Outcome::Passed)
}

/// The commit that the change is compared with: `HEAD~1` unless this variable names another.
const BASE: &str = "KEYWARD_CI_BASE";

fn mutants(context: &Context<'_>) -> Result<Outcome> {
    let base = env::var(BASE).unwrap_or_else(|_| "HEAD~1".to_owned());
    match mutants::changes_since(context.workspace, &base) {
        None => println!("there is no {base} here to compare with"),
        Some(diff) if diff.is_empty() => println!("nothing of shared has changed since {base}"),
        Some(diff) => {
            if let Some(missing) = mutants::missing_tool(context.workspace) {
                return skipped(missing);
            }
            mutants::try_changes(context.workspace, context.launcher, &diff)?;
        }
    }
    Ok(Outcome::Passed)
}

fn clients(context: &Context<'_>) -> Result<Outcome> {
    match crate::clients::missing_tool(context.workspace) {
        Some(missing) => skipped(missing),
        None => crate::clients::run(context.workspace, context.launcher).map(|()| Outcome::Passed),
    }
}

fn browser(context: &Context<'_>) -> Result<Outcome> {
    match crate::browser::find() {
        Err(missing) => skipped(missing),
        Ok(_) => crate::browser::test(context.workspace, context.launcher).map(|()| Outcome::Passed),
    }
}

/// Of each of the three callers, in seconds.
const ASKED_FOR: &str = "40";

fn schemathesis(context: &Context<'_>) -> Result<Outcome> {
    let can_install = ["-c", "import ensurepip, venv, sys; print(sys.version)"];
    if setup::first_line(context.workspace.command("python3").args(can_install)).is_none() {
        return skipped("python3 with venv is missing; install Python 3.10 or newer (Debian: python3-venv)");
    }
    let root = context.workspace.root();
    let python = root.join("target/xtask/schemathesis/bin/python");
    if !python.exists() {
        let mut venv = context.workspace.command("python3");
        venv.args(["-m", "venv", "target/xtask/schemathesis"]);
        context.run(venv)?;
    }
    // Quick where everything is there already.
    let mut install = Command::new(&python);
    install.current_dir(root).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--requirement",
        "tests/schemathesis/requirements.txt",
    ]);
    context.run(install)?;
    context.run(cargo_build::programs(context.workspace, &["keyward"]))?;
    let mut asking = Command::new(&python);
    asking.current_dir(root).args([
        "tests/schemathesis/run.py",
        "target/debug/keyward",
        "control-plane/openapi.json",
        ASKED_FOR,
    ]);
    context.run(asking)
}

fn end_to_end(context: &Context<'_>) -> Result<Outcome> {
    context.cargo(["test", "--workspace", "--test", END_TO_END])
}

fn skipped(why: impl Into<String>) -> Result<Outcome> {
    Ok(Outcome::Skipped(why.into()))
}

fn missing_component(component: &str) -> Result<Outcome> {
    skipped(format!(
        "{component} is missing; install it with `rustup component add {component}`"
    ))
}

impl Context<'_> {
    fn has_component(&self, subcommand: &str) -> Option<()> {
        setup::first_line(self.workspace.cargo().args([subcommand, "--version"])).map(drop)
    }

    fn cargo<const N: usize>(&self, arguments: [&str; N]) -> Result<Outcome> {
        let mut cargo = self.workspace.cargo();
        cargo.args(arguments);
        self.run(cargo)
    }

    /// Runs a command with its output where ours goes.
    fn run(&self, command: Command) -> Result<Outcome> {
        let shown = shown(&command);
        println!("$ {shown}");
        let status = self.launcher.run(command, Output::Inherit, || {})?;
        if !status.success() {
            bail!("`{shown}` failed ({status})");
        }
        Ok(Outcome::Passed)
    }

    fn install_target(&self, target: &str) -> Result<()> {
        Progress::new(1).step(&format!("Rust target {target}"), |step| {
            setup::install_target(self.workspace, self.launcher, target, step)
        })
    }

    fn install_node_packages(&self) -> Result<()> {
        Progress::new(1).step("Node packages", |step| {
            setup::install_node_packages(self.workspace, self.launcher, step)
        })
    }
}

/// A command as a person would type it, its program by name.
fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    let words = std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned());
    words.collect::<Vec<_>>().join(" ")
}
