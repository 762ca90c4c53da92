//! Node and its packages.

use std::path::Path;

use anyhow::{Result, bail};

use crate::{fresh, sh};

/// Fails with a clear message unless Node 20.19 or newer and npm are there.
pub(crate) fn need_node() -> Result<()> {
    let version = sh::read(&mut sh::cmd("node", ["--version"])).unwrap_or_default();
    let mut parts = version
        .trim_start_matches('v')
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let (major, minor) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if (major, minor) < (20, 19) || !sh::exists("npm") {
        let found = if version.is_empty() {
            "none".to_owned()
        } else {
            version
        };
        bail!(
            "Node 20.19 or newer with npm is needed (found: {found}); install it from nodejs.org or your system's packages"
        );
    }
    Ok(())
}

/// Installs exactly what the lock file of `folder` (below the top folder) says, if that is not there already.
pub(crate) fn install(folder: &str) -> Result<()> {
    need_node()?;
    let path = sh::root().join(folder);
    let inputs = [path.join("package.json"), path.join("package-lock.json")];
    let name = format!("npm-{}", folder.replace('/', "-"));
    fresh::unless(&name, &inputs, &[path.join("node_modules")], || {
        sh::step(&format!("installing npm packages of {folder}"));
        sh::quiet(&mut npm(
            &path,
            ["ci", "--no-audit", "--no-fund", "--loglevel=error"],
        ))
    })?;
    Ok(())
}

/// An npm command in `folder`.
pub(crate) fn npm<const N: usize>(folder: &Path, args: [&str; N]) -> std::process::Command {
    let mut command = sh::cmd("npm", args);
    command.current_dir(folder);
    command
}
