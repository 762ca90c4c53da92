//! From the start of the process to its first answer, on a database that is there.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::results::Start;
use super::server::{self, Process, Server};
use super::{Bench, http};

const STARTS: usize = 20;

#[expect(clippy::disallowed_methods, reason = "what is measured is time")]
pub(super) fn run(bench: &Bench) -> Result<Start> {
    let folder = bench.folder("start")?;
    let database = folder.join("iam.db");
    bench
        .programs
        .seed(&database, &folder.join("cookies"), 1_000)?;
    // The first start makes the keys.
    drop(Server::start(
        bench.programs.service(&folder, "ES256")?,
        &folder,
    )?);
    let mut millis = Vec::new();
    for _ in 0..STARTS {
        let mut command = bench.programs.service(&folder, "ES256")?;
        let began = Instant::now();
        let mut process = Process::spawn(command.stdout(Stdio::null()).stderr(Stdio::piped()))?;
        let stderr = process.stderr().context("no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| server::address(&format!("{line}\n")))
            .context("the service did not start")?;
        let request = ("GET /iam/.well-known/jwks.json", "", "");
        http::expect(&address, request, 200, "\"kid\"")?;
        millis.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Start { millis })
}
