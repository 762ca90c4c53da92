//! The load generator.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::results::Run;
use super::server::{Process, Server};

/// Connections that are kept alive, each with one request at a time.
pub(super) const CONNECTIONS: u32 = 64;

/// What a load sends.
pub(super) enum Load<'a> {
    /// Mints with the cookies of a file.
    Mint {
        /// The origin that they come from.
        origin: &'a str,
        /// Values without separator.
        cookies: &'a Path,
    },
    /// Gets a path with the cookies of a file.
    Get {
        /// Path and query.
        target: &'a str,
        /// Header values, one a line.
        cookies: &'a Path,
    },
    /// Uses refresh tokens of a file, each once.
    Refresh {
        /// The client's credentials in base64.
        basic: &'a str,
        /// Values of one length, one a line.
        tokens: &'a Path,
    },
    /// Signs in.
    Login {
        /// The origin that they come from.
        origin: &'a str,
        /// Who.
        user: &'a str,
        /// Their password.
        password: &'a str,
    },
}

/// What the script prints.
#[derive(Deserialize)]
pub(super) struct Figures {
    pub(super) requests: u64,
    pub(super) micros: u64,
    pub(super) refused: u64,
    pub(super) broken: u64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
}

/// A load that runs.
pub(super) struct Wrk(Process);

impl Wrk {
    pub(super) fn start(
        script: &Path,
        server: &Server,
        load: &Load<'_>,
        connections: u32,
        seconds: u64,
    ) -> Result<Self> {
        let mut command = Command::new("wrk");
        let threads = connections.min(2);
        command.args([
            format!("-t{threads}"),
            format!("-c{connections}"),
            format!("-d{seconds}s"),
            "--timeout=10s".to_owned(),
        ]);
        command.arg("-s").arg(script);
        command.arg(format!("http://{}", server.address)).arg("--");
        match load {
            Load::Mint { origin, cookies } => command.args(["mint", origin]).arg(cookies),
            Load::Get { target, cookies } => command.args(["get", target]).arg(cookies),
            Load::Refresh { basic, tokens } => command.args(["refresh", basic]).arg(tokens),
            Load::Login {
                origin,
                user,
                password,
            } => command.args(["login", origin, user, password]),
        };
        Ok(Self(Process::spawn(command.stdout(Stdio::piped()))?))
    }

    pub(super) fn finish(self) -> Result<Figures> {
        let text = self.0.output()?;
        let line = text.lines().find(|line| line.starts_with('{'));
        Ok(serde_json::from_str(line.with_context(|| text.clone())?)?)
    }
}

/// Loads a server; every request must be answered as it should.
pub(super) fn run(script: &Path, server: &Server, load: &Load<'_>, seconds: u64) -> Result<Run> {
    let before = server.cpu_micros()?;
    let figures = Wrk::start(script, server, load, CONNECTIONS, seconds)?.finish()?;
    let cpu_micros = server.cpu_micros()? - before;
    if figures.refused + figures.broken > 0 || figures.requests == 0 {
        bail!(
            "of {} requests {} were refused and {} got no answer",
            figures.requests,
            figures.refused,
            figures.broken
        );
    }
    Ok(Run::new(&figures, cpu_micros))
}
