//! Tokens that were checked a moment ago, so that the next request with one of them costs no signature.
//!
//! What is remembered is the SHA-256 of a token, never its text, and only of tokens that were good. Whether one still is,
//! in time and in its key, is asked again every time.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest::{SHA256, digest};
use sessionmint_oauth::{AccessTokenClaims, Timestamp};

use crate::keys::SignatureKey;

/// A token that was good.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) claims: Arc<AccessTokenClaims>,
    /// What it was signed with.
    pub(crate) key: Arc<SignatureKey>,
    /// When its claims were checked.
    pub(crate) at: Timestamp,
}

/// The name of a token here.
pub(crate) type TokenHash = [u8; 32];

/// A bounded memory. Two generations: when the younger is full, the elder is forgotten as a whole.
pub(crate) struct SeenTokens {
    per_generation: usize,
    generations: RwLock<Generations>,
}

#[derive(Default)]
struct Generations {
    younger: HashMap<TokenHash, Seen>,
    elder: HashMap<TokenHash, Seen>,
}

pub(crate) fn hash(token: &str) -> TokenHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

impl SeenTokens {
    /// Remembers about `tokens`; none if that is 0.
    pub(crate) fn new(tokens: usize) -> Self {
        Self {
            per_generation: tokens.div_ceil(2),
            generations: RwLock::default(),
        }
    }

    pub(crate) fn get(&self, token: &TokenHash) -> Option<Seen> {
        let elder = {
            let generations = self
                .generations
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(seen) = generations.younger.get(token) {
                return Some(seen.clone());
            }
            generations.elder.get(token)?.clone()
        };
        // Still in use, so it stays.
        self.put(*token, elder.clone());
        Some(elder)
    }

    pub(crate) fn put(&self, token: TokenHash, seen: Seen) {
        if self.per_generation == 0 {
            return;
        }
        let mut generations = self
            .generations
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if generations.younger.len() >= self.per_generation {
            generations.elder = std::mem::take(&mut generations.younger);
        }
        generations.younger.insert(token, seen);
    }
}

#[cfg(test)]
mod tests {
    use sessionmint_oauth::Scope;

    use super::*;

    fn seen() -> Seen {
        let jwks = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","alg":"EdDSA","use":"sig",
            "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let claims = AccessTokenClaims {
            iss: String::new(),
            sub: String::new(),
            aud: String::new(),
            exp: 0,
            iat: 0,
            jti: String::new(),
            client_id: "web".parse().unwrap(),
            sid: None,
            auth_time: None,
            scope: Scope::default(),
            gid: None,
            act: None,
        };
        Seen {
            claims: Arc::new(claims),
            key: crate::keys::KeySet::parse(jwks).unwrap().get("k").unwrap(),
            at: Timestamp::from_secs(0),
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_is_used_stays() {
        let tokens = SeenTokens::new(10);
        let seen = seen();
        let used = hash("used");
        tokens.put(used, seen.clone());
        for number in 0..1000 {
            tokens.put(hash(&number.to_string()), seen.clone());
            if number % 3 == 0 {
                assert!(tokens.get(&used).is_some(), "{number}");
            }
            let generations = tokens.generations.read().unwrap();
            assert!(generations.younger.len() + generations.elder.len() <= 10);
        }
        assert!(tokens.get(&hash("0")).is_none());
        let none = SeenTokens::new(0);
        none.put(used, seen);
        assert!(none.get(&used).is_none());
    }
}
