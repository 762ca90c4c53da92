//! JSON objects in which no key occurs twice, at any depth. `serde_json` keeps the last of two, other readers the first.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Why bytes are not such an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectError {
    /// Not one JSON object in UTF-8.
    Malformed,
    /// A key occurs twice.
    DuplicateKey,
}

/// Reads one JSON object.
pub(crate) fn parse_object(json: &[u8]) -> Result<Map<String, Value>, ObjectError> {
    let object: Map<String, Value> =
        serde_json::from_slice(json).map_err(|_| ObjectError::Malformed)?;
    // The text was valid a line above, so only a repeated key can fail here.
    serde_json::from_slice::<UniqueKeys>(json).map_err(|_| ObjectError::DuplicateKey)?;
    Ok(object)
}

/// Accepts any JSON value without repeated keys and keeps nothing of it.
struct UniqueKeys;

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueKeysVisitor)
    }
}

struct UniqueKeysVisitor;

impl<'de> Visitor<'de> for UniqueKeysVisitor {
    type Value = UniqueKeys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueKeys, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !seen.insert(key) {
                return Err(A::Error::custom("repeated key"));
            }
            map.next_value::<UniqueKeys>()?;
        }
        Ok(UniqueKeys)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<UniqueKeys, A::Error> {
        while seq.next_element::<UniqueKeys>()?.is_some() {}
        Ok(UniqueKeys)
    }

    fn visit_unit<E>(self) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_bool<E>(self, _: bool) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_i64<E>(self, _: i64) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_u64<E>(self, _: u64) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_f64<E>(self, _: f64) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_str<E>(self, _: &str) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_are_found_at_any_depth_and_behind_escapes() {
        for json in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":[{"c":1,"c":2}]}}"#,
            r#"{"iss":"x","\u0069ss":"y"}"#,
        ] {
            assert_eq!(
                parse_object(json.as_bytes()),
                Err(ObjectError::DuplicateKey),
                "{json}"
            );
        }
        assert!(parse_object(br#"{"a":{"a":[1,-1,1.5,null,true,"a"]},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn anything_but_one_object_is_malformed() {
        for json in ["", "1", "[]", "null", "{} {}", "{\"a\":}", "\u{feff}{}"] {
            assert_eq!(
                parse_object(json.as_bytes()),
                Err(ObjectError::Malformed),
                "{json}"
            );
        }
    }
}
