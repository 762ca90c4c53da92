//! Where the encryption key is looked for, and when a new one is made.

use std::fmt;
use std::path::{Path, PathBuf};

use super::encryption::{EncryptionKey, EncryptionKeyError, EncryptionKeySource};
use crate::config::{Database, KeysConfig};
use crate::random::SystemRandom;

/// As configured for a database. Displays in words, never the key.
pub struct KeyLocation {
    source: EncryptionKeySource,
    beside: PathBuf,
}

impl KeyLocation {
    /// By the settings.
    pub fn new(config: &KeysConfig, database: &Database) -> Self {
        Self {
            source: config.encryption.clone(),
            beside: key_file(database),
        }
    }

    /// The file that it is in, unless it was given outright.
    pub fn file(&self) -> Option<&Path> {
        match &self.source {
            EncryptionKeySource::Given(_) => None,
            EncryptionKeySource::File(path) => Some(path),
            EncryptionKeySource::BesideDatabase => Some(&self.beside),
        }
    }

    /// The key as it is there now.
    pub(super) fn read(&self) -> Result<EncryptionKey, EncryptionKeyError> {
        match &self.source {
            EncryptionKeySource::Given(key) => Ok(key.clone()),
            EncryptionKeySource::File(path) => EncryptionKey::read(path),
            EncryptionKeySource::BesideDatabase => EncryptionKey::read(&self.beside),
        }
    }

    /// The key; a new one where the file is ours to make and no stored key is encrypted yet.
    pub(super) fn read_or_make(
        &self,
        any_sealed: bool,
    ) -> Result<EncryptionKey, EncryptionKeyError> {
        match self.read() {
            // Where keys are encrypted already, a new one would hide that theirs is lost.
            Err(EncryptionKeyError::Missing { .. })
                if self.source == EncryptionKeySource::BesideDatabase && !any_sealed =>
            {
                let key = EncryptionKey::create(&self.beside, &SystemRandom)?;
                tracing::warn!(
                    "the signing keys are encrypted with a new key in {}; keep a copy of it apart from the backups of \
                     the database: without it they cannot be read",
                    self.beside.display()
                );
                Ok(key)
            }
            read => read,
        }
    }
}

impl fmt::Display for KeyLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file() {
            Some(path) => write!(f, "the key in {}", path.display()),
            None => f.write_str("SESSIONMINT_KEYS_ENCRYPTION_KEY"),
        }
    }
}

/// The file of the encryption key beside a database.
pub fn key_file(database: &Database) -> PathBuf {
    let mut path = database.path().as_os_str().to_owned();
    path.push(".key");
    PathBuf::from(path)
}
