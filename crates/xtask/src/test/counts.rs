//! How many tests passed and failed, read from what the runners print.

use std::ops::AddAssign;

use anyhow::{Result, bail};

/// Passed and failed tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Counts {
    /// One passed check.
    pub(crate) fn success() -> Self {
        Self {
            passed: 1,
            failed: 0,
        }
    }

    /// One failed check.
    pub(crate) fn failure() -> Self {
        Self {
            passed: 0,
            failed: 1,
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
            };
        }
        sum.some("cargo test")
    }

    /// Reads the closing lines of `node --test --test-reporter=tap`. Skipped and todo tests, and none at all, are errors.
    pub(crate) fn of_node(output: &str) -> Result<Self> {
        let number = |word: &str| {
            let line = output
                .lines()
                .rev()
                .find_map(|line| line.strip_prefix("# ")?.strip_prefix(word));
            line.and_then(|n| n.trim().parse::<u32>().ok()).unwrap_or(0)
        };
        if number("skipped ") + number("todo ") > 0 {
            bail!("a test is skipped; either it runs or it is not there");
        }
        Self {
            passed: number("pass "),
            failed: number("fail ") + number("cancelled "),
        }
        .some("node --test")
    }

    fn some(self, runner: &str) -> Result<Self> {
        if self == Self::default() {
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
                failed: 2
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
                failed: 2
            }
        );
    }
}
