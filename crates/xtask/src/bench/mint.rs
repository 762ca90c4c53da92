//! Session cookie to token: floors, the service, peers, each loaded in turn in every round.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::programs::ORIGIN;
use super::results::{Contestant, Effort, Mint, Run};
use super::server::Server;
use super::wrk::{self, Load};
use super::{Bench, http};
use crate::sh;

/// Live sessions of the service and of the floors.
const SESSIONS: u64 = 10_000;
/// Where oidc-provider turns a session into a code.
const AUTHORIZE: &str = "/auth?client_id=web&response_type=code&scope=openid&prompt=none&state=x\
    &redirect_uri=https%3A%2F%2Fui.example.com%2Fcallback\
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
const TOKEN: &str = "/api/auth/token";

/// The names in the table. Goals and the chart find their figures by them.
pub(super) mod names {
    pub(in super::super) const FIXED: &str = "floor: axum, a fixed answer of 600 bytes";
    pub(in super::super) const MEMORY: &str =
        "floor: + form, cookie, SHA-256, session map, claims, no signature";
    pub(in super::super) const MEMORY_EDDSA: &str = "floor: + signature, EdDSA";
    pub(in super::super) const MEMORY_ES256: &str = "floor: + signature, ES256";
    pub(in super::super) const SQLITE_EDDSA: &str =
        "floor: session from SQLite instead of the map, EdDSA";
    pub(in super::super) const SQLITE_ES256: &str =
        "floor: session from SQLite instead of the map, ES256";
    pub(in super::super) const OURS_EDDSA: &str = "**sessionmint**, EdDSA";
    pub(in super::super) const OURS_ES256: &str = "**sessionmint**, ES256";
    pub(in super::super) const BETTER_AUTH: &str = "better-auth, SQLite, EdDSA, as it comes";
    pub(in super::super) const BETTER_AUTH_TUNED: &str =
        "better-auth, tuned: session in a cookie, key in memory";
    pub(in super::super) const OIDC_PROVIDER: &str =
        "oidc-provider, in memory, silent authorize (yields a code)";
}

