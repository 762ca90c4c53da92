//! What the pages of the operator are told of clients and users.

use serde::Serialize;
use sessionmint_oauth::redirect_uri::{self, Destination};
use sessionmint_oauth::{ClientId, OAuthClient, UserId};
use sessionmint_store::User;

/// Who asks.
#[derive(Serialize)]
pub(super) struct ShownClient {
    id: ClientId,
    name: String,
    /// Whether it is the operator's own.
    trusted: bool,
}

/// Who is signed in.
#[derive(Serialize)]
pub(super) struct ShownUser {
    id: UserId,
    username: String,
}

/// Where the user goes back to. A name can be anybody's; this cannot.
#[derive(Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub(super) enum ShownDestination {
    /// A web site, by host and port.
    Site(String),
    /// A program on the user's machine.
    Device,
    /// An app, by its scheme.
    App(String),
}

impl From<OAuthClient> for ShownClient {
    fn from(client: OAuthClient) -> Self {
        Self {
            id: client.client_id,
            name: client.name,
            trusted: client.trusted,
        }
    }
}

impl From<User> for ShownUser {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
        }
    }
}

impl ShownDestination {
    pub(super) fn of(uri: &str) -> Self {
        match redirect_uri::destination(uri) {
            Destination::Site(host) => Self::Site(host.to_owned()),
            Destination::Device => Self::Device,
            Destination::App(scheme) => Self::App(scheme.to_owned()),
        }
    }
}
