//! A folder with a configuration, and the commands that most tests begin with.

use std::path::Path;

pub(crate) use serde_json::{Value, json};

pub(crate) use crate::ops_support::{Server, command, fails, ok, run};

pub(crate) const PASSWORD: &str = "seven small hedgehogs\n";
pub(crate) const DB: [&str; 2] = ["--database", "sqlite:iam.db"];

/// A folder with a configuration file.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = "issuer = \"https://api.example.com/iam\"\ndatabase = \"sqlite:iam.db\"\nlisten = \"127.0.0.1:0\"\n";
    std::fs::write(folder.path().join("iam.toml"), config).unwrap();
    folder
}

pub(crate) fn with<'a>(args: &[&'a str]) -> Vec<&'a str> {
    args.iter()
        .copied()
        .chain(["--config", "iam.toml"])
        .collect()
}

pub(crate) fn add_user(folder: &Path, name: &str) -> String {
    ok(
        folder,
        &with(&["user", "add", name, "--password-stdin"]),
        PASSWORD,
    )
}

pub(crate) fn add_client(folder: &Path, id: &str, more: &[&str]) -> String {
    let mut args = vec![
        "client",
        "add",
        id,
        "--resource",
        "https://api.example.com",
        "--scope",
        "notes:read notes:write account",
    ];
    args.extend(more);
    ok(folder, &with(&args), "")
}

pub(crate) fn list(folder: &Path, args: &[&str]) -> Value {
    let mut args = with(args);
    args.push("--json");
    serde_json::from_str(&ok(folder, &args, "")).unwrap()
}
