//! `sessionmint role …`.

use clap::{ArgGroup, Args, Subcommand};
use sessionmint_access::{Permission, Role as AccessRole, RoleName};
use sessionmint_iam::shown;
use sessionmint_store::{AddNamed, ReplaceRole, Roles as _, SqliteStore, StoredRole};

use super::by::by;
use super::named::{Named, changed_meanwhile, records_of};
use super::store::{Missing, PAGE, all, block_on, open};
use super::{CliError, Common, output};

#[derive(Subcommand)]
pub(super) enum Role {
    /// Add a role: a set of permissions
    #[command(after_help = "\
Example:
  sessionmint role add reader --permission credentials:read --permission credentials:list --config sessionmint.toml

It allows nobody anything until a record gives it to somebody: `sessionmint record add`.")]
    Add(Add),
    /// Change what a role allows; what is not named stays
    #[command(after_help = "\
Example:
  sessionmint role set reader --add-permission notes:read --remove-permission credentials:list --config sessionmint.toml

It holds at once for everybody who has the role.")]
    Set(Set),
    /// Remove a role that no record names
    #[command(after_help = "\
Examples:
  sessionmint role remove reader --config sessionmint.toml
  sessionmint role remove reader --with-records --config sessionmint.toml")]
    Remove(Remove),
    /// List the roles
    List(List),
    /// Show one role
    Show(Show),
}

#[derive(Args)]
pub(super) struct Add {
    /// Its name: 1 to 64 letters, digits, `.`, `_`, `-`
    name: RoleName,
    /// What it allows, as `kind:action`; repeat for more
    #[arg(long = "permission", value_name = "PERMISSION", required = true)]
    permissions: Vec<Permission>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true).args(["add_permissions", "remove_permissions"]))]
pub(super) struct Set {
    /// The role's name
    name: RoleName,
    /// A permission that it has from now on; repeat for more
    #[arg(long = "add-permission", value_name = "PERMISSION")]
    add_permissions: Vec<Permission>,
    /// A permission that it has no more; repeat for more
    #[arg(long = "remove-permission", value_name = "PERMISSION")]
    remove_permissions: Vec<Permission>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Remove {
    /// The role's name
    name: RoleName,
    /// And all records that give it
    #[arg(long)]
    with_records: bool,
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
    /// The role's name
    name: RoleName,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Role {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let missing = if matches!(self, Self::Add(_)) {
            Missing::Create
        } else {
            Missing::Refuse
        };
        let (_, store) = open(common, missing)?;
        block_on(async {
            match self {
                Self::Add(add) => add_role(&store, add).await,
                Self::Set(set) => set_role(&store, set).await,
                Self::Remove(remove) => remove_role(&store, remove).await,
                Self::List(List { json }) => list(&store, json).await,
                Self::Show(Show { name, json }) => {
                    let role = store
                        .role(&name)
                        .await?
                        .ok_or_else(|| Named::Role(&name).missing())?;
                    if json {
                        return output::json(&shown::role(&role));
                    }
                    for permission in &role.role.permissions {
                        output::line(permission.as_str())?;
                    }
                    Ok(())
                }
            }
        })
    }
}

async fn add_role(store: &SqliteStore, add: Add) -> Result<(), CliError> {
    let role = AccessRole {
        name: add.name.clone(),
        permissions: add.permissions.into_iter().collect(),
    };
    match store.add_role(role.clone(), by()).await? {
        AddNamed::Added { version } => output::done(
            add.json,
            &shown::role(&StoredRole { role, version }),
            &format!("added role `{}`", add.name),
        ),
        AddNamed::NameTaken => Err(format!(
            "there is a role `{0}` already; to change it: sessionmint role set {0} …",
            add.name
        )
        .into()),
    }
}

async fn set_role(store: &SqliteStore, set: Set) -> Result<(), CliError> {
    let name = set.name;
    let stored = store
        .role(&name)
        .await?
        .ok_or_else(|| Named::Role(&name).missing())?;
    let mut role = stored.role;
    for permission in set.remove_permissions {
        if !role.permissions.remove(&permission) {
            return Err(format!("role `{name}` does not have the permission {permission}").into());
        }
    }
    role.permissions.extend(set.add_permissions);
    let replaced = store.replace_role(role.clone(), stored.version, by());
    match replaced.await? {
        ReplaceRole::Replaced { version } => output::done(
            set.json,
            &shown::role(&StoredRole { role, version }),
            &format!("changed role `{name}`; it holds at once"),
        ),
        ReplaceRole::NotFound => Err(Named::Role(&name).missing()),
        ReplaceRole::Conflict => Err(changed_meanwhile()),
    }
}

async fn remove_role(store: &SqliteStore, remove: Remove) -> Result<(), CliError> {
    let Remove {
        name,
        with_records,
        json,
    } = remove;
    let removed = store.remove_role(&name, None, records_of(with_records), by());
    Named::Role(&name).removed(removed.await?, json)
}

async fn list(store: &SqliteStore, json: bool) -> Result<(), CliError> {
    let roles = all(async |last: Option<&StoredRole>| {
        store
            .roles(last.map(|stored| &stored.role.name), PAGE)
            .await
    })
    .await?;
    if json {
        let roles: Vec<_> = roles.iter().map(shown::role).collect();
        return output::json(&roles.into());
    }
    let rows: Vec<_> = roles
        .iter()
        .map(|stored| {
            [
                stored.role.name.to_string(),
                permissions(&stored.role).join(" "),
            ]
        })
        .collect();
    output::table(["NAME", "PERMISSIONS"], &rows)
}

fn permissions(role: &AccessRole) -> Vec<&str> {
    role.permissions.iter().map(Permission::as_str).collect()
}
