//! `sessionmint consent …`.

use clap::{Args, Subcommand};
use serde_json::json;
use sessionmint_iam::logging::Printable;
use sessionmint_iam::shown;
use sessionmint_oauth::ClientId;
use sessionmint_store::{Authorizations as _, SqliteStore, WithdrawConsent};

use super::by::by;
use super::store::{Missing, block_on, open};
use super::{CliError, Common, output, user};

#[derive(Subcommand)]
pub(super) enum Consent {
    /// List what users agreed to and are not asked again
    List(List),
    /// Forget what a user agreed to for a client, and end what came of it
    #[command(after_help = "\
Example:
  sessionmint consent withdraw --user alice --client reports --config sessionmint.toml

It ends the user's grants to the client as well, whether or not the consent was to be remembered: their refresh tokens count
for nothing any more. Services accept the access tokens in circulation for minutes at most. The next time the user is asked
again, unless the client is a trusted one.")]
    Withdraw(Withdraw),
}

#[derive(Args)]
pub(super) struct List {
    /// Only of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Withdraw {
    /// Whose
    #[arg(long, value_name = "NAME")]
    user: String,
    /// For which client
    #[arg(long, value_name = "ID")]
    client: ClientId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Consent {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let (_, store) = open(common, Missing::Refuse)?;
        block_on(async {
            match self {
                Self::List(list) => list.run(&store).await,
                Self::Withdraw(withdraw) => withdraw.run(&store).await,
            }
        })
    }
}

impl List {
    async fn run(self, store: &SqliteStore) -> Result<(), CliError> {
        let users = match self.user {
            Some(name) => vec![user::find(store, &name).await?],
            None => user::all(store).await?,
        };
        let mut all = Vec::new();
        let mut rows = Vec::new();
        for user in users {
            for consent in store.consents_of(&user.id).await? {
                all.push(shown::consent(&consent, &user));
                rows.push([
                    Printable(&user.username).to_string(),
                    consent.client_id.to_string(),
                    consent.scopes.to_string(),
                    output::time(consent.given_at),
                ]);
            }
        }
        if self.json {
            return output::json(&all.into());
        }
        output::table(["USER", "CLIENT", "SCOPES", "GIVEN"], &rows)
    }
}

impl Withdraw {
    async fn run(self, store: &SqliteStore) -> Result<(), CliError> {
        let Self { user, client, json } = self;
        let id = user::find(store, &user).await?.id;
        match store.withdraw_consent(&id, &client, by()).await? {
            WithdrawConsent::Withdrawn { ended } if json => {
                output::json(&json!({ "ended": ended }))
            }
            WithdrawConsent::Withdrawn { ended } => output::line(&format!(
                "withdrew the consent of `{}` for `{client}`, and ended {}",
                Printable(&user),
                output::counted(ended, "grant")
            )),
            WithdrawConsent::NotFound => Err(format!(
                "`{}` agreed to nothing for `{client}` that counts still; `sessionmint consent list` shows what is remembered",
                Printable(&user)
            )
            .into()),
        }
    }
}
