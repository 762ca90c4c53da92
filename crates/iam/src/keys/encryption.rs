//! The key that encrypts the signing keys in the database: where it comes from, and what is refused.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use zeroize::Zeroizing;

use crate::random::{self, Random, RandomError};

/// 256 bits. Overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptionKey(Zeroizing<[u8; 32]>);

/// Where the key comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EncryptionKeySource {
    /// Given outright, by SESSIONMINT_KEYS_ENCRYPTION_KEY.
    Given(EncryptionKey),
    /// In a file that the operator made.
    File(PathBuf),
    /// In a file beside the SQLite database, made when it is first needed.
    #[default]
    BesideDatabase,
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEncryptionKey {
    /// Not 32 bytes in a form that we know.
    #[error(
        "it must be 32 random bytes in base64 or hex, as `openssl rand -base64 32` prints them"
    )]
    Form,
    /// Not random.
    #[error("it is no random key: its bytes repeat; `openssl rand -base64 32` makes one")]
    Weak,
}

/// Why the key that encrypts the signing keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum EncryptionKeyError {
    /// The file holds something else.
    #[error("the encryption key in {path} cannot be used: {source}", path = .path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: InvalidEncryptionKey,
    },
    /// Others could read it.
    #[error(
        "the encryption key in {path} can be read by others (mode {mode:o}); restrict it: chmod 600 {path}",
        path = .path.display()
    )]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The stored keys are encrypted, and the key is not there.
    #[error(
        "the signing keys are encrypted, and there is no key for them in {path}; put the file back, or set \
         `keys.encryption_key_file` or SESSIONMINT_KEYS_ENCRYPTION_KEY to the same key",
        path = .path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file cannot be read or made.
    #[error("the encryption key in {path}: {source}", path = .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No key can be made.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// A random key has some 30 different bytes.
const MIN_DIFFERENT_BYTES: usize = 8;

/// Where systemd puts what `LoadCredential=` names. Nobody but the service can enter that folder.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

