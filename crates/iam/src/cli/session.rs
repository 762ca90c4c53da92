//! `sessionmint session …`.

use clap::{ArgGroup, Args, Subcommand};
use serde_json::json;
use sessionmint_iam::logging::Printable;
use sessionmint_iam::shown;
use sessionmint_oauth::SessionId;
use sessionmint_store::{
    Change, EndSessions, Session as SessionRecord, Sessions as _, SqliteStore,
};

use super::by::by;
use super::store::{Missing, block_on, open};
use super::{CliError, Common, output, user};

#[derive(Subcommand)]
pub(super) enum Session {
    /// List sessions, newest first
    List(List),
    /// End one session, or all of a user
    #[command(after_help = "\
Examples:
  sessionmint session end ses_4Rk1… --config sessionmint.toml
  sessionmint session end --user alice --config sessionmint.toml

Nothing is minted from it any more. Services accept the tokens in circulation for 5 minutes at most.")]
    End(End),
}

#[derive(Args)]
pub(super) struct List {
    /// Only this user's
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[command(group = ArgGroup::new("which").required(true).args(["id", "user"]))]
pub(super) struct End {
    /// The session's id, as `session list` shows it
    id: Option<SessionId>,
    /// All sessions of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Session {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let (_, store) = open(common, Missing::Refuse)?;
        block_on(async {
            match self {
                Self::List(list) => list_sessions(&store, list).await,
                Self::End(End {
                    id: Some(id), json, ..
                }) => match store.end_session_by_id(&id, by()).await? {
                    Change::Done => output::done(
                        json,
                        &json!({ "ended": 1 }),
                        &format!(
                            "ended session {id}; tokens minted from it live for minutes at most"
                        ),
                    ),
                    Change::NotFound => {
                        Err(format!("there is no session {id}; it may have ended already").into())
                    }
                },
                Self::End(End { user, json, .. }) => {
                    let user = user::find(&store, &user.unwrap_or_default()).await?;
                    let ended = store
                        .end_sessions_of(&user.id, EndSessions::All, by())
                        .await?;
                    let sessions = output::counted(ended, "session");
                    let name = Printable(&user.username);
                    let text = format!("ended {sessions} of `{name}`");
                    output::done(json, &json!({ "ended": ended }), &text)
                }
            }
        })
    }
}

async fn list_sessions(store: &SqliteStore, list: List) -> Result<(), CliError> {
    let users = match list.user {
        Some(name) => vec![user::find(store, &name).await?],
        None => user::all(store).await?,
    };
    let mut sessions: Vec<(String, SessionRecord)> = Vec::new();
    for user in users {
        let of_user = store.sessions_of(&user.id).await?;
        sessions.extend(
            of_user
                .into_iter()
                .map(|session| (user.username.clone(), session)),
        );
    }
    sessions.sort_by_key(|(_, session)| std::cmp::Reverse(session.created_at));
    if list.json {
        let sessions: Vec<_> = sessions
            .iter()
            .map(|(username, session)| shown::session(session, username))
            .collect();
        return output::json(&sessions.into());
    }
    let rows: Vec<_> = sessions
        .iter()
        .map(|(username, session)| {
            [
                session.id.to_string(),
                Printable(username).to_string(),
                session.client_id.to_string(),
                output::time(session.created_at),
                output::time(session.last_activity),
                output::time(session.absolute_end),
                // Written by the browser: it must not reach the terminal as it is.
                Printable(&session.user_agent).to_string(),
            ]
        })
        .collect();
    output::table(
        [
            "ID",
            "USER",
            "CLIENT",
            "CREATED",
            "LAST ACTIVITY",
            "ENDS",
            "BROWSER",
        ],
        &rows,
    )
}
