//! Encryption of private keys at rest: AES-256-GCM, bound to the name, the algorithm and the version of what is stored.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use sessionmint_store::SigningKeyRow;
use zeroize::Zeroizing;

use super::KeysError;
use super::encryption::EncryptionKey;
use super::refresh::Part;

/// The form of what [`Sealer::seal`] makes: a nonce of 12 bytes, the ciphertext, a tag of 16 bytes.
pub(super) const SEAL_VERSION: u32 = 1;

/// Room for the tag, so that a growing buffer leaves no copy of the plaintext behind.
const TAG_BYTES: usize = 16;

/// Encrypts and decrypts private keys.
pub(super) struct Sealer(RandomizedNonceKey);

impl Sealer {
    pub(super) fn new(key: &EncryptionKey) -> Result<Self, KeysError> {
        RandomizedNonceKey::new(&AES_256_GCM, key.bytes())
            .map(Self)
            .map_err(|_| KeysError::Generate)
    }

    /// Encrypts the private key of that name. Nonces are random: a few keys a month are far from the 2^32 that this allows.
    pub(super) fn seal(&self, kid: &str, alg: &str, pkcs8: &[u8]) -> Result<Vec<u8>, KeysError> {
        self.seal_as(bound_to(kid, alg, SEAL_VERSION), pkcs8)
    }

    /// Decrypts what [`Sealer::seal`] made for the same name, algorithm and version; `None` for anything else.
    pub(super) fn open(
        &self,
        kid: &str,
        alg: &str,
        version: u32,
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        self.open_as(bound_to(kid, alg, version), sealed)
    }

    /// Encrypts a key of refresh tokens of that version.
    pub(super) fn seal_refresh_key(
        &self,
        version: u32,
        part: Part,
        key: &[u8],
    ) -> Result<Vec<u8>, KeysError> {
        self.seal_as(refresh_key(version, part), key)
    }

    /// Decrypts what [`Sealer::seal_refresh_key`] made for the same version and part; `None` for anything else.
    pub(super) fn open_refresh_key(
        &self,
        version: u32,
        part: Part,
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        self.open_as(refresh_key(version, part), sealed)
    }

    fn seal_as(&self, what: Aad<Vec<u8>>, plain: &[u8]) -> Result<Vec<u8>, KeysError> {
        let mut in_out = Vec::with_capacity(plain.len() + TAG_BYTES);
        in_out.extend_from_slice(plain);
        let nonce = self
            .0
            .seal_in_place_append_tag(what, &mut in_out)
            .map_err(|_| KeysError::Generate)?;
        Ok([nonce.as_ref().as_slice(), &in_out].concat())
    }

    fn open_as(&self, what: Aad<Vec<u8>>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut in_out = Zeroizing::new(ciphertext.to_vec());
        let length = self.0.open_in_place(nonce, what, &mut in_out).ok()?.len();
        in_out.truncate(length);
        Some(in_out)
    }

    /// The private key of a row, which may not be encrypted yet; `None` where it does not open.
    pub(super) fn open_row(&self, row: &SigningKeyRow) -> Option<Zeroizing<Vec<u8>>> {
        if row.seal_version == 0 {
            return Some(Zeroizing::new(row.pkcs8.clone()));
        }
        self.open(&row.kid, &row.alg, row.seal_version, &row.pkcs8)
    }

    /// Whether a row is encrypted with this key.
    pub(super) fn opens(&self, row: &SigningKeyRow) -> bool {
        row.seal_version > 0 && self.open_row(row).is_some()
    }
}

fn bound_to(kid: &str, alg: &str, version: u32) -> Aad<Vec<u8>> {
    Aad::from(format!("sessionmint signing key\0{version}\0{alg}\0{kid}").into_bytes())
}

fn refresh_key(version: u32, part: Part) -> Aad<Vec<u8>> {
    let part = part.as_str();
    Aad::from(format!("sessionmint refresh key\0{SEAL_VERSION}\0{part}\0{version}").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(first: u8) -> Sealer {
        let bytes: Vec<u8> = (first..first + 32).collect();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Sealer::new(&hex.parse().unwrap()).unwrap()
    }

    #[test]
    fn c074_a_sealed_key_opens_only_as_what_it_is() {
        let (sealer, other) = (sealer(1), sealer(2));
        let sealed = sealer.seal("kid", "ES256", b"private").unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"private"));
        assert_ne!(sealed, sealer.seal("kid", "ES256", b"private").unwrap());
        let opened = sealer.open("kid", "ES256", SEAL_VERSION, &sealed).unwrap();
        assert_eq!(opened.as_slice(), b"private");

        assert!(other.open("kid", "ES256", SEAL_VERSION, &sealed).is_none());
        assert!(sealer.open("dik", "ES256", SEAL_VERSION, &sealed).is_none());
        assert!(sealer.open("kid", "EdDSA", SEAL_VERSION, &sealed).is_none());
        assert!(sealer.open("kid", "ES256", 2, &sealed).is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(
                sealer
                    .open("kid", "ES256", SEAL_VERSION, &changed)
                    .is_none()
            );
            assert!(
                sealer
                    .open("kid", "ES256", SEAL_VERSION, &sealed[..at])
                    .is_none()
            );
        }
    }

    #[test]
    fn c076_a_key_opens_only_for_its_purpose() {
        let sealer = sealer(1);
        let tag = sealer.seal_refresh_key(1, Part::Tag, b"secret").unwrap();
        let opened = sealer.open_refresh_key(1, Part::Tag, &tag).unwrap();
        assert_eq!(opened.as_slice(), b"secret");
        assert!(sealer.open_refresh_key(1, Part::Derive, &tag).is_none());
        assert!(sealer.open_refresh_key(2, Part::Tag, &tag).is_none());
        assert!(sealer.open("1", "tag", SEAL_VERSION, &tag).is_none());
        let signing = sealer.seal("1", "tag", b"secret").unwrap();
        assert!(sealer.open_refresh_key(1, Part::Tag, &signing).is_none());
    }
}
