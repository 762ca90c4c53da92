//! Clients that may ask for tokens.

use serde::{Deserialize, Serialize};

use crate::{ClientId, Scope};

/// A browser app that mints from the session cookie. It has no secret; its exact origins identify it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserClient {
    /// The operator's name for it, the `client_id` claim.
    pub client_id: ClientId,
    /// Serialized origins (`https://ui.example.com`), compared byte for byte. An origin belongs to at most one client.
    pub origins: Vec<String>,
    /// The audience when the request names no `resource`.
    pub default_resource: String,
    /// Every audience it may ask for, the default among them.
    pub resources: Vec<String>,
    /// Every scope it may ask for.
    pub scopes: Scope,
    /// The scope when the request names none; a subset of `scopes`.
    pub default_scopes: Scope,
    /// Lifetime of its access tokens in seconds; see [`TTL_SECS`](crate::session_grant::TTL_SECS).
    pub ttl: u64,
}
