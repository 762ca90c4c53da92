//! What is measured, built and installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::results::{Storm, VerifyCost};
use crate::{debian, npm, sh};

/// Where the client's pages are, as far as the service knows.
pub(super) const ORIGIN: &str = "http://ui.app.localhost:4180";
const RESOURCE: &str = "http://api.app.localhost:4181";
const ISSUER: &str = "http://api.app.localhost:4181/iam";
/// The secret of the client `server`, which has the refresh tokens.
const SECRET: &str = "sms_bench";
/// Base64 of its id and secret.
pub(super) const BASIC: &str = "c2VydmVyOnNtc19iZW5jaA==";
/// The folder of the peers, below the top folder.
const PEERS: &str = "crates/bench/peers";

/// The programs, ready to be started.
pub(crate) struct Programs {
    service: PathBuf,
    helpers: PathBuf,
    peers: PathBuf,
    script: PathBuf,
    /// Why the peers cannot run here.
    pub(super) no_peers: Option<String>,
}

impl Programs {
    pub(super) fn build() -> Result<Self> {
        debian::need(&["wrk"], &["/usr/bin/wrk"], "the load generator wrk")?;
        sh::step(
            "building the service and the floors, optimised (the first time takes several minutes)",
        );
        // One after the other: built together, features that only the helpers ask for would be in the service.
        for package in ["sessionmint-iam", "sessionmint-bench"] {
            let args = ["build", "--release", "--quiet", "--locked", "-p", package];
            sh::run(&mut sh::cmd("cargo", args))?;
        }
        let no_peers = npm::install(PEERS).err();
        if let Some(why) = &no_peers {
            eprintln!("the peers cannot run here: {why:#}");
        }
        Ok(Self {
            service: sh::target().join("release/sessionmint"),
            helpers: sh::target().join("release/sessionmint-bench"),
            peers: sh::root().join(PEERS),
            script: sh::root().join("crates/bench/load.lua"),
            no_peers: no_peers.map(|why| format!("{why:#}")),
        })
    }

    /// The script of the load generator.
    pub(super) fn script(&self) -> &Path {
        &self.script
    }

    /// Fills a database with sessions, and a file with their cookies.
    pub(super) fn seed(&self, database: &Path, cookies: &Path, sessions: u64) -> Result<()> {
        sh::step(&format!("making {sessions} sessions"));
        let mut command = Command::new(&self.helpers);
        command.arg("seed").arg("--database").arg(database);
        command.arg("--cookies").arg(cookies);
        command.args(["--sessions", &sessions.to_string()]);
        command.args(["--origin", ORIGIN, "--resource", RESOURCE]);
        sh::quiet(&mut command)
    }

    /// Fills a new database `iam.db` in `folder` with grants, and the file `tokens` with their refresh tokens. Without
    /// `window` replaced tokens are answered as long as it is by default.
    pub(super) fn seed_grants(
        &self,
        folder: &Path,
        alg: &str,
        grants: u64,
        window: Option<u64>,
    ) -> Result<()> {
        sh::step(&format!("making {grants} grants"));
        let mut command = Command::new(&self.helpers);
        command.arg("seed-grants");
        command.arg("--database").arg(folder.join("iam.db"));
        command.arg("--tokens").arg(folder.join("tokens"));
        command.args(["--algorithm", alg, "--secret", SECRET]);
        command.args(["--grants", &grants.to_string()]);
        command.args(["--resource", RESOURCE, "--resource", ISSUER]);
        if let Some(window) = window {
            command.args(["--window", &window.to_string()]);
        }
        sh::quiet(&mut command)
    }

    /// Callers at once with one refresh token, for each that [`Programs::seed_grants`] made.
    pub(super) fn storm(
        &self,
        folder: &Path,
        address: &str,
        (times, callers, window): (u32, u32, u64),
    ) -> Result<Storm> {
        let mut command = Command::new(&self.helpers);
        command.args(["storm", "--address", address, "--basic", BASIC]);
        command.arg("--database").arg(folder.join("iam.db"));
        command.arg("--tokens").arg(folder.join("tokens"));
        command.args(["--issuer", ISSUER]);
        command.args(["--resource", RESOURCE, "--resource", ISSUER]);
        command.args(["--times", &times.to_string()]);
        command.args(["--callers", &callers.to_string()]);
        command.args(["--window", &window.to_string()]);
        Ok(serde_json::from_str(&sh::read(&mut command)?)?)
    }

