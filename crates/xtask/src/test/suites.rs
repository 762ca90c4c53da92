//! The suites of tests, from pure Rust to real browsers.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::{Counts, Suite, counts, instructions};
use crate::{debian, demo, fresh, npm, package, sh, size};

pub(super) fn all() -> Vec<Suite> {
    vec![
        Suite {
            name: "rust: unit, integration and doc tests",
            run: rust,
        },
        Suite {
            name: "instructions: mint and verification",
            run: instructions::run,
        },
        Suite {
            name: "refresh tokens: 10,000 bursts of 64 callers",
            run: bursts,
        },
        Suite {
            name: "npm package: types",
            run: package_types,
        },
        Suite {
            name: "npm package: size budgets",
            run: package_size,
        },
        Suite {
            name: "npm package: behaviour in Node",
            run: package_node,
        },
        Suite {
            name: "npm package: behaviour in Node, without WebAssembly",
            run: package_node_without_wasm,
        },
        Suite {
            name: "npm package: in real projects",
            run: package_projects,
        },
        Suite {
            name: "npm package: adapters in their frameworks",
            run: package_adapters,
        },
        Suite {
            name: "app: types and unit tests",
            run: app,
        },
        Suite {
            name: "running service: attackers and other verifiers",
            run: service,
        },
        Suite {
            name: "running service: OAuth clients of others",
            run: clients,
        },
        Suite {
            name: "browsers: table of what they show",
            run: engines,
        },
        Suite {
            name: "browsers: Chromium",
            run: chromium,
        },
        Suite {
            name: "browsers: Firefox",
            run: firefox,
        },
        Suite {
            name: "browsers: WebKit",
            run: webkit,
        },
        Suite {
            name: "browsers: Chromium, without WebAssembly",
            run: chromium_without_wasm,
        },
        Suite {
            name: "browsers: Firefox, without WebAssembly",
            run: firefox_without_wasm,
        },
    ]
}

fn rust() -> Result<Counts> {
    // The cross-crate tests start the binaries themselves.
    demo::services()?;
    let output = sh::output(&mut sh::cmd(
        "cargo",
        ["test", "--locked", "--workspace", "--no-fail-fast"],
    ))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let counts = Counts::of_cargo(&text);
    if !output.status.success() {
        std::io::stderr().write_all(&output.stdout)?;
        std::io::stderr().write_all(&output.stderr)?;
        if counts.as_ref().is_ok_and(|counts| counts.failed == 0) {
            bail!("cargo test ended with {}", output.status);
        }
    }
    counts
}

/// Optimised as what the instructions are counted of, and of the same build.
fn bursts() -> Result<Counts> {
    let test = ["test", "--profile", "count", "--locked", "--quiet"];
    let mut command = sh::cmd("cargo", test);
    let output = sh::output(command.args(["-p", "sessionmint-bench", "--test", "refresh_bursts"]))?;
    if !output.status.success() {
        std::io::stderr().write_all(&output.stdout)?;
        std::io::stderr().write_all(&output.stderr)?;
    }
    Counts::of_cargo(&String::from_utf8_lossy(&output.stdout))
}

fn package_types() -> Result<Counts> {
    package::build()?;
    npm::install("tests")?;
    sh::run(&mut npm::npm(
        &sh::root().join("tests"),
        ["run", "--silent", "types"],
    ))?;
    Ok(Counts::success())
}

fn package_size() -> Result<Counts> {
    size::run(false)?;
    Ok(Counts::success())
}

fn package_node() -> Result<Counts> {
    package::build()?;
    let mut counts = node("crates/browser", "test", &[])?;
    counts += node("crates/browser", "test/machines", &[])?;
    Ok(counts)
}

/// The same tests on what stands in for WebAssembly.
fn package_node_without_wasm() -> Result<Counts> {
    package::build()?;
    let preload = Path::new("--import=./test/without-wasm.mjs");
    node("crates/browser", "test", &[("NODE_OPTIONS", preload)])
}

fn package_projects() -> Result<Counts> {
    let tarball = package::pack()?;
    npm::install("tests")?;
    npm::install("tests/packaging")?;
    debian::browsers()?;
    node("tests", "packaging", &[("TARBALL", &tarball)])
}

fn package_adapters() -> Result<Counts> {
    let tarball = package::pack()?;
    npm::install("tests")?;
    npm::install("tests/adapters")?;
    debian::browsers()?;
    node("tests", "adapters", &[("TARBALL", &tarball)])
}

fn app() -> Result<Counts> {
    package::build()?;
    npm::install("www")?;
    let www = sh::root().join("www");
    sh::run(&mut npm::npm(&www, ["run", "--silent", "typecheck"]))?;
    let mut counts = Counts::success();
    counts += node("www", "test", &[])?;
    Ok(counts)
}

fn service() -> Result<Counts> {
    demo::build()?;
    npm::install("tests")?;
    debian::gateways()?;
    debian::openssl()?;
    debian::slowhttptest()?;
    let python = python()?;
    node("tests", "service", &[("PYTHON", &python)])
}

fn clients() -> Result<Counts> {
    demo::services()?;
    npm::install("tests/clients")?;
    let python = python()?;
    let openidconnect = openidconnect()?;
    let programs = [
        ("PYTHON", python.as_path()),
        ("OPENIDCONNECT", openidconnect.as_path()),
    ];
    node("tests", "clients", &programs)
}

