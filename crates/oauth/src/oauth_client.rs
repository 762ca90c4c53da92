//! Clients of the standard grants: server-side and native apps, and services that act for themselves.
//!
//! A browser app is not one of them ([`BrowserClient`](crate::BrowserClient)): it has the session grant and no other, and can
//! never get a refresh token. The two kinds share one space of ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ClientId, ClientSubject, Scope, Timestamp};

/// A registered client. Its secrets, of which only hashes are stored, are kept apart from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuthClient {
    /// The operator's name for it, the `client_id` of requests and claims.
    pub client_id: ClientId,
    /// The `sub` of tokens that it gets for itself, never reused.
    pub subject: ClientSubject,
    /// What people read on the consent page.
    pub name: String,
    /// How it proves who it is, the only way that is accepted.
    pub authentication: ClientAuthentication,
    /// Its public keys, for `private_key_jwt`.
    pub keys: Option<ClientKeys>,
    /// What it may ask for.
    pub grants: Vec<GrantType>,
    /// Where a user may be sent back to, compared byte for byte but for the port of a loopback address of a public client.
    pub redirect_uris: Vec<String>,
    /// Where a user may be sent to after a sign-out that it asked for.
    pub post_logout_redirect_uris: Vec<String>,
    /// The audience when the request names no `resource`.
    pub default_resource: String,
    /// Every audience it may ask for, the default among them.
    pub resources: Vec<String>,
    /// Every scope it may ask for.
    pub scopes: Scope,
    /// The scope when the request names none; a subset of `scopes`.
    pub default_scopes: Scope,
    /// Lifetime of its access tokens in seconds.
    pub ttl: u64,
    /// How its refresh tokens live.
    pub refresh: RefreshPolicy,
    /// Whether users are not asked for their consent: for the operator's own apps.
    pub trusted: bool,
    /// Set while every grant is refused.
    pub disabled_at: Option<Timestamp>,
}

impl OAuthClient {
    /// Whether it may use this grant, as far as its registration goes.
    pub fn may(&self, grant: GrantType) -> bool {
        self.disabled_at.is_none() && self.grants.contains(&grant)
    }

    /// Whether it has no way to prove who it is (RFC 6749 §2.1).
    pub fn is_public(&self) -> bool {
        self.authentication == ClientAuthentication::None
    }
}

/// The public keys of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKeys {
    /// A JWK set, registered by value: its JSON text.
    Jwks(String),
    /// The https address of a JWK set.
    JwksUri(String),
}

/// How refresh tokens of a client live. All times are seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshPolicy {
    /// Whether a use replaces the token.
    pub rotation: Rotation,
    /// How long after a rotation the replaced token is answered with the same successor, 0 to 60.
    pub window_secs: u64,
    /// Unused for this long, it is over.
    pub idle_secs: u64,
    /// Over in any case, counted from the sign-in.
    pub absolute_secs: u64,
}

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self {
            rotation: Rotation::Rotate,
            window_secs: 10,
            idle_secs: 14 * 86_400,
            absolute_secs: 90 * 86_400,
        }
    }
}

/// The text is none of the words that are allowed there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not {wanted}")]
pub struct UnknownName {
    found: String,
    wanted: &'static str,
}

macro_rules! names {
    ($(#[$doc:meta])* $name:ident, $wanted:literal { $($(#[$name_doc:meta])* $variant:ident = $text:literal)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum $name {
            $($(#[$name_doc])* $variant,)+
        }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As it appears on the wire and in the command line.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(UnknownName { found: text.chars().take(64).collect(), wanted: $wanted }),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = UnknownName;

            fn try_from(text: String) -> Result<Self, UnknownName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names! {
    /// A grant of the token endpoint that a client can be registered for.
    GrantType, "a grant (authorization_code, refresh_token, client_credentials, urn:ietf:params:oauth:grant-type:token-exchange)" {
        /// RFC 6749 §4.1, with PKCE.
        AuthorizationCode = "authorization_code"
        /// RFC 6749 §6.
        RefreshToken = "refresh_token"
        /// RFC 6749 §4.4.
        ClientCredentials = "client_credentials"
        /// RFC 8693.
        TokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
    }
}

names! {
    /// How a client proves who it is at the token endpoint.
    ClientAuthentication, "a way to authenticate (none, client_secret_basic, client_secret_post, private_key_jwt)" {
        /// Not at all: a public client.
        None = "none"
        /// RFC 6749 §2.3.1, in the `Authorization` header.
        ClientSecretBasic = "client_secret_basic"
        /// RFC 6749 §2.3.1, in the body.
        ClientSecretPost = "client_secret_post"
        /// RFC 7523 §2.2.
        PrivateKeyJwt = "private_key_jwt"
    }
}

names! {
    /// Whether using a refresh token replaces it.
    Rotation, "a rotation (none, rotate, rotate_near_expiry)" {
        /// Never: for clients that prove who they are.
        None = "none"
        /// At every use outside of the window.
        Rotate = "rotate"
        /// At a use in the last third of the idle lifetime.
        RotateNearExpiry = "rotate_near_expiry"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for grant in GrantType::ALL {
            assert_eq!(grant.as_str().parse(), Ok(*grant));
        }
        for way in ClientAuthentication::ALL {
            assert_eq!(way.as_str().parse(), Ok(*way));
        }
        for rotation in Rotation::ALL {
            assert_eq!(rotation.as_str().parse(), Ok(*rotation));
        }
        assert_eq!(
            "password".parse::<Rotation>().unwrap_err().to_string(),
            "`password` is not a rotation (none, rotate, rotate_near_expiry)"
        );
    }
}
