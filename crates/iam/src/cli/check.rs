//! `sessionmint config …`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::{CliError, Common, output};

#[derive(Subcommand)]
pub(super) enum Config {
    /// Check the file and the environment, and print what is in effect
    #[command(after_help = "Example:\n  sessionmint config check --config sessionmint.toml")]
    Check(Check),
}

#[derive(Args)]
pub(super) struct Check {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Config {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let Self::Check(Check { json }) = self;
        let effective = common.load(None)?.complete()?.effective();
        if json {
            let effective: Map<String, Value> = effective
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            return output::json(&effective.into());
        }
        output::line("ok")?;
        for (name, value) in effective {
            output::line(&format!("{name} = {value}"))?;
        }
        Ok(())
    }
}
