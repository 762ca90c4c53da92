//! Tokens as a program would make them that does nothing else: claims to JSON, base64, one signature with a held key.

use anyhow::Result;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

/// What signs.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
#[value(rename_all = "verbatim")]
pub(crate) enum Alg {
    ES256,
    EdDSA,
}

/// The claims of an access token (RFC 9068), as many and as long as the service's.
#[derive(Serialize)]
pub(crate) struct Claims<'a> {
    pub(crate) iss: &'a str,
    pub(crate) sub: &'a str,
    pub(crate) aud: &'a str,
    pub(crate) exp: i64,
    pub(crate) iat: i64,
    pub(crate) jti: String,
    pub(crate) client_id: &'a str,
    pub(crate) sid: &'a str,
    pub(crate) auth_time: i64,
    pub(crate) scope: &'a str,
}

/// A key pair that was parsed once, and the encoded header of its tokens.
pub(crate) struct Signer {
    header: String,
    pair: Pair,
}

enum Pair {
    Es256(EcdsaKeyPair, SystemRandom),
    EdDsa(Ed25519KeyPair),
}

const KID: &str = "0123456789-0123456789-0123456789-0123456789";

impl Signer {
    /// A new key.
    pub(crate) fn new(alg: Alg) -> Result<Self> {
        let random = SystemRandom::new();
        let (name, pair) = match alg {
            Alg::ES256 => {
                let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
                let pair =
                    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref())?;
                ("ES256", Pair::Es256(pair, random))
            }
            Alg::EdDSA => {
                let der = Ed25519KeyPair::generate_pkcs8(&random)?;
                (
                    "EdDSA",
                    Pair::EdDsa(Ed25519KeyPair::from_pkcs8(der.as_ref())?),
                )
            }
        };
        let header = format!(r#"{{"typ":"at+jwt","alg":"{name}","kid":"{KID}"}}"#);
        Ok(Self {
            header: format!("{}.", URL_SAFE_NO_PAD.encode(header)),
            pair,
        })
    }

    /// A token.
    pub(crate) fn sign(&self, claims: &Claims<'_>) -> Result<String> {
        let mut token = String::with_capacity(1024);
        token.push_str(&self.header);
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims)?, &mut token);
        let signature = match &self.pair {
            Pair::Es256(pair, random) => pair.sign(random, token.as_bytes())?,
            Pair::EdDsa(pair) => pair.sign(token.as_bytes()),
        };
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The public key as a JWK Set.
    pub(crate) fn jwks(&self) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let key = match &self.pair {
            Pair::Es256(pair, _) => {
                // 0x04, then both coordinates.
                let point = pair.public_key().as_ref();
                let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
                format!(
                    r#""kty":"EC","crv":"P-256","alg":"ES256","x":"{}","y":"{}""#,
                    encode(x),
                    encode(y)
                )
            }
            Pair::EdDsa(pair) => {
                let x = encode(pair.public_key().as_ref());
                format!(r#""kty":"OKP","crv":"Ed25519","alg":"EdDSA","x":"{x}""#)
            }
        };
        format!(r#"{{"keys":[{{{key},"use":"sig","kid":"{KID}"}}]}}"#)
    }
}
