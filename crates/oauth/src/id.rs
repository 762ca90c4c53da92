//! Identifiers. Public ones carry a prefix that says what they name, so that a user can never be taken for a client.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Why a string is not an identifier of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not {wanted}")]
pub struct InvalidId {
    value: String,
    wanted: &'static str,
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $wanted:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// From 128 random bits, which the caller takes from the operating system's generator.
            pub fn from_random(bytes: [u8; 16]) -> Self {
                Self(format!(concat!($prefix, "{}"), URL_SAFE_NO_PAD.encode(bytes)))
            }

            /// The identifier as it appears on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(value: &str) -> Result<Self, InvalidId> {
                let random = value.strip_prefix($prefix).and_then(|rest| URL_SAFE_NO_PAD.decode(rest).ok());
                match random {
                    Some(bytes) if bytes.len() == 16 => Ok(Self(value.to_owned())),
                    _ => Err(InvalidId { value: value.chars().take(64).collect(), wanted: $wanted }),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(value: String) -> Result<Self, InvalidId> {
                value.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

random_id!(
    /// A user: `usr_` and 22 base64url characters. The `sub` of a user's tokens; random, never reused.
    UserId, "usr_", "a user id (`usr_` and 22 base64url characters)"
);
random_id!(
    /// A session's public id: `ses_` and 22 base64url characters. The `sid` claim and the id in `/sessions/{id}`.
    /// Drawn on its own, so neither the cookie nor its hash can be derived from it.
    SessionId, "ses_", "a session id (`ses_` and 22 base64url characters)"
);
random_id!(
    /// A client that acts for itself: `cli_` and 22 base64url characters. The `sub` of its tokens; random, never reused, and
    /// never a user's (RFC 9700 §4.15).
    ClientSubject, "cli_", "a client's subject (`cli_` and 22 base64url characters)"
);
random_id!(
    /// A family of refresh tokens, what one user granted one client: `grt_` and 22 base64url characters.
    GrantId, "grt_", "a grant's id (`grt_` and 22 base64url characters)"
);
random_id!(
    /// A record that gives somebody a role: `rec_` and 22 base64url characters.
    RecordId, "rec_", "a record's id (`rec_` and 22 base64url characters)"
);

random_id!(
    /// A secret of a client, not the secret itself: `sec_` and 22 base64url characters. What operators name it by.
    SecretId, "sec_", "a secret's id (`sec_` and 22 base64url characters)"
);

/// A client must not be able to look like a user, a session or a grant where they meet (`sub`, logs).
const RESERVED: [&str; 4] = ["usr_", "ses_", "cli_", "grt_"];

/// A client's id as the operator named it: 1 to 64 characters of `a-z A-Z 0-9 . _ -`, starting with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

impl ClientId {
    /// The identifier as it appears on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = InvalidId;

    fn from_str(value: &str) -> Result<Self, InvalidId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let starts_well = value
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric());
        let reserved = RESERVED.iter().any(|prefix| value.starts_with(prefix));
        if starts_well && value.len() <= 64 && value.bytes().all(allowed) && !reserved {
            Ok(Self(value.to_owned()))
        } else {
            Err(InvalidId {
                value: value.chars().take(64).collect(),
                wanted: "a client id (1 to 64 of `a-z A-Z 0-9 . _ -`, starting with a letter or digit, not `usr_…`, `ses_…`, `cli_…` or `grt_…`)",
            })
        }
    }
}

impl TryFrom<String> for ClientId {
    type Error = InvalidId;

    fn try_from(value: String) -> Result<Self, InvalidId> {
        value.parse()
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> String {
        id.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 of the session cookie's value: all that is ever stored of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKeyHash(pub [u8; 32]);

impl GrantId {
    /// The random bits that it was made from.
    pub fn to_bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        // Both ways to an id saw to it that 16 bytes are there.
        let text = self.0.strip_prefix("grt_").unwrap_or_default();
        let _ = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes);
        bytes
    }
}

/// SHA-256 of a refresh token: all that is ever stored of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefreshTokenHash(pub [u8; 32]);

impl fmt::Debug for RefreshTokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshTokenHash(…)")
    }
}

impl fmt::Debug for SessionKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKeyHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_id_is_never_a_sessions_or_a_clients() {
        let user = UserId::from_random([7; 16]);
        assert_eq!(user.as_str().parse::<UserId>(), Ok(user.clone()));
        assert!(user.as_str().parse::<SessionId>().is_err());
        assert!(user.as_str().parse::<ClientId>().is_err());
        assert!(user.as_str().parse::<ClientSubject>().is_err());
        let client = ClientSubject::from_random([7; 16]);
        assert!(client.as_str().parse::<UserId>().is_err());
        assert!(client.as_str().parse::<ClientId>().is_err());
    }

    #[test]
    fn an_invalid_id_is_named_with_what_would_be_right() {
        let error = "usr_short".parse::<UserId>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`usr_short` is not a user id (`usr_` and 22 base64url characters)"
        );
        assert!("".parse::<ClientId>().is_err());
        assert!("a b".parse::<ClientId>().is_err());
    }

    #[test]
    fn a_grants_bytes_are_those_it_was_made_from() {
        let prefix_again = *b"\x82\xbb\x7f\x82\xbb\x7f\x82\xbb\x7f\x82\xbb\x7f\x82\xbb\x7f\x82";
        for bytes in [[0; 16], [255; 16], prefix_again] {
            let id = GrantId::from_random(bytes);
            assert_eq!(id.to_bytes(), bytes);
            assert_eq!(id.as_str().parse::<GrantId>().unwrap().to_bytes(), bytes);
        }
    }

    #[test]
    fn the_hash_does_not_print_itself() {
        assert_eq!(
            format!("{:?}", RefreshTokenHash([1; 32])),
            "RefreshTokenHash(…)"
        );
        assert_eq!(
            format!("{:?}", SessionKeyHash([1; 32])),
            "SessionKeyHash(…)"
        );
    }
}
