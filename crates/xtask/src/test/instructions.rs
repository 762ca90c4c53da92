//! Instruction counts of what every request does: callgrind runs it in process, and budgets in
//! `crates/bench/instructions.toml` say how many there may be.
//!
//! Cryptography and the C library's copying are left out: which of their routines run depends on the processor. So do the
//! budgets hold for our own code, SQLite, allocation and the HTTP stack.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::Counts;
use crate::{debian, sh};

const BUDGETS: &str = "crates/bench/instructions.toml";
/// Calls that are counted; the figures are a mean.
const TIMES: u64 = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Budgets {
    /// By how much a figure may be above its budget, in percent: compilers and libraries change a little.
    slack_percent: u64,
    /// Instructions a call.
    budgets: BTreeMap<String, u64>,
}

/// Counts, prints, and compares.
pub(super) fn run() -> Result<Counts> {
    debian::need(
        &["valgrind", "libc6-dbg"],
        &["/usr/bin/valgrind"],
        "the instruction counter valgrind",
    )?;
    sh::step("building for the count, optimised (the first time takes several minutes)");
    let build = ["build", "--profile", "count", "--locked", "--quiet"];
    sh::run(sh::cmd("cargo", build).args(["-p", "sessionmint-bench"]))?;
    let budgets: Budgets =
        toml::from_str(&std::fs::read_to_string(sh::root().join(BUDGETS))?).context(BUDGETS)?;
    let mut counts = Counts::default();
    for (what, budget) in &budgets.budgets {
        let measured = count(what)?;
        let limit = budget + budget * budgets.slack_percent / 100;
        println!("{what}: {measured} instructions a call, budget {budget}");
        if measured > limit {
            eprintln!(
                "{what} takes {measured} instructions, more than {limit} (the budget of {budget} and {} %).\n\
                 If that is the price of something worth it, write {measured} into {BUDGETS} and say why in the commit; \
                 `callgrind_annotate --inclusive=yes {}` shows where they are spent.",
                budgets.slack_percent,
                profile(what).display()
            );
            counts += Counts::failure();
        } else {
            counts += Counts::success();
        }
    }
    Ok(counts)
}

fn profile(what: &str) -> std::path::PathBuf {
    sh::target().join(format!("xtask/callgrind.{what}"))
}

/// Instructions of one call, without those that depend on the processor.
fn count(what: &str) -> Result<u64> {
    let out = profile(what);
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut command = sh::cmd(
        "valgrind",
        [
            "--tool=callgrind",
            "--toggle-collect=*region_that_counts*",
            "--compress-strings=no",
            "--compress-pos=no",
        ],
    );
    command.arg(format!("--callgrind-out-file={}", out.display()));
    command.arg(sh::target().join("count/sessionmint-bench"));
    command.args(["count", "--what", what, "--times", &TIMES.to_string()]);
    sh::quiet(&mut command)?;
    let total = ours(&std::fs::read_to_string(&out)?);
    if total == 0 {
        bail!("nothing was counted in {}", Path::new(&out).display());
    }
    Ok(total / TIMES)
}

/// The sum of a profile's own costs, function by function
/// (<https://valgrind.org/docs/manual/cl-format.html>).
fn ours(profile: &str) -> u64 {
    let mut counted = true;
    let mut inclusive = false;
    let mut sum = 0;
    for line in profile.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            counted = !depends_on_processor(name);
        } else if line.starts_with("calls=") {
            // The next line is what the called function cost, which has lines of its own.
            inclusive = true;
        } else if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
            let cost = line
                .split(' ')
                .nth(1)
                .and_then(|cost| cost.parse::<u64>().ok());
            if counted && !inclusive {
                sum += cost.unwrap_or(0);
            }
            inclusive = false;
        }
    }
    sum
}

/// aws-lc (its C functions begin so, its assembly has the names of curves and digests), and memcpy and its like.
fn depends_on_processor(function: &str) -> bool {
    const BEGINNINGS: [&str; 12] = [
        "aws_lc_", "ecp_", "__ecp_", "ec_", "ecdsa_", "pkey_", "sha256_", "sha512_", "bn_",
        "bignum_", "__mem", "__str",
    ];
    BEGINNINGS
        .iter()
        .any(|beginning| function.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_costs_are_summed_and_calls_are_not_counted_twice() {
        let profile = "events: Ir\nfn=ours\n10 5\n+1 7\ncfn=aws_lc_sign\ncalls=1 0\n11 100\n12 3\n\
                       fn=aws_lc_sign\n1 100\nfn=malloc\n2 4\ntotals: 119\n";
        assert_eq!(ours(profile), 5 + 7 + 3 + 4);
    }
}
