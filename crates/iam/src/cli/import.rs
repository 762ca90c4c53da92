//! `sessionmint user import`: moves the users of another system in, with the hashes of their passwords.
//!
//! The whole file is read and checked before the first user is added, so a mistake in it changes nothing. Then users are
//! added in groups, each in one transaction, so that a running service is not held up. What stops it between two groups
//! leaves the earlier ones added, and the same command with `--skip-existing` goes on.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use sessionmint_iam::logging::Printable;
use sessionmint_iam::login::policy::check_username;
use sessionmint_iam::login::stored::Stored;
use sessionmint_iam::{Clock as _, SystemClock, SystemRandom, random};
use sessionmint_oauth::{Scope, Timestamp, UserId};
use sessionmint_store::{AddUser, NewUser, SqliteStore, Users as _};

use super::by::by;
use super::store::{Missing, block_on, open_database};
use super::{CliError, Common, output};

/// The longest line, in bytes; names and hashes are far shorter.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// Problems that are told before the rest is only counted.
const MAX_PROBLEMS: usize = 20;

/// Users added in one transaction.
const GROUP: usize = 500;

#[derive(Args)]
#[command(after_help = HELP)]
pub(super) struct Import {
    /// JSON Lines: one object a line; `-` reads standard input
    file: PathBuf,
    /// Leave users alone whose names are there already, instead of stopping
    #[arg(long)]
    skip_existing: bool,
    /// Check the file and say what would happen, without changing anything
    #[arg(long)]
    dry_run: bool,
}

const HELP: &str = "\
A line has a username and a password_hash, and may have scopes (the most that the user may be granted, separated by
spaces; without it, all that a client may ask for) and disabled (true or false):
  {\"username\":\"ann\",\"password_hash\":\"$2b$12$...\",\"scopes\":\"notes:read account\",\"disabled\":false}

Hashes: argon2 and scrypt as PHC strings, bcrypt ($2a$, $2b$, $2y$), and PBKDF2 ($pbkdf2-sha256$, $pbkdf2-sha512$) as PHC
strings or as passlib writes them. Each is replaced by an argon2id hash when its owner first signs in. Until then a wrong
password for that user is answered as slowly or fast as the imported hash is checked, which tells whoever measures it
that the user exists. Hashes that take more than about 3 seconds or 256 MiB to check are refused.

Nothing is changed when a line is wrong. What stops a correct import halfway leaves the users up to there; run it again
with --skip-existing.";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    username: String,
    password_hash: String,
    #[serde(default)]
    scopes: Option<String>,
    #[serde(default)]
    disabled: bool,
}

/// What a file holds.
#[derive(Default)]
struct Contents {
    /// With the numbers of their lines.
    users: Vec<(usize, NewUser)>,
    /// How many hashes of each kind.
    kinds: BTreeMap<&'static str, usize>,
}

/// What is wrong with a file, line by line.
#[derive(Default)]
struct Problems {
    told: Vec<String>,
    more: usize,
}

impl Import {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let settings = common.load(None)?;
        let database = settings.database()?;
        let contents = self.read()?;
        if self.dry_run && !database.path().exists() {
            return report("would add", contents.users.len(), 0, &contents.kinds);
        }
        let store = open_database(database, Missing::Create)?;
        block_on(self.add(&store, contents))
    }

    fn read(&self) -> Result<Contents, CliError> {
        let now = SystemClock.now();
        if self.file == Path::new("-") {
            return read(std::io::stdin().lock(), now);
        }
        let file = File::open(&self.file)
            .map_err(|error| format!("cannot open {}: {error}", self.file.display()))?;
        read(BufReader::new(file), now)
    }

    async fn add(&self, store: &SqliteStore, contents: Contents) -> Result<(), CliError> {
        let mut problems = Problems::default();
        let mut existing = 0;
        for (line, user) in &contents.users {
            if store.user_by_name(&user.username).await?.is_some() {
                existing += 1;
                problems.add(*line, &taken(&user.username));
            }
        }
        if !self.skip_existing {
            problems.none("; --skip-existing leaves users alone who are there already")?;
        }
        if self.dry_run {
            let fresh = contents.users.len().saturating_sub(existing);
            return report("would add", fresh, existing, &contents.kinds);
        }

        let (mut added, mut skipped) = (0, 0);
        let mut users = contents.users.into_iter().peekable();
        while users.peek().is_some() {
            let (lines, group): (Vec<_>, Vec<_>) = users.by_ref().take(GROUP).unzip();
            let names: Vec<_> = group.iter().map(|user| user.username.clone()).collect();
            let outcomes = store.add_users(group, by()).await.map_err(|error| {
                format!(
                    "{error}; {added} users were added before, run it again with --skip-existing"
                )
            })?;
            for ((outcome, line), name) in outcomes.into_iter().zip(lines).zip(names) {
                match outcome {
                    AddUser::Added => added += 1,
                    AddUser::NameTaken => {
                        skipped += 1;
                        // Added by somebody else since the file was checked.
                        if !self.skip_existing {
                            output::note(&format!("line {line}: {}, left alone", taken(&name)));
                        }
                    }
                }
            }
        }
        report("added", added, skipped, &contents.kinds)
    }
}

