//! Who asks, and whom a record names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sessionmint_oauth::{ClientSubject, UserId};

use crate::GroupName;
use crate::text::InvalidText;

const SUBJECT: &str = "it is the id of a user (`usr_` and 22 characters) or a client's subject (`cli_` and 22 characters)";
const GRANTEE: &str =
    "it is the id of a user (`usr_…`), a client's subject (`cli_…`) or a group (`group:NAME`)";

/// The `sub` of a token: a user, or a client that acts for itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    /// A user.
    User(UserId),
    /// A client.
    Client(ClientSubject),
}

/// Whom a record gives a role. The order is that in which records are tried.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Grantee {
    /// A user or client, written as the id.
    Subject(Subject),
    /// All members of a group, written as `group:NAME`.
    Group(GroupName),
}

impl Subject {
    /// `usr_…` or `cli_…`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::User(id) => id.as_str(),
            Self::Client(subject) => subject.as_str(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Subject {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        if let Ok(id) = text.parse() {
            return Ok(Self::User(id));
        }
        match text.parse() {
            Ok(subject) => Ok(Self::Client(subject)),
            Err(_) => Err(InvalidText::new(text, "subject", SUBJECT)),
        }
    }
}

impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject(subject) => subject.fmt(f),
            Self::Group(name) => write!(f, "group:{name}"),
        }
    }
}

impl FromStr for Grantee {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        match text.strip_prefix("group:") {
            Some(name) => name.parse().map(Self::Group),
            None => match text.parse() {
                Ok(subject) => Ok(Self::Subject(subject)),
                Err(_) => Err(InvalidText::new(text, "subject of a record", GRANTEE)),
            },
        }
    }
}

macro_rules! as_text {
    ($($name:ident)+) => {$(
        impl TryFrom<String> for $name {
            type Error = InvalidText;

            fn try_from(text: String) -> Result<Self, InvalidText> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.to_string()
            }
        }
    )+};
}

as_text! { Subject Grantee }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c134_a_user_a_client_and_a_group_are_told_apart_by_their_text() {
        let user = UserId::from_random([1; 16]);
        let client = ClientSubject::from_random([1; 16]);
        assert_eq!(user.as_str().parse(), Ok(Subject::User(user.clone())));
        assert_eq!(client.as_str().parse(), Ok(Subject::Client(client.clone())));
        assert_eq!(
            "group:ops".parse(),
            Ok(Grantee::Group("ops".parse().unwrap()))
        );
        let random = user.as_str().trim_start_matches("usr_");
        for wrong in [
            "",
            "ops",
            "usr_",
            "ses_AAAAAAAAAAAAAAAAAAAAAA",
            "group:",
            "group:a b",
            "Group:ops",
            "web",
            random,
            &format!("group:{user}"),
            &format!("{user} "),
            &format!("USR_{random}"),
        ] {
            assert!(wrong.parse::<Grantee>().is_err(), "{wrong}");
            assert!(wrong.parse::<Subject>().is_err(), "{wrong}");
        }
        assert!("group:ops".parse::<Subject>().is_err());
    }
}
