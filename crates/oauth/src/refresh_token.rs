//! The refresh token on the wire, and how its successor follows from it.
//!
//! A token is `smr_` and base64url of family ‖ generation ‖ key version ‖ secret ‖ tag. The tag tells a token that was once
//! ours from a guess, without a stored history of tokens. The secret of a successor is not stored but derived from the token
//! that it replaces, a salt that the next rotation overwrites, and a key that is destroyed soon after it was replaced: who
//! asks again with the same token gets the same successor, and neither the database nor the key alone yields one.
//!
//! No cryptography here: the caller brings it as [`RefreshKeys`].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::GrantId;

/// What every refresh token begins with, so that it is recognised where it must not be.
pub const PREFIX: &str = "smr_";

/// The length of a tag in bytes.
pub const TAG_BYTES: usize = 16;

const FAMILY: usize = 16;
const GENERATION: usize = FAMILY + 4;
const VERSION: usize = GENERATION + 4;
const SECRET: usize = VERSION + 32;
const WHOLE: usize = SECRET + TAG_BYTES;
/// A multiple of three, so no two texts stand for the same bytes.
const TEXT: usize = WHOLE / 3 * 4;

/// The keys of refresh tokens. Each version has one for tags and one for derivation, and they are independent.
pub trait RefreshKeys {
    /// The first bytes of the HMAC-SHA-256 of `message` with the tag key of that version; `None` where there is none.
    fn tag(&self, version: u32, message: &[u8]) -> Option<[u8; TAG_BYTES]>;
    /// Whether `tag` is that of `message`, compared in constant time; `None` where the version has no tag key.
    fn is_tag(&self, version: u32, message: &[u8], tag: &[u8; TAG_BYTES]) -> Option<bool>;
    /// The HMAC-SHA-256 of `message` with the derivation key of that version; `None` where there is none, or none any more.
    fn derive(&self, version: u32, message: &[u8]) -> Option<[u8; 32]>;
}

/// Why a text is no refresh token of ours. It says nothing about any family then, and must change none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotOurs {
    /// Not of the form.
    #[error("it does not have the form of a refresh token")]
    Form,
    /// Its key is not known: it is from before, from another service, or another instance has a newer key.
    #[error("its key is not known")]
    UnknownKey {
        /// Which one it would be.
        version: u32,
    },
    /// The tag does not fit.
    #[error("its tag does not fit")]
    Tag,
}

/// The key of that version is not there (any more).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no key of version {version} for refresh tokens")]
pub struct NoKey {
    /// Which one.
    pub version: u32,
}

/// A refresh token: a bearer secret.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    text: String,
    family: GrantId,
    generation: u32,
}

impl RefreshToken {
    /// The first of a family, from 256 random bits.
    ///
    /// # Errors
    /// [`NoKey`] when `version` is unknown.
    pub fn first(
        family: &GrantId,
        secret: [u8; 32],
        version: u32,
        keys: &impl RefreshKeys,
    ) -> Result<Self, NoKey> {
        Self::new(family, 0, secret, version, keys)
    }

