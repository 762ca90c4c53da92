//! One signing key, and the compact serialization of what it signs.
//!
//! `jsonwebtoken` models headers and JWKs; the key pair that signs is `aws-lc-rs`'s, parsed once and held, since
//! `jsonwebtoken::encode` parses the key again for every token. Another algorithm is another variant of [`Pair`].

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{EncodingKey, Header};
use sessionmint_oauth::{AccessTokenClaims, Algorithm, Timestamp};
use sessionmint_store::SigningKeyRow;

use super::KeysError;

/// The signature could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token could not be signed")]
pub struct SigningError;

/// A key pair, parsed and ready.
pub struct SigningKey {
    kid: String,
    /// The public key as published.
    jwk: Jwk,
    /// The encoded header of every token of this key, with the dot that follows it.
    header: String,
    pair: Pair,
}

enum Pair {
    Es256(EcdsaKeyPair),
}

impl SigningKey {
    /// Makes a new ES256 key.
    pub(super) fn generate(now: Timestamp) -> Result<SigningKeyRow, KeysError> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| KeysError::Generate)?;
        let jwk = public_jwk(pkcs8.as_ref()).map_err(|_| KeysError::Generate)?;
        Ok(SigningKeyRow {
            kid: thumbprint(&jwk).ok_or(KeysError::Generate)?,
            alg: Algorithm::Es256.name().to_owned(),
            pkcs8: pkcs8.as_ref().to_vec(),
            created_at: now,
        })
    }

    /// Reads a stored key.
    pub(super) fn from_row(row: &SigningKeyRow) -> Result<Self, KeysError> {
        let unusable = |reason| KeysError::Unusable {
            kid: row.kid.clone(),
            reason,
        };
        if row.alg != Algorithm::Es256.name() {
            return Err(unusable("its algorithm is not known"));
        }
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &row.pkcs8)
            .map(Pair::Es256)
            .map_err(|_| unusable("it is no P-256 key in PKCS#8"))?;
        let mut jwk = public_jwk(&row.pkcs8).map_err(|_| unusable("it has no public half"))?;
        if thumbprint(&jwk).as_ref() != Some(&row.kid) {
            return Err(unusable("its id is not its thumbprint"));
        }
        jwk.common.key_id = Some(row.kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(row.kid.clone()),
            ..Header::new(jsonwebtoken::Algorithm::ES256)
        };
        let header = serde_json::to_vec(&header).map_err(|_| unusable("its header is no JSON"))?;
        Ok(Self {
            kid: row.kid.clone(),
            jwk,
            header: format!("{}.", URL_SAFE_NO_PAD.encode(header)),
            pair,
        })
    }

    /// The `kid`: the key's thumbprint (RFC 7638), so a key keeps its name wherever it is stored.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm that this key is for.
    pub fn algorithm(&self) -> Algorithm {
        self.pair.algorithm()
    }

    pub(super) fn sign(&self, claims: &AccessTokenClaims) -> Result<String, SigningError> {
        let claims = serde_json::to_vec(claims).map_err(|_| SigningError)?;
        let mut token = String::with_capacity(self.header.len() + claims.len() * 4 / 3 + 96);
        token.push_str(&self.header);
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.pair.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.pair {
            Pair::Es256(pair) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())
                    .verify(message, signature)
                    .is_ok()
            }
        }
    }

    /// The public key as a JWK (RFC 7517), with its `kid`, `use` and `alg`.
    pub(super) fn public_jwk(&self) -> &Jwk {
        &self.jwk
    }
}

/// The public half of a P-256 key in PKCS#8, with its `alg`.
fn public_jwk(pkcs8: &[u8]) -> jsonwebtoken::errors::Result<Jwk> {
    let key = EncodingKey::from_ec_der(pkcs8);
    Jwk::from_encoding_key(&key, jsonwebtoken::Algorithm::ES256)
}

/// RFC 7638, with SHA-256.
fn thumbprint(jwk: &Jwk) -> Option<String> {
    jwk.thumbprint(ThumbprintHash::SHA256).ok()
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl Pair {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256(_) => Algorithm::Es256,
        }
    }

    fn sign(&self, message: &[u8]) -> Result<impl AsRef<[u8]> + use<>, SigningError> {
        match self {
            Self::Es256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map_err(|_| SigningError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_signs_what_it_verifies() {
        let row = SigningKey::generate(Timestamp::from_secs(0)).unwrap();
        let key = SigningKey::from_row(&row).unwrap();
        let signature = key.pair.sign(b"message").unwrap();
        assert_eq!(signature.as_ref().len(), 64);
        assert!(key.verifies(b"message", signature.as_ref()));
        assert!(!key.verifies(b"another", signature.as_ref()));
    }

    #[test]
    fn a_stored_key_that_is_not_what_it_says_is_refused() {
        let good = SigningKey::generate(Timestamp::from_secs(0)).unwrap();
        let other = SigningKey::generate(Timestamp::from_secs(0)).unwrap();
        for bad in [
            SigningKeyRow {
                kid: other.kid,
                ..good.clone()
            },
            SigningKeyRow {
                alg: "HS256".to_owned(),
                ..good.clone()
            },
            SigningKeyRow {
                pkcs8: vec![0; 100],
                ..good.clone()
            },
        ] {
            assert!(
                matches!(SigningKey::from_row(&bad), Err(KeysError::Unusable { .. })),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn the_published_key_is_the_one_that_signs() {
        let row = SigningKey::generate(Timestamp::from_secs(0)).unwrap();
        let key = SigningKey::from_row(&row).unwrap();
        let published = serde_json::to_vec(key.public_jwk()).unwrap();
        let set = format!(r#"{{"keys":[{}]}}"#, String::from_utf8(published).unwrap());
        let keys = sessionmint_oauth::jwk::VerificationKeys::parse(set.as_bytes()).unwrap();
        let names: Vec<&str> = keys.iter().map(|(kid, _)| kid).collect();
        assert_eq!(names, [row.kid.as_str()]);
    }
}
