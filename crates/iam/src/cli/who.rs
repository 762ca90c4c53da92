//! Users, clients and groups as people name them, for roles.

use std::str::FromStr;

use sessionmint_access::{Grantee, Subject};
use sessionmint_iam::logging::Printable;
use sessionmint_oauth::ClientId;
use sessionmint_store::{OAuthClients as _, SqliteStore, Users as _};

use super::{CliError, user};

/// A user, a client or a group, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// `usr_…`, `cli_…` or `group:NAME`.
    Known(Grantee),
    /// `user:NAME`
    User(String),
    /// `client:ID`
    Client(ClientId),
}

impl FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("user:") {
            return Ok(Self::User(name.to_owned()));
        }
        if let Some(id) = text.strip_prefix("client:") {
            return match id.parse() {
                Ok(id) => Ok(Self::Client(id)),
                Err(error) => Err(error.to_string()),
            };
        }
        match text.parse() {
            Ok(grantee) => Ok(Self::Known(grantee)),
            Err(_) => {
                Err("write user:NAME, client:ID, group:NAME, or an id (usr_…, cli_…)".to_owned())
            }
        }
    }
}

impl Who {
    /// Whom a record can name.
    pub(super) async fn grantee(self, store: &SqliteStore) -> Result<Grantee, CliError> {
        Ok(match self {
            Self::Known(grantee) => grantee,
            Self::User(name) => Grantee::Subject(Subject::User(user::find(store, &name).await?.id)),
            Self::Client(id) => {
                let client = store.oauth_client(&id).await?.ok_or_else(|| {
                    format!("there is no client `{id}` that acts for itself; `sessionmint client list` shows the clients")
                })?;
                Grantee::Subject(Subject::Client(client.subject))
            }
        })
    }

    /// Who can ask, and be a member of a group.
    pub(super) async fn subject(self, store: &SqliteStore) -> Result<Subject, CliError> {
        match self.grantee(store).await? {
            Grantee::Subject(subject) => Ok(subject),
            Grantee::Group(name) => Err(format!(
                "`group:{name}` is a group; this takes a user or a client, and groups have no groups in them"
            )
            .into()),
        }
    }
}

/// As people know them: the names that users and clients have now, their ids where they have none.
pub(super) struct Names {
    clients: Vec<(Subject, ClientId)>,
}

impl Names {
    pub(super) async fn load(store: &SqliteStore) -> Result<Self, CliError> {
        let clients = store.oauth_clients().await?;
        let names = clients
            .into_iter()
            .map(|c| (Subject::Client(c.subject), c.client_id));
        Ok(Self {
            clients: names.collect(),
        })
    }

    /// The name of a subject, without what it is.
    pub(super) async fn of(
        &self,
        store: &SqliteStore,
        subject: &Subject,
    ) -> Result<Option<String>, CliError> {
        Ok(match subject {
            Subject::User(id) => store.user(id).await?.map(|user| user.username),
            Subject::Client(_) => {
                let named = self.clients.iter().find(|(known, _)| known == subject);
                named.map(|(_, id)| id.to_string())
            }
        })
    }

    /// As [`Who`] takes it.
    pub(super) async fn shown(
        &self,
        store: &SqliteStore,
        grantee: &Grantee,
    ) -> Result<String, CliError> {
        let Grantee::Subject(subject) = grantee else {
            return Ok(grantee.to_string());
        };
        Ok(match (self.of(store, subject).await?, subject) {
            (Some(name), Subject::User(_)) => format!("user:{}", Printable(&name)),
            (Some(id), Subject::Client(_)) => format!("client:{id}"),
            (None, _) => subject.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_name_users_clients_and_groups() {
        let id = "usr_AQEBAQEBAQEBAQEBAQEBAQ";
        assert_eq!("user:ada b".parse(), Ok(Who::User("ada b".to_owned())));
        assert_eq!(
            "client:jobs".parse(),
            Ok(Who::Client("jobs".parse().unwrap()))
        );
        for known in [id, "group:ops"] {
            assert_eq!(known.parse(), Ok(Who::Known(known.parse().unwrap())));
        }
        for wrong in ["", "ada", "client:", "client:a b", "group:", "usr_1"] {
            assert!(wrong.parse::<Who>().is_err(), "{wrong}");
        }
    }
}
