//! What was measured, as kept in JSON.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::Bench;
use super::wrk::Figures;
use crate::sh;

/// All sections; what was not run is not there.
#[derive(Serialize, Deserialize)]
pub(super) struct Results {
    pub(super) machine: Machine,
    /// What each section was measured of.
    #[serde(default)]
    pub(super) commits: BTreeMap<String, String>,
    pub(super) mint: Option<Mint>,
    pub(super) refresh: Option<Refresh>,
    pub(super) storm: Option<Storm>,
    pub(super) growth: Option<Growth>,
    pub(super) start: Option<Start>,
    pub(super) login: Option<Login>,
    pub(super) verify: Option<Vec<VerifyCost>>,
    pub(super) size: Option<u64>,
}

/// Where and of what.
#[derive(Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) versions: Vec<String>,
    pub(super) commit: String,
}

/// How long each server was loaded.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Effort {
    pub(super) seconds: u64,
    pub(super) rounds: u32,
}

/// One load of one server.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) requests: u64,
    pub(super) per_second: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    /// CPU time of the server, per request.
    pub(super) cpu_us: f64,
}

/// All loads of one server.
#[derive(Serialize, Deserialize)]
pub(super) struct Contestant {
    pub(super) name: String,
    pub(super) runs: Vec<Run>,
    pub(super) idle_kib: u64,
    pub(super) peak_kib: u64,
}

/// Section `mint`.
#[derive(Serialize, Deserialize)]
pub(super) struct Mint {
    pub(super) effort: Effort,
    pub(super) sessions: u64,
    pub(super) contestants: Vec<Contestant>,
    /// What could not run, and why.
    pub(super) missing: Vec<(String, String)>,
}

/// Section `refresh`.
#[derive(Serialize, Deserialize)]
pub(super) struct Refresh {
    pub(super) effort: Effort,
    pub(super) contestants: Vec<Contestant>,
    /// What could not run, and why.
    pub(super) missing: Vec<(String, String)>,
}

/// Section `storm`: callers at once with one refresh token. What the counts mean is in crates/bench/src/storm.rs.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Storm {
    pub(super) bursts: u64,
    pub(super) callers: u64,
    pub(super) good: u64,
    pub(super) steps: u64,
    pub(super) invalid_grant: u64,
    pub(super) failed: u64,
    pub(super) broken: u64,
    pub(super) dead: u64,
    pub(super) uneven: u64,
    pub(super) ended: u64,
    pub(super) seconds: f64,
    pub(super) first: Option<String>,
}

/// Section `growth`: one contestant for each number of sessions.
#[derive(Serialize, Deserialize)]
pub(super) struct Growth {
    pub(super) effort: Effort,
    pub(super) steps: Vec<(u64, Contestant)>,
}

/// Section `start`: from the start of the process to the first answer.
#[derive(Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) millis: Vec<f64>,
}

/// Section `login`: mints alone, and while sign-ins wait for hashes.
#[derive(Serialize, Deserialize)]
pub(super) struct Login {
    pub(super) effort: Effort,
    pub(super) alone: Vec<Run>,
    pub(super) beside: Vec<Run>,
    pub(super) sign_ins_per_second: Vec<f64>,
}

/// Section `verify`: microseconds a check.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct VerifyCost {
    pub(super) alg: String,
    pub(super) new_us: f64,
    pub(super) seen_us: f64,
}

impl Results {
    pub(super) fn new(bench: &Bench) -> Result<Self> {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").context("/proc/cpuinfo")?;
        let model = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Ok(Self {
            machine: Machine {
                processor: model.map_or("unknown", |(_, name)| name).to_owned(),
                cores: std::thread::available_parallelism()?.get(),
                versions: bench.programs.versions()?,
                commit: sh::read(&mut sh::cmd("git", ["rev-parse", "--short", "HEAD"]))
                    .unwrap_or_default(),
            },
            commits: BTreeMap::new(),
            mint: None,
            refresh: None,
            storm: None,
            growth: None,
            start: None,
            login: None,
            verify: None,
            size: None,
        })
    }

    /// Notes that this run has a section.
    pub(super) fn measured(&mut self, section: &str) {
        self.commits
            .insert(section.to_owned(), self.machine.commit.clone());
    }

    /// Sections that this run does not have are taken from an older one.
    pub(super) fn or(self, older: Self) -> Self {
        let mut commits = older.commits;
        commits.extend(self.commits);
        Self {
            machine: self.machine,
            commits,
            mint: self.mint.or(older.mint),
            refresh: self.refresh.or(older.refresh),
            storm: self.storm.or(older.storm),
            growth: self.growth.or(older.growth),
            start: self.start.or(older.start),
            login: self.login.or(older.login),
            verify: self.verify.or(older.verify),
            size: self.size.or(older.size),
        }
    }
}

impl Storm {
    /// Whether every caller of every burst came away with a working pair, and nothing else happened.
    pub(super) fn holds(&self) -> bool {
        self.bursts > 0
            && self.good == self.bursts * self.callers
            && self.steps == self.bursts
            && [
                self.invalid_grant,
                self.failed,
                self.broken,
                self.dead,
                self.uneven,
                self.ended,
            ]
            .iter()
            .all(|count| *count == 0)
    }
}

impl Effort {
    pub(super) fn of(bench: &Bench) -> Self {
        Self {
            seconds: bench.seconds,
            rounds: bench.rounds,
        }
    }
}

impl Run {
    #[expect(clippy::cast_precision_loss, reason = "counts of some millions")]
    pub(super) fn new(figures: &Figures, cpu_micros: u64) -> Self {
        Self {
            requests: figures.requests,
            per_second: figures.requests as f64 * 1e6 / figures.micros as f64,
            p50_us: figures.p50_us,
            p99_us: figures.p99_us,
            cpu_us: cpu_micros as f64 / figures.requests as f64,
        }
    }
}

impl Contestant {
    /// The median over all rounds.
    pub(super) fn median(&self, of: impl Fn(&Run) -> f64) -> f64 {
        median(self.runs.iter().map(of))
    }

    pub(super) fn cpu_us(&self) -> f64 {
        self.median(|run| run.cpu_us)
    }

    pub(super) fn per_second(&self) -> f64 {
        self.median(|run| run.per_second)
    }
}

/// The middle value; the mean of both where there is an even number. NaN of nothing.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    if values.len().is_multiple_of(2) {
        f64::midpoint(at(middle.wrapping_sub(1)), at(middle))
    } else {
        at(middle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert!(median(std::iter::empty()).is_nan());
    }
}
