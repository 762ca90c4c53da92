//! Strict reading of an access token (RFC 9068): its form, its header, then, once the signature is known to be good, its claims.
//!
//! The order is forced by types: [`UnverifiedToken::parse`] gives only what is needed to find the key,
//! [`UnverifiedToken::verify_with`] runs the caller's signature check, and only a [`SignedToken`] has claims.
//! No cryptography, no clock and no network here: a token can name a key by `kid`, never bring or fetch one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::jwk::Algorithm;
use crate::unique::{ObjectError, parse_object};
use crate::{AccessTokenClaims, ActingParty, Timestamp};

/// The longest token that is looked at, in bytes. Ours have about 600.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The longest `kid`, in bytes.
pub const MAX_KID_BYTES: usize = 128;

/// The most that clocks may differ, in seconds. [`ExpectedClaims::leeway_secs`] is cut to it.
pub const MAX_LEEWAY_SECS: u64 = 5;

/// Most parties in a chain of `act` (RFC 8693 §4.1).
pub const MAX_ACTING: usize = 4;

/// The longest `sub`, `jti` and `sid`, in bytes (RFC 9068 gives none; OpenID Connect Core §2 allows `sub` 255).
pub(crate) const MAX_IDENTIFIER_BYTES: usize = 255;

/// The `typ` of an access token.
const ACCESS_TOKEN_TYPES: [&str; 2] = ["at+jwt", "application/at+jwt"];

/// Header members that carry or point to a key of the sender's choice, or change how the token is to be read.
pub(crate) const REFUSED_HEADERS: [&str; 6] = ["crit", "b64", "jwk", "jku", "x5c", "x5u"];

