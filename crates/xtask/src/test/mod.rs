//! `cargo xtask test`: every check and suite that CI runs, cheap ones first, and one summary over all of them.
//!
//! A suite that should run and did not is a failure: nothing is skipped silently, here or inside a suite.

mod checks;
mod counts;
mod dependencies;
mod instructions;
mod names;
pub(crate) mod security;
mod suites;

use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;

pub(crate) use counts::Counts;

use crate::{debian, demo, npm, sh};

/// What to run.
#[derive(Args)]
pub(crate) struct Options {
    /// Run only the suites whose name contains this word; may be given more than once.
    #[arg(long)]
    only: Vec<String>,
    /// List the suites and stop.
    #[arg(long)]
    list: bool,
}

/// A named part of the test command.
pub(crate) struct Suite {
    /// What the person reads and `--only` matches.
    pub(crate) name: &'static str,
    /// Runs it. An error counts as one failure.
    pub(crate) run: fn() -> Result<Counts>,
}

/// `cargo xtask setup`: everything the demo and the tests need.
pub(crate) fn setup() -> Result<()> {
    demo::build()?;
    npm::install("tests")?;
    npm::install("tests/packaging")?;
    npm::install("tests/adapters")?;
    npm::install("tests/clients")?;
    debian::browsers()?;
    debian::webkit()?;
    suites::python()?;
    sh::step("everything is there");
    Ok(())
}

/// `cargo xtask test`.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a suite took is shown to a person"
)]
pub(crate) fn run(options: &Options) -> Result<()> {
    let all: Vec<Suite> = checks::all().into_iter().chain(suites::all()).collect();
    if options.list {
        for suite in &all {
            println!("{}", suite.name);
        }
        return Ok(());
    }
    let wanted = |suite: &&Suite| {
        options.only.is_empty()
            || options
                .only
                .iter()
                .any(|word| suite.name.contains(word.as_str()))
    };
    let chosen: Vec<&Suite> = all.iter().filter(wanted).collect();
    if chosen.is_empty() {
        bail!(
            "no suite is called like {}; `--list` shows them",
            options.only.join(", ")
        );
    }
    let mut total = Counts::default();
    let mut table = Vec::new();
    for suite in chosen {
        sh::step(suite.name);
        let start = Instant::now();
        let counts = (suite.run)().unwrap_or_else(|error| {
            eprintln!("error: {}: {error:#}", suite.name);
            Counts::failure()
        });
        total += counts;
        let not_shown = match counts.not_shown {
            0 => String::new(),
            count => format!(", {count} cannot be shown"),
        };
        table.push(format!(
            "{:<46} {:>5} passed {:>3} failed {:>6.1} s{not_shown}",
            suite.name,
            counts.passed,
            counts.failed,
            start.elapsed().as_secs_f32()
        ));
    }
    println!("\n{}\n", table.join("\n"));
    println!("{} passed, {} failed", total.passed, total.failed);
    if total.failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}