/// The client in Rust, which is no member of the workspace: what it depends on is nobody else's.
fn openidconnect() -> Result<PathBuf> {
    let target = sh::target().join("clients");
    let manifest = "tests/clients/openidconnect/Cargo.toml";
    let args = ["build", "--quiet", "--locked", "--manifest-path", manifest];
    sh::run(sh::cmd("cargo", args).arg("--target-dir").arg(&target))?;
    Ok(target.join("debug/sessionmint-openidconnect-client"))
}

/// What each engine shows is written in the tests, and listed for people.
fn engines() -> Result<Counts> {
    package::build()?;
    npm::install("tests")?;
    sh::run(sh::cmd("node", ["harness/engines.mjs"]).current_dir(sh::root().join("tests")))?;
    Ok(Counts::success())
}

fn chromium() -> Result<Counts> {
    browser("chromium")
}

fn firefox() -> Result<Counts> {
    browser("firefox")
}

fn webkit() -> Result<Counts> {
    debian::webkit()?;
    debian::openssl()?;
    browser("webkit")
}

fn chromium_without_wasm() -> Result<Counts> {
    without_wasm("chromium")
}

fn firefox_without_wasm() -> Result<Counts> {
    without_wasm("firefox")
}

/// Files whose tests have deadlines of a second or so, or count what is left in memory: nothing else runs beside them.
const ALONE: [&str; 4] = ["app", "leaks", "lifecycle", "tabs"];

fn browser(name: &str) -> Result<Counts> {
    let tests = files("tests/browser")?;
    let (alone, others) = tests.into_iter().partition::<Vec<_>, _>(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        ALONE
            .iter()
            .any(|alone| name == format!("{alone}.test.mjs"))
    });
    if alone.len() != ALONE.len() {
        bail!("a file of tests that run alone is not there any more: {alone:?}");
    }
    let mut counts = in_browser(name, &others, 2, &[])?;
    counts += in_browser(name, &alone, 1, &[])?;
    Ok(counts)
}

fn in_browser(
    name: &str,
    files: &[PathBuf],
    at_once: usize,
    variables: &[(&str, &Path)],
) -> Result<Counts> {
    demo::build()?;
    npm::install("tests")?;
    debian::browsers()?;
    let variables = [&[("BROWSER", Path::new(name))], variables].concat();
    node_files("tests", files, at_once, &variables)
}

/// The package against the real service, on pages whose policy forbids WebAssembly.
fn without_wasm(name: &str) -> Result<Counts> {
    let folder = sh::root().join("tests/browser");
    let tests = ["module", "outage"].map(|file| folder.join(format!("{file}.test.mjs")));
    in_browser(name, &tests, 2, &[("WASM", Path::new("forbidden"))])
}
/// A Python with the JOSE libraries that check our tokens, in a folder of its own.
pub(super) fn python() -> Result<PathBuf> {
    let venv = sh::target().join("venv");
    let python = venv.join("bin/python");
    let requirements = sh::root().join("tests/requirements.txt");
    fresh::unless(
        "venv",
        std::slice::from_ref(&requirements),
        std::slice::from_ref(&python),
        || {
            sh::step("installing Python packages");
            let make = || sh::output(sh::cmd("python3", ["-m", "venv", "--clear"]).arg(&venv));
            if !make().is_ok_and(|output| output.status.success()) {
                // Debian keeps the module apart from the interpreter.
                debian::need(&["python3-venv"], &[], "Python 3 with venv")?;
                sh::quiet(sh::cmd("python3", ["-m", "venv", "--clear"]).arg(&venv))?;
            }
            let mut pip = Command::new(&python);
            sh::quiet(
                pip.args(["-m", "pip", "install", "--quiet", "-r"])
                    .arg(&requirements),
            )
        },
    )?;
    Ok(python)
}

/// The `*.test.mjs` files of a folder.
fn files(folder: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(sh::root().join(folder))? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Runs the tests of the folder `tests` of `package`, with more `variables`.
fn node(package: &str, tests: &str, variables: &[(&str, &Path)]) -> Result<Counts> {
    node_files(
        package,
        &files(&format!("{package}/{tests}"))?,
        1,
        variables,
    )
}

/// Runs these files of `package`, so many at a time, with more `variables`. Shows the output of a failed run.
fn node_files(
    package: &str,
    files: &[PathBuf],
    at_once: usize,
    variables: &[(&str, &Path)],
) -> Result<Counts> {
    let mut command = sh::cmd("node", ["--test", "--test-reporter=tap"]);
    command
        .arg(format!("--test-concurrency={at_once}"))
        .args(files)
        .current_dir(sh::root().join(package))
        .env("XTASK_TARGET", sh::target());
    command.envs(variables.iter().copied());
    let output = sh::output(&mut command)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let counts = Counts::of_node(&text);
    for line in counts::not_shown(&text) {
        println!("{line}");
    }
    if !output.status.success() {
        std::io::stderr().write_all(&output.stdout)?;
        std::io::stderr().write_all(&output.stderr)?;
        if counts.as_ref().is_ok_and(|counts| counts.failed == 0) {
            bail!("node --test ended with {}", output.status);
        }
    }
    counts
}
