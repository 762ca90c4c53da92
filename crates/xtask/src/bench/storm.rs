//! Many callers with one refresh token at once: the proof, against the service as it ships, that each of them comes away with
//! a working pair.

use anyhow::{Result, bail};

use super::Bench;
use super::results::Storm;
use super::server::Server;
use crate::sh;

const ALG: &str = "EdDSA";
const CALLERS: u32 = 64;
/// Seconds for which a replaced token is answered with its successor: the service's default.
const WINDOW: u64 = 10;
/// Each has its turn when the window of the turn before is over; with so many that is without waiting.
const GRANTS: u64 = 2_000;
const TIMES: u32 = 5;
const QUICK: (u64, u32) = (200, 1);

pub(super) fn run(bench: &Bench) -> Result<Storm> {
    // Without a window callers must lose; if none does, this measures nothing.
    let without = storm(bench, "without-window", QUICK, 0)?;
    if without.holds() || without.invalid_grant == 0 {
        bail!("without a window nobody lost: {without:?}");
    }
    let size = if bench.quick { QUICK } else { (GRANTS, TIMES) };
    let storm = storm(bench, "window", size, WINDOW)?;
    if !storm.holds() {
        bail!("callers lost: {storm:?}");
    }
    Ok(storm)
}

fn storm(bench: &Bench, name: &str, (grants, times): (u64, u32), window: u64) -> Result<Storm> {
    let folder = bench.folder(&format!("storm-{name}"))?;
    bench
        .programs
        .seed_grants(&folder, ALG, grants, Some(window))?;
    let server = Server::start(bench.programs.service(&folder, ALG)?, &folder)?;
    sh::step(&format!(
        "{grants} grants, {times} × {CALLERS} callers with one token, a window of {window} s"
    ));
    let shape = (times, CALLERS, window);
    bench.programs.storm(&folder, &server.address, shape)
}
