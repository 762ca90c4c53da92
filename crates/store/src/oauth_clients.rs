//! Clients of the standard grants and their secrets: what is stored, and the commands.

use std::fmt;

use async_trait::async_trait;
use sessionmint_oauth::{ClientId, OAuthClient, SecretId, Timestamp};

use crate::{By, Change, StoreError};

/// Most secrets of one client: the one in use, and the one that is to replace it.
pub const MAX_SECRETS: usize = 2;

/// A secret of a client as stored. The secret itself is nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret {
    /// What operators name it by.
    pub id: SecretId,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSecret")
            .field("id", &self.id)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

/// Outcome of [`OAuthClients::add_oauth_client`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddOAuthClient {
    /// The client is there now.
    Added,
    /// Another client has that id, of whichever kind.
    IdTaken,
    /// It is public, and the pages of a browser app could read what is sent to this redirect URI.
    BrowserOrigin {
        /// The redirect URI.
        uri: String,
        /// Whose origin it is on.
        client_id: ClientId,
    },
}

/// Outcome of [`OAuthClients::replace_oauth_client`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplaceOAuthClient {
    /// The client is as asked now.
    Replaced,
    /// There is no client of that id.
    NotFound,
    /// See [`AddOAuthClient::BrowserOrigin`]; nothing changed.
    BrowserOrigin {
        /// The redirect URI.
        uri: String,
        /// Whose origin it is on.
        client_id: ClientId,
    },
    /// Somebody changed it in the meantime; nothing changed now.
    Conflict,
}

/// Outcome of [`OAuthClients::add_client_secret`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddSecret {
    /// It counts from now on, beside the one before.
    Added,
    /// There is no client of that id.
    NotFound,
    /// It has [`MAX_SECRETS`] already.
    TooMany,
}

/// Clients of the standard grants. Changes by another process are seen at once.
#[async_trait]
pub trait OAuthClients: Send + Sync {
    /// Adds a client with its first secret, if it is to have one, unless its id is taken by a client of either kind.
    async fn add_oauth_client(
        &self,
        client: OAuthClient,
        secret: Option<ClientSecret>,
        by: By,
    ) -> Result<AddOAuthClient, StoreError>;
    /// Replaces the client of the same id; given what was `seen`, only while it is like that still. Its subject stays, and so
    /// does whether it is disabled. A client that authenticates without secrets from now on loses those it has.
    async fn replace_oauth_client(
        &self,
        client: OAuthClient,
        seen: Option<OAuthClient>,
        by: By,
    ) -> Result<ReplaceOAuthClient, StoreError>;
    /// Removes a client and, in the same transaction, its secrets, and ends what users granted it.
    async fn remove_oauth_client(&self, id: &ClientId, by: By) -> Result<Change, StoreError>;
    /// Disables or enables and, when disabling, ends what users granted it in the same transaction. A client that is
    /// disabled already keeps the earlier time.
    async fn set_oauth_client_disabled(
        &self,
        id: &ClientId,
        disabled: bool,
        by: By,
    ) -> Result<Change, StoreError>;
    /// Finds by id.
    async fn oauth_client(&self, id: &ClientId) -> Result<Option<OAuthClient>, StoreError>;
    /// All of them by id.
    async fn oauth_clients(&self) -> Result<Vec<OAuthClient>, StoreError>;
    /// Adds a secret unless the client has [`MAX_SECRETS`].
    async fn add_client_secret(
        &self,
        client: &ClientId,
        secret: ClientSecret,
        by: By,
    ) -> Result<AddSecret, StoreError>;
    /// Removes a secret of this client.
    async fn remove_client_secret(
        &self,
        client: &ClientId,
        id: &SecretId,
        by: By,
    ) -> Result<Change, StoreError>;
    /// The secrets of a client, oldest first.
    async fn client_secrets(&self, client: &ClientId) -> Result<Vec<ClientSecret>, StoreError>;
}
