//! One signing key, and the compact serialization of what it signs.
//!
//! `jsonwebtoken` models headers and JWKs; the key pair that signs is `aws-lc-rs`'s, parsed once and held, since
//! `jsonwebtoken::encode` parses the key again for every token. Another algorithm is another variant of [`Pair`].

use std::fmt;

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
    RSA_PSS_2048_8192_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Header;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters,
    EllipticCurveKeyType, Jwk, OctetKeyPairParameters, OctetKeyPairType, PublicKeyUse,
    RSAKeyParameters, RSAKeyType, ThumbprintHash,
};
use serde::Serialize;
use sessionmint_oauth::id_token::{self, IdTokenClaims};
use sessionmint_oauth::{Algorithm, KeyMaterial, VerificationKey, VerificationKeys};
use zeroize::Zeroizing;

use super::KeysError;

/// New RSA keys have 3072 bits: as strong as the other algorithms' keys (NIST SP 800-57-1 table 2). Making one takes up to
/// some seconds, and signing with it many times the work of ES256.
const NEW_RSA_KEY: KeySize = KeySize::Rsa3072;

/// The least that RS256 allows (RFC 7518 §3.3).
const MIN_RSA_MODULUS_BYTES: usize = 256;

/// As many as claims have, with some room.
const USUAL_CLAIMS_BYTES: usize = 512;

/// The signature could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token could not be signed")]
pub struct SigningError;

/// A key pair, parsed and ready.
pub struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    /// The public key as published.
    jwk: Jwk,
    /// The encoded header of every access token of this key, with the dot that follows it.
    header: String,
    /// The same of ID tokens.
    id_token_header: String,
    pair: Pair,
    public: ParsedPublicKey,
}

/// A key that was just made.
pub(super) struct NewKey {
    pub(super) kid: String,
    pub(super) alg: &'static str,
    pub(super) pkcs8: Zeroizing<Vec<u8>>,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(rsa::KeyPair),
}

impl SigningKey {
    /// Makes a new key.
    pub(super) fn generate(algorithm: Algorithm) -> Result<NewKey, KeysError> {
        let pkcs8 = new_pkcs8(algorithm).ok_or(KeysError::Generate)?;
        let pair = Pair::parse(algorithm, &pkcs8).map_err(|_| KeysError::Generate)?;
        Ok(NewKey {
            kid: pair
                .jwk()
                .and_then(|jwk| thumbprint(&jwk))
                .ok_or(KeysError::Generate)?,
            alg: algorithm.name(),
            pkcs8,
        })
    }

    /// Reads a stored key, and checks that it is what it says and strong enough.
    pub(super) fn parse(kid: &str, alg: &str, pkcs8: &[u8]) -> Result<Self, KeysError> {
        let unusable = |reason| KeysError::Unusable {
            kid: kid.to_owned(),
            reason,
        };
        let algorithm = Algorithm::from_name(alg).ok_or(unusable("its algorithm is not known"))?;
        let pair = Pair::parse(algorithm, pkcs8).map_err(unusable)?;
        let mut jwk = pair.jwk().ok_or(unusable("it has no public half"))?;
        if thumbprint(&jwk).as_deref() != Some(kid) {
            return Err(unusable("its id is not its thumbprint"));
        }
        jwk.common.key_id = Some(kid.to_owned());
        let public =
            public_key(&jwk).ok_or(unusable("verifiers would not take its public half"))?;
        let header = |typ: &str| {
            let header = Header {
                typ: Some(typ.to_owned()),
                kid: Some(kid.to_owned()),
                ..Header::new(pair.jwt_algorithm())
            };
            let json = serde_json::to_vec(&header);
            json.map(|json| format!("{}.", URL_SAFE_NO_PAD.encode(json)))
                .map_err(|_| unusable("its header is no JSON"))
        };
        let key = Self {
            kid: kid.to_owned(),
            algorithm,
            jwk,
            header: header("at+jwt")?,
            id_token_header: header(id_token::TYPE)?,
            pair,
            public,
        };
        let signed = key.pair.sign(key.header.as_bytes());
        match signed {
            Ok(signature) if key.verifies(key.header.as_bytes(), &signature) => Ok(key),
            _ => Err(unusable("its private half does not match its public half")),
        }
    }

    /// The `kid`: the key's thumbprint (RFC 7638), so a key keeps its name wherever it is stored.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm that this key is for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Appends an access token to `out`.
    pub(super) fn sign(
        &self,
        claims: &impl Serialize,
        out: &mut String,
    ) -> Result<(), SigningError> {
        self.sign_with(&self.header, claims, out)
    }

