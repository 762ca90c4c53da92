//! Signing keys: encrypted in the store, parsed once, held for every token, replaced on a timetable; and with them the keys
//! of refresh tokens.
//!
//! When which key signs is decided in `sessionmint_oauth::key_rotation`; [`SigningKeys`] carries it out. The store's
//! commands are compare-and-swap, so instances that rotate at once end with the same keys.

mod encryption;
mod jwks;
mod listed;
mod location;
mod refresh;
mod reseal;
mod ring;
mod seal;
mod signing;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::Serialize;
use sessionmint_oauth::id_token::IdTokenClaims;
use sessionmint_oauth::id_token_hint::IdTokenHint;
use sessionmint_oauth::jwt::{ExpectedClaims, TokenRefusal};
use sessionmint_oauth::{
    AccessTokenClaims, Issuer, KeyPolicy, KeyState, KeyTimes, Timestamp, TooSoon,
};
use sessionmint_store::{AddKey, By, SigningKeyRow, Store, StoreError};
use zeroize::Zeroize as _;

pub use encryption::{
    EncryptionKey, EncryptionKeyError, EncryptionKeySource, InvalidEncryptionKey,
};
pub use jwks::Jwks;
pub use listed::{Listed, listed};
pub use location::{KeyLocation, key_file};
pub use refresh::RefreshRing;
pub use reseal::{Reseal, reseal};
pub(crate) use signing::parsed_key;
pub use signing::{SigningError, SigningKey};

use crate::config::{Database, KeysConfig};
use ring::KeyRing;
use seal::{SEAL_VERSION, Sealer};

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
    /// A stored key was encrypted with another key, or changed.
    #[error(
        "the stored signing key `{kid}` cannot be decrypted with {key}: it was encrypted with another key, or changed since"
    )]
    Sealed {
        /// Which one.
        kid: String,
        /// The encryption key, in words.
        key: String,
    },
    /// There is no key to decrypt them with, or none to encrypt them with.
    #[error(transparent)]
    Encryption(#[from] EncryptionKeyError),
    /// The file of a new encryption key is not there.
    #[error(
        "there is no key in {path}; make one: (umask 077; openssl rand -base64 32 > {path})",
        path = .path.display()
    )]
    NoNewKey {
        /// Which file.
        path: PathBuf,
    },
    /// A new encryption key is the old one.
    #[error(
        "{path} holds the encryption key that is in use; nothing was changed",
        path = .path.display()
    )]
    SameKey {
        /// Which file.
        path: PathBuf,
    },
    /// A rotation would come before verifiers can know the newest key.
    #[error(transparent)]
    TooSoon(#[from] TooSoon),
    /// Another instance stored a key at the same moment.
    #[error("another instance changed the signing keys at the same moment; nothing was changed")]
    Conflict,
}

impl KeysError {
    fn sealed(row: &SigningKeyRow, location: &KeyLocation) -> Self {
        Self::Sealed {
            kid: row.kid.clone(),
            key: location.to_string(),
        }
    }
}

/// How to rotate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// By the timetable: no valid token is ever refused.
    Planned,
    /// At once, and all other keys are withdrawn: tokens in circulation are refused.
    Emergency,
}

/// The keys of this service: one signs, all are published; those of refresh tokens are not.
pub struct SigningKeys {
    policy: KeyPolicy,
    location: KeyLocation,
    sealer: ArcSwap<Sealer>,
    ring: ArcSwap<KeyRing>,
    refresh_ring: ArcSwap<RefreshRing>,
}

