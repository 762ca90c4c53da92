//! Public keys as an issuer publishes them (RFC 7517): which of them may check a signature, and with which algorithm.
//!
//! A key is pinned to the one algorithm that its own `alg` names (RFC 8725 §3.1). Symmetric keys are never accepted.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::jwt::MAX_KID_BYTES;
use crate::unique::parse_object;

/// The most keys that are read from one set.
const MAX_KEYS: usize = 64;

/// RSA moduli in bytes: 2048 to 8192 bits.
const RSA_MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Members that only a private or symmetric key has. A key that shows them to the world is no longer one.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The `y` of the Ed25519 points of order 8 besides those of order 1, 2 and 4, which are 1, −1 and 0 (RFC 8032 §5.1).
const ORDER_8: [[u8; 32]; 2] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// A signature algorithm (RFC 7518 §3.1, RFC 8037, RFC 9864).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519 under its older, polymorphic name.
    EdDsa,
    /// Ed25519 under its own name.
    Ed25519,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 bits or more.
    Rs256,
    /// RSASSA-PSS with SHA-256, 2048 bits or more. Clients may sign with it; the service does not.
    Ps256,
}

impl Algorithm {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Es256,
        Self::EdDsa,
        Self::Ed25519,
        Self::Rs256,
        Self::Ps256,
    ];

    /// The name in `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }

    /// The algorithm of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One key and the algorithm that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationKey {
    /// The only algorithm that it verifies.
    pub algorithm: Algorithm,
    /// The key itself.
    pub material: KeyMaterial,
}

/// The public part of a key, big-endian. Whether a point lies on its curve is for the cryptography to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyMaterial {
    /// An uncompressed point on P-256 (`04 ‖ x ‖ y`, 65 bytes).
    P256(Vec<u8>),
    /// An Ed25519 public key, 32 bytes.
    Ed25519(Vec<u8>),
    /// An RSA modulus and exponent.
    Rsa {
        /// The modulus, without leading zero bytes.
        n: Vec<u8>,
        /// The exponent, without leading zero bytes.
        e: Vec<u8>,
    },
}

/// The usable keys of a set, by `kid`. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationKeys(BTreeMap<String, VerificationKey>);

/// Why a set cannot be used at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeySet {
    /// Not `{"keys":[…]}` without repeated members.
    #[error("not a JSON Web Key Set")]
    Malformed,
    /// More than 64 keys.
    #[error("more than {MAX_KEYS} keys")]
    TooManyKeys,
    /// No key that may verify a signature.
    #[error("no usable signature key in the set")]
    NoUsableKey,
}

impl VerificationKeys {
    /// Reads a JWK Set. Keys of another use or kind are passed over; a `kid` that occurs twice names no key at all,
    /// since nobody can say which was meant.
    ///
    /// # Errors
    /// When it is no such set, or nothing usable is in it.
    pub fn parse(json: &[u8]) -> Result<Self, InvalidKeySet> {
        let set = parse_object(json).map_err(|_| InvalidKeySet::Malformed)?;
        let keys = set
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(InvalidKeySet::Malformed)?;
        if keys.len() > MAX_KEYS {
            return Err(InvalidKeySet::TooManyKeys);
        }
        let mut by_kid: BTreeMap<&str, Option<VerificationKey>> = BTreeMap::new();
        for key in keys.iter().filter_map(Value::as_object) {
            let Some(kid) = key.get("kid").and_then(Value::as_str) else {
                continue;
            };
            if kid.is_empty() || kid.len() > MAX_KID_BYTES {
                continue;
            }
            by_kid
                .entry(kid)
                .and_modify(|twice| *twice = None)
                .or_insert_with(|| verification_key(key));
        }
        let usable: BTreeMap<_, _> = by_kid
            .into_iter()
            .filter_map(|(kid, key)| key.map(|key| (kid.to_owned(), key)))
            .collect();
        if usable.is_empty() {
            Err(InvalidKeySet::NoUsableKey)
        } else {
            Ok(Self(usable))
        }
    }

