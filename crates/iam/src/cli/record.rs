//! `sessionmint record …`.

use clap::{Args, Subcommand};
use serde_json::json;
use sessionmint_access::{Grantee, Record as AccessRecord, RecordId, ResourcePattern, RoleName};
use sessionmint_iam::{SystemRandom, random};
use sessionmint_store::{AddRecord, Change, RecordFilter, Roles as _, SqliteStore};

use super::by::by;
use super::named::Named;
use super::store::{Missing, PAGE, all, block_on, open};
use super::who::{Names, Who};
use super::{CliError, Common, output};

#[derive(Subcommand)]
pub(super) enum Record {
    /// Give a user, client or group a role on resources
    #[command(after_help = "\
Examples:
  sessionmint record add client:jobs reader '/user-credentials/refresh-tokens/users/*' --config sessionmint.toml
  sessionmint record add group:admins operator '/iam/**' --config sessionmint.toml

A resource is a path. `*` stands for any one segment, `**` at the end for any number of them, none included. It holds at
once.")]
    Add(Add),
    /// Take a record away
    #[command(
        after_help = "Example:\n  sessionmint record remove rec_Jq3… --config sessionmint.toml"
    )]
    Remove(Remove),
    /// List the records
    #[command(after_help = "\
Examples:
  sessionmint record list --subject user:alice --config sessionmint.toml
  sessionmint record list --role reader --json --config sessionmint.toml")]
    List(List),
}

#[derive(Args)]
pub(super) struct Add {
    /// Whom: user:NAME, client:ID, group:NAME, or an id (usr_…, cli_…)
    #[arg(value_name = "WHO")]
    who: Who,
    /// Which role
    #[arg(value_name = "ROLE")]
    role: RoleName,
    /// On what
    #[arg(value_name = "RESOURCE")]
    pattern: ResourcePattern,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Remove {
    /// The record's id, as `record list` shows it
    id: RecordId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct List {
    /// Only those that name this user, client or group themselves
    #[arg(long, value_name = "WHO")]
    subject: Option<Who>,
    /// Only those that give this role
    #[arg(long, value_name = "ROLE")]
    role: Option<RoleName>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Record {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let (_, store) = open(common, Missing::Refuse)?;
        block_on(async {
            match self {
                Self::Add(add) => add_record(&store, add).await,
                Self::Remove(Remove { id, json }) => match store.remove_record(&id, by()).await? {
                    Change::Done => {
                        let text = format!("removed record {id}; it holds at once");
                        output::done(json, &json!({ "id": id }), &text)
                    }
                    Change::NotFound => Err(format!(
                        "there is no record {id}; `sessionmint record list` shows them"
                    )
                    .into()),
                },
                Self::List(list) => list_records(&store, list).await,
            }
        })
    }
}

async fn add_record(store: &SqliteStore, add: Add) -> Result<(), CliError> {
    let record = AccessRecord {
        id: RecordId::from_random(random::bytes(&SystemRandom)?),
        grantee: add.who.grantee(store).await?,
        role: add.role,
        pattern: add.pattern,
    };
    match store.add_record(record.clone(), by()).await? {
        AddRecord::Added => {
            let text = format!("added record {}", record.id);
            output::done(add.json, &json!(record), &text)
        }
        AddRecord::Exists(id) => {
            let text = format!("record {id} says so already");
            output::done(add.json, &json!(AccessRecord { id, ..record }), &text)
        }
        AddRecord::NoRole => Err(Named::Role(&record.role).missing()),
        AddRecord::NoGrantee => match &record.grantee {
            Grantee::Group(name) => Err(Named::Group(name).missing()),
            Grantee::Subject(subject) => {
                Err(format!("there is no user or client {subject}").into())
            }
        },
    }
}

async fn list_records(store: &SqliteStore, list: List) -> Result<(), CliError> {
    let filter = RecordFilter {
        grantee: match list.subject {
            Some(who) => Some(who.grantee(store).await?),
            None => None,
        },
        role: list.role,
    };
    let records = all(async |last: Option<&AccessRecord>| {
        let last = last.map(|record| &record.id);
        store.records(&filter, last, PAGE).await
    })
    .await?;
    if list.json {
        return output::json(&json!(records));
    }
    let names = Names::load(store).await?;
    let mut rows = Vec::new();
    for record in records {
        rows.push([
            record.id.to_string(),
            names.shown(store, &record.grantee).await?,
            record.role.to_string(),
            record.pattern.to_string(),
        ]);
    }
    output::table(["ID", "SUBJECT", "ROLE", "RESOURCE"], &rows)
}
