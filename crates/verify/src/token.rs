//! What a route sees of a good token.

use std::fmt;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use sessionmint_oauth::{AccessTokenClaims, Scope, TokenRefusal};

use crate::respond;
use crate::verifier::Verifier;

/// For whom a token speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject<'a> {
    /// A person, by the user id (`usr_…`).
    User(&'a str),
    /// A client that acts for itself (`cli_…`). It is nobody's user: do not look it up among them.
    Client(&'a str),
}

impl<'a> Subject<'a> {
    fn of(sub: &'a str) -> Option<Self> {
        let named = |prefix: &str| {
            sub.strip_prefix(prefix)
                .is_some_and(|rest| !rest.is_empty())
        };
        if named("usr_") {
            Some(Self::User(sub))
        } else if named("cli_") {
            Some(Self::Client(sub))
        } else {
            None
        }
    }

    /// The whole `sub`, prefix included.
    pub const fn as_str(&self) -> &'a str {
        match self {
            Self::User(id) | Self::Client(id) => id,
        }
    }

    /// The user id, where it is a user.
    pub const fn user(&self) -> Option<&'a str> {
        match self {
            Self::User(id) => Some(id),
            Self::Client(_) => None,
        }
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A good access token: its claims, never its text. Cheap to clone. An axum extractor on routes inside
/// [`Verifier::require`].
#[derive(Clone, Debug)]
pub struct AccessToken {
    claims: Arc<AccessTokenClaims>,
    verifier: Verifier,
}

impl AccessToken {
    /// A `sub` that is neither a user's nor a client's is refused here, so that [`AccessToken::subject`] always has an answer.
    pub(crate) fn new(
        claims: Arc<AccessTokenClaims>,
        verifier: &Verifier,
    ) -> Result<Self, TokenRefusal> {
        if Subject::of(&claims.sub).is_none() {
            return Err(TokenRefusal::BadClaim("sub"));
        }
        Ok(Self {
            claims,
            verifier: verifier.clone(),
        })
    }

    /// For whom it speaks.
    pub fn subject(&self) -> Subject<'_> {
        Subject::of(&self.claims.sub).unwrap_or(Subject::Client(&self.claims.sub))
    }

    /// What it allows.
    pub fn scope(&self) -> &Scope {
        &self.claims.scope
    }

    /// Everything in it.
    pub fn claims(&self) -> &AccessTokenClaims {
        &self.claims
    }

    pub(crate) fn is_from(&self, verifier: &Verifier) -> bool {
        self.verifier.is(verifier)
    }
}

impl<S: Sync> FromRequestParts<S> for AccessToken {
    type Rejection = NotProtected;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotProtected> {
        parts.extensions.get::<Self>().cloned().ok_or(NotProtected)
    }
}

/// The route asks for an [`AccessToken`], but is not inside [`Verifier::require`]: 500, never an open route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the route takes an access token but is not inside the verifier's layer")]
pub struct NotProtected;

impl IntoResponse for NotProtected {
    fn into_response(self) -> Response {
        tracing::error!("{self}");
        respond::problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the service is not set up correctly",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c134_users_and_clients_are_told_apart_by_prefix() {
        assert_eq!(Subject::of("usr_a"), Some(Subject::User("usr_a")));
        assert_eq!(Subject::of("cli_a"), Some(Subject::Client("cli_a")));
        assert_eq!(Subject::Client("cli_a").user(), None);
        for other in ["", "usr_", "cli_", "USR_a", "ses_a", "admin", " usr_a"] {
            assert_eq!(Subject::of(other), None, "{other:?}");
        }
    }
}
