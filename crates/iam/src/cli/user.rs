//! `sessionmint user …`.

use clap::{ArgGroup, Args, Subcommand};
use sessionmint_iam::logging::Printable;
use sessionmint_iam::login::policy::check_username;
use sessionmint_iam::shown;
use sessionmint_iam::{Clock as _, SystemClock, SystemRandom, random};
use sessionmint_oauth::{Scope, UserId};
use sessionmint_store::{
    AddUser, Change, EndSessions, NewUser, SqliteStore, User as UserRecord, Users as _,
};

use super::by::by;
use super::import::Import;
use super::store::{self, Missing, block_on, open};
use super::{CliError, Common, output, password};

#[derive(Subcommand)]
pub(super) enum User {
    #[command(flatten)]
    Managed(Managed),
    /// Add the users of another system, with the hashes of their passwords
    Import(Import),
}

/// What needs the store from the start.
#[derive(Subcommand)]
pub(super) enum Managed {
    /// Add a user; asks for the password
    #[command(
        after_help = "Example:\n  sessionmint user add alice --scope \"notes:read account\" --config sessionmint.toml"
    )]
    Add(Add),
    /// Change what a user may be granted
    #[command(after_help = "\
Example:
  sessionmint user set alice --scope \"notes:read account\" --config sessionmint.toml

It holds from the next token on, at most 5 minutes later.")]
    Set(Set),
    /// Keep a user from signing in, and end their sessions
    #[command(after_help = "\
Example:
  sessionmint user disable alice --config sessionmint.toml

A running service mints no more for them from now on. Services accept the tokens in circulation for 5 minutes at most.")]
    Disable(Name),
    /// Let a disabled user sign in again
    Enable(Name),
    /// Set a new password, and end the user's sessions
    #[command(after_help = "\
Examples:
  sessionmint user passwd alice --config sessionmint.toml
  printf '%s\\n' \"$PASSWORD\" | sessionmint user passwd alice --password-stdin --config sessionmint.toml")]
    Passwd(Passwd),
    /// Remove a user and their sessions; the id is never given to another
    Remove(Name),
    /// List the users
    List(List),
}

