//! `sessionmint serve`.

use std::sync::Arc;

use clap::Args;
use sessionmint_iam::config::{Config, ConfigErrors};
use sessionmint_iam::logging;
use sessionmint_iam::serve::{Ended, listen, start};

use super::store::{Missing, open_database};
use super::{CliError, Common, dev};

#[derive(Args)]
#[command(after_help = "\
Examples:
  sessionmint serve --config sessionmint.toml
  sessionmint serve --dev --origin http://localhost:5173

SIGTERM and Ctrl-C stop it in order: requests in flight have 10 seconds to finish.")]
pub(super) struct Serve {
    /// Where to listen, instead of the setting: an IP address and a port; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// For frontend development on this machine: no configuration, a client for --origin and a user `dev`
    #[arg(long, requires = "origins", conflicts_with = "config")]
    dev: bool,
    #[command(flatten)]
    dev_client: dev::DevClient,
}

impl Serve {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        // Dropped last, also by a panic: the log is written to its end.
        if self.dev {
            let settings = dev::settings(common, self.listen)?;
            let _log = logging::init(&settings.log)?;
            to_the_end(dev::run(settings, self.dev_client))
        } else {
            let config = common.load(self.listen)?.complete();
            let config = config.map_err(|error| hint(common, error))?;
            let _log = logging::init(&config.log)?;
            to_the_end(run(config))
        }
    }
}

fn to_the_end(service: impl Future<Output = Result<Ended, CliError>>) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(service);
    // Connections that were cut off hold the service; they end here, and with the last of them the store is closed.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match ended? {
        Ended::Drained => Ok(()),
        Ended::CutOff => Err("some requests were cut off".into()),
    }
}

/// Who starts the service without any configuration may want to try it first.
fn hint(common: &Common, error: ConfigErrors) -> CliError {
    if common.config.is_some() {
        return error.into();
    }
    format!("{error}\nTo try it without a configuration: sessionmint serve --dev --origin http://localhost:5173").into()
}

async fn run(config: Config) -> Result<Ended, CliError> {
    let store = Arc::new(open_database(&config.database, Missing::Create)?);
    let listener = listen(config.listen).await?;
    Ok(start(config, listener, store).await?)
}
