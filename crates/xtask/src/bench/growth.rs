//! What a mint costs, and what the service takes in memory, with more and more live sessions.

use anyhow::Result;

use super::programs::ORIGIN;
use super::results::{Contestant, Effort, Growth};
use super::server::Server;
use super::wrk::{self, Load};
use super::{Bench, mint};
use crate::sh;

const STEPS: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// A million sessions take a minute to make.
const QUICK: usize = 3;

pub(super) fn run(bench: &Bench) -> Result<Growth> {
    let count = if bench.quick { QUICK } else { STEPS.len() };
    let mut entries = Vec::new();
    for sessions in STEPS.into_iter().take(count) {
        let folder = bench.folder(&format!("growth-{sessions}"))?;
        let cookies = folder.join("cookies");
        bench
            .programs
            .seed(&folder.join("iam.db"), &cookies, sessions)?;
        let server = Server::start(bench.programs.service(&folder, "EdDSA")?, &folder)?;
        mint::check_mint(&server, &cookies, true)?;
        let figures = Contestant {
            name: format!("{sessions} sessions"),
            runs: Vec::new(),
            idle_kib: server.resident_kib()?,
            peak_kib: 0,
        };
        entries.push((sessions, server, cookies, figures));
    }
    for round in 1..=bench.rounds {
        for (sessions, server, cookies, figures) in &mut entries {
            sh::step(&format!(
                "round {round} of {}: {sessions} sessions",
                bench.rounds
            ));
            let load = Load::Mint {
                origin: ORIGIN,
                cookies,
            };
            let run = wrk::run(bench.programs.script(), server, &load, bench.seconds)?;
            figures.runs.push(run);
        }
    }
    let steps = entries.into_iter().map(|(sessions, server, _, figures)| {
        let peak_kib = server.peak_kib()?;
        Ok((
            sessions,
            Contestant {
                peak_kib,
                ..figures
            },
        ))
    });
    Ok(Growth {
        effort: Effort::of(bench),
        steps: steps.collect::<Result<_>>()?,
    })
}
