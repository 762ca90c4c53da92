//! Sign-in with a password that is kept in the store.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use sessionmint_oauth::Timestamp;
use sessionmint_store::{By, Change, ChangePassword, Store, StoreError, User};
use tracing::field::display;

use super::hasher::{HashError, Hasher, HasherError, Verdict, Work};
use super::{
    AuthenticateError, Authenticated, Authenticator, Credentials, Load, MAX_PASSWORD_BYTES,
    MAX_USERNAME_BYTES, NewPasswordError, PasswordChange, PasswordChangeError,
};
use crate::config::HashingConfig;
use crate::logging::Printable;
use crate::random::Random;

/// Checks passwords against the hashes in the store.
///
/// Whoever is unknown, disabled or without a password costs the same work as a wrong password: one hash with the
/// parameters in use, against a dummy made at start. (A hash made under *lower* parameters is checked under those until
/// its owner signs in; after raising them, such accounts answer faster for a while. An imported hash, see
/// [`super::stored`], likewise takes as long as its own kind and parameters, until its owner signs in and it is replaced:
/// up to then who measures can tell such an account from an unknown name.)
pub struct PasswordAuthenticator {
    store: Arc<dyn Store>,
    hasher: Hasher,
}

impl PasswordAuthenticator {
    /// Computes one hash, which takes some tens of milliseconds.
    pub fn new(
        store: Arc<dyn Store>,
        config: &HashingConfig,
        random: Arc<dyn Random>,
    ) -> Result<Self, HasherError> {
        Ok(Self {
            store,
            hasher: Hasher::new(config, random)?,
        })
    }

    /// What has been hashed so far.
    pub fn work(&self) -> &Work {
        self.hasher.work()
    }

    /// A right password whose hash is weaker than today's is stored again. Failing to is no reason to refuse the
    /// sign-in; the next one tries again. Gives the hash that is stored now, as far as that is known.
    async fn upgrade(&self, user: &User, old: &str, new: String, by: By) -> Option<String> {
        match self
            .store
            .upgrade_password_hash(&user.id, old, new.clone(), by)
            .await
        {
            Ok(Change::Done) => {
                tracing::info!(user_id = %user.id, "password hash renewed with today's parameters");
                Some(new)
            }
            Ok(Change::NotFound) => {
                tracing::info!(user_id = %user.id, "another sign-in renewed the password's hash, or the password was changed");
                None
            }
            Err(error) => {
                tracing::warn!(user_id = %user.id, %error, "password hash could not be renewed");
                Some(old.to_owned())
            }
        }
    }

    /// `None` when the password was right, but there is another hash by now.
    async fn check(
        &self,
        attempt: &Credentials<'_>,
        now: Timestamp,
    ) -> Result<Option<Authenticated>, AuthenticateError> {
        // No stored user has such a name and no stored hash such a password, so this tells nothing, and no one can make
        // the service hash megabytes.
        if attempt.username.len() > MAX_USERNAME_BYTES
            || attempt.password.expose_secret().len() > MAX_PASSWORD_BYTES
        {
            tracing::info!(outcome = %"rejected", network = %attempt.network, reason = "the name or the password is too long", "sign-in");
            return Err(AuthenticateError::Rejected);
        }
        let user = self
            .store
            .user_by_name(attempt.username)
            .await
            .map_err(unavailable)?;
        let enabled = user.as_ref().filter(|user| user.disabled_at.is_none());
        let stored = enabled.and_then(|user| user.password_hash.as_deref());

        let verdict = self.hasher.verify(attempt.password, stored).await?;

        match (verdict, enabled, stored) {
            (Verdict::Right { upgraded }, Some(user), Some(old)) => {
                let stored = match upgraded {
                    Some(new) => {
                        let by = By::user(user.id.clone(), now).from(attempt.network);
                        self.upgrade(user, old, new, by).await
                    }
                    None => Some(old.to_owned()),
                };
                Ok(stored.map(|hash| Authenticated {
                    user_id: user.id.clone(),
                    username: user.username.clone(),
                    password_hash: Some(hash),
                }))
            }
            (verdict, _, _) => {
                log_refusal(attempt, user.as_ref(), &verdict);
                Err(AuthenticateError::Rejected)
            }
        }
    }
}

#[async_trait]
impl Authenticator for PasswordAuthenticator {
    async fn authenticate(
        &self,
        attempt: Credentials<'_>,
        now: Timestamp,
    ) -> Result<Authenticated, AuthenticateError> {
        if let Some(user) = self.check(&attempt, now).await? {
            return Ok(user);
        }
        // Two sign-ins at once renewed the same hash; what the other one stored needs no renewing.
        let again = self.check(&attempt, now).await?;
        again.ok_or(AuthenticateError::Rejected)
    }

    async fn change_password(
        &self,
        change: PasswordChange<'_>,
        now: Timestamp,
    ) -> Result<u32, PasswordChangeError> {
        let PasswordChange {
            user_id,
            credentials,
            new,
            kept,
            client_id,
        } = change;
        let by = By::user(user_id.clone(), now)
            .through(client_id.clone())
            .from(credentials.network);
        let checked = self.authenticate(credentials, now).await?;
        let old = checked
            .password_hash
            .filter(|_| checked.user_id == *user_id);
        let old = old.ok_or(AuthenticateError::Rejected)?;
        let new = self
            .hasher
            .hash(new)
            .await
            .map_err(AuthenticateError::from)?;
        match self
            .store
            .change_password(user_id, &old, new, kept, by)
            .await
            .map_err(unavailable)?
        {
            ChangePassword::Changed { ended } => Ok(ended),
            // Somebody else was faster, so it is no longer the current one.
            ChangePassword::OtherPassword => Err(AuthenticateError::Rejected.into()),
            ChangePassword::SessionOver => Err(PasswordChangeError::SessionOver),
        }
    }

    async fn new_password_hash(&self, password: &SecretString) -> Result<String, NewPasswordError> {
        self.hasher
            .hash(password)
            .await
            .map_err(|error| match error {
                HashError::Busy { retry_after_secs } => NewPasswordError::Busy { retry_after_secs },
                HashError::Failed => NewPasswordError::Unavailable,
            })
    }

    fn load(&self) -> Option<Load> {
        Some(self.hasher.load())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unavailable(error: StoreError) -> AuthenticateError {
    tracing::error!(%error, "password check: the store did not answer");
    AuthenticateError::Unavailable
}

impl From<HashError> for AuthenticateError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy { retry_after_secs } => Self::Busy { retry_after_secs },
            HashError::Failed => {
                tracing::error!("password check: a hash could not be computed");
                Self::Unavailable
            }
        }
    }
}

/// Unknown names are not logged: now and then somebody types a password there.
fn log_refusal(attempt: &Credentials<'_>, user: Option<&User>, verdict: &Verdict) {
    let (outcome, network) = (display("rejected"), attempt.network);
    let Some(user) = user else {
        tracing::info!(outcome, %network, reason = "unknown user", "sign-in");
        return;
    };
    let (user_id, username) = (&user.id, Printable(&user.username));
    if matches!(verdict, Verdict::Unreadable) {
        let reason = "the stored hash is damaged; set a new password";
        tracing::error!(outcome, %network, %user_id, %username, reason, "sign-in");
        return;
    }
    let reason = match (user.disabled_at, &user.password_hash) {
        (Some(_), _) => "disabled",
        (None, None) => "the user has no password",
        (None, Some(_)) => "wrong password",
    };
    tracing::info!(outcome, %network, %user_id, %username, reason, "sign-in");
}
