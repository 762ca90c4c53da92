//! `cargo xtask bench browser`: what a cached token costs, in Node and in Chromium, beside other packages, and what the
//! first one of a page; with `--failures`, what each of them makes of an outage, of several callers, of `429` and of a
//! foreign host.
//!
//! Absolute figures belong to the machine; what counts are ratios within one run. The work itself is JavaScript, in
//! tests/bench-browser.

use anyhow::Result;
use clap::Args;

use crate::{debian, npm, package, sh};

const FOLDER: &str = "tests/bench-browser";

/// How to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// A few short rounds: to see that it works, and roughly what it would say
    #[arg(long)]
    quick: bool,
    /// How the packages behave when something goes wrong; fails where that is not what tests/bench-browser/FAILURES.md says
    #[arg(long, conflicts_with = "quick")]
    failures: bool,
    /// Copy the table to tests/bench-browser when done
    #[arg(long, conflicts_with = "quick")]
    publish: bool,
}

/// `cargo xtask bench browser`. Raw figures stay in `target/bench-browser`, one file a run.
pub(crate) fn run(options: &Options) -> Result<()> {
    package::build()?;
    npm::install("tests")?;
    npm::install(FOLDER)?;
    debian::browsers()?;
    let out = sh::target().join("bench-browser");
    let script = if options.failures {
        "failures.mjs"
    } else {
        "bench.mjs"
    };
    let mut bench = sh::cmd("node", [script]);
    bench.current_dir(sh::root().join(FOLDER)).arg(&out);
    if options.failures {
        if options.publish {
            bench.arg("--publish");
        }
        return sh::run(&mut bench);
    }
    if options.quick {
        bench.arg("--quick");
    }
    sh::run(&mut bench)?;
    if options.publish {
        let table = sh::root().join(FOLDER).join("RESULTS.md");
        std::fs::copy(out.join("RESULTS.md"), table)?;
    }
    Ok(())
}
