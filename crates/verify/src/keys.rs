//! The issuer's keys, parsed once and held, so that a check costs the signature and nothing else.
//!
//! aws-lc-rs is used directly: `jsonwebtoken` parses the key for every token, and picks its cryptography per process from
//! the features of all crates together, which in somebody else's service may panic at the first token.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256,
};
use sessionmint_oauth::{
    Algorithm, InvalidKeySet, KeyMaterial, TokenRefusal, UnverifiedToken, VerificationKey,
    VerificationKeys, jwt::SignedToken,
};

/// One public key and its algorithm.
#[derive(Debug)]
pub(crate) struct SignatureKey {
    algorithm: Algorithm,
    key: ParsedPublicKey,
}

/// The keys by `kid`. Never empty.
#[derive(Debug)]
pub(crate) struct KeySet(HashMap<String, Arc<SignatureKey>>);

impl SignatureKey {
    fn new(key: &VerificationKey) -> Option<Self> {
        let parsed = match &key.material {
            KeyMaterial::P256(point) => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point),
            KeyMaterial::Ed25519(bytes) => ParsedPublicKey::new(&ED25519, bytes),
            KeyMaterial::Rsa { n, e } => {
                let padding = match key.algorithm {
                    Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
                    _ => &RSA_PKCS1_2048_8192_SHA256,
                };
                PublicKeyComponents { n, e }.to_parsed_public_key(padding)
            }
        };
        Some(Self {
            algorithm: key.algorithm,
            key: parsed.ok()?,
        })
    }

    /// Checks the token's signature with this key.
    pub(crate) fn check(&self, token: UnverifiedToken<'_>) -> Result<SignedToken, TokenRefusal> {
        token.verify_with(self.algorithm, |message, signature| {
            self.key.verify_sig(message, signature).is_ok()
        })
    }
}

impl KeySet {
    /// Reads a JWK Set.
    ///
    /// # Errors
    /// When no usable key is in it, those that are no point of their curve not counted.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, InvalidKeySet> {
        let keys: HashMap<_, _> = VerificationKeys::parse(json)?
            .iter()
            .filter_map(|(kid, key)| Some((kid.to_owned(), Arc::new(SignatureKey::new(key)?))))
            .collect();
        if keys.is_empty() {
            Err(InvalidKeySet::NoUsableKey)
        } else {
            Ok(Self(keys))
        }
    }

    /// The key of exactly this name.
    pub(crate) fn get(&self, kid: &str) -> Option<Arc<SignatureKey>> {
        self.0.get(kid).cloned()
    }

    /// Whether this very key is in it.
    pub(crate) fn holds(&self, key: &Arc<SignatureKey>) -> bool {
        self.0.values().any(|other| Arc::ptr_eq(other, key))
    }

    /// How many keys are in it.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
