//! How a client proves who it is with a signed assertion (RFC 7523 §3, `private_key_jwt`).
//!
//! The audience is the issuer as one string and nothing else: not the address of an endpoint, not an array, and never what
//! a request calls the service (CVE-2025-27370). As for access tokens, the order is forced by types: form, signature,
//! claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::jwk::Algorithm;
use crate::jwt::{MAX_IDENTIFIER_BYTES, MAX_TOKEN_BYTES, REFUSED_HEADERS, TokenRefusal, object};
use crate::{ClientId, Timestamp};

/// How long an assertion may live, in seconds.
pub const MAX_LIFETIME_SECS: u64 = 60;

/// How far the clocks of client and service may differ, in seconds.
pub const SKEW_SECS: u64 = 15;

/// The `typ` that an assertion may have.
const TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];

/// Why an assertion proves nothing. For logs: to the caller it is `invalid_client`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionRefusal {
    /// What is wrong with any JWT.
    #[error(transparent)]
    Token(#[from] TokenRefusal),
    /// `iss` and `sub` are not both the client.
    #[error("`iss` and `sub` are not both the client")]
    NotTheClient,
    /// `exp` is later than an assertion may live.
    #[error("`exp` is more than {MAX_LIFETIME_SECS} s away")]
    LivesTooLong,
}

/// An assertion in order but for its signature. Nothing in it can be trusted yet.
#[derive(Debug)]
pub struct UnverifiedAssertion<'a> {
    signing_input: &'a str,
    signature: Vec<u8>,
    algorithm: String,
    kid: Option<String>,
    claims: Map<String, Value>,
}

/// An assertion that a key of the client signed.
#[derive(Debug)]
pub struct SignedAssertion {
    claims: Map<String, Value>,
}

/// What an assertion leaves behind once it was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// Its `jti`, which no other assertion of the client may have.
    pub jti: String,
    /// Until then it has to be remembered.
    pub until: Timestamp,
}

impl<'a> UnverifiedAssertion<'a> {
    /// Reads the form.
    ///
    /// # Errors
    /// Whatever is wrong with it, before a key is looked up.
    pub fn parse(jwt: &'a str) -> Result<Self, TokenRefusal> {
        if jwt.len() > MAX_TOKEN_BYTES {
            return Err(TokenRefusal::TooLong);
        }
        let (signing_input, signature) = jwt.rsplit_once('.').ok_or(TokenRefusal::NotThreeParts)?;
        let (header, payload) = signing_input
            .split_once('.')
            .filter(|(_, payload)| !payload.contains('.'))
            .ok_or(TokenRefusal::NotThreeParts)?;
        let header = object(header, "header")?;
        if let Some(name) = REFUSED_HEADERS
            .into_iter()
            .find(|name| header.contains_key(*name))
        {
            return Err(TokenRefusal::HeaderRefused(name));
        }
        let text = |name: &str| header.get(name).map(Value::as_str);
        match text("typ") {
            None => {}
            Some(Some(typ)) if TYPES.iter().any(|known| known.eq_ignore_ascii_case(typ)) => {}
            Some(_) => return Err(TokenRefusal::WrongType),
        }
        let algorithm = text("alg").flatten().ok_or(TokenRefusal::WrongAlgorithm)?;
        let kid = match text("kid") {
            None => None,
            Some(kid) => Some(kid.ok_or(TokenRefusal::UnusableKid)?.to_owned()),
        };
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| TokenRefusal::NotBase64Url("signature"))?;
        Ok(Self {
            signing_input,
            signature,
            algorithm: algorithm.to_owned(),
            kid,
            claims: object(payload, "payload")?,
        })
    }

    /// Who it says it is of: whose keys to look for.
    pub fn client_id(&self) -> Option<ClientId> {
        self.claims.get("sub")?.as_str()?.parse().ok()
    }

    /// The name of the key, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm that it names. It only has to agree with the key's.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// Checks the signature: `check` is given the signed bytes and the raw signature. `pinned` is the algorithm of the key.
    ///
    /// # Errors
    /// Another algorithm, or a signature that does not fit.
    pub fn verify_with(
        self,
        pinned: Algorithm,
        check: impl FnOnce(&[u8], &[u8]) -> bool,
    ) -> Result<SignedAssertion, TokenRefusal> {
        if self.algorithm != pinned.name() {
            return Err(TokenRefusal::WrongAlgorithm);
        }
        if !check(self.signing_input.as_bytes(), &self.signature) {
            return Err(TokenRefusal::BadSignature);
        }
        Ok(SignedAssertion {
            claims: self.claims,
        })
    }
}

