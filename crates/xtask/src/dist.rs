//! The release archive of the service: one static binary, the unit, an example of its configuration, the licences.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use crate::sh;

/// What goes into the archive beside the binary.
const FILES: [&str; 8] = [
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "CHANGELOG.md",
    "crates/iam/CONFIGURATION.md",
    "crates/iam/sessionmint.example.toml",
    "crates/iam/ops/sessionmint.service",
    "crates/iam/ops/alerts.yml",
    "crates/iam/ops/dashboard.json",
];

/// `cargo xtask dist`: builds, checks and packs into `target/dist`; prints the path of the archive.
pub(crate) fn run() -> Result<()> {
    let target = host()?;
    sh::step("building the service, optimised and static; this takes minutes");
    // With a target named, the flag is not for build scripts and macros, which cannot be static.
    let mut build = sh::cmd("cargo", ["build", "--release", "--locked", "--target"]);
    build.args([&target, "--package", "sessionmint-iam"]);
    sh::run(build.env("RUSTFLAGS", "-C target-feature=+crt-static"))?;
    let binary = sh::target().join(&target).join("release/sessionmint");
    let bytes = fs::read(&binary)?;
    ensure!(
        target.contains("linux") && !has_interpreter(&bytes)?,
        "{} needs libraries of the system",
        binary.display()
    );
    let version = sh::read(sh::cmd(&binary.to_string_lossy(), ["--version"]).env_clear())?;
    sh::step(&format!("{version}: {} KiB", bytes.len().div_ceil(1024)));

    let name = format!("{}-{target}", version.replace(' ', "-"));
    let dist = sh::target().join("dist");
    let folder = dist.join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    fs::copy(&binary, folder.join("sessionmint"))?;
    for file in FILES {
        let from = sh::root().join(file);
        let to = folder.join(Path::new(file).file_name().unwrap_or_default());
        fs::copy(&from, to).with_context(|| file)?;
    }
    let archive = dist.join(format!("{name}.tar.gz"));
    let mut tar = sh::cmd(
        "tar",
        ["--create", "--gzip", "--owner=0", "--group=0", "--file"],
    );
    sh::run(tar.arg(&archive).arg("--directory").arg(&dist).arg(&name))?;
    println!("{}", archive.display());
    Ok(())
}

/// The target that this machine builds for.
fn host() -> Result<String> {
    let said = sh::read(&mut sh::cmd("rustc", ["-vV"]))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc names no host")
}

/// Whether an ELF file (64 bits, little-endian) names a program that loads libraries for it: a `PT_INTERP` header.
fn has_interpreter(elf: &[u8]) -> Result<bool> {
    const PT_INTERP: u64 = 3;
    let number = |at: usize, length: usize| -> Result<u64> {
        let bytes = elf.get(at..at.saturating_add(length));
        let bytes = bytes.context("the file is cut short")?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    if elf.get(..6) != Some(b"\x7fELF\x02\x01") {
        bail!("no ELF file of 64 bits, little-endian");
    }
    let (start, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    for index in 0..count {
        if number(usize::try_from(start + index * size)?, 4)? == PT_INTERP {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_needs_libraries_is_told_from_one_that_does_not() {
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(has_interpreter(&own).unwrap());
        // The same file without program headers.
        let mut none = own[..64].to_vec();
        none[56..58].fill(0);
        assert!(!has_interpreter(&none).unwrap());
        assert!(has_interpreter(&own[..60]).is_err());
        assert!(has_interpreter(b"#!/bin/sh").is_err());
    }
}
