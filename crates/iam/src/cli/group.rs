//! `sessionmint group …`.

use clap::{Args, Subcommand};
use serde_json::json;
use sessionmint_access::{Grantee, GroupName, Subject};
use sessionmint_iam::shown;
use sessionmint_store::{AddNamed, ChangeGroup, Membership, Roles as _, SqliteStore, StoredGroup};

use super::by::by;
use super::named::{Named, changed_meanwhile, records_of};
use super::store::{Missing, PAGE, all, block_on, open};
use super::who::{Names, Who};
use super::{CliError, Common, output};

#[derive(Subcommand)]
pub(super) enum Group {
    /// Add a group: a set of users and clients
    #[command(after_help = "\
Example:
  sessionmint group add auditors --member user:alice --member client:reporter --config sessionmint.toml")]
    Add(Add),
    /// Remove a group that no record names
    Remove(Remove),
    /// Put users and clients into a group
    #[command(
        after_help = "Example:\n  sessionmint group add-member auditors user:bob client:jobs --config sessionmint.toml"
    )]
    AddMember(Members),
    /// Take users and clients out of a group
    RemoveMember(Members),
    /// List the groups
    List(List),
    /// Show the members of a group
    Show(Show),
}

#[derive(Args)]
pub(super) struct Add {
    /// Its name: 1 to 64 letters, digits, `.`, `_`, `-`
    name: GroupName,
    /// Who is in it: user:NAME, client:ID, or an id (usr_…, cli_…); repeat for more
    #[arg(long = "member", value_name = "WHO")]
    members: Vec<Who>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Remove {
    /// The group's name
    name: GroupName,
    /// And all records that name it
    #[arg(long)]
    with_records: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Members {
    /// The group's name
    name: GroupName,
    /// Who: user:NAME, client:ID, or an id (usr_…, cli_…)
    #[arg(value_name = "WHO", required = true)]
    who: Vec<Who>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Show {
    /// The group's name
    name: GroupName,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Group {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let missing = if matches!(self, Self::Add(_)) {
            Missing::Create
        } else {
            Missing::Refuse
        };
        let (_, store) = open(common, missing)?;
        block_on(async {
            match self {
                Self::Add(add) => add_group(&store, add).await,
                Self::Remove(remove) => remove_group(&store, remove).await,
                Self::AddMember(Members { name, who, json }) => {
                    let change = Membership {
                        add: subjects(&store, who).await?,
                        remove: Vec::new(),
                    };
                    change_group(&store, &name, change, json).await
                }
                Self::RemoveMember(Members { name, who, json }) => {
                    let change = Membership {
                        add: Vec::new(),
                        remove: subjects(&store, who).await?,
                    };
                    change_group(&store, &name, change, json).await
                }
                Self::List(List { json }) => list(&store, json).await,
                Self::Show(Show { name, json }) => show(&store, &name, json).await,
            }
        })
    }
}

async fn subjects(store: &SqliteStore, who: Vec<Who>) -> Result<Vec<Subject>, CliError> {
    let mut subjects = Vec::new();
    for who in who {
        subjects.push(who.subject(store).await?);
    }
    Ok(subjects)
}

async fn add_group(store: &SqliteStore, add: Add) -> Result<(), CliError> {
    let Add {
        name,
        members,
        json,
    } = add;
    // Before there is a group without those who should be in it.
    let change = Membership {
        add: subjects(store, members).await?,
        remove: Vec::new(),
    };
    match store.add_group(name.clone(), by()).await? {
        AddNamed::Added { version } if change.add.is_empty() => {
            let text = format!("added group `{name}`");
            let group = StoredGroup {
                name,
                members: 0,
                version,
            };
            output::done(json, &shown::group(&group), &text)
        }
        AddNamed::Added { .. } => change_group(store, &name, change, json).await,
        AddNamed::NameTaken => Err(format!(
            "there is a group `{name}` already; for more members: sessionmint group add-member {name} …"
        )
        .into()),
    }
}

async fn change_group(
    store: &SqliteStore,
    name: &GroupName,
    change: Membership,
    json: bool,
) -> Result<(), CliError> {
    match store.change_group(name, change, None, by()).await? {
        ChangeGroup::Changed { .. } => {
            let group = store
                .group(name)
                .await?
                .ok_or_else(|| Named::Group(name).missing())?;
            let members = output::counted(group.members, "member");
            let text = format!("group `{name}` has {members}");
            output::done(json, &shown::group(&group), &text)
        }
        ChangeGroup::NotFound => Err(Named::Group(name).missing()),
        ChangeGroup::Conflict => Err(changed_meanwhile()),
        ChangeGroup::NoSubject(subject) => {
            Err(format!("there is no user or client {subject}; nothing was changed").into())
        }
    }
}

async fn remove_group(store: &SqliteStore, remove: Remove) -> Result<(), CliError> {
    let Remove {
        name,
        with_records,
        json,
    } = remove;
    let removed = store.remove_group(&name, None, records_of(with_records), by());
    Named::Group(&name).removed(removed.await?, json)
}

async fn list(store: &SqliteStore, json: bool) -> Result<(), CliError> {
    let groups = all(async |last: Option<&StoredGroup>| {
        store.groups(last.map(|group| &group.name), PAGE).await
    })
    .await?;
    if json {
        let groups: Vec<_> = groups.iter().map(shown::group).collect();
        return output::json(&groups.into());
    }
    let rows: Vec<_> = groups
        .iter()
        .map(|group| [group.name.to_string(), group.members.to_string()])
        .collect();
    output::table(["NAME", "MEMBERS"], &rows)
}

async fn show(store: &SqliteStore, name: &GroupName, json: bool) -> Result<(), CliError> {
    let group = store
        .group(name)
        .await?
        .ok_or_else(|| Named::Group(name).missing())?;
    let names = Names::load(store).await?;
    let members = all(async |last| store.members(name, last, PAGE).await).await?;
    if json {
        let mut shown = Vec::new();
        for subject in &members {
            shown.push(json!({ "subject": subject, "name": names.of(store, subject).await? }));
        }
        return output::json(&json!({ "name": name, "members": shown, "version": group.version }));
    }
    let mut rows = Vec::new();
    for subject in members {
        let shown = names
            .shown(store, &Grantee::Subject(subject.clone()))
            .await?;
        rows.push([shown, subject.to_string()]);
    }
    output::table(["MEMBER", "ID"], &rows)
}
