//! Scopes (RFC 6749 §3.3).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// A set of scope tokens. Written sorted and separated by one space; the empty set is the empty string. Held as it is
/// written, and shared by its clones: every token carries one, and few differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Scope(Arc<str>);

/// A scope string that RFC 6749 §3.3 does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is words of printable ASCII without `\"` and `\\`, separated by single spaces")]
pub struct InvalidScope;

impl Scope {
    /// Whether no scope is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `token` is in it.
    pub fn contains(&self, token: &str) -> bool {
        self.iter().any(|own| own == token)
    }

    /// Whether everything in `self` is in `other` too.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|token| other.contains(token))
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        if self.is_subset(other) {
            return self.clone();
        }
        Self::of_sorted(self.iter().filter(|token| other.contains(token)))
    }

    /// The tokens for which `keep` holds.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self::of_sorted(self.iter().filter(|token| keep(token)))
    }

    /// Everything but `token`.
    #[must_use]
    pub fn without(&self, token: &str) -> Self {
        self.filtered(|own| own != token)
    }

    /// What is in one of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let tokens: BTreeSet<&str> = self.iter().chain(other.iter()).collect();
        Self::of_sorted(tokens)
    }

    /// The tokens, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|token| !token.is_empty())
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of_sorted<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Self {
        let mut text = String::new();
        for token in tokens {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(token);
        }
        Self(text.into())
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self("".into())
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(value: &str) -> Result<Self, InvalidScope> {
        if value.is_empty() {
            return Ok(Self::default());
        }
        let allowed = |b: u8| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        let tokens = value.split(' ').map(|token| {
            if token.is_empty() || !token.bytes().all(allowed) {
                Err(InvalidScope)
            } else {
                Ok(token)
            }
        });
        let tokens: BTreeSet<&str> = tokens.collect::<Result<_, _>>()?;
        Ok(Self::of_sorted(tokens))
    }
}

impl TryFrom<String> for Scope {
    type Error = InvalidScope;

    fn try_from(value: String) -> Result<Self, InvalidScope> {
        value.parse()
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_repetition_do_not_matter() {
        let scope: Scope = "b a b".parse().unwrap();
        assert_eq!(scope.to_string(), "a b");
    }

    #[test]
    fn what_the_rfc_forbids_is_refused() {
        for bad in ["a  b", " a", "a ", "a\tb", "a\"b", "a\\b", "é"] {
            assert_eq!(bad.parse::<Scope>(), Err(InvalidScope), "{bad}");
        }
    }
    #[test]
    fn sets_are_compared_word_by_word() {
        let scope = |text: &str| text.parse::<Scope>().unwrap();
        let (all, some) = (scope("notes:read notes:write"), scope("notes:write x"));
        assert!(all.contains("notes:read") && !all.contains("notes") && !all.contains(""));
        assert!(scope("notes:write").is_subset(&all) && scope("").is_subset(&all));
        assert!(!scope("notes").is_subset(&all));
        assert_eq!(all.intersection(&some), scope("notes:write"));
        assert_eq!(all.intersection(&scope("")), Scope::default());
        assert_eq!(all.intersection(&all), all);
        assert_eq!(all.without("notes:read"), scope("notes:write"));
        assert_eq!(all.union(&some), scope("notes:read notes:write x"));
        assert_eq!(scope("").iter().count(), 0);
        assert_eq!(
            all.iter().collect::<Vec<_>>(),
            ["notes:read", "notes:write"]
        );
        assert_eq!(
            serde_json::to_string(&all).unwrap(),
            r#""notes:read notes:write""#
        );
    }
}
