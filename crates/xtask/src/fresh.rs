//! Skipping what is up to date: a step runs again only when the content of its inputs changed.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Runs `work` unless `outputs` exist and `inputs` (files, or folders read whole) are as they were after the last run.
pub(crate) fn unless(
    name: &str,
    inputs: &[PathBuf],
    outputs: &[PathBuf],
    work: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let stamp = crate::sh::target().join("xtask").join(name);
    let fingerprint = fingerprint(inputs)?;
    let unchanged = std::fs::read_to_string(&stamp).is_ok_and(|old| old == fingerprint);
    if unchanged && outputs.iter().all(|path| path.exists()) {
        return Ok(());
    }
    work()?;
    if let Some(folder) = stamp.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&stamp, fingerprint)?;
    Ok(())
}

fn fingerprint(inputs: &[PathBuf]) -> Result<String> {
    let mut files = Vec::new();
    for input in inputs {
        collect(input, &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        std::fs::read(&file)
            .with_context(|| file.display().to_string())?
            .hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_name() != "node_modules" {
                collect(&entry.path(), files)?;
            }
        }
    } else if path.exists() {
        files.push(path.to_path_buf());
    }
    Ok(())
}
