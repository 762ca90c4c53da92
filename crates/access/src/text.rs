//! Texts that are checked once and then known to be good.

/// Why a text is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is no {what}: {why}")]
pub struct InvalidText {
    value: String,
    what: &'static str,
    why: &'static str,
}

impl InvalidText {
    /// Longest part of a text that is repeated in a message, in characters.
    const SHOWN: usize = 64;

    pub(crate) fn new(value: &str, what: &'static str, why: &'static str) -> Self {
        Self {
            value: value.chars().take(Self::SHOWN).collect(),
            what,
            why,
        }
    }
}

/// A text of its own type. `$check` says why one is refused.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// As it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::InvalidText;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match $check(text) {
                    Ok(()) => Ok(Self(text.to_owned())),
                    Err(why) => Err($crate::InvalidText::new(text, $what, why)),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::InvalidText;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

pub(crate) use text;
