//! TLS of the service's listener, for where no gateway stands in front: 1.2 and 1.3, HTTP/2 and HTTP/1.1.
//!
//! [`certificate`] reads a certificate with its key, and says what is wrong with them. [`Tls`] holds the one in use, and
//! puts a renewed one in its place while connections go on: each handshake takes the one of that moment. What cannot be
//! used never replaces what can.

pub mod certificate;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use axum::http::HeaderValue;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sessionmint_oauth::Timestamp;
use tokio_rustls::TlsAcceptor;

use crate::clock::utc;
use crate::config::TlsConfig;
pub use certificate::{Certificate, CertificateError, Fingerprint, Validity};

/// The TLS of one listener.
pub struct Tls {
    config: TlsConfig,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
    looked: Mutex<Looked>,
}

/// The certificate in use, for the handshakes.
struct Current(ArcSwap<Certificate>);

/// What the last look at the files was about, so that each state is said once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Looked {
    refused: bool,
    said: Option<Said>,
}

/// What has been logged last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// These files were refused.
    Refused(Option<Fingerprint>),
    /// The one in use ends soon.
    EndsSoon,
    /// The one in use is over, or has not begun.
    Invalid,
}

/// What became of a look at the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// They are as before.
    Unchanged,
    /// A new certificate is in use.
    Replaced,
    /// They cannot be used; what was in use stays.
    Refused,
}

/// For the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsState {
    /// When the certificate in use ends.
    pub not_after: Timestamp,
    /// Whether the files hold something that cannot be used.
    pub refused: bool,
}

