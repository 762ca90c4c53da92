//! Throttling in front of any [`Authenticator`].

use async_trait::async_trait;
use sessionmint_oauth::Timestamp;

use super::throttle::{RetryAfterSecs, Throttle};
use super::{AuthenticateError, Authenticated, Authenticator, Credentials};
use crate::config::ThrottleConfig;

/// Asks `A` only as often as the [`Throttle`] lets an attempt pass, so that a refused one costs next to nothing.
pub struct Throttled<A> {
    inner: A,
    throttle: Throttle,
}

impl<A> Throttled<A> {
    /// Puts a throttle in front of `inner`.
    pub fn new(inner: A, config: &ThrottleConfig) -> Self {
        Self {
            inner,
            throttle: Throttle::new(config),
        }
    }

    /// What is behind the throttle.
    pub fn inner(&self) -> &A {
        &self.inner
    }
}

#[async_trait]
impl<A: Authenticator> Authenticator for Throttled<A> {
    async fn authenticate(
        &self,
        attempt: Credentials<'_>,
        now: Timestamp,
    ) -> Result<Authenticated, AuthenticateError> {
        let charged = self
            .throttle
            .begin(attempt.username, attempt.network, now)
            .map_err(|RetryAfterSecs(secs)| AuthenticateError::Throttled {
                retry_after_secs: secs,
            })?;
        // Dropped on the way, by a caller that hung up, the attempt stays charged.
        let result = self.inner.authenticate(attempt, now).await;
        match &result {
            Ok(_) => self.throttle.succeeded(&charged),
            Err(AuthenticateError::Rejected) => {}
            Err(
                AuthenticateError::Throttled { .. }
                | AuthenticateError::Busy { .. }
                | AuthenticateError::Unavailable,
            ) => self.throttle.not_checked(&charged),
        }
        result
    }
}
