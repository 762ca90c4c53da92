//! An ID token that a client gives back, to say which user it means (OpenID Connect Core §3.1.2.1, RP-Initiated Logout §2).
//!
//! It proves nothing about who is there: it went through the browser before, and more often than not it has expired, which is
//! no fault here. It only has to be ours and, where the client is known otherwise, the client's own. As for access tokens,
//! the order is forced by types: form, signature, claims.

use crate::id_token::TYPE;
use crate::jwk::Algorithm;
use crate::jwt::{SignedToken, TokenRefusal, UnverifiedToken};
use crate::{ClientId, Issuer, SessionId, UserId};

/// What a good hint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdTokenHint {
    /// The client that the ID token was for.
    pub client_id: ClientId,
    /// Who had signed in.
    pub user: UserId,
    /// In which session.
    pub session: Option<SessionId>,
}

/// A hint whose form and header are in order. Nothing in it can be trusted yet.
#[derive(Debug)]
pub struct UnverifiedHint<'a>(UnverifiedToken<'a>);

/// A hint whose signature fits the key that its `kid` names.
#[derive(Debug)]
pub struct SignedHint(SignedToken);

impl<'a> UnverifiedHint<'a> {
    /// Reads form and header. An access token is no hint.
    ///
    /// # Errors
    /// Whatever is wrong with them, before any key is looked up.
    pub fn parse(token: &'a str) -> Result<Self, TokenRefusal> {
        UnverifiedToken::parse_of_type(token, &[TYPE]).map(Self)
    }

    /// The name of the key, for an exact lookup among our own.
    pub fn kid(&self) -> &str {
        self.0.kid()
    }

    /// As [`UnverifiedToken::verify_with`].
    ///
    /// # Errors
    /// As there.
    pub fn verify_with(
        self,
        pinned: Algorithm,
        check: impl FnOnce(&[u8], &[u8]) -> bool,
    ) -> Result<SignedHint, TokenRefusal> {
        self.0.verify_with(pinned, check).map(SignedHint)
    }
}

impl SignedHint {
    /// What it says, whatever its age.
    ///
    /// # Errors
    /// It is another issuer's, or a claim is missing or malformed.
    pub fn check(&self, issuer: &Issuer) -> Result<IdTokenHint, TokenRefusal> {
        let Self(token) = self;
        if token.text("iss")? != issuer.as_str() {
            return Err(TokenRefusal::WrongIssuer);
        }
        let bad = TokenRefusal::BadClaim;
        let session = token.if_present("sid", SignedToken::text)?;
        Ok(IdTokenHint {
            client_id: token.text("aud")?.parse().map_err(|_| bad("aud"))?,
            user: token.text("sub")?.parse().map_err(|_| bad("sub"))?,
            session: session
                .map(str::parse)
                .transpose()
                .map_err(|_| bad("sid"))?,
        })
    }
}

impl IdTokenHint {
    /// The same, if it is of this client.
    ///
    /// # Errors
    /// It was given to another.
    pub fn of(self, client: &ClientId) -> Result<Self, TokenRefusal> {
        if self.client_id == *client {
            Ok(self)
        } else {
            Err(TokenRefusal::WrongAudience)
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    const USER: &str = "usr_AAAAAAAAAAAAAAAAAAAAAA";
    const SESSION: &str = "ses_AAAAAAAAAAAAAAAAAAAAAA";

    fn header() -> Value {
        json!({"alg": "ES256", "typ": "JWT", "kid": "k"})
    }

    fn claims() -> Value {
        json!({
            "iss": "https://api.example.com/iam", "sub": USER, "aud": "app", "sid": SESSION, "nonce": "n",
            "iat": 1, "exp": 301, "auth_time": 1,
        })
    }

    fn read(header: &Value, claims: &Value) -> Result<IdTokenHint, TokenRefusal> {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!("{}.{}.c2ln", part(header), part(claims));
        let issuer = "https://api.example.com/iam".parse().unwrap();
        UnverifiedHint::parse(&token)?
            .verify_with(Algorithm::Es256, |_, signature| signature == b"sig")?
            .check(&issuer)
    }

    fn with(base: Value, name: &str, value: Value) -> Value {
        let mut all = base;
        all[name] = value;
        all
    }

    #[test]
    fn an_id_token_of_long_ago_still_says_who_is_meant() {
        let hint = read(&header(), &claims()).unwrap();
        assert_eq!(hint.client_id.as_str(), "app");
        assert_eq!(hint.user.as_str(), USER);
        assert_eq!(hint.session.as_ref().map(SessionId::as_str), Some(SESSION));
        let (own, other) = ("app".parse().unwrap(), "other".parse().unwrap());
        assert_eq!(hint.clone().of(&own), Ok(hint.clone()));
        assert_eq!(hint.of(&other), Err(TokenRefusal::WrongAudience));
        let mut without = claims();
        without.as_object_mut().unwrap().remove("sid");
        assert_eq!(read(&header(), &without).unwrap().session, None);
    }

    #[test]
    fn c051_what_is_not_ours_or_no_id_token_is_no_hint() {
        use TokenRefusal as R;
        for (name, value, refusal) in [
            ("typ", json!("at+jwt"), R::WrongType),
            ("typ", json!("client-authentication+jwt"), R::WrongType),
            ("typ", Value::Null, R::WrongType),
            ("alg", json!("none"), R::WrongAlgorithm),
            ("alg", json!("HS256"), R::WrongAlgorithm),
            ("kid", json!(""), R::UnusableKid),
            ("jwk", json!({}), R::HeaderRefused("jwk")),
            ("crit", json!([]), R::HeaderRefused("crit")),
        ] {
            let header = with(header(), name, value.clone());
            assert_eq!(read(&header, &claims()), Err(refusal), "{name} {value}");
        }
        for (name, value, refusal) in [
            ("iss", json!("https://api.example.com"), R::WrongIssuer),
            ("iss", json!("https://api.example.com/iam/"), R::WrongIssuer),
            (
                "iss",
                json!(["https://api.example.com/iam"]),
                R::BadClaim("iss"),
            ),
            ("aud", json!(["app"]), R::BadClaim("aud")),
            ("aud", json!("https://api.example.com"), R::BadClaim("aud")),
            (
                "sub",
                json!("cli_AAAAAAAAAAAAAAAAAAAAAA"),
                R::BadClaim("sub"),
            ),
            ("sub", json!(""), R::BadClaim("sub")),
            ("sid", json!("ada"), R::BadClaim("sid")),
            ("sid", Value::Null, R::BadClaim("sid")),
        ] {
            let claims = with(claims(), name, value.clone());
            assert_eq!(read(&header(), &claims), Err(refusal), "{name} {value}");
        }
        let forged = UnverifiedHint::parse("e30.e30.e30");
        assert_eq!(forged.map(|_| ()), Err(R::WrongType));
        for text in ["", "x", "a.b.c", "e30.e30", &"a".repeat(9000)] {
            assert!(UnverifiedHint::parse(text).is_err(), "{text}");
        }
    }
}
