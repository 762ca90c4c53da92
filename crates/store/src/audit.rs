//! The audit trail: what was done to users, sessions, clients, roles and keys, by whom and when, and what was refused.
//!
//! A command that changes something is told [`By`] whom, and the engine writes its records in the transaction of the
//! change: they are there if and only if the change is. What every kind means is in `crates/iam/AUDIT.md`.

use std::net::IpAddr;
use std::str::FromStr;

use serde_json::{Map, Value};
use sessionmint_oauth::{ClientId, SessionId, Timestamp, UserId};

/// Who asks for a change, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// When; also the time of what the command stores.
    pub at: Timestamp,
    /// Who. `None` is the user whom the record is about, where nothing but their session's cookie is known.
    pub actor: Option<Actor>,
    /// The client that the request came through.
    pub client_id: Option<ClientId>,
    /// The address that the request came from.
    pub network: Option<IpAddr>,
}

impl By {
    fn new(actor: Option<Actor>, at: Timestamp) -> Self {
        Self {
            at,
            actor,
            client_id: None,
            network: None,
        }
    }

    /// The service of itself.
    pub fn service(at: Timestamp) -> Self {
        Self::new(Some(Actor::Service), at)
    }

    /// The person at the command line, by the name that the operating system has for them.
    pub fn operator(name: impl Into<String>, at: Timestamp) -> Self {
        Self::new(Some(Actor::Operator(name.into())), at)
    }

    /// A user who proved who they are.
    pub fn user(id: UserId, at: Timestamp) -> Self {
        Self::new(Some(Actor::User(id)), at)
    }

    /// A client that proved who it is, or named itself if it is a public one.
    pub fn client(id: ClientId, at: Timestamp) -> Self {
        Self::new(Some(Actor::Client(id)), at)
    }

    /// The user whom the record is about.
    pub fn owner(at: Timestamp) -> Self {
        Self::new(None, at)
    }

    /// Somebody who did not prove who they are.
    pub fn nobody(at: Timestamp) -> Self {
        Self::new(Some(Actor::Nobody), at)
    }

    /// Through this client.
    #[must_use]
    pub fn through(self, client: ClientId) -> Self {
        Self {
            client_id: Some(client),
            ..self
        }
    }

    /// From this address.
    #[must_use]
    pub fn from(self, network: IpAddr) -> Self {
        Self {
            network: Some(network),
            ..self
        }
    }
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A user.
    User(UserId),
    /// A client of the standard grants.
    Client(ClientId),
    /// Somebody at the command line.
    Operator(String),
    /// The service, by the clock.
    Service,
    /// Somebody who did not prove who they are.
    Nobody,
}

impl Actor {
    /// `user`, `client`, `operator`, `service` or `nobody`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Client(_) => "client",
            Self::Operator(_) => "operator",
            Self::Service => "service",
            Self::Nobody => "nobody",
        }
    }

    /// The id of the user or client, or the name of the operator.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::User(id) => Some(id.as_str()),
            Self::Client(id) => Some(id.as_str()),
            Self::Operator(name) => Some(name),
            Self::Service | Self::Nobody => None,
        }
    }
}

/// The text is none of the words that this release knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not {wanted}")]
pub struct UnknownWord {
    found: String,
    wanted: &'static str,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $wanted:literal { $($(#[$word_doc:meta])* $variant:ident = $word:literal)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$word_doc])* $variant,)+
        }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word in the database, in JSON and in metrics.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { found: word.chars().take(64).collect(), wanted: $wanted }),
                }
            }
        }
    };
}