fn report(
    verb: &str,
    added: usize,
    skipped: usize,
    kinds: &BTreeMap<&'static str, usize>,
) -> Result<(), CliError> {
    let users = if added == 1 { "user" } else { "users" };
    output::line(&format!("{verb} {added} {users}, skipped {skipped}"))?;
    let kinds: Vec<_> = kinds
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    if !kinds.is_empty() {
        output::note(&format!("hashes in the file: {}", kinds.join(", ")));
    }
    Ok(())
}

/// Reads and checks everything, and tells all that is wrong at once.
fn read(mut from: impl BufRead, now: Timestamp) -> Result<Contents, CliError> {
    let mut contents = Contents::default();
    let mut problems = Problems::default();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let limit = u64::try_from(MAX_LINE_BYTES + 2).unwrap_or(u64::MAX);
        let read = from
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut bytes)
            .map_err(|error| format!("line {number} cannot be read: {error}"))?;
        if read == 0 {
            break;
        }
        let line = bytes.trim_ascii();
        if line.len() > MAX_LINE_BYTES {
            // Where the next one begins is not worth finding out.
            problems.add(number, &format!("it has more than {MAX_LINE_BYTES} bytes"));
            break;
        }
        if line.is_empty() {
            continue;
        }
        match user(line, now) {
            Ok((user, kind)) => {
                if let Some(first) = seen.insert(user.username.clone(), number) {
                    problems.add(
                        number,
                        &format!(
                            "line {first} has the name `{}` too",
                            Printable(&user.username)
                        ),
                    );
                }
                *contents.kinds.entry(kind).or_default() += 1;
                contents.users.push((number, user));
            }
            Err(error) => problems.add(number, &error.to_string()),
        }
    }
    problems.none("")?;
    Ok(contents)
}

fn user(line: &[u8], now: Timestamp) -> Result<(NewUser, &'static str), CliError> {
    // serde takes an array for an object too.
    if !line.starts_with(b"{") {
        return Err("it is not a JSON object".into());
    }
    let line: Line = serde_json::from_slice(line).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => format!("it is not as it should be: {error}"),
        _ => "it is not a JSON object".to_owned(),
    })?;
    check_username(&line.username)?;
    let kind = Stored::importable(&line.password_hash)?.kind();
    let scopes: Option<Scope> = line
        .scopes
        .map(|scopes| scopes.parse())
        .transpose()
        .map_err(|error| format!("scopes: {error}"))?;
    let user = NewUser {
        id: UserId::from_random(random::bytes(&SystemRandom)?),
        username: line.username,
        password_hash: Some(line.password_hash),
        scopes,
        disabled_at: line.disabled.then_some(now),
        created_at: now,
    };
    Ok((user, kind))
}

fn taken(name: &str) -> String {
    format!("there is a user `{}` already", Printable(name))
}

impl Problems {
    fn add(&mut self, line: usize, what: &str) {
        if self.told.len() < MAX_PROBLEMS {
            self.told.push(format!("line {line}: {what}"));
        } else {
            self.more += 1;
        }
    }

    /// An error that lists them, if there are any.
    fn none(self, advice: &str) -> Result<(), CliError> {
        if self.told.is_empty() {
            return Ok(());
        }
        let more = match self.more {
            0 => String::new(),
            more => format!("\n  and {more} more"),
        };
        Err(format!(
            "nothing was imported{advice}\n  {}{more}",
            self.told.join("\n  ")
        )
        .into())
    }
}
