//! One signing key, and the compact serialization of what it signs.
//!
//! Another algorithm is another variant of [`Pair`]: how it is made, read, published, and how it signs.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
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
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref())
            .map_err(|_| KeysError::Generate)?;
        Ok(SigningKeyRow {
            kid: Pair::Es256(pair).thumbprint(),
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
        if pair.thumbprint() != row.kid {
            return Err(unusable("its id is not its thumbprint"));
        }
        let header = json!({ "typ": "at+jwt", "alg": pair.algorithm().name(), "kid": row.kid });
        let header = format!("{}.", URL_SAFE_NO_PAD.encode(header.to_string()));
        Ok(Self {
            kid: row.kid.clone(),
            header,
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

    /// The public key as a JWK (RFC 7517).
    pub(super) fn public_jwk(&self) -> Value {
        let mut jwk = self.pair.required_members();
        if let Value::Object(members) = &mut jwk {
            members.insert("use".to_owned(), "sig".into());
            members.insert("alg".to_owned(), self.algorithm().name().into());
            members.insert("kid".to_owned(), self.kid.as_str().into());
        }
        jwk
    }
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

    /// The members that name a public key and nothing else (RFC 7638 §3.2), sorted as the thumbprint wants them.
    fn required_members(&self) -> Value {
        match self {
            Self::Es256(pair) => {
                // Uncompressed point: 0x04, then x and y of 32 bytes each (SEC 1 §2.3.3).
                let point = pair.public_key().as_ref();
                let part = |range| {
                    URL_SAFE_NO_PAD.encode(
                        point
                            .get::<std::ops::Range<usize>>(range)
                            .unwrap_or_default(),
                    )
                };
                json!({ "crv": "P-256", "kty": "EC", "x": part(1..33), "y": part(33..65) })
            }
        }
    }

    fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(
            &SHA256,
            self.required_members().to_string().as_bytes(),
        ))
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
    fn the_thumbprint_is_over_sorted_members() {
        let row = SigningKey::generate(Timestamp::from_secs(0)).unwrap();
        let members = SigningKey::from_row(&row).unwrap().pair.required_members();
        let (x, y) = (
            members["x"].as_str().unwrap(),
            members["y"].as_str().unwrap(),
        );
        assert_eq!((x.len(), y.len()), (43, 43));
        assert_eq!(
            members.to_string(),
            format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
        );
    }
}
