//! Throttling in front of any [`Authenticator`].

use std::net::IpAddr;

use async_trait::async_trait;
use secrecy::SecretString;
use sessionmint_oauth::Timestamp;

use super::throttle::{Attempt, RetryAfterSecs, Throttle};
use super::{
    AuthenticateError, Authenticated, Authenticator, Credentials, Load, NewPasswordError,
    PasswordChange, PasswordChangeError,
};
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

    fn begin(
        &self,
        username: &str,
        network: IpAddr,
        now: Timestamp,
    ) -> Result<Attempt, AuthenticateError> {
        self.throttle
            .begin(username, network, now)
            .map_err(|RetryAfterSecs(secs)| AuthenticateError::Throttled {
                retry_after_secs: secs,
            })
    }

    fn settle(&self, charged: &Attempt, error: Option<&AuthenticateError>) {
        match error {
            None => self.throttle.succeeded(charged),
            Some(AuthenticateError::Rejected) => {}
            Some(
                AuthenticateError::Throttled { .. }
                | AuthenticateError::Busy { .. }
                | AuthenticateError::Unavailable,
            ) => self.throttle.not_checked(charged),
        }
    }
}

#[async_trait]
impl<A: Authenticator> Authenticator for Throttled<A> {
    async fn authenticate(
        &self,
        attempt: Credentials<'_>,
        now: Timestamp,
    ) -> Result<Authenticated, AuthenticateError> {
        let charged = self.begin(attempt.username, attempt.network, now)?;
        // Dropped on the way, by a caller that hung up, the attempt stays charged.
        let result = self.inner.authenticate(attempt, now).await;
        self.settle(&charged, result.as_ref().err());
        result
    }

    async fn change_password(
        &self,
        change: PasswordChange<'_>,
        now: Timestamp,
    ) -> Result<u32, PasswordChangeError> {
        let Credentials {
            username, network, ..
        } = change.credentials;
        let charged = self.begin(username, network, now)?;
        let result = self.inner.change_password(change, now).await;
        match &result {
            Ok(_) => self.settle(&charged, None),
            Err(PasswordChangeError::Current(error)) => self.settle(&charged, Some(error)),
            Err(PasswordChangeError::SessionOver | PasswordChangeError::KeptElsewhere) => {
                self.throttle.not_checked(&charged);
            }
        }
        result
    }

    async fn new_password_hash(&self, password: &SecretString) -> Result<String, NewPasswordError> {
        self.inner.new_password_hash(password).await
    }

    fn load(&self) -> Option<Load> {
        self.inner.load().map(|load| Load {
            remembered: self.throttle.entries(),
            ..load
        })
    }
}
