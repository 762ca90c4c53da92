//! Running other programs: what is run is said, and its output is shown when it fails.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail};

/// The workspace's top folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Cargo's target folder of this workspace.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Says what is being done, once per step.
pub(crate) fn step(what: &str) {
    eprintln!("==> {what}");
}

/// A command in the workspace's top folder.
pub(crate) fn cmd<I: AsRef<std::ffi::OsStr>>(
    program: &str,
    args: impl IntoIterator<Item = I>,
) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    command
}

/// Runs and shows the output as it comes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = describe(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("`{shown}` did not start"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Runs quietly; the output is shown only when it fails.
pub(crate) fn quiet(command: &mut Command) -> Result<()> {
    let output = output(command)?;
    if !output.status.success() {
        let mut err = std::io::stderr().lock();
        err.write_all(&output.stdout)?;
        err.write_all(&output.stderr)?;
        bail!("`{}` ended with {}", describe(command), output.status);
    }
    Ok(())
}

/// Runs and returns what it wrote, whatever its exit code.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{}` did not start", describe(command)))
}

/// Runs and returns its standard output, without the last line end; an error when it fails.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if !output.status.success() {
        bail!(
            "`{}` failed: {}",
            describe(command),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

/// Whether a program can be started at all.
pub(crate) fn exists(program: &str) -> bool {
    cmd(program, ["--version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

fn describe(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}
