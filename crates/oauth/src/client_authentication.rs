//! Which client a request says it is from, and how it proves that (OAuth 2.1 §2.4): read from the `Authorization` header
//! and the form, never from both.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ClientAuthentication;
use crate::form::Form;

/// The one `client_assertion_type` (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a request presents. Nothing of it is checked yet.
#[derive(Clone, PartialEq, Eq)]
pub enum Presented<'a> {
    /// A name and no proof: a public client.
    Name(&'a str),
    /// A secret.
    Secret {
        /// Whose.
        client_id: Cow<'a, str>,
        /// The secret.
        secret: Cow<'a, str>,
        /// Whether it came in the `Authorization` header, and not in the form.
        basic: bool,
    },
    /// A signed assertion.
    Assertion {
        /// Whose, where the form says so; the assertion does in any case.
        client_id: Option<&'a str>,
        /// The assertion.
        jwt: &'a str,
    },
}

impl Presented<'_> {
    /// The way that it is.
    pub fn way(&self) -> ClientAuthentication {
        match self {
            Self::Name(_) => ClientAuthentication::None,
            Self::Secret { basic: true, .. } => ClientAuthentication::ClientSecretBasic,
            Self::Secret { basic: false, .. } => ClientAuthentication::ClientSecretPost,
            Self::Assertion { .. } => ClientAuthentication::PrivateKeyJwt,
        }
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presented({})", self.way())
    }
}

/// Why a request names no client, or not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// There is neither a proof nor a name.
    #[error("the request names no client")]
    Nobody,
    /// There is more than one way, or one of them twice.
    #[error("a client proves who it is in one way at a time")]
    SeveralWays,
    /// `client_id` is not who the proof is of.
    #[error("client_id is not the client that proves who it is")]
    OtherClient,
    /// `client_assertion_type` is missing or another.
    #[error("client_assertion_type is not {ASSERTION_TYPE}")]
    AssertionType,
    /// The `Authorization` header is not `Basic` with form-encoded id and secret.
    #[error("the Authorization header is not of the scheme Basic with id and secret")]
    Authorization,
}

/// Reads it from the values of all `Authorization` fields and the form.
///
/// # Errors
/// When there is nothing, too much, or something unreadable.
pub fn presented<'a>(
    authorization: impl IntoIterator<Item = &'a [u8]>,
    form: &'a Form<'_>,
) -> Result<Presented<'a>, Unreadable> {
    let mut fields = authorization.into_iter();
    let (header, second) = (fields.next(), fields.next());
    let (client_id, secret) = (form.get("client_id"), form.get("client_secret"));
    let (assertion, kind) = (
        form.get("client_assertion"),
        form.get("client_assertion_type"),
    );
    let in_form = usize::from(secret.is_some()) + usize::from(assertion.or(kind).is_some());
    if second.is_some() || in_form + usize::from(header.is_some()) > 1 {
        return Err(Unreadable::SeveralWays);
    }
    if let Some(header) = header {
        let (id, secret) = basic(header).ok_or(Unreadable::Authorization)?;
        if client_id.is_some_and(|other| other != id) {
            return Err(Unreadable::OtherClient);
        }
        return Ok(Presented::Secret {
            client_id: id.into(),
            secret: secret.into(),
            basic: true,
        });
    }
    match (client_id, secret, assertion) {
        (client_id, _, Some(jwt)) if kind == Some(ASSERTION_TYPE) => {
            Ok(Presented::Assertion { client_id, jwt })
        }
        _ if assertion.or(kind).is_some() => Err(Unreadable::AssertionType),
        (Some(client_id), Some(secret), _) => Ok(Presented::Secret {
            client_id: client_id.into(),
            secret: secret.into(),
            basic: false,
        }),
        (Some(client_id), None, _) => Ok(Presented::Name(client_id)),
        (None, ..) => Err(Unreadable::Nobody),
    }
}

/// `Basic` and the base64 of id and secret, each form-encoded (RFC 6749 §2.3.1), with a colon between.
fn basic(header: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(header).ok()?;
    let (scheme, rest) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(rest.trim_matches(' ')).ok()?;
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    let (id, secret) = decoded.split_at_checked(colon)?;
    Some((form_decoded(id)?, form_decoded(secret.get(1..)?)?))
}