words! {
    /// What happened.
    AuditKind, "a kind of audit record" {
        /// Somebody signed in, and a session began.
        SignInSucceeded = "sign-in.succeeded"
        /// Somebody was not signed in.
        SignInFailed = "sign-in.failed"
        /// A session ended.
        SessionEnded = "session.ended"
        /// A user has another password.
        PasswordChanged = "password.changed"
        /// A user's own change of password was refused.
        PasswordChangeFailed = "password.change-failed"
        /// The hash of a password was computed anew at a sign-in; the password is the same.
        PasswordHashRenewed = "password.hash-renewed"
        /// A user was added.
        UserAdded = "user.added"
        /// A user may not sign in any more.
        UserDisabled = "user.disabled"
        /// A user may sign in again.
        UserEnabled = "user.enabled"
        /// A user may be granted something else.
        UserScopesChanged = "user.scopes-changed"
        /// A user is gone.
        UserRemoved = "user.removed"
        /// A client was added.
        ClientAdded = "client.added"
        /// A client was changed.
        ClientChanged = "client.changed"
        /// A client is gone.
        ClientRemoved = "client.removed"
        /// A user granted a client something.
        GrantStarted = "grant.started"
        /// A grant of a user to a client is over before its time.
        GrantEnded = "grant.ended"
        /// A client gets no tokens any more.
        ClientDisabled = "client.disabled"
        /// A client gets tokens again.
        ClientEnabled = "client.enabled"
        /// A client has a secret more.
        ClientSecretAdded = "client.secret-added"
        /// A client has a secret less.
        ClientSecretRemoved = "client.secret-removed"
        /// A request did not prove that it comes from the client that it names.
        ClientRefused = "client.refused"
        /// A role was added.
        RoleAdded = "role.added"
        /// A role has other permissions.
        RoleChanged = "role.changed"
        /// A role is gone.
        RoleRemoved = "role.removed"
        /// A group was added.
        GroupAdded = "group.added"
        /// Somebody came into a group.
        GroupMemberAdded = "group.member-added"
        /// Somebody left a group.
        GroupMemberRemoved = "group.member-removed"
        /// A group is gone.
        GroupRemoved = "group.removed"
        /// Somebody was given a role on resources.
        RecordAdded = "record.added"
        /// Somebody has a role on resources no more.
        RecordRemoved = "record.removed"
        /// A permission was asked for, and denied.
        AccessDenied = "access.denied"
        /// A client got a token to act on behalf of a user.
        TokenExchanged = "token.exchanged"
        /// An access token counts for nothing before its time.
        TokenRevoked = "token.revoked"
        /// A signing key was added.
        KeyAdded = "key.added"
        /// A signing key was encrypted that was not before, or with another key than before.
        KeyEncrypted = "key.encrypted"
        /// A signing key is gone.
        KeyRemoved = "key.removed"
        /// A user agreed to what a client asks for.
        ConsentGiven = "consent.given"
        /// A user was asked by a client and did not agree.
        ConsentDenied = "consent.denied"
        /// What a user agreed to counts no more.
        ConsentWithdrawn = "consent.withdrawn"
        /// A request came from where no page may call.
        OriginRefused = "origin.refused"
        /// A request carried the session cookie twice, which counts as none.
        CookieRefused = "cookie.refused"
        /// The database was replaced by a backup.
        DatabaseRestored = "database.restored"
    }
}

words! {
    /// Why it happened, where a kind has several causes.
    AuditReason, "a reason of an audit record" {
        /// The session's user signed out.
        SignOut = "sign-out"
        /// Somebody signed in again in the same browser.
        Replaced = "replaced"
        /// The user began more sessions than one may have.
        Evicted = "evicted"
        /// The actor ended this session, or all of the user; or took this record away.
        Requested = "requested"
        /// The user's password was changed.
        PasswordChanged = "password-changed"
        /// The user was disabled.
        UserDisabled = "user-disabled"
        /// The user was removed.
        UserRemoved = "user-removed"
        /// The role was removed.
        RoleRemoved = "role-removed"
        /// The group was removed.
        GroupRemoved = "group-removed"
        /// There was no user input for too long.
        Idle = "idle"
        /// It reached its absolute end.
        AbsoluteEnd = "absolute-end"
        /// The database was replaced by a backup.
        Restored = "restored"
        /// Unknown name, wrong password, or a user who may not sign in.
        Rejected = "rejected"
        /// The client is disabled.
        Disabled = "disabled"
        /// There were too many attempts before.
        Throttled = "throttled"
        /// The request has no origin.
        NoOrigin = "no-origin"
        /// The origin is no client's.
        NotRegistered = "not-registered"
        /// The origin is the service's own.
        OwnOrigin = "own-origin"
        /// It is a client's origin, but no script's fetch from the same site.
        NotFetch = "not-fetch"
        /// The session that the grant hung on ended.
        SessionEnded = "session-ended"
        /// The client gave the grant back.
        GivenBack = "given-back"
        /// The client was removed or disabled.
        ClientGone = "client-gone"
        /// What its user had agreed to was withdrawn.
        ConsentWithdrawn = "consent-withdrawn"
        /// The code that the grant began with was redeemed again.
        CodeReplayed = "code-replayed"
        /// A replaced refresh token was used, soon after the window.
        Late = "late"
        /// A replaced refresh token was used long after the window, and nobody had used its successor.
        LostResponse = "lost-response"
        /// A replaced refresh token was used though its successor was in use.
        Theft = "theft"
        /// The timetable is done with the key.
        Retired = "retired"
        /// An emergency rotation took the key away.
        Withdrawn = "withdrawn"
    }
}

