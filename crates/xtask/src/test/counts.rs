//! How many tests passed and failed, read from what the runners print.

use std::ops::AddAssign;

use anyhow::{Result, bail};

/// What a reason begins with, after the name of an engine, in `tests/harness/behaviour.mjs`.
const CANNOT_SHOW: &str = " cannot show this: ";

/// Passed and failed tests, and those that an engine cannot show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) not_shown: u32,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.not_shown += other.not_shown;
    }
}

/// The tests in the output of `node --test --test-reporter=tap` that an engine cannot show: `WebKit cannot show: …: why`.
pub(super) fn not_shown(output: &str) -> impl Iterator<Item = String> {
    output.lines().filter_map(|line| {
        let (test, reason) = line
            .trim_start()
            .strip_prefix("ok ")?
            .split_once(" # SKIP ")?;
        let (_, name) = test.split_once(" - ")?;
        let (engine, why) = reason.split_once(CANNOT_SHOW)?;
        Some(format!("{engine} cannot show: {name}: {why}"))
    })
}

impl Counts {
    /// One passed check.
    pub(crate) fn success() -> Self {
        Self {
            passed: 1,
            ..Self::default()
        }
    }

    /// One failed check.
    pub(crate) fn failure() -> Self {
        Self {
            failed: 1,
            ..Self::default()
        }
    }

    /// Sums the `test result:` lines of `cargo test`. Ignored tests and a run without tests are errors.
    pub(crate) fn of_cargo(output: &str) -> Result<Self> {
        let mut sum = Self::default();
        for line in output
            .lines()
            .filter(|line| line.starts_with("test result:"))
        {
            let number = |word: &str| {
                let before = line.split(word).next().unwrap_or_default();
                before
                    .split_whitespace()
                    .next_back()
                    .and_then(|n| n.parse::<u32>().ok())
                    .unwrap_or(0)
            };
            if number(" ignored") > 0 {
                bail!("a test is ignored; either it runs or it is not there: {line}");
            }
            sum += Self {
                passed: number(" passed"),
                failed: number(" failed"),
                not_shown: 0,
            };
        }
        sum.some("cargo test")
    }

    /// Reads the closing lines of `node --test --test-reporter=tap`. Todo tests, those skipped without a reason why an engine
    /// cannot show them, and none at all, are errors.
    pub(crate) fn of_node(output: &str) -> Result<Self> {
        let number = |word: &str| {
            let line = output
                .lines()
                .rev()
                .find_map(|line| line.strip_prefix("# ")?.strip_prefix(word));
            line.and_then(|n| n.trim().parse::<u32>().ok()).unwrap_or(0)
        };
        let not_shown = u32::try_from(not_shown(output).count())?;
        if number("skipped ") != not_shown || number("todo ") > 0 {
            bail!("a test is skipped; either it runs or it is not there");
        }
        Self {
            passed: number("pass "),
            failed: number("fail ") + number("cancelled "),
            not_shown,
        }
        .some("node --test")
    }

    fn some(self, runner: &str) -> Result<Self> {
        if self.passed + self.failed == 0 {
            bail!("{runner} ran no test");
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_cargo_results_are_summed() {
        let output = "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
                      test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(
            Counts::of_cargo(output).unwrap(),
            Counts {
                passed: 4,
                failed: 2,
                not_shown: 0
            }
        );
    }

    #[test]
    fn what_did_not_run_is_an_error() {
        assert!(
            Counts::of_cargo("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured").is_err()
        );
        assert!(Counts::of_cargo("").is_err());
        assert!(Counts::of_node("# pass 3\n# fail 0\n# skipped 1\n").is_err());
        assert!(Counts::of_node("# pass 0\n# fail 0\n# skipped 0\n").is_err());
    }

    #[test]
    fn node_results_are_read_from_the_end() {
        let output =
            "# pass 9\nok 1\n# tests 4\n# pass 3\n# fail 1\n# cancelled 1\n# skipped 0\n# todo 0\n";
        assert_eq!(
            Counts::of_node(output).unwrap(),
            Counts {
                passed: 3,
                failed: 2,
                not_shown: 0
            }
        );
    }

    #[test]
    fn what_an_engine_cannot_show_is_counted_and_named() {
        let output = "ok 1 - a\nok 2 - b - c # SKIP WebKit cannot show this: it freezes no tabs\n# pass 1\n# fail 0\n# skipped 1\n";
        let counts = Counts::of_node(output).unwrap();
        assert_eq!((counts.passed, counts.not_shown), (1, 1));
        let named: Vec<String> = not_shown(output).collect();
        assert_eq!(named, ["WebKit cannot show: b - c: it freezes no tabs"]);
        let without_reason = "ok 1 - a\nok 2 - b # SKIP\n# pass 1\n# fail 0\n# skipped 1\n";
        assert!(Counts::of_node(without_reason).is_err());
        let all = "ok 1 - a # SKIP WebKit cannot show this: x\n# pass 0\n# fail 0\n# skipped 1\n";
        assert!(Counts::of_node(all).is_err());
    }
}