impl EncryptionKey {
    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads a file that only its owner may read.
    pub(super) fn read(path: &Path) -> Result<Self, EncryptionKeyError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => EncryptionKeyError::Missing {
                path: path.to_owned(),
            },
            _ => EncryptionKeyError::File {
                path: path.to_owned(),
                source,
            },
        };
        let credentials = std::env::var_os(CREDENTIALS_DIRECTORY).map(PathBuf::from);
        let credential = credentials.is_some_and(|folder| path.starts_with(folder));
        refuse_exposed(path, &fs::metadata(path).map_err(failed)?, credential)?;
        let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
        text.parse().map_err(|source| EncryptionKeyError::Invalid {
            path: path.to_owned(),
            source,
        })
    }

    /// Makes a key and puts it into a new file. Of several that do it at once, one file wins, and all use it.
    pub(super) fn create(path: &Path, random: &dyn Random) -> Result<Self, EncryptionKeyError> {
        let failed = |source| EncryptionKeyError::File {
            path: path.to_owned(),
            source,
        };
        let bytes = Zeroizing::new(random::bytes::<32>(random)?);
        let name = u64::from_ne_bytes(random::bytes(random)?);
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(format!(".{name:016x}"));
        let unfinished = PathBuf::from(unfinished);
        let text = Zeroizing::new(STANDARD.encode(*bytes));
        // A link appears whole or not at all, and never replaces a file.
        let made = write_new(&unfinished, &text).and_then(|()| fs::hard_link(&unfinished, path));
        let removed = fs::remove_file(&unfinished);
        match made {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            _ => removed.map_err(failed)?,
        }
        Self::read(path)
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

#[cfg(unix)]
fn refuse_exposed(
    path: &Path,
    metadata: &fs::Metadata,
    credential: bool,
) -> Result<(), EncryptionKeyError> {
    use std::os::unix::fs::PermissionsExt as _;

    // systemd lets the service in by an access control list, which shows in the place of the group.
    let others = if credential { 0o037 } else { 0o077 };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & others == 0 {
        return Ok(());
    }
    Err(EncryptionKeyError::Exposed {
        path: path.to_owned(),
        mode,
    })
}

#[cfg(not(unix))]
fn refuse_exposed(_: &Path, _: &fs::Metadata, _: bool) -> Result<(), EncryptionKeyError> {
    Ok(())
}

impl FromStr for EncryptionKey {
    type Err = InvalidEncryptionKey;

    fn from_str(text: &str) -> Result<Self, InvalidEncryptionKey> {
        let decoded = Zeroizing::new(decode(text.trim()).ok_or(InvalidEncryptionKey::Form)?);
        let bytes: [u8; 32] = decoded
            .as_slice()
            .try_into()
            .map_err(|_| InvalidEncryptionKey::Form)?;
        let mut different = *Zeroizing::new(bytes);
        different.sort_unstable();
        let count = 1 + different
            .windows(2)
            .filter(|pair| pair.first() != pair.last())
            .count();
        zeroize::Zeroize::zeroize(&mut different);
        if count < MIN_DIFFERENT_BYTES {
            return Err(InvalidEncryptionKey::Weak);
        }
        Ok(Self(Zeroizing::new(bytes)))
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let digits = text.as_bytes().chunks(2);
        return digits
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
    }
    let padding =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [&alphabet::STANDARD, &alphabet::URL_SAFE]
        .into_iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, padding).decode(text).ok())
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    #[test]
    fn a_key_is_32_random_bytes_in_base64_or_hex() {
        let bytes: Vec<u8> = (100..132).collect();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let base64 = STANDARD.encode(&bytes);
        for good in [
            hex.clone(),
            hex.to_uppercase(),
            base64.clone(),
            base64.trim_end_matches('=').to_owned(),
            format!("{base64}\n"),
        ] {
            let key: EncryptionKey = good.parse().unwrap();
            assert_eq!(key.bytes().as_slice(), bytes, "{good}");
        }
        for (bad, why) in [
            (String::new(), InvalidEncryptionKey::Form),
            ("secret".to_owned(), InvalidEncryptionKey::Form),
            (hex[2..].to_owned(), InvalidEncryptionKey::Form),
            (STANDARD.encode(&bytes[1..]), InvalidEncryptionKey::Form),
            (format!("+f{}", &hex[2..]), InvalidEncryptionKey::Form),
            ("00".repeat(32), InvalidEncryptionKey::Weak),
            (
                "0123456789abcd".repeat(5)[..64].to_owned(),
                InvalidEncryptionKey::Weak,
            ),
            (STANDARD.encode([7; 32]), InvalidEncryptionKey::Weak),
        ] {
            assert_eq!(bad.parse::<EncryptionKey>(), Err(why), "{bad}");
        }
    }

    #[test]
    fn c074_the_encryption_key_does_not_print_itself() {
        let key: EncryptionKey = STANDARD
            .encode([1, 2, 3, 4, 5, 6, 7, 8].repeat(4))
            .parse()
            .unwrap();
        let source = EncryptionKeySource::Given(key);
        assert_eq!(format!("{source:?}"), "Given(EncryptionKey(…))");
    }

    #[cfg(unix)]
    #[test]
    fn c074_a_key_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = EncryptionKey::create(&path, &SystemRandom).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(EncryptionKey::read(&path).unwrap(), made);
        for mode in [0o640, 0o604, 0o660, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = EncryptionKey::read(&path).unwrap_err();
            assert!(matches!(error, EncryptionKeyError::Exposed { .. }));
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(EncryptionKey::read(&path).unwrap(), made);
    }

    #[test]
    fn instances_that_make_the_file_at_once_use_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| EncryptionKey::create(&path, &SystemRandom).unwrap()))
                .collect();
            makers
                .into_iter()
                .map(|maker| maker.join().unwrap())
                .collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
