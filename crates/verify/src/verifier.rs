//! The verifier itself: a token in, an [`AccessToken`] or a reason out.

use std::fmt;
use std::sync::Arc;

use sessionmint_oauth::{ExpectedClaims, Scope, Timestamp, TokenRefusal, UnverifiedToken};

use crate::builder::VerifierBuilder;
use crate::clock::Clock;
use crate::layer::Require;
use crate::refresh::{KeyStore, NoKey};
use crate::seen::{self, Seen, SeenTokens};
use crate::token::AccessToken;

/// Why a token was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The token is no good. For logs; tell the client only `invalid_token`.
    #[error(transparent)]
    Refused(#[from] TokenRefusal),
    /// Nothing can be said about the token, since there are no keys, or none young enough.
    #[error("the issuer's keys are not available, try again in {retry_after_secs} seconds")]
    KeysUnavailable {
        /// For `Retry-After`.
        retry_after_secs: u64,
    },
}

/// Checks access tokens of one issuer. Cheap to clone; the clones share keys and background task, and the task ends
/// with the last of them.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    keys: KeyStore,
    expected: ExpectedClaims,
    clock: Arc<dyn Clock>,
    seen: SeenTokens,
}

impl Inner {
    /// Whether a token that was good at `seen.at` still is. A clock that was set back since could be before its `nbf`.
    fn still_good(&self, seen: &Seen, now: Timestamp) -> bool {
        now >= seen.at
            && !self.expected.has_expired(seen.claims.exp, now)
            && self.keys.still_holds(&seen.key)
    }
}

impl Verifier {
    /// For tokens of `issuer` (the exact `iss`, e.g. `https://api.example.com/iam`) that are meant for `audience` (the
    /// exact `aud`, e.g. `https://api.example.com`).
    pub fn builder(issuer: impl Into<String>, audience: impl Into<String>) -> VerifierBuilder {
        VerifierBuilder::new(issuer.into(), audience.into())
    }

    pub(crate) fn new(
        keys: KeyStore,
        expected: ExpectedClaims,
        clock: Arc<dyn Clock>,
        remembered: usize,
    ) -> Self {
        Self(Arc::new(Inner {
            keys,
            expected,
            clock,
            seen: SeenTokens::new(remembered),
        }))
    }

    /// A layer that lets only requests with a good token through that holds every one of these scopes, separated by
    /// spaces. Layers add up: a route inside two of them needs the scopes of both.
    ///
    /// # Panics
    /// When `scope` is not a scope (RFC 6749 §3.3), which is a mistake in the program.
    #[expect(
        clippy::panic,
        reason = "a mistake in the program that shows when the router is built, as axum's own do"
    )]
    pub fn require(&self, scope: &str) -> Require {
        match scope.parse::<Scope>() {
            Ok(scope) => Require::new(self.clone(), scope),
            Err(error) => panic!("`{scope}` is not a scope: {error}"),
        }
    }

    /// A layer that lets only requests with a good token through, whatever its scope.
    pub fn require_token(&self) -> Require {
        Require::new(self.clone(), Scope::default())
    }

    /// Checks a token that came by another way than `Authorization`, for example in the first message of a web socket.
    /// Waits only when its key is not known yet, and then for at most two seconds.
    ///
    /// # Errors
    /// When it is not a good token, or that cannot be told.
    pub async fn verify(&self, token: &str) -> Result<AccessToken, VerifyError> {
        let now = self.0.clock.now();
        let hash = seen::hash(token);
        if let Some(seen) = self.0.seen.get(&hash)
            && self.0.still_good(&seen, now)
        {
            return Ok(AccessToken::new(seen.claims, self)?);
        }
        let parsed = UnverifiedToken::parse(token)?;
        let key = self
            .0
            .keys
            .key(parsed.kid())
            .await
            .map_err(|none| match none {
                NoKey::Unknown => VerifyError::Refused(TokenRefusal::UnknownKey),
                NoKey::Unavailable { retry_after_secs } => {
                    VerifyError::KeysUnavailable { retry_after_secs }
                }
            })?;
        // The key may have been waited for.
        let now = self.0.clock.now();
        let claims = Arc::new(key.check(parsed)?.check(&self.0.expected, now)?);
        let token = AccessToken::new(Arc::clone(&claims), self)?;
        let at = now;
        self.0.seen.put(hash, Seen { claims, key, at });
        Ok(token)
    }

    /// Whether both are the same verifier, not merely equal ones.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("expected", &self.0.expected)
            .finish_non_exhaustive()
    }
}