/// Why a token was refused. For logs: the public answer is `invalid_token` for all of them. Holds nothing of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenRefusal {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// Not `header.payload.signature`.
    #[error("the token does not have exactly three parts")]
    NotThreeParts,
    /// A part is not base64url without padding (RFC 7515 §2); the part is named.
    #[error("the {0} is not strict base64url")]
    NotBase64Url(&'static str),
    /// Header or payload is not one JSON object in UTF-8.
    #[error("the {0} is not a JSON object")]
    NotAnObject(&'static str),
    /// Two equal keys in one JSON object: two readers could see two tokens (RFC 8725 §2.4).
    #[error("the {0} has a key twice")]
    DuplicateKey(&'static str),
    /// A header member that is never accepted.
    #[error("the header has `{0}`")]
    HeaderRefused(&'static str),
    /// `typ` is that of another kind of token: access tokens have `at+jwt` or `application/at+jwt` (RFC 9068 §4).
    #[error("`typ` is that of another kind of token")]
    WrongType,
    /// `alg` is missing, not a string, or not the one algorithm that the key is pinned to.
    #[error("`alg` is not the key's algorithm")]
    WrongAlgorithm,
    /// `kid` is missing, not a string, empty or longer than [`MAX_KID_BYTES`].
    #[error("`kid` is missing or unusable")]
    UnusableKid,
    /// No usable key has exactly this `kid`.
    #[error("`kid` names no known key")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the signature does not verify")]
    BadSignature,
    /// A claim is missing or has the wrong type or form; the claim is named.
    #[error("the claim `{0}` is missing or malformed")]
    BadClaim(&'static str),
    /// From another issuer.
    #[error("`iss` is another issuer")]
    WrongIssuer,
    /// For another audience.
    #[error("`aud` is another audience")]
    WrongAudience,
    /// `exp` and the leeway have passed.
    #[error("the token has expired")]
    Expired,
    /// `iat` or `nbf` is later than now and the leeway.
    #[error("the token is not valid yet")]
    NotYetValid,
}

/// What a verifier demands of the claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedClaims {
    /// The issuer, compared whole-string.
    pub issuer: String,
    /// The accepted audiences; the token's one `aud` must equal one of them.
    pub audiences: Vec<String>,
    /// How far the clocks may differ, in seconds; cut to [`MAX_LEEWAY_SECS`].
    pub leeway_secs: u64,
}

impl ExpectedClaims {
    /// Whether a token that ends at `exp` is over at `now`, the leeway included.
    pub fn has_expired(&self, exp: i64, now: Timestamp) -> bool {
        now >= Timestamp::from_secs(exp).plus_secs(self.leeway())
    }

    fn leeway(&self) -> u64 {
        self.leeway_secs.min(MAX_LEEWAY_SECS)
    }
}

/// A token whose form and header are in order. Nothing in it can be trusted yet.
#[derive(Debug)]
pub struct UnverifiedToken<'a> {
    signing_input: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
    algorithm: String,
    kid: String,
}

/// A token whose signature fits the key that its `kid` names.
#[derive(Debug)]
pub struct SignedToken {
    claims: Map<String, Value>,
}

impl<'a> UnverifiedToken<'a> {
    /// Reads form and header.
    ///
    /// # Errors
    /// Whatever is wrong with them, before any key is looked up.
    pub fn parse(token: &'a str) -> Result<Self, TokenRefusal> {
        Self::parse_of_type(token, &ACCESS_TOKEN_TYPES)
    }

    /// As [`UnverifiedToken::parse`], of another kind of token.
    pub(crate) fn parse_of_type(token: &'a str, types: &[&str]) -> Result<Self, TokenRefusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenRefusal::TooLong);
        }
        let (signing_input, signature) =
            token.rsplit_once('.').ok_or(TokenRefusal::NotThreeParts)?;
        let (header, payload) = signing_input
            .split_once('.')
            .ok_or(TokenRefusal::NotThreeParts)?;
        if payload.contains('.') {
            return Err(TokenRefusal::NotThreeParts);
        }
        let header = object(header, "header")?;
        if let Some(name) = REFUSED_HEADERS
            .into_iter()
            .find(|name| header.contains_key(*name))
        {
            return Err(TokenRefusal::HeaderRefused(name));
        }
        let typ = header
            .get("typ")
            .and_then(Value::as_str)
            .ok_or(TokenRefusal::WrongType)?;
        if !types.iter().any(|known| typ.eq_ignore_ascii_case(known)) {
            return Err(TokenRefusal::WrongType);
        }
        let algorithm = header
            .get("alg")
            .and_then(Value::as_str)
            .ok_or(TokenRefusal::WrongAlgorithm)?;
        let kid = header
            .get("kid")
            .and_then(Value::as_str)
            .ok_or(TokenRefusal::UnusableKid)?;
        if kid.is_empty() || kid.len() > MAX_KID_BYTES {
            return Err(TokenRefusal::UnusableKid);
        }
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| TokenRefusal::NotBase64Url("signature"))?;
        Ok(Self {
            signing_input,
            payload,
            signature,
            algorithm: algorithm.to_owned(),
            kid: kid.to_owned(),
        })
    }

    /// The name of the key, for an exact lookup in the issuer's key set.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Checks the signature: `check` is given the signed bytes and the raw signature. `pinned` is the algorithm that the
    /// *key* is for; the token's `alg` only has to agree, it never chooses.
    ///
    /// # Errors
    /// A wrong algorithm, a signature that does not fit, or a payload that is not a JSON object.
    pub fn verify_with(
        self,
        pinned: Algorithm,
        check: impl FnOnce(&[u8], &[u8]) -> bool,
    ) -> Result<SignedToken, TokenRefusal> {
        if self.algorithm != pinned.name() {
            return Err(TokenRefusal::WrongAlgorithm);
        }
        if !check(self.signing_input.as_bytes(), &self.signature) {
            return Err(TokenRefusal::BadSignature);
        }
        Ok(SignedToken {
            claims: object(self.payload, "payload")?,
        })
    }
}