    /// Reads what somebody presents as one.
    ///
    /// # Errors
    /// [`NotOurs`] when it never was one.
    pub fn read(text: &str, keys: &impl RefreshKeys) -> Result<Self, NotOurs> {
        let mut bytes = [0; WHOLE];
        let encoded = text.strip_prefix(PREFIX).ok_or(NotOurs::Form)?;
        if encoded.len() != TEXT || URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes) != Ok(WHOLE) {
            return Err(NotOurs::Form);
        }
        let (Some(family), Some(generation), Some(version), Some(tag)) = (
            part(&bytes, 0),
            part(&bytes, FAMILY),
            part(&bytes, GENERATION),
            part(&bytes, SECRET),
        ) else {
            return Err(NotOurs::Form);
        };
        let version = u32::from_be_bytes(version);
        let message = bytes.get(..SECRET).ok_or(NotOurs::Form)?;
        match keys.is_tag(version, message, &tag) {
            None => Err(NotOurs::UnknownKey { version }),
            Some(false) => Err(NotOurs::Tag),
            Some(true) => Ok(Self {
                text: text.to_owned(),
                family: GrantId::from_random(family),
                generation: u32::from_be_bytes(generation),
            }),
        }
    }

    /// The token that replaces this one: the same for the same salt and version, and another for any other.
    ///
    /// # Errors
    /// [`NoKey`] when the keys of that version are not there.
    pub fn successor(
        &self,
        salt: &[u8; 32],
        version: u32,
        keys: &impl RefreshKeys,
    ) -> Result<Self, NoKey> {
        let generation = self.generation.saturating_add(1);
        let mut message = self.family.to_bytes().to_vec();
        message.extend_from_slice(&generation.to_be_bytes());
        message.extend_from_slice(salt);
        message.extend_from_slice(self.text.as_bytes());
        let secret = keys.derive(version, &message).ok_or(NoKey { version })?;
        Self::new(&self.family, generation, secret, version, keys)
    }

    fn new(
        family: &GrantId,
        generation: u32,
        secret: [u8; 32],
        version: u32,
        keys: &impl RefreshKeys,
    ) -> Result<Self, NoKey> {
        let mut bytes = Vec::with_capacity(WHOLE);
        bytes.extend_from_slice(&family.to_bytes());
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(&version.to_be_bytes());
        bytes.extend_from_slice(&secret);
        let tag = keys.tag(version, &bytes).ok_or(NoKey { version })?;
        bytes.extend_from_slice(&tag);
        let mut text = String::with_capacity(PREFIX.len() + TEXT);
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(&bytes, &mut text);
        Ok(Self {
            text,
            family: family.clone(),
            generation,
        })
    }

    /// As it appears on the wire.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Of which grant it is.
    pub fn family(&self) -> &GrantId {
        &self.family
    }

    /// How many came before it.
    pub fn generation(&self) -> u32 {
        self.generation
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken")
            .field("family", &self.family)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

fn part<const N: usize>(bytes: &[u8], from: usize) -> Option<[u8; N]> {
    bytes.get(from..from + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};

    use super::*;

    /// Versions 1 and 2; of 1 the derivation key is destroyed.
    struct Keys;

    fn mac(key: (u32, &str), message: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        for (lane, bytes) in (0_u8..).zip(out.chunks_mut(8)) {
            let mut hasher = DefaultHasher::new();
            (key, lane, message).hash(&mut hasher);
            bytes.copy_from_slice(&hasher.finish().to_be_bytes());
        }
        out
    }

    impl RefreshKeys for Keys {
        fn tag(&self, version: u32, message: &[u8]) -> Option<[u8; TAG_BYTES]> {
            let tag = mac((version, "tag"), message)[..TAG_BYTES].try_into();
            (1..=2).contains(&version).then(|| tag.unwrap())
        }

        fn is_tag(&self, version: u32, message: &[u8], tag: &[u8; TAG_BYTES]) -> Option<bool> {
            self.tag(version, message).map(|own| own == *tag)
        }

        fn derive(&self, version: u32, message: &[u8]) -> Option<[u8; 32]> {
            (version == 2).then(|| mac((version, "derive"), message))
        }
    }

    fn first() -> RefreshToken {
        RefreshToken::first(&GrantId::from_random([7; 16]), [9; 32], 2, &Keys).unwrap()
    }

    #[test]
    fn a_token_is_read_as_it_was_made() {
        let token = first();
        assert!(token.as_str().starts_with("smr_"));
        assert_eq!(token.as_str().len(), 100);
        assert_eq!(RefreshToken::read(token.as_str(), &Keys), Ok(token.clone()));
        assert_eq!(token.generation(), 0);
        let next = token.successor(&[1; 32], 2, &Keys).unwrap();
        assert_eq!((next.family(), next.generation()), (token.family(), 1));
        assert_eq!(RefreshToken::read(next.as_str(), &Keys), Ok(next));
    }

    #[test]
    fn c099_every_changed_bit_is_noticed() {
        let token = first();
        for at in 0..token.as_str().len() {
            for other in "A_b9-%".chars() {
                let mut text: Vec<char> = token.as_str().chars().collect();
                if text[at] != other {
                    text[at] = other;
                    let text: String = text.iter().collect();
                    assert!(RefreshToken::read(&text, &Keys).is_err(), "{text}");
                }
            }
        }
        for text in [
            "",
            "smr_",
            "smr_AAAA",
            &token.as_str()[4..],
            &format!("{}A", token.as_str()),
        ] {
            assert_eq!(
                RefreshToken::read(text, &Keys),
                Err(NotOurs::Form),
                "{text}"
            );
        }
        let of_another_key = RefreshToken::new(token.family(), 0, [9; 32], 1, &Keys).unwrap();
        assert_ne!(of_another_key, token);
    }

    #[test]
    fn a_token_of_an_unknown_key_says_which() {
        let mut bytes = [0; WHOLE];
        bytes[GENERATION..VERSION].copy_from_slice(&7_u32.to_be_bytes());
        let text = format!("smr_{}", URL_SAFE_NO_PAD.encode(bytes));
        let unknown = RefreshToken::read(&text, &Keys);
        assert_eq!(unknown, Err(NotOurs::UnknownKey { version: 7 }));
    }

    #[test]
    fn c098_the_successor_follows_from_token_salt_and_key() {
        let token = first();
        let next = token.successor(&[1; 32], 2, &Keys).unwrap();
        assert_eq!(token.successor(&[1; 32], 2, &Keys), Ok(next.clone()));
        assert_ne!(token.successor(&[2; 32], 2, &Keys), Ok(next.clone()));
        let sibling = RefreshToken::first(token.family(), [8; 32], 2, &Keys).unwrap();
        assert_ne!(sibling.successor(&[1; 32], 2, &Keys), Ok(next));
        let destroyed = token.successor(&[1; 32], 1, &Keys);
        assert_eq!(destroyed, Err(NoKey { version: 1 }));
    }

    #[test]
    fn a_token_does_not_print_itself() {
        let token = first();
        assert!(!format!("{token:?}").contains(&token.as_str()[60..]));
    }
}
