//! What `cargo xtask bench` measures the service against, and helpers that only make sense optimised.
//!
//! `floor` are the smallest servers that could do the job or a part of it, made of the same libraries and of none of the
//! service's code. `seed` and `grants` fill a database through the storage crate. `storm` is many clients of
//! the service at once. `verify` and `count` call the product in process.

mod count;
mod floor;
mod grants;
mod seed;
mod storm;
mod tokens;
mod verify;

use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Helpers of `cargo xtask bench`.
#[derive(Parser)]
enum Cli {
    /// A floor: serves on a free port and prints `listening on ADDRESS`.
    #[command(subcommand)]
    Floor(Floor),
    /// Fills a database with live sessions, and a file with their cookies' values.
    Seed(seed::Options),
    /// Fills a database with grants, and a file with their refresh tokens.
    SeedGrants(grants::Options),
    /// Bursts of callers with one refresh token each; prints what became of them, as JSON.
    Storm(storm::Options),
    /// Prints what the check of a token costs, as JSON.
    Verify {
        /// How long each measurement takes.
        #[arg(long, default_value_t = 2)]
        seconds: u64,
    },
    /// Calls one thing N times between two functions that an instruction counter looks for.
    Count(count::Options),
}

#[derive(Subcommand)]
enum Floor {
    /// A fixed answer of 600 bytes.
    Fixed,
    /// Form, cookie, SHA-256, a session map, claims; a signature if asked for.
    Memory {
        /// The file of cookies.
        #[arg(long)]
        cookies: PathBuf,
        /// What signs.
        #[arg(long)]
        alg: Option<tokens::Alg>,
    },
    /// The same with the session read from SQLite, inline on the worker.
    Sqlite {
        /// The file of cookies.
        #[arg(long)]
        cookies: PathBuf,
        /// The folder for the database.
        #[arg(long)]
        folder: PathBuf,
        /// What signs.
        #[arg(long)]
        alg: tokens::Alg,
    },
}

fn main() -> Result<()> {
    match Cli::parse() {
        Cli::Floor(Floor::Fixed) => floor::fixed(),
        Cli::Floor(Floor::Memory { cookies, alg }) => floor::memory(&cookies, alg),
        Cli::Floor(Floor::Sqlite {
            cookies,
            folder,
            alg,
        }) => floor::sqlite(&cookies, &folder, alg),
        Cli::Seed(options) => seed::run(&options),
        Cli::SeedGrants(options) => grants::run(&options),
        Cli::Storm(options) => storm::run(&options),
        Cli::Verify { seconds } => verify::run(seconds),
        Cli::Count(options) => count::run(&options),
    }
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "tokens carry the time of day")]
fn wall_millis() -> Result<i64> {
    Ok(SystemTime::now()
        .duration_since(UNIX_EPOCH)?
        .as_millis()
        .try_into()?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "cookies and token ids of a measurement"
)]
fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(bytes)
}