impl SignedToken {
    /// Checks every claim (RFC 9068 §4, RFC 7519 §4.1).
    ///
    /// # Errors
    /// The first claim that is missing, has the wrong type, or does not hold at `now`.
    pub fn check(
        &self,
        expected: &ExpectedClaims,
        now: Timestamp,
    ) -> Result<AccessTokenClaims, TokenRefusal> {
        let iss = self.text("iss")?;
        if iss != expected.issuer {
            return Err(TokenRefusal::WrongIssuer);
        }
        let aud = self.text("aud")?;
        if !expected.audiences.iter().any(|accepted| accepted == aud) {
            return Err(TokenRefusal::WrongAudience);
        }
        let exp = self.required_time("exp")?;
        let iat = self.required_time("iat")?;
        let nbf = self.time("nbf")?;
        if expected.has_expired(exp, now) {
            return Err(TokenRefusal::Expired);
        }
        let latest_start = now.plus_secs(expected.leeway());
        if Timestamp::from_secs(iat) > latest_start
            || nbf.is_some_and(|nbf| Timestamp::from_secs(nbf) > latest_start)
        {
            return Err(TokenRefusal::NotYetValid);
        }
        Ok(AccessTokenClaims {
            iss: iss.to_owned(),
            sub: self.identifier("sub")?.to_owned(),
            aud: aud.to_owned(),
            exp,
            iat,
            jti: self.identifier("jti")?.to_owned(),
            client_id: self
                .text("client_id")?
                .parse()
                .map_err(|_| TokenRefusal::BadClaim("client_id"))?,
            sid: self.if_present("sid", Self::identifier)?.map(str::to_owned),
            auth_time: self.time("auth_time")?,
            scope: self
                .if_present("scope", Self::text)?
                .unwrap_or_default()
                .parse()
                .map_err(|_| TokenRefusal::BadClaim("scope"))?,
            gid: self
                .if_present("gid", Self::identifier)?
                .map(str::parse)
                .transpose()
                .map_err(|_| TokenRefusal::BadClaim("gid"))?,
            act: self
                .claims
                .get("act")
                .map(|act| acting_party(act, MAX_ACTING))
                .transpose()?,
        })
    }

    /// As [`SignedToken::check`], whomever the token is for: only for the issuer itself, where it says what its tokens are
    /// worth. Anybody else who takes any audience takes tokens that were handed to others.
    ///
    /// # Errors
    /// As [`SignedToken::check`].
    pub fn check_of_any_audience(
        &self,
        issuer: &str,
        now: Timestamp,
    ) -> Result<AccessTokenClaims, TokenRefusal> {
        let expected = ExpectedClaims {
            issuer: issuer.to_owned(),
            audiences: vec![self.text("aud")?.to_owned()],
            leeway_secs: MAX_LEEWAY_SECS,
        };
        self.check(&expected, now)
    }

    pub(crate) fn if_present<'a>(
        &'a self,
        name: &'static str,
        read: fn(&'a Self, &'static str) -> Result<&'a str, TokenRefusal>,
    ) -> Result<Option<&'a str>, TokenRefusal> {
        if self.claims.contains_key(name) {
            read(self, name).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(crate) fn text(&self, name: &'static str) -> Result<&str, TokenRefusal> {
        self.claims
            .get(name)
            .and_then(Value::as_str)
            .ok_or(TokenRefusal::BadClaim(name))
    }

    fn identifier(&self, name: &'static str) -> Result<&str, TokenRefusal> {
        self.text(name)
            .ok()
            .filter(|value| !value.is_empty() && value.len() <= MAX_IDENTIFIER_BYTES)
            .ok_or(TokenRefusal::BadClaim(name))
    }

    fn required_time(&self, name: &'static str) -> Result<i64, TokenRefusal> {
        self.time(name)?.ok_or(TokenRefusal::BadClaim(name))
    }

    /// RFC 7519 lets a NumericDate have a fraction. The issuer never writes one, so anything but a plain integer is refused.
    fn time(&self, name: &'static str) -> Result<Option<i64>, TokenRefusal> {
        match self.claims.get(name) {
            None => Ok(None),
            Some(value) => value
                .as_i64()
                .filter(|secs| *secs >= 0)
                .map(Some)
                .ok_or(TokenRefusal::BadClaim(name)),
        }
    }
}

/// The chain of those who act, which is as long as `most` at the most.
fn acting_party(act: &Value, most: usize) -> Result<ActingParty, TokenRefusal> {
    let bad = TokenRefusal::BadClaim("act");
    let sub = act
        .get("sub")
        .and_then(Value::as_str)
        .filter(|sub| !sub.is_empty() && sub.len() <= MAX_IDENTIFIER_BYTES)
        .ok_or(bad)?;
    let before = match act.get("act") {
        None => None,
        Some(_) if most <= 1 => return Err(bad),
        Some(before) => Some(Box::new(acting_party(before, most - 1)?)),
    };
    Ok(ActingParty {
        sub: sub.to_owned(),
        act: before,
    })
}

