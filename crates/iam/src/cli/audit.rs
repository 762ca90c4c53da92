//! `sessionmint audit …`.

use std::collections::HashMap;
use std::fmt::Write as _;

use clap::{Args, Subcommand};
use sessionmint_iam::logging::Printable;
use sessionmint_iam::shown;
use sessionmint_iam::when::When;
use sessionmint_iam::{Clock as _, SystemClock};
use sessionmint_oauth::UserId;
use sessionmint_store::{
    Actor, Audit as _, AuditFilter, AuditKind, AuditRecord, SqliteStore, Users as _,
};

use super::store::{Missing, block_on, open};
use super::{CliError, Common, output, user};

#[derive(Subcommand)]
pub(super) enum Audit {
    /// List who did what, and what was refused, newest first
    #[command(after_help = "\
Examples:
  sessionmint audit list --config sessionmint.toml
  sessionmint audit list --user alice --since 7d --config sessionmint.toml
  sessionmint audit list --kind sign-in.failed --kind origin --since 1h --config sessionmint.toml
  sessionmint audit list --since 2026-01-01 --until 2026-02-01 --limit 1000000 --json --config sessionmint.toml

What is refused is written every ten seconds. Times are UTC. Of a user who was removed only the id is left: give that to
--user.")]
    List(List),
}

#[derive(Args)]
pub(super) struct List {
    /// From then on: how long ago (30m, 24h, 7d), a day (2026-01-31) or a time (2026-01-31T08:00:00Z)
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,
    /// Before then
    #[arg(long, value_name = "WHEN")]
    until: Option<When>,
    /// About this user, by name or id
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Of this kind, or of all kinds that begin so (`session`); repeat for more
    #[arg(long = "kind", value_name = "KIND", value_parser = parse_kinds)]
    kinds: Vec<Kinds>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print JSON, one record a line
    #[arg(long)]
    json: bool,
}

/// What one `--kind` means.
#[derive(Clone)]
struct Kinds(Vec<AuditKind>);

fn parse_kinds(text: &str) -> Result<Kinds, String> {
    shown::audit_kinds(text).map(Kinds)
}

impl Audit {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let Self::List(list) = self;
        let (_, store) = open(common, Missing::Refuse)?;
        block_on(list.run(&store))
    }
}

impl List {
    async fn run(self, store: &SqliteStore) -> Result<(), CliError> {
        let now = SystemClock.now();
        let filter = AuditFilter {
            since: self.since.map(|when| when.at(now)),
            until: self.until.map(|when| when.at(now)),
            user_id: match self.user {
                Some(user) => Some(user_id(store, &user).await?),
                None => None,
            },
            kinds: self.kinds.into_iter().flat_map(|kinds| kinds.0).collect(),
        };
        let mut names = Names::default();
        let mut rows = Vec::new();
        let (mut left, mut after) = (self.limit, None);
        while left > 0 {
            let page = store.audit(&filter, after, left.min(PAGE)).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.cursor());
            left = left.saturating_sub(u32::try_from(page.len()).unwrap_or(u32::MAX));
            for record in &page {
                let name = names.of(store, record.user_id.as_ref()).await?;
                if self.json {
                    output::json_line(&shown::audit_record(record, name))?;
                } else {
                    rows.push(row(record, name));
                }
            }
        }
        if !self.json {
            output::table(
                [
                    "TIME", "WHAT", "WHO", "USER", "SESSION", "CLIENT", "NETWORK", "DETAILS",
                ],
                &rows,
            )?;
        }
        if left == 0 {
            output::note(&format!(
                "these are the newest {}; there may be more, see --limit",
                self.limit
            ));
        }
        Ok(())
    }
}

/// Records that are read at once.
const PAGE: u32 = 1000;

/// By name; of a user who is gone, by id.
async fn user_id(store: &SqliteStore, user: &str) -> Result<UserId, CliError> {
    match user.parse() {
        Ok(id) => Ok(id),
        Err(_) => Ok(user::find(store, user).await?.id),
    }
}

/// The names that users have now.
#[derive(Default)]
struct Names(HashMap<UserId, Option<String>>);

impl Names {
    async fn of(
        &mut self,
        store: &SqliteStore,
        id: Option<&UserId>,
    ) -> Result<Option<&str>, CliError> {
        let Some(id) = id else { return Ok(None) };
        if !self.0.contains_key(id) {
            let user = store.user(id).await?;
            self.0.insert(id.clone(), user.map(|user| user.username));
        }
        Ok(self.0.get(id).and_then(Option::as_deref))
    }
}

/// What comes from outside must not reach the terminal as it is.
fn row(record: &AuditRecord, name: Option<&str>) -> [String; 8] {
    let mut what = record.kind.as_str().to_owned();
    // Writing to a string cannot fail.
    if let Some(reason) = record.reason {
        let _ = write!(what, " ({})", reason.as_str());
    }
    if let Some(attempts) = record.attempts.filter(|attempts| *attempts > 1) {
        let _ = write!(what, " x{attempts}");
    }
    let who = match &record.actor {
        Actor::User(id) if Some(id) == record.user_id.as_ref() => "user".to_owned(),
        Actor::User(id) => id.to_string(),
        Actor::Client(id) => format!("client {id}"),
        Actor::Operator(name) => Printable(name).to_string(),
        Actor::Service | Actor::Nobody => format!("({})", record.actor.as_str()),
    };
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let user = match (name, &record.user_id) {
        (Some(name), _) => Some(Printable(name).to_string()),
        (None, Some(id)) => Some(id.to_string()),
        (None, None) => None,
    };
    let key = record
        .key_id
        .iter()
        .map(|kid| format!("key={}", Printable(kid)));
    let details = record.details.iter().map(|(name, value)| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        format!("{}={}", Printable(name), Printable(&text))
    });
    [
        output::time(record.at),
        what,
        who,
        or_dash(user),
        or_dash(record.session_id.as_ref().map(ToString::to_string)),
        or_dash(record.client_id.as_ref().map(ToString::to_string)),
        or_dash(record.network.map(|network| network.to_string())),
        key.chain(details).collect::<Vec<_>>().join(" "),
    ]
}
