//! Developer commands: `cargo xtask demo | test | package | size | dist | setup | security | mutants | bench`.
//!
//! Each command sets up what is missing on a machine that has Rust, Node and package registries, says what it does when
//! it takes long, and is quick when nothing is missing. What it is not: part of the product; nothing ships from here.

mod bench;
mod debian;
mod demo;
mod dist;
mod fallback;
mod fresh;
mod mutants;
mod npm;
mod package;
mod sh;
mod size;
mod test;
mod wasm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer commands of sessionmint.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the demo: the IAM service, a sample service behind a gateway, and the app. Ctrl-C stops it.
    Demo(demo::Options),
    /// Run every check and test that CI runs; ends with the line `N passed, N failed`.
    Test(test::Options),
    /// Build the npm package into crates/browser/pkg and pack the tarball.
    Package,
    /// Build the service as one static binary and pack it for a release.
    Dist,
    /// Weigh the npm package against its budgets and beside its peers.
    Size {
        /// First weigh the peers anew, after installing them.
        #[arg(long)]
        peers: bool,
    },
    /// Check that tests/SECURITY.md and the tests named after its requirements agree.
    Security {
        /// First write the names of those tests into their rows.
        #[arg(long)]
        fill: bool,
    },
    /// Break the renewal machine in many ways and see that its tests notice each; takes a quarter of an hour.
    Mutants(mutants::Options),
    /// Measure the service beside floors and peers; print the table and keep the raw figures.
    Bench(bench::Options),
    /// Install and build what the other commands need, then stop.
    Setup,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Package => package::pack().map(|tarball| println!("{}", tarball.display())),
        Command::Dist => dist::run(),
        Command::Size { peers } => size::run(peers),
        Command::Security { fill } => test::security::run(fill),
        Command::Mutants(options) => mutants::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Setup => test::setup(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