/// The engine refuses padding, whitespace, the `+/` alphabet and non-zero trailing bits.
pub(crate) fn object(part: &str, name: &'static str) -> Result<Map<String, Value>, TokenRefusal> {
    let json = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenRefusal::NotBase64Url(name))?;
    parse_object(&json).map_err(|error| match error {
        ObjectError::Malformed => TokenRefusal::NotAnObject(name),
        ObjectError::DuplicateKey => TokenRefusal::DuplicateKey(name),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);

    fn expected() -> ExpectedClaims {
        ExpectedClaims {
            issuer: "https://api.example.com/iam".to_owned(),
            audiences: vec!["https://api.example.com".to_owned()],
            leeway_secs: 60,
        }
    }

    fn claims() -> Value {
        json!({
            "iss": "https://api.example.com/iam", "sub": "usr_1", "aud": "https://api.example.com",
            "exp": 1_000_300, "iat": 1_000_000, "jti": "j", "client_id": "web", "scope": "b a",
        })
    }

    fn token(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(header), part(claims))
    }

    fn check(claims: &Value, now: Timestamp) -> Result<AccessTokenClaims, TokenRefusal> {
        let token = token(
            &json!({"alg": "ES256", "typ": "at+jwt", "kid": "k"}),
            claims,
        );
        UnverifiedToken::parse(&token)?
            .verify_with(Algorithm::Es256, |_, sig| sig == b"sig")?
            .check(&expected(), now)
    }

    #[test]
    fn a_good_token_gives_its_claims() {
        let got = check(&claims(), NOW).unwrap();
        assert_eq!(
            (got.sub.as_str(), got.scope.to_string().as_str(), got.sid),
            ("usr_1", "a b", None)
        );
    }

    #[test]
    fn the_leeway_is_at_most_five_seconds() {
        assert!(check(&claims(), Timestamp::from_millis(1_000_304_999)).is_ok());
        assert_eq!(
            check(&claims(), Timestamp::from_secs(1_000_305)),
            Err(TokenRefusal::Expired)
        );
        assert!(check(&claims(), Timestamp::from_secs(999_995)).is_ok());
        assert_eq!(
            check(&claims(), Timestamp::from_millis(999_994_999)),
            Err(TokenRefusal::NotYetValid)
        );
    }

    #[test]
    fn the_keys_algorithm_decides_not_the_tokens() {
        let token = token(
            &json!({"alg": "ES256", "typ": "at+jwt", "kid": "k"}),
            &claims(),
        );
        let parsed = UnverifiedToken::parse(&token).unwrap();
        let refusal = parsed
            .verify_with(Algorithm::EdDsa, |_, _| panic!("must not be asked"))
            .unwrap_err();
        assert_eq!(refusal, TokenRefusal::WrongAlgorithm);
    }

    #[test]
    fn claims_are_not_read_before_the_signature_fits() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","typ":"AT+JWT","kid":"k"}"#);
        let token = format!("{header}.bm90IGpzb24.c2ln");
        let refusal = |good: bool| {
            UnverifiedToken::parse(&token)
                .unwrap()
                .verify_with(Algorithm::Es256, |_, _| good)
                .unwrap_err()
        };
        assert_eq!(refusal(false), TokenRefusal::BadSignature);
        assert_eq!(refusal(true), TokenRefusal::NotAnObject("payload"));
    }

    #[test]
    fn an_ill_typed_optional_claim_is_refused_too() {
        for (name, value) in [
            ("sid", json!(1)),
            ("scope", json!(["a"])),
            ("auth_time", json!("1")),
            ("nbf", json!(1.5)),
        ] {
            let mut claims = claims();
            claims[name] = value;
            assert_eq!(
                check(&claims, NOW),
                Err(TokenRefusal::BadClaim(name)),
                "{name}"
            );
        }
    }
}
