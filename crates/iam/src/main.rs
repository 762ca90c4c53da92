//! The `sessionmint` binary: the service, and the commands to look after it.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
