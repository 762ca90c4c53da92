//! `sessionmint keys …`.

use clap::{Args, Subcommand};
use serde_json::json;
use sessionmint_store::Keys as _;

use super::store::{Missing, block_on, open};
use super::{CliError, Common, output};

#[derive(Subcommand)]
pub(super) enum Keys {
    /// List the signing keys; the private parts are never shown
    List(List),
}

#[derive(Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Keys {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let Self::List(List { json }) = self;
        let (_, store) = open(common, Missing::Refuse)?;
        let keys = block_on(async { Ok(store.keys().await?) })?;
        if json {
            let keys: Vec<_> = keys
                .iter()
                .map(|key| json!({ "kid": key.kid, "alg": key.alg, "created_at": output::time(key.created_at) }))
                .collect();
            return output::json(&keys.into());
        }
        let rows: Vec<_> = keys
            .into_iter()
            .map(|key| [key.kid, key.alg, output::time(key.created_at)])
            .collect();
        output::table(["KID", "ALG", "CREATED"], &rows)
    }
}
