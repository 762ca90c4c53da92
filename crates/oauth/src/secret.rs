//! Secrets of one use or of one browser: 256 random bits behind a prefix that says what they are for. Only their SHA-256 is
//! ever stored, each kind's as a type of its own, so that none passes for another.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $hash:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// From 256 random bits, which the caller takes from the operating system's generator.
            pub fn from_random(bytes: [u8; 32]) -> Self {
                Self(format!(concat!($prefix, "{}"), URL_SAFE_NO_PAD.encode(bytes)))
            }

            /// From the wire, in the one form that it has there.
            pub fn parse(text: &str) -> Option<Self> {
                let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix($prefix)?).ok()?;
                (bytes.len() == 32).then(|| Self(text.to_owned()))
            }

            /// What is sent, and what is hashed.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        #[doc = concat!("SHA-256 of [`", stringify!($name), "`]: all that is ever stored of it.")]
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $hash(pub [u8; 32]);

        impl fmt::Debug for $hash {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($hash), "(…)"))
            }
        }
    };
}

secret!(
    /// An authorization code: `smc_` and 43 base64url characters.
    AuthorizationCode, "smc_", CodeHash
);
secret!(
    /// The id of an authorization request on its way through the user's browser: `smi_` and 43 base64url characters.
    InteractionId, "smi_", InteractionHash
);
secret!(
    /// What a browser is known by while its user signs in to a client, its `__Host-Http-ix` cookie: `smb_` and 43 base64url
    /// characters.
    BrowserKey, "smb_", BrowserHash
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c088_a_secret_of_one_purpose_is_none_of_another() {
        let code = AuthorizationCode::from_random([7; 32]);
        assert_eq!(code.expose().len(), 47);
        assert_eq!(AuthorizationCode::parse(code.expose()), Some(code.clone()));
        assert_eq!(InteractionId::parse(code.expose()), None);
        assert_eq!(BrowserKey::parse(code.expose()), None);
        let good = code.expose();
        for bad in [
            "",
            "smc_",
            &good[4..],
            &good[..46],
            &format!("{good}="),
            &format!("{good}A"),
            &good.to_uppercase(),
        ] {
            assert_eq!(AuthorizationCode::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn none_of_them_prints_itself() {
        assert_eq!(
            format!("{:?}", AuthorizationCode::from_random([1; 32])),
            "AuthorizationCode(…)"
        );
        assert_eq!(format!("{:?}", CodeHash([1; 32])), "CodeHash(…)");
    }
}
