//! Secrets of clients: made here, shown once, and never stored.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sessionmint_oauth::{ClientAuthentication, OAuthClient, SecretId, Timestamp};
use sessionmint_store::ClientSecret;
use zeroize::Zeroizing;

use crate::random::{self, Random, RandomError};

/// A secret that was just made, and what is stored of it.
pub struct NewSecret {
    /// `sms_` and 43 base64url characters: what the client is given.
    pub text: Zeroizing<String>,
    /// What is stored.
    pub stored: ClientSecret,
}

impl NewSecret {
    /// Of 32 random bytes.
    ///
    /// # Errors
    /// [`RandomError`] when there are none.
    pub fn new(random: &dyn Random, at: Timestamp) -> Result<Self, RandomError> {
        let secret = Zeroizing::new(random::bytes::<32>(random)?);
        let text = Zeroizing::new(format!("sms_{}", URL_SAFE_NO_PAD.encode(*secret)));
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        let stored = ClientSecret {
            id: SecretId::from_random(random::bytes(random)?),
            hash,
            created_at: at,
        };
        Ok(Self { text, stored })
    }
}

impl fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSecret")
            .field("stored", &self.stored)
            .finish_non_exhaustive()
    }
}

/// Whether a client proves who it is with a secret.
pub fn has_secrets(client: &OAuthClient) -> bool {
    matches!(
        client.authentication,
        ClientAuthentication::ClientSecretBasic | ClientAuthentication::ClientSecretPost
    )
}
