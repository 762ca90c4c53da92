//! The session cookie: its name, its value, and how it is found in a raw `Cookie` header.
//!
//! Cookie jars decode percent signs, fold case, keep the last of two cookies, or drop a whole header for one odd byte.
//! Each of these lets a neighbour on the same site plant a session or lock one out. So the name is compared byte for
//! byte here, and a browser guards exactly that name (`__Host-`, and `__Host-Http-` in newer ones).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The name of the session cookie (6265bis §4.1.3: only a secure answer of this very host can set it, for `Path=/`).
pub const SESSION_COOKIE: &str = "__Host-Http-sid";

const VALUE_LEN: usize = 43;

/// What the `Cookie` fields of a request hold under one exact name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// Nothing.
    Nothing,
    /// One cookie, its raw value.
    One(&'a [u8]),
    /// More than one. No browser sends that for a `__Host-` name, so none of them can be trusted.
    Several,
}

/// Looks for `name` in the raw values of all `Cookie` fields of a request (HTTP/2 may split them, RFC 9113 §8.2.3).
pub fn find<'a>(fields: impl IntoIterator<Item = &'a [u8]>, name: &str) -> Found<'a> {
    let mut found = Found::Nothing;
    for field in fields {
        for (position, pair) in field.split(|&b| b == b';').enumerate() {
            // The separator is `; `. Any further space belongs to the name, which then is another name.
            let pair = if position == 0 {
                pair
            } else {
                pair.strip_prefix(b" ").unwrap_or(pair)
            };
            let Some(value) = pair
                .strip_prefix(name.as_bytes())
                .and_then(|rest| rest.strip_prefix(b"="))
            else {
                continue;
            };
            found = match found {
                Found::Nothing => Found::One(value),
                Found::One(_) | Found::Several => return Found::Several,
            };
        }
    }
    found
}

/// The value of a session cookie: 256 random bits, a bearer secret. Only its SHA-256 is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey([u8; VALUE_LEN]);

impl SessionKey {
    /// From 256 random bits, which the caller takes from the operating system's generator.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        let mut value = [b'A'; VALUE_LEN];
        // 32 bytes are exactly 43 characters, so this cannot fail; a value of all `A` would be the zero key.
        let written = URL_SAFE_NO_PAD.encode_slice(bytes, &mut value);
        debug_assert_eq!(written, Ok(VALUE_LEN));
        Self(value)
    }

    /// From a cookie's raw value, in the one form that [`SessionKey::from_random`] makes.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let value: [u8; VALUE_LEN] = value.try_into().ok()?;
        let mut bytes = [0; 33];
        URL_SAFE_NO_PAD
            .decode_slice(value, &mut bytes)
            .ok()
            .filter(|len| *len == 32)
            .map(|_| Self(value))
    }

    /// The characters of the cookie's value: what is sent, and what is hashed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The cookie's value as text.
    pub fn expose(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn look(fields: &[&[u8]]) -> Option<Vec<u8>> {
        match find(fields.iter().copied(), SESSION_COOKIE) {
            Found::One(value) => Some(value.to_vec()),
            Found::Nothing | Found::Several => None,
        }
    }

    #[test]
    fn c005_look_alikes_do_not_match() {
        for other in [
            "%5F%5FHost-Http-sid=EVIL",
            "__host-http-sid=EVIL",
            "__HOST-Http-sid=EVIL",
            "__Host-Http-sid =EVIL",
            "a=b;  __Host-Http-sid=EVIL",
            "a=b;\t__Host-Http-sid=EVIL",
            "=__Host-Http-sid=EVIL",
            "__Host-Http-sid",
            "__Host-Http-sid2=EVIL",
            "__Host-sid=EVIL",
            "$Version=1; $Path=/; x__Host-Http-sid=EVIL",
            "\u{2000}__Host-Http-sid=EVIL",
            "a=\"__Host-Http-sid=EVIL\"",
        ] {
            assert_eq!(look(&[other.as_bytes()]), None, "{other}");
            for both in [
                format!("{other}; __Host-Http-sid=GOOD"),
                format!("__Host-Http-sid=GOOD; {other}"),
            ] {
                assert_eq!(
                    look(&[both.as_bytes()]).as_deref(),
                    Some(&b"GOOD"[..]),
                    "{both}"
                );
            }
        }
    }

    #[test]
    fn c006_two_exact_matches_count_as_none() {
        let twice: &[u8] = b"__Host-Http-sid=A; b=c; __Host-Http-sid=A";
        assert_eq!(find([twice], SESSION_COOKIE), Found::Several);
        assert_eq!(
            find(
                [&b"__Host-Http-sid=A"[..], b"__Host-Http-sid=B"],
                SESSION_COOKIE
            ),
            Found::Several
        );
    }

    #[test]
    fn c007_junk_does_not_hide_the_cookie() {
        assert_eq!(
            look(&[b"\xE2\x80\x80__Host-Http-sid=x; ;;=; \xff\xfe=\x80; __Host-Http-sid=GOOD; k"]),
            Some(b"GOOD".to_vec())
        );
        assert_eq!(
            look(&[b"a=1", b"__Host-Http-sid=GOOD", b"\xff"]),
            Some(b"GOOD".to_vec())
        );
    }

    #[test]
    fn only_the_exact_shape_is_a_key() {
        let key = SessionKey::from_random([0xA5; 32]);
        let good = key.expose().to_owned();
        assert_eq!(good.len(), 43);
        assert_eq!(SessionKey::parse(good.as_bytes()), Some(key));
        let non_canonical = format!("{}B", &good[..42]);
        for bad in [
            "",
            "GOOD",
            &good[1..],
            &format!("{good}="),
            &format!("{good}A"),
            &format!("\"{good}\""),
            &non_canonical,
        ] {
            assert_eq!(SessionKey::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_key_does_not_print_itself() {
        assert_eq!(
            format!("{:?}", SessionKey::from_random([1; 32])),
            "SessionKey(…)"
        );
    }

    proptest! {
        #[test]
        fn every_key_survives_the_wire(bytes: [u8; 32]) {
            let key = SessionKey::from_random(bytes);
            prop_assert_eq!(SessionKey::parse(key.as_bytes()), Some(key));
        }

        #[test]
        fn c007_no_neighbour_hides_the_cookie(before: Vec<u8>, after: Vec<u8>) {
            let name = SESSION_COOKIE.as_bytes();
            prop_assume!(![&before, &after].iter().any(|junk| junk.windows(name.len()).any(|w| w == name)));
            let field = [&before[..], b"; __Host-Http-sid=GOOD; ", &after[..]].concat();
            prop_assert_eq!(look(&[&field]), Some(b"GOOD".to_vec()));
        }
    }
}
