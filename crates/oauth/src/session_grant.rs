//! The session grant: whether a request with a session cookie gets an access token, and which.
//!
//! [`SessionGrantRequest::from_form`] reads the parameters, [`SessionGrantRequest::authorize`] holds them against the
//! client (both need no session, so they say nothing about one), and [`Authorized::decide`] holds the result against the
//! session's row at one point in time. The grant rotates nothing: equal requests get equal answers.

use std::ops::RangeInclusive;

use crate::error::ErrorCode;
use crate::form::Form;
use crate::lifetime::{MIN_REMAINING_SECS, SessionPolicy, SessionTimes};
use crate::{BrowserClient, Scope, Timestamp};

/// The `grant_type` of this grant.
pub const GRANT_TYPE: &str = "session";

/// The same in the form that RFC 6749 §4.5 asks of grants that are not its own.
pub const GRANT_TYPE_URN: &str = "urn:sessionmint:params:oauth:grant-type:session";

/// Lifetimes of a browser's access token in seconds: shorter ones are over before they arrive, longer ones outlive a
/// sign-out by too much.
pub const TTL_SECS: RangeInclusive<u64> = MIN_REMAINING_SECS..=300;

/// The parameters of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionGrantRequest {
    /// The audience that is asked for (RFC 8707).
    pub resource: Option<String>,
    /// The scope that is asked for.
    pub scope: Option<Scope>,
    /// Who the client says it is.
    pub client_id: Option<String>,
    /// Seconds since the last user input, as the client claims; `None` means no activity.
    pub idle_for: Option<u64>,
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `idle_for` is no whole number of seconds.
    #[error("idle_for is the number of whole seconds since the last user input")]
    InvalidIdleFor,
    /// `scope` is malformed.
    #[error("scope is words of printable ASCII separated by single spaces")]
    MalformedScope,
    /// `scope` has a word that the client may not ask for.
    #[error("the client may not ask for this scope")]
    ScopeBeyondClient,
    /// `resource` is none of the client's.
    #[error("the client may not ask for this resource")]
    ResourceBeyondClient,
    /// `client_id` names another client than the one the origin belongs to.
    #[error("client_id is not the client of this origin")]
    ClientMismatch,
    /// There is no session, or it is over, or it ends too soon for a token.
    #[error("there is no live session")]
    LoginRequired,
}

impl Refusal {
    /// The `error` member of the answer.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::InvalidIdleFor => ErrorCode::InvalidRequest,
            Self::MalformedScope | Self::ScopeBeyondClient => ErrorCode::InvalidScope,
            Self::ResourceBeyondClient => ErrorCode::InvalidTarget,
            Self::ClientMismatch => ErrorCode::UnauthorizedClient,
            Self::LoginRequired => ErrorCode::LoginRequired,
        }
    }
}

/// What a session's row says.
#[derive(Clone, Copy, Debug)]
pub struct SessionRow<'a> {
    /// Its times.
    pub times: SessionTimes,
    /// What its user may be granted; `None` is everything that the client may ask for.
    pub user_scopes: Option<&'a Scope>,
}

/// A request that the client is allowed to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorized {
    audience: String,
    scope: Scope,
    ttl: u64,
    idle_for: Option<u64>,
}

/// The token to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mint {
    /// `aud`.
    pub audience: String,
    /// `scope`: what was asked for, as far as the user has it.
    pub scope: Scope,
    /// `iat`, seconds since the epoch.
    pub issued_at: i64,
    /// `exp`, seconds since the epoch.
    pub expires_at: i64,
    /// Seconds from `iat` to `exp`.
    pub expires_in: u64,
    /// Seconds to the absolute end of the session.
    pub session_expires_in: u64,
    /// The user's last input, where it is to be stored before the token is handed out.
    pub touch: Option<Timestamp>,
}

impl SessionGrantRequest {
    /// Reads the parameters; others are ignored.
    pub fn from_form(form: &Form<'_>) -> Result<Self, Refusal> {
        let scope = form
            .get("scope")
            .map(str::parse)
            .transpose()
            .map_err(|_| Refusal::MalformedScope)?;
        Ok(Self {
            resource: form.get("resource").map(str::to_owned),
            scope,
            client_id: form.get("client_id").map(str::to_owned),
            idle_for: form.get("idle_for").map(parse_seconds).transpose()?,
        })
    }

    /// Holds the request against the client that the origin belongs to.
    pub fn authorize(self, client: &BrowserClient) -> Result<Authorized, Refusal> {
        if self
            .client_id
            .is_some_and(|id| id != client.client_id.as_str())
        {
            return Err(Refusal::ClientMismatch);
        }
        let audience = match self.resource {
            None => client.default_resource.clone(),
            Some(resource) if client.resources.contains(&resource) => resource,
            Some(_) => return Err(Refusal::ResourceBeyondClient),
        };
        let scope = match self.scope {
            None => client.default_scopes.clone(),
            Some(scope) if scope.is_subset(&client.scopes) => scope,
            Some(_) => return Err(Refusal::ScopeBeyondClient),
        };
        let ttl = client.ttl.clamp(*TTL_SECS.start(), *TTL_SECS.end());
        Ok(Authorized {
            audience,
            scope,
            ttl,
            idle_for: self.idle_for,
        })
    }
}

impl Authorized {
    /// Decides at `now`, which the caller read before it read the row: so a token never has an `iat` after a sign-out
    /// that was acknowledged. Idle expiry is decided on the stored activity alone; what the client claims comes after.
    pub fn decide(
        self,
        row: Option<SessionRow<'_>>,
        policy: SessionPolicy,
        now: Timestamp,
    ) -> Result<Mint, Refusal> {
        let row = row.ok_or(Refusal::LoginRequired)?;
        let session_expires_in = row
            .times
            .remaining_secs(policy, now)
            .ok_or(Refusal::LoginRequired)?;
        let expires_in = self.ttl.min(session_expires_in);
        Ok(Mint {
            scope: match row.user_scopes {
                Some(allowed) => self.scope.intersection(allowed),
                None => self.scope,
            },
            audience: self.audience,
            issued_at: now.secs(),
            expires_at: now.plus_secs(expires_in).secs(),
            expires_in,
            session_expires_in,
            touch: self
                .idle_for
                .and_then(|idle_for| row.times.activity_to_store(idle_for, policy, now)),
        })
    }
}

/// Digits only: no sign, no fraction. More than fits is an age beyond every timeout.
fn parse_seconds(value: &str) -> Result<u64, Refusal> {
    if value.bytes().all(|b| b.is_ascii_digit()) && !value.is_empty() {
        Ok(value.parse().unwrap_or(u64::MAX))
    } else {
        Err(Refusal::InvalidIdleFor)
    }
}

#[cfg(test)]
mod tests;