impl SignedAssertion {
    /// Checks that it is of this client, for this issuer, and of this minute.
    ///
    /// # Errors
    /// The first claim that does not hold.
    pub fn check(
        &self,
        client: &ClientId,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Used, AssertionRefusal> {
        let text = |name: &'static str| {
            let value = self.claims.get(name).and_then(Value::as_str);
            value.ok_or(TokenRefusal::BadClaim(name))
        };
        if text("iss")? != client.as_str() || text("sub")? != client.as_str() {
            return Err(AssertionRefusal::NotTheClient);
        }
        if text("aud")? != issuer {
            return Err(TokenRefusal::WrongAudience.into());
        }
        let exp = self.time("exp")?.ok_or(TokenRefusal::BadClaim("exp"))?;
        let until = exp.plus_secs(SKEW_SECS);
        if now >= until {
            return Err(TokenRefusal::Expired.into());
        }
        if exp > now.plus_secs(MAX_LIFETIME_SECS + SKEW_SECS) {
            return Err(AssertionRefusal::LivesTooLong);
        }
        for name in ["iat", "nbf"] {
            if self
                .time(name)?
                .is_some_and(|at| at > now.plus_secs(SKEW_SECS))
            {
                return Err(TokenRefusal::NotYetValid.into());
            }
        }
        let jti = text("jti")?;
        if jti.is_empty() || jti.len() > MAX_IDENTIFIER_BYTES {
            return Err(TokenRefusal::BadClaim("jti").into());
        }
        Ok(Used {
            jti: jti.to_owned(),
            until,
        })
    }