    /// The key of exactly this name; without a name, the only key of this algorithm.
    pub fn find(&self, kid: Option<&str>, algorithm: &str) -> Option<&VerificationKey> {
        if let Some(kid) = kid {
            return self.0.get(kid);
        }
        let mut fitting = self
            .0
            .values()
            .filter(|key| key.algorithm.name() == algorithm);
        fitting.next().filter(|_| fitting.next().is_none())
    }

    /// The keys with their `kid`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &VerificationKey)> {
        self.0.iter().map(|(kid, key)| (kid.as_str(), key))
    }
}

fn verification_key(jwk: &Map<String, Value>) -> Option<VerificationKey> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let bytes = |name: &str| text(name).and_then(|value| URL_SAFE_NO_PAD.decode(value).ok());
    let for_verifying = match jwk.get("key_ops") {
        None => true,
        Some(operations) => operations
            .as_array()?
            .iter()
            .any(|operation| operation == "verify"),
    };
    if text("use") != Some("sig")
        || !for_verifying
        || PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name))
    {
        return None;
    }
    let algorithm = Algorithm::from_name(text("alg")?)?;
    let material = match (algorithm, text("kty")?, text("crv")) {
        (Algorithm::Es256, "EC", Some("P-256")) => {
            let (x, y) = (bytes("x")?, bytes("y")?);
            if x.len() != 32 || y.len() != 32 {
                return None;
            }
            KeyMaterial::P256([&[4][..], &x, &y].concat())
        }
        (Algorithm::EdDsa | Algorithm::Ed25519, "OKP", Some("Ed25519")) => {
            KeyMaterial::Ed25519(bytes("x").filter(|x| x.len() == 32 && !is_degenerate_ed25519(x))?)
        }
        (Algorithm::Rs256 | Algorithm::Ps256, "RSA", None) => {
            let (n, e) = (
                without_leading_zeros(bytes("n")?),
                without_leading_zeros(bytes("e")?),
            );
            let full_length = n.first().is_some_and(|first| first.leading_zeros() == 0);
            let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
            if !RSA_MODULUS_BYTES.contains(&n.len())
                || !full_length
                || !odd(&n)
                || !odd(&e)
                || e.len() > 8
                || e == [1]
            {
                return None;
            }
            KeyMaterial::Rsa { n, e }
        }
        _ => return None,
    };
    Some(VerificationKey {
        algorithm,
        material,
    })
}

/// Whether it is a point of small order, under which anybody can sign, or not in its one canonical encoding (`y` < p).
fn is_degenerate_ed25519(encoded: &[u8]) -> bool {
    let Some((last, rest)) = encoded.split_last() else {
        return true;
    };
    // The highest bit is the sign of x.
    let last = last & 0x7f;
    let first = rest.first().copied().unwrap_or_default();
    let middle_is = |byte: u8| rest.iter().skip(1).all(|other| *other == byte);
    let zero_or_one = first <= 1 && middle_is(0) && last == 0;
    // p ends in ed: −1 is p − 1, and what follows is p or above.
    let minus_one_or_above = first >= 0xec && middle_is(0xff) && last == 0x7f;
    let order_8 = ORDER_8
        .iter()
        .any(|y| y.split_last() == Some((&last, rest)));
    zero_or_one || minus_one_or_above || order_8
}