impl Tls {
    /// Reads the certificate. One that is over, or not yet valid, is used nevertheless: then the service is there as soon
    /// as the files are renewed, or the clock is right.
    ///
    /// # Errors
    /// [`CertificateError`]
    pub fn open(config: TlsConfig, now: Timestamp) -> Result<Arc<Self>, CertificateError> {
        let certificate = Certificate::read(&config)?;
        let current = Arc::new(Current(ArcSwap::from_pointee(certificate)));
        let mut server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(CertificateError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // Resumption without memory for each browser. Early data stays off: it could be replayed.
        server.ticketer = Ticketer::new().map_err(CertificateError::Setup)?;
        let tls = Self {
            config,
            current,
            acceptor: TlsAcceptor::from(Arc::new(server)),
            looked: Mutex::default(),
        };
        tls.say_validity(now);
        Ok(Arc::new(tls))
    }

    /// Does handshakes.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// The `Strict-Transport-Security` of every answer, if there shall be one.
    pub(crate) fn hsts(&self) -> Option<HeaderValue> {
        self.config.hsts.clone()
    }

    /// Looks whether the files have changed, and uses them if they can be used. One that is not valid at `now` does not
    /// replace one that is.
    pub fn look(&self, now: Timestamp) -> Look {
        let before = self.current.0.load_full();
        let look = match Certificate::read(&self.config) {
            Ok(new) if new.fingerprint() == before.fingerprint() => {
                self.set_refused(false);
                Look::Unchanged
            }
            Ok(new) if before.validity(now).is_good() && !new.validity(now).is_good() => {
                let cause = new.validity(now);
                self.refuse(Some(new.fingerprint()), &cause);
                Look::Refused
            }
            Ok(new) => {
                tracing::info!(
                    not_after = new.not_after().secs(),
                    "the TLS certificate is replaced; the new one is valid until {}",
                    utc(new.not_after())
                );
                self.current.0.store(Arc::new(new));
                *self.lock() = Looked::default();
                Look::Replaced
            }
            Err(error) => {
                self.refuse(error.fingerprint(), &error);
                Look::Refused
            }
        };
        if look != Look::Refused {
            self.say_validity(now);
        }
        look
    }

    /// Somebody asks: the next look says its result even if it has been said.
    pub fn say_again(&self) {
        self.lock().said = None;
    }

    /// What the metrics tell.
    pub fn state(&self) -> TlsState {
        TlsState {
            not_after: self.current.0.load().not_after(),
            refused: self.lock().refused,
        }
    }

    fn refuse(&self, files: Option<Fingerprint>, cause: &dyn fmt::Display) {
        let mut looked = self.lock();
        looked.refused = true;
        let saying = Some(Said::Refused(files));
        if looked.said != saying {
            looked.said = saying;
            tracing::error!(%cause, "the new TLS certificate is not used; the one in use stays");
        }
    }

    fn set_refused(&self, refused: bool) {
        let mut looked = self.lock();
        looked.refused = refused;
        if !refused && matches!(looked.said, Some(Said::Refused(_))) {
            looked.said = None;
        }
    }

    fn say_validity(&self, now: Timestamp) {
        let current = self.current.0.load();
        let validity = current.validity(now);
        let saying = match validity {
            Validity::Good => None,
            Validity::EndsSoon { .. } => Some(Said::EndsSoon),
            Validity::NotYet { .. } | Validity::Over { .. } => Some(Said::Invalid),
        };
        let mut looked = self.lock();
        if looked.said == saying {
            return;
        }
        looked.said = saying;
        match saying {
            None => {}
            Some(Said::EndsSoon) => tracing::warn!("{validity}"),
            Some(_) => tracing::error!("browsers refuse to connect: {validity}"),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Looked> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load().key())
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use rcgen::{CertificateParams, KeyPair};
    use tempfile::TempDir;

    use super::*;

    const DAY: i64 = 86_400;

    /// 1 January 2030.
    fn day(days: i64) -> Timestamp {
        Timestamp::from_secs(1_893_456_000 + days * DAY)
    }

    fn put(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    /// A certificate for the days `from` to `to`, and its key.
    fn made(from: i64, to: i64) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["api.example.com".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2030, 1, 1) + rcgen_days(from);
        params.not_after = rcgen::date_time_ymd(2030, 1, 1) + rcgen_days(to);
        let certificate = params.self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn rcgen_days(days: i64) -> std::time::Duration {
        std::time::Duration::from_secs(u64::try_from(days * DAY).unwrap())
    }

    fn write(folder: &Path, (certificate, key): &(String, String)) {
        put(folder, "cert.pem", certificate);
        put(folder, "key.pem", key);
    }

    fn config(folder: &TempDir) -> TlsConfig {
        TlsConfig {
            certificate_file: folder.path().join("cert.pem"),
            key_file: folder.path().join("key.pem"),
            hsts: None,
        }
    }

    #[test]
    fn c150_a_renewed_certificate_is_used_and_what_cannot_be_used_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let (first, second) = (made(0, 90), made(60, 150));
        write(at, &first);
        let tls = Tls::open(config(&folder), day(1)).unwrap();
        let ends = |days| TlsState {
            not_after: day(days),
            refused: false,
        };
        assert_eq!(tls.state(), ends(90));
        assert_eq!(tls.look(day(2)), Look::Unchanged);

        // Between the two files of a renewal, and with all that can be wrong with it.
        let refused = TlsState {
            refused: true,
            ..ends(90)
        };
        put(at, "cert.pem", &second.0);
        assert_eq!(tls.look(day(61)), Look::Refused, "the key is not there yet");
        for broken in [
            "",
            "-----BEGIN CERTIFICATE-----\n",
            &second.0[..400],
            &second.1,
        ] {
            put(at, "cert.pem", broken);
            put(at, "key.pem", &second.1);
            assert_eq!(tls.look(day(61)), Look::Refused, "{broken}");
            assert_eq!(tls.state(), refused);
        }
        fs::remove_file(at.join("cert.pem")).unwrap();
        assert_eq!(tls.look(day(61)), Look::Refused);
        write(at, &second);
        assert_eq!(tls.look(day(59)), Look::Refused, "it is not valid yet");
        assert_eq!(tls.state(), refused);

        assert_eq!(tls.look(day(61)), Look::Replaced);
        assert_eq!(tls.state(), ends(150));
        write(at, &first);
        assert_eq!(tls.look(day(100)), Look::Refused, "an old one is over");
        write(at, &second);
        assert_eq!(tls.look(day(100)), Look::Unchanged);
        assert_eq!(tls.state(), ends(150));
    }

    #[test]
    fn one_that_is_over_is_used_until_there_is_a_better_one() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &made(0, 90));
        let tls = Tls::open(config(&folder), day(91)).unwrap();
        assert_eq!(tls.look(day(92)), Look::Unchanged);
        write(folder.path(), &made(0, 91));
        assert_eq!(tls.look(day(92)), Look::Replaced);
        write(folder.path(), &made(92, 180));
        assert_eq!(tls.look(day(93)), Look::Replaced);
    }
}