    /// Appends an ID token to `out`.
    pub(super) fn sign_id_token(
        &self,
        claims: &IdTokenClaims<'_>,
        out: &mut String,
    ) -> Result<(), SigningError> {
        self.sign_with(&self.id_token_header, claims, out)
    }

    fn sign_with(
        &self,
        header: &str,
        claims: &impl Serialize,
        out: &mut String,
    ) -> Result<(), SigningError> {
        let mut json = Vec::with_capacity(USUAL_CLAIMS_BYTES);
        serde_json::to_writer(&mut json, claims).map_err(|_| SigningError)?;
        let start = out.len();
        out.push_str(header);
        URL_SAFE_NO_PAD.encode_string(json, out);
        let message = out.get(start..).unwrap_or_default();
        let signature = self.pair.sign(message.as_bytes())?;
        out.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, out);
        Ok(())
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(message, signature).is_ok()
    }

    /// The public key as a JWK (RFC 7517), with its `kid`, `use` and `alg`.
    pub(super) fn public_jwk(&self) -> &Jwk {
        &self.jwk
    }
}

fn new_pkcs8(algorithm: Algorithm) -> Option<Zeroizing<Vec<u8>>> {
    let random = SystemRandom::new();
    let document = match algorithm {
        Algorithm::Es256 => {
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).ok()?
        }
        Algorithm::EdDsa | Algorithm::Ed25519 => Ed25519KeyPair::generate_pkcs8(&random).ok()?,
        Algorithm::Rs256 => {
            let der = rsa::KeyPair::generate(NEW_RSA_KEY).ok()?.as_der().ok()?;
            return Some(Zeroizing::new(der.as_ref().to_vec()));
        }
        Algorithm::Ps256 => return None,
    };
    Some(Zeroizing::new(document.as_ref().to_vec()))
}

/// RFC 7638, with SHA-256.
fn thumbprint(jwk: &Jwk) -> Option<String> {
    jwk.thumbprint(ThumbprintHash::SHA256).ok()
}

/// The published key as a verifier reads it.
fn public_key(jwk: &Jwk) -> Option<ParsedPublicKey> {
    let set = serde_json::json!({ "keys": [jwk] }).to_string();
    let keys = VerificationKeys::parse(set.as_bytes()).ok()?;
    let (_, key) = keys.iter().next()?;
    parsed_key(key)
}