/// What a server is started as, and asked for.
enum Kind {
    Floor(&'static [&'static str]),
    Service(&'static str),
    Peer(&'static str, &'static [&'static str], &'static str),
}

const CONTESTANTS: [(&str, Kind); 11] = [
    (names::FIXED, Kind::Floor(&["fixed"])),
    (names::MEMORY, Kind::Floor(&["memory"])),
    (
        names::MEMORY_EDDSA,
        Kind::Floor(&["memory", "--alg", "EdDSA"]),
    ),
    (
        names::MEMORY_ES256,
        Kind::Floor(&["memory", "--alg", "ES256"]),
    ),
    (
        names::SQLITE_EDDSA,
        Kind::Floor(&["sqlite", "--alg", "EdDSA"]),
    ),
    (
        names::SQLITE_ES256,
        Kind::Floor(&["sqlite", "--alg", "ES256"]),
    ),
    (names::OURS_EDDSA, Kind::Service("EdDSA")),
    (names::OURS_ES256, Kind::Service("ES256")),
    (
        names::BETTER_AUTH,
        Kind::Peer("better-auth.mjs", &["default", "peer.db"], TOKEN),
    ),
    (
        names::BETTER_AUTH_TUNED,
        Kind::Peer("better-auth.mjs", &["tuned", "peer.db"], TOKEN),
    ),
    (
        names::OIDC_PROVIDER,
        Kind::Peer("oidc-provider.mjs", &[], AUTHORIZE),
    ),
];

/// A server that takes part.
struct Entry {
    server: Server,
    /// For a peer: its path and its cookies.
    peer: Option<(&'static str, std::path::PathBuf)>,
    figures: Contestant,
}

pub(super) fn run(bench: &Bench) -> Result<Mint> {
    let seed = bench.folder("seed")?;
    let (database, cookies) = (seed.join("iam.db"), seed.join("cookies"));
    bench.programs.seed(&database, &cookies, SESSIONS)?;
    let mut missing = Vec::new();
    let mut entries = Vec::new();
    for (number, (name, kind)) in CONTESTANTS.iter().enumerate() {
        if !bench.wants(name) {
            continue;
        }
        if let (Kind::Peer(..), Some(why)) = (kind, &bench.programs.no_peers) {
            missing.push(((*name).to_owned(), why.clone()));
            continue;
        }
        let folder = bench.folder(&format!("server-{number}"))?;
        match enter(bench, name, kind, &folder, &database, &cookies) {
            Ok(entry) => entries.push(entry),
            // A peer that does not come up is told of in the table; everything else has to run.
            Err(error) if matches!(kind, Kind::Peer(..)) => {
                eprintln!("{name}: {error:#}");
                missing.push(((*name).to_owned(), format!("{error:#}")));
            }
            Err(error) => return Err(error.context(*name)),
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
            let run = entry.load(bench, &cookies)?;
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
    Ok(Mint {
        effort: Effort::of(bench),
        sessions: SESSIONS,
        contestants,
        missing,
    })
}

fn enter(
    bench: &Bench,
    name: &str,
    kind: &Kind,
    folder: &Path,
    database: &Path,
    cookies: &Path,
) -> Result<Entry> {
    let mut peer = None;
    let command = match kind {
        Kind::Floor(args) => floor(bench, args, folder, cookies),
        Kind::Service(alg) => {
            std::fs::copy(database, folder.join("iam.db"))?;
            bench.programs.service(folder, alg)?
        }
        Kind::Peer(script, args, target) => {
            let own = folder.join("cookies");
            let mut command = bench.programs.peer(script);
            for arg in *args {
                // The database of a peer is in its folder.
                match *arg {
                    "peer.db" => command.arg(folder.join(arg)),
                    other => command.arg(other),
                };
            }
            command.arg(&own);
            peer = Some((*target, own));
            command
        }
    };
    let server = Server::start(command, folder)?;
    match &peer {
        Some((target, own)) => check_peer(&server, target, own)?,
        None => check_mint(&server, cookies, !name.contains("a fixed answer"))?,
    }
    let entry = Entry {
        figures: Contestant {
            name: name.to_owned(),
            runs: Vec::new(),
            idle_kib: server.resident_kib()?,
            peak_kib: 0,
        },
        server,
        peer,
    };
    if entry.peer.is_some() {
        // Its code is compiled while it runs: it has a round before the first that is not counted.
        entry.load(bench, cookies)?;
    }
    Ok(entry)
}

fn floor(bench: &Bench, args: &[&str], folder: &Path, cookies: &Path) -> Command {
    let needs_cookies = !args.contains(&"fixed");
    let mut command = bench.programs.floor(args, needs_cookies.then_some(cookies));
    if args.contains(&"sqlite") {
        command.arg("--folder").arg(folder);
    }
    command
}

/// Sees to it that a server answers a mint with a token.
pub(super) fn check_mint(server: &Server, cookies: &Path, token: bool) -> Result<()> {
    let values = std::fs::read_to_string(cookies)?;
    let cookie = values.get(..43).context("the file of cookies is empty")?;
    let headers = format!(
        "Origin: {ORIGIN}\r\nSec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nCookie: __Host-Http-sid={cookie}\r\n"
    );
    let text = if token { "\"access_token\"" } else { "xxx" };
    let request = (
        "POST /iam/oauth/token",
        headers.as_str(),
        "grant_type=session",
    );
    http::expect(&server.address, request, 200, text)
}

fn check_peer(server: &Server, target: &str, cookies: &Path) -> Result<()> {
    let lines = std::fs::read_to_string(cookies)?;
    let cookie = lines.lines().next().context("the peer made no session")?;
    let (status, text) = if target == TOKEN {
        (200, "\"token\"")
    } else {
        (303, "code=")
    };
    let headers = format!("Cookie: {cookie}\r\n");
    let line = format!("GET {target}");
    http::expect(&server.address, (&line, &headers, ""), status, text)
}

impl Entry {
    fn load(&self, bench: &Bench, cookies: &Path) -> Result<Run> {
        let load = match &self.peer {
            Some((target, own)) => Load::Get {
                target,
                cookies: own,
            },
            None => Load::Mint {
                origin: ORIGIN,
                cookies,
            },
        };
        wrk::run(bench.programs.script(), &self.server, &load, bench.seconds)
            .with_context(|| self.figures.name.clone())
    }
}
