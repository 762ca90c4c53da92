//! `sessionmint config …`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use sessionmint_iam::config::Database;
use sessionmint_iam::config::reference::{EXAMPLE, reference};
use sessionmint_iam::tls::{Certificate, Validity};
use sessionmint_iam::{Clock as _, SystemClock};

use super::{CliError, Common, output};

#[derive(Subcommand)]
pub(super) enum Config {
    /// Check the file and the environment, and print what is in effect
    #[command(after_help = "Example:\n  sessionmint config check --config sessionmint.toml")]
    Check(Check),
    /// Print a file with all settings and their explanations, to begin with
    #[command(after_help = "Example:\n  sessionmint config example > sessionmint.toml")]
    Example,
    /// Print all settings with their variables, ranges, defaults and meanings (Markdown)
    Reference,
}

#[derive(Args)]
pub(super) struct Check {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Config {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::Check(check) => check.run(common),
            Self::Example => output::line(EXAMPLE.trim_end()),
            Self::Reference => output::line(reference().trim_end()),
        }
    }
}

impl Check {
    fn run(self, common: &Common) -> Result<(), CliError> {
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
        if let Some(tls) = &config.tls {
            let validity = Certificate::read(tls)?.validity(SystemClock.now());
            if validity != Validity::Good {
                eprintln!("warning: {validity}");
            }
        }
        let effective = config.effective();
        if self.json {
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
