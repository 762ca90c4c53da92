//! Building for wasm32.
//!
//! The ordinary way is rustup's target. Where rustup cannot download (a network with package registries only), Debian's
//! `rustc-web` with the matching library sources builds std itself. Both give the same module within a few bytes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::{debian, sh};

const TRIPLE: &str = "wasm32-unknown-unknown";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_STD: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

/// How this machine builds for wasm32.
enum Toolchain {
    /// The toolchain in use has the target installed.
    Target,
    /// Debian's compiler, building std from Debian's sources.
    Debian,
}

/// The wasm target folder: apart from the native one, so that a std built from source stays warm.
pub(crate) fn target_dir() -> PathBuf {
    sh::target().join("wasm")
}

/// Builds `packages` for wasm32 with `profile`, as cargo names it.
pub(crate) fn build(packages: &[&str], profile: &str) -> Result<()> {
    let mut args = vec![
        "build",
        "--locked",
        "--target",
        TRIPLE,
        "--profile",
        profile,
    ];
    for package in packages {
        args.extend(["-p", package]);
    }
    let mut command = match find()? {
        Toolchain::Target => sh::cmd("cargo", args),
        Toolchain::Debian => debian_cargo(args)?,
    };
    command.arg("--target-dir").arg(target_dir());
    if !target_dir().exists() {
        sh::step(
            "building for wasm32 (the first time compiles the standard library: a few minutes)",
        );
    }
    sh::run(&mut command)
}

/// The compiled module of a cdylib package.
pub(crate) fn artefact(crate_name: &str, profile: &str) -> PathBuf {
    target_dir()
        .join(TRIPLE)
        .join(profile)
        .join(format!("{crate_name}.wasm"))
}

fn find() -> Result<Toolchain> {
    let sysroot = sh::read(&mut sh::cmd("rustc", ["--print", "sysroot"]))?;
    if Path::new(&sysroot)
        .join("lib/rustlib")
        .join(TRIPLE)
        .exists()
    {
        return Ok(Toolchain::Target);
    }
    let debian_is_here = || {
        [DEBIAN_RUSTC, DEBIAN_CARGO, DEBIAN_STD]
            .iter()
            .all(|path| Path::new(path).exists())
    };
    if debian_is_here() {
        return Ok(Toolchain::Debian);
    }
    sh::step("adding the wasm32 target with rustup");
    let added = sh::output(&mut sh::cmd("rustup", ["target", "add", TRIPLE]));
    if added.is_ok_and(|output| output.status.success()) {
        return Ok(Toolchain::Target);
    }
    let packages = ["rustc-web", "cargo-web", "rust-web-src"];
    let installed = debian::need(
        &packages,
        &[DEBIAN_RUSTC, DEBIAN_CARGO, DEBIAN_STD],
        "a wasm32 toolchain",
    );
    match installed {
        Ok(()) if debian_is_here() => Ok(Toolchain::Debian),
        other => bail!(
            "no way to build for wasm32: (1) the toolchain in use has no target {TRIPLE}; (2) `rustup target add {TRIPLE}` \
             failed; (3) Debian's `{}` could not be installed{}",
            packages.join(" "),
            other
                .err()
                .map(|error| format!(" ({error:#})"))
                .unwrap_or_default()
        ),
    }
}

fn debian_cargo(args: Vec<&str>) -> Result<Command> {
    let sysroot = sh::read(&mut sh::cmd("rustc", ["--print", "sysroot"]))?;
    let host = sh::read(&mut sh::cmd(DEBIAN_RUSTC, ["-vV"]))?;
    let host = host
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap_or("x86_64-unknown-linux-gnu")
        .to_owned();
    let rust_lld = Path::new(&sysroot)
        .join("lib/rustlib")
        .join(host)
        .join("bin/rust-lld");
    let wasm_ld = ["/usr/bin/wasm-ld-22", "/usr/bin/wasm-ld"].map(PathBuf::from);
    let Some(linker) = std::iter::once(rust_lld)
        .chain(wasm_ld)
        .find(|path| path.exists())
    else {
        debian::need(&["lld-22"], &["/usr/bin/wasm-ld-22"], "a linker for wasm32")?;
        return debian_cargo(args);
    };
    let path = format!("/usr/bin:{}", std::env::var("PATH").unwrap_or_default());
    let mut command = sh::cmd(DEBIAN_CARGO, args);
    command
        .arg("-Zbuild-std=std,panic_abort")
        // `cargo xtask` exports its own toolchain; the pair must match the library sources exactly.
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO")
        .env("RUSTC", DEBIAN_RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
        .env("PATH", path);
    Ok(command)
}
