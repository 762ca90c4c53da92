//! `cargo xtask bench browser`: what a cached token costs, in Node and in Chromium, beside other packages.
//!
//! Absolute figures belong to the machine; what counts are ratios within one run. The measuring itself is JavaScript, in
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
    /// Copy the table to tests/bench-browser when done
    #[arg(long, conflicts_with = "quick")]
    publish: bool,
}

/// `cargo xtask bench browser`. The raw figures stay in `target/bench-browser`, one file a run.
pub(crate) fn run(options: &Options) -> Result<()> {
    package::build()?;
    npm::install("tests")?;
    npm::install(FOLDER)?;
    debian::browsers()?;
    let out = sh::target().join("bench-browser");
    let mut bench = sh::cmd("node", ["bench.mjs"]);
    bench.current_dir(sh::root().join(FOLDER)).arg(&out);
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