impl SigningKeys {
    /// Reads the keys; makes the first one when there is none, and encrypts those that are not encrypted yet. Instances
    /// that start together end with the same key.
    ///
    /// # Errors
    /// [`KeysError`]; a key that cannot be used is never skipped silently.
    pub async fn open(
        config: &KeysConfig,
        database: &Database,
        store: &dyn Store,
        by: &By,
    ) -> Result<Self, KeysError> {
        let mut rows = store.keys().await?;
        let any_sealed = rows.iter().any(|row| row.seal_version > 0);
        let location = KeyLocation::new(config, database);
        let sealer = Sealer::new(&location.read_or_make(any_sealed)?)?;
        let keys = Self {
            policy: config.policy(),
            location,
            sealer: ArcSwap::from_pointee(sealer),
            ring: ArcSwap::from_pointee(KeyRing::new(Vec::new())?),
            refresh_ring: ArcSwap::from_pointee(RefreshRing::default()),
        };
        if rows.is_empty() {
            match keys.add(store, &rows, by, Rotation::Planned).await {
                Ok(_) | Err(KeysError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        for row in rows.iter_mut().filter(|row| row.seal_version == 0) {
            keys.parse(row)?;
            let sealed = keys.sealer.load().seal(&row.kid, &row.alg, &row.pkcs8)?;
            row.pkcs8.zeroize();
            store
                .seal_key(&row.kid, sealed, SEAL_VERSION, by.clone())
                .await?;
            tracing::info!(kid = row.kid, "signing key encrypted in the database");
        }
        let rows = keys.reload(store, by.at).await?;
        keys.open_refresh_keys(store, &rows, by).await?;
        Ok(keys)
    }

    /// Takes over what other instances and the command line did, replaces a key that is old enough, and removes those
    /// that are gone.
    ///
    /// # Errors
    /// [`KeysError`]; the keys in use stay as they are then.
    pub async fn refresh(&self, store: &dyn Store, by: &By) -> Result<(), KeysError> {
        let now = by.at;
        let rows = self.reload(store, now).await?;
        let due = rows
            .last()
            .is_none_or(|newest| self.policy.is_due(newest.times(), &newest.alg, now));
        if due && self.policy.next(&times(&rows), now).is_ok() {
            match self.add(store, &rows, by, Rotation::Planned).await {
                Ok(kid) => tracing::info!(
                    kid,
                    alg = self.policy.algorithm.name(),
                    "new signing key; it signs in {} s",
                    self.policy.lead_secs()
                ),
                // Another instance was first, and this one takes over its key.
                Err(KeysError::Conflict) => {}
                Err(error) => return Err(error),
            }
            self.reload(store, now).await?;
        }
        let gone = self.policy.states(&times(&rows), now);
        for (row, _) in rows
            .iter()
            .zip(gone)
            .filter(|(_, state)| *state == KeyState::Gone)
        {
            store.remove_key(&row.kid, by.clone()).await?;
            tracing::info!(kid = row.kid, "signing key removed; its last token is over");
        }
        self.turn_refresh_keys(store, &rows, by).await
    }

    /// Makes a new key; its name. Where several instances do it at once, one of them succeeds.
    ///
    /// # Errors
    /// [`KeysError::TooSoon`] when a planned rotation cannot be yet, [`KeysError::Conflict`] when another instance was
    /// first, and whatever else is wrong. Nothing is changed then.
    pub async fn rotate(
        &self,
        store: &dyn Store,
        by: &By,
        rotation: Rotation,
    ) -> Result<String, KeysError> {
        let rows = self.reload(store, by.at).await?;
        let kid = self.add(store, &rows, by, rotation).await?;
        self.reload(store, by.at).await?;
        Ok(kid)
    }

    /// Appends an access token (RFC 9068) with these claims to `out`.
    ///
    /// # Errors
    /// [`SigningError`] when the operating system gives no random bytes for the signature.
    pub fn sign(
        &self,
        claims: &impl Serialize,
        now: Timestamp,
        out: &mut String,
    ) -> Result<(), SigningError> {
        self.ring.load().sign(claims, now, out)
    }

    /// Appends an ID token with these claims to `out`.
    ///
    /// # Errors
    /// As [`SigningKeys::sign`].
    pub fn sign_id_token(
        &self,
        claims: &IdTokenClaims<'_>,
        now: Timestamp,
        out: &mut String,
    ) -> Result<(), SigningError> {
        self.ring.load().sign_id_token(claims, now, out)
    }

    /// The claims of an access token that this service signed, whomever it is for: for endpoints that say what it is worth.
    ///
    /// # Errors
    /// The first thing that is wrong with it, for the log.
    pub fn verify_of_any_audience(
        &self,
        token: &str,
        issuer: &str,
        now: Timestamp,
    ) -> Result<AccessTokenClaims, TokenRefusal> {
        self.ring.load().verify_of_any_audience(token, issuer, now)
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
        self.ring.load().verify(token, expected, now)
    }

    /// What an ID token says that a client gives back, if a key signed it that is still there.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn verify_hint(&self, token: &str, issuer: &Issuer) -> Result<IdTokenHint, TokenRefusal> {
        self.ring.load().verify_hint(token, issuer)
    }

    /// How many keys are published.
    pub fn published(&self) -> usize {
        self.ring.load().len()
    }

    /// For how long the key that signs has done so, in seconds.
    pub fn age_secs(&self, now: Timestamp) -> u64 {
        let since = self.ring.load().active_since(now);
        since.map_or(0, |since| now.secs_since(since))
    }

    /// The public keys as served.
    pub fn jwks(&self) -> Arc<Jwks> {
        Arc::clone(&self.ring.load().jwks)
    }

    /// Stores a new key behind the last of `rows`.
    async fn add(
        &self,
        store: &dyn Store,
        rows: &[SigningKeyRow],
        by: &By,
        rotation: Rotation,
    ) -> Result<String, KeysError> {
        let times = match rotation {
            Rotation::Planned => self.policy.next(&times(rows), by.at)?,
            Rotation::Emergency => KeyTimes::at_once(by.at),
        };
        let algorithm = self.policy.algorithm;
        // An RSA key takes up to some seconds.
        let new = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm))
            .await
            .map_err(|_| KeysError::Generate)??;
        let row = SigningKeyRow {
            pkcs8: self.sealer.load().seal(&new.kid, new.alg, &new.pkcs8)?,
            kid: new.kid.clone(),
            alg: new.alg.to_owned(),
            seal_version: SEAL_VERSION,
            created_at: times.created_at,
            activates_at: times.activates_at,
        };
        let newest = rows.last().cloned();
        let added = match rotation {
            Rotation::Planned => store.add_key(row, newest, by.clone()).await?,
            Rotation::Emergency => store.replace_keys(row, newest, by.clone()).await?,
        };
        match added {
            AddKey::Added => Ok(new.kid),
            AddKey::Conflict => Err(KeysError::Conflict),
        }
    }