/// One value of a form, strictly: every `%` begins two hex digits, and the whole is UTF-8.
fn form_decoded(encoded: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.iter().copied();
    let hex = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let value = hex(bytes.next())? * 16 + hex(bytes.next())?;
                u8::try_from(value).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(id: &str, secret: &str) -> String {
        let encoded =
            |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        let pair = format!("{}:{}", encoded(id), encoded(secret));
        format!("Basic {}", STANDARD.encode(pair))
    }

    /// The way, the id and the secret or assertion.
    fn read(
        headers: &[&str],
        body: &str,
    ) -> Result<(ClientAuthentication, String, String), Unreadable> {
        let form = Form::parse(body.as_bytes()).unwrap();
        let read = presented(headers.iter().map(|header| header.as_bytes()), &form)?;
        let way = read.way();
        Ok(match read {
            Presented::Name(id) => (way, id.to_owned(), String::new()),
            Presented::Secret {
                client_id, secret, ..
            } => (way, client_id.into_owned(), secret.into_owned()),
            Presented::Assertion { client_id, jwt } => (
                way,
                client_id.unwrap_or_default().to_owned(),
                jwt.to_owned(),
            ),
        })
    }

    #[test]
    fn c104_a_request_has_exactly_one_way() {
        let basic = header("app", "s");
        let basic = basic.as_str();
        let assertion = format!("client_assertion_type={ASSERTION_TYPE}&client_assertion=j.w.t");
        let several = Err(Unreadable::SeveralWays);
        for (headers, body) in [
            (&[basic, basic][..], String::new()),
            (&[basic], "client_secret=s".to_owned()),
            (&[basic], "client_id=app&client_secret=s".to_owned()),
            (&[basic], assertion.clone()),
            (&[basic], "client_assertion_type=x".to_owned()),
            (&[], format!("client_id=app&client_secret=s&{assertion}")),
            (&["Bearer x"], "client_id=app&client_secret=s".to_owned()),
        ] {
            assert_eq!(read(headers, &body), several, "{headers:?} {body}");
        }
        let ok = |way, secret: &str| Ok((way, "app".to_owned(), secret.to_owned()));
        use ClientAuthentication::*;
        assert_eq!(read(&[basic], ""), ok(ClientSecretBasic, "s"));
        assert_eq!(read(&[basic], "client_id=app"), ok(ClientSecretBasic, "s"));
        assert_eq!(
            read(&[], "client_id=app&client_secret=s"),
            ok(ClientSecretPost, "s")
        );
        assert_eq!(read(&[], "client_id=app"), ok(None, ""));
        assert_eq!(
            read(&[], &format!("client_id=app&{assertion}")),
            ok(PrivateKeyJwt, "j.w.t")
        );
        assert!(
            read(&[], &assertion).is_ok(),
            "the assertion names the client"
        );
    }

    #[test]
    fn what_names_no_client_is_refused() {
        let basic = header("app", "s");
        for (headers, body, why) in [
            (&[][..], "", Unreadable::Nobody),
            (&[], "client_secret=s", Unreadable::Nobody),
            (
                &[basic.as_str()],
                "client_id=other",
                Unreadable::OtherClient,
            ),
            (
                &[],
                "client_id=app&client_assertion=x",
                Unreadable::AssertionType,
            ),
            (
                &[],
                "client_id=app&client_assertion_type=x&client_assertion=x",
                Unreadable::AssertionType,
            ),
            (&["Bearer x"], "client_id=app", Unreadable::Authorization),
            (&["Basic"], "", Unreadable::Authorization),
            (&["Basic !"], "", Unreadable::Authorization),
            (&["Basic YXBw"], "", Unreadable::Authorization),
            (&["Basic YXBwOiV6eg=="], "", Unreadable::Authorization),
        ] {
            assert_eq!(read(headers, body), Err(why), "{headers:?} {body}");
        }
    }

    #[test]
    fn no_secret_in_debug() {
        let form = Form::parse(b"client_id=app&client_secret=hidden").unwrap();
        let read = presented([], &form).unwrap();
        assert_eq!(format!("{read:?}"), "Presented(client_secret_post)");
    }

    proptest! {
        #[test]
        fn c106_every_id_and_secret_survives_basic(id in ".*", secret in ".*") {
            let expected = (ClientAuthentication::ClientSecretBasic, id.clone(), secret.clone());
            prop_assert_eq!(read(&[&header(&id, &secret)], ""), Ok(expected));
        }

        #[test]
        fn c106_any_header_is_read_or_refused(bytes: Vec<u8>, pair: Vec<u8>) {
            basic(&bytes);
            basic(format!("Basic {}", STANDARD.encode(pair)).as_bytes());
        }
    }

    #[test]
    fn c106_special_characters_are_form_decoded() {
        let (id, secret) = ("a:b", "p%q+r s&ü=:");
        let expected = (
            ClientAuthentication::ClientSecretBasic,
            id.to_owned(),
            secret.to_owned(),
        );
        assert_eq!(read(&[&header(id, secret)], ""), Ok(expected));
    }
}