fn without_leading_zeros(mut number: Vec<u8>) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.drain(..zeros);
    number
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ec(kid: &str) -> Value {
        let coordinate = URL_SAFE_NO_PAD.encode([1; 32]);
        json!({"kid": kid, "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": coordinate, "y": coordinate})
    }

    fn rsa(modulus: &[u8], exponent: &[u8]) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"kid": "r", "kty": "RSA", "alg": "RS256", "use": "sig", "n": encode(modulus), "e": encode(exponent)})
    }

    fn kids(keys: &[Value]) -> Result<Vec<String>, InvalidKeySet> {
        let set = VerificationKeys::parse(json!({"keys": keys}).to_string().as_bytes())?;
        Ok(set.iter().map(|(kid, _)| kid.to_owned()).collect())
    }

    fn with(member: &str, value: Value) -> Value {
        let mut key = ec("bad");
        key[member] = value;
        key
    }

    #[test]
    fn only_public_signature_keys_of_a_known_algorithm_are_used() {
        let bad = [
            with("use", json!("enc")),
            with("use", Value::Null),
            with("alg", json!("HS256")),
            with("alg", json!("EdDSA")),
            with("alg", Value::Null),
            with("kty", json!("oct")),
            with("crv", json!("P-384")),
            with("x", json!("AQ")),
            with("d", json!("AQ")),
            with("key_ops", json!(["sign"])),
            with("kid", json!("")),
            with("kid", json!(7)),
            json!("key"),
        ];
        for key in bad {
            assert_eq!(
                kids(&[key.clone(), ec("good")]),
                Ok(vec!["good".to_owned()]),
                "{key}"
            );
            assert_eq!(kids(&[key]), Err(InvalidKeySet::NoUsableKey));
        }
    }

    #[test]
    fn a_kid_that_occurs_twice_names_no_key() {
        assert_eq!(
            kids(&[ec("twice"), ec("once"), ec("twice"), ec("twice")]),
            Ok(vec!["once".to_owned()])
        );
        // Also when only one of the two could be used.
        assert_eq!(
            kids(&[ec("bad"), with("use", json!("enc"))]),
            Err(InvalidKeySet::NoUsableKey)
        );
    }

    #[test]
    fn short_and_degenerate_rsa_keys_are_refused() {
        let modulus = |bytes: usize| vec![0xff; bytes];
        assert!(kids(&[rsa(&modulus(256), &[1, 0, 1])]).is_ok());
        for (n, e) in [
            (modulus(255), vec![1, 0, 1]),
            (modulus(1025), vec![1, 0, 1]),
            (modulus(256), vec![1]),
            (modulus(256), vec![2]),
        ] {
            assert_eq!(
                kids(&[rsa(&n, &e)]),
                Err(InvalidKeySet::NoUsableKey),
                "{} bytes, e {e:?}",
                n.len()
            );
        }
        let leading_zeros = [vec![0; 200], modulus(100)].concat();
        assert_eq!(
            kids(&[rsa(&leading_zeros, &[1, 0, 1])]),
            Err(InvalidKeySet::NoUsableKey)
        );
    }

    #[test]
    fn c060_ed25519_keys_of_small_order_or_in_a_second_encoding_are_refused() {
        let of = |x: [u8; 32]| {
            let x = URL_SAFE_NO_PAD.encode(x);
            json!({"kid": "d", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": x})
        };
        let edge = |first: u8, middle: u8, last: u8| {
            let mut y = [middle; 32];
            (y[0], y[31]) = (first, last);
            y
        };
        // 0, 1, −1, then p, p + 1 and the largest number, then the points of order 8.
        let mut bad = vec![edge(0, 0, 0), edge(1, 0, 0), edge(0xec, 0xff, 0x7f)];
        bad.extend([
            edge(0xed, 0xff, 0x7f),
            edge(0xee, 0xff, 0x7f),
            edge(0xff, 0xff, 0x7f),
        ]);
        bad.extend(ORDER_8);
        for mut y in bad {
            assert_eq!(kids(&[of(y)]), Err(InvalidKeySet::NoUsableKey), "{y:x?}");
            y[31] |= 0x80;
            assert_eq!(kids(&[of(y)]), Err(InvalidKeySet::NoUsableKey), "{y:x?}");
        }
        for good in [edge(2, 0, 0), edge(0xeb, 0xff, 0x7f), edge(0, 1, 0)] {
            assert!(kids(&[of(good)]).is_ok(), "{good:x?}");
        }
    }

    #[test]
    fn what_is_no_set_is_malformed() {
        for json in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"keys":{}}"#,
            r#"{"keys":[],"keys":[]}"#,
        ] {
            assert_eq!(
                VerificationKeys::parse(json.as_bytes()),
                Err(InvalidKeySet::Malformed),
                "{json}"
            );
        }
    }
}
