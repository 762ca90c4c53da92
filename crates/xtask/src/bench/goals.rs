//! What the figures should be, as ratios where that is possible.

use super::mint::names;
use super::refresh;
use super::results::{Contestant, Results, median};

/// One goal and how it stands.
pub(super) struct Goal {
    pub(super) what: &'static str,
    pub(super) target: String,
    pub(super) measured: String,
    pub(super) holds: bool,
}

/// All goals whose figures are there.
pub(super) fn all(results: &Results) -> Vec<Goal> {
    let mut goals = Goals(Vec::new());
    goals.mint(results);
    goals.refresh(results);
    goals.memory(results);
    goals.growth(results);
    goals.rest(results);
    goals.0
}

struct Goals(Vec<Goal>);

impl Goals {
    fn at_most(&mut self, what: &'static str, limit: f64, value: Option<f64>, unit: &str) {
        let Some(value) = value else { return };
        self.0.push(Goal {
            what,
            target: format!("≤ {}{unit}", number(limit)),
            measured: format!("{}{unit}", number(value)),
            holds: value <= limit,
        });
    }

    fn at_least(&mut self, what: &'static str, limit: f64, value: Option<f64>, unit: &str) {
        let Some(value) = value else { return };
        self.0.push(Goal {
            what,
            target: format!("≥ {}{unit}", number(limit)),
            measured: format!("{}{unit}", number(value)),
            holds: value >= limit,
        });
    }

    fn mint(&mut self, results: &Results) {
        let contestants = results
            .mint
            .as_ref()
            .map_or(&[][..], |mint| &mint.contestants);
        let find = |name: &str| contestants.iter().find(|one| one.name == name);
        let cpu = |name: &str| find(name).map(Contestant::cpu_us);
        let ratio = |a: Option<f64>, b: Option<f64>| Some(a? / b?);
        let (eddsa, es256) = (cpu(names::OURS_EDDSA), cpu(names::OURS_ES256));
        self.at_most(
            "CPU of a mint, EdDSA, against the floor in memory",
            1.4,
            ratio(eddsa, cpu(names::MEMORY_EDDSA)),
            " ×",
        );
        self.at_most(
            "CPU of a mint, ES256, against the floor in memory",
            1.4,
            ratio(es256, cpu(names::MEMORY_ES256)),
            " ×",
        );
        self.at_most(
            "CPU of a mint, EdDSA, against the floor on SQLite",
            1.3,
            ratio(eddsa, cpu(names::SQLITE_EDDSA)),
            " ×",
        );
        self.at_most(
            "CPU of a mint, ES256, against the floor on SQLite",
            1.3,
            ratio(es256, cpu(names::SQLITE_ES256)),
            " ×",
        );
        let per_second = |name: &str| find(name).map(Contestant::per_second);
        self.at_least(
            "mints a second, EdDSA, against the fixed answer",
            0.37,
            ratio(per_second(names::OURS_EDDSA), per_second(names::FIXED)),
            " ×",
        );
        let best = [names::BETTER_AUTH, names::BETTER_AUTH_TUNED]
            .into_iter()
            .filter_map(cpu)
            .reduce(f64::min);
        self.at_least(
            "CPU of better-auth's best against ours (EdDSA)",
            40.0,
            ratio(best, eddsa),
            " ×",
        );
        self.at_least(
            "CPU of oidc-provider against ours (EdDSA)",
            10.0,
            ratio(cpu(names::OIDC_PROVIDER), eddsa),
            " ×",
        );
    }

