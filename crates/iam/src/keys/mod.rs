//! Signing keys: read once at start, parsed once, held for every token.

mod jwks;
mod signing;

pub use jwks::{Jwks, MAX_AGE_SECS};
pub use signing::{SigningError, SigningKey};

use sessionmint_oauth::jwt::{ExpectedClaims, TokenRefusal, UnverifiedToken};
use sessionmint_oauth::{AccessTokenClaims, Timestamp};
use sessionmint_store::{Store, StoreError};

/// Why the signing keys are not usable: the service does not start then.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The store could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No key could be made.
    #[error("no signing key could be made: the operating system gave no random bytes")]
    Generate,
    /// The key set could not be written.
    #[error("the key set is no JSON: {0}")]
    Publish(#[from] serde_json::Error),
    /// A stored key is not what it should be.
    #[error("the stored signing key `{kid}` is unusable: {reason}")]
    Unusable {
        /// Which one.
        kid: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// The keys of this service: one signs, all are published.
pub struct KeyRing {
    active: SigningKey,
    others: Vec<SigningKey>,
    jwks: Jwks,
    active_since: Timestamp,
}

impl KeyRing {
    /// Reads the keys; makes the first one when there is none. Instances that start together end with the same key.
    ///
    /// # Errors
    /// [`KeysError`]; a key that cannot be used is never skipped silently.
    pub async fn load(store: &dyn Store, now: Timestamp) -> Result<Self, KeysError> {
        let mut rows = store.keys().await?;
        if rows.is_empty() {
            store.add_first_key(SigningKey::generate(now)?).await?;
            rows = store.keys().await?;
        }
        let active_since = rows.first().ok_or(KeysError::Generate)?.created_at;
        let mut keys = rows
            .iter()
            .map(SigningKey::from_row)
            .collect::<Result<Vec<_>, _>>()?
            .into_iter();
        let active = keys.next().ok_or(KeysError::Generate)?;
        let others: Vec<_> = keys.collect();
        let jwks = Jwks::new(std::iter::once(&active).chain(&others))?;
        Ok(Self {
            active,
            others,
            jwks,
            active_since,
        })
    }

    /// An access token (RFC 9068) with these claims.
    ///
    /// # Errors
    /// [`SigningError`] when the operating system gives no random bytes for the signature.
    pub fn sign(&self, claims: &AccessTokenClaims) -> Result<String, SigningError> {
        self.active.sign(claims)
    }

    /// The claims of a token that this service signed for one of `expected.audiences`.
    ///
    /// # Errors
    /// The first thing that is wrong with it, for the log.
    pub fn verify(
        &self,
        token: &str,
        expected: &ExpectedClaims,
        now: Timestamp,
    ) -> Result<AccessTokenClaims, TokenRefusal> {
        let token = UnverifiedToken::parse(token)?;
        let key = std::iter::once(&self.active)
            .chain(&self.others)
            .find(|key| key.kid() == token.kid())
            .ok_or(TokenRefusal::UnknownKey)?;
        token
            .verify_with(key.algorithm(), |message, signature| {
                key.verifies(message, signature)
            })?
            .check(expected, now)
    }

    /// How many keys are published.
    pub fn published(&self) -> usize {
        self.others.len() + 1
    }

    /// For how long the key that signs has existed, in seconds.
    pub fn age_secs(&self, now: Timestamp) -> u64 {
        u64::try_from(now.secs().saturating_sub(self.active_since.secs())).unwrap_or(0)
    }

    /// The public keys as served.
    pub fn jwks(&self) -> &Jwks {
        &self.jwks
    }
}
