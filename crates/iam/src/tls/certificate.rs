//! A certificate with its private key, as PEM files hold them.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;
use sessionmint_oauth::Timestamp;
use webpki::{EndEntityCert, KeyUsage};
use zeroize::Zeroizing;

use crate::clock::utc;
use crate::config::TlsConfig;

/// What a pair of files holds, to see whether they have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// A certificate, those of the authorities between, and its private key.
pub struct Certificate {
    key: Arc<CertifiedKey>,
    not_before: Timestamp,
    not_after: Timestamp,
    fingerprint: Fingerprint,
}

/// Whether a certificate is good at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It is.
    Good,
    /// It is, but less than a tenth of its time is left.
    EndsSoon {
        /// When it ends.
        not_after: Timestamp,
    },
    /// Not yet.
    NotYet {
        /// When it begins.
        not_before: Timestamp,
    },
    /// No more.
    Over {
        /// When it ended.
        not_after: Timestamp,
    },
}

/// Why files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}", path = .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others can read the key.
    #[error(
        "the private key in {path} can be read by everybody, or written by others (mode {mode:o}); restrict it: chmod 600 {path}",
        path = .path.display()
    )]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// No PEM, or of another kind.
    #[error("{path} holds no {wanted} in PEM form: {source}", path = .path.display())]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
        /// What is wrong.
        source: pem::Error,
    },
    /// The certificate cannot be understood.
    #[error("the certificate in {path} cannot be used: {source}", path = .path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: webpki::Error,
    },
    /// The key cannot be used.
    #[error("the private key in {path} cannot be used: {source}", path = .path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// They are no pair.
    #[error(
        "the private key in {key} is not the one of the certificate in {certificate}; the first certificate of that file \
         must be the service's own, and both files from the same renewal",
        key = .key.display(), certificate = .certificate.display()
    )]
    Mismatch {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// Of the two files.
        fingerprint: Fingerprint,
    },
    /// TLS itself cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[source] rustls::Error),
}

impl CertificateError {
    /// Which files it is about, where only their content is wrong.
    pub(super) fn fingerprint(&self) -> Option<Fingerprint> {
        match self {
            Self::Mismatch { fingerprint, .. } => Some(*fingerprint),
            _ => None,
        }
    }
}

impl Certificate {
    /// Reads the two files.
    ///
    /// # Errors
    /// [`CertificateError`]. That it is over or not yet valid is none.
    pub fn read(config: &TlsConfig) -> Result<Self, CertificateError> {
        let (certificates, keys) = (&config.certificate_file, &config.key_file);
        let chain_text = read(certificates)?;
        refuse_exposed(keys)?;
        let key_text = Zeroizing::new(read(keys)?);
        let fingerprint = Fingerprint::of(&chain_text, &key_text);

        let pem_error = |path: &Path, wanted| {
            let path = path.to_owned();
            move |source| CertificateError::Pem {
                path,
                wanted,
                source,
            }
        };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&chain_text)
            .collect::<Result<_, _>>()
            .map_err(pem_error(certificates, "certificate"))?;
        let Some(own) = chain.first() else {
            return Err(pem_error(certificates, "certificate")(
                pem::Error::NoItemsFound,
            ));
        };
        let (not_before, not_after) = times(own).map_err(|source| CertificateError::Invalid {
            path: certificates.clone(),
            source,
        })?;
        let key =
            PrivateKeyDer::from_pem_slice(&key_text).map_err(pem_error(keys, "private key"))?;
        let key = CertifiedKey::from_der(chain, key, &default_provider()).map_err(|source| {
            if source == rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch) {
                return CertificateError::Mismatch {
                    certificate: certificates.clone(),
                    key: keys.clone(),
                    fingerprint,
                };
            }
            CertificateError::Key {
                path: keys.clone(),
                source,
            }
        })?;
        Ok(Self {
            key: Arc::new(key),
            not_before,
            not_after,
            fingerprint,
        })
    }

    pub(super) fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// When it ends.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether it is good at `now`.
    pub fn validity(&self, now: Timestamp) -> Validity {
        let (not_before, not_after) = (self.not_before, self.not_after);
        let left = not_after.secs().saturating_sub(now.secs());
        let whole = not_after.secs().saturating_sub(not_before.secs());
        if now < not_before {
            Validity::NotYet { not_before }
        } else if now > not_after {
            Validity::Over { not_after }
        } else if left < whole / 10 {
            Validity::EndsSoon { not_after }
        } else {
            Validity::Good
        }
    }
}

impl Validity {
    /// Whether clients accept it.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Good | Self::EndsSoon { .. })
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("the TLS certificate is valid"),
            Self::EndsSoon { not_after } => {
                write!(f, "the TLS certificate ends soon, at {}", utc(*not_after))
            }
            Self::NotYet { not_before } => write!(
                f,
                "the TLS certificate is not valid before {}; is the clock right?",
                utc(*not_before)
            ),
            Self::Over { not_after } => write!(
                f,
                "the TLS certificate expired at {}; renew it",
                utc(*not_after)
            ),
        }
    }
}

impl Fingerprint {
    fn of(certificates: &[u8], key: &[u8]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&certificates.len().to_be_bytes());
        context.update(certificates);
        context.update(key);
        let mut fingerprint = [0; 32];
        for (to, from) in fingerprint.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        Self(fingerprint)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|source| CertificateError::File {
        path: path.to_owned(),
        source,
    })
}

/// When a certificate begins and ends. webpki keeps that to itself, but names it where it refuses a time out of them, and
/// it looks at the time before anything that depends on who issued the certificate.
fn times(certificate: &CertificateDer<'_>) -> Result<(Timestamp, Timestamp), webpki::Error> {
    let certificate = EndEntityCert::try_from(certificate)?;
    let refused = |secs| {
        let time = UnixTime::since_unix_epoch(Duration::from_secs(secs));
        let usage = KeyUsage::server_auth();
        let verified = certificate.verify_for_usage(&[], &[], &[], time, usage, None, None);
        verified.err()
    };
    let at =
        |time: UnixTime| Timestamp::from_secs(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    let not_before = match refused(0) {
        Some(webpki::Error::CertNotValidYet { not_before, .. }) => at(not_before),
        _ => Timestamp::from_secs(0),
    };
    match refused(u64::MAX) {
        Some(webpki::Error::CertExpired { not_after, .. }) => Ok((not_before, at(not_after))),
        Some(error) => Err(error),
        None => Err(webpki::Error::InvalidCertValidity),
    }
}

/// A group may read the key, as distributions have it for services that are not root; nobody else.
#[cfg(unix)]
fn refuse_exposed(path: &Path) -> Result<(), CertificateError> {
    use std::os::unix::fs::PermissionsExt as _;

    let metadata = fs::metadata(path).map_err(|source| CertificateError::File {
        path: path.to_owned(),
        source,
    })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o027 == 0 {
        return Ok(());
    }
    Err(CertificateError::Exposed {
        path: path.to_owned(),
        mode,
    })
}

#[cfg(not(unix))]
fn refuse_exposed(_: &Path) -> Result<(), CertificateError> {
    Ok(())
}