    /// RFC 7519 lets a time have a fraction, and some libraries write one: it is cut off.
    fn time(&self, name: &'static str) -> Result<Option<Timestamp>, TokenRefusal> {
        let Some(value) = self.claims.get(name) else {
            return Ok(None);
        };
        let whole = value.as_i64().or_else(|| {
            let digits = value
                .as_f64()
                .filter(|secs| *secs < 1e12)?
                .trunc()
                .to_string();
            digits.parse().ok()
        });
        // Beyond the year 30000 it is no time; and sums with it stay far from the limits of a number.
        match whole.filter(|secs| (0..1_000_000_000_000).contains(secs)) {
            Some(secs) => Ok(Some(Timestamp::from_secs(secs))),
            None => Err(TokenRefusal::BadClaim(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const ISSUER: &str = "https://api.example.com/iam";

    fn claims() -> Value {
        json!({"iss": "app", "sub": "app", "aud": ISSUER, "jti": "1", "exp": NOW.secs() + 60, "iat": NOW.secs()})
    }

    fn jwt(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!(
            "{}.{}.{}",
            part(header),
            part(claims),
            URL_SAFE_NO_PAD.encode("s")
        )
    }

    fn checked(claims: &Value) -> Result<Used, AssertionRefusal> {
        let jwt = jwt(&json!({"alg": "ES256", "kid": "k"}), claims);
        let signed =
            UnverifiedAssertion::parse(&jwt)?.verify_with(Algorithm::Es256, |_, _| true)?;
        signed.check(&"app".parse().unwrap(), ISSUER, NOW)
    }

    fn with(name: &str, value: Value) -> Result<Used, AssertionRefusal> {
        let mut claims = claims();
        claims[name] = value;
        checked(&claims)
    }

    #[test]
    fn c108_the_audience_is_the_issuer_as_one_string() {
        let used = Used {
            jti: "1".to_owned(),
            until: NOW.plus_secs(75),
        };
        assert_eq!(checked(&claims()), Ok(used));
        for aud in [
            json!("https://api.example.com/iam/oauth/token"),
            json!("https://api.example.com/iam/"),
            json!("https://api.example.com"),
            json!("https://API.example.com/iam"),
            json!([ISSUER]),
            json!([ISSUER, "https://other.example"]),
            json!(null),
            json!(7),
        ] {
            assert!(with("aud", aud.clone()).is_err(), "{aud}");
        }
    }

    #[test]
    fn c108_it_is_of_the_client_and_of_this_minute() {
        let now = NOW.secs();
        for (name, value) in [
            ("iss", json!("other")),
            ("sub", json!("other")),
            ("iss", json!(ISSUER)),
            ("sub", json!(null)),
            ("exp", json!(now + 76)),
            ("exp", json!(now - 15)),
            ("exp", json!(null)),
            ("exp", json!("1800000060")),
            ("exp", json!(-1)),
            ("exp", json!(i64::MAX)),
            ("exp", json!(1e300)),
            ("iat", json!(now + 16)),
            ("nbf", json!(now + 16)),
            ("jti", json!("")),
            ("jti", json!("x".repeat(256))),
            ("jti", json!(7)),
        ] {
            assert!(with(name, value.clone()).is_err(), "{name} {value}");
        }
        for (name, value) in [
            ("exp", json!(now + 75)),
            ("exp", json!(now - 14)),
            ("exp", json!(1_800_000_030.5)),
            ("iat", json!(now + 15)),
            ("nbf", json!(now + 15)),
        ] {
            assert!(with(name, value.clone()).is_ok(), "{name} {value}");
        }
        for name in ["iss", "sub", "aud", "exp", "jti"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            assert!(checked(&claims).is_err(), "{name}");
        }
    }

    #[test]
    fn c108_the_header_brings_no_key_and_chooses_no_algorithm() {
        for header in [
            json!({"alg": "none"}),
            json!({"alg": "HS256"}),
            json!({"kid": "k"}),
            json!({"alg": "RS256", "kid": "k"}),
            json!({"alg": "ES256", "typ": "at+jwt"}),
            json!({"alg": "ES256", "typ": 1}),
            json!({"alg": "ES256", "kid": 1}),
            json!({"alg": "ES256", "jwk": {}}),
            json!({"alg": "ES256", "jku": "https://evil.example"}),
            json!({"alg": "ES256", "x5u": "https://evil.example"}),
            json!({"alg": "ES256", "crit": ["b64"]}),
        ] {
            let jwt = jwt(&header, &claims());
            let verified = UnverifiedAssertion::parse(&jwt)
                .and_then(|assertion| assertion.verify_with(Algorithm::Es256, |_, _| true));
            assert!(verified.is_err(), "{header}");
        }
        for typ in ["JWT", "jwt", "client-authentication+jwt"] {
            let jwt = jwt(&json!({"alg": "ES256", "typ": typ}), &claims());
            assert!(UnverifiedAssertion::parse(&jwt).is_ok(), "{typ}");
        }
        let jwt = jwt(&json!({"alg": "ES256"}), &claims());
        let assertion = UnverifiedAssertion::parse(&jwt).unwrap();
        let refused = assertion.verify_with(Algorithm::Es256, |_, _| false);
        assert_eq!(refused.err(), Some(TokenRefusal::BadSignature));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*", claims in ".*") {
            let _ = UnverifiedAssertion::parse(&text);
            let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
            let jwt = format!("{}.{}.{}", part(r#"{"alg":"ES256"}"#), part(&claims), part("s"));
            let _ = UnverifiedAssertion::parse(&jwt);
        }
    }
}
