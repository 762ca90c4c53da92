//! Where a request carries its access token (RFC 6750 §2.1).

use crate::BearerChallenge;

/// The token in the raw values of a request's `Authorization` fields. The scheme's case does not matter.
///
/// # Errors
/// What to answer instead: [`BearerChallenge::TokenMissing`] when there is no field or another scheme,
/// [`BearerChallenge::InvalidRequest`] for two fields, since which of them counts is anybody's guess, and
/// [`BearerChallenge::InvalidToken`] for bytes that no token has.
pub fn token<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Result<&'a str, BearerChallenge> {
    let mut fields = fields.into_iter();
    let field = fields.next().ok_or(BearerChallenge::TokenMissing)?;
    if fields.next().is_some() {
        return Err(BearerChallenge::InvalidRequest);
    }
    let mut parts = field.splitn(2, |&byte| byte == b' ');
    let (scheme, token) = (parts.next().unwrap_or_default(), parts.next());
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(BearerChallenge::TokenMissing);
    }
    str::from_utf8(token.unwrap_or_default()).map_err(|_| BearerChallenge::InvalidToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_follows_the_scheme_and_one_space() {
        for (field, found) in [
            ("Bearer a.b.c", Ok("a.b.c")),
            ("bEARER a.b.c", Ok("a.b.c")),
            ("Bearer  a.b.c", Ok(" a.b.c")),
            ("Bearer", Ok("")),
            ("a.b.c", Err(BearerChallenge::TokenMissing)),
            ("Basic dTpw", Err(BearerChallenge::TokenMissing)),
            ("Bearera.b.c", Err(BearerChallenge::TokenMissing)),
            ("", Err(BearerChallenge::TokenMissing)),
        ] {
            assert_eq!(token([field.as_bytes()]), found, "{field}");
        }
        assert_eq!(token([]), Err(BearerChallenge::TokenMissing));
        assert_eq!(
            token([&b"Bearer a.b.c"[..], b"Basic dTpw"]),
            Err(BearerChallenge::InvalidRequest)
        );
        assert_eq!(
            token([&b"Bearer \xff"[..]]),
            Err(BearerChallenge::InvalidToken)
        );
    }
}
