//! `sessionmint config …`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use sessionmint_iam::config::Database;

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
        let config = common.load(None)?.complete()?;
        let Database::Sqlite(path) = &config.database;
        if let Some(folder) = path
            .parent()
            .filter(|f| !f.as_os_str().is_empty() && !f.is_dir())
        {
            eprintln!(
                "warning: the folder of the database, {}, does not exist",
                folder.display()
            );
        }
        let effective = config.effective();
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