#[derive(Args)]
pub(super) struct Add {
    /// What they type to sign in; taken exactly, upper and lower case differ
    name: String,
    /// The most that they may be granted, separated by spaces; without it, all that a client may ask for
    #[arg(long)]
    scope: Option<Scope>,
    /// Read the password from standard input, one line, instead of asking
    #[arg(long)]
    password_stdin: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[command(group = ArgGroup::new("scopes").required(true).args(["scope", "all_scopes"]))]
pub(super) struct Set {
    /// The user's name
    name: String,
    /// The most that they may be granted, separated by spaces
    #[arg(long)]
    scope: Option<Scope>,
    /// Whatever a client may ask for
    #[arg(long)]
    all_scopes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Name {
    /// The user's name
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Passwd {
    /// The user's name
    name: String,
    /// Read the password from standard input, one line, instead of asking
    #[arg(long)]
    password_stdin: bool,
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

impl User {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::Managed(command) => command.run(common),
            Self::Import(import) => import.run(common),
        }
    }
}

impl Managed {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let missing = if matches!(self, Self::Add(_)) {
            Missing::Create
        } else {
            Missing::Refuse
        };
        let (settings, store) = open(common, missing)?;
        block_on(async {
            match self {
                Self::Add(add) => add_user(&store, &settings.login, add).await,
                Self::Set(Set {
                    name, scope, json, ..
                }) => {
                    let id = find(&store, &name).await?.id;
                    done(store.set_user_scopes(&id, scope, by()).await?, &name)?;
                    let name = Printable(&name);
                    let text =
                        format!("changed user `{name}`; tokens minted from now on follow it");
                    say(&store, json, &id, &text).await
                }
                Self::Disable(Name { name, json }) => {
                    let id = find(&store, &name).await?.id;
                    done(store.set_disabled(&id, true, by()).await?, &name)?;
                    let name = Printable(&name);
                    let text = format!("disabled user `{name}` and ended their sessions");
                    say(&store, json, &id, &text).await
                }
                Self::Enable(Name { name, json }) => {
                    let id = find(&store, &name).await?.id;
                    done(store.set_disabled(&id, false, by()).await?, &name)?;
                    let text = format!("enabled user `{}`", Printable(&name));
                    say(&store, json, &id, &text).await
                }
                Self::Passwd(Passwd {
                    name,
                    password_stdin,
                    json,
                }) => {
                    let id = find(&store, &name).await?.id;
                    let hash =
                        password::new_password_hash(&settings.login, &name, password_stdin).await?;
                    let set = store.set_password(&id, hash, EndSessions::All, by());
                    done(set.await?, &name)?;
                    let name = Printable(&name);
                    let text = format!("set a new password for `{name}` and ended their sessions");
                    say(&store, json, &id, &text).await
                }
                Self::Remove(Name { name, json }) => {
                    let user = find(&store, &name).await?;
                    done(store.remove_user(&user.id, by()).await?, &name)?;
                    let (name, id) = (Printable(&name), &user.id);
                    let text = format!("removed user `{name}` ({id}) and their sessions");
                    output::done(json, &shown::user(&user), &text)
                }
                Self::List(List { json }) => list(&store, json).await,
            }
        })
    }
}

async fn add_user(
    store: &SqliteStore,
    login: &sessionmint_iam::config::LoginConfig,
    add: Add,
) -> Result<(), CliError> {
    check_username(&add.name)?;
    // Before somebody types a password twice for nothing; the store decides.
    if store.user_by_name(&add.name).await?.is_some() {
        return Err(taken(&add.name));
    }
    let hash = password::new_password_hash(login, &add.name, add.password_stdin).await?;
    let id = UserId::from_random(random::bytes(&SystemRandom)?);
    let user = NewUser {
        id: id.clone(),
        username: add.name.clone(),
        password_hash: Some(hash),
        scopes: add.scope,
        disabled_at: None,
        created_at: SystemClock.now(),
    };
    match store.add_user(user, by()).await? {
        AddUser::Added => {
            let text = format!("added user `{}` ({id})", Printable(&add.name));
            say(store, add.json, &id, &text).await
        }
        AddUser::NameTaken => Err(taken(&add.name)),
    }
}

/// Says that it is done: how the user is now for programs, `text` for people.
async fn say(store: &SqliteStore, json: bool, id: &UserId, text: &str) -> Result<(), CliError> {
    if !json {
        return output::line(text);
    }
    let user = store.user(id).await?;
    let user = user.ok_or("done, and somebody removed the user since")?;
    output::json(&shown::user(&user))
}

fn taken(name: &str) -> CliError {
    format!(
        "there is a user `{}` already; for a new password: sessionmint user passwd NAME",
        Printable(name)
    )
    .into()
}

/// The user of that name.
pub(super) async fn find(store: &SqliteStore, name: &str) -> Result<UserRecord, CliError> {
    store.user_by_name(name).await?.ok_or_else(|| no_user(name))
}

fn no_user(name: &str) -> CliError {
    format!(
        "there is no user `{}`; names are taken exactly, `sessionmint user list` shows them",
        Printable(name)
    )
    .into()
}

fn done(change: Change, name: &str) -> Result<(), CliError> {
    match change {
        Change::Done => Ok(()),
        Change::NotFound => Err(no_user(name)),
    }
}

/// All users, by name.
pub(super) async fn all(store: &SqliteStore) -> Result<Vec<UserRecord>, CliError> {
    store::all(async |last: Option<&UserRecord>| {
        let last = last.map(|user| user.username.as_str());
        store.users(last, store::PAGE).await
    })
    .await
}

async fn list(store: &SqliteStore, json: bool) -> Result<(), CliError> {
    let users = all(store).await?;
    if json {
        let users: Vec<_> = users.iter().map(shown::user).collect();
        return output::json(&users.into());
    }
    let rows: Vec<_> = users
        .iter()
        .map(|user| {
            [
                Printable(&user.username).to_string(),
                user.id.to_string(),
                user.disabled_at.map_or_else(
                    || "enabled".to_owned(),
                    |at| format!("disabled {}", output::time(at)),
                ),
                output::time(user.created_at),
                user.scopes
                    .as_ref()
                    .map_or_else(|| "(all)".to_owned(), ToString::to_string),
            ]
        })
        .collect();
    output::table(["NAME", "ID", "STATE", "CREATED", "SCOPES"], &rows)
}
