//! `cargo xtask bench`: the service beside floors and peers, in interleaved rounds on one machine.
//!
//! Absolute figures belong to the machine; what counts are ratios within one run, and the CPU time that the server spends
//! on a request. Everything listens on loopback, on free ports, in a folder that is removed, and is stopped by pid at the
//! end, at an error and on Ctrl-C.

mod browser;
mod chart;
mod goals;
mod growth;
mod http;
mod login;
mod mint;
mod programs;
mod refresh;
mod report;
mod results;
mod server;
mod start;
mod storm;
mod wrk;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use crate::sh;
use programs::Programs;
use results::Results;

/// How to measure.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Sections: mint (floors, service, peers), refresh (service, peer), storm (callers with one refresh token, which have to come
away with a working pair), growth (cost against 1,000 to 1,000,000 sessions, memory), start, login (mints while sign-ins
saturate password hashing), verify, size.

Each run keeps its raw figures in target/bench/<time>.json; target/bench/latest.json has the newest of each section, and
RESULTS.md and chart.svg beside it are made from that. `--publish` copies these two into crates/bench.
For figures worth keeping: nothing else may run on the machine, and `--seconds 10 --rounds 3` or more.")]
pub(crate) struct Options {
    #[command(subcommand)]
    other: Option<Other>,
    /// How long each server is loaded in each round
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// How many rounds; servers take turns in each, and the table shows medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// Only sections and contestants whose name contains this word; may be given more than once
    #[arg(long)]
    only: Vec<String>,
    /// Two seconds, one round, at most 100,000 sessions: to see that it works, and roughly what it would say
    #[arg(long, conflicts_with_all = ["seconds", "rounds"])]
    quick: bool,
    /// Copy the table and the chart to crates/bench when done
    #[arg(long)]
    publish: bool,
}

/// Measurements of other things than the service.
#[derive(Subcommand)]
enum Other {
    /// What a cached token costs in Node and Chromium, beside other npm packages; how each behaves when something goes wrong.
    Browser(browser::Options),
    /// What the check of a permission costs in process, with 100,000 records.
    Access,
}

/// What every section needs.
pub(crate) struct Bench {
    programs: Programs,
    folder: PathBuf,
    seconds: u64,
    rounds: u32,
    quick: bool,
    only: Vec<String>,
}

const SECTIONS: [&str; 8] = [
    "mint", "refresh", "storm", "growth", "start", "login", "verify", "size",
];

/// `cargo xtask bench`.
pub(crate) fn run(options: &Options) -> Result<()> {
    match &options.other {
        Some(Other::Browser(options)) => return browser::run(options),
        Some(Other::Access) => return access(),
        None => {}
    }
    server::stop_on_interrupt()?;
    let folder = sh::target().join("bench/run");
    remove(&folder)?;
    std::fs::create_dir_all(&folder)?;
    let (seconds, rounds) = if options.quick {
        (2, 1)
    } else {
        (options.seconds, options.rounds)
    };
    let bench = Bench {
        programs: Programs::build()?,
        folder,
        seconds,
        rounds,
        quick: options.quick,
        only: options.only.clone(),
    };
    let outcome = bench.measure();
    remove(&bench.folder)?;
    let results = outcome?;
    let text = report::save(&results, &seconds_since_epoch()?.to_string())?;
    println!("{text}");
    if options.publish {
        report::publish()?;
    }
    Ok(())
}

impl Bench {
    fn measure(&self) -> Result<Results> {
        let mut results = Results::new(self)?;
        let mut any = false;
        for section in SECTIONS {
            if !self.wants_section(section) {
                continue;
            }
            any = true;
            sh::step(&format!("measuring: {section}"));
            match section {
                "mint" => results.mint = Some(mint::run(self)?),
                "refresh" => results.refresh = Some(refresh::run(self)?),
                "storm" => results.storm = Some(storm::run(self)?),
                "growth" => results.growth = Some(growth::run(self)?),
                "start" => results.start = Some(start::run(self)?),
                "login" => results.login = Some(login::run(self)?),
                "verify" => results.verify = Some(self.programs.verify(self.seconds)?),
                _ => results.size = Some(self.programs.size()?),
            }
            results.measured(section);
        }
        if !any {
            bail!("nothing is called like {}", self.only.join(", "));
        }
        Ok(results)
    }

    /// A section runs when it is named, or when none is; a word that names none chooses among contestants, of `mint` when no
    /// section is named.
    fn wants_section(&self, section: &str) -> bool {
        let named = |word: &String| SECTIONS.contains(&word.as_str());
        if self.only.is_empty() || self.only.iter().any(|word| word == section) {
            return true;
        }
        section == "mint" && !self.only.iter().any(named)
    }

    /// Whether a contestant of `mint` or `refresh` takes part.
    fn wants(&self, name: &str) -> bool {
        let mut words = self
            .only
            .iter()
            .filter(|word| !SECTIONS.contains(&word.as_str()))
            .peekable();
        words.peek().is_none() || words.any(|word| name.contains(word.as_str()))
    }

    /// A folder of its own for one server.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

fn access() -> Result<()> {
    sh::run(&mut sh::cmd(
        "cargo",
        [
            "bench",
            "--locked",
            "--quiet",
            "--package",
            "sessionmint-access",
            "--bench",
            "check",
        ],
    ))
}

fn remove(folder: &std::path::Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a run is named after the time of day"
)]
fn seconds_since_epoch() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}
