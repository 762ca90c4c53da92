//! Proof Key for Code Exchange (RFC 7636), with `S256` only: `plain` would hand the proof to whoever sees the request.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// The one `code_challenge_method`.
pub const METHOD: &str = "S256";

/// A `code_challenge`: the SHA-256 of the verifier (§4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CodeChallenge([u8; 32]);

/// A `code_challenge` that is not the base64url of 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("code_challenge is the base64url of a SHA-256, 43 characters")]
pub struct InvalidChallenge;

impl CodeChallenge {
    /// Whether a verifier with this SHA-256 answers it. The challenge was public from the start, so the comparison need not
    /// hide how far it got.
    pub fn is_answered_by(&self, verifier_sha256: &[u8; 32]) -> bool {
        self.0 == *verifier_sha256
    }
}

impl FromStr for CodeChallenge {
    type Err = InvalidChallenge;

    fn from_str(text: &str) -> Result<Self, InvalidChallenge> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidChallenge)?;
        bytes.try_into().map(Self).map_err(|_| InvalidChallenge)
    }
}

impl TryFrom<String> for CodeChallenge {
    type Error = InvalidChallenge;

    fn try_from(text: String) -> Result<Self, InvalidChallenge> {
        text.parse()
    }
}

impl From<CodeChallenge> for String {
    fn from(challenge: CodeChallenge) -> String {
        challenge.to_string()
    }
}

impl fmt::Display for CodeChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// Whether `text` has the form of a `code_verifier`: 43 to 128 unreserved characters (§4.1).
pub fn is_verifier(text: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c079_a_challenge_is_one_sha_256_in_one_spelling() {
        // Appendix B of the RFC.
        let text = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let challenge: CodeChallenge = text.parse().unwrap();
        assert_eq!(challenge.to_string(), text);
        assert!(challenge.is_answered_by(&challenge.0));
        assert!(!challenge.is_answered_by(&[0; 32]));
        for bad in [
            "",
            "x",
            &text[1..],
            &format!("{text}="),
            &format!("{text}A"),
            &text.replace('-', "+"),
            &text.replace("cM", "cN"),
        ] {
            assert_eq!(bad.parse::<CodeChallenge>(), Err(InvalidChallenge), "{bad}");
        }
    }

    #[test]
    fn c079_a_verifier_has_43_to_128_unreserved_characters() {
        for (text, good) in [
            ("a".repeat(43), true),
            ("a".repeat(128), true),
            ("-._~".repeat(11), true),
            ("a".repeat(42), false),
            ("a".repeat(129), false),
            (format!("{}+", "a".repeat(43)), false),
            (format!("{}\u{e9}", "a".repeat(43)), false),
            (format!("{} ", "a".repeat(43)), false),
        ] {
            assert_eq!(is_verifier(&text), good, "{text}");
        }
    }
}