/// What a kind has beside the common fields, by name.
pub type AuditDetails = Map<String, Value>;

/// What is to be recorded, apart from who did it and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAuditRecord {
    /// See [`AuditRecord::kind`].
    pub kind: AuditKind,
    /// See [`AuditRecord::reason`].
    pub reason: Option<AuditReason>,
    /// See [`AuditRecord::user_id`].
    pub user_id: Option<UserId>,
    /// See [`AuditRecord::session_id`].
    pub session_id: Option<SessionId>,
    /// The client that the record is about; where it is about none, the record names the one that the request came through.
    pub client_id: Option<ClientId>,
    /// See [`AuditRecord::key_id`].
    pub key_id: Option<String>,
    /// See [`AuditRecord::attempts`].
    pub attempts: Option<u32>,
    /// See [`AuditRecord::details`].
    pub details: AuditDetails,
}

impl NewAuditRecord {
    /// Of this kind, about nothing yet.
    pub fn new(kind: AuditKind) -> Self {
        Self {
            kind,
            reason: None,
            user_id: None,
            session_id: None,
            client_id: None,
            key_id: None,
            attempts: None,
            details: AuditDetails::new(),
        }
    }

    /// For this reason.
    #[must_use]
    pub fn because(self, reason: AuditReason) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }

    /// About this user.
    #[must_use]
    pub fn user(self, id: &UserId) -> Self {
        Self {
            user_id: Some(id.clone()),
            ..self
        }
    }

    /// About this session.
    #[must_use]
    pub fn session(self, id: &SessionId) -> Self {
        Self {
            session_id: Some(id.clone()),
            ..self
        }
    }

    /// About this client.
    #[must_use]
    pub fn client(self, id: &ClientId) -> Self {
        Self {
            client_id: Some(id.clone()),
            ..self
        }
    }

    /// About this signing key.
    #[must_use]
    pub fn key(self, kid: &str) -> Self {
        Self {
            key_id: Some(kid.to_owned()),
            ..self
        }
    }

    /// With this detail.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

/// Something that was refused, so often within a short time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who tried it first, when, and from where.
    pub by: By,
    /// What was refused, with [`NewAuditRecord::attempts`] set.
    pub record: NewAuditRecord,
}

/// A record as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number; no two records that are kept have the same.
    pub id: i64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: AuditKind,
    /// Why, where the kind has several causes.
    pub reason: Option<AuditReason>,
    /// Who did it.
    pub actor: Actor,
    /// The user whom it is about.
    pub user_id: Option<UserId>,
    /// The session that it is about.
    pub session_id: Option<SessionId>,
    /// The client that it is about, or else that the request came through.
    pub client_id: Option<ClientId>,
    /// The `kid` of the signing key that it is about.
    pub key_id: Option<String>,
    /// The address that the request came from.
    pub network: Option<IpAddr>,
    /// How many attempts alike it stands for; `None` where the record is of a change and not of a refusal.
    pub attempts: Option<u32>,
    /// What the kind has beside these.
    pub details: AuditDetails,
}

impl AuditRecord {
    /// The place behind this record, for the next page.
    pub fn cursor(&self) -> AuditCursor {
        AuditCursor {
            at: self.at,
            id: self.id,
        }
    }
}

/// A place in the order of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditCursor {
    /// [`AuditRecord::at`] of the record before it.
    pub at: Timestamp,
    /// [`AuditRecord::id`] of the record before it.
    pub id: i64,
}

/// Which records are wanted; what is empty does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
    /// About this user.
    pub user_id: Option<UserId>,
    /// Of one of these kinds.
    pub kinds: Vec<AuditKind>,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_word_is_read_back_and_no_two_are_the_same() {
        let mut words = HashSet::new();
        for kind in AuditKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
            assert!(words.insert(kind.as_str()));
        }
        words.clear();
        for reason in AuditReason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
            assert!(words.insert(reason.as_str()));
        }
        let unknown = "sign-in".parse::<AuditKind>().unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "`sign-in` is not a kind of audit record"
        );
    }
}
