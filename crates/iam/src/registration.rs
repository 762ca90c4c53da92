//! What operators say of a client that they register or replace, at the command line and over HTTP: what they leave out has
//! its default here, and what they say twice counts once. The rules are in [`sessionmint_oauth::registration`].

use serde::Deserialize;
use serde_json::Value;
use sessionmint_oauth::registration::{InvalidRegistration, check, check_browser};
use sessionmint_oauth::session_grant::TTL_SECS;
use sessionmint_oauth::{
    BrowserClient, ClientAuthentication, ClientId, ClientKeys, ClientSubject, GrantType, Issuer,
    OAuthClient, RefreshPolicy, Rotation, Scope,
};

/// A browser app, with the members of [`BrowserClient`] as [`shown`](crate::shown::browser_client).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrowserApp {
    /// At least one.
    pub origins: Vec<String>,
    /// At least one.
    pub resources: Vec<String>,
    /// The first of `resources` by default.
    pub default_resource: Option<String>,
    /// None by default.
    pub scopes: Scope,
    /// All of `scopes` by default.
    pub default_scopes: Option<Scope>,
    /// The longest by default.
    pub ttl: Option<u64>,
}

impl BrowserApp {
    /// The client. `issuer`: of the service, where it is known.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn client(
        self,
        client_id: ClientId,
        issuer: Option<&Issuer>,
    ) -> Result<BrowserClient, InvalidRegistration> {
        let client = BrowserClient {
            client_id,
            origins: distinct(self.origins),
            default_resource: or_first(self.default_resource, &self.resources),
            resources: distinct(self.resources),
            default_scopes: self.default_scopes.unwrap_or_else(|| self.scopes.clone()),
            scopes: self.scopes,
            ttl: self.ttl.unwrap_or(*TTL_SECS.end()),
        };
        check_browser(&client, issuer)?;
        Ok(client)
    }
}

/// A client of the standard grants, with the members of [`OAuthClient`] as [`shown`](crate::shown::oauth_client).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StandardClient {
    /// Its id by default.
    pub name: Option<String>,
    /// With a secret in the `Authorization` header by default.
    pub authentication: Option<ClientAuthentication>,
    /// Its public keys as a JWK set.
    pub jwks: Option<Value>,
    /// The address of its public keys, instead.
    pub jwks_uri: Option<String>,
    /// At least one.
    pub grants: Vec<GrantType>,
    /// None by default.
    pub redirect_uris: Vec<String>,
    /// None by default.
    pub post_logout_redirect_uris: Vec<String>,
    /// At least one.
    pub resources: Vec<String>,
    /// The first of `resources` by default.
    pub default_resource: Option<String>,
    /// None by default.
    pub scopes: Scope,
    /// All of `scopes` by default.
    pub default_scopes: Option<Scope>,
    /// The longest by default.
    pub ttl: Option<u64>,
    /// As in [`RefreshPolicy::default`] by default, as the next ones.
    pub refresh_rotation: Option<Rotation>,
    /// In seconds.
    pub refresh_window: Option<u64>,
    /// In seconds.
    pub refresh_idle: Option<u64>,
    /// In seconds.
    pub refresh_absolute: Option<u64>,
    /// Not by default.
    pub trusted: bool,
}

impl StandardClient {
    /// The client. `local`: the service itself is on this machine.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn client(
        self,
        client_id: ClientId,
        subject: ClientSubject,
        local: bool,
    ) -> Result<OAuthClient, InvalidRegistration> {
        let standard = RefreshPolicy::default();
        let client = OAuthClient {
            subject,
            name: self.name.unwrap_or_else(|| client_id.to_string()),
            client_id,
            authentication: self
                .authentication
                .unwrap_or(ClientAuthentication::ClientSecretBasic),
            keys: match (self.jwks, self.jwks_uri) {
                (Some(_), Some(_)) => return Err(InvalidRegistration::TwoKeySets),
                (Some(jwks), None) => Some(ClientKeys::Jwks(jwks.to_string())),
                (None, uri) => uri.map(ClientKeys::JwksUri),
            },
            grants: distinct(self.grants),
            redirect_uris: distinct(self.redirect_uris),
            post_logout_redirect_uris: distinct(self.post_logout_redirect_uris),
            default_resource: or_first(self.default_resource, &self.resources),
            resources: distinct(self.resources),
            default_scopes: self.default_scopes.unwrap_or_else(|| self.scopes.clone()),
            scopes: self.scopes,
            ttl: self.ttl.unwrap_or(*TTL_SECS.end()),
            refresh: RefreshPolicy {
                rotation: self.refresh_rotation.unwrap_or(standard.rotation),
                window_secs: self.refresh_window.unwrap_or(standard.window_secs),
                idle_secs: self.refresh_idle.unwrap_or(standard.idle_secs),
                absolute_secs: self.refresh_absolute.unwrap_or(standard.absolute_secs),
            },
            trusted: self.trusted,
            disabled_at: None,
        };
        check(&client, local)?;
        Ok(client)
    }
}

fn or_first(named: Option<String>, resources: &[String]) -> String {
    named
        .or_else(|| resources.first().cloned())
        .unwrap_or_default()
}

/// Without repetitions, in the order given.
fn distinct<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    let mut kept = Vec::with_capacity(values.len());
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}
