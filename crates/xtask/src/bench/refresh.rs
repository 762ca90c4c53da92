//! Refresh token to new tokens: each request replaces the token of a grant of its own, and is answered when that is on disk.

use anyhow::{Context as _, Result, bail};
use clap::Args;

use super::programs::Programs;
use super::server::{self, Server};
use super::wrk::{self, Load};
use super::{http, remove};
use crate::sh;

/// More than there can be in a second.
const PER_SECOND: u64 = 12_000;
/// Base64 of the client's id and secret.
const BASIC: &str = "c2VydmVyOnNtc19iZW5jaA==";
const SECRET: &str = "sms_bench";

/// How to measure.
#[derive(Args)]
pub(super) struct Options {
    /// How long the service is loaded in each round
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=10))]
    seconds: u64,
    /// How many rounds
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
}

/// `cargo xtask bench refresh`.
pub(super) fn run(options: &Options) -> Result<()> {
    server::stop_on_interrupt()?;
    let programs = Programs::build()?;
    let folder = sh::target().join("bench/refresh");
    remove(&folder)?;
    let outcome = rounds(options, &programs, &folder);
    remove(&folder)?;
    outcome
}

fn rounds(options: &Options, programs: &Programs, folder: &std::path::Path) -> Result<()> {
    let grants = options.seconds * PER_SECOND;
    for round in 1..=options.rounds {
        let own = folder.join(round.to_string());
        std::fs::create_dir_all(&own)?;
        let tokens = own.join("tokens");
        programs.seed_grants(&own.join("iam.db"), &tokens, grants, SECRET)?;
        let server = Server::start(programs.service(&own, "ES256")?, &own)?;
        let idle = server.resident_kib()?;
        check(&server, &tokens)?;
        let load = Load::Refresh {
            basic: BASIC,
            tokens: &tokens,
        };
        let run = wrk::run(programs.script(), &server, &load, options.seconds)
            .context("a refresh token was refused")?;
        if run.requests >= grants / 2 {
            bail!("the tokens did not last: {} of {grants}", run.requests);
        }
        println!(
            "round {round}: {:.0} refreshes/s, p50 {:.1} ms, p99 {:.1} ms, {:.0} CPU µs each, {} -> {} MB",
            run.per_second,
            run.p50_us / 1000.0,
            run.p99_us / 1000.0,
            run.cpu_us,
            idle / 1024,
            server.peak_kib()? / 1024
        );
        drop(server);
        remove(&own)?;
    }
    Ok(())
}

/// Sees to it that a token is replaced: the last one, which the load does not come to.
fn check(server: &Server, tokens: &std::path::Path) -> Result<()> {
    let values = std::fs::read_to_string(tokens)?;
    let token = values
        .get(values.len().saturating_sub(100)..)
        .context("no tokens")?;
    let headers = format!(
        "Authorization: Basic {BASIC}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    );
    let body = format!("grant_type=refresh_token&refresh_token={token}");
    let request = ("POST /iam/oauth/token", headers.as_str(), body.as_str());
    http::expect(&server.address, request, 200, "\"refresh_token\":\"smr_")
}
