//! The published key set (RFC 7517 §5), served from memory.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use jsonwebtoken::jwk::JwkSet;

use super::SigningKey;

/// The document and its validator.
#[derive(Clone, Debug)]
pub struct Jwks {
    /// The JSON text.
    pub body: Bytes,
    /// Strong entity tag with its quotes (RFC 9110 §8.8.3).
    pub etag: String,
}

impl Jwks {
    pub(super) fn new<'a>(
        keys: impl Iterator<Item = &'a SigningKey>,
    ) -> Result<Self, serde_json::Error> {
        let set = JwkSet {
            keys: keys.map(SigningKey::public_jwk).cloned().collect(),
        };
        let body = serde_json::to_vec(&set)?;
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest(&SHA256, &body)));
        Ok(Self {
            body: body.into(),
            etag,
        })
    }

    /// Whether an `If-None-Match` value names this version (RFC 9110 §13.1.2, weak comparison).
    pub fn is_named_by(&self, if_none_match: &str) -> bool {
        if_none_match
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag)
    }
}
