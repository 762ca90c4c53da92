//! Refresh token to new tokens: each request replaces the token of a grant of its own. The service answers when that is on
//! disk; the peer keeps everything in memory.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::programs::BASIC;
use super::results::{Contestant, Effort, Refresh, Run};
use super::server::Server;
use super::wrk::{self, Load};
use super::{Bench, http};
use crate::sh;

/// The names in the table. Goals and the chart find their figures by them.
pub(super) mod names {
    pub(in super::super) const OURS_EDDSA: &str = "**sessionmint**, on disk, EdDSA";
    pub(in super::super) const OURS_ES256: &str = "**sessionmint**, on disk, ES256";
    pub(in super::super) const OIDC_PROVIDER: &str = "oidc-provider, in memory, EdDSA";
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Service,
    Peer,
}

/// With what signs their access tokens.
const CONTESTANTS: [(&str, Kind, &str); 3] = [
    (names::OURS_EDDSA, Kind::Service, "EdDSA"),
    (names::OURS_ES256, Kind::Service, "ES256"),
    (names::OIDC_PROVIDER, Kind::Peer, "EdDSA"),
];

/// More than the service replaces in a second.
const SERVICE_PER_SECOND: u64 = 26_000;
/// More than the peer does. Not too many, for it holds them in memory.
const PEER_PER_SECOND: u64 = 6_000;

/// A server that takes part.
struct Entry {
    server: Server,
    /// Tokens, a file for each round.
    rounds: Vec<PathBuf>,
    figures: Contestant,
}

pub(super) fn run(bench: &Bench) -> Result<Refresh> {
    let mut missing = Vec::new();
    let mut entries = Vec::new();
    for (number, (name, kind, alg)) in CONTESTANTS.into_iter().enumerate() {
        if !bench.wants(name) {
            continue;
        }
        if let (Kind::Peer, Some(why)) = (kind, &bench.programs.no_peers) {
            missing.push((name.to_owned(), why.clone()));
            continue;
        }
        let folder = bench.folder(&format!("refresh-{number}"))?;
        match enter(bench, name, kind, alg, &folder) {
            Ok(entry) => entries.push(entry),
            Err(error) if kind == Kind::Peer => {
                eprintln!("{name}: {error:#}");
                missing.push((name.to_owned(), format!("{error:#}")));
            }
            Err(error) => return Err(error.context(name)),
        }
    }
    if entries.is_empty() {
        bail!("no contestant is called like {}", bench.only.join(", "));
    }
    for round in 1..=bench.rounds {
        for entry in &mut entries {
            sh::step(&format!(
                "round {round} of {}: {}",
                bench.rounds, entry.figures.name
            ));
            let run = entry.load(bench)?;
            entry.figures.runs.push(run);
        }
    }
    let contestants = entries
        .into_iter()
        .map(|entry| {
            Ok(Contestant {
                peak_kib: entry.server.peak_kib()?,
                ..entry.figures
            })
        })
        .collect::<Result<_>>()?;
    Ok(Refresh {
        effort: Effort::of(bench),
        contestants,
        missing,
    })
}

fn enter(bench: &Bench, name: &str, kind: Kind, alg: &str, folder: &Path) -> Result<Entry> {
    let per_second = match kind {
        Kind::Service => SERVICE_PER_SECOND,
        Kind::Peer => PEER_PER_SECOND,
    };
    let per_round = usize::try_from(bench.seconds * per_second)?;
    let rounds = usize::try_from(bench.rounds)?;
    // The peer's code is compiled while it runs: it has a round before the first that is not counted.
    let warming = usize::from(kind == Kind::Peer);
    // One token more, to see that it works.
    let count = (rounds + warming) * per_round + 1;
    let tokens = folder.join("tokens");
    let command = match kind {
        Kind::Service => {
            bench
                .programs
                .seed_grants(folder, alg, count.try_into()?, None)?;
            bench.programs.service(folder, alg)?
        }
        Kind::Peer => {
            let mut command = bench.programs.peer("oidc-provider-refresh.mjs");
            command.arg(&tokens).arg(count.to_string());
            command
        }
    };
    let server = Server::start(command, folder)?;
    let idle_kib = server.resident_kib()?;
    let text = std::fs::read_to_string(&tokens)?;
    let mut lines = text.lines();
    check(&server, lines.next().context("no tokens")?, alg)?;
    let mut files = Vec::new();
    for round in 1..=rounds + warming {
        let file = folder.join(format!("tokens-{round}"));
        let mine: Vec<&str> = lines.by_ref().take(per_round).collect();
        std::fs::write(&file, mine.join("\n") + "\n")?;
        files.push(file);
    }
    let mut entry = Entry {
        server,
        rounds: files,
        figures: Contestant {
            name: name.to_owned(),
            runs: Vec::new(),
            idle_kib,
            peak_kib: 0,
        },
    };
    if kind == Kind::Peer {
        entry.load(bench)?;
    }
    Ok(entry)
}

impl Entry {
    fn load(&mut self, bench: &Bench) -> Result<Run> {
        let tokens = self.rounds.pop().context("no tokens for this round")?;
        let load = Load::Refresh {
            basic: BASIC,
            tokens: &tokens,
        };
        wrk::run(bench.programs.script(), &self.server, &load, bench.seconds).with_context(|| {
            let name = &self.figures.name;
            format!("{name}: a refresh token was refused, or there were too few")
        })
    }
}

/// Sees to it that a token is replaced, and that the access token beside it is signed as it is said.
fn check(server: &Server, token: &str, alg: &str) -> Result<()> {
    let headers = format!(
        "Authorization: Basic {BASIC}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    );
    let body = format!("grant_type=refresh_token&refresh_token={token}");
    let answer = http::send(&server.address, "POST /iam/oauth/token", &headers, &body)?;
    let json = answer.split_once("\r\n\r\n").map(|(_, body)| body);
    let answered: Answer = json
        .and_then(|json| serde_json::from_str(json).ok())
        .with_context(|| answer.clone())?;
    let header = answered.access_token.split('.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode(header)?;
    let header: serde_json::Value = serde_json::from_slice(&header)?;
    if header.get("alg").and_then(serde_json::Value::as_str) != Some(alg)
        || answered.refresh_token == token
    {
        bail!("not replaced, or not with {alg}: {answer}");
    }
    Ok(())
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    refresh_token: String,
}