/// A public key as it checks signatures; `None` if it is no point of its curve.
pub(crate) fn parsed_key(key: &VerificationKey) -> Option<ParsedPublicKey> {
    match &key.material {
        KeyMaterial::P256(point) => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point),
        KeyMaterial::Ed25519(bytes) => ParsedPublicKey::new(&ED25519, bytes),
        KeyMaterial::Rsa { n, e } => {
            let padding = match key.algorithm {
                Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
                _ => &RSA_PKCS1_2048_8192_SHA256,
            };
            PublicKeyComponents { n, e }.to_parsed_public_key(padding)
        }
    }
    .ok()
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl Pair {
    fn parse(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, &'static str> {
        match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                .map(Self::Es256)
                .map_err(|_| "it is no P-256 key in PKCS#8, or its halves do not match"),
            Algorithm::EdDsa | Algorithm::Ed25519 => {
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8)
                    .map_err(|_| "it is no Ed25519 key in PKCS#8, or its halves do not match")?;
                let seed = pair
                    .seed()
                    .and_then(|seed| seed.as_be_bytes())
                    .map_err(|_| "it has no seed")?;
                let seed = seed.as_ref();
                if seed.iter().all(|byte| Some(byte) == seed.first()) {
                    return Err("its seed is no random one");
                }
                Ok(Self::EdDsa(pair))
            }
            Algorithm::Rs256 => {
                let pair = rsa::KeyPair::from_pkcs8(pkcs8).map_err(
                    |_| "it is no RSA key of 2048 to 8192 bits in PKCS#8, or its halves do not match",
                )?;
                if pair.public_modulus_len() < MIN_RSA_MODULUS_BYTES {
                    return Err("it has less than 2048 bits");
                }
                Ok(Self::Rs256(pair))
            }
            Algorithm::Ps256 => Err("its algorithm is not one that signs here"),
        }
    }

    fn jwt_algorithm(&self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Es256(_) => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa(_) => jsonwebtoken::Algorithm::EdDSA,
            Self::Rs256(_) => jsonwebtoken::Algorithm::RS256,
        }
    }

    /// The public half, with its `use` and `alg`.
    fn jwk(&self) -> Option<Jwk> {
        let algorithm = match self {
            Self::Es256(pair) => {
                // An uncompressed point: 4, x, y.
                let point = pair.public_key().as_ref();
                AlgorithmParameters::EllipticCurve(EllipticCurveKeyParameters {
                    key_type: EllipticCurveKeyType::EC,
                    curve: EllipticCurve::P256,
                    x: URL_SAFE_NO_PAD.encode(point.get(1..33)?),
                    y: URL_SAFE_NO_PAD.encode(point.get(33..65)?),
                })
            }
            Self::EdDsa(pair) => AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
                key_type: OctetKeyPairType::OctetKeyPair,
                curve: EllipticCurve::Ed25519,
                x: URL_SAFE_NO_PAD.encode(pair.public_key()),
            }),
            Self::Rs256(pair) => {
                let public = pair.public_key();
                AlgorithmParameters::RSA(RSAKeyParameters {
                    key_type: RSAKeyType::RSA,
                    n: URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
                    e: URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
                })
            }
        };
        Some(Jwk {
            common: CommonParameters {
                public_key_use: Some(PublicKeyUse::Signature),
                key_algorithm: Some(self.jwt_algorithm().into()),
                ..CommonParameters::default()
            },
            algorithm,
        })
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(pair) => pair
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SigningError),
            Self::EdDsa(pair) => pair
                .try_sign(message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SigningError),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map(|()| signature)
                    .map_err(|_| SigningError)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING;

    use super::*;

    /// Made for this test alone.
    const RSA_1024: &str = concat!(
        "MIICXAIBAAKBgQDEIVecpdIPiwkQJQ73Co0DDBfgfeeZplWgIYi7CarKrHSMgNoLzedkrYV4GLCmjONKv2dQUeOu6M9GbMXyAmiFSOFEh0Icjp",
        "/zHRdQmbIiIoPQ/4eDiWVXPDe+doX9G3/Kr6fcZyS9BBXk9ga6bMCjbbU4z2Q7wuzv3WjBqHCECwIDAQABAoGAW7y0vCKblIWV4aVT0J1ww6Ie",
        "cPSzJZ01o8bLq6Cj8FSl1ypV0vumZeL78OariduQXOAWNO14r9FZUjmChOY3eH3fVk7w1r6DiWqyW8doXYxJq7TwB1CFv/qbL2s0dndXFlFal+",
        "W9ufHyO5+KbFaKX4+kSQizN23cYzGlYkEuXZECQQD1CGrrzJYOHVlcxPHlowJlhwS5Ou1QUObpQGFh7dwnKuZGijJcUbU7D2WFi/USseOeHxjU",
        "5zYTHBAc267Wn3ZPAkEAzOiZWah8zZ+dDnED4HhPBIfyawwHgwNdVI9bSj5sDP0Bml00/O5TMzO3GBsiE4iTqnmB/10JJuPSlxtyZ1DjhQJBAJ",
        "SxqQCyxBSIpuPu98QcqaWmy60EH2Lv1VCSqwXcbA6wr9D6qBjx1IKkkzz5c50GqlQYFt+L93qdOwHoJi9D0W0CQHhQpyJm9QkDjIObRmx6F+OQ",
        "M345bPu3cQiiuDaq2mTx9gv+aIuPIJky53InFGYlzpbNi9A2f5YvNUr2mcEiVMUCQBOlc0i8P3jKVal7bDkAos2TchOJXochyDbw3k+bCKviAX",
        "9iVeXzAW65mHChawk4oQDb74raaW+NL2D/lS7/Qyo=",
    );

    const ALGORITHMS: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

    fn parse(key: &NewKey) -> Result<SigningKey, KeysError> {
        SigningKey::parse(&key.kid, key.alg, &key.pkcs8)
    }

    /// Refused, and for this reason.
    #[track_caller]
    fn assert_unusable(why: &str, kid: &str, alg: &str, pkcs8: &[u8]) {
        match SigningKey::parse(kid, alg, pkcs8) {
            Err(KeysError::Unusable { reason, .. }) => assert!(reason.contains(why), "{reason}"),
            other => panic!("{why}: {other:?}"),
        }
    }

    /// An RSA key of PKCS#1 as PKCS#8 (RFC 5208): version, algorithm, the key as an octet string.
    fn rsa_pkcs8(pkcs1: &[u8]) -> Vec<u8> {
        const RSA: [u8; 15] = [
            0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0,
        ];
        let long = |tag: u8, content: &[u8]| {
            let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
            [&[tag, 0x82, high, low], content].concat()
        };
        let key = long(4, pkcs1);
        long(0x30, &[&[2, 1, 0], RSA.as_slice(), &key].concat())
    }

    #[test]
    fn a_key_of_each_algorithm_signs_what_it_verifies() {
        for (algorithm, length) in ALGORITHMS.into_iter().zip([64, 64, 384]) {
            let key = parse(&SigningKey::generate(algorithm).unwrap()).unwrap();
            assert_eq!(key.algorithm(), algorithm);
            let signature = key.pair.sign(b"message").unwrap();
            assert_eq!(signature.len(), length, "{algorithm}");
            assert!(key.verifies(b"message", &signature));
            assert!(!key.verifies(b"another", &signature));
        }
    }

    #[test]
    fn c075_a_stored_key_that_is_not_what_it_says_is_refused() {
        for algorithm in ALGORITHMS {
            let good = SigningKey::generate(algorithm).unwrap();
            let other = SigningKey::generate(algorithm).unwrap();
            assert_unusable("thumbprint", &other.kid, good.alg, &good.pkcs8);
            assert_unusable("not known", &good.kid, "HS256", &good.pkcs8);
            assert_unusable("it is no", &good.kid, good.alg, &[0; 100]);
            for another in ALGORITHMS.into_iter().filter(|other| *other != algorithm) {
                assert_unusable("it is no", &good.kid, another.name(), &good.pkcs8);
            }
        }
    }

    #[test]
    fn c075_halves_that_do_not_match_are_refused() {
        // Both documents end with the public key.
        for (algorithm, public_bytes) in [(Algorithm::Es256, 65), (Algorithm::EdDsa, 32)] {
            let one = SigningKey::generate(algorithm).unwrap();
            let two = SigningKey::generate(algorithm).unwrap();
            let split = one.pkcs8.len() - public_bytes;
            let mixed = [&one.pkcs8[..split], &two.pkcs8[split..]].concat();
            for kid in [&one.kid, &two.kid] {
                assert_unusable("halves do not match", kid, algorithm.name(), &mixed);
            }
        }
        let rsa = SigningKey::generate(Algorithm::Rs256).unwrap();
        for at in (60..rsa.pkcs8.len()).step_by(97) {
            let mut changed = rsa.pkcs8.to_vec();
            changed[at] ^= 4;
            // Where the bit is in the public half, the key is another.
            assert_unusable("it", &rsa.kid, "RS256", &changed);
        }
    }

    #[test]
    fn c075_weak_keys_and_other_curves_are_refused() {
        let p384 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new());
        assert_unusable("no P-256 key", "k", "ES256", p384.unwrap().as_ref());
        let p256 = SigningKey::generate(Algorithm::Es256).unwrap();
        let private = p256.pkcs8.windows(2).position(|at| at == [4, 32]).unwrap() + 2;
        let mut zero = p256.pkcs8.to_vec();
        zero[private..private + 32].fill(0);
        assert_unusable("no P-256 key", &p256.kid, "ES256", &zero);
        for seed in [[0; 32], [9; 32]] {
            let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
            let pkcs8 = pair.to_pkcs8().unwrap();
            let kid = thumbprint(&Pair::EdDsa(pair).jwk().unwrap()).unwrap();
            assert_unusable("seed is no random one", &kid, "EdDSA", pkcs8.as_ref());
        }
        let weak = base64::engine::general_purpose::STANDARD
            .decode(RSA_1024)
            .unwrap();
        assert_unusable("no RSA key of 2048", "k", "RS256", &rsa_pkcs8(&weak));
        // It is the length: a long one in the same wrapping is taken.
        let good = SigningKey::generate(Algorithm::Rs256).unwrap();
        let at = good
            .pkcs8
            .windows(2)
            .position(|at| at == [4, 0x82])
            .unwrap();
        let wrapped = rsa_pkcs8(&good.pkcs8[at + 4..]);
        assert!(SigningKey::parse(&good.kid, "RS256", &wrapped).is_ok());
    }

    #[test]
    fn the_published_key_is_the_one_that_signs() {
        for algorithm in ALGORITHMS {
            let new = SigningKey::generate(algorithm).unwrap();
            let key = parse(&new).unwrap();
            let set = serde_json::json!({ "keys": [key.public_jwk()] }).to_string();
            let keys = VerificationKeys::parse(set.as_bytes()).unwrap();
            let names: Vec<_> = keys.iter().map(|(kid, key)| (kid, key.algorithm)).collect();
            assert_eq!(names, [(new.kid.as_str(), algorithm)]);
        }
    }

    #[test]
    fn c074_a_key_does_not_print_itself() {
        let new = SigningKey::generate(Algorithm::Es256).unwrap();
        let shown = format!("{:?}", parse(&new).unwrap());
        assert_eq!(shown, format!("SigningKey {{ kid: {:?}, .. }}", new.kid));
    }
}