    /// Reads the keys and puts them to use. Keys that are in use already are not parsed again.
    async fn reload(
        &self,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Vec<SigningKeyRow>, KeysError> {
        let rows = store.keys().await?;
        if let Some(newest) = rows.last() {
            self.follow_encryption_key(newest)?;
        }
        let old = self.ring.load();
        let states = self.policy.states(&times(&rows), now);
        let mut keys = Vec::with_capacity(rows.len());
        for (row, _) in rows
            .iter()
            .zip(states)
            .filter(|(_, state)| *state != KeyState::Gone)
        {
            let key = match old.get(&row.kid) {
                Some(key) => Arc::clone(key),
                None => Arc::new(self.parse(row)?),
            };
            keys.push((key, row.times()));
        }
        if !old.holds(&keys) {
            self.ring.store(Arc::new(KeyRing::new(keys)?));
        }
        Ok(rows)
    }

    /// Looks for another encryption key where the one in use was found, if that does not open the newest key any more: it
    /// was changed then, and all keys with it.
    fn follow_encryption_key(&self, newest: &SigningKeyRow) -> Result<(), KeysError> {
        if newest.seal_version == 0 || self.sealer.load().opens(newest) {
            return Ok(());
        }
        let other = Sealer::new(&self.location.read()?)?;
        if !other.opens(newest) {
            return Err(KeysError::sealed(newest, &self.location));
        }
        self.sealer.store(Arc::new(other));
        tracing::info!(
            "the encryption key of the signing keys was changed; it is {} now",
            self.location
        );
        Ok(())
    }

    fn parse(&self, row: &SigningKeyRow) -> Result<SigningKey, KeysError> {
        let opened = self.sealer.load().open_row(row);
        let opened = opened.ok_or_else(|| KeysError::sealed(row, &self.location))?;
        SigningKey::parse(&row.kid, &row.alg, &opened)
    }
}

/// The times of stored keys, for the timetable.
pub fn times(rows: &[SigningKeyRow]) -> Vec<KeyTimes> {
    rows.iter().map(SigningKeyRow::times).collect()
}

impl KeysConfig {
    /// The timetable that follows from the settings.
    pub fn policy(&self) -> KeyPolicy {
        KeyPolicy {
            max_age_secs: self.jwks_max_age_secs,
            notice_secs: self.notice_secs,
            token_secs: self.token_secs,
            rotate_after_secs: self.rotate_after_secs,
            algorithm: self.algorithm,
        }
    }
}