    fn refresh(&mut self, results: &Results) {
        let contestants = results
            .refresh
            .as_ref()
            .map_or(&[][..], |refresh| &refresh.contestants);
        let per_second = |name: &str| {
            let found = contestants.iter().find(|one| one.name == name);
            found.map(Contestant::per_second)
        };
        let least = [refresh::names::OURS_EDDSA, refresh::names::OURS_ES256]
            .into_iter()
            .filter_map(per_second)
            .reduce(f64::min);
        self.at_least(
            "durable refreshes a second, 64 connections",
            4000.0,
            least,
            "",
        );
        let peer = per_second(refresh::names::OIDC_PROVIDER);
        self.at_least(
            "durable refreshes a second against oidc-provider in memory (EdDSA)",
            2.5,
            per_second(refresh::names::OURS_EDDSA)
                .zip(peer)
                .map(|(ours, peer)| ours / peer),
            " ×",
        );
    }

    fn memory(&mut self, results: &Results) {
        let ours = results.mint.as_ref().and_then(|mint| {
            mint.contestants
                .iter()
                .find(|one| one.name == names::OURS_ES256)
        });
        self.at_most(
            "resident memory, idle",
            20.0,
            ours.map(|one| megabytes(one.idle_kib)),
            " MB",
        );
        self.at_most(
            "resident memory, peak of the mint run",
            40.0,
            ours.map(|one| megabytes(one.peak_kib)),
            " MB",
        );
    }

    fn growth(&mut self, results: &Results) {
        let Some(growth) = &results.growth else {
            return;
        };
        let hundred_thousand = growth
            .steps
            .iter()
            .find(|(sessions, _)| *sessions == 100_000);
        self.at_most(
            "resident memory with 100,000 sessions, peak",
            60.0,
            hundred_thousand.map(|(_, one)| megabytes(one.peak_kib)),
            " MB",
        );
        let costs: Vec<f64> = growth.steps.iter().map(|(_, one)| one.cpu_us()).collect();
        let (low, high) = (
            costs.iter().copied().fold(f64::INFINITY, f64::min),
            costs.iter().copied().fold(0.0, f64::max),
        );
        // ± 10 % around the middle of both.
        let spread = (high - low) / (high + low) * 100.0;
        let whole = growth
            .steps
            .iter()
            .any(|(sessions, _)| *sessions == 1_000_000);
        self.at_most(
            "CPU of a mint from 1,000 to 1,000,000 sessions, ±",
            10.0,
            whole.then_some(spread),
            " %",
        );
    }

    fn rest(&mut self, results: &Results) {
        let costs = results.verify.as_deref().unwrap_or_default();
        let worst =
            |of: fn(&super::results::VerifyCost) -> f64| costs.iter().map(of).reduce(f64::max);
        self.at_most(
            "check of a new token",
            60.0,
            worst(|cost| cost.new_us),
            " µs",
        );
        self.at_most(
            "check of a token seen before",
            1.0,
            worst(|cost| cost.seen_us),
            " µs",
        );
        let start = results.start.as_ref();
        self.at_most(
            "start to first answer",
            100.0,
            start.map(|start| median(start.millis.iter().copied())),
            " ms",
        );
        #[expect(clippy::cast_precision_loss, reason = "some millions")]
        self.at_most(
            "binary, stripped",
            15.0,
            results.size.map(|bytes| bytes as f64 / 1e6),
            " MB",
        );
        self.at_most(
            "p99 of mints beside sign-ins, against alone",
            2.0,
            results.login.as_ref().map(|login| {
                median(login.beside.iter().map(|run| run.p99_us))
                    / median(login.alone.iter().map(|run| run.p99_us))
            }),
            " ×",
        );
    }
}

/// Megabytes (10^6 bytes) of KiB.
#[expect(clippy::cast_precision_loss, reason = "some thousands")]
pub(super) fn megabytes(kib: u64) -> f64 {
    kib as f64 * 1024.0 / 1e6
}

/// Three digits that matter; whole where it is large.
pub(super) fn number(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_matter() {
        assert_eq!(number(1.4), "1.4");
        assert_eq!(number(0.374), "0.37");
        assert_eq!(number(60.0), "60");
        assert_eq!(number(2256.3), "2256");
    }
}