    /// The service on the database `iam.db` in `folder`, as an operator would run it.
    pub(super) fn service(&self, folder: &Path, alg: &str) -> Result<Command> {
        let config = self.config(folder, alg)?;
        let mut command = Command::new(&self.service);
        command.arg("serve").arg("--config").arg(config);
        Ok(command)
    }

    /// Adds a user who signs in with this password.
    pub(super) fn add_user(&self, folder: &Path, name: &str, password: &str) -> Result<()> {
        let config = self.config(folder, "ES256")?;
        let file = folder.join("password");
        std::fs::write(&file, password)?;
        let mut command = Command::new(&self.service);
        command.args(["user", "add", name, "--password-stdin", "--config"]);
        let status = command
            .arg(config)
            .stdin(std::fs::File::open(file)?)
            .output()
            .context("sessionmint user add")?;
        anyhow::ensure!(
            status.status.success(),
            "{}",
            String::from_utf8_lossy(&status.stderr)
        );
        Ok(())
    }

    fn config(&self, folder: &Path, alg: &str) -> Result<PathBuf> {
        let path = folder.join("sessionmint.toml");
        let database = folder.join("iam.db");
        let text = format!(
            "issuer = \"{ISSUER}\"\nlisten = \"127.0.0.1:0\"\ndatabase = \"sqlite:{}\"\n\
             [sessions]\nidle_secs = 86400\nmints_per_minute = 100000\n[keys]\nalgorithm = \"{alg}\"\n[admin]\nlisten = \"127.0.0.1:0\"\n",
            database.display()
        );
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// A floor.
    pub(super) fn floor(&self, args: &[&str], cookies: Option<&Path>) -> Command {
        let mut command = Command::new(&self.helpers);
        command.arg("floor").args(args);
        if let Some(cookies) = cookies {
            command.arg("--cookies").arg(cookies);
        }
        command
    }

    /// A peer.
    pub(super) fn peer(&self, script: &str) -> Command {
        let mut command = Command::new("node");
        command
            .arg(self.peers.join(script))
            .current_dir(&self.peers);
        command.env("NODE_ENV", "production");
        command
    }

    /// What the check of a token costs.
    pub(super) fn verify(&self, seconds: u64) -> Result<Vec<VerifyCost>> {
        let mut command = Command::new(&self.helpers);
        command.args(["verify", "--seconds", &seconds.to_string()]);
        Ok(serde_json::from_str(&sh::read(&mut command)?)?)
    }

    /// The size of the service's binary in bytes.
    pub(super) fn size(&self) -> Result<u64> {
        Ok(std::fs::metadata(&self.service)?.len())
    }

    /// Versions of what took part, for the table.
    pub(super) fn versions(&self) -> Result<Vec<String>> {
        let first_line = |program: &str, arg: &str| -> Result<String> {
            let output = sh::output(&mut sh::cmd(program, [arg]))?;
            let text = String::from_utf8_lossy(&output.stdout);
            let line = text.lines().next().unwrap_or_default();
            Ok(line.split(" (").next().unwrap_or_default().to_owned())
        };
        let wrk = first_line("wrk", "--version")?;
        let wrk = wrk.split(" [").next().unwrap_or_default().to_owned();
        let mut versions = vec![
            first_line("rustc", "--version")?,
            format!("Node {}", first_line("node", "--version")?),
            wrk,
        ];
        let manifest = std::fs::read_to_string(self.peers.join("package.json"))?;
        let manifest: serde_json::Value = serde_json::from_str(&manifest)?;
        let peers = manifest
            .get("dependencies")
            .and_then(serde_json::Value::as_object);
        for (name, version) in peers.into_iter().flatten() {
            versions.push(format!("{name} {}", version.as_str().unwrap_or_default()));
        }
        Ok(versions)
    }
}
