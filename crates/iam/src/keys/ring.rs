//! The keys as they are in memory: read by every request, replaced as a whole.

use std::sync::Arc;

use serde::Serialize;
use sessionmint_oauth::id_token::IdTokenClaims;
use sessionmint_oauth::id_token_hint::{IdTokenHint, UnverifiedHint};
use sessionmint_oauth::jwt::{ExpectedClaims, SignedToken, TokenRefusal, UnverifiedToken};
use sessionmint_oauth::key_rotation::active;
use sessionmint_oauth::{AccessTokenClaims, Issuer, KeyTimes, Timestamp};

use super::{Jwks, SigningError, SigningKey};

/// All keys that are not gone, in the order in which they were stored. Which one signs is asked anew for every token, so
/// that a change happens on time and at the same time everywhere.
pub(super) struct KeyRing {
    keys: Vec<Arc<SigningKey>>,
    times: Vec<KeyTimes>,
    pub(super) jwks: Arc<Jwks>,
}

impl KeyRing {
    pub(super) fn new(keys: Vec<(Arc<SigningKey>, KeyTimes)>) -> Result<Self, serde_json::Error> {
        let (keys, times): (Vec<_>, _) = keys.into_iter().unzip();
        let jwks = Arc::new(Jwks::new(keys.iter().map(AsRef::as_ref))?);
        Ok(Self { keys, times, jwks })
    }

    /// Whether these are exactly its keys.
    pub(super) fn holds(&self, keys: &[(Arc<SigningKey>, KeyTimes)]) -> bool {
        let own = self.keys.iter().zip(&self.times);
        self.keys.len() == keys.len()
            && own.zip(keys).all(|((key, times), (other, other_times))| {
                Arc::ptr_eq(key, other) && times == other_times
            })
    }

    /// The key of that name.
    pub(super) fn get(&self, kid: &str) -> Option<&Arc<SigningKey>> {
        self.keys.iter().find(|key| key.kid() == kid)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// From when on the key that signs has done so.
    pub(super) fn active_since(&self, now: Timestamp) -> Option<Timestamp> {
        let times = self.times.get(active(&self.times, now)?)?;
        Some(times.activates_at.max(times.created_at))
    }

    pub(super) fn sign(
        &self,
        claims: &impl Serialize,
        now: Timestamp,
        out: &mut String,
    ) -> Result<(), SigningError> {
        let active = active(&self.times, now).and_then(|index| self.keys.get(index));
        active.ok_or(SigningError)?.sign(claims, out)
    }

    pub(super) fn sign_id_token(
        &self,
        claims: &IdTokenClaims<'_>,
        now: Timestamp,
        out: &mut String,
    ) -> Result<(), SigningError> {
        let active = active(&self.times, now).and_then(|index| self.keys.get(index));
        active.ok_or(SigningError)?.sign_id_token(claims, out)
    }

    pub(super) fn verify_of_any_audience(
        &self,
        token: &str,
        issuer: &str,
        now: Timestamp,
    ) -> Result<AccessTokenClaims, TokenRefusal> {
        self.signed(token)?.check_of_any_audience(issuer, now)
    }

    pub(super) fn verify(
        &self,
        token: &str,
        expected: &ExpectedClaims,
        now: Timestamp,
    ) -> Result<AccessTokenClaims, TokenRefusal> {
        self.signed(token)?.check(expected, now)
    }

    pub(super) fn verify_hint(
        &self,
        token: &str,
        issuer: &Issuer,
    ) -> Result<IdTokenHint, TokenRefusal> {
        let token = UnverifiedHint::parse(token)?;
        let key = self.get(token.kid()).ok_or(TokenRefusal::UnknownKey)?;
        let check = |message: &[u8], signature: &[u8]| key.verifies(message, signature);
        token.verify_with(key.algorithm(), check)?.check(issuer)
    }

    fn signed(&self, token: &str) -> Result<SignedToken, TokenRefusal> {
        let token = UnverifiedToken::parse(token)?;
        let key = self.get(token.kid()).ok_or(TokenRefusal::UnknownKey)?;
        token.verify_with(key.algorithm(), |message, signature| {
            key.verifies(message, signature)
        })
    }
}
