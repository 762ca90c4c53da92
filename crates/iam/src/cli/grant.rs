//! `sessionmint grant …`.

use std::collections::HashMap;

use clap::{ArgGroup, Args, Subcommand};
use serde_json::json;
use sessionmint_iam::logging::Printable;
use sessionmint_iam::{Clock as _, SystemClock, shown};
use sessionmint_oauth::{ClientId, GrantId, UserId};
use sessionmint_store::{AuditReason, Change, Grants as _, GrantsOf, SqliteStore};

use super::by::by;
use super::store::{Missing, block_on, open};
use super::{CliError, Common, output, user};

#[derive(Subcommand)]
pub(super) enum Grant {
    /// List what users allowed clients, newest first; no token is ever shown
    List(List),
    /// End one grant, or all of a user, to a client, or of both
    #[command(after_help = "\
Examples:
  sessionmint grant revoke grt_4Rk1… --config sessionmint.toml
  sessionmint grant revoke --user alice --config sessionmint.toml
  sessionmint grant revoke --client reports --config sessionmint.toml
  sessionmint grant revoke --user alice --client reports --config sessionmint.toml

Its refresh token counts for nothing any more. Services accept the access tokens in circulation for minutes at most.")]
    Revoke(Revoke),
}

#[derive(Args)]
struct Whose {
    /// Only of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only to this client
    #[arg(long, value_name = "ID")]
    client: Option<ClientId>,
}

#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    whose: Whose,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(true).args(["id", "user", "client"]))]
pub(super) struct Revoke {
    /// The grant's id, as `grant list` shows it
    #[arg(conflicts_with_all = ["user", "client"])]
    id: Option<GrantId>,
    #[command(flatten)]
    whose: Whose,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Whose {
    async fn find(self, store: &SqliteStore) -> Result<GrantsOf, CliError> {
        Ok(match (self.user, self.client) {
            (Some(name), Some(client)) => {
                GrantsOf::Both(user::find(store, &name).await?.id, client)
            }
            (Some(name), None) => GrantsOf::User(user::find(store, &name).await?.id),
            (None, Some(id)) => GrantsOf::Client(id),
            (None, None) => GrantsOf::Everybody,
        })
    }
}

impl Grant {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let (_, store) = open(common, Missing::Refuse)?;
        block_on(async {
            match self {
                Self::List(list) => list.run(&store).await,
                Self::Revoke(revoke) => revoke.run(&store).await,
            }
        })
    }
}

impl Revoke {
    async fn run(self, store: &SqliteStore) -> Result<(), CliError> {
        if let Some(id) = self.id {
            let revoked = store.revoke_grant(&id, AuditReason::Requested, by());
            return match revoked.await? {
                Change::Done => {
                    let text = format!("ended grant {id}");
                    output::done(self.json, &json!({ "ended": 1 }), &text)
                }
                Change::NotFound => {
                    Err(format!("there is no grant {id}, or it was ended already").into())
                }
            };
        }
        let of = self.whose.find(store).await?;
        let ended = store.revoke_grants(&of, AuditReason::Requested, by());
        let ended = ended.await?;
        let text = format!("ended {}", output::counted(ended, "grant"));
        output::done(self.json, &json!({ "ended": ended }), &text)
    }
}

impl List {
    async fn run(self, store: &SqliteStore) -> Result<(), CliError> {
        let of = self.whose.find(store).await?;
        let grants = store.grants(&of).await?;
        let names: HashMap<UserId, String> = user::all(store)
            .await?
            .into_iter()
            .map(|user| (user.id, user.username))
            .collect();
        let now = SystemClock.now();
        if self.json {
            let grants: Vec<_> = grants
                .iter()
                .map(|grant| {
                    shown::grant(grant, names.get(&grant.user_id).map(String::as_str), now)
                })
                .collect();
            return output::json(&grants.into());
        }
        let rows: Vec<_> = grants
            .iter()
            .map(|grant| {
                let name = names.get(&grant.user_id).map_or("", String::as_str);
                [
                    grant.id.to_string(),
                    Printable(name).to_string(),
                    grant.client_id.to_string(),
                    grant.scopes.to_string(),
                    output::time(grant.created_at),
                    output::time(grant.rotated_at),
                    output::time(grant.absolute_end),
                    shown::grant_state(grant, now).to_owned(),
                ]
            })
            .collect();
        output::table(
            [
                "ID", "USER", "CLIENT", "SCOPE", "CREATED", "RENEWED", "ENDS", "STATE",
            ],
            &rows,
        )
    }
}
