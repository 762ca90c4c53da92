//! Checks that need no server: formatting, lints, documentation, dependencies, wasm32.

use anyhow::{Result, bail};

use super::{Counts, Suite, dependencies, security};
use crate::{sh, wasm};

pub(super) fn all() -> Vec<Suite> {
    vec![
        Suite {
            name: "check: rustfmt",
            run: fmt,
        },
        Suite {
            name: "check: dependency direction",
            run: dependencies::direction,
        },
        Suite {
            name: "check: licences and duplicate versions",
            run: dependencies::licences,
        },
        Suite {
            name: "check: unused dependencies",
            run: dependencies::unused,
        },
        Suite {
            name: "check: lock files name no registry",
            run: lock_files,
        },
        Suite {
            name: "check: security requirements name their tests",
            run: security::check,
        },
        Suite {
            name: "check: clippy",
            run: clippy,
        },
        Suite {
            name: "check: rustdoc",
            run: rustdoc,
        },
        Suite {
            name: "check: pure crates on wasm32",
            run: pure_on_wasm,
        },
    ]
}

fn fmt() -> Result<Counts> {
    sh::run(&mut sh::cmd("cargo", ["fmt", "--all", "--check"]))?;
    Ok(Counts::success())
}

fn clippy() -> Result<Counts> {
    sh::run(&mut sh::cmd(
        "cargo",
        [
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ],
    ))?;
    Ok(Counts::success())
}

fn rustdoc() -> Result<Counts> {
    let mut command = sh::cmd(
        "cargo",
        ["doc", "--locked", "--workspace", "--no-deps", "--quiet"],
    );
    sh::run(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Counts::success())
}

fn pure_on_wasm() -> Result<Counts> {
    wasm::build(
        &[
            "sessionmint-renewal",
            "sessionmint-oauth",
            "sessionmint-access",
        ],
        "wasm",
    )?;
    Ok(Counts::success())
}

/// A lock file that names where a package was fetched from works only where that host is reached.
fn lock_files() -> Result<Counts> {
    for file in [
        "www/package-lock.json",
        "tests/package-lock.json",
        "tests/bench-browser/package-lock.json",
        "tests/packaging/package-lock.json",
        "tests/adapters/package-lock.json",
        "tests/clients/package-lock.json",
        "crates/xtask/npm/package-lock.json",
    ] {
        let text = std::fs::read_to_string(sh::root().join(file))?;
        if let Some(line) = text
            .lines()
            .find(|line| line.contains("\"resolved\": \"http"))
        {
            bail!(
                "{file} names a registry: {}; set npm's `omit-lockfile-registry-resolved`",
                line.trim()
            );
        }
    }
    Ok(Counts::success())
}
